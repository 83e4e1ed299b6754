//! Token strings: what stands for an id in text.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::TokenId;
use crate::source::Vocab;

/// The strings of a vocabulary, and how they become text.
///
/// Byte-level BPE vocabularies (GPT-2 and its heirs) write every byte as one printable character: `Ġ` is a space, `Ċ` a newline.
/// Where a vocabulary uses that alphabet, [`text`](Self::text) turns it back into bytes; other strings are joined as they stand.
///
/// ```
/// use tokpick::render::Tokens;
/// use tokpick::source::Vocab;
/// let tokens = Tokens::new(Vocab::parse("vocab.json", r#"["Hello", "Ġworld", "Ċ"]"#.as_bytes())?);
/// assert_eq!(tokens.text(&[0, 1, 2]), "Hello world\n");
/// assert_eq!(tokens.label(1), "Ġworld");
/// assert_eq!(tokens.text(&[7]), "<|7|>");
/// assert_eq!(tokens.missing(), [7]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug)]
pub struct Tokens {
    strings: Vocab,
    byte_level: bool,
    missing: RefCell<BTreeSet<TokenId>>,
}

impl Tokens {
    /// The strings of a vocabulary.
    pub fn new(strings: Vocab) -> Self {
        let marked = strings.iter().filter(|(_, s)| s.starts_with(['Ġ', 'Ċ'])).count();
        let spaced = strings.iter().filter(|(_, s)| s.contains(' ')).count();
        Tokens { byte_level: marked > spaced, strings, missing: RefCell::default() }
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

    /// The text of some ids.
    pub fn text(&self, ids: &[TokenId]) -> String {
        let mut bytes = Vec::new();
        for &id in ids {
            match self.strings.token(id) {
                None => bytes.extend(self.stand_in(id).bytes()),
                Some(s) => {
                    let decoded = if self.byte_level { s.chars().map(byte).collect() } else { None };
                    bytes.extend(decoded.unwrap_or_else(|| s.as_bytes().to_vec()));
                }
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
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

    /// The ids that were shown and have no string, ascending: model heads are often padded beyond their vocabulary.
    pub fn missing(&self) -> Vec<TokenId> {
        self.missing.borrow().iter().copied().collect()
    }

    fn stand_in(&self, id: TokenId) -> String {
        self.missing.borrow_mut().insert(id);
        format!("<|{id}|>")
    }
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
        assert_eq!(text(&["▁a"], &[0]), "▁a");
    }
}
