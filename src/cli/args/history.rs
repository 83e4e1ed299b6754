//! The ids before the input's first step.

use clap::Args;
use tokpick::render::Tokens;
use tokpick::source::{Carried, LogitsSource};
use tokpick::{Error, Result, TokenId};

use crate::cli::named::{Named, parse};

#[derive(Args, Clone)]
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

/// The ids that a sequence carries before a step.
fn before(carried: &Carried, step: usize) -> &[TokenId] {
    carried.ids.get(..step).unwrap_or(&carried.ids)
}

/// The ids that all sequences have in common; `None` where they differ.
fn of_all<'a>(carried: &'a [Carried], of: &dyn Fn(&Carried) -> &[TokenId]) -> Option<&'a [TokenId]> {
    let first = of(carried.first()?);
    // the choices of a request share their prompt
    carried.iter().map(of).all(|ids| std::ptr::eq(ids, first) || ids == first).then_some(first)
}

impl HistoryArgs {
    /// The prompt, then the prefix: those that were given, else those that the source carries, where all its sequences have the same.
    ///
    /// # Errors
    /// A string that is no token.
    pub fn resolve(&self, tokens: Option<&Tokens>, source: &dyn LogitsSource) -> Result<[Vec<TokenId>; 2]> {
        let (carried, first) = (source.carried(), source.shape().first_step);
        let ids = |named: &Option<Named>, flag: &str, inside: &dyn Fn(&Carried) -> &[TokenId]| match named {
            Some(named) => named.resolve(flag, tokens),
            None => Ok(of_all(carried, inside).unwrap_or_default().to_vec()),
        };
        let prompt = match &self.prompt {
            Some(text) => self.encode(text, tokens)?,
            None => ids(&self.prompt_ids, "--prompt-ids", &|c| &c.prompt)?,
        };
        Ok([prompt, ids(&self.prefix_ids, "--prefix-ids", &|c| before(c, first))?])
    }

    /// What the source carries of the history that is not used, as its sequences differ and a job has one; `None` if that is nothing.
    pub fn dropped(&self, source: &dyn LogitsSource) -> Option<String> {
        let (carried, first) = (source.carried(), source.shape().first_step);
        let differ =
            |of: &dyn Fn(&Carried) -> &[TokenId]| !carried.is_empty() && of_all(carried, of).is_none();
        let prompts = self.prompt_ids.is_none() && self.prompt.is_none() && differ(&|c| &c.prompt);
        let prefixes = self.prefix_ids.is_none() && differ(&|c| before(c, first));
        match (prompts, prefixes) {
            (false, false) => None,
            (true, false) => {
                Some("have prompts of their own, which processors of the history don't see here".into())
            }
            (prompts, true) => Some(format!(
                "have {}tokens of their own before step {first}, which processors of the history don't see here: give them \
                 for one sequence (--shard) or all of them (--prefix-ids), or begin at step 0",
                if prompts { "prompts and " } else { "" }
            )),
        }
    }

    fn encode(&self, text: &str, tokens: Option<&Tokens>) -> Result<Vec<TokenId>> {
        let bad = |what: String| Error::setting("--prompt", format!("{text:?}"), what);
        let none =
            "is a text, and a text needs a tokenizer: give --tokenizer FILE, or the ids as --prompt-ids";
        tokens.ok_or_else(|| bad(none.into()))?.encode(text, true).map_err(bad)
    }
}
