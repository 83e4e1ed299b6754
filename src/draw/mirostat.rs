use std::collections::HashMap;

use super::{Addressed, Draw, DrawRow, Margin, Turn, alone, nothing};
use crate::candidates::{Candidates, Normalizer};
use crate::processor::{param, slack};
use crate::{Result, TokenId, kernel};

/// Mirostat: cuts at each step so that the surprise of the drawn tokens stays near a target. It replaces the draw.
///
/// μ, the largest surprise allowed, starts at 2τ for each sequence and sample. Each step keeps some of the best candidates,
/// renormalises, draws, and moves on accepting x with its surprise `S = −log₂ p(x)`: `μ ← μ − η·(S − τ)`.
///
/// - Version 2 keeps the tokens with `−log₂ p ≤ μ`.
/// - Version 1 estimates the Zipf exponent ŝ from the m best, `ŝ = Σ tᵢbᵢ / Σ tᵢ²` with `tᵢ = ln((i+2)/(i+1))` and
///   `bᵢ = ln(pᵢ/pᵢ₊₁)`, and keeps the k best: `k = (ε·2^μ / (1 − V^−ε))^(1/ŝ)`, `ε = ŝ − 1`, V the vocabulary size. At ε = 0 the
///   fraction has the limit `2^μ / ln V`; with fewer than two candidates all stay.
///
/// At least one token stays, and whatever ties with the last one kept. The bounds are inclusive: a surprise up to μ + 1e-6 nats, a
/// rank up to k · (1 + 1e-6). Basu et al. 2021, *Mirostat: A Neural Text Decoding Algorithm that Directly Controls Perplexity*.
///
/// The surprise is that among the kept tokens, as llama.cpp (0c1e570) takes it, or that among all candidates before the cut, as the
/// authors' code takes it ([`Surprise`]).
///
/// The uniform is that of [`Addressed`]. A token that is accepted without being among the kept leaves μ as it is. llama.cpp computes
/// in f32, splits ties, draws from a generator of its own and moves μ when it draws.
///
/// ```
/// use tokpick::draw::{Draw, Mirostat};
/// let mirostat = Mirostat::new(2, 5.0, 0.1, 100, 7)?;
/// assert_eq!(mirostat.mu(0, 0), 10.0);
/// assert_eq!(mirostat.name(), "mirostat-2-chacha8-v1");
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Mirostat {
    version: Version,
    tau: f64,
    eta: f64,
    uniform: Addressed,
    surprise: Surprise,
    /// The normaliser before the cut by sequence and sample, where surprises are taken there.
    uncut: HashMap<(usize, usize), Normalizer>,
    /// μ by sequence and sample, once it has moved.
    mu: HashMap<(usize, usize), f64>,
}

/// Where the surprise of a token is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Surprise {
    /// Among the tokens that are kept: llama.cpp.
    #[default]
    AfterCut,
    /// Among all candidates before the cut: the authors' code.
    BeforeCut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One { m: usize },
    Two,
}

impl Mirostat {
    /// Mirostat of `version` 1 or 2: target surprise `tau` in bits (the authors use 3), learning rate `eta` (0.1), and for version 1
    /// the number `m` of tokens that the estimate looks at (100).
    ///
    /// # Errors
    /// Another version, a negative or infinite τ or η, m below 2.
    pub fn new(version: u8, tau: f64, eta: f64, m: usize, seed: u64) -> Result<Self> {
        param::check("mirostat", version, matches!(version, 1 | 2), "1 or 2")?;
        let number = "a finite number, 0 or more";
        param::check("mirostat_tau", tau, tau >= 0.0 && tau.is_finite(), number)?;
        param::check("mirostat_eta", eta, eta >= 0.0 && eta.is_finite(), number)?;
        param::check("mirostat_m", m, m >= 2, "2 or more")?;
        let version = if version == 1 { Version::One { m } } else { Version::Two };
        let (uniform, surprise) = (Addressed::new(seed), Surprise::default());
        Ok(Mirostat { version, tau, eta, uniform, surprise, uncut: HashMap::new(), mu: HashMap::new() })
    }

    /// Takes the surprise of a drawn token before or after the cut.
    pub fn with_surprise(self, surprise: Surprise) -> Self {
        Mirostat { surprise, ..self }
    }

    /// μ of a line, in bits.
    pub fn mu(&self, sequence: usize, sample: usize) -> f64 {
        self.mu.get(&(sequence, sample)).copied().unwrap_or(2.0 * self.tau)
    }

    /// Removes what is too surprising.
    fn cut(&self, c: &mut Candidates, mu: f64) {
        let cut = match self.version {
            Version::Two => {
                // −ln p = nats below the best + ln Σ weights
                let allowed = mu * std::f64::consts::LN_2 + slack::LOGIT - kernel::ln(c.mass());
                Some(c.cut_below_best(allowed))
            }
            Version::One { m } => {
                let scores: Vec<f64> = c.ranked(m).into_iter().map(|(_, score)| score).collect();
                c.kth_best(ranks(&scores, mu, c.vocab()))
            }
        };
        if let Some(cut) = cut {
            c.keep_at_or_above(cut);
        }
    }
}

/// How many of the best tokens version 1 keeps, given the best scores (falling).
fn ranks(scores: &[f64], mu: f64, vocab: usize) -> usize {
    if scores.len() < 2 {
        return 1;
    }
    let (mut product, mut square) = (0.0, 0.0);
    for (i, pair) in scores.windows(2).enumerate() {
        let t = kernel::ln((i + 2) as f64 / (i + 1) as f64);
        product += t * (pair[0] - pair[1]);
        square += t * t;
    }
    let exponent = product / square;
    let epsilon = exponent - 1.0;
    let ln_vocab = kernel::ln(vocab as f64);
    // (1 − V^−ε) / ε, whose limit at ε = 0 is ln V
    let share = match epsilon * ln_vocab {
        0.0 => ln_vocab,
        x => -kernel::exp_m1(-x) / epsilon,
    };
    let ln_k = (mu * std::f64::consts::LN_2 - kernel::ln(share)) / exponent;
    // equal scores: 0/0 bits decide nothing, and all of them tie
    if ln_k.is_nan() { 1 } else { slack::at_most(kernel::exp(ln_k)).max(1.0) as usize }
}

impl Draw for Mirostat {
    fn name(&self) -> &str {
        match self.version {
            Version::One { .. } if self.surprise == Surprise::BeforeCut => "mirostat-1-before-cut-chacha8-v1",
            Version::Two if self.surprise == Surprise::BeforeCut => "mirostat-2-before-cut-chacha8-v1",
            Version::One { .. } => "mirostat-1-chacha8-v1",
            Version::Two => "mirostat-2-chacha8-v1",
        }
    }

    fn by_line(&self) -> bool {
        true
    }

    fn step(&mut self, turns: &mut [Turn<'_>]) -> Result<()> {
        for turn in turns {
            let sample = alone(turn)?.sample;
            if turn.candidates.is_empty() {
                return Err(nothing(turn));
            }
            if self.surprise == Surprise::BeforeCut {
                self.uncut.insert((turn.sequence, sample), turn.candidates.normalizer_in_order());
            }
            self.cut(turn.candidates, self.mu(turn.sequence, sample));
            self.uniform.row(turn)?;
        }
        Ok(())
    }

    fn accept(&mut self, turn: &mut Turn<'_>, seat: usize, id: TokenId) {
        let line = (turn.sequence, turn.seats[seat].sample);
        let uncut = self.uncut.get(&line).copied().filter(|_| self.surprise == Surprise::BeforeCut);
        let logprob =
            |score| uncut.unwrap_or_else(|| turn.candidates.normalizer_in_order()).log_probability(score);
        let Some(logprob) = turn.candidates.score(id).and_then(logprob) else { return };
        let surprise = -logprob / std::f64::consts::LN_2;
        let mu = self.mu(line.0, line.1) - self.eta * (surprise - self.tau);
        self.mu.insert(line, mu);
    }

    fn margin(&mut self, turn: &mut Turn<'_>, seat: usize, claimed: TokenId) -> Margin {
        self.uniform.margin(turn, seat, claimed)
    }
}

#[cfg(test)]
mod tests;
