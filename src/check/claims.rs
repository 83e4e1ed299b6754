//! Ids, seeds and positions out of what a server answered.
//!
//! Read are vLLM's completions and chat completions (`choices` with `token_ids`, or tokens written as `token_id:5`), its
//! `RequestOutput` as JSON (`outputs` with `token_ids`), SGLang's native answers (`output_ids`), llama.cpp's (`tokens`), the files
//! of token-difr (`{"config": …, "samples": […]}`), lists and lines of these, and any of them as `{"request": …, "response": …}`.

use std::sync::Arc;

use crate::source::Names;
use crate::source::server::{self, Answer, Asked};
use crate::{Error, Place, Result, TokenId};

/// What a server claims to have drawn for one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// The drawn ids.
    pub ids: Vec<TokenId>,
    /// The request's seed, where the document has it; of the n-th choice of a request, vLLM's seed + n.
    pub seed: Option<i128>,
    /// The prompt, where the document has it.
    pub prompt: Option<Arc<[TokenId]>>,
    /// The prompt's length, where the document has it.
    pub prompt_len: Option<u64>,
    /// Sampling settings that the document names.
    pub settings: Vec<(String, String)>,
}

impl Claim {
    /// The position of the first drawn token: the index of the prompt's last.
    pub fn position(&self) -> Option<u64> {
        self.prompt_len.or(self.prompt.as_ref().map(|p| p.len() as u64))?.checked_sub(1)
    }
}

/// The claims of a document, in its order; `None` if it is none of the known ones.
///
/// ```
/// use tokpick::check::claims;
/// let answer = r#"{"seed":42,"choices":[{"index":0,"token_ids":[7,2],"prompt_token_ids":[1,5,9]}]}"#;
/// let claims = claims("answer.json", answer, None)?.unwrap();
/// assert_eq!((claims[0].ids.as_slice(), claims[0].seed, claims[0].position()), (&[7, 2][..], Some(42), Some(2)));
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// With `names`, the ids of tokens that have none are found by their texts.
///
/// # Errors
/// A document of a known form whose ids can't be read: which one, and what it lacks.
pub fn claims(file: &str, text: &str, names: Option<&Names>) -> Result<Option<Vec<Claim>>> {
    let text = text.trim_start_matches('\u{feff}');
    if !server::is_answer(text.as_bytes()) {
        return Ok(None);
    }
    let reader = server::read(file, text.as_bytes(), 1)?;
    if let Some(said) = reader.failures.first() {
        let what = format!("the server answered with an error: {said}");
        return Err(Error::input(file, Place::default(), what));
    }
    let claim = |(at, answer): (usize, &Answer)| {
        let bad =
            |what: String| Error::input(file, Place::line(answer.line), format!("answer {}: {what}", at + 1));
        let ids = match (answer.ids(&reader.pool), names) {
            (Some(ids), _) => ids,
            (None, Some(names)) => server::ids_by_text(answer, &reader.pool, names).map_err(bad)?,
            (None, None) => {
                let what = "a choice has no token ids: ask the server for them (return_token_ids, or return_tokens_as_token_ids \
                            with logprobs), or give `Vocab` to find them by their texts";
                return Err(bad(what.into()));
            }
        };
        let Asked { seed, prompt, prompt_len, settings } = answer.asked.clone();
        Ok(Claim { ids, seed, prompt, prompt_len, settings })
    };
    reader.answers.iter().enumerate().map(claim).collect::<Result<_>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(Vec<TokenId>, Option<i128>, Option<u64>)> {
        let all = claims("f", text, None).unwrap().unwrap();
        all.into_iter().map(|c| (c.ids.clone(), c.seed, c.position())).collect()
    }

    #[test]
    fn what_servers_answer() {
        let table = [
            // token-difr
            (
                r#"{"config":{"seed":7,"temperature":1.0},"samples":[{"prompt_token_ids":[1,2],"outputs":[{"token_ids":[3]}]},{"prompt_token_ids":[4,5,6],"outputs":[{"token_ids":[7,8]}]}]}"#,
                vec![(vec![3], Some(7), Some(1)), (vec![7, 8], Some(7), Some(2))],
            ),
            // vLLM, two samples of one prompt, the request beside them
            (
                r#"{"request":{"seed":-5},"response":{"choices":[{"token_ids":[1]},{"token_ids":[2]}],"usage":{"prompt_tokens":9}}}"#,
                vec![(vec![1], Some(-5), Some(8)), (vec![2], Some(-4), Some(8))],
            ),
            // vLLM, a chat whose tokens are written as ids
            (
                r#"{"prompt_token_ids":[1,2],"choices":[{"logprobs":{"content":[{"token":"token_id:11"},{"token":"token_id:0"}]}}]}"#,
                vec![(vec![11, 0], None, Some(1))],
            ),
            // RequestOutput
            (
                r#"[{"prompt_token_ids":[1],"sampling_params":{"seed":3},"outputs":[{"token_ids":[5]}]}]"#,
                vec![(vec![5], Some(3), Some(0))],
            ),
            // SGLang, a line each
            (
                "{\"output_ids\":[5,6],\"meta_info\":{\"prompt_tokens\":4}}\n{\"meta_info\":{\"prompt_tokens\":2,\"output_token_logprobs\":[[-0.1,8,null]]},\"outputs\":[]}",
                vec![(vec![5, 6], None, Some(3)), (vec![8], None, Some(1))],
            ),
        ];
        for (text, expected) in table {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_none_and_what_lacks_ids() {
        for text in ["1 2 3", "[1,2]", "{\"ids\":[1]}", "", "[[1,2],[3]]"] {
            assert_eq!(claims("f", text, None).unwrap(), None, "{text}");
        }
        let error = claims("f", r#"{"choices":[{"text":"hello"}]}"#, None).unwrap_err().to_string();
        assert!(error.contains("answer 1") && error.contains("return_token_ids"), "{error}");
        let error = claims("f", r#"{"seed":1.5,"choices":[]}"#, None).unwrap_err().to_string();
        assert!(error.contains("seed is 1.5"), "{error}");
    }
}
