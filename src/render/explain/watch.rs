//! The observer: it reads each step off the trace.

use std::collections::VecDeque;
use std::io;

use serde_json::Value;

use super::{Drawn, Explained, Interval, Runner, RunnerUp, Shown, Stage};
use crate::candidates::{Candidates, Snapshot};
use crate::draw::{Filtered, Pick, Racer, Support};
use crate::kernel;
use crate::processor::Processor;
use crate::render::Distribution;
use crate::render::kit::Digits;
use crate::trace::{Trace, TraceEvent, Wants};
use crate::{Place, TokenId};

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
    /// The running masses of the last stage of the chain.
    running: Vec<f64>,
    odds: Option<(Option<Support>, Vec<Racer>)>,
}

/// A stage's distribution, with its name and its most probable tokens.
struct Members {
    name: String,
    best: Vec<TokenId>,
    of: Seen,
    /// `None` until the draw tells.
    kept_mass: Option<f64>,
}

/// A distribution: of candidates, whose probabilities are computed as they are needed, or of a draw's filter.
enum Seen {
    Candidates(Snapshot),
    Listed(Distribution),
}

impl Seen {
    fn kept(&self) -> usize {
        match self {
            Seen::Candidates(seen) => seen.count,
            Seen::Listed(of) => of.kept,
        }
    }

    fn entropy(&self) -> f64 {
        match self {
            Seen::Candidates(seen) => seen.figures.entropy,
            Seen::Listed(of) => of.entropy,
        }
    }

    /// The probability of a token; `row` has the row of this step.
    fn get(&self, id: TokenId, row: &Candidates) -> Option<f64> {
        match self {
            Seen::Candidates(seen) => seen.probability(id, row),
            Seen::Listed(of) => of.get(id),
        }
    }

    /// What the tokens of a list have here.
    fn mass_of(&self, list: &Distribution, row: &Candidates) -> f64 {
        match self {
            Seen::Candidates(seen) => seen.mass_of(list.ids.iter().copied(), row),
            Seen::Listed(of) => of.mass_of(&list.ids),
        }
    }
}

impl Members {
    fn new(
        name: String,
        before: Option<&Members>,
        candidates: &Candidates,
        top: usize,
        running: &mut Vec<f64>,
    ) -> Self {
        let now = Snapshot::new(candidates, running);
        let kept_mass = match before.map(|before| &before.of) {
            Some(Seen::Candidates(before)) => before.mass_kept(&now, candidates),
            _ => 1.0,
        };
        let best = candidates.ranked(top).into_iter().map(|(id, _)| id).collect();
        Members { name, best, of: Seen::Candidates(now), kept_mass: Some(kept_mass) }
    }

    /// What a filter of the draw's own left.
    fn of(filtered: &Filtered, place: Place, top: usize) -> Self {
        let (sequence, step) = (place.sequence.unwrap_or(0), place.step.unwrap_or(0));
        let of = Distribution::of(sequence, step, &filtered.left);
        let best = of.best(top).into_iter().map(|at| of.ids[at]).collect();
        let name = filtered.name.replace('_', "-").replace('=', " ");
        Members { name, best, of: Seen::Listed(of), kept_mass: None }
    }

    fn stage(&self, before: Option<&Members>, shown: &[TokenId], row: &Candidates) -> Stage {
        let of_shown: Vec<f64> = shown.iter().filter_map(|&id| self.of.get(id, row)).collect();
        let tail = self.of.kept() - of_shown.len();
        let tail_mass = if tail == 0 { 0.0 } else { (1.0 - of_shown.iter().sum::<f64>()).max(0.0) };
        let kept_mass = match (self.kept_mass, &self.of, before) {
            (None, Seen::Listed(of), Some(before)) => before.of.mass_of(of, row),
            (mass, ..) => mass.unwrap_or(1.0),
        };
        Stage {
            name: self.name.clone(),
            entropy: self.of.entropy(),
            effective: kernel::exp(self.of.entropy()),
            kept: self.of.kept(),
            kept_mass,
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
        let (mut running, mut stages) = (Vec::new(), Vec::new());
        if wanted {
            stages.push(Members::new("raw".to_string(), None, candidates, self.top, &mut running));
        }
        let context = context.to_vec();
        self.waiting.push_back(Waiting { place, context, prompt_len, stages, running, odds: None });
    }

    fn stage(&mut self, name: String, candidates: &Candidates) {
        let top = self.top;
        if let Some(step) = self.waiting.back_mut().filter(|s| !s.stages.is_empty()) {
            let stage = Members::new(name, step.stages.last(), candidates, top, &mut step.running);
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
                        step.stages.push(Members::of(filtered, step.place, top));
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
    let shown = shown(&step.stages, pick.id, drawn_from);
    let before = |at: usize| at.checked_sub(1).map(|before| &step.stages[before]);
    let stage = |(at, s): (usize, &Members)| s.stage(before(at), &shown, drawn_from);
    let (prompt, generated) = step.context.split_at(step.prompt_len.min(step.context.len()));
    Explained {
        sequence: step.place.sequence.unwrap_or(0),
        step: step.place.step.unwrap_or(0),
        prompt: prompt.to_vec(),
        generated: generated.to_vec(),
        stages: step.stages.iter().enumerate().map(stage).collect(),
        tokens: shown
            .iter()
            .map(|&id| Shown { id, probs: step.stages.iter().map(|s| s.of.get(id, drawn_from)).collect() })
            .collect(),
        draw: match (pick.interval, step.stages.last()) {
            (Some(own), Some(last)) => drawn_by_engine(step, pick, Some(own), (last, drawn_from), &shown),
            (None, Some(last))
                if pick.uniform.is_none() && pick.noise.is_none() && pick.runner_up.is_some() =>
            {
                drawn_by_engine(step, pick, None, (last, drawn_from), &shown)
            }
            _ => drawn(step, pick, drawn_from, &shown),
        },
    }
}

/// The best tokens before and after the chain, and the one that was drawn, by falling probability in the raw row.
fn shown(stages: &[Members], drawn: TokenId, row: &Candidates) -> Vec<TokenId> {
    let Some((first, last)) = stages.first().zip(stages.last()) else { return vec![drawn] };
    let mut ids: Vec<TokenId> = first.best.iter().chain(&last.best).copied().chain([drawn]).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut keyed: Vec<(TokenId, f64)> =
        ids.into_iter().map(|id| (id, first.of.get(id, row).unwrap_or(-1.0))).collect();
    keyed.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    keyed.into_iter().map(|token| token.0).collect()
}

/// So many of the first of a race are always shown.
const FIRST: usize = 3;

/// The race of a step: those who are shown, and the first; the winner first, then by how far they were behind.
fn race(step: &Waiting, shown: &[TokenId], logprob: impl Fn(TokenId) -> Option<f64>) -> Vec<Runner> {
    let Some((_, race)) = &step.odds else { return Vec::new() };
    let by_place = |a: &&Racer, b: &&Racer| a.behind.total_cmp(&b.behind).then(a.id.cmp(&b.id));
    let mut racers: Vec<&Racer> = race.iter().collect();
    if racers.len() > FIRST {
        racers.select_nth_unstable_by(FIRST, by_place);
    }
    let (first, others) = racers.split_at(FIRST.min(racers.len()));
    let others = others.iter().filter(|racer| shown.contains(&racer.id));
    let mut wanted: Vec<&Racer> = first.iter().chain(others).copied().collect();
    wanted.sort_unstable_by(by_place);
    wanted
        .into_iter()
        .map(|r| Runner { id: r.id, logprob: logprob(r.id), noise: r.noise, behind: r.behind })
        .collect()
}

/// The widest of intervals in their order, and that of the token.
fn widest(intervals: Vec<Interval>, token: TokenId) -> Vec<Interval> {
    if intervals.len() <= INTERVALS {
        return intervals;
    }
    let width = |at: usize| intervals[at].to - intervals[at].from;
    let by_width = |&a: &usize, &b: &usize| width(b).total_cmp(&width(a)).then(a.cmp(&b));
    let mut kept: Vec<usize> = (0..intervals.len()).collect();
    kept.select_nth_unstable_by(INTERVALS - 1, by_width);
    kept.truncate(INTERVALS);
    let own = intervals.iter().position(|i| i.id == token);
    kept.extend(own.filter(|own| !kept.contains(own)));
    kept.sort_unstable_by(|a, b| intervals[*a].from.total_cmp(&intervals[*b].from).then(by_width(a, b)));
    kept.into_iter().map(|at| intervals[at]).collect()
}

/// The intervals of the candidates that are most probable, and that of the token; in their order. `running` are the candidates' running masses.
fn widest_of(candidates: &Candidates, token: TokenId, running: &[f64], whole: f64) -> Vec<Interval> {
    let mut ids: Vec<TokenId> = candidates.ranked(INTERVALS).into_iter().map(|(id, _)| id).collect();
    if !ids.contains(&token) {
        ids.push(token);
    }
    ids.sort_unstable();
    let mut intervals = Vec::with_capacity(ids.len());
    candidates.weights_before(&ids, running, |id, before, own| {
        let [from, to] = [before, before + own].map(|weight| f64::min(weight / whole, 1.0));
        intervals.push(Interval { id, from, to });
    });
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
    let mut again = Vec::new();
    let looked_at;
    let (seen, running) = match step.stages.last().map(|last| &last.of) {
        Some(Seen::Candidates(seen)) if seen.is_of(candidates) => (seen, &step.running),
        _ => {
            looked_at = Snapshot::new(candidates, &mut again);
            (&looked_at, &again)
        }
    };
    let normalizer = seen.figures.normalizer;
    let logprob = |id| candidates.score(id).and_then(|s| normalizer.log_probability(s));
    let intervals = match pick.uniform {
        Some(_) => widest_of(candidates, pick.id, running, seen.figures.weights),
        None => Vec::new(),
    };
    Drawn {
        id: pick.id,
        candidates: seen.count,
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
    (last, row): (&Members, &Candidates),
    shown: &[TokenId],
) -> Drawn {
    let logprob = |id| last.of.get(id, row).filter(|&p| p > 0.0).map(kernel::ln);
    let support = step.odds.as_ref().and_then(|(support, _)| support.as_ref());
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
        candidates: last.of.kept(),
        uniform: pick.uniform,
        intervals: widest(intervals, pick.id),
        logprob: logprob(pick.id),
        noise: None,
        race: race(step, shown, logprob),
        runner_up: pick.runner_up.map(|(id, behind)| RunnerUp { id, behind, logprob: logprob(id) }),
    }
}

/// `name value` where the value is short, the name elsewhere.
fn heading(processor: &dyn Processor) -> String {
    let name = processor.info().name.replace('_', "-");
    let value = processor.json();
    let value = if let Value::Object(parameters) = &value { parameters.get("value") } else { Some(&value) };
    match value {
        Some(Value::Number(n)) => match n.as_f64() {
            Some(x) => format!("{name} {}", Digits::Six.write(x)),
            None => name,
        },
        Some(Value::String(text)) if text.len() < 12 => format!("{name} {text}"),
        _ => name,
    }
}
