use serde::Serialize;

use super::ngrams;

/// A ROUGE score.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Rouge {
    /// The share of the text that is in the reference.
    pub precision: f64,
    /// The share of the reference that is in the text.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

impl Rouge {
    fn new(common: usize, text: usize, reference: usize) -> Self {
        let share = |of: usize| if of == 0 { 0.0 } else { common as f64 / of as f64 };
        let (precision, recall) = (share(text), share(reference));
        let f1 = if common == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
        Rouge { precision, recall, f1 }
    }

    /// The first of those with the largest F1.
    fn best(scores: impl Iterator<Item = Rouge>) -> Rouge {
        scores.reduce(|best, next| if next.f1 > best.f1 { next } else { best }).unwrap_or_default()
    }
}

/// ROUGE-N (Lin 2004) as rouge-score 0.1.2 computes it, without stemming: common n-grams (each as often as in both) / n-grams, of
/// the reference with the largest F1.
///
/// ```
/// use tokpick::check::overlap::rouge_n;
/// let rouge = rouge_n(&[38, 4, 2, 3], &[&[4, 2, 3]], 1);
/// assert_eq!((rouge.precision, rouge.recall), (0.75, 1.0));
/// ```
pub fn rouge_n<T: Ord>(text: &[T], references: &[&[T]], n: usize) -> Rouge {
    let (of_text, all) = (ngrams(text, n), (text.len() + 1).saturating_sub(n));
    Rouge::best(references.iter().map(|reference| {
        let of_reference = ngrams(reference, n);
        let common =
            of_text.iter().map(|(ngram, &count)| of_reference.get(ngram).map_or(0, |&c| c.min(count))).sum();
        Rouge::new(common, all, (reference.len() + 1).saturating_sub(n))
    }))
}

/// ROUGE-L (Lin 2004) as rouge-score 0.1.2 computes it: the longest common subsequence / length, of the reference with the largest
/// F1. Time and memory: the product of the lengths, and the shorter one.
///
/// ```
/// use tokpick::check::overlap::rouge_l;
/// assert_eq!(rouge_l(&[1, 2, 3, 4], &[&[1, 9, 3]]).recall, 2.0 / 3.0);
/// ```
pub fn rouge_l<T: Ord>(text: &[T], references: &[&[T]]) -> Rouge {
    Rouge::best(references.iter().map(|r| Rouge::new(longest_common(text, r), text.len(), r.len())))
}

/// The length of the longest common subsequence.
fn longest_common<T: Ord>(a: &[T], b: &[T]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (at, y) in b.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if x == y { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[b.len()]
}
