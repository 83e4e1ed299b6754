//! A Python function as a source: the next-token logits after some prefixes.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use tokpick::source::{Access, Format, LogitsSource, Query, Row, Shape};
use tokpick::{Error, Place, Result};

use crate::array::elements;

/// Where an exception of the function waits until the run has ended.
pub type Raised = Arc<Mutex<Option<PyErr>>>;

/// A function that is asked for the rows after several prefixes (prompt and generated ids) at once, `[n, V]`.
pub struct Model {
    name: String,
    function: Py<PyAny>,
    vocab: Option<usize>,
    raised: Raised,
}

impl Model {
    pub fn new(name: &str, function: Py<PyAny>, vocab: Option<usize>, raised: Raised) -> Self {
        Model { name: name.to_string(), function, vocab, raised }
    }

    fn ask(&self, py: Python<'_>, at: &[Query<'_>], out: &mut [Row]) -> PyResult<Result<()>> {
        let prefixes: Vec<&[u32]> = at.iter().map(|query| query.context).collect();
        let answer = self.function.bind(py).call1((prefixes,))?;
        let (rows, _) = elements(&answer)?;
        let bad = |what: String| {
            let place = at.first().map_or(Place::default(), |q| Place::row(q.sequence, q.step));
            Ok(Err(Error::input(&self.name, place, what)))
        };
        let vocab = match (rows.axes(), at.len()) {
            (&[v], 1) => v,
            (&[n, v], asked) if n == asked => v,
            (axes, asked) => {
                let what = format!(
                    "gave an array of the shape {axes:?} for {asked} prefixes: a row for each, [{asked}, V]"
                );
                return bad(what);
            }
        };
        if let Some(expected) = self.vocab.filter(|&expected| expected != vocab) {
            return bad(format!("gave {vocab} logits, the vocabulary has {expected}"));
        }
        // the library's own reader: types and rounding are those of files
        let lent = tokpick::source::Loan::Array(rows);
        let name: std::path::PathBuf = self.name.clone().into();
        let layout = (at.len() > 1 || vocab > 0).then_some(tokpick::source::Layout::Tv);
        Ok(tokpick::source::lend(vec![(name.clone(), lent)], || {
            let open = tokpick::source::Open { layout, ..tokpick::source::Open::new(name) };
            let source = open.open()?;
            let Some(shared) = source.shared() else { return Ok(()) };
            for (step, row) in out.iter_mut().enumerate() {
                let query = Query { sequence: 0, step, context: &[], prompt_len: 0 };
                shared.read(&query, row)?;
            }
            Ok(())
        }))
    }
}

impl LogitsSource for Model {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> Shape {
        Shape::following(self.vocab, Access::ByStep)
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        out.resize_with(at.len(), Row::default);
        if at.is_empty() {
            return Ok(());
        }
        let answered = Python::attach(|py| self.ask(py, at, out));
        let answered = answered.unwrap_or_else(|raised| {
            let what = raised.to_string();
            *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(raised);
            Err(Error::input(&self.name, Place::default(), what))
        });
        if let Some(row) = out.first().filter(|_| answered.is_ok()) {
            self.vocab = Some(row.vocab);
        }
        answered
    }

    fn format(&self) -> Format {
        Format { name: "function".into(), axes: self.vocab.into_iter().collect(), ..Format::default() }
    }
}
