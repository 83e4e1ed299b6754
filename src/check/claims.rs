//! Ids, seeds and positions out of what a server answered.
//!
//! Read are vLLM's completions and chat completions (`choices` with `token_ids`, or tokens written as `token_id:5`), its
//! `RequestOutput` as JSON (`outputs` with `token_ids`), SGLang's native answers (`output_ids`), the files of token-difr
//! (`{"config": …, "samples": […]}`), lists and lines of these, and any of them as `{"request": …, "response": …}`.

use serde_json::Value;

use crate::{Error, Place, Result, TokenId};

/// What a server claims to have drawn for one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// The drawn ids.
    pub ids: Vec<TokenId>,
    /// The request's seed, where the document has it; of the n-th choice of a request, vLLM's seed + n.
    pub seed: Option<i64>,
    /// The prompt, where the document has it.
    pub prompt: Option<Vec<TokenId>>,
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
/// let claims = claims("answer.json", answer)?.unwrap();
/// assert_eq!((claims[0].ids.as_slice(), claims[0].seed, claims[0].position()), (&[7, 2][..], Some(42), Some(2)));
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// A document of a known form whose ids can't be read: which one, and what it lacks.
pub fn claims(file: &str, text: &str) -> Result<Option<Vec<Claim>>> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if !text.starts_with(['{', '[']) {
        return Ok(None);
    }
    let documents: Vec<Value> = match serde_json::from_str(text) {
        Ok(Value::Array(all)) => all,
        Ok(one) => vec![one],
        Err(_) => {
            let lines = text.lines().filter(|l| !l.trim().is_empty()).map(serde_json::from_str);
            match lines.collect() {
                Ok(lines) => lines,
                Err(_) => return Ok(None),
            }
        }
    };
    let mut found = Vec::new();
    let known = |d: &Value| {
        ["choices", "outputs", "output_ids", "samples", "response"].iter().any(|k| d.get(k).is_some())
    };
    if documents.is_empty() || !documents.iter().all(known) {
        return Ok(None);
    }
    for (i, document) in documents.iter().enumerate() {
        let bad = |what: &str| Error::input(file, Place::line(i + 1), format!("answer {}: {what}", i + 1));
        read(document, &Claim::default(), &mut found).map_err(|what| bad(&what))?;
    }
    Ok(Some(found))
}

/// Adds the claims of one document; `outer` is what its surroundings say.
fn read(d: &Value, outer: &Claim, found: &mut Vec<Claim>) -> std::result::Result<(), String> {
    let mut base = outer.clone();
    for part in [
        d,
        &d["request"],
        &d["config"],
        &d["request"]["sampling_params"],
        &d["config"]["sampling_params"],
        &d["sampling_params"],
    ] {
        learn(part, &mut base)?;
    }
    if let Some(response) = d.get("response") {
        return match response {
            Value::Array(all) => all.iter().try_for_each(|r| read(r, &base, found)),
            one => read(one, &base, found),
        };
    }
    if let Some(samples) = d.get("samples").and_then(Value::as_array) {
        return samples.iter().try_for_each(|s| read(s, &base, found));
    }
    if d.get("output_ids").is_some() || d["meta_info"]["output_token_logprobs"].is_array() {
        // SGLang's own answer: a seed of its own for each request, also of several samples
        let ids = match d.get("output_ids") {
            Some(ids) => list(ids).ok_or("output_ids are no list of ids")?,
            None => triples(&d["meta_info"]["output_token_logprobs"])
                .ok_or("no ids among output_token_logprobs")?,
        };
        found.push(Claim { ids, ..base });
        return Ok(());
    }
    let outputs = d.get("choices").or(d.get("outputs")).and_then(Value::as_array);
    let outputs = outputs.ok_or("neither choices, outputs nor output_ids hold ids")?;
    let mut before: Vec<Option<Vec<TokenId>>> = Vec::new();
    for output in outputs {
        let mut claim = base.clone();
        claim.seed = None;
        learn(output, &mut claim)?;
        let own = claim.seed.is_some();
        claim.seed = claim.seed.or(base.seed);
        // vLLM gives the n-th sample of a prompt the seed + n
        let nth = before.iter().filter(|p| **p == claim.prompt).count() as i64;
        before.push(claim.prompt.clone());
        if !own {
            claim.seed = claim.seed.and_then(|s| s.checked_add(nth));
        }
        claim.ids = ids_of(output)
            .ok_or("a choice has no token ids: ask the server for them (return_token_ids, or return_tokens_as_token_ids with logprobs)")?;
        found.push(claim);
    }
    Ok(())
}

/// Takes over what a part of a document says of the request.
fn learn(part: &Value, claim: &mut Claim) -> std::result::Result<(), String> {
    for name in ["seed", "sampling_seed"] {
        match part.get(name) {
            None | Some(Value::Null) => {}
            Some(seed) => {
                let text = seed.as_str().map_or_else(|| seed.to_string(), str::to_string);
                let seed = text.parse().map_err(|_| format!("{name} is {text}, no 64-bit whole number"))?;
                claim.seed = Some(seed);
            }
        }
    }
    if let Some(prompt) = part.get("prompt_token_ids").or(part.get("input_ids")).and_then(list) {
        claim.prompt = Some(prompt);
    }
    let lengths = [&part["meta_info"]["prompt_tokens"], &part["usage"]["prompt_tokens"]];
    if let Some(n) = lengths.into_iter().find_map(Value::as_u64) {
        claim.prompt_len = Some(n);
    }
    for name in [
        "temperature",
        "top_k",
        "top_p",
        "min_p",
        "repetition_penalty",
        "frequency_penalty",
        "presence_penalty",
    ] {
        if let Some(value) = part.get(name).filter(|v| v.is_number()) {
            claim.settings.retain(|(n, _)| n != name);
            claim.settings.push((name.to_string(), value.to_string()));
        }
    }
    Ok(())
}

/// The ids of a choice.
fn ids_of(output: &Value) -> Option<Vec<TokenId>> {
    if let Some(ids) = output.get("token_ids").or(output.get("output_token_ids")).and_then(list) {
        return Some(ids);
    }
    let logprobs = &output["logprobs"];
    let named = |v: &Value| v.as_str()?.strip_prefix("token_id:")?.parse().ok();
    if let Some(tokens) = logprobs["tokens"].as_array() {
        return tokens.iter().map(named).collect();
    }
    let content = logprobs["content"].as_array()?;
    content.iter().map(|c| named(&c["token"])).collect()
}

fn list(value: &Value) -> Option<Vec<TokenId>> {
    value.as_array()?.iter().map(|v| v.as_u64().and_then(|v| v.try_into().ok())).collect()
}

/// `[logprob, id, text]` of each token.
fn triples(value: &Value) -> Option<Vec<TokenId>> {
    value.as_array()?.iter().map(|t| t.get(1)?.as_u64()?.try_into().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(Vec<TokenId>, Option<i64>, Option<u64>)> {
        let all = claims("f", text).unwrap().unwrap();
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
            assert_eq!(claims("f", text).unwrap(), None, "{text}");
        }
        let error = claims("f", r#"{"choices":[{"text":"hello"}]}"#).unwrap_err().to_string();
        assert!(error.contains("answer 1") && error.contains("return_token_ids"), "{error}");
        let error = claims("f", r#"{"seed":1.5,"choices":[]}"#).unwrap_err().to_string();
        assert!(error.contains("seed is 1.5"), "{error}");
    }
}
