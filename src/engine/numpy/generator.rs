//! NumPy 2.4.6: `default_rng(seed).choice(V, p=p)`.
//!
//! - Seeding: the seed, of any length, or a list of them, as 32-bit words through `SeedSequence`; eight of its words are
//!   four 64-bit ones a, b, c, d; PCG64 (XSL-RR 128/64) starts from state a·2⁶⁴ + b and sequence c·2⁶⁴ + d.
//! - Words to uniform: the upper 53 bits of one 64-bit word.
//! - Uniform to token: inverse CDF in float64, as in `choice`.
//! - Consumption: one word a draw, row 0 first. A script knows no end of sequence, so finished rows consume too.
//! - Temperature and truncation: float64, temperature, top_k, top_p, as in `choice`.

use super::choice::{self, Choice};
use super::seed_sequence::SeedSequence;
use crate::Result;
use crate::engine::{
    Batch, Defaults, Drawn, EngineInfo, Params, Replay, ReplayRow, Watch,
    shared::{plan::Plan, seed, uniform},
};
use rand_pcg::{Lcg128Xsl64, rand_core::Rng};

/// See the module.
pub(in crate::engine) static INFO: EngineInfo = EngineInfo {
    name: "numpy",
    version: "numpy 2.4.6",
    method: "numpy.random.default_rng(seed).choice(V, p=p): inverse CDF in float64 over PCG64",
    reproduced: "one sequence, or a batch drawn row after row; seeds of any length, and lists of them",
    not_reproduced: "other bit generators; choice of several ids in one call; a uniform within 3e-15 of a boundary (NumPy's exponentials depend on the processor)",
    parameters: &choice::ORDER,
    order: &choice::ORDER,
    reorders: true,
    seeds: "a whole number, 0 or above, of any length, or a list of them (1,2,3 or [1, 2, 3])",
    batch: Batch::Shared,
    float32_logits: true,
    defaults: Defaults::None,
    note: None,
    releases: &["NumPy 2.4 scripts"],
    build,
};

fn build(params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>> {
    let filters = choice::filters(&Plan::new(&INFO, params)?)?;
    Ok(Box::new(Numpy { choice: Choice::new(INFO.name, batch, filters), pcg: default_rng(seed)? }))
}

fn default_rng(seed: &str) -> Result<Lcg128Xsl64> {
    let words = match seed::list(seed) {
        None => seed::words(&INFO, seed)?,
        Some(entries) => {
            let words: Result<Vec<_>> = entries.map(|e| seed::words(&INFO, e)).collect();
            words?.concat()
        }
    };
    let [a, b, c, d] = SeedSequence::new(&words).state::<4>().map(u128::from);
    Ok(Lcg128Xsl64::new((a << 64) | b, (c << 64) | d))
}

struct Numpy {
    choice: Choice,
    pcg: Lcg128Xsl64,
}

impl Replay for Numpy {
    fn engine(&self) -> &'static EngineInfo {
        &INFO
    }

    fn step(&mut self, rows: &[ReplayRow<'_>], watch: Watch, out: &mut Vec<Drawn>) -> Result<()> {
        let pcg = &mut self.pcg;
        let uniform = || uniform::numpy_f64(pcg.next_u64());
        self.choice.step(rows, watch, uniform, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PCG's own test suite (pcg64, `-srandom 42 54`).
    #[test]
    fn pcg64() {
        let mut pcg = Lcg128Xsl64::new(42, 54);
        let words: [u64; 3] = std::array::from_fn(|_| pcg.next_u64());
        assert_eq!(words, [0x86b1_da1d_7206_2b68, 0x1304_aa46_c985_3d39, 0xa367_0e9e_0dd5_0358]);
    }

    /// `numpy.random.default_rng(42).random()`, as in NumPy's manual.
    #[test]
    fn generator() {
        let mut pcg = default_rng("42").unwrap();
        let u: [f64; 2] = std::array::from_fn(|_| uniform::numpy_f64(pcg.next_u64()));
        assert_eq!(u, [0.7739560485559633, 0.4388784397520523]);
    }

    #[test]
    fn a_list_is_its_words() {
        let first = |s| default_rng(s).unwrap().next_u64();
        assert_eq!(first("[7]"), first("7"));
        assert_eq!(first("5,1"), first("4294967301"));
        assert!(default_rng("[]").is_err());
        assert!(default_rng("1,-2").is_err());
    }
}
