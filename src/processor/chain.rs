use std::fmt;

use serde_json::{Map, Value};

use super::{Context, Needs, Processor, Stage};
use crate::candidates::Candidates;
use crate::source::{Row, spreads};
use crate::{Error, Place, Result};

/// An ordered list of processors. A name may come twice; a processor at its disabling value is kept for the record and passed over.
///
/// ```
/// use tokpick::processor::{Chain, temperature, top_k, top_p};
///
/// let chain = Chain::new([temperature(0.8)?, top_k(40, 1)?]).with(top_p(1.0, 1)?);
/// assert_eq!(chain.json().to_string(), r#"[{"temperature":0.8},{"top_k":40},{"top_p":1.0}]"#);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Chain {
    stages: Vec<Stage>,
}

impl Chain {
    /// The processors, in the order in which they are applied.
    pub fn new(stages: impl IntoIterator<Item = Stage>) -> Self {
        Chain { stages: stages.into_iter().collect() }
    }

    /// The chain with one more processor at its end.
    pub fn with(mut self, stage: Stage) -> Self {
        self.stages.push(stage);
        self
    }

    /// The processors, those that are off among them.
    pub fn processors(&self) -> &[Stage] {
        &self.stages
    }

    /// True if no processor does anything.
    pub fn is_empty(&self) -> bool {
        self.stages.iter().all(|p| p.is_off())
    }

    /// What the processors that are on look at.
    pub fn needs(&self) -> Needs {
        self.stages.iter().filter(|p| !p.is_off()).fold(Needs::default(), |n, p| n.and(p.needs()))
    }

    /// The chain as JSON: a list of one-entry objects, which can be given back as a chain.
    pub fn json(&self) -> Value {
        let entry =
            |p: &dyn Processor| Value::Object(Map::from_iter([(p.info().name.to_string(), p.json())]));
        Value::Array(self.stages.iter().map(|p| entry(p.as_ref())).collect())
    }

    /// Takes a row over into candidates, as this chain needs it: a chain that repairs invalid values takes every row.
    ///
    /// # Errors
    /// As [`Candidates::load`], unless the chain repairs.
    pub fn load(&self, c: &mut Candidates, row: Row, sequence: usize, step: usize) -> Result<()> {
        if self.needs().invalid {
            if row.ids.is_some() {
                // every token gets a score
                spreads(row.vocab).map_err(|what| Error::decode(Place::row(sequence, step), what))?;
            }
            c.load_to_repair(row);
            return Ok(());
        }
        c.load(row, sequence, step)
    }

    /// Applies every processor in turn.
    ///
    /// # Errors
    /// A processor's own, or that one of them left no candidate.
    pub fn apply(&self, c: &mut Candidates, cx: &Context<'_>) -> Result<()> {
        self.apply_watched(c, cx, &mut |_, _, _| {})
    }

    /// As [`apply`](Self::apply); `watch` is shown what each processor (with its position in the chain) has left.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_watched(
        &self,
        c: &mut Candidates,
        cx: &Context<'_>,
        watch: &mut dyn FnMut(usize, &dyn Processor, &Candidates),
    ) -> Result<()> {
        for (position, p) in self.stages.iter().enumerate() {
            if p.is_off() {
                continue;
            }
            p.apply(c, cx, position)?;
            if c.is_empty() && !self.refills_after(position, cx) {
                let place = Place::row(cx.sequence, cx.step);
                return Err(Error::NoCandidate { place, stage: p.info().name });
            }
            watch(position, p.as_ref(), c);
        }
        Ok(())
    }

    /// True if a later processor makes tokens possible again: it repairs the row, or forces some of them here.
    fn refills_after(&self, position: usize, cx: &Context<'_>) -> bool {
        self.stages[position + 1..].iter().any(|p| !p.is_off() && (p.needs().invalid || p.forces(cx)))
    }

    /// Applies the chain where there is no history and every coin is 0.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_alone(&self, c: &mut Candidates) -> Result<()> {
        self.apply(c, &Context::default())
    }

    /// The candidates that the chain leaves of a row, where there is no history and every coin is 0.
    ///
    /// # Errors
    /// As [`load`](Self::load) and [`apply`](Self::apply).
    pub fn on(&self, logits: &[f32]) -> Result<Candidates> {
        self.after(&Context::default(), logits)
    }

    /// The candidates that the chain leaves of a row in a context.
    ///
    /// # Errors
    /// As [`load`](Self::load) and [`apply`](Self::apply).
    pub fn after(&self, cx: &Context<'_>, logits: &[f32]) -> Result<Candidates> {
        let mut c = Candidates::default();
        self.load(&mut c, Row::dense(logits.to_vec()), cx.sequence, cx.step)?;
        self.apply(&mut c, cx)?;
        Ok(c)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({})", self.json())
    }
}
