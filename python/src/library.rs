//! What `tokpick.sample` is held against: the library on the same array, without a command line. Built for `tools/speed.py` alone.

use pyo3::prelude::*;
use tokpick::draw::Addressed;
use tokpick::sampler::{Job, Sample, Sampler};
use tokpick::settings;
use tokpick::source::{Loan, Open, lend};

use crate::{Error, array};

/// The ids that the library draws, in one thread.
#[pyfunction]
pub fn library(py: Python<'_>, logits: &Bound<'_, PyAny>, chain: &str, seed: u64) -> PyResult<Vec<u32>> {
    let (elements, _) = array::elements(logits)?;
    let loan = vec![("logits".into(), Loan::Array(elements))];
    let found = py.detach(|| {
        lend(loan, || {
            let chain = settings::chain(chain)?;
            let mut source = Open::new("logits").open()?;
            Sample::new(Addressed::new(seed)).decode(source.as_mut(), &Job::new(&chain))
        })
    });
    let found = found.map_err(|e| Error::new_err(e.to_string()))?;
    Ok(found.into_iter().flat_map(|h| h.ids).collect())
}
