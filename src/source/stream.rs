//! Sources that can only go forward: pipes and live streams.

use std::collections::BTreeMap;

use serde_json::Value;

use super::layout::Grid;
use super::{Format, LogitsSource, Query, Row, Shape};
use crate::{Error, Place, Result};

/// Rows that come one after the other.
pub(crate) trait Rows: Send {
    /// Reads the next row; `false` at the end of the input.
    fn next(&mut self, row: &mut Row) -> Result<bool>;

    /// Passes over the next row; `false` at the end of the input.
    fn skip(&mut self) -> Result<bool>;

    /// As [`LogitsSource::leaves_out`].
    fn leaves_out(&self) -> bool {
        false
    }

    /// As [`LogitsSource::pays_ahead`].
    fn pays_ahead(&self) -> bool {
        false
    }

    /// As [`LogitsSource::read_ahead`].
    fn read_ahead(&mut self, _threads: usize) {}

    /// The caller's own names of sequences, as far as they are known.
    fn ids(&self) -> BTreeMap<usize, Value> {
        BTreeMap::new()
    }
}

/// A forward-only source. It holds the rows of the place where it stands (one row; the rows of a step where several sequences
/// come step by step), so that they can be asked for again.
pub(crate) struct Stream<R> {
    name: String,
    rows: R,
    grid: Grid,
    format: Format,
    /// Rows of the current place, and number of the first of them.
    held: Vec<Row>,
    first: usize,
    /// Number of the next row of the input.
    next: usize,
    ended: bool,
}

impl<R: Rows> Stream<R> {
    pub fn new(name: String, rows: R, grid: Grid, format: Format) -> Self {
        Stream { name, rows, grid, format, held: Vec::new(), first: 0, next: 0, ended: false }
    }

    /// Rows that are held together.
    fn group(&self) -> usize {
        match self.grid.layout {
            super::Layout::Tbv => self.grid.sequences,
            _ => 1,
        }
    }

    /// Goes to row `index` and gives it; `None` where the input ends before it.
    fn row(&mut self, index: usize, place: Place) -> Result<Option<&Row>> {
        let group = self.group();
        if index < self.first {
            let what = "has passed already: the input can only be read forward; save it to a file first";
            return Err(Error::input(&self.name, place, what));
        }
        let start = index - index % group;
        while !self.ended && self.next < start {
            self.ended = !self.rows.skip()?;
            self.next += usize::from(!self.ended);
        }
        while !self.ended && self.next <= index {
            let slot = self.next - start;
            if self.held.len() <= slot {
                self.held.push(Row::default());
            }
            self.ended = !self.rows.next(&mut self.held[slot])?;
            self.next += usize::from(!self.ended);
            self.first = start;
        }
        if self.ended {
            self.check_end()?;
        }
        Ok((index < self.next).then(|| &self.held[index - start]))
    }

    /// A stream whose end was not known must have held the selected rows.
    fn check_end(&self) -> Result<()> {
        let chosen = &self.grid.chosen_steps;
        let short = self.next <= chosen.start || (chosen.end != usize::MAX && self.next < chosen.end);
        if self.grid.endless && short {
            let range = super::RowRange {
                start: chosen.start,
                end: (chosen.end != usize::MAX).then_some(chosen.end),
            };
            let what = format!("out of range: the steps of {} are 0..{}", self.name, self.next);
            return Err(Error::setting("rows", range, what));
        }
        Ok(())
    }
}

impl<R: Rows> LogitsSource for Stream<R> {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> Shape {
        self.grid.shape(self.grid.forward())
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        out.resize_with(at.len(), Row::default);
        for (query, row) in at.iter().zip(out) {
            let index = self.grid.find(&self.name, query)?;
            let place = Place::row(query.sequence, query.step);
            let found = match index {
                Some(index) => self.row(index, place)?,
                None => None,
            };
            match found {
                Some(found) => row.copy_from(found),
                None => row.end(),
            }
        }
        Ok(())
    }

    fn leaves_out(&self) -> bool {
        self.rows.leaves_out()
    }

    fn pays_ahead(&self) -> bool {
        self.rows.pays_ahead()
    }

    fn read_ahead(&mut self, threads: usize) {
        self.rows.read_ahead(threads);
    }

    fn ids(&self) -> BTreeMap<usize, Value> {
        self.rows.ids()
    }

    fn format(&self) -> Format {
        self.format.clone()
    }
}
