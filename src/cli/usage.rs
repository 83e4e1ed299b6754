//! Help where a command was given nothing to do.

use std::io::Write;

use super::note::note;
use super::{Status, help::short};

/// Shows the help of a subcommand: nobody gave it anything to read.
pub fn help(name: &str) -> anyhow::Result<Status> {
    // standard error may be closed
    let _ = write!(std::io::stderr(), "{}", short(name));
    note("no input: give a file, or pipe logits in");
    Ok(Status::Helped)
}
