//! What holds for every engine: the edges, the refusals, and how batches are drawn.

mod batches;

use super::*;
use crate::draw::Margin;
use proptest::prelude::*;

const INF: f32 = f32::INFINITY;

fn names() -> Vec<&'static str> {
    engines().iter().map(|e| e.name).collect()
}

/// [`build`], with a position where the engine needs one.
fn begin(engine: &str, params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>> {
    let needs = engines().iter().any(|e| e.name == engine && e.parameters.contains(&"position"));
    let position = params.position.clone().or(needs.then(|| "3".to_owned()));
    build(engine, &Params { position, ..params.clone() }, seed, batch)
}

fn row(logits: &[f32]) -> ReplayRow<'_> {
    ReplayRow { logits, history: &[], prompt_len: 0, finished: false }
}

/// The ids of one step.
fn draw(replay: &mut dyn Replay, rows: &[ReplayRow<'_>]) -> Result<Vec<(usize, u32)>> {
    let mut out = Vec::new();
    replay.step(rows, Watch::Ids, &mut out)?;
    Ok(out.iter().map(|d| (d.row, d.id)).collect())
}

/// What one row gives under these parameters; the error as text.
fn once(engine: &str, params: &Params, logits: &[f32]) -> std::result::Result<u32, String> {
    let mut replay = begin(engine, params, "7", 1).map_err(|e| e.to_string())?;
    let ids = draw(replay.as_mut(), &[row(logits)]).map_err(|e| e.to_string())?;
    Ok(ids[0].1)
}

#[test]
fn a_single_possible_token_is_drawn() {
    for name in names() {
        let params = Params::default();
        assert_eq!(once(name, &params, &[-3.5]), Ok(0), "{name}");
        assert_eq!(once(name, &params, &[-INF, 2.0, -INF]), Ok(1), "{name}");
        assert_eq!(once(name, &params, &[-INF, -INF, -1e30]), Ok(2), "{name}");
    }
}

#[test]
fn rows_that_cannot_be_drawn_from() {
    let cases: [(&[f32], &str); 4] = [
        (&[1.0, f32::NAN], "row 0: token 1: the logit is NaN"),
        (&[INF, 0.0], "row 0: token 0: the logit is inf"),
        (&[-INF, -INF], "row 0: every token is masked (-inf)"),
        (&[], "row 0: it has no logits"),
    ];
    for name in names() {
        for (logits, text) in cases {
            let error = once(name, &Params::default(), logits).unwrap_err();
            assert!(error.starts_with(&format!("{name}: {text}")), "{error}");
        }
        let mut replay = begin(name, &Params::default(), "7", 1).unwrap();
        let history = ReplayRow { history: &[0, 9], ..row(&[1.0, 2.0]) };
        if replay.skips_unknown_ids() {
            assert_eq!(name, "llama.cpp");
            assert!(draw(replay.as_mut(), &[history]).is_ok());
            continue;
        }
        let error = draw(replay.as_mut(), &[history]).unwrap_err().to_string();
        let text = "row 0: id 9 of its history is outside the vocabulary of 2";
        assert_eq!(error, format!("{name}: {text}"));
    }
}

#[test]
fn steps_fit_the_batch() {
    for name in names() {
        let mut replay = begin(name, &Params::default(), "7", 2).unwrap();
        let (a, b) = ([1.0, 2.0], [1.0, 2.0, 3.0]);
        let error = draw(replay.as_mut(), &[row(&a)]).unwrap_err().to_string();
        assert!(error.ends_with("the step has 1 rows, the batch 2"), "{error}");
        let rows = [row(&a), row(&b)];
        let error = draw(replay.as_mut(), &rows).unwrap_err().to_string();
        assert!(error.ends_with("it has 3 logits, row 0 has 2"), "{error}");
        assert!(begin(name, &Params::default(), "7", 0).is_err());
    }
}

/// No temperature makes a panic or a masked token; what leaves the engine's numbers is an error.
#[test]
fn extreme_temperatures() {
    let logits = [0.5, -INF, 3.0, -2.0];
    for name in names() {
        for temperature in [f64::MIN_POSITIVE, 1e-40, 1e-6, 0.01, 2.0, 1e30, 1e300] {
            let params = Params { temperature: Some(temperature), ..Params::default() };
            match once(name, &params, &logits) {
                Ok(id) => assert_ne!(id, 1, "{name} at {temperature}"),
                Err(e) => assert!(e.starts_with(name), "{name} at {temperature}: {e}"),
            }
        }
        for bad in [f64::NAN, f64::INFINITY] {
            let params = Params { temperature: Some(bad), ..Params::default() };
            let error = once(name, &params, &logits).unwrap_err();
            assert!(error.contains(&format!("temperature is {bad}, but must be")), "{error}");
        }
    }
}

#[test]
fn temperature_zero_is_greedy_where_the_engine_has_it() {
    let params = Params { temperature: Some(0.0), ..Params::default() };
    for name in names() {
        let expected = matches!(name, "vllm" | "llama.cpp" | "candle" | "mlx-lm" | "sglang")
            || name.starts_with("vllm-v2");
        assert_eq!(once(name, &params, &[1.0, 3.0, 2.0]) == Ok(1), expected, "{name}");
    }
}

#[test]
fn top_k_beyond_the_vocabulary() {
    for info in engines().iter().filter(|e| e.parameters.contains(&"top_k")) {
        let params = Params { top_k: Some(i64::MAX), ..Params::default() };
        let wide = once(info.name, &params, &[1.0, 3.0, 2.0]);
        if info.name == "mlx-lm" {
            assert!(wide.unwrap_err().contains("only below the vocabulary size, 3"));
        } else {
            let off = once(info.name, &Params::default(), &[1.0, 3.0, 2.0]);
            // llama.cpp and SGLang sort, and so may give another id.
            assert!(wide == off || ["llama.cpp", "sglang"].contains(&info.name), "{}", info.name);
        }
        let params = Params { top_k: Some(1), ..Params::default() };
        assert_eq!(once(info.name, &params, &[1.0, 3.0, 2.0]), Ok(1), "{}", info.name);
    }
}

#[test]
fn seeds() {
    let big = "1267650600228229401496703205379";
    // (engine, taken, refused)
    let cases: [(&str, &[&str], &[&str]); 10] = [
        (
            "vllm-v2",
            &["0", "-2", "-9223372036854775808", "9223372036854775807"],
            &["-1", "none", "9223372036854775808"],
        ),
        ("sglang", &["0", "-1", "-9223372036854775808"], &["none", "9223372036854775808", "1.5"]),
        (
            "torch",
            &["-1", "-9223372036854775808", "18446744073709551615"],
            &["18446744073709551616", "1.5", "", big],
        ),
        ("vllm", &["0", "-1"], &["none"]),
        ("numpy", &["0", big, "[1, 2]", "5,"], &["-1", "[]", "1,,2"]),
        (
            "numpy-randomstate",
            &["0", "4294967295", "1,2,3", "[7]"],
            &["4294967296", "-1", "1,4294967296", "[]"],
        ),
        ("jax-split", &["-9223372036854775808", "9223372036854775807"], &["9223372036854775808"]),
        ("llama.cpp", &["0", "4294967294"], &["4294967295", "-1", "4294967296"]),
        ("candle", &["0", "18446744073709551615"], &["-1", "18446744073709551616"]),
        ("mlx", &["0", "18446744073709551615"], &["-1", "18446744073709551616"]),
    ];
    for (engine, taken, refused) in cases {
        for seed in taken {
            assert!(begin(engine, &Params::default(), seed, 1).is_ok(), "{engine} {seed}");
        }
        for seed in refused {
            let error = begin(engine, &Params::default(), seed, 1).err().map(|e| e.to_string());
            let text = error.unwrap_or_else(|| panic!("{engine} took {seed:?}"));
            assert!(text.starts_with(&format!("{engine}: seed ")), "{text}");
            assert!(text.contains("; it takes a whole number"), "{text}");
        }
    }
    let random = begin("llama.cpp", &Params::default(), "4294967295", 1).err().unwrap();
    assert!(random.to_string().contains("random seed"), "{random}");
}

/// torch and JAX lose the upper half of a seed, and −1 is all ones.
#[test]
fn seeds_that_draw_alike() {
    let logits: Vec<f32> = (0..100).map(|i| (i as f32).sin()).collect();
    let ids = |engine: &str, seed: &str| {
        let mut replay = begin(engine, &Params::default(), seed, 1).unwrap();
        let mut all = Vec::new();
        for _ in 0..20 {
            all.extend(draw(replay.as_mut(), &[row(&logits)]).unwrap());
        }
        all
    };
    assert_eq!(ids("torch", "1099511627783"), ids("torch", "7"));
    assert_eq!(ids("torch", "-1"), ids("torch", "4294967295"));
    assert_eq!(ids("jax-split", "1099511627783"), ids("jax-split", "7"));
    assert_ne!(ids("mlx", "1099511627783"), ids("mlx", "7"));
    assert_ne!(ids("numpy", "1099511627783"), ids("numpy", "7"));
}

#[test]
fn what_an_engine_lacks_is_refused() {
    let min_p = Params { min_p: Some(0.1), ..Params::default() };
    assert_eq!(
        begin("torch", &min_p, "7", 1).err().unwrap().to_string(),
        "torch: it does not take min_p; it takes temperature, top_k, top_p"
    );
    let order = Params { order: Some(vec!["top_k".into()]), ..Params::default() };
    assert_eq!(
        begin("candle", &order, "7", 1).err().unwrap().to_string(),
        "candle: it does not take order (its own order is fixed); it takes temperature, top_k, top_p"
    );
    let refused: [(&str, Params, &str); 9] = [
        (
            "torch",
            Params { top_p: Some(1.5), ..Params::default() },
            "torch: top_p is 1.5, but must be in [0, 1]",
        ),
        (
            "torch",
            Params { top_k: Some(-1), ..Params::default() },
            "torch: top_k is -1, but must be a whole number, at least 0 (0 is off)",
        ),
        (
            "vllm",
            Params { temperature: Some(0.001), ..Params::default() },
            "vllm: temperature is 0.001, but must be 0 (greedy) or in [0.01, 2] (vLLM raises smaller ones to 0.01)",
        ),
        (
            "vllm",
            Params { row_seeds: Some("1,none".into()), ..Params::default() },
            "vllm: row_seeds names 2 rows, the batch has 1; write none for a row without a seed",
        ),
        (
            "candle",
            Params { top_k: Some(0), ..Params::default() },
            "candle: top_k is 0, but must be a whole number, at least 1 (candle fails at 0; leave it out)",
        ),
        (
            "llama.cpp",
            Params { mirostat: Some(3), ..Params::default() },
            "llama.cpp: mirostat is 3, but must be 0 (off), 1 or 2",
        ),
        (
            "llama.cpp",
            Params { dry_base: Some(1.5), ..Params::default() },
            "llama.cpp: dry_base has no effect without dry_multiplier",
        ),
        (
            "llama.cpp",
            Params { mirostat: Some(2), top_k: Some(4), ..Params::default() },
            "llama.cpp: with mirostat llama.cpp leaves out top_k; leave it out, or give the order of a chain that has it",
        ),
        (
            "torch-multinomial",
            Params { num_samples: Some(0), ..Params::default() },
            "torch-multinomial: num_samples is 0, but must be a whole number, at least 1",
        ),
    ];
    for (engine, params, text) in refused {
        let error = begin(engine, &params, "7", 1).err().map(|e| e.to_string());
        assert_eq!(error.as_deref(), Some(text));
    }
}

#[test]
fn order_of_the_filters() {
    let params = |order: &[&str]| Params {
        temperature: Some(0.5),
        top_p: Some(0.6),
        order: Some(order.iter().map(|s| (*s).to_owned()).collect()),
        ..Params::default()
    };
    // Cold, the best token alone holds 0.6 of the mass; warm, it takes two.
    let logits = [1.0f32, 0.5, 0.0, -0.5];
    let drawn = |order: &[&str]| {
        let mut replay = begin("numpy", &params(order), "1", 1).unwrap();
        let mut ids: Vec<u32> = (0..200)
            .flat_map(|_| draw(replay.as_mut(), &[row(&logits)]).unwrap())
            .map(|(_, id)| id)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    assert_eq!(drawn(&["temperature", "top_p"]), [0]);
    assert_eq!(drawn(&["top-p", "temperature", "top_k"]), [0, 1]);
    let error = |order: &[&str]| begin("numpy", &params(order), "1", 1).err().unwrap().to_string();
    assert_eq!(
        error(&["top_p"]),
        "numpy: order leaves out temperature, which is set; name it, or turn it off"
    );
    assert_eq!(error(&["top_p", "top-p"]), r#"numpy: order names "top-p" twice"#);
    assert_eq!(
        error(&["typical"]),
        r#"numpy: order names "typical", which it does not have; its filters are temperature, top_k, top_p"#
    );
}

#[test]
fn multinomial_without_replacement() {
    let params = |n| Params { num_samples: Some(n), replacement: Some(false), ..Params::default() };
    let logits = [1.0, -INF, 0.5, 0.0];
    let mut replay = begin("torch-multinomial", &params(3), "5", 1).unwrap();
    let mut ids: Vec<u32> = draw(replay.as_mut(), &[row(&logits)]).unwrap().iter().map(|d| d.1).collect();
    ids.sort_unstable();
    assert_eq!(ids, [0, 2, 3]);
    let mut replay = begin("torch-multinomial", &params(4), "5", 1).unwrap();
    let error = draw(replay.as_mut(), &[row(&logits)]).unwrap_err().to_string();
    assert!(error.contains("4 ids without replacement, but only 3 have a probability"), "{error}");
}

/// A vocabulary with masked tokens and at least one that is not.
fn vocabulary() -> impl Strategy<Value = Vec<f32>> {
    let logit =
        prop_oneof![4 => -30.0f32..30.0, 1 => Just(f32::NEG_INFINITY), 1 => Just(0.5f32), 1 => Just(-0.0f32)];
    prop::collection::vec(logit, 1..80)
        .prop_filter("one token is possible", |v| v.iter().any(|x| x.is_finite()))
}

fn setting() -> impl Strategy<Value = Params> {
    let temperature = prop::option::of(0.05f64..3.0);
    let top_k = prop::option::of(1i64..90);
    let top_p = prop::option::of(0.01f64..=1.0);
    let min_p = prop::option::of(0.0f64..=1.0);
    (temperature, top_k, top_p, min_p).prop_map(|(temperature, top_k, top_p, min_p)| Params {
        temperature,
        top_k,
        top_p,
        min_p,
        ..Params::default()
    })
}

proptest! {
    /// Every draw is of a possible token, whether it is watched or not, and its margin is 0.
    #[test]
    fn draws_are_possible(logits in vocabulary(), params in setting(), seed in 0u32..1000) {
        for info in engines() {
            let mut params = params.clone();
            if !info.parameters.contains(&"min_p") {
                params.min_p = None;
            }
            if !info.parameters.contains(&"top_k") {
                (params.top_k, params.top_p) = (None, None);
            }
            if info.name.starts_with("vllm") {
                params.temperature = params.temperature.map(|t| t.min(2.0));
            }
            if info.name == "mlx-lm" {
                params.top_k = params.top_k.filter(|&k| k < logits.len() as i64);
            }
            let new = || begin(info.name, &params, &seed.to_string(), 1).unwrap();
            let (mut plain, mut watched) = (new(), new());
            let mut out = Vec::new();
            for _ in 0..3 {
                let ids = draw(plain.as_mut(), &[row(&logits)]).unwrap();
                watched.step(&[row(&logits)], Watch::Evidence, &mut out).unwrap();
                prop_assert_eq!(ids[0].1, out[0].id, "{}", info.name);
                prop_assert!(logits[out[0].id as usize].is_finite(), "{}", info.name);
                let evidence = out[0].evidence.as_ref().unwrap();
                prop_assert_eq!(evidence.margin(out[0].id).value(), Some(0.0));
                for (id, x) in logits.iter().enumerate() {
                    if !x.is_finite() {
                        prop_assert_eq!(evidence.margin(id as u32), Margin::Impossible);
                    }
                }
            }
        }
    }
}
