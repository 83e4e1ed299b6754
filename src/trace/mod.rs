//! Watching a run: what the teaching views are built on.
//!
//! A [`Trace`] is told what happened and changes nothing. Nobody watching costs nothing: the events are only made when
//! [`Trace::wants`] asks for them.

use crate::candidates::Candidates;
use crate::draw::{Filtered, Pick, Racer, Support};
use crate::processor::Processor;
use crate::{Place, TokenId};

mod beams;

pub use beams::{BeamStep, Continuation, Fate, LiveBeam, read_beams};

/// Which events an observer wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wants {
    /// The raw row, and the candidates after each processor.
    pub stages: bool,
    /// Each draw.
    pub draws: bool,
    /// What each draw was made from: intervals or a race.
    pub odds: bool,
    /// The beams of each step.
    pub beams: bool,
}

impl Wants {
    /// True if anything at all is wanted: then rows are decoded one by one, in order.
    pub fn any(&self) -> bool {
        self.stages || self.draws || self.odds || self.beams
    }
}

/// One thing that happened.
#[non_exhaustive]
pub enum TraceEvent<'a> {
    /// A row arrived, and no processor has touched it yet.
    Row {
        /// Sequence and step.
        place: Place,
        /// Prompt and generated ids.
        context: &'a [TokenId],
        /// How many of them are the prompt.
        prompt_len: usize,
        /// The candidates: every token of the row.
        candidates: &'a Candidates,
    },
    /// A processor of the chain has run.
    Stage {
        /// Its position in the chain.
        position: usize,
        /// The processor.
        processor: &'a dyn Processor,
        /// What it left.
        candidates: &'a Candidates,
    },
    /// A draw that filters by itself, as an engine's does, has gone through its filters; its [`TraceEvent::Draw`] follows.
    Filters {
        /// Sequence and step.
        place: Place,
        /// Number of the sample.
        sample: usize,
        /// What each filter left, in the order of the draw.
        stages: &'a [Filtered],
    },
    /// What a token is drawn from; its [`TraceEvent::Draw`] follows.
    Odds {
        /// Sequence and step.
        place: Place,
        /// Number of the sample.
        sample: usize,
        /// The tokens that could be drawn, in the order of the draw, where the draw filters by itself; else `None`: they are the
        /// candidates.
        support: Option<Support>,
        /// How they ran, where the draw is a race.
        race: Vec<Racer>,
    },
    /// A token was chosen.
    Draw {
        /// Sequence and step.
        place: Place,
        /// Number of the sample.
        sample: usize,
        /// What was chosen, and how.
        pick: &'a Pick,
        /// What it was chosen from.
        candidates: &'a Candidates,
    },
    /// A step of a beam search is over.
    Beams(&'a BeamStep),
}

/// An observer of a run. `()` is the one that watches nothing.
pub trait Trace {
    /// Which events [`event`](Self::event) should get.
    fn wants(&self) -> Wants {
        Wants::default()
    }

    /// Is told one event.
    fn event(&mut self, _event: &TraceEvent<'_>) {}
}

impl Trace for () {}
