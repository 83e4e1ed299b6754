use clap::{Args, ValueEnum};
use clap_complete::{Shell, generate};
use clap_complete_nushell::Nushell;

use crate::cli::args::ToArgs;
use crate::cli::{Execute, Given, Screen, Status};

#[derive(Args, Clone)]
#[command(
    after_long_help = "Bash: put the script into ~/.local/share/bash-completion/completions/tokpick. zsh: as _tokpick into a folder of $fpath. fish: into ~/.config/fish/completions/tokpick.fish. PowerShell and nushell: source it from the profile."
)]
pub struct Completions {
    /// The shell that reads the script
    #[arg(value_name = "SHELL")]
    shell: ShellName,
    #[command(flatten)]
    to: ToArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ShellName {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Nushell,
}

impl Execute for Completions {
    const SCREEN: Screen = Screen {
        examples: &["tokpick completions bash", "tokpick completions fish -o tokpick.fish"],
        flags: &["output"],
    };

    fn execute(self, given: &Given) -> anyhow::Result<Status> {
        let mut out = self.to.open()?;
        let mut program = given.program();
        // the generators end the program where a write fails
        let mut script = Vec::new();
        let to = &mut script;
        match self.shell {
            ShellName::Bash => generate(Shell::Bash, &mut program, "tokpick", to),
            ShellName::Zsh => generate(Shell::Zsh, &mut program, "tokpick", to),
            ShellName::Fish => generate(Shell::Fish, &mut program, "tokpick", to),
            ShellName::Powershell => generate(Shell::PowerShell, &mut program, "tokpick", to),
            ShellName::Nushell => generate(Nushell, &mut program, "tokpick", to),
        }
        out.write(|to| to.write_all(&script))?;
        out.finish()?;
        Ok(Status::Done)
    }
}
