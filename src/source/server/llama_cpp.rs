//! llama.cpp's own `/completion`.

use super::answer::{Answer, Found, Step, entry};
use super::chat;
use super::pool::{Number, Pool};
use super::value::Value;

/// `{content, tokens, completion_probabilities: […]}`, whole or an event of a stream.
pub(super) fn answer(pool: &mut Pool, d: &Value, answer: &mut Answer) -> Found<()> {
    let list = d.get("completion_probabilities");
    match list.list() {
        Some(list) if list.iter().any(|place| place.has("probs")) => {
            answer.post_sampling = true;
            for place in list {
                answer.add([older(pool, place)?]);
            }
        }
        Some(list) => {
            answer.post_sampling |= list.iter().any(|place| place.has("prob"));
            answer.add(chat::steps(pool, list)?);
        }
        None if list.is_null() => {}
        None => return Err(format!("\"completion_probabilities\" is {}, no list", list.kind())),
    }
    answer.say(d.get("content"));
    if let Some(ids) = d.get("tokens").ids() {
        answer.generated.ids.get_or_insert_default().extend(ids);
    }
    if let Some(n) = d.get("tokens_predicted").int() {
        answer.completion_tokens = n.try_into().ok();
    }
    if let Some(n) = d.get("tokens_evaluated").int() {
        answer.asked.prompt_len = n.try_into().ok();
    }
    answer.asked.learn(d.get("generation_settings"))?;
    answer.stopped = matches!(d.get("stop_type").text(), Some("eos" | "word"));
    Ok(())
}

/// A place of versions before 2025: `{content, probs: [{tok_str, prob}]}`, probabilities after the filters.
fn older(pool: &mut Pool, place: &Value) -> Found<Step> {
    let mut step = Step::of(pool, None, place.get("probs").list(), entry)?;
    if let Some(text) = place.get("content").text() {
        let number = pool.of_text(text);
        let logprob = step.listed.iter().find(|(other, _)| *other == number).map(|(_, x)| f64::from(*x));
        step.take(number, logprob)?;
    }
    Ok(step)
}

/// The positions of steps in the list of all ids. A token that is part of a character has no entry, and the last one of the character
/// has one; a stop word has none. `None` where they don't fit together.
pub(super) fn positions(pool: &Pool, steps: &[Step], ids: &[crate::TokenId]) -> Option<Vec<usize>> {
    let token = |number: Number| pool.tokens.get(number as usize);
    let id = |step: &Step| step.taken.and_then(token).and_then(|t| t.id);
    let of_many = |step: &Step| {
        let token = step.taken.and_then(token);
        token.is_none_or(|t| {
            t.text.as_ref().is_none_or(|text| !text.is_ascii())
                || t.bytes.as_ref().is_some_and(|b| !b.is_ascii())
        })
    };
    // from `at` on, the steps up to the next one that may have a gap before it stand one after the other
    let fits = |from: usize, at: usize| {
        let mut run = steps[from..].iter().enumerate().take_while(|(n, step)| *n == 0 || !of_many(step));
        run.all(|(n, step)| id(step).is_some() && id(step) == ids.get(at + n).copied())
    };
    let (mut found, mut next) = (Vec::with_capacity(steps.len()), 0);
    for (at, step) in steps.iter().enumerate() {
        let here = if at == 0 || of_many(step) { (next..ids.len()).find(|p| fits(at, *p))? } else { next };
        if id(step) != ids.get(here).copied() {
            return None;
        }
        found.push(here);
        next = here + 1;
    }
    Some(found)
}
