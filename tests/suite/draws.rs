//! Every reference draw, from the engines themselves: fixtures/draws and fixtures/draws-gpu.

use crate::support::reference::{Case, cases, gpu_cases};
use std::collections::BTreeMap;
use tokpick::draw::Margin;
use tokpick::engine::{Drawn, Evidence, Params, Probe, Replay, ReplayRow, Watch, build};

/// Runs a case as the reference was made; calls `each` after every step.
fn run(case: &Case, watch: Watch, mut each: impl FnMut(usize, &[Drawn], &mut dyn Replay)) -> Vec<Vec<u32>> {
    let batch = case.rows.batch;
    let mut replay = build(case.engine, &case.params, &case.seed, batch).unwrap();
    let mut history = vec![case.prompt.clone(); batch];
    let mut finished = vec![false; batch];
    let (mut drawn, mut all) = (Vec::new(), Vec::new());
    for step in 0..case.steps {
        // torch-multinomial's calls are all on row 0.
        let at = if case.engine == "torch-multinomial" { 0 } else { step };
        let rows: Vec<_> = (0..batch)
            .map(|b| ReplayRow {
                logits: case.rows.at(at, b),
                history: &history[b],
                prompt_len: case.prompt.len(),
                finished: finished[b],
            })
            .collect();
        replay.step(&rows, watch, &mut drawn).unwrap();
        each(step, &drawn, replay.as_mut());
        if case.engine == "torch-multinomial" {
            all.push(drawn.iter().map(|d| d.id).collect());
            continue;
        }
        let mut ids = vec![case.eos.map_or(0, |(_, pad)| pad); batch];
        for d in &drawn {
            replay.accept(d.row, d.id);
            history[d.row].push(d.id);
            ids[d.row] = d.id;
            finished[d.row] = case.eos.is_some_and(|(eos, _)| eos == d.id);
        }
        all.push(ids);
        if finished.iter().all(|&f| f) {
            break;
        }
    }
    all
}

#[test]
fn every_reference_draw() {
    let mut wrong = Vec::new();
    let mut right: BTreeMap<&str, usize> = BTreeMap::new();
    for case in cases().into_iter().chain(gpu_cases()) {
        let ids = run(&case, Watch::Ids, |_, _, _| ());
        if ids == case.ids {
            *right.entry(case.engine).or_default() += 1;
        } else {
            let step = ids.iter().zip(&case.ids).position(|(a, b)| a != b);
            wrong.push(format!("{} from step {step:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}\nright: {right:?}", wrong.len());
    assert_eq!(right.values().sum::<usize>(), 545 + 236);
    assert_eq!(right.len(), 17);
}

/// Watching changes no id, the drawn id's margin is 0, and no possible one's is negative.
#[test]
fn evidence_agrees_with_the_draw() {
    for case in cases().iter().chain(&gpu_cases()).filter(|c| c.rows.vocabulary <= 1000) {
        let ids = run(case, Watch::Evidence, |step, drawn, _| {
            for d in drawn {
                let evidence = d.evidence.as_ref().unwrap();
                let at = format!("{} step {step} row {}", case.name, d.row);
                assert_eq!(evidence.margin(d.id).value(), Some(0.0), "{at}");
                for other in 0..case.rows.vocabulary as u32 {
                    if let Some(margin) = evidence.margin(other).value() {
                        assert!(margin >= 0.0, "{at}: {other} has {margin}");
                    }
                }
                assert_eq!(evidence.margin(u32::MAX), Margin::Impossible, "{at}");
            }
        });
        assert_eq!(ids, case.ids, "{}", case.name);
    }
}

/// candle's list after top_k is in the order that the standard library leaves.
#[test]
fn candle_order() {
    let mut compared = 0;
    for case in cases().iter().filter(|c| c.orders.is_some()) {
        let orders = case.orders.as_ref().unwrap();
        run(case, Watch::Evidence, |step, drawn, _| {
            let Some(Evidence::Interval { ids, .. }) = &drawn[0].evidence else {
                panic!("candle draws by intervals")
            };
            assert_eq!(ids[..], orders[step][..], "{} step {step}", case.name);
            compared += 1;
        });
    }
    assert!(compared > 200, "{compared}");
}

/// A row of a batch is the row alone: its ids hang on its seed and position and on nothing beside it.
#[test]
fn addressed_rows_of_a_batch_are_rows_alone() {
    let mut compared = 0;
    for case in gpu_cases().into_iter().filter(|c| c.rows.batch > 1) {
        let seeds: Vec<&str> = case.params.row_seeds.as_deref().unwrap().split(',').collect();
        let positions: Vec<&str> = case.params.position.as_deref().unwrap().split(',').collect();
        for b in 0..case.rows.batch {
            let params =
                Params { row_seeds: None, position: Some(positions[b].into()), ..case.params.clone() };
            let mut replay = build(case.engine, &params, seeds[b], 1).unwrap();
            let mut drawn = Vec::new();
            for (step, ids) in case.ids.iter().enumerate() {
                let logits = case.rows.at(step, b);
                let row = ReplayRow { logits, history: &[], prompt_len: 0, finished: false };
                replay.step(&[row], Watch::Ids, &mut drawn).unwrap();
                assert_eq!(drawn[0].id, ids[b], "{} row {b} step {step}", case.name);
                compared += 1;
            }
        }
    }
    assert!(compared > 1000, "{compared}");
}

/// What probes say of an address is what the replay draws there.
#[test]
fn probes_agree_with_replays() {
    for case in gpu_cases().iter().filter(|c| c.rows.batch == 1 && c.rows.vocabulary <= 1000) {
        if case.params.temperature == Some(0.0) || case.params.top_k == Some(1) {
            continue;
        }
        let params = Params { position: None, ..case.params.clone() };
        let (seed, first): (i64, u64) =
            (case.seed.parse().unwrap(), case.params.position.as_deref().unwrap().parse().unwrap());
        let mut history = case.prompt.clone();
        for (step, ids) in case.ids.iter().enumerate() {
            let logits = case.rows.at(step, 0);
            let row = ReplayRow { logits, history: &history, prompt_len: case.prompt.len(), finished: false };
            let position = first + step as u64;
            let probe = Probe::new(case.engine, &params, &row, ids[0]).unwrap().unwrap();
            assert!(probe.draws(seed, position), "{} step {step}", case.name);
            let other = (ids[0] + 1) % case.rows.vocabulary as u32;
            if let Some(probe) = Probe::new(case.engine, &params, &row, other).unwrap() {
                assert!(!probe.draws(seed, position), "{} step {step}", case.name);
            }
            history.push(ids[0]);
        }
    }
}
