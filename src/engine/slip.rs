//! What other roundings and another cut make of a race: which tokens they let win, and how probably.

use std::ops::Range;

use super::draw::widths;
use super::evidence::{Beside, Evidence, Ranked};
use crate::draw::{Margin, Slip, Tolerance};
use crate::kernel::exp;

/// How far from the edge of a truncation by mass tokens are looked at, as a share of the mass: a cut tolerance is no larger.
pub const FARTHEST_CUT: f64 = 0.05;

impl Evidence {
    /// What a faithful server within `tolerance` may have drawn here, and how probably.
    ///
    /// - Rounding: with noise, P(the lead is below ε) ≤ ε; without, the lead is known. Where noise goes by rank, a token of the share p
    ///   among m whose log-probabilities are within ε of its own may have the noise of any of their ranks, and wins so with
    ///   at most m · p.
    /// - The cut: the tokens within c of the edge, with the mass S together behind K that is kept in any case, decide the race
    ///   with at most S / (K + S).
    ///
    /// ```
    /// use tokpick::draw::Tolerance;
    /// use tokpick::engine::Evidence;
    /// let draw = Evidence::Interval { uniform: 0.75, ids: [4, 2].into(), upper: [0.5, 1.0].into(), winner: 2 };
    /// assert!((draw.slip(2, &Tolerance { score: 0.01, ..Tolerance::default() }).rounding - 0.04).abs() < 1e-12);
    /// ```
    pub fn slip(&self, claimed: u32, tolerance: &Tolerance) -> Slip {
        let (scores, &noisy, &spacing, edge, ranks) = match self {
            Self::Race { scores, noisy, spacing, edge, ranks, .. } => (scores, noisy, spacing, edge, ranks),
            Self::Interval { upper, .. } => return Slip::of_intervals(widths(upper), tolerance.score),
        };
        let score = tolerance.at(spacing);
        let near = |id: usize| matches!(self.margin(id as u32), Margin::Score(d) if d <= score);
        let lead = match noisy {
            true => score,
            false if (0..scores.len()).filter(|&id| near(id)).count() > 1 => 1.0,
            false => 0.0,
        };
        let windows = windows(ranks, score);
        let total: f64 = ranks.iter().map(|r| exp(r.ln_p)).sum();
        let swapped: f64 = ranks
            .iter()
            .zip(&windows)
            .filter(|w| w.1.len() > 1)
            .map(|(r, w)| w.len() as f64 * exp(r.ln_p))
            .sum();
        let mut slip = Slip {
            score,
            rounding: if swapped > 0.0 { (lead + swapped / total).min(1.0) } else { lead.min(1.0) },
            cut: beside(edge, tolerance.cut),
            ..Slip::default()
        };
        if !matches!(self, Self::Race { winner, .. } if *winner == claimed) {
            slip.reordered = reordered(scores, ranks, &windows, claimed, score);
            slip.by_cut = by_cut(scores, edge, claimed, score);
        }
        slip
    }
}

/// By how much another cut had to err, as a share of the mass, for `claimed` to win: the token is beside the edge and would have
/// won if it were kept, or the tokens that beat it are and it wins without them. Scores that differ by up to `tolerance` count
/// as equal. `None` if no other cut explains it.
fn by_cut(scores: &[f64], edge: &[Beside], claimed: u32, tolerance: f64) -> Option<f64> {
    let outside = edge.iter().find(|b| b.id == claimed && !b.kept);
    let own = outside.map_or_else(|| scores.get(claimed as usize).copied(), |b| Some(b.score))?;
    if own == f64::NEG_INFINITY {
        return None;
    }
    let mut distance = outside.map_or(0.0, |b| b.distance);
    for (id, _) in scores.iter().enumerate().filter(|s| *s.1 > own + tolerance) {
        distance = distance.max(edge.iter().find(|b| b.kept && b.id as usize == id)?.distance);
    }
    Some(distance)
}

/// The chance that a token within `cut` of the edge has a part in who wins.
fn beside(edge: &[Beside], cut: f64) -> f64 {
    let mut near = edge.iter().filter(|b| b.distance <= cut).peekable();
    let above = near.peek().map_or(0.0, |b| b.above);
    let share: f64 = near.map(|b| b.share).sum();
    if share > 0.0 { share / (above + share) } else { 0.0 }
}

/// For each rank the ranks whose noise its token may have: those within `tolerance`, if another logit is among them.
fn windows(ranks: &[Ranked], tolerance: f64) -> Vec<Range<usize>> {
    let (mut from, mut to) = (0, 0);
    let window = |(at, own): (usize, &Ranked)| {
        while ranks[from].ln_p > own.ln_p + tolerance {
            from += 1;
        }
        while ranks.get(to).is_some_and(|r| r.ln_p >= own.ln_p - tolerance) {
            to += 1;
        }
        let others = ranks[from].logit != own.logit || ranks[to - 1].logit != own.logit;
        if others { from..to } else { at..at + 1 }
    };
    ranks.iter().enumerate().map(window).collect()
}

/// Whether `claimed` wins where tokens have the noise of ranks within their windows.
fn reordered(
    scores: &[f64],
    ranks: &[Ranked],
    windows: &[Range<usize>],
    claimed: u32,
    tolerance: f64,
) -> bool {
    let noises = |at: usize| ranks[windows[at].clone()].iter().map(|r| r.noise);
    let Some(own) = ranks.iter().position(|r| r.id == claimed) else { return false };
    let best = ranks[own].ln_p + noises(own).fold(f64::NEG_INFINITY, f64::max) + tolerance;
    let mut above =
        ranks.iter().enumerate().filter(|(_, r)| scores.get(r.id as usize).is_some_and(|&s| s > best));
    above.all(|(at, r)| r.ln_p + noises(at).fold(f64::INFINITY, f64::min) <= best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn race(scores: &[f64], edge: &[Beside], ranks: &[Ranked], spacing: f64) -> Evidence {
        let winner = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap() as u32;
        let (edge, ranks) = (Arc::from(edge), Arc::from(ranks));
        Evidence::Race { scores: scores.into(), ratios: false, winner, noisy: true, spacing, edge, ranks }
    }

    #[test]
    fn scores_may_differ_by_spacings_where_they_are_large() {
        let tolerance = Tolerance { score: 1e-3, spacings: 8.0, cut: 0.0 };
        assert_eq!(race(&[1.0, 2.0], &[], &[], 1e-6).slip(1, &tolerance).score, 1e-3);
        assert_eq!(race(&[1.0, 2.0], &[], &[], 1e-3).slip(1, &tolerance).rounding, 8e-3);
        assert_eq!(Evidence::best([1.0, 2.0].into(), 1).slip(0, &tolerance).rounding, 0.0);
        assert_eq!(Evidence::best([2.0, 2.0].into(), 0).slip(1, &tolerance).rounding, 1.0);
    }

    /// Shares 0.6, 0.3, 0.1 under top-p 0.9, whose edge runs between the last two.
    #[test]
    fn what_is_beside_the_edge_decides_with_its_share() {
        let beside = |id, kept, above, share, score| Beside {
            id,
            kept,
            above,
            share,
            distance: f64::abs(above - 0.9),
            score,
        };
        let edge = [beside(2, false, 0.9, 0.1, 5.0)];
        let draw = race(&[1.0, 2.0, f64::NEG_INFINITY], &edge, &[], 0.0);
        let slip = draw.slip(2, &Tolerance::default());
        assert!((slip.cut - 0.1).abs() < 1e-12);
        assert_eq!((slip.by_cut, draw.slip(0, &Tolerance::default()).by_cut), (Some(0.0), None));
    }

    /// Two tokens whose probabilities are nearly one take each other's noise; a third of the same logit stays behind its like.
    #[test]
    fn neighbours_by_rank_may_change_places() {
        let ranked = |id, logit, p: f64, noise| Ranked { id, logit, ln_p: p.ln(), noise };
        let ranks = [
            ranked(0, 1.0, 0.4, 1.0),
            ranked(1, 0.9, 0.399_999_99, 3.0),
            ranked(2, 0.5, 0.1, 0.0),
            ranked(3, 0.5, 0.1, 2.0),
        ];
        let scores: Vec<f64> = ranks.iter().map(|r| r.ln_p + r.noise).collect();
        let draw = race(&scores, &[], &ranks, 0.0);
        let slip = |claimed| draw.slip(claimed, &Tolerance::default());
        assert!(slip(0).reordered && !slip(1).reordered && !slip(2).reordered && !slip(3).reordered);
        assert_eq!(slip(1).rounding, 1.0, "2 · 0.4 + 2 · 0.4 of the mass 1 is no more than certain");
    }
}
