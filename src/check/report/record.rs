use std::io::{self, Write};

use serde_json::Value;

use crate::check::{Divergence, Step};
use crate::render::kit::Digits;

impl Divergence {
    /// What differs first; `step` says how near the draw was, where one decided.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, step: Option<&Step>, to: &mut dyn Write) -> io::Result<()> {
        write!(to, "first divergence: ")?;
        if let (Some(sequence), Some(sample)) = (self.sequence, self.sample) {
            write!(to, "sequence {sequence}, sample {sample}")?;
            match (self.at, step) {
                (_, Some(step)) => write!(to, ", step {}", step.step)?,
                (Some(at), None) => write!(to, ", token {at}")?,
                (None, None) => {}
            }
            write!(to, ": ")?;
        }
        if let Some(file) = &self.file {
            let part = |of: &Value| match (of["sha256"].as_str(), &of["bytes"]) {
                (Some(sha256), bytes) => format!("SHA-256 {sha256} ({bytes} bytes)"),
                (None, _) => of.to_string(),
            };
            let (expected, found) = (part(&self.expected), part(&self.found));
            return writeln!(
                to,
                "the {} {file} has changed since the record was made: {found}, recorded {expected}",
                self.what
            );
        }
        writeln!(to, "{} {} expected, {} found", self.what, self.expected, self.found)?;
        let Some(step) = step.filter(|_| self.what == "id") else { return Ok(()) };
        let small = |x| super::small(x, Digits::Six);
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
