//! The `tokpick` command: parse, run, exit code.

mod cli;

use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;

fn main() -> ExitCode {
    let (command, given) = match cli::parse(std::env::args_os().skip(1)) {
        Ok(parsed) => parsed,
        Err(cli::Unparsed::Shown(text)) => {
            let printed = cli::print(&text).map(|()| 0);
            return end(printed.map_err(Into::into), &cli::Given::default());
        }
        Err(cli::Unparsed::Usage(e)) => return usage(&e),
    };
    end(command.execute(&given).map(|status| status as u8), &given)
}

/// How the program ends.
fn end(result: anyhow::Result<u8>, given: &cli::Given) -> ExitCode {
    match result {
        Ok(status) => ExitCode::from(status),
        // whoever read the results has seen enough
        Err(e) if matches!(e.downcast_ref(), Some(tokpick::Error::Closed)) => ExitCode::SUCCESS,
        Err(e) => {
            say(&cli::message(e, given).replace('\n', " "));
            ExitCode::from(2)
        }
    }
}

/// A usage error, with clap's hint; a command that was asked to do nothing shows its help.
fn usage(e: &clap::Error) -> ExitCode {
    let text = e.render().to_string();
    if e.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // standard error may be closed
        let _ = write!(std::io::stderr(), "{text}");
    } else {
        say(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
    }
    ExitCode::from(2)
}

/// A line on standard error, which may be closed.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "tokpick: {text}");
}
