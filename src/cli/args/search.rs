//! Beam search.

use clap::{Args, ValueEnum};
use tokpick::sampler::EarlyStopping;

#[derive(Args)]
#[command(next_help_heading = "Beam search")]
pub struct SearchArgs {
    /// How many beams live on
    #[arg(long, short = 'b', value_name = "N", allow_hyphen_values = true)]
    pub num_beams: Option<usize>,
    /// Exponent of the length in the score: 0 neutral, 1 the mean log-probability, more favours longer ones (default 1)
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub length_penalty: Option<f64>,
    /// When a search with enough finished hypotheses stops (default false)
    #[arg(long, value_name = "WHEN")]
    pub early_stopping: Option<StopName>,
    /// How many hypotheses of each sequence are returned, best first (default 1)
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub num_return_sequences: Option<usize>,
}

/// When beam search stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StopName {
    /// At once
    True,
    /// When no live beam is better at its present length
    False,
    /// When no live beam can become better
    Never,
}

impl From<StopName> for EarlyStopping {
    fn from(name: StopName) -> EarlyStopping {
        match name {
            StopName::True => EarlyStopping::True,
            StopName::False => EarlyStopping::False,
            StopName::Never => EarlyStopping::Never,
        }
    }
}

impl SearchArgs {
    /// The flags that were given.
    pub fn given(&self) -> Vec<&'static str> {
        [
            (self.num_beams.is_some(), "--num-beams"),
            (self.length_penalty.is_some(), "--length-penalty"),
            (self.early_stopping.is_some(), "--early-stopping"),
            (self.num_return_sequences.is_some(), "--num-return-sequences"),
        ]
        .iter()
        .filter(|(given, _)| *given)
        .map(|(_, name)| *name)
        .collect()
    }
}
