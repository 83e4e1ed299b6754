//! The command line, through the real binary.

mod bad_input;
mod decode;
mod files;
mod flags;
mod output;
mod reference;
mod reports;
mod run;
