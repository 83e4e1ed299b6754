use serde_json::{Value, json};

use super::{Candidates, Context, Info, Kind, Needs, Processor, param};
use crate::{Result, TokenId};

/// Exponential decay length penalty: from a length on, the end tokens get more probable with every token.
///
/// With n = generated tokens − start > 0: `score ← score + |score| · (factor^n − 1)` for the end tokens. transformers 5,
/// `ExponentialDecayLengthPenalty`.
///
/// - `start`: so many tokens are generated without it.
/// - `factor`: above 0; disabling value 1; below 1 makes the end less probable.
/// - `eos_token_id`: an id or a list.
///
/// A masked end token stays masked, and a score of 0 stays 0 whatever the factor.
///
/// ```
/// use tokpick::{processor::{Candidates, Context}, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![-2.0, 0.0]), 0, 0)?;
/// let cx = Context { context: &[1, 1, 1, 1], prompt_len: 1, sequence: 0, step: 3, coins: &0.0 };
/// settings::chain("exponential-decay-length-penalty(start=1,factor=2,eos_token_id=0)")?.apply(&mut c, &cx)?;
/// assert_eq!(c.score(0), Some(4.0));             // −2 + 2 · (2² − 1)
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ExponentialDecayLengthPenalty {
    start: usize,
    factor: f64,
    eos_token_id: Vec<TokenId>,
}

const NAME: &str = "exponential_decay_length_penalty";

pub(super) static INFO: Info = Info {
    name: NAME,
    kind: Kind::History,
    flag: "--exponential-decay-length-penalty",
    off: "factor 1",
    summary: "raises the end tokens by a factor that grows with every token after the start",
    source: "transformers 5",
    parse: |form| {
        let p: Parameters = param::read(NAME, "factor", form)?;
        Ok(Box::new(ExponentialDecayLengthPenalty::new(p.start, p.factor, p.eos_token_id.sorted())?))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    start: usize,
    factor: f64,
    eos_token_id: param::Ids,
}

impl ExponentialDecayLengthPenalty {
    /// After `start` generated tokens, a factor that is multiplied with itself at each further one.
    ///
    /// # Errors
    /// A factor that is not a positive finite number.
    pub fn new(start: usize, factor: f64, eos_token_id: Vec<TokenId>) -> Result<Self> {
        let fits = factor > 0.0 && factor.is_finite();
        param::check(&format!("{NAME} factor"), factor, fits, "a finite number above 0 (1 is off)")?;
        Ok(ExponentialDecayLengthPenalty { start, factor, eos_token_id: param::sorted(eos_token_id) })
    }
}

impl Processor for ExponentialDecayLengthPenalty {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        json!({"start": self.start, "factor": self.factor, "eos_token_id": self.eos_token_id})
    }

    fn is_off(&self) -> bool {
        self.factor == 1.0
    }

    fn needs(&self) -> Needs {
        Needs { history: true, ..Needs::default() }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(NAME, &self.eos_token_id, c.vocab())?;
        let beyond = cx.generated().len().saturating_sub(self.start);
        if beyond > 0 {
            let grown = param::power(self.factor, beyond as u64) - 1.0;
            c.edit_each(&self.eos_token_id, |_, s| s + s.abs() * grown);
        }
        Ok(())
    }
}
