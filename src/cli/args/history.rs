//! The ids before the input's first step.

use clap::Args;
use tokpick::render::Tokens;
use tokpick::{Error, Result, TokenId};

use crate::cli::ids::parse;
use crate::cli::named::Named;
use crate::cli::note::note;

#[derive(Args)]
#[command(next_help_heading = "History (ids separated by blanks or commas, or @FILE)")]
pub struct HistoryArgs {
    /// The prompt
    #[arg(long, value_name = "IDS", allow_hyphen_values = true, value_parser = parse::<Named>)]
    pub prompt_ids: Option<Named>,
    /// What was generated before the input's first step: generated for processors and tables, but not for output and limits
    #[arg(long, value_name = "IDS", allow_hyphen_values = true, value_parser = parse::<Named>)]
    pub prefix_ids: Option<Named>,
    /// Refuse ids of the history that are outside the vocabulary, which penalties pass over
    #[arg(long)]
    pub strict: bool,
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
        Ok([ids(&self.prompt_ids, "--prompt-ids")?, ids(&self.prefix_ids, "--prefix-ids")?])
    }

    /// Says which ids of the history are outside the vocabulary: no processor and no engine finds a logit for them.
    ///
    /// # Errors
    /// Such an id, where the history is strict.
    pub fn check(&self, history: [&[TokenId]; 2], vocab: Option<usize>) -> Result<()> {
        let Some(vocab) = vocab else { return Ok(()) };
        for (ids, flag) in history.into_iter().zip(["--prompt-ids", "--prefix-ids"]) {
            let mut outside = ids.iter().filter(|&&id| id as usize >= vocab);
            let Some(first) = outside.next() else { continue };
            if self.strict {
                let what = format!("is outside the vocabulary of {vocab}: correct it, or leave out --strict");
                return Err(Error::setting(flag, format!("id {first}"), what));
            }
            note(format!(
                "{flag}: {} of the ids, {first} first, outside the vocabulary of {vocab}: penalties pass over them",
                1 + outside.count()
            ));
        }
        Ok(())
    }
}
