use std::collections::BTreeMap;

use serde::Serialize;

use super::ngrams;

/// The longest n-gram that BLEU counts.
const MAX_ORDER: usize = 4;

/// A BLEU score and its parts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bleu {
    /// The score, 0 to 100.
    pub score: f64,
    /// exp(1 − reference length / length) of too short a text, else 1.
    pub brevity_penalty: f64,
    /// The share of n-grams that stand in a reference too, in percent, for n = 1 to 4; smoothed where there are none; 0 for orders
    /// longer than the text.
    pub precisions: [f64; MAX_ORDER],
}

/// Sentence BLEU (Papineni et al. 2002) as sacreBLEU 2.6 computes it without a tokenizer.
///
/// `100 · BP · exp(mean ln pₙ)`, pₙ = matched n-grams / n-grams, each n-gram counted at most as often as in the reference that has
/// most of it, n = 1 to 4 (to the length of a shorter text: "effective order"). The k-th order without a match counts as
/// 1 / (2ᵏ · n-grams) (exponential smoothing). BP compares with the length of the nearest reference, the shorter of two.
///
/// ```
/// use tokpick::check::overlap::sentence_bleu;
/// let bleu = sentence_bleu(&[38, 4, 2, 3], &[&[4, 2, 3]]);
/// assert!((bleu.score - 59.460355750136046).abs() < 1e-12);
/// ```
pub fn sentence_bleu<T: Ord>(hypothesis: &[T], references: &[&[T]]) -> Bleu {
    let mut counts = Counts::default();
    counts.add(hypothesis, references);
    counts.bleu(true)
}

/// BLEU of several texts: the counts of all are summed before the precisions are taken; all four orders count.
///
/// ```
/// use tokpick::check::overlap::corpus_bleu;
/// let (text, other) = ([1, 2, 3, 4, 5], [1, 2, 3, 4, 6]);
/// assert!(corpus_bleu([(&text[..], vec![&text[..]])]).score > 99.99);
/// assert!(corpus_bleu([(&text[..], vec![&text[..]]), (&text[..], vec![&other[..]])]).score < 90.0);
/// ```
pub fn corpus_bleu<'a, T: Ord + 'a>(pairs: impl IntoIterator<Item = (&'a [T], Vec<&'a [T]>)>) -> Bleu {
    let mut counts = Counts::default();
    for (hypothesis, references) in pairs {
        counts.add(hypothesis, &references);
    }
    counts.bleu(false)
}

/// Self-BLEU (Zhu et al. 2018, Texygen): the mean sentence BLEU of each sample against all others, 0 to 100; the lower, the more
/// they differ. `None` for fewer than two samples.
///
/// ```
/// use tokpick::check::overlap::self_bleu;
/// assert!(self_bleu(&[&[1, 2, 3, 4], &[1, 2, 3, 4]]).unwrap() > 99.99);
/// assert_eq!(self_bleu(&[&[1, 2, 3, 4]]), None);
/// ```
pub fn self_bleu<T: Ord>(samples: &[&[T]]) -> Option<f64> {
    if samples.len() < 2 {
        return None;
    }
    // for every order: each n-gram's largest count, in which sample, and the largest among the others
    let tops: Vec<BTreeMap<&[T], Top>> = (1..=MAX_ORDER).map(|n| tops(samples, n)).collect();
    let sum: f64 = samples
        .iter()
        .enumerate()
        .map(|(at, sample)| {
            let mut counts = Counts::default();
            let most = |n: usize, ngram: &[T]| tops[n - 1].get(ngram).map_or(0, |top| top.without(at));
            let lengths = samples.iter().enumerate().filter(|&(other, _)| other != at).map(|(_, s)| s.len());
            counts.count(sample, most, lengths);
            counts.bleu(true).score
        })
        .sum();
    Some(sum / samples.len() as f64)
}

/// The largest count of an n-gram in one sample, and in all others.
#[derive(Debug, Clone, Copy, Default)]
struct Top {
    sample: usize,
    most: usize,
    second: usize,
}

impl Top {
    fn without(&self, sample: usize) -> usize {
        if self.sample == sample { self.second } else { self.most }
    }
}

fn tops<'a, T: Ord>(samples: &[&'a [T]], n: usize) -> BTreeMap<&'a [T], Top> {
    let mut tops: BTreeMap<&[T], Top> = BTreeMap::new();
    for (sample, ids) in samples.iter().enumerate() {
        for (ngram, count) in ngrams(ids, n) {
            let top = tops.entry(ngram).or_default();
            if count > top.most {
                *top = Top { sample, most: count, second: top.most };
            } else {
                top.second = top.second.max(count);
            }
        }
    }
    tops
}

/// What BLEU is made of.
#[derive(Debug, Default)]
struct Counts {
    matched: [usize; MAX_ORDER],
    all: [usize; MAX_ORDER],
    length: usize,
    reference_length: usize,
}

impl Counts {
    fn add<T: Ord>(&mut self, hypothesis: &[T], references: &[&[T]]) {
        let of: Vec<Vec<_>> =
            (1..=MAX_ORDER).map(|n| references.iter().map(|r| ngrams(r, n)).collect()).collect();
        let most = |n: usize, ngram: &[T]| {
            of[n - 1].iter().filter_map(|counts| counts.get(ngram)).copied().max().unwrap_or(0)
        };
        self.count(hypothesis, most, references.iter().map(|r| r.len()));
    }

    /// `most`: how often an n-gram may count; `lengths`: those of the references.
    fn count<T: Ord>(
        &mut self,
        hypothesis: &[T],
        most: impl Fn(usize, &[T]) -> usize,
        lengths: impl Iterator<Item = usize>,
    ) {
        for n in 1..=MAX_ORDER {
            self.all[n - 1] += (hypothesis.len() + 1).saturating_sub(n);
            self.matched[n - 1] += ngrams(hypothesis, n)
                .into_iter()
                .map(|(ngram, count)| count.min(most(n, ngram)))
                .sum::<usize>();
        }
        self.length += hypothesis.len();
        self.reference_length +=
            lengths.min_by_key(|&length| (length.abs_diff(hypothesis.len()), length)).unwrap_or(0);
    }

    fn bleu(&self, effective_order: bool) -> Bleu {
        let (length, reference) = (self.length as f64, self.reference_length as f64);
        let brevity_penalty = match self.length {
            n if n >= self.reference_length => 1.0,
            0 => 0.0,
            _ => (1.0 - reference / length).exp(),
        };
        let mut precisions = [0.0; MAX_ORDER];
        if self.matched.iter().all(|&m| m == 0) {
            return Bleu { score: 0.0, brevity_penalty, precisions };
        }
        let (mut order, mut smoothing) = (MAX_ORDER, 1.0);
        for (n, precision) in precisions.iter_mut().enumerate() {
            if self.all[n] == 0 {
                break;
            }
            if effective_order {
                order = n + 1;
            }
            *precision = match self.matched[n] {
                0 => {
                    smoothing *= 2.0;
                    100.0 / (smoothing * self.all[n] as f64)
                }
                matched => 100.0 * matched as f64 / self.all[n] as f64,
            };
        }
        let logs: f64 = precisions[..order].iter().map(|p| p.ln()).sum();
        let score = brevity_penalty * (logs / order as f64).exp();
        Bleu { score, brevity_penalty, precisions }
    }
}
