//! All rows of a source, one after the other.

use ndarray::Array3;

use super::{Access, LogitsSource, Query, Row, Shape};
use crate::{Error, Place, Result, TokenId};

/// The places of a source's rows, in the order in which they can be asked for.
#[derive(Debug)]
pub(crate) struct RowPlaces {
    first_step: usize,
    end_step: usize,
    by_step: bool,
    first_sequence: usize,
    /// For each sequence whether it has rows left.
    going: Vec<bool>,
    at: usize,
    step: usize,
}

impl RowPlaces {
    pub fn new(shape: &Shape) -> Self {
        RowPlaces {
            first_step: shape.first_step,
            end_step: shape.end_step.unwrap_or(usize::MAX),
            by_step: shape.access == Access::ByStep,
            first_sequence: shape.sequences.start,
            going: vec![shape.first_step < shape.end_step.unwrap_or(usize::MAX); shape.sequences.len()],
            at: 0,
            step: shape.first_step,
        }
    }

    /// All steps from `first_step` until the source says that a sequence has ended, also where its shape tells how many there are.
    pub fn until_ended(shape: &Shape, first_step: usize) -> Self {
        RowPlaces::new(&Shape { first_step, end_step: None, ..shape.clone() })
    }

    /// Sequence and step of the next row; `None` after the last.
    pub fn next(&self) -> Option<(usize, usize)> {
        self.going.get(self.at).filter(|going| **going).map(|_| (self.first_sequence + self.at, self.step))
    }

    /// Goes on; `ended` says that there was no row: the sequence is over.
    pub fn advance(&mut self, ended: bool) {
        let Some(going) = self.going.get_mut(self.at) else { return };
        *going = !ended && (self.by_step || self.step + 1 < self.end_step);
        match (self.by_step, *going) {
            (false, true) => self.step += 1,
            (false, false) => (self.at, self.step) = (self.at + 1, self.first_step),
            (true, _) => {
                let later = self.going.iter().skip(self.at + 1).position(|going| *going);
                if let Some(next) = later {
                    self.at += 1 + next;
                    return;
                }
                self.step += 1;
                if self.step >= self.end_step {
                    self.going.fill(false);
                }
                self.at = self.going.iter().position(|going| *going).unwrap_or(self.going.len());
            }
        }
    }
}

/// A row and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbered {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Step of the input, absolute.
    pub step: usize,
    /// The logits.
    pub row: Row,
}

/// The rows of a source of steps in the order in which it gives them, each with its place; an error ends it.
///
/// ```
/// use tokpick::source::{Open, row_iter};
/// let mut source = Open::new("a.jsonl").read(&b"[0.5, 2.0]\n[1.5, 1.0]\n"[..])?;
/// let best: Vec<usize> = row_iter(source.as_mut())
///     .map(|at| at.map(|at| if at.row.logits[0] > at.row.logits[1] { 0 } else { 1 }))
///     .collect::<Result<_, _>>()?;
/// assert_eq!(best, [1, 0]);
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn row_iter<S: LogitsSource + ?Sized>(source: &mut S) -> RowIter<'_, S> {
    let shape = source.shape();
    RowIter { places: RowPlaces::new(&shape), history: None, source, shape, buffer: Vec::new() }
}

/// What [`row_iter`] gives.
pub struct RowIter<'a, S: ?Sized> {
    source: &'a mut S,
    shape: Shape,
    places: RowPlaces,
    /// Prompt and generated ids, and how many are the prompt.
    history: Option<(Vec<TokenId>, usize)>,
    buffer: Vec<Row>,
}

impl<S: LogitsSource + ?Sized> RowIter<'_, S> {
    /// Of a source whose rows follow the prefix, the one row of each sequence after prompt and `prefix`.
    ///
    /// ```
    /// use tokpick::source::{from_fn, row_iter};
    /// let mut count = from_fn(2, |context| vec![context.len() as f32, 0.0]);
    /// let mut rows = row_iter(&mut count).after(&[5, 6], &[7]);
    /// assert_eq!(rows.next().unwrap()?.row.logits, [3.0, 0.0]);
    /// assert!(rows.next().is_none());
    /// # Ok::<(), tokpick::Error>(())
    /// ```
    pub fn after(mut self, prompt: &[TokenId], prefix: &[TokenId]) -> Self {
        if self.shape.follows_prefix {
            let first_step = prefix.len();
            let one = Shape { first_step, end_step: Some(first_step + 1), ..self.shape.clone() };
            self.places = RowPlaces::new(&one);
        }
        self.history = Some(([prompt, prefix].concat(), prompt.len()));
        self
    }

    /// The next row, lent: its buffers serve the one after it.
    ///
    /// # Errors
    /// Those of the source; a source whose rows follow the prefix has no row after row, unless it is told [what](Self::after).
    pub fn lend(&mut self) -> Result<Option<(usize, usize, &mut Row)>> {
        let (context, prompt_len) = match &self.history {
            Some((context, prompt_len)) => (context.as_slice(), *prompt_len),
            None if self.shape.follows_prefix => {
                let what = "its rows depend on the prefix: there is no first and no next one";
                return Err(Error::input(self.source.name(), Place::default(), what));
            }
            None => (&[][..], 0),
        };
        while let Some((sequence, step)) = self.places.next() {
            self.source.rows(&[Query { sequence, step, context, prompt_len }], &mut self.buffer)?;
            let ended = self.buffer.first().is_none_or(|row| row.ended);
            self.places.advance(ended);
            if !ended {
                return Ok(self.buffer.first_mut().map(|row| (sequence, step, row)));
            }
        }
        Ok(None)
    }

    /// Whether there may be rows that were not lent yet.
    pub fn has_more(&self) -> bool {
        self.places.next().is_some()
    }
}

impl<S: LogitsSource + ?Sized> Iterator for RowIter<'_, S> {
    type Item = Result<Numbered>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.lend() {
            Ok(None) => None,
            Ok(Some((sequence, step, row))) => Some(Ok(Numbered { sequence, step, row: row.clone() })),
            Err(e) => {
                self.places.going.clear();
                self.shape.follows_prefix = false;
                Some(Err(e))
            }
        }
    }
}

/// All rows as one array `[B, T, V]`.
pub(super) fn array<S: LogitsSource + ?Sized>(source: &mut S) -> Result<Array3<f32>> {
    let (shape, name) = (source.shape(), source.name().to_owned());
    let sequences = shape.sequences.len();
    let bad = |place, what: &str| Err(Error::input(name.clone(), place, what));
    let (mut logits, mut vocab, mut steps) = (Vec::new(), shape.vocab, vec![0usize; sequences]);
    let mut rows = row_iter(source);
    while let Some((sequence, step, row)) = rows.lend()? {
        if row.ids.is_some() || *vocab.get_or_insert(row.vocab) != row.vocab {
            return bad(Place::row(sequence, step), "not a dense row of the same length as the others");
        }
        logits.extend_from_slice(&row.logits);
        steps[sequence - shape.sequences.start] += 1;
    }
    let t = steps.first().copied().unwrap_or(0);
    let uneven = || Error::input(&name, Place::default(), "its sequences have different numbers of steps");
    if steps.iter().any(|n| *n != t) {
        return Err(uneven());
    }
    let v = vocab.unwrap_or(0);
    let by_step = shape.access == Access::ByStep;
    let axes = if by_step { (t, sequences, v) } else { (sequences, t, v) };
    let array = Array3::from_shape_vec(axes, logits).map_err(|_| uneven())?;
    Ok(if by_step { array.permuted_axes([1, 0, 2]) } else { array })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(access: Access, ends: &[usize], known: Option<usize>) -> Vec<(usize, usize)> {
        let shape = Shape {
            sequences: 2..2 + ends.len(),
            first_step: 1,
            end_step: known,
            vocab: None,
            follows_prefix: false,
            access,
        };
        let (mut places, mut found) = (RowPlaces::new(&shape), Vec::new());
        while let Some((sequence, step)) = places.next() {
            let ended = step >= ends[sequence - 2];
            if !ended {
                found.push((sequence, step));
            }
            places.advance(ended);
        }
        found
    }

    #[test]
    fn rows_come_in_the_order_of_the_source() {
        assert_eq!(places(Access::BySequence, &[3, 2], None), [(2, 1), (2, 2), (3, 1)]);
        assert_eq!(places(Access::Random, &[9, 9], Some(3)), [(2, 1), (2, 2), (3, 1), (3, 2)]);
        assert_eq!(
            places(Access::ByStep, &[3, 2, 4], None),
            [(2, 1), (3, 1), (4, 1), (2, 2), (4, 2), (4, 3)]
        );
        assert_eq!(places(Access::ByStep, &[9, 9], Some(2)), [(2, 1), (3, 1)]);
        assert_eq!(places(Access::ByStep, &[], Some(2)), []);
        assert_eq!(places(Access::BySequence, &[5], Some(1)), []);
    }
}
