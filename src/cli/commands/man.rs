use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man as Page;
use tokpick::system::write_whole;
use tokpick::{Error, Result};

use crate::cli::args::ToArgs;
use crate::cli::{Execute, Given, Screen, Status};

#[derive(Args, Clone)]
#[command(after_long_help = "Read a page with `tokpick man sample | man -l -`.")]
pub struct Man {
    /// The command whose page is written (default: that of tokpick)
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
    /// Write all pages into a folder: tokpick.1, tokpick-sample.1 …
    #[arg(long, value_name = "FOLDER", help_heading = "Output", conflicts_with_all = ["command", "output"])]
    directory: Option<PathBuf>,
    #[command(flatten)]
    to: ToArgs,
}

impl Execute for Man {
    const SCREEN: Screen = Screen {
        examples: &["tokpick man sample", "tokpick man --directory man1"],
        flags: &["directory", "output"],
    };

    fn execute(self, given: &Given) -> anyhow::Result<Status> {
        let mut program = given.program();
        program.build();
        if let Some(folder) = &self.directory {
            all(&program, folder)?;
            return Ok(Status::Done);
        }
        let command = match &self.command {
            None => &program,
            Some(name) => program.find_subcommand(name).ok_or_else(|| {
                let names: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
                Error::setting("COMMAND", name, format!("is no command; these are: {}", names.join(", ")))
            })?,
        };
        let mut out = self.to.open()?;
        let page = page(command)?;
        out.write(|to| to.write_all(&page))?;
        out.finish()?;
        Ok(Status::Done)
    }
}

/// Writes the pages of the program and of each command.
fn all(program: &Command, folder: &Path) -> Result<()> {
    let io = |source| Error::Io { file: folder.display().to_string(), source };
    std::fs::create_dir_all(folder).map_err(io)?;
    let commands = program.get_subcommands().map(|c| (format!("tokpick-{}.1", c.get_name()), c));
    let pages = std::iter::once(("tokpick.1".to_string(), program)).chain(commands);
    pages.into_iter().try_for_each(|(name, command)| {
        let page = page(command).map_err(io)?;
        write_whole(&folder.join(name), &page)
    })
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    Page::new(command.clone()).render(&mut text)?;
    Ok(text)
}
