//! Whatever a row holds and whatever a chain does to it: every instruction set decides alike, to the bit, and as plain `f64`
//! arithmetic does, unless a token is nearer to the cut than `f32` can tell.
//!
//! The cases are always the same ones, unless `PROPTEST_CASES` says how many others to try.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tokpick::candidates::Candidates;
use tokpick::kernel::{Simd, with_simd};
use tokpick::processor::Context;
use tokpick::settings;
use tokpick::source::Row;

fn config(cases: u32) -> ProptestConfig {
    let wish = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok());
    let rng_seed = if wish.is_some() { RngSeed::Random } else { RngSeed::Fixed(10) };
    ProptestConfig {
        cases: wish.unwrap_or(cases),
        rng_seed,
        failure_persistence: None,
        max_global_rejects: u32::MAX,
        ..ProptestConfig::default()
    }
}

/// Logits of every size, with ties, zeros of both signs, denormals, and the largest numbers.
fn logit() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => -20.0f32..20.0,
        4 => (-6i8..6).prop_map(|x| f32::from(x) / 2.0),
        2 => any::<f32>().prop_filter("finite", |x| x.is_finite()),
        1 => prop::sample::select(vec![0.0, -0.0, 1e-45, -1e-45, 1e-40, f32::MIN_POSITIVE, 3e-38, 1e16]),
        1 => prop::sample::select(vec![f32::MAX, f32::MIN, 3e38, -3e38, 1e31, -4.4e31]),
        1 => Just(f32::NEG_INFINITY),
    ]
}

fn row(longest: usize) -> impl Strategy<Value = Vec<f32>> {
    let tame =
        prop_oneof![4 => -20.0f32..20.0, 1 => (-6i8..6).prop_map(f32::from), 1 => Just(f32::NEG_INFINITY)];
    prop_oneof![
        prop::collection::vec(logit(), 1..longest),
        prop::collection::vec(tame, 1..longest),
        // many of one kind
        (logit(), prop::collection::vec(-1.0f32..1.0, 1..longest)).prop_map(|(x, by)| by
            .into_iter()
            .map(|y| Some(x * y).filter(|z| z.is_finite()).unwrap_or(f32::NEG_INFINITY))
            .collect()),
    ]
    .prop_filter("a finite logit", |row: &Vec<f32>| row.iter().any(|x| x.is_finite()))
}

/// A row in which each value comes many times, a little apart: long enough for the searches by a sample.
fn long_row() -> impl Strategy<Value = Vec<f32>> {
    (row(60), 8192usize..9500).prop_map(|(cells, n)| {
        let near = |i: usize| 1.0 + (i.wrapping_mul(2_654_435_761) >> 8 & 0xffff) as f32 * 1e-6;
        (0..n).map(|i| (cells[i % cells.len()] * near(i)).clamp(f32::NEG_INFINITY, f32::MAX)).collect()
    })
}

fn temperature() -> impl Strategy<Value = f64> {
    let extreme = vec![1e-90, 1e-45, 5e-39, 1e-20, 1e-9, 1e9, 1e20, 1e37, 1e45, 1e90];
    prop_oneof![3 => 0.05f64..4.0, 1 => prop::sample::select(extreme)]
}

fn shape() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => temperature().prop_map(|t| format!("temperature={t:e}")),
        2 => (0.01f64..2.0, 1.0f64..2.5).prop_map(|(f, c)| format!("smoothing(factor={f:e},curve={c:e})")),
        1 => (0.3f64..3.0, 0.0f64..2.0, 0.3f64..3.0).prop_map(|(t, r, x)| {
            format!("dynamic_temperature(temperature={:e},range={:e},exponent={x:e})", t + r, r)
        }),
        1 => (0.5f64..60.0).prop_map(|c| format!("softcap={c:e}")),
        1 => Just("renormalize_logits=true".to_string()),
    ]
}

fn penalty() -> impl Strategy<Value = String> {
    prop_oneof![
        (-2.0f64..2.0).prop_map(|x| format!("presence_penalty(value={x:e},scope=all)")),
        (-2.0f64..2.0).prop_map(|x| format!("frequency_penalty(value={x:e},scope=all)")),
        (0.5f64..2.0).prop_map(|x| format!("repetition_penalty={x:e}")),
    ]
}

fn truncation() -> impl Strategy<Value = String> {
    let share = 0.01f64..0.999;
    prop_oneof![
        (1usize..40).prop_map(|k| format!("top_k={k}")),
        share.clone().prop_map(|p| format!("top_p={p:e}")),
        share.clone().prop_map(|p| format!("min_p={p:e}")),
        share.clone().prop_map(|p| format!("top_a={p:e}")),
        share.clone().prop_map(|p| format!("typical_p={p:e}")),
        share.clone().prop_map(|p| format!("tail_free={p:e}")),
        share.clone().prop_map(|p| format!("top_h={p:e}")),
        share.clone().prop_map(|p| format!("epsilon_cutoff={p:e}")),
        share.clone().prop_map(|p| format!("eta_cutoff={p:e}")),
        share.prop_map(|p| format!("xtc(probability=1,threshold={:e})", p / 4.0)),
        (0.1f64..3.0).prop_map(|n| format!("top_n_sigma={n:e}")),
        Just("p_less=true".to_string()),
        Just("p_less_norm=true".to_string()),
    ]
}

fn chain() -> impl Strategy<Value = String> {
    let some = |s: BoxedStrategy<String>, n| prop::collection::vec(s, 0..n);
    let stages = (
        some(shape().boxed(), 3),
        some(penalty().boxed(), 3),
        some(shape().boxed(), 2),
        some(truncation().boxed(), 3),
        some(penalty().boxed(), 2),
    );
    stages.prop_map(|(a, b, c, d, e)| [a, b, c, d, e].concat().join(","))
}

/// What is decided and reported after a chain.
#[derive(Debug, PartialEq)]
struct Outcome {
    members: Vec<(u32, u64)>,
    mass: u64,
    entropy: u64,
    collision: u64,
    argmax: Option<u32>,
    picks: Vec<Option<u32>>,
}

fn applied(chain: &str, row: &[f32]) -> tokpick::Result<Candidates> {
    let chain = settings::chain(chain).unwrap();
    let mut c = Candidates::default();
    chain.load(&mut c, Row::dense(row.to_vec()), 0, 0)?;
    // some ids are in the history once, some twice
    let context: Vec<u32> =
        (0..row.len() as u32).filter(|id| id % 3 == 0).flat_map(|id| [id, id / 2]).collect();
    chain.apply(&mut c, &Context { context: &context, prompt_len: 0, sequence: 0, step: 0, coins: &0.0 })?;
    Ok(c)
}

fn outcome(simd: Simd, chain: &str, row: &[f32]) -> Result<Outcome, String> {
    with_simd(simd, || {
        let mut c = applied(chain, row).map_err(|e| e.to_string())?;
        // draws by quick sums come first
        let picks = [0.0, 0.3, 0.77, 0.999].map(|u| c.pick(u)).to_vec();
        Ok(Outcome {
            members: c.members().map(|(id, score)| (id, score.to_bits())).collect(),
            entropy: c.entropy().to_bits(),
            mass: c.mass().to_bits(),
            collision: c.collision().to_bits(),
            argmax: c.argmax(),
            picks,
        })
    })
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn every_path_decides_alike(row in row(300), chain in chain()) {
        let [plain, rest @ ..] = Simd::ALL.map(|simd| outcome(simd, &chain, &row));
        for other in rest {
            prop_assert_eq!(&plain, &other, "{}", chain);
        }
        if let Ok(plain) = plain {
            prop_assert!(plain.members.iter().all(|&(_, score)| f64::from_bits(score).is_finite()));
            prop_assert!(plain.picks.iter().all(|id| id.is_some()), "nothing is drawn");
        }
    }
}

proptest! {
    #![proptest_config(config(20))]

    #[test]
    fn every_path_decides_alike_on_long_rows(row in long_row(), chain in chain()) {
        let [plain, rest @ ..] = Simd::ALL.map(|simd| outcome(simd, &chain, &row));
        for other in rest {
            prop_assert!(plain == other, "{}", chain);
        }
    }
}

/// A chain whose decisions are also made in plain `f64`.
#[derive(Debug, Clone, Copy)]
struct Plain {
    temperature: f64,
    smoothing: f64,
    presence: f64,
    cut: Cut,
}

#[derive(Debug, Clone, Copy)]
enum Cut {
    TopK(usize),
    TopP(f64),
    MinP(f64),
    Epsilon(f64),
    Eta(f64),
}

fn plain() -> impl Strategy<Value = Plain> {
    let share = 0.01f64..0.99;
    let cut = prop_oneof![
        (1usize..20).prop_map(Cut::TopK),
        share.clone().prop_map(Cut::TopP),
        share.clone().prop_map(Cut::MinP),
        (0.001f64..0.3).prop_map(Cut::Epsilon),
        (0.001f64..0.3).prop_map(Cut::Eta),
    ];
    let smoothing = prop_oneof![Just(0.0), 0.01f64..2.0];
    let presence = prop_oneof![Just(0.0), 0.1f64..2.0];
    (temperature(), smoothing, presence, cut).prop_map(|(temperature, smoothing, presence, cut)| Plain {
        temperature,
        smoothing,
        presence,
        cut,
    })
}

impl Plain {
    fn text(self) -> String {
        let Plain { temperature, smoothing, presence, cut } = self;
        let cut = match cut {
            Cut::TopK(k) => format!("top_k={k}"),
            Cut::TopP(p) => format!("top_p={p:e}"),
            Cut::MinP(p) => format!("min_p={p:e}"),
            Cut::Epsilon(p) => format!("epsilon_cutoff={p:e}"),
            Cut::Eta(p) => format!("eta_cutoff={p:e}"),
        };
        format!(
            "temperature={temperature:e},smoothing={smoothing:e},presence_penalty(value={presence:e},scope=all),{cut}"
        )
    }

    /// Scores less the best one, and how far each may be off.
    fn scores(self, row: &[f32]) -> Vec<(f64, f64)> {
        let best = |s: &[f64]| s.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut size: Vec<f64> = row.iter().map(|&x| f64::from(x).abs() / self.temperature).collect();
        let mut s: Vec<f64> = row.iter().map(|&x| f64::from(x) / self.temperature).collect();
        if self.smoothing > 0.0 {
            let top = best(&s);
            s.iter_mut()
                .filter(|s| **s > f64::NEG_INFINITY)
                .for_each(|s| *s = (-self.smoothing * (*s - top).powi(2)).max(f32::MIN.into()));
            size.clone_from(&s);
            size.iter_mut().for_each(|s| *s = s.abs());
        }
        let mut edited = vec![false; row.len()];
        if self.presence > 0.0 {
            for id in (0..row.len()).filter(|id| id % 3 == 0).flat_map(|id| [id, id / 2]) {
                edited[id] = true;
            }
            s.iter_mut().zip(&edited).filter(|(_, e)| **e).for_each(|(s, _)| *s -= self.presence);
        }
        let top = best(&s);
        let written = self.smoothing > 0.0 || self.presence > 0.0;
        s.iter()
            .zip(size)
            .map(|(&s, size)| {
                let d = s - top;
                // what was written anew was rounded to f32, and so was the best, perhaps
                let rounded = if written { 1.3e-7 * (size + top.abs()) } else { 0.0 };
                (d, 2e-6 + 2.4e-7 * d.abs() + rounded)
            })
            .collect()
    }

    /// For each token whether it is kept, where that is certain.
    fn kept(self, scores: &[(f64, f64)]) -> Vec<Option<bool>> {
        let weights: Vec<f64> = scores.iter().map(|s| s.0.exp()).collect();
        let total: f64 = weights.iter().sum();
        // how far probabilities may be off, relative
        let off: f64 =
            scores.iter().zip(&weights).map(|(s, w)| if *w > 0.0 { w / total * s.1 } else { 0.0 }).sum();
        let above = |threshold: f64, off: f64| {
            scores
                .iter()
                .map(|&(s, own)| {
                    // the best stay, and whatever may be one of them
                    let reach = s - threshold.min(0.0);
                    (reach.abs() > own + off && (s < -own - off || threshold < -off)).then_some(reach > 0.0)
                })
                .collect::<Vec<_>>()
        };
        match self.cut {
            Cut::TopK(k) => {
                let mut sorted: Vec<(f64, f64)> =
                    scores.iter().copied().filter(|s| s.0 > f64::NEG_INFINITY).collect();
                sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
                let kth = sorted[k.min(sorted.len()) - 1];
                above(kth.0, kth.1)
            }
            Cut::MinP(p) => above(p.ln(), 2e-6),
            Cut::Epsilon(p) => above(p.ln() + total.ln(), 2e-6 + off),
            Cut::Eta(p) => {
                let p_ln_p = weights.iter().map(|w| w / total).filter(|p| *p > 0.0).map(|p| p * p.ln());
                let entropy = -p_ln_p.sum::<f64>();
                let eta = p.min(p.sqrt() * (-entropy).exp());
                above(eta.ln() + total.ln(), 1e-5 + 40.0 * off)
            }
            Cut::TopP(p) => {
                let kept = |&(s, own): &(f64, f64)| {
                    let better = |by: f64| {
                        let better = scores.iter().zip(&weights).filter(|(other, _)| other.0 > s + by);
                        better.map(|(_, w)| w / total).sum::<f64>()
                    };
                    let own = 2.0 * own;
                    let least = better(own);
                    let most = better(-own);
                    let off = 3e-6 + 2.0 * off;
                    if most < p - off { Some(true) } else { (least > p + off).then_some(false) }
                };
                scores.iter().map(kept).collect()
            }
        }
    }
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn decisions_are_those_of_plain_f64(row in row(80), chain in plain()) {
        let scores = chain.scores(&row);
        let c = applied(&chain.text(), &row).unwrap();
        for (id, (kept, score)) in chain.kept(&scores).into_iter().zip(&scores).enumerate() {
            let masked = row[id] == f32::NEG_INFINITY;
            let found = c.contains(id as u32);
            prop_assert!(kept.is_none_or(|kept| found == (kept && !masked)), "{} token {}: {}, {:?}", chain.text(), id, found, score);
        }
        // reports: the probabilities of what is kept
        let reported = c.probabilities();
        let total: f64 = reported.iter().map(|&(id, _)| scores[id as usize].0.exp()).sum();
        for (id, p) in reported {
            let (s, off) = scores[id as usize];
            let want = s.exp() / total;
            prop_assert!((p - want).abs() <= (1e-6 + off.min(1.0)) * want + 1e-12, "{} token {}: {} {}", chain.text(), id, p, want);
        }
    }
}

/// Rows and chains at which a path once went its own way, or a shift swallowed what followed.
#[test]
fn extreme_scales_and_shifts_carry_what_follows() {
    let kept = |chain: &str, row: &[f32]| -> Vec<u32> {
        let [plain, rest @ ..] = Simd::ALL.map(|simd| outcome(simd, chain, row).unwrap());
        assert!(rest.iter().all(|other| *other == plain), "{chain}");
        plain.members.iter().map(|m| m.0).collect()
    };
    let probability = |chain: &str, row: &[f32]| applied(chain, row).unwrap().probabilities();

    let row = [1.0, 70.5, -4.405_086e31, 1.0408934];
    let near_zero = "temperature=1e-90,smoothing(factor=1,curve=1)";
    assert_eq!(probability(near_zero, &row).iter().map(|p| p.1).collect::<Vec<_>>(), [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(kept(&format!("{near_zero},top_p=0.5"), &row), [1]);

    // the best of a smoothed row is at -0
    let bent = "dynamic_temperature(temperature=0.5041176470588236,range=1.647058823529412,exponent=2.980392156862745),\
                smoothing(factor=0.97,curve=1.55),frequency_penalty(value=2,scope=all),eta_cutoff=0.188";
    for row in [&row[..], &[3.0, 2.9, 1.0, 0.5], &[0.0, 0.0, -1.0], &[-1.0, 2.0, 2.0, 1.5, 1.9]] {
        kept(bent, row);
        kept("smoothing=1,presence_penalty(value=2,scope=all),typical_p=0.5", row);
    }

    // a penalty of ln 9 after an extreme temperature: nine to one
    for temperature in ["1e-90", "1e90", "1e-20", "1e20"] {
        let chain = format!("temperature={temperature},presence_penalty(value=2.1972245773362196,scope=all)");
        let p = probability(&chain, &[0.0, f32::NEG_INFINITY, 0.0]);
        assert!((p[0].1 - 0.1).abs() < 1e-9 && (p[1].1 - 0.9).abs() < 1e-9, "{temperature}: {p:?}");
        assert_eq!(kept(&format!("{chain},top_p=0.5"), &[0.0, f32::NEG_INFINITY, 0.0]), [2]);
    }
    // one temperature undoes the other
    let p = probability("temperature=1e-90,temperature=1e90", &[0.0, (3.0f32).ln()]);
    assert!((p[1].1 - 0.75).abs() < 1e-6, "{p:?}");
    // the largest numbers at the highest temperatures, the least at the lowest
    let p = probability("temperature=3.4028234663852886e38", &[f32::MAX, f32::MIN]);
    assert!((p[1].1 - 1.0 / (1.0 + (2.0f64).exp())).abs() < 1e-6, "{p:?}");
    assert_eq!(kept("temperature=3.4028234663852886e38,top_p=0.9", &[f32::MAX, f32::MIN]), [0, 1]);
    assert_eq!(kept("temperature=1e-50,min_p=0.5", &[1e-45, 0.0, -1e-45]), [0]);
}
