use super::given;
use super::line::Line;
use super::slot::Slot;
use crate::candidates::Candidates;
use crate::draw::Seat;
use crate::sampler::Job;
use crate::source::{LogitsSource, Row, RowPlaces};
use crate::trace::Trace;
use crate::{Error, Place, Result, TokenId};

/// One processed row, and where it came from.
pub struct Visit<'a> {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Step of the input, absolute.
    pub step: usize,
    /// Prompt, prefix and given ids before this row.
    pub context: &'a [TokenId],
    /// The id that was taken here, where ids are given.
    pub taken: Option<TokenId>,
    /// What the chain left of the row; the raw row is still in it.
    pub candidates: &'a mut Candidates,
}

/// Applies the chain to every row of a source and chooses nothing: a run that is driven by given ids (teacher forcing).
///
/// `ids` are the tokens taken at the input's own steps, for each sequence: the history of step t is prompt, prefix and the first
/// t of them, and the walk of a sequence ends with its ids. Without ids, every row has the history prompt and prefix; then a
/// source that follows the prefix gives one row.
///
/// ```
/// use tokpick::processor::{Chain, temperature};
/// use tokpick::sampler::{Job, walk};
/// use tokpick::source::Open;
///
/// let mut source = Open::new("a.jsonl").read(&b"[0.5, 2.0]\n[1.5, 1.0]\n"[..])?;
/// let (chain, mut best) = (Chain::new([temperature(0.5)?]), Vec::new());
/// walk(source.as_mut(), &Job::new(&chain), None, &mut (), &mut |visit| {
///     best.push(visit.candidates.max_score());
///     Ok(())
/// })?;
/// assert_eq!(best, [4.0, 3.0]);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// Those of source and chain; ids for another number of sequences, more ids than rows, ids outside the vocabulary; whatever
/// `visit` returns.
pub fn walk(
    source: &mut dyn LogitsSource,
    job: &Job<'_>,
    ids: Option<&[Vec<TokenId>]>,
    trace: &mut dyn Trace,
    visit: &mut dyn FnMut(Visit<'_>) -> Result<()>,
) -> Result<()> {
    let shape = source.shape();
    let name = source.name().to_string();
    if let Some(ids) = ids.filter(|ids| ids.len() != shape.sequences.len()) {
        let what = format!("ids for {} sequences, but the input has {}", ids.len(), shape.sequences.len());
        return Err(Error::input(name, Place::default(), what));
    }
    job.prepare(source);
    let first = job.first_step(&shape);
    let mut lines: Vec<Line> = shape.sequences.clone().map(|s| Line::new(s, 0, job)).collect();
    let mut slot = Slot::default();
    let mut visit_row = |sequence: usize, step: usize, lines: &mut [Line]| -> Result<bool> {
        let at = sequence - shape.sequences.start;
        let given = ids.map(|ids| ids[at].as_slice());
        let taken = given.and_then(|ids| ids.get(step - first).copied());
        if (given.is_some() && taken.is_none())
            || (given.is_none() && shape.follows_prefix && step > first)
            || job.limits.max_new_tokens.is_some_and(|m| step - first >= m)
        {
            return Ok(false);
        }
        (slot.sequence, slot.step) = (sequence, step);
        slot.seats.clear();
        slot.seats.push(Seat { line: at, sample: 0, lane: 0, finished: false, pick: None });
        let mut rows: Vec<Row> = vec![slot.buffers()];
        source.rows(&[slot.query(lines, job)], &mut rows)?;
        slot.row = rows.pop().unwrap_or_default();
        if slot.row.ended {
            return match taken {
                Some(_) => Err(given::no_row(&name, sequence, step)),
                None => Ok(false),
            };
        }
        slot.process(lines, job, &name, trace)?;
        let vocab = slot.candidates.vocab();
        if let Some(id) = taken.filter(|&id| id as usize >= vocab) {
            return Err(given::outside(&name, sequence, step, id, vocab));
        }
        if step == first {
            job.check_ids(&name, vocab, true)?;
        }
        let context = &lines[at].context;
        visit(Visit { sequence, step, context, taken, candidates: &mut slot.candidates })?;
        lines[at].context.extend(taken);
        Ok(true)
    };
    let mut places = RowPlaces::until_ended(&shape, first);
    while let Some((sequence, step)) = places.next() {
        let visited = visit_row(sequence, step, &mut lines)?;
        places.advance(!visited);
    }
    Ok(())
}
