use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tokpick::processor::{Candidates, Chain};
use tokpick::render::{self, RowInfo};
use tokpick::sampler::Job;
use tokpick::source::{Access, Query, Row};

use crate::cli::args::{HistoryArgs, InputArgs, ShowArgs};
use crate::cli::note::missing;
use crate::cli::out::Out;
use crate::cli::usage::help;
use crate::cli::{Given, Run, Status};

#[derive(Args)]
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
    /// How it is written
    #[arg(long, short, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    format: FormatName,
    /// Write to a file instead of standard output: whole, or not at all
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    #[command(flatten)]
    show: ShowArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// For reading
    Text,
    /// One document
    Json,
}

impl Run for Info {
    fn run(self, _: &Given) -> anyhow::Result<Status> {
        if self.input.is_missing() {
            return help("info");
        }
        let mut opened = self.input.open()?;
        let mut out = Out::open(self.output.as_deref())?;
        let source = opened.source.as_mut();
        let shape = source.shape();
        let mut info = render::Info {
            input: source.name().to_string(),
            format: source.format(),
            shape: shape.clone(),
            strings: opened.tokens.as_ref().map(render::Tokens::len),
            rows: Vec::new(),
            unread: false,
        };
        let [prompt, prefix] = self.history.resolve(opened.tokens.as_ref(), source)?;
        let context = [prompt.as_slice(), &prefix].concat();
        let first = Job::new(&Chain::default()).prefix(&prefix).first_step(&shape);
        let mut going: Vec<usize> = shape.sequences.clone().collect();
        let (mut at, mut step) = (0, first);
        let (mut rows, mut buffer) = (Vec::<Row>::new(), Candidates::default());
        while at < going.len() && info.rows.len() < self.max_rows {
            let query = Query { sequence: going[at], step, context: &context, prompt_len: prompt.len() };
            source.rows(&[query], &mut rows)?;
            let Some(row) = rows.first_mut().filter(|row| !row.ended) else {
                going.remove(at);
                if shape.access != Access::ByStep {
                    step = first;
                } else if at == going.len() {
                    (at, step) = (0, step + 1);
                }
                continue;
            };
            info.shape.vocab = info.shape.vocab.max(Some(row.vocab));
            info.rows.push(RowInfo::new(going[at], step, row, self.top, &mut buffer));
            (at, step) = match shape.access {
                _ if shape.follows_prefix => break,
                Access::ByStep if at + 1 < going.len() => (at + 1, step),
                Access::ByStep => (0, step + 1),
                _ => (at, step + 1),
            };
        }
        info.unread = !shape.follows_prefix && at < going.len() && !all_read(&shape, info.rows.len());
        let (tokens, look) = (opened.tokens.as_ref(), self.show.look(&out));
        out.write(|to| match self.format {
            FormatName::Text => info.text(tokens, &look, to),
            FormatName::Json => info.json(to),
        })?;
        out.finish()?;
        missing(opened.tokens.as_ref());
        Ok(Status::Done)
    }
}

fn all_read(shape: &tokpick::source::Shape, read: usize) -> bool {
    shape.steps().is_some_and(|steps| read >= steps.saturating_mul(shape.sequences.len()))
}
