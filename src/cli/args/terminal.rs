//! Terminals with state: ways to draw that follow what was drawn before.

use clap::Args;
use tokpick::draw::{AdaptiveP, Draw, Mirostat, Surprise};
use tokpick::{Error, Result};

use super::group::{Group, Listed};
use crate::cli::note::note;

#[derive(Args, Clone)]
#[command(next_help_heading = "Drawing with a memory (replaces the draw)")]
pub struct TerminalArgs {
    /// Mirostat, version 1 or 2: cuts so that the surprise of the drawn tokens stays near a target (0: off)
    #[arg(long, value_name = "1|2", allow_hyphen_values = true)]
    pub mirostat: Option<u8>,
    /// Target surprise in bits (default 5)
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub mirostat_tau: Option<f64>,
    /// Learning rate (default 0.1)
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub mirostat_eta: Option<f64>,
    /// How many tokens version 1 estimates from (default 100)
    #[arg(long, value_name = "N")]
    pub mirostat_m: Option<usize>,
    /// Where the surprise of a drawn token is taken: after the cut (llama.cpp, the default) or before it (the authors' code)
    #[arg(long, value_name = "WHERE")]
    pub mirostat_surprise: Option<SurpriseName>,
    /// Adaptive-p: prefers tokens near this probability (negative: a plain draw)
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub adaptive_target: Option<f64>,
    /// How fast adaptive-p forgets, 0 to 0.99 (default 0.9)
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub adaptive_decay: Option<f64>,
}

/// The names of the places where a surprise is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SurpriseName {
    After,
    Before,
}

impl Group for TerminalArgs {
    const FLAGS: &'static [Listed<Self>] = &[
        ("--mirostat", |a| a.mirostat.is_some()),
        ("--mirostat-tau", |a| a.mirostat_tau.is_some()),
        ("--mirostat-eta", |a| a.mirostat_eta.is_some()),
        ("--mirostat-m", |a| a.mirostat_m.is_some()),
        ("--mirostat-surprise", |a| a.mirostat_surprise.is_some()),
        ("--adaptive-target", |a| a.adaptive_target.is_some()),
        ("--adaptive-decay", |a| a.adaptive_decay.is_some()),
    ];
}

impl TerminalArgs {
    /// The terminal of a seed; `None` where none was asked for.
    ///
    /// # Errors
    /// Parameters out of range, or both terminals at once.
    pub fn draw(&self, seed: u64) -> Result<Option<Box<dyn Draw>>> {
        let version = self.mirostat.filter(|&version| version > 0);
        let used = match (version, self.adaptive_target) {
            (Some(version), Some(_)) => {
                let what = "excludes --adaptive-target: a token is drawn once";
                return Err(Error::setting("--mirostat", version, what));
            }
            (Some(_), None) => "--mirostat",
            (None, Some(_)) => "--adaptive",
            (None, None) => "none",
        };
        let idle: Vec<&str> = self.given().into_iter().filter(|flag| !flag.starts_with(used)).collect();
        if !idle.is_empty() {
            note(format!("no effect without the method they belong to: {}", idle.join(", ")));
        }
        if let Some(version) = version {
            let (tau, eta) = (self.mirostat_tau.unwrap_or(5.0), self.mirostat_eta.unwrap_or(0.1));
            let m = self.mirostat_m.unwrap_or(100);
            let surprise = match self.mirostat_surprise {
                Some(SurpriseName::Before) => Surprise::BeforeCut,
                Some(SurpriseName::After) | None => Surprise::AfterCut,
            };
            return Ok(Some(Box::new(Mirostat::new(version, tau, eta, m, seed)?.with_surprise(surprise))));
        }
        let adaptive = |target| AdaptiveP::new(target, self.adaptive_decay.unwrap_or(0.9), seed);
        Ok(self.adaptive_target.map(adaptive).transpose()?.map(|draw| Box::new(draw) as Box<dyn Draw>))
    }
}
