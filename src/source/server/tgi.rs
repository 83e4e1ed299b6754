//! Text Generation Inference.

use std::sync::Arc;

use super::answer::{Answer, Found, Step, entry};
use super::pool::Pool;
use super::value::Value;

/// `{generated_text, details: {prefill: […], tokens: […], top_tokens: [[…]]}}`, or an event `{token, top_tokens}` of a stream.
pub(super) fn answer(pool: &mut Pool, d: &Value, answer: &mut Answer) -> Found<()> {
    let token = d.get("token");
    if token.is_object() {
        let step = Step::of(pool, Some(token), d.list_of(&["top_tokens"])?, entry)?;
        answer.add([step]);
        answer.say(token.get("text"));
        return Ok(());
    }
    answer.say(d.get("generated_text"));
    details(pool, d.get("details"), answer)
}

/// The details of one sequence.
pub(super) fn details(pool: &mut Pool, details: &Value, answer: &mut Answer) -> Found<()> {
    for token in details.list_of(&["prefill"])? {
        Arc::make_mut(&mut answer.prompt.steps).push(Step::of(pool, Some(token), &[], entry)?);
    }
    let tokens = details.list_of(&["tokens"])?;
    let top = details.lists_beside(&["top_tokens"], tokens.len())?;
    for (at, token) in tokens.iter().enumerate() {
        let listed = Value::list_at(top, at, "top_tokens")?;
        answer.add([Step::of(pool, Some(token), listed, entry)?]);
    }
    answer.stopped = details.get("finish_reason").text() != Some("length");
    Ok(())
}
