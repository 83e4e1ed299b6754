//! Ctrl-C: Python remembers a signal until one asks for it in its main thread, which no one does while a run lasts.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use tokpick::command::Stop;

use crate::model::Raised;

/// How long a run goes on before the interpreter's lock is taken again.
const PAUSE: Duration = Duration::from_millis(50);

/// Ends a run where a signal raises an exception, which is left in `raised`. The thread that makes it is the one that asks.
pub fn stop(raised: Raised) -> Stop {
    let (caller, ended, last) = (thread::current().id(), AtomicBool::new(false), Mutex::new(Instant::now()));
    Arc::new(move || {
        if ended.load(Relaxed) {
            return true;
        }
        if thread::current().id() != caller {
            return false;
        }
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() < PAUSE {
            return false;
        }
        *last = Instant::now();
        // an interpreter that ends has other worries
        let Some(Err(exception)) = Python::try_attach(|py| py.check_signals()) else { return false };
        raised.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(exception);
        ended.store(true, Relaxed);
        true
    })
}
