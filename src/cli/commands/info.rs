use clap::{Args, ValueEnum};
use tokpick::candidates::Candidates;
use tokpick::render::{self, RowInfo};
use tokpick::source::row_iter;

use crate::cli::args::{HistoryArgs, InputArgs, ReportArgs};
use crate::cli::note::missing;
use crate::cli::{Execute, Given, Screen, Status};

#[derive(Args, Clone)]
#[command(
    after_long_help = "Rows that can't be decoded (NaN, +inf, nothing but masked tokens) are reported, and don't end it."
)]
pub struct Info {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    history: HistoryArgs,
    /// How many of the most probable tokens are shown
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = "Output")]
    top: usize,
    /// Look at so many rows
    #[arg(long, value_name = "N", default_value_t = 64, help_heading = "Output")]
    max_rows: usize,
    #[command(flatten)]
    report: ReportArgs<FormatName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FormatName {
    /// For reading
    #[default]
    Text,
    /// One document
    Json,
}

impl Execute for Info {
    const SCREEN: Screen = Screen {
        examples: &["tokpick info steps.npy", "tokpick info batch.npy --vocab vocab.json --top 3"],
        flags: &["layout", "rows", "vocab", "top", "format", "output"],
    };

    fn execute(self, _: &Given) -> anyhow::Result<Status> {
        if self.input.is_missing() {
            return Ok(Status::Helped);
        }
        let mut opened = self.input.open()?;
        let mut out = self.report.open()?;
        let source = opened.source.as_mut();
        let mut info = render::InputInfo {
            input: source.name().to_string(),
            format: source.format(),
            shape: source.shape(),
            strings: opened.tokens.as_ref().map(render::Tokens::len),
            ids: source.ids(),
            rows: Vec::new(),
            unread: false,
        };
        let [prompt, prefix] = self.history.resolve(opened.tokens.as_ref(), source)?;
        let (mut rows, mut buffer) = (row_iter(source).after(&prompt, &prefix), Candidates::default());
        while info.rows.len() < self.max_rows
            && let Some((sequence, step, row)) = rows.lend()?
        {
            info.shape.vocab = info.shape.vocab.max(Some(row.vocab));
            info.rows.push(RowInfo::new(sequence, step, row, self.top, &mut buffer));
        }
        info.unread = rows.has_more();
        let (tokens, look) = (opened.tokens.as_ref(), self.report.look(&out));
        out.write(|to| match self.report.format {
            FormatName::Text => info.text(tokens, &look, to),
            FormatName::Json => info.json(to),
        })?;
        out.finish()?;
        missing(opened.tokens.as_ref());
        Ok(Status::Done)
    }
}
