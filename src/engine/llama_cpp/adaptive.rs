//! llama.cpp's adaptive-p, in float32: reshapes the distribution around a probability, and corrects it by what was
//! chosen.

use super::{candidates::Candidates, select};
use crate::engine::{Evidence, Watch};
use crate::kernel::Mt;

const INVERSE_WIDTH: f32 = 1.0 / 0.3;
const PEAK: f32 = 5.0;
const SHARPNESS: f32 = 10.0;

/// The sampler with its state.
#[derive(Debug, Clone)]
pub(super) struct Adaptive {
    target: f32,
    decay: f32,
    weighted: f32,
    total: f32,
    mt: Mt,
    /// The original probabilities of the last draw.
    last: Vec<(u32, f32)>,
}

impl Adaptive {
    /// The state starts as if the target had always been met.
    pub(super) fn new(target: f32, decay: f32, mt: Mt) -> Self {
        let decay = decay.clamp(0.0, 0.99);
        Self {
            target,
            decay,
            weighted: target / (1.0 - decay),
            total: 1.0 / (1.0 - decay),
            mt,
            last: Vec::new(),
        }
    }

    /// a = clamp(2 · target − W / N, 0, 1); d = |p − a| / 0.3; l = 5 − 10 d² / (1 + d); softmax; draw. A negative target
    /// draws from p.
    pub(super) fn select(&mut self, c: &mut Candidates, watch: Watch) -> (usize, Option<Evidence>) {
        c.softmax();
        self.last.clear();
        if self.target < 0.0 {
            return select::discrete(c, &mut self.mt, watch);
        }
        self.last.extend(c.data.iter().map(|x| (x.id, x.p)));
        let target = self.target.clamp(0.0, 1.0);
        let adapted = (2.0 * target - self.weighted / self.total).clamp(0.0, 1.0);
        for x in &mut c.data {
            if x.logit > f32::NEG_INFINITY {
                let d = ((x.p - adapted) * INVERSE_WIDTH).abs();
                x.logit = PEAK - SHARPNESS * d * d / (1.0 + d);
            }
        }
        c.sorted = false;
        c.softmax();
        select::discrete(c, &mut self.mt, watch)
    }

    /// Learns the original probability of `id` as that of the drawn token.
    pub(super) fn accept(&mut self, id: u32) {
        if let Some(&(_, p)) = self.last.iter().find(|(i, _)| *i == id) {
            self.weighted = p + self.decay * self.weighted;
            self.total = 1.0 + self.decay * self.total;
        }
        self.last.clear();
    }
}
