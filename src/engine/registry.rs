//! The engines that tokpick replays.

use super::{Params, Replay};
use super::{candle, jax, llama_cpp, mlx, numpy, sglang, torch, vllm};
use crate::{Error, Result};

/// How the rows of a batch get their random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    /// One generator serves the rows of a step one after the other, so that a row's ids depend on its batch.
    Shared,
    /// Each row has a generator of its own, all with the same seed: B rows are B runs.
    EachRow,
    /// A row with a seed of its own has its own generator; the others share the global one.
    RowSeeds,
    /// A row is drawn by its seed and position alone, whatever is beside it, and nothing is carried from step to step.
    Addressed,
}

/// What an engine sets by itself where nobody says otherwise: parameters and their values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Defaults {
    /// Nothing.
    None,
    /// Every run has them, unless the model's generation config says otherwise.
    Library(&'static [(&'static str, f64)]),
    /// Runs of its command line have them.
    CommandLine(&'static [(&'static str, f64)]),
}

impl Defaults {
    /// Those that were left open.
    pub(crate) fn open(self, params: &Params) -> Vec<(&'static str, f64)> {
        let (given, terminal) =
            (params.given(), params.mirostat.unwrap_or(0) != 0 || params.adaptive_target.is_some());
        match self {
            Defaults::Library(values) | Defaults::CommandLine(values) if !terminal => {
                values.iter().filter(|(name, _)| !given.contains(name)).copied().collect()
            }
            // mirostat and adaptive-p stand in the place of the truncations
            _ => Vec::new(),
        }
    }
}

/// Builds a replay from its parameters, the seed, and the number of rows.
type Build = fn(&Params, &str, usize) -> Result<Box<dyn Replay>>;

/// What tokpick knows about an engine.
///
/// ```
/// use tokpick::engine::{Batch, engines};
/// let reorders: Vec<&str> = engines().iter().filter(|e| e.reorders && e.batch == Batch::EachRow).map(|e| e.name).collect();
/// assert!(reorders.contains(&"llama.cpp"));
/// ```
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
    /// The engine draws from float32 (or wider) whatever its logits were. Where it is false, it draws in the logits' own
    /// type, and a replay from half-precision logits would draw other ids.
    pub float32_logits: bool,
    /// What it sets by itself.
    pub defaults: Defaults,
    /// What whoever names it should know.
    pub note: Option<&'static str>,
    /// The releases that draw like this.
    pub releases: &'static [&'static str],
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

static ENGINES: [&EngineInfo; 17] = [
    &torch::one::INFO,
    &torch::transformers::INFO,
    &vllm::native::INFO,
    &vllm::v2::V2,
    &vllm::v2::V2_FP64,
    &vllm::v2::V2_MURMUR3,
    &vllm::v2::V2_MURMUR3_FP64,
    &sglang::INFO,
    &torch::multinomial::INFO,
    &numpy::generator::INFO,
    &numpy::randomstate::INFO,
    &jax::split::INFO,
    &jax::fold_in::INFO,
    &llama_cpp::INFO,
    &candle::INFO,
    &mlx::categorical::INFO,
    &mlx::mlx_lm::INFO,
];

/// All engines that can be replayed.
pub fn engines() -> &'static [&'static EngineInfo] {
    &ENGINES
}

/// The engine of that name.
///
/// # Errors
/// An unknown name; the text has the nearest and all others.
pub fn find(name: &str) -> Result<&'static EngineInfo> {
    if let Some(info) = ENGINES.iter().find(|e| e.name.eq_ignore_ascii_case(name)) {
        return Ok(info);
    }
    let plain = |s: &str| -> String { s.chars().filter(|c| c.is_alphanumeric()).collect() };
    let asked = plain(&name.to_lowercase());
    let near = ENGINES.iter().find(|e| {
        let known = plain(e.name);
        !asked.is_empty() && (known.starts_with(&asked) || asked.starts_with(&known))
    });
    let hint = near.map_or(String::new(), |e| format!(", did you mean {:?}?", e.name));
    let known = ENGINES.map(|e| e.name).join(", ");
    Err(Error::setting("engine", name, format!("there is no such engine{hint}; the engines are {known}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_without_case() {
        for e in engines() {
            assert_eq!(find(&e.name.to_uppercase()).unwrap().name, e.name);
        }
    }

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
        assert!(
            text.starts_with(r#"engine llamacpp: there is no such engine, did you mean "llama.cpp"?"#),
            "{text}"
        );
        assert!(text.ends_with("candle, mlx, mlx-lm"), "{text}");
        assert!(find("").is_err());
    }
}
