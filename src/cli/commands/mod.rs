//! The subcommands: one file each, and one line in each of the two lists here.

mod beam;
mod compare;
mod completions;
mod convert;
mod diff;
mod engines;
mod explain;
mod greedy;
mod info;
mod lesson;
mod man;
mod page;
mod probs;
mod processors;
mod sample;
mod score;
mod search;
mod synth;
mod tokens;
mod tree;
mod verify;

pub use diff::only_here as only_diff_reads;

use clap::{ArgMatches, Args, FromArgMatches, Subcommand};

use super::{Execute, Given, Screen, Status, places, progress, spelling};

/// Makes the enum that clap parses into, and hands each variant to its [`Execute`]. The flags of a command are only built once it is
/// called: start-up pays for one.
macro_rules! commands {
    ($($name:ident, $word:literal, $args:ty, $about:literal;)*) => {
        /// The short helps, in the order in which commands are shown.
        pub const SCREENS: &[(&str, Screen)] = &[$(($word, <$args as Execute>::SCREEN)),*];

        /// A subcommand that was parsed.
        #[derive(Clone)]
        pub enum Command {
            $($name(Box<$args>),)*
        }

        impl Command {
            /// Does what it is for; `given` is what was typed.
            pub fn execute(self, given: &Given) -> anyhow::Result<Status> {
                places::check(given)?;
                let done = match self {
                    $(Command::$name(args) => args.execute(given),)*
                };
                progress::end();
                done
            }
        }

        impl Subcommand for Command {
            fn augment_subcommands(command: clap::Command) -> clap::Command {
                command.subcommands([
                    $(clap::Command::new($word).about($about).defer(|c| <$args as Args>::augment_args(c).mut_args(spelling::tune).about($about)),)*
                ])
            }

            fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
                Self::augment_subcommands(command)
            }

            fn has_subcommand(name: &str) -> bool {
                [$($word),*].contains(&name)
            }
        }

        impl FromArgMatches for Command {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                Self::from_arg_matches_mut(&mut matches.clone())
            }

            fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
                match matches.remove_subcommand() {
                    Some((name, mut m)) => match name.as_str() {
                        $($word => <$args>::from_arg_matches_mut(&mut m).map(|args| Command::$name(Box::new(args))),)*
                        _ => Err(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand)),
                    },
                    None => Err(clap::Error::new(clap::error::ErrorKind::MissingSubcommand)),
                }
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }
    };
}

commands! {
    Greedy, "greedy", greedy::Greedy, "The most probable token of every step, the lowest id among equals";
    Sample, "sample", sample::Sample, "Tokens drawn from the processed distribution";
    Beam, "beam", beam::Beam, "The best whole sequences that a search over several prefixes finds";
    Search, "search", search::Search, "The true best sequences, by exact search, for small cases";
    Probs, "probs", probs::Probs, "The distribution that `sample` would draw from";
    Explain, "explain", explain::Explain, "What each stage does to the distribution of a step, and how the token is drawn";
    Compare, "compare", compare::Compare, "Strategies side by side on the same rows: texts, probabilities, diversity";
    Page, "page", page::Page, "One HTML page to play with: sliders, draws, two settings, the beam search";
    Tree, "tree", tree::Tree, "A beam search as a tree: what was considered, and what became of it";
    Score, "score", score::Score, "How probable given ids are: log-probability, rank, surprise, perplexity";
    Verify, "verify", verify::Verify, "Whether ids were drawn from these logits and seed; whether a record still holds";
    Diff, "diff", diff::Diff, "Two files of logits, row by row: how far apart, and which draws would flip";
    Info, "info", info::Info, "Shape and format of an input; entropy and most probable tokens of its rows";
    Tokens, "tokens", tokens::Tokens, "How a text is split into tokens, and what ids are in text";
    Convert, "convert", convert::Convert, "Logits of any kind as NPY, .npz, safetensors, JSON or JSON Lines";
    Synth, "synth", synth::Synth, "Logits to play with, from a seed";
    Processors, "processors", processors::Processors, "All logits processors, and the orders in which engines apply them";
    Engines, "engines", engines::Engines, "The engines whose draws can be replayed";
    Lesson, "lesson", lesson::LessonCommand, "Eight guided lessons in decoding, with commands that run while you read";
    Completions, "completions", completions::Completions, "A script that completes commands and flags in a shell";
    Man, "man", man::Man, "Manual pages, one for each command";
}
