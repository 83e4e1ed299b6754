//! The command line, through the real binary.

mod bad_input;
#[cfg(unix)]
mod checks;
mod decode;
mod files;
mod flags;
mod meant;
mod named;
mod output;
#[cfg(unix)]
mod records;
mod reference;
mod reports;
mod search;
