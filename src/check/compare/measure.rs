//! What settings are compared by.

use serde::Serialize;

use super::Decoded;

/// A measure of a setting.
pub struct Measure {
    /// Its name in JSON.
    pub key: &'static str,
    /// Its heading in tables.
    pub heading: &'static str,
    /// Its value for one sequence; `None` where it is one of a whole set of samples.
    pub of: Option<fn(&Decoded) -> Option<f64>>,
    /// Digits behind the point in tables.
    pub digits: usize,
    /// What it is, in a line.
    pub meaning: &'static str,
}

/// All measures, in the order of the columns.
pub static MEASURES: &[Measure] = &[
    measure("logprob", "log p", |d| d.logprob, 2, "sum of the log-probabilities in the raw rows, in nats"),
    measure("perplexity", "ppl", |d| d.perplexity, 2, "perplexity: exp(-log p / length)"),
    measure("entropy", "entropy", |d| d.entropy, 2, "mean entropy of what was drawn from, in nats"),
    measure("kept", "kept", |d| d.kept, 1, "mean number of tokens that were drawn from"),
    measure(
        "kl",
        "KL",
        |d| d.kl,
        3,
        "mean KL divergence of what was drawn from, from the full distribution, in nats",
    ),
    set("distinct_2", "dist-2", 2, "different bigrams / all bigrams, over all samples"),
    measure(
        "as_greedy",
        "greedy",
        |d| d.as_greedy,
        2,
        "share of the tokens that greedy search takes at the same place",
    ),
    set("distinct_1", "dist-1", 2, "different tokens / all tokens, over all samples"),
    measure("rep_2", "rep-2", |d| d.rep_2, 2, "1 - different bigrams / all bigrams of a sequence"),
    measure("rep_4", "rep-4", |d| d.rep_4, 2, "1 - different 4-grams / all 4-grams of a sequence"),
    set("self_bleu", "self-BLEU", 1, "mean BLEU of each sample with the others, 0 to 100: low is diverse"),
    measure("bleu", "BLEU", |d| d.bleu, 1, "sentence BLEU with the references, 0 to 100"),
    measure("rouge_1", "ROUGE-1", |d| d.rouge_1, 3, "F1 of common tokens"),
    measure("rouge_2", "ROUGE-2", |d| d.rouge_2, 3, "F1 of common bigrams"),
    measure("rouge_l", "ROUGE-L", |d| d.rouge_l, 3, "F1 of the longest common subsequence"),
    measure("meteor", "METEOR", |d| d.meteor, 3, "METEOR with exact matches"),
];

const fn measure(
    key: &'static str,
    heading: &'static str,
    of: fn(&Decoded) -> Option<f64>,
    digits: usize,
    meaning: &'static str,
) -> Measure {
    Measure { key, heading, of: Some(of), digits, meaning }
}

const fn set(key: &'static str, heading: &'static str, digits: usize, meaning: &'static str) -> Measure {
    Measure { key, heading, of: None, digits, meaning }
}

/// A mean, with the interval that holds the true one with 95 % (Student's t), where there are two values or more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// The lower end of the interval.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

impl Mean {
    /// The mean of some values; `None` of none.
    ///
    /// ```
    /// use tokpick::check::Mean;
    /// let mean = Mean::of(&[1.0, 2.0, 3.0]).unwrap();
    /// assert_eq!(mean.mean, 2.0);
    /// assert!((mean.high.unwrap() - 4.484).abs() < 1e-3); // 2 + 4.303 / sqrt(3)
    /// ```
    pub fn of(values: &[f64]) -> Option<Mean> {
        let n = values.len() as f64;
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n;
        if values.len() < 2 {
            return Some(Mean { mean, low: None, high: None });
        }
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let half = student(values.len() - 1) * (variance / n).sqrt();
        Some(Mean { mean, low: Some(mean - half), high: Some(mean + half) })
    }

    /// Half the width of the interval.
    pub fn half(&self) -> Option<f64> {
        self.high.map(|high| high - self.mean)
    }
}

/// The 0.975 quantile of Student's t (Cornish and Fisher's expansion; within 0.2 %).
fn student(freedom: usize) -> f64 {
    let (z, v) = (1.959_963_984_540_054_f64, freedom as f64);
    match freedom {
        0 => f64::INFINITY,
        1 => 12.706_204_736,
        2 => 4.302_652_730,
        3 => 3.182_446_305,
        4 => 2.776_445_105,
        _ => {
            z + (z.powi(3) + z) / (4.0 * v)
                + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * v.powi(2))
                + (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / (384.0 * v.powi(3))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_student() {
        for (freedom, quantile) in [(4, 2.776_445), (9, 2.262_157), (30, 2.042_272), (1000, 1.962_339)] {
            assert!((student(freedom) - quantile).abs() < 2e-3 * quantile, "{freedom}: {}", student(freedom));
        }
    }
}
