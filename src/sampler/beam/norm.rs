use crate::kernel;

/// How the length enters the score of a beam: `score = Σ scores / norm(len)`.
///
/// α is [`Beam::length_penalty`](super::Beam::length_penalty), len counts the generated tokens, the end token included. Both forms are 1
/// at α = 0; where α is
/// positive they favour longer hypotheses, because sums are negative.
///
/// ```
/// use tokpick::sampler::LengthNorm;
/// assert_eq!(LengthNorm::Hf.score(-6.0, 3, 1.0), -2.0);
/// assert_eq!(LengthNorm::Gnmt.score(-6.0, 7, 1.0), -3.0);
/// assert_eq!(LengthNorm::Gnmt.score(-6.0, 7, 0.0), -6.0);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LengthNorm {
    /// `len ^ α`: Hugging Face transformers; α = 1 is the mean log-probability.
    #[default]
    Hf,
    /// `((5 + len) / 6) ^ α`: Wu et al. 2016, *Google's Neural Machine Translation System*, equation 14 (without its coverage
    /// penalty). Milder on short hypotheses: one token has the norm 1.
    Gnmt,
}

impl LengthNorm {
    /// The score of a hypothesis of `len` generated tokens whose scores add up to `sum`.
    pub fn score(self, sum: f64, len: usize, alpha: f64) -> f64 {
        let len = len.max(1) as f64;
        let base = match self {
            LengthNorm::Hf => len,
            LengthNorm::Gnmt => (5.0 + len) / 6.0,
        };
        let norm = match alpha {
            0.0 => 1.0,
            1.0 => base,
            alpha => kernel::exp(alpha * kernel::ln(base)),
        };
        sum / norm
    }
}
