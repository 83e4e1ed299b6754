//! Quantiles of a number over the rows.

use serde::Serialize;

/// Where the rows of a number lie. Between two rows a quantile is interpolated, as in llama-perplexity.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// The largest.
    pub max: Option<f64>,
    /// 99.9 % of the rows are not above this.
    pub p99_9: Option<f64>,
    /// 99 %.
    pub p99: Option<f64>,
    /// 95 %.
    pub p95: Option<f64>,
    /// 90 %.
    pub p90: Option<f64>,
    /// 75 %.
    pub p75: Option<f64>,
    /// Half of them.
    pub median: Option<f64>,
    /// 25 %.
    pub p25: Option<f64>,
    /// 10 %.
    pub p10: Option<f64>,
    /// 5 %.
    pub p5: Option<f64>,
    /// 1 %.
    pub p1: Option<f64>,
    /// 0.1 %.
    pub p0_1: Option<f64>,
    /// The smallest.
    pub min: Option<f64>,
}

impl Quantiles {
    /// Sorts the numbers and looks them up, in the float32 arithmetic of llama.cpp.
    pub(in crate::check) fn of(all: &mut [f32]) -> Quantiles {
        all.sort_unstable_by(f32::total_cmp);
        let finite = |x: f32| Some(f64::from(x)).filter(|x| x.is_finite());
        let last = all.len().saturating_sub(1);
        let at = |i: usize| all.get(i.min(last)).copied();
        let quantile = |share: f32| {
            let place = share * last as f32;
            let (below, part) = (place as usize, place.fract());
            let (low, high) = (at(below)?, at(below + 1)?);
            // an infinite neighbour counts only where it has weight
            finite(if part == 0.0 { low } else { (1.0 - part) * low + part * high })
        };
        let half = all.len() / 2;
        let middle = if all.len().is_multiple_of(2) { [half.saturating_sub(1), half] } else { [half, half] };
        Quantiles {
            max: at(last).and_then(finite),
            p99_9: quantile(0.999),
            p99: quantile(0.99),
            p95: quantile(0.95),
            p90: quantile(0.9),
            p75: quantile(0.75),
            median: at(middle[0]).zip(at(middle[1])).and_then(|(a, b)| finite(0.5 * (a + b))),
            p25: quantile(0.25),
            p10: quantile(0.1),
            p5: quantile(0.05),
            p1: quantile(0.01),
            p0_1: quantile(0.001),
            min: at(0).and_then(finite),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_rows_lies_a_part_of_both() {
        // places 0 to 4: 0.9 · 4 = 3.6
        let q = Quantiles::of(&mut [5.0, 1.0, 2.0, 4.0, 3.0]);
        assert_eq!((q.min, q.median, q.max), (Some(1.0), Some(3.0), Some(5.0)));
        assert!((q.p90.unwrap() - 4.6).abs() < 1e-6 && q.p25 == Some(2.0));
        assert_eq!(Quantiles::of(&mut [1.0, 4.0]).median, Some(2.5));
        let one = Quantiles::of(&mut [7.0]);
        assert_eq!((one.min, one.p0_1, one.median, one.p99_9), (Some(7.0), Some(7.0), Some(7.0), Some(7.0)));
        assert_eq!(Quantiles::of(&mut []), Quantiles::default());
        assert_eq!(Quantiles::of(&mut [1.0, f32::INFINITY]).max, None);
    }
}
