//! SGLang's own answers.

use super::answer::{Answer, Found, Step};
use super::pool::{Number, Pool, shown};
use super::value::Value;

/// `[logprob, id, text or null]`.
fn triple(pool: &mut Pool, value: &Value) -> Found<(Number, f64)> {
    let bad = || format!("{} where [logprob, id, text] belongs", shown(value));
    let list = value.list().filter(|list| list.len() >= 2).ok_or_else(bad)?;
    let id = list[1].id().ok_or_else(bad)?;
    let logprob = match &list[0] {
        // the first token of a prompt
        Value::Null => f64::NEG_INFINITY,
        other => other.number().ok_or_else(bad)?,
    };
    Ok((pool.of_id(id, list.get(2).and_then(Value::text)), logprob))
}

/// The steps under `output_token_logprobs` and `output_top_logprobs`, or `input_…`.
fn steps(pool: &mut Pool, info: &Value, side: &str) -> Found<Vec<Step>> {
    let tokens = info.get(&format!("{side}_token_logprobs"));
    let top = info.get(&format!("{side}_top_logprobs")).list().unwrap_or_default();
    let Some(tokens) = tokens.list() else { return Ok(Vec::new()) };
    let step = |(at, token)| Step::of(pool, Some(token), top.get(at).and_then(Value::list), triple);
    tokens.iter().enumerate().map(step).collect()
}

/// `{text, output_ids, meta_info: {…}}`; a later part of a stream holds all that came before.
pub(super) fn answer(pool: &mut Pool, d: &Value, answer: &mut Answer) -> Found<()> {
    let info = d.get("meta_info");
    let prompt = steps(pool, info, "input")?;
    if !prompt.is_empty() {
        answer.prompt.steps = prompt;
    }
    let new = steps(pool, info, "output")?;
    let old = &answer.generated.steps;
    let goes_on = new.len() >= old.len() && new.iter().zip(old).all(|(n, o)| n.taken == o.taken);
    if goes_on {
        (answer.generated.steps, answer.text) = (new, String::new());
    } else {
        answer.generated.steps.extend(new);
    }
    answer.say(d.get("text"));
    if d.has("output_ids") {
        let ids = d.get("output_ids").ids().ok_or("output_ids are no list of ids")?;
        match &mut answer.generated.ids {
            Some(before) if !goes_on => before.extend(ids),
            before => *before = Some(ids),
        }
    }
    answer.stopped = info.get("finish_reason").get("type").text() == Some("stop");
    Ok(())
}
