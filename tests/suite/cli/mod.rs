//! The command line, through the real binary.

#[cfg(unix)]
mod audit;
mod bad_input;
mod bounds;
#[cfg(unix)]
mod checks;
#[cfg(unix)]
mod completions;
mod decode;
mod files;
mod flags;
mod help;
mod lesson;
mod live;
mod meant;
mod named;
#[cfg(unix)]
mod numbers;
mod output;
#[cfg(unix)]
mod places;
#[cfg(unix)]
pub mod progress;
#[cfg(unix)]
mod records;
mod reference;
mod reports;
mod search;
mod shard;
#[cfg(unix)]
mod signals;
