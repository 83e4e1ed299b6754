//! The `tokpick` command: parse, run, exit code.

mod cli;

use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;

fn main() -> ExitCode {
    let (command, given) = match cli::parse(std::env::args_os().skip(1)) {
        Ok(parsed) => parsed,
        Err(e) => return usage(&e),
    };
    match command.run(&given) {
        Ok(status) => ExitCode::from(status as u8),
        // whoever read the results has seen enough
        Err(e) if matches!(e.downcast_ref(), Some(tokpick::Error::Closed)) => ExitCode::SUCCESS,
        Err(e) => {
            say(&cli::message(e, &given).replace('\n', " "));
            ExitCode::from(2)
        }
    }
}

/// Help and version go to standard output; a usage error to standard error, with clap's hint.
fn usage(e: &clap::Error) -> ExitCode {
    if !e.use_stderr() {
        let _ = e.print();
        return ExitCode::SUCCESS;
    }
    if e.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = e.print();
        return ExitCode::from(2);
    }
    let text = e.render().to_string();
    say(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
    ExitCode::from(2)
}

/// A line on standard error, which may be closed.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "tokpick: {text}");
}
