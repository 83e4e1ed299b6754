//! Groups of flags that several subcommands share.

mod draw;
mod history;
mod input;
mod limits;
mod output;
mod search;
mod settings;

pub use draw::{DrawArgs, resolve as resolve_seed};
pub use history::HistoryArgs;
pub use input::{InputArgs, Opened};
pub use limits::LimitArgs;
pub use output::{FormatName, OutputArgs};
pub use search::{SearchArgs, StopName};
pub use settings::SettingsArgs;
