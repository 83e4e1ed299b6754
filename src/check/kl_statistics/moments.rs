//! Means, and how uncertain they are.

use serde::Serialize;

/// A value with its standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// The value; `None` where it is no finite number.
    pub value: Option<f64>,
    /// Its standard error; `None` where one row alone tells none, or rounding leaves none.
    pub error: Option<f64>,
}

impl Estimate {
    pub(super) fn new(value: f64, variance: f64) -> Estimate {
        let error = Some(variance.sqrt()).filter(|e| e.is_finite());
        Estimate { value: Some(value).filter(|v| v.is_finite()), error }
    }
}

/// The sums of a number over the rows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments {
    sum: f64,
    squares: f64,
}

impl Moments {
    pub fn add(&mut self, x: f64) {
        self.sum += x;
        self.squares += x * x;
    }

    pub fn mean(&self, n: usize) -> f64 {
        self.sum / n as f64
    }

    /// The squared standard error of the mean: (mean of squares − square of the mean) / (n − 1).
    pub fn variance(&self, n: usize) -> f64 {
        let mean = self.mean(n);
        let spread = self.squares / n as f64 - mean * mean;
        if n < 2 { f64::NAN } else { spread.max(0.0) / (n as f64 - 1.0) }
    }

    /// The mean of the rows.
    pub fn estimate(&self, n: usize) -> Estimate {
        Estimate::new(self.mean(n), self.variance(n))
    }
}

/// The covariance of two means, from the sum of the products.
pub(super) fn covariance(products: f64, a: &Moments, b: &Moments, n: usize) -> f64 {
    if n < 2 {
        return f64::NAN;
    }
    (products / n as f64 - a.mean(n) * b.mean(n)) / (n as f64 - 1.0)
}
