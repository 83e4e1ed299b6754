use std::io::{self, Write};

use super::small;
use crate::check::Verification;
use crate::render::Table;

impl Verification {
    /// The mismatches, and the summary below.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, shown: usize, noise: f64, to: &mut dyn Write) -> io::Result<()> {
        let s = &self.summary;
        let mismatches: Vec<_> = self.mismatches().collect();
        if !mismatches.is_empty() {
            let mut table = Table::new("rrrrrlrrr");
            table.row([
                "line",
                "step",
                "claimed",
                "drawn",
                "margin",
                "of",
                "p(claimed)",
                "p(drawn)",
                "p(noise)",
            ]);
            for m in mismatches.iter().take(shown) {
                table.row([
                    m.line.to_string(),
                    m.step.to_string(),
                    m.claimed.to_string(),
                    m.drawn.to_string(),
                    small(m.margin),
                    m.kind.to_string(),
                    small(m.probabilities()[0]),
                    small(m.probabilities()[1]),
                    small(m.noise_probability),
                ]);
            }
            table.write(to)?;
            if mismatches.len() > shown {
                writeln!(to, "and {} more mismatches", mismatches.len() - shown)?;
            }
        }
        writeln!(to, "{} of {} steps match ({:.4})", s.matches, s.steps, s.match_rate)?;
        writeln!(to, "mean clipped margin  {}", small(Some(s.mean_clipped_margin)))?;
        let most =
            if s.impossible > 0 { "a token that can't be drawn".to_string() } else { small(s.max_margin) };
        writeln!(to, "largest margin       {most}")?;
        writeln!(to, "not explained        {} by noise of {noise} on the logits", s.unexplained)?;
        if s.padding > 0 {
            writeln!(to, "padding              {} ids after an end token, not verified", s.padding)?;
        }
        Ok(())
    }
}
