//! Repeating a recorded run.

use std::path::{Path, PathBuf};

use tokpick::check::{self, Divergence, Record, RecordedLine, Step, VerifyOptions};
use tokpick::sampler::{Event, Job};
use tokpick::{Error, Place, Result, TokenId};

use super::args::Seed;
use super::record::unchanged;
use super::resolve::{Files, Setup};
use super::strategy::Decode;

/// Runs a recorded command again; the first difference, and what decided there.
pub fn repeat(
    command: impl Decode,
    record: &Record,
    moved: Option<&Path>,
) -> Result<Option<(Divergence, Option<Step>)>> {
    let recorded = PathBuf::from(&record.input.path);
    let input = match moved {
        None if recorded == Path::new("-") => {
            let what = "the run was recorded from standard input: give a file with it, --input FILE";
            return Err(Error::input("record", Place::default(), what));
        }
        moved => moved.map_or(recorded, Path::to_path_buf),
    };
    unchanged(&record.input, &input)?;
    for companion in &record.companions {
        unchanged(companion, Path::new(&companion.path))?;
    }
    let args = command.args();
    let open = || args.input.open_from(&input, args.input.layout, true);
    let setup = |opened| Setup::new(args, opened, Files::read(&args.settings)?, true);
    let first = setup(open()?)?;
    if first.opened.vocabulary != record.vocabulary {
        let text = |d: &Option<check::Digest>| d.as_ref().map_or("none".to_string(), |d| d.to_string());
        let what = format!(
            "the vocabulary has changed since the record was made: SHA-256 {}, recorded {}",
            text(&first.opened.vocabulary),
            text(&record.vocabulary)
        );
        return Err(Error::input("--vocab", Place::default(), what));
    }
    let found = run(&command, first)?;
    let Some(divergence) = record.compare(&found) else { return Ok(None) };
    // a tampered record may not be a run at all: then nothing more is known
    let step = open().and_then(setup).and_then(|again| near(&command, again, record, &divergence));
    Ok(Some((divergence, step.ok().flatten())))
}

/// The error of a record that is no run.
pub fn damaged(path: &Path, what: &str) -> Error {
    let what = what.lines().next().unwrap_or_default();
    Error::input(path.display().to_string(), Place::default(), format!("a damaged record: {what}"))
}

/// What a command decodes, log-probabilities and all.
fn run(command: &impl Decode, setup: Setup) -> Result<Vec<RecordedLine>> {
    let mut strategy = command.strategy(&setup)?;
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

/// What decided where a repeated run took another token: how near it was to the recorded one.
fn near(
    command: &impl Decode,
    setup: Setup,
    record: &Record,
    divergence: &Divergence,
) -> Result<Option<Step>> {
    let (Some(at), "id") = (divergence.at, divergence.what) else { return Ok(None) };
    let Some(mut draw) = command.draw(&setup)? else { return Ok(None) };
    let seed = command.args().draw.seed.as_ref().map_or(0, Seed::coins);
    let Setup { mut opened, resolved, .. } = setup;
    // no further than the divergence: after it the recorded ids may not be a run at all
    let until = |ids: &[TokenId]| ids[..ids.len().min(at + 1)].to_vec();
    let ids: Vec<Vec<TokenId>> = record.sequences.iter().map(|s| until(&s.ids)).collect();
    let sequences = opened.source.shape().sequences.len().max(1);
    let samples = (ids.len() / sequences).max(1);
    let temperature = VerifyOptions::temperature_of(&resolved.chain);
    let options = VerifyOptions { temperature, ..VerifyOptions::default() };
    let job = resolved.job(seed);
    let found = check::verify(opened.source.as_mut(), &job, draw.as_mut(), samples, &ids, &options)?;
    Ok(found.steps.into_iter().filter(|s| s.line == divergence.line).nth(at))
}
