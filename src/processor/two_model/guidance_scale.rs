use super::companion::Companion;
use crate::processor::method::*;

/// Classifier-free guidance: moves the scores away from those of a prompt without the condition.
///
/// With l the row and u its unconditional companion: `score ← u + g · (l − u)`. Ho & Salimans 2022; for language models Sanchez et
/// al. 2023, *Stay on topic with Classifier-Free Guidance*.
///
/// - `value`: g, finite; disabling value 1; above 1 follows the condition more closely, 0 forgets it.
/// - `form`: `"log_softmax"` (default) takes l and u as log-probabilities, as transformers 5 does in `generate()`; `"logits"` takes
///   them as they are. Both give the same distribution; the scores differ by a constant.
/// - `uncond_input`: the second logits file, a path from the working directory; `uncond_row`: the step of its first sequence that
///   serves every row (default: the row of the same sequence and step).
///
/// A masked token stays masked. A token that only the companion masks is an error (transformers gets NaN).
///
/// ```
/// use tokpick::processor::{Chain, Form, guidance_scale};
///
/// let file = std::env::temp_dir().join("tokpick-doc-guidance.json");
/// std::fs::write(&file, "[[2.0, 1.0, 0.0]]").unwrap();
/// let guidance = guidance_scale(2.0, Form::Logits, &file.to_string_lossy(), None)?;
/// let kept = Chain::new([guidance]).on(&[1.0, 2.0, 0.0])?;
/// assert_eq!(kept.members().map(|m| m.1.round()).collect::<Vec<_>>(), [0.0, 3.0, 0.0]);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// A scale that is not finite; an input that can't be read.
pub fn guidance_scale(g: f64, form: Form, uncond_input: &str, uncond_row: Option<usize>) -> Result<Stage> {
    Parameters { value: g, form, uncond_input: uncond_input.to_string(), uncond_row }.stage()
}

pub(super) static INFO: Info = Info {
    name: "guidance_scale",
    summary: "moves the logits away from those of an unconditional prompt",
    source: "Sanchez et al. 2023",
    off: Off::Number(1.0),
    flags: &[
        Flag::value("guidance-scale", Number).also(&["cfg-scale"]),
        Flag::of("guidance-form", "form", Word, "What guidance mixes: log_softmax (default) or logits"),
        Flag::of(
            "uncond",
            "uncond_input",
            FilePath,
            "Unconditional logits for the guidance, of the same shape as the input",
        ),
        Flag::of(
            "uncond-row",
            "uncond_row",
            Count,
            "Row of that file (default: of the same sequence and step)",
        ),
    ],
    config: Config::Value,
    parse: |form| param::read::<Parameters>(&INFO, form)?.stage(),
    ..Info::TWO_MODEL
};

/// What guidance works on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Log-probabilities of both rows.
    #[default]
    LogSoftmax,
    /// The logits as they are.
    Logits,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    value: f64,
    #[serde(default)]
    form: Form,
    uncond_input: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uncond_row: Option<usize>,
}

impl Parameters {
    fn stage(self) -> Result<Stage> {
        param::check(INFO.name, self.value, self.value.is_finite(), "a finite number (1 is off)")?;
        let uncond = Companion::open(&self.uncond_input, self.uncond_row)?;
        Ok(Arc::new(GuidanceScale { p: self, uncond }))
    }
}

struct GuidanceScale {
    p: Parameters,
    uncond: Companion,
}

impl Processor for GuidanceScale {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        param::object(&self.p)
    }

    fn is_off(&self) -> bool {
        self.p.value == 1.0
    }

    fn needs(&self) -> Needs {
        Needs { history: self.uncond.needs_history(), ..Needs::NOTHING }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        let (g, normalized) = (self.p.value, self.p.form == Form::LogSoftmax);
        let of_row = if normalized { c.decision_log_normalizer() } else { 0.0 };
        self.uncond.map(INFO.name, c, cx, normalized, |score, u| u + g * (score - of_row - u))
    }
}
