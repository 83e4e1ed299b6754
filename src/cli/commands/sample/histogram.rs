//! `sample --histogram`: what came in many draws.

use clap::Args;
use serde_json::{Value, json};
use tokpick::check::Known;
use tokpick::draw::Draw;
use tokpick::engine::{EngineDraw, Params, Watch as Keep};
use tokpick::render::{Histogram, Tokens};
use tokpick::sampler::{Event, Job, Sampler};
use tokpick::source::Access;
use tokpick::{Error, Result, sampler};

use crate::cli::args::{DecodeArgs, FormatName, Seed, ShowArgs, made};
use crate::cli::note::{left_out, made_of, missing, note};
use crate::cli::resolve::Setup;
use crate::cli::run::parallel;
use crate::cli::strategy::{Drawing, draw, samples};
use crate::cli::watch::Watch;
use crate::cli::{Given, Status};

#[derive(Args, Clone)]
#[command(next_help_heading = "Output")]
pub struct HistogramArgs {
    /// Count what was drawn, beside the exact probabilities and the counts that chance allows: text, or --format json, svg or html. An
    /// engine that draws one id for a row draws with the seeds N, N + 1, …
    #[arg(long)]
    pub histogram: bool,
    /// With --histogram: show so many outcomes of each sequence (default: 20; in JSON all)
    #[arg(long, value_name = "N", requires = "histogram")]
    pub top: Option<usize>,
    #[command(flatten)]
    pub show: ShowArgs,
}

/// The flags of text, which sequences don't have.
pub fn idle(given: &Given) -> Vec<&'static str> {
    let flags = ["--width", "--color", "--ascii", "--digits"];
    flags.into_iter().filter(|flag| given.has(&flag[2..])).collect()
}

/// How many outcomes text shows.
const TOP: usize = 20;

/// Draws, counts, and writes what came.
pub fn run(args: &DecodeArgs, view: &HistogramArgs, setup: Setup, given: &Given) -> anyhow::Result<Status> {
    let format = format(args, given)?;
    let count = samples(&args.draw, &setup.files)?;
    let Draws { draws, each, seed, engine } = Draws::new(args, &setup, count)?;
    let Setup { mut opened, resolved, .. } = setup;
    let name = draws.first.name().to_string();
    let coins = seed.as_ref().map_or(0, Seed::coins);
    // a coin is part of a row's processing: no probability of its own is known
    let known = !resolved.chain.needs().coin && !draws.without_replacement;
    if !known {
        note(
            "no exact probabilities: what is drawn from is itself left to chance (XTC, or draws without replacement)",
        );
    }
    let parallel = engine.is_none() && parallel(&args.draw, &opened, Some(each))?;
    let job = Job { logprobs: true, parallel, ..resolved.job(coins) };
    let mut out = args.output.to.open()?;
    let mut watch = Watch::open(&args.watch)?;
    let mut histogram = Histogram::default();
    let done = watch.run(opened.source.as_mut(), |source, trace| {
        for draw in draws.all() {
            sampler::Sample { draw: draw?, samples: each }.run(source, &job, trace, &mut |event| {
                if let Event::Done(h) = event {
                    let logprob = h.processed_logprobs.iter().copied().sum::<Option<f64>>();
                    histogram.add(h.sequence, &h.ids, logprob.filter(|_| known));
                }
                Ok(())
            })?;
        }
        Ok(())
    });
    let kept = watch.finish(done.is_ok());
    done.and(kept)?;
    let tokens = opened.tokens.as_ref();
    let look = view.show.look(&out);
    let (top, made) = (view.top.unwrap_or(TOP), made(given, seed.as_ref().map(|s| s.0.as_str())));
    let known = |left: &_| Known::of(&resolved.chain, left).words();
    let made = made_of(made, opened.source.name(), opened.left_out.as_ref(), known);
    out.write(|to| match format {
        FormatName::Svg => to.write_all(histogram.svg(top, tokens, look.width, &made).as_bytes()),
        FormatName::Html => to.write_all(histogram.html(top, tokens, look.width, &made).as_bytes()),
        FormatName::Json => {
            let document = json!({
                "tokpick": env!("CARGO_PKG_VERSION"),
                "draw": name,
                "seed": seed.as_ref().map(Seed::json),
                "chain": resolved.chain.json(),
                "arguments": given.shown(),
                "interval": "binomial, central 95 %",
                "histogram": with_strings(&histogram, view.top, tokens),
            });
            writeln!(to, "{document}")
        }
        _ => histogram.text(top, tokens, &look, to),
    })?;
    out.finish()?;
    missing(tokens);
    left_out(&opened, known);
    Ok(Status::Done)
}

/// How it is written: as text unless another format was asked for; refuses what a histogram has no place for.
fn format(args: &DecodeArgs, given: &Given) -> Result<FormatName> {
    let refused = |flag: &str, value: &str, what: &str| Err(Error::setting(flag, value, what));
    if args.output.stream {
        return refused("--stream", "with --histogram", "counts are known at the end: leave one of them out");
    }
    if args.record.is_some() {
        let what = "records sequences: leave out --histogram (the same seed draws the same)";
        return refused("--record", "with --histogram", what);
    }
    if args.output.escape {
        note("no effect with --histogram: --escape");
    }
    match args.output.format {
        FormatName::Ids if !given.has("format") => Ok(FormatName::Text),
        FormatName::Ids => refused("--format", "ids", "with --histogram: text, json, svg or html"),
        FormatName::Jsonl => refused("--format", "jsonl", "with --histogram: text, json, svg or html"),
        format => Ok(format),
    }
}

/// The counts, with the strings of their tokens where there are some.
fn with_strings(histogram: &Histogram, top: Option<usize>, tokens: Option<&Tokens>) -> Vec<Value> {
    let mut all = Vec::new();
    for counted in histogram.counted(top) {
        let mut document = json!(counted);
        if let (Some(tokens), Some(list)) = (tokens, document["outcomes"].as_array_mut()) {
            for (outcome, json) in counted.outcomes.iter().zip(list) {
                json["tokens"] = outcome.ids.iter().map(|&id| tokens.label(id)).collect();
                json["text"] = tokens.text(&outcome.ids).into();
            }
        }
        all.push(document);
    }
    all
}

/// The draws of a histogram: one that gives all samples, or, where an engine gives one id for a row, one for each seed.
struct Draws {
    draws: Seeds,
    /// Samples of each draw.
    each: usize,
    seed: Option<Seed>,
    engine: Option<&'static str>,
}

/// Draws with seeds that follow each other.
struct Seeds {
    first: Box<dyn Draw>,
    without_replacement: bool,
    further: Option<Further>,
}

/// How the draws after the first are made.
struct Further {
    engine: String,
    params: Params,
    sequences: usize,
    seeds: std::ops::Range<u64>,
}

impl Draws {
    fn new(args: &DecodeArgs, setup: &Setup, count: usize) -> Result<Draws> {
        let shape = setup.opened.source.shape();
        let (Some(name), Some(params)) = (&args.draw.engine.engine, &setup.resolved.params) else {
            let Drawing { draw, engine, seed } = draw(&args.draw, setup, count, Keep::Odds)?;
            let draws = Seeds { first: draw, without_replacement: false, further: None };
            return Ok(Draws { draws, each: count, seed, engine });
        };
        let several = tokpick::engine::find(name)?.parameters.contains(&"num_samples");
        let each = if several { count } else { 1 };
        let Drawing { draw, engine, seed } = draw(&args.draw, setup, each, Keep::Odds)?;
        let without_replacement = several && count > 1 && params.replacement != Some(true);
        let mut draws = Seeds { first: draw, without_replacement, further: None };
        if each < count {
            if args.draw.engine.row_seeds.is_some() || args.draw.engine.prompts.is_some() {
                let what =
                    "a histogram counts over seeds that follow each other: leave it out, and give --seed";
                return Err(Error::setting("--row-seeds", "with --histogram", what));
            }
            if shape.access != Access::Random {
                let what = "a histogram reads the input once for each seed, and this one can be read only once: save it to a file";
                return Err(Error::setting("--engine", name, what));
            }
            let number = seed.as_ref().and_then(|seed| seed.number().ok());
            let last = number.and_then(|first| first.checked_add(count as u64));
            let Some((first, last)) = number.zip(last) else {
                let given = seed.map_or(String::new(), |seed| seed.0);
                let what = "a histogram counts over the seeds N, N + 1, …: give a whole number";
                return Err(Error::setting("--seed", given, what));
            };
            note(format!("{name} draws one id for a row: the seeds are {first} to {}", last - 1));
            let (engine, params, sequences) = (name.clone(), params.clone(), shape.sequences.len());
            draws.further = Some(Further { engine, params, sequences, seeds: first + 1..last });
        }
        Ok(Draws { draws, each, seed, engine })
    }
}

impl Iterator for Further {
    type Item = Result<Box<dyn Draw>>;

    fn next(&mut self) -> Option<Self::Item> {
        let seed = self.seeds.next()?.to_string();
        let draw = EngineDraw::new(&self.engine, &self.params, &seed, self.sequences, 1);
        Some(draw.map(|draw| Box::new(draw.watch(Keep::Odds)) as Box<dyn Draw>))
    }
}

impl Seeds {
    /// All draws, one after the other.
    fn all(self) -> impl Iterator<Item = Result<Box<dyn Draw>>> {
        std::iter::once(Ok(self.first)).chain(self.further.into_iter().flatten())
    }
}
