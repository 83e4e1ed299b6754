//! The subcommands: one file each, and one line in each of the two lists here.

mod beam;
mod explain;
mod greedy;
mod info;
mod probs;
mod processors;
mod sample;
mod synth;

use super::{Run, Status};

/// Makes the enum that clap parses into, and hands each variant to its [`Run`].
macro_rules! commands {
    ($($name:ident: $args:ty,)*) => {
        #[derive(clap::Subcommand)]
        pub enum Command {
            $($name(Box<$args>),)*
        }

        impl Command {
            /// Runs the chosen one.
            pub fn run(self) -> anyhow::Result<Status> {
                match self {
                    $(Command::$name(args) => args.run(),)*
                }
            }
        }
    };
}

commands! {
    Greedy: greedy::Greedy,
    Sample: sample::Sample,
    Beam: beam::Beam,
    Probs: probs::Probs,
    Explain: explain::Explain,
    Info: info::Info,
    Synth: synth::Synth,
    Processors: processors::Processors,
}
