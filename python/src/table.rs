//! Rows of a table, each with its own address.

use std::ffi::OsString;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict};
use tokpick::command::{Address, SparseRows, Table};
use tokpick::source::Loan;

use crate::model::Raised;
use crate::{array, raise, signals};

/// Numbers of one type, from the bytes of an array.
fn numbers<T, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| number(*chunk)).collect()
}

/// Where a row stands: its sequence and first step, its seed, prompt and prefix.
type Place = (usize, usize, Option<String>, Vec<u32>, Vec<u32>);

/// Decodes the rows of a table. `logits` is an array `[n, V]` or `[n, T, V]`, or the bytes of offsets (u64), ids (u32) and numbers (f32) of
/// sparse rows; a row is a [`Place`].
///
/// Gives the results of all rows in columns, and the row where it fails.
#[pyfunction]
#[pyo3(signature = (words, logits, rows, vocab, logprobs, threads))]
pub fn table<'py>(
    py: Python<'py>,
    words: Vec<OsString>,
    logits: &Bound<'py, PyAny>,
    rows: Vec<Place>,
    vocab: Option<usize>,
    logprobs: bool,
    threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let lent: Box<dyn Fn() -> Loan + Send + Sync> = if let Ok((offsets, ids, values)) =
        logits.extract::<(PyBackedBytes, PyBackedBytes, PyBackedBytes)>()
    {
        let sparse = SparseRows {
            offsets: numbers(&offsets, |b| u64::from_ne_bytes(b) as usize).into(),
            ids: numbers(&ids, u32::from_ne_bytes).into(),
            logits: numbers(&values, f32::from_ne_bytes).into(),
            vocab,
        };
        Box::new(move || Loan::source(sparse.clone()))
    } else {
        let (elements, _) = array::elements(logits)?;
        Box::new(move || Loan::Array(elements.clone()))
    };
    let rows = rows.into_iter().map(|(sequence, step, seed, prompt, prefix)| Address {
        sequence,
        step,
        seed,
        prompt,
        prefix,
    });
    let raised = Raised::default();
    let (rows, stop) = (rows.collect(), Some(signals::stop(raised.clone())));
    let table = Table { words, name: "logits".into(), logits: lent, rows, logprobs, threads, stop };
    let result = PyDict::new(py);
    let (found, notes) = match py.detach(|| table.decode()) {
        Ok(decoded) => decoded,
        Err((row, failure)) => {
            let error = raise(&raised, failure);
            error.value(py).setattr("row", row)?;
            return Err(error);
        }
    };
    result.set_item("notes", notes)?;
    let all = || found.iter().flatten();
    let bytes = |bytes: Vec<u8>| PyBytes::new(py, &bytes);
    let number = |x: &Option<f64>| x.unwrap_or(f64::NAN).to_ne_bytes();
    result.set_item("counts", found.iter().map(Vec::len).collect::<Vec<_>>())?;
    result.set_item("lengths", all().map(|h| h.ids.len()).collect::<Vec<_>>())?;
    result.set_item("ids", bytes(all().flat_map(|h| &h.ids).flat_map(|id| id.to_ne_bytes()).collect()))?;
    result.set_item("logprobs", bytes(all().flat_map(|h| &h.logprobs).flat_map(number).collect()))?;
    result.set_item("logprob", bytes(all().flat_map(|h| number(&h.logprob)).collect()))?;
    let reasons = all().map(|h| serde_json::to_value(h.finish_reason).ok());
    let reasons = reasons.map(|reason| Some(reason?.as_str()?.to_string()));
    result.set_item("finish_reason", reasons.collect::<Vec<_>>())?;
    Ok(result)
}
