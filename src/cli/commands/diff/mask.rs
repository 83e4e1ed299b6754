//! Sampling masks against what the processors leave.

use std::path::Path;

use serde_json::json;
use tokpick::check::{self, Mask, MaskReport, read_masks};
use tokpick::source::{LogitsSource, read_text};
use tokpick::{Error, Result, TokenId};

use super::{Diff, FormatName};
use crate::cli::resolve::{Asked, Files};
use crate::cli::{Given, Status};

/// The flags of other comparisons.
const IDLE: [&str; 6] = ["max-kl", "min-top1", "overlap-k", "draw", "of", "ratio-bound"];

impl Diff {
    /// Holds masks against the rows of A, and of B where there is one.
    pub(super) fn masks(&self, file: &Path, given: &Given) -> anyhow::Result<Status> {
        if let Some(flag) = IDLE.iter().find(|flag| given.has(flag)) {
            return Err(Error::setting(format!("--{flag}"), "", "has no meaning with a mask").into());
        }
        let mut out = self.report.open()?;
        let look = self.report.look(&out);
        let mut reports = Vec::new();
        for path in [Some(&self.a), self.b.as_ref()].into_iter().flatten() {
            let mut source = self.open(path, self.rows)?;
            reports.push((source.name().to_owned(), self.held(file, source.as_mut())?));
        }
        let holds = reports.iter().all(|(_, report)| report.holds());
        out.report(|to| match self.report.format {
            FormatName::Text => reports.iter().try_for_each(|(name, report)| {
                if reports.len() > 1 {
                    writeln!(to, "{name}")?;
                }
                report.text(self.top, self.tokens.as_ref(), &look, to)
            }),
            FormatName::Json => {
                let masks: Vec<_> =
                    reports.iter().map(|(name, report)| json!({ "input": name, "mask": report })).collect();
                let document =
                    json!({ "tokpick": env!("CARGO_PKG_VERSION"), "holds": holds, "masks": masks });
                writeln!(to, "{document}")
            }
        })?;
        out.finish_report()?;
        Ok(if holds { Status::Done } else { Status::No })
    }

    /// The masks of a file, for the chosen rows.
    pub(super) fn read_masks(&self, file: &Path) -> Result<Vec<Mask>> {
        let mut masks = read_masks(&file.display().to_string(), read_text(file)?.as_bytes())?;
        if let Some(rows) = self.rows {
            masks.iter_mut().for_each(|mask| mask.select(rows));
        }
        Ok(masks)
    }

    fn held(&self, file: &Path, source: &mut dyn LogitsSource) -> Result<MaskReport> {
        let files = Files::read(&self.settings)?.drawing("`diff` compares what `sample` draws from");
        let asked =
            Asked { settings: &self.settings, limits: &self.limits, history: &self.history, draw: None };
        let shape = source.shape();
        let resolved = asked.resolve(&files, source, shape.steps(), None)?;
        let masks = self.read_masks(file)?;
        // what the input says was taken is history
        let ids: Vec<Vec<TokenId>> = source.carried().iter().map(|c| c.at_steps(&shape).to_vec()).collect();
        let ids = Some(ids).filter(|ids| !ids.is_empty());
        check::check_masks(
            source,
            &resolved.job(self.seed),
            ids.as_deref(),
            &file.display().to_string(),
            &masks,
        )
    }
}
