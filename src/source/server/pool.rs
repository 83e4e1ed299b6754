//! The tokens of an input: each is named once, however often it is listed.

use std::collections::HashMap;

use super::value::Value;
use crate::TokenId;

/// The number of a token in its pool.
pub(crate) type Number = u32;

/// A token as a server writes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Token {
    pub id: Option<TokenId>,
    /// Its text: what stands in it of an unfinished character is U+FFFD, or missing.
    pub text: Option<Box<str>>,
    /// Its bytes, where the server tells them.
    pub bytes: Option<Box<[u8]>>,
}

/// What tells one token from another.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    Id(TokenId),
    Bytes(Box<[u8]>),
    /// A text, by its number, and how often it stood before in the same list: tokens may share their text.
    Text(u32, usize),
}

/// How many tokens of one list are told apart that share their text.
const MOST: usize = 64;

/// The most tokens of an input that are told apart: no vocabulary has so many.
pub(super) const MOST_TOKENS: Number = 1 << 22;

#[derive(Debug, Default)]
pub(crate) struct Pool {
    pub tokens: Vec<Token>,
    numbers: HashMap<Key, Number>,
    /// The texts that name tokens.
    texts: HashMap<Box<str>, u32>,
    /// The list in which a token stood last.
    last: Vec<u32>,
    /// The list that is being read; 0 between lists.
    list: u32,
    lists: u32,
    /// There was no place for a token.
    pub is_full: bool,
    /// Taken tokens of which their list says another number, and what is said of the first.
    pub contradictions: usize,
    pub contradiction: Option<String>,
    /// Texts that stood twice in one list, of tokens without an id.
    pub shared: usize,
}

impl Pool {
    pub fn of_id(&mut self, id: TokenId, text: Option<&str>) -> Number {
        match self.numbers.get(&Key::Id(id)) {
            Some(number) => *number,
            None => self.add(Key::Id(id), Token { id: Some(id), text: text.map(Box::from), bytes: None }),
        }
    }

    /// A list of tokens begins: of those with the same text each is another one.
    pub fn begin_list(&mut self) {
        self.lists = self.lists.wrapping_add(1).max(1);
        self.list = self.lists;
    }

    /// The list is over.
    pub fn end_list(&mut self) {
        self.list = 0;
    }

    /// A token that is known by its text alone: outside of lists the first with this text.
    pub fn of_text(&mut self, text: &str) -> Number {
        if let Some(id) = text.strip_prefix("token_id:").and_then(|id| id.parse().ok()) {
            return self.of_id(id, None);
        }
        if let Some(bytes) = text.strip_prefix("bytes:").and_then(escaped) {
            return self.of_bytes(&String::from_utf8_lossy(&bytes), bytes.as_slice().into());
        }
        let mut nth = 0;
        let next = self.texts.len() as u32;
        let known = match self.texts.get(text) {
            Some(known) => *known,
            None if next == MOST_TOKENS => {
                self.is_full = true;
                return 0;
            }
            None => *self.texts.entry(text.into()).or_insert(next),
        };
        loop {
            let key = Key::Text(known, nth);
            let number = match self.numbers.get(&key) {
                Some(number) => *number,
                None => self.add(key, Token { text: Some(text.into()), ..Token::default() }),
            };
            let last = &mut self.last[number as usize];
            if self.list == 0 || *last != self.list || nth == MOST {
                *last = self.list;
                return number;
            }
            self.shared += usize::from(nth == 0);
            nth += 1;
        }
    }

    /// The token of an entry: an id (`id`, `tokenId`), a text (`token`, `text`, `tok_str`, `decoded_token`), bytes, or some of them.
    pub fn of_entry(&mut self, entry: &Value) -> Result<Number, String> {
        let id = entry.any(&["id", "tokenId", "token_id"]);
        let text = entry.any(&["token", "text", "tok_str", "decoded_token"]).text();
        let bytes = entry.get("bytes").bytes();
        if !id.is_null() {
            let id = id.id().ok_or_else(|| format!("{} is no token id", shown(id)))?;
            let number = self.of_id(id, text);
            if let (Some(bytes), Some(text)) = (bytes, text) {
                self.learn(number, text, bytes);
            }
            return Ok(number);
        }
        let text = text.ok_or("an entry without a token: neither \"id\" nor \"token\"")?;
        let is_id = text.starts_with("token_id:");
        match bytes.filter(|bytes| bytes != text.as_bytes() && !bytes.is_empty() && !is_id) {
            Some(bytes) => Ok(self.of_bytes(text, bytes.into())),
            None => Ok(self.of_text(text)),
        }
    }

    fn of_bytes(&mut self, text: &str, bytes: Box<[u8]>) -> Number {
        let token = Token { id: None, text: Some(text.into()), bytes: Some(bytes.clone()) };
        self.add(Key::Bytes(bytes), token)
    }

    /// The last token of a character stands once with the bytes of the whole character, and in lists with its own: the fewer ones are
    /// the token's.
    fn learn(&mut self, number: Number, text: &str, bytes: Vec<u8>) {
        let Some(token) = self.tokens.get_mut(number as usize) else { return };
        if token.bytes.as_ref().is_none_or(|known| !bytes.is_empty() && bytes.len() < known.len()) {
            (token.text, token.bytes) = (Some(text.into()), Some(bytes.into()));
        }
    }

    fn add(&mut self, key: Key, token: Token) -> Number {
        let next = self.tokens.len() as Number;
        if next == MOST_TOKENS && !self.numbers.contains_key(&key) {
            self.is_full = true;
            return 0;
        }
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.tokens.push(token);
            self.last.push(0);
        }
        number
    }

    /// Counts a taken token of which the list says another number than it does itself.
    pub fn hold(&mut self, number: Number, own: f64, listed: &[(Number, f32)]) {
        let Some((_, other)) = listed.iter().find(|(other, _)| *other == number) else { return };
        // the list is held in f32
        let is_own = |listed: f32| (own - f64::from(listed)).abs() <= 1e-6 * own.abs().max(1.0);
        // of several with its text, which one was taken is not known
        let text = |number: Number| self.tokens.get(number as usize).and_then(|token| token.text.as_deref());
        let same =
            |other: Number| other == number || text(number).is_some_and(|own| text(other) == Some(own));
        if listed.iter().any(|(other, logprob)| is_own(*logprob) && same(*other)) {
            return;
        }
        self.contradictions += 1;
        if self.contradiction.is_none() {
            let token = self.tokens.get(number as usize).cloned().unwrap_or_default();
            let name = token.text.map(|text| format!("{text:?}")).or(token.id.map(|id| format!("id {id}")));
            self.contradiction =
                Some(format!("{} has {own}, and {other} in its list", name.unwrap_or_default()));
        }
    }

    /// The token with this text and an id; it stays the same where it has one.
    pub fn with_id(&mut self, number: Number, id: TokenId) -> Number {
        let token = self.tokens.get(number as usize).cloned().unwrap_or_default();
        match token.id {
            Some(_) => number,
            None => self.of_id(id, token.text.as_deref()),
        }
    }
}

/// The bytes of `\xf0\x9f`, as OpenAI's legacy completions write tokens that are part of a character; others stand as they are.
fn escaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4);
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        match rest.strip_prefix("\\x") {
            Some(digits) => {
                bytes.push(u8::from_str_radix(digits.get(..2)?, 16).ok()?);
                rest = &digits[2..];
            }
            None => {
                let (one, more) = rest.split_at(next.len_utf8());
                bytes.extend_from_slice(one.as_bytes());
                rest = more;
            }
        }
    }
    Some(bytes).filter(|_| text.contains("\\x"))
}

/// A value as messages quote it.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Int(x) => x.to_string(),
        Value::Large(x) => x.to_string(),
        Value::Float(x) => x.to_string(),
        Value::Text(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
        other => other.kind().into(),
    }
}
