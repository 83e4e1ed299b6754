//! The ids before the input's first step.

use clap::Args;
use tokpick::render::Tokens;
use tokpick::source::{Carried, LogitsSource};
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
    /// The prompt, then the prefix: those that were given, else those that the source carries, where all its sequences have the same.
    ///
    /// # Errors
    /// A string that is no token.
    pub fn resolve(&self, tokens: Option<&Tokens>, source: &dyn LogitsSource) -> Result<[Vec<TokenId>; 2]> {
        let (carried, first) = (source.carried(), source.shape().first_step);
        let ids = |named: &Option<Named>, flag: &str, inside: &dyn Fn(&Carried) -> Vec<TokenId>| match named {
            Some(named) => named.resolve(flag, tokens),
            None => {
                let mut all = carried.iter().map(inside);
                let one = all.next().filter(|one| all.all(|other| other == *one));
                Ok(one.unwrap_or_default())
            }
        };
        let before = |c: &Carried| c.ids.get(..first).unwrap_or(&c.ids).to_vec();
        let prompt = match &self.prompt {
            Some(text) => self.encode(text, tokens)?,
            None => ids(&self.prompt_ids, "--prompt-ids", &|c| c.prompt.clone())?,
        };
        Ok([prompt, ids(&self.prefix_ids, "--prefix-ids", &before)?])
    }

    /// True if the source carries prompts that are not used, as they differ and a job has one.
    pub fn drops_prompts(&self, source: &dyn LogitsSource) -> bool {
        let carried = source.carried();
        self.prompt_ids.is_none()
            && self.prompt.is_none()
            && carried.windows(2).any(|pair| pair[0].prompt != pair[1].prompt)
    }

    fn encode(&self, text: &str, tokens: Option<&Tokens>) -> Result<Vec<TokenId>> {
        let bad = |what: String| Error::setting("--prompt", format!("{text:?}"), what);
        let none =
            "is a text, and a text needs a tokenizer: give --tokenizer FILE, or the ids as --prompt-ids";
        tokens.ok_or_else(|| bad(none.into()))?.encode(text, true).map_err(bad)
    }
}
