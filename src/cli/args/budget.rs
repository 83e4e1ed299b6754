//! How far exact search goes.

use clap::Args;
use tokpick::Result;
use tokpick::sampler::Exact;

use crate::cli::note::note;

#[derive(Args, Clone)]
#[command(next_help_heading = "Beam search")]
pub struct BudgetArgs {
    /// Ask for at most N rows of each sequence; then the best found comes with a bound on what was missed
    #[arg(long, value_name = "N", allow_hyphen_values = true, requires = "exact")]
    max_nodes: Option<usize>,
}

impl BudgetArgs {
    /// Exact search for the best `n`, as far as it may go.
    ///
    /// # Errors
    /// `n` 0.
    pub fn search(&self, n: usize) -> Result<Exact> {
        let mut exact = Exact::new(n)?;
        exact.max_nodes = self.max_nodes;
        Ok(exact)
    }

    /// Says of each sequence that the budget ended its search, and of the others, if `all`, that they are exact.
    pub fn said(exact: &Exact, all: bool) {
        for outcome in exact.outcomes().iter().filter(|outcome| all || !outcome.is_exact()) {
            let (sequence, nodes, best) = (outcome.sequence, outcome.nodes, outcome.best);
            note(match outcome.bound {
                None => format!("sequence {sequence}: exact, after {nodes} rows"),
                Some(bound) => format!(
                    "sequence {sequence}: the node budget ended the search after {nodes} rows: the best found has log-probability \
                     {best:.6}, no other can have more than {bound:.6} (gap at most {:.6} nats)",
                    outcome.gap()
                ),
            });
        }
    }
}
