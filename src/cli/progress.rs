//! How far a long run is: a line on standard error, for who sits at a terminal.
//!
//! It appears after a second and is gone when results are shown there or the run ends. Where standard error is no terminal, rows
//! aren't counted.

use std::fmt::Write;
use std::io::{IsTerminal, stderr, stdout};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use tokpick::Result;
use tokpick::source::{LogitsSource, Shape, counting, until};
use tokpick::system::tidy_with_signals;

use super::host;

/// How long a run may take before it is shown.
const PATIENCE: Duration = Duration::from_secs(1);

static PROGRESS: Progress = Progress {
    began: OnceLock::new(),
    done: AtomicU64::new(0),
    total: AtomicU64::new(0),
    bar: OnceLock::new(),
    ended: AtomicBool::new(false),
};

/// That of the program, over all its inputs.
struct Progress {
    began: OnceLock<Instant>,
    /// Rows that were read.
    done: AtomicU64,
    /// Rows of the inputs; [`UNKNOWN`] if there is no telling.
    total: AtomicU64,
    bar: OnceLock<ProgressBar>,
    ended: AtomicBool,
}

/// More rows than there are.
const UNKNOWN: u64 = u64::MAX;

/// The source, its rows counted if a person is looking; inside another program, until that ends the run.
///
/// # Errors
/// As [`counting`] and [`until`].
pub fn watched(source: Box<dyn LogitsSource + Send>) -> Result<Box<dyn LogitsSource + Send>> {
    if let Some(stop) = host::stop() {
        return until(source, move || stop());
    }
    if host::wants().is_some() || !stderr().is_terminal() {
        return Ok(source);
    }
    PROGRESS.began.get_or_init(Instant::now);
    PROGRESS.total.store(PROGRESS.total.load(Relaxed).saturating_add(rows(&source.shape())), Relaxed);
    counting(source, |rows| PROGRESS.add(rows))
}

/// How many rows there are.
fn rows(shape: &Shape) -> u64 {
    let steps =
        shape.end_step.filter(|_| !shape.follows_prefix).map(|end| end.saturating_sub(shape.first_step));
    steps.map_or(UNKNOWN, |steps| (steps as u64).saturating_mul(shape.sequences.len() as u64))
}

impl Progress {
    fn add(&self, rows: usize) {
        let done = self.done.fetch_add(rows as u64, Relaxed) + rows as u64;
        let late = || self.began.get().is_some_and(|began| began.elapsed() >= PATIENCE);
        if self.ended.load(Relaxed) || (self.bar.get().is_none() && !late()) {
            return;
        }
        let total = self.total.load(Relaxed);
        let bar = self.bar.get_or_init(|| {
            // without it a Ctrl-C leaves the line behind, and nothing worse
            let _ = tidy_with_signals(end);
            bar(Some(total).filter(|total| *total != UNKNOWN))
        });
        // rows may be read more than once
        if done > total && bar.length().is_some() {
            bar.set_style(style(false));
            bar.unset_length();
        }
        bar.set_position(done);
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
    bar.set_style(style(total.is_some()));
    bar
}

/// Rows, rate and time left, where the end is known.
fn style(has_end: bool) -> ProgressStyle {
    let template = if has_end {
        "{bar:20} {human_pos} of {human_len} rows, {rate}, {left} left"
    } else {
        "{human_pos} rows, {rate}"
    };
    // what is no template is shown as indicatif shows things
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style
        .progress_chars("█▉▊▋▌▍▎▏ ")
        .with_key("rate", |state: &ProgressState, to: &mut dyn Write| {
            let _ = match rate(state) {
                rate if rate >= 10.0 => write!(to, "{}/s", HumanCount(rate as u64)),
                rate => write!(to, "{rate:.1}/s"),
            };
        })
        .with_key("left", |state: &ProgressState, to: &mut dyn Write| {
            let rows = state.len().unwrap_or(0).saturating_sub(state.pos());
            let left = Duration::try_from_secs_f64(rows as f64 / rate(state)).unwrap_or(Duration::MAX);
            let _ = write!(to, "{:#}", HumanDuration(left));
        })
}

/// Rows a second since the beginning.
fn rate(state: &ProgressState) -> f64 {
    let seconds = PROGRESS.began.get().map_or(0.0, |began| began.elapsed().as_secs_f64());
    state.pos() as f64 / seconds
}

/// Takes the line away for good: the run has ended.
pub fn end() {
    if let Some(bar) = PROGRESS.bar.get()
        && !PROGRESS.ended.swap(true, Relaxed)
    {
        bar.finish_and_clear();
    }
}

/// Takes the line away if it stands where results are about to be shown.
pub fn make_room() {
    if PROGRESS.bar.get().is_some() && stdout().is_terminal() {
        end();
    }
}

/// Says something while the line is there.
pub fn aside(say: impl FnOnce()) {
    match PROGRESS.bar.get() {
        Some(bar) if !PROGRESS.ended.load(Relaxed) => bar.suspend(say),
        _ => say(),
    }
}
