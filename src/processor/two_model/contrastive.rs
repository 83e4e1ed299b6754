use super::companion::Companion;
use crate::processor::method::*;

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
/// use tokpick::processor::{Chain, contrastive};
///
/// let file = std::env::temp_dir().join("tokpick-doc-contrastive.json");
/// std::fs::write(&file, "[[3.0, 1.0, 0.0]]").unwrap();
/// let chain = Chain::new([contrastive(0.1, 0.5, &file.to_string_lossy())?]);
/// let kept = chain.on(&[2.0, 2.0, -1.0])?;
/// assert_eq!(kept.members().collect::<Vec<_>>(), [(0, 1.5), (1, 2.5)]);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// alpha outside [0, 1], beta that is negative or not finite; an input that can't be read.
pub fn contrastive(alpha: f64, beta: f64, amateur_input: &str) -> Result<Stage> {
    Parameters { alpha, beta, amateur_input: amateur_input.to_string() }.stage()
}

pub(super) static INFO: Info = Info {
    name: "contrastive",
    summary: "prefers among plausible tokens those that an amateur model doesn't",
    source: "Li et al. 2023; O'Brien & Lewis 2023",
    off: Off::All(&[("alpha", 0.0), ("beta", 0.0)]),
    flags: &[
        Flag::of("amateur", "amateur_input", FilePath, ""),
        Flag::of(
            "contrastive-alpha",
            "alpha",
            Number,
            "Share of the best probability that a token needs (default 0.1)",
        ),
        Flag::of("contrastive-beta", "beta", Number, "Weight of the amateur (default 0.5)"),
    ],
    parse: |form| param::read::<Parameters>(&INFO, form)?.stage(),
    ..Info::TWO_MODEL
};

#[derive(Serialize, Deserialize)]
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

impl Parameters {
    fn stage(self) -> Result<Stage> {
        let (alpha, beta) = (self.alpha, self.beta);
        param::check("contrastive alpha", alpha, (0.0..=1.0).contains(&alpha), "from 0 to 1")?;
        let fits = beta >= 0.0 && beta.is_finite();
        param::check("contrastive beta", beta, fits, "a finite number, 0 or more")?;
        let amateur = Companion::open(&self.amateur_input, None)?;
        Ok(Arc::new(Contrastive { p: self, amateur }))
    }
}

struct Contrastive {
    p: Parameters,
    amateur: Companion,
}

impl Processor for Contrastive {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        param::object(&self.p)
    }

    fn is_off(&self) -> bool {
        self.p.alpha == 0.0 && self.p.beta == 0.0
    }

    fn needs(&self) -> Needs {
        Needs { history: self.amateur.needs_history(), ..Needs::NOTHING }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        let (alpha, beta) = (self.p.alpha, self.p.beta);
        if alpha > 0.0 {
            let cut = c.cut_below_best(-kernel::ln(slack::at_least(alpha)));
            c.keep_at_or_above(cut);
        }
        self.amateur.map(INFO.name, c, cx, false, |expert, amateur| expert + beta * (expert - amateur))
    }
}
