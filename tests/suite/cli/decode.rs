//! Decoding: the same ids from every form of the same logits, slices, samples, streams.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::support::run::{command, fixture, tokpick, with_input, words};

fn ids(command: &str) -> Vec<String> {
    tokpick(&words(command)).text().lines().map(String::from).collect()
}

#[test]
fn every_form_of_the_same_logits() {
    let first = "--rows 0..4";
    for strategy in ["greedy", "sample --seed 7 --top-k 20", "sample --seed 7 --draw gumbel", "beam -b 3"] {
        let expected = ids(&format!("{strategy} steps.npy {first}"));
        for form in
            [format!("steps-fortran.npy {first}"), "steps-f64be.npy".into(), "steps-small.json".into()]
        {
            assert_eq!(ids(&format!("{strategy} {form}")), expected, "{strategy} {form}");
        }
        let piped = with_input(
            &words(&format!("{strategy} -")),
            &std::fs::read(fixture("tiny-lm/steps-small.json")).unwrap(),
        );
        assert_eq!(piped.text().lines().collect::<Vec<_>>(), expected, "{strategy}");
    }
}

#[test]
fn slices_keep_their_draws() {
    let whole: Vec<String> = ids("sample steps.npy -s 5 -p 0.9")[0].split(' ').map(String::from).collect();
    assert_eq!(ids("sample steps.npy -s 5 -p 0.9 --rows 5..9")[0], whole[5..9].join(" "));
}

#[test]
fn more_samples_begin_with_fewer() {
    let five = ids("sample batch.npy -s 5 -n 5");
    assert_eq!(five.len(), 15, "samples of a sequence are together");
    let two = ids("sample batch.npy -s 5 -n 2");
    for sequence in 0..3 {
        assert_eq!(two[2 * sequence..2 * sequence + 2], five[5 * sequence..5 * sequence + 2]);
    }
}

#[test]
fn threads_change_nothing() {
    for input in ["steps.npy", "batch.npy"] {
        let one = ids(&format!("sample {input} -s 5 -n 20 --threads 1"));
        assert_eq!(ids(&format!("sample {input} -s 5 -n 20 --threads 3")), one);
        assert_eq!(ids(&format!("sample {input} -s 5 -n 20")), one);
        let steps = ids(&format!("sample {input} -s 5 --stream --threads 1"));
        assert_eq!(ids(&format!("sample {input} -s 5 --stream --threads 3")), steps);
    }
}

/// Rows are decoded ahead on several threads; one that no sequence needs any more is not judged.
#[test]
fn a_bad_row_after_the_end_token_is_nobodys() {
    let input = b"[[0, 5], [5, 0], [NaN, 0]]";
    for threads in ["1", "3"] {
        let run = |eos| with_input(&["greedy", "--threads", threads, "--eos-token-id", eos], input);
        assert_eq!(run("0").text(), "1 0\n", "{threads} threads");
        let [first, all] = [run("1").text(), run("0,1").text()];
        assert_eq!([first, all], ["1\n", "1\n"], "{threads} threads");
        let needed = with_input(&["greedy", "--threads", threads], input).failure();
        assert!(needed.contains("sequence 0, step 2, token 0: the logit is NaN"), "{needed}");
    }
}

/// A stream gives the same ids on any number of threads, and the same first error.
#[test]
fn threads_change_nothing_in_a_stream() {
    let good: String = (0..50).map(|i| format!("[{}, 5, {}]\n", i % 7, i * 3 % 11)).collect();
    let bad = |step: usize, line: &str| {
        let mut lines: Vec<&str> = good.lines().collect();
        lines[step] = line;
        lines.join("\n")
    };
    let cases: [(&[&str], String, Result<usize, &str>); 8] = [
        (&["-n", "3"], good.clone(), Ok(50)),
        (&["--rows", "3..29"], good.clone(), Ok(26)),
        (&["--max-new-tokens", "30"], bad(30, "[NaN, 0, 0]"), Ok(30)),
        (&["--max-new-tokens", "30"], bad(30, "[0, 0]"), Ok(30)),
        (&["--max-new-tokens", "31"], bad(30, "[NaN, 0, 0]"), Err("step 30, token 0: the logit is NaN")),
        (&[], bad(30, "[0, 0]"), Err("step 30: 2 logits here, 3 in the lines before")),
        (&[], bad(12, "[1,"), Err("truncated")),
        (&["--rows", "3..60"], good.clone(), Err("the steps of standard input are 0..50")),
    ];
    for (args, input, expected) in cases {
        let run = |threads| {
            let args = [&["sample", "-s", "5", "--threads", threads], args].concat();
            with_input(&args, input.as_bytes())
        };
        match expected {
            Ok(len) => {
                let one = run("1").text();
                assert_eq!(one.lines().next().unwrap().split(' ').count(), len, "{args:?}");
                assert_eq!(run("3").text(), one, "{args:?}");
            }
            Err(what) => {
                let one = run("1").failure();
                assert!(one.contains(what), "{one}");
                assert_eq!(run("3").failure(), one, "{args:?}");
            }
        }
    }
}

#[test]
fn lists_of_ids_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prompt");
    std::fs::write(&file, "307\n318 278\n").unwrap();
    let file = format!("@{}", file.display());
    let greedy = |ids: &str| {
        tokpick(&["greedy", "steps.npy", "--repetition-penalty", "5", "--prompt-ids", ids]).text()
    };
    let spaces = greedy("307 318 278");
    assert_ne!(spaces, tokpick(&["greedy", "steps.npy"]).text());
    assert_eq!(greedy("307,318,278"), spaces);
    assert_eq!(greedy(" 307, 318 ,278"), spaces);
    assert_eq!(greedy(&file), spaces);
}

/// A row that can't be decoded ends the output at the same place, with the same error, whatever the number of threads.
#[test]
fn threads_do_not_show_when_a_row_fails() {
    let zeros = "[0,0,0,0]";
    let only_banned = "[0,-Infinity,-Infinity,-Infinity]";
    let sequences = |rows: [[&str; 2]; 3]| {
        let sequences: Vec<String> = rows.iter().map(|rows| format!("[{}]", rows.join(","))).collect();
        format!("[{}]", sequences.join(","))
    };
    // the second sequence fails at once; at its second step, after the third has failed at its first; and with a NaN
    let inputs = [
        sequences([[zeros, zeros], [only_banned, zeros], [zeros, zeros]]),
        sequences([[zeros, zeros], [zeros, only_banned], [only_banned, zeros]]),
        sequences([[zeros, zeros], [zeros, "[0,NaN,0,0]"], ["[NaN,0,0,0]", zeros]]),
    ];
    let strategies = [
        "greedy",
        "sample --seed 1",
        "sample --seed 1 -n 3",
        "sample --seed 1 --draw gumbel",
        "sample --seed 1 --mirostat 2",
        "sample --seed 1 --adaptive-target 0.5",
        "sample --seed 1 --engine numpy",
        "beam -b 2",
        "beam -b 2 --beam-sample --seed 1",
        "search --exact",
    ];
    for (input, strategy) in inputs.iter().flat_map(|i| strategies.iter().map(move |s| (i, s))) {
        let chain = if strategy.contains("engine") { "" } else { "--prompt-ids 0 --no-repeat-ngram-size 1" };
        for format in ["ids", "json", "jsonl", "ids --stream"] {
            if format.contains("stream") && ["beam", "search"].iter().any(|s| strategy.starts_with(s)) {
                continue;
            }
            let run = |threads: usize| {
                let args = format!("{strategy} {chain} -f {format} --threads {threads}");
                let ran = with_input(&words(&args), input.as_bytes());
                // the command line is in the document
                let text = String::from_utf8(ran.out).unwrap();
                let text = text.replace(&format!("\"--threads\",\"{threads}\""), "\"--threads\"");
                (ran.status, text, ran.err)
            };
            let alone = run(1);
            for threads in [2, 7] {
                assert_eq!(run(threads), alone, "{strategy} {format} with {threads} threads on {input}");
            }
        }
    }
    let args = "sample --seed 1 --prompt-ids 0 --no-repeat-ngram-size 1 -f jsonl --threads 2";
    let ran = with_input(&words(args), inputs[0].as_bytes());
    let lines = String::from_utf8(ran.out).unwrap();
    assert!(lines.starts_with("{\"sequence\":0,") && lines.lines().count() == 1, "{lines}");
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.contains("sequence 1, step 0"), "{}", ran.err);
}

#[test]
fn a_beam_of_one_is_greedy() {
    assert_eq!(ids("beam steps.npy -b 1"), ids("greedy steps.npy"));
    assert_eq!(ids("beam steps.npy"), ids("beam steps.npy -b 4"), "four beams unless told otherwise");
    assert_eq!(ids("sample steps.npy --temperature 0"), ids("greedy steps.npy"));
}

#[test]
fn tables_are_searched_for_twenty_tokens() {
    let table = fixture("teaching/the-dog-has.jsonl");
    let args = ["beam", table.to_str().unwrap(), "-b", "2", "--prompt-ids", "1", "--eos-token-id", "0"];
    assert_eq!(tokpick(&args).text(), "3 8 0\n");
    // a bigram that only knows to go on: 20 tokens unless told otherwise
    let bigram = ["greedy", "--source", "bigram", "--prompt-ids", "0"];
    assert_eq!(with_input(&bigram, b"[[0,1],[1,0]]").text(), "1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0\n");
    let five = [&bigram[..], &["--max-new-tokens", "5"]].concat();
    assert_eq!(with_input(&five, b"[[0,1],[1,0]]").text(), "1 0 1 0 1\n");
}

#[test]
fn a_live_stream_is_answered_line_by_line() {
    let mut child = command(&["greedy", "--stream"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for (row, id) in [("[1,5,2]", "1"), ("[9,5,2]", "0"), ("[0,-Infinity,2]", "2")] {
        writeln!(stdin, "{row}").unwrap();
        stdin.flush().unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), id, "the answer must come before the next row");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_has_no_effect_is_said() {
    for (command, said) in [
        (
            "sample steps.npy -s 1 --length-penalty 2",
            "no effect when sampling (they are for `tokpick beam`): --length-penalty",
        ),
        ("greedy steps.npy --seed 1", "no effect in greedy search: --seed"),
        ("greedy steps.npy --top-k 5", "no effect in greedy search: top_k"),
        ("sample steps.npy -s 1 --temperature 0", "temperature 0 is greedy: the seed doesn't matter"),
        ("beam steps.npy --num-samples 3", "no effect in beam search, which draws nothing: --num-samples"),
        ("sample steps.npy -s 1 --min-new-tokens 3", "min_new_tokens has no effect without --eos-token-id"),
        ("sample steps.npy -s 1 --penalty-last-n 3", "--penalty-last-n has no effect"),
        ("probs steps.npy -s 1", "no effect where no processor tosses a coin: --seed"),
    ] {
        let ran = tokpick(&words(command));
        assert!(ran.err.contains(said), "{command}: {}", ran.err);
        ran.text();
    }
    let quiet = tokpick(&words("sample steps.npy -s 1 -t 0.8 -k 40 -p 0.9"));
    assert_eq!(quiet.err, "");
}

#[test]
fn terminals_with_state_replace_the_draw() {
    let name =
        |args: &str| tokpick(&words(&format!("sample batch.npy -s 5 -f json {args}"))).json()["draw"].clone();
    assert_eq!(name("--mirostat 2"), "mirostat-2-chacha8-v1");
    assert_eq!(name("--mirostat 2 --mirostat-surprise after"), "mirostat-2-chacha8-v1");
    assert_eq!(name("--mirostat 1 --mirostat-surprise before"), "mirostat-1-before-cut-chacha8-v1");
    assert_eq!(name("--mirostat 1 --mirostat-m 50"), "mirostat-1-chacha8-v1");
    assert_eq!(name("--mirostat 0"), "chacha8-v1", "0 is off");
    assert_eq!(name("--adaptive-target 0.4 --adaptive-decay 0.5"), "adaptive-p-chacha8-v1");
    let plain = ids("sample batch.npy -s 5");
    assert_ne!(ids("sample batch.npy -s 5 --mirostat 2 --mirostat-tau 1 --mirostat-eta 0.5"), plain);
    assert_ne!(ids("sample batch.npy -s 5 --adaptive-target 0.4"), plain);
    let two = ids("sample batch.npy -s 5 --mirostat 2 -n 2");
    assert_eq!(two, ids("sample batch.npy -s 5 --mirostat 2 -n 2 --threads 3"));
    let idle = tokpick(&words("sample steps.npy -s 5 --mirostat 2 --adaptive-decay 0.5"));
    assert!(
        idle.err.contains("no effect without the method they belong to: --adaptive-decay"),
        "{}",
        idle.err
    );
}
