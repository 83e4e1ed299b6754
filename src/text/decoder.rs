//! Text as its ids come.

use super::tokens::Tokens;
use crate::TokenId;

/// Text as its ids come: it holds the bytes of a character until the character is whole.
///
/// The pieces, and what [`finish`](Self::finish) gives, make up [`Tokens::text`] of all ids. With a tokenizer the pieces are those of the
/// `tokenizers` library's `DecodeStream`. Under byte fallback a byte that continues nothing takes back the characters before it (`é`, then
/// such a byte, are three U+FFFD, one for each byte). That library's stream gives up there; here what was given stays, and the bytes that
/// are left follow as U+FFFD.
///
/// ```
/// use tokpick::source::Vocab;
/// use tokpick::text::{Decoder, Tokens};
/// // two bytes of é, each a token of its own
/// let tokens = Tokens::new(Vocab::parse("vocab.json", r#"["Ã", "©", "Ġa"]"#.as_bytes())?);
/// let mut decoder = Decoder::default();
/// assert_eq!([0, 1, 2, 0].map(|id| decoder.next(&tokens, id)), ["", "é", " a", ""]);
/// assert_eq!(decoder.finish(&tokens), "\u{fffd}");
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    /// Bytes of a character that is not whole yet, of a vocabulary's strings.
    held: Vec<u8>,
    /// The last ids, of a tokenizer: those whose text is given, as far as the next ones depend on it, and those that wait.
    ids: Vec<TokenId>,
    /// How many of `ids` are given.
    given: usize,
    /// Their text.
    prefix: String,
}

impl Tokens {
    /// The text of some ids.
    ///
    /// Bytes of a vocabulary that are no UTF-8 become U+FFFD, one for each run that could not begin a character; a tokenizer decodes as
    /// the `tokenizers` library does. That library passes over ids beyond the vocabulary; here each is named, `<|id|>`.
    pub fn text(&self, ids: &[TokenId]) -> String {
        let known = ids.iter().all(|&id| self.strings().token(id).is_some());
        if known && let Some(text) = self.decode(ids) {
            return text;
        }
        let mut decoder = Decoder::default();
        let mut text: String = ids.iter().map(|&id| decoder.next(self, id)).collect();
        text.push_str(&decoder.finish(self));
        text
    }
}

/// So many ids wait for a character to become whole: it has 4 bytes at most, and tokens that are left out wait beside them.
const MOST_WAITING: usize = 64;

impl Decoder {
    /// The characters that are whole once this token is there.
    pub fn next(&mut self, tokens: &Tokens, id: TokenId) -> String {
        if !tokens.is_tokenizer() {
            return self.bytes(&tokens.bytes(id));
        }
        if tokens.strings().token(id).is_none() {
            return self.finish(tokens) + &tokens.stand_in(id);
        }
        if self.prefix.is_empty() && self.given < self.ids.len() {
            // what waits is left out of the text, or makes a character with what comes
            let text = tokens.decode(&self.ids).unwrap_or_default();
            if !text.ends_with(char::REPLACEMENT_CHARACTER) {
                (self.prefix, self.given) = (text, self.ids.len());
            }
        }
        self.ids.push(id);
        let Some(text) = tokens.decode(&self.ids) else {
            // the library fails on these ids: their strings stand in
            self.ids.pop();
            return self.finish(tokens) + &tokens.piece(id);
        };
        let waits = text.len() <= self.prefix.len() || text.ends_with(char::REPLACEMENT_CHARACTER);
        if waits && self.ids.len() - self.given < MOST_WAITING {
            return String::new();
        }
        let piece = behind(&self.prefix, &text).to_string();
        self.settle(tokens);
        piece
    }

    /// What is left at the end: a character that never became whole, as U+FFFD.
    pub fn finish(&mut self, tokens: &Tokens) -> String {
        if !tokens.is_tokenizer() {
            return String::from_utf8_lossy(&std::mem::take(&mut self.held)).into_owned();
        }
        if self.ids.len() == self.given {
            return String::new();
        }
        let piece = tokens.decode(&self.ids).map(|text| behind(&self.prefix, &text).to_string());
        self.settle(tokens);
        piece.unwrap_or_default()
    }

    /// Everything is given: the ids of the last piece stay, as the next ones are decoded behind them.
    fn settle(&mut self, tokens: &Tokens) {
        self.ids.drain(..self.given);
        self.given = self.ids.len();
        self.prefix = tokens.decode(&self.ids).unwrap_or_default();
    }

    /// The characters that are whole once these bytes are there.
    fn bytes(&mut self, bytes: &[u8]) -> String {
        self.held.extend(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.held) {
                Ok(rest) => {
                    text.push_str(rest);
                    self.held.clear();
                    return text;
                }
                Err(e) => {
                    let (whole, rest) = self.held.split_at(e.valid_up_to());
                    text.push_str(std::str::from_utf8(whole).unwrap_or_default());
                    let Some(broken) = e.error_len() else {
                        self.held = rest.to_vec();
                        return text;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.held = rest[broken..].to_vec();
                }
            }
        }
    }
}

/// What of a text comes behind its beginning. Where characters of the beginning have become U+FFFD, one for each of their bytes, these are
/// behind it, too.
fn behind<'t>(prefix: &str, text: &'t str) -> &'t str {
    if let Some(rest) = text.strip_prefix(prefix) {
        return rest;
    }
    let same = prefix.chars().zip(text.chars()).take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum();
    let (mut given, mut rest) = (prefix.len() - same, &text[same..]);
    while let Some(c) = rest.chars().next().filter(|_| given > 0) {
        given = given.saturating_sub(if c == char::REPLACEMENT_CHARACTER { 1 } else { c.len_utf8() });
        rest = &rest[c.len_utf8()..];
    }
    rest
}
