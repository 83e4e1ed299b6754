//! The engines that tokpick replays.

use super::{EngineError, Params, Replay};

/// How the rows of a batch get their random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    /// One generator serves the rows of a step one after the other, so that a row's ids depend on its batch.
    Shared,
    /// Each row has a generator of its own, all with the same seed: B rows are B runs.
    EachRow,
    /// A row with a seed of its own has its own generator; the others share the global one.
    RowSeeds,
}

/// Builds a replay from its parameters, the seed, and the number of rows.
type Build = fn(&Params, &str, usize) -> Result<Box<dyn Replay>, EngineError>;

/// What tokpick knows about an engine.
pub struct EngineInfo {
    /// The name that [`build`](super::build) takes.
    pub name: &'static str,
    /// The version whose ids the replay was checked against.
    pub version: &'static str,
    /// How it draws, in a line.
    pub method: &'static str,
    /// What comes out exactly.
    pub reproduced: &'static str,
    /// What does not.
    pub not_reproduced: &'static str,
    /// The parameters that it takes, as named in [`Params`].
    pub parameters: &'static [&'static str],
    /// Its filters in the order in which it applies them.
    pub order: &'static [&'static str],
    /// Whether [`Params::order`] may change that order.
    pub reorders: bool,
    /// The seeds that it takes.
    pub seeds: &'static str,
    /// How a batch is drawn.
    pub batch: Batch,
    pub(super) build: Build,
}

impl std::fmt::Debug for EngineInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineInfo")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

static ENGINES: [&EngineInfo; 12] = [
    &super::torch::INFO,
    &super::transformers::INFO,
    &super::vllm::INFO,
    &super::torch_multinomial::INFO,
    &super::numpy::INFO,
    &super::numpy_randomstate::INFO,
    &super::jax_split::INFO,
    &super::jax_fold_in::INFO,
    &super::llama_cpp::INFO,
    &super::candle::INFO,
    &super::mlx::INFO,
    &super::mlx_lm::INFO,
];

/// All engines that can be replayed.
pub fn engines() -> &'static [&'static EngineInfo] {
    &ENGINES
}

/// The engine of that name.
pub(super) fn find(name: &str) -> Result<&'static EngineInfo, EngineError> {
    if let Some(info) = ENGINES.iter().find(|e| e.name == name) {
        return Ok(info);
    }
    let plain = |s: &str| -> String { s.chars().filter(|c| c.is_alphanumeric()).collect() };
    let asked = plain(&name.to_lowercase());
    let near = ENGINES.iter().find(|e| {
        let known = plain(e.name);
        !asked.is_empty() && (known.starts_with(&asked) || asked.starts_with(&known))
    });
    Err(EngineError::UnknownEngine {
        name: name.to_owned(),
        hint: near.map_or(String::new(), |e| format!(", did you mean {:?}?", e.name)),
        known: ENGINES.map(|e| e.name).join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_named_once() {
        for e in engines() {
            for (i, stage) in e.order.iter().enumerate() {
                assert!(!e.order[..i].contains(stage), "{}: {stage} twice", e.name);
            }
            assert_eq!(find(e.name).unwrap().name, e.name);
        }
    }

    #[test]
    fn an_unknown_engine_is_told_the_nearest() {
        let text = find("llamacpp").unwrap_err().to_string();
        assert!(text.starts_with(r#"there is no engine "llamacpp", did you mean "llama.cpp"?"#), "{text}");
        assert!(text.ends_with("candle, mlx, mlx-lm"), "{text}");
        assert!(find("").is_err());
    }
}
