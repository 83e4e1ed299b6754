mod marked;

use std::io::{self, Write};

pub use marked::{By, page, svg};

use crate::check::{Score, ScoreTotal, ScoredToken};
use crate::render::kit::{Look, count_of, token, wrap};
use crate::render::{Table, Tokens};

impl Score {
    /// A row for each token, and the sums below. `several`: a heading says which line this is; `processed`: the numbers after the
    /// processors are shown, too.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn table(
        &self,
        tokens: Option<&Tokens>,
        several: bool,
        processed: bool,
        look: &Look,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        if several {
            writeln!(to, "line {}, sequence {}", self.line, self.sequence)?;
        }
        let mut table = Table::new(if processed { "rrddrdddl" } else { "rrdrdddl" }).keys(2);
        let shown = |columns: &mut Vec<String>| {
            if !processed {
                columns.remove(PROCESSED);
            }
            columns.truncate(columns.len() - usize::from(tokens.is_none()));
        };
        let named = ["step", "id", "logprob", "processed", "rank", "bits", "entropy", "cumulative", "token"];
        let mut heads = named.map(str::to_string).to_vec();
        shown(&mut heads);
        table.row(heads);
        for t in &self.tokens {
            let mut row = cells(t, tokens, look).to_vec();
            shown(&mut row);
            table.row(row);
        }
        table.write_within(look, to)?;
        self.sums(look, to)
    }

    /// The sums, in a line or two.
    fn sums(&self, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        lines(&self.sums_in_words(look), look, to)
    }

    /// How many tokens, their log-probability and perplexity; those after the processors where they are others.
    fn sums_in_words(&self, look: &Look) -> String {
        ScoreTotal::of(std::slice::from_ref(self)).words(look)
    }
}

impl ScoreTotal {
    /// The sums of all sequences, in a line or two; nothing for a single one, which has its own.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        match self.total_in_words(look) {
            Some(words) => lines(&words, look, to),
            None => Ok(()),
        }
    }

    /// The sums of several sequences.
    fn total_in_words(&self, look: &Look) -> Option<String> {
        let mean = self.mean_logprob.map(|mean| format!(", mean log-probability {}", look.number(mean)));
        (self.sequences > 1).then(|| {
            format!("all {} sequences: {}{}", self.sequences, self.words(look), mean.unwrap_or_default())
        })
    }

    fn words(&self, look: &Look) -> String {
        let both = |name: &str, raw: Option<f64>, processed: Option<f64>| {
            let (raw, processed) = (number(raw, look), number(processed, look));
            if raw == processed {
                format!("{name} {raw}")
            } else {
                format!("{name} {raw} (processed {processed})")
            }
        };
        let sums = match (self.logprob_at_most, self.perplexity_at_least) {
            (Some(most), least) => [
                format!("log-probability <= {}", look.number(most)),
                format!("perplexity >= {} (some tokens are not listed)", number(least, look)),
            ],
            (None, _) => [
                both("log-probability", self.logprob, self.processed_logprob),
                both("perplexity", self.perplexity, self.processed_perplexity),
            ],
        };
        let [logprob, perplexity] = sums;
        [count_of(self.tokens, "token"), logprob, perplexity].join(", ")
    }
}

fn lines(words: &str, look: &Look, to: &mut dyn Write) -> io::Result<()> {
    wrap(words, look.width).iter().try_for_each(|line| writeln!(to, "{line}"))
}

/// The column of the numbers after the processors.
const PROCESSED: usize = 3;

fn cells(t: &ScoredToken, tokens: Option<&Tokens>, look: &Look) -> [String; 9] {
    let number = |x| number(x, look);
    [
        t.step.to_string(),
        t.id.to_string(),
        t.logprob_at_most.map_or_else(|| number(t.logprob), |most| format!("<= {}", look.number(most))),
        number(t.processed_logprob),
        rank(t),
        least_bits(t).map_or_else(|| number(t.bits), |bits| format!(">= {}", look.number(bits))),
        number(Some(t.entropy)),
        number(t.cumulative_logprob),
        token(tokens, t.id),
    ]
}

/// The rank of a token; the best that it can have where the row leaves out what may be above it.
fn rank(t: &ScoredToken) -> String {
    if t.rank_is_exact { t.rank.to_string() } else { format!(">= {}", t.rank) }
}

/// What the surprise of a token that is not listed is at least, in bits.
fn least_bits(t: &ScoredToken) -> Option<f64> {
    t.logprob_at_most.map(|most| -most / std::f64::consts::LN_2)
}

fn number(x: Option<f64>, look: &Look) -> String {
    x.map_or_else(|| "-".to_string(), |x| look.number(x))
}
