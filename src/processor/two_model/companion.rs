//! The rows of a second model, beside those that are decoded.

use std::cell::Cell;
use std::sync::Arc;

use crate::candidates::Candidates;
use crate::processor::{Context, param};
use crate::source::{Open, Query, ReadAt, Steps};
use crate::{Error, Place, Result, TokenId};

/// A second input: for each row that is decoded, the row at the same place, or one row for all.
#[derive(Clone)]
pub struct Companion {
    input: String,
    rows: Arc<dyn ReadAt>,
    /// The place of the one row.
    fixed: Option<(usize, usize)>,
    follows_prefix: bool,
}

thread_local! {
    /// The buffers of a companion row.
    static SCRATCH: Cell<Candidates> = Cell::default();
}

impl Companion {
    /// Opens an input, as the command line opens one. `row`: this step of its first sequence takes the place of all.
    ///
    /// # Errors
    /// An input that can't be read, or not at random.
    pub fn open(input: &str, row: Option<usize>) -> Result<Self> {
        let mut source = Open::new(input).open()?;
        if source.shared().is_none() {
            source = Box::new(Steps::collect(source.as_mut())?);
        }
        let shape = source.shape();
        let rows = source.into_shared().ok_or_else(|| {
            Error::input(input, Place::default(), "can't be read at random: give a file of steps or a table")
        })?;
        let fixed = row.map(|step| (shape.sequences.start, step));
        Ok(Companion { input: input.to_string(), rows, fixed, follows_prefix: shape.follows_prefix })
    }

    /// Whether its rows depend on the history.
    pub fn needs_history(&self) -> bool {
        self.follows_prefix
    }

    /// Rewrites every score with its companion: `score ← f(score, companion)`, the companion as a logit or `normalized` to a
    /// log-probability.
    ///
    /// # Errors
    /// No row at this place, a row of another vocabulary size, a token that only the companion masks; each names both inputs
    /// (`name` is the processor).
    pub fn map(
        &self,
        name: &str,
        c: &mut Candidates,
        cx: &Context<'_>,
        normalized: bool,
        f: impl Fn(f64, f64) -> f64,
    ) -> Result<()> {
        let mut companion = SCRATCH.take();
        let result = self.read(name, c.vocab(), cx, &mut companion).and_then(|()| {
            let normalizer = if normalized { companion.decision_log_normalizer() } else { 0.0 };
            let mut masked = None;
            c.map(|id, score| match companion.raw_logit(id) {
                Some(x) if x > f32::NEG_INFINITY => param::finite(f(score, x as f64 - normalizer)),
                _ => {
                    masked = masked.or(Some(id));
                    score
                }
            });
            self.refuse_masked(name, masked, cx)
        });
        SCRATCH.set(companion);
        result?;
        // relative to the best, where f32 is finest; its own score comes back as a shift
        let best = c.max_score();
        c.map(|_, score| score - best);
        c.shift(best);
        Ok(())
    }

    /// Reads the companion row.
    fn read(&self, name: &str, vocab: usize, cx: &Context<'_>, companion: &mut Candidates) -> Result<()> {
        let (sequence, step) = self.fixed.unwrap_or((cx.sequence, cx.step));
        let at = Query { sequence, step, context: cx.context, prompt_len: cx.prompt_len };
        let mut row = companion.take_row();
        self.rows.read(&at, &mut row)?;
        let place = Place::row(cx.sequence, cx.step);
        if row.ended {
            let what = format!(
                "{name}: {} has no row at {}: both must have the same shape",
                self.input,
                Place::row(sequence, step)
            );
            return Err(Error::decode(place, what));
        }
        if row.vocab != vocab {
            let what = format!(
                "{name}: the row has {vocab} logits, that of {} has {}: both must have the same vocabulary",
                self.input, row.vocab
            );
            return Err(Error::decode(place, what));
        }
        companion.load(row, sequence, step).map_err(|e| match e {
            Error::Decode { place, what } => Error::input(&self.input, place, what),
            other => other,
        })
    }

    fn refuse_masked(&self, name: &str, masked: Option<TokenId>, cx: &Context<'_>) -> Result<()> {
        let Some(id) = masked else { return Ok(()) };
        let what =
            format!("{name}: {} masks this token, the row doesn't: mask it in both, or in none", self.input);
        Err(Error::decode(Place::row(cx.sequence, cx.step).token(id), what))
    }
}

impl std::fmt::Debug for Companion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Companion({}, {:?})", self.input, self.fixed)
    }
}
