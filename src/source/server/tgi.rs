//! Text Generation Inference.

use super::answer::{Answer, Found, Step, entry};
use super::pool::Pool;
use super::value::Value;

/// `{generated_text, details: {prefill: […], tokens: […], top_tokens: [[…]]}}`, or an event `{token, top_tokens}` of a stream.
pub(super) fn answer(pool: &mut Pool, d: &Value, answer: &mut Answer) -> Found<()> {
    let token = d.get("token");
    if token.is_object() {
        let step = Step::of(pool, Some(token), d.get("top_tokens").list(), entry)?;
        answer.add([step]);
        answer.say(token.get("text"));
        return Ok(());
    }
    answer.say(d.get("generated_text"));
    details(pool, d.get("details"), answer)
}

/// The details of one sequence.
pub(super) fn details(pool: &mut Pool, details: &Value, answer: &mut Answer) -> Found<()> {
    let top = details.get("top_tokens").list().unwrap_or_default();
    let prompt = details.get("prefill").list().unwrap_or_default();
    for token in prompt {
        answer.prompt.steps.push(Step::of(pool, Some(token), None, entry)?);
    }
    for (at, token) in details.get("tokens").list().unwrap_or_default().iter().enumerate() {
        answer.add([Step::of(pool, Some(token), top.get(at).and_then(Value::list), entry)?]);
    }
    answer.stopped = details.get("finish_reason").text() != Some("length");
    Ok(())
}
