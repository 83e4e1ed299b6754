//! The ids before the input's first step.

use clap::Args;
use tokpick::render::Tokens;
use tokpick::{Error, Result, TokenId};

use crate::cli::named::{Named, parse};

#[derive(Args)]
#[command(next_help_heading = "History (ids separated by blanks or commas, or @FILE)")]
pub struct HistoryArgs {
    /// The prompt
    #[arg(long, value_name = "IDS", allow_hyphen_values = true, value_parser = parse::<Named>)]
    pub prompt_ids: Option<Named>,
    /// The prompt as text, with the tokens that its tokenizer puts around a text (`<s>`); needs a tokenizer
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with = "prompt_ids")]
    pub prompt: Option<String>,
    /// What was generated before the input's first step: generated for processors and tables, but not for output and limits
    #[arg(long, value_name = "IDS", allow_hyphen_values = true, value_parser = parse::<Named>)]
    pub prefix_ids: Option<Named>,
}

impl HistoryArgs {
    /// The prompt, then the prefix.
    ///
    /// # Errors
    /// A string that is no token.
    pub fn resolve(&self, tokens: Option<&Tokens>) -> Result<[Vec<TokenId>; 2]> {
        let ids = |named: &Option<Named>, flag: &str| {
            named.as_ref().map_or(Ok(Vec::new()), |named| named.resolve(flag, tokens))
        };
        let prompt = match &self.prompt {
            Some(text) => self.encode(text, tokens)?,
            None => ids(&self.prompt_ids, "--prompt-ids")?,
        };
        Ok([prompt, ids(&self.prefix_ids, "--prefix-ids")?])
    }

    fn encode(&self, text: &str, tokens: Option<&Tokens>) -> Result<Vec<TokenId>> {
        let bad = |what: String| Error::setting("--prompt", format!("{text:?}"), what);
        let none =
            "is a text, and a text needs a tokenizer: give --tokenizer FILE, or the ids as --prompt-ids";
        tokens.ok_or_else(|| bad(none.into()))?.encode(text, true).map_err(bad)
    }
}
