//! What came in many draws: how often, beside the exact probability and the counts that chance allows.

mod chance;
mod picture;
mod text;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

pub use chance::by_chance;

use super::{Tokens, kit};
use crate::{TokenId, kernel};

/// Counts what was drawn, sequence by sequence of the input.
///
/// ```
/// use tokpick::render::Histogram;
/// let mut histogram = Histogram::default();
/// for id in [3, 5, 3] {
///     histogram.add(0, &[id], Some(0.5f64.ln()));
/// }
/// let counted = &histogram.counted(None)[0];
/// assert_eq!((counted.samples, counted.outcomes[0].ids.as_slice(), counted.outcomes[0].count), (3, &[3][..], 2));
/// assert!((counted.outcomes[0].prob.unwrap() - 0.5).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Histogram(BTreeMap<usize, Tally>);

/// What came of one sequence of the input: count and log-probability of each outcome.
type Tally = HashMap<Vec<TokenId>, (u64, Option<f64>)>;

/// What came of a sequence of the input.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counted {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// How often was drawn.
    pub samples: u64,
    /// How many different outcomes came.
    pub distinct: usize,
    /// Those that are shown, the most frequent first.
    pub outcomes: Vec<Outcome>,
    /// The others that came.
    pub rest: Rest,
    /// The probability of all that never came; `None` where that of an outcome is not known.
    pub unseen: Option<f64>,
}

/// Something that came: a token, or a sequence of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Its ids.
    pub ids: Vec<TokenId>,
    /// How often it came.
    pub count: u64,
    /// The share of the draws in which it came.
    pub share: f64,
    /// Its exact probability: the product along its path of what each token was drawn with; `None` where the draw doesn't tell.
    pub prob: Option<f64>,
    /// How often it is expected.
    pub expected: Option<f64>,
    /// The fewest times that it comes in 95 % of such runs.
    pub low: Option<u64>,
    /// The most times.
    pub high: Option<u64>,
}

/// What is not shown one by one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rest {
    /// How many outcomes.
    pub outcomes: usize,
    /// How often they came together.
    pub count: u64,
    /// Their probability together.
    pub prob: Option<f64>,
}

/// An outcome that is rarer has come because something must: its interval says nothing.
const LEAST_EXPECTED: f64 = 1.0;

impl Outcome {
    /// True if it came as often as chance lets it, false if not; `None` where less than one was expected, or nobody knows.
    pub fn within(&self) -> Option<bool> {
        let (expected, low, high) = (self.expected?, self.low?, self.high?);
        (expected >= LEAST_EXPECTED).then_some((low..=high).contains(&self.count))
    }
}

/// An outcome as it is shown, or a sum of what is not.
struct Row {
    name: String,
    drawn: f64,
    prob: Option<f64>,
    count: u64,
    /// The fewest and the most times that chance lets it come.
    interval: Option<(u64, u64)>,
    chance: String,
    /// It came less or more often than `interval` allows.
    outside: bool,
    /// It stands for several.
    sum: bool,
}

impl Counted {
    /// What an outcome is: a token, or a text of several.
    fn noun(&self) -> &'static str {
        if self.outcomes.iter().all(|o| o.ids.len() == 1) { "token" } else { "text" }
    }

    fn title(&self) -> String {
        let different = format!("different {}", self.noun());
        let samples = kit::count_of(self.samples as usize, "sample");
        format!("sequence {} · {samples} · {}", self.sequence, kit::count_of(self.distinct, &different))
    }

    /// The outcomes that are shown, then the sum of the others (`more` before it), then that of what never came.
    fn rows(&self, tokens: Option<&Tokens>, more: &str) -> Vec<Row> {
        let name = |ids: &[TokenId]| match (ids, tokens) {
            (&[id], Some(_)) => format!("{} {id}", kit::token(tokens, id)),
            ([], _) => "(nothing)".to_string(),
            _ => kit::text(tokens, ids),
        };
        let outcome = |o: &Outcome| {
            let interval = o.low.zip(o.high);
            Row {
                name: name(&o.ids),
                drawn: o.share,
                prob: o.prob,
                count: o.count,
                interval,
                chance: interval.map_or("-".to_string(), |(low, high)| format!("{low} to {high}")),
                outside: o.within() == Some(false),
                sum: false,
            }
        };
        let sum = |name: String, count: u64, prob: Option<f64>| Row {
            name,
            drawn: count as f64 / self.samples as f64,
            prob,
            count,
            interval: None,
            chance: String::new(),
            outside: false,
            sum: true,
        };
        let mut rows: Vec<Row> = self.outcomes.iter().map(outcome).collect();
        if self.rest.outcomes > 0 {
            let name = format!("{more} {} more", self.rest.outcomes);
            rows.push(sum(name, self.rest.count, self.rest.prob));
        }
        let unseen = self.unseen.filter(|&p| p > 0.0);
        rows.extend(unseen.map(|p| sum("never drawn".to_string(), 0, Some(p))));
        rows
    }

    /// What the longest bar stands for: the largest share of one outcome. Those of sums have no bars, for they would set the scale.
    fn scale(rows: &[Row]) -> f64 {
        let single = rows.iter().filter(|row| !row.sum);
        single.map(|row| row.drawn.max(row.prob.unwrap_or(0.0))).fold(1e-12, f64::max)
    }

    /// What the columns mean, and how many counts are out of the ordinary.
    fn words(&self) -> String {
        if self.outcomes.iter().all(|o| o.prob.is_none()) {
            return "the exact probabilities are not known".to_string();
        }
        let judged: Vec<bool> = self.outcomes.iter().filter_map(Outcome::within).collect();
        let outside = judged.iter().filter(|within| !**within).count();
        let meaning = "by chance: the counts that 95 % of such runs give (binomial), each for itself";
        match judged.len() {
            0 => format!("{meaning}; nothing shown was expected {LEAST_EXPECTED} time or more"),
            n => format!(
                "{meaning}; of {n} that {} expected {LEAST_EXPECTED} time or more, {} a count outside of them{}",
                if n == 1 { "was" } else { "were" },
                match outside {
                    0 => "none has".to_string(),
                    1 => "1 has".to_string(),
                    more => format!("{more} have"),
                },
                if outside > 0 { " (!)" } else { "" }
            ),
        }
    }
}

impl Histogram {
    /// Counts an outcome of a sequence; `logprob` is ln of its probability, where that is known.
    pub fn add(&mut self, sequence: usize, ids: &[TokenId], logprob: Option<f64>) {
        let tally = self.0.entry(sequence).or_default();
        match tally.get_mut(ids) {
            Some((count, _)) => *count += 1,
            None => drop(tally.insert(ids.to_vec(), (1, logprob))),
        }
    }

    /// What was counted: of each sequence the `top` most frequent outcomes (all of them: `None`), the more probable and then the
    /// lower ids first among equals.
    pub fn counted(&self, top: Option<usize>) -> Vec<Counted> {
        self.0.iter().map(|(&sequence, tally)| counted(sequence, tally, top)).collect()
    }
}

fn counted(sequence: usize, tally: &Tally, top: Option<usize>) -> Counted {
    let samples: u64 = tally.values().map(|(count, _)| count).sum();
    let mut all: Vec<(&Vec<TokenId>, u64, Option<f64>)> = tally
        .iter()
        .map(|(ids, (count, logprob))| (ids, *count, logprob.map(|l| kernel::exp(l).min(1.0))))
        .collect();
    let p = |prob: Option<f64>| prob.unwrap_or(-1.0);
    all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(p(b.2).total_cmp(&p(a.2))).then(a.0.cmp(b.0)));
    let mass = |of: &[(&Vec<TokenId>, u64, Option<f64>)]| {
        of.iter().map(|o| o.2).sum::<Option<f64>>().map(|mass| mass.min(1.0))
    };
    let shown = all.len().min(top.unwrap_or(usize::MAX));
    let outcome = |&(ids, count, prob): &(&Vec<TokenId>, u64, Option<f64>)| {
        let interval = prob.map(|p| by_chance(samples, p));
        Outcome {
            ids: ids.clone(),
            count,
            share: count as f64 / samples as f64,
            prob,
            expected: prob.map(|p| p * samples as f64),
            low: interval.map(|i| i.0),
            high: interval.map(|i| i.1),
        }
    };
    Counted {
        sequence,
        samples,
        distinct: all.len(),
        outcomes: all[..shown].iter().map(outcome).collect(),
        rest: Rest {
            outcomes: all.len() - shown,
            count: all[shown..].iter().map(|o| o.1).sum(),
            prob: mass(&all[shown..]),
        },
        // what is left by rounding is nothing
        unseen: mass(&all).map(|seen| 1.0 - seen).map(|p| if p < 1e-9 { 0.0 } else { p }),
    }
}
