//! Replaying another engine.

use clap::Args;
use serde_json::{Map, Value};
use tokpick::engine::Params;
use tokpick::{Error, Result, TokenId};

use super::TerminalArgs;
use super::group::{Group, Listed};

#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Replaying an engine (`tokpick engines` lists them)")]
pub struct EngineArgs {
    /// Draw as this engine does: its order, its arithmetic, its generator
    #[arg(long, value_name = "NAME")]
    pub engine: Option<String>,
    /// vllm, vllm-v2*, sglang: the seed of each row (vllm: `none` for a row without one of its own)
    #[arg(long, value_name = "0,43,none", allow_hyphen_values = true)]
    pub row_seeds: Option<String>,
    /// vllm-v2*, sglang: the position of the first step, or one for each row: prompt length − 1 for the first drawn token
    /// (default: from the prompt's ids)
    #[arg(long, value_name = "N[,N…]")]
    pub position: Option<String>,
    /// sglang: the batch held a request with top-k, top-p or temperature 0 beside this one
    #[arg(long)]
    pub filtered_batch: bool,
    /// torch-multinomial: whether a call may draw an id twice
    #[arg(long, value_name = "BOOL")]
    pub replacement: Option<bool>,
    /// llama.cpp: refuse ids of the history beyond the vocabulary, which it passes over
    #[arg(long)]
    pub strict: bool,
    /// The prompt of each row, where a document of claims tells it.
    #[arg(skip)]
    pub prompts: Option<Vec<Vec<TokenId>>>,
}

impl Group for EngineArgs {
    const FLAGS: &'static [Listed<Self>] = &[
        ("--engine", |a| a.engine.is_some()),
        ("--row-seeds", |a| a.row_seeds.is_some()),
        ("--position", |a| a.position.is_some()),
        ("--filtered-batch", |a| a.filtered_batch),
        ("--replacement", |a| a.replacement.is_some()),
        ("--strict", |a| a.strict),
    ];
}

impl EngineArgs {
    /// The engine's parameters: those of the processor flags (entries of a chain), and its own.
    ///
    /// # Errors
    /// A processor, or a parameter of one, that no engine has.
    pub fn params(
        &self,
        entries: &[(String, Value)],
        order: Option<&str>,
        terminal: &TerminalArgs,
    ) -> Result<Params> {
        if let Some(surprise) = terminal.mirostat_surprise {
            let what = "is for tokpick's own mirostat: an engine takes the surprise where it takes it";
            return Err(Error::setting("--mirostat-surprise", format!("{surprise:?}").to_lowercase(), what));
        }
        let mut params = Params {
            row_seeds: self.row_seeds.clone(),
            position: self.position.clone(),
            filtered_batch: self.filtered_batch.then_some(true),
            replacement: self.replacement,
            mirostat: terminal.mirostat.map(i64::from),
            mirostat_tau: terminal.mirostat_tau,
            mirostat_eta: terminal.mirostat_eta,
            mirostat_m: terminal.mirostat_m.map(|m| i64::try_from(m).unwrap_or(i64::MAX)),
            adaptive_target: terminal.adaptive_target,
            adaptive_decay: terminal.adaptive_decay,
            order: order.map(|o| {
                o.split([',', ' ']).filter(|n| !n.is_empty()).map(|n| n.replace('-', "_")).collect()
            }),
            ..Params::default()
        };
        let engine = self.engine.as_deref().unwrap_or("an engine");
        for (name, form) in entries {
            let mut form = match form {
                Value::Object(form) => form.clone(),
                lone => Map::from_iter([("value".to_string(), lone.clone())]),
            };
            take(&mut params, engine, name, &mut form)?;
            if let Some((left, value)) = form.iter().next() {
                let what = format!("{engine} has no such parameter; leave it out");
                return Err(Error::setting(format!("{name} {left}"), value, what));
            }
        }
        Ok(params)
    }
}

/// Moves the parameters of a processor over.
fn take(p: &mut Params, engine: &str, name: &str, form: &mut Map<String, Value>) -> Result<()> {
    let mut real = |key: &str| -> Result<Option<f64>> {
        let Some(value) = form.remove(key) else { return Ok(None) };
        match value.as_f64() {
            Some(x) => Ok(Some(x)),
            None => Err(Error::setting(format!("{name} {key}"), value, "must be a number")),
        }
    };
    let whole = |x: Option<f64>| x.map(|x| x as i64);
    match name {
        "temperature" => p.temperature = real("value")?,
        "dynamic_temperature" => {
            p.temperature = real("temperature")?.or(p.temperature);
            p.dynamic_temperature_range = real("range")?;
            p.dynamic_temperature_exponent = real("exponent")?;
        }
        "top_k" => p.top_k = whole(real("value")?),
        "top_p" => p.top_p = real("value")?,
        "min_p" => p.min_p = real("value")?,
        "typical_p" => p.typical_p = real("value")?,
        "top_n_sigma" => p.top_n_sigma = real("value")?,
        "xtc" => (p.xtc_probability, p.xtc_threshold) = (real("probability")?, real("threshold")?),
        "repetition_penalty" | "frequency_penalty" | "presence_penalty" => {
            let value = real("value")?;
            p.penalty_last_n = whole(real("last_n")?).or(p.penalty_last_n);
            match name {
                "repetition_penalty" => p.repetition_penalty = value,
                "frequency_penalty" => p.frequency_penalty = value,
                _ => p.presence_penalty = value,
            }
        }
        "dry" => {
            (p.dry_multiplier, p.dry_base) = (real("multiplier")?, real("base")?);
            p.dry_allowed_length = whole(real("allowed_length")?);
            p.dry_last_n = whole(real("last_n")?);
            p.dry_breakers = form.remove("breakers").map(lists).transpose()?;
        }
        "logit_bias" => p.logit_bias = form.remove("value").map(biases).transpose()?,
        _ => {
            let what = format!("{engine} has no {name} that could be replayed; leave it out");
            return Err(Error::setting("--engine", engine, what));
        }
    }
    Ok(())
}

fn lists(value: Value) -> Result<Vec<Vec<u32>>> {
    serde_json::from_value(value.clone())
        .map_err(|_| Error::setting("--dry-breakers", value, "must be lists of ids"))
}

fn biases(value: Value) -> Result<Vec<(u32, f64)>> {
    let bad = || Error::setting("--logit-bias", &value, "must be pairs of an id and a number");
    let pairs: Vec<(u32, Value)> = serde_json::from_value(value.clone()).map_err(|_| bad())?;
    let number = |v: Value| match v.as_str() {
        Some("-inf") => Some(f64::NEG_INFINITY),
        _ => v.as_f64(),
    };
    pairs.into_iter().map(|(id, v)| Ok((id, number(v).ok_or_else(bad)?))).collect()
}
