//! Sources around another source.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Carried, Format, LogitsSource, Query, ReadAt, Row, Shape, Vocab};
use crate::Result;

/// A source that changes something of the source inside it: it says only what it changes, all else is passed on.
pub(crate) trait Wrapper {
    /// The source inside.
    fn inner(&self) -> &dyn LogitsSource;

    /// The source inside, to read from.
    fn inner_mut(&mut self) -> &mut dyn LogitsSource;

    /// As [`LogitsSource::shape`].
    fn shape_around(&self) -> Shape {
        self.inner().shape()
    }

    /// As [`LogitsSource::rows`].
    fn rows_around(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        self.inner_mut().rows(at, out)
    }

    /// As [`LogitsSource::shared`]; only for a wrapper that changes no rows.
    fn shared_around(&self) -> Option<&dyn ReadAt> {
        None
    }

    /// As [`LogitsSource::ids`].
    fn ids_around(&self) -> BTreeMap<usize, Value> {
        self.inner().ids()
    }

    /// As [`LogitsSource::carried`].
    fn carried_around(&self) -> &[Carried] {
        self.inner().carried()
    }

    /// As [`LogitsSource::format`].
    fn format_around(&self) -> Format {
        self.inner().format()
    }
}

impl<W: Wrapper> LogitsSource for W {
    fn name(&self) -> &str {
        self.inner().name()
    }

    fn shape(&self) -> Shape {
        self.shape_around()
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        self.rows_around(at, out)
    }

    fn shared(&self) -> Option<&dyn ReadAt> {
        self.shared_around()
    }

    fn vocab(&self) -> Option<&[String]> {
        self.inner().vocab()
    }

    fn strings(&self) -> Option<Vocab> {
        self.inner().strings()
    }

    fn leaves_out(&self) -> bool {
        self.inner().leaves_out()
    }

    fn notes(&self) -> &[String] {
        self.inner().notes()
    }

    fn ids(&self) -> BTreeMap<usize, Value> {
        self.ids_around()
    }

    fn carried(&self) -> &[Carried] {
        self.carried_around()
    }

    fn accept_invalid(&mut self) {
        self.inner_mut().accept_invalid();
    }

    fn pays_ahead(&self) -> bool {
        self.inner().pays_ahead()
    }

    fn read_ahead(&mut self, threads: usize) {
        self.inner_mut().read_ahead(threads);
    }

    fn format(&self) -> Format {
        self.format_around()
    }
}

#[cfg(test)]
mod tests {
    use crate::source::{Layout, Open, offset, remarking};

    /// What a file says beside its rows is said by everything that stands around it, too.
    #[test]
    fn what_is_not_changed_is_passed_on() {
        let lines = b"{\"id\":\"a\",\"logits\":[0.25,0.75]}\n{\"id\":\"b\",\"logits\":[0.5,0.5]}\n";
        let open = |probs| {
            Open { probs, layout: Some(Layout::Bv), ..Open::new("p.jsonl") }.read(&lines[..]).unwrap()
        };
        let plain = open(false);
        assert_eq!(plain.ids().len(), 2);
        assert_eq!(open(true).ids(), plain.ids());
        assert_eq!(remarking(open(true), None, Box::new(|_| {})).ids(), plain.ids());
        let moved: Vec<usize> = offset(open(true), 3).unwrap().ids().into_keys().collect();
        assert_eq!(moved, [3, 4]);
    }
}
