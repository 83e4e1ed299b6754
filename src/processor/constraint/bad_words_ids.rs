use super::sequence_bias::completed;
use crate::processor::method::*;

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
/// use tokpick::processor::{Chain, Context, bad_words_ids};
///
/// let chain = Chain::new([bad_words_ids(vec![vec![3], vec![1, 2], vec![0, 1]], vec![3])?]);
/// let cx = Context { context: &[2, 1], prompt_len: 1, ..Context::default() };
/// let kept = chain.after(&cx, &[1.0, 2.0, 3.0, 4.0])?;
/// assert_eq!(kept.members().map(|m| m.0).collect::<Vec<_>>(), [0, 1, 3]);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// An empty sequence.
pub fn bad_words_ids(ids: Vec<Vec<TokenId>>, eos_token_id: Vec<TokenId>) -> Result<Stage> {
    stage(BadWordsIds { ids, eos_token_id: param::sorted(eos_token_id) })
}

pub(super) static INFO: Info = Info {
    name: "bad_words_ids",
    summary: "forbids tokens that would complete one of the given sequences",
    source: "transformers 5",
    off: Off::Empty,
    flags: &[Flag::of("bad-words-ids", "ids", IdLists, "")],
    facts: &[Fact::EosIfAny],
    places: Places { hf: (Logits, 5), vllm: (Logits, 1), ..Places::GUEST_LOGITS },
    config: Config::Value,
    parse: read::<BadWordsIds>,
    ..Info::CONSTRAINT
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BadWordsIds {
    ids: Vec<Vec<TokenId>>,
    #[serde(default, deserialize_with = "param::ids", skip_serializing_if = "Vec::is_empty")]
    eos_token_id: Vec<TokenId>,
}

impl BadWordsIds {
    fn is_end(&self, word: &[TokenId]) -> bool {
        word.len() == 1 && self.eos_token_id.contains(&word[0])
    }
}

impl Method for BadWordsIds {
    const INFO: &'static Info = &INFO;

    fn check(&self) -> Result<()> {
        let fit = self.ids.iter().all(|word| !word.is_empty());
        param::check(INFO.name, "[]", fit, "lists of at least one id each")
    }

    fn needs(&self) -> Needs {
        Needs { history: self.ids.iter().any(|word| word.len() > 1), ..Needs::NOTHING }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        for word in self.ids.iter().chain([&self.eos_token_id]) {
            param::inside(INFO.name, word, c.vocab())?;
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
