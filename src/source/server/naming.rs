//! Ids for tokens that servers name by their text.

use std::collections::{BTreeSet, HashMap};

use super::answer::{Answer, Step};
use super::pool::{Pool, Token};
use crate::TokenId;
use crate::source::{Names, byte_level};

/// The ids of a pool's tokens.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// By number in the pool.
    pub of: Vec<TokenId>,
    /// One more than the highest.
    pub vocab: usize,
    /// Numbers of the tokens that nothing gives an id.
    pub unknown: Vec<usize>,
}

/// Finds the ids: those that the server tells; with `names` those of their texts; else that of another token of the input with the
/// same text. The others are numbered in order of appearance from `least` and all ids on.
pub(super) fn ids(pool: &Pool, names: Option<&Names>, least: usize) -> Result<Ids, String> {
    let known: Vec<TokenId> = pool.tokens.iter().filter_map(|token| token.id).collect();
    let mut by_text: HashMap<&str, BTreeSet<TokenId>> = HashMap::new();
    for token in &pool.tokens {
        if let (Some(id), Some(text)) = (token.id, token.text.as_deref()) {
            by_text.entry(text).or_default().insert(id);
        }
    }
    let only =
        |text: &str| by_text.get(text).filter(|ids| ids.len() == 1).and_then(|ids| ids.first().copied());
    let find = |token: &Token| match names {
        _ if token.id.is_some() => token.id,
        Some(names) => spellings(token).iter().find_map(|text| names.id(text).ok()),
        None => token.text.as_deref().filter(|text| is_whole(text)).and_then(only),
    };
    let mut found: Vec<Option<TokenId>> = pool.tokens.iter().map(find).collect();
    let highest = found.iter().flatten().chain(&known).max().map_or(0, |id| *id as usize + 1);
    let end = names.map_or(0, Names::end);
    let (mut next, mut unknown) = (highest.max(least).max(end), Vec::new());
    for (number, id) in found.iter_mut().enumerate().filter(|(_, id)| id.is_none()) {
        *id = Some(TokenId::try_from(next).map_err(|_| "no ids are left for tokens that have none")?);
        unknown.push(number);
        next += 1;
    }
    Ok(Ids { of: found.into_iter().flatten().collect(), vocab: next, unknown })
}

/// The ids that an answer's tokens have by their texts.
///
/// # Errors
/// It tells no tokens; one that the vocabulary lacks.
pub(crate) fn ids_by_text(answer: &Answer, pool: &Pool, names: &Names) -> Result<Vec<TokenId>, String> {
    let steps = &answer.generated.steps;
    if steps.is_empty() {
        return Err("a choice names no tokens: ask the server for log-probabilities, which name them".into());
    }
    let id = |(at, step): (usize, &Step)| {
        let token = step.taken.and_then(|number| pool.tokens.get(number as usize));
        let token = token.ok_or_else(|| format!("token {at} of a choice is not told"))?;
        let found = || spellings(token).iter().find_map(|text| names.id(text).ok());
        token.id.or_else(found).ok_or_else(|| {
            let text = token.text.as_deref().unwrap_or_default();
            format!("token {at} of a choice, {text:?}, is none of the vocabulary: another tokenizer")
        })
    };
    steps.iter().enumerate().map(id).collect()
}

/// True for a text that no unfinished character is in.
fn is_whole(text: &str) -> bool {
    !text.is_empty() && !text.contains('\u{fffd}')
}

/// What a token may be called in a vocabulary: its text, its bytes in the byte-level alphabet, or as SentencePiece writes one.
fn spellings(token: &Token) -> Vec<String> {
    let mut names = Vec::new();
    let text = token.text.as_deref().filter(|text| is_whole(text));
    names.extend(text.map(str::to_string));
    let bytes = token.bytes.as_deref().or(text.map(str::as_bytes)).unwrap_or_default();
    if !bytes.is_empty() {
        names.push(bytes.iter().map(|b| byte_level::character(*b)).collect());
    }
    if let [byte] = bytes {
        names.push(format!("<0x{byte:02X}>"));
    }
    names
}

/// How a token is shown: its text, or the bytes of an unfinished character.
pub(super) fn label(token: &Token) -> Option<String> {
    let text = token.text.as_deref()?;
    match token.bytes.as_deref() {
        Some(bytes) if !is_whole(text) && !bytes.is_empty() => {
            Some(bytes.iter().map(|b| format!("<0x{b:02X}>")).collect())
        }
        _ => Some(text.to_string()),
    }
}
