//! `logprobs.content` of chat completions, which many servers share: OpenAI, vLLM, llama.cpp, Ollama, and OpenAI's responses.

use super::answer::{Answer, Found, Step, entry};
use super::pool::Pool;
use super::value::Value;

/// The steps of a list of entries: `{token, logprob, bytes, top_logprobs: [{token, logprob, bytes}]}`, of llama.cpp with `id`, and after
/// its filters with `prob` and `top_probs`.
pub(super) fn steps(pool: &mut Pool, content: &[Value]) -> Found<Vec<Step>> {
    let step =
        |item: &Value| Step::of(pool, Some(item), item.list_of(&["top_logprobs", "top_probs"])?, entry);
    content.iter().map(step).collect()
}

/// `choices[i]` of a chat completion, or a chunk of one.
pub(super) fn choice(pool: &mut Pool, choice: &Value, answer: &mut Answer) -> Found<()> {
    let logprobs = choice.get("logprobs");
    for list in ["reasoning_content", "content", "refusal"] {
        let content = logprobs.list_of(&[list]).map_err(|what| format!("logprobs: {what}"))?;
        answer.add(steps(pool, content)?);
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
    for item in response.list_of(&["output"])? {
        for content in item.list_of(&["content"])? {
            answer.add(steps(pool, content.list_of(&["logprobs"])?)?);
            answer.say(content.any(&["text", "refusal"]));
        }
    }
    answer.stopped = response.get("status").text() != Some("incomplete");
    Ok(())
}
