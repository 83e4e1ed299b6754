//! Processors of tokens that are named by their text.

use clap::Args;
use serde_json::{Value, json};
use tokpick::text::Tokens;
use tokpick::{Error, Result, TokenId};

#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Constraints")]
pub struct TextArgs {
    /// Forbid a word, behind a blank and without one; needs a tokenizer. May be repeated
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub bad_words: Vec<String>,
    /// Add a number to the logits of each token of a text (as llama.cpp's `logit_bias`); needs a tokenizer. May be repeated
    #[arg(long, value_name = "TEXT=BIAS", allow_hyphen_values = true)]
    pub logit_bias_text: Vec<String>,
}

/// What is added to the list of a processor: its name, the parameter, and the entries.
pub type Added = (&'static str, &'static str, Vec<Value>);

impl TextArgs {
    /// The flag that was given first, without its hyphens.
    pub fn first(&self) -> Option<&'static str> {
        let given = [("bad-words", &self.bad_words), ("logit-bias-text", &self.logit_bias_text)];
        given.into_iter().find(|(_, texts)| !texts.is_empty()).map(|(flag, _)| flag)
    }

    /// What processors get beside their own flags; `words` are those of files.
    ///
    /// # Errors
    /// A text without a tokenizer, or one that gives no token; a bias that is no number.
    pub fn resolve(&self, words: &[String], tokens: Option<&Tokens>) -> Result<Vec<Added>> {
        let mut added = Vec::new();
        let mut phrases = Vec::new();
        for (flag, word) in
            self.bad_words.iter().map(|w| ("--bad-words", w)).chain(words.iter().map(|w| ("bad_words", w)))
        {
            phrases.extend(forbidden(flag, word, tokens)?.into_iter().map(|ids| json!(ids)));
        }
        if !phrases.is_empty() {
            added.push(("bad_words_ids", "ids", phrases));
        }
        let mut pairs = Vec::new();
        for text in &self.logit_bias_text {
            let bad =
                || Error::setting("--logit-bias-text", text, "must be TEXT=BIAS, the bias a number or -inf");
            let (text, bias) = text.rsplit_once('=').ok_or_else(bad)?;
            let bias = match bias.trim() {
                "-inf" | "-Infinity" => json!("-inf"),
                bias => json!(bias.parse::<f64>().ok().filter(|b| b.is_finite()).ok_or_else(bad)?),
            };
            pairs.extend(ids("--logit-bias-text", text, tokens)?.into_iter().map(|id| json!([id, bias])));
        }
        if !pairs.is_empty() {
            added.push(("logit_bias", "value", pairs));
        }
        Ok(added)
    }
}

/// The ids of a text; at least one.
///
/// # Errors
/// No token strings, no tokenizer where the text is several tokens; a text without a token.
pub fn ids(flag: &str, text: &str, tokens: Option<&Tokens>) -> Result<Vec<TokenId>> {
    let bad = |what: &str| Error::setting(flag, format!("{text:?}"), what);
    let Some(tokens) = tokens else {
        return Err(bad("is a text, and a text needs a tokenizer: give --tokenizer FILE"));
    };
    match found(flag, text, tokens)? {
        ids if ids.is_empty() => Err(bad("gives no token")),
        ids => Ok(ids),
    }
}

/// The ids of a text, be it none.
///
/// # Errors
/// No tokenizer where the text is several tokens.
pub fn found(flag: &str, text: &str, tokens: &Tokens) -> Result<Vec<TokenId>> {
    let bad = |what: String| Error::setting(flag, format!("{text:?}"), what);
    if !tokens.is_tokenizer() && tokens.named(text).is_empty() {
        let what = "is no token of the vocabulary, which splits no text: a text of several tokens needs a tokenizer \
                    (--tokenizer FILE)";
        return Err(bad(what.into()));
    }
    tokens.ids_of(text).map_err(bad)
}

/// The sequences of ids that a forbidden word stands for: those of the word at the beginning of a text, and those of the word behind a
/// blank. (vLLM takes the latter where they are as many.)
fn forbidden(flag: &str, word: &str, tokens: Option<&Tokens>) -> Result<Vec<Vec<TokenId>>> {
    let own = ids(flag, word.trim_start(), tokens)?;
    if !tokens.is_some_and(Tokens::is_tokenizer) {
        return Ok(vec![ids(flag, word, tokens)?]);
    }
    let behind = ids(flag, &format!(" {}", word.trim_start()), tokens)?;
    // else what completes the one completes the other
    let differs = !behind.ends_with(&own);
    Ok(if differs { vec![own, behind] } else { vec![own] })
}
