//! `tokenizer.json`, read by Hugging Face's `tokenizers`: the only file that knows this crate.

use std::collections::HashMap;

use jiter::{Jiter, Peek};

use crate::TokenId;

/// A tokenizer, and which of its tokens are special.
#[cfg(feature = "tokenizer")]
pub(super) struct Tokenizer {
    library: tokenizers::Tokenizer,
    special: std::collections::BTreeSet<TokenId>,
}

/// There is none in a build without the feature `tokenizer`.
#[cfg(not(feature = "tokenizer"))]
pub(super) enum Tokenizer {}

/// A tokenizer and the strings of its tokens, or what is wrong with its file.
type Parsed = Result<(Tokenizer, HashMap<TokenId, String>), String>;

impl Tokenizer {
    /// True if a text is a `tokenizer.json`: an object with an object `model`. No vocabulary is, whose values are ids.
    pub fn is_one(text: &[u8]) -> bool {
        let mut json = Jiter::new(text);
        let mut key = json.next_object().ok().flatten().map(str::to_owned);
        while let Some(name) = key {
            if name == "model" {
                return json.peek() == Ok(Peek::Object);
            }
            if json.next_skip().is_err() {
                return false;
            }
            key = json.next_key().ok().flatten().map(str::to_owned);
        }
        false
    }
}

#[cfg(feature = "tokenizer")]
impl Tokenizer {
    /// Reads a `tokenizer.json`.
    pub fn parse(text: &[u8]) -> Parsed {
        check_growth(text)?;
        let refused = |e: tokenizers::Error| format!("no tokenizer that can be used: {}", first_line(&e));
        let mut library = guarded(|| tokenizers::Tokenizer::from_bytes(text).map_err(refused))?;
        // texts are neither cut nor filled up, whatever the file says: that is for training
        let uncut = library.with_truncation(None).map(|_| ()).map_err(refused);
        uncut?;
        library.with_padding(None);
        let strings = library.get_vocab(true).into_iter().map(|(string, id)| (id, string)).collect();
        let added = library.get_added_tokens_decoder();
        let special = added.iter().filter(|(_, token)| token.special).map(|(id, _)| *id).collect();
        Ok((Tokenizer { library, special }, strings))
    }

    /// The text of ids, all of which are known.
    pub fn decode(&self, ids: &[TokenId], skip_special: bool) -> Result<String, String> {
        guarded(|| self.library.decode(ids, skip_special).map_err(|e| first_line(&e)))
    }

    /// The ids of a text.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<TokenId>, String> {
        let refused = |e: tokenizers::Error| format!("can't be encoded: {}", first_line(&e));
        guarded(|| self.library.encode_fast(text, special).map(|e| e.get_ids().to_vec()).map_err(refused))
    }

    /// True for a special token.
    pub fn is_special(&self, id: TokenId) -> bool {
        self.special.contains(&id)
    }
}

#[cfg(not(feature = "tokenizer"))]
impl Tokenizer {
    pub fn parse(_: &[u8]) -> Parsed {
        Err("a tokenizer.json, and this build reads none: build with the feature `tokenizer`, or give the strings of its tokens as a \
             JSON list"
            .into())
    }

    pub fn decode(&self, _: &[TokenId], _: bool) -> Result<String, String> {
        match *self {}
    }

    pub fn encode(&self, _: &str, _: bool) -> Result<Vec<TokenId>, String> {
        match *self {}
    }

    pub fn is_special(&self, _: TokenId) -> bool {
        match *self {}
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokenizer")
    }
}

#[cfg(feature = "tokenizer")]
fn first_line(error: &tokenizers::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_string()
}

#[cfg(feature = "tokenizer")]
thread_local! {
    /// This thread is inside the library, whose panics become errors.
    static GUARDED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs the library, which panics over some files that contradict themselves (a charsmap that is none, an empty pattern): that is an error
/// like any other, and no report of a panic goes to standard error.
#[cfg(feature = "tokenizer")]
fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                others(panic);
            }
        }));
    });
    GUARDED.set(true);
    let done = catch_unwind(AssertUnwindSafe(run));
    GUARDED.set(false);
    done.unwrap_or_else(|_| Err("the tokenizer contradicts itself, and its library gave up".into()))
}

/// How many times longer its replacements may make a text, at most: files that are used stay below 100.
#[cfg(feature = "tokenizer")]
const MOST_GROWTH: f64 = 65536.0;

/// Refuses replacements that make of a short text one that no memory holds: each multiplies its length.
#[cfg(feature = "tokenizer")]
fn check_growth(text: &[u8]) -> Result<(), String> {
    /// The parts of the file that say how text is changed.
    #[derive(serde::Deserialize)]
    struct Parts {
        normalizer: Option<serde_json::Value>,
        decoder: Option<serde_json::Value>,
    }
    // what is no JSON is refused by the library, in its words
    let Ok(parts) = serde_json::from_slice::<Parts>(text) else { return Ok(()) };
    for (name, part) in [("normalizer", parts.normalizer), ("decoder", parts.decoder)] {
        let growth = part.as_ref().map_or(1.0, growth);
        if growth > MOST_GROWTH {
            return Err(format!(
                "the replacements of its {name} make a text {growth:.0} times as long: no such tokenizer is used"
            ));
        }
    }
    Ok(())
}

/// By how much a normalizer or decoder may lengthen a text.
#[cfg(feature = "tokenizer")]
fn growth(part: &serde_json::Value) -> f64 {
    let own = part.get("content").and_then(|c| c.as_str()).map_or(1.0, |c| c.len().max(1) as f64);
    let inner =
        part.as_object().into_iter().flat_map(|fields| fields.values()).flat_map(|v| v.as_array()).flatten();
    inner.map(growth).fold(own, |all, one| all * one)
}
