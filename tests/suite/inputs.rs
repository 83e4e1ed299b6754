//! What an input may be, and what is said of what it can't be, through the real binary.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::run::{Ran, fixture, tokpick, with_input, words};

/// Runs tokpick on an endless standard input and in little address space.
#[cfg(unix)]
fn endless(args: &str, pattern: &[u8]) -> Ran {
    let line = format!("ulimit -v 3000000; exec {} {args}", env!("CARGO_BIN_EXE_tokpick"));
    let mut child = Command::new("sh")
        .args(["-c", &line])
        .current_dir(fixture("tiny-lm"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let block = pattern.repeat(1 << 16);
    let writer = std::thread::spawn(move || while stdin.write_all(&block).is_ok() {});
    let done = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran { status: done.status.code(), out: done.stdout, err: String::from_utf8(done.stderr).unwrap() }
}

#[test]
#[cfg(unix)]
fn a_line_without_an_end_is_refused_wherever_lines_are_read() {
    let long = "the line goes on for more than 256 MiB";
    let line = endless("greedy", b"[1,2],").failure();
    assert!(line.starts_with("standard input: line 1: ") && line.contains(long), "{line}");
    let line = endless("greedy --prefix-constraint /dev/stdin steps.npy", b"{\"prefix\":[").failure();
    assert!(line.starts_with("/dev/stdin: line 1: ") && line.contains(long), "{line}");
    let line = endless("greedy steps.npy --vocab -", b"[\"a\",").failure();
    assert!(line.starts_with("standard input: longer than 256 MiB"), "{line}");
    let line =
        tokpick(&["greedy", "--model-command", "sh -c 'read q; exec tr \"\\0\" 1 </dev/zero'"]).failure();
    assert!(line.contains("an answer that doesn't end") && line.contains(long), "{line}");
}

#[test]
fn python_2_writes_shapes_with_an_l() {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }}{:>3}", "\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend([1f32, 2.0, 0.0, 5.0, 4.0, 3.0].iter().flat_map(|x| x.to_le_bytes()));
    assert_eq!(with_input(&["greedy"], &bytes).text(), "1 0\n");
}

#[test]
fn text_from_windows_is_read_and_utf_16_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // a mark of UTF-8, CRLF and blank lines, in all that is text
    let rows = b"\xef\xbb\xbf\r\n[1,2,0]\r\n\r\n[0,1,5]\r\n";
    assert_eq!(with_input(&["greedy"], rows).text(), "1 2\n");
    let rows = path("rows", rows);
    let vocab = path("vocab", b"\xef\xbb\xbfa\r\nb\r\nc\r\n");
    assert_eq!(tokpick(&["greedy", &rows, "--vocab", &vocab, "--format", "text"]).text(), "bc\n");
    let list = path("list", b"\xef\xbb\xbf[\"a\",\"b\",\"c\"]");
    assert_eq!(tokpick(&["greedy", &rows, "--vocab", &list, "--format", "text"]).text(), "bc\n");
    let config = path("config", b"\xef\xbb\xbf{\"max_new_tokens\":1}");
    assert_eq!(tokpick(&["greedy", &rows, "--generation-config", &config]).text(), "1\n");
    let ids = format!("@{}", path("ids", b"\xef\xbb\xbf1 2\r\n"));
    assert_eq!(tokpick(&["probs", &rows, "--ids", &ids, "--top", "1"]).status, Some(0));
    let allowed = path(
        "allowed",
        b"\xef\xbb\xbf{\"prefix\":[],\"allowed\":[0]}\r\n{\"prefix\":[0],\"allowed\":[1]}\r\n",
    );
    assert_eq!(tokpick(&["greedy", &rows, "--prefix-constraint", &allowed]).text(), "0 1\n");
    for bytes in [&b"\xff\xfe[\x001\x00]\x00"[..], b"[\x001\x00]\x00\n\x00"] {
        assert!(with_input(&["greedy"], bytes).failure().contains("UTF-16 text: save it as UTF-8"));
        let utf16 = path("utf16", bytes);
        for args in [vec!["greedy", &utf16], vec!["greedy", &rows, "--vocab", &utf16]] {
            let line = tokpick(&args).failure();
            assert!(line.contains("utf16: UTF-16 text: save it as UTF-8"), "{line}");
        }
    }
}

#[test]
fn a_vocabulary_comes_from_standard_input() {
    let text = with_input(&words("greedy steps-small.json --vocab - --format text"), &vocabulary()).text();
    let file = tokpick(&words("greedy steps-small.json --vocab vocab.json --format text")).text();
    assert_eq!(text, file);
    let both = with_input(&words("greedy - --vocab -"), b"[1,2]").failure();
    assert!(both.contains("--vocab -: standard input is the logits already"), "{both}");
}

fn vocabulary() -> Vec<u8> {
    std::fs::read(fixture("tiny-lm/vocab.json")).unwrap()
}

#[test]
fn newlines_in_texts_are_escaped_so_that_each_is_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let vocab = folder.path().join("vocab");
    std::fs::write(&vocab, r#"["a\n", "b\\", "\tc"]"#).unwrap();
    let vocab = vocab.to_str().unwrap();
    let rows = b"[1,0,0]\n[0,1,0]\n[0,0,1]\n";
    let run =
        |args: &[&str]| with_input(&[&["greedy", "--vocab", vocab, "--format", "text"], args].concat(), rows);
    assert_eq!(run(&[]).text(), "a\nb\\\tc\n");
    assert_eq!(run(&["--escape"]).text(), "a\\nb\\\\\\tc\n");
    assert_eq!(run(&["--stream"]).text(), "\"a\\n\"\n\"b\\\\\"\n\"\\tc\"\n");
    let idle = with_input(&["greedy", "--escape"], rows);
    assert!(idle.err.contains("no effect but on the texts of --format text"), "{}", idle.err);
}

#[test]
fn a_stream_of_text_holds_bytes_until_the_character_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let vocab = folder.path().join("vocab");
    // the crab is F0 9F A6 80 in the byte-level alphabet
    std::fs::write(&vocab, r#"["ð", "Ł", "¦", "Ģ", "Ġa"]"#).unwrap();
    let args = ["greedy", "--vocab", vocab.to_str().unwrap(), "--format", "text"];
    let row = |id: usize| {
        let logits: Vec<String> = (0..5).map(|i| (if i == id { "3" } else { "0" }).into()).collect();
        format!("[{}]\n", logits.join(","))
    };
    let rows: String = [4, 0, 1, 2, 3, 4, 0, 1].map(row).concat();
    let stream = with_input(&[&args[..], &["--stream"]].concat(), rows.as_bytes()).text();
    assert_eq!(stream, "\" a\"\n\"\"\n\"\"\n\"\"\n\"🦀\"\n\" a\"\n\"\"\n\"\"\n\"\u{fffd}\"\n");
    assert_eq!(with_input(&args, rows.as_bytes()).text(), " a🦀 a\u{fffd}\n");
}
