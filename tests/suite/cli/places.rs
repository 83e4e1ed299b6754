//! Where outputs go, and what is left when they can't: full disks, closed streams, signals.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use crate::support::run::{command, fixture, shell, tokpick, with_input, words};

/// The names in a folder.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let names =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// A folder with the small inputs in it.
pub(super) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["steps-small.json", "batch.npy", "vocab.json"] {
        std::fs::copy(fixture("tiny-lm").join(name), folder.path().join(name)).unwrap();
    }
    folder
}

/// The flags that name an output.
const OUTPUTS: [&str; 3] = ["--output", "--record", "--trace"];

#[test]
fn an_output_that_can_not_be_made_is_said_before_anything_is_decoded() {
    let folder = folder();
    for flag in OUTPUTS {
        for place in ["missing/out", "batch.npy/out", "."] {
            let other = if flag == "--output" { "" } else { "-f jsonl --stream" };
            let ran =
                shell(&format!("tokpick sample steps-small.json -s 1 {other} {flag} {place}"), folder.path());
            assert_eq!(String::from_utf8_lossy(&ran.out), "", "{flag} {place}");
            assert!(ran.failure().starts_with(place), "{flag} {place}");
        }
    }
    assert_eq!(names(folder.path()), ["batch.npy", "steps-small.json", "vocab.json"]);
}

#[test]
fn a_full_disk_is_an_error_that_names_the_output() {
    let folder = folder();
    for flag in OUTPUTS {
        let ran = shell(&format!("tokpick greedy steps-small.json {flag} /dev/full"), folder.path());
        assert_eq!(ran.failure(), "/dev/full: No space left on device (os error 28)", "{flag}");
    }
    for line in ["greedy steps-small.json", "probs batch.npy", "info batch.npy", "processors", "engines"] {
        let ran = shell(&format!("tokpick {line} > /dev/full"), folder.path());
        assert_eq!(ran.failure(), "standard output: No space left on device (os error 28)", "{line}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_file_system_is_noticed_before_anything_is_decoded() {
    let folder = folder();
    let line = "mkdir small && mount -t tmpfs -o size=16k tmpfs small 2>&1 || { echo skipped; exit 0; }
        trap 'umount small' EXIT
        head -c 20000 /dev/zero > small/filler 2>/dev/null
        tokpick sample steps-small.json -s 1 --stream --record small/record";
    let ran = shell(line, folder.path());
    if String::from_utf8_lossy(&ran.out).contains("skipped") {
        println!("skipped: no file system can be mounted here");
        return;
    }
    assert_eq!(String::from_utf8_lossy(&ran.out), "");
    assert_eq!(ran.failure(), "small/record: No space left on device (os error 28)");
}

#[test]
fn help_and_version_need_an_output_too() {
    let folder = folder();
    for what in ["--help", "--version", "-h", "sample --help", "beam -V"] {
        let ran = shell(&format!("tokpick {what} > /dev/full"), folder.path());
        assert_eq!(ran.failure(), "standard output: No space left on device (os error 28)", "{what}");
        let ran = shell(&format!("set -o pipefail; tokpick {what} | head -c 1 > /dev/null"), folder.path());
        assert_eq!((ran.status, ran.err.as_str()), (Some(0), ""), "{what}");
    }
}

#[test]
fn a_standard_output_for_reading_is_an_error() {
    let folder = folder();
    for what in ["greedy steps-small.json", "probs batch.npy", "--help", "--version", "processors"] {
        let message = shell(&format!("tokpick {what} 1</dev/null"), folder.path()).failure();
        assert!(message.starts_with("standard output: is open for reading alone"), "{what}: {message}");
        // to throw results away is another thing: `1<>` is how Python's DEVNULL and Node's "ignore" open it
        for thrown in [">/dev/null", ">>/dev/null", "1<>/dev/null", "1<>/dev/null 0<&1 2>&1"] {
            assert_eq!(shell(&format!("tokpick {what} {thrown}"), folder.path()).status, Some(0), "{thrown}");
        }
    }
    // what was closed can't be told from that
    assert_eq!(shell("tokpick greedy steps-small.json >&-", folder.path()).status, Some(0));
    // those who throw results away want the status
    for (id, status) in [(307, 0), (308, 1)] {
        let line = format!("tokpick verify steps-small.json --greedy --ids {id},318,278,372 1<>/dev/null");
        assert_eq!(shell(&line, folder.path()).status, Some(status), "{line}");
    }
}

#[test]
fn closed_streams_do_no_harm() {
    let folder = folder();
    let ran = shell("tokpick greedy steps-small.json <&- 2>&-", folder.path());
    assert_eq!(ran.text(), "307 318 278 372\n");
    let ran = shell("tokpick greedy <&-", folder.path());
    assert!(ran.failure().starts_with("standard input: empty"));
    for failing in ["sample steps-small.json --top-p 7", "greedy missing.npy", "nonsense", "greedy <&-"] {
        assert_eq!(shell(&format!("tokpick {failing} 2>&-"), folder.path()).status, Some(2), "{failing}");
    }
}

#[test]
fn a_write_beyond_the_allowed_size_is_an_error() {
    let folder = folder();
    for flag in ["-o", "--trace", ">"] {
        let ran =
            shell(&format!("ulimit -f 8; tokpick sample batch.npy -s 1 -n 3000 {flag} ids"), folder.path());
        let file = if flag == ">" { "standard output" } else { "ids" };
        assert_eq!(ran.failure(), format!("{file}: File too large (os error 27)"), "{flag}");
        let _ = std::fs::remove_file(folder.path().join("ids")); // the shell's
        assert_eq!(names(folder.path()), ["batch.npy", "steps-small.json", "vocab.json"], "{flag}");
    }
}

#[test]
fn two_runs_on_one_output_leave_one_of_the_two() {
    let folder = folder();
    let line = "for i in 1 2 3 4 5 6; do tokpick sample batch.npy -s $i -n 200 -o ids & done; wait";
    assert_eq!(shell(line, folder.path()).status, Some(0));
    assert_eq!(names(folder.path()), ["batch.npy", "ids", "steps-small.json", "vocab.json"]);
    let found = std::fs::read(folder.path().join("ids")).unwrap();
    let whole = (1..=6).any(|i| {
        let alone = tokpick(&["sample", "batch.npy", "-s", &i.to_string(), "-n", "200"]);
        alone.out == found
    });
    assert!(whole, "a mixture of runs");
}

#[test]
fn links_are_written_through_and_streams_are_streams() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    std::os::unix::fs::symlink("later", at("link")).unwrap();
    for flag in OUTPUTS {
        let ran = shell(&format!("tokpick greedy steps-small.json {flag} link"), folder.path());
        ran.text();
        assert!(std::fs::symlink_metadata(at("link")).unwrap().is_symlink(), "{flag}");
        assert!(!std::fs::read(at("later")).unwrap().is_empty(), "{flag}");
        std::fs::remove_file(at("later")).unwrap();
    }
    let ids = "307 318 278 372\n";
    for line in [
        "tokpick greedy steps-small.json -o -",
        "tokpick greedy steps-small.json -o /dev/stdout",
        "tokpick greedy steps-small.json -o - > out; cat out",
        "tokpick greedy steps-small.json -o /dev/stdout > out; cat out",
        "tokpick greedy steps-small.json -o /dev/fd/3 3> out; cat out",
        "tokpick greedy steps-small.json -o /dev/stderr 2> out; cat out",
        "mkfifo pipe; tokpick greedy steps-small.json -o pipe & cat pipe",
        "tokpick greedy steps-small.json -o >(cat > out); sleep 0.3; cat out",
        "cat steps-small.json | tokpick greedy - -o -",
    ] {
        assert_eq!(shell(line, folder.path()).text(), ids, "{line}");
    }
    let ran = shell(
        "echo before > out; tokpick greedy steps-small.json -o /dev/stdout >> out; cat out",
        folder.path(),
    );
    assert_eq!(ran.text(), format!("before\n{ids}"));
    assert!(!at("-").exists());
}

/// A stream is written as it comes, whatever else is recorded.
#[test]
fn a_live_stream_is_not_held_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = command(&words("greedy --stream --record record"))
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for (row, id) in [("[1,2]\n", "1"), ("[2,1]\n", "0")] {
        input.write_all(row.as_bytes()).unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), id);
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    assert_eq!(names(folder.path()), ["record"]);
    with_input(&["greedy", "-o", "-"], b"[[1,2]]").text();
}

/// What is read is never written over, and of two outputs none is lost; whatever way the files are named.
#[test]
fn an_output_is_no_input_and_no_other_output() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    std::os::unix::fs::symlink("batch.npy", at("soft")).unwrap();
    std::fs::hard_link(at("batch.npy"), at("hard")).unwrap();
    std::os::unix::fs::symlink("later", at("dangling")).unwrap();
    std::fs::create_dir(at("below")).unwrap();
    std::os::unix::fs::symlink("below", at("folder")).unwrap();
    std::fs::write(at("ids"), "307 318 278 372").unwrap();
    std::fs::write(at("config.json"), "{}").unwrap();
    std::fs::write(at("allowed.jsonl"), "{\"prefix\":[],\"allowed\":[1]}\n").unwrap();
    std::fs::write(at("table.jsonl"), "{\"prefix\":[],\"logits\":[1,2]}\n").unwrap();
    std::fs::write(at("model.py"), "print()").unwrap();
    std::fs::copy(at("batch.npy"), at("record-input.npy")).unwrap();
    shell("tokpick greedy record-input.npy --record record --vocab vocab.json", folder.path()).text();
    let before: Vec<(String, Option<Vec<u8>>)> =
        names(folder.path()).into_iter().map(|n| (n.clone(), std::fs::read(at(&n)).ok())).collect();
    for line in [
        "greedy batch.npy -o batch.npy",
        "greedy batch.npy -o soft",
        "greedy batch.npy -o hard",
        "greedy soft -o ./below/../batch.npy",
        "greedy batch.npy --trace batch.npy",
        "sample batch.npy -s 1 --record hard",
        "greedy batch.npy >> batch.npy",
        "greedy batch.npy >> hard",
        "greedy - -o batch.npy < batch.npy",
        "greedy -o batch.npy < batch.npy",
        "greedy table.jsonl --record-table table.jsonl",
        "greedy batch.npy --vocab vocab.json -o vocab.json",
        "greedy batch.npy --generation-config config.json -o config.json",
        "greedy batch.npy --sampling-params config.json --trace config.json",
        "greedy batch.npy --vocab vocab.json --model-dir . -o config.json",
        "probs batch.npy --ids @ids -o ids",
        "greedy steps-small.json --prompt-ids @ids -o ids",
        "score steps-small.json --ids-file ids -o ids",
        "verify steps-small.json --greedy --ids-file ids -o ids",
        "greedy steps-small.json --guidance-scale 2 --uncond batch.npy -o batch.npy",
        "greedy steps-small.json --chain guidance_scale(value=2,uncond_input=batch.npy) -o batch.npy",
        "greedy steps-small.json --chain prefix-constraint=allowed.jsonl -o allowed.jsonl",
        "greedy steps-small.json --prefix-constraint allowed.jsonl -o allowed.jsonl",
        "greedy --model-command 'python3 model.py' -o model.py",
        "diff batch.npy hard -o soft",
        "info batch.npy -o batch.npy",
        "explain batch.npy -o batch.npy",
        "verify record -o record",
        "verify record -o record-input.npy",
        "verify record -o vocab.json",
        "verify - -o record-input.npy < record",
        "greedy batch.npy -o w --record w",
        "greedy batch.npy -o w --trace ./w",
        "greedy batch.npy -o below/w --record folder/w",
        "greedy batch.npy -o dangling --record later",
        "greedy table.jsonl --trace w --record-table w",
        "greedy batch.npy --record w > w",
        "greedy batch.npy --record -",
        "greedy batch.npy -o - --trace /dev/stdout",
        "greedy batch.npy --trace /dev/fd/1",
    ] {
        let quoted = line.replace('(', "\\(").replace(')', "\\)");
        let ran = shell(&format!("tokpick {quoted}"), folder.path());
        assert_eq!(String::from_utf8_lossy(&ran.out), "", "{line}");
        let message = ran.failure();
        assert!(message.contains("choose another place"), "{line}: {message}");
        let _ = std::fs::remove_file(at("w")); // the shell's
        for (name, content) in &before {
            assert_eq!(&std::fs::read(at(name)).ok(), content, "{line}: {name}");
        }
        assert_eq!(names(folder.path()).len(), before.len(), "{line}: {:?}", names(folder.path()));
    }
    for fine in [
        "diff batch.npy batch.npy -o report",
        "greedy batch.npy -o /dev/null --record /dev/null",
        "greedy batch.npy -o ids.txt --record - | grep -q tokpick-record",
        "greedy batch.npy < batch.npy -o out",
        "sample batch.npy -s 7 -o 7",
    ] {
        assert_eq!(shell(&format!("tokpick {fine}"), folder.path()).status, Some(0), "{fine}");
    }
}

/// A name with a separator at its end is a folder's, which the file of that name is not replaced for.
#[test]
fn a_folder_is_no_output() {
    let folder = folder();
    std::os::unix::fs::symlink("batch.npy", folder.path().join("soft")).unwrap();
    let before = std::fs::read(folder.path().join("batch.npy")).unwrap();
    let there = names(folder.path());
    for line in [
        "greedy batch.npy -o batch.npy/",
        "greedy batch.npy -o batch.npy/.",
        "greedy batch.npy -o ./soft//",
        "probs batch.npy -o new/",
        "convert batch.npy --to json -o batch.npy/",
        "greedy batch.npy --record batch.npy/",
        "beam batch.npy --trace batch.npy/..",
    ] {
        let message = shell(&format!("tokpick {line}"), folder.path()).failure();
        assert!(message.contains("names a folder: give the file a name"), "{line}: {message}");
        assert_eq!(std::fs::read(folder.path().join("batch.npy")).unwrap(), before, "{line}");
        assert_eq!(names(folder.path()), there, "{line}");
    }
}

/// Every flag that takes a file is an output, or is kept from being written over: a new flag can't be forgotten.
#[test]
fn every_flag_that_takes_a_file_is_guarded() {
    for command in
        ["greedy", "sample", "beam", "search", "probs", "explain", "score", "verify", "diff", "info"]
    {
        let help = tokpick(&[command, "--help"]).text();
        let flags: Vec<&str> = help
            .lines()
            .filter_map(|line| line.trim_start().split_once(" <FILE>"))
            .filter_map(|(flag, _)| flag.rsplit(' ').next())
            .filter(|flag| !["--output", "--record", "--trace", "--record-table"].contains(flag))
            .collect();
        assert!(!flags.is_empty() || command == "diff" || command == "info", "{command}: {help}");
        for flag in flags {
            let folder = folder();
            let more = match command {
                "search" => "--exact",
                "diff" => "steps-small.json",
                _ => "",
            };
            let line = format!("tokpick {command} steps-small.json {more} {flag} vocab.json -o vocab.json");
            let message = shell(&line, folder.path()).failure();
            let both = message.starts_with("--output vocab.json: is what ")
                || message.contains("unexpected argument");
            assert!(both, "{line}: {message}");
        }
    }
}

#[test]
fn standard_input_is_for_one_use() {
    let folder = folder();
    std::fs::write(folder.path().join("ids"), "307 318 278 372\n").unwrap();
    for line in [
        "score --ids-file - < ids",
        "score - --ids @- < ids",
        "verify /dev/stdin --ids-file - < ids",
        "greedy --generation-config - < ids",
        "diff - - < batch.npy",
        "greedy - --vocab - < ids",
    ] {
        let message = shell(&format!("tokpick {line}"), folder.path()).failure();
        assert!(message.contains("standard input is read once"), "{line}: {message}");
    }
    let score = shell("tokpick score steps-small.json --ids-file ids", folder.path()).text();
    for line in [
        "tokpick score steps-small.json --ids-file - < ids",
        "tokpick score steps-small.json --ids @- < ids",
        "tokpick score - --ids-file ids < steps-small.json",
        "tokpick score --ids-file ids -o - < steps-small.json",
        "echo '{}' | tokpick score steps-small.json --ids-file ids --generation-config -",
    ] {
        assert_eq!(shell(line, folder.path()).text(), score, "{line}");
    }
    let line = "tokpick greedy steps-small.json -o ids --record - | tokpick verify -";
    assert!(shell(line, folder.path()).text().starts_with("everything agrees: 1 sequence"));
}
