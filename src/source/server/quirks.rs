//! What servers do that nobody expects, and what is said about it.

use std::sync::Arc;

use super::answer::{Answer, Step};
use super::llama_cpp::positions;
use super::naming::Ids;
use super::reader::Reader;
use super::value::counted;
use crate::source::Portion;

/// Tells an echoed prompt from what was generated, and puts the rows of llama-cpp-python's echo where they belong.
pub(super) fn part_echo(answer: &mut Answer, notes: &mut Vec<String>) {
    if !answer.echo {
        return;
    }
    let steps = Arc::unwrap_or_clone(std::mem::take(&mut answer.generated.steps));
    let steps = match is_shifted(&steps) {
        Some(true) => {
            notes.push(
                "echo: each of its rows is of the token after it, as in llama-cpp-python; they are read one place \
                 later, and the last one, of a token that isn't there, is left out"
                    .into(),
            );
            moved(steps)
        }
        Some(false) => steps,
        None => {
            notes.push(
                "echo: llama-cpp-python gives such rows one place too early, and these are too few to tell; from \
                 other servers they are right"
                    .into(),
            );
            steps
        }
    };
    let prompt = answer.asked.prompt_len.and_then(|n| usize::try_from(n).ok());
    let prompt = prompt.unwrap_or(steps.len()).min(steps.len());
    let mut steps = steps.into_iter();
    answer.prompt.steps = Arc::new(steps.by_ref().take(prompt).collect());
    answer.generated.steps = Arc::new(steps.collect());
}

/// True if rows predict the token after their own; `None` if both may be.
fn is_shifted(steps: &[Step]) -> Option<bool> {
    let (mut rows, mut least, mut hits) = (0usize, 0usize, 0usize);
    for pair in steps.windows(2).filter(|pair| pair[0].listed.len() > 1) {
        let [step, next] = pair else { continue };
        let lowest = step.listed.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(number, _)| *number);
        rows += 1;
        least += usize::from(lowest == step.taken);
        hits += usize::from(
            next.taken != lowest && next.taken.is_some_and(|n| step.listed.iter().any(|(m, _)| *m == n)),
        );
    }
    match () {
        () if rows == 0 || 10 * least < 9 * rows => Some(false),
        () if rows >= 3 => Some(2 * hits >= rows),
        () => None,
    }
}

/// Each row one place later.
fn moved(mut steps: Vec<Step>) -> Vec<Step> {
    for at in (1..steps.len()).rev() {
        steps[at].listed = std::mem::take(&mut steps[at - 1].listed);
        let (taken, listed) = (steps[at].taken, &steps[at].listed);
        steps[at].logprob =
            listed.iter().find(|(number, _)| Some(*number) == taken).map(|(_, x)| f64::from(*x));
        // the floor of another token
        steps[at].floored = false;
    }
    if let Some(first) = steps.first_mut() {
        (first.listed, first.logprob, first.floored) = (Vec::new(), None, false);
    }
    steps
}

/// Of so many sequences it is said what each lacks.
const SAID: usize = 4;

/// What is to be known of the answers.
pub(super) fn notes(reader: &Reader, portion: Portion) -> Vec<String> {
    let mut notes = Vec::new();
    let several = reader.answers.len();
    if let Some(said) = reader.failures.first() {
        let n = reader.failures.len();
        let whole = reader.answers.iter().filter(|answer| answer.failed).count();
        if whole > 0 {
            notes.push(format!(
                "{whole} of {several} answers are errors of the server, and keep their places; the first says {said}"
            ));
        }
        if n > whole {
            notes.push(format!("{} cut off by an error of the server: {said}", counted(n - whole, "answer")));
        }
    }
    if reader.answers.iter().any(|a| a.post_sampling) {
        notes.push(
            "its probabilities are those after the server's filters and temperature (post_sampling_probs), not the \
             model's"
                .into(),
        );
    }
    if portion == Portion::Generated {
        let mut said = reader.answers.iter().enumerate().filter_map(|(at, answer)| {
            let what = incomplete(reader, answer)?;
            Some(if several > 1 { format!("sequence {at}: {what}") } else { what })
        });
        notes.extend(said.by_ref().take(SAID));
        match said.count() {
            0 => {}
            more => notes.push(format!("{} more have tokens without an entry", counted(more, "sequence"))),
        }
    }
    if portion == Portion::Generated {
        let says = |a: &&Answer| !a.text.is_empty() || a.completion_tokens.is_some_and(|n| n > 0);
        let bare =
            reader.answers.iter().filter(|a| !a.failed && a.generated.steps.is_empty()).filter(says).count();
        if bare > 0 {
            let have = if bare == 1 { "has" } else { "have" };
            notes.push(format!(
                "{bare} of {several} answers {have} no log-probabilities: no steps stand in the place"
            ));
        }
    }
    let open = reader.answers.iter().filter(|a| !a.ended).count();
    if reader.streams && open > 0 {
        notes.push(match several {
            1 => "the stream ends without its last event: the answer may be cut off".into(),
            _ => format!(
                "{open} of {several} answers end without the last event of their stream: they may be cut off"
            ),
        });
    }
    if let Some(first) = &reader.pool.contradiction {
        let n = counted(reader.pool.contradictions, "taken token");
        notes.push(format!(
            "{n} with another log-probability than in the list beside it (the first: {first}), as where raw and processed \
             numbers are mixed: its own counts for the token, the list's for the row"
        ));
    }
    if reader.pool.shared > 0 {
        notes.push(format!(
            "{} with a text that another of its list has: without ids they can't be told apart for sure",
            counted(reader.pool.shared, "listed token")
        ));
    }
    notes
}

/// What is said where tokens have no entry.
fn incomplete(reader: &Reader, answer: &Answer) -> Option<String> {
    let steps = &answer.generated.steps;
    let ids = answer.generated.ids.as_deref().unwrap_or_default();
    let told = answer.completion_tokens.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let all = ids.len().max(told);
    let missing = all.checked_sub(steps.len()).filter(|&n| n > 0)?;
    // an end token has none
    if missing == 1 && answer.stopped && ids.len() <= steps.len() {
        return None;
    }
    let last = positions(&reader.pool, steps, ids).and_then(|found| found.last().copied());
    let after = last.map_or(0, |last| ids.len() - 1 - last);
    let why = match (last, after) {
        (Some(_), 0) => "each is part of a character, of which only the last token has one",
        (Some(_), after) if after == missing => "after the last entry: a stop word, or a character cut off",
        _ => "tokens that are part of a character have none, and stop words",
    };
    Some(format!(
        "{} of {} have no entry ({why}): ids, text and sums are of the other {}",
        missing,
        counted(all, "token"),
        steps.len()
    ))
}

/// What is said where nothing gives tokens an id.
pub(super) fn unnamed(reader: &Reader, ids: &Ids, names: bool) -> Vec<String> {
    let tokens = &reader.pool.tokens;
    let mut notes = Vec::new();
    let text = |number: &usize| tokens.get(*number).and_then(|t| t.text.as_deref()).unwrap_or_default();
    if let Some(first) = ids.unknown.first() {
        let (n, all) = (ids.unknown.len(), tokens.len());
        let base = ids.of.get(*first).copied().unwrap_or(0);
        notes.push(match () {
            () if names => format!(
                "of its {}, the vocabulary lacks {n} ({:?} first): numbered from {base} on",
                counted(all, "token"),
                text(first)
            ),
            () if n == all => "its tokens have no ids: they are numbered in order of appearance (`Vocab` gives the \
                               strings that ids are found by)"
                .into(),
            () => format!(
                "of its {}, {n} without an id: numbered from {base} on (`Vocab` gives the strings that ids are found by)",
                counted(all, "token")
            ),
        });
        let broken = |number: &u32| {
            let token = tokens.get(*number as usize);
            token.is_some_and(|t| {
                t.id.is_none() && t.text.as_deref().is_some_and(|x| x.is_empty() || x.contains('\u{fffd}'))
            })
        };
        let taken = reader.answers.iter().flat_map(|a| a.prompt.steps.iter().chain(a.generated.steps.iter()));
        let broken = taken.filter(|step| step.taken.as_ref().is_some_and(broken)).count();
        if broken > 0 {
            notes.push(format!(
                "{} took a token without a text of its own, part of a character: which one is not known",
                counted(broken, "step")
            ));
        }
    }
    notes
}

/// What to do about answers without log-probabilities.
pub(super) fn without_logprobs(reader: &Reader, portion: Portion) -> String {
    if portion == Portion::Prompt {
        return "the answer has no log-probabilities of its prompt: ask for them (vLLM: \"prompt_logprobs\": 20; \
                SGLang: \"logprob_start_len\": 0; TGI: \"decoder_input_details\": true; legacy completions: \
                \"echo\": true)"
            .into();
    }
    let text: String = reader.answers.iter().map(|a| a.text.as_str()).collect();
    let said = if text.is_empty() {
        String::new()
    } else {
        format!(" (it says {:?})", text.chars().take(40).collect::<String>())
    };
    format!(
        "the answer has no log-probabilities{said}: ask for them (chat: \"logprobs\": true, \"top_logprobs\": 20; legacy \
         completions: \"logprobs\": 20; llama.cpp: \"n_probs\": 20; SGLang: \"return_logprob\": true, \
         \"top_logprobs_num\": 20; TGI: \"details\": true, \"top_n_tokens\": 5; Gemini: \"responseLogprobs\": true)"
    )
}
