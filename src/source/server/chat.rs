//! `logprobs.content` of chat completions, which many servers share: OpenAI, vLLM, llama.cpp, Ollama, and OpenAI's responses.

use super::answer::{Answer, Found, Step, entry};
use super::pool::Pool;
use super::value::Value;

/// The steps of a list of entries: `{token, logprob, bytes, top_logprobs: [{token, logprob, bytes}]}`, of llama.cpp with `id`, and after
/// its filters with `prob` and `top_probs`.
pub(super) fn steps(pool: &mut Pool, content: &[Value]) -> Found<Vec<Step>> {
    let step = |item: &Value| {
        let top = item.any(&["top_logprobs", "top_probs"]);
        if !top.is_null() && top.list().is_none() {
            return Err(format!("\"top_logprobs\" is {}, no list", top.kind()));
        }
        Step::of(pool, Some(item), top.list(), entry)
    };
    content.iter().map(step).collect()
}

/// `choices[i]` of a chat completion, or a chunk of one.
pub(super) fn choice(pool: &mut Pool, choice: &Value, answer: &mut Answer) -> Found<()> {
    let logprobs = choice.get("logprobs");
    for list in ["reasoning_content", "content", "refusal"] {
        let content = logprobs.get(list);
        match content.list() {
            Some(content) => answer.add(steps(pool, content)?),
            None if content.is_null() => {}
            None => return Err(format!("\"logprobs.{list}\" is {}, no list", content.kind())),
        }
    }
    // llama.cpp answers legacy requests in this layout, too
    answer.say(choice.get("text"));
    for message in [choice.get("message"), choice.get("delta")] {
        answer.say(message.get("content"));
        answer.say(message.get("refusal"));
    }
    Ok(())
}

/// `output[].content[].logprobs[]` of OpenAI's responses.
pub(super) fn response(pool: &mut Pool, response: &Value, answer: &mut Answer) -> Found<()> {
    let output = response.get("output").list().unwrap_or_default();
    for content in output.iter().flat_map(|item| item.get("content").list().unwrap_or_default()) {
        if let Some(list) = content.get("logprobs").list() {
            answer.add(steps(pool, list)?);
        }
        answer.say(content.any(&["text", "refusal"]));
    }
    answer.stopped = response.get("status").text() != Some("incomplete");
    Ok(())
}
