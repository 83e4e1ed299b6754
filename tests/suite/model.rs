//! Live models: the protocol, everything that can go wrong with a process, and that none of them outlives its source.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::support::trees::Run;
use tokpick::draw::Addressed;
use tokpick::sampler::{Beam, Greedy, Sample, Sampler};
use tokpick::source::{LogitsSource, Model, ModelCommand, Protocol, Query, Row};
use tokpick::{TokenId, settings};

/// The toy model in Rust, which `cargo test` builds with the examples.
fn toy() -> &'static str {
    static TOY: OnceLock<String> = OnceLock::new();
    TOY.get_or_init(|| {
        let mut profile = std::env::current_exe().unwrap();
        profile.pop();
        profile.pop();
        let path: PathBuf =
            profile.join("examples").join("model_process").with_extension(std::env::consts::EXE_EXTENSION);
        if !path.exists() {
            // only this test was built
            let build = ["build", "--quiet", "--example", "model_process"];
            assert!(Command::new(env!("CARGO")).args(build).status().unwrap().success());
        }
        format!("'{}'", path.display())
    })
}

fn start(arguments: &str, settings: impl FnOnce(&mut ModelCommand)) -> Model {
    let mut command = ModelCommand::new(format!("{} {arguments}", toy()));
    settings(&mut command);
    command.start().unwrap()
}

fn expected(context: &[TokenId]) -> Vec<f32> {
    let last = context.last().copied().unwrap_or(0);
    (0..16).map(|id| ((last * 7 + id * 13 + context.len() as u32 * 5) % 29) as f32 / 4.0).collect()
}

fn sample(samples: usize) -> Sample {
    Sample { draw: Box::new(Addressed::new(7)), samples }
}

fn ask(model: &mut Model, contexts: &[&[TokenId]], prompt_len: usize) -> tokpick::Result<Vec<Row>> {
    let query = |context| Query { sequence: 0, step: 7, context, prompt_len };
    let queries: Vec<Query<'_>> = contexts.iter().map(|c| query(*c)).collect();
    let mut rows = Vec::new();
    model.rows(&queries, &mut rows).map(|()| rows)
}

fn check_protocol(model: &mut Model) {
    assert_eq!(model.shape().vocab, None);
    // one, several, a prompt beside the prefix, the same one twice
    for (contexts, prompt_len) in [
        (vec![&[][..]], 0),
        (vec![&[5, 9][..], &[5, 2]], 0),
        (vec![&[3, 1, 5][..], &[3, 1]], 2),
        (vec![&[4][..], &[4], &[6]], 0),
    ] {
        let rows = ask(model, &contexts, prompt_len).unwrap();
        let got: Vec<_> = rows.iter().map(|row| row.logits.as_slice()).collect();
        let want: Vec<_> = contexts.iter().map(|c| expected(c)).collect();
        assert_eq!(got, want);
    }
    assert_eq!(model.shape().vocab, Some(16));
}

#[test]
fn a_model_answers_in_json() {
    check_protocol(&mut start("", |_| {}));
}

#[test]
fn a_model_answers_in_npy() {
    check_protocol(&mut start("--npy", |m| m.protocol = Protocol::Npy));
}

#[test]
fn a_model_in_python_answers() {
    let python = Command::new("python3").arg("--version").output();
    if !python.is_ok_and(|out| out.status.success()) {
        println!("skipped: there is no python3 here");
        return;
    }
    check_protocol(&mut ModelCommand::new("python3 fixtures/model/toy.py").start().unwrap());
}

/// Every strategy runs on a live model.
#[test]
fn strategies_run_on_a_model() {
    let mut ids = Vec::new();
    let samplers: [Box<dyn Sampler>; 3] = [
        Box::new(Greedy),
        Box::new(sample(3)),
        Box::new(Beam { num_return_sequences: 2, ..Beam::new(4).unwrap() }),
    ];
    for mut sampler in samplers {
        let mut model = start("", |_| {});
        let run = Run { prompt: &[1], ..Run::until(&[0], 5) };
        let found = run.of(sampler.as_mut(), &mut model);
        ids.push(found.into_iter().map(|h| h.ids).collect::<Vec<_>>());
    }
    let mut greedy = vec![1];
    for _ in 0..5 {
        let row = expected(&greedy);
        let best = (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
        greedy.push(best as TokenId);
    }
    assert_eq!(ids[0], [&greedy[1..]]);
    assert_eq!((ids[1].len(), ids[2].len()), (3, 2));
}

#[test]
fn what_is_wrong_is_one_line_with_the_last_lines_of_standard_error() {
    let json = |_: &mut ModelCommand| {};
    let npy = |m: &mut ModelCommand| m.protocol = Protocol::Npy;
    let quick = |m: &mut ModelCommand| m.timeout = Some(Duration::from_millis(300));
    let v = |m: &mut ModelCommand| m.vocab_size = Some(20);
    type Change = fn(&mut ModelCommand);
    let toy_line = "its standard error ends: toy model, 16 tokens";
    let cases: [(&str, Change, &str, &str); 13] = [
        (
            "--fault death",
            json,
            "the model process ended (exit status: 3)",
            "toy model, 16 tokens | about to fail | out of memory",
        ),
        (
            "--fault death --after 1",
            json,
            "the model process ended (exit status: 3) (after 1 answer)",
            "out of memory",
        ),
        (
            "--fault hang",
            quick,
            "no answer within 0.3 s: it hangs, or needs a longer `ModelCommand::timeout`",
            "| thinking",
        ),
        ("--fault garbage", json, "an answer that can't be read: ", "«Hmm, let me think about it»"),
        // read before or after the question, whichever comes first
        ("--fault greeting", json, "", "«Loading the model"),
        (
            "--npy --fault garbage",
            npy,
            "an answer that is no NPY document: «Hmm, let me think about it",
            toy_line,
        ),
        ("--fault half", json, "truncated: the JSON text ends in the middle", "«{\\\"logits\\\":[1,2,»"),
        (
            "--fault nan",
            json,
            "sequence 0, step 7, token 2: the model's logit is NaN: mend the model, or put remove_invalid_values into the chain",
            toy_line,
        ),
        ("--fault infinity", json, "token 2: the model's logit is +inf", toy_line),
        ("--fault masked", json, "the model masks every token: no logit is finite", toy_line),
        (
            "--fault short --after 1",
            json,
            "the answer has 3 logits in a row, the vocabulary has 16",
            toy_line,
        ),
        ("--fault empty", json, "the answer holds no logit", toy_line),
        ("--vocab 16", v, "the answer has 16 logits in a row, the vocabulary has 20", toy_line),
    ];
    for (arguments, change, what, tail) in cases {
        let mut model = start(arguments, change);
        let mut asked = Ok(Vec::new());
        for _ in 0..2 {
            asked = asked.and_then(|_| ask(&mut model, &[&[5]], 0));
        }
        let message = asked.unwrap_err().to_string();
        assert!(message.contains(what) && message.contains(tail), "{arguments}: {message}");
        assert!(!message.contains('\n') && message.starts_with(toy()), "{message}");
        // the process is gone, and the source says so
        assert_eq!(model.process_id(), None);
        let again = ask(&mut model, &[&[5]], 0).unwrap_err().to_string();
        assert!(again.ends_with("the model process was ended after an error"), "{again}");
    }
    let mut model = start("--fault rows", json);
    let message = ask(&mut model, &[&[5], &[6]], 0).unwrap_err().to_string();
    assert!(
        message.contains("the answer has the axes [4, 16]; 2 prefixes were asked for: [2, V]"),
        "{message}"
    );
}

#[test]
fn a_chain_that_repairs_may_get_what_is_invalid() {
    let repairs = settings::chain("remove-invalid-values=true").unwrap();
    let found =
        Run { chain: repairs, ..Run::until(&[], 2) }.of(&mut Greedy, &mut start("--fault nan", |_| {}));
    assert_eq!(found[0].ids.len(), 2);
}

#[test]
fn a_command_that_can_not_be_started_says_so() {
    for (command, message) in [
        ("", "model_command: no command, or a quote that is not closed"),
        ("python 'model.py", "model_command python 'model.py: no command, or a quote that is not closed"),
        ("./no-such-model x", "model_command ./no-such-model x: ./no-such-model can't be started: "),
    ] {
        let error = ModelCommand::new(command).start().unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn a_chain_sees_the_rows_of_a_model() {
    let run = Run { chain: settings::chain("top-k=1").unwrap(), ..Run::until(&[], 2) };
    let found = run.of(&mut sample(1), &mut start("", |_| {}));
    assert_eq!(found[0].processed_logprobs, [Some(0.0), Some(0.0)]);
}

/// No process outlives its source; the system's own view of its processes tells.
#[cfg(target_os = "linux")]
mod processes {
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::*;

    /// True while a process runs (a zombie does not).
    fn runs(id: u32) -> bool {
        std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    fn ends_within(id: u32, seconds: u64) -> bool {
        let until = Instant::now() + Duration::from_secs(seconds);
        while runs(id) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        !runs(id)
    }

    /// Dropped, a model that ends with its input ends, one that doesn't is killed.
    #[test]
    fn a_process_never_outlives_its_source() {
        for arguments in ["", "--fault stays"] {
            let mut model = start(arguments, |_| {});
            ask(&mut model, &[&[5]], 0).unwrap();
            let id = model.process_id().unwrap();
            assert!(runs(id));
            drop(model);
            assert!(!runs(id), "{arguments}");
        }
    }

    /// What a wrapper script started dies with it.
    #[test]
    fn the_processes_of_a_wrapper_die_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("id");
        let script = format!("sleep 1000 & echo $! > {}; read line", file.display());
        let mut model = ModelCommand::new(format!("sh -c '{script}'")).start().unwrap();
        assert!(
            ask(&mut model, &[&[5]], 0)
                .unwrap_err()
                .to_string()
                .contains("the model process ended (exit status: 0)")
        );
        assert!(ends_within(read_id(&file), 5));
    }

    fn read_id(file: &Path) -> u32 {
        std::fs::read_to_string(file).unwrap().trim().parse().unwrap()
    }
}
