//! The command line as a whole: argument vectors and standard input.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::bytes::Bytes;

const COMMANDS: [&str; 16] = [
    "greedy",
    "sample",
    "beam",
    "search",
    "probs",
    "explain",
    "score",
    "verify",
    "diff",
    "compare",
    "tree",
    "info",
    "convert",
    "processors",
    "engines",
    "overlap",
];
const FLAGS: [&str; 60] = [
    "-",
    "--seed",
    "--temperature",
    "--top-p",
    "--top-k",
    "--min-p",
    "--typical-p",
    "--eos-token-id",
    "--max-new-tokens",
    "-n",
    "--format",
    "--layout",
    "--rows",
    "--vocab",
    "--vocab-size",
    "--ids",
    "--prompt-ids",
    "--prefix-ids",
    "--engine",
    "--draw",
    "--chain",
    "--order",
    "--num-beams",
    "--length-penalty",
    "--exact",
    "--raw",
    "--dtype",
    "--probs",
    "--null-is-masked",
    "--source",
    "--row-seeds",
    "--position",
    "--tolerance",
    "--cut-tolerance",
    "--alpha",
    "--logit-noise",
    "--guess",
    "--greedy",
    "--top",
    "--digits",
    "--width",
    "--color",
    "--ascii",
    "--step",
    "--steps",
    "--sweep",
    "--with",
    "--histogram",
    "--stream",
    "--threads",
    "--strict",
    "--sequence-offset",
    "--repetition-penalty",
    "--mirostat",
    "--xtc-probability",
    "--logit-bias",
    "--bad-words-ids",
    "--help",
    "-h",
    "--group-size",
];
const WORDS: [&str; 44] = [
    "0",
    "1",
    "2",
    "-1",
    "0.9",
    "1.5",
    "1e-300",
    "1e300",
    "nan",
    "inf",
    "-0",
    "18446744073709551615",
    "99999999999999999999",
    "json",
    "jsonl",
    "text",
    "svg",
    "html",
    "ids",
    "tv",
    "bv",
    "btv",
    "tbv",
    "0..1",
    "1..0",
    "0,1",
    "[[0,1]]",
    "top_p=0.9,top_k=2",
    "[{\"temperature\":0.5}]",
    "vllm-v2",
    "sglang",
    "llama.cpp",
    "torch",
    "gumbel",
    "steps.npy",
    "batch.npy",
    "vocab.json",
    "missing",
    "bigram",
    "f32",
    "",
    "%s",
    "\u{feff}\u{202e}",
    "0=1.5",
];
const INPUTS: [&[u8]; 6] = [
    b"[[1,2,3],[3,2,1]]",
    b"[1,2]\n[2,1]\n",
    b"",
    b"{\"prefix\":[],\"logits\":[1,0]}\n",
    b"\xff\xfe",
    b"[[1,NaN]]",
];

/// Runs the binary that the environment variable TOKPICK names.
pub fn command(data: &[u8]) {
    let binary = std::env::var_os("TOKPICK").expect("TOKPICK names the binary");
    command_of(Path::new(&binary), data);
}

/// Runs a binary with the arguments that the bytes choose, in the folder of the small model: it ends soon, with 0, 1 or 2, and says why.
pub fn command_of(binary: &Path, data: &[u8]) {
    let b = &mut Bytes(data);
    let mut args = vec![b.of(&COMMANDS)];
    args.push(b.of(&["-", "steps.npy", "batch.npy", "-"]));
    for _ in 0..b.below(7) {
        args.push(b.of(&FLAGS));
        if b.below(5) > 0 {
            args.push(b.of(&WORDS));
        }
    }
    // as far as it is told is as far as it goes
    if args.contains(&"--exact") {
        args.extend(["--max-nodes", "100"]);
    }
    // binaries may run where they were not built
    let here = std::env::current_dir().unwrap_or_default();
    let folder = here
        .ancestors()
        .chain(Path::new(env!("CARGO_MANIFEST_DIR")).ancestors())
        .map(|f| f.join("fixtures/tiny-lm"))
        .find(|f| f.exists());
    // the pipe is filled before there is a process that may end without reading: under libFuzzer a broken pipe ends everything
    let (input, mut filled) = std::io::pipe().expect("a pipe");
    filled.write_all(INPUTS[b.below(INPUTS.len())]).expect("less than a pipe holds");
    drop(filled);
    let mut child = Command::new(binary)
        .args(&args)
        .current_dir(folder.expect("the fixtures"))
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // what goes on for ever (`-n 18446744073709551615`) ends with its reader
    let mut out = child.stdout.take().expect("piped").take(1 << 20);
    let reader = std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    let until = Instant::now() + Duration::from_secs(60);
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        assert!(Instant::now() < until, "{args:?} hangs");
        std::thread::sleep(Duration::from_millis(1));
    };
    let _ = reader.join();
    let mut error = String::new();
    let _ = child.stderr.take().expect("piped").read_to_string(&mut error);
    assert!(matches!(status.code(), Some(0..=2)), "{args:?} ended with {status}: {error}");
    assert!(!error.contains("panicked"), "{args:?}: {error}");
    assert!(status.code() != Some(2) || !error.trim().is_empty(), "{args:?} fails without a word");
}
