//! Changes of single tokens: what each was, its new value in f64, and the loop that makes them.

use super::{Candidates, FINITE, State, position, position_in};
use crate::TokenId;
use crate::kernel::{self, Slice};

/// Edits by position in the row; a table finds each in one step.
#[derive(Debug, Default)]
pub(super) struct Edits {
    list: Vec<Edit>,
    /// For each position of the row: 1 + its place in the list, 0 for none. As long as the longest row that was edited.
    places: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Edit {
    at: u32,
    /// The logit as the source gave it.
    pub raw: f32,
    /// The new value.
    pub value: f64,
}

impl Edits {
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn find(&self, at: usize) -> Option<&Edit> {
        let place = *self.places.get(at)?;
        self.list.get((place as usize).checked_sub(1)?)
    }

    /// The logit at a position as the source gave it, where it was edited.
    pub fn raw(&self, at: usize) -> Option<f32> {
        self.find(at).map(|e| e.raw)
    }

    /// The value at a position, where it was edited.
    pub fn value(&self, at: usize) -> Option<f64> {
        self.find(at).map(|e| e.value)
    }

    /// The new values, in no order.
    pub fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.list.iter().map(|e| e.value)
    }

    /// `f(position, edit)` for all of them, in no order.
    pub fn each(&self, mut f: impl FnMut(usize, &Edit)) {
        self.list.iter().for_each(|edit| f(edit.at as usize, edit));
    }

    /// `f(i, edit)` for those of `n` positions from `first` on; i counts from there.
    pub fn in_block(&self, first: usize, n: usize, mut f: impl FnMut(usize, &Edit)) {
        let places = self.places.get(first..).unwrap_or_default();
        for (i, &place) in places.iter().take(n).enumerate().filter(|(_, place)| **place != 0) {
            if let Some(edit) = self.list.get(place as usize - 1) {
                f(i, edit);
            }
        }
    }

    /// Finds the edits of positions below `places.len()`; false if one has none yet.
    #[inline(always)]
    fn find_all(&self, at: &[u32], found: &mut [u32]) -> bool {
        let mut all = true;
        for (&at, found) in at.iter().zip(found) {
            let place = self.places[at as usize];
            all &= place != 0;
            *found = place.wrapping_sub(1);
        }
        all
    }

    /// Finds the edits of positions below `places.len()`, or makes them: before the first edit of a position the row held `raw` and
    /// the candidates `value` there.
    #[inline(always)]
    fn find_or_make(&mut self, in_row: &[u32], raw: &[f32], value: &[f32], found: &mut [u32]) {
        let (places, before) = (self.places.as_mut_slice(), self.list.len());
        self.list.resize(before + in_row.len(), Edit { at: 0, raw: 0.0, value: 0.0 });
        let list = self.list.as_mut_slice();
        let mut len = before;
        for (((&at, &raw), &value), found) in in_row.iter().zip(raw).zip(value).zip(found) {
            let place = &mut places[at as usize];
            // the next free place is always written, and counts only where the position has none: no branch
            list[len] = Edit { at, raw, value: value as f64 };
            let is_new = *place == 0;
            len += usize::from(is_new);
            *place = if is_new { len as u32 } else { *place };
            *found = *place - 1;
        }
        self.list.truncate(len);
    }

    /// Makes the edits of positions that have none.
    #[inline(always)]
    fn make(&mut self, at: &[u32], raw: &[f32], value: &[f64]) {
        let first = self.list.len() as u32 + 1;
        for (place, &at) in (first..).zip(at) {
            self.places[at as usize] = place;
        }
        let edits = at.iter().zip(raw).zip(value).map(|((&at, &raw), &value)| Edit { at, raw, value });
        self.list.extend(edits);
    }

    /// Puts back what the row held, and forgets all edits.
    pub fn undo(&mut self, logits: &mut [f32]) {
        for e in self.list.drain(..) {
            self.places[e.at as usize] = 0;
            if let Some(x) = logits.get_mut(e.at as usize) {
                *x = e.raw;
            }
        }
    }
}

/// Tokens that go through the loop together, so that each of its parts is short.
const GROUP: usize = 128;

/// The members of a group: a number for each, their positions among the candidates' values, and the values.
struct Group<T> {
    number: [T; GROUP],
    at: [u32; GROUP],
    value: [f32; GROUP],
}

impl<T: Copy> Group<T> {
    /// Reads the values of ids that are positions; false if one is masked or outside.
    #[inline(always)]
    fn read(&mut self, values: &[f32], ids: &[TokenId]) -> bool {
        let mut all = true;
        for (&id, value) in ids.iter().zip(&mut self.value) {
            *value = values.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY);
            all &= *value > f32::NEG_INFINITY;
        }
        all
    }

    /// Takes the members among the ids; returns how many.
    #[inline(always)]
    fn take(&mut self, set: Slice<'_>, ids: &[TokenId], numbers: &[T]) -> usize {
        let mut n = 0;
        for (&id, &number) in ids.iter().zip(numbers) {
            let Some(at) = position_in(set, id) else { continue };
            let value = set.values[at];
            (self.number[n], self.at[n], self.value[n]) = (number, at as u32, value);
            n += usize::from(value > f32::NEG_INFINITY);
        }
        n
    }
}

/// Applies `score ← f(number, score)` to the members among `ids` (strictly ascending).
pub(super) fn run<T: Copy>(
    c: &mut Candidates,
    ids: &[TokenId],
    numbers: &[T],
    mut f: impl FnMut(T, f64) -> f64,
) -> Best {
    let Some(&filler) = numbers.first() else { return Best::AtLeast(f32::NEG_INFINITY) };
    let (scale, shift, best) = (c.scale, c.shift, c.best);
    let exact_everywhere = c.own.state != State::Row && !c.own.exact.is_empty();
    if c.edits.places.len() < c.row.logits.len() {
        c.edits.places.resize(c.row.logits.len(), 0);
    }
    // in a list of its own the row itself is untouched: what it holds is what it held
    let (list, values, row) = match c.own.state {
        State::Row => (c.row.ids.as_deref(), c.row.logits.as_mut_slice(), None),
        State::Mapped => (None, c.own.values.as_mut_slice(), Some(&c.row)),
        State::Sparse => (Some(c.own.ids.as_slice()), c.own.values.as_mut_slice(), Some(&c.row)),
    };
    // so many edits that a pass over the row finds its maxima faster than a look at each; first edits need no search
    let wholesale = row.is_none() && ids.len() > values.len() / 16;
    let fresh = row.is_none() && c.edits.list.is_empty();
    let of_row = if row.is_none() { c.maxima.as_mut_slice() } else { &mut [] };
    let mut maxima = Maxima { of: of_row, fallen: None };
    let (mut raised, mut best_fell) = (f32::NEG_INFINITY, false);
    let mut group = Group { number: [filler; GROUP], at: [0; GROUP], value: [0.0; GROUP] };
    let (mut places, mut scores) = ([0u32; GROUP], [0.0f64; GROUP]);
    for (ids, numbers) in ids.chunks(GROUP).zip(numbers.chunks(GROUP)) {
        let (at, numbers) = if row.is_none() && list.is_none() && group.read(values, ids) {
            (ids, numbers)
        } else {
            let n = group.take(Slice { ids: list, values }, ids, numbers);
            (&group.at[..n], &group.number[..n])
        };
        let (before, scores) = (&group.value[..at.len()], &mut scores[..at.len()]);
        if fresh {
            scores.iter_mut().zip(before).for_each(|(score, &value)| *score = value as f64);
        } else if exact_everywhere {
            scores.iter_mut().zip(at).for_each(|(score, &at)| *score = c.own.exact[at as usize]);
        } else {
            match row {
                None => {
                    if !c.edits.find_all(at, &mut places) {
                        c.edits.find_or_make(at, before, before, &mut places);
                    }
                }
                Some(row) => {
                    let (mut in_row, mut raw) = ([0; GROUP], [0.0; GROUP]);
                    for ((&at, in_row), raw) in at.iter().zip(&mut in_row).zip(&mut raw) {
                        let id = list.map_or(at, |ids| ids[at as usize]);
                        // a list's ids are the row's, unless they were forced, and those have exact values
                        let at = position(&row.ids, &row.logits, id).unwrap_or(0);
                        (*in_row, *raw) = (at as u32, row.logits[at]);
                    }
                    c.edits.find_or_make(&in_row[..at.len()], &raw, before, &mut places);
                }
            }
            let list = &c.edits.list;
            scores.iter_mut().zip(&places).for_each(|(score, &place)| *score = list[place as usize].value);
        }
        for (score, &number) in scores.iter_mut().zip(numbers) {
            *score = f(number, *score * scale + shift);
        }
        for score in scores.iter_mut() {
            let value = (*score - shift) / scale;
            *score = if value == f64::NEG_INFINITY { value } else { value.clamp(-FINITE, FINITE) };
        }
        if fresh {
            c.edits.make(at, before, scores);
        } else if exact_everywhere {
            scores.iter().zip(at).for_each(|(&score, &at)| c.own.exact[at as usize] = score);
        } else {
            let list = &mut c.edits.list;
            scores.iter().zip(&places).for_each(|(&score, &place)| list[place as usize].value = score);
        }
        for ((&score, &at), &before) in scores.iter().zip(at).zip(before) {
            let after = score as f32;
            values[at as usize] = after;
            if !wholesale {
                maxima.changed(at as usize, before, after, values);
                raised = if after > raised { after } else { raised };
                best_fell |= (before == best) & (after < best);
            }
        }
    }
    maxima.settle(values);
    match (wholesale, best_fell) {
        (true, _) => Best::Unknown,
        (false, true) => Best::Fallen,
        (false, false) => Best::AtLeast(raised),
    }
}

/// What edits leave known of the best value.
pub(super) enum Best {
    /// It is as it was, or this.
    AtLeast(f32),
    /// It fell; the maxima of the row are right.
    Fallen,
    /// Nothing: the maxima of the row aren't right either.
    Unknown,
}

/// The maxima of a row's spans while its values are edited by ascending place.
struct Maxima<'a> {
    of: &'a mut [f32],
    /// A span that lost its maximum: it is looked at again once no more of its values change.
    fallen: Option<usize>,
}

impl Maxima<'_> {
    #[inline(always)]
    fn changed(&mut self, at: usize, before: f32, after: f32, values: &[f32]) {
        let span = at / kernel::SPAN;
        let Some(&mut max) = self.of.get_mut(span) else { return };
        if after > max {
            self.of[span] = after;
        } else if before == max && self.fallen != Some(span) {
            self.settle(values);
            self.fallen = Some(span);
        }
    }

    fn settle(&mut self, values: &[f32]) {
        if let Some(span) = self.fallen.take() {
            let from = span * kernel::SPAN;
            self.of[span] = kernel::max(&values[from..(from + kernel::SPAN).min(values.len())]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::candidates::Candidates;
    use crate::source::Row;

    /// What one round does to the scores.
    #[derive(Debug, Clone)]
    enum Act {
        Add(f64),
        Mask,
        Scale,
        Cut(usize),
        Rewrite,
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => (-3.0..3.0f64).prop_map(Act::Add),
            1 => Just(Act::Mask),
            1 => Just(Act::Scale),
            1 => (1usize..300).prop_map(Act::Cut),
            1 => Just(Act::Rewrite),
        ]
    }

    proptest! {
        /// Edits among other changes, in every state of the candidates, against a plain list of scores; then the row as it was.
        #[test]
        fn edits_agree_with_a_plain_list(
            steps in prop::collection::vec(0i32..24, 1..700),
            rounds in prop::collection::vec((act(), prop::collection::vec(0u32..720, 0..200)), 1..6),
        ) {
            // a quarter apart, so that there are ties; some are masked
            let logits: Vec<f32> =
                steps.iter().map(|&s| if s == 0 { f32::NEG_INFINITY } else { s as f32 / 4.0 }).collect();
            prop_assume!(logits.iter().any(|x| x.is_finite()));
            let mut c = Candidates::default();
            c.load(Row::dense(logits.clone()), 0, 0).unwrap();
            let mut plain: Vec<f64> = logits.iter().map(|&x| x as f64).collect();
            for (act, mut ids) in rounds {
                ids.sort();
                ids.dedup();
                let inside: Vec<usize> = ids.iter().map(|&id| id as usize).filter(|&id| id < logits.len()).collect();
                match act {
                    Act::Add(by) => {
                        c.edit_each(&ids, |_, s| s + by);
                        inside.iter().for_each(|&id| plain[id] += by);
                    }
                    Act::Mask => {
                        c.mask_each(&ids);
                        inside.iter().for_each(|&id| plain[id] = f64::NEG_INFINITY);
                    }
                    Act::Scale => {
                        c.scale(0.5);
                        plain.iter_mut().for_each(|x| *x *= 0.5);
                    }
                    Act::Cut(k) => {
                        c.keep_best(k);
                        plain.iter_mut().enumerate().for_each(|(id, x)| {
                            if !c.contains(id as u32) {
                                *x = f64::NEG_INFINITY;
                            }
                        });
                    }
                    Act::Rewrite => {
                        c.map(|_, s| s + 1.0);
                        plain.iter_mut().for_each(|x| *x += 1.0);
                    }
                }
                let members: Vec<(u32, f64)> = (0..).zip(plain.clone()).filter(|m| m.1 > f64::NEG_INFINITY).collect();
                let found: Vec<(u32, f64)> = c.members().collect();
                prop_assert_eq!(found.len(), members.len());
                for (f, m) in found.iter().zip(&members) {
                    prop_assert!(f.0 == m.0 && (f.1 - m.1).abs() < 1e-9, "{:?} for {:?}", f, m);
                }
                let best = members.iter().fold(f64::NEG_INFINITY, |b, m| b.max(m.1));
                prop_assert!(c.is_empty() == members.is_empty());
                if !members.is_empty() {
                    prop_assert!((c.max_score() - best).abs() < 1e-5);
                    let argmax = c.argmax().unwrap();
                    prop_assert!((plain[argmax as usize] - best).abs() < 1e-5);
                }
                for (id, &x) in (0..).zip(&logits) {
                    prop_assert_eq!(c.raw_logit(id), Some(x));
                }
            }
            prop_assert_eq!(c.take_row().logits, logits);
        }
    }
}
