//! llama.cpp's mirostat 1 and 2, in float32 (Basu et al. 2021, arXiv 2007.14966).

use super::{candidates::Candidates, select};
use crate::engine::{Evidence, Watch, shared::float};
use crate::kernel::Mt;

/// Which cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Keeps k tokens, from the slope of the best `m`.
    One { m: usize },
    /// Keeps the tokens whose surprise is at most μ.
    Two,
}

/// The sampler with its state.
#[derive(Debug, Clone)]
pub(super) struct Mirostat {
    version: Version,
    tau: f32,
    eta: f32,
    mu: f32,
    mt: Mt,
    /// μ before the last draw, and the candidates that it drew from, while the draw can still be replaced.
    last: Option<(f32, Vec<(u32, f32)>)>,
}

impl Mirostat {
    /// μ starts at 2τ.
    pub(super) fn new(version: Version, tau: f32, eta: f32, mt: Mt) -> Self {
        Self { version, tau, eta, mu: 2.0 * tau, mt, last: None }
    }

    /// Cuts, draws, and updates μ by the drawn token's surprise.
    pub(super) fn select(
        &mut self,
        c: &mut Candidates,
        vocabulary: usize,
        watch: Watch,
    ) -> (usize, Option<Evidence>) {
        c.sort();
        c.softmax();
        match self.version {
            Version::One { m } => {
                let k = self.one(c, m, vocabulary);
                c.keep_best(k);
            }
            Version::Two => {
                let beyond = (c.data.iter()).position(|x| -float::log2_32(x.p) > self.mu);
                c.data.truncate(beyond.unwrap_or(usize::MAX).max(1));
            }
        }
        c.softmax();
        let (at, evidence) = select::discrete(c, &mut self.mt, watch);
        let before = self.mu;
        self.learn(c.data[at].p);
        let drawn_from = c.data.iter().map(|x| (x.id, x.p)).collect();
        self.last = Some((before, drawn_from));
        (at, evidence)
    }

    /// Goes on as if `id` had been drawn; an id that was cut off changes nothing.
    pub(super) fn accept(&mut self, id: u32) {
        if let Some((before, drawn_from)) = self.last.take()
            && let Some(&(_, p)) = drawn_from.iter().find(|(i, _)| *i == id)
        {
            self.mu = before;
            self.learn(p);
        }
    }

    fn learn(&mut self, p: f32) {
        let error = -float::log2_32(p) - self.tau;
        self.mu -= self.eta * error;
    }

    /// k = (ε · 2^μ / (1 − V^−ε))^(1/s), with s = Σ t b / Σ t² over the best m, t = ln((i+2)/(i+1)),
    /// b = ln(pᵢ / pᵢ₊₁), ε = s − 1.
    fn one(&self, c: &Candidates, m: usize, vocabulary: usize) -> usize {
        let (mut tb, mut tt) = (0f32, 0f32);
        for (i, pair) in c.data.windows(2).take(m - 1).enumerate() {
            let t = float::ln32((i + 2) as f32 / (i + 1) as f32);
            let b = float::ln32(pair[0].p / pair[1].p);
            tb += t * b;
            tt += t * t;
        }
        let s = tb / tt;
        let e = s - 1.0;
        let spread = 1.0 - float::pow32(vocabulary as f32, -e);
        let k = float::pow32(e * float::pow32(2.0, self.mu) / spread, 1.0 / s);
        // x86-64 converts what no int holds, and NaN, to the smallest int.
        if (1.0..2_147_483_648.0).contains(&k) { k as usize } else { 1 }
    }
}
