//! Logits processors: one step's candidates in, changed candidates out.
//!
//! A processor is pure: what it does depends on the [`Candidates`] and the [`Context`] alone. It never draws; the one coin that a
//! method needs (XTC) is handed in by address.
//!
//! Each method is one file, in the folder of its [`Kind`]: a function that builds it from plain values, its [`Info`] (names, flags,
//! source, place in the engines' orders), and what it does. [`INFOS`] lists them all.
//!
//! ```
//! use tokpick::processor::{Chain, temperature, top_k, top_p};
//!
//! let chain = Chain::new([temperature(0.8)?, top_k(3, 1)?, top_p(0.9, 1)?]);
//! let kept = chain.on(&[1.0, 4.0, 3.5, -2.0])?;
//! assert_eq!(kept.members().map(|(id, _)| id).collect::<Vec<_>>(), [1, 2]);
//! # Ok::<(), tokpick::Error>(())
//! ```

mod chain;
mod context;
mod flag;
mod info;
mod method;
pub(crate) mod param;
mod places;
mod scratch;
pub(crate) mod slack;
mod switch;

/// Declares the files of a folder, one method each, re-exports the functions that build them, and lists what is known of them.
macro_rules! methods {
    ($(mod $method:ident;)*) => {
        $(mod $method; pub use $method::$method;)*
        pub(super) const INFOS: &[&$crate::processor::Info] = &[$(&$method::INFO),*];
    };
}

mod constraint;
mod history;
mod shape;
mod truncation;
mod two_model;

pub use chain::Chain;
pub use constraint::*;
pub use context::{Coins, Context};
pub use flag::{Flag, Written};
pub use history::*;
pub use info::{Config, Fact, Info, Kind, Off};
pub use places::{At, Part, Places};
pub use shape::*;
pub use truncation::*;
pub use two_model::*;

use std::sync::Arc;
use std::{any::Any, fmt};

use crate::Result;
use crate::candidates::Candidates;

/// What a processor needs to know, so that a run can skip what nobody asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// The ids of prompt or generated tokens, or their number: rows can't be decoded out of order.
    pub history: bool,
    /// A coin: the result differs from sample to sample.
    pub coin: bool,
    /// It stands NaN and infinities in the row, and repairs them ([`Candidates::load_to_repair`]).
    pub invalid: bool,
}

impl Needs {
    pub(crate) const NOTHING: Needs = Needs { history: false, coin: false, invalid: false };
    pub(crate) const HISTORY: Needs = Needs { history: true, ..Needs::NOTHING };

    /// The needs of both.
    pub fn and(self, other: Needs) -> Needs {
        Needs {
            history: self.history || other.history,
            coin: self.coin || other.coin,
            invalid: self.invalid || other.invalid,
        }
    }
}

/// A logits processor; see the [module](self).
pub trait Processor: Any + Send + Sync {
    /// What is known of this kind of processor.
    fn info(&self) -> &'static Info;

    /// Its parameters as JSON: what [`Info::parse`] reads.
    fn json(&self) -> serde_json::Value;

    /// True at its disabling value: the chain passes over it.
    fn is_off(&self) -> bool {
        false
    }

    /// What it looks at.
    fn needs(&self) -> Needs {
        self.info().needs
    }

    /// The temperature by which it divides every logit, if that is all it does; 0 leaves the best token alone.
    fn temperature(&self) -> Option<f64> {
        None
    }

    /// True where it makes tokens certain whatever became of them before: a chain goes on to it with no token left.
    fn forces(&self, _context: &Context<'_>) -> bool {
        false
    }

    /// Changes the candidates.
    ///
    /// # Errors
    /// Parameters that do not fit the row (an id outside the vocabulary).
    fn apply(&self, candidates: &mut Candidates, context: &Context<'_>, position: usize) -> Result<()>;
}

/// A processor as chains hold it: shared, so that a part of a chain needs no second one.
pub type Stage = Arc<dyn Processor>;

impl fmt::Debug for dyn Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.info().name, self.json())
    }
}

/// Every processor, by kind; within a kind, what is used most comes first.
pub static INFOS: &[&Info] =
    &join::<
        {
            shape::INFOS.len()
                + truncation::INFOS.len()
                + history::INFOS.len()
                + constraint::INFOS.len()
                + two_model::INFOS.len()
        },
    >([shape::INFOS, truncation::INFOS, history::INFOS, constraint::INFOS, two_model::INFOS]);

const fn join<const N: usize>(lists: [&[&'static Info]; 5]) -> [&'static Info; N] {
    let mut all = [lists[0][0]; N];
    let (mut list, mut at, mut n) = (0, 0, 0);
    while n < N {
        if at == lists[list].len() {
            (list, at) = (list + 1, 0);
        } else {
            all[n] = lists[list][at];
            (at, n) = (at + 1, n + 1);
        }
    }
    all
}
