use std::io::{self, Write};

use super::small;
use crate::TokenId;
use crate::check::{MaskReport, MaskedLogprobs};
use crate::render::kit::{Look, count_of};
use crate::render::{Table, Tokens};

impl MaskReport {
    /// The steps that differ, the first `shown` of them, and the sum.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(
        &self,
        shown: usize,
        tokens: Option<&Tokens>,
        look: &Look,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        if !self.differing.is_empty() {
            let mut table = Table::new("rrrrdww").keys(2);
            table.row(["sequence", "step", "kept", "in mask", "mass", "missing", "extra"]);
            for d in self.differing.iter().take(shown) {
                table.row([
                    d.sequence.to_string(),
                    d.step.to_string(),
                    d.kept.to_string(),
                    d.masked.to_string(),
                    small(Some(d.missing_mass), look.digits),
                    ids(&d.missing, tokens),
                    ids(&d.extra, tokens),
                ]);
            }
            table.write_within(look, to)?;
            let left = self.differing.len().saturating_sub(shown);
            if left > 0 {
                writeln!(to, "and {}", count_of(left, "more step"))?;
            }
        }
        look.say("", &format!("{} of {} agree with the mask", self.agree, count_of(self.rows, "step")), to)?;
        if self.unsaid > 0 {
            look.say("", &format!("the mask says nothing about {}", count_of(self.unsaid, "step")), to)?;
        }
        aside(self.surplus, self.taken_outside, look, to)?;
        if self.max_missing_mass > 0.0 {
            writeln!(to, "largest missing mass {}", small(Some(self.max_missing_mass), look.digits))?;
        }
        Ok(())
    }
}

impl MaskedLogprobs {
    /// Steps that met no token, and tokens outside of their mask, where there are any.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        aside(self.surplus, self.taken_outside, look, to)
    }
}

/// What the mask and the tokens lack of each other.
fn aside(surplus: usize, taken_outside: usize, look: &Look, to: &mut dyn Write) -> io::Result<()> {
    if surplus > 0 {
        let are = if surplus == 1 { "is" } else { "are" };
        look.say("", &format!("{} of the mask {are} held against no token", count_of(surplus, "step")), to)?;
    }
    match taken_outside {
        0 => Ok(()),
        1 => look.say("", "1 token that was taken is not in its mask", to),
        n => look.say("", &format!("{n} tokens that were taken are not in their mask"), to),
    }
}

/// How many ids of a list are shown.
const SHOWN: usize = 8;

fn ids(ids: &[TokenId], tokens: Option<&Tokens>) -> String {
    let mut words: Vec<String> =
        ids.iter().take(SHOWN).map(|id| crate::render::kit::token(tokens, *id)).collect();
    if ids.len() > SHOWN {
        words.push(format!("and {} more", ids.len() - SHOWN));
    }
    words.join(" ")
}
