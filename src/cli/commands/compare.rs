use clap::{Args, ValueEnum};
use serde_json::json;
use tokpick::check::{self, CompareOptions, Comparison, References, Setting, Sweep};
use tokpick::processor::Chain;
use tokpick::render::{self, Tokens};
use tokpick::sampler::{Job, Limits};
use tokpick::{Error, Result, TokenId};

use crate::cli::args::{DrawName, HistoryArgs, InputArgs, LimitArgs, ReportArgs, made, resolve_seed};
use crate::cli::named::NamedLists;
use crate::cli::note::{left_out, made_of, missing, renormalised};
use crate::cli::{Execute, Given, Screen, Status};

/// The same rows under several settings: what they decode, and how that differs. Entropy, kept tokens and KL are those of the
/// distributions that were drawn from; log-probability and perplexity those of the raw rows, so that they compare.
///
/// All settings draw with the same seed; with `--draw gumbel` they also share the noise of every token.
#[derive(Args, Clone)]
#[command(
    after_long_help = "Settings: a chain as --chain takes it (\"temperature=0.7,top-p=0.9\"), greedy, exact, or beam=N with length-penalty=X and early-stopping=true|false|never.\nWithout --with, eight common ones are compared."
)]
pub struct Compare {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    history: HistoryArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// A setting; may be repeated: "top-k=40", "temperature=0.7,top-p=0.9", beam=4, greedy
    #[arg(long, value_name = "SETTING", help_heading = "Comparison", allow_hyphen_values = true)]
    with: Vec<String>,
    /// All values of a parameter, under every setting: temperature=0.1..2.0:0.1 or top-k=1,5,10; twice: a grid
    #[arg(long, value_name = "NAME=VALUES", help_heading = "Comparison")]
    sweep: Vec<Sweep>,
    /// Ids (lists separated by `;` or line breaks, or @FILE), or text where there are token strings: adds BLEU, ROUGE and METEOR
    #[arg(long, value_name = "IDS|TEXT", help_heading = "Comparison")]
    reference: Vec<String>,
    /// Samples of each setting that draws; two or more give means with 95 % intervals
    #[arg(long, short, value_name = "N", default_value_t = 1, help_heading = "Drawing")]
    num_samples: usize,
    /// Seed of all settings, 0 to 2^64 − 1 (default: a fresh one, said on standard error and recorded)
    #[arg(long, short, value_name = "N", help_heading = "Drawing")]
    seed: Option<u64>,
    /// How tokens are drawn
    #[arg(long, value_name = "NAME", help_heading = "Drawing")]
    draw: Option<DrawName>,
    #[command(flatten)]
    report: ReportArgs<FormatName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FormatName {
    /// For reading
    #[default]
    Text,
    /// One document, with every sequence
    Json,
    /// A picture
    Svg,
    /// A page with the picture and all numbers, in one file
    Html,
}

impl Compare {
    fn settings(&self) -> Result<Vec<Setting>> {
        let given: Vec<Setting> = match (self.with.is_empty(), self.sweep.is_empty()) {
            (false, _) => self.with.iter().map(|text| parse(text)).collect::<Result<_>>()?,
            (true, false) => vec![Setting::parse("sample")?],
            (true, true) => Setting::defaults()?,
        };
        if self.sweep.len() > 2 {
            return Err(Error::setting("--sweep", self.sweep.len(), "may be given twice at most: a grid"));
        }
        let mut settings = given;
        for sweep in &self.sweep {
            let all =
                settings.iter().flat_map(|s| sweep.values.iter().map(|&value| s.with(&sweep.name, value)));
            settings = all.collect::<Result<_>>()?;
        }
        if let Some([one, other]) = settings.first().map(|s| &s.swept[..])
            && one.0 == other.0
        {
            return Err(Error::setting("--sweep", &one.0, "is swept already: a grid has two parameters"));
        }
        Ok(settings)
    }

    /// Ids if all of it reads as ids, or as JSON lists of them and of token strings; else text, where there are token strings to
    /// compare it with.
    fn references<'a>(
        &self,
        tokens: Option<&Tokens>,
        text: &'a dyn Fn(&[TokenId]) -> String,
    ) -> Result<References<'a>> {
        if self.reference.is_empty() {
            return Ok(References::None);
        }
        let are_lists = self.reference.iter().all(|text| {
            let is_json = text.trim_start().starts_with('[');
            text.parse::<NamedLists>().is_ok_and(|lists| is_json || lists.are_ids())
        });
        if !are_lists && tokens.is_some() {
            return Ok(References::Texts(self.reference.clone(), text));
        }
        let lists =
            self.reference.iter().map(|text| text.parse::<NamedLists>()?.resolve("--reference", tokens));
        Ok(References::Ids(lists.collect::<Result<Vec<_>>>()?.concat()))
    }
}

/// Reads a setting; what is wrong with a part of it names the whole.
fn parse(text: &str) -> Result<Setting> {
    Setting::parse(text).map_err(|e| Error::setting("--with", text, e.to_string()))
}

impl Execute for Compare {
    const SCREEN: Screen = Screen {
        examples: &[
            "tokpick compare steps.npy --seed 7 --vocab vocab.json",
            "tokpick compare steps.npy --seed 7 --with top-k=40 --with beam=4",
            "tokpick compare steps.npy --seed 7 --sweep temperature=0.2..1.4:0.4",
        ],
        flags: &["with", "sweep", "reference", "num-samples", "seed", "draw", "vocab", "format", "output"],
    };

    fn execute(self, given: &Given) -> anyhow::Result<Status> {
        if self.input.is_missing() {
            return Ok(Status::Helped);
        }
        if self.num_samples == 0 {
            return Err(Error::setting("--num-samples", 0, "must be 1 or more").into());
        }
        let settings = self.settings()?;
        let mut opened = self.input.open()?;
        let mut out = self.report.open()?;
        let tokens = opened.tokens.as_ref();
        let [prompt, prefix] = self.history.resolve(tokens, opened.source.as_ref())?;
        let ends = self.limits.eos(tokens)?;
        let ends = ends.or_else(|| tokens.and_then(Tokens::ends).map(<[_]>::to_vec));
        let limits = Limits { max_new_tokens: self.limits.max_new_tokens, ..Limits::default() };
        let limits = limits.with_eos(ends.into_iter().flatten()).of(&opened.source.shape());
        let text = |ids: &[TokenId]| tokens.map_or(String::new(), |tokens| tokens.text(ids));
        let references = self.references(tokens, &text)?;
        let seed = resolve_seed(self.seed);
        let chain = Chain::default();
        let job = Job::new(&chain).prompt(&prompt).prefix(&prefix).limits(&limits).seed(seed);
        let gumbel = self.draw == Some(DrawName::Gumbel);
        let options = CompareOptions { samples: self.num_samples, seed, gumbel, references };
        let compared = check::compare(opened.source.as_mut(), &job, &settings, &options)?;
        let look = self.report.look(&out);
        let made = made(given, Some(&seed.to_string()));
        let made = made_of(made, opened.source.name(), opened.left_out.as_ref(), renormalised);
        let view = Comparison { settings: &compared, tokens, made: &made };
        out.write(|to| match self.report.format {
            FormatName::Text => view.text(&look, to),
            FormatName::Json => {
                let document = json!({
                    "tokpick": env!("CARGO_PKG_VERSION"),
                    "draw": if gumbel { "gumbel-chacha8-v1" } else { "chacha8-v1" },
                    "seed": render::seed(seed),
                    "samples": self.num_samples,
                    "arguments": given.shown(),
                    "settings": compared,
                });
                writeln!(to, "{document}")
            }
            FormatName::Svg => to.write_all(view.svg(look.width).as_bytes()),
            FormatName::Html => to.write_all(view.html(look.width).as_bytes()),
        })?;
        out.finish()?;
        missing(opened.tokens.as_ref());
        left_out(&opened, renormalised);
        Ok(Status::Done)
    }
}
