//! Which numbers of two sides are of the same token.

use std::collections::HashMap;

use super::Claimed;
use super::likely::{CauseKind, LikelyCause, Side};
use super::same::{Pair, own_id};
use crate::source::RowRange;
use crate::{Error, Place, Result, TokenId};

/// One token, and what both sides say of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Token {
    pub sequence: usize,
    pub step: usize,
    pub id: Option<TokenId>,
    /// Ids or texts say that both sides mean it.
    pub is_known: bool,
    /// The id came before in its sequence or prompt.
    pub is_repeated: bool,
    /// Log-probabilities of A and of B.
    pub of: [Option<f64>; 2],
    /// The same after the processors, where a side has both.
    pub processed: [Option<f64>; 2],
}

/// The tokens that both sides have, by sequence.
#[derive(Debug, Default)]
pub(super) struct Aligned {
    pub sequences: Vec<Vec<Token>>,
    /// Last tokens that one side alone has.
    pub surplus: usize,
    pub causes: Vec<LikelyCause>,
    /// What else is to be known: values that are missing, sequences that end early.
    pub notes: Vec<String>,
}

/// Puts the tokens of both sides beside each other. The ids must match; one side may have a first token (BOS) or a last one (an end
/// token) that the other lacks. What lies outside of `rows`, positions in A, is left out then.
pub(super) fn align(
    names: [&str; 2],
    a: &[Claimed],
    b: &[Claimed],
    rows: Option<RowRange>,
) -> Result<Aligned> {
    if a.len() != b.len() {
        let what = format!(
            "{} sequences, but {} has {}: both must be of the same tokens",
            b.len(),
            names[0],
            a.len()
        );
        return Err(Error::input(names[1], Place::default(), what));
    }
    let pairs = paired(names, a, b)?;
    let mut aligned = Aligned::default();
    let mut missing = [0; 2];
    // how many sequences have a token more at their beginning, in each side
    let mut extra = [0; 2];
    for (sequence, (x, at)) in a.iter().zip(pairs).enumerate() {
        let Some(y) = b.get(at) else { continue };
        let pair = Pair { x, y };
        let [from_x, from_y, len] = overlap(names, sequence, pair)?;
        let ends = [x.logprobs.len().saturating_sub(from_x), y.logprobs.len().saturating_sub(from_y)];
        let counts = |at: usize| rows.is_none_or(|rows| rows.contains(at));
        for (n, side) in missing.iter_mut().zip([x, y]) {
            *n += side.logprobs.iter().enumerate().filter(|(at, x)| x.is_none() && counts(*at)).count();
        }
        extra[0] += usize::from(from_x > 0);
        extra[1] += usize::from(from_y > 0);
        let surplus = (len..ends[0].max(ends[1])).filter(|at| counts(from_x + at)).count();
        aligned.surplus += surplus;
        if surplus > 0 {
            aligned.notes.extend(ends_early(sequence, ends));
        }
        let longer = |a: &[TokenId], b: &[TokenId]| a.len() == b.len() + 1 && a[1..] == *b && !b.is_empty();
        extra[0] += usize::from(longer(&x.prompt, &y.prompt));
        extra[1] += usize::from(longer(&y.prompt, &x.prompt));
        // numbers that were made up are shown where there are no others
        let made_up = x.numbered.len() == x.ids.len() && y.numbered.len() == y.ids.len();
        let id_at = |step: usize| {
            let own = own_id(x, from_x + step).or_else(|| own_id(y, from_y + step));
            own.or_else(|| x.ids.get(from_x + step).copied().filter(|_| made_up))
        };
        let prompt = if x.prompt.is_empty() { &y.prompt } else { &x.prompt };
        let mut seen: std::collections::HashSet<TokenId> = prompt.iter().copied().collect();
        let at = |list: &[Option<f64>], from: usize, step: usize| list.get(from + step).copied().flatten();
        aligned.sequences.push(
            (0..len)
                .map(|step| {
                    let id = id_at(step);
                    Token {
                        sequence,
                        step: from_x + step,
                        id,
                        is_known: pair.same(from_x + step, from_y + step).is_some(),
                        is_repeated: id.is_some_and(|id| !seen.insert(id)),
                        of: [at(&x.logprobs, from_x, step), at(&y.logprobs, from_y, step)],
                        processed: [at(&x.processed, from_x, step), at(&y.processed, from_y, step)],
                    }
                })
                .filter(|token| counts(token.step))
                .collect(),
        );
    }
    for (side, n) in [Side::A, Side::B].into_iter().zip(missing) {
        if n > 0 {
            let (s, have) = if n == 1 { ("", "has") } else { ("s", "have") };
            aligned.notes.push(format!("{n} token{s} of {side} {have} no value"));
        }
    }
    for (with, without, n) in [(Side::A, Side::B, extra[0]), (Side::B, Side::A, extra[1])] {
        if n > 0 {
            let what = format!(
                "{n} of {} sequences of {with} begin with a token (BOS) that {without} lacks: the same text was tokenized without it",
                a.len()
            );
            aligned.causes.push(LikelyCause::new(CauseKind::BosLost, Some(without), what));
        }
    }
    Ok(aligned)
}

/// Which sequence of B belongs to each of A: by the callers' ids where all of both sides have one, else by position.
fn paired(names: [&str; 2], a: &[Claimed], b: &[Claimed]) -> Result<Vec<usize>> {
    let by_id = |name: &str, side: &[Claimed]| {
        let mut found = HashMap::with_capacity(side.len());
        for (at, claimed) in side.iter().enumerate() {
            let Some(id) = &claimed.name else { return Ok(None) };
            if let Some(before) = found.insert(id.clone(), at) {
                let what = format!(
                    "the id {id} stands twice (sequences {before} and {at}): sequences are paired by their ids"
                );
                return Err(Error::input(name, Place::default(), what));
            }
        }
        Ok(Some(found))
    };
    let [of_a, of_b] = [by_id(names[0], a)?, by_id(names[1], b)?];
    let (Some(_), Some(of_b)) = (of_a, of_b) else { return Ok((0..a.len()).collect()) };
    let ids = || a.iter().filter_map(|claimed| claimed.name.as_ref());
    let missing: Vec<String> =
        ids().filter(|id| !of_b.contains_key(*id)).take(SAID).map(ToString::to_string).collect();
    if !missing.is_empty() {
        let what = format!(
            "lacks sequences of {}, which are paired by their ids: {} (leave the ids out to pair by position)",
            names[0],
            missing.join(", ")
        );
        return Err(Error::input(names[1], Place::default(), what));
    }
    Ok(ids().filter_map(|id| of_b.get(id).copied()).collect())
}

/// So many ids are named.
const SAID: usize = 4;

/// What is said of a sequence that one side has less of.
fn ends_early(sequence: usize, [a, b]: [usize; 2]) -> Option<String> {
    let (side, n) = match (a.checked_sub(b), b.checked_sub(a)) {
        (Some(0), _) => return None,
        (Some(n), _) => (Side::B, n),
        (None, n) => (Side::A, n?),
    };
    let s = if n == 1 { "" } else { "s" };
    Some(format!("{side} ends early: sequence {sequence} lacks the last {n} token{s}"))
}

/// Where the common tokens of two sequences begin, and how many there are.
fn overlap(names: [&str; 2], sequence: usize, pair: Pair<'_>) -> Result<[usize; 3]> {
    let Pair { x, y } = pair;
    let (n, m) = (x.logprobs.len(), y.logprobs.len());
    let bad = |step: usize, what: String| Error::input(names[1], Place::row(sequence, step), what);
    if !pair.is_comparable() {
        return match n == m {
            true => Ok([0, 0, n]),
            false => Err(bad(
                n.min(m),
                format!("{m} log-probabilities, but {} has {n}, and ids are missing", names[0]),
            )),
        };
    }
    let (less, is_near) = (n.min(m), n.abs_diff(m) <= 1);
    // one side may have a last token more, or a first one
    let fits = |x: usize, y: usize| (0..less).all(|step| pair.same(x + step, y + step) != Some(false));
    if is_near && fits(0, 0) {
        return Ok([0, 0, less]);
    }
    if n.abs_diff(m) == 1 && fits(n - less, m - less) {
        return Ok([n - less, m - less, less]);
    }
    let step = (0..less).take_while(|step| pair.same(*step, *step) != Some(false)).count();
    let [of_x, of_y] = pair.names(step, step);
    let same_text = x.text.as_ref().zip(y.text.as_ref()).is_some_and(|(a, b)| a == b);
    let agree = (0..less).filter(|step| pair.same(*step, *step) == Some(true)).count();
    let why = match same_text {
        true => "the text is the same: a different tokenizer",
        false if 4 * agree < less => "hardly an id is the same: another run, or a different tokenizer",
        false => "both must be of the same tokens",
    };
    Err(bad(step, format!("{of_y}, but {} has {of_x} here; {why}", names[0])))
}
