//! Two sources of logits, row by row.

use serde::Serialize;

use super::flips::{Keyed, counted, races};
use crate::candidates::{self, Candidates};
use crate::draw::{Addressed, Draw, Gumbel, RowCoins, Seat, Turn};
use crate::processor::Context;
use crate::sampler::{Job, load};
use crate::source::{LogitsSource, Query, Row, RowPlaces};
use crate::{Error, Place, Result, TokenId};

/// What to compare.
#[derive(Debug, Clone, Copy)]
pub struct DiffOptions {
    /// How many of the best tokens the overlap is of; default 10.
    pub top_k: usize,
    /// Seed of the run whose first divergence is looked for.
    pub seed: u64,
    /// The seeded run, and the share of flips, are of Gumbel races instead of inverse CDF.
    pub gumbel: bool,
}

impl Default for DiffOptions {
    fn default() -> Self {
        DiffOptions { top_k: 10, seed: 0, gumbel: false }
    }
}

/// One row of the comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowDiff {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Step of the input, absolute.
    pub step: usize,
    /// Largest |a − b| of the raw logits that neither row masks.
    pub max_abs: f64,
    /// Tokens that one raw row masks and the other does not.
    pub masked_in_one: usize,
    /// Σ p_A ln(p_A / p_B) in nats, after the processors; `None` if it is infinite (B lacks a token of A).
    pub kl_ab: Option<f64>,
    /// Σ p_B ln(p_B / p_A); `None` if it is infinite.
    pub kl_ba: Option<f64>,
    /// Both have the same most probable token (the lowest id among equals).
    pub top1: bool,
    /// Share of the k best tokens that both have among their k best, ties at the cut by lowest id.
    pub top_k_overlap: f64,
    /// Share of draws that differ under the same randomness ([`uniform_flips`](super::uniform_flips), or
    /// [`gumbel_flips`](super::gumbel_flips)).
    pub flips: f64,
}

/// The comparison of two sources.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Diff {
    /// How many rows were compared.
    pub rows: usize,
    /// The largest of the rows' `max_abs`.
    pub max_abs: f64,
    /// Rows in which the masks differ.
    pub rows_masked_in_one: usize,
    /// Mean over the rows; `None` if a row's is infinite.
    pub mean_kl_ab: Option<f64>,
    /// Mean over the rows; `None` if a row's is infinite.
    pub mean_kl_ba: Option<f64>,
    /// The largest, of either way; `None` if one is infinite.
    pub max_kl: Option<f64>,
    /// Share of rows with the same most probable token.
    pub top1: f64,
    /// Mean of the rows' overlap.
    pub top_k_overlap: f64,
    /// Mean of the rows' share of flips: the expected share of differing draws, over all seeds.
    pub flips: f64,
    /// First step at which greedy runs over A and over B take different tokens, by sequence; `None`: never.
    pub greedy_diverges: Vec<Option<usize>>,
    /// First step at which runs with the seed do, by sequence.
    pub seeded_diverges: Vec<Option<usize>>,
}

/// Compares two sources of steps row by row.
///
/// Rows are compared after `job.chain`, with the history prompt and prefix; the greedy and the seeded run have their own. KL
/// (Kullback & Leibler 1951) is in nats, in f64.
///
/// The share of flips is exact, no sample of seeds: the measure of those uniforms u for which the inverse CDF in id order draws
/// different tokens (for Gumbel races, the probability over the noise). What `sample --seed` does for one seed is
/// `seeded_diverges`.
///
/// # Errors
/// Sources of different shapes (sequences, steps, vocabulary); sources whose rows follow the prefix; those of rows and chain.
pub fn diff(
    a: &mut dyn LogitsSource,
    b: &mut dyn LogitsSource,
    job: &Job<'_>,
    options: &DiffOptions,
    each: &mut dyn FnMut(&RowDiff) -> Result<()>,
) -> Result<Diff> {
    let shape = a.shape();
    check_shapes(a, b)?;
    let mut total = Total::default();
    let mut pair = Pair::new(a.name(), b.name(), job, options);
    let sequences = shape.sequences.clone();
    let mut runs: Vec<Branches> = sequences.clone().map(|_| Branches::new(job)).collect();
    let mut places = RowPlaces::until_ended(&shape, shape.first_step);
    while let Some((sequence, step)) = places.next() {
        let there = pair.read(a, b, sequence, step)?;
        places.advance(!there);
        if there {
            let row = pair.compare(sequence, step, &mut runs[sequence - sequences.start])?;
            each(&row)?;
            total.add(&row);
        }
    }
    let mut diff = total.finish();
    diff.greedy_diverges = runs.iter().map(|r| r.greedy.diverged).collect();
    diff.seeded_diverges = runs.iter().map(|r| r.seeded.diverged).collect();
    Ok(diff)
}

fn check_shapes(a: &dyn LogitsSource, b: &dyn LogitsSource) -> Result<()> {
    let (x, y) = (a.shape(), b.shape());
    if x.follows_prefix || y.follows_prefix {
        let name = if x.follows_prefix { a.name() } else { b.name() };
        let what = "rows of this source follow the prefix; diff compares steps (a [V, V] file without `Kind::Bigram` works)";
        return Err(Error::input(name, Place::default(), what));
    }
    let differ = |what: &str, x: usize, y: usize| {
        let what = format!("{what}: {y}, but {} has {x}; diff compares inputs of one shape", a.name());
        Err(Error::input(b.name(), Place::default(), what))
    };
    match (x.steps(), y.steps(), x.vocab, y.vocab) {
        _ if x.sequences.len() != y.sequences.len() => {
            differ("sequences", x.sequences.len(), y.sequences.len())
        }
        (Some(x), Some(y), ..) if x != y => differ("steps", x, y),
        (.., Some(x), Some(y)) if x != y => differ("vocabulary size", x, y),
        _ if x.sequences.start != y.sequences.start || x.first_step != y.first_step => {
            differ("number of the first row", x.first_step, y.first_step)
        }
        _ => Ok(()),
    }
}

/// A run over both sources, up to where they part.
struct Branch {
    context: Vec<TokenId>,
    diverged: Option<usize>,
}

struct Branches {
    greedy: Branch,
    seeded: Branch,
}

impl Branches {
    fn new(job: &Job<'_>) -> Self {
        let branch = || Branch { context: [job.prompt, job.prefix].concat(), diverged: None };
        Branches { greedy: branch(), seeded: branch() }
    }
}

impl Branch {
    fn take(&mut self, step: usize, picks: [TokenId; 2]) {
        if picks[0] != picks[1] {
            self.diverged.get_or_insert(step);
        }
        if self.diverged.is_none() {
            self.context.push(picks[0]);
        }
    }
}

#[derive(Default)]
struct Side {
    name: String,
    row: Row,
    candidates: Candidates,
}

struct Pair<'a> {
    job: &'a Job<'a>,
    options: &'a DiffOptions,
    sides: [Side; 2],
    /// The rows, while they are read.
    rows: Vec<Row>,
    /// The history of what is compared.
    context: Vec<TokenId>,
    distributions: candidates::Pair,
    keyed: Vec<Keyed>,
}

impl<'a> Pair<'a> {
    fn new(a: &str, b: &str, job: &'a Job<'a>, options: &'a DiffOptions) -> Self {
        let side = |name: &str| Side { name: name.to_string(), ..Side::default() };
        Pair {
            job,
            options,
            sides: [side(a), side(b)],
            rows: Vec::new(),
            context: [job.prompt, job.prefix].concat(),
            distributions: candidates::Pair::default(),
            keyed: Vec::new(),
        }
    }
}

impl Pair<'_> {
    /// Reads one row of each; false where both have ended.
    fn read<'s>(
        &mut self,
        a: &'s mut dyn LogitsSource,
        b: &'s mut dyn LogitsSource,
        sequence: usize,
        step: usize,
    ) -> Result<bool> {
        for (side, source) in self.sides.iter_mut().zip([a, b]) {
            let query = Query { sequence, step, context: &[], prompt_len: 0 };
            self.rows.clear();
            self.rows.push(side.candidates.take_row());
            source.rows(&[query], &mut self.rows)?;
            side.row = self.rows.pop().unwrap_or_default();
        }
        let [a, b] = &self.sides;
        let place = Place::row(sequence, step);
        match (a.row.ended, b.row.ended) {
            (true, true) => return Ok(false),
            (false, false) if a.row.vocab == b.row.vocab => {}
            (false, false) => {
                let what = format!("{} logits, but {} has {} here", b.row.vocab, a.name, a.row.vocab);
                return Err(Error::input(&b.name, place, what));
            }
            (ended, _) => {
                let (short, long) = if ended { (a, b) } else { (b, a) };
                let what =
                    format!("no row here, but {} has one; diff compares inputs of one shape", long.name);
                return Err(Error::input(&short.name, place, what));
            }
        }
        for side in &mut self.sides {
            load(&mut side.candidates, std::mem::take(&mut side.row), self.job, place, &side.name)?;
        }
        Ok(true)
    }

    /// Applies the chain to both, with one history; from the rows as they were, unless they are `fresh`.
    fn process(&mut self, sequence: usize, step: usize, context: &[TokenId], fresh: bool) -> Result<()> {
        let coins = RowCoins { seed: self.options.seed, lane: 0, sequence, sample: 0, step };
        let cx = Context { context, prompt_len: self.job.prompt.len(), sequence, step, coins: &coins };
        for side in &mut self.sides {
            if !fresh {
                side.candidates.reset();
            }
            self.job.chain.apply(&mut side.candidates, &cx)?;
        }
        Ok(())
    }

    fn compare(&mut self, sequence: usize, step: usize, run: &mut Branches) -> Result<RowDiff> {
        let (max_abs, masked_in_one) = self.sides[0].candidates.raw_distance(&self.sides[1].candidates);
        let context = std::mem::take(&mut self.context);
        let processed = self.process(sequence, step, &context, true);
        self.context = context;
        processed?;
        let best = self.best(sequence, step)?;
        let [a, b] = [0, 1].map(|i| &self.sides[i].candidates);
        self.distributions.look(a, b);
        let [kl_ab, kl_ba] = self.distributions.divergences();
        let row = RowDiff {
            sequence,
            step,
            max_abs,
            masked_in_one,
            kl_ab,
            kl_ba,
            top1: best[0] == best[1],
            top_k_overlap: overlap(a, b, self.options.top_k.max(1)),
            flips: match self.options.gumbel {
                true => races(self.distributions.probabilities(), &mut self.keyed),
                false => counted(self.distributions.flips()),
            },
        };
        let history = self.job.chain.needs().history;
        if run.greedy.diverged.is_none() {
            if history {
                self.process(sequence, step, &run.greedy.context, false)?;
            }
            run.greedy.take(step, self.best(sequence, step)?);
        }
        if run.seeded.diverged.is_none() {
            if history {
                self.process(sequence, step, &run.seeded.context, false)?;
            }
            run.seeded.take(step, [self.draw(sequence, step, 0)?, self.draw(sequence, step, 1)?]);
        }
        Ok(row)
    }

    fn best(&self, sequence: usize, step: usize) -> Result<[TokenId; 2]> {
        let lost = || Error::decode(Place::row(sequence, step), "no token is possible");
        let [a, b] = &self.sides;
        Ok([a.candidates.argmax().ok_or_else(lost)?, b.candidates.argmax().ok_or_else(lost)?])
    }

    fn draw(&mut self, sequence: usize, step: usize, side: usize) -> Result<TokenId> {
        let seed = self.options.seed;
        let mut seats = [Seat { line: 0, sample: 0, lane: 0, finished: false, pick: None }];
        let candidates = &mut self.sides[side].candidates;
        let turn = Turn { sequence, step, context: &[], prompt_len: 0, candidates, seats: &mut seats };
        if self.options.gumbel {
            Gumbel::new(seed).step(&mut [turn])?;
        } else {
            Addressed::new(seed).step(&mut [turn])?;
        }
        let lost = || Error::decode(Place::row(sequence, step), "nothing was drawn");
        seats[0].pick.map(|p| p.id).ok_or_else(lost)
    }
}

fn overlap(a: &Candidates, b: &Candidates, k: usize) -> f64 {
    let (x, y) = (a.ranked(k), b.ranked(k));
    let most = x.len().max(y.len()).max(1);
    x.iter().filter(|m| y.iter().any(|n| n.0 == m.0)).count() as f64 / most as f64
}

#[derive(Default)]
struct Total {
    diff: Diff,
    kl: [f64; 2],
    infinite: [bool; 2],
    top1: usize,
}

impl Total {
    fn add(&mut self, row: &RowDiff) {
        let d = &mut self.diff;
        d.rows += 1;
        d.max_abs = d.max_abs.max(row.max_abs);
        d.rows_masked_in_one += usize::from(row.masked_in_one > 0);
        for (way, kl) in [row.kl_ab, row.kl_ba].into_iter().enumerate() {
            match kl {
                Some(kl) => {
                    self.kl[way] += kl;
                    d.max_kl = Some(d.max_kl.unwrap_or(0.0).max(kl));
                }
                None => self.infinite[way] = true,
            }
        }
        self.top1 += usize::from(row.top1);
        d.top_k_overlap += row.top_k_overlap;
        d.flips += row.flips;
    }

    fn finish(self) -> Diff {
        let mut d = self.diff;
        let n = d.rows.max(1) as f64;
        let mean = |way: usize| (!self.infinite[way] && d.rows > 0).then(|| self.kl[way] / n);
        (d.mean_kl_ab, d.mean_kl_ba) = (mean(0), mean(1));
        if self.infinite.contains(&true) {
            d.max_kl = None;
        }
        d.top1 = self.top1 as f64 / n;
        d.top_k_overlap /= n;
        d.flips /= n;
        d
    }
}

#[cfg(test)]
mod tests;
