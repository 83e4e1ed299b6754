//! Ollama.

use super::answer::{Answer, Found};
use super::chat;
use super::pool::Pool;
use super::value::Value;

/// `{response or message, logprobs: [the entries of a chat]}`, whole or a line of a stream.
pub(super) fn answer(pool: &mut Pool, d: &Value, answer: &mut Answer) -> Found<()> {
    answer.add(chat::steps(pool, d.list_of(&["logprobs"])?)?);
    answer.say(d.get("response"));
    answer.say(d.get("message").get("content"));
    if let Some(n) = d.get("eval_count").int() {
        answer.completion_tokens = n.try_into().ok();
    }
    answer.stopped = d.get("done_reason").text() == Some("stop");
    Ok(())
}
