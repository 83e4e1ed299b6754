use super::*;
use crate::draw::Seat;
use crate::source::Row;

/// One line's steps over the same row; `accepted` overrides what was drawn.
fn step(
    draw: &mut Mirostat,
    c: &mut Candidates,
    sample: usize,
    step: usize,
    accepted: Option<TokenId>,
) -> TokenId {
    let mut seats = [Seat { line: sample, sample, lane: 0, finished: false, pick: None }];
    let mut turns =
        [Turn { sequence: 0, step, context: &[], prompt_len: 0, candidates: c, seats: &mut seats }];
    draw.step(&mut turns).unwrap();
    let id = turns[0].seats[0].pick.unwrap().id;
    draw.accept(&mut turns[0], 0, accepted.unwrap_or(id));
    id
}

fn load(row: &[f32]) -> Candidates {
    let mut c = Candidates::default();
    c.load(Row::dense(row.to_vec()), 0, 0).unwrap();
    c
}

fn softmax(row: &[f64]) -> Vec<f64> {
    let best = row.iter().fold(f64::NEG_INFINITY, |m, &x| m.max(x));
    let total: f64 = row.iter().map(|x| (x - best).exp()).sum();
    row.iter().map(|x| (x - best).exp() / total).collect()
}

/// The published algorithm, with the platform's functions, on falling probabilities.
fn plain_count(version: u8, p: &[f64], mu: f64, m: usize) -> usize {
    let kept = if version == 2 {
        p.iter().filter(|p| -p.log2() <= mu).count()
    } else {
        let (mut product, mut square) = (0.0, 0.0);
        for i in 0..m.min(p.len()) - 1 {
            let t = ((i as f64 + 2.0) / (i as f64 + 1.0)).ln();
            product += t * (p[i] / p[i + 1]).ln();
            square += t * t;
        }
        let s = product / square;
        let e = s - 1.0;
        let k = ((e * 2f64.powf(mu)) / (1.0 - (p.len() as f64).powf(-e))).powf(1.0 / s);
        k as usize
    };
    kept.clamp(1, p.len())
}

/// Falling scores without ties: a Zipf-like row with bumps.
fn row(v: usize) -> Vec<f32> {
    (0..v).map(|i| -1.3 * ((i + 1) as f32).ln() - 0.01 * (i % 3) as f32 * 0.1).collect()
}

#[test]
fn follows_the_published_algorithm() {
    let settings =
        [(1, 3.0, 0.1, 100), (1, 2.0, 0.5, 10), (1, 2.0, 0.5, 2), (2, 3.0, 0.1, 100), (2, 1.0, 1.0, 100)];
    let both = [Surprise::AfterCut, Surprise::BeforeCut];
    for ((version, tau, eta, m), surprise) in settings.into_iter().flat_map(|s| both.map(|b| (s, b))) {
        let row = row(500);
        let p = softmax(&row.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
        assert!(p.is_sorted_by(|a, b| a > b));
        let mut draw = Mirostat::new(version, tau, eta, m, 11).unwrap().with_surprise(surprise);
        let mut mu = 2.0 * tau;
        for at in 0..50 {
            let mut c = load(&row);
            assert!((draw.mu(0, 0) - mu).abs() < 1e-9);
            let id = step(&mut draw, &mut c, 0, at, None);
            let n = plain_count(version, &p, mu, m);
            assert_eq!(c.count(), n, "version {version}, step {at}, μ {mu}");
            let kept: f64 = if surprise == Surprise::AfterCut { p[..n].iter().sum() } else { 1.0 };
            mu -= eta * (-(p[id as usize] / kept).log2() - tau);
        }
    }
}

#[test]
fn surprise_comes_near_its_target() {
    let row = row(2000);
    for version in [1, 2] {
        let mut draw = Mirostat::new(version, 3.0, 0.2, 100, 5).unwrap();
        let mut mean = 0.0;
        for at in 0..2000 {
            let mut c = load(&row);
            let id = step(&mut draw, &mut c, 0, at, None);
            mean += -c.normalizer().log_probability(c.score(id).unwrap()).unwrap()
                / std::f64::consts::LN_2
                / 2000.0;
        }
        assert!((mean - 3.0).abs() < 0.05, "version {version}: {mean}");
    }
}

#[test]
fn degenerate_rows() {
    for version in [1, 2] {
        for (row, kept) in [
            (vec![2.0_f32], 1),
            (vec![f32::NEG_INFINITY, 1.0, f32::NEG_INFINITY], 1),
            (vec![0.5; 7], 7),          // ties stay together
            (vec![3.0, 3.0, -1e30], 2), // and what is impossible goes
            (vec![f32::MAX, f32::MIN], 1),
        ] {
            let mut draw = Mirostat::new(version, 0.0, 0.1, 100, 1).unwrap();
            let mut c = load(&row);
            step(&mut draw, &mut c, 0, 0, None);
            assert_eq!(c.count(), kept, "version {version}: {row:?}");
        }
    }
}

#[test]
fn an_exponent_of_one_has_a_limit() {
    // scores −ln(i + 1): ŝ = 1, where the printed formula is 0/0
    let scores: Vec<f64> = (1..=50).map(|i| -f64::from(i).ln()).collect();
    let limit = (2f64.powi(6) / 50f64.ln()) as usize;
    assert!(ranks(&scores, 6.0, 50).abs_diff(limit) <= 1);
    let near = scores.iter().map(|s| s * 1.000_000_1).collect::<Vec<_>>();
    assert!(ranks(&near, 6.0, 50).abs_diff(limit) <= 1);
}

#[test]
fn state_is_of_one_line_and_moves_when_a_token_is_accepted() {
    let row = row(20);
    let mut draw = Mirostat::new(2, 2.0, 0.5, 100, 1).unwrap();
    let mut c = load(&row);
    step(&mut draw, &mut c, 3, 0, Some(0));
    assert_ne!(draw.mu(0, 3), 4.0);
    assert_eq!((draw.mu(0, 2), draw.mu(1, 3)), (4.0, 4.0));
    // token 19 is cut off: its surprise is unknown
    let moved = draw.mu(0, 3);
    let mut c = load(&row);
    step(&mut draw, &mut c, 3, 1, Some(19));
    assert!(!c.contains(19));
    assert_eq!(draw.mu(0, 3), moved);
}

#[test]
fn draws_what_is_kept_in_proportion() {
    // kept: the probabilities .5 .25 .125 (μ = 3 bits), renormalised; eta 0 leaves μ where it is
    let row: Vec<f32> = [0.5_f32, 0.25, 0.125, 0.0625, 0.0625].map(f32::ln).to_vec();
    let mut draw = Mirostat::new(2, 1.5, 0.0, 100, 99).unwrap();
    let mut counts = [0.0; 5];
    let n = 20_000;
    for at in 0..n {
        counts[step(&mut draw, &mut load(&row), 0, at, None) as usize] += 1.0;
    }
    let expected = [4.0 / 7.0, 2.0 / 7.0, 1.0 / 7.0].map(|p| p * n as f64);
    let chi: f64 = expected.iter().zip(counts).map(|(e, c)| (c - e) * (c - e) / e).sum();
    assert_eq!(counts[3] + counts[4], 0.0);
    assert!(chi < 13.8, "χ² {chi} with 2 degrees of freedom (α = 0.001)");
}

#[test]
fn ranges() {
    for (version, tau, eta, m, name) in [
        (3, 5.0, 0.1, 100, "mirostat 3: must be 1 or 2"),
        (2, -1.0, 0.1, 100, "mirostat_tau -1: must be a finite number, 0 or more"),
        (2, 5.0, f64::NAN, 100, "mirostat_eta NaN: must be a finite number, 0 or more"),
        (1, 5.0, 0.1, 1, "mirostat_m 1: must be 2 or more"),
    ] {
        assert_eq!(Mirostat::new(version, tau, eta, m, 0).unwrap_err().to_string(), name);
    }
}
