//! vLLM: prompt log-probabilities and dumps, both a dictionary by id for each place.

use super::answer::{Found, Step};
use super::pool::{Number, Pool, shown};
use super::value::Value;
use crate::TokenId;

/// True for `{"<id>": {logprob, …}}`, a place of a dump.
pub(super) fn is_place(value: &Value) -> bool {
    let is_entry = |value: &Value| value.number().is_some() || value.has("logprob");
    let entries = value.entries();
    !entries.is_empty() && entries.iter().all(|(id, value)| id.parse::<TokenId>().is_ok() && is_entry(value))
}

/// The steps of `[null, {"<id>": {logprob, rank, decoded_token}}, …]`. `taken` are the ids that stand there; without them the first of a
/// place is the one: vLLM puts it there.
pub(super) fn steps(pool: &mut Pool, places: &[Value], taken: Option<&[TokenId]>) -> Found<Vec<Step>> {
    let mut steps = Vec::with_capacity(places.len());
    for (at, place) in places.iter().enumerate() {
        let id = taken.and_then(|ids| ids.get(at)).copied();
        let mut step = Step::default();
        let mut first: Option<(Number, f64)> = None;
        let mut own: Option<(Number, f64)> = None;
        let mut ranks = Vec::new();
        if !place.is_null() && !place.is_object() {
            return Err(format!("place {at} is {}, no object by id", shown(place)));
        }
        for (key, value) in place.entries() {
            let listed = key.parse().map_err(|_| format!("{key:?} of place {at} is no token id"))?;
            let logprob = value.number().or_else(|| value.get("logprob").number());
            let logprob = logprob.ok_or_else(|| format!("id {key} of place {at} has no \"logprob\""))?;
            let number = pool.of_id(listed, value.get("decoded_token").text());
            first.get_or_insert((number, logprob));
            if Some(listed) == id {
                own = Some((number, logprob));
            }
            let rank = value.get("rank").int().and_then(|rank| usize::try_from(rank).ok()).filter(|n| *n > 0);
            ranks.extend(rank.map(|rank| (number, rank)));
            step.list(number, logprob)?;
        }
        match (id, own, first) {
            (_, Some((number, logprob)), _) | (None, None, Some((number, logprob))) => {
                step.take(number, Some(logprob))?;
            }
            (Some(id), None, _) => step.take(pool.of_id(id, None), None)?,
            (None, None, None) => {}
        }
        // of N likeliest tokens and the taken one, that one has a rank beyond N
        step.rank = ranks.iter().find(|(number, _)| Some(*number) == step.taken).map(|(_, rank)| *rank);
        step.is_outside = step.rank.map(|rank| rank > place.entries().len());
        steps.push(step);
    }
    Ok(steps)
}
