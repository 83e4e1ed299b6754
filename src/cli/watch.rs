//! Recording a run: its trace, and the rows that it asked for.

use tokpick::render::TraceWriter;
use tokpick::source::{LogitsSource, Recorder};
use tokpick::trace::Trace;
use tokpick::{Error, Result};

use super::args::WatchArgs;
use super::out::Out;

/// The files that a run is recorded in. They get their names when [`finish`](Self::finish) is called, whether the run went well or
/// not, unless nothing was recorded: the rows of a model that failed, and the trace up to there, are worth keeping.
pub struct Watch {
    trace: Option<Out>,
    trace_top: usize,
    table: Option<Out>,
    /// How many events and rows were recorded.
    events: usize,
    rows: usize,
}

impl Watch {
    /// Opens the files.
    ///
    /// # Errors
    /// A file that can't be made.
    pub fn open(args: &WatchArgs) -> Result<Watch> {
        let open = |path: &Option<_>| path.as_deref().map(|path| Out::open(Some(path))).transpose();
        let (trace, table) = (open(&args.trace)?, open(&args.record_table)?);
        Ok(Watch { trace, trace_top: args.trace_top, table, events: 0, rows: 0 })
    }

    /// Hands a source and a trace that record to a run.
    ///
    /// # Errors
    /// Those of the run; what can't be recorded or written.
    pub fn run(
        &mut self,
        source: &mut dyn LogitsSource,
        run: impl FnOnce(&mut dyn LogitsSource, &mut dyn Trace) -> Result<()>,
    ) -> Result<()> {
        let Watch { trace, trace_top, table, events, rows } = self;
        let record = |source: &mut dyn LogitsSource, trace: &mut dyn Trace| {
            let Some(out) = table else { return run(source, trace) };
            let file = out.name().to_string();
            let mut recorder = Recorder::new(source, file, out.writer())?;
            let done = run(&mut recorder, trace);
            *rows = recorder.len();
            done
        };
        let Some(out) = trace else { return record(source, &mut ()) };
        let file = out.name().to_string();
        let mut trace = TraceWriter::new(out.writer(), *trace_top).named(source.ids());
        let done = record(source, &mut trace);
        *events = trace.len();
        let written = trace.finish().map(drop).map_err(|source| Error::Io { file, source });
        done.and(written)
    }

    /// Gives the files their names, after a run that went well or not.
    ///
    /// # Errors
    /// A write that failed.
    pub fn finish(self, went_well: bool) -> Result<()> {
        let keep = |out: Option<Out>, recorded: usize| match out {
            Some(out) if went_well || recorded > 0 => out.finish(),
            _ => Ok(()),
        };
        keep(self.trace, self.events).and(keep(self.table, self.rows))
    }
}
