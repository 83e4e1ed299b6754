use std::io::{self, Write};

use super::small;
use crate::check::{Explained, Verdict, Verification};
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
                if self.verdict.is_some() { "explained by" } else { "p(noise)" },
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
                    m.explained.map_or_else(|| small(m.noise_probability), |e| explained(e).to_string()),
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
        match &self.verdict {
            None => writeln!(to, "not explained        {} by noise of {noise} on the logits", s.unexplained)?,
            Some(verdict) => verdict_text(verdict, noise, to)?,
        }
        if s.padding > 0 {
            writeln!(to, "padding              {} ids after an end token, not verified", s.padding)?;
        }
        Ok(())
    }
}

fn explained(by: Explained) -> &'static str {
    match by {
        Explained::Rounding => "rounding",
        Explained::Cut => "the cut",
        Explained::Noise => "noise",
        Explained::Nothing => "nothing",
    }
}

fn verdict_text(v: &Verdict, noise: f64, to: &mut dyn Write) -> io::Result<()> {
    let t = &v.tolerance;
    writeln!(to, "explained by rounding {} (scores that differ by at most {:e})", v.by_rounding, t.score)?;
    writeln!(
        to,
        "explained by the cut {} (at most {:e} of the mass from the edge of top-p)",
        v.by_cut, t.cut
    )?;
    if noise > 0.0 {
        writeln!(to, "explained by noise   {} (of {noise} on the logits)", v.by_noise)?;
    }
    writeln!(to, "not explained        {}", v.not_explained)?;
    let chance = if v.chance >= 1.0 { "1".to_string() } else { format!("{:.2e}", v.chance) };
    let verdict = if v.faithful { "as a faithful server draws" } else { "not as a faithful server draws" };
    writeln!(to, "verdict              {verdict} (the chance of so many mismatches is at most {chance})")
}
