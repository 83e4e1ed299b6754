//! What is exact where rows list the likeliest tokens alone.

use crate::processor::{Chain, slack};
use crate::source::LeftOut;

/// What is known of a result over rows that leave tokens out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It is that of whole rows: this stage keeps listed tokens alone (`greedy`: none is more probable).
    Exact(&'static str),
    /// It is relative to the listed tokens, from this stage on; `None` where no stage is to blame.
    Renormalised(Option<&'static str>),
}

impl Known {
    /// What the most probable token is that a chain leaves.
    pub fn greedily(chain: &Chain, left_out: &LeftOut) -> Known {
        let mut on = chain.processors().iter().filter(|p| !p.is_off()).map(|p| p.info());
        match on.find(|info| !info.keeps_the_best) {
            Some(info) => Known::Renormalised(Some(info.name)),
            None if left_out.fewest_best > 0 => Known::Exact("greedy"),
            None => Known::Renormalised(None),
        }
    }

    /// What a chain makes of rows.
    ///
    /// Exact is a top-k of tokens that are all listed, at any temperature; a top-p below the listed mass, a min-p and an epsilon cutoff
    /// above what any other token can have, where nothing stands before them. Everything else is renormalised.
    ///
    /// ```
    /// use tokpick::check::Known;
    /// use tokpick::processor::{Chain, temperature, top_k, typical_p};
    /// use tokpick::source::LeftOut;
    /// let five = LeftOut { rows: 1, fewest_best: 5, ..LeftOut::default() };
    /// let known = |stages| Known::of(&Chain::new(stages), &five);
    /// assert_eq!(known(vec![temperature(0.8)?, top_k(5, 1)?]), Known::Exact("top_k"));
    /// assert_eq!(known(vec![top_k(6, 1)?]), Known::Renormalised(Some("top_k")));
    /// assert_eq!(known(vec![typical_p(0.9, 1)?]), Known::Renormalised(Some("typical_p")));
    /// assert_eq!(known(vec![]), Known::Renormalised(None));
    /// # Ok::<(), tokpick::Error>(())
    /// ```
    pub fn of(chain: &Chain, left_out: &LeftOut) -> Known {
        let mut scaled = None;
        for p in chain.processors().iter().filter(|p| !p.is_off()) {
            let name = p.info().name;
            let form = p.json();
            let value = form.as_f64().or_else(|| form.get("value")?.as_f64()).unwrap_or(f64::NAN);
            let least = form.get("min_tokens_to_keep").and_then(serde_json::Value::as_u64).unwrap_or(1);
            let enough = least <= left_out.fewest_best as u64;
            // a threshold keeps what reaches it, and what lacks no more of it than the slack
            let ln = crate::kernel::ln(slack::at_least(value).max(f64::MIN_POSITIVE));
            let by_mass = scaled.is_none() && enough && left_out.counts;
            match name {
                "temperature" if value == 0.0 && left_out.fewest_best > 0 => return Known::Exact(name),
                "temperature" => scaled = Some(name),
                "top_k" if enough && value <= left_out.fewest_best as f64 => return Known::Exact(name),
                "top_p" if by_mass && slack::mass(value) <= 1.0 - left_out.unsure => {
                    return Known::Exact(name);
                }
                "min_p" if scaled.is_none() && enough && left_out.below_best < ln => {
                    return Known::Exact(name);
                }
                "epsilon_cutoff" if by_mass && left_out.bound < ln => return Known::Exact(name),
                "remove_invalid_values" | "renormalize_logits" => {}
                _ => return Known::Renormalised(Some(scaled.unwrap_or(name))),
            }
        }
        Known::Renormalised(scaled)
    }

    /// In words, that follow what is left out.
    pub fn words(&self) -> String {
        match self {
            Known::Exact("greedy") => "the most probable token is exact all the same".into(),
            Known::Exact(stage) => {
                format!("{stage} makes it exact all the same: all that it can keep is listed")
            }
            Known::Renormalised(None) => "the probabilities are renormalised over the listed tokens".into(),
            Known::Renormalised(Some(stage)) => {
                format!("from {stage} on, the probabilities are renormalised over the listed tokens")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor::{epsilon_cutoff, min_p, top_p};

    /// Thresholds keep what reaches them, and what lacks no more than the slack: so a token at most so probable may be kept.
    #[test]
    fn what_may_reach_a_threshold_is_not_exact() {
        let half = crate::kernel::ln(0.5);
        let left = LeftOut {
            rows: 1,
            fewest_best: 5,
            bound: half,
            below_best: half,
            largest: 0.1,
            unsure: 0.1,
            counts: true,
            ..LeftOut::default()
        };
        let known = |stage| Known::of(&Chain::new([stage]), &left);
        for (value, exact) in [(0.5, false), (0.5 * (1.0 + 5e-7), false), (0.5 * (1.0 + 2e-6), true)] {
            for stage in [min_p(value, 1).unwrap(), epsilon_cutoff(value, 1).unwrap()] {
                let name = stage.info().name;
                let expected = if exact { Known::Exact(name) } else { Known::Renormalised(Some(name)) };
                assert_eq!(known(stage), expected, "{name} {value}");
            }
        }
        // 0.9 is listed: that reaches a mass of 0.9 and up to the slack more
        assert_eq!(known(top_p(0.9 + 5e-8, 1).unwrap()), Known::Exact("top_p"));
        assert_eq!(known(top_p(0.9 + 5e-7, 1).unwrap()), Known::Renormalised(Some("top_p")));
    }
}
