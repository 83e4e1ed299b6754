//! The one slack of all thresholds: what a change of the logits by 1e-6 can do.
//!
//! It makes decimals mean what they say: probabilities .5 .3 .1 .1 reach a mass of 0.8 with two tokens, although no binary
//! arithmetic sums them to it exactly.

/// The change of a logit that a threshold forgives, in nats.
pub const LOGIT: f64 = 1e-6;

/// A mass that counts as having reached `p`: moving every logit by δ moves a mass p by at most δ·p·(1 − p).
pub fn mass(p: f64) -> f64 {
    p - LOGIT * p * (1.0 - p)
}

/// A probability or entropy that counts as having reached `value` from below.
pub fn at_least(value: f64) -> f64 {
    value * (1.0 - LOGIT)
}

/// A probability or entropy that counts as not above `value`.
pub fn at_most(value: f64) -> f64 {
    value * (1.0 + LOGIT)
}
