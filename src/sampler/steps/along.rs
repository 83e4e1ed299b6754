//! Runs along given ids: teacher forcing, with the draw watching.

use super::given::{Given, Visitor};
use super::run::run;
use crate::draw::Draw;
use crate::sampler::{Job, Limits};
use crate::source::LogitsSource;
use crate::{Error, Place, Result, TokenId};

/// Draws every step, and goes on with the given id instead of the drawn one.
///
/// `ids` hold one list for each sequence and sample, in the order of results. A line ends with its ids, or with an end token
/// among them; draws that see the whole batch go on seeing it as a finished one.
///
/// ```
/// use tokpick::draw::Argmax;
/// use tokpick::prelude::*;
/// use tokpick::sampler::along;
///
/// let mut steps = Open::new("a.json").read(&b"[[0.0, 2.0], [3.0, 1.0]]"[..])?;
/// let mut drawn = Vec::new();
/// along(steps.as_mut(), &Job::new(&Chain::default()), &mut Argmax, 1, &[vec![0, 0]], &mut |visit| {
///     drawn.push((visit.id, visit.pick.id));
///     Ok(())
/// })?;
/// assert_eq!(drawn, [(0, 1), (0, 0)]); // the first was given, not drawn
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// Those of source, chain and draw; ids for another number of lines, more ids than rows, ids outside the vocabulary; whatever
/// `visit` returns.
pub fn along<'a>(
    source: &mut dyn LogitsSource,
    job: &Job<'_>,
    draw: &mut dyn Draw,
    samples: usize,
    ids: &'a [Vec<TokenId>],
    visit: &'a mut Visitor<'a>,
) -> Result<()> {
    let lines = source.shape().sequences.len().saturating_mul(samples);
    if ids.len() != lines {
        let what = format!(
            "ids for {} lines, but the input has {lines} (sequences times samples): give a line of ids for each",
            ids.len()
        );
        return Err(Error::input(source.name(), Place::default(), what));
    }
    let longest = ids.iter().map(Vec::len).max().unwrap_or(0);
    let limits = Limits { max_new_tokens: Some(longest), eos: job.limits.eos.clone() };
    let job = &Job { limits: &limits, logprobs: false, ..*job };
    run(source, job, draw, samples, Some(&mut Given { ids, visit }), &mut (), &mut |_| Ok(()))
}
