//! Rows in company, finished rows, and accepted ids.

use super::*;

/// Rows with their own generator draw the same in any company; the first row of a shared one, too, in its first step.
#[test]
fn batches() {
    let a: Vec<f32> = (0..50).map(|i| (i as f32 * 0.7).sin()).collect();
    let b: Vec<f32> = (0..50).map(|i| (i as f32 * 1.3).cos()).collect();
    for info in engines() {
        let params =
            Params { row_seeds: (info.batch == Batch::RowSeeds).then(|| "7,8".into()), ..Params::default() };
        let alone =
            Params { row_seeds: (info.batch == Batch::RowSeeds).then(|| "8".into()), ..Params::default() };
        let mut both = begin(info.name, &params, "7", 2).unwrap();
        let mut one = begin(info.name, &alone, "7", 1).unwrap();
        let (mut together, mut single) = (Vec::new(), Vec::new());
        for step in 0..30 {
            // Row 0 ends on the way; that is nothing to row 1.
            let first = ReplayRow { finished: step > 10, ..row(&a) };
            let drawn = draw(both.as_mut(), &[first, row(&b)]).unwrap();
            assert_eq!(drawn.len(), if step > 10 { 1 } else { 2 }, "{}", info.name);
            together.extend(drawn.iter().filter(|(r, _)| *r == 1).map(|d| d.1));
            single.push(draw(one.as_mut(), &[row(&b)]).unwrap()[0].1);
        }
        assert_eq!(together == single, info.batch != Batch::Shared, "{}", info.name);
    }
}

/// A finished row goes on consuming where the rows share a generator.
#[test]
fn finished_rows_consume() {
    let a: Vec<f32> = (0..50).map(|i| (i as f32 * 0.7).sin()).collect();
    let shared = engines().iter().filter(|e| e.batch == Batch::Shared);
    for info in shared {
        let ids = |ends: usize| -> Vec<u32> {
            let mut replay = begin(info.name, &Params::default(), "3", 2).unwrap();
            let steps = (0..30).flat_map(|t| {
                let first = ReplayRow { finished: t >= ends, ..row(&a) };
                draw(replay.as_mut(), &[first, row(&a)]).unwrap()
            });
            steps.filter(|(r, _)| *r == 1).map(|d| d.1).collect()
        };
        assert_eq!(ids(5), ids(99), "{}", info.name);
    }
}

/// In vLLM the requests that are left are the batch.
#[test]
fn vllm_ends_requests() {
    let a: Vec<f32> = (0..50).map(|i| (i as f32 * 0.7).sin()).collect();
    let build = |batch| begin("vllm", &Params::default(), "3", batch).unwrap();
    let (mut two, mut one) = (build(2), build(1));
    for _ in 0..20 {
        let ended = ReplayRow { finished: true, ..row(&a) };
        let left = draw(two.as_mut(), &[ended, row(&a)]).unwrap();
        assert_eq!(left, [(1, draw(one.as_mut(), &[row(&a)]).unwrap()[0].1)]);
    }
}

/// mirostat and adaptive-p go on from the id that is accepted, and from their own where it is impossible.
#[test]
fn accepted_ids_steer() {
    let logits: Vec<f32> = (0..64).map(|i| -0.1 * i as f32).collect();
    let settings = [
        Params { mirostat: Some(2), mirostat_tau: Some(3.0), mirostat_eta: Some(0.9), ..Params::default() },
        Params { adaptive_target: Some(0.05), adaptive_decay: Some(0.5), ..Params::default() },
    ];
    for params in settings {
        let run = |accept: &dyn Fn(u32) -> Option<u32>| {
            let mut replay = begin("llama.cpp", &params, "1", 1).unwrap();
            let mut ids = Vec::new();
            for _ in 0..60 {
                let id = draw(replay.as_mut(), &[row(&logits)]).unwrap()[0].1;
                if let Some(id) = accept(id) {
                    replay.accept(0, id);
                }
                ids.push(id);
            }
            ids
        };
        let own = run(&|id| Some(id));
        assert_ne!(run(&|_| Some(0)), own);
        if params.mirostat.is_some() {
            assert_eq!(run(&|_| None), own);
            assert_eq!(run(&|_| Some(9999)), own);
        }
    }
}
