use std::cell::Cell;

use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Processor, param, slack};
use crate::{Result, kernel};

/// Typical-p (locally typical sampling): keeps the tokens whose surprise is nearest to the entropy, until their mass reaches p.
///
/// `d(x) = |−ln p(x) − H|`; the kept set is the smallest `{ x : d(x) ≤ D }` of mass at least p. Meister et al. 2023, *Locally
/// Typical Sampling*. The best token may go.
///
/// - `value`: p in [0, 1]; disabling value 1; p = 0 keeps the most typical token and its ties.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1), the most typical ones.
///
/// Tokens as typical as the last kept one are kept: d within 1e-6, on both sides of H. The mass counts as reached at
/// `p − 1e-6·p·(1 − p)`. transformers sums in f32 and keeps equal d; llama.cpp wants a mass strictly above p and splits ties.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let p: [f32; 4] = [0.4, 0.2, 0.2, 0.2];
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(p.map(f32::ln).to_vec()), 0, 0)?;
/// settings::chain("typical_p=0.5")?.apply_alone(&mut c)?;
/// assert_eq!(c.members().map(|m| m.0).collect::<Vec<_>>(), [1, 2, 3]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TypicalP {
    value: f64,
    min_tokens_to_keep: usize,
}

pub(super) static INFO: Info = Info {
    name: "typical_p",
    kind: Kind::Truncation,
    flag: "--typical-p",
    off: "1",
    summary: "keeps the tokens whose surprise is nearest to the entropy, until their probability reaches p",
    source: "Meister et al. 2023",
    parse: |form| {
        let p: param::Threshold<f64> = param::read("typical_p", "value", form)?;
        Ok(Box::new(TypicalP::new(p.value, p.min_tokens_to_keep)?))
    },
};

impl TypicalP {
    /// The most typical tokens of mass p, and at least `min_tokens_to_keep`.
    ///
    /// # Errors
    /// p outside [0, 1].
    pub fn new(value: f64, min_tokens_to_keep: usize) -> Result<Self> {
        param::check("typical_p", value, (0.0..=1.0).contains(&value), "from 0 to 1 (1 keeps all)")?;
        Ok(TypicalP { value, min_tokens_to_keep })
    }
}

impl Processor for TypicalP {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        param::write(self.value, self.min_tokens_to_keep)
    }

    fn is_off(&self) -> bool {
        self.value == 1.0
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        let mut scratch = SCRATCH.take();
        let Scratch { below, weights, open, distances, buckets } = &mut scratch;
        let best = c.max_score();
        below.clear();
        below.extend(c.members().map(|(_, score)| best - score));
        weights.clone_from(below);
        kernel::each(weights, |b| kernel::exp(-b));
        let total: f64 = weights.iter().sum();
        // −ln p and H both contain ln Σ weights: d is the distance of a score from the mean score under p
        let mean = below.iter().zip(&*weights).map(|(b, w)| b * w).sum::<f64>() / total;
        open.clear();
        open.extend(below.iter().zip(&*weights).map(|(b, w)| ((b - mean).abs(), *w)));
        if let Some(floor) = nth(open, self.min_tokens_to_keep, distances) {
            let target = slack::mass(self.value) * total;
            let last = reach(open, target, distances, buckets).max(floor) + slack::LOGIT;
            c.retain(|_, s| (best - s - mean).abs() <= last);
        }
        SCRATCH.set(scratch);
        Ok(())
    }
}

/// Buffers that outlive a call, so that a warm loop allocates nothing.
#[derive(Default)]
struct Scratch {
    below: Vec<f64>,
    weights: Vec<f64>,
    /// Distance and weight of the undecided.
    open: Vec<(f64, f64)>,
    distances: Vec<f64>,
    buckets: Vec<f64>,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// The n-th smallest distance (from 1); the largest if there are fewer, `None` if there is none.
fn nth(members: &[(f64, f64)], n: usize, distances: &mut Vec<f64>) -> Option<f64> {
    let of_members = members.iter().map(|m| m.0);
    if n <= 1 {
        return of_members.reduce(f64::min);
    }
    distances.clear();
    distances.extend(of_members);
    let at = n.min(distances.len()).checked_sub(1)?;
    Some(*distances.select_nth_unstable_by(at, f64::total_cmp).1)
}

/// Equal steps of distance among which the first look divides the members.
const BUCKETS: usize = 1024;

/// The smallest distance within which the members weigh at least `target`: finds the bucket of distances in which it lies, then
/// halves the undecided ones around their median. They stay in id order, so that the sums don't depend on how the median is found.
fn reach(open: &mut Vec<(f64, f64)>, target: f64, distances: &mut Vec<f64>, buckets: &mut Vec<f64>) -> f64 {
    let largest = |open: &[(f64, f64)]| open.iter().fold(0.0, |m: f64, o| m.max(o.0));
    let end = largest(open);
    // rises with the distance, and never ends outside: the cast takes NaN (0 · ∞) to 0
    let per_bucket = BUCKETS as f64 / end;
    let bucket = |d: f64| ((d * per_bucket) as usize).min(BUCKETS - 1);
    buckets.clear();
    buckets.resize(BUCKETS, 0.0);
    for &(d, w) in open.iter() {
        buckets[bucket(d)] += w;
    }
    let mut inside = 0.0;
    let Some(last) = buckets.iter().position(|&sum| {
        let reached = inside + sum >= target;
        inside += if reached { 0.0 } else { sum };
        reached
    }) else {
        return end;
    };
    open.retain(|o| bucket(o.0) == last);
    let mut found = largest(open);
    while let Some(median) = nth(open, open.len().div_ceil(2), distances) {
        let lower: f64 = open.iter().filter(|o| o.0 <= median).map(|o| o.1).sum();
        if inside + lower >= target {
            found = median;
            open.retain(|o| o.0 < median);
        } else {
            inside += lower;
            open.retain(|o| o.0 > median);
        }
    }
    found
}
