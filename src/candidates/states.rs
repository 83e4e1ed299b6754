//! Candidates in every state, for tests.

use super::Candidates;
use crate::source::Row;

/// Rows of every state, with few and with many members.
pub(crate) fn states() -> Vec<(&'static str, Candidates)> {
    let logit = |id: u32| match id {
        2_222 => 60.0,
        _ if id % 7 == 3 => f32::NEG_INFINITY,
        _ => (id % 1_013) as f32 / 97.0,
    };
    let row = || Candidates::from(&(0..5_000).map(logit).collect::<Vec<f32>>()[..]);
    let changed = |change: &dyn Fn(&mut Candidates)| {
        let mut c = row();
        change(&mut c);
        c
    };
    let sparse = {
        let mut c = Candidates::default();
        let ids: Vec<u32> =
            (0..900).map(|i| i * i % 40_009).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        let logits = ids.iter().map(|&id| logit(id)).collect();
        let row = Row { vocab: 50_000, ids: Some(ids), ..Row::dense(logits) };
        c.load(row, 0, 0).unwrap();
        c
    };
    vec![
        ("as loaded", row()),
        ("hot", changed(&|c| c.scale(0.01))),
        ("cold", changed(&|c| c.scale(50.0))),
        ("shifted", changed(&|c| c.shift(-1e6))),
        ("edited", changed(&|c| assert!(c.edit(17, |s| s + 59.999_999_9)))),
        ("cut", changed(&|c| c.keep_at_or_above(c.cut_at(6.0)))),
        ("two left", changed(&|c| c.keep_at_or_above(c.kth_best(2).unwrap()))),
        ("one left", changed(&|c| c.keep_at_or_above(c.kth_best(1).unwrap()))),
        ("mapped", changed(&|c| c.map(|_, s| s * s / 7.0))),
        // the best of its span is edited, down and up, and the row is as it was again
        (
            "edited, then mapped",
            changed(&|c| {
                c.edit(2_222, |s| s - 70.0);
                c.edit(4_000, |s| s + 90.0);
                c.map(|_, s| s / 2.0);
            }),
        ),
        ("sparse", sparse),
    ]
}
