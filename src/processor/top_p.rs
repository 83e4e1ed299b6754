use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Processor, param};
use crate::Result;

/// Top-p (nucleus): keeps the smallest set of best tokens whose mass reaches p.
///
/// `kept = { x : mass of the tokens strictly better than x < p }`, over the renormalised candidates. Holtzman et al. 2020, *The
/// Curious Case of Neural Text Degeneration*.
///
/// - `value`: p in [0, 1]; disabling value 1; p = 0 keeps the best token and its ties.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Tokens tied with the last kept one are kept. The mass counts as reached at `p − 1e-6·p·(1 − p)`, what a change of 1e-6 in the
/// logits can do, so that probabilities .5 .3 .1 .1 and p = 0.8 keep two. transformers sums from the small end in f32 and splits
/// ties; llama.cpp sums from the large end and splits ties; candle does not renormalise after top-k.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let p: [f32; 4] = [0.5, 0.3, 0.1, 0.1];
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(p.map(f32::ln).to_vec()), 0, 0)?;
/// settings::chain("top_p=0.8")?.apply_alone(&mut c)?;
/// assert_eq!(c.count(), 2);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopP {
    value: f64,
    min_tokens_to_keep: usize,
}

pub(super) static INFO: Info = Info {
    name: "top_p",
    kind: Kind::Truncation,
    flag: "--top-p",
    off: "1",
    summary: "keeps the smallest set of best tokens whose probability reaches p",
    source: "Holtzman et al. 2020",
    parse: |form| {
        let p: param::Threshold<f64> = param::read("top_p", "value", form)?;
        Ok(Box::new(TopP::new(p.value, p.min_tokens_to_keep)?))
    },
};

impl TopP {
    /// The nucleus of mass p, and at least `min_tokens_to_keep`.
    ///
    /// # Errors
    /// p outside [0, 1].
    pub fn new(value: f64, min_tokens_to_keep: usize) -> Result<Self> {
        param::check("top_p", value, (0.0..=1.0).contains(&value), "from 0 to 1 (1 keeps all)")?;
        Ok(TopP { value, min_tokens_to_keep })
    }
}

impl Processor for TopP {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        param::write(self.value, self.min_tokens_to_keep)
    }

    fn is_off(&self) -> bool {
        self.value == 1.0
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        if let Some(cut) = c.nucleus(super::slack::mass(self.value)) {
            c.keep_cut(cut, self.min_tokens_to_keep);
        }
        Ok(())
    }
}
