use serde_json::{Map, Value};

use super::companion::Companion;
use super::{Candidates, Context, Info, Kind, Needs, Processor, param};
use crate::Result;

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
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let file = std::env::temp_dir().join("tokpick-doc-guidance.json");
/// std::fs::write(&file, "[[2.0, 1.0, 0.0]]").unwrap();
/// let form = serde_json::json!([{"guidance_scale": {"value": 2, "form": "logits", "uncond_input": file}}]);
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![1.0, 2.0, 0.0]), 0, 0)?;
/// settings::chain(&form.to_string())?.apply_alone(&mut c)?;
/// assert_eq!(c.members().map(|m| m.1.round()).collect::<Vec<_>>(), [0.0, 3.0, 0.0]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GuidanceScale {
    value: f64,
    form: Form,
    uncond: Companion,
}

/// What guidance works on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Log-probabilities of both rows.
    #[default]
    LogSoftmax,
    /// The logits as they are.
    Logits,
}

const NAME: &str = "guidance_scale";

pub(super) static INFO: Info = Info {
    name: NAME,
    kind: Kind::TwoModel,
    flag: "--guidance-scale",
    off: "1",
    summary: "moves the logits away from those of an unconditional prompt",
    source: "Sanchez et al. 2023",
    parse: |form| {
        let p: Parameters = param::read(NAME, "value", form)?;
        Ok(Box::new(GuidanceScale::open(p.value, p.form, &p.uncond_input, p.uncond_row)?))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    value: f64,
    #[serde(default)]
    form: Form,
    uncond_input: String,
    uncond_row: Option<usize>,
}

impl GuidanceScale {
    /// Guidance of strength `value` against the rows of a second input.
    ///
    /// # Errors
    /// A scale that is not finite; an input that can't be read.
    pub fn open(value: f64, form: Form, uncond_input: &str, uncond_row: Option<usize>) -> Result<Self> {
        param::check(NAME, value, value.is_finite(), "a finite number (1 is off)")?;
        Ok(GuidanceScale { value, form, uncond: Companion::open(uncond_input, uncond_row)? })
    }
}

impl Processor for GuidanceScale {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("value".into(), self.value.into());
        object.insert("form".into(), serde_json::to_value(self.form).unwrap_or_default());
        object.insert("uncond_input".into(), self.uncond.input().into());
        if let Some(row) = self.uncond.row() {
            object.insert("uncond_row".into(), row.into());
        }
        Value::Object(object)
    }

    fn is_off(&self) -> bool {
        self.value == 1.0
    }

    fn needs(&self) -> Needs {
        Needs { history: self.uncond.needs_history(), ..Needs::default() }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        let of_row = match self.form {
            Form::LogSoftmax => c.decision_log_normalizer(),
            Form::Logits => 0.0,
        };
        let g = self.value;
        self.uncond.map(NAME, c, cx, self.form == Form::LogSoftmax, |score, u| u + g * (score - of_row - u))
    }
}
