//! Phrases that must appear, and how far a hypothesis has come with them.

use crate::TokenId;

/// A phrase that must appear, in one of its forms (transformers' disjunctive constraint; most phrases have one form).
///
/// ```
/// use tokpick::sampler::Phrase;
///
/// assert_eq!(Phrase::from(vec![5, 6]), Phrase { forms: vec![vec![5, 6]] });
/// let rain_or_rains = Phrase { forms: vec![vec![31], vec![31, 8]] };
/// assert_eq!(rain_or_rains.forms.len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// Its forms, as token ids: one or more, none empty.
    pub forms: Vec<Vec<TokenId>>,
}

impl From<Vec<TokenId>> for Phrase {
    fn from(form: Vec<TokenId>) -> Self {
        Phrase { forms: vec![form] }
    }
}

impl Phrase {
    /// True if there is nothing that could appear.
    pub(super) fn is_empty(&self) -> bool {
        self.forms.is_empty() || self.forms.iter().any(Vec::is_empty)
    }

    /// What it counts once it is in, whichever form it is in: the tokens of the longest.
    fn tokens(&self) -> usize {
        self.forms.iter().map(Vec::len).max().unwrap_or(0)
    }
}

/// The phrases of a constrained beam search; none otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phrases<'a>(pub &'a [Phrase]);

impl Phrases<'_> {
    /// How many tokens all phrases have.
    pub fn tokens(&self) -> usize {
        self.0.iter().map(Phrase::tokens).sum()
    }

    /// The ids in any form of any phrase.
    pub fn ids(&self) -> impl Iterator<Item = TokenId> {
        self.0.iter().flat_map(|phrase| &phrase.forms).flatten().copied()
    }

    /// How many of them are in `ids` followed by `next`, the longest phrase under way included: the bank of a hypothesis.
    pub fn met(&self, ids: &[TokenId], next: Option<TokenId>) -> usize {
        let len = ids.len() + usize::from(next.is_some());
        let at = |i: usize| ids.get(i).copied().or(next);
        let (mut met, mut under_way) = (0, 0);
        for phrase in self.0 {
            let is_in = |form: &Vec<TokenId>| {
                let begins_at = |i: usize| (0..form.len()).all(|j| at(i + j) == Some(form[j]));
                (0..(len + 1).saturating_sub(form.len())).any(begins_at)
            };
            if phrase.forms.iter().any(is_in) {
                met += phrase.tokens();
            } else {
                let begun = phrase.forms.iter().map(|form| overlap(form, len, at)).max();
                under_way = under_way.max(begun.unwrap_or(0));
            }
        }
        met + under_way
    }

    /// The tokens that begin or go on with a phrase that is not in yet; ascending.
    pub fn wanted(&self, ids: &[TokenId]) -> Vec<TokenId> {
        let at = |i: usize| ids.get(i).copied();
        let is_in = |form: &Vec<TokenId>| ids.windows(form.len()).any(|w| w == form.as_slice());
        let mut wanted: Vec<TokenId> = self
            .0
            .iter()
            .filter(|phrase| !phrase.forms.iter().any(is_in))
            .flat_map(|phrase| &phrase.forms)
            .map(|form| form[overlap(form, ids.len(), at)])
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }
}

/// How many tokens of a form, not all, a hypothesis of `len` ids ends with.
fn overlap(form: &[TokenId], len: usize, at: impl Fn(usize) -> Option<TokenId>) -> usize {
    let longest = len.min(form.len() - 1);
    let ends_with = |n: &usize| (0..*n).all(|j| at(len - n + j) == Some(form[j]));
    (0..=longest).rev().find(ends_with).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_counts_while_it_is_under_way_and_starts_again_when_broken_off() {
        let list = [vec![5, 9].into(), vec![7].into()];
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
        let list = [vec![1, 1, 2].into()];
        assert_eq!(Phrases(&list).wanted(&[1, 1, 1]), [2]);
    }

    #[test]
    fn one_form_of_a_phrase_is_enough_and_counts_as_much_as_the_longest() {
        let list = [Phrase { forms: vec![vec![5, 9, 1], vec![7, 2], vec![5, 8]] }, vec![4].into()];
        let phrases = Phrases(&list);
        let cases: [(&[TokenId], usize, &[TokenId]); 6] = [
            (&[], 0, &[4, 5, 7]),
            (&[5], 1, &[4, 7, 8, 9]),
            (&[5, 9], 2, &[1, 4, 5, 7]),
            (&[5, 8], 3, &[4]),
            (&[7, 2], 3, &[4]),
            (&[4, 5, 9, 1], 4, &[]),
        ];
        for (ids, met, wanted) in cases {
            assert_eq!(phrases.met(ids, None), met, "{ids:?}");
            assert_eq!(phrases.wanted(ids), wanted, "{ids:?}");
        }
        assert_eq!(phrases.tokens(), 4);
    }
}
