//! How text is to look.

use clap::{Args, ValueEnum};
use terminal_size::{Width, terminal_size};
use tokpick::render::kit::{Digits, Look};

use crate::cli::given::Given;
use crate::cli::out::Out;

#[derive(Args, Clone)]
#[command(next_help_heading = "Output")]
pub struct ShowArgs {
    /// Columns of text (default: those of the terminal, else 80)
    #[arg(long, value_name = "N", value_parser = columns)]
    pub width: Option<usize>,
    /// Colours: on a terminal (auto, the default; NO_COLOR and CLICOLOR_FORCE count), always or never
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub color: When,
    /// Bars and marks in ASCII
    #[arg(long)]
    pub ascii: bool,
    /// Digits of the numbers in tables: 6 significant ones, or all
    #[arg(
        long,
        value_name = "6|full",
        default_value = "6",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub digits: DigitsName,
}

/// When there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// Where a person is looking
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

/// How many digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DigitsName {
    /// Six significant ones
    #[value(name = "6")]
    Six,
    /// All
    Full,
}

impl From<DigitsName> for Digits {
    fn from(name: DigitsName) -> Digits {
        match name {
            DigitsName::Six => Digits::Six,
            DigitsName::Full => Digits::Full,
        }
    }
}

/// The fewest columns that anything can be shown in.
const NARROWEST: usize = 40;
/// The most: a line of text is made in memory.
const WIDEST: usize = 10_000;

/// Reads the columns of a screen.
fn columns(text: &str) -> std::result::Result<usize, String> {
    let columns = text.trim().parse().ok().filter(|columns| (NARROWEST..=WIDEST).contains(columns));
    columns.ok_or_else(|| format!("must be {NARROWEST} to {WIDEST} columns"))
}

/// The columns of the terminal that an output is.
pub fn columns_of(out: &Out) -> Option<usize> {
    let size = out.is_terminal().then(terminal_size).flatten();
    size.map(|(Width(w), _)| usize::from(w).clamp(NARROWEST, WIDEST))
}

impl ShowArgs {
    /// The look of what goes to an output.
    pub fn look(&self, out: &Out) -> Look {
        let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
        let colour = match self.color {
            When::Always => true,
            When::Never => false,
            When::Auto if set("NO_COLOR").is_some() => false,
            When::Auto => out.is_terminal() || set("CLICOLOR_FORCE").is_some_and(|v| v != "0"),
        };
        let width = self.width.or_else(|| columns_of(out)).unwrap_or(80).clamp(NARROWEST, WIDEST);
        Look { colour, width, ascii: self.ascii, digits: self.digits.into() }
    }
}

/// How a picture was made: the command, the seed where the command doesn't give it, the version.
pub fn made(given: &Given, seed: Option<&str>) -> String {
    let words = given.shown();
    let command = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "));
    let seed = seed.filter(|_| !given.has("seed")).map_or(String::new(), |seed| format!(" · seed {seed}"));
    format!("tokpick {command}{seed} · tokpick {}", env!("CARGO_PKG_VERSION"))
}
