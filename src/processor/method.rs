//! What all methods do alike: from parameters, as values or as JSON, to a processor. The files of the methods import all of it.

pub(super) use std::sync::Arc;

use serde::de::DeserializeOwned;
pub(super) use serde::{Deserialize, Serialize};
pub(super) use serde_json::{Value, json};

pub(super) use super::flag::Flag;
pub(super) use super::flag::Written::{
    Bias as Biases, Count, File as FilePath, IdLists, Ids, Integer, Json, Number, Pair, Switch, Word,
};
pub(super) use super::info::{Config, Fact, Info, Off};
pub(super) use super::places::Part::{End, GuestLogits, GuestSampling, Logits, Row, Sampling};
pub(super) use super::places::Places;
pub(super) use super::scratch::{self, Scratch};
pub(super) use super::{Context, Needs, Processor, Stage, param, slack};
pub(super) use crate::candidates::{Candidates, Cut};
pub(super) use crate::{Error, Place, Result, TokenId, kernel};

/// A method by its parameters: JSON names them as the fields are named.
pub(super) trait Method: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What is known of it.
    const INFO: &'static Info;

    /// Refuses parameters out of range.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// True if it does nothing: unless told otherwise, where its parameters are [`Info::off`].
    fn is_off(&self) -> bool {
        Self::INFO.is_off(&param::object(self))
    }

    /// What it looks at.
    fn needs(&self) -> Needs {
        Self::INFO.needs
    }

    /// See [`Processor::temperature`].
    fn temperature(&self) -> Option<f64> {
        None
    }

    /// See [`Processor::forces`].
    fn forces(&self, _cx: &Context<'_>) -> bool {
        false
    }

    /// Changes the candidates.
    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, position: usize) -> Result<()>;
}

/// The processor with these parameters.
///
/// # Errors
/// Parameters out of range.
pub(super) fn stage<M: Method>(method: M) -> Result<Stage> {
    method.check()?;
    let off = method.is_off();
    Ok(Arc::new(Checked { method, off }))
}

/// The processor with parameters in JSON.
///
/// # Errors
/// What is no such form, or out of range.
pub(super) fn read<M: Method>(form: &Value) -> Result<Stage> {
    stage(param::read::<M>(M::INFO, form)?)
}

struct Checked<M> {
    method: M,
    off: bool,
}

impl<M: Method> Processor for Checked<M> {
    fn info(&self) -> &'static Info {
        M::INFO
    }

    fn json(&self) -> Value {
        M::INFO.written(param::object(&self.method))
    }

    fn is_off(&self) -> bool {
        self.off
    }

    fn needs(&self) -> Needs {
        self.method.needs()
    }

    fn temperature(&self) -> Option<f64> {
        self.method.temperature()
    }

    fn forces(&self, cx: &Context<'_>) -> bool {
        self.method.forces(cx)
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, position: usize) -> Result<()> {
        self.method.apply(c, cx, position)
    }
}
