//! How the strings of a vocabulary stand for bytes.

use crate::TokenId;
use crate::source::byte_level;

/// How strings stand for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As they stand.
    Plain,
    /// In the byte-level alphabet.
    ByteLevel,
    /// `▁` for a space, `<0x0A>` for a byte.
    SentencePiece,
}

impl Spelling {
    /// The spelling that most of the strings have.
    pub fn of<'a>(strings: impl Iterator<Item = (TokenId, &'a str)>) -> Spelling {
        let (mut marked, mut others) = (0usize, 0usize);
        // those that begin with ▁, and those that no vocabulary of SentencePiece has
        let (mut pieces, mut foreign) = (0usize, 0usize);
        for (_, string) in strings {
            let is_piece = string.strip_prefix("##").is_some_and(|s| s.starts_with(char::is_alphanumeric));
            pieces += usize::from(string.starts_with('▁'));
            foreign += usize::from(is_piece || string.starts_with(['Ġ', 'Ċ']) || string.contains(' '));
            match byte_level::bytes(string) {
                Some(_) if is_piece => others += 1,
                Some(_) => marked += usize::from(string.starts_with(['Ġ', 'Ċ'])),
                None => others += 1,
            }
        }
        match () {
            () if marked > others => Spelling::ByteLevel,
            () if pieces > foreign => Spelling::SentencePiece,
            () => Spelling::Plain,
        }
    }

    /// The bytes that a string stands for.
    pub fn bytes(self, string: &str) -> Vec<u8> {
        let decoded = match self {
            Spelling::Plain => None,
            Spelling::ByteLevel => byte_level::bytes(string),
            Spelling::SentencePiece => Some(match byte_piece(string) {
                Some(byte) => vec![byte],
                None => string.replace('▁', " ").into_bytes(),
            }),
        };
        decoded.unwrap_or_else(|| string.as_bytes().to_vec())
    }
}

/// The byte of a piece `<0x0A>`.
fn byte_piece(string: &str) -> Option<u8> {
    let digits = string.strip_prefix("<0x")?.strip_suffix('>')?;
    let is_hex = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}
