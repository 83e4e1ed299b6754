//! Groups of flags that several subcommands share.

mod decode;
mod draw;
mod engine;
mod history;
mod ids;
mod input;
mod limits;
mod model;
mod output;
mod processors;
mod search;
mod settings;
mod terminal;
mod watch;

use clap::Arg;

pub use decode::{DecodeArgs, hide};
pub use draw::{DrawArgs, DrawName, Seed, resolve as resolve_seed};
pub use engine::EngineArgs;
pub use history::HistoryArgs;
pub use ids::IdsArgs;
pub use input::{InputArgs, Opened};
pub use limits::LimitArgs;
pub use output::{FormatName, OutputArgs};
pub use processors::{ProcessorFlags, takes};
pub use search::SearchArgs;
pub use settings::SettingsArgs;
pub use terminal::TerminalArgs;
pub use watch::WatchArgs;

/// What holds for every flag of every command: a negative number is a value, and what is wrong with it is said of the flag.
pub fn tune(arg: Arg) -> Arg {
    if arg.get_action().takes_values() && !arg.is_positional() {
        arg.allow_negative_numbers(true)
    } else {
        arg
    }
}
