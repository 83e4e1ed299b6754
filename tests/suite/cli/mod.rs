//! The command line, through the real binary.

mod bad_input;
#[cfg(unix)]
mod checks;
mod decode;
mod files;
mod flags;
mod help;
#[cfg(unix)]
mod numbers;
mod output;
#[cfg(unix)]
mod places;
mod reference;
mod reports;
mod search;
