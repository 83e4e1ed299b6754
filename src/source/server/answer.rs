//! What a server answered to one request, for one choice: its tokens and what was likely in their places.

use std::sync::Arc;

use serde_json::Value as Name;

use super::pool::{Number, Pool, shown};
use super::value::Value;
use crate::TokenId;
use crate::source::rest::FLOOR;

/// What is wrong with a document, in words.
pub(crate) type Found<T> = std::result::Result<T, String>;

/// A place in a text: the token that stands there, and the likeliest ones with the natural logarithms of their probabilities.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Step {
    /// The token that was taken; unknown after the end.
    pub taken: Option<Number>,
    /// What the server says of it; `None` for nothing, and for a floor that says "very unlikely".
    pub logprob: Option<f64>,
    /// It says a floor.
    pub floored: bool,
    /// The listed tokens, and the taken one where it has a number.
    pub listed: Vec<(Number, f32)>,
    /// True if the taken token stands among the listed ones only because it was taken; `None` where the layout can't tell.
    pub is_outside: Option<bool>,
    /// The taken token's rank in the whole row, where the server tells it; 1 is the most probable.
    pub rank: Option<usize>,
}

/// The steps of a prompt, or of what was generated.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Part {
    /// The choices of one request share those of their prompt.
    pub steps: Arc<Vec<Step>>,
    /// All ids, where the answer has a list of them beside the steps.
    pub ids: Option<Vec<TokenId>>,
}

/// One choice of an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answer {
    /// The line of the text in which it began.
    pub line: usize,
    /// The caller's own name of the request.
    pub name: Option<Name>,
    pub prompt: Part,
    pub generated: Part,
    pub text: String,
    /// How many tokens the server says that it generated.
    pub completion_tokens: Option<u64>,
    /// An error of the server stands in its place.
    pub failed: bool,
    /// Its last part was there; one that isn't streamed has no other.
    pub ended: bool,
    /// It ended by itself, not at a limit.
    pub stopped: bool,
    /// The numbers are of the distribution after the server's own filters.
    pub post_sampling: bool,
    /// The echoed prompt and the text are one list: the legacy layout with `echo`.
    pub echo: bool,
    pub asked: Asked,
}

/// What a document says of its request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Asked {
    pub seed: Option<i128>,
    /// The choices of one request share it.
    pub prompt: Option<Arc<[TokenId]>>,
    pub prompt_len: Option<u64>,
    pub settings: Vec<(String, String)>,
}

impl Asked {
    /// Takes over what a part of a document says.
    pub fn learn(&mut self, part: &Value) -> Found<()> {
        for name in ["seed", "sampling_seed"] {
            let seed = part.get(name);
            if seed.is_null() {
                continue;
            }
            let text = seed.text().map_or_else(|| shown(seed), str::to_string);
            // some count from 0 to 2^64 − 1, some below 0
            let seed = text.parse().ok().filter(|seed| (i64::MIN.into()..=u64::MAX.into()).contains(seed));
            self.seed = Some(seed.ok_or_else(|| format!("{name} is {text}, no 64-bit whole number"))?);
        }
        let prompt = part.any(&["prompt_token_ids", "input_ids"]);
        if let Some(prompt) = prompt.ids().or_else(|| part.get("prompt").ids()) {
            self.prompt = Some(prompt.into());
        }
        let counted = [part.get("meta_info"), part.get("usage")].map(|p| p.get("prompt_tokens").int());
        if let Some(n) = counted.into_iter().flatten().next() {
            self.prompt_len = u64::try_from(n).ok();
        }
        for name in SETTINGS {
            let value = part.get(name);
            if value.number().is_some() {
                self.settings.retain(|(n, _)| n != name);
                self.settings.push((name.to_string(), shown(value)));
            }
        }
        Ok(())
    }
}

impl Asked {
    /// Takes over what a later part of a stream adds.
    pub fn fill(&mut self, later: &Asked) {
        self.seed = self.seed.or(later.seed);
        self.prompt_len = self.prompt_len.or(later.prompt_len);
        if self.prompt.is_none() {
            self.prompt.clone_from(&later.prompt);
        }
        if self.settings.is_empty() {
            self.settings.clone_from(&later.settings);
        }
    }
}

/// The sampling parameters that are named, where a document has them.
const SETTINGS: [&str; 7] =
    ["temperature", "top_k", "top_p", "min_p", "repetition_penalty", "frequency_penalty", "presence_penalty"];

impl Step {
    /// Lists a token. −9999, the lowest floats and −∞ are floors: what they stand for is not known.
    pub fn list(&mut self, number: Number, logprob: f64) -> Found<()> {
        self.listed.extend(above_floor(logprob)?.map(|logprob| (number, logprob as f32)));
        Ok(())
    }

    /// Says which token was taken, after the others are listed.
    pub fn take(&mut self, number: Number, logprob: Option<f64>) -> Found<()> {
        self.taken = Some(number);
        self.logprob = logprob.map(above_floor).transpose()?.flatten();
        self.floored = self.logprob.is_none() && logprob.is_some_and(f64::is_finite);
        match self.logprob {
            Some(logprob) if !self.listed.iter().any(|(other, _)| *other == number) => {
                self.is_outside = Some(true);
                self.list(number, logprob)
            }
            _ => Ok(()),
        }
    }

    /// A step of a layout that lists entries; `get` tells token and log-probability of one.
    pub fn of(
        pool: &mut Pool,
        taken: Option<&Value>,
        top: &[Value],
        get: impl Fn(&mut Pool, &Value) -> Found<(Number, f64)>,
    ) -> Found<Step> {
        let mut step = Step { listed: Vec::with_capacity(top.len() + 1), ..Step::default() };
        pool.begin_list();
        for entry in top {
            let (number, logprob) = get(pool, entry)?;
            step.list(number, logprob)?;
        }
        pool.end_list();
        if let Some(taken) = taken {
            let (number, logprob) = get(pool, taken)?;
            step.is_outside = step.is_beyond(number);
            pool.hold(number, logprob, &step.listed);
            step.take(number, Some(logprob))?;
        }
        Ok(step)
    }

    /// Whether a token of the list is beyond the likeliest ones. vLLM's chats cut their lists, in which the taken token stands first: where
    /// it is the least of a list that falls everywhere else, it stands there only because it was taken. Of one entry nothing can be told.
    fn is_beyond(&self, taken: Number) -> Option<bool> {
        let at = self.listed.iter().position(|(number, _)| *number == taken)?;
        let [first, rest @ ..] = &self.listed[..] else { return None };
        let least = rest.last()?.1;
        Some(at == 0 && first.1 < least && rest.is_sorted_by(|a, b| a.1 >= b.1))
    }
}

/// A log-probability; `None` for a floor.
fn above_floor(x: f64) -> Found<Option<f64>> {
    if x.is_nan() || x == f64::INFINITY {
        return Err(format!("a log-probability is {}", if x.is_nan() { "NaN" } else { "Infinity" }));
    }
    Ok(Some(x).filter(|&x| x > f64::from(f32::MIN) && x != FLOOR))
}

/// Token and log-probability of an entry that is an object: `logprob`, `logProbability`, or `prob`, which is turned into its logarithm.
pub(crate) fn entry(pool: &mut Pool, entry: &Value) -> Found<(Number, f64)> {
    if !entry.is_object() {
        return Err(format!("{} where an entry {{\"token\", \"logprob\"}} belongs", shown(entry)));
    }
    let number = pool.of_entry(entry)?;
    let logprob = entry.any(&["logprob", "logProbability", "log_probability"]);
    if let Some(x) = logprob.number() {
        return Ok((number, x));
    }
    let prob = entry.get("prob");
    match prob.number() {
        Some(p) if (0.0..=1.0 + 1e-6).contains(&p) => Ok((number, libm::log(p))),
        Some(p) => Err(format!("\"prob\" is {p}: probabilities are from 0 to 1")),
        // a prompt's first token
        None if logprob.is_null() && prob.is_null() => Ok((number, f64::NEG_INFINITY)),
        None => {
            Err(format!("\"logprob\" is {}, no number", shown(if prob.is_null() { logprob } else { prob })))
        }
    }
}

impl Answer {
    /// The ids of what was generated: those of its list, else those of all its steps.
    pub fn ids(&self, pool: &Pool) -> Option<Vec<TokenId>> {
        let id = |step: &Step| pool.tokens.get(step.taken? as usize)?.id;
        let steps = &self.generated.steps;
        let of_steps = || steps.iter().map(id).collect::<Option<Vec<_>>>().filter(|ids| !ids.is_empty());
        self.generated.ids.clone().filter(|ids| !ids.is_empty()).or_else(of_steps)
    }

    /// The part that gets the next steps.
    pub fn add(&mut self, steps: impl IntoIterator<Item = Step>) {
        Arc::make_mut(&mut self.generated.steps).extend(steps);
    }

    /// Adds to the text.
    pub fn say(&mut self, text: &Value) {
        self.text.push_str(text.text().unwrap_or_default());
    }
}
