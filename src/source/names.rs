//! Ids of an input that are written as token strings.

use std::fmt;
use std::sync::Arc;

use crate::TokenId;

/// What finds the id of a token string, or says why there is none.
type Find = dyn Fn(&str) -> std::result::Result<TokenId, String> + Send + Sync;

/// Finds the ids of tokens that an input names by their strings: `{"ids":["the"],"logits":[1]}`.
///
/// ```
/// use tokpick::source::{LogitsSource, Names, Open, Query};
/// let names = Names::new(|text| match text {
///     "the" => Ok(7),
///     _ => Err("no token of the vocabulary".to_string()),
/// });
/// let open = Open { names: Some(names), ..Open::new("s.jsonl") };
/// let mut rows = Vec::new();
/// let mut source = open.read(&b"{\"ids\":[\"the\",2],\"logits\":[1,0]}\n"[..])?;
/// source.rows(&[Query { sequence: 0, step: 0, context: &[], prompt_len: 0 }], &mut rows)?;
/// assert_eq!(rows[0].ids, Some(vec![2, 7]));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Clone)]
pub struct Names {
    find: Arc<Find>,
    end: usize,
}

impl Names {
    /// A way from strings to ids; its errors say what is wrong with a string.
    pub fn new(find: impl Fn(&str) -> std::result::Result<TokenId, String> + Send + Sync + 'static) -> Names {
        Names { find: Arc::new(find), end: 0 }
    }

    /// The same for a vocabulary whose ids are below `end`.
    pub fn below(self, end: usize) -> Names {
        Names { end, ..self }
    }

    /// One more than the highest id of the vocabulary; 0 where it isn't known.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The id of a token string.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn id(&self, text: &str) -> std::result::Result<TokenId, String> {
        (self.find)(text)
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

/// The id that a text names, of those that fit; the words of its errors follow the text.
///
/// # Errors
/// None fits, or several do.
pub(crate) fn only(ids: &[TokenId]) -> std::result::Result<TokenId, String> {
    match ids {
        [id] => Ok(*id),
        [] => Err("is no id, and no token of the vocabulary".into()),
        [first, second, ..] => {
            Err(format!("stands for several tokens, {first} and {second} among them: give the id"))
        }
    }
}
