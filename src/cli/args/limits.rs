//! When decoding stops.

use clap::Args;
use tokpick::TokenId;
use tokpick::sampler::Limits;
use tokpick::source::Shape;

use crate::cli::ids::Ids;

#[derive(Args)]
#[command(next_help_heading = "Stopping")]
pub struct LimitArgs {
    /// At most so many new tokens (default: until the input ends; 20 for tables, bigrams and models)
    #[arg(long, value_name = "N")]
    pub max_new_tokens: Option<usize>,
    /// End tokens: a sequence ends with any of them
    #[arg(long, value_name = "IDS", allow_hyphen_values = true)]
    pub eos_token_id: Option<Ids>,
}

impl LimitArgs {
    /// The limits for a source of this shape.
    pub fn limits(&self, shape: &Shape) -> Limits {
        Limits { max_new_tokens: self.max_new_tokens, eos: self.eos() }.of(shape)
    }

    /// The end tokens, ascending, each once.
    pub fn eos(&self) -> Vec<TokenId> {
        let mut eos = self.eos_token_id.as_ref().map_or(Vec::new(), |ids| ids.0.clone());
        eos.sort_unstable();
        eos.dedup();
        eos
    }
}
