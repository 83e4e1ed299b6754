//! What is likely wrong with how an input is read.

use super::{Layout, LogitsSource, Query, Row, Wrapper, probs};
use crate::Result;

type Source = Box<dyn LogitsSource + Send>;

/// Lets a source say what is probably not meant, once and as early as it is known: rows that are probabilities, and three axes
/// that look like `[T, B, V]` and are read as `[B, T, V]` because nobody gave a layout (`layout` is the one that was given). What its
/// reader [noticed](LogitsSource::notes) is said, too.
///
/// ```
/// use std::sync::mpsc;
/// use tokpick::source::{Open, remarking};
/// let (send, said) = mpsc::channel();
/// let source = Open::new("p.json").read(&b"[[0.25, 0.75], [0.5, 0.5]]"[..])?;
/// let _source = remarking(source, None, Box::new(move |text| drop(send.send(text))));
/// assert!(said.recv().unwrap().starts_with("p.json: its rows are from 0 to 1 and sum to 1"));
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn remarking(source: Source, layout: Option<Layout>, mut say: Box<dyn FnMut(String) + Send>) -> Source {
    if let ([first, second, _], None) = (&source.format().axes[..], layout)
        && (*second == 1 && *first > 1 || *first >= 8 * *second)
    {
        let steps = if *second == 1 { "1 step".into() } else { format!("{second} steps") };
        say(format!(
            "{}: read as {first} sequences of {steps}, [B, T, V]; if the first axis is the steps, as in stacked \
             output_logits, give `Layout::Tbv`",
            source.name()
        ));
    }
    for what in source.notes() {
        say(format!("{}: {what}", source.name()));
    }
    let shape = source.shape();
    if let Some(rows) = source.shared() {
        // the next rows must look the same, where there are some
        let end = shape.end_step.unwrap_or(shape.first_step + 1).min(shape.first_step + 4);
        let mut row = Row::default();
        let mut all = (shape.first_step..end).map(|step| {
            let query = Query { sequence: shape.sequences.start, step, context: &[0], prompt_len: 1 };
            // what is wrong with a row is said when it is asked for
            rows.read(&query, &mut row).is_ok() && probs::look_like(&row)
        });
        if !shape.sequences.is_empty() && shape.first_step < end && all.all(|is| is) {
            say(remark(source.name()));
        }
        return source;
    }
    Box::new(Listening { source, say: Some(say) })
}

fn remark(name: &str) -> String {
    format!(
        "{name}: its rows are from 0 to 1 and sum to 1: probabilities, which are read as logits here; `Open::probs` reads them as \
         what they are"
    )
}

/// A source of which a row is not known before it is asked for.
struct Listening {
    source: Source,
    say: Option<Box<dyn FnMut(String) + Send>>,
}

impl Wrapper for Listening {
    fn inner(&self) -> &dyn LogitsSource {
        self.source.as_ref()
    }

    fn inner_mut(&mut self) -> &mut dyn LogitsSource {
        self.source.as_mut()
    }

    fn rows_around(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        self.source.rows(at, out)?;
        if let Some(mut say) = self.say.take()
            && out.first().is_some_and(probs::look_like)
        {
            say(remark(self.source.name()));
        }
        Ok(())
    }
}
