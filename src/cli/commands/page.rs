use clap::{Args, Command};
use std::ffi::OsString;
use tokpick::processor::{Chain, INFOS};
use tokpick::render::page::{Page as Html, PageRow, STAGES};
use tokpick::render::tree::Beams;
use tokpick::sampler::{Event, Greedy, Job, Limits, Sampler, walk};
use tokpick::source::{Access, LogitsSource, Query, Row, Shape};
use tokpick::{Error, Place, Result, TokenId};

use crate::cli::args::{
    HistoryArgs, InputArgs, LimitArgs, SearchArgs, SettingsArgs, ToArgs, made, resolve_seed,
};
use crate::cli::note::{left_out, made_of, missing, note, renormalised};
use crate::cli::resolve::{Asked, Files, Resolved};
use crate::cli::{Execute, Given, Screen, Status};

/// Of each step, so many of the best tokens are known at the later ones, for the penalties.
const FOLLOWED: usize = 3;
/// Tokens that are known at all steps.
const KNOWN: usize = 128;

#[derive(Args, Clone)]
#[command(
    after_long_help = "One HTML file that needs nothing else: sliders for temperature, top-k, top-p, min-p, typical-p and the repetition penalty, their order, the distribution of each step before and after them, draws with a seed, two settings side by side, and the beam search to step through. Processors and seed given here are those that the page opens with; the chain is also that of the beam search. It is smaller than 1 MB: of large vocabularies it has the most probable tokens of each step, and the others summed up."
)]
pub struct Page {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    history: HistoryArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// Which sequence of a batch (default: the first)
    #[arg(long, value_name = "N", help_heading = "Output")]
    sequence: Option<usize>,
    /// Seed that the page opens with (default: a fresh one, said on standard error)
    #[arg(long, short, value_name = "N", help_heading = "Drawing")]
    seed: Option<u64>,
    #[command(flatten)]
    to: ToArgs,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Execute for Page {
    const SCREEN: Screen = Screen {
        examples: &[
            "tokpick page steps.npy --vocab vocab.json --seed 7 -o page.html",
            "tokpick page steps.npy --rows 0..8 -t 0.8 -p 0.9 --num-beams 3 -o page.html",
        ],
        flags: &[
            "vocab",
            "rows",
            "temperature",
            "top-k",
            "top-p",
            "seed",
            "num-beams",
            "eos-token-id",
            "output",
        ],
    };

    fn execute(self, given: &Given) -> anyhow::Result<Status> {
        if self.input.is_missing() {
            return Ok(Status::Helped);
        }
        let mut opened = self.input.open()?;
        let mut out = self.to.open()?;
        let shape = opened.source.shape();
        let files = Files::read(&self.settings)?;
        let asked =
            Asked { settings: &self.settings, limits: &self.limits, history: &self.history, draw: None };
        let resolved =
            asked.resolve(&files, opened.source.as_ref(), shape.steps(), opened.tokens.as_ref())?;
        let setting = setting(&resolved.chain)?;
        let mut beam = self.search.beam(&files)?;
        if self.search.num_return_sequences.is_none() {
            beam.num_return_sequences = beam.num_beams;
        }
        let seed = resolve_seed(self.seed.or_else(|| files.get(|s| s.seed)));
        self.search.note_do_sample(&files, &beam.variant);
        let mut beam = self.search.with_phrases(beam, opened.tokens.as_ref())?;
        let sequence = self.sequence(&shape)?;
        let source = opened.source.as_mut();
        let mut kept;
        let source: &mut dyn LogitsSource = if shape.follows_prefix {
            source
        } else {
            kept = Kept::read(source, sequence, &resolved)?;
            &mut kept
        };
        let path = if shape.follows_prefix { Some(greedy(source, &resolved)?) } else { None };
        let rows = read(source, &resolved, path.as_deref())?;
        let mut beams = Beams::default();
        let mut found = Vec::new();
        let job = Job { logprobs: true, ..resolved.job(seed) };
        beam.run(source, &job, &mut beams, &mut |event| {
            if let Event::Done(hypothesis) = event {
                found.push(hypothesis);
            }
            Ok(())
        })?;
        let title = self.input.input.as_ref().map_or("-".to_string(), |path| path.display().to_string());
        let words = self.words(given, &resolved, &shape);
        let made = made(given, Some(&seed.to_string()));
        let made = made_of(made, opened.source.name(), opened.left_out.as_ref(), renormalised);
        let search = self.search_command(given, &words, beam.variant.is_random().then_some(seed));
        let page = Html {
            title: &title,
            tokens: opened.tokens.as_ref(),
            sequence,
            prompt: &resolved.prompt,
            prefix: &resolved.prefix,
            eos: &resolved.limits.eos,
            seed,
            setting: &setting,
            rows: &rows,
            path: path.as_deref(),
            beams: &beams.0,
            found: &found,
            input: &words,
            search: &search,
            made: &made,
        };
        let html = page.html()?;
        out.write(|to| to.write_all(html.as_bytes()))?;
        out.finish()?;
        missing(opened.tokens.as_ref());
        left_out(&opened, renormalised);
        Ok(Status::Done)
    }
}

impl Page {
    /// The sequence that is shown.
    fn sequence(&self, shape: &Shape) -> Result<usize> {
        let all = &shape.sequences;
        match self.sequence {
            Some(n) if !all.contains(&n) => {
                let what = format!("the sequences of this input are {} to {}", all.start, all.end.max(1) - 1);
                Err(Error::setting("--sequence", n, what))
            }
            Some(n) => Ok(n),
            None => {
                if all.len() > 1 {
                    note(format!(
                        "the page shows sequence {} of {}: --sequence N chooses another",
                        all.start,
                        all.len()
                    ));
                }
                Ok(all.start)
            }
        }
    }

    /// The words of other commands on the same rows: INPUT, then each flag with its value.
    fn words(&self, given: &Given, resolved: &Resolved, shape: &Shape) -> Vec<Vec<String>> {
        let mut command = InputArgs::augment_args(Command::new("page"));
        command = LimitArgs::augment_args(HistoryArgs::augment_args(command));
        let mut words = typed(given, &command);
        if words.first().is_none_or(|first| first[0].starts_with("--")) && !given.has("model-command") {
            words.insert(0, vec!["-".to_string()]);
        }
        let mut add = |flag: &str, value: String| {
            if !given.has(flag) {
                words.push(vec![format!("--{flag}"), value]);
            }
        };
        // what came from files
        if !resolved.limits.eos.is_empty() {
            let ids: Vec<String> = resolved.limits.eos.iter().map(ToString::to_string).collect();
            add("eos-token-id", ids.join(","));
        }
        if let Some(most) = resolved.limits.max_new_tokens.filter(|_| !shape.follows_prefix) {
            add("max-new-tokens", most.to_string());
        }
        words
    }

    /// The command of the beam search.
    fn search_command(&self, given: &Given, input: &[Vec<String>], seed: Option<u64>) -> String {
        let command = SettingsArgs::augment_args(SearchArgs::augment_args(Command::new("page")));
        let mut words = vec!["tokpick".to_string(), "beam".to_string()];
        words.extend(input.iter().flatten().cloned());
        words.extend(typed(given, &command).into_iter().flatten());
        if !given.has("num-return-sequences") {
            let n = self.search.num_beams.map_or("4".to_string(), |n| n.to_string());
            words.extend(["--num-return-sequences".to_string(), n]);
        }
        words.extend(seed.into_iter().flat_map(|seed| ["--seed".to_string(), seed.to_string()]));
        shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
    }
}

/// The arguments that were typed and that a command has: INPUT first, flags with their values.
fn typed(given: &Given, command: &Command) -> Vec<Vec<String>> {
    let text = |value: &OsString| value.to_string_lossy().into_owned();
    let arguments =
        given.arguments().iter().filter(|a| command.get_arguments().any(|arg| arg.get_id() == a.id.as_str()));
    let mut words: Vec<Vec<String>> = Vec::new();
    for argument in arguments {
        let values = argument.values.iter().flatten().map(text);
        match &argument.long {
            None => words.splice(0..0, values.map(|value| vec![value])).for_each(drop),
            Some(long) if argument.values.as_ref().is_none_or(Vec::is_empty) => {
                words.push(vec![format!("--{long}")]);
            }
            Some(long) => words.extend(values.map(|value| match value.starts_with('-') && value.len() > 1 {
                true => vec![format!("--{long}={value}")],
                false => vec![format!("--{long}"), value],
            })),
        }
    }
    words
}

/// The stages that the page opens with: those of the chain in its order, the others, off, where transformers has them.
fn setting(chain: &Chain) -> Result<Vec<(&'static str, f64, bool)>> {
    let mut stages: Vec<(&'static str, f64, bool)> = Vec::new();
    for processor in chain.processors() {
        let (name, json) = (processor.info().name, processor.json());
        let has = STAGES.iter().find(|stage| **stage == name);
        match (has, json.as_f64()) {
            (Some(stage), Some(value)) if stages.iter().all(|s| s.0 != *stage) => {
                stages.push((stage, value, !processor.is_off()));
            }
            _ if processor.is_off() => {}
            _ => {
                let what = format!(
                    "the page has one slider each, with one value, for {}: leave this out",
                    STAGES.join(", ")
                );
                return Err(Error::setting(name, json, what));
            }
        }
    }
    let rank = |name: &str| STAGES.iter().position(|stage| *stage == name);
    for &stage in &STAGES {
        if stages.iter().all(|s| s.0 != stage) {
            let at = stages.iter().position(|s| rank(s.0) > rank(stage)).unwrap_or(stages.len());
            stages.insert(at, (stage, off(stage), false));
        }
    }
    Ok(stages)
}

/// The value at which a stage changes nothing.
fn off(stage: &str) -> f64 {
    INFOS.iter().find(|info| info.name == stage).and_then(|info| info.off.number()).unwrap_or(0.0)
}

/// The rows of a sequence, along given ids where there are some.
fn read(
    source: &mut dyn LogitsSource,
    resolved: &Resolved,
    path: Option<&[TokenId]>,
) -> Result<Vec<PageRow>> {
    let name = source.name().to_string();
    let chain = Chain::default();
    let job = Job { chain: &chain, ..resolved.job(0) };
    let mut known: Vec<TokenId> = resolved.prompt.iter().chain(&resolved.prefix).copied().collect();
    known.extend(path.unwrap_or_default());
    known.sort_unstable();
    known.dedup();
    let (fixed, mut rows) = (known.len(), Vec::new());
    let ids = path.map(|path| vec![path.to_vec()]);
    walk(source, &job, ids.as_deref(), &mut (), &mut |visit| {
        let row = PageRow::read(visit.step, visit.candidates.raw(), &known);
        if path.is_none() && known.len() < fixed + KNOWN {
            known.extend(row.top(FOLLOWED));
            known.sort_unstable();
            known.dedup();
        }
        rows.push(row);
        Ok(())
    })?;
    match rows.is_empty() {
        true => Err(Error::input(name, Place::default(), "there is no row to show")),
        false => Ok(rows),
    }
}

/// The ids that greedy search takes: a source that follows the prefix has rows for these.
fn greedy(source: &mut dyn LogitsSource, resolved: &Resolved) -> Result<Vec<TokenId>> {
    let chain = Chain::default();
    let job = Job { chain: &chain, ..resolved.job(0) };
    Ok(Greedy.decode(source, &job)?.into_iter().next().map(|h| h.ids).unwrap_or_default())
}

/// The rows of one sequence in memory: the page and the beam search both read them, and a stream gives them once.
struct Kept {
    name: String,
    shape: Shape,
    rows: Vec<Row>,
}

impl Kept {
    fn read(source: &mut dyn LogitsSource, sequence: usize, resolved: &Resolved) -> Result<Kept> {
        let (name, shape) = (source.name().to_string(), source.shape());
        let Limits { max_new_tokens, .. } = resolved.limits;
        let asked: Vec<usize> = match shape.access {
            Access::ByStep => shape.sequences.clone().collect(),
            _ => vec![sequence],
        };
        let at = asked.iter().position(|&s| s == sequence).unwrap_or(0);
        let mut rows = Vec::new();
        let mut step = shape.first_step;
        while shape.end_step.is_none_or(|end| step < end)
            && max_new_tokens.is_none_or(|most| rows.len() < most)
        {
            let query = |&sequence: &usize| Query { sequence, step, context: &[], prompt_len: 0 };
            let queries: Vec<Query<'_>> = asked.iter().map(query).collect();
            let mut out = Vec::new();
            source.rows(&queries, &mut out)?;
            let row = out.swap_remove(at);
            if row.ended {
                break;
            }
            rows.push(row);
            step += 1;
        }
        let vocab = rows.first().map(|row| row.vocab).or(shape.vocab);
        let shape = Shape {
            sequences: sequence..sequence + 1,
            end_step: Some(shape.first_step + rows.len()),
            vocab,
            access: Access::Random,
            ..shape
        };
        Ok(Kept { name, shape, rows })
    }
}

impl LogitsSource for Kept {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> Shape {
        self.shape.clone()
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        out.resize_with(at.len(), Row::default);
        for (query, row) in at.iter().zip(out) {
            match query.step.checked_sub(self.shape.first_step).and_then(|step| self.rows.get(step)) {
                Some(kept) => row.copy_from(kept),
                None => row.end(),
            }
        }
        Ok(())
    }
}
