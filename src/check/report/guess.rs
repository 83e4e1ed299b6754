use std::io::{self, Write};

use super::small;
use crate::check::{Attempt, Guess};
use crate::render::kit::Look;

impl Guess {
    /// What explains the ids, or comes nearest; and what could not be tried.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        if self.explained.is_empty() {
            writeln!(to, "none of {} recipes draws all the ids", self.tried)?;
        } else {
            writeln!(to, "draws every id ({} recipes tried):", self.tried)?;
        }
        let mut say = |label: &str, words: &str| look.say(label, words, to);
        for attempt in &self.explained {
            say("  ", &attempt.to_string())?;
        }
        if !self.partial.is_empty() {
            say("", "in part:")?;
        }
        for attempt in &self.partial {
            say("  ", &format!("{attempt}: {} of {}", attempt.matches, attempt.compared))?;
        }
        if let Some(c) = &self.chance {
            let needed =
                c.needed.map_or("no number of such ids is".to_string(), |n| format!("{n} such ids are"));
            let beyond = if c.is_beyond() { "beyond chance" } else { "chance may explain it" };
            let (all, expected) = (c.addresses, small(Some(c.expected), look.digits));
            say(
                "addresses: ",
                &format!(
                    "{all} tried, of which {expected} draw these ids by chance: {beyond}; {needed} needed for one in a thousand"
                ),
            )?;
        }
        if !self.refused.is_empty() {
            say("", "not tried:")?;
        }
        for (name, why) in &self.refused {
            let why = why.strip_prefix(&format!("{name}: ")).unwrap_or(why);
            say(&format!("  {name}: "), why)?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use crate::check::Convention::{Alone, Batch, InTurn, SeedPlusRow};
        let r = &self.recipe;
        write!(f, "{}", r.draw)?;
        if !r.order.is_empty() {
            write!(f, ", order {}", r.order.join(", "))?;
        }
        match self.same_orders.len() {
            0 => {}
            1 => write!(f, " (or {})", self.same_orders[0].join(", "))?,
            n => write!(f, " (or {n} other orders)")?,
        }
        if !r.assumed.is_empty() {
            write!(f, ", with {}", r.assumed.join(", "))?;
        }
        f.write_str(match r.convention {
            None => "",
            Some(Batch) => ", the sequences as one batch",
            Some(Alone) => ", each sequence alone with the same seed",
            Some(SeedPlusRow) => ", each sequence alone with seed + its number",
            Some(InTurn) => ", one sequence after the other from one generator",
        })?;
        match &r.layout {
            Some(layout) => write!(f, ", layout {layout}"),
            None => Ok(()),
        }
    }
}
