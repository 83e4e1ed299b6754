//! What each stage of a chain did to a distribution, and how a token was drawn from what it left: a view of the trace.

use std::collections::VecDeque;
use std::io::{self, Write};

use serde_json::Value;

use super::{Distribution, Table, Tokens};
use crate::draw::{Filtered, Pick};
use crate::processor::{Candidates, Processor};
use crate::trace::{Trace, TraceEvent, Wants};
use crate::{Place, TokenId};

/// An observer that writes a table for each step it sees: a row for each of the most probable tokens, a column for each stage
/// (probability, or × where the stage removed the token), below them entropy, kept count and kept mass after each stage, then the
/// draw.
///
/// Kept mass is what the tokens that a stage left had before it: 1 where a stage removed nothing. Everything is read from the
/// trace: what is shown is what ran. A stage at its disabling value does not run, and so has no column.
pub struct Explain<'a> {
    top: usize,
    only: Option<usize>,
    tokens: Option<&'a Tokens>,
    colour: bool,
    to: &'a mut dyn Write,
    waiting: VecDeque<Step>,
    written: usize,
    failed: Option<io::Error>,
}

/// A step whose draw is still to come.
struct Step {
    place: Place,
    context: Vec<TokenId>,
    prompt_len: usize,
    stages: Vec<Stage>,
}

struct Stage {
    name: String,
    /// Ascending ids, with their probabilities.
    members: Vec<(TokenId, f64)>,
    entropy: f64,
    kept_mass: f64,
}

impl Stage {
    fn new(name: String, before: Option<&Stage>, candidates: &Candidates) -> Self {
        let Distribution { ids, probs, entropy, .. } = Distribution::new(0, 0, candidates);
        let members: Vec<_> = ids.into_iter().zip(probs).collect();
        Stage { kept_mass: kept_mass(before, &members), name, members, entropy }
    }

    /// What a filter of the draw's own left.
    fn of(filtered: &Filtered, before: Option<&Stage>) -> Self {
        let members = filtered.left.clone();
        let surprise = |p: f64| if p > 0.0 { -p * crate::kernel::ln(p) } else { 0.0 };
        let entropy = members.iter().map(|m| surprise(m.1)).sum();
        Stage { name: filtered.name.clone(), kept_mass: kept_mass(before, &members), members, entropy }
    }

    fn get(&self, id: TokenId) -> Option<f64> {
        self.members.binary_search_by_key(&id, |m| m.0).ok().map(|at| self.members[at].1)
    }

    fn best(&self, n: usize) -> Vec<TokenId> {
        let mut best = self.members.clone();
        best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        best.into_iter().take(n).map(|m| m.0).collect()
    }
}

/// What the members had before the stage.
fn kept_mass(before: Option<&Stage>, members: &[(TokenId, f64)]) -> f64 {
    before.map_or(1.0, |b| members.iter().filter_map(|m| b.get(m.0)).sum::<f64>().min(1.0))
}

impl<'a> Explain<'a> {
    /// Writes to `to`: the `top` most probable tokens (of the raw row, and of what the chain left), of one step or of all.
    pub fn new(
        top: usize,
        only: Option<usize>,
        tokens: Option<&'a Tokens>,
        colour: bool,
        to: &'a mut dyn Write,
    ) -> Self {
        Explain { top, only, tokens, colour, to, waiting: VecDeque::new(), written: 0, failed: None }
    }

    /// How many steps were written.
    ///
    /// # Errors
    /// What the writer said, if it failed on the way.
    pub fn end(self) -> io::Result<usize> {
        self.failed.map_or(Ok(self.written), Err)
    }

    fn token(&self, id: TokenId) -> String {
        self.tokens.map_or_else(|| id.to_string(), |t| format!("{id} {:?}", t.label(id)))
    }

    fn write(&mut self, step: &Step, pick: &Pick, drawn_from: &Candidates) -> io::Result<()> {
        if self.written > 0 {
            writeln!(self.to)?;
        }
        self.written += 1;
        let (prompt, generated) = step.context.split_at(step.prompt_len.min(step.context.len()));
        let history = [("prompt", prompt), ("generated", generated)]
            .iter()
            .filter(|(_, ids)| !ids.is_empty())
            .map(|(name, ids)| format!(", {name} {}", tail(ids)))
            .collect::<String>();
        let title = format!("{}{history}", step.place);
        writeln!(self.to, "{}", if self.colour { format!("\x1b[1m{title}\x1b[0m") } else { title })?;
        self.table(step, pick.id).write(self.to)?;
        let draw = self.draw(pick, drawn_from);
        writeln!(self.to, "{draw}")
    }

    fn table(&self, step: &Step, drawn: TokenId) -> Table {
        let mut table = Table::new("lr");
        let line = |name: &str, cell: &dyn Fn(&Stage) -> String| {
            std::iter::once(name.to_string()).chain(step.stages.iter().map(cell)).collect::<Vec<_>>()
        };
        table.row(line("token", &|s| s.name.clone()));
        for id in self.shown(step, drawn) {
            let mut cells = vec![format!("{}{}", self.token(id), if id == drawn { " ←" } else { "" })];
            let mut removed = false;
            for stage in &step.stages {
                cells.push(match stage.get(id) {
                    Some(p) => share(p),
                    None if removed => String::new(),
                    None => "×".to_string(),
                });
                removed = stage.get(id).is_none();
            }
            table.row(cells);
        }
        table.row(line("entropy", &|s| format!("{:.4}", s.entropy)));
        table.row(line("kept count", &|s| s.members.len().to_string()));
        table.row(line("kept mass", &|s| share(s.kept_mass)));
        table
    }

    /// The best tokens before and after the chain, and the one that was drawn, by falling probability in the raw row.
    fn shown(&self, step: &Step, drawn: TokenId) -> Vec<TokenId> {
        let Some((first, last)) = step.stages.first().zip(step.stages.last()) else { return vec![drawn] };
        let mut ids = first.best(self.top);
        ids.extend(last.best(self.top));
        ids.push(drawn);
        ids.sort_unstable();
        ids.dedup();
        ids.sort_by(|&a, &b| {
            let p = |id| first.get(id).unwrap_or(-1.0);
            p(b).total_cmp(&p(a)).then(a.cmp(&b))
        });
        ids
    }

    /// In words: where the uniform fell, or who won the race.
    fn draw(&self, pick: &Pick, candidates: &Candidates) -> String {
        let token = self.token(pick.id);
        if let (Some(u), Some((from, to))) = (pick.uniform, pick.interval) {
            let lone = if from == 0.0 && to >= 1.0 { " (any uniform hits it)" } else { "" };
            return format!(
                "draw: the uniform {u:.6} falls into [{from:.6}, {to:.6}), the interval of token {token}{lone}"
            );
        }
        if let Some(u) = pick.uniform {
            let members = candidates.probabilities();
            let from: f64 = members.iter().take_while(|m| m.0 < pick.id).fold(0.0, |sum, m| sum + m.1);
            let p = members.iter().find(|m| m.0 == pick.id).map_or(0.0, |m| m.1);
            let lone = if members.len() == 1 { " (the only candidate: any uniform hits it)" } else { "" };
            return format!(
                "draw: the uniform {u:.6} falls into [{from:.6}, {:.6}), the interval of token {token}{lone}",
                (from + p).min(1.0)
            );
        }
        let behind = pick.runner_up.map_or(String::new(), |(id, gap)| {
            format!("; token {} is second, {gap:.4} behind", self.token(id))
        });
        match pick.noise {
            Some(noise) => format!("draw: token {token} wins with Gumbel noise {noise:.4}{behind}"),
            None if pick.runner_up.is_some() => format!("draw: token {token} wins the race{behind}"),
            None => format!("draw: token {token} has the largest score"),
        }
    }
}

impl Trace for Explain<'_> {
    fn wants(&self) -> Wants {
        Wants { stages: true, draws: true, beams: false }
    }

    fn event(&mut self, event: &TraceEvent<'_>) {
        let wanted = |place: &Place| self.only.is_none_or(|only| place.step == Some(only));
        match event {
            TraceEvent::Row { place, context, prompt_len, candidates } => {
                let stages = match wanted(place) {
                    true => vec![Stage::new("raw".to_string(), None, candidates)],
                    false => Vec::new(),
                };
                let (context, prompt_len) = (context.to_vec(), *prompt_len);
                self.waiting.push_back(Step { place: *place, context, prompt_len, stages });
            }
            TraceEvent::Stage { processor, candidates, .. } => {
                if let Some(step) = self.waiting.back_mut().filter(|s| !s.stages.is_empty()) {
                    let stage = Stage::new(heading(*processor), step.stages.last(), candidates);
                    step.stages.push(stage);
                }
            }
            TraceEvent::Filters { place, stages, .. } => {
                let waiting = self.waiting.iter_mut().find(|step| step.place == *place);
                if let Some(step) = waiting.filter(|s| !s.stages.is_empty()) {
                    for filtered in *stages {
                        let stage = Stage::of(filtered, step.stages.last());
                        step.stages.push(stage);
                    }
                }
            }
            TraceEvent::Draw { place, pick, candidates, .. } => {
                // rows are drawn in the order in which they came; those of finished sequences are not
                let Some(at) = self.waiting.iter().position(|step| step.place == *place) else { return };
                let Some(step) = self.waiting.drain(..=at).next_back() else { return };
                if self.failed.is_none() && !step.stages.is_empty() {
                    self.failed = self.write(&step, pick, candidates).err();
                }
            }
            TraceEvent::Beams(_) => {}
        }
    }
}

/// `name=value` where the value is short, the name elsewhere.
fn heading(processor: &dyn Processor) -> String {
    let name = processor.info().name;
    match processor.json() {
        value @ (Value::Number(_) | Value::String(_)) => format!("{name}={value}"),
        Value::Object(parameters) => match parameters.get("value") {
            Some(value @ Value::Number(_)) => format!("{name}={value}"),
            _ => name.to_string(),
        },
        _ => name.to_string(),
    }
}

/// A probability for the eye.
fn share(p: f64) -> String {
    if p == 0.0 || p >= 1e-5 { format!("{p:.5}") } else { format!("{p:.1e}") }
}

/// The newest of some ids.
fn tail(ids: &[TokenId]) -> String {
    let from = ids.len().saturating_sub(8);
    let shown: Vec<String> = ids[from..].iter().map(ToString::to_string).collect();
    format!("{}{}", if from > 0 { "… " } else { "" }, shown.join(" "))
}
