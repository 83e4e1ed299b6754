//! Parts of a job: what their outputs can't be put together from is refused.

use tokpick::engine::{Batch, Params, find};
use tokpick::{Error, Result};

use super::args::{DecodeArgs, FormatName, Opened};
use super::resolve::Files;

/// Why a document has no parts.
pub const ONE_DOCUMENT: &str = "--format json is one document, which has no parts: use --format jsonl";

/// Why a seed must be given.
pub const NO_SEED: &str = "needs --seed: each part would draw with a seed of its own";

/// Refuses a part of a run whose outputs, one after the other, would not be the output of the whole run; `seeded`: its strategy has a
/// seed, given or made.
///
/// # Errors
/// Says why not.
pub fn check(args: &DecodeArgs, opened: &Opened, files: &Files, seeded: bool) -> Result<()> {
    if opened.shard.is_none() {
        return Ok(());
    }
    let refuse = |why: &str| refuse_parts(opened, why);
    if args.output.stream {
        return refuse(
            "--stream writes step by step, all sequences at once: parts of it are no parts of the whole; leave it out",
        );
    }
    if args.output.format == FormatName::Json {
        return refuse(ONE_DOCUMENT);
    }
    let given =
        args.draw.seed.is_some() || args.draw.engine.row_seeds.is_some() || files.get(|s| s.seed).is_some();
    if seeded && !given {
        return refuse(NO_SEED);
    }
    Ok(())
}

/// Refuses a part of what is only a whole.
///
/// # Errors
/// Says why.
pub fn refuse_parts(opened: &Opened, why: &str) -> Result<()> {
    opened.shard.map_or(Ok(()), |shard| Err(Error::setting("--shard", shard, why)))
}

/// Refuses a part of the batch of an engine whose rows depend on the rows beside them.
///
/// # Errors
/// Says why.
pub fn check_engine(name: &str, params: &Params, opened: &Opened) -> Result<()> {
    let Some(shard) = opened.shard else { return Ok(()) };
    let refuse = |why: String| Err(Error::setting("--shard", shard, why));
    match find(name)?.batch {
        Batch::Shared => {
            return refuse(format!(
                "{name} draws the rows of a step one after the other from one generator: it needs the whole batch"
            ));
        }
        Batch::RowSeeds => {
            return refuse(format!(
                "rows without a seed of their own share the generator of {name}: it needs the whole batch"
            ));
        }
        Batch::EachRow | Batch::Addressed => {}
    }
    let is_list = |given: &Option<String>| given.as_ref().is_some_and(|text| text.contains(','));
    if is_list(&params.row_seeds) || is_list(&params.position) {
        return refuse(
            "--row-seeds and --position name each row of the whole batch: give one for all".to_string(),
        );
    }
    Ok(())
}
