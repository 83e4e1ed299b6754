//! A replay as a [`Draw`]: what lets an engine run in the loop of the strategies.

use super::{
    Batch, Defaults, Drawn, EngineInfo, Evidence, Params, Replay, ReplayRow, Watch, build, registry,
};
use crate::draw::{Draw, Filtered, Margin, Pick, Racer, Seat, Slip, Support, Tolerance, Turn};
use crate::{Error, Place, Result, TokenId};

/// An engine's replay that draws from the raw rows of a source.
///
/// Every line of the run (sequence by sequence) is a row of the engine's batch; it sees the row as the source gave it, whatever
/// a chain made of it, because the engine filters by itself. Lines that have ended stay in the batch as finished rows. An engine
/// that draws several ids in one call (torch-multinomial) has a row for each sequence, whose ids go to the samples in turn.
///
/// [`Pick::logprob`] is the log-probability after the engine's filters where it draws by intervals (numpy, llama.cpp, candle,
/// mlx-lm, torch-multinomial with replacement) and log-probabilities or evidence were asked for; races tell none, unless they are
/// asked to ([`Watch::Odds`]).
///
/// ```
/// use tokpick::engine::{EngineDraw, Params};
/// use tokpick::draw::Draw;
///
/// let draw = EngineDraw::new("torch", &Params::default(), "42", 1, 1)?;
/// assert_eq!(draw.name(), "torch");
/// assert!(EngineDraw::new("torch", &Params::default(), "42", 1, 5).is_err());
/// # Ok::<(), tokpick::Error>(())
/// ```
pub struct EngineDraw {
    replay: Box<dyn Replay>,
    watch: Watch,
    /// Ids of one row and step.
    samples: usize,
    /// The prompt of each row, where it is not the job's.
    prompts: Option<Vec<Vec<TokenId>>>,
    /// Ids beyond the vocabulary are an error even where the engine passes over them.
    strict: bool,
    rows: Vec<Vec<f32>>,
    drawn: Vec<Drawn>,
    /// What decided the last step, by line.
    evidence: Vec<Option<Evidence>>,
    /// What each filter left in the last step, by line.
    stages: Vec<Vec<Filtered>>,
}

impl EngineDraw {
    /// The replay of an engine over `sequences` sequences, `samples` ids of each at a step.
    ///
    /// # Errors
    /// Those of [`build`]; more than one sample where the engine draws one id at a time.
    pub fn new(name: &str, params: &Params, seed: &str, sequences: usize, samples: usize) -> Result<Self> {
        let mut params = params.clone();
        let info = registry::find(name)?;
        if info.parameters.contains(&"num_samples") {
            params.num_samples = params.num_samples.or(i64::try_from(samples).ok());
        } else if samples != 1 {
            let why = format!(
                "it draws one id for each row and step, not {samples}; for independent samples run it once for each seed"
            );
            return Err(Error::engine(info.name, why));
        }
        let replay = build(name, &params, seed, sequences)?;
        Ok(Self::of(replay, samples))
    }

    /// A replay that has been built, drawing `samples` ids for each of its rows and steps.
    pub fn of(replay: Box<dyn Replay>, samples: usize) -> Self {
        let watch = Watch::Ids;
        EngineDraw {
            replay,
            watch,
            samples,
            prompts: None,
            strict: false,
            rows: Vec::new(),
            drawn: Vec::new(),
            evidence: Vec::new(),
            stages: Vec::new(),
        }
    }

    /// Keeps what decides each draw: uniforms, margins, and the log-probabilities that the engine knows.
    pub fn watching(mut self) -> Self {
        self.watch = Watch::Evidence;
        self
    }

    /// Gives each row a prompt of its own, in place of the job's.
    pub fn prompts(mut self, prompts: Vec<Vec<TokenId>>) -> Self {
        self.prompts = Some(prompts);
        self
    }

    /// Refuses ids of a history beyond the vocabulary even where the engine passes over them (llama.cpp).
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Keeps as much of each draw as `watch` says.
    pub fn watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// The engine.
    pub fn engine(&self) -> &'static EngineInfo {
        self.replay.engine()
    }

    fn row_of(&self, line: usize) -> usize {
        line / self.samples.max(1)
    }
}

/// What to warn of: where the engine's own defaults would differ from what was set.
///
/// ```
/// use tokpick::engine::{Params, caution};
/// assert!(caution("transformers", &Params::default()).unwrap().contains("top-k 50"));
/// assert_eq!(caution("torch", &Params::default()), None);
/// ```
pub fn caution(name: &str, params: &Params) -> Option<String> {
    let info = registry::find(name).ok()?;
    let open: Vec<String> = info
        .defaults
        .open(params)
        .iter()
        .map(|(name, value)| format!("{} {value}", name.replace('_', "-")))
        .collect();
    let unless = match info.defaults {
        Defaults::Library(_) => "the model's generation config",
        _ => "the command line",
    };
    let defaults = (!open.is_empty()).then(|| {
        format!("{name} itself uses {} unless {unless} says otherwise; give them if it did", open.join(", "))
    });
    info.note.map(str::to_string).or(defaults)
}

impl Draw for EngineDraw {
    fn name(&self) -> &str {
        self.replay.engine().name
    }

    fn skips_unknown_ids(&self) -> bool {
        !self.strict && self.replay.skips_unknown_ids()
    }

    fn step(&mut self, turns: &mut [Turn<'_>]) -> Result<()> {
        if turns.is_empty() {
            // the input has ended: the engine was not asked
            return Ok(());
        }
        let places = self.fill(turns)?;
        let histories: Option<Vec<Vec<TokenId>>> = self.prompts.as_ref().map(|prompts| {
            let row = |(row, place): (usize, &Placed)| {
                let turn = &turns[place.turn];
                let generated = turn.context.get(turn.prompt_len..).unwrap_or_default();
                [prompts.get(row).map_or(&[][..], Vec::as_slice), generated].concat()
            };
            places.iter().enumerate().map(row).collect()
        });
        let rows: Vec<ReplayRow<'_>> = places
            .iter()
            .zip(&self.rows)
            .enumerate()
            .map(|(row, (place, logits))| {
                let turn = &turns[place.turn];
                let (history, prompt_len) = match (&histories, &self.prompts) {
                    (Some(histories), Some(prompts)) => {
                        (histories[row].as_slice(), prompts.get(row).map_or(0, Vec::len))
                    }
                    _ => (turn.context, turn.prompt_len),
                };
                let logits = self.lent(turn).unwrap_or(logits);
                ReplayRow { logits, history, prompt_len, finished: place.finished }
            })
            .collect();
        self.replay.step(&rows, self.watch, &mut self.drawn).map_err(|e| locate(e, &places))?;
        self.evidence.clear();
        self.stages.clear();
        let (samples, mut taken) = (self.samples.max(1), vec![0; places.len()]);
        for drawn in std::mem::take(&mut self.drawn) {
            let Some(number) = taken.get_mut(drawn.row) else { continue };
            let line = drawn.row * samples + *number;
            *number += 1;
            let mut pick = pick(drawn.id, drawn.evidence.as_ref());
            if self.watch == Watch::Odds && pick.logprob.is_none() {
                pick.logprob = self.rows.get(drawn.row).and_then(|row| odds(&drawn, row));
            }
            if self.evidence.len() <= line {
                self.evidence.resize(line + 1, None);
            }
            self.evidence[line] = drawn.evidence;
            if self.stages.len() <= line {
                self.stages.resize(line + 1, Vec::new());
            }
            self.stages[line] = drawn.stages;
            if let Some(seat) = seats(turns).find(|seat| seat.line == line && !seat.finished) {
                seat.pick = Some(pick);
            }
        }
        Ok(())
    }

    fn accept(&mut self, turn: &mut Turn<'_>, seat: usize, id: TokenId) {
        if let Some(seat) = turn.seats.get(seat) {
            let row = self.row_of(seat.line);
            self.replay.accept(row, id);
        }
    }

    fn margin(&mut self, turn: &mut Turn<'_>, seat: usize, claimed: TokenId) -> Margin {
        let line = turn.seats.get(seat).map(|s| s.line);
        let evidence = line.and_then(|line| self.evidence.get(line)?.as_ref());
        evidence.map_or(Margin::Impossible, |evidence| evidence.margin(claimed))
    }

    fn filters(&self) -> bool {
        true
    }

    fn stages(&mut self, turn: &Turn<'_>, seat: usize) -> Vec<Filtered> {
        let line = turn.seats.get(seat).map(|s| s.line);
        line.and_then(|line| self.stages.get_mut(line)).map(std::mem::take).unwrap_or_default()
    }

    fn slip(&mut self, turn: &Turn<'_>, seat: usize, claimed: TokenId, tolerance: &Tolerance) -> Slip {
        let line = turn.seats.get(seat).map(|s| s.line);
        let evidence = line.and_then(|line| self.evidence.get(line)?.as_ref());
        evidence.map_or_else(Slip::default, |evidence| evidence.slip(claimed, tolerance))
    }

    fn race(&mut self, turn: &Turn<'_>, seat: usize) -> Vec<Racer> {
        let line = turn.seats.get(seat).map(|s| s.line);
        let Some(evidence @ Evidence::Race { scores, .. }) =
            line.and_then(|line| self.evidence.get(line)?.as_ref())
        else {
            return Vec::new();
        };
        let behind = |id| match evidence.margin(id) {
            Margin::Score(behind) => Some(Racer { id, noise: None, behind }),
            _ => None,
        };
        (0..scores.len() as u32).filter_map(behind).collect()
    }

    fn support(&mut self, turn: &Turn<'_>, seat: usize) -> Support {
        let line = turn.seats.get(seat).map(|s| s.line);
        match line.and_then(|line| self.evidence.get(line)?.as_ref()) {
            Some(Evidence::Interval { ids, upper, .. }) => {
                let widths = widths(upper);
                let (ids, widths) = ids.iter().zip(widths).filter(|x| x.1 > 0.0).unzip();
                Support { ids, probabilities: Some(widths) }
            }
            Some(Evidence::Race { scores, ratios, .. }) => {
                let least = if *ratios { 0.0 } else { f64::NEG_INFINITY };
                let ids = (0..).zip(scores.iter()).filter(|x| *x.1 > least).map(|x| x.0).collect();
                Support { ids, probabilities: None }
            }
            None => Support::default(),
        }
    }
}

/// A row of the engine's batch: the turn that has its logits.
struct Placed {
    turn: usize,
    sequence: usize,
    step: usize,
    finished: bool,
}

impl EngineDraw {
    /// The raw logits of a row, where they need no copy: the odds of a draw are told after its turn is lent on.
    fn lent<'a>(&self, turn: &'a Turn<'_>) -> Option<&'a [f32]> {
        turn.candidates.raw_dense().filter(|_| self.watch != Watch::Odds)
    }

    /// Copies the raw logits of every row that has to be, dense.
    ///
    /// # Errors
    /// A list of tokens whose largest id says a vocabulary that no model has.
    fn fill(&mut self, turns: &[Turn<'_>]) -> Result<Vec<Placed>> {
        let mut places: Vec<Placed> = Vec::new();
        for (at, turn) in turns.iter().enumerate() {
            for seat in turn.seats.iter() {
                let row = self.row_of(seat.line);
                if let Some(place) = places.get_mut(row) {
                    place.finished &= seat.finished;
                    continue;
                }
                if self.rows.len() <= row {
                    self.rows.resize_with(row + 1, Vec::new);
                }
                if self.lent(turn).is_none() {
                    let spread = turn.candidates.spread_raw(&mut self.rows[places.len()]);
                    spread.map_err(|what| Error::decode(Place::row(turn.sequence, turn.step), what))?;
                }
                places.push(Placed {
                    turn: at,
                    sequence: turn.sequence,
                    step: turn.step,
                    finished: seat.finished,
                });
            }
        }
        Ok(places)
    }
}

fn seats<'a>(turns: &'a mut [Turn<'_>]) -> impl Iterator<Item = &'a mut Seat> {
    turns.iter_mut().flat_map(|turn| turn.seats.iter_mut())
}

/// Names the sequence and step of an engine's error.
fn locate(error: Error, places: &[Placed]) -> Error {
    let Error::Engine { row: Some(row), .. } = &error else { return error };
    match places.get(*row) {
        Some(p) => Error::decode(Place::row(p.sequence, p.step), error.to_string()),
        None => error,
    }
}

pub(super) fn widths(upper: &[f64]) -> impl Iterator<Item = f64> + '_ {
    upper.iter().scan(0.0, |low, &high| Some((high - std::mem::replace(low, high)).max(0.0)))
}

/// The log-probability of what was drawn, in what the last filter left, or in the row where nothing filters.
fn odds(drawn: &Drawn, row: &[f32]) -> Option<f64> {
    if let Some(last) = drawn.stages.last() {
        let at = last.left.binary_search_by_key(&drawn.id, |x| x.0).ok()?;
        return Some(crate::kernel::ln(last.left[at].1)).filter(|l| l.is_finite());
    }
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let score = |x: f32| f64::from(x) - f64::from(max);
    let total: f64 = row.iter().map(|&x| crate::kernel::exp(score(x))).sum();
    let own = row.get(drawn.id as usize).map(|&x| score(x) - crate::kernel::ln(total));
    own.filter(|l| l.is_finite())
}

fn pick(id: TokenId, evidence: Option<&Evidence>) -> Pick {
    let pick = Pick::certain(id);
    match evidence {
        None => pick,
        Some(Evidence::Interval { uniform, ids, upper, .. }) => {
            let p: f64 = ids.iter().zip(widths(upper)).filter(|x| *x.0 == id).map(|x| x.1).sum();
            let logprob = Some(crate::kernel::ln(p)).filter(|l| l.is_finite());
            let at = ids.iter().position(|&i| i == id);
            let low = |at: usize| if at == 0 { 0.0 } else { upper[at - 1] };
            let interval = at.map(|at| (low(at), upper[at]));
            Pick { uniform: Some(*uniform), interval, logprob, ..pick }
        }
        Some(evidence @ Evidence::Race { scores, .. }) => {
            let won = scores.get(id as usize).copied().unwrap_or(f64::NAN);
            let others = (0..).zip(scores.iter()).filter(|x| x.0 != id && *x.1 <= won);
            let second = others.max_by(|a, b| a.1.total_cmp(b.1)).map(|x| x.0);
            let behind = |other| match evidence.margin(other) {
                Margin::Score(d) => Some((other, d)),
                _ => None,
            };
            Pick { runner_up: second.and_then(behind), ..pick }
        }
    }
}

impl EngineInfo {
    /// Whether the ids of a row depend on the rows beside it.
    pub fn shares_generator(&self) -> bool {
        matches!(self.batch, Batch::Shared | Batch::RowSeeds)
    }
}
