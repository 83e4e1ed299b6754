//! `tokpick verify RECORD`: every field of a record holds or is named, every flag is used or refused, paths are found.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::run::{Ran, fixture, with_input};

/// Runs tokpick in a folder.
fn at(folder: &Path, args: &[&OsStr]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tokpick"));
    let done = command.args(args).current_dir(folder).stdin(std::process::Stdio::null()).output().unwrap();
    let err = String::from_utf8_lossy(&done.stderr).into_owned();
    Ran { status: done.status.code(), out: done.stdout, err }
}

fn run(folder: &Path, line: &str) -> Ran {
    at(folder, &line.split_whitespace().map(OsStr::new).collect::<Vec<_>>())
}

/// A folder with an input, and the record of a run on it.
fn recorded() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(fixture("tiny-lm/steps.npy"), folder.path().join("steps.npy")).unwrap();
    fs::write(folder.path().join("config.json"), r#"{"do_sample":true,"top_k":40}"#).unwrap();
    let line = "sample steps.npy --seed 7 -t 0.8 --generation-config config.json --record run.json";
    run(folder.path(), line).text();
    folder
}

fn changed(folder: &Path, change: impl FnOnce(&mut Value)) {
    let mut record: Value = serde_json::from_slice(&fs::read(folder.join("run.json")).unwrap()).unwrap();
    change(&mut record);
    fs::write(folder.join("changed.json"), record.to_string()).unwrap();
}

#[test]
fn a_changed_field_does_not_hold() {
    type Change = fn(&mut Value);
    let cases: &[(&str, Change)] = &[
        ("seed", |r| r["seed"] = 8.into()),
        ("seed", |r| r["seed"] = Value::Null),
        ("chain", |r| r["chain"] = json!([{"temperature": 0.8}])),
        ("chain", |r| r["chain"][0] = json!({"temperature": 0.9})),
        ("draw", |r| r["draw"] = "gumbel-chacha8-v1".into()),
        ("engine", |r| r["engine"] = "torch 2.0".into()),
        ("shape", |r| r["shape"][1] = 23.into()),
        ("shape", |r| r["shape"][2] = Value::Null),
        ("vocabulary", |r| r["vocabulary"] = "00".into()),
        ("input", |r| r["input"]["sha256"] = "00".into()),
        ("input", |r| r["input"]["bytes"] = 3.into()),
        ("input", |r| r["input"]["role"] = "output".into()),
        ("companion", |r| r["companions"][0]["sha256"] = "00".into()),
        ("companions", |r| r["companions"] = json!([])),
        ("companions", |r| r["companions"][0]["role"] = "amateur_input".into()),
        ("lines", |r| r["sequences"] = json!([])),
        ("id", |r| r["sequences"][0]["ids"][3] = 1.into()),
        ("logprob", |r| {
            r["sequences"][0]["logprobs"].as_array_mut().unwrap().push(Value::Null);
        }),
        ("processed_logprob", |r| {
            r["sequences"][0]["processed_logprobs"].as_array_mut().unwrap().pop();
        }),
        ("finish_reason", |r| r["sequences"][0]["finish_reason"] = "eos".into()),
    ];
    let folder = recorded();
    assert!(run(folder.path(), "verify run.json").text().starts_with("everything agrees"));
    for (what, change) in cases {
        changed(folder.path(), change);
        let ran = run(folder.path(), "verify changed.json --format json");
        assert_eq!(ran.status, Some(1), "{what}: {}", ran.err);
        let document: Value = serde_json::from_slice(&ran.out).unwrap();
        assert_eq!((&document["holds"], &document["divergence"]["what"]), (&json!(false), &json!(what)));
        let ran = run(folder.path(), "verify changed.json");
        assert!(ran.status == Some(1) && ran.out.starts_with(b"first divergence: "), "{what}: {}", ran.err);
    }
}

#[test]
fn a_changed_input_is_a_check_that_said_no() {
    let folder = recorded();
    let mut bytes = fs::read(folder.path().join("steps.npy")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(folder.path().join("steps.npy"), bytes).unwrap();
    let ran = run(folder.path(), "verify run.json --format json");
    assert_eq!(ran.status, Some(1), "{}", ran.err);
    let document: Value = serde_json::from_slice(&ran.out).unwrap();
    assert_eq!(document["divergence"]["what"], "input");
    assert_eq!(document["divergence"]["file"], "steps.npy");
}

#[test]
fn what_is_not_checked_is_named() {
    let folder = recorded();
    changed(folder.path(), |r| {
        r["platform"] = "plan9 vax, v1".into();
        r["tokpick"] = "0.0.9".into();
        r["temperature"] = 0.8.into();
    });
    let ran = run(folder.path(), "verify changed.json");
    for named in
        ["platform: recorded plan9 vax, v1, here ", "tokpick: recorded 0.0.9", "temperature: not known"]
    {
        assert!(ran.err.contains(named), "{}", ran.err);
    }
    ran.text();
    let document = run(folder.path(), "verify changed.json -f json").json();
    assert_eq!(document["not_checked"].as_array().unwrap().len(), 3);
}

#[test]
fn a_command_that_is_no_recorded_one_is_damaged() {
    let folder = recorded();
    for (what, word) in [
        ("--output has no place in a recorded command", "--output=x"),
        ("--record has no place in a recorded command", "--record=x"),
        ("damaged record: ", "--no-such-flag"),
    ] {
        changed(folder.path(), |r| r["command"].as_array_mut().unwrap().push(word.into()));
        let said = run(folder.path(), "verify changed.json").failure();
        assert!(said.contains(what), "{said}");
        assert!(!folder.path().join("x").exists());
    }
    changed(folder.path(), |r| r["command"][1] = "config.json".into());
    assert!(run(folder.path(), "verify changed.json").failure().contains("another input"));
    changed(folder.path(), |r| r["command"][0] = "probs".into());
    assert_eq!(run(folder.path(), "verify changed.json").status, Some(2));
}

#[test]
fn flags_that_say_nothing_about_a_record_are_refused_by_name() {
    let folder = recorded();
    for flag in [
        "--seed 5",
        "-t 3",
        "--engine torch",
        "--top-k 1",
        "--draw gumbel",
        "--greedy",
        "--alpha 0.1",
        "--min-match 0.9",
        "--vocab-size 3",
        "--prompt-ids 1",
        "--eos-token-id 1",
        "--chain top-k=1",
        "--threads 2",
    ] {
        let said = run(folder.path(), &format!("verify run.json {flag}")).failure();
        let long = if flag == "-t 3" { "--temperature" } else { flag.split(' ').next().unwrap() };
        assert!(said.starts_with(long) && said.contains("leave the flag out"), "{flag}: {said}");
    }
    let said = run(folder.path(), "verify steps.npy --seed 42").failure();
    assert!(said.contains("steps.npy is no record: which ids were drawn from it? give --ids"), "{said}");
    let said = run(folder.path(), "verify steps.npy --ids 1 --seed 42 --input steps.npy").failure();
    assert!(said.starts_with("--input steps.npy: is for a record"), "{said}");
}

#[test]
fn several_records_are_verified_at_once() {
    let folder = recorded();
    changed(folder.path(), |r| r["seed"] = 8.into());
    let ran = run(folder.path(), "verify run.json run.json");
    assert_eq!(ran.text().matches("run.json: everything agrees").count(), 2);
    let ran = run(folder.path(), "verify run.json changed.json");
    assert_eq!(ran.status, Some(1));
    assert!(String::from_utf8_lossy(&ran.out).contains("\nchanged.json: first divergence: seed 8"));
    let ran = run(folder.path(), "verify run.json changed.json --format json");
    let document: Value = serde_json::from_slice(&ran.out).unwrap();
    let holds: Vec<&Value> = document["records"].as_array().unwrap().iter().map(|r| &r["holds"]).collect();
    assert_eq!((holds, &document["holds"]), (vec![&json!(true), &json!(false)], &json!(false)));
    // one that can't be checked doesn't keep the others from being checked
    changed(folder.path(), |r| r["command"][0] = "probs".into());
    let ran = run(folder.path(), "verify changed.json run.json");
    assert_eq!(ran.status, Some(2));
    let out = String::from_utf8_lossy(&ran.out).into_owned();
    assert!(out.starts_with("changed.json: can't be checked: "), "{out}");
    assert!(out.contains("\nrun.json: everything agrees"), "{out}");
}

/// Relative paths are found from every working directory, also when the folder has moved; `--input` says otherwise.
#[test]
fn relative_paths_resolve_beside_the_record() {
    let folder = recorded();
    let elsewhere = tempfile::tempdir().unwrap();
    let record = folder.path().join("run.json");
    let verify = |from: &Path, more: &[&OsStr]| {
        at(from, &[&[OsStr::new("verify"), record.as_os_str()], more].concat()).text()
    };
    verify(elsewhere.path(), &[]);
    // a record in another folder than where the run was made
    fs::create_dir(folder.path().join("records")).unwrap();
    let line = "sample steps.npy --seed 7 --chain top-k=9,contrastive(amateur_input=steps.npy) --record records/b.json";
    run(folder.path(), line).text();
    let moved = elsewhere.path().join("moved");
    fs::rename(folder.path(), &moved).unwrap();
    for (from, path) in [
        ("moved", "run.json"),
        ("moved", "records/b.json"),
        ("moved/records", "b.json"),
        (".", "moved/run.json"),
    ] {
        run(&elsewhere.path().join(from), &format!("verify {path}")).text();
    }
    fs::rename(moved.join("steps.npy"), elsewhere.path().join("other.npy")).unwrap();
    run(elsewhere.path(), "verify moved/run.json").failure();
    run(elsewhere.path(), "verify moved/run.json --input other.npy").text();
}

/// Every kind of word that names a file, also one that is read while the words are: each is found from elsewhere, and a record
/// that a file was taken from tells of it.
#[test]
fn every_path_of_a_command_is_found_from_elsewhere() {
    let folder = recorded();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("model")).unwrap();
    for name in ["vocab.json", "tokenizer.json"] {
        fs::copy(fixture("tiny-lm").join(name), at(name)).unwrap();
    }
    fs::copy(at("tokenizer.json"), at("model/tokenizer.json")).unwrap();
    fs::write(at("ids.txt"), "1,2,3").unwrap();
    fs::write(at("allowed.jsonl"), "{\"prefix\":[],\"allowed\":[4,5,6]}\n").unwrap();
    let vocab = "--vocab vocab.json --suppress-tokens @ids.txt";
    for (words, file) in [
        (format!("{vocab} --prefix-ids @ids.txt --generation-config config.json"), "ids.txt"),
        ("--chain top-k=9,contrastive(alpha=0.1,amateur_input=steps.npy)".to_string(), "steps.npy"),
        (
            "--chain [{\"guidance_scale\":{\"value\":1.5,\"uncond_input\":\"steps.npy\"}}]".to_string(),
            "steps.npy",
        ),
        ("--uncond steps.npy --guidance-scale 1.5 --vocab vocab.json".to_string(), "vocab.json"),
        ("--prefix-constraint allowed.jsonl --prefix-constraint-missing free".to_string(), "allowed.jsonl"),
        ("--model-dir model".to_string(), "model/tokenizer.json"),
    ] {
        run(folder.path(), &format!("sample steps.npy --seed 7 {words} --record run.json")).text();
        let record = at("run.json");
        let elsewhere = tempfile::tempdir().unwrap();
        let verify = || self::at(elsewhere.path(), &[OsStr::new("verify"), record.as_os_str()]);
        let said = verify().text();
        assert!(said.starts_with("everything agrees"), "{words}: {said}");
        fs::rename(at(file), at("away")).unwrap();
        assert_eq!(verify().status, Some(2), "{words} without {file}");
        fs::rename(at("away"), at(file)).unwrap();
    }
}

/// Records that don't say where their paths start name them from where they were made.
#[test]
fn records_of_earlier_versions_are_found_from_where_they_were_made() {
    let folder = recorded();
    fs::create_dir(folder.path().join("records")).unwrap();
    run(folder.path(), "sample steps.npy --seed 7 --record records/b.json").text();
    let path = folder.path().join("records/b.json");
    let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(record.as_object_mut().unwrap().remove("directory"), Some("..".into()));
    fs::write(&path, record.to_string()).unwrap();
    run(folder.path(), "verify records/b.json").text();
}

/// What the first version recorded goes on to verify (fixtures/records).
#[test]
fn records_of_the_first_version_verify() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["sample", "greedy", "beam", "engine", "gumbel"] {
        let ran = run(root, &format!("verify fixtures/records/{name}.json"));
        assert_eq!(ran.status, Some(0), "{name}: {} {}", String::from_utf8_lossy(&ran.out), ran.err);
    }
}

#[test]
fn paths_that_are_no_unicode_survive() {
    let folder = recorded();
    let odd = |name: &[u8]| OsString::from_vec(name.to_vec());
    let (input, record) = (odd(b"caf\xe9.npy"), odd(b"r\xff.json"));
    fs::copy(folder.path().join("steps.npy"), folder.path().join(&input)).unwrap();
    let word = OsStr::new;
    at(folder.path(), &[word("greedy"), &input, word("--record"), &record]).text();
    at(folder.path(), &[word("verify"), &record]).text();
}

/// Also where the output is another name of the file, and where the check would have said no.
#[test]
fn no_output_goes_over_what_a_record_names() {
    let folder = recorded();
    let at = |name: &str| folder.path().join(name);
    std::os::unix::fs::symlink(at("steps.npy"), at("link.npy")).unwrap();
    fs::copy(at("run.json"), at("second.json")).unwrap();
    changed(folder.path(), |r| r["input"]["sha256"] = "00".into());
    let files = ["steps.npy", "config.json", "run.json"];
    let before = files.map(|file| fs::read(at(file)).unwrap());
    for records in ["run.json", "run.json second.json", "changed.json", "changed.json run.json"] {
        for output in ["steps.npy", "link.npy", "config.json", "./run.json"] {
            if output == "./run.json" && !records.contains("run.json") {
                continue;
            }
            for format in ["text", "json"] {
                let said = run(folder.path(), &format!("verify {records} -o {output} -f {format}")).failure();
                let begins = format!("--output {output}: is what ");
                assert!(said.starts_with(&begins) && said.contains("would be written over"), "{said}");
            }
        }
    }
    assert_eq!(files.map(|file| fs::read(at(file)).unwrap()), before);
    let said = run(folder.path(), "verify run.json second.json -o second.json").failure();
    assert!(said.contains("is what RECORD second.json reads"), "{said}");
}

#[test]
fn a_record_with_a_byte_order_mark_is_read() {
    let folder = recorded();
    let text = fs::read(folder.path().join("run.json")).unwrap();
    fs::write(folder.path().join("bom.json"), [&b"\xef\xbb\xbf"[..], &text].concat()).unwrap();
    assert!(run(folder.path(), "verify bom.json").text().starts_with("everything agrees"));
}

#[test]
fn a_damaged_record_names_the_field() {
    let folder = recorded();
    let says = |wanted: &str| {
        for format in ["text", "json"] {
            let ran = run(folder.path(), &format!("verify changed.json -f {format}"));
            if format == "json" {
                let document: Value = serde_json::from_slice(&ran.out).unwrap();
                assert!(document["error"].as_str().unwrap().contains(wanted), "{document}");
                assert_eq!(document["holds"], Value::Null);
            }
            let said = ran.failure();
            assert!(said.starts_with(&format!("changed.json: damaged record: {wanted}")), "{said}");
        }
    };
    for path in [
        "/format",
        "/version",
        "/tokpick",
        "/command",
        "/chain",
        "/draw",
        "/seed",
        "/input",
        "/input/role",
        "/input/path",
        "/input/sha256",
        "/input/bytes",
        "/shape",
        "/companions",
        "/companions/0/role",
        "/vocabulary",
        "/platform",
        "/sequences",
        "/sequences/0/ids",
        "/sequences/0/logprobs",
        "/sequences/0/finish_reason",
    ] {
        let (parent, name) = path.rsplit_once('/').unwrap();
        changed(folder.path(), |r| {
            r.pointer_mut(parent).unwrap().as_object_mut().unwrap().shift_remove(name);
        });
        let full = path[1..].replace("/0/", "[0].").replace('/', ".");
        says(&format!("missing field {full}"));
        if path == "/format" || path == "/version" {
            continue;
        }
        changed(folder.path(), |r| *r.pointer_mut(path).unwrap() = json!({"x": 1.5}));
        let wrong = if ["/input"].contains(&path) {
            "missing field input.role".into()
        } else {
            format!("{full} {{\"x\":1.5}}: must be ")
        };
        says(&wrong);
    }
    let text = fs::read_to_string(folder.path().join("run.json")).unwrap();
    let write = |text: &str| fs::write(folder.path().join("changed.json"), text).unwrap();
    for length in [60, text.len() / 2, text.len() - 3] {
        write(&text[..length]);
        says("EOF while parsing");
    }
    write(&text.replacen("\"version\"", "\"seed\": 9, \"version\"", 1));
    says("the field \"seed\" stands twice");
    write(&text.replacen("\"role\"", "\"bytes\": 9, \"role\"", 1));
    says("the field \"bytes\" stands twice");
}

/// A check that can't be made has status 2, and a document that says so.
#[test]
fn what_cant_be_checked_is_a_document_too() {
    let folder = recorded();
    fs::rename(folder.path().join("steps.npy"), folder.path().join("away.npy")).unwrap();
    for (line, error) in [
        ("verify run.json -f json", "steps.npy: No such file"),
        ("verify run.json -f json -o out.json", "steps.npy: No such file"),
        ("verify none.json -f json", "none.json: No such file"),
    ] {
        let ran = run(folder.path(), line);
        let out = if line.contains("-o") {
            fs::read(folder.path().join("out.json")).unwrap()
        } else {
            ran.out.clone()
        };
        let document: Value = serde_json::from_slice(&out).unwrap();
        assert!(
            document["holds"].is_null() && document["error"].as_str().unwrap().contains(error),
            "{document}"
        );
        assert!(ran.failure().contains(error));
    }
    assert!(run(folder.path(), "verify run.json -o out.txt").failure().contains("No such file"));
    assert!(!folder.path().join("out.txt").exists());
    let ran = run(folder.path(), "verify none.json run.json");
    assert_eq!(
        (ran.status, String::from_utf8_lossy(&ran.out).matches("can't be checked").count()),
        (Some(2), 2)
    );
}

#[test]
fn what_is_said_about_flags_beside_records_is_plain() {
    let folder = recorded();
    for flag in ["--greedy", "--probs", "--guess"] {
        let said = run(folder.path(), &format!("verify run.json {flag}")).failure();
        assert!(said.starts_with(&format!("{flag}: ")), "{said}");
    }
    for more in ["--ids 1", "--ids 1 --guess --seed 1"] {
        let said = run(folder.path(), &format!("verify run.json {more}")).failure();
        assert!(said.starts_with("--ids: run.json is a record, which holds its ids: "), "{said}");
    }
}

/// A run says its seed beside its ids: nobody has to remember it.
#[test]
fn the_seed_of_a_run_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, how) in [("run.json", "-f json -o"), ("record.json", "--record")] {
        let file = folder.path().join(name);
        let to = file.display();
        let ran = run(root, &format!("sample fixtures/tiny-lm/batch.npy -s 7 -k 9 {how} {to}"));
        assert_eq!(ran.status, Some(0), "{}", ran.err);
        let verify = format!("verify fixtures/tiny-lm/batch.npy -k 9 --ids-file {to}");
        let ran = run(root, &verify);
        assert_eq!(ran.status, Some(0), "{}", ran.err);
        assert!(ran.err.contains("its seed 7 is taken"), "{}", ran.err);
        // a flag says otherwise
        let ran = run(root, &format!("{verify} -s 8"));
        assert_eq!((ran.status, ran.err.contains("is taken")), (Some(1), false), "{}", ran.err);
        assert!(ran.err.contains("its seed is not used: the flags give others"), "{}", ran.err);
        let ran = run(root, &format!("{verify} --greedy"));
        assert!(ran.err.contains("its seed is not used: --greedy draws nothing"), "{}", ran.err);
        // or the same
        let ran = run(root, &format!("{verify} -s 7"));
        assert_eq!((ran.status, ran.err.contains("its seed")), (Some(0), false), "{}", ran.err);
        let piped = std::fs::read(&file).unwrap();
        let words = ["verify", "batch.npy", "-k", "9", "--ids-file", "-"];
        let ran = with_input(&words, &piped);
        assert_eq!((ran.status, ran.err.contains("its seed 7 is taken")), (Some(0), true), "{}", ran.err);
    }
    // of many seeds, wherever they stand, a few are named, each once
    let lines: String =
        [7, 8, 7, 9, 8, 7].map(|seed| format!("{{\"ids\": [1, 2], \"seed\": {seed}}}\n")).concat();
    let ids = folder.path().join("ids.jsonl");
    std::fs::write(&ids, lines).unwrap();
    let verify = format!("verify fixtures/tiny-lm/batch.npy -n 2 --ids-file {}", ids.display());
    let said = run(root, &verify).failure();
    assert!(said.contains("its lines have 3 seeds (7, 8, …): give --seed"), "{said}");
    let said = run(root, &format!("{verify} -s 7")).err;
    assert!(said.contains("its seeds are not used: the flags give others"), "{said}");
}
