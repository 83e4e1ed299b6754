use super::*;
use crate::settings;
use crate::source::Steps;

fn run(
    axes: &[usize],
    a: &[f32],
    b: &[f32],
    chain: &str,
    options: DiffOptions,
) -> Result<(Diff, Vec<RowDiff>)> {
    let mut rows = Vec::new();
    let chain = settings::chain(chain)?;
    let job = Job::new(&chain);
    let mut x = Steps::new("a", axes, None, a.to_vec())?;
    let mut y = Steps::new("b", axes, None, b.to_vec())?;
    let diff = diff(&mut x, &mut y, &job, &options, &mut |row| {
        rows.push(row.clone());
        Ok(())
    })?;
    Ok((diff, rows))
}

/// Logits of probabilities.
fn logs(p: &[f64]) -> Vec<f32> {
    p.iter().map(|p| p.ln() as f32).collect()
}

#[test]
fn a_file_does_not_differ_from_itself() {
    let logits: Vec<f32> = (0..60).map(|i| ((i * 37) % 23) as f32 / 5.0).collect();
    for chain in ["", "temperature=0.7,top_k=3,top_p=0.9", "repetition_penalty=1.3,no_repeat_ngram_size=1"] {
        for gumbel in [false, true] {
            let options = DiffOptions { gumbel, seed: 3, ..DiffOptions::default() };
            let (d, _) = run(&[2, 5, 6], &logits, &logits, chain, options).unwrap();
            assert_eq!(d.rows, 10);
            assert_eq!((d.max_abs, d.max_kl, d.flips), (0.0, Some(0.0), 0.0), "{chain}");
            assert_eq!((d.top1, d.top_k_overlap), (1.0, 1.0));
            assert_eq!(d.greedy_diverges, [None, None]);
            assert_eq!(d.seeded_diverges, [None, None]);
        }
    }
}

#[test]
fn kl_by_hand() {
    let (p, q) = ([0.5, 0.5], [0.25, 0.75]);
    let (d, rows) = run(&[2], &logs(&p), &logs(&q), "", DiffOptions::default()).unwrap();
    let kl = |p: &[f64], q: &[f64]| p.iter().zip(q).map(|(p, q)| p * (p / q).ln()).sum::<f64>();
    assert!((rows[0].kl_ab.unwrap() - kl(&p, &q)).abs() < 1e-7);
    assert!((rows[0].kl_ba.unwrap() - kl(&q, &p)).abs() < 1e-7);
    assert!((d.max_kl.unwrap() - kl(&p, &q).max(kl(&q, &p))).abs() < 1e-7);
    assert!((rows[0].flips - 0.25).abs() < 1e-7);
    assert!((rows[0].max_abs - 2f64.ln()).abs() < 1e-6);
    assert!(!rows[0].top1, "a tie goes to the lowest id");
}

#[test]
fn a_lost_token_makes_kl_infinite_one_way() {
    let masked = f32::NEG_INFINITY;
    let (d, rows) = run(&[3], &[0.0, 0.0, 0.0], &[0.0, 0.0, masked], "", DiffOptions::default()).unwrap();
    assert_eq!((rows[0].kl_ab, rows[0].masked_in_one), (None, 1));
    assert!(rows[0].kl_ba.is_some());
    assert_eq!((d.mean_kl_ab, d.max_kl, d.rows_masked_in_one), (None, None, 1));
    // a chain that removes it from both makes it finite again
    let (d, _) =
        run(&[3], &[0.0, 1.0, -9.0], &[0.0, 1.0, masked], "top_k=2", DiffOptions::default()).unwrap();
    assert_eq!(d.max_kl, Some(0.0));
}

#[test]
fn the_first_divergence_is_found_and_later_ones_are_not_it() {
    let a = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0];
    let b = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0];
    let (d, _) = run(&[3, 2], &a, &b, "", DiffOptions::default()).unwrap();
    assert_eq!(d.greedy_diverges, [Some(1)]);
    assert!((d.top1 - 1.0 / 3.0).abs() < 1e-15);
    assert_eq!(d.top_k_overlap, 1.0, "k is larger than the vocabulary");
    let one = DiffOptions { top_k: 1, ..DiffOptions::default() };
    assert!((run(&[3, 2], &a, &b, "", one).unwrap().0.top_k_overlap - 1.0 / 3.0).abs() < 1e-15);
}

/// The exact share against 5,000 addressed seeds: 4 standard errors.
#[test]
fn flips_are_what_seeds_do() {
    let (a, b) = (logs(&[0.2, 0.3, 0.1, 0.4]), logs(&[0.25, 0.2, 0.25, 0.3]));
    for gumbel in [false, true] {
        let options = DiffOptions { gumbel, ..DiffOptions::default() };
        let (d, _) = run(&[4], &a, &b, "", options).unwrap();
        let n = 5_000;
        let flipped = (0..n)
            .filter(|&seed| {
                let options = DiffOptions { seed, ..options };
                run(&[4], &a, &b, "", options).unwrap().0.seeded_diverges[0].is_some()
            })
            .count();
        let (share, error) = (flipped as f64 / n as f64, (d.flips * (1.0 - d.flips) / n as f64).sqrt());
        assert!((share - d.flips).abs() < 4.0 * error, "{share}, exactly {}", d.flips);
    }
}

#[test]
fn shapes_must_agree() {
    let message = |x: (&[usize], usize), y: (&[usize], usize)| {
        let chain = crate::processor::Chain::default();
        let job = Job::new(&chain);
        let mut a = Steps::new("a", x.0, None, vec![0.0; x.1]).unwrap();
        let mut b = Steps::new("b", y.0, None, vec![0.0; y.1]).unwrap();
        let options = DiffOptions::default();
        diff(&mut a, &mut b, &job, &options, &mut |_| Ok(())).unwrap_err().to_string()
    };
    assert_eq!(
        message((&[2, 3], 6), (&[2, 4], 8)),
        "b: vocabulary size: 4, but a has 3; diff compares inputs of one shape"
    );
    assert!(message((&[2, 3], 6), (&[3, 3], 9)).starts_with("b: steps: 3, but a has 2"));
    assert!(message((&[1, 2, 3], 6), (&[2, 1, 3], 6)).starts_with("b: sequences: 2, but a has 1"));
}

mod rows {
    use proptest::prelude::*;

    use super::*;
    use crate::candidates::Pair;
    use crate::candidates::states::states;
    use crate::check::{gumbel_flips, uniform_flips};

    /// Flips as they are told, and by lists of ids and probabilities.
    fn agree(name: &str, a: &Candidates, b: &Candidates) {
        let (mut pair, mut keyed) = (Pair::default(), Vec::new());
        pair.look(a, b);
        let (p, q) = (a.probabilities(), b.probabilities());
        let near = |x: f64, y: f64| (x - y).abs() <= 1e-9 * y + 1e-12;
        let (flips, expected) = (counted(pair.flips()), uniform_flips(&p, &q));
        assert!(near(flips, expected), "{name}: {flips:e}, {expected:e}");
        let (flips, expected) = (races(pair.probabilities(), &mut keyed), gumbel_flips(&p, &q));
        assert!(near(flips, expected), "{name}: {flips:e}, {expected:e} of races");
    }

    #[test]
    fn flips_of_every_pair_of_states() {
        for (name, a) in &states() {
            for (other, b) in &states() {
                agree(&format!("{name}, {other}"), a, b);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn flips_of_any_rows(
            rows in prop::collection::vec((-6.0f32..6.0, prop_oneof![3 => -0.02f32..0.02, 1 => -3.0f32..3.0, 1 => Just(f32::NEG_INFINITY)]), 1..3000),
            k in 1usize..3000,
        ) {
            let a: Vec<f32> = rows.iter().map(|row| row.0).collect();
            let b: Vec<f32> = rows.iter().map(|row| row.0 + row.1).collect();
            prop_assume!(b.iter().any(|x| x.is_finite()));
            let [mut a, mut b] = [&a, &b].map(|row| Candidates::from(&row[..]));
            prop_assert_eq!(a.raw_distance(&b).1, b.raw_distance(&a).1);
            agree("as read", &a, &b);
            a.scale(1.25);
            b.keep_best(k);
            agree("hot, and cut", &a, &b);
        }
    }
}
