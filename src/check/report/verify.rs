use std::io::{self, Write};

use super::small;
use crate::check::{Cause, Verdict, Verification};
use crate::render::Table;
use crate::render::kit::{Digits, Look, count_of};

impl Verification {
    /// The mismatches, and the summary below; `noise` and `alpha` are those that it was made with.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(
        &self,
        shown: usize,
        noise: f64,
        alpha: f64,
        look: &Look,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        let small = |x: Option<f64>| small(x, look.digits);
        let s = &self.summary;
        let mismatches: Vec<_> = self.mismatches().collect();
        if !mismatches.is_empty() {
            let mut table = Table::new("rrrrrlrrr").keys(2);
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
                    match m.explained {
                        _ if m.undecided => "undecided".to_string(),
                        Some(cause) => explained(cause).to_string(),
                        None => small(m.noise_probability),
                    },
                ]);
            }
            table.write_within(look.width, to)?;
            if mismatches.len() > shown {
                writeln!(to, "and {}", count_of(mismatches.len() - shown, "more mismatch"))?;
            }
        }
        match (s.undecided, s.steps - s.undecided) {
            (0, n) => writeln!(
                to,
                "{} of {} match ({})",
                s.matches,
                count_of(n, "step"),
                look.number(s.match_rate)
            )?,
            (_, 0) => writeln!(to, "none of {} can be decided", count_of(s.steps, "step"))?,
            (_, n) => {
                let n = count_of(n, "decided step");
                writeln!(to, "{} of {n} match ({})", s.matches, look.number(s.match_rate))?;
            }
        }
        writeln!(to, "mean clipped margin  {}", small(Some(s.mean_clipped_margin)))?;
        let most =
            if s.impossible > 0 { "a token that can't be drawn".to_string() } else { small(s.max_margin) };
        writeln!(to, "largest margin       {most}")?;
        if let Some(verdict) = &self.verdict {
            verdict_text(verdict, noise, look.digits, to)?;
        }
        let why = match (s.unexplained, noise == 0.0) {
            (0, _) => String::new(),
            (_, true) => {
                " (--logit-noise says how exact the logits are; here they count as exact)".to_string()
            }
            (_, false) => format!(
                " (noise of {noise} nats on the logits makes such a mismatch with less than p = {})",
                look.number(alpha)
            ),
        };
        let line = format!("{}{why}", count_of(s.unexplained, "mismatch"));
        let mut name = "not explained";
        let lines = crate::render::kit::wrap(&line, look.width.saturating_sub(21));
        for line in lines.into_iter().filter(|_| self.verdict.is_none()) {
            writeln!(to, "{name:<21}{line}")?;
            name = "";
        }
        if s.undecided > 0 {
            let what = format!(
                "{}: the rows leave out tokens that the draw depends on",
                count_of(s.undecided, "mismatch")
            );
            let mut name = "can't be decided";
            for line in crate::render::kit::wrap(&what, look.width.saturating_sub(21)) {
                writeln!(to, "{name:<21}{line}")?;
                name = "";
            }
        }
        if s.padding > 0 {
            writeln!(
                to,
                "padding              {} after an end token, not verified",
                count_of(s.padding, "id")
            )?;
        }
        Ok(())
    }
}

fn explained(by: Cause) -> &'static str {
    match by {
        Cause::Rounding => "rounding",
        Cause::Cut => "the cut",
        Cause::Noise => "noise",
        Cause::Nothing => "nothing",
    }
}

fn verdict_text(v: &Verdict, noise: f64, digits: Digits, to: &mut dyn Write) -> io::Result<()> {
    let t = &v.tolerance;
    let spacings = match t.spacings > 0.0 {
        true => format!(", or {} float32 spacings where that is more", t.spacings),
        false => String::new(),
    };
    writeln!(
        to,
        "explained by rounding {} (scores that differ by at most {:e}{spacings})",
        v.by_rounding, t.score
    )?;
    writeln!(
        to,
        "explained by the cut {} (at most {:e} of the mass from the edge of top-p)",
        v.by_cut, t.cut
    )?;
    if noise > 0.0 {
        writeln!(to, "explained by noise   {} (of {noise} on the logits)", v.by_noise)?;
    }
    writeln!(to, "not explained        {}", v.not_explained)?;
    let chance = if v.chance >= 1.0 { "1".to_string() } else { small(Some(v.chance), digits) };
    let verdict = if v.faithful { "as a faithful server draws" } else { "not as a faithful server draws" };
    writeln!(to, "verdict              {verdict} (the chance of so many mismatches is at most {chance})")
}
