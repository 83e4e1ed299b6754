//! Running a strategy, and writing what it decodes.

use std::collections::BTreeMap;
use std::path::Path;

use tokpick::check::Known;
use tokpick::processor::Chain;
use tokpick::render::{Head, RunWriter};
use tokpick::sampler::{Event, Job};
use tokpick::{Error, Result};

use super::Status;
use super::args::{DecodeArgs, DrawArgs, FormatName, Opened};
use super::given::Given;
use super::host::{self, Want};
use super::note::{left_out, missing, note};
use super::out::Out;
use super::record;
use super::resolve::Setup;
use super::shard;
use super::strategy::{Strategy, Wanted};
use super::watch::Watch;

/// Runs a strategy and writes what it decodes.
///
/// # Errors
/// Formats that don't fit; those of the run; an output that can't be written.
pub fn run(
    args: &DecodeArgs,
    setup: Setup,
    mut strategy: Strategy<'_>,
    given: &Given,
) -> anyhow::Result<Status> {
    shard::check(args, &setup.opened, &setup.files, strategy.seed.is_some())?;
    let Setup { mut opened, resolved, logprobs, .. } = setup;
    let taken = match host::wants() {
        Some(Want::Run { record, .. }) => Some(record),
        _ => None,
    };
    let format = args.output.format.of_sequences()?;
    let stream = args.output.stream;
    if stream && args.output.format == FormatName::Json {
        let what = "is one document: use --format jsonl, or leave out --stream";
        return Err(Error::setting("--format", "json", what).into());
    }
    if args.output.format == FormatName::Text && opened.tokens.is_none() {
        let what = "needs token strings: give --vocab FILE or --tokenizer FILE";
        return Err(Error::setting("--format", "text", what).into());
    }
    if args.output.escape && (stream || args.output.format != FormatName::Text) {
        note("no effect but on the texts of --format text (--stream quotes them as JSON): --escape");
    }
    let samples = args.draw.num_samples.max(args.search.num_beams);
    let parallel = parallel(&args.draw, &opened, samples)? && !stream;
    let kept = args.record.is_some() || taken.is_some();
    let singles = !stream && !kept;
    let job = Job { logprobs, parallel, steps: stream, kept, singles, ..resolved.job(strategy.number()) };
    let mut record = match &args.record {
        Some(path) => {
            let to = Out::open(Some(path))?;
            Some((Some(to), record::begin(path, given, &strategy, &opened, &resolved.chain)?))
        }
        None if taken == Some(true) => {
            Some((None, record::begin(Path::new(""), given, &strategy, &opened, &resolved.chain)?))
        }
        None => None,
    };
    let (draw, seed) = (strategy.draw.take(), strategy.seed_json());
    let arguments = given.shown();
    let head = Head { draw, seed, chain: resolved.chain.json(), arguments };
    let mut out = args.output.to.open()?;
    let names = opened.source.ids();
    let (mut found, mut texts, mut counts) = (Vec::new(), Vec::new(), Counts::of(&strategy, &opened));
    let mut run =
        RunWriter::new(format, stream, head.clone()).escaped(args.output.escape).named(names.clone());
    run = run.stopping(resolved.stop.clone());
    let tokens = opened.tokens.as_ref();
    let mut watch = Watch::open(&args.watch)?;
    let done = watch.run(opened.source.as_mut(), |source, trace| {
        strategy.sampler.run(source, &job, trace, &mut |event| {
            counts.add(&event);
            if let (Some((_, record)), Event::Done(h)) = (&mut record, &event) {
                record.sequences.push(h.into());
            }
            match event {
                Event::Done(h) if taken.is_some() => {
                    texts.extend(tokens.map(|tokens| {
                        let (text, stop) = run.text(&h, tokens);
                        (text, stop.map(str::to_string))
                    }));
                    found.push(h);
                    Ok(())
                }
                event => out.write(|to| run.event(&event, tokens, to)),
            }
        })
    });
    // what was recorded until an error is kept
    let kept = watch.finish(done.is_ok());
    done.and(kept)?;
    if taken.is_none() {
        out.write(|to| run.end(to))?;
    }
    let mut kept = None;
    if let Some((to, mut record)) = record {
        record.input = opened.digest()?;
        if let Some(mut to) = to {
            to.write(|to| record.write(to))?;
            to.finish()?;
        }
        kept = Some(record);
    }
    if taken.is_some() {
        host::hand(|taken| {
            let names = names.into_iter().collect();
            taken.run = Some(host::Run { head, found, texts, names, record: kept })
        });
    }
    out.finish()?;
    counts.said();
    missing(opened.tokens.as_ref());
    left_out(&opened, |left| match given.command() {
        "greedy" => Known::greedily(&resolved.chain, left).words(),
        "beam" => Known::Renormalised(None).words(),
        _ => Known::of(&resolved.chain, left).words(),
    });
    Ok(Status::Done)
}

/// How many hypotheses came of each sequence, where so many were asked for.
struct Counts {
    asked: Option<usize>,
    found: BTreeMap<usize, usize>,
}

impl Counts {
    fn of(strategy: &Strategy<'_>, opened: &Opened) -> Self {
        let sequences = opened.source.shape().sequences;
        let asked = match strategy.wanted {
            // one is always found, or the run fails
            Wanted::UpTo(asked) if asked > 1 => Some(asked),
            Wanted::UpTo(_) | Wanted::Exactly(_) => None,
        };
        Counts { asked, found: sequences.filter(|_| asked.is_some()).map(|s| (s, 0)).collect() }
    }

    fn add(&mut self, event: &Event) {
        if let (Some(_), Event::Done(h)) = (self.asked, event) {
            *self.found.entry(h.sequence).or_default() += 1;
        }
    }

    /// Says which sequences have fewer than were asked for.
    fn said(&self) {
        let Some(asked) = self.asked else { return };
        let mut short = self.found.iter().filter(|(_, found)| **found < asked);
        let Some((sequence, found)) = short.next() else { return };
        let others = match short.count() {
            0 => String::new(),
            1 => ", and 1 other sequence has fewer, too".to_string(),
            n => format!(", and {n} other sequences have fewer, too"),
        };
        note(format!(
            "sequence {sequence}: {found} of the {asked} hypotheses that --num-return-sequences asks for: the search found no more{others}"
        ));
    }
}

/// Logits below which threads cost more than they give.
const WORTH_THREADS: usize = 1 << 20;

/// Whether rows are decoded on several threads, as many as were asked for but no more than there are rows or cores. No pool is made where
/// it isn't worth it.
pub fn parallel(draw: &DrawArgs, opened: &Opened, samples: Option<usize>) -> Result<bool> {
    let shape = opened.source.shape();
    let sequences = shape.sequences.len();
    let rows = shape.steps().map_or(sequences, |steps| steps.saturating_mul(sequences));
    // rows that are read ahead are not known to be several
    let ahead = opened.source.pays_ahead();
    let rows = if ahead { usize::MAX } else { rows.saturating_mul(samples.unwrap_or(1)) };
    let threads = match draw.threads {
        Some(0) => return Err(Error::setting("--threads", 0, "must be 1 or more")),
        Some(threads) => threads.min(rows).min(cores()).max(1),
        None if !ahead && rows.saturating_mul(shape.vocab.unwrap_or(0)) < WORTH_THREADS => 1,
        // as many as there are cores
        None if rows > 1 => 0,
        None => 1,
    };
    if threads == 1 {
        return Ok(false);
    }
    if host::wants().is_some() {
        // the program has its own threads, and this is one of them where there are several
        return Ok(rayon::current_thread_index().is_some());
    }
    match (rayon::ThreadPoolBuilder::new().num_threads(threads).build_global(), draw.threads) {
        (Ok(()), _) => Ok(true),
        // one thread does it, too
        (Err(_), None) => Ok(false),
        (Err(e), Some(given)) => {
            let what = format!("the system doesn't give so many threads ({e}); ask for fewer");
            Err(Error::setting("--threads", given, what))
        }
    }
}

/// How many threads run at once here.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Says which processors change nothing in greedy search.
pub fn idle_in_greedy(chain: &Chain) {
    let on = chain.processors().iter().filter(|p| !p.is_off()).map(|p| p.info());
    let idle: Vec<&str> = on.filter(|i| i.keeps_the_best).map(|i| i.name).collect();
    if !idle.is_empty() {
        note(format!("no effect in greedy search: {} (they keep the most probable token)", idle.join(", ")));
    }
}
