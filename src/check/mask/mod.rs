//! Sampling masks: were these the tokens that the processors left?

mod read;

pub use read::read_masks;

use serde::Serialize;

use super::Claimed;
use crate::sampler::{Job, walk};
use crate::source::LogitsSource;
use crate::{Error, Place, Result, TokenId};

/// The ids that were kept at the steps of one sequence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mask {
    /// Number of the sequence, where the mask names it; else its place in the list counts.
    pub sequence: Option<usize>,
    /// Step of the first entry.
    pub first_step: usize,
    /// The ids of each step, ascending; empty where nothing is said.
    pub kept: Vec<Vec<TokenId>>,
}

impl Mask {
    /// What was kept at a step; `None` where the mask says nothing.
    pub fn at(&self, step: usize) -> Option<&[TokenId]> {
        let kept = self.kept.get(step.checked_sub(self.first_step)?)?;
        Some(kept.as_slice()).filter(|kept| !kept.is_empty())
    }

    /// The number of steps of which it says what was kept.
    fn steps_said(&self) -> usize {
        self.kept.iter().filter(|kept| !kept.is_empty()).count()
    }
}

/// A step whose mask is not what the processors left.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MaskDiff {
    /// Sequence of the input, absolute.
    pub sequence: usize,
    /// Step of the input, absolute.
    pub step: usize,
    /// How many tokens the processors left.
    pub kept: usize,
    /// How many the mask has.
    pub masked: usize,
    /// Tokens that the processors left and the mask lacks.
    pub missing: Vec<TokenId>,
    /// What these have of the distribution.
    pub missing_mass: f64,
    /// Tokens that the mask has and the processors removed.
    pub extra: Vec<TokenId>,
    /// The token that was taken, where the mask lacks it.
    pub taken_outside: Option<TokenId>,
}

/// What holding masks against rows gave.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MaskReport {
    /// Steps that were held against a mask.
    pub rows: usize,
    /// Steps whose mask is just what the processors left.
    pub agree: usize,
    /// Steps about which the masks say nothing.
    pub unsaid: usize,
    /// Steps of the masks that were held against nothing, as the ids end before them or the rows begin behind them.
    pub surplus: usize,
    /// Tokens that were taken and are not in their mask; those of a text that a `.kld` holds were drawn by nobody.
    pub taken_outside: usize,
    /// The largest `missing_mass`.
    pub max_missing_mass: f64,
    /// The steps that differ, in their order.
    pub differing: Vec<MaskDiff>,
}

impl MaskReport {
    /// True if every step agrees with its mask.
    pub fn holds(&self) -> bool {
        self.agree == self.rows
    }
}

/// Holds sampling masks against what the chain leaves of each row; with `ids`, the tokens that were taken count as history, and must be in
/// their masks.
///
/// # Errors
/// Masks for another number of sequences or for more steps than there are; ids outside the vocabulary; those of [`walk`].
pub fn check_masks(
    source: &mut dyn LogitsSource,
    job: &Job<'_>,
    ids: Option<&[Vec<TokenId>]>,
    file: &str,
    masks: &[Mask],
) -> Result<MaskReport> {
    let sequences = source.shape().sequences;
    let by_number = ordered(file, sequences.clone(), masks)?;
    let mut report = MaskReport::default();
    let mut last = vec![None; by_number.len()];
    let is_text = ids.is_some_and(|ids| is_text(source, ids));
    walk(source, job, ids, &mut (), &mut |visit| {
        let at = visit.sequence - sequences.start;
        last[at] = Some(visit.step);
        let Some(mask) = by_number[at].at(visit.step) else {
            report.unsaid += 1;
            return Ok(());
        };
        let vocab = visit.candidates.vocab();
        if let Some(id) = mask.last().filter(|id| **id as usize >= vocab) {
            let what = format!("id {id} is outside the vocabulary of {vocab}");
            return Err(Error::input(file, Place::row(visit.sequence, visit.step), what));
        }
        let kept: Vec<TokenId> = visit.candidates.members().map(|(id, _)| id).collect();
        let lacks = |list: &[TokenId], id: &TokenId| list.binary_search(id).is_err();
        let missing: Vec<TokenId> = kept.iter().copied().filter(|id| lacks(mask, id)).collect();
        let extra: Vec<TokenId> = mask.iter().copied().filter(|id| lacks(&kept, id)).collect();
        let taken_outside = visit.taken.filter(|id| !is_text && lacks(mask, id));
        report.rows += 1;
        if missing.is_empty() && extra.is_empty() && taken_outside.is_none() {
            report.agree += 1;
            return Ok(());
        }
        let mass = visit
            .candidates
            .probabilities()
            .into_iter()
            .filter(|(id, _)| lacks(mask, id))
            .map(|(_, p)| p)
            .sum();
        report.taken_outside += usize::from(taken_outside.is_some());
        report.max_missing_mass = report.max_missing_mass.max(mass);
        report.differing.push(MaskDiff {
            sequence: visit.sequence,
            step: visit.step,
            kept: kept.len(),
            masked: mask.len(),
            missing,
            missing_mass: mass,
            extra,
            taken_outside,
        });
        Ok(())
    })?;
    for (at, (mask, last)) in by_number.iter().zip(last).enumerate() {
        let end = mask.first_step + mask.kept.len();
        if last.is_none_or(|last| last + 1 < end) && ids.is_none() {
            let what = format!("masks up to step {}, but the input has no such row", end.saturating_sub(1));
            return Err(Error::input(file, Place::row(sequences.start + at, end.saturating_sub(1)), what));
        }
    }
    if report.rows == 0 {
        return Err(Error::input(file, Place::default(), "says nothing about any step of the input"));
    }
    report.surplus = masks.iter().map(Mask::steps_said).sum::<usize>() - report.rows;
    Ok(report)
}

/// True if the ids are the text along which a `.kld` was made.
fn is_text(source: &dyn LogitsSource, ids: &[Vec<TokenId>]) -> bool {
    let (shape, carried) = (source.shape(), source.carried());
    source.format().is_kld() && carried.iter().map(|c| c.at_steps(&shape)).eq(ids.iter().map(Vec::as_slice))
}

/// The log-probabilities that rows give to the tokens that were taken, normalised over the tokens of a mask: what a trainer compares with
/// the numbers of a server that has truncated (sampling replay). The chain is applied before.
///
/// # Errors
/// As [`check_masks`]; a mask for more or fewer steps than a sequence has ids.
pub fn masked_logprobs(
    source: &mut dyn LogitsSource,
    job: &Job<'_>,
    ids: &[Vec<TokenId>],
    file: &str,
    masks: &[Mask],
) -> Result<Vec<Claimed>> {
    let sequences = source.shape().sequences;
    let by_number = ordered(file, sequences.clone(), masks)?;
    let first = source.shape().first_step;
    for (at, (mask, ids)) in by_number.iter().zip(ids).enumerate() {
        let (end, needed) = (mask.first_step + mask.kept.len(), first + ids.len());
        if end != needed {
            let what = format!(
                "the mask ends before step {end}, the ids before step {needed}: one entry for each is needed (an empty one says nothing)"
            );
            return Err(Error::input(file, Place::row(sequences.start + at, end.min(needed)), what));
        }
    }
    let mut claimed: Vec<Claimed> = by_number.iter().map(|_| Claimed::default()).collect();
    walk(source, job, Some(ids), &mut (), &mut |visit| {
        let at = visit.sequence - sequences.start;
        let Some(id) = visit.taken else { return Ok(()) };
        let kept = by_number[at].at(visit.step);
        let is_kept = |id: TokenId| kept.is_none_or(|kept| kept.binary_search(&id).is_ok());
        let scores: Vec<f64> =
            visit.candidates.members().filter(|(id, _)| is_kept(*id)).map(|(_, score)| score).collect();
        // from the best of them on: their probabilities in the whole row may be too small for a number
        let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = scores.iter().map(|score| crate::kernel::exp(score - best)).sum();
        let own = visit.candidates.score(id).filter(|score| is_kept(id) && score.is_finite());
        let logprob = own.map_or(f64::NEG_INFINITY, |own| own - best - crate::kernel::ln(sum));
        claimed[at].ids.push(id);
        claimed[at].logprobs.push(Some(logprob));
        Ok(())
    })?;
    Ok(claimed)
}

/// The mask of each sequence.
fn ordered<'m>(file: &str, sequences: std::ops::Range<usize>, masks: &'m [Mask]) -> Result<Vec<&'m Mask>> {
    if masks.len() != sequences.len() {
        let what = format!("masks of {} sequences, but the input has {}", masks.len(), sequences.len());
        return Err(Error::input(file, Place::default(), what));
    }
    let mut all: Vec<&Mask> = masks.iter().collect();
    if masks.iter().all(|mask| mask.sequence.is_some()) {
        all.sort_by_key(|mask| mask.sequence);
        if let Some((mask, number)) =
            all.iter().zip(sequences).find(|(mask, number)| mask.sequence != Some(*number))
        {
            let found = mask.sequence.unwrap_or_default();
            let what = format!("a mask of sequence {found}, where one of {number} is needed");
            return Err(Error::input(file, Place::default(), what));
        }
    }
    Ok(all)
}
