//! Token strings: what stands for an id in text.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use crate::TokenId;
use crate::source::names::only;
use crate::source::{Names, Vocab};

/// The strings of a vocabulary, and how they become text.
///
/// Byte-level BPE vocabularies (GPT-2 and its heirs) write every byte as one printable character: `Ġ` is a space, `Ċ` a newline.
/// SentencePiece vocabularies (Kudo & Richardson 2018; Llama 2, T5 …) write a space as `▁`, and a byte that is part of no piece as
/// `<0x0A>`. [`text`](Self::text) turns both back into bytes; strings of other vocabularies are joined as they stand.
///
/// A vocabulary uses the byte-level alphabet if more of its strings begin with `Ġ` or `Ċ` than are written otherwise: with
/// characters outside of the alphabet (a blank, `▁`), or with WordPiece's `##`. A literal `Ġ` among those says nothing. It is
/// SentencePiece's if more strings begin with `▁` than with `Ġ`, `Ċ` or `##` or hold a blank.
///
/// ```
/// use tokpick::render::Tokens;
/// use tokpick::source::Vocab;
/// let tokens = Tokens::new(Vocab::parse("vocab.json", r#"["Hello", "Ġworld", "Ċ"]"#.as_bytes())?);
/// assert_eq!(tokens.text(&[0, 1, 2]), "Hello world\n");
/// assert_eq!(tokens.label(1), "Ġworld");
/// assert_eq!(tokens.text(&[7]), "<|7|>");
/// assert_eq!(tokens.missing(), [7]);
/// let tokens = Tokens::new(Vocab::parse("vocab.json", r#"["▁Hello", "▁world", "<0x0A>"]"#.as_bytes())?);
/// assert_eq!(tokens.text(&[0, 1, 2]), " Hello world\n");
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug)]
pub struct Tokens {
    strings: Vocab,
    spelling: Spelling,
    missing: RefCell<BTreeSet<TokenId>>,
}

/// How strings stand for bytes.
#[derive(Debug, Clone, Copy)]
enum Spelling {
    /// As they stand.
    Plain,
    /// In the byte-level alphabet.
    ByteLevel,
    /// `▁` for a space, `<0x0A>` for a byte.
    SentencePiece,
}

impl Tokens {
    /// The strings of a vocabulary.
    pub fn new(strings: Vocab) -> Self {
        let (mut marked, mut others) = (0usize, 0usize);
        // those that begin with ▁, and those that no vocabulary of SentencePiece has
        let (mut pieces, mut foreign) = (0usize, 0usize);
        for (_, string) in strings.iter() {
            let is_piece = string.strip_prefix("##").is_some_and(|s| s.starts_with(char::is_alphanumeric));
            pieces += usize::from(string.starts_with('▁'));
            foreign += usize::from(is_piece || string.starts_with(['Ġ', 'Ċ']) || string.contains(' '));
            match bytes(string) {
                Some(_) if is_piece => others += 1,
                Some(_) => marked += usize::from(string.starts_with(['Ġ', 'Ċ'])),
                None => others += 1,
            }
        }
        let spelling = match () {
            () if marked > others => Spelling::ByteLevel,
            () if pieces > foreign => Spelling::SentencePiece,
            () => Spelling::Plain,
        };
        Tokens { spelling, strings, missing: RefCell::default() }
    }

    /// How many tokens have a string.
    pub fn len(&self) -> usize {
        self.strings.len()
    }

    /// True if no token has one.
    pub fn is_empty(&self) -> bool {
        self.strings.is_empty()
    }

    /// The string of a token as the vocabulary has it, control characters escaped; `<|id|>` where it has none.
    pub fn label(&self, id: TokenId) -> String {
        match self.strings.token(id) {
            Some(s) => {
                let mut label = String::with_capacity(s.len());
                for c in s.chars() {
                    if c.is_control() { label.extend(c.escape_default()) } else { label.push(c) }
                }
                label
            }
            None => self.stand_in(id),
        }
    }

    /// The text of some ids. Bytes that are no UTF-8 become U+FFFD, one for each run that could not begin a character.
    pub fn text(&self, ids: &[TokenId]) -> String {
        let mut decoder = Decoder::default();
        let mut text: String = ids.iter().map(|&id| decoder.next(self, id)).collect();
        text.push_str(&decoder.finish());
        text
    }

    /// The bytes that a token adds to a text.
    fn bytes(&self, id: TokenId) -> Vec<u8> {
        let Some(string) = self.strings.token(id) else { return self.stand_in(id).into_bytes() };
        let decoded = match self.spelling {
            Spelling::Plain => None,
            Spelling::ByteLevel => bytes(string),
            Spelling::SentencePiece => Some(match byte_piece(string) {
                Some(byte) => vec![byte],
                None => string.replace('▁', " ").into_bytes(),
            }),
        };
        decoded.unwrap_or_else(|| string.as_bytes().to_vec())
    }

    /// The tokens that a text names, ascending: those whose string it is, or else those that are shown as it.
    ///
    /// ```
    /// use tokpick::render::Tokens;
    /// use tokpick::source::Vocab;
    /// let tokens = Tokens::new(Vocab::parse("vocab.json", r#"["Hello", "Ġworld"]"#.as_bytes())?);
    /// assert_eq!((tokens.named("Ġworld"), tokens.named(" world"), tokens.named("x")), (vec![1], vec![1], vec![]));
    /// # Ok::<(), tokpick::Error>(())
    /// ```
    pub fn named(&self, text: &str) -> Vec<TokenId> {
        let all = |fits: &dyn Fn(TokenId, &str) -> bool| -> Vec<TokenId> {
            let mut ids: Vec<TokenId> =
                self.strings.iter().filter(|(id, s)| fits(*id, s)).map(|(id, _)| id).collect();
            ids.sort_unstable();
            ids
        };
        match all(&|_, s| s == text) {
            ids if ids.is_empty() => all(&|id, _| self.text(&[id]) == text),
            ids => ids,
        }
    }

    /// The token that a text names.
    ///
    /// # Errors
    /// Words, to follow the text: it names none, or several.
    pub fn only(&self, text: &str) -> Result<TokenId, String> {
        only(&self.named(text))
    }

    /// What finds the ids of tokens that an input names by these strings.
    ///
    /// ```
    /// use tokpick::render::Tokens;
    /// use tokpick::source::Vocab;
    /// let names = Tokens::names(Vocab::parse("vocab.json", r#"["Hello", "Ġworld"]"#.as_bytes())?);
    /// assert_eq!((names.id(" world"), names.id("Hello")), (Ok(1), Ok(0)));
    /// assert_eq!(names.id("x").unwrap_err(), "is no id, and no token of the vocabulary");
    /// # Ok::<(), tokpick::Error>(())
    /// ```
    pub fn names(strings: Vocab) -> Names {
        // made when the first string is asked for, and every string is looked for once
        let found = Mutex::new((None::<Tokens>, HashMap::<String, Result<TokenId, String>>::new()));
        Names::new(move |text| {
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            let (tokens, known) = &mut *found;
            if let Some(known) = known.get(text) {
                return known.clone();
            }
            let id = tokens.get_or_insert_with(|| Tokens::new(strings.clone())).only(text);
            known.insert(text.to_string(), id.clone());
            id
        })
    }

    /// The ids that were shown and have no string, ascending: model heads are often padded beyond their vocabulary.
    pub fn missing(&self) -> Vec<TokenId> {
        self.missing.borrow().iter().copied().collect()
    }

    fn stand_in(&self, id: TokenId) -> String {
        self.missing.borrow_mut().insert(id);
        format!("<|{id}|>")
    }
}

/// Text as its ids come: it holds the bytes of a character until the character is whole.
///
/// The pieces, and what [`finish`](Self::finish) gives, make up [`Tokens::text`] of all ids.
///
/// ```
/// use tokpick::render::{Decoder, Tokens};
/// use tokpick::source::Vocab;
/// // two bytes of é, each a token of its own
/// let tokens = Tokens::new(Vocab::parse("vocab.json", r#"["Ã", "©", "Ġa"]"#.as_bytes())?);
/// let mut decoder = Decoder::default();
/// assert_eq!([0, 1, 2, 0].map(|id| decoder.next(&tokens, id)), ["", "é", " a", ""]);
/// assert_eq!(decoder.finish(), "\u{fffd}");
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    held: Vec<u8>,
}

impl Decoder {
    /// The characters that are whole once this token is there.
    pub fn next(&mut self, tokens: &Tokens, id: TokenId) -> String {
        self.held.extend(tokens.bytes(id));
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

    /// What is left at the end: a character that never became whole, as U+FFFD.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.held)).into_owned()
    }
}

/// Text on one line: control characters (a newline becomes `\n`) and backslashes escaped.
///
/// ```
/// assert_eq!(tokpick::render::escape("a\n\\ é\t"), r"a\n\\ é\t");
/// ```
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || c == '\\' { escaped.extend(c.escape_default()) } else { escaped.push(c) }
    }
    escaped
}

/// The byte of a piece `<0x0A>`.
fn byte_piece(string: &str) -> Option<u8> {
    let digits = string.strip_prefix("<0x")?.strip_suffix('>')?;
    let is_hex = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

/// The bytes of a string of the byte-level alphabet; `None` where a character is not in it.
fn bytes(string: &str) -> Option<Vec<u8>> {
    string.chars().map(byte).collect()
}

/// The byte that a character of the byte-level alphabet stands for.
///
/// The alphabet (Radford et al. 2019) shows printable Latin-1 as itself, and the 68 other bytes, in order, as U+0100 and up.
fn byte(c: char) -> Option<u8> {
    let shown = |b: &u8| matches!(b, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    match c as u32 {
        n @ 0..=0xff => Some(n as u8).filter(shown),
        n => (0..=u8::MAX).filter(|b| !shown(b)).nth((n - 0x100) as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        let all: BTreeSet<u8> = (0..0x200).filter_map(char::from_u32).filter_map(byte).collect();
        assert_eq!(all.len(), 256);
        assert_eq!(
            (byte('Ġ'), byte('Ċ'), byte('ĉ'), byte('é')),
            (Some(b' '), Some(b'\n'), Some(b'\t'), Some(0xe9))
        );
    }

    #[test]
    fn text_of_vocabularies() {
        let text = |strings: &[&str], ids: &[TokenId]| {
            Tokens::new(Vocab::from(strings.iter().map(|s| s.to_string()).collect::<Vec<_>>().as_slice()))
                .text(ids)
        };
        // a letter of two bytes split over two tokens
        assert_eq!(text(&["Ã", "©", "Ġa"], &[2, 0, 1]), " aé");
        // an added token outside the alphabet stays as it is
        assert_eq!(text(&["<|end of text|>", "Ġa", "Ġb"], &[1, 0]), " a<|end of text|>");
        // no byte-level alphabet: nothing is decoded
        assert_eq!(text(&["The", " nice", " Ġ"], &[0, 1, 2]), "The nice Ġ");
        assert_eq!(text(&["The nice", "a b", "▁a"], &[2]), "▁a");
        // Llama 2 has single letters Ġ and ĉ among its pieces
        assert_eq!(text(&["▁a", "é", "Ġ", "ĉ", "▁the"], &[1, 2, 3, 0]), "éĠĉ a");
        assert_eq!(text(&["▁a", "Ġ", "ĉ"], &[1, 2]), "Ġĉ");
        // SentencePiece: spaces, and bytes that make up a letter or a newline
        let llama = ["▁the", "<0xC3>", "<0xA9>", "<0x0A>", "▁▁", "s", "<s>", "<0xG1>", "<0x+1>"];
        assert_eq!(text(&llama, &[6, 0, 5, 4, 1, 2, 3, 5]), "<s> thes  é\ns");
        assert_eq!(text(&llama, &[1, 5, 7, 8]), "\u{fffd}s<0xG1><0x+1>");
        // a byte piece is a byte where the vocabulary is of that kind alone
        assert_eq!(text(&["<0x0A>", "a"], &[0]), "<0x0A>");
        assert_eq!(text(&["[CLS]", "##s", "Ġ", "é", "##é"], &[3, 2]), "éĠ");
    }

    #[test]
    fn pieces_make_up_the_text() {
        let all: Vec<String> =
            (0..0x200).filter_map(char::from_u32).filter(|c| byte(*c).is_some()).map(String::from).collect();
        let tokens = Tokens::new(Vocab::from([&["Ġa".into(), "Ġ🦀".into()][..], &all].concat().as_slice()));
        let mut state = 1u32;
        for _ in 0..300 {
            let ids: Vec<TokenId> = (0..20)
                .map(|_| {
                    state = state.wrapping_mul(1664525).wrapping_add(1013904223);
                    (state >> 16) % 258
                })
                .collect();
            let bytes: Vec<u8> = ids.iter().flat_map(|&id| tokens.bytes(id)).collect();
            assert_eq!(tokens.text(&ids), String::from_utf8_lossy(&bytes), "{ids:?}");
        }
    }
}
