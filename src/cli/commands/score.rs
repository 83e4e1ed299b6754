use clap::{Args, ValueEnum};
use serde_json::json;
use tokpick::Error;
use tokpick::check::{self, By, Known, ScoreTotal};
use tokpick::render;

use crate::cli::args::{
    HistoryArgs, IdsArgs, InputArgs, LimitArgs, ReportArgs, SettingsArgs, made, resolve_seed,
};
use crate::cli::note::{left_out, made_of, missing};
use crate::cli::resolve::Asked;
use crate::cli::{Execute, Given, Screen, Status};

/// A row for each id (with `--format text`, the text under marks): its log-probability in the raw row and after the processors, its rank
/// (1 is the best, tied tokens share
/// the better one), its surprise in bits, the entropy of the row in nats. Below: sums, and perplexity = exp(mean −log p).
#[derive(Args, Clone)]
pub struct Score {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    ids: IdsArgs,
    #[command(flatten)]
    history: HistoryArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    report: ReportArgs<FormatName>,
    /// What the marks of a text tell
    #[arg(long, value_name = "WHAT", default_value = "surprise", help_heading = "Output")]
    by: ByName,
    /// Seed of the coins that a processor tosses (XTC)
    #[arg(long, short, value_name = "N", help_heading = "Output")]
    seed: Option<u64>,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FormatName {
    /// A row for each id
    #[default]
    Table,
    /// The text itself, each token under a mark of its surprise
    Text,
    /// The text and its marks as a picture
    Svg,
    /// The text and its marks as a page, in one file
    Html,
    /// One document
    Json,
    /// A JSON line for each line of ids
    Jsonl,
}

/// What marks tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ByName {
    /// −log₂ p, a step for each bit
    Surprise,
    /// Probability, a step for each eighth
    Probability,
    /// Rank, a step for each doubling
    Rank,
}

impl From<ByName> for By {
    fn from(name: ByName) -> By {
        match name {
            ByName::Surprise => By::Surprise,
            ByName::Probability => By::Probability,
            ByName::Rank => By::Rank,
        }
    }
}

impl Execute for Score {
    const SCREEN: Screen = Screen {
        examples: &[
            "tokpick score steps-small.json --ids 307,318,278,372",
            "tokpick greedy steps.npy | tokpick score steps.npy --ids-file -",
        ],
        flags: &[
            "ids",
            "ids-file",
            "ids-text",
            "prompt-ids",
            "temperature",
            "vocab",
            "tokenizer",
            "format",
            "output",
        ],
    };

    fn execute(self, given: &Given) -> anyhow::Result<Status> {
        if self.input.is_missing() {
            return Ok(Status::Helped);
        }
        let mut opened = self.input.open()?;
        let Some(ids) = self.ids.resolve(opened.tokens.as_ref(), opened.source.as_ref())? else {
            return Err(Error::setting("--ids", "(none)", "give the ids to score, or --ids-file").into());
        };
        let ids = opened.of_part(ids, 1);
        let mut out = self.report.open()?;
        let longest = ids.iter().map(Vec::len).max();
        let asked =
            Asked { settings: &self.settings, limits: &self.limits, history: &self.history, draw: None };
        let (files, mut resolved) =
            asked.over(&opened, longest, |files| files.drawing("`score` tells what `sample` draws from"))?;
        // the ids say where it ends
        resolved.limits.max_new_tokens = None;
        let asked_seed = self.seed.or_else(|| files.get(|s| s.seed));
        let seed = if resolved.chain.needs().coin { resolve_seed(asked_seed) } else { 0 };
        let job = resolved.job(seed);
        let scores = check::score(opened.source.as_mut(), &job, &ids)?;
        let names = opened.source.ids();
        let named = |score: &check::Score| render::with_id(json!(score), names.get(&score.sequence));
        let (tokens, look) = (opened.tokens.as_ref(), self.report.look(&out));
        let total = ScoreTotal::of(&scores);
        let known = |left: &_| {
            let known = Known::of(&resolved.chain, left).words();
            format!(
                "log-probabilities of listed tokens are those of the whole row; of the processed ones: {known}"
            )
        };
        let made = made_of(made(given, None), opened.source.name(), opened.left_out.as_ref(), known);
        let by = By::from(self.by);
        // without processors only what rows leave out makes other numbers
        let processed = !resolved.chain.processors().is_empty()
            || scores.iter().flat_map(|s| &s.tokens).any(|t| t.processed_logprob != t.logprob);
        out.write(|to| match self.report.format {
            FormatName::Table => {
                scores.iter().try_for_each(|s| s.table(tokens, scores.len() > 1, processed, &look, to))?;
                total.text(&look, to)
            }
            FormatName::Text => {
                for (at, s) in scores.iter().enumerate() {
                    if at > 0 {
                        writeln!(to)?;
                    }
                    s.text(tokens, by, &look, to)?;
                }
                total.text(&look, to)
            }
            FormatName::Svg => {
                to.write_all(check::score_svg(&scores, tokens, by, look.width, &made).as_bytes())
            }
            FormatName::Html => to.write_all(check::score_page(&scores, tokens, by, &made).as_bytes()),
            FormatName::Json => {
                let document = json!({
                    "tokpick": env!("CARGO_PKG_VERSION"),
                    "chain": resolved.chain.json(),
                    "sequences": scores.iter().map(named).collect::<Vec<_>>(),
                    "total": total,
                });
                writeln!(to, "{document}")
            }
            FormatName::Jsonl => scores.iter().try_for_each(|s| writeln!(to, "{}", named(s))),
        })?;
        out.finish()?;
        missing(opened.tokens.as_ref());
        left_out(&opened, known);
        Ok(Status::Done)
    }
}
