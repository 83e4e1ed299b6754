//! Which seed and position of an engine without a state draws these ids?
//!
//! A draw of these engines depends on its row, a seed and a position alone, so that a claimed id rules out most addresses at
//! once: one that lets any other token win is dropped, and the likeliest others are asked first.

use std::collections::BTreeSet;
use std::ops::Range;

use rayon::prelude::*;

use crate::engine::{Batch, Params, Probe, ReplayRow, engines};
use crate::{Error, Result, TokenId};

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// The seeds.
    pub seeds: Range<i64>,
    /// The positions of the first id; `None`: those of the prompt, or the first 4096 where there is none.
    pub positions: Option<Range<u64>>,
}

/// Positions that are tried where nothing is known of them.
const POSITIONS: Range<u64> = 0..4096;

impl Addresses {
    /// The positions to try for a line whose first row follows `history` ids.
    pub(super) fn positions_after(&self, history: usize) -> Range<u64> {
        match (&self.positions, history as u64) {
            (Some(positions), _) => positions.clone(),
            (None, 0) => POSITIONS,
            (None, n) => n - 1..n,
        }
    }

    fn count(&self, positions: &Range<u64>) -> f64 {
        number_of(&self.seeds) * positions.end.saturating_sub(positions.start) as f64
    }

    /// How many addresses are tried for ids whose first row follows `history` ids: the ways in which these engines may have drawn with the
    /// parameters, times seeds, times positions.
    pub fn tries(&self, params: &Params, history: usize) -> f64 {
        paths(params).len() as f64 * self.count(&self.positions_after(history))
    }

    /// Refuses more addresses than [`MOST`](Self::MOST).
    pub(super) fn check(&self, params: &Params, history: usize) -> Result<()> {
        let tries = self.tries(params, history);
        if tries <= Self::MOST {
            return Ok(());
        }
        let positions = self.positions_after(history);
        let of_positions = positions.end.saturating_sub(positions.start) as f64;
        let (name, range) = match number_of(&self.seeds) >= of_positions {
            true => ("seeds", format!("{}..{}", self.seeds.start, self.seeds.end)),
            false => ("positions", format!("{}..{}", positions.start, positions.end)),
        };
        let what = format!(
            "makes {tries:.1e} addresses (ways to draw, times seeds, times positions), and at most 2^40 are tried: a thousand million take \
             some five minutes of a core. Look in a smaller range"
        );
        Err(Error::setting(name, range, what))
    }

    /// The most addresses that are tried: some four days of a core.
    pub const MOST: f64 = (1u64 << 40) as f64;
}

/// How many seeds a range has.
fn number_of(seeds: &Range<i64>) -> f64 {
    if seeds.is_empty() { 0.0 } else { seeds.end.abs_diff(seeds.start) as f64 }
}

/// One claimed id, and the row that it was drawn from.
pub(super) struct Claimed {
    pub(super) logits: Vec<f32>,
    pub(super) history: Vec<TokenId>,
    pub(super) prompt_len: usize,
    pub(super) id: TokenId,
}

/// A way in which an engine without a state may have drawn.
pub(super) struct Path {
    pub(super) engine: &'static str,
    pub(super) assumed: Option<&'static str>,
    pub(super) params: Params,
}

/// All of them: SGLang on both of its paths where its parameters leave both open.
pub(super) fn paths(params: &Params) -> Vec<Path> {
    let mut all = Vec::new();
    for info in engines().iter().filter(|e| e.batch == Batch::Addressed) {
        let params = Params { row_seeds: None, position: None, ..params.clone() };
        let takes = |name| info.parameters.contains(&name);
        if takes("filtered_batch") && params.filtered_batch.is_none() {
            let ranked = Params { filtered_batch: Some(true), ..params.clone() };
            all.push(Path { engine: info.name, assumed: Some("filtered_batch"), params: ranked });
        }
        if !takes("filtered_batch") && params.filtered_batch.is_some() {
            continue;
        }
        all.push(Path { engine: info.name, assumed: None, params });
    }
    all
}

/// How probable it is that chance explains ids.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Chance {
    /// Addresses that were tried: engines and paths times seeds times positions.
    pub addresses: f64,
    /// How many of them are expected to draw all the ids of the first line by chance.
    pub expected: f64,
    /// How many ids are needed for less than one in a thousand, if they are as surprising as these; `None` if they surprise nobody.
    pub needed: Option<usize>,
}

/// More addresses than this are not collected: they would say nothing.
const MOST_FOUND: f64 = 1e7;

/// Fewer chance matches than this are expected of what counts as found.
const BEYOND_CHANCE: f64 = 1e-3;

/// The addresses under which a path draws every id of a line; `None` if some id can't be drawn at all. The second value is Π p.
pub(super) fn find(
    path: &Path,
    line: &[Claimed],
    seeds: &[Range<i64>],
    positions: &Range<u64>,
) -> Result<(BTreeSet<(i64, u64)>, f64)> {
    let mut probes = Vec::with_capacity(line.len());
    let mut ln_p = 0.0;
    for claimed in line {
        let row = ReplayRow {
            logits: &claimed.logits,
            history: &claimed.history,
            prompt_len: claimed.prompt_len,
            finished: false,
        };
        let Some(probe) = Probe::new(path.engine, &path.params, &row, claimed.id)? else {
            return Ok((BTreeSet::new(), 1.0));
        };
        ln_p += crate::kernel::ln(probe.probability());
        probes.push(probe);
    }
    let p = crate::kernel::exp(ln_p);
    let of_positions = positions.end.saturating_sub(positions.start) as f64;
    let by_chance = seeds.iter().map(number_of).sum::<f64>() * of_positions * p;
    if by_chance > MOST_FOUND {
        let what = format!(
            "{by_chance:.1e} addresses are expected to draw these ids by chance: give more ids, or look at fewer addresses"
        );
        return Err(Error::setting("ids", "", what));
    }
    let explains =
        |seed: i64, first: u64| (first..).zip(&probes).all(|(position, probe)| probe.draws(seed, position));
    let found = seeds
        .iter()
        .flat_map(|range| {
            range
                .clone()
                .into_par_iter()
                .flat_map_iter(|seed| {
                    positions
                        .clone()
                        .filter(move |&p| explains(seed, p))
                        .map(move |p| (seed, p))
                        .collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        })
        .collect();
    Ok((found, p))
}

impl Chance {
    /// For a search over `paths` ways and the addresses of the first line, whose `n` ids have the probability `p` together.
    pub(super) fn new(paths: usize, addresses: &Addresses, positions: &Range<u64>, n: usize, p: f64) -> Self {
        let tried = addresses.count(positions) * paths as f64;
        let each = -crate::kernel::ln(p.max(f64::MIN_POSITIVE)) / n.max(1) as f64;
        let needed =
            (each > 1e-9).then(|| (crate::kernel::ln(tried / BEYOND_CHANCE) / each).ceil().max(1.0) as usize);
        Chance { addresses: tried, expected: tried * p, needed }
    }

    /// Whether what was found is more than chance would find.
    pub fn is_beyond(&self) -> bool {
        self.expected < BEYOND_CHANCE
    }
}
