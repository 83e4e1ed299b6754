//! Every reference draw, from the engines themselves: fixtures/draws/cases.json.

use crate::support::reference::{Case, cases};
use std::collections::BTreeMap;
use tokpick::engine::{Drawn, Evidence, Margin, Replay, ReplayRow, Watch, build};

/// Runs a case as the reference was made; calls `each` after every step.
fn run(case: &Case, watch: Watch, mut each: impl FnMut(usize, &[Drawn], &mut dyn Replay)) -> Vec<Vec<u32>> {
    let batch = case.rows.batch;
    let mut replay = build(case.engine, &case.params, &case.seed, batch).unwrap();
    let mut history = vec![Vec::new(); batch];
    let mut finished = vec![false; batch];
    let (mut drawn, mut all) = (Vec::new(), Vec::new());
    for step in 0..case.steps {
        // torch-multinomial's calls are all on row 0.
        let at = if case.engine == "torch-multinomial" { 0 } else { step };
        let rows: Vec<_> = (0..batch)
            .map(|b| ReplayRow {
                logits: case.rows.at(at, b),
                history: &history[b],
                prompt_len: 0,
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
    for case in cases() {
        let ids = run(&case, Watch::Ids, |_, _, _| ());
        if ids == case.ids {
            *right.entry(case.engine).or_default() += 1;
        } else {
            let step = ids.iter().zip(&case.ids).position(|(a, b)| a != b);
            wrong.push(format!("{} from step {step:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}\nright: {right:?}", wrong.len());
    assert_eq!(right.values().sum::<usize>(), 545);
    assert_eq!(right.len(), 12);
}

/// Watching changes no id, the drawn id's margin is 0, and no possible one's is negative.
#[test]
fn evidence_agrees_with_the_draw() {
    for case in cases().iter().filter(|c| c.rows.vocabulary <= 1000) {
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
