//! Truncations and changes of scores in plain f64, by their formulas alone.

/// Whether a token is kept; `None` where it is too near to a cut to say.
pub type Kept = Option<bool>;

/// How far, relatively, a threshold may be off: the slack that tokpick allows is a change of the logits by 1e-6.
const NEAR: f64 = 5e-6;

pub fn softmax(scores: &[f64]) -> Vec<f64> {
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|s| (s - max).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

fn entropy(p: &[f64]) -> f64 {
    -p.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>()
}

/// What reaches a threshold, and the best in any case.
fn reaching(p: &[f64], threshold: f64) -> Vec<Kept> {
    let best = p.iter().copied().fold(0.0, f64::max);
    let kept = |&p: &f64| match p / threshold {
        _ if p >= best => Some(true),
        r if r > 1.0 + NEAR => Some(true),
        // a hair below the best one may be a tie of it in f32
        r if r < 1.0 - NEAR && p < best * (1.0 - NEAR) => Some(false),
        _ => None,
    };
    p.iter().map(kept).collect()
}

/// By rising distance, until the mass before has reached `share`; distances within 1e-5 may be in either order.
fn by_mass(p: &[f64], distance: &[f64], share: f64) -> Vec<Kept> {
    let least = distance.iter().copied().fold(f64::INFINITY, f64::min);
    let kept = |(i, d): (usize, &f64)| {
        let before = |slack: f64| -> f64 {
            (0..p.len()).filter(|&j| j != i && distance[j] < d + slack).map(|j| p[j]).sum()
        };
        let (low, high) = (before(-1e-5), before(1e-5));
        match () {
            () if *d <= least => Some(true),
            () if high < share - NEAR => Some(true),
            () if low > share + NEAR => Some(false),
            () => None,
        }
    };
    distance.iter().enumerate().map(kept).collect()
}

/// The truncations, with their parameter.
pub const TRUNCATIONS: [&str; 9] = [
    "top_k",
    "top_p",
    "min_p",
    "epsilon_cutoff",
    "eta_cutoff",
    "top_a",
    "typical_p",
    "top_n_sigma",
    "p_less",
];

/// What a truncation keeps of scores; −∞ is masked.
pub fn truncation(name: &str, x: f64, scores: &[f64]) -> Vec<Kept> {
    let p = softmax(scores);
    let best = p.iter().copied().fold(0.0, f64::max);
    let all: Vec<Kept> = match name {
        "top_k" => {
            let mut sorted = scores.to_vec();
            sorted.sort_by(|a, b| b.total_cmp(a));
            let last = sorted[(x as usize).clamp(1, sorted.len()) - 1];
            scores.iter().map(|s| Some(*s >= last || x == 0.0)).collect()
        }
        "top_p" => by_mass(&p, &scores.iter().map(|s| -s).collect::<Vec<_>>(), x),
        "min_p" => reaching(&p, x * best),
        "epsilon_cutoff" => reaching(&p, x),
        "eta_cutoff" => reaching(&p, x.min(x.sqrt() * (-entropy(&p)).exp())),
        "top_a" => reaching(&p, x * best * best),
        "p_less" => reaching(&p, p.iter().map(|p| p * p).sum()),
        "typical_p" => {
            let h = entropy(&p);
            by_mass(&p, &p.iter().map(|p| (-p.ln() - h).abs()).collect::<Vec<_>>(), x)
        }
        _ => {
            let finite: Vec<f64> = scores.iter().copied().filter(|s| s.is_finite()).collect();
            let n = finite.len() as f64;
            let max = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let mean = finite.iter().sum::<f64>() / n;
            let sigma = (finite.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n).sqrt();
            let cut = max - x * sigma;
            scores.iter().map(|s| if (s - cut).abs() < 1e-5 { None } else { Some(*s >= cut) }).collect()
        }
    };
    let masked = |s: &f64| *s == f64::NEG_INFINITY;
    all.into_iter().zip(scores).map(|(kept, s)| if masked(s) { Some(false) } else { kept }).collect()
}

/// What changes scores, with its parameter.
pub const CHANGES: [&str; 6] =
    ["temperature", "repetition_penalty", "presence_penalty", "frequency_penalty", "softcap", "smoothing"];

/// The changed scores, after a history.
pub fn change(name: &str, x: f64, scores: &[f64], history: &[u32]) -> Vec<f64> {
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let change = |(id, s): (u32, &f64)| {
        let count = history.iter().filter(|h| **h == id).count() as f64;
        match name {
            _ if *s == f64::NEG_INFINITY => *s,
            "temperature" => s / x,
            "repetition_penalty" if count > 0.0 => {
                if *s > 0.0 {
                    s / x
                } else {
                    s * x
                }
            }
            "presence_penalty" if count > 0.0 => s - x,
            "frequency_penalty" => s - x * count,
            "softcap" => x * (s / x).tanh(),
            "smoothing" => -x * (s - max).powi(2) + max,
            _ => *s,
        }
    };
    (0u32..).zip(scores).map(change).collect()
}
