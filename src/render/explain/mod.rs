//! What each stage of a chain did to a distribution, and how a token was drawn from what it left: a view of the trace.

mod page;
mod picture;
mod ruler;
mod text;
mod watch;

use serde::Serialize;
use serde_json::{Value, json};

pub use page::page;
pub use picture::svg;
pub use text::text;
pub use watch::Explain;

use super::Tokens;
use crate::TokenId;

/// A step, as the trace told it: every stage's distribution over the tokens that are shown, and the draw.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Step of the input, absolute.
    pub step: usize,
    /// The prompt.
    pub prompt: Vec<TokenId>,
    /// What was generated before this step.
    pub generated: Vec<TokenId>,
    /// The raw row, then each stage that ran, in order. A stage at its disabling value does not run.
    pub stages: Vec<Stage>,
    /// The tokens that are shown, the most probable of the raw row first.
    pub tokens: Vec<Shown>,
    /// The draw.
    pub draw: Drawn,
}

/// What a stage left.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stage {
    /// The name of the stage with its value: `top-p 0.9`; `raw` for the row.
    pub name: String,
    /// −Σ p ln p, in nats.
    pub entropy: f64,
    /// exp(entropy): as many equally probable tokens are as uncertain.
    pub effective: f64,
    /// How many tokens it left.
    pub kept: usize,
    /// What those had before this stage: 1 where it removed nothing.
    pub kept_mass: f64,
    /// The tokens that are not shown: how many of them it left.
    pub tail: usize,
    /// What these have together.
    pub tail_mass: f64,
}

/// A token that is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// The token.
    pub id: TokenId,
    /// Its probability after each stage; `None` once it is removed.
    pub probs: Vec<Option<f64>>,
}

/// How the token was chosen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drawn {
    /// The token.
    pub id: TokenId,
    /// How many tokens it was chosen from.
    pub candidates: usize,
    /// Where the uniform of an inverse-CDF draw fell.
    pub uniform: Option<f64>,
    /// The intervals of the tokens in [0, 1), in the order in which the draw walks them: the widest of them, and that of the token.
    pub intervals: Vec<Interval>,
    /// ln p of the token in what it was drawn from.
    pub logprob: Option<f64>,
    /// The noise that won a race.
    pub noise: Option<f64>,
    /// The race: those of the tokens that are shown who took part, and its first three; the winner first.
    pub race: Vec<Runner>,
    /// Who came second.
    pub runner_up: Option<RunnerUp>,
}

/// A token's part of [0, 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The token.
    pub id: TokenId,
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
}

/// One who took part in a race.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Runner {
    /// The token.
    pub id: TokenId,
    /// Its ln p in what was drawn from.
    pub logprob: Option<f64>,
    /// Its noise, where the draw tells.
    pub noise: Option<f64>,
    /// How far it was behind the winner, in nats, noise included.
    pub behind: f64,
}

/// The second of a race.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RunnerUp {
    /// The token.
    pub id: TokenId,
    /// How far it was behind, in nats, noise included.
    pub behind: f64,
    /// Its ln p in what was drawn from.
    pub logprob: Option<f64>,
}

impl Drawn {
    /// The interval of the token that was drawn.
    fn own(&self) -> Option<&Interval> {
        self.intervals.iter().find(|i| i.id == self.id)
    }

    /// The race in numbers: ln p, noise, their sum, and how far behind the winner; what is not known is a `-`.
    fn runners(&self) -> impl Iterator<Item = [String; 4]> + '_ {
        let number = |x: Option<f64>| x.map_or("-".to_string(), |x| format!("{x:.4}"));
        self.race.iter().map(move |r| {
            let sum = r.logprob.zip(r.noise).map(|(l, g)| l + g);
            [number(r.logprob), number(r.noise), number(sum), number(Some(r.behind))]
        })
    }

    /// The draw in words.
    fn words(&self, name: impl Fn(TokenId) -> String) -> String {
        let token = name(self.id);
        if let (Some(u), Some(own)) = (self.uniform, self.own()) {
            let lone = if self.candidates == 1 { " (the only candidate: any uniform hits it)" } else { "" };
            return format!(
                "the uniform {u:.6} falls into [{:.6}, {:.6}), the interval of token {token}{lone}",
                own.from, own.to
            );
        }
        let behind = self.runner_up.map_or(String::new(), |r| {
            format!("; token {} is second, {:.4} nats behind", name(r.id), r.behind)
        });
        match self.noise {
            Some(noise) => format!("token {token} wins with Gumbel noise {noise:.4}{behind}"),
            None if self.runner_up.is_some() => format!("token {token} wins the race{behind}"),
            None => format!("token {token} has the largest score"),
        }
    }
}

/// A cut: the stages that keep the tokens above a row and remove those below it.
struct Cut {
    /// It runs below this row.
    below: usize,
    /// Numbers of the stages.
    stages: Vec<usize>,
}

impl Explained {
    /// The step as a document: its fields, and beside each listed id its string, where there are strings.
    pub fn json(&self, tokens: Option<&Tokens>) -> Value {
        let mut step = json!(self);
        let shown = step["tokens"].as_array_mut().into_iter().flatten();
        for (entry, token) in shown.zip(&self.tokens) {
            if let Some(tokens) = tokens {
                entry["token"] = tokens.label(token.id).into();
            }
        }
        step
    }

    /// Where the stages cut through the list that is shown.
    fn cuts(&self) -> Vec<Cut> {
        let mut cuts: Vec<Cut> = Vec::new();
        for stage in 1..self.stages.len() {
            let before = |row: usize| self.tokens[row].probs[stage - 1].is_some();
            let alive: Vec<usize> = (0..self.tokens.len()).filter(|&row| before(row)).collect();
            let keeps = |row: usize| self.tokens[row].probs[stage].is_some();
            let Some(last) = alive.iter().copied().rfind(|&row| keeps(row)) else { continue };
            let removes = alive.iter().any(|&row| row > last);
            if !removes || alive.iter().any(|&row| row < last && !keeps(row)) {
                continue;
            }
            match cuts.iter_mut().find(|cut| cut.below == last) {
                Some(cut) => cut.stages.push(stage),
                None => cuts.push(Cut { below: last, stages: vec![stage] }),
            }
        }
        cuts
    }

    /// How many tokens of the row are not shown.
    fn rest(&self) -> usize {
        self.stages.first().map_or(0, |raw| raw.kept).saturating_sub(self.tokens.len())
    }

    /// The largest probability that a bar shows.
    fn most(&self) -> f64 {
        let shown = self.tokens.iter().flat_map(|t| t.probs.iter().flatten().copied());
        shown.chain(self.stages.iter().map(|s| s.tail_mass)).fold(1e-12, f64::max)
    }

    /// The first line: where this is, and how uncertain.
    fn title(&self) -> String {
        let mut title = format!("sequence {} · step {}", self.sequence, self.step);
        if let Some(raw) = self.stages.first() {
            let tokens = super::kit::count_of(raw.kept, "token");
            let entropy = format!("entropy {:.2} nats = {:.1} tokens", raw.entropy, raw.effective);
            // each part stays on a line
            title += &format!(" · {} · {}", tokens.replace(' ', "\u{a0}"), entropy.replace(' ', "\u{a0}"));
        }
        title
    }

    /// The history, its newest ids.
    fn history(&self) -> Option<String> {
        let parts = [("prompt", &self.prompt), ("generated", &self.generated)];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(_, ids)| !ids.is_empty())
            .map(|(name, ids)| {
                let from = ids.len().saturating_sub(8);
                let ids: Vec<String> = ids[from..].iter().map(ToString::to_string).collect();
                format!("{name} {}{}", if from > 0 { "… " } else { "" }, ids.join(" "))
            })
            .collect();
        (!parts.is_empty()).then(|| parts.join(" · "))
    }
}

/// Entropy, effective vocabulary, count and mass of a stage, as they stand below the columns.
fn foot(stage: &Stage) -> [String; 4] {
    [
        format!("{:>5.2}", stage.entropy),
        format!("{:>5.1}", stage.effective),
        format!("{:>5}", stage.kept),
        super::kit::share(stage.kept_mass),
    ]
}

/// The names of these rows.
const FOOT: [&str; 4] = ["entropy", "effective", "kept", "kept mass"];

/// The head of a race.
const RACE: [&str; 6] = ["race", "ln p", "noise", "sum", "behind", ""];
