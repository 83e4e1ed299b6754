//! How probable it is that noise on the logits explains a token that the draw did not choose.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::TokenId;
use crate::candidates::Candidates;
use crate::draw::{Margin, Support};
use crate::kernel::exp;

/// Independent Gaussian noise on the raw logits: what another machine, kernel or batch size may have added.
///
/// The question for each mismatch: if the run behind the claimed ids saw logits x + ε with εᵢ ~ N(0, σ²), how probable is it that
/// the same seed drew the claimed token c instead of our w? The answers are upper bounds, because c has to beat w at least:
///
/// - **Races** (Gumbel noise, exponential races, argmax). Scores are x/T + noise, the noise is given by the seed. c overtakes w
///   where (ε_c − ε_w)/T exceeds the margin Δ; the difference of two independent normals has the standard deviation σ√2, so
///   P ≤ Q(Δ · T / (σ√2)), Q = the upper tail of the standard normal.
/// - **Inverse CDF.** u is given by the seed, the edges move. The edge F = Σ_{i∈A} pᵢ over the tokens A before it changes to first
///   order by δF = Σ_{i∈A} pᵢ (εᵢ − Σⱼ pⱼεⱼ)/T = [(1 − F) Σ_{i∈A} pᵢεᵢ − F Σ_{j∉A} pⱼεⱼ]/T, a normal with the variance
///   (σ/T)² · [(1 − F)² Σ_{i∈A} pᵢ² + F² Σ_{j∉A} pⱼ²]. The nearer edge of c's interval has to move by its distance d to u:
///   P ≤ Q(d / sd).
/// - **Tokens that a truncation removed.** c must at least overtake the least token that was kept, whose raw logit is x_min:
///   P ≤ Q((x_min − x_c) / (σ√2)). Where c is above x_min, the truncation is not one by value (typical, XTC, a constraint), and no
///   bound is given. A token that the raw row masks has probability 0. This is a bound where the cut goes by rank; one by mass or by a
///   threshold moves with the noise, which verdicts on engines allow for apart ([`Tolerance::noise`](super::Tolerance)).
///
/// T is the product of the chain's temperatures. What else bends the scores (penalties, smoothing) counts as part of the logits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// σ ≥ 0, in nats of raw logit; 0 explains nothing.
    pub sigma: f64,
    /// T: the temperature between raw logits and scores.
    pub temperature: f64,
}

impl Noise {
    /// σ/T: the standard deviation of the noise on scores.
    pub(super) fn of_scores(&self) -> f64 {
        self.sigma / self.temperature.max(f64::MIN_POSITIVE)
    }

    /// An upper bound on the probability that this noise makes the draw choose `claimed`; `None` where none is known.
    ///
    /// `uniform` is the draw's, where it has one.
    pub fn probability(
        &self,
        margin: Margin,
        uniform: Option<f64>,
        support: &Support,
        candidates: &Candidates,
        claimed: TokenId,
    ) -> Option<f64> {
        let scaled = self.of_scores();
        match margin {
            Margin::Score(d) => Some(normal_tail(ratio(d, scaled * std::f64::consts::SQRT_2))),
            Margin::Uniform(d) => {
                let sd = edge_deviation(support, uniform?, claimed)?;
                Some(normal_tail(ratio(d, scaled * sd)))
            }
            Margin::Impossible => self.overtakes(support, candidates, claimed),
        }
    }

    /// The chances that this noise makes one step draw another token, with a probability of at least `alpha` by
    /// [`Noise::probability`], and with less: upper bounds.
    ///
    /// - Races, s = σ√2/T: at most eᵈ dd tokens are expected between d and d + dd behind the winner, and each overtakes it with Q(d/s). So ∫₀
    ///   eᵈ Q(d/s) dd = e^(s²/2) Φ(s) − ½ in all, and from z = Q⁻¹(alpha) on e^(s²/2) Q(z − s) − e^(zs) Q(z).
    /// - Inverse CDF: the uniform falls between an edge and where it moved to with E|δF| = sd √(2/π) for each edge, beyond z sd with
    ///   2 sd (φ(z) − z Q(z)).
    pub(super) fn flips(&self, uniform: Option<f64>, support: &Support, alpha: f64) -> [f64; 2] {
        if self.sigma <= 0.0 {
            return [0.0; 2];
        }
        let scaled = self.of_scores();
        let z = normal_quantile(alpha);
        let [all, beyond] = match (uniform, &support.probabilities) {
            (Some(_), Some(p)) => {
                let sd = scaled * edge_deviations(p);
                let density = exp(-z * z / 2.0) / (2.0 * PI).sqrt();
                [sd * (2.0 / PI).sqrt(), 2.0 * sd * (density - z * normal_tail(z))]
            }
            _ => {
                let s = scaled * std::f64::consts::SQRT_2;
                // where the noise is as large as the scores, anything may be drawn
                if s > 1.0 {
                    return [1.0; 2];
                }
                let whole = exp(s * s / 2.0);
                [whole * normal_tail(-s) - 0.5, whole * normal_tail(z - s) - exp(z * s) * normal_tail(z)]
            }
        };
        [all.clamp(0.0, 1.0), beyond.clamp(0.0, 1.0)]
    }

    fn overtakes(&self, support: &Support, candidates: &Candidates, claimed: TokenId) -> Option<f64> {
        let logit = candidates.raw_logit(claimed).filter(|x| x.is_finite());
        let (Some(logit), true) = (logit, self.sigma > 0.0) else { return Some(0.0) };
        let kept = support.ids.iter().filter_map(|&id| candidates.raw_logit(id));
        let least = kept.fold(f32::INFINITY, f32::min);
        let d = f64::from(least) - f64::from(logit);
        (d > 0.0 && d.is_finite()).then(|| normal_tail(ratio(d, self.sigma * std::f64::consts::SQRT_2)))
    }
}

/// The standard deviation of the edge of `claimed` that is nearer to u, for noise of σ = T = 1.
fn edge_deviation(support: &Support, u: f64, claimed: TokenId) -> Option<f64> {
    let p = support.probabilities.as_ref()?;
    let at = support.ids.iter().position(|&id| id == claimed)?;
    let low: f64 = p.get(..at)?.iter().sum();
    let edge = if u < low { at } else { at + 1 };
    let (before, after) = p.split_at_checked(edge)?;
    let squares = |p: &[f64]| p.iter().map(|p| p * p).sum::<f64>();
    let (f, rest) = (before.iter().sum::<f64>(), after.iter().sum::<f64>());
    Some((rest * rest * squares(before) + f * f * squares(after)).sqrt())
}

/// The sum of the standard deviations of all edges, for noise of σ = T = 1.
fn edge_deviations(p: &[f64]) -> f64 {
    let (total, squares) = p.iter().fold((0.0, 0.0), |(t, s), p| (t + p, s + p * p));
    let (mut below, mut square) = (0.0, 0.0);
    p.iter()
        .map(|p| {
            (below, square) = (below + p, square + p * p);
            let rest: f64 = (total - below).max(0.0);
            (rest * rest * square + below * below * (squares - square).max(0.0)).sqrt()
        })
        .sum()
}

/// z with Q(z) = p, by bisection; 0 for p of ½ and more, 40 for what is less than Q(38).
fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if normal_tail(middle) > p { low = middle } else { high = middle }
    }
    low
}

/// distance / deviation, where a distance of 0 is as near as can be and no deviation is never enough.
fn ratio(distance: f64, deviation: f64) -> f64 {
    if distance <= 0.0 { 0.0 } else { distance / deviation }
}

/// Q(z) = P(N(0, 1) > z) = ½ erfc(z/√2), about 1e-13 relative.
///
/// A series below z = 2√2, a continued fraction above (Abramowitz & Stegun 1964, 7.1.6 and 7.1.14).
///
/// ```
/// use tokpick::check::normal_tail;
/// assert_eq!(normal_tail(0.0), 0.5);
/// assert!((normal_tail(1.959963984540054) - 0.025).abs() < 1e-15);
/// assert_eq!(normal_tail(f64::INFINITY), 0.0);
/// ```
pub fn normal_tail(z: f64) -> f64 {
    let x = z * FRAC_1_SQRT_2;
    if x.is_nan() {
        return x;
    }
    if x < 0.0 {
        return 1.0 - normal_tail(-z);
    }
    if x < 2.0 {
        let (mut term, mut sum, mut n) = (x, x, 0.0);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            sum += term;
        }
        return 0.5 - exp(-x * x) * sum / PI.sqrt();
    }
    // erfc x = e^(−x²)/√π · 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + …))))
    let fraction = (1..=120).rev().fold(x, |f, n| x + f64::from(n) / 2.0 / f);
    0.5 * exp(-x * x) / (PI.sqrt() * fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Row;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// erfc(z/√2)/2 by the C library's erfc.
    #[test]
    fn tail() {
        let table = [
            (0.5, 0.3085375387259869),
            (1.0, 0.15865525393145707),
            (2.828, 0.0023419903268224736),
            (2.829, 0.002334684947922319),
            (5.0, 2.866515718791946e-7),
            (10.0, 7.619853024160593e-24),
            (-1.0, 0.8413447460685429),
        ];
        for (z, q) in table {
            assert!((normal_tail(z) / q - 1.0).abs() < 1e-12, "{z}: {} is not {q}", normal_tail(z));
        }
        assert!((normal_tail(2.828427) - normal_tail(2.828428)).abs() < 1e-8);
    }

    fn normal(rng: &mut ChaCha8Rng) -> f64 {
        let (u, v): (f64, f64) = (rng.random(), rng.random());
        (-2.0 * (1.0 - u).ln()).sqrt() * (2.0 * PI * v).cos()
    }

    /// The deviation of an edge, against noise that is really added: 20,000 rows, 3 standard errors.
    #[test]
    fn edges_move_as_derived() {
        let logits = [1.0, 0.3, -0.5, 2.0, 0.0];
        let softmax = |x: &[f64]| {
            let sum: f64 = x.iter().map(|x| x.exp()).sum();
            x.iter().map(|x| x.exp() / sum).collect::<Vec<f64>>()
        };
        let support = Support { ids: (0..5).collect(), probabilities: Some(softmax(&logits)) };
        let (sigma, n, mut rng) = (0.01, 20_000, ChaCha8Rng::seed_from_u64(1));
        for claimed in 0..4u32 {
            // u above the interval: the upper edge counts
            let derived = edge_deviation(&support, 0.999999, claimed).unwrap();
            let edge = |p: &[f64]| p[..=claimed as usize].iter().sum::<f64>();
            let still = edge(&softmax(&logits));
            let square: f64 = (0..n)
                .map(|_| {
                    let noisy: Vec<f64> = logits.iter().map(|x| x + sigma * normal(&mut rng)).collect();
                    (edge(&softmax(&noisy)) - still).powi(2)
                })
                .sum();
            let measured = (square / f64::from(n)).sqrt() / sigma;
            assert!((measured / derived - 1.0).abs() < 0.02, "edge {claimed}: {measured}, derived {derived}");
        }
    }

    /// A race: the bound is the exact probability for two tokens.
    #[test]
    fn a_race_of_two() {
        let mut c = Candidates::default();
        c.load(Row::dense(vec![0.0, 0.0]), 0, 0).unwrap();
        let noise = Noise { sigma: 0.1, temperature: 0.5 };
        let p = noise.probability(Margin::Score(0.3), None, &Support::default(), &c, 1).unwrap();
        let (n, mut rng) = (40_000, ChaCha8Rng::seed_from_u64(2));
        let overtakes = |rng: &mut ChaCha8Rng| 0.1 * (normal(rng) - normal(rng)) / 0.5 > 0.3;
        let share = (0..n).filter(|_| overtakes(&mut rng)).count() as f64 / f64::from(n);
        assert!((share - p).abs() < 4.0 * (p * (1.0 - p) / f64::from(n)).sqrt(), "{share}, derived {p}");
    }

    #[test]
    fn quantiles_of_the_tail() {
        for z in [0.0, 0.5, 1.0, 3.0, 8.0, 30.0] {
            let p = normal_tail(z);
            assert!((normal_tail(normal_quantile(p)) / p - 1.0).abs() < 1e-9, "{z}");
        }
        assert_eq!(normal_quantile(0.75), 0.0);
    }

    /// Of a race: the integrals of the densities that its bound is made of, by Simpson's rule.
    #[test]
    fn flips_of_a_race_are_its_integrals() {
        for (sigma, temperature, alpha) in [(0.1, 0.5, 1e-3), (0.3, 1.0, 0.02), (0.05, 2.0, 0.5)] {
            let s = sigma / temperature * std::f64::consts::SQRT_2;
            let density = |d: f64| exp(d) * normal_tail(d / s);
            let integral = |from: f64| {
                let (n, to) = (4000, from + 30.0 * s);
                let h = (to - from) / f64::from(n);
                let weight = |i| if i == 0 || i == n { 1.0 } else { f64::from(2 + 2 * (i % 2)) };
                (0..=n).map(|i| weight(i) * density(from + h * f64::from(i))).sum::<f64>() * h / 3.0
            };
            let noise = Noise { sigma, temperature };
            let support = Support { ids: vec![0, 1], probabilities: None };
            let [all, beyond] = noise.flips(None, &support, alpha);
            let expected = [integral(0.0), integral(normal_quantile(alpha) * s)];
            assert!((all / expected[0] - 1.0).abs() < 1e-6, "{all}, expected {}", expected[0]);
            assert!((beyond / expected[1] - 1.0).abs() < 1e-6, "{beyond}, expected {}", expected[1]);
        }
        // as large as the scores: anything
        let noise = Noise { sigma: 1.0, temperature: 1.0 };
        assert_eq!(noise.flips(None, &Support::default(), 0.01), [1.0; 2]);
        let none = Noise { sigma: 0.0, temperature: 1.0 };
        assert_eq!(none.flips(Some(0.5), &Support::default(), 0.01), [0.0; 2]);
    }

    /// Of intervals: a uniform of its own for each of 200,000 rows with noise that is really added; σ so small that first order holds.
    #[test]
    fn flips_of_intervals_are_those_of_noise() {
        let p = [0.5f64, 0.3, 0.2];
        let noise = Noise { sigma: 0.02, temperature: 0.5 };
        let support = Support { ids: vec![0, 1, 2], probabilities: Some(p.to_vec()) };
        let [all, beyond] = noise.flips(Some(0.1), &support, 0.5);
        // at ½ everything is beyond: φ(0) · 2 = √(2/π)
        assert!((all / beyond - 1.0).abs() < 1e-12 && all > 0.0, "{all} {beyond}");
        let (n, mut rng) = (200_000, ChaCha8Rng::seed_from_u64(5));
        let token = |p: &[f64], u: f64| usize::from(u >= p[0]) + usize::from(u >= p[0] + p[1]);
        let mut flipped = [0.0; 2];
        let [_, beyond] = noise.flips(Some(0.1), &support, 0.1);
        for _ in 0..n {
            let w = p.map(|p| p * exp(0.04 * normal(&mut rng)));
            let sum: f64 = w.iter().sum();
            let (u, noisy) = (rng.random::<f64>(), w.map(|w| w / sum));
            let (drawn, claimed) = (token(&p, u), token(&noisy, u));
            if drawn != claimed {
                let low: f64 = p[..claimed].iter().sum();
                let d = (low - u).max(u - low - p[claimed]);
                let chance = noise.probability(
                    Margin::Uniform(d),
                    Some(u),
                    &support,
                    &Candidates::default(),
                    claimed as TokenId,
                );
                flipped[0] += 1.0 / f64::from(n);
                flipped[1] += f64::from(chance.unwrap() < 0.1) / f64::from(n);
            }
        }
        for (found, bound) in flipped.into_iter().zip([all, beyond]) {
            let error = (bound / f64::from(n)).sqrt();
            assert!((found - bound).abs() < 4.0 * error + 0.02 * bound, "{found}, derived {bound}");
        }
    }

    #[test]
    fn without_noise_nothing_is_explained() {
        let mut c = Candidates::default();
        c.load(Row::dense(vec![0.0, 1.0, f32::NEG_INFINITY]), 0, 0).unwrap();
        let support = Support { ids: vec![1], probabilities: None };
        let none = Noise { sigma: 0.0, temperature: 1.0 };
        assert_eq!(none.probability(Margin::Score(1e-9), None, &support, &c, 0), Some(0.0));
        assert_eq!(none.probability(Margin::Impossible, None, &support, &c, 0), Some(0.0));
        let some = Noise { sigma: 1.0, temperature: 1.0 };
        let cut = some.probability(Margin::Impossible, None, &support, &c, 0).unwrap();
        assert!((cut - normal_tail(FRAC_1_SQRT_2)).abs() < 1e-15);
        assert_eq!(some.probability(Margin::Impossible, None, &support, &c, 2), Some(0.0), "masked");
        let above = Support { ids: vec![0], probabilities: None };
        assert_eq!(some.probability(Margin::Impossible, None, &above, &c, 1), None, "no cut by value");
    }
}
