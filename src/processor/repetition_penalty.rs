use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Needs, Processor, Window, param, scratch, window};
use crate::Result;

/// Repetition penalty: makes every token that already occurred less probable.
///
/// For each distinct id of the context, once: `score ← score · r` where the score is negative, `score / r` otherwise. Keskar et
/// al. 2019, *CTRL*.
///
/// - `value`: r > 0; disabling value 1; below 1 rewards.
/// - `last_n`: how many of the newest ids count; −1 (default) all, 0 none.
/// - `scope`: `"all"` (default: prompt and generated ids, as transformers and vLLM count) or `"generated"`.
///
/// It isn't shift-invariant, so it belongs before everything else, on raw logits. In beam search it meets log-probabilities, as in
/// transformers. llama.cpp multiplies a score of exactly 0, transformers divides it: both leave 0.
///
/// ```
/// use tokpick::{processor::{Candidates, Context}, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![2.0, -2.0, 1.0]), 0, 0)?;
/// let cx = Context { context: &[0, 1, 0], prompt_len: 1, sequence: 0, step: 0, coins: &0.0 };
/// settings::chain("repetition_penalty=2")?.apply(&mut c, &cx)?;
/// assert_eq!(c.members().map(|m| m.1).collect::<Vec<_>>(), [1.0, -4.0, 1.0]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RepetitionPenalty {
    value: f64,
    window: Window,
}

pub(super) static INFO: Info = Info {
    name: "repetition_penalty",
    kind: Kind::History,
    flag: "--repetition-penalty",
    off: "1",
    summary: "divides positive and multiplies negative logits of tokens that already occurred",
    source: "Keskar et al. 2019 (CTRL)",
    parse: |form| {
        let p: window::Penalty = param::read("repetition_penalty", "value", form)?;
        Ok(Box::new(RepetitionPenalty::new(p.value, p.window(window::Scope::All)?)?))
    },
};

impl RepetitionPenalty {
    /// The penalty r > 0 for the distinct ids of a window.
    ///
    /// # Errors
    /// r that is not a positive finite number.
    pub fn new(value: f64, window: Window) -> Result<Self> {
        let fits = value > 0.0 && value.is_finite();
        param::check("repetition_penalty", value, fits, "a finite number above 0 (1 is off)")?;
        Ok(RepetitionPenalty { value, window })
    }
}

/// The penalty r on a score: a choice of the factor, which costs no branch.
pub(super) fn penalised(score: f64, r: f64, inverse: f64) -> f64 {
    param::finite(score * if score < 0.0 { r } else { inverse })
}

impl Processor for RepetitionPenalty {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        self.window.write(self.value, window::Scope::All)
    }

    fn is_off(&self) -> bool {
        self.value == 1.0 || self.window.is_empty()
    }

    fn needs(&self) -> Needs {
        Needs { history: true, ..Needs::default() }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        let (r, inverse) = (self.value, 1.0 / self.value);
        scratch::with(|s| {
            let t = &mut s.tally;
            t.distinct(self.window.ids(cx), c.vocab());
            c.edit_each(&t.ids, |_, s| penalised(s, r, inverse));
        });
        Ok(())
    }
}
