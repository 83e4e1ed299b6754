//! Engines without a state, asked about many addresses: would this seed and position draw that token?

use super::{EngineInfo, Params, ReplayRow, registry, sglang, vllm};
use crate::{Error, Result};

/// One row under one engine's settings, and the token that was claimed: ready to be asked about any address.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// The claimed token's column and score.
    claimed: (u32, f64),
    /// The columns of the other tokens that the engine keeps, the highest scores first.
    others: Vec<(u32, f64)>,
    /// The probability of the claimed token.
    probability: f64,
    noise: Noise,
}

/// Which noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noise {
    Vllm(vllm::Noise),
    Sglang,
}

/// No noise is greater: 64 bits at most, and float32 may round up.
const MOST_NOISE: f64 = 45.0;

impl Probe {
    /// `claimed` and the row under the engine's settings; `None` if the engine can't draw it, whatever the address.
    ///
    /// ```
    /// use tokpick::engine::{Params, Probe, ReplayRow};
    /// let row = ReplayRow { logits: &[1.0, 0.5, 0.0], history: &[], prompt_len: 0, finished: false };
    /// let probe = Probe::new("vllm-v2", &Params::default(), &row, 1)?.unwrap();
    /// let seeds: Vec<i64> = (0..10).filter(|&seed| probe.draws(seed, 17)).collect();
    /// assert!(!seeds.is_empty() && seeds.len() < 10);
    /// # Ok::<(), tokpick::Error>(())
    /// ```
    ///
    /// # Errors
    /// An engine whose draws depend on more than seed and position, settings that it does not take, a row that it can't
    /// draw from.
    pub fn new(engine: &str, params: &Params, row: &ReplayRow<'_>, claimed: u32) -> Result<Option<Probe>> {
        let info: &'static EngineInfo = registry::find(engine)?;
        let (noise, columns) = match vllm::columns(info, params, row)? {
            Some((noise, columns)) => (Noise::Vllm(noise), columns),
            None if info.name == sglang::INFO.name => (Noise::Sglang, sglang::columns(params, row)?),
            None => {
                let what = "its draws depend on what was drawn before, not on seed and position alone";
                return Err(Error::engine(info.name, what));
            }
        };
        let Some(own) = columns.iter().find(|c| c.id == claimed && c.score > f64::NEG_INFINITY) else {
            return Ok(None);
        };
        let total: f64 = columns.iter().map(|c| libm::exp(c.score - own.score)).sum();
        let mut others: Vec<(u32, f64)> = columns
            .iter()
            .filter(|c| c.id != claimed && c.score > f64::NEG_INFINITY)
            .map(|c| (c.column, c.score))
            .collect();
        others.sort_by(|a, b| b.1.total_cmp(&a.1));
        Ok(Some(Probe { claimed: (own.column, own.score), others, probability: 1.0 / total, noise }))
    }

    /// Whether this seed draws the claimed token at this position.
    pub fn draws(&self, seed: i64, position: u64) -> bool {
        match self.noise {
            Noise::Vllm(noise) => {
                let noise = noise.at(seed, position);
                self.wins(|j| noise.at_most(j), |j, x| noise.score(j, x))
            }
            Noise::Sglang => {
                let noise = sglang::Noise::at(seed, position);
                self.wins(|j| noise.at_most(j), |j, x| noise.score(j, x))
            }
        }
    }

    /// The share of addresses that draw it: its probability.
    pub fn probability(&self) -> f64 {
        self.probability
    }

    fn wins(&self, at_most: impl Fn(u32) -> f64, score: impl Fn(u32, f64) -> f64) -> bool {
        let (column, x) = self.claimed;
        let own = score(column, x);
        for &(other, x) in &self.others {
            if x + MOST_NOISE < own {
                break;
            }
            if x + at_most(other) + 1e-3 + x.abs() * 1e-6 < own {
                continue;
            }
            let z = score(other, x);
            if z > own || (z == own && other < column) {
                return false;
            }
        }
        true
    }
}
