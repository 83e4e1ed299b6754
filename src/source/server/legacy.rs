//! The arrays of the legacy completions: OpenAI, vLLM, llama-cpp-python.

use super::answer::{Answer, Found, Step};
use super::pool::Pool;
use super::value::Value;

/// `{tokens: [], token_logprobs: [], top_logprobs: [{text: lp}], text_offset: []}`; with `echo` the prompt is the beginning of them.
pub(super) fn choice(pool: &mut Pool, choice: &Value, answer: &mut Answer) -> Found<()> {
    answer.say(choice.get("text"));
    let logprobs = choice.get("logprobs");
    let Some(tokens) = logprobs.get("tokens").list() else { return Ok(()) };
    let values = logprobs.get("token_logprobs").list().unwrap_or_default();
    let top = logprobs.get("top_logprobs").list().unwrap_or_default();
    for (name, len) in [("token_logprobs", values.len()), ("top_logprobs", top.len())] {
        if len != tokens.len() && (len > 0 || name == "token_logprobs") {
            return Err(format!("{} \"tokens\", but {len} \"{name}\"", tokens.len()));
        }
    }
    let mut steps = Vec::with_capacity(tokens.len());
    for (at, (token, value)) in tokens.iter().zip(values).enumerate() {
        let text = token.text().ok_or_else(|| format!("entry {at} of \"tokens\" is {}", token.kind()))?;
        let mut step = Step::default();
        pool.begin_list();
        for (name, value) in top.get(at).map_or(&[][..], Value::entries) {
            let logprob =
                value.number().ok_or_else(|| format!("\"top_logprobs\" of {name:?} is {}", value.kind()))?;
            let number = pool.of_text(name);
            step.list(number, logprob)?;
        }
        pool.end_list();
        let number = pool.of_text(text);
        match value.number() {
            None if !value.is_null() => return Err(format!("\"token_logprobs\" {at} is {}", value.kind())),
            logprob => {
                if let Some(own) = logprob {
                    pool.hold(number, own, &step.listed);
                }
                step.take(number, logprob)?;
            }
        }
        steps.push(step);
    }
    // nothing stands before a prompt's first token
    if answer.generated.steps.is_empty() && values.first().is_some_and(Value::is_null) {
        answer.echo = true;
    }
    answer.add(steps);
    Ok(())
}
