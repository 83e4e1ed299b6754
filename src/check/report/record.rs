use std::io::{self, Write};

use super::small;
use crate::check::{Divergence, Step};

impl Divergence {
    /// What differs first; `step` says how near the draw was, where one decided.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, step: Option<&Step>, to: &mut dyn Write) -> io::Result<()> {
        write!(to, "first divergence: sequence {}, sample {}", self.sequence, self.sample)?;
        match (self.at, step) {
            (_, Some(step)) => write!(to, ", step {}", step.step)?,
            (Some(at), None) => write!(to, ", token {at}")?,
            (None, None) => {}
        }
        writeln!(to, ": {} {} expected, {} found", self.what, self.expected, self.found)?;
        let Some(step) = step.filter(|_| self.what == "id") else { return Ok(()) };
        let [expected, found] = step.probabilities().map(small);
        writeln!(to, "probability: {expected} expected, {found} found")?;
        let (margin, none) = (small(step.margin), "the expected token could not be drawn at all".to_string());
        let near = match step.kind {
            "uniform" => format!("the uniform missed the expected token's interval by {margin}"),
            "score" => format!("the expected token lost the race by {margin} nats"),
            _ => none,
        };
        writeln!(to, "{near}")
    }
}
