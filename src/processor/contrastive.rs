use serde_json::{Value, json};

use super::companion::Companion;
use super::{Candidates, Context, Info, Kind, Needs, Processor, param, slack};
use crate::{Result, kernel};

/// Contrastive decoding: among the tokens that an expert finds plausible, prefers those that an amateur doesn't.
///
/// Keeps the tokens with `p_expert ≥ alpha · max p_expert`, then `score ← (1 + beta) · l_expert − beta · l_amateur`, in logits. Li
/// et al. 2023, *Contrastive Decoding: Open-ended Text Generation as Optimization*, in the form of O'Brien & Lewis 2023,
/// *Contrastive Decoding Improves Reasoning in Large Language Models*.
///
/// - `alpha`: from 0 (all tokens are plausible) to 1; default 0.1, in both papers. Equality stays, at alpha · (1 − 1e-6).
/// - `beta`: 0 or more; default 0.5, O'Brien & Lewis's. Li et al. score `ln p_expert − ln p_amateur` alone, which large values of
///   beta approach (with a temperature of the same size). 0 leaves only the plausibility constraint.
/// - `amateur_input`: the amateur's logits file, a path from the working directory; rows of the same sequence and step.
///
/// With alpha 0 and beta 0 it does nothing. A kept token that only the amateur masks is an error.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let file = std::env::temp_dir().join("tokpick-doc-contrastive.json");
/// std::fs::write(&file, "[[3.0, 1.0, 0.0]]").unwrap();
/// let form = serde_json::json!([{"contrastive": {"alpha": 0.1, "beta": 0.5, "amateur_input": file}}]);
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![2.0, 2.0, -1.0]), 0, 0)?;
/// settings::chain(&form.to_string())?.apply_alone(&mut c)?;
/// assert_eq!(c.members().collect::<Vec<_>>(), [(0, 1.5), (1, 2.5)]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Contrastive {
    alpha: f64,
    beta: f64,
    amateur: Companion,
}

const NAME: &str = "contrastive";

pub(super) static INFO: Info = Info {
    name: NAME,
    kind: Kind::TwoModel,
    flag: "--amateur",
    off: "alpha 0 and beta 0",
    summary: "prefers among plausible tokens those that an amateur model doesn't",
    source: "Li et al. 2023; O'Brien & Lewis 2023",
    parse: |form| {
        let p: Parameters = param::read(NAME, "amateur_input", form)?;
        Ok(Box::new(Contrastive::open(p.alpha, p.beta, &p.amateur_input)?))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    #[serde(default = "alpha")]
    alpha: f64,
    #[serde(default = "beta")]
    beta: f64,
    amateur_input: String,
}

fn alpha() -> f64 {
    0.1
}

fn beta() -> f64 {
    0.5
}

impl Contrastive {
    /// Contrast with the rows of a second input.
    ///
    /// # Errors
    /// alpha outside [0, 1], beta that is negative or not finite; an input that can't be read.
    pub fn open(alpha: f64, beta: f64, amateur_input: &str) -> Result<Self> {
        param::check("contrastive alpha", alpha, (0.0..=1.0).contains(&alpha), "from 0 to 1")?;
        param::check(
            "contrastive beta",
            beta,
            beta >= 0.0 && beta.is_finite(),
            "a finite number, 0 or more",
        )?;
        Ok(Contrastive { alpha, beta, amateur: Companion::open(amateur_input, None)? })
    }
}

impl Processor for Contrastive {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        json!({"alpha": self.alpha, "beta": self.beta, "amateur_input": self.amateur.input()})
    }

    fn is_off(&self) -> bool {
        self.alpha == 0.0 && self.beta == 0.0
    }

    fn needs(&self) -> Needs {
        Needs { history: self.amateur.needs_history(), ..Needs::default() }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        if self.alpha > 0.0 {
            let cut = c.cut_below_best(-kernel::ln(slack::at_least(self.alpha)));
            c.keep_at_or_above(cut);
        }
        let beta = self.beta;
        self.amateur.map(NAME, c, cx, false, |expert, amateur| expert + beta * (expert - amateur))
    }
}
