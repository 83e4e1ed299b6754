//! Phrases that must appear, and how far a hypothesis has come with them.

use crate::TokenId;

/// The phrases of a constrained beam search; none otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phrases<'a>(pub &'a [Vec<TokenId>]);

impl Phrases<'_> {
    /// How many tokens all phrases have.
    pub fn tokens(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// How many of them are in `ids` followed by `next`, the longest phrase under way included: the bank of a hypothesis.
    pub fn met(&self, ids: &[TokenId], next: Option<TokenId>) -> usize {
        let len = ids.len() + usize::from(next.is_some());
        let at = |i: usize| ids.get(i).copied().or(next);
        let (mut met, mut under_way) = (0, 0);
        for phrase in self.0 {
            let begins_at = |i: usize| (0..phrase.len()).all(|j| at(i + j) == Some(phrase[j]));
            if (0..(len + 1).saturating_sub(phrase.len())).any(begins_at) {
                met += phrase.len();
            } else {
                under_way = under_way.max(overlap(phrase, len, at));
            }
        }
        met + under_way
    }

    /// The tokens that begin or go on with a phrase that is not in yet; ascending.
    pub fn wanted(&self, ids: &[TokenId]) -> Vec<TokenId> {
        let at = |i: usize| ids.get(i).copied();
        let mut wanted: Vec<TokenId> = self
            .0
            .iter()
            .filter(|phrase| !ids.windows(phrase.len()).any(|w| w == phrase.as_slice()))
            .map(|phrase| phrase[overlap(phrase, ids.len(), at)])
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }
}

/// How many tokens of a phrase, not all, a hypothesis of `len` ids ends with.
fn overlap(phrase: &[TokenId], len: usize, at: impl Fn(usize) -> Option<TokenId>) -> usize {
    let longest = len.min(phrase.len() - 1);
    let ends_with = |n: &usize| (0..*n).all(|j| at(len - n + j) == Some(phrase[j]));
    (0..=longest).rev().find(ends_with).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_counts_while_it_is_under_way_and_starts_again_when_broken_off() {
        let list = [vec![5, 9], vec![7]];
        let phrases = Phrases(&list);
        // (ids, tokens that are in, tokens wanted next)
        let cases: [(&[TokenId], usize, &[TokenId]); 7] = [
            (&[], 0, &[5, 7]),
            (&[5], 1, &[7, 9]),
            (&[5, 1], 0, &[5, 7]),
            (&[5, 5], 1, &[7, 9]),
            (&[5, 9], 2, &[7]),
            (&[5, 7], 1, &[5]),
            (&[7, 5, 9, 1], 3, &[]),
        ];
        for (ids, met, wanted) in cases {
            assert_eq!(phrases.met(ids, None), met, "{ids:?}");
            assert_eq!(phrases.wanted(ids), wanted, "{ids:?}");
            if let Some((&last, rest)) = ids.split_last() {
                assert_eq!(phrases.met(rest, Some(last)), met, "{ids:?}");
            }
        }
        assert_eq!(phrases.tokens(), 3);
    }

    #[test]
    fn a_phrase_that_repeats_itself_keeps_what_it_can() {
        let list = [vec![1, 1, 2]];
        assert_eq!(Phrases(&list).wanted(&[1, 1, 1]), [2]);
    }
}
