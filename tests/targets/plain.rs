//! Truncations and changes of scores in plain f64, by their formulas alone.
//!
//! A threshold forgives a change of the logits by 1e-6 (docs/guarantees.md); where a token is as near to that cut, and no farther than f32
//! takes its score from the formula's, either answer is right.

#[cfg(test)]
mod tests;

/// Whether a token is kept; `None` where it is too near to a cut to say.
pub type Kept = Option<bool>;

/// The change of a logit that thresholds forgive, and how near to the cut either answer is right.
const SLACK: f64 = 1e-6;

/// Half a unit in the last place of an f32, relatively.
const HALF: f64 = 0.5 / (1 << 23) as f64;

/// Scores by a formula.
pub struct Scores {
    /// −∞ is masked.
    pub exact: Vec<f64>,
    /// How far each is rounded, where they are f32.
    rounded: Vec<f64>,
    /// How far each may lie from the formula, relative to the best one, where decisions are made in f32.
    off: Vec<f64>,
    /// How far, relatively, a factor of all may be off.
    rough: f64,
}

impl Scores {
    /// Scores of a formula; `rewritten`: they are rounded to f32 then.
    fn new(exact: Vec<f64>, rewritten: bool, rough: f64) -> Self {
        let best = largest(&exact);
        let rounding = |s: f64| if rewritten && s.is_finite() { HALF * s.abs() } else { 0.0 };
        // a factor of all scores is an f32, too
        let off = |&s: &f64| match s.is_finite() {
            true => rounding(s) + rounding(best) + (HALF + rough) * (best - s),
            false => 0.0,
        };
        let (rounded, off) = (exact.iter().map(|s| rounding(*s)).collect(), exact.iter().map(off).collect());
        Scores { exact, rounded, off, rough }
    }

    /// How far those that are not masked lie below the best, the best first.
    fn below(&self) -> Vec<f64> {
        let best = largest(&self.exact);
        let mut below: Vec<f64> = self.exact.iter().filter(|s| s.is_finite()).map(|s| best - s).collect();
        below.sort_by(f64::total_cmp);
        below
    }

    pub fn probabilities(&self) -> Vec<f64> {
        let best = largest(&self.exact);
        let weights: Vec<f64> = self.exact.iter().map(|s| (s - best).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|w| w / sum).collect()
    }

    /// Whether two scores that differ may be equal in f32.
    fn tied(&self, i: usize, j: usize) -> bool {
        let apart = (self.exact[i] - self.exact[j]).abs();
        apart > 0.0 && apart <= self.rounded[i] + self.rounded[j]
    }
}

fn largest(of: &[f64]) -> f64 {
    of.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn entropy(p: &[f64]) -> f64 {
    -p.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>()
}

fn squares(p: &[f64]) -> f64 {
    p.iter().map(|p| p * p).sum()
}

/// What reaches a threshold, which may be off by so many nats, and the best in any case.
fn reaching(p: &[f64], threshold: f64, s: &Scores, off: f64) -> Vec<Kept> {
    let best = largest(p);
    let kept = |(&p, near): (&f64, f64)| match (p / threshold).ln() {
        _ if p >= best => Some(true),
        above if above > near => Some(true),
        above if above < -2.0 * SLACK - near => Some(false),
        _ => None,
    };
    p.iter().zip(s.off.iter().map(|o| o + off)).map(kept).collect()
}

/// By rising distance, until the mass has reached `share`. The distance of a token may be off by `off`; `forgiven`: what is so much
/// farther than the last one stays, too.
fn by_mass(p: &[f64], share: f64, s: &Scores, distance: &[f64], off: &[f64], forgiven: f64) -> Vec<Kept> {
    let bound = share - SLACK * share * (1.0 - share);
    let kept = |i: usize| {
        // of the tokens that come before this one for sure, and of those that may
        let mass = |comes: &dyn Fn(usize) -> bool| {
            let (mut inside, mut moved, mut left) = (0.0, 0.0, 0.0);
            for j in (0..p.len()).filter(|&j| p[j] > 0.0) {
                if j != i && comes(j) {
                    inside += p[j];
                    moved += p[j] * s.off[j];
                } else {
                    left += p[j] * s.off[j];
                }
            }
            // how far the errors of the scores move it, and those of the sums
            let near = SLACK * share * (1.0 - share) + moved * (1.0 - inside) + left * inside + 1e-14;
            (inside, near)
        };
        let (low, low_near) = mass(&|j| distance[j] < distance[i] - forgiven - off[i] - off[j]);
        let (high, high_near) = mass(&|j| distance[j] < distance[i] + off[i] + off[j]);
        match () {
            () if high < bound - high_near || high == 0.0 => Some(true),
            () if low >= bound + low_near && low > 0.0 => Some(false),
            () => None,
        }
    };
    (0..p.len()).map(kept).collect()
}

/// The best so many of scores: `least` for sure, `most` at most.
fn best_of(scores: &[f64], least: usize, most: usize) -> Vec<Kept> {
    let mut sorted: Vec<f64> = scores.iter().copied().filter(|s| s.is_finite()).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let last = |n: usize| sorted[n.clamp(1, sorted.len()) - 1];
    let (sure, possible) = (last(least), last(most));
    let kept = |&s: &f64| match () {
        () if s >= sure => Some(true),
        () if s < possible => Some(false),
        () => None,
    };
    scores.iter().map(kept).collect()
}

/// How many of the best come before the entropy's share h: for sure, and at most.
fn top_h(s: &Scores, h: f64) -> (usize, usize) {
    let below = s.below();
    let rest: f64 = below.iter().skip(1).map(|b| (-b).exp()).sum();
    if rest < 1e-300 {
        // that the smallest numbers still tell is a matter of the edges' table
        return (1, below.len());
    }
    // −q ln q with ln q = −b − ln(1 + rest): the best one's keeps its digits
    let term = |b: f64| (-b).exp() / (1.0 + rest) * (b + rest.ln_1p());
    let bound = h * below.iter().map(|b| term(*b)).sum::<f64>();
    let fit = |bound: f64| {
        let (mut sum, mut kept) = (0.0, 0);
        for tied in below.chunk_by(|a, b| a == b) {
            if kept > 0 && sum + term(tied[0]) > bound {
                break;
            }
            sum += term(tied[0]) * tied.len() as f64;
            kept += tied.len();
        }
        kept
    };
    // a factor moves terms by as much as their exponents, of which those beyond 30 count for nothing
    let near = 1e-12 + 30.0 * s.rough;
    (fit(bound * (1.0 - near)), fit(bound * (1.0 + 2.0 * SLACK + near)))
}

/// How many of the best come before the curve of the probabilities is flat: for sure, and at most.
fn tail_free(s: &Scores, z: f64) -> (usize, usize) {
    let below = s.below();
    let weights: Vec<f64> = below.iter().map(|b| (-b).exp()).collect();
    let bends: Vec<f64> = weights.windows(3).map(|w| (w[0] - 2.0 * w[1] + w[2]).abs()).collect();
    let total: f64 = bends.iter().sum();
    let before = |bound: f64| {
        let mut sum = 0.0;
        let fits = bends.iter().take_while(|b| {
            sum += **b;
            sum <= bound
        });
        1 + fits.count()
    };
    // differences of numbers that are nearly equal have lost their last digits, and a factor moves each
    let near = 1e-14 + 4.0 * s.rough * weights.iter().zip(&below).map(|(w, b)| w * b).sum::<f64>();
    let (least, most) = (before(z * total - near), before(z * total * (1.0 + 2.0 * SLACK) + near));
    match total - SLACK {
        over if over.abs() <= 1e-12 + near => (least, below.len()),
        over if over < 0.0 => (below.len(), below.len()),
        _ => (least, most),
    }
}

/// All that are better than the worst of at least two good ones go, whichever of those near to the threshold are good.
fn xtc(p: &[f64], threshold: f64, s: &Scores) -> Vec<Kept> {
    let reach: Vec<Kept> = p
        .iter()
        .zip(&s.off)
        .map(|(p, off)| match (p / threshold).ln() {
            above if above > *off => Some(true),
            above if above < -2.0 * SLACK - off => Some(false),
            _ => None,
        })
        .collect();
    let mut doubtful: Vec<f64> =
        p.iter().zip(&reach).filter(|(_, good)| good.is_none()).map(|(p, _)| *p).collect();
    doubtful.push(f64::INFINITY);
    let answers: Vec<Vec<bool>> = doubtful
        .iter()
        .map(|&from| {
            let good: Vec<f64> = p
                .iter()
                .zip(&reach)
                .filter(|(p, good)| good.unwrap_or(**p >= from))
                .map(|(p, _)| *p)
                .collect();
            let worst = good.iter().copied().fold(f64::INFINITY, f64::min);
            p.iter().map(|p| good.len() < 2 || *p <= worst).collect()
        })
        .collect();
    (0..p.len()).map(|i| answers.iter().all(|a| a[i] == answers[0][i]).then(|| answers[0][i])).collect()
}

/// The truncations, with their parameter.
pub const TRUNCATIONS: [&str; 13] = [
    "top_k",
    "top_p",
    "min_p",
    "epsilon_cutoff",
    "eta_cutoff",
    "top_a",
    "typical_p",
    "top_n_sigma",
    "p_less",
    "p_less_norm",
    "top_h",
    "tail_free",
    "xtc",
];

/// What a truncation keeps of scores.
pub fn truncation(name: &str, x: f64, s: &Scores) -> Vec<Kept> {
    let p = s.probabilities();
    let (best, n) = (largest(&p), s.exact.iter().filter(|s| s.is_finite()).count());
    let ranks = |(least, most)| best_of(&s.exact, least, most);
    let all = match name {
        "top_k" if x == 0.0 => ranks((n, n)),
        "top_k" => ranks((x as usize, x as usize)),
        "top_p" => {
            let below: Vec<f64> = s.exact.iter().map(|s| -s).collect();
            by_mass(&p, x, s, &below, &s.rounded, 0.0)
        }
        "min_p" => reaching(&p, x * best, s, 0.0),
        "epsilon_cutoff" => reaching(&p, x, s, 0.0),
        "eta_cutoff" => reaching(&p, x.min(x.sqrt() * (-entropy(&p)).exp()), s, 0.0),
        "top_a" => reaching(&p, x * best * best, s, 0.0),
        "p_less" => reaching(&p, squares(&p), s, 0.0),
        "p_less_norm" if n == 1 => ranks((1, 1)),
        "p_less_norm" => {
            let (n, squares) = (n as f64, squares(&p));
            let threshold = (n * squares - 1.0) / (n - 1.0);
            // a change of the logits by 1e-6 moves the sum by twice as much, and what is left of it by more
            reaching(&p, threshold.max(0.0), s, 2.0 * SLACK * n * squares / (n * squares - 1.0).max(1e-300))
        }
        "top_h" => ranks(top_h(s, x)),
        "tail_free" => ranks(tail_free(s, x)),
        "xtc" => xtc(&p, x, s),
        "typical_p" => {
            let h = entropy(&p);
            let distance: Vec<f64> = p.iter().map(|p| (-p.ln() - h).abs()).collect();
            // it is rounded to f32, and the mean that it is taken from is a sum of such numbers
            let off: Vec<f64> =
                distance.iter().zip(&s.off).map(|(d, off)| off + HALF * (d + 4.0 * h)).collect();
            by_mass(&p, x, s, &distance, &off, SLACK)
        }
        _ => {
            let finite: Vec<f64> = s.exact.iter().copied().filter(|s| s.is_finite()).collect();
            let mean = finite.iter().sum::<f64>() / n as f64;
            let sigma = (finite.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
            let cut = largest(&finite) - x * sigma;
            let kept = |(s, off): (&f64, &f64)| match s - cut {
                above if above > *off => Some(true),
                above if above < -2.0 * SLACK - off => Some(false),
                _ => None,
            };
            s.exact.iter().zip(&s.off).map(kept).collect()
        }
    };
    // what ties in f32 with a token that stays may stay
    let beside = |i: usize| (0..p.len()).any(|j| all[j] != Some(false) && s.tied(i, j));
    let kept = |i: usize| match all[i] {
        _ if s.exact[i] == f64::NEG_INFINITY => Some(false),
        Some(false) if beside(i) => None,
        kept => kept,
    };
    (0..p.len()).map(kept).collect()
}

/// What changes scores.
pub const CHANGES: [&str; 8] = [
    "temperature",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "softcap",
    "smoothing",
    "dynamic_temperature",
    "dry",
];

/// The parameters of a change.
pub struct With {
    /// The first one: a temperature, a penalty, a factor, a multiplier.
    pub x: f64,
    /// Dynamic temperature's range, DRY's base.
    pub y: f64,
    /// Dynamic temperature's exponent, DRY's allowed length.
    pub z: f64,
    /// DRY's breaker.
    pub breaker: Option<u32>,
}

/// The changed scores, after a history.
pub fn change(name: &str, with: &With, row: &[f32], history: &[u32]) -> Scores {
    let With { x, y, z, .. } = *with;
    let scores: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
    let max = largest(&scores);
    let temperature = match name {
        "dynamic_temperature" => {
            let p = Scores::new(scores.clone(), false, 0.0).probabilities();
            let n = scores.iter().filter(|s| s.is_finite()).count() as f64;
            let low = (x - y).max(0.0);
            if n > 1.0 { low + (x + y - low) * (entropy(&p) / n.ln()).clamp(0.0, 1.0).powf(z) } else { 1.0 }
        }
        _ => x,
    };
    let change = |(id, s): (u32, &f64)| {
        let count = history.iter().filter(|h| **h == id).count() as f64;
        match name {
            _ if *s == f64::NEG_INFINITY => *s,
            "temperature" | "dynamic_temperature" => s / temperature,
            "repetition_penalty" if count > 0.0 && *s > 0.0 => s / x,
            "repetition_penalty" if count > 0.0 => s * x,
            "presence_penalty" if count > 0.0 => s - x,
            "frequency_penalty" => s - x * count,
            "softcap" => x * (s / x).tanh(),
            "smoothing" => -x * (s - max).powi(2) + max,
            "dry" => match repeated(id, history, with.breaker).filter(|r| *r as f64 >= z) {
                Some(r) => s - x * y.powf(r as f64 - z),
                None => *s,
            },
            _ => *s,
        }
    };
    let exact = (0u32..).zip(&scores).map(change).collect();
    match name {
        "temperature" => Scores::new(exact, false, 0.0),
        // its temperature comes from an entropy in the arithmetic of decisions
        "dynamic_temperature" => Scores::new(exact, false, 0.2 * SLACK * z),
        _ => Scores::new(exact, true, 0.0),
    }
}

/// Over how many ids the end of a history occurs before this token in it, too: the most, up to the newest breaker.
fn repeated(id: u32, history: &[u32], breaker: Option<u32>) -> Option<usize> {
    if breaker == Some(id) {
        return None;
    }
    let limit = history.iter().rev().take_while(|h| Some(**h) != breaker).count();
    let places = (1..history.len()).filter(|&at| history[at] == id);
    let common =
        |at: usize| (0..at).take_while(|k| history[at - 1 - k] == history[history.len() - 1 - k]).count();
    places.map(|at| common(at).min(limit)).max()
}
