//! Repeating recorded runs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokpick::check::{self, Divergence, Record, RecordedInput, RecordedLine, Step, VerifyOptions};
use tokpick::processor::Chain;
use tokpick::sampler::{Event, Job};
use tokpick::{Error, Place, Result, TokenId, settings};

use super::args::Seed;
use super::base::Base;
use super::commands::Command;
use super::given::Given;
use super::places::Written;
use super::record::{WITHOUT_RESULT, companions, shape};
use super::resolve::Setup;
use super::strategy::{Decode, Strategy, Wanted};
use super::{Unparsed, parse};

/// What came of a record.
pub struct Repeated {
    /// The first field, or token, that doesn't hold.
    pub divergence: Option<Divergence>,
    /// What decided there, where a token differs.
    pub step: Option<Step>,
    /// What the record says that is not checked, and is otherwise here.
    pub elsewhere: Vec<String>,
}

/// Repeats the run of a record: every field of it must hold. `path` is where the record lies, `moved` the input where it is no
/// longer at the recorded path.
///
/// # Errors
/// A record that is damaged; a run that can't be repeated, because a file is missing, for example.
pub fn repeat(record: &Record, path: &Path, moved: Option<&Path>) -> Result<Repeated> {
    let input = input_of(record, moved)?;
    let base = Base::of(record, path, &input);
    let (input, companions) = (base.path(&input), base.companions(record));
    let mut elsewhere = record.elsewhere();
    if let Some(divergence) = changed_file(record, &input, &companions)? {
        return Ok(Repeated { divergence: Some(divergence), step: None, elsewhere });
    }
    let (command, given) = command_of(record, path, input, &base)?;
    if let Some(idle) = WITHOUT_RESULT.iter().find(|long| given.has(long)) {
        return Err(damaged(path, &format!("--{idle} has no place in a recorded command")));
    }
    let chain = base.chain(&record.chain.to_string())?;
    let of = Repeat { record, companions, chain: chain.unwrap_or_else(|| record.chain.clone()), given };
    let (divergence, step) = match command {
        Command::Greedy(args) => of.run(&*args, &mut elsewhere),
        Command::Sample(args) => of.run(&*args, &mut elsewhere),
        Command::Beam(args) => of.run(&*args, &mut elsewhere),
        Command::Search(args) => of.run(&*args, &mut elsewhere),
        _ => Err(damaged(path, "its command does not decode")),
    }?;
    Ok(Repeated { divergence, step, elsewhere })
}

/// Refuses outputs that are what a record names, before one of them is opened: its input, its companions, and whatever else its
/// command reads. `path` and `moved` as in [`repeat`].
///
/// # Errors
/// The two that are one.
pub fn spare(record: &Record, path: &Path, moved: Option<&Path>, written: &Written) -> Result<()> {
    // a record that can't be repeated is told of when that is tried
    let Ok(input) = input_of(record, moved) else { return Ok(()) };
    let base = Base::of(record, path, &input);
    let (input, recorded) = (base.path(&input), base.path(record.input.path.as_path()));
    let companions = base.companions(record);
    let companions = companions.iter().map(|c| c.path.as_path());
    written.spare_files([input.as_path(), recorded.as_path()].into_iter().chain(companions))?;
    match command_of(record, path, input, &base) {
        Ok((_, given)) => written.spare(&given),
        Err(_) => Ok(()),
    }
}

/// Where the input of a record is.
fn input_of(record: &Record, moved: Option<&Path>) -> Result<PathBuf> {
    match moved {
        None if record.input.path.as_path() == Path::new("-") => {
            let what = "the run was recorded from standard input: give a file with it, --input FILE";
            Err(Error::input("record", Place::default(), what))
        }
        None => Ok(record.input.path.as_path().to_path_buf()),
        Some(moved) => Ok(absolute(moved)),
    }
}

/// The command of a record, on an input, with the files that it names as they are seen from here.
fn command_of(record: &Record, path: &Path, input: PathBuf, base: &Base) -> Result<(Command, Given)> {
    let mut words: Vec<OsString> = record.command.iter().map(|word| word.0.clone()).collect();
    match words.get_mut(1) {
        Some(word) if *word == record.input.path.0 => *word = input.into_os_string(),
        _ => return Err(damaged(path, "its command names another input than the record")),
    }
    earlier(&mut words);
    parse(base.words(words)?).map_err(|e| match e {
        Unparsed::Shown(_) => damaged(path, "its command asks for the help or the version, which is no run"),
        Unparsed::Usage(e) => damaged(path, &e.to_string()),
    })
}

fn damaged(path: &Path, what: &str) -> Error {
    let what = what.lines().next().unwrap_or_default();
    Error::input(path.display().to_string(), Place::default(), format!("damaged record: {what}"))
}

/// Says in the words of today what a command of an earlier version meant: beam sampling that ranks in the order of the draw, and
/// one beam where no number was given.
fn earlier(words: &mut Vec<OsString>) {
    if words.first().is_none_or(|command| command != "beam") {
        return;
    }
    let says = |flag: &str| words.iter().any(|word| word.to_string_lossy().starts_with(flag));
    if !says("--num-beams=") && !says("--generation-config=") {
        words.push("--num-beams=1".into());
    }
    for word in words.iter_mut().filter(|word| *word == "--beam-sample") {
        *word = "--beam-sample=drawn".into();
    }
}

/// The first recorded file whose content is another one now.
fn changed_file(record: &Record, input: &Path, companions: &[RecordedInput]) -> Result<Option<Divergence>> {
    if let Some(changed) = Divergence::of_file(&record.input, input, "input")? {
        return Ok(Some(changed));
    }
    for companion in companions {
        if let Some(changed) = Divergence::of_file(companion, companion.path.as_path(), "companion")? {
            return Ok(Some(changed));
        }
    }
    Ok(None)
}

/// A record and the command in it, its files as they are seen from here.
struct Repeat<'a> {
    record: &'a Record,
    companions: Vec<RecordedInput>,
    chain: Value,
    given: Given,
}

impl Repeat<'_> {
    fn run(
        &self,
        command: &impl Decode,
        elsewhere: &mut Vec<String>,
    ) -> Result<(Option<Divergence>, Option<Step>)> {
        let setup = || {
            let args = command.args();
            Setup::new(args, args.input.open_digesting()?, command.files()?, true)
        };
        let first = setup()?;
        let strategy = command.strategy(&first)?;
        if let Some(divergence) = self.head(&first, &strategy, elsewhere)? {
            return Ok((Some(divergence), None));
        }
        if let Wanted::Exactly(each) = strategy.wanted {
            let lines = first.opened.source.shape().sequences.len().saturating_mul(each);
            if let Some(divergence) = self.record.compare_number(lines) {
                return Ok((Some(divergence), None));
            }
        }
        let found = decode(first, strategy)?;
        let Some(divergence) = self.record.compare(&found) else { return Ok((None, None)) };
        // a tampered record may not be a run at all: then nothing more is known
        let step = setup().and_then(|again| self.near(command, again, &divergence));
        Ok((Some(divergence), step.ok().flatten()))
    }

    /// The first field that doesn't hold, of those that stand before anything is decoded.
    fn head(
        &self,
        setup: &Setup,
        strategy: &Strategy,
        elsewhere: &mut Vec<String>,
    ) -> Result<Option<Divergence>> {
        let record = self.record;
        let chain = setup.resolved.chain.json();
        let names = |all: &[RecordedInput]| -> Value {
            all.iter().map(|c| format!("{} {}", c.role, c.path)).collect::<Vec<_>>().into()
        };
        let files = companions(&self.given, &chain)?;
        // of an engine, the words for its version may have changed, and its draws not
        let engine = match (record.engine.as_deref(), strategy.engine) {
            (Some(recorded), Some(here)) => {
                if recorded != here {
                    elsewhere.push(format!("engine: recorded {recorded}, here {here}"));
                }
                None
            }
            (recorded, here) => Divergence::of("engine", json!(recorded), json!(here)),
        };
        let mut fields = [
            Divergence::of("input", json!(record.input.role), json!("input")),
            Divergence::of("companions", names(&self.companions), names(&files)),
            Divergence::of("vocabulary", json!(record.vocabulary), json!(setup.opened.vocabulary)),
            Divergence::of("chain", same_chain(&self.chain, &setup.resolved.chain), chain),
            Divergence::of("draw", json!(record.draw), json!(strategy.draw)),
            engine,
            Divergence::of("seed", json!(record.seed), json!(strategy.seed_json())),
            Divergence::of("shape", json!(record.shape), json!(shape(&setup.opened))),
        ];
        Ok(fields.iter_mut().find_map(Option::take))
    }

    /// What decided where a repeated run took another token: how near it was to the recorded one.
    fn near(&self, command: &impl Decode, setup: Setup, divergence: &Divergence) -> Result<Option<Step>> {
        let (Some(line), Some(at), "id") = (divergence.line, divergence.at, divergence.what) else {
            return Ok(None);
        };
        let Some(mut draw) = command.draw(&setup)? else { return Ok(None) };
        let seed = command.args().draw.seed.as_ref().map_or(0, Seed::coins);
        let Setup { mut opened, resolved, .. } = setup;
        // no further than the divergence: after it the recorded ids may not be a run at all
        let until = |ids: &[TokenId]| ids[..ids.len().min(at + 1)].to_vec();
        let ids: Vec<Vec<TokenId>> = self.record.sequences.iter().map(|s| until(&s.ids)).collect();
        let sequences = opened.source.shape().sequences.len().max(1);
        let samples = (ids.len() / sequences).max(1);
        let temperature = VerifyOptions::temperature_of(&resolved.chain);
        let options = VerifyOptions { temperature, ..VerifyOptions::default() };
        let job = resolved.job(seed);
        let found = check::verify(opened.source.as_mut(), &job, draw.as_mut(), samples, &ids, &options)?;
        Ok(found.steps.into_iter().filter(|s| s.line == line).nth(at))
    }
}

/// What a strategy decodes, log-probabilities and all.
fn decode(setup: Setup, mut strategy: Strategy<'_>) -> Result<Vec<RecordedLine>> {
    let Setup { mut opened, resolved, .. } = setup;
    let job = Job { logprobs: true, ..resolved.job(strategy.number()) };
    let mut lines = Vec::new();
    strategy.sampler.run(opened.source.as_mut(), &job, &mut (), &mut |event| {
        if let Event::Done(h) = event {
            lines.push(RecordedLine::from(&h));
        }
        Ok(())
    })?;
    Ok(lines)
}

/// A recorded chain as this version writes it: an earlier one may have written the same chain in another way.
fn same_chain(recorded: &Value, chain: &Chain) -> Value {
    if *recorded == chain.json() {
        return recorded.clone();
    }
    settings::chain(&recorded.to_string()).map_or_else(|_| recorded.clone(), |chain| chain.json())
}

/// A path that means the same in every working directory.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}
