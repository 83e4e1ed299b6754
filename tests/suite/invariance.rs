//! The same input and arguments give the same ids: for every instruction set that the machine has, and on any number of threads;
//! and the same as ever, in debug and in release builds (each runs this test against the same table).

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use tokpick::check::Digest;

/// Every fixture of steps or of prefixes, and what it needs to be decoded.
const FIXTURES: &[(&str, &str)] = &[
    ("tiny-lm/steps.npy", ""),
    ("tiny-lm/steps-fortran.npy", ""),
    ("tiny-lm/steps-f64be.npy", ""),
    ("tiny-lm/steps-small.json", ""),
    ("tiny-lm/batch.npy", ""),
    ("tiny-lm/batch-f16.npy", ""),
    ("draws/logits-7.npy", ""),
    ("draws/logits-1000.npy", ""),
    ("draws/logits-32000.npy", ""),
    ("draws/batch-7.npy", "--layout tbv"),
    ("draws/batch-1000.npy", "--layout tbv"),
];

/// Strategies, and the digest of the ids of all fixtures.
const STRATEGIES: &[(&str, &str)] = &[
    ("greedy --repetition-penalty 1.2", "762ab777ed537f7f"),
    ("sample --seed 7 -n 3", "a9191a5b3f3b55dc"),
    ("sample --seed 7 -n 3 --temperature 0.8 --top-k 40 --top-p 0.95", "5a8e66a1ba9456b3"),
    ("sample --seed 7 -n 2 --min-p 0.02 --typical-p 0.9 --xtc-probability 0.5", "0088329a08cdbb00"),
    ("sample --seed 7 --draw gumbel --top-p 0.9", "16db3a12d342603f"),
    ("sample --seed 7 --mirostat 2 --mirostat-tau 3", "111f614aad481e19"),
    ("beam --num-beams 3 --length-penalty 0.6", "bd95ba21cf524f07"),
    ("sample --engine torch --seed 7 --temperature 0.8 --top-p 0.9", "a630c80fc8496297"),
    ("sample --engine llama.cpp --seed 7 --temperature 0.8 --top-k 40 --min-p 0.05", "63df2bf085bfc67b"),
    ("sample --engine numpy --seed 7 --top-p 0.9", "8bc2bbe9844415e8"),
];

fn ids(strategy: &str, fixture: (&str, &str), simd: &str, threads: &str) -> String {
    let mut words: Vec<&str> = strategy.split(' ').collect();
    let input = format!("fixtures/{}", fixture.0);
    words.push(&input);
    words.extend(fixture.1.split_whitespace());
    if !threads.is_empty() {
        words.extend(["--threads", threads]);
    }
    let output = Command::new(env!("CARGO_BIN_EXE_tokpick"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(&words)
        .env("TOKPICK_SIMD", simd)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn ids_depend_on_input_and_arguments_alone() {
    let mut changed = String::new();
    for (strategy, frozen) in STRATEGIES {
        let mut all = String::new();
        for fixture in FIXTURES {
            let first = ids(strategy, *fixture, "v1", "1");
            // the software path of v1, and whatever else the machine has (a path that it lacks falls back)
            for (simd, threads) in [("v1", "4"), ("v3", "1"), ("v4", "4")] {
                let again = ids(strategy, *fixture, simd, threads);
                assert_eq!(again, first, "{strategy} {}: TOKPICK_SIMD={simd} --threads {threads}", fixture.0);
            }
            write!(all, "{}\n{first}", fixture.0).unwrap();
        }
        let digest = Digest::of(all.as_bytes()).to_string();
        if digest[..16] != **frozen {
            writeln!(changed, "(\"{strategy}\", \"{}\"),", &digest[..16]).unwrap();
        }
    }
    assert!(changed.is_empty(), "other ids than ever: a changed scheme needs a new name\n{changed}");
}
