//! Reading an engine's parameters: what it lacks, its ranges, and the order of its filters.

use crate::engine::{EngineInfo, Params};
use crate::{Error, Result};

/// A range: how it reads in an error, and the test.
pub(in crate::engine) type Allowed = (&'static str, fn(f64) -> bool);

pub(in crate::engine) const POSITIVE: Allowed = ("a finite number above 0", |v| v > 0.0);
pub(in crate::engine) const NOT_NEGATIVE: Allowed = ("a finite number, at least 0", |v| v >= 0.0);
pub(in crate::engine) const SHARE: Allowed = ("in [0, 1]", |v| (0.0..=1.0).contains(&v));
pub(in crate::engine) const FINITE: Allowed = ("a finite number", f64::is_finite);

/// An engine's view of the parameters.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Plan<'a> {
    pub(in crate::engine) info: &'static EngineInfo,
    pub(in crate::engine) params: &'a Params,
}

impl<'a> Plan<'a> {
    /// Refuses every parameter that the engine does not take.
    pub(in crate::engine) fn new(info: &'static EngineInfo, params: &'a Params) -> Result<Self> {
        for parameter in params.given() {
            let known =
                if parameter == "order" { info.reorders } else { info.parameters.contains(&parameter) };
            if !known {
                let why = if parameter == "order" { " (its own order is fixed)" } else { "" };
                let takes = info.parameters.join(", ");
                return Err(Error::engine(
                    info.name,
                    format!("it does not take {parameter}{why}; it takes {takes}"),
                ));
            }
        }
        Ok(Self { info, params })
    }

    /// A real parameter within its range.
    pub(in crate::engine) fn real(
        &self,
        parameter: &'static str,
        value: Option<f64>,
        (allowed, test): Allowed,
    ) -> Result<Option<f64>> {
        match value {
            Some(v) if !(v.is_finite() && test(v)) => {
                Err(self.out_of_range(parameter, v.to_string(), allowed))
            }
            other => Ok(other),
        }
    }

    /// A whole parameter of at least `low`, capped where only its size would overflow.
    pub(in crate::engine) fn whole(
        &self,
        parameter: &'static str,
        value: Option<i64>,
        low: i64,
        allowed: &'static str,
    ) -> Result<Option<i64>> {
        match value {
            Some(v) if v < low => Err(self.out_of_range(parameter, v.to_string(), allowed)),
            other => Ok(other),
        }
    }

    /// top_k: `None` if it is off.
    pub(in crate::engine) fn top_k(&self) -> Result<Option<usize>> {
        let k = self.whole("top_k", self.params.top_k, 0, "a whole number, at least 0 (0 is off)")?;
        Ok(k.filter(|&k| k > 0).map(saturate))
    }

    /// A real parameter in \[0, 1], `None` at the value that turns it off.
    pub(in crate::engine) fn share(
        &self,
        parameter: &'static str,
        value: Option<f64>,
        off: f64,
    ) -> Result<Option<f64>> {
        Ok(self.real(parameter, value, SHARE)?.filter(|&v| v != off))
    }

    /// Temperature above 0; `None` if it is 1.
    pub(in crate::engine) fn temperature(&self) -> Result<Option<f64>> {
        let t = self.real("temperature", self.params.temperature, POSITIVE)?;
        Ok(t.filter(|&t| t != 1.0))
    }

    pub(in crate::engine) fn out_of_range(
        &self,
        parameter: &'static str,
        value: String,
        allowed: &'static str,
    ) -> Error {
        self.clash(format!("{parameter} is {value}, but must be {allowed}"))
    }

    pub(in crate::engine) fn clash(&self, why: impl Into<String>) -> Error {
        Error::engine(self.info.name, why)
    }

    /// The stages that are on, given in the engine's order, in the order that was asked for.
    pub(in crate::engine) fn arrange<T>(&self, stages: Vec<(&'static str, T)>) -> Result<Vec<T>> {
        let Some(order) = &self.params.order else {
            return Ok(stages.into_iter().map(|(_, stage)| stage).collect());
        };
        let mut stages: Vec<(&str, Option<T>)> = stages.into_iter().map(|(n, s)| (n, Some(s))).collect();
        let mut arranged = Vec::with_capacity(stages.len());
        for (i, asked) in order.iter().enumerate() {
            let name = asked.replace('-', "_");
            if !self.info.order.contains(&name.as_str()) {
                return Err(self.clash(format!(
                    "order names {asked:?}, which it does not have; its filters are {}",
                    self.info.order.join(", ")
                )));
            }
            if order[..i].iter().any(|o| o.replace('-', "_") == name) {
                return Err(self.clash(format!("order names {asked:?} twice")));
            }
            let stage = stages.iter_mut().find(|(n, _)| *n == name);
            arranged.extend(stage.and_then(|(_, s)| s.take()));
        }
        match stages.iter().find(|(_, s)| s.is_some()) {
            None => Ok(arranged),
            Some((left, _)) => {
                Err(self.clash(format!("order leaves out {left}, which is set; name it, or turn it off")))
            }
        }
    }
}

/// A count that is not negative, as `usize`.
pub(in crate::engine) fn saturate(n: i64) -> usize {
    usize::try_from(n).unwrap_or(if n < 0 { 0 } else { usize::MAX })
}
