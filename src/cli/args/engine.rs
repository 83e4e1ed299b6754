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
        for (processor, form) in entries {
            let form = match form {
                Value::Object(form) => form.clone(),
                lone => Map::from_iter([("value".to_string(), lone.clone())]),
            };
            let of_processor = |name: &&str| {
                name.strip_prefix(processor.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
            };
            if !Params::NAMES.iter().any(of_processor) {
                let what = format!("{engine} has no {processor} that could be replayed; leave it out");
                return Err(Error::setting("--engine", engine, what));
            }
            for (key, value) in &form {
                if !params.set(&name_in_engines(processor, key), value)? {
                    let what = format!("{engine} has no such parameter; leave it out");
                    return Err(Error::setting(format!("{processor} {key}"), value, what));
                }
            }
        }
        Ok(params)
    }
}

/// What engines call a parameter of a processor.
fn name_in_engines(processor: &str, key: &str) -> String {
    match (processor, key) {
        // one window serves all penalties, one temperature both processors
        ("repetition_penalty" | "frequency_penalty" | "presence_penalty", "last_n") => {
            "penalty_last_n".into()
        }
        ("dynamic_temperature", "temperature") => key.into(),
        // one for all truncations that have it
        (_, "min_tokens_to_keep") => key.into(),
        (_, "value") => processor.into(),
        _ => format!("{processor}_{key}"),
    }
}
