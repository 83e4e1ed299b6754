//! Every bad input and setting: status 2, and a line that says what, where, what to do.

use std::path::Path;

use crate::support::run::{tokpick, with_input, words};

/// An NPY file of float32 with the header that is given.
fn npy(descr: &str, shape: &str, data: &[f32]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    header.push_str(&" ".repeat(63 - (10 + header.len()) % 64));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(data.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

const INF: f32 = f32::INFINITY;

#[test]
fn files() {
    let mut wrong_magic = npy("<f4", "(2,)", &[1.0, 2.0]);
    wrong_magic[5] = b'X';
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", vec![], "empty; logits are NPY, JSON or JSON Lines"),
        ("cut.npy", npy("<f4", "(2, 3)", &[1.0; 4]), "truncated: the header promises 24 bytes"),
        (
            "huge.npy",
            npy("<f4", "(1000000, 1000000000)", &[1.0]),
            "truncated: the header promises 4000000000000000",
        ),
        ("magic.npy", wrong_magic, "not an NPY file"),
        ("object.npy", npy("|O", "(1,)", &[1.0, 2.0]), "holds Python objects"),
        ("trailing.npy", npy("<f4", "(2,)", &[1.0; 3]), "4 bytes after the end"),
        ("scalar.npy", npy("<f4", "()", &[1.0]), "a single number"),
        ("rows.npy", npy("<f4", "(0, 2)", &[]), "zero rows"),
        ("v.npy", npy("<f4", "(2, 0)", &[]), "V = 0"),
        (
            "nan.npy",
            npy("<f4", "(2, 2)", &[1.0, 2.0, 3.0, f32::NAN]),
            "sequence 0, step 1, token 1: the logit is NaN",
        ),
        (
            "inf.npy",
            npy("<f4", "(2, 2)", &[1.0, 2.0, INF, 0.0]),
            "sequence 0, step 1, token 0: the logit is +inf",
        ),
        (
            "masked.npy",
            npy("<f4", "(2, 2)", &[1.0, 2.0, -INF, -INF]),
            "sequence 0, step 1: no logit is finite",
        ),
        ("ragged.json", b"[[1,2],[3]]".to_vec(), "step 1: 1 logits here, 2 in the one before"),
        ("deep.json", vec![b'['; 100_000], "nested deeper than 3"),
        ("string.json", br#"[[1,"x"]]"#.to_vec(), "step 0, token 1: a string among the numbers"),
        ("null.json", b"[[1,null]]".to_vec(), "token 1: null is not a number; --null-is-masked"),
        ("nan.json", b"[[1,NaN]]".to_vec(), "the logit is NaN"),
        ("large.json", b"[[1,1e999]]".to_vec(), "token 1: a number too large for f32"),
        (
            "vocab.json",
            br#"{"logits":[[1,2]],"vocab":["a"]}"#.to_vec(),
            "\"vocab\" has 1 strings, the rows have 2",
        ),
        ("start.jsonl", br#"{"prefix":[1],"logits":[1,2]}"#.to_vec(), "no row for the prefix []"),
        (
            "twice.jsonl",
            b"{\"prefix\":[],\"logits\":[1,2]}\n{\"prefix\":[],\"logits\":[1,2]}\n".to_vec(),
            "line 2: the prefix [] stands twice",
        ),
        (
            "outside.jsonl",
            b"{\"prefix\":[],\"logits\":[1,2]}\n{\"prefix\":[7],\"logits\":[1,2]}\n".to_vec(),
            "line 2: the prefix [7] holds the id 7",
        ),
        ("unknown.jsonl", br#"{"prefix":[],"logits":[-Infinity,2]}"#.to_vec(), "no row for the prefix [1]"),
        ("text", b"hello".to_vec(), "neither NPY (\\x93NUMPY…) nor JSON"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, said) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        for command in ["greedy", "sample", "probs", "beam"] {
            let line = tokpick(&[command, path.to_str().unwrap()]);
            if (name, command) == ("unknown.jsonl", "probs") {
                assert_eq!(line.status, Some(0), "without ids, probs asks for the first row alone");
                continue;
            }
            let line = line.failure();
            assert!(line.contains(said) && line.contains(name), "{command} {name}: {line}");
        }
        let line = with_input(&["greedy"], &bytes).failure();
        assert!(line.contains("standard input"), "{name}: {line}");
    }
}

#[test]
fn files_that_are_not_there() {
    assert!(tokpick(&["greedy", "nowhere.npy"]).failure().starts_with("nowhere.npy: No such file"));
    assert!(tokpick(&["greedy", "."]).failure().contains("Is a directory"));
    assert!(tokpick(&["greedy", "steps.npy", "--vocab", "nowhere"]).failure().starts_with("nowhere: "));
    let out = tokpick(&["greedy", "steps.npy", "-o", "nowhere/ids"]).failure();
    assert!(out.starts_with("nowhere/ids: No such file"), "{out}");
    assert!(!Path::new("nowhere").exists());
}

#[test]
fn settings() {
    for (command, said) in [
        ("sample steps.npy --top-p 1.5", "--top-p 1.5: must be from 0 to 1"),
        ("sample steps.npy --top-k -1", "--top-k -1: must be a whole number, 0 or more"),
        ("sample steps.npy -k 1.5", "--top-k 1.5: must be a whole number"),
        ("sample steps.npy --temperature -1", "--temperature -1: must be a finite number, 0 or more"),
        ("sample steps.npy -t nan", "--temperature nan: must be a finite number"),
        ("sample steps.npy --num-samples 0", "--num-samples 0: must be 1 or more"),
        ("sample steps.npy --threads 0", "--threads 0: must be 1 or more"),
        ("sample steps.npy --seed -1", "--seed -1: must be a whole number from 0 to 2^64 - 1"),
        ("sample steps.npy --draw dice", "invalid value 'dice' for '--draw <NAME>'"),
        ("sample steps.npy --rows 20..30", "--rows 20..30: out of range: the steps of steps.npy are 0..24"),
        ("sample steps.npy --rows 9", "invalid value '9' for '--rows <A..B>': is not a range"),
        ("sample steps.npy --layout btv", "--layout btv: does not fit the axes [24, 512]"),
        ("sample steps.npy --vocab-size 700", "--vocab-size 700: the rows of steps.npy have 512 logits"),
        ("sample steps.npy --source bigram", "a bigram matrix is square"),
        ("sample steps.npy --prompt-ids 512", "the prompt id 512 is outside the vocabulary of 512"),
        ("sample steps.npy --prefix-ids 1,512", "the prefix id 512 is outside"),
        ("sample steps.npy --eos-token-id 999", "the end token id 999 is outside"),
        ("sample steps.npy --prompt-ids 1;2", "--prompt-ids \"1;2\": is no id"),
        ("sample steps.npy --prompt-ids @nowhere", "No such file"),
        ("probs steps.npy --ids 1;2", "ids for 2 sequences, but the input has 1"),
        ("verify steps.npy --greedy --ids []", "--ids: holds no ids"),
        ("score steps.npy --ids-file /dev/null", "--ids-file /dev/null: holds no ids"),
        ("greedy tokenizer.json", "a tokenizer, which gives ids their texts, and holds no logits"),
        ("probs steps.npy --ids 999", "the id 999 is outside the vocabulary of 512"),
        ("sample steps.npy --chain top-kk=1", "--chain top-kk: no such processor (did you mean top_k?)"),
        (
            "sample steps.npy --chain top_k=1 -k 2",
            "--chain top_k=1: holds all processors and their order: leave out --top-k",
        ),
        ("sample steps.npy --chain top_k=1 --order hf", "leave out --order"),
        ("sample steps.npy --order llama", "--order llama: no such order"),
        (
            "sample steps.npy --order top-k -t 2",
            "--order top_k: must name every processor that is set: temperature",
        ),
        ("sample steps.npy --chain top_k(1", "a bracket or quote is not closed"),
        ("sample steps.npy --chain xtc(threshold=0.1,threshold=0.2)", "the parameter threshold stands twice"),
        (r#"sample steps.npy --chain [{"top_p":0.9,"top_p":0.5}]"#, "the field \"top_p\" stands twice"),
        (
            "sample steps.npy --format text",
            "--format text: needs token strings: give --vocab FILE or --tokenizer FILE",
        ),
        ("sample steps.npy --format json --stream", "use --format jsonl"),
        ("sample steps.npy --mirostat 3", "--mirostat 3: must be 1 or 2"),
        ("sample steps.npy --mirostat 2 --adaptive-target 0.5", "--mirostat 2: excludes --adaptive-target"),
        ("sample steps.npy --mirostat 2 --draw gumbel", "replaces the draw: leave out --draw"),
        ("sample steps.npy --adaptive-target 1.5", "--adaptive-target 1.5: must be"),
        ("sample steps.npy --forced-eos-token-id 999", "outside the vocabulary"),
        ("sample steps.npy --logit-bias 5", "--logit-bias 5: must be id=bias pairs"),
        ("sample steps.npy --xtc-probability 2", "--xtc-probability 2: must be from 0 to 1"),
        ("sample steps.npy --dry-multiplier 1 --dry-base inf", "--dry-base inf: must be a finite number"),
        ("sample steps.npy --penalty-scope some --repetition-penalty 2", "some"),
        ("sample steps.npy --uncond nowhere.npy --guidance-scale 2", "nowhere.npy: No such file"),
        ("beam steps.npy --num-beams 0", "--num-beams 0: must be 1 or more"),
        (
            "beam steps.npy -b 2 --num-return-sequences 3",
            "--num-return-sequences 3: must be from 1 to num_beams (2)",
        ),
        ("beam steps.npy --num-return-sequences 0", "must be from 1 to num_beams"),
        ("beam steps.npy --length-penalty nan", "--length-penalty NaN: must be a finite number"),
        ("beam steps.npy --early-stopping maybe", "invalid value 'maybe' for '--early-stopping <WHEN>'"),
        ("beam steps.npy --stream", "--stream: beam search knows its tokens only at its end"),
        ("explain steps.npy --step 24", "--step 24: the steps of this input are 0 to 23"),
        ("synth 3x0", "invalid value '3x0' for '<SHAPE>'"),
        ("synth 99999999999999999999", "invalid value"),
        ("synth 4000000000x4000000000x16777216", "invalid value"),
        ("synth 2x3 --scale inf", "--scale inf: must be a number between"),
        ("guess steps.npy", "unrecognized subcommand 'guess'"),
        ("sample steps.npy --tok-k 1", "unexpected argument '--tok-k' found"),
    ] {
        let line = tokpick(&words(command)).failure();
        assert!(line.contains(said), "{command}: {line}");
    }
    let usage = tokpick(&["sample", "--tok-k", "1"]).err;
    assert!(usage.contains("Usage:") && usage.contains("--help"), "{usage}");
}

/// One large id pretends a vocabulary: where each token would get a number, it is refused before memory is asked for.
#[test]
fn a_vocabulary_that_no_model_has() {
    let row = br#"{"ids":[4294967295],"logits":[1]}"#;
    for args in [
        "sample - --engine torch -s 1",
        "sample - --engine llama.cpp -s 1",
        "verify - --ids 4294967295 --guess --seed 1",
        "probs - --remove-invalid-values",
        "convert - --to npy -o /dev/null",
    ] {
        let message = with_input(&words(args), row).failure();
        assert!(message.contains("V is 4294967296, as its largest id says: too large"), "{args}: {message}");
    }
    assert_eq!(with_input(&words("greedy -"), row).text(), "4294967295\n");
}

/// No terminal obeys what a file or a name holds: messages are one line of text.
#[test]
fn messages_are_shown_and_not_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    };
    let error = write("e.json", r#"{"error":{"message":"\u001b[2K\r8 of 8\nsteps match","code":400}}"#);
    let config = write("c.json", r#"{"\u001b[31mX\u202eY\nZ": 1}"#);
    let named = write("a\u{1b}[31m\nb.json", "[[1,2]]");
    for (args, expected) in [
        (vec!["score", &error], r"\u{1b}[2K\u{d}8 of 8 steps match"),
        (vec!["greedy", "steps-small.json", "--generation-config", &config], r"\u{1b}[31mX\u{202e}Y Z"),
        (vec!["info", &named], r"a\u{1b}[31m b.json"),
        (vec!["greedy", &named, "--prompt-ids", "7"], r"a\u{1b}[31m b.json"),
    ] {
        let ran = tokpick(&args);
        let said = format!("{}{}", String::from_utf8_lossy(&ran.out), ran.err);
        assert!(said.contains(expected), "{args:?}: {said}");
        assert!(!said.contains(['\u{1b}', '\r', '\u{202e}']), "{args:?}: {said:?}");
    }
}
