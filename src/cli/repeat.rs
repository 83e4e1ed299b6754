//! Repeating a recorded run.

use std::path::{Path, PathBuf};

use tokpick::check::{self, Divergence, Record, RecordedLine, Step, VerifyOptions};
use tokpick::sampler::{Event, Job};
use tokpick::{Error, Place, Result, TokenId};

use super::decode::{Decode, Setup};
use super::files::Files;
use super::record::unchanged;

/// Runs a recorded command again; the first difference, and what decided there.
pub fn repeat(
    mut command: impl Decode,
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
    command.args_mut().input.input = Some(input);
    // so that digests and log-probabilities are there to be compared
    command.args_mut().record = Some(PathBuf::new());
    let files = Files::read(&command.args().settings)?;
    let setup = command.args().setup(&files)?;
    if setup.opened.vocabulary != record.vocabulary {
        let text = |d: &Option<check::Digest>| d.as_ref().map_or("none".to_string(), |d| d.to_string());
        let what = format!(
            "the vocabulary has changed since the record was made: SHA-256 {}, recorded {}",
            text(&setup.opened.vocabulary),
            text(&record.vocabulary)
        );
        return Err(Error::input("--vocab", Place::default(), what));
    }
    let found = run(&command, &files, setup)?;
    let Some(divergence) = record.compare(&found) else { return Ok(None) };
    // a tampered record may not be a run at all: then nothing more is known
    let step = near(&command, &files, record, &divergence).ok().flatten();
    Ok(Some((divergence, step)))
}

/// The error of a record that is no run.
pub fn damaged(path: &Path, what: &str) -> Error {
    let what = what.lines().next().unwrap_or_default();
    Error::input(path.display().to_string(), Place::default(), format!("a damaged record: {what}"))
}

/// What a command decodes, log-probabilities and all.
fn run(command: &impl Decode, files: &Files, setup: Setup) -> Result<Vec<RecordedLine>> {
    let mut strategy = command.strategy(files, &setup)?;
    let Setup { mut opened, chain, limits, .. } = setup;
    let history = &command.args().history;
    let job = Job {
        prompt: history.prompt(),
        prefix: history.prefix(),
        chain: &chain,
        limits: &limits,
        seed: strategy.number(),
        logprobs: true,
        parallel: false,
    };
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
    files: &Files,
    record: &Record,
    divergence: &Divergence,
) -> Result<Option<Step>> {
    let (Some(at), "id") = (divergence.at, divergence.what) else { return Ok(None) };
    let setup = command.args().setup(files)?;
    let Some(mut draw) = command.draw(files, &setup)? else { return Ok(None) };
    let seed = command.args().draw.seed.as_ref().and_then(|s| s.number().ok());
    let Setup { mut opened, chain, limits, .. } = setup;
    let history = &command.args().history;
    let job = Job {
        prompt: history.prompt(),
        prefix: history.prefix(),
        chain: &chain,
        limits: &limits,
        seed: seed.unwrap_or(0),
        logprobs: false,
        parallel: false,
    };
    // no further than the divergence: after it the recorded ids may not be a run at all
    let until = |ids: &[TokenId]| ids[..ids.len().min(at + 1)].to_vec();
    let ids: Vec<Vec<TokenId>> = record.sequences.iter().map(|s| until(&s.ids)).collect();
    let sequences = opened.source.shape().sequences.len().max(1);
    let samples = ids.len() / sequences;
    let options =
        VerifyOptions { temperature: VerifyOptions::temperature_of(&chain), ..VerifyOptions::default() };
    let found = check::verify(opened.source.as_mut(), &job, draw.as_mut(), samples.max(1), &ids, &options)?;
    Ok(found.steps.into_iter().filter(|s| s.line == divergence.line).nth(at))
}
