//! The one error type of the library.

use std::fmt;

use crate::TokenId;

/// What every fallible function of the crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Where in an input something was found: any part may be unknown.
///
/// ```
/// use tokpick::Place;
/// let place = Place { sequence: Some(0), step: Some(7), token: None, line: None };
/// assert_eq!(place.to_string(), "sequence 0, step 7");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Sequence of the batch, counted from 0.
    pub sequence: Option<usize>,
    /// Decoding step, counted from 0 at the start of the input.
    pub step: Option<usize>,
    /// Token id, that is the position in the row.
    pub token: Option<TokenId>,
    /// Line of a text file, counted from 1.
    pub line: Option<usize>,
}

impl Place {
    /// The place of a whole row.
    pub fn row(sequence: usize, step: usize) -> Self {
        Place { sequence: Some(sequence), step: Some(step), ..Place::default() }
    }

    /// A line of a text file, counted from 1.
    pub fn line(line: usize) -> Self {
        Place { line: Some(line), ..Place::default() }
    }

    /// The same place, at one token.
    pub fn token(self, token: TokenId) -> Self {
        Place { token: Some(token), ..self }
    }

    fn is_nowhere(&self) -> bool {
        *self == Place::default()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sep = "";
        let parts = [
            ("line", self.line),
            ("sequence", self.sequence),
            ("step", self.step),
            ("token", self.token.map(|t| t as usize)),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                write!(f, "{sep}{name} {value}")?;
                sep = ", ";
            }
        }
        Ok(())
    }
}

/// Why nothing was decoded: what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading or writing failed.
    #[error("{file}: {source}")]
    Io {
        /// The file, or `standard input`.
        file: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The content of an input is not what its format or the design asks for.
    #[error("{file}{}{place}: {what}", if place.is_nowhere() { "" } else { ": " })]
    Input {
        /// The file, or `standard input`.
        file: String,
        /// Where in the input.
        place: Place,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A parameter is outside its range, or makes no sense together with the rest.
    #[error("{name}{}{value}: {what}", if value.is_empty() { "" } else { " " })]
    Setting {
        /// The parameter, as the field writes it (`top_p`).
        name: String,
        /// The value that was given; empty for a flag that takes none.
        value: String,
        /// The valid range, or the reason.
        what: String,
    },
    /// A table has no row for a prefix that the search asked for.
    #[error("{file}: no row for the prefix {prefix:?}: {}", no_prefix(prefix, *ends))]
    NoPrefix {
        /// The table.
        file: String,
        /// The generated ids that were looked up.
        prefix: Vec<TokenId>,
        /// The last of them seems to end a sequence: nothing follows it in the table, and other rows have it as their best token.
        ends: bool,
    },
    /// Decoding can't go on: no candidate is left, or a strategy found no result.
    #[error("{place}: {what}")]
    Decode {
        /// Where in the input.
        place: Place,
        /// What happened, and what to do.
        what: String,
    },
    /// A chain removed every token: its constraints contradict each other.
    #[error(
        "{place}: {stage} left no token that is possible: the constraints of the chain contradict each other here"
    )]
    NoCandidate {
        /// Where in the input.
        place: Place,
        /// The processor that removed the last one.
        stage: &'static str,
    },
    /// An engine can't be replayed as asked.
    #[error("{engine}: {}{what}", row.map_or(String::new(), |row| format!("row {row}: ")))]
    Engine {
        /// The engine.
        engine: &'static str,
        /// The row of the step that it can't draw from, where it is one.
        row: Option<usize>,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The reader of the results has gone away (a closed pipe).
    #[error("the reader of the output is gone")]
    Closed,
    /// Whoever began the run has ended it before its time.
    #[error("the run was stopped")]
    Stopped,
}

/// What to do about a prefix that a table lacks.
fn no_prefix(prefix: &[TokenId], ends: bool) -> String {
    match prefix.last() {
        None => "decoding begins there; add that line, or give the ids with which the table's prefixes begin as `Job::prefix`".into(),
        Some(id) if ends => format!(
            "nothing follows token {id} in this table, and other rows end with it: if it ends a sequence, give `Limits::eos` {id}"
        ),
        Some(_) => {
            "the table holds other prefixes; lower `Limits::max_new_tokens`, or record the missing row".into()
        }
    }
}

/// A value as errors quote it: whole, or the beginning of a long one.
fn in_part(value: String) -> String {
    const WHOLE: usize = 200;
    if value.len() <= WHOLE {
        return value;
    }
    let beginning: String = value.chars().take(WHOLE / 2).collect();
    format!("{beginning}… ({} bytes)", value.len())
}

impl Error {
    /// An input error.
    pub fn input(file: impl Into<String>, place: Place, what: impl Into<String>) -> Self {
        Error::Input { file: file.into(), place, what: what.into() }
    }

    /// A setting error; a long value is quoted in part.
    ///
    /// ```
    /// use tokpick::Error;
    /// let said = Error::setting("chain", "x".repeat(100_000), "no chain").to_string();
    /// assert!(said.starts_with("chain xxx") && said.ends_with("x… (100000 bytes): no chain") && said.len() < 200);
    /// ```
    pub fn setting(name: impl Into<String>, value: impl fmt::Display, what: impl Into<String>) -> Self {
        Error::Setting { name: name.into(), value: in_part(value.to_string()), what: what.into() }
    }

    /// An engine that can't be replayed as asked.
    pub fn engine(engine: &'static str, what: impl Into<String>) -> Self {
        Error::Engine { engine, row: None, what: what.into() }
    }

    /// A row of a step that an engine can't draw from.
    pub fn engine_row(engine: &'static str, row: usize, what: impl Into<String>) -> Self {
        Error::Engine { engine, row: Some(row), what: what.into() }
    }

    /// A decoding error.
    pub fn decode(place: Place, what: impl Into<String>) -> Self {
        Error::Decode { place, what: what.into() }
    }
}
