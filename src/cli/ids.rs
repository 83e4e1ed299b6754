//! Lists of token ids on the command line.

use std::path::Path;
use std::str::FromStr;

use tokpick::source::read_text;
use tokpick::{Error, Result, TokenId};

/// A list of ids for each sequence, separated by `;` or line breaks, or `@FILE` with such lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdLists(pub Vec<Vec<TokenId>>);

/// How lists of ids are written.
const HELP: &str = "ids separated by blanks or commas, or @FILE with such a list";

impl FromStr for IdLists {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = content(text)?;
        text.trim().split([';', '\n']).map(list).collect::<Result<_>>().map(IdLists)
    }
}

/// Parses a value for clap, which says itself which flag and value it is about.
pub fn parse<T: FromStr<Err = Error>>(text: &str) -> std::result::Result<T, String> {
    text.parse().map_err(|e| match e {
        Error::Setting { what, .. } => what,
        other => other.to_string(),
    })
}

/// The text of a value, or of the file that it names as `@FILE`.
pub fn content(text: &str) -> Result<String> {
    match text.strip_prefix('@') {
        Some(file) => read_text(Path::new(file)),
        None => Ok(text.to_string()),
    }
}

fn list(text: &str) -> Result<Vec<TokenId>> {
    text.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|part| !part.is_empty())
        .map(|part| {
            part.parse().map_err(|_| Error::setting("ids", part, format!("{part:?} is no id; write {HELP}")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_ids() {
        let lists = |text: &str| text.parse::<IdLists>().map(|lists| lists.0).ok();
        for (text, ids) in
            [("", vec![]), ("5", vec![5]), ("1,2 3", vec![1, 2, 3]), (" 1 ,  2, 3 ", vec![1, 2, 3])]
        {
            assert_eq!(lists(text), Some(vec![ids]), "{text:?}");
        }
        for text in ["-1", "x", "4294967296", "1.0"] {
            assert_eq!(lists(text), None, "{text:?}");
        }
        assert_eq!(lists("1 2;3\n4"), Some(vec![vec![1, 2], vec![3], vec![4]]));
    }
}
