//! Whether tokens of two sides are the same.

use super::Claimed;
use crate::TokenId;
use crate::source::byte_level;

/// The tokens of one sequence on both sides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    pub x: &'a Claimed,
    pub y: &'a Claimed,
}

impl Pair<'_> {
    /// Whether token `at` of the first side is token `to` of the second: by their ids, else by their texts; `None` where they have neither
    /// in common.
    pub fn same(&self, at: usize, to: usize) -> Option<bool> {
        match (own_id(self.x, at), own_id(self.y, to)) {
            (Some(a), Some(b)) => Some(a == b),
            _ => same_text(text(self.x, at)?, text(self.y, to)?),
        }
    }

    /// True if anything could tell tokens of the two sides apart.
    pub fn is_comparable(&self) -> bool {
        let both = |has: &dyn Fn(&Claimed) -> bool| has(self.x) && has(self.y);
        let any = |side: &Claimed, has: &dyn Fn(usize) -> bool| (0..side.logprobs.len()).any(has);
        both(&|side| any(side, &|at| own_id(side, at).is_some()))
            || both(&|side| any(side, &|at| text(side, at).is_some()))
    }

    /// How both are called in an error: by id where both have one, else by their texts.
    pub fn names(&self, at: usize, to: usize) -> [String; 2] {
        let ids = [own_id(self.x, at), own_id(self.y, to)];
        let by_id = |side: &Claimed, at: usize| side.ids.get(at).map(|id| format!("id {id}"));
        let by_text = |side: &Claimed, at: usize| text(side, at).map(|text| format!("{text:?}"));
        let name = |side: &Claimed, at: usize| match ids.iter().all(Option::is_some) {
            true => by_id(side, at),
            false => by_text(side, at).or_else(|| by_id(side, at)),
        };
        [name(self.x, at), name(self.y, to)].map(|name| name.unwrap_or_else(|| "no token".into()))
    }
}

/// The id of a token, unless it was made up.
pub(super) fn own_id(side: &Claimed, at: usize) -> Option<TokenId> {
    side.ids.get(at).copied().filter(|_| side.numbered.binary_search(&at).is_err())
}

fn text(side: &Claimed, at: usize) -> Option<&str> {
    side.tokens.get(at)?.as_deref()
}

/// Whether two texts are of one token; `None` for parts of characters, of which servers tell no text.
fn same_text(a: &str, b: &str) -> Option<bool> {
    let is_part = |text: &str| text.is_empty() || text.contains('\u{fffd}') || text.starts_with("<0x");
    if a == b {
        return Some(true).filter(|_| !a.is_empty() && !a.contains('\u{fffd}'));
    }
    if is_part(a) || is_part(b) {
        return None;
    }
    let (a, b) = (spellings(a), spellings(b));
    Some(a.iter().any(|text| b.contains(text)))
}

/// The bytes that a text may stand for: its own, those that it is in the byte-level alphabet, or with SentencePiece's blanks.
fn spellings(text: &str) -> Vec<Vec<u8>> {
    let mut all = vec![text.as_bytes().to_vec()];
    all.extend(byte_level::bytes(text));
    if text.contains('▁') {
        all.push(text.replace('▁', " ").into_bytes());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_every_spelling() {
        for (a, b, same) in [
            (" how", " how", Some(true)),
            (" how", "Ġhow", Some(true)),
            (" how", "▁how", Some(true)),
            ("é", "Ã©", Some(true)),
            ("\n", "Ċ", Some(true)),
            (" how", "how", Some(false)),
            ("é", "è", Some(false)),
            ("\u{fffd}", "é", None),
            ("<0xE2>", "\u{fffd}", None),
            ("", "a", None),
            ("\u{fffd}", "\u{fffd}", None),
        ] {
            assert_eq!(same_text(a, b), same, "{a:?} {b:?}");
            assert_eq!(same_text(b, a), same, "{b:?} {a:?}");
        }
    }

    #[test]
    fn an_id_that_was_made_up_tells_nothing() {
        let side = |ids: &[TokenId], numbered: &[usize], tokens: &[&str]| Claimed {
            ids: ids.to_vec(),
            logprobs: vec![None; ids.len()],
            numbered: numbered.to_vec(),
            tokens: tokens.iter().map(|t| (!t.is_empty()).then(|| t.to_string())).collect(),
            ..Claimed::default()
        };
        let (x, y) = (side(&[7, 0, 1], &[1, 2], &["a", "b", "c"]), side(&[7, 8, 9], &[], &["a", "x", ""]));
        let pair = Pair { x: &x, y: &y };
        assert_eq!([0, 1, 2].map(|at| pair.same(at, at)), [Some(true), Some(false), None]);
        assert!(pair.is_comparable());
        assert_eq!(pair.names(1, 1), ["\"b\"", "\"x\""]);
        let (x, y) = (side(&[0, 1], &[0, 1], &["a", "b"]), side(&[7, 8], &[], &[]));
        assert!(!Pair { x: &x, y: &y }.is_comparable());
    }
}
