//! SGLang's own answers.

use std::sync::Arc;

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
    let tokens = info.list_of(&[&format!("{side}_token_logprobs")])?;
    let name = format!("{side}_top_logprobs");
    let top = info.lists_beside(&[&name], tokens.len())?;
    let step = |(at, token)| {
        let listed = Value::list_at(top, at, &name)?;
        Step::of(pool, Some(token), listed, triple)
    };
    tokens.iter().enumerate().map(step).collect()
}

/// `{text, output_ids, meta_info: {…}}`; a later part of a stream holds all that came before, or with `--stream-output` what is new.
pub(super) fn answer(pool: &mut Pool, d: &Value, answer: &mut Answer) -> Found<()> {
    let info = d.get("meta_info");
    let prompt = steps(pool, info, "input")?;
    if !prompt.is_empty() {
        answer.prompt.steps = Arc::new(prompt);
    }
    let new = steps(pool, info, "output")?;
    let old = &answer.generated.steps;
    // the count tells which: what is new may begin as all did
    let told = info.get("completion_tokens").int().and_then(|n| usize::try_from(n).ok());
    let goes_on = match told {
        Some(n) if n == new.len() => true,
        Some(n) if n == old.len() + new.len() => false,
        _ => new.len() >= old.len() && new.iter().zip(old.iter()).all(|(n, o)| n.taken == o.taken),
    };
    if goes_on {
        (answer.generated.steps, answer.text) = (Arc::new(new), String::new());
    } else {
        answer.add(new);
    }
    answer.say(d.get("text"));
    if d.has("output_ids") {
        let ids = d.get("output_ids").ids().ok_or("output_ids are no list of ids")?;
        match &mut answer.generated.ids {
            Some(before) if !goes_on => before.extend(ids),
            before => *before = Some(ids),
        }
    }
    answer.ended |= !info.get("finish_reason").is_null();
    answer.stopped = info.get("finish_reason").get("type").text() == Some("stop");
    Ok(())
}
