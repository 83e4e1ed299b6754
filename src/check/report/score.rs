use std::io::{self, Write};

use super::fixed;
use crate::check::{Score, ScoredToken};
use crate::render::{Table, Tokens};

impl Score {
    /// A row for each token, and the sums below. `several`: a heading says which line this is.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, tokens: Option<&Tokens>, several: bool, to: &mut dyn Write) -> io::Result<()> {
        if several {
            writeln!(to, "line {}, sequence {}", self.line, self.sequence)?;
        }
        let mut table = Table::new("rrrrrrrrl");
        let named = ["step", "id", "logprob", "processed", "rank", "bits", "entropy", "cumulative", "token"];
        table.row(named.into_iter().take(if tokens.is_some() { 9 } else { 8 }));
        for t in &self.tokens {
            table.row(cells(t).into_iter().chain(tokens.map(|s| format!("{:?}", s.text(&[t.id])))));
        }
        table.write(to)?;
        writeln!(
            to,
            "{} tokens, log-probability {} (processed {}), perplexity {} (processed {})",
            self.tokens.len(),
            fixed(self.logprob),
            fixed(self.processed_logprob),
            fixed(self.perplexity),
            fixed(self.processed_perplexity),
        )
    }
}

fn cells(t: &ScoredToken) -> [String; 8] {
    [
        t.step.to_string(),
        t.id.to_string(),
        fixed(t.logprob),
        fixed(t.processed_logprob),
        t.rank.to_string(),
        fixed(t.bits),
        fixed(Some(t.entropy)),
        fixed(t.cumulative_logprob),
    ]
}
