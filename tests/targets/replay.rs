//! Every engine's replay: random parameters, seeds and rows.

use super::bytes::Bytes;
use super::says;
use tokpick::draw::{Margin, Tolerance};
use tokpick::engine::{Batch, Drawn, Params, ReplayRow, Watch, build, engines};

fn params(b: &mut Bytes, takes: &[&str], v: usize) -> Params {
    let mut p = Params::default();
    for name in takes {
        if !b.yes() {
            continue;
        }
        match *name {
            "temperature" => p.temperature = Some(b.real()),
            "top_k" => p.top_k = Some(b.below(9) as i64 - 1),
            "top_p" => p.top_p = Some(b.real()),
            "min_p" => p.min_p = Some(b.real()),
            "typical_p" => p.typical_p = Some(b.real()),
            "top_n_sigma" => p.top_n_sigma = Some(b.real()),
            "xtc_probability" => p.xtc_probability = Some(b.real()),
            "xtc_threshold" => p.xtc_threshold = Some(b.real()),
            "min_tokens_to_keep" => p.min_tokens_to_keep = Some(b.below(5) as i64 - 1),
            "repetition_penalty" => p.repetition_penalty = Some(b.real()),
            "frequency_penalty" => p.frequency_penalty = Some(b.real()),
            "presence_penalty" => p.presence_penalty = Some(b.real()),
            "penalty_last_n" => p.penalty_last_n = Some(b.below(6) as i64 - 1),
            "dry_multiplier" => p.dry_multiplier = Some(b.real()),
            "dry_base" => p.dry_base = Some(b.real()),
            "dry_allowed_length" => p.dry_allowed_length = Some(b.below(5) as i64 - 1),
            "dry_last_n" => p.dry_last_n = Some(b.below(6) as i64 - 1),
            "dry_breakers" => p.dry_breakers = Some(vec![vec![b.below(v) as u32]]),
            "logit_bias" => p.logit_bias = Some(vec![(b.below(v + 1) as u32, b.real())]),
            "dynamic_temperature_range" => p.dynamic_temperature_range = Some(b.real()),
            "dynamic_temperature_exponent" => p.dynamic_temperature_exponent = Some(b.real()),
            "mirostat" => p.mirostat = Some(b.below(4) as i64),
            "mirostat_tau" => p.mirostat_tau = Some(b.real()),
            "mirostat_eta" => p.mirostat_eta = Some(b.real()),
            "mirostat_m" => p.mirostat_m = Some(b.below(9) as i64),
            "adaptive_target" => p.adaptive_target = Some(b.real()),
            "adaptive_decay" => p.adaptive_decay = Some(b.real()),
            "position" => p.position = Some((b.long() >> b.below(64)).to_string()),
            "filtered_batch" => p.filtered_batch = Some(b.yes()),
            "num_samples" => p.num_samples = Some(b.below(4) as i64),
            "replacement" => p.replacement = Some(b.yes()),
            _ => {}
        }
    }
    p
}

struct Run {
    engine: &'static str,
    params: Params,
    seed: String,
    v: usize,
    histories: Vec<Vec<u32>>,
}

impl Run {
    /// Some steps of rows, each going on with what was drawn.
    fn steps(&self, rows: &[f32], batch: usize, at: usize, watch: Watch) -> tokpick::Result<Vec<Vec<Drawn>>> {
        let mut replay = build(self.engine, &self.params, &self.seed, batch)?;
        let mut histories: Vec<Vec<u32>> = self.histories.iter().skip(at).take(batch).cloned().collect();
        let prompts: Vec<usize> = histories.iter().map(Vec::len).collect();
        let (all, mut steps) = (self.histories.len(), Vec::new());
        for step in rows.chunks(all * self.v) {
            let row = |i: usize| ReplayRow {
                logits: &step[(at + i) * self.v..(at + i + 1) * self.v],
                history: &histories[i],
                prompt_len: prompts[i],
                finished: false,
            };
            let rows: Vec<ReplayRow> = (0..batch).map(row).collect();
            let mut drawn = Vec::new();
            replay.step(&rows, watch, &mut drawn)?;
            for d in &drawn {
                assert!((d.id as usize) < self.v && d.row < batch, "an id of the vocabulary: {d:?}");
                histories[d.row].push(d.id);
                replay.accept(d.row, d.id);
            }
            steps.push(drawn);
        }
        Ok(steps)
    }
}

/// Replays what the bytes describe.
pub fn replay(data: &[u8]) {
    let b = &mut Bytes(data);
    let info = &engines()[b.below(engines().len())];
    let v = [1, 2, 3, 7, 16, 17, 100, 1030][b.below(8)];
    let params = params(b, info.parameters, v);
    let seed = match b.below(4) {
        0 => b.below(9).to_string(),
        1 => b.long().to_string(),
        2 => (b.long() as i64).to_string(),
        _ => ["none", "-1", "", "1,2,3", "[1, 2]", "99999999999999999999999"][b.below(6)].to_string(),
    };
    let batch = 1 + b.below(3);
    let histories = (0..batch).map(|_| (0..b.below(5)).map(|_| b.below(v + 1) as u32).collect()).collect();
    let steps = 1 + b.below(3);
    let rows = b.rows(batch * steps, v);
    let rows = &rows[..rows.len() / (batch * v) * (batch * v)];
    let run = Run { engine: info.name, params, seed, v, histories };
    let ids = |steps: &[Vec<Drawn>]| steps.iter().flatten().map(|d| (d.row, d.id)).collect::<Vec<_>>();
    let together = match run.steps(rows, batch, 0, Watch::Ids) {
        Ok(steps) => steps,
        Err(error) => {
            says(&error);
            assert!(
                run.steps(rows, batch, 0, Watch::Odds).is_err(),
                "{}: watched, it is no error",
                info.name
            );
            return;
        }
    };
    let watched = run.steps(rows, batch, 0, Watch::Odds).expect("as it went unwatched");
    assert_eq!(ids(&together), ids(&watched), "{}: watching changes ids", info.name);
    for d in watched.iter().flatten() {
        let Some(evidence) = &d.evidence else { continue };
        assert_eq!(evidence.margin(d.id).value(), Some(0.0), "{}: the drawn id", info.name);
        let other = b.below(v + 1) as u32;
        match evidence.margin(other) {
            Margin::Score(by) | Margin::Uniform(by) => assert!(by >= 0.0, "{}: {by}", info.name),
            Margin::Impossible => {}
        }
        let slip = evidence.slip(other, &Tolerance::default());
        assert!(
            (0.0..=1.0).contains(&slip.rounding) && (0.0..=1.0).contains(&slip.cut),
            "{}: {slip:?}",
            info.name
        );
    }
    if info.batch == Batch::Addressed {
        for row in 0..batch {
            // what one row can't do may have been hidden by none
            let alone = run.steps(rows, 1, row, Watch::Ids).expect("as it went in a batch");
            let beside =
                together.iter().map(|step| step.iter().filter(|d| d.row == row).map(|d| d.id).collect());
            let alone: Vec<Vec<u32>> = alone.iter().map(|step| step.iter().map(|d| d.id).collect()).collect();
            assert_eq!(alone, beside.collect::<Vec<Vec<u32>>>(), "{}: row {row} alone", info.name);
        }
    }
}
