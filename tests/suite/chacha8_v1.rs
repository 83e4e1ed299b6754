//! The specification of `chacha8-v1` in docs/chacha8-v1.md: its vectors are what the crate computes, and an implementation
//! of the specification in another language reproduces them all.

use std::process::Command;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokpick::candidates::Candidates;
use tokpick::draw::{Addressed, Argmax, Draw, Gumbel, Key, uniform};
use tokpick::hypothesis::Hypothesis;
use tokpick::kernel::Weigh;
use tokpick::processor::Context;
use tokpick::sampler::{Event, Job, Limits, Sample, Sampler};
use tokpick::settings;
use tokpick::source::{LogitsSource, Query, Row, Steps};

const DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/chacha8-v1");
/// Vectors of each kind.
const EACH: usize = 1000;
const KINDS: [&str; 5] = ["uniforms", "noise", "weights", "draws", "races"];

/// A vector's candidates: logits that are exact in float32, some of them masked.
fn candidates(v: &Value) -> Candidates {
    let (n, a) = (v["n"].as_u64().unwrap(), v["a"].as_u64().unwrap());
    let logit = |i: u64| ((i * 2_654_435_761 + a) % 65_536) as f32 / 4096.0 - 8.0;
    let mut row: Vec<f32> = (0..n).map(logit).collect();
    for i in v["masked"].as_array().unwrap() {
        row[i.as_u64().unwrap() as usize] = f32::NEG_INFINITY;
    }
    let mut candidates = Candidates::default();
    candidates.load(Row::dense(row), 0, 0).unwrap();
    candidates
}

/// What the crate computes for the inputs of a vector.
fn answer(kind: &str, v: &Value) -> Value {
    let text = |name: &str| v[name].as_str().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    let whole = |name: &str| v[name].as_u64().unwrap_or(0);
    let float = |name: &str| v[name].as_f64().unwrap() as f32;
    let key = Key {
        seed: text("seed"),
        purpose: whole("purpose") as u32,
        lane: whole("lane") as u32,
        sequence: whole("sequence") as usize,
        sample: whole("sample") as usize,
    };
    let step = text("step") as usize;
    let noise = |ids: &[u32]| Gumbel::new(key.seed).noise(key.lane, key.sequence, key.sample, step, ids);
    match kind {
        "uniforms" => json!({"uniform": uniform(&key, step, whole("word"))}),
        "noise" => json!({"noise": noise(&[whole("token") as u32])[0]}),
        "weights" => {
            json!({"weight": Weigh { max: float("max"), scale: float("scale") }.weight(float("x"))})
        }
        "draws" => {
            let mut c = candidates(v);
            c.scale(1.0 / v["temperature"].as_f64().unwrap());
            let id = c.pick(uniform(&key, step, 0));
            json!({"total": c.mass(), "id": id})
        }
        "races" => {
            let (ids, scores): (Vec<u32>, Vec<f64>) = candidates(v).members().unzip();
            let sums = ids.iter().zip(scores.iter().zip(noise(&ids))).map(|(&id, (x, g))| (id, x + g));
            let best = sums.reduce(|best, other| if other.1 > best.1 { other } else { best });
            json!({"id": best.unwrap().0})
        }
        _ => panic!("no such kind: {kind}"),
    }
}

/// The inputs of the `i`-th vector of a kind.
fn inputs(kind: &str, i: usize, rng: &mut ChaCha8Rng) -> Value {
    // the sizes that addresses have: small ones, and the ends of the range
    let mut number = |most: u64| match rng.random_range(0..8) {
        0 => 0,
        1 => most,
        2 => most - rng.random_range(0..100),
        3 => rng.random_range(0..=most),
        _ => rng.random_range(0..1000).min(most),
    };
    let exact = (1 << 53) - 1;
    let mut v = json!({
        "seed": number(u64::MAX).to_string(), "sequence": number(exact), "sample": number(exact),
        "step": number(u64::MAX).to_string(),
    });
    let mut add = |more: Value| v.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    if kind != "draws" {
        add(json!({"lane": number(u64::from(u32::MAX))}));
    }
    match kind {
        "uniforms" => add(json!({"purpose": number(100), "word": 2 * number(300_000)})),
        "noise" => add(json!({"token": number(300_000)})),
        "weights" => {
            let max: f32 = rng.random_range(-50.0..50.0);
            let scale: f32 = if i.is_multiple_of(2) { 1.0 } else { rng.random_range(0.1..10.0) };
            let below: f32 = if i.is_multiple_of(10) { 0.0 } else { rng.random_range(0.0..90.0) };
            return json!({"max": max, "scale": scale, "x": max - below});
        }
        _ => {
            let edge = [1, 2, 31, 32, 33, 64, 1023, 1024, 1025, 3000].get(i).copied();
            let n: usize =
                edge.unwrap_or_else(|| rng.random_range(1..if kind == "races" { 20 } else { 100 }));
            let masked: Vec<usize> =
                (0..n - 1).filter(|_| i.is_multiple_of(3) && rng.random_range(0..4) == 0).collect();
            add(json!({"n": n, "a": rng.random_range(0..65_536), "masked": masked}));
            if kind == "draws" {
                let temperatures = [1.0, 0.7, 1.3, 0.01, 100.0];
                add(json!({"temperature": temperatures[i % 5]}));
            }
        }
    }
    v
}

/// `TOKPICK_WRITE_VECTORS=1` writes them anew, for a scheme of another name.
#[test]
fn the_vectors_are_what_the_crate_computes() {
    let path = format!("{DIR}/vectors.json");
    if std::env::var_os("TOKPICK_WRITE_VECTORS").is_some() {
        let rng = &mut ChaCha8Rng::seed_from_u64(20_261_126);
        let kinds = KINDS.map(|kind| {
            let lines: Vec<String> = (0..EACH)
                .map(|i| {
                    let mut v = inputs(kind, i, rng);
                    let answer = answer(kind, &v);
                    v.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
                    v.to_string()
                })
                .collect();
            format!("\"{kind}\":[\n{}\n]", lines.join(",\n"))
        });
        let text = format!("{{\"scheme\":\"chacha8-v1\",\"vectors\":{{\n{}\n}}}}\n", kinds.join(",\n"));
        std::fs::write(&path, text).unwrap();
    }
    let document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for kind in KINDS {
        let all = document["vectors"][kind].as_array().unwrap();
        assert_eq!(all.len(), EACH, "{kind}");
        for (i, v) in all.iter().enumerate() {
            for (name, value) in answer(kind, v).as_object().unwrap() {
                assert_eq!(value, &v[name], "{kind} {i}: {name}");
            }
        }
    }
}

#[test]
fn python_reproduces_every_vector() {
    let run = Command::new("python3").args(["chacha8_v1.py", "vectors.json"]).current_dir(DIR).output();
    let Ok(run) = run else {
        println!("left out: there is no python3 here");
        return;
    };
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{out}{err}");
    assert_eq!(out.lines().filter(|l| l.ends_with("1000 vectors, 0 wrong")).count(), KINDS.len(), "{out}");
}

/// Many samples of a row have a table of its masses, uniforms made together, and groups; few have none of these.
#[test]
fn many_samples_are_those_of_one_at_a_time() {
    let bias = r#"[{"logit_bias":[[5,3.5],[9,"-inf"]]}]"#;
    // groups are larger where there are several steps
    for (many, axes, chain) in [
        (5000, [2, 1, 1500], ""),
        (5000, [1, 1, 1500], "temperature=0.7,top-p=0.9"),
        (5000, [1, 1, 1500], bias),
        (17_000, [2, 2, 100], "top-k=30"),
    ] {
        let logits: Vec<f32> =
            (0..axes.iter().product()).map(|i| ((i * 7919) % 1009) as f32 / 100.0).collect();
        let mut source = Steps::new("steps", &axes, None, logits).unwrap();
        let chain = settings::chain(if chain.is_empty() { "[]" } else { chain }).unwrap();
        let limits = Limits::default().with_eos(0..40);
        let job = Job::new(&chain).limits(&limits);
        let mut sample = |job: Job<'_>| {
            Sample { draw: Box::new(Addressed::new(7)), samples: many }.decode(&mut source, &job).unwrap()
        };
        let (together, grouped) = (sample(job), sample(job.steps(false)));
        assert_eq!(together, grouped);
        assert_eq!(sample(job.steps(false).parallel(true)), together);
        assert_eq!(sample(job.steps(false).singles(true)), together);
        let mut c = Candidates::default();
        for h in grouped.iter().step_by(53) {
            for (step, id) in h.ids.iter().enumerate() {
                let mut rows = Vec::new();
                let query = Query { sequence: h.sequence, step, context: &[], prompt_len: 0 };
                source.rows(&[query], &mut rows).unwrap();
                c.load(rows.remove(0), h.sequence, step).unwrap();
                let cx = Context { context: &[], prompt_len: 0, sequence: h.sequence, step, coins: &0.0 };
                chain.apply(&mut c, &cx).unwrap();
                let key = Key { seed: 7, purpose: 0, lane: 0, sequence: h.sequence, sample: h.sample };
                assert_eq!(c.pick(uniform(&key, step, 0)), Some(*id), "{h:?}");
            }
        }
    }
}

/// The hypotheses of a run, how many of them came in groups, and the error that ended it.
fn grouped(source: &mut Steps, job: &Job<'_>, draw: impl Draw + 'static) -> (Vec<Hypothesis>, usize, String) {
    let (mut found, mut singles) = (Vec::new(), 0);
    let done = Sample { draw: Box::new(draw), samples: 5000 }.run(source, job, &mut (), &mut |event| {
        match event {
            Event::Step(_) => {}
            Event::Done(hypothesis) => found.push(hypothesis),
            Event::Singles(group) => {
                singles += group.ids.len();
                found.extend(group.hypotheses());
            }
        }
        Ok(())
    });
    (found, singles, done.err().map(|e| e.to_string()).unwrap_or_default())
}

/// Samples of one token come in groups where those are asked for, whatever draws them; never with log-probabilities or beyond a token.
#[test]
fn samples_of_one_token_are_the_same_in_groups() {
    let (chain, limits) = (settings::chain("top-k=9").unwrap(), Limits::new(1).with_eos(0..300));
    let logits = |last: f32| [0.0, 2.0, 1.0, 3.0, last, last, last, last].repeat(200);
    let job = Job::new(&chain).limits(&limits).steps(false);
    for (last, error) in [(0.5, ""), (f32::NAN, "a: sequence 0, step 0, token 4")] {
        let mut source = Steps::new("a", &[2, 2, 400], None, logits(last)).unwrap();
        for draw in 0..3 {
            let mut run = |job: Job<'_>| match draw {
                0 => grouped(&mut source, &job, Addressed::new(3)),
                1 => grouped(&mut source, &job, Gumbel::new(3)),
                _ => grouped(&mut source, &job, Argmax),
            };
            let (each, groups) = (run(job), run(job.singles(true)));
            assert_eq!((each.1, groups.1), (0, each.0.len()));
            assert_eq!(each.0, groups.0);
            assert!(each.2.starts_with(error) && each.2.is_empty() == error.is_empty(), "{}", each.2);
            assert_eq!(each.2, groups.2);
            for other in [job.logprobs(true), Job { limits: &Limits::new(2), ..job }, job.steps(true)] {
                assert_eq!(run(other.singles(true)).1, 0);
            }
        }
    }
    let wrong = Limits::new(1).with_eos([400]);
    let mut source = Steps::new("a", &[400], None, logits(0.5)[..400].to_vec()).unwrap();
    let found = grouped(&mut source, &Job { limits: &wrong, ..job }.singles(true), Addressed::new(3));
    assert_eq!(
        (found.0, found.2),
        (vec![], "a: the end token id 400 is outside the vocabulary of 400 tokens".into())
    );
}
