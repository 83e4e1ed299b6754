//! A recorded search replays without the model; a trace tells the whole search.

use crate::support::trees::{Run, Tree};
use serde_json::Value;
use tokpick::draw::Addressed;
use tokpick::hypothesis::Hypothesis;
use tokpick::render::TraceWriter;
use tokpick::sampler::{Beam, Exact, Greedy, Sample, Sampler, Variant};
use tokpick::settings;
use tokpick::source::{Open, Recorder, Steps};
use tokpick::trace::Fate;

fn samplers() -> Vec<Box<dyn Sampler>> {
    let beam = |variant| Beam { variant, num_return_sequences: 3, ..Beam::new(4).unwrap() };
    vec![
        Box::new(Greedy),
        Box::new(Sample { draw: Box::new(Addressed::new(7)), samples: 4 }),
        Box::new(beam(Variant::Plain)),
        Box::new(beam(Variant::Sample)),
        Box::new(beam(Variant::Stochastic { noise: 1.0 })),
        Box::new(beam(Variant::Diverse { num_beam_groups: 2, diversity_penalty: 0.5 })),
        Box::new(beam(Variant::Constrained { force_ids: vec![vec![3].into()] })),
        Box::new(Exact::new(2).unwrap()),
    ]
}

fn json(found: &[Hypothesis]) -> String {
    serde_json::to_string(found).unwrap()
}

#[test]
fn a_recorded_run_replays_byte_for_byte() {
    let chain = || settings::chain("temperature=0.9,repetition-penalty=1.2").unwrap();
    let run = Run { prompt: &[1], seed: 5, chain: chain(), ..Run::until(&[0], 5) };
    for mut sampler in samplers() {
        let mut tree = Tree::random(21, 6, 5);
        let mut table = Vec::new();
        let mut recorder = Recorder::new(&mut tree, "table", &mut table).unwrap();
        let live = run.of(sampler.as_mut(), &mut recorder);
        let rows = recorder.len();
        assert!(rows > 3);
        let again = {
            let mut table = Open::new("table").read(std::io::Cursor::new(table)).unwrap();
            assert_eq!(table.format().axes, [rows, 6]);
            run.of(sampler.as_mut(), table.as_mut())
        };
        assert_eq!(json(&again), json(&live));
    }
}

/// The f32 next to anything is told apart: huge, tiny, masked.
#[test]
fn a_table_keeps_every_bit() {
    let odd = [1e-45, f32::MAX, -0.1, f32::MIN_POSITIVE, 16_777_217.0, f32::NEG_INFINITY];
    let mut at = 0;
    let mut tree = Tree::full(6, 1, || {
        at += 1;
        odd[at - 1]
    });
    let mut table = Vec::new();
    let mut recorder = Recorder::new(&mut tree, "table", &mut table).unwrap();
    Run::until(&[], 1).of(&mut Greedy, &mut recorder);
    let mut table = Open::new("table").read(std::io::Cursor::new(table)).unwrap();
    let query = tokpick::source::Query { sequence: 0, step: 0, context: &[], prompt_len: 0 };
    let mut rows = Vec::new();
    table.rows(&[query], &mut rows).unwrap();
    assert_eq!(rows[0].logits.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), odd.map(f32::to_bits));
}

#[test]
fn steps_need_no_recording() {
    let mut steps = Steps::new("s.npy", &[1, 2], None, vec![0.0, 1.0]).unwrap();
    let mut table = Vec::new();
    let error = Recorder::new(&mut steps, "t.jsonl", &mut table).err().unwrap().to_string();
    assert_eq!(
        error,
        "record_table t.jsonl: records rows that follow the prefix; the steps of s.npy can be read again as they are"
    );
}

fn trace(sampler: &mut dyn Sampler) -> (Vec<Value>, Vec<Hypothesis>) {
    let run = Run { chain: settings::chain("top-k=4").unwrap(), ..Run::until(&[0], 4) };
    let mut writer = TraceWriter::new(Vec::new(), 3);
    let found = run.run(sampler, &mut Tree::random(4, 6, 4), &mut writer).unwrap();
    let text = String::from_utf8(writer.finish().unwrap()).unwrap();
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), found)
}

/// The search can be told again from its trace alone: each live beam is a continuation that lived on, and what was returned
/// finished with that score.
#[test]
fn a_trace_tells_the_whole_beam_search() {
    let mut beam = Beam { num_return_sequences: 3, ..Beam::new(3).unwrap() };
    let (events, found) = trace(&mut beam);
    let mut alive: Vec<(Vec<u64>, f64)> = vec![(vec![], 0.0)];
    let mut finished: Vec<(Vec<u64>, f64)> = Vec::new();
    let ids = |v: &Value| v.as_array().unwrap().iter().map(|x| x.as_u64().unwrap()).collect::<Vec<_>>();
    for step in events.iter().filter(|e| e["event"] == "beams") {
        let live: Vec<_> = step["live"]
            .as_array()
            .unwrap()
            .iter()
            .map(|b| (ids(&b["ids"]), b["sum"].as_f64().unwrap()))
            .collect();
        assert_eq!(live, alive);
        alive.clear();
        for c in step["considered"].as_array().unwrap() {
            let mut of = live[c["parent"].as_u64().unwrap() as usize].0.clone();
            of.push(c["id"].as_u64().unwrap());
            let known: Fate = match &c["fate"] {
                Value::String(s) if s == "live" => Fate::Live,
                Value::String(s) if s == "lost" => Fate::Lost,
                Value::String(s) if s == "pruned" => Fate::Pruned,
                other => Fate::Finished(other["finished"].as_f64().unwrap()),
            };
            match known {
                Fate::Live => alive.push((of, c["sum"].as_f64().unwrap())),
                Fate::Finished(score) => finished.push((of, score)),
                _ => {}
            }
        }
    }
    for h in &found {
        let of: Vec<u64> = h.ids.iter().map(|&id| id.into()).collect();
        assert!(finished.contains(&(of, h.score.unwrap())), "{h:?}");
    }
    // every row was processed by the chain, which left four tokens
    assert!(
        events.iter().filter(|e| e["event"] == "stage").all(|e| e["kept"] == 4 && e["processor"] == "top_k")
    );
    let count = |name| events.iter().filter(|e| e["event"] == name).count();
    assert!(count("row") > 4 && count("row") == count("stage") && count("draw") == 0);
}

#[test]
fn a_trace_tells_every_draw() {
    let mut sample = Sample { draw: Box::new(Addressed::new(3)), samples: 2 };
    let (events, found) = trace(&mut sample);
    for h in found {
        let drawn = events.iter().filter(|e| e["event"] == "draw" && e["sample"] == h.sample);
        let (ids, probs): (Vec<u64>, Vec<f64>) =
            drawn.map(|e| (e["id"].as_u64().unwrap(), e["prob"].as_f64().unwrap())).unzip();
        assert_eq!(ids, h.ids.iter().map(|&id| id.into()).collect::<Vec<u64>>());
        for (p, l) in probs.iter().zip(&h.processed_logprobs) {
            assert!((p.ln() - l.unwrap()).abs() < 1e-9);
        }
    }
    assert!(
        events
            .iter()
            .filter(|e| e["event"] == "row")
            .all(|e| e["kept"] == 6 && e["top"].as_array().unwrap().len() == 3)
    );
}
