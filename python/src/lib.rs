//! tokpick for Python. Nothing is decoded here: a call becomes a command line, whose inputs are lent and whose results are taken as values.

mod array;
#[cfg(feature = "bench")]
mod library;
mod model;
mod signals;
mod table;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::PoisonError;

use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use tokpick::command::{self, Call, Instead, Taken, Want};
use tokpick::hypothesis::Hypothesis;
use tokpick::source::Loan;

use crate::model::{Model, Raised};

create_exception!(tokpick, Error, PyValueError, "What is wrong, where, and what to do.");

/// Logits below which threads cost more than they give.
const WORTH_THREADS: usize = 1 << 20;

/// What a call is lent: names, and arrays or functions (with the size of their vocabulary, where it is known).
#[derive(Default)]
struct Loans {
    loans: Vec<(PathBuf, Loan)>,
    /// Elements of the largest array.
    largest: usize,
    /// How many axes the logits have, if they are an array.
    axes: Option<usize>,
    raised: Raised,
}

impl Loans {
    fn new(given: &Bound<'_, PyList>) -> PyResult<Loans> {
        let mut loans = Loans::default();
        for item in given.iter() {
            let (name, lent, vocab): (String, Bound<'_, PyAny>, Option<usize>) = item.extract()?;
            let loan = if lent.is_callable() && !lent.hasattr("__dlpack__")? && !lent.hasattr("__array__")? {
                Loan::source(Model::new(&name, lent.unbind(), vocab, loans.raised.clone()))
            } else {
                let (elements, _) = array::elements(&lent)?;
                loans.largest = loans.largest.max(array::product(elements.axes()));
                if name == "logits" {
                    loans.axes = Some(elements.axes().len());
                }
                Loan::Array(elements)
            };
            loans.loans.push((name.into(), loan));
        }
        Ok(loans)
    }
}

/// The exception of a model, else the error.
fn raise(raised: &Raised, failure: command::Failure) -> PyErr {
    let raised = raised.lock().unwrap_or_else(PoisonError::into_inner).take();
    raised.unwrap_or_else(|| Error::new_err(failure.0))
}

/// Runs a command line on what is lent, without the interpreter's lock.
///
/// `want` is what is taken of it: `text`, `ids`, `run` or `rows`.
#[pyfunction]
#[pyo3(signature = (words, loans, want, logprobs=false, record=false, threads=None))]
fn call<'py>(
    py: Python<'py>,
    words: Vec<OsString>,
    loans: &Bound<'py, PyList>,
    want: &str,
    logprobs: bool,
    record: bool,
    threads: Option<usize>,
) -> PyResult<Bound<'py, PyDict>> {
    let Loans { loans, largest, axes, raised } = Loans::new(loans)?;
    let ids_alone = want == "ids";
    let want = match want {
        "ids" => Want::Run { logprobs: false, record: false },
        "run" => Want::Run { logprobs: logprobs || record, record },
        "rows" => Want::Rows,
        _ => Want::Text,
    };
    let default = if largest < WORTH_THREADS { 1 } else { 0 };
    let stop = Some(signals::stop(raised.clone()));
    let call = Call { words, loans, threads: threads.unwrap_or(default), stop };
    let done = py.detach(|| call.run(want));
    let (holds, taken) = done.map_err(|failure| raise(&raised, failure))?;
    let result = PyDict::new(py);
    if ids_alone {
        let found = taken.run.map(|run| run.found).unwrap_or_default().into_iter();
        let found =
            found.map(|h| (h.sequence, h.sample, bytes(py, h.ids.iter().flat_map(|id| id.to_ne_bytes()))));
        result.set_item("ids", found.collect::<Vec<_>>())?;
        result.set_item("notes", taken.notes)?;
    } else {
        result.set_item("holds", holds)?;
        fill(&result, taken)?;
    }
    result.set_item("axes", axes)?;
    Ok(result)
}

/// Repeats the run of a record on what is lent; JSON. `path` is where the record lies, `instead` what stands in the place of its input: a
/// path, or logits.
#[pyfunction]
#[pyo3(signature = (record, loans, path=None, instead=None))]
fn verify<'py>(
    py: Python<'py>,
    record: &str,
    loans: &Bound<'py, PyList>,
    path: Option<PathBuf>,
    instead: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let Loans { loans, raised, .. } = Loans::new(loans)?;
    let instead = instead.map(|given| match given.extract::<PathBuf>() {
        Ok(path) => Ok(Instead::File(path)),
        Err(_) => array::elements(&given).map(|(elements, _)| Instead::Lent(Loan::Array(elements))),
    });
    let stop = signals::stop(raised.clone());
    let (instead, path) = (instead.transpose()?, path.unwrap_or_else(|| "the record".into()));
    let done = py.detach(|| command::verify(record, &path, loans, instead, Some(stop)));
    let (found, taken) = done.map_err(|failure| raise(&raised, failure))?;
    let result = PyDict::new(py);
    result.set_item("found", found.to_string())?;
    fill(&result, taken)?;
    Ok(result)
}

fn fill(result: &Bound<'_, PyDict>, taken: Taken) -> PyResult<()> {
    let py = result.py();
    result.set_item("notes", taken.notes)?;
    result.set_item("output", PyBytes::new(py, &taken.output))?;
    if let Some(run) = taken.run {
        result.set_item("draw", run.head.draw)?;
        result.set_item("seed", run.head.seed.map(|seed| seed.to_string()))?;
        result.set_item("chain", run.head.chain.to_string())?;
        result.set_item("record", run.record.map(|record| to_json(&record)).transpose()?)?;
        let found = run.found.into_iter().map(|h| hypothesis(py, h)).collect::<PyResult<Vec<_>>>()?;
        let names = run.names.into_iter().map(|(sequence, name)| (sequence, name.to_string()));
        result.set_item("names", names.collect::<Vec<_>>())?;
        for (one, (text, stop)) in found.iter().zip(run.texts) {
            one.set_item("text", text)?;
            one.set_item("stop_reason", stop)?;
        }
        result.set_item("found", found)?;
    }
    let rows = taken.rows.into_iter().map(|(row, vocab)| {
        let ids = bytes(py, row.ids.iter().flat_map(|id| id.to_ne_bytes()));
        let probs = bytes(py, row.probs.iter().flat_map(|p| p.to_ne_bytes()));
        (row.sequence, row.step, vocab, ids, probs)
    });
    result.set_item("rows", rows.collect::<Vec<_>>())
}

fn to_json(record: &tokpick::check::Record) -> PyResult<String> {
    let mut text = Vec::new();
    record.write(&mut text)?;
    String::from_utf8(text).map_err(|e| PyValueError::new_err(e.to_string()))
}

fn bytes<'py>(py: Python<'py>, from: impl Iterator<Item = u8>) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &from.collect::<Vec<u8>>())
}

/// A hypothesis as the arguments of `Sequence`.
fn hypothesis(py: Python<'_>, h: Hypothesis) -> PyResult<Bound<'_, PyDict>> {
    let all = PyDict::new(py);
    all.set_item("sequence", h.sequence)?;
    all.set_item("sample", h.sample)?;
    all.set_item("ids", bytes(py, h.ids.iter().flat_map(|id| id.to_ne_bytes())))?;
    all.set_item("logprobs", h.logprobs)?;
    all.set_item("processed_logprobs", h.processed_logprobs)?;
    all.set_item("logprob", h.logprob)?;
    all.set_item("score", h.score)?;
    all.set_item("perturbed", h.perturbed)?;
    all.set_item("bound", h.bound)?;
    let reason = serde_json::to_value(h.finish_reason).ok();
    all.set_item("finish_reason", reason.as_ref().and_then(|reason| reason.as_str()))?;
    Ok(all)
}

/// The program `tokpick`; its exit status.
#[pyfunction]
fn main(py: Python<'_>, words: Vec<OsString>) -> u8 {
    py.detach(|| command::run(words))
}

/// The flags of a command: name, whether it takes a value, whether the value may be left out, whether it may be repeated, whether the
/// value is a file; what the value is called, and what the flag does.
#[pyfunction]
fn flags(command: &str) -> Vec<(String, bool, bool, bool, bool, String, String)> {
    let all = command::flags(command).into_iter();
    all.map(|f| (f.long, f.takes_value, f.optional, f.repeats, f.is_file, f.value_name, f.help)).collect()
}

/// A chain as JSON.
#[pyfunction]
fn chain(text: &str) -> PyResult<String> {
    command::chain(text).map_err(|failure| Error::new_err(failure.0))
}

/// Axes and type of an array as it would be read, and whether it is read where it lies.
#[pyfunction]
fn look(logits: &Bound<'_, PyAny>) -> PyResult<(Vec<usize>, String, bool)> {
    let (elements, in_place) = array::elements(logits)?;
    Ok((elements.axes().to_vec(), elements.descr().to_string(), in_place))
}

#[pymodule(gil_used = false)]
mod _tokpick {
    #[cfg(feature = "bench")]
    #[pymodule_export]
    use super::library::library;
    #[pymodule_export]
    use super::table::table;
    #[pymodule_export]
    use super::{Error, call, chain, flags, look, main, verify};
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
