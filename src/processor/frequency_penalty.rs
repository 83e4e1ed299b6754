use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Needs, Processor, Window, param, scratch, window};
use crate::Result;

/// Frequency penalty: the more often a token was generated, the less probable it gets.
///
/// `score ← score − f · count`, where count is how often the token occurs in the window. OpenAI API; vLLM.
///
/// - `value`: f, finite (the OpenAI API allows −2 to 2); disabling value 0; below 0 rewards.
/// - `last_n`: how many of the newest ids count; −1 (default) all, 0 none.
/// - `scope`: `"generated"` (default, as in the OpenAI API and vLLM) or `"all"`: the prompt counts too.
///
/// llama.cpp and mlx count the prompt too, in a window of the newest 64 or 20 ids.
///
/// ```
/// use tokpick::{processor::{Candidates, Context}, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![2.0, 2.0, 1.0]), 0, 0)?;
/// let cx = Context { context: &[2, 1, 0, 1], prompt_len: 1, sequence: 0, step: 0, coins: &0.0 };
/// settings::chain("frequency_penalty=0.5")?.apply(&mut c, &cx)?;
/// assert_eq!(c.members().map(|m| m.1).collect::<Vec<_>>(), [1.5, 1.0, 1.0]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FrequencyPenalty {
    value: f64,
    window: Window,
}

pub(super) static INFO: Info = Info {
    name: "frequency_penalty",
    kind: Kind::History,
    flag: "--frequency-penalty",
    off: "0",
    summary: "subtracts the penalty once for each time a token was generated",
    source: "OpenAI API",
    parse: |form| {
        let p: window::Penalty = param::read("frequency_penalty", "value", form)?;
        Ok(Box::new(FrequencyPenalty::new(p.value, p.window(window::Scope::Generated)?)?))
    },
};

impl FrequencyPenalty {
    /// The penalty for each occurrence in a window.
    ///
    /// # Errors
    /// NaN or infinity.
    pub fn new(value: f64, window: Window) -> Result<Self> {
        param::check(
            "frequency_penalty",
            value,
            value.is_finite(),
            "a finite number (0 is off, below 0 rewards)",
        )?;
        Ok(FrequencyPenalty { value, window })
    }
}

impl Processor for FrequencyPenalty {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        self.window.write(self.value, window::Scope::Generated)
    }

    fn is_off(&self) -> bool {
        self.value == 0.0 || self.window.is_empty()
    }

    fn needs(&self) -> Needs {
        Needs { history: true, ..Needs::default() }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        scratch::with(|s| {
            let t = &mut s.tally;
            t.count(self.window.ids(cx), c.vocab());
            c.edit_with(&t.ids, &t.numbers, |count, s| s - param::finite(self.value * f64::from(count)));
        });
        Ok(())
    }
}
