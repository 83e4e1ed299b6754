//! Vocabulary files: the strings of the tokens.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use jiter::{Jiter, JiterError, NumberInt, Peek};

use super::text::lines::{self, read_text};
use crate::{Error, Place, Result, TokenId};

/// Token strings by id, from a file of its own. It may be shorter than V (model heads are padded) and have gaps.
///
/// Three forms are read, told apart by content: a JSON list of strings in id order; a JSON object token → id, as `vocab.json` of
/// many tokenizers; text, a token a line in id order (blank lines are tokens, too: they hold a place).
///
/// ```
/// use tokpick::source::Vocab;
/// let vocab = Vocab::parse("v.json", br#"{"dog": 1, "nice": 0, "car": 7}"#)?;
/// assert_eq!(vocab.token(7), Some("car"));
/// assert_eq!(vocab.token(2), None);
/// assert_eq!(Vocab::parse("v.txt", b"[PAD]\n[UNK]\nthe\n")?.token(2), Some("the"));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocab {
    // shared, as it is large
    tokens: Arc<HashMap<TokenId, String>>,
}

impl Vocab {
    /// Reads a file, `-` for standard input.
    ///
    /// # Errors
    /// A file that can't be read or is in none of the three forms; an id that stands for two tokens.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Vocab::parse(&lines::name(path), read_text(path)?.as_bytes())
    }

    /// Reads the text of a file; `name` is for messages.
    ///
    /// # Errors
    /// As [`Vocab::open`].
    pub fn parse(name: &str, text: &[u8]) -> Result<Self> {
        let bad = |what: String| Error::input(name, Place::default(), what);
        let lines = lines::text(name, text)?;
        let text = lines.as_bytes();
        let mut start = text.iter().filter(|b| !b.is_ascii_whitespace());
        // A word list may begin with [PAD]: JSON has a quote (or the end) after its bracket.
        let tokens = match (start.next(), start.next()) {
            (Some(b'['), Some(b'"' | b']')) => list(text).map_err(bad)?,
            (Some(b'{'), Some(b'"' | b'}')) => object(text).map_err(bad)?,
            (None, _) => {
                return Err(bad(
                    "empty; a vocabulary is a JSON list, a JSON object token → id, or a token a line".into(),
                ));
            }
            _ => (0..).zip(lines.lines().map(str::to_owned)).collect(),
        };
        if tokens.is_empty() {
            return Err(bad("a vocabulary without a token".into()));
        }
        Ok(Vocab { tokens: Arc::new(tokens) })
    }

    /// The string of a token, as it stands in the file; `None` where it has none.
    pub fn token(&self, id: TokenId) -> Option<&str> {
        self.tokens.get(&id).map(String::as_str)
    }

    /// The tokens that have a string, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (TokenId, &str)> {
        self.tokens.iter().map(|(&id, token)| (id, token.as_str()))
    }

    /// Number of tokens that have a string.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Never: a vocabulary without a token is refused.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}

impl From<HashMap<TokenId, String>> for Vocab {
    /// Strings by id.
    fn from(tokens: HashMap<TokenId, String>) -> Self {
        Vocab { tokens: Arc::new(tokens) }
    }
}

impl From<&[String]> for Vocab {
    /// The strings that came inside an input.
    fn from(strings: &[String]) -> Self {
        Vocab { tokens: Arc::new((0..).zip(strings.iter().cloned()).collect()) }
    }
}

impl FromIterator<(TokenId, String)> for Vocab {
    /// The strings of some tokens; of two for one token the first.
    fn from_iter<I: IntoIterator<Item = (TokenId, String)>>(strings: I) -> Self {
        let mut tokens = HashMap::new();
        for (id, string) in strings {
            tokens.entry(id).or_insert(string);
        }
        Vocab { tokens: Arc::new(tokens) }
    }
}

type Tokens = HashMap<TokenId, String>;

fn list(text: &[u8]) -> std::result::Result<Tokens, String> {
    let mut json = Jiter::new(text);
    let broken = |e: JiterError| describe(text, &e);
    let mut tokens = Tokens::new();
    let mut next = json.next_array().map_err(broken)?;
    for id in 0.. {
        let Some(peek) = next else { break };
        if peek != Peek::String {
            return Err(format!("entry {id} of the list is not a string"));
        }
        tokens.insert(id, json.known_str().map_err(broken)?.to_owned());
        next = json.array_step().map_err(broken)?;
    }
    json.finish().map_err(broken)?;
    Ok(tokens)
}

fn object(text: &[u8]) -> std::result::Result<Tokens, String> {
    let mut json = Jiter::new(text);
    let broken = |e: JiterError| describe(text, &e);
    let mut tokens = Tokens::new();
    let mut key = json.next_object().map_err(broken)?.map(str::to_owned);
    while let Some(token) = key {
        let id = match json.peek().map_err(broken)?.is_num().then(|| json.next_int()) {
            Some(Ok(NumberInt::Int(id))) => TokenId::try_from(id).ok(),
            _ => None,
        };
        let Some(id) = id else {
            return Err(format!("the value of {token:?} is not a token id"));
        };
        if let Some(other) = tokens.insert(id, token) {
            let token = &tokens[&id];
            return Err(format!("the id {id} stands for two tokens, {other:?} and {token:?}"));
        }
        key = json.next_key().map_err(broken)?.map(str::to_owned);
    }
    json.finish().map_err(broken)?;
    Ok(tokens)
}

fn describe(text: &[u8], e: &JiterError) -> String {
    let line = 1 + text[..e.index.min(text.len())].iter().filter(|b| **b == b'\n').count();
    format!("not JSON: {} in line {line}", e.error_type)
}
