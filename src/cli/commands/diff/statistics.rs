//! A model against its base: llama-perplexity's table.

use std::path::Path;

use serde_json::json;
use tokpick::Error;
use tokpick::check::{self, KlStatistics, RowKl};
use tokpick::source::LogitsSource;

use super::{Diff, FormatName, VOCAB, above, below};
use crate::cli::{Given, Status};

/// The flags that count here.
const FLAGS: [&str; 14] = [
    "rows",
    "layout",
    "dtype",
    "null-is-masked",
    "probs",
    "max-kl",
    "min-top1",
    "top",
    "format",
    "output",
    "width",
    "color",
    "ascii",
    "digits",
];

impl Diff {
    /// Compares a `.kld` with a model.
    pub(super) fn statistics(
        &self,
        mut base: Box<dyn LogitsSource + Send>,
        q: &Path,
        given: &Given,
    ) -> anyhow::Result<Status> {
        let typed = given.arguments().iter().filter_map(|a| a.long.as_deref());
        if let Some(flag) = typed.into_iter().find(|flag| !FLAGS.contains(flag) && !VOCAB.contains(flag)) {
            let what = format!(
                "has no meaning beside a .kld: its statistics are of the rows as they are (`tokpick convert {} -o base.npy` gives \
                 rows for other comparisons)",
                base.name()
            );
            return Err(Error::setting(format!("--{flag}"), "", what).into());
        }
        // steps of the base: those of the other input may be numbered in another way
        let mut q = self.open(q, None)?;
        let mut out = self.report.open()?;
        let mut worst = Worst { most: self.top, rows: Vec::new() };
        let found = check::kl_statistics(base.as_mut(), q.as_mut(), &mut |row| {
            worst.add(row);
            Ok(())
        })?;
        let holds = self.statistics_hold(&found);
        let (look, worst) = (self.report.look(&out), worst.sorted());
        out.report(|to| match self.report.format {
            FormatName::Text => found.text(&worst, self.tokens.as_ref(), &look, to),
            FormatName::Json => {
                let document = json!({
                    "tokpick": env!("CARGO_PKG_VERSION"),
                    "holds": holds,
                    "statistics": found,
                    "worst": worst,
                });
                writeln!(to, "{document}")
            }
        })?;
        out.finish_report()?;
        above("--max-kl", self.max_kl, "the largest KLD", found.kl.max);
        below("--min-top1", self.min_top1, "the same top p", found.same_top.value);
        Ok(if holds { Status::Done } else { Status::No })
    }

    fn statistics_hold(&self, found: &KlStatistics) -> bool {
        self.max_kl.is_none_or(|most| found.kl.max.is_some_and(|kl| kl <= most))
            && self.min_top1.is_none_or(|least| found.same_top.value.is_some_and(|share| share >= least))
    }
}

/// The rows with the largest KL divergence, no more than are shown.
struct Worst {
    most: usize,
    rows: Vec<RowKl>,
}

impl Worst {
    fn add(&mut self, row: &RowKl) {
        if row.kl == Some(0.0) || self.most == 0 {
            return;
        }
        self.rows.push(row.clone());
        // now and then, so that a long run costs no more
        if self.rows.len() >= 2 * self.most.max(512) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let kl = |row: &RowKl| row.kl.unwrap_or(f64::INFINITY);
        self.rows.sort_by(|a, b| kl(b).total_cmp(&kl(a)));
        self.rows.truncate(self.most);
    }

    fn sorted(mut self) -> Vec<RowKl> {
        self.cut();
        self.rows
    }
}
