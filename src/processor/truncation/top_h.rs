use super::threshold::Threshold;
use crate::processor::method::*;

/// Top-h: keeps the best tokens as long as their share of the entropy stays below h.
///
/// Only the 100 best tokens take part. With q their softmax: `kept = { x : Σ −q ln q over x and what is better ≤ h · H(q) }`, and
/// the best token. Potraghloo et al. 2025, *Top-H Decoding*, as transformers 5 (`TopHLogitsWarper`) does it.
///
/// - `value`: h in (0, 1]. No value disables it: h = 1 still removes all beyond the 100th. The authors use 0.4.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Of tied tokens all stay if the terms of the strictly better ones plus one of their own fit, also where they go beyond the 100th.
/// The bound is inclusive, at h · H · (1 + 1e-6), so h = 1 keeps the 100th; in transformers that hangs on f32 rounding. H is exact here.
/// transformers computes it in float32, where the likeliest token of a nearly one-hot row has log-probability 0 or a rounding step beside it:
/// H comes out as 1.19e-7 where it is 1.3e-10, and more tokens are kept there.
///
/// ```
/// use tokpick::processor::{Chain, top_h};
///
/// let p: [f32; 4] = [0.5, 0.3, 0.1, 0.1];
/// let kept = Chain::new([top_h(0.7, 1)?]).on(&p.map(f32::ln))?;
/// assert_eq!(kept.count(), 2);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// h outside (0, 1].
pub fn top_h(h: f64, min_tokens_to_keep: usize) -> Result<Stage> {
    RULE.stage(h, min_tokens_to_keep)
}

pub(super) static INFO: Info = Info {
    name: "top_h",
    summary: "keeps the best tokens as long as their share of the entropy stays below h",
    source: "Potraghloo et al. 2025",
    flags: &[Flag::value("top-h", Number)],
    places: Places { hf: (Sampling, 1), ..Places::GUEST_SAMPLING },
    config: Config::Value,
    parse: |form| RULE.read(form),
    ..Info::TRUNCATION
};

static RULE: Threshold = Threshold {
    info: &INFO,
    range: (|h| h > 0.0 && h <= 1.0, "above 0 and at most 1"),
    keep: |c, h, least| {
        let best = c.max_score();
        let below: Vec<f64> = c.ranked(TAKE_PART).iter().map(|&(_, score)| best - score).collect();
        if let Some(cut) = c.kth_best(fitting(&below, h)) {
            c.keep_cut(cut, least);
        }
    },
};

/// How many of the best tokens take part.
const TAKE_PART: usize = 100;
/// So many nats below the best, weights come near to the end of f64.
const VANISHING: f64 = 700.0;

/// How many tokens fit, given how far each is below the best one (ascending).
fn fitting(below: &[f64], h: f64) -> usize {
    // where the weights of all but the best vanish in f64, so does the entropy: they are counted in units of the second best's weight
    let unit = below.get(1).copied().filter(|&second| second > VANISHING).unwrap_or(0.0);
    // the best token's own weight of 1 is left out, so that a tiny rest isn't lost beside it
    let rest: f64 = below.iter().skip(1).map(|&b| kernel::exp(unit - b)).sum();
    // −ln q of the best token; in such units it is the rest itself
    let least = if unit == 0.0 { kernel::ln_1p(rest) } else { 0.0 };
    let term = |b: f64| {
        if b == 0.0 && unit > 0.0 { rest } else { kernel::exp(unit - b - least) * (b + least) }
    };
    let bound = slack::at_most(h * below.iter().map(|&b| term(b)).sum::<f64>());
    let mut sum = 0.0;
    let mut kept = 0;
    for group in below.chunk_by(|a, b| a == b) {
        if kept > 0 && sum + term(group[0]) > bound {
            break;
        }
        sum += term(group[0]) * group.len() as f64;
        kept += group.len();
    }
    kept
}
