//! Gemini.

use super::answer::{Answer, Found, Step, entry};
use super::pool::Pool;
use super::value::Value;

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
        answer.add([Step::of(pool, Some(chosen), listed, entry)?]);
    }
    answer.stopped = candidate.any(&["finishReason", "finish_reason"]).text() != Some("MAX_TOKENS");
    Ok(())
}
