//! What is said of tokens that an answer does not list.

use serde_json::{Value, json};

use super::{read, rows};
use crate::support::run::{tokpick, with_input, words};

#[test]
fn floors_are_no_numbers() {
    let text = r#"{"choices":[{"message":{"content":"a"},"logprobs":{"content":[{"token":"a","logprob":-9999.0,"top_logprobs":[
        {"token":"b","logprob":-0.5},{"token":"c","logprob":-3.4028234663852886e+38},{"token":"d","logprob":-1.5}]}]}}]}"#;
    let mut source = read(text).unwrap();
    assert_eq!(source.carried()[0].logprobs, [None]);
    let row = &rows(&mut source)[0][0];
    // b and d are listed; a, c are somewhere below
    assert_eq!((row.logits.len(), row.vocab), (2, 4));
    let rest = row.rest.unwrap();
    assert!((rest.bound + 1.769_96).abs() < 1e-3 && (rest.mass - 0.1703).abs() < 1e-3, "{rest:?}");
}

#[test]
fn numbers_that_are_no_log_probabilities() {
    let text = r#"[{"3":{"logprob":12.5},"7":{"logprob":9.0}}]"#;
    let mut source = read(text).unwrap();
    assert!(source.notes()[0].contains("1 step are no log-probabilities"), "{:?}", source.notes());
    assert_eq!(rows(&mut source)[0][0].rest, None);
    let older = r#"{"content":"ab","completion_probabilities":[{"content":"a","probs":[{"tok_str":"a","prob":0.75},{"tok_str":"b","prob":0.25}]}]}"#;
    let mut source = read(older).unwrap();
    assert!(source.notes()[0].contains("after the server's filters"));
    assert_eq!((source.carried()[0].ids.clone(), rows(&mut source)[0][0].rest), (vec![0], None));
}

#[test]
fn commands_say_what_is_missing_and_what_is_exact() {
    let file = "../formats/llama-server/native-greedy-n10.json";
    let note = |words: &str| {
        let ran = tokpick(&words.split(' ').chain([file]).collect::<Vec<_>>());
        assert_eq!(ran.status, Some(0), "{}", ran.err);
        let missing = "0.2936 of the probability is in tokens that its rows don't list, 0.6015 at most (sequence 0, step 4); ";
        ran.err.split_once(missing).unwrap_or_else(|| panic!("{words}: {}", ran.err)).1.trim().to_string()
    };
    let renormalised = "the probabilities are renormalised over the listed tokens";
    for (words, said) in [
        ("greedy", "the most probable token is exact all the same"),
        (
            "greedy --repetition-penalty 1.2",
            "from repetition_penalty on, the probabilities are renormalised over the listed tokens",
        ),
        ("sample --seed 1", renormalised),
        (
            "sample --seed 1 --top-k 10 --temperature 0.7",
            "top_k makes it exact all the same: all that it can keep is listed",
        ),
        (
            "sample --seed 1 --top-k 11",
            "from top_k on, the probabilities are renormalised over the listed tokens",
        ),
        ("sample --seed 1 --top-p 0.39", "top_p makes it exact all the same: all that it can keep is listed"),
        (
            "sample --seed 1 --top-p 0.5",
            "from top_p on, the probabilities are renormalised over the listed tokens",
        ),
        (
            "sample --seed 1 --temperature 0.7 --top-p 0.3",
            "from temperature on, the probabilities are renormalised over the listed tokens",
        ),
        (
            "probs --typical-p 0.5",
            "from typical_p on, the probabilities are renormalised over the listed tokens",
        ),
        ("tree -b 2", renormalised),
        ("page --seed 7", renormalised),
        (
            "score",
            "log-probabilities of listed tokens are those of the whole row; of the processed ones: the probabilities are renormalised over the listed tokens",
        ),
    ] {
        assert_eq!(note(words), said, "{words}");
    }
    let said = tokpick(&["greedy", file, "--max-missing-mass", "0.6"]).failure();
    let what = "sequence 0, step 4: 0.601529 of the probability is in tokens that are not listed, more than --max-missing-mass allows, 0.6";
    assert!(said.contains(what), "{said}");
    assert_eq!(
        tokpick(&["greedy", file, "--max-missing-mass", "0.61"]).text(),
        "329 259 371 278 265 82 272 69 261 268 417 331\n"
    );
    let idle = tokpick(&["greedy", "steps-small.json", "--max-missing-mass", "0.1"]);
    assert!(
        idle.err.contains("no effect on rows that leave nothing out: --max-missing-mass"),
        "{}",
        idle.err
    );
    let said = tokpick(&["greedy", "steps.npy", "--part", "prompt"]).failure();
    assert!(said.contains("--part prompt: steps.npy is no answer of a server"), "{said}");
}

/// A top-p below the listed mass keeps what it keeps of the whole row.
#[test]
fn top_p_counts_what_is_missing() {
    let whole = "../formats/llama-server/native-full-n512.json";
    let listed = "../formats/llama-server/native-greedy-n10.json";
    let kept = |file: &str| {
        let document = tokpick(&["probs", file, "--top-p", "0.45", "--rows", "0..1", "-f", "json"]).json();
        document["rows"][0]["ids"].clone()
    };
    assert_eq!(kept(listed), kept(whole));
    let score = tokpick(&["score", listed, "--ids", "329,500", "-f", "json"]).json();
    let sequence = &score["sequences"][0];
    assert_eq!((&sequence["tokens"][1]["logprob"], &sequence["logprob"]), (&Value::Null, &Value::Null));
    let bound = sequence["tokens"][1]["logprob_at_most"].as_f64().unwrap();
    // the least of the ten that are listed
    assert!((bound + 3.606_088_6).abs() < 1e-5, "{bound}");
    let (sum, first) = (&sequence["logprob_at_most"], sequence["tokens"][0]["logprob"].as_f64().unwrap());
    assert!((sum.as_f64().unwrap() - first - bound).abs() < 1e-9);
    assert_eq!(score["sequences"][0]["tokens"][0]["logprob_at_most"], Value::Null);
    let text = tokpick(&["score", listed, "--ids", "329,500", "-f", "text"]).text();
    assert!(text.contains(">= 5.20  <= .027  >= 11"), "{text}");
    let info = tokpick(&["info", listed, "-f", "json"]).json();
    let missing = info["rows"][4]["missing_mass"].as_f64().unwrap();
    assert!((missing - 0.601_529).abs() < 1e-5, "{missing}");
    let best = info["rows"][0]["top"][0][1].as_f64().unwrap();
    assert!((best.ln() + 1.739_698).abs() < 1e-5, "{best}");
    // the entropy of a list is at most that of the whole row
    let of =
        |file: &str| tokpick(&["info", file, "-f", "json"]).json()["rows"][0]["entropy"].as_f64().unwrap();
    assert!((2.5..3.74).contains(&of(listed)) && of(listed) < of(whole), "{} {}", of(listed), of(whole));
    let lines = tokpick(&["convert", listed, "--to", "jsonl"]).text();
    assert!(lines.starts_with("{\"ids\":[") && lines.contains("\"logprobs\":[-"), "{lines}");
}

/// A taken token that stands beside the likeliest ones bounds nothing, and has no rank but the server's.
#[test]
fn tokens_from_outside_the_likeliest() {
    let top = r#"{"token":"a","id":3,"logprob":-0.7},{"token":"b","id":7,"logprob":-1.2}"#;
    let chat = |taken: &str| {
        format!(r#"{{"choices":[{{"logprobs":{{"content":[{{{taken},"top_logprobs":[{top}]}}]}}}}]}}"#)
    };
    let vllm =
        r#"[{"9":{"logprob":-6.0,"rank":41},"3":{"logprob":-0.7,"rank":1},"7":{"logprob":-1.2,"rank":2}}]"#;
    // what is left: 1 − e^−0.7 − e^−1.2 − e^−6
    let left = (1.0 - [0.7f64, 1.2, 6.0].map(|x| (-x).exp()).iter().sum::<f64>()).ln();
    let exact = r#""token":"a","id":3,"logprob":-0.7"#;
    let last = r#""token":"b","id":7,"logprob":-1.2"#;
    let beside = r#""token":"c","id":9,"logprob":-6.0"#;
    for (text, id, bound, rank) in [
        (chat(exact), 3, None, "1"),
        (chat(last), 7, None, "2"),
        (chat(beside), 9, Some(left), ">= 3"),
        (vllm.to_string(), 9, Some(left), "41"),
        // the third best of three is one of the likeliest
        (vllm.replace("41", "3"), 9, Some(-6.0), "3"),
    ] {
        let rest = rows(&mut read(&text).unwrap())[0][0].rest.unwrap();
        assert!(bound.is_none_or(|bound| (rest.bound - bound).abs() < 1e-5), "{rest:?} {bound:?}");
        let is_outside = rest.outside.is_some_and(|taken| taken.id == id);
        assert_eq!(is_outside, bound == Some(left), "{text}");
        let score = |text: &str, form: &str| {
            with_input(&["score", "-", "--ids", &id.to_string(), "-f", form], text.as_bytes())
        };
        let said = score(&text, "table").text();
        assert!(said.contains(&format!(" {rank} ")), "{said}");
        let token = &score(&text, "json").json()["sequences"][0]["tokens"][0];
        assert_eq!(token["rank_is_exact"], json!(!rank.starts_with('>')), "{token}");
        // JSON Lines say the same
        let lines = with_input(&["convert", "-", "--to", "jsonl"], text.as_bytes()).text();
        let again = rows(&mut read(&lines).unwrap())[0][0].rest.unwrap();
        assert_eq!(
            (again.bound, again.outside.map(|t| (t.id, t.rank))),
            (rest.bound, rest.outside.map(|t| (t.id, t.rank))),
            "{lines}"
        );
    }
    // one that is not listed may be above it
    let unlisted =
        with_input(&["score", "-", "--ids", "5", "--vocab-size", "50", "-f", "json"], vllm.as_bytes()).json();
    assert_eq!(unlisted["sequences"][0]["tokens"][0]["rank"], 3);
    // a top-p that needs it is not exact
    let known = |p: &str| with_input(&["probs", "-", "--top-p", p], vllm.as_bytes()).err;
    assert!(
        known("0.79").contains("top_p makes it exact") && !known("0.799").contains("exact"),
        "{} {}",
        known("0.79"),
        known("0.799")
    );
    for (line, said) in [
        (r#"{"ids":[3,7],"logprobs":[-0.7,-1.2],"taken":9}"#, "\"taken\" is not among the \"ids\""),
        (r#"{"ids":[3,7],"logprobs":[-0.7,-1.2],"rank":9}"#, "\"rank\" is its rank"),
        (r#"{"logits":[3,7],"taken":1}"#, "\"taken\" names one of the \"ids\""),
        (r#"{"ids":[3],"logprobs":[-0.7],"taken":3,"rank":0}"#, "\"rank\" is a whole number from 1"),
        (r#"{"ids":[3],"logprobs":[-0.7],"taken":-3}"#, "\"taken\" is not a token id"),
    ] {
        let found = with_input(&["info", "-"], line.as_bytes()).failure();
        assert!(found.contains(said), "{found}");
    }
}

/// `info` tells masked tokens from those that a list leaves out, and everything has the caller's name of its sequence.
#[test]
fn what_is_not_listed_is_not_masked() {
    let body =
        r#"{"choices":[{"logprobs":{"content":[{"token":"a","id":3,"logprob":-0.5,"top_logprobs":[]}]}}]}"#;
    let batch = format!(r#"{{"custom_id":"first","response":{{"body":{body}}}}}"#);
    let run = |args: &[&str]| with_input(args, batch.as_bytes());
    let info = run(&["info", "-", "-f", "json"]).json();
    let row = &info["rows"][0];
    assert_eq!((&row["masked"], &row["unlisted"], &row["id"]), (&json!(0), &json!(3), &json!("first")));
    let text = run(&["info", "-"]).text();
    assert!(text.contains("not listed  3 tokens: 0.3934") && !text.contains("-inf"), "{text}");
    assert_eq!(run(&["score", "-", "-f", "json"]).json()["sequences"][0]["id"], "first");
    assert_eq!(run(&["score", "-", "-f", "jsonl"]).json()["id"], "first");
}

/// Steps before the first one that is read are history, where all sequences have the same.
#[test]
fn histories_of_their_own_are_not_dropped_in_silence() {
    let choice = |ids: [u32; 2]| {
        let entry = |id: u32| json!({"token": format!("token_id:{id}"), "logprob": -0.5, "top_logprobs": []});
        json!({"logprobs": {"content": ids.map(entry)}})
    };
    let answer = json!({"choices": [choice([3, 4]), choice([5, 4])]}).to_string();
    let said = |args: &[&str]| {
        with_input(&[&["greedy", "-", "--repetition-penalty", "1.2"], args].concat(), answer.as_bytes()).err
    };
    let own = "its sequences have tokens of their own before step 1";
    assert!(said(&["--rows", "1..2"]).contains(own), "{}", said(&["--rows", "1..2"]));
    for idle in [
        &["--rows", "0..2"][..],
        &["--rows", "1..2", "--prefix-ids", "3"],
        &["--rows", "1..2", "--shard", "1/2"],
    ] {
        assert!(!said(idle).contains("of their own"), "{idle:?}: {}", said(idle));
    }
}

/// Lists in JSON Lines say what they leave out, too; they are cut by the mass that they list, as ever.
#[test]
fn lists_in_json_lines() {
    let lines = "{\"ids\":[3,7,1],\"logprobs\":[-0.7,-1.6,-2.3]}\n";
    let run = |args: &[&str]| with_input(args, lines.as_bytes());
    let ran = run(&["probs", "-", "--top-p", "0.6"]);
    assert!(ran.err.contains("0.2013 of the probability"), "{}", ran.err);
    assert_eq!(ran.text().lines().count(), 1);
    let score = run(&["score", "-", "--ids", "7", "-f", "json"]).json();
    assert!((score["sequences"][0]["logprob"].as_f64().unwrap() + 1.6).abs() < 1e-6);
}

/// One id as large as ids are makes no large row, and answers of different lengths are no array.
#[test]
fn converted_answers() {
    let answer = |ids: &[u32]| {
        let entries =
            ids.iter().map(|id| json!({"id": id, "token": "a", "logprob": -0.5, "top_logprobs": []}));
        json!({"choices": [{"logprobs": {"content": entries.collect::<Vec<_>>()}}]}).to_string()
    };
    let run = |text: &str, to: &str| with_input(&["convert", "-", "--to", to, "-o", "-"], text.as_bytes());
    let said = run(&answer(&[4_294_967_295]), "npy").failure();
    assert!(
        said.contains("V is 4294967296, as its largest id says: too large for numbers of all tokens"),
        "{said}"
    );
    assert_eq!(
        run(&answer(&[4_294_967_295]), "jsonl").text(),
        "{\"ids\":[4294967295],\"logprobs\":[-0.5],\"taken\":4294967295}\n"
    );
    let ragged = format!("{}\n{}\n", answer(&[1]), answer(&[1, 2]));
    let said = run(&ragged, "npy").failure();
    assert!(said.contains("1 of the 4 rows are missing"), "{said}");
}

/// A picture is shown without what is said beside it.
#[test]
fn pictures_say_what_is_missing() {
    let file = "../formats/llama-server/native-greedy-n10.json";
    for words in [
        "explain --seed 1 -f svg",
        "explain --seed 1 -f html",
        "score -f svg",
        "score -f html",
        "compare --seed 1 -f html",
        "tree -b 2 -f svg",
        "sample --seed 1 -n 5 --histogram -f svg",
        "page --seed 1",
    ] {
        let ran = tokpick(&words.split(' ').chain([file]).collect::<Vec<_>>());
        assert_eq!(ran.status, Some(0), "{words}: {}", ran.err);
        // lines of a picture are wrapped
        let text = String::from_utf8(ran.out).unwrap();
        let plain: String = shown(&text);
        assert!(plain.contains("0.2936 of the probability is in tokens"), "{words}");
    }
    let whole = tokpick(&["explain", "steps.npy", "--step", "0", "-f", "svg"]).text();
    assert!(!whole.contains("of the probability is in tokens"));
}

/// What a picture or page shows as text, tags left out, blanks made one.
fn shown(markup: &str) -> String {
    let mut text = String::new();
    for part in markup.split('<') {
        text += part.split_once('>').map_or(part, |x| x.1);
        text.push(' ');
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Rows that leave out what a draw depends on can't tell whether it was made.
#[test]
fn what_can_not_be_verified_is_said() {
    let file = "../formats/llama-server/native-t0.8-n10-pre.json";
    let ran = tokpick(&["verify", file, "-s", "3", "-t", "0.8"]);
    assert_eq!(ran.status, Some(2), "{}", ran.err);
    let text = String::from_utf8(ran.out).unwrap();
    assert!(text.contains("can't be decided") && text.contains("undecided"), "{text}");
    assert!(text.contains("not explained        0 mismatches"), "{text}");
    assert!(ran.err.contains("steps can't be decided: the rows leave out tokens"), "{}", ran.err);
    // whatever limits are given
    for limits in
        [&["--max-margin", "100"][..], &["--min-match", "0"], &["--min-match", "0", "--max-margin", "100"]]
    {
        let ran = tokpick(&[&["verify", file, "-s", "3", "-t", "0.8"], limits].concat());
        assert_eq!(ran.status, Some(2), "{limits:?} {}", ran.err);
    }
    // what is exact all the same is decided: so is a greedy run
    let greedy = "../formats/llama-server/native-greedy-n10.json";
    assert_eq!(tokpick(&["verify", greedy, "--greedy"]).status, Some(0));
    let ran = tokpick(&["verify", file, "--greedy", "-f", "json"]);
    assert_eq!(ran.status, Some(1), "{}", ran.err);
    let json: Value = serde_json::from_slice(&ran.out).unwrap();
    assert_eq!(json["verification"]["summary"]["undecided"], 0);
    let ran = tokpick(&["verify", file, "-s", "3", "--top-k", "5"]);
    assert_eq!(ran.status, Some(1), "{}", ran.err);
}

/// What is said of the rows is said of those that were decoded, on any number of threads.
#[test]
fn rows_behind_the_last_token_are_not_counted() {
    let file = "../formats/llama-server/native-t0.8-n10-pre.json";
    let said = |more: &str| tokpick(&words(&format!("sample {file} -s 1 --max-new-tokens 1 {more}"))).err;
    let alone = said("--threads 1");
    assert!(alone.contains("at most (sequence 0, step 0)"), "{alone}");
    for more in ["--threads 2", "-n 256 --threads 2", "-n 2049 --threads 2"] {
        assert_eq!(said(more), alone, "{more}");
    }
}
