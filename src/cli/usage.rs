//! Help where a command was given nothing to do.

use std::io::Write;

use clap::CommandFactory;

use super::note::note;
use super::{Cli, Status};

/// Shows the help of a subcommand: nobody gave it anything to read.
pub fn help(name: &str) -> anyhow::Result<Status> {
    let mut command = Cli::command();
    command.build();
    if let Some(command) = command.find_subcommand_mut(name) {
        // standard error may be closed
        let _ = writeln!(std::io::stderr(), "{}", command.render_help());
    }
    note("no input: give a file, or pipe logits in");
    Ok(Status::Helped)
}
