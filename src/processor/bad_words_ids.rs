use serde_json::{Value, json};

use super::scratch::{self, Scratch};
use super::sequence_bias::completed;
use super::{Candidates, Context, Info, Kind, Needs, Processor, param};
use crate::{Result, TokenId};

/// Bad words: masks every token that would complete one of the given sequences.
///
/// For each sequence whose ids but the last are the end of prompt and generated ids, its last id gets −∞; a sequence of one id is
/// always forbidden. transformers 5, `NoBadWordsLogitsProcessor`.
///
/// - `ids`: a list of lists; disabling value the empty list.
/// - `eos_token_id`: an id or a list (default none); a sequence of one such id is left out, so that the end stays possible.
///
/// vLLM looks for the earlier ids in the generated tokens alone.
///
/// ```
/// use tokpick::{processor::{Candidates, Context}, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![1.0, 2.0, 3.0, 4.0]), 0, 0)?;
/// let cx = Context { context: &[2, 1], prompt_len: 1, sequence: 0, step: 1, coins: &0.0 };
/// settings::chain("bad_words_ids(ids=[[3],[1,2],[0,1]],eos_token_id=3)")?.apply(&mut c, &cx)?;
/// assert_eq!(c.members().map(|m| m.0).collect::<Vec<_>>(), [0, 1, 3]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadWordsIds {
    ids: Vec<Vec<TokenId>>,
    eos_token_id: Vec<TokenId>,
}

const NAME: &str = "bad_words_ids";

pub(super) static INFO: Info = Info {
    name: NAME,
    kind: Kind::Constraint,
    flag: "--bad-words-ids",
    off: "[]",
    summary: "forbids tokens that would complete one of the given sequences",
    source: "transformers 5",
    parse: |form| {
        let p: Parameters = param::read(NAME, "ids", form)?;
        Ok(Box::new(BadWordsIds::new(p.ids, p.eos_token_id.map_or(Vec::new(), param::Ids::sorted))?))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    ids: Vec<Vec<TokenId>>,
    eos_token_id: Option<param::Ids>,
}

impl BadWordsIds {
    /// None of these sequences is completed; those of a single end token are left out.
    ///
    /// # Errors
    /// An empty sequence.
    pub fn new(ids: Vec<Vec<TokenId>>, eos_token_id: Vec<TokenId>) -> Result<Self> {
        param::check(NAME, "[]", ids.iter().all(|word| !word.is_empty()), "lists of at least one id each")?;
        Ok(BadWordsIds { ids, eos_token_id: param::sorted(eos_token_id) })
    }

    fn is_end(&self, word: &[TokenId]) -> bool {
        word.len() == 1 && self.eos_token_id.contains(&word[0])
    }
}

impl Processor for BadWordsIds {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        if self.eos_token_id.is_empty() {
            return json!(self.ids);
        }
        json!({"ids": self.ids, "eos_token_id": self.eos_token_id})
    }

    fn is_off(&self) -> bool {
        self.ids.is_empty()
    }

    fn needs(&self) -> Needs {
        Needs { history: self.ids.iter().any(|word| word.len() > 1), ..Needs::default() }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        for word in self.ids.iter().chain([&self.eos_token_id]) {
            param::inside(NAME, word, c.vocab())?;
        }
        let words = self.ids.iter().filter(|word| !self.is_end(word)).map(|word| (word, ()));
        scratch::with(|Scratch { ids, .. }| {
            ids.clear();
            ids.extend(completed(words, cx.context).map(|(id, ())| id));
            param::sort(ids);
            c.mask_each(ids);
        });
        Ok(())
    }
}
