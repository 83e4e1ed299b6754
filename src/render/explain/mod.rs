//! What each stage of a chain did to a distribution, and how a token was drawn from what it left: a view of the trace.

mod page;
mod picture;
mod ruler;
mod text;

use std::collections::VecDeque;
use std::io;

use serde::Serialize;
use serde_json::Value;

pub use page::page;
pub use picture::svg;
pub use text::text;

use crate::draw::{Filtered, Pick, Racer, Support};
use crate::kernel;
use crate::processor::{Candidates, Processor};
use crate::trace::{Trace, TraceEvent, Wants};
use crate::{Place, TokenId};

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

/// At most so many intervals are kept for the ruler.
const INTERVALS: usize = 64;

/// An observer that hands out each step once its token is drawn.
///
/// Everything is read from the trace: what is shown is what ran. Kept mass is what the tokens that a stage left had before it.
pub struct Explain<'a> {
    top: usize,
    steps: std::ops::Range<usize>,
    see: &'a mut dyn FnMut(Explained) -> io::Result<()>,
    waiting: VecDeque<Waiting>,
    seen: usize,
    failed: Option<io::Error>,
}

/// A step whose draw is still to come.
struct Waiting {
    place: Place,
    context: Vec<TokenId>,
    prompt_len: usize,
    stages: Vec<Members>,
    odds: Option<(Support, Vec<Racer>)>,
}

/// A distribution: ascending ids, with their probabilities.
struct Members {
    name: String,
    ids: Vec<TokenId>,
    probs: Vec<f64>,
    best: Vec<TokenId>,
    entropy: f64,
    kept_mass: f64,
}

impl Members {
    fn new(name: String, before: Option<&Members>, candidates: &Candidates, top: usize) -> Self {
        let normalizer = candidates.normalizer();
        let (ids, probs): (Vec<TokenId>, Vec<f64>) = candidates.probabilities().into_iter().unzip();
        let terms = probs.iter().zip(candidates.members());
        let entropy: f64 =
            terms.map(|(p, (_, score))| normalizer.log_probability(score).map_or(0.0, |l| -p * l)).sum();
        let best = candidates.ranked(top).into_iter().map(|(id, _)| id).collect();
        let kept_mass = before.map_or(1.0, |before| before.mass_of(&ids));
        Members { name, ids, probs, best, entropy: entropy.max(0.0) + 0.0, kept_mass }
    }

    /// What a filter of the draw's own left.
    fn of(filtered: &Filtered, before: Option<&Members>, top: usize) -> Self {
        let (ids, probs): (Vec<TokenId>, Vec<f64>) = filtered.left.iter().copied().unzip();
        let surprise = |&p: &f64| if p > 0.0 { -p * kernel::ln(p) } else { 0.0 };
        let entropy: f64 = probs.iter().map(surprise).sum();
        let mut ranked = filtered.left.clone();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let best = ranked.into_iter().take(top).map(|m| m.0).collect();
        let kept_mass = before.map_or(1.0, |before| before.mass_of(&ids));
        let name = filtered.name.replace('_', "-").replace('=', " ");
        Members { name, ids, probs, best, entropy: entropy.max(0.0) + 0.0, kept_mass }
    }

    fn get(&self, id: TokenId) -> Option<f64> {
        self.ids.binary_search(&id).ok().map(|at| self.probs[at])
    }

    /// What some tokens (ascending ids) have here.
    fn mass_of(&self, ids: &[TokenId]) -> f64 {
        if ids.len() == self.ids.len() {
            return 1.0;
        }
        let mut wanted = ids.iter().peekable();
        let mut mass = 0.0;
        for (id, p) in self.ids.iter().zip(&self.probs) {
            while wanted.next_if(|&w| w < id).is_some() {}
            if wanted.next_if(|&w| w == id).is_some() {
                mass += p;
            }
        }
        mass.min(1.0)
    }

    fn stage(&self, shown: &[TokenId]) -> Stage {
        let of_shown: Vec<f64> = shown.iter().filter_map(|&id| self.get(id)).collect();
        let tail = self.ids.len() - of_shown.len();
        let tail_mass = if tail == 0 { 0.0 } else { (1.0 - of_shown.iter().sum::<f64>()).max(0.0) };
        Stage {
            name: self.name.clone(),
            entropy: self.entropy,
            effective: kernel::exp(self.entropy),
            kept: self.ids.len(),
            kept_mass: self.kept_mass,
            tail,
            tail_mass,
        }
    }
}

impl<'a> Explain<'a> {
    /// Hands the steps of a range to `see`: of each, the `top` most probable tokens of the raw row and of what the chain left.
    pub fn new(
        top: usize,
        steps: std::ops::Range<usize>,
        see: &'a mut dyn FnMut(Explained) -> io::Result<()>,
    ) -> Self {
        Explain { top, steps, see, waiting: VecDeque::new(), seen: 0, failed: None }
    }

    /// How many steps were handed out.
    ///
    /// # Errors
    /// What `see` said, if it failed on the way.
    pub fn end(self) -> io::Result<usize> {
        self.failed.map_or(Ok(self.seen), Err)
    }

    fn row(&mut self, place: Place, context: &[TokenId], prompt_len: usize, candidates: &Candidates) {
        let wanted = place.step.is_some_and(|step| self.steps.contains(&step));
        let stages = match wanted {
            true => vec![Members::new("raw".to_string(), None, candidates, self.top)],
            false => Vec::new(),
        };
        self.waiting.push_back(Waiting { place, context: context.to_vec(), prompt_len, stages, odds: None });
    }

    fn stage(&mut self, name: String, candidates: &Candidates) {
        let top = self.top;
        if let Some(step) = self.waiting.back_mut().filter(|s| !s.stages.is_empty()) {
            let stage = Members::new(name, step.stages.last(), candidates, top);
            step.stages.push(stage);
        }
    }

    fn draw(&mut self, place: Place, pick: &Pick, candidates: &Candidates) {
        // rows are drawn in the order in which they came; those of finished sequences are not
        let Some(at) = self.waiting.iter().position(|step| step.place == place) else { return };
        let Some(step) = self.waiting.drain(..=at).next_back() else { return };
        if self.failed.is_none() && !step.stages.is_empty() {
            self.failed = (self.see)(explained(&step, pick, candidates)).err();
            self.seen += 1;
        }
    }
}

impl Trace for Explain<'_> {
    fn wants(&self) -> Wants {
        Wants { stages: true, draws: true, odds: true, ..Wants::default() }
    }

    fn event(&mut self, event: &TraceEvent<'_>) {
        match event {
            TraceEvent::Row { place, context, prompt_len, candidates } => {
                self.row(*place, context, *prompt_len, candidates);
            }
            TraceEvent::Stage { processor, candidates, .. } => self.stage(heading(*processor), candidates),
            TraceEvent::Filters { place, stages, .. } => {
                let (top, waiting) = (self.top, self.waiting.iter_mut().find(|step| step.place == *place));
                if let Some(step) = waiting.filter(|s| !s.stages.is_empty()) {
                    for filtered in *stages {
                        let stage = Members::of(filtered, step.stages.last(), top);
                        step.stages.push(stage);
                    }
                }
            }
            TraceEvent::Odds { place, support, race, .. } => {
                let waiting = self.waiting.iter_mut().find(|step| step.place == *place);
                if let Some(step) = waiting.filter(|s| !s.stages.is_empty()) {
                    step.odds = Some((support.clone(), race.clone()));
                }
            }
            TraceEvent::Draw { place, pick, candidates, .. } => self.draw(*place, pick, candidates),
            _ => {}
        }
    }
}

fn explained(step: &Waiting, pick: &Pick, drawn_from: &Candidates) -> Explained {
    let shown = shown(&step.stages, pick.id);
    let (prompt, generated) = step.context.split_at(step.prompt_len.min(step.context.len()));
    Explained {
        sequence: step.place.sequence.unwrap_or(0),
        step: step.place.step.unwrap_or(0),
        prompt: prompt.to_vec(),
        generated: generated.to_vec(),
        stages: step.stages.iter().map(|s| s.stage(&shown)).collect(),
        tokens: shown
            .iter()
            .map(|&id| Shown { id, probs: step.stages.iter().map(|s| s.get(id)).collect() })
            .collect(),
        draw: match (pick.interval, step.stages.last()) {
            (Some(own), Some(last)) => drawn_by_engine(step, pick, Some(own), last, &shown),
            (None, Some(last))
                if pick.uniform.is_none() && pick.noise.is_none() && pick.runner_up.is_some() =>
            {
                drawn_by_engine(step, pick, None, last, &shown)
            }
            _ => drawn(step, pick, drawn_from, &shown),
        },
    }
}

/// The best tokens before and after the chain, and the one that was drawn, by falling probability in the raw row.
fn shown(stages: &[Members], drawn: TokenId) -> Vec<TokenId> {
    let Some((first, last)) = stages.first().zip(stages.last()) else { return vec![drawn] };
    let mut ids: Vec<TokenId> = first.best.iter().chain(&last.best).copied().chain([drawn]).collect();
    ids.sort_unstable();
    ids.dedup();
    let p = |id| first.get(id).unwrap_or(-1.0);
    ids.sort_by(|&a, &b| p(b).total_cmp(&p(a)).then(a.cmp(&b)));
    ids
}

/// So many of the first of a race are always shown.
const FIRST: usize = 3;

/// The race of a step: those who are shown, and the first; the winner first, then by how far they were behind.
fn race(step: &Waiting, shown: &[TokenId], logprob: impl Fn(TokenId) -> Option<f64>) -> Vec<Runner> {
    let Some((_, race)) = &step.odds else { return Vec::new() };
    let mut racers: Vec<&Racer> = race.iter().collect();
    racers.sort_unstable_by(|a, b| a.behind.total_cmp(&b.behind).then(a.id.cmp(&b.id)));
    let wanted = racers.iter().enumerate().filter(|(at, racer)| *at < FIRST || shown.contains(&racer.id));
    wanted
        .map(|(_, r)| Runner { id: r.id, logprob: logprob(r.id), noise: r.noise, behind: r.behind })
        .collect()
}

/// The widest of intervals in their order, and that of the token.
fn widest(mut intervals: Vec<Interval>, token: TokenId) -> Vec<Interval> {
    if intervals.len() > INTERVALS {
        intervals.sort_by(|a, b| (b.to - b.from).total_cmp(&(a.to - a.from)));
        let own = intervals.iter().position(|i| i.id == token).filter(|&at| at >= INTERVALS);
        let own = own.map(|at| intervals[at]);
        intervals.truncate(INTERVALS);
        intervals.extend(own);
        intervals.sort_by(|a, b| a.from.total_cmp(&b.from));
    }
    intervals
}

/// Intervals of so much, one after the other.
fn side_by_side(of: impl Iterator<Item = (TokenId, f64)>) -> Vec<Interval> {
    let place = |from: &mut f64, (id, p): (TokenId, f64)| {
        let interval = Interval { id, from: from.min(1.0), to: f64::min(*from + p, 1.0) };
        *from += p;
        Some(interval)
    };
    of.scan(0.0, place).collect()
}

fn drawn(step: &Waiting, pick: &Pick, candidates: &Candidates, shown: &[TokenId]) -> Drawn {
    let normalizer = candidates.normalizer();
    let logprob = |id| candidates.score(id).and_then(|s| normalizer.log_probability(s));
    let intervals = match pick.uniform {
        Some(_) => widest(side_by_side(candidates.probabilities().into_iter()), pick.id),
        None => Vec::new(),
    };
    Drawn {
        id: pick.id,
        candidates: candidates.count(),
        uniform: pick.uniform,
        intervals,
        logprob: logprob(pick.id),
        noise: pick.noise,
        race: race(step, shown, logprob),
        runner_up: pick.runner_up.map(|(id, behind)| RunnerUp { id, behind, logprob: logprob(id) }),
    }
}

/// A draw that filters by itself: what it was made from is what its last filter left.
fn drawn_by_engine(
    step: &Waiting,
    pick: &Pick,
    own: Option<(f64, f64)>,
    last: &Members,
    shown: &[TokenId],
) -> Drawn {
    let logprob = |id| last.get(id).filter(|&p| p > 0.0).map(kernel::ln);
    let support = step.odds.as_ref().map(|(support, _)| support);
    let widths = support.and_then(|s| Some(s.ids.iter().copied().zip(s.probabilities.clone()?)));
    let mut intervals = widths.map(side_by_side).unwrap_or_default();
    // the engine's own edges decided
    match (own, intervals.iter_mut().find(|i| i.id == pick.id)) {
        (Some((from, to)), Some(interval)) => (interval.from, interval.to) = (from, to),
        (Some((from, to)), None) => intervals.push(Interval { id: pick.id, from, to }),
        (None, _) => {}
    }
    Drawn {
        id: pick.id,
        candidates: last.ids.len(),
        uniform: pick.uniform,
        intervals: widest(intervals, pick.id),
        logprob: logprob(pick.id),
        noise: None,
        race: race(step, shown, logprob),
        runner_up: pick.runner_up.map(|(id, behind)| RunnerUp { id, behind, logprob: logprob(id) }),
    }
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

/// `name value` where the value is short, the name elsewhere.
fn heading(processor: &dyn Processor) -> String {
    let name = processor.info().name.replace('_', "-");
    let value = processor.json();
    let value = if let Value::Object(parameters) = &value { parameters.get("value") } else { Some(&value) };
    match value {
        Some(Value::Number(n)) => match n.as_f64() {
            Some(x) => format!("{name} {}", super::kit::Digits::Six.write(x)),
            None => name,
        },
        Some(Value::String(text)) if text.len() < 12 => format!("{name} {text}"),
        _ => name,
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
