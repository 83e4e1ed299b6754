//! A trace as JSON Lines.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use crate::Place;
use crate::TokenId;
use crate::candidates::Candidates;
use crate::draw::{Filtered, Pick};
use crate::kernel;
use crate::trace::{Trace, TraceEvent, Wants};

/// Writes what happened in a run as JSON Lines: one object for each event, in the order of the run.
///
/// | `event` | when | fields |
/// |---|---|---|
/// | `row` | a row arrived | `sequence`, `step`, `prompt`, `prefix` (generated ids), `kept`, `top` |
/// | `stage` | a processor of the chain has run on that row | `position` in the chain, `processor`, `parameters`, `kept`, `top` |
/// | `draw` | a token was chosen from it | `sequence`, `step`, `sample`, `id`, `prob`, and how: `uniform` of an inverse CDF, `noise` of the winner and `runner_up` `[id, nats behind]` of a race |
/// | `beams` | a step of beam search is over | `sequence`, `step`, `group`, `live`, `considered` |
///
/// `kept` is how many tokens are possible, `top` the most probable of them: `[id, score, probability]`, best first. Scores of a `row` are
/// logits; in beam search and exact search its stages start from log-probabilities.
///
/// `live` are the beams before the step, best first: `ids`, `sum`, and for each id its log-probability in the raw row (`logprobs`) and
/// what it
/// added to the sum (`scores`), in stochastic beam search `perturbed`. `considered` are their continuations in the order of their ranks
/// (by `key`, in beam sampling by `sum`):
/// `parent` (rank of the beam), `id`, `score`, `sum`, `key` (what it was ranked by), `bank` (tokens of forced phrases in it) and
/// `fate`: `"live"`; `{"finished": score}`; `"lost"` (ended outside the first `num_beams`); `"pruned"` (`num_beams` better ones
/// live); `"margin"` (further below the best than `beam_margin`); `"unmet"` (ended without every forced phrase).
///
/// What is not finite is `null`. Where the caller has names for the sequences ([`named`](TraceWriter::named)), `sequence_id` stands beside
/// `sequence`.
///
/// ```
/// use tokpick::render::TraceWriter;
/// use tokpick::sampler::{Greedy, Job, Sampler};
/// use tokpick::{processor::Chain, source::Steps};
///
/// let mut steps = Steps::new("example", &[1, 2], None, vec![0.0, 0.0])?;
/// let chain = Chain::default();
/// let job = Job::new(&chain);
/// let mut trace = TraceWriter::new(Vec::new(), 1);
/// Greedy.run(&mut steps, &job, &mut trace, &mut |_| Ok(()))?;
/// assert_eq!(
///     String::from_utf8(trace.finish()?)?,
///     "{\"event\":\"row\",\"sequence\":0,\"step\":0,\"prompt\":[],\"prefix\":[],\"kept\":2,\"top\":[[0,0.0,0.5]]}\n\
///      {\"event\":\"draw\",\"sequence\":0,\"step\":0,\"sample\":0,\"id\":0,\"prob\":0.5}\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TraceWriter<W> {
    to: W,
    top: usize,
    lines: usize,
    ids: BTreeMap<usize, Value>,
    /// A write that failed; nothing is written after it.
    error: Option<io::Error>,
}

impl<W: Write> TraceWriter<W> {
    /// Writes to `to`; of the candidates, the `top` most probable.
    pub fn new(to: W, top: usize) -> Self {
        TraceWriter { to, top, lines: 0, ids: BTreeMap::new(), error: None }
    }

    /// The caller's own names of sequences.
    pub fn named(self, ids: BTreeMap<usize, Value>) -> Self {
        TraceWriter { ids, ..self }
    }

    /// How many events were written.
    pub fn len(&self) -> usize {
        self.lines
    }

    /// True if no event was written.
    pub fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// Ends the trace and gives the writer back.
    ///
    /// # Errors
    /// The first write that failed.
    pub fn finish(mut self) -> io::Result<W> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.to.flush().map(|()| self.to),
        }
    }

    fn top(&self, c: &Candidates) -> Value {
        let z = c.normalizer();
        let one = |(id, score)| json!([id, score, z.log_probability(score).map(kernel::exp)]);
        c.ranked(self.top).into_iter().map(one).collect()
    }

    /// The likeliest of what a filter of a draw's own left.
    fn likeliest(&self, left: &[(TokenId, f64)]) -> Value {
        let mut left = left.to_vec();
        left.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        left.truncate(self.top);
        json!(left)
    }

    fn line(&self, event: &TraceEvent<'_>) -> Option<Value> {
        Some(match event {
            TraceEvent::Row { place, context, prompt_len, candidates } => {
                let (prompt, prefix) = context.split_at(*prompt_len.min(&context.len()));
                json!({
                    "event": "row", "sequence": place.sequence, "step": place.step, "prompt": prompt,
                    "prefix": prefix, "kept": candidates.count(), "top": self.top(candidates),
                })
            }
            TraceEvent::Stage { position, processor, candidates } => json!({
                "event": "stage", "position": position, "processor": processor.info().name,
                "parameters": processor.json(), "kept": candidates.count(), "top": self.top(candidates),
            }),
            TraceEvent::Filters { place, sample, stages } => {
                let stage = |s: &Filtered| json!({"filter": s.name, "kept": s.left.len(), "top": self.likeliest(&s.left)});
                json!({
                    "event": "filters", "sequence": place.sequence, "step": place.step, "sample": sample,
                    "stages": stages.iter().map(stage).collect::<Vec<_>>(),
                })
            }
            TraceEvent::Odds { .. } => return None,
            TraceEvent::Draw { place, sample, pick, candidates } => draw(*place, *sample, pick, candidates),
            TraceEvent::Beams(step) => {
                let mut line = json!({"event": "beams"});
                if let (Value::Object(line), Ok(Value::Object(step))) =
                    (&mut line, serde_json::to_value(step))
                {
                    line.extend(step);
                }
                line
            }
        })
    }
}

fn draw(place: Place, sample: usize, pick: &Pick, c: &Candidates) -> Value {
    let score = c.score(pick.id).unwrap_or(f64::NEG_INFINITY);
    let prob = c.normalizer().log_probability(score).map(kernel::exp);
    let mut line = json!({
        "event": "draw", "sequence": place.sequence, "step": place.step, "sample": sample, "id": pick.id,
        "prob": prob,
    });
    if let Value::Object(line) = &mut line {
        line.extend(pick.uniform.map(|u| ("uniform".to_string(), u.into())));
        line.extend(pick.noise.map(|g| ("noise".to_string(), g.into())));
        line.extend(pick.runner_up.map(|r| ("runner_up".to_string(), json!(r))));
    }
    line
}

impl<W: Write> Trace for TraceWriter<W> {
    fn wants(&self) -> Wants {
        Wants { stages: true, draws: true, beams: true, ..Wants::default() }
    }

    fn event(&mut self, event: &TraceEvent<'_>) {
        if self.error.is_none()
            && let Some(mut line) = self.line(event)
        {
            let sequence = line.get("sequence").and_then(Value::as_u64);
            if let Some(name) = sequence.and_then(|s| self.ids.get(&(s as usize))) {
                line["sequence_id"] = name.clone();
            }
            self.error = writeln!(self.to, "{line}").err();
            self.lines += 1;
        }
    }
}
