//! llama.cpp's own `/completion`.

use super::answer::{Answer, Found, Step, entry};
use super::chat;
use super::pool::{Number, Pool};
use super::value::Value;
use crate::TokenId;

/// `{content, tokens, completion_probabilities: […]}`, whole or an event of a stream.
pub(super) fn answer(pool: &mut Pool, d: &Value, answer: &mut Answer) -> Found<()> {
    let list = d.list_of(&["completion_probabilities"])?;
    if list.iter().any(|place| place.has("probs")) {
        answer.post_sampling = true;
        for place in list {
            answer.add([older(pool, place)?]);
        }
    } else {
        answer.post_sampling |= list.iter().any(|place| place.has("prob"));
        answer.add(chat::steps(pool, list)?);
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
    let mut step = Step::of(pool, None, place.list_of(&["probs"])?, entry)?;
    if let Some(text) = place.get("content").text() {
        let number = pool.of_text(text);
        let logprob = step.listed.iter().find(|(other, _)| *other == number).map(|(_, x)| f64::from(*x));
        step.take(number, logprob)?;
    }
    Ok(step)
}

/// The positions of steps in the list of all ids. A token that is part of a character has no entry, and the last one of the character
/// has one; a stop word has none. `None` where they don't fit together.
pub(super) fn positions(pool: &Pool, steps: &[Step], ids: &[TokenId]) -> Option<Vec<usize>> {
    let token = |number: Number| pool.tokens.get(number as usize);
    let id = |step: &Step| step.taken.and_then(token).and_then(|t| t.id);
    let of_many = |step: &Step| {
        let token = step.taken.and_then(token);
        token.is_none_or(|t| {
            t.text.as_ref().is_none_or(|text| !text.is_ascii())
                || t.bytes.as_ref().is_some_and(|b| !b.is_ascii())
        })
    };
    // the steps up to the next one that may have a gap before it stand one after the other
    let starts = |at: usize| at == 0 || of_many(&steps[at]);
    let (mut found, mut next, mut from) = (Vec::with_capacity(steps.len()), 0, 0);
    while from < steps.len() {
        let end = (from + 1..steps.len()).find(|at| starts(*at)).unwrap_or(steps.len());
        let run: Vec<_> = steps[from..end].iter().map(id).collect::<Option<_>>()?;
        let here = next + first_of(&run, ids.get(next..)?)?;
        found.extend(here..here + run.len());
        (from, next) = (end, here + run.len());
    }
    Some(found)
}

/// Where `run` stands first in `ids` (Knuth, Morris, Pratt 1977): each id is looked at once, whatever repeats.
fn first_of(run: &[TokenId], ids: &[TokenId]) -> Option<usize> {
    // how much of the run's beginning ends at each of its places
    let mut borders = vec![0; run.len()];
    let mut matched = 0;
    for at in 1..run.len() {
        while matched > 0 && run[at] != run[matched] {
            matched = borders[matched - 1];
        }
        matched += usize::from(run[at] == run[matched]);
        borders[at] = matched;
    }
    matched = 0;
    for (at, id) in ids.iter().enumerate() {
        while matched > 0 && *id != run[matched] {
            matched = borders[matched - 1];
        }
        matched += usize::from(*id == run[matched]);
        if matched == run.len() {
            return Some(at + 1 - run.len());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::first_of;

    #[test]
    fn runs_are_found_as_by_looking_everywhere() {
        let digits = |mut n: u32, len: usize| -> Vec<u32> {
            std::iter::repeat_with(|| (n % 2, n /= 2).0).take(len).collect()
        };
        for run in (1..=5).flat_map(|len| (0..1 << len).map(move |n| digits(n, len))) {
            for ids in (0..=8).flat_map(|len| (0..1 << len).map(move |n| digits(n, len))) {
                let plain = ids.windows(run.len()).position(|window| window == run);
                assert_eq!(first_of(&run, &ids), plain, "{run:?} in {ids:?}");
            }
        }
    }
}
