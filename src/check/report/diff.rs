use std::io::{self, Write};

use super::small;
use crate::check::{Diff, RowDiff};
use crate::render::Table;
use crate::render::kit::{Look, count_of};

impl Diff {
    /// The rows that differ most, and the sums below.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, rows: &[RowDiff], shown: usize, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        let small = |x: Option<f64>| small(x, look.digits);
        let infinite = |kl: Option<f64>| kl.map_or_else(|| "infinite".to_string(), |kl| small(Some(kl)));
        let mut worst: Vec<&RowDiff> =
            rows.iter().filter(|r| r.kl_ab != Some(0.0) || r.max_abs > 0.0).collect();
        let kl = |r: &RowDiff| r.kl_ab.zip(r.kl_ba).map_or(f64::INFINITY, |(a, b)| a.max(b));
        worst.sort_by(|a, b| kl(b).total_cmp(&kl(a)));
        let left = worst.len().saturating_sub(shown);
        worst.truncate(shown);
        if !worst.is_empty() {
            let mut table = Table::new("r").keys(2);
            table.row(["sequence", "step", "max |a-b|", "KL(A|B)", "KL(B|A)", "top-1", "overlap", "flips"]);
            for r in &worst {
                table.row([
                    r.sequence.to_string(),
                    r.step.to_string(),
                    small(Some(r.max_abs)),
                    infinite(r.kl_ab),
                    infinite(r.kl_ba),
                    if r.top1 { "same" } else { "differs" }.to_string(),
                    small(Some(r.top_k_overlap)),
                    small(Some(r.flips)),
                ]);
            }
            table.write_within(look, to)?;
            if left > 0 {
                writeln!(
                    to,
                    "and {} that differ{}",
                    count_of(left, "more row"),
                    if left == 1 { "s" } else { "" }
                )?;
            }
        }
        writeln!(to, "{}", count_of(self.rows, "row"))?;
        writeln!(to, "largest |a-b|     {}", small(Some(self.max_abs)))?;
        writeln!(to, "mean KL(A|B)      {} nats", infinite(self.mean_kl_ab))?;
        writeln!(to, "mean KL(B|A)      {} nats", infinite(self.mean_kl_ba))?;
        writeln!(to, "largest KL        {} nats", infinite(self.max_kl))?;
        writeln!(to, "same top-1        {}", small(Some(self.top1)))?;
        writeln!(to, "top-k overlap     {}", small(Some(self.top_k_overlap)))?;
        writeln!(to, "draws that flip   {}", small(Some(self.flips)))?;
        if self.rows_masked_in_one > 0 {
            writeln!(to, "masks differ in   {}", count_of(self.rows_masked_in_one, "row"))?;
        }
        for (label, diverges) in
            [("greedy diverges   ", &self.greedy_diverges), ("seeded diverges   ", &self.seeded_diverges)]
        {
            look.say(label, &steps(diverges), to)?;
        }
        Ok(())
    }
}

/// First diverging steps of the sequences, in words.
fn steps(steps: &[Option<usize>]) -> String {
    match steps {
        [None] => "never".to_string(),
        [Some(step)] => format!("at step {step}"),
        many => {
            let first = many.iter().enumerate().filter_map(|(s, step)| Some((step.as_ref()?, s))).min();
            match first {
                None => "never".to_string(),
                Some((step, sequence)) => {
                    let n = many.iter().flatten().count();
                    format!(
                        "in {n} of {}, first in {sequence} at step {step}",
                        count_of(many.len(), "sequence")
                    )
                }
            }
        }
    }
}
