//! When decoding stops.

use clap::Args;
use tokpick::text::Tokens;
use tokpick::{Error, Result, TokenId};

use crate::cli::named::{Named, parse};

#[derive(Args, Clone)]
#[command(next_help_heading = "Stopping")]
pub struct LimitArgs {
    /// At most so many new tokens (default: until the input ends; 20 for tables, bigrams and models)
    #[arg(long, value_name = "N")]
    pub max_new_tokens: Option<usize>,
    /// End tokens: a sequence ends with any of them; ids, or with a vocabulary the strings of tokens
    #[arg(long, value_name = "IDS", allow_hyphen_values = true, value_parser = parse::<Named>)]
    pub eos_token_id: Option<Named>,
    /// An end token by its string (`<|im_end|>`); may be repeated
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub eos_token: Vec<String>,
}

impl LimitArgs {
    /// The end tokens that flags give; `None` if none does.
    ///
    /// # Errors
    /// A string that is no token, or stands for several.
    pub fn eos(&self, tokens: Option<&Tokens>) -> Result<Option<Vec<TokenId>>> {
        let named =
            self.eos_token_id.as_ref().map(|ids| ids.resolve("--eos-token-id", tokens)).transpose()?;
        if self.eos_token.is_empty() {
            return Ok(named);
        }
        let mut ids = named.unwrap_or_default();
        for text in &self.eos_token {
            let bad = |what: String| Error::setting("--eos-token", format!("{text:?}"), what);
            let is_id = text.trim().parse::<TokenId>().is_ok();
            let instead =
                if is_id { format!("; an id is --eos-token-id {}", text.trim()) } else { String::new() };
            let no_strings =
                "is a string, and there are no token strings: give --tokenizer FILE or --vocab FILE";
            let tokens = tokens.ok_or_else(|| bad(format!("{no_strings}{instead}")))?;
            ids.push(tokens.only(text).map_err(|what| bad(format!("{what}{instead}")))?);
        }
        Ok(Some(ids))
    }
}
