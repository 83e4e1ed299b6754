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
    // not every letter is a Latin one
    let units: Vec<u8> = r#"["a","日本","c"]"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let line = tokpick(&["greedy", &rows, "--vocab", &path("utf16", &units)]).failure();
    assert!(line.contains("utf16: UTF-16 text: save it as UTF-8"), "{line}");
}

/// A model's head is padded: the ids beyond its vocabulary are never chosen, whatever holds the rows.
#[test]
fn ids_beyond_the_vocabulary_size_are_masked() {
    for (rows, args) in [
        ("[1,2,9,8]\n[3,1,4,9]\n", "greedy"),
        ("[[1,2,9,8],[3,1,4,9]]", "greedy"),
        (r#"{"logits":[[1,2,9,8],[3,1,4,9]]}"#, "greedy"),
        (
            "{\"prefix\":[],\"logits\":[1,2,9,8]}\n{\"prefix\":[1],\"logits\":[3,1,4,9]}\n{\"prefix\":[2],\"logits\":[3,1,4,9]}\n",
            "greedy --max-new-tokens 2",
        ),
        (
            "[[9,9,9,9],[1,2,9,8],[9,9,9,9],[9,9,9,9]]",
            "greedy --source bigram --prompt-ids 1 --max-new-tokens 1",
        ),
    ] {
        let run = |flags: &str| with_input(&words(&format!("{args} {flags}")), rows.as_bytes());
        let narrow = run("--vocab-size 2").text();
        assert!(narrow == "1 0\n" || narrow == "1\n", "{rows}: {narrow}");
        assert!(run("--vocab-size 4").text().starts_with('2') || args.contains("bigram"), "{rows}");
        assert!(run("--vocab-size 5").failure().contains('4'), "{rows}");
    }
    let probs = with_input(&words("probs --vocab-size 2 -f jsonl"), b"[0,0,9,8]\n").text();
    assert!(probs.contains("0.5"), "{probs}");
}

/// Masks that were written as the lowest f64 are masks, in every kind of input; no other finite number is.
#[test]
fn the_lowest_f64_is_a_mask() {
    let lowest = "-1.7976931348623157e308";
    for row in [
        format!("[1,{lowest}]\n"),
        format!("[[1,{lowest}]]"),
        format!("{{\"ids\":[0,1],\"logits\":[1,{lowest}]}}\n"),
        format!("{{\"prefix\":[],\"logits\":[1,{lowest}]}}\n"),
    ] {
        let args = words("greedy --max-new-tokens 1 --temperature 1e6 -f json");
        let ran = with_input(&args, row.as_bytes()).json();
        assert_eq!(ran["sequences"][0]["processed_logprobs"][0], 0.0, "{row}");
    }
    let masked = with_input(&["greedy"], format!("[{lowest}]\n").as_bytes()).failure();
    assert!(masked.contains("no logit is finite: every token is masked"), "{masked}");
    assert_eq!(with_input(&["greedy"], b"[-3.4028234663852886e38]\n").text(), "0\n");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("raw");
    std::fs::write(&file, [1.0, f64::MIN].map(f64::to_le_bytes).concat()).unwrap();
    let args = format!("greedy {} --raw f64 --vocab-size 2 --temperature 1e6 -f json", file.display());
    assert_eq!(tokpick(&words(&args)).json()["sequences"][0]["processed_logprobs"][0], 0.0);
}

#[test]
fn a_vocabulary_comes_from_standard_input() {
    let text = with_input(&words("greedy steps-small.json --vocab - --format text"), &vocabulary()).text();
    let file = tokpick(&words("greedy steps-small.json --vocab vocab.json --format text")).text();
    assert_eq!(text, file);
    for line in ["greedy - --vocab -", "greedy --vocab -"] {
        let both = with_input(&words(line), b"[1,2]").failure();
        assert!(both.contains("standard input is read once"), "{both}");
    }
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

#[test]
fn a_prefix_table_may_be_sparse_and_bring_its_strings() {
    let table = "{\"prefix\":[],\"ids\":[3,1],\"logprobs\":[-0.5,-1],\"vocab\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}\n\
                 {\"prefix\":[3],\"ids\":[4],\"logits\":[0]}\n{\"prefix\":[3,4],\"logits\":[0,0,1,0,0]}\n";
    let greedy = |table: &str, args: &str| {
        with_input(&words(&format!("greedy --max-new-tokens 3 {args}")), table.as_bytes())
    };
    assert_eq!(greedy(table, "--format text").text(), "dec\n");
    assert_eq!(greedy(table, "").text(), "3 4 2\n");
    let no_dense =
        "{\"prefix\":[3],\"ids\":[2],\"logits\":[1]}\n{\"prefix\":[],\"ids\":[3],\"logits\":[1]}\n";
    assert_eq!(with_input(&words("greedy --max-new-tokens 2"), no_dense.as_bytes()).text(), "3 2\n");
    let wide = with_input(&words("info --vocab-size 9 -f json"), no_dense.as_bytes()).json();
    assert_eq!(wide["shape"]["vocab"], 9);
    for (table, args, said) in [
        (no_dense, "--vocab-size 3", "holds the id 3, outside the vocabulary of 3"),
        ("{\"prefix\":[],\"ids\":[1,1],\"logits\":[0,0]}\n", "", "line 1, token 1: the id stands twice"),
        ("{\"prefix\":[],\"ids\":[1],\"logits\":[0,0]}\n", "", "line 1: 1 ids, but 2 logits"),
        ("{\"prefix\":[],\"logprobs\":[0,0]}\n", "", "line 1: \"logprobs\" without \"ids\""),
        (
            "{\"prefix\":[],\"logits\":[0,0],\"vocab\":[\"a\"]}\n",
            "",
            "\"vocab\" has 1 strings, the rows have 2",
        ),
        (
            "{\"prefix\":[],\"logits\":[0],\"vocab\":[\"a\"]}\n{\"prefix\":[0],\"logits\":[0],\"vocab\":[\"a\"]}\n",
            "",
            "line 2: \"vocab\" came before",
        ),
        (
            "{\"prefix\":[],\"ids\":[7],\"logits\":[0]}\n{\"prefix\":[0],\"logits\":[0,0]}\n",
            "",
            "a sparse row or a prefix holds the id 7, outside the vocabulary of 2",
        ),
    ] {
        let line = greedy(table, args).failure();
        assert!(line.contains(said), "{line}");
    }
}

#[test]
fn names_of_sequences_are_carried_to_the_results() {
    let lines = b"{\"id\":\"a\",\"logits\":[0,2]}\n{\"logits\":[3,2]}\n{\"logits\":[3,4],\"id\":17}\n";
    for more in ["", "--sequence-offset 5", "--rows 0..3"] {
        let ran = with_input(&words(&format!("greedy -f jsonl --layout bv {more}")), lines).text();
        let ids: Vec<serde_json::Value> = ran
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].clone())
            .collect();
        assert_eq!(ids, ["a".into(), serde_json::Value::Null, 17.into()], "{more}: {ran}");
    }
    let stream = b"{\"id\":\"a\",\"logits\":[0,2]}\n{\"logits\":[3,2]}\n{\"id\":\"a\",\"logits\":[3,2]}\n";
    assert_eq!(with_input(&words("greedy -f jsonl"), stream).json()["id"], "a");
    assert_eq!(with_input(&words("greedy -f json"), stream).json()["sequences"][0]["id"], "a");
    assert_eq!(with_input(&words("greedy"), stream).text(), "1 0 0\n");
    // where tokens have an id, that of the sequence has another name
    let first = with_input(&words("greedy -f jsonl --stream"), stream).text();
    assert!(first.starts_with(r#"{"sequence":0,"sample":0,"step":0,"id":1,"sequence_id":"a"}"#), "{first}");
    assert_eq!(with_input(&words("probs -f json"), stream).json()["rows"][2]["id"], "a");
    let probs = with_input(&words("probs -f jsonl --layout bv --sequence-offset 5"), lines).text();
    assert!(probs.starts_with(r#"{"id":"a","sequence":5,"step":0,"#), "{probs}");
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace").to_str().unwrap().to_string();
    with_input(&["greedy", "--trace", &trace], stream).text();
    for line in std::fs::read_to_string(trace).unwrap().lines() {
        assert!(line.contains(r#""sequence_id":"a""#), "{line}");
    }
    let document = b"{\"id\":7,\n\"logits\":[[0,2],[1,0]]}";
    assert_eq!(with_input(&words("greedy -f jsonl"), document).json()["id"], 7);
    for (input, said) in [
        (&lines[..], "line 3, step 2: another \"id\" than the first line: a stream is one sequence"),
        (b"{\"id\":null,\"logits\":[1]}", "\"id\" is a string or a whole number"),
        (b"{\"id\":1,\"logits\":[[[1]],[[2]]]}", "one \"id\" for several sequences"),
        (b"{\"id\":1,\"prefix\":[],\"logits\":[1]}", "\"id\" in a prefix table"),
    ] {
        let line = with_input(&["greedy"], input).failure();
        assert!(line.contains(said), "{line}");
    }
}

#[test]
fn parts_of_a_job_draw_what_the_whole_draws() {
    let whole = tokpick(&words("sample batch.npy --seed 3 -n 2 -f jsonl")).text();
    let folder = tempfile::tempdir().unwrap();
    let mut source = tokpick::source::Open::new(fixture("tiny-lm/batch.npy")).open().unwrap();
    let all = source.array().unwrap();
    for (part, lines) in all
        .outer_iter()
        .zip(whole.lines().collect::<Vec<_>>().chunks(2))
        .enumerate()
        .map(|(i, (a, l))| ((i, a), l))
    {
        let (number, array) = part;
        let file = folder.path().join("part.npy");
        let axes = [array.nrows(), array.ncols()];
        let mut to =
            tokpick::source::write::NpyWriter::new(std::fs::File::create(&file).unwrap(), &axes).unwrap();
        array.rows().into_iter().for_each(|row| to.row(&row.to_vec()).unwrap());
        to.finish().unwrap();
        let offset = number.to_string();
        let args = ["sample", "--seed", "3", "-n", "2", "-f", "jsonl", "--sequence-offset", &offset];
        assert_eq!(tokpick(&[&args[..], &[file.to_str().unwrap()]].concat()).text(), lines.join("\n") + "\n");
        let piped = with_input(&args, &std::fs::read(&file).unwrap()).text();
        assert_eq!(piped, lines.join("\n") + "\n");
    }
    for input in [&b"[[1,NaN]]"[..], b"[1,NaN]\n"] {
        let line = with_input(&words("greedy --sequence-offset 7"), input).failure();
        assert!(line.contains("sequence 7, step 0, token 1: the logit is NaN"), "{line}");
    }
    let line = tokpick(&words("greedy batch.npy --sequence-offset 18446744073709551615")).failure();
    assert!(line.contains("--sequence-offset 18446744073709551615: is too large"), "{line}");
    let table = "beam ../teaching/the-dog-has.jsonl --prompt-ids 1 --eos-token-id 0";
    let at = |more: &str| tokpick(&words(&format!("{table} {more}"))).text();
    assert_eq!(at("--sequence-offset 4"), at(""));
}

/// `ids` and `prefix` may name tokens by their strings, as the flags do: those of `--vocab`, or those that a table brings.
#[test]
fn tokens_of_sparse_rows_and_prefixes_may_be_named_by_their_strings() {
    let folder = tempfile::tempdir().unwrap();
    let vocab = folder.path().join("vocab.json");
    std::fs::write(&vocab, r#"["the","Ġdog","Ġcat","Ġran","the"]"#).unwrap();
    let vocab = vocab.to_str().unwrap();
    let run = |line: &str, input: &str| with_input(&words(line), input.as_bytes());
    let same = |line: &str, named: &str, ids: &str| {
        let expected = run(line, ids);
        assert_eq!(run(&format!("{line} --vocab {vocab}"), named).out, expected.out, "{line}");
        assert_eq!(expected.status, Some(0), "{}", expected.err);
    };
    let named =
        "{\"ids\":[\"Ġcat\",1],\"logprobs\":[-0.1,-3]}\n{\"ids\":[3,\" cat\"],\"probs\":[0.75,0.25]}\n";
    let ids = "{\"ids\":[2,1],\"logprobs\":[-0.1,-3]}\n{\"ids\":[3,2],\"probs\":[0.75,0.25]}\n";
    same("greedy", named, ids);
    same("sample -s 1 -n 5", named, ids);
    let named = "{\"prefix\":[],\"ids\":[\"Ġdog\"],\"logits\":[0]}\n{\"prefix\":[\" dog\"],\"logits\":[0,0,0,1,0]}\n{\"prefix\":[1,\" ran\"],\"logits\":[1,0,0,0,0]}\n";
    let ids = "{\"prefix\":[],\"ids\":[1],\"logits\":[0]}\n{\"prefix\":[1],\"logits\":[0,0,0,1,0]}\n{\"prefix\":[1,3],\"logits\":[1,0,0,0,0]}\n";
    same("greedy --max-new-tokens 3", named, ids);
    same("beam -b 1 --max-new-tokens 3", named, ids);
    // the strings of the table itself, also those that stand behind
    let brings = [
        "{\"prefix\":[\"b\"],\"ids\":[\"c\"],\"logits\":[0]}",
        "{\"prefix\":[],\"logits\":[0,1,0],\"vocab\":[\"a\",\"b\",\"c\"]}",
    ];
    for table in [brings.join("\n"), [brings[1], brings[0]].join("\n")] {
        assert_eq!(run("greedy --max-new-tokens 2", &table).text(), "1 2\n");
    }
    for (input, with_vocab, said) in [
        (
            "{\"ids\":[\"cat\"],\"logits\":[0]}",
            false,
            "line 1, step 0: entry 0 of \"ids\": \"cat\" is a token string: give",
        ),
        (
            "{\"ids\":[1,\"cat\"],\"logits\":[0,0]}",
            true,
            "entry 1 of \"ids\": \"cat\" is no id, and no token",
        ),
        ("{\"ids\":[\"the\"],\"logits\":[0]}", true, "\"the\" stands for several tokens, 0 and 4 among them"),
        ("{\"ids\":[1,\"Ġdog\"],\"logits\":[0,0]}", true, "token 1: the id stands twice"),
        (
            "{\"prefix\":[],\"logits\":[0,0]}\n{\"prefix\":[\"x\"],\"logits\":[0,0]}",
            false,
            "line 2: entry 0 of \"prefix\": \"x\" is a token string",
        ),
    ] {
        let line = if with_vocab { format!("greedy --vocab {vocab}") } else { "greedy".to_string() };
        let failure = run(&line, input).failure();
        assert!(failure.contains(said), "{failure}");
    }
}
