use std::io::{self, Write};

use super::small;
use crate::check::{Cause, Verdict, Verification};
use crate::render::Table;
use crate::render::kit::{Look, count_of};

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
            table.write_within(look, to)?;
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
        look.say("largest margin       ", &most, to)?;
        if let Some(verdict) = &self.verdict {
            verdict_text(verdict, noise, look, to)?;
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
        if self.verdict.is_none() {
            look.say("not explained        ", &line, to)?;
        }
        if s.undecided > 0 {
            let what = format!(
                "{}: the rows leave out tokens that the draw depends on",
                count_of(s.undecided, "mismatch")
            );
            look.say("can't be decided     ", &what, to)?;
        }
        if s.padding > 0 {
            let what = format!("{} after an end token, not verified", count_of(s.padding, "id"));
            look.say("padding              ", &what, to)?;
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

fn verdict_text(v: &Verdict, noise: f64, look: &Look, to: &mut dyn Write) -> io::Result<()> {
    let t = &v.tolerance;
    let spacings = match t.spacings > 0.0 {
        true => format!(", or {} float32 spacings where that is more", t.spacings),
        false => String::new(),
    };
    let rounding = format!("{} (scores that differ by at most {:e}{spacings})", v.by_rounding, t.score);
    look.say("explained by rounding ", &rounding, to)?;
    let cut = format!("{} (at most {:e} of the mass from the edge of top-p)", v.by_cut, t.cut);
    look.say("explained by the cut ", &cut, to)?;
    if noise > 0.0 {
        look.say("explained by noise   ", &format!("{} (of {noise} on the logits)", v.by_noise), to)?;
    }
    look.say("not explained        ", &v.not_explained.to_string(), to)?;
    let chance = if v.chance >= 1.0 { "1".to_string() } else { small(Some(v.chance), look.digits) };
    let verdict = if v.faithful { "as a faithful server draws" } else { "not as a faithful server draws" };
    let verdict = format!("{verdict} (the chance of so many mismatches is at most {chance})");
    look.say("verdict              ", &verdict, to)
}
