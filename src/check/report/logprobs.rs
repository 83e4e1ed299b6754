use std::io::{self, Write};

use super::small;
use crate::check::{Estimators, LogprobDiff};
use crate::render::kit::{Look, count_of, token};
use crate::render::{Table, Tokens};

/// So many notes are shown.
const NOTES: usize = 6;

impl LogprobDiff {
    /// The tokens that differ most, the estimates, and what is likely wrong.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, tokens: Option<&Tokens>, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        let small = |x: Option<f64>| small(x, look.digits);
        if !self.worst.is_empty() {
            let mut table = Table::new("rrldddd").keys(2);
            table.row(["sequence", "step", "token", "a", "b", "a-b", "exp(a-b)"]);
            for t in &self.worst {
                table.row([
                    t.sequence.to_string(),
                    t.step.to_string(),
                    t.id.map_or_else(|| "-".to_string(), |id| token(tokens, id)),
                    small(Some(t.a)),
                    small(Some(t.b)),
                    small(Some(t.a - t.b)),
                    small(t.ratio),
                ]);
            }
            table.write_within(look, to)?;
        }
        let left_out = match self.left_out {
            0 => String::new(),
            n => {
                let (alone, without) = (self.surplus, n - self.surplus);
                let mut why = Vec::new();
                if without > 0 {
                    why.push(format!("{without} without a number on a side"));
                }
                if alone > 0 {
                    why.push(format!("{alone} at the end of one side alone"));
                }
                format!(", {n} left out ({})", why.join(", "))
            }
        };
        let (of, q) = (count_of(self.sequences, "sequence"), &self.ratio.quantiles);
        let mut table = Table::new("lw");
        table.row(["tokens", &format!("{} of {of}{left_out}", self.tokens)]);
        if self.unidentified > 0 {
            let (n, all) = (self.unidentified, self.tokens + self.left_out);
            let what = format!(
                "{n} of {all} tokens could not be compared: no id and no text on both sides tells whether they are the same"
            );
            table.row(["identity", &what]);
        }
        let (notes, more) = self.notes.split_at(self.notes.len().min(NOTES));
        for what in notes {
            table.row(["note", what]);
        }
        if !more.is_empty() {
            table.row(["note", &format!("{} more", more.len())]);
        }
        let drew = |e: &Estimators, from: &str, to: &str| {
            format!(
                "KL({from}|{to}) {} by k1, {} by k3; chi2({to}|{from}) {}",
                small(e.k1),
                small(e.k3),
                small(e.chi2)
            )
        };
        table.row(["if drawn from A", &drew(&self.if_a_drew, "A", "B")]);
        table.row(["if drawn from B", &drew(&self.if_b_drew, "B", "A")]);
        table.row([
            "ratio exp(a-b)",
            &format!(
                "mean {}, median {}, 1 to 99% {} to {}, all {} to {}",
                small(self.ratio.mean),
                small(q.median),
                small(q.p1),
                small(q.p99),
                small(q.min),
                small(q.max)
            ),
        ]);
        let bound = look.number(self.ratio.bound);
        table.row([&format!("outside [1/{bound}, {bound}]"), &small(Some(self.ratio.outside))]);
        table.row([
            "|a-b|",
            &format!("mean {}, largest {}", small(Some(self.mean_abs)), small(Some(self.max_abs))),
        ]);
        table.row([
            "perplexity",
            &format!(
                "A {}, B {}, gap {}",
                small(self.perplexity_a),
                small(self.perplexity_b),
                small(self.perplexity_gap)
            ),
        ]);
        for cause in &self.causes {
            table.row(["likely cause", &cause.what]);
        }
        if self.causes.is_empty() {
            table.row(["likely cause", "none stands out"]);
        }
        table.write_within(look, to)
    }
}
