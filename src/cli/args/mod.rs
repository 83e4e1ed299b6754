//! Groups of flags that several subcommands share.

mod decode;
mod draw;
mod engine;
mod group;
mod history;
mod ids;
mod input;
mod limits;
mod model;
mod output;
mod processors;
mod search;
mod settings;
mod show;
mod terminal;
mod watch;

pub use decode::DecodeArgs;
pub use draw::{DrawArgs, DrawName, Seed, fresh_for_engines, resolve as resolve_seed};
pub use engine::EngineArgs;
pub use group::{Group, hide};
pub use history::HistoryArgs;
pub use ids::IdsArgs;
pub use input::{InputArgs, Opened};
pub use limits::LimitArgs;
pub use output::{FormatName, OutputArgs, ReportArgs, ToArgs};
pub use processors::{ProcessorFlags, takes};
pub use search::SearchArgs;
pub use settings::SettingsArgs;
pub use show::{DigitsName, ShowArgs, made};
pub use terminal::TerminalArgs;
pub use watch::WatchArgs;
