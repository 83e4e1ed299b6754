//! Gemini.

use super::answer::{Answer, Found, Step};
use super::pool::{Number, Pool, shown};
use super::value::Value;

/// The log-probability is an optional field of the protocol, which is written where it is 0, too: one that is missing has no value.
fn entry_of(pool: &mut Pool, entry: &Value) -> Found<(Number, f64)> {
    if entry.is_object() && entry.any(&["logProbability", "log_probability"]).is_null() {
        return Err(format!(
            "the candidate {} has no value: \"logProbability\" is missing",
            shown(entry.get("token"))
        ));
    }
    super::answer::entry(pool, entry)
}

/// `candidates[i]` with `logprobsResult: {chosenCandidates: […], topCandidates: [{candidates: […]}]}`; Python's client writes the names
/// with underscores.
pub(super) fn candidate(pool: &mut Pool, candidate: &Value, answer: &mut Answer) -> Found<()> {
    for part in candidate.get("content").get("parts").list().unwrap_or_default() {
        answer.say(part.get("text"));
    }
    let result = candidate.any(&["logprobsResult", "logprobs_result"]);
    let chosen = result.list_of(&["chosenCandidates", "chosen_candidates"])?;
    let top = result.lists_beside(&["topCandidates", "top_candidates"], chosen.len())?;
    for (at, chosen) in chosen.iter().enumerate() {
        let listed = top.get(at).map_or(Ok(&[][..]), |top| top.list_of(&["candidates"]))?;
        answer.add([Step::of(pool, Some(chosen), listed, entry_of)?]);
    }
    answer.ended |= !candidate.any(&["finishReason", "finish_reason"]).is_null();
    answer.stopped = candidate.any(&["finishReason", "finish_reason"]).text() != Some("MAX_TOKENS");
    Ok(())
}
