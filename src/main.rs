//! The `tokpick` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    tokpick::command::main(std::env::args_os().skip(1))
}
