//! Commands inside another program: on arrays that it lends, with results as values.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokpick::command::{Address, Call, Failure, Instead, Table, Want, verify};
use tokpick::source::{Elements, Loan, Open, lend};

use crate::support::run::{fixture, tokpick};

/// The array of an NPY file, as a program has it in memory.
struct Held {
    descr: &'static str,
    axes: Vec<usize>,
    data: Vec<u8>,
}

impl Elements for Held {
    fn descr(&self) -> &str {
        self.descr
    }

    fn axes(&self) -> &[usize] {
        &self.axes
    }

    fn copy(&self, row: usize, first: usize, bytes: &mut [u8]) {
        let size = self.descr[2..].parse::<usize>().unwrap();
        let from = (row * self.axes.last().unwrap() + first) * size;
        bytes.copy_from_slice(&self.data[from..from + bytes.len()]);
    }
}

/// A file of fixtures/tiny-lm, lent as `logits`.
fn held(file: &str, descr: &'static str) -> Vec<(PathBuf, Loan)> {
    vec![("logits".into(), Loan::Array(Arc::new(array(file, descr))))]
}

fn array(file: &str, descr: &'static str) -> Held {
    let path = fixture("tiny-lm").join(file);
    let axes = Open::new(&path).open().unwrap().format().axes;
    let bytes = std::fs::read(path).unwrap();
    let data =
        bytes[bytes.len() - axes.iter().product::<usize>() * descr[2..].parse::<usize>().unwrap()..].to_vec();
    Held { descr, axes, data }
}

fn call(words: &[&str], loans: Vec<(PathBuf, Loan)>) -> Call {
    Call { words: words.iter().map(Into::into).collect(), loans, threads: 1, stop: None }
}

#[test]
fn a_lent_array_gives_what_its_file_gives() {
    for (file, descr) in [("steps.npy", "<f4"), ("batch.npy", "<f4"), ("batch-f16.npy", "<f2")] {
        for command in ["sample --seed 7 -p 0.9 -f jsonl", "beam -b 3 -f jsonl", "probs --top 4"] {
            let words: Vec<&str> = command.split(' ').collect();
            let there = [&words[..1], &[file], &words[1..]].concat();
            let here = [&words[..1], &["logits"], &words[1..]].concat();
            let (holds, taken) = call(&here, held(file, descr)).run(Want::Text).unwrap();
            assert!(holds && taken.output == tokpick(&there).out, "{file} {command}");
        }
    }
}

#[test]
fn results_and_remarks_are_values() {
    let words = ["sample", "logits", "--seed", "7", "--num-beams", "3"];
    let (_, taken) =
        call(&words, held("steps.npy", "<f4")).run(Want::Run { logprobs: true, record: true }).unwrap();
    assert!(
        taken.output.is_empty() && taken.notes[0].starts_with("no effect when sampling"),
        "{:?}",
        taken.notes
    );
    let run = taken.run.unwrap();
    assert_eq!((run.found.len(), run.head.draw.as_deref()), (1, Some("chacha8-v1")));
    assert_eq!(run.found[0].logprobs.len(), run.found[0].ids.len());
    let file = std::fs::metadata(fixture("tiny-lm/steps.npy")).unwrap();
    let record = run.record.unwrap();
    assert_eq!(record.input.bytes, file.len(), "the digest is of the file that NumPy writes");
    let mut text = Vec::new();
    record.write(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let nowhere = Path::new("nowhere/run.json");
    let (found, _) = verify(&text, nowhere, held("steps.npy", "<f4"), None, None).unwrap();
    assert!(found["divergence"].is_null(), "{found}");
    let (found, _) = verify(&text, nowhere, held("batch.npy", "<f4"), None, None).unwrap();
    assert_eq!(found["divergence"]["what"], "input");
    let lent = |file| held(file, "<f4").remove(0).1;
    for (instead, agrees) in [
        (Instead::Lent(lent("steps.npy")), true),
        (Instead::Lent(lent("batch.npy")), false),
        (Instead::File(fixture("tiny-lm/steps.npy")), true),
        (Instead::File(fixture("tiny-lm/batch.npy")), false),
    ] {
        let (found, _) = verify(&text, nowhere, held("batch.npy", "<f4"), Some(instead), None).unwrap();
        assert_eq!(found["divergence"].is_null(), agrees, "{found}");
    }
}

/// The process has other threads, which read paths of their own: the rows are read where it stands, and it stands there afterwards.
#[test]
fn a_record_is_repeated_without_leaving_the_folder() {
    struct Standing(Held, Mutex<Vec<PathBuf>>);
    impl Elements for Standing {
        fn descr(&self) -> &str {
            self.0.descr()
        }
        fn axes(&self) -> &[usize] {
            self.0.axes()
        }
        fn copy(&self, row: usize, first: usize, bytes: &mut [u8]) {
            self.1.lock().unwrap().push(std::env::current_dir().unwrap());
            self.0.copy(row, first, bytes);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let (record, here) = (folder.path().join("run.json"), std::env::current_dir().unwrap());
    std::fs::write(folder.path().join("config.json"), r#"{"do_sample":true,"top_k":40}"#).unwrap();
    std::fs::copy(fixture("tiny-lm/steps.npy"), folder.path().join("steps.npy")).unwrap();
    let line =
        ["sample", "steps.npy", "--seed", "7", "--generation-config", "config.json", "--record", "run.json"];
    let done = Command::new(env!("CARGO_BIN_EXE_tokpick")).args(line).current_dir(folder.path()).output();
    assert!(done.unwrap().status.success());
    let text = std::fs::read_to_string(&record).unwrap();
    let standing = Arc::new(Standing(array("steps.npy", "<f4"), Mutex::default()));
    let lent = Instead::Lent(Loan::Array(standing.clone()));
    let (found, _) = verify(&text, &record, Vec::new(), Some(lent), None).unwrap();
    assert!(found["divergence"].is_null(), "{found}");
    let stood = standing.1.lock().unwrap();
    assert!(!stood.is_empty() && stood.iter().all(|folder| *folder == here), "{stood:?}");
}

#[test]
fn a_row_of_a_table_has_an_address_that_can_be_counted() {
    let table = |sequence, step| Table {
        words: ["greedy", "logits"].map(Into::into).to_vec(),
        name: "logits".into(),
        logits: Box::new(|| held("steps.npy", "<f4").remove(0).1),
        rows: vec![Address { sequence, step, ..Address::default() }],
        logprobs: false,
        threads: 1,
        stop: None,
    };
    let steps = 24;
    let (found, _) = table((1 << 53) - 1, (1 << 53) - steps).decode().unwrap();
    assert_eq!((found[0][0].sequence, found[0][0].ids.len()), ((1 << 53) - 1, steps));
    for (sequence, step, what) in [
        (1 << 53, 0, "sequence 9007199254740992"),
        (usize::MAX, 0, "sequence 18446744073709551615"),
        (0, (1 << 53) - steps + 1, "step 9007199254740969"),
        (0, usize::MAX, "step 18446744073709551615"),
    ] {
        let (row, Failure(said)) = table(sequence, step).decode().err().unwrap();
        assert_eq!((row, said), (Some(0), format!("{what}: is too large: numbers end at 2^53")));
    }
}

#[test]
fn errors_are_those_of_the_program() {
    for (words, said) in [
        (&["sample", "logits", "--top-p", "2"][..], "--top-p 2: must be from 0 to 1 (1 keeps all)"),
        (&["sample", "logits", "--top-pp", "2"], "unexpected argument '--top-pp' found"),
        (&["sample", "nothing"], "nothing: No such file or directory (os error 2)"),
        (
            &["sample", "logits", "--array", "x"],
            "--array x: logits is lent, not read from a file: it has no names",
        ),
    ] {
        let Failure(text) = call(words, held("steps.npy", "<f4")).run(Want::Text).err().unwrap();
        assert!(text.starts_with(said), "{text}");
    }
}

#[test]
fn nothing_of_a_command_line_is_left_in_the_next() {
    let lines = [
        "sample logits --seed 7 --top-k=1 -f jsonl",
        "sample logits --seed 7 -f jsonl",
        "probs logits --top-p=0.5",
        "sample logits --seed 7 --top-q=4",
        "sample logits --seed 8 -t 2",
        "sample logits --seed 7 -f jsonl",
    ];
    let run = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        call(&words, held("steps.npy", "<f4")).run(Want::Text).map(|(_, taken)| (taken.output, taken.notes))
    };
    for line in lines {
        let there = tokpick(&line.replace("logits", "steps.npy").split(' ').collect::<Vec<_>>());
        match run(line) {
            Ok((out, _)) => assert!(out == there.out, "{line}"),
            Err(Failure(said)) => assert!(said.contains("--top-q") && there.out.is_empty(), "{line}: {said}"),
        }
    }
    // several at once have the same
    let all: Vec<_> = lines.iter().map(|line| run(line)).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| lines.map(run).to_vec())).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), all);
        }
    });
}

#[test]
fn what_is_lent_is_seen_by_its_own_run_alone() {
    let open = || Open::new("logits").open().map(|source| source.shape().sequences);
    let inner = lend(held("batch.npy", "<f4"), || {
        let other = lend(vec![], open);
        assert!(other.is_err(), "hidden by what another run is lent");
        open()
    });
    assert_eq!(inner.unwrap(), 0..3);
    assert!(open().is_err());
}

#[test]
fn threads_change_nothing() {
    let words = ["sample", "logits", "--seed", "7", "-n", "20"];
    let run = |threads| {
        let want = Want::Run { logprobs: false, record: false };
        let call = Call { threads, ..call(&words, held("batch.npy", "<f4")) };
        call.run(want).unwrap().1.run.unwrap().found
    };
    assert_eq!(run(1), run(3));
}

/// An array without an end in sight: every row is the same, and takes its time.
struct Slow(Vec<usize>);

impl Elements for Slow {
    fn descr(&self) -> &str {
        "<f4"
    }

    fn axes(&self) -> &[usize] {
        &self.0
    }

    fn copy(&self, _row: usize, _first: usize, bytes: &mut [u8]) {
        std::thread::sleep(Duration::from_millis(1));
        bytes.fill(0);
    }
}

#[test]
fn a_run_ends_when_it_is_told_to() {
    let lent = || vec![("logits".into(), Loan::Array(Arc::new(Slow(vec![50, 20_000, 8]))))];
    for (command, threads) in [("sample", 1), ("sample", 3), ("beam", 1), ("probs --top 2", 1), ("info", 3)] {
        let asked = Arc::new(AtomicUsize::new(0));
        let counts = asked.clone();
        let stop: tokpick::command::Stop = Arc::new(move || counts.fetch_add(1, Relaxed) >= 1);
        let (name, flags) = command.split_once(' ').unwrap_or((command, ""));
        let words: Vec<&str> = [name, "logits"].into_iter().chain(flags.split_whitespace()).collect();
        let call = Call { threads, stop: Some(stop), ..call(&words, lent()) };
        let Failure(said) = call.run(Want::Text).err().unwrap_or_else(|| panic!("{command} went on"));
        assert!(said.contains("the run was stopped") && asked.load(Relaxed) < 100, "{command}: {said}");
    }
    // the thread that waits asks as well: it may be the only one that knows
    let ends = Arc::new(AtomicBool::new(false));
    let waits = std::thread::current().id();
    let stop: tokpick::command::Stop = Arc::new(move || {
        if std::thread::current().id() == waits {
            ends.store(true, Relaxed);
        }
        ends.load(Relaxed)
    });
    let call = Call { threads: 2, stop: Some(stop.clone()), ..call(&["greedy", "logits"], lent()) };
    assert_eq!(call.run(Want::Text).err().unwrap().0, "the run was stopped");
    let table = Table {
        words: ["greedy", "logits"].map(Into::into).to_vec(),
        name: "logits".into(),
        logits: Box::new(move || lent().remove(0).1),
        rows: (0..50).map(|sequence| Address { sequence, ..Address::default() }).collect(),
        logprobs: false,
        threads: 2,
        stop: Some(stop),
    };
    assert_eq!(table.decode().err().unwrap().1.0, "the run was stopped");
}
