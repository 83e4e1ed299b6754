//! What each truncation keeps of probabilities 1/m and 0⁺.

use num_rational::BigRational;

use tokpick::TokenId;
use tokpick::processor::Context;
use tokpick::settings;

use super::{ABOVE_0, BELOW_1, Case, applied, cases, exact, ids, whole};

/// Numbers from 0 to 1.
const SHARES: [f64; 8] = [0.0, ABOVE_0, 1e-300, 1e-9, 0.3, 0.5, BELOW_1, 1.0];

/// Each truncation with the values at its edges.
const TABLE: [(&str, &[f64]); 13] = [
    ("top_k", &[0.0, 1.0, 2.0, 5.0, 1e6, 9e15]),
    ("top_p", &SHARES),
    ("min_p", &SHARES),
    (
        "top_n_sigma",
        &[f64::MIN, -1.0, 0.0, ABOVE_0, 1e-300, 0.3, 0.5, BELOW_1, 1.0, 2.0, 1e6, 1e300, f64::MAX],
    ),
    ("top_h", SHARES.split_at(1).1),
    ("typical_p", &SHARES),
    // 1 is no probability of a cutoff
    ("epsilon_cutoff", SHARES.split_at(7).0),
    ("eta_cutoff", SHARES.split_at(7).0),
    ("top_a", &SHARES),
    ("tail_free", &SHARES),
    ("p_less", &[1.0]),
    ("p_less_norm", &[1.0]),
    // its threshold; the probability is 1
    ("xtc", &SHARES),
];

/// Whether a processor is in this table.
pub fn has(name: &str) -> bool {
    TABLE.iter().any(|row| row.0 == name)
}

/// The slack of thresholds.
fn slack() -> BigRational {
    exact(1e-6)
}

fn one() -> BigRational {
    whole(1)
}

/// True if a threshold is reached by the probability of a token.
fn reaches(case: &Case, at: usize, threshold: &BigRational) -> bool {
    // 0⁺ reaches nothing that is above 0
    let p = if case.near[at] { one() / whole(case.m()) } else { whole(0) };
    p >= threshold * (one() - slack())
}

/// The tokens that a truncation keeps.
fn kept(name: &str, value: f64, case: &Case) -> Vec<TokenId> {
    let (x, m, n) = (exact(value), case.m(), case.n());
    let is_best = |at| case.above(at) == 0;
    let (all, near) = (case.ids(|_| true), case.near_ids());
    // of the better ones, how many have a probability
    let before =
        |at: usize| (0..case.row.len()).filter(|&b| case.row[b] > case.row[at] && case.near[b]).count();
    match name {
        "top_k" if value == 0.0 => all,
        "top_k" => case.ids(|at| case.above(at) < value as usize),
        "top_p" | "typical_p" | "tail_free" if value == 1.0 => all,
        "min_p" | "epsilon_cutoff" | "eta_cutoff" | "top_a" if value == 0.0 => all,
        "top_p" => {
            let goal = &x - slack() * &x * (one() - &x);
            case.ids(|at| is_best(at) || whole(before(at)) / whole(m) < goal)
        }
        // a share of the best one's probability, which is at most that
        "min_p" => near,
        "epsilon_cutoff" => case.ids(|at| is_best(at) || reaches(case, at, &x)),
        // min(ε, √ε / m) is at most 1/m, and above 0
        "eta_cutoff" => near,
        "top_a" => case.ids(|at| is_best(at) || reaches(case, at, &(&x / whole(m * m)))),
        "top_n_sigma" if value <= 0.0 => all,
        "top_n_sigma" => {
            let variance = case.variance.clone() * &x * &x;
            case.ids(|at| {
                let beyond = case.below[at].as_ref().expect("unmasked") - slack();
                beyond <= whole(0) || &beyond * &beyond <= variance
            })
        }
        // all that have a probability are as surprising as the entropy, the others infinitely more
        "typical_p" => near,
        "top_h" => top_h(case, &x),
        "tail_free" => tail_free(case, &x),
        // Σ p² = 1/m
        "p_less" => case.ids(|at| reaches(case, at, &(one() / whole(m)))),
        "p_less_norm" if n == 1 => all,
        "p_less_norm" => {
            let threshold = (whole(n) / whole(m) - one()) / whole(n - 1);
            case.ids(|at| reaches(case, at, &threshold))
        }
        "xtc" if value > 0.5 => all,
        "xtc" => {
            let good = case.ids(|at| reaches(case, at, &x));
            let worst = good.iter().map(|&id| case.row[id as usize]).fold(f32::INFINITY, f32::min);
            if good.len() < 2 { all } else { case.ids(|at| case.row[at] <= worst) }
        }
        _ => unreachable!("{name} is no truncation"),
    }
}

/// Each of m tokens has 1/m of the entropy. Where one has it all the entropy is 0⁺, and nearly all of it lies in the second best.
fn top_h(case: &Case, h: &BigRational) -> Vec<TokenId> {
    let bound = h * (one() + slack());
    if case.m() > 1 {
        let share = |at: usize| whole((case.above(at) + 1).min(case.m())) / whole(case.m());
        return case.ids(|at| case.above(at) == 0 || share(at) <= bound && (case.near[at] || bound > one()));
    }
    let second = case.ids(|at| case.above(at) == 1);
    let share = if second.is_empty() { whole(0) } else { one() / whole(second.len()) };
    case.ids(|at| match case.above(at) {
        0 => true,
        1 => share <= bound,
        _ => bound > one(),
    })
}

/// By rank, the second differences of 1/m … 1/m, 0⁺ … 0⁺.
fn tail_free(case: &Case, z: &BigRational) -> Vec<TokenId> {
    let curve: Vec<i64> = (0..case.n()).map(|rank| i64::from(rank < case.m())).collect();
    let bends: Vec<usize> =
        curve.windows(3).map(|p| (p[0] - 2 * p[1] + p[2]).unsigned_abs() as usize).collect();
    let total: usize = bends.iter().sum();
    if total == 0 {
        return case.ids(|_| true);
    }
    let bound = z * (one() + slack()) * whole(total);
    let fits = |rank: &usize| whole(bends[..*rank].iter().sum()) <= bound;
    let kept = 1 + (1..=bends.len()).take_while(fits).count();
    case.ids(|at| case.above(at) < kept)
}

fn written(name: &str, value: f64, least: usize) -> String {
    match name {
        "top_k" => format!("top_k(value={value},min_tokens_to_keep={least})"),
        "p_less" | "p_less_norm" => format!("{name}(value=true,min_tokens_to_keep={least})"),
        "xtc" => format!("xtc(probability=1,threshold={value:e})"),
        _ => format!("{name}(value={value:e},min_tokens_to_keep={least})"),
    }
}

#[test]
fn every_truncation_keeps_what_exact_arithmetic_keeps() {
    let mut compared = 0;
    for case in cases() {
        for (name, values) in TABLE {
            for &value in values {
                let kept = kept(name, value, case);
                for least in if name == "xtc" { 1..2 } else { 1..4 } {
                    // at least so many stay: that is said of what would be fewer
                    let stays =
                        |at: usize| kept.contains(&(at as TokenId)) || least > 1 && case.above(at) < least;
                    let chain = written(name, value, least);
                    assert_eq!(ids(&case.after(&chain)), case.ids(stays), "{case}: {chain}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 50_000, "{compared}");
}

/// A coin that is below the probability, and the numbers beside 0 and 1.
#[test]
fn the_coin_of_xtc() {
    let row = [1.0, 1.0, 0.0, 0.0];
    for probability in [0.0, ABOVE_0, 0.5, BELOW_1, 1.0] {
        for coin in [0.0, ABOVE_0, 0.5, 1.0 - 2.0 * f64::EPSILON, BELOW_1] {
            let chain = format!("xtc(probability={probability:e},threshold=0)");
            let cx = Context { coins: &coin, ..Context::default() };
            let kept = settings::chain(&chain).and_then(|chain| chain.after(&cx, &row)).unwrap();
            let expected = if exact(coin) < exact(probability) { vec![2, 3] } else { vec![0, 1, 2, 3] };
            assert_eq!(ids(&kept), expected, "{probability} {coin}");
        }
    }
}

/// What lies outside a range by one float is refused, what lies on its end is not.
#[test]
fn ranges_end_where_they_say() {
    for name in ["top_p", "min_p", "typical_p", "top_a", "tail_free"] {
        for (value, fits) in [(-ABOVE_0, false), (-0.0, true), (1.0, true), (super::ABOVE_1, false)] {
            assert_eq!(settings::chain(&format!("{name}={value:e}")).is_ok(), fits, "{name} {value:e}");
        }
    }
    for name in ["epsilon_cutoff", "eta_cutoff"] {
        for (value, fits) in [(-ABOVE_0, false), (BELOW_1, true), (1.0, false)] {
            assert_eq!(settings::chain(&format!("{name}={value:e}")).is_ok(), fits, "{name} {value:e}");
        }
    }
    assert!(settings::chain("top_h=0").is_err() && settings::chain("top_h=5e-324").is_ok());
    assert_eq!(applied("top_h=5e-324", &[1.0, 1.0, 0.0]).count(), 2);
}
