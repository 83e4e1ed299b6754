//! Faults of the world around the program, on the real binary: files that change while they are read, no memory, no descriptors, broken
//! reads, closed pipes, names of any bytes. Each ends with a status and a line, and leaves nothing behind.

use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use crate::support::run::{Ran, command, fixture, shell};

/// A file of float32 steps [t, v], named in a fresh folder.
fn steps(folder: &Path, t: usize, v: usize) {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({t}, {v}), }}");
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(format!("{header:<117}\n").bytes());
    bytes.extend((0..t * v).flat_map(|i| ((i * 7 % 13) as f32).to_le_bytes()));
    std::fs::write(folder.join("steps.npy"), bytes).unwrap();
}

/// A status and, where it is 2, one line of tokpick's own that says why.
#[track_caller]
fn ends_well(ran: &Ran, what: &str) {
    assert!(matches!(ran.status, Some(0..=2)), "{what}: {:?} {}", ran.status, ran.err);
    assert!(!ran.err.contains("panicked") && !ran.err.contains("memory allocation"), "{what}: {}", ran.err);
    assert!(
        ran.status != Some(2) || ran.err.contains("tokpick: ") || ran.err.contains("error: "),
        "{what}: {}",
        ran.err
    );
}

/// The reader waits for its output to be taken, and the file loses its end meanwhile.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_shrinks_while_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    steps(folder.path(), 200_000, 5);
    let mut child = command(&["greedy", "steps.npy", "--stream"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut first = [0; 2];
    out.read_exact(&mut first).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(folder.path().join("steps.npy")).unwrap();
    file.set_len(2_000_000).unwrap();
    std::io::copy(&mut out, &mut std::io::sink()).unwrap();
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.starts_with("tokpick: steps.npy: "), "{said}");
}

/// What is appended while the file is read is no part of what its header promised.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_grows_while_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    steps(folder.path(), 100_000, 5);
    let line = "tokpick greedy steps.npy --stream | (read first; head -c 1000000 /dev/zero >> steps.npy; cat) | wc -l";
    assert_eq!(shell(line, folder.path()).text().trim(), "99999");
}

/// Headers and documents that promise more than they hold, under limits of memory: an error, never an abort.
#[cfg(target_os = "linux")]
#[test]
fn little_memory_and_hostile_headers() {
    let folder = tempfile::tempdir().unwrap();
    let header = |shape: &str| {
        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
        [b"\x93NUMPY\x01\x00\x76\x00".to_vec(), format!("{text:<117}\n").into_bytes(), vec![0; 64]].concat()
    };
    let tensors = |json: &str| [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &[0; 64]].concat();
    // Zstandard frames with windows of 96, 120 and 128 MiB, the most that is held, which the second frame takes at once; and one whose
    // content is said to be as large
    let window = |descriptor: u8| {
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, descriptor, 0x03, 0, 0, 0x9f];
        [&frame[..], &frame, &[0x9f, 0x9f, 0x3f, 0x52, 0, 0]].concat()
    };
    let content = [&b"\x28\xb5\x2f\xfd\xa0"[..], &90_000_000u32.to_le_bytes(), &[0x03, 0, 0, 0x9f]].concat();
    // the end of a buffer of 64 KiB behind the descriptor of such a frame: what is skipped comes before it
    let skipped = [&b"\x53\x2a\x4d\x18"[..], &65_523u32.to_le_bytes(), &[0; 65_523]].concat();
    let files: [(&str, Vec<u8>); 14] = [
        ("edge", [skipped, window(0x84)].concat()),
        ("window", window(0x84)),
        ("larger", window(0x87)),
        ("largest", window(0x88)),
        ("content", content),
        ("rows", header("(1000000000000, 4)")),
        ("vocabulary", header("(1, 1000000000000)")),
        ("product", header("(4294967296, 4294967296)")),
        (
            "tensor",
            tensors(
                r#"{"logits":{"dtype":"F32","shape":[1000000000,1000],"data_offsets":[0,4000000000000]}}"#,
            ),
        ),
        ("head", [&u64::MAX.to_le_bytes()[..], b"{}"].concat()),
        ("deep", b"[".repeat(3_000_000)),
        ("id", b"{\"ids\":[4294967294],\"logprobs\":[-1]}\n".to_vec()),
        ("string", [b"{\"logits\":[1],\"vocab\":[\"".to_vec(), vec![b'a'; 4_000_000]].concat()),
        ("record", [b"{\"tokpick-record\":1,\"command\":[".to_vec(), b"[".repeat(100_000)].concat()),
    ];
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
        for limit in ["64000", "256000", "2000000"] {
            for line in [
                format!("greedy {name}"),
                format!("greedy - < {name}"),
                format!("verify {name}"),
                format!("info {name}"),
            ] {
                let ran =
                    shell(&format!("ulimit -v {limit}; RAYON_NUM_THREADS=1 tokpick {line}"), folder.path());
                ends_well(&ran, &format!("{line} with {limit} kB"));
                // one id of a vast vocabulary is a row like any other
                assert!(
                    name == "id" || ran.status == Some(2),
                    "{line}: {}",
                    String::from_utf8_lossy(&ran.out)
                );
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_descriptors_left() {
    let folder = tempfile::tempdir().unwrap();
    steps(folder.path(), 3, 4);
    for limit in 3..9 {
        for line in [
            "greedy steps.npy",
            "sample steps.npy -s 1 -o ids --record record --trace trace",
            "greedy --model-command cat",
        ] {
            let ran = shell(&format!("ulimit -n {limit}; tokpick {line} < /dev/null"), folder.path());
            // too few for the loader itself is not tokpick's to report
            if ran.err.contains("error while loading shared libraries") {
                continue;
            }
            ends_well(&ran, &format!("{line} with {limit} descriptors"));
            let left: Vec<_> =
                std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
            let names: Vec<&str> = left.iter().filter_map(|n| n.to_str()).collect();
            assert!(
                names.iter().all(|n| ["steps.npy", "ids", "record", "trace"].contains(n)),
                "{line}: {names:?}"
            );
        }
    }
}

/// Reads that fail, places that can't be written: named with what the system says.
#[cfg(target_os = "linux")]
#[test]
fn reads_and_writes_that_fail() {
    let folder = tempfile::tempdir().unwrap();
    steps(folder.path(), 3, 4);
    for input in ["/proc/self/mem", "."] {
        for line in [
            format!("greedy {input}"),
            format!("greedy steps.npy --vocab {input}"),
            format!("verify {input}"),
        ] {
            let said = shell(&format!("tokpick {line}"), folder.path()).failure();
            assert!(said.contains(input), "{line}: {said}");
        }
    }
    for flag in ["-o", "--record", "--trace"] {
        let said =
            shell(&format!("tokpick greedy steps.npy {flag} /proc/version/out"), folder.path()).failure();
        assert!(said.starts_with("/proc/version/out: "), "{said}");
        let said = shell(&format!("tokpick greedy steps.npy {flag} /proc/out"), folder.path()).failure();
        assert!(said.starts_with("/proc/out: "), "{said}");
    }
}

/// Whoever reads stops early: that is no error, in any command.
#[test]
fn a_closed_pipe_ends_quietly() {
    let folder = tempfile::tempdir().unwrap();
    steps(folder.path(), 4000, 7);
    for line in [
        "greedy steps.npy --stream",
        "sample steps.npy -s 1 -n 50",
        "probs steps.npy",
        "probs steps.npy -f json",
        "explain steps.npy --step 0 -s 1",
        "info steps.npy -f json",
        "score steps.npy --ids 1,2,3",
        "beam steps.npy -f json",
        "convert steps.npy --to json",
        "convert steps.npy --to npy",
        "diff steps.npy steps.npy -f json",
        "compare steps.npy --seed 1",
        "processors",
        "engines --markdown",
        "completions bash",
        "man",
        "--help",
    ] {
        let ran = shell(&format!("set -o pipefail; tokpick {line} | head -c 1 > /dev/null"), folder.path());
        assert_eq!((ran.status, ran.err.as_str()), (Some(0), ""), "{line}");
    }
}

/// The locale changes nothing, and a name is any bytes.
#[cfg(target_os = "linux")]
#[test]
fn any_locale_and_names_of_any_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["steps.npy", "vocab.json"] {
        std::fs::copy(fixture("tiny-lm").join(name), folder.path().join(name)).unwrap();
    }
    let line = "tokpick greedy steps.npy --vocab vocab.json -f text --max-new-tokens 9";
    let plain = shell(line, folder.path()).text();
    for locale in ["C", "POSIX", "tr_TR.UTF-8", "de_DE.ISO-8859-1"] {
        assert_eq!(
            shell(&format!("LC_ALL={locale} LANG={locale} {line}"), folder.path()).text(),
            plain,
            "{locale}"
        );
    }
    let line = r"cp steps.npy $'\xff\xfe\n.npy'; tokpick greedy $'\xff\xfe\n.npy' -o $'\x80out' --record $'\x81record' && tokpick verify $'\x81record' > /dev/null && cat $'\x80out'";
    assert_eq!(shell(line, folder.path()).text(), shell("tokpick greedy steps.npy", folder.path()).text());
    let said = shell(r"tokpick greedy $'missing\xff\n.npy'", folder.path());
    assert_eq!((said.status, said.err.lines().count()), (Some(2), 1), "{}", said.err);
}

/// Models that flood, fork, or send half a line: an error or the answer, within a limit of memory and time.
#[cfg(target_os = "linux")]
#[test]
fn models_that_misbehave() {
    let folder = tempfile::tempdir().unwrap();
    for model in [
        "yes",
        "cat /dev/zero",
        "head -c 3 /dev/zero",
        "printf '{\"logits\":[1'",
        "sh -c 'exit 3'",
        "sh -c 'kill -9 $$'",
        "sh -c 'yes >&2 & sleep 0.1'",
    ] {
        let line = format!(
            "ulimit -v 4000000; timeout 60 tokpick greedy --model-command \"{}\" --max-new-tokens 2",
            model.replace('"', "\\\"").replace('$', "\\$")
        );
        let ran = shell(&line, folder.path());
        assert_eq!(ran.status, Some(2), "{model}: {}", ran.err);
        ends_well(&ran, model);
    }
}
