//! The command line, through the real binary.

mod bad_input;
mod decode;
mod flags;
mod output;
mod reference;
mod reports;
mod run;
