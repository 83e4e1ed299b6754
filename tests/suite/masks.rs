//! Sampling masks: what `probs` writes is what `diff` and `verify` find in the rows, and what a mask must not say is found.

use serde_json::{Value, json};
use tokpick::check::read_masks;

use crate::support::run::{Ran, tokpick, words};

fn run(line: &str) -> Ran {
    tokpick(&words(line))
}

/// A file with this text, in a folder of its own, which goes with the first.
fn file_of(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.json");
    std::fs::write(&path, text).unwrap();
    let name = path.to_str().unwrap().to_string();
    (folder, name)
}

#[test]
fn what_probs_writes_is_what_the_rows_have() {
    for input in ["steps.npy", "batch.npy", "batch.npy --layout tbv", "steps.npy --rows 3..9"] {
        for chain in
            ["--top-k 5", "--top-p 0.9 -t 0.7", "--min-p 0.1 --repetition-penalty 1.3 --prompt-ids 12,83"]
        {
            let nested = run(&format!("probs {input} {chain} --format mask")).text();
            let csr = run(&format!("probs {input} {chain} --format mask-csr")).text();
            let [nested_masks, csr_masks] =
                [&nested, &csr].map(|text| read_masks("m", text.as_bytes()).unwrap());
            assert_eq!(nested_masks, csr_masks);
            for text in [nested, csr] {
                let (_keep, file) = file_of(&text);
                let json = run(&format!("diff {input} {chain} --mask {file} -f json")).json();
                let mask = &json["masks"][0]["mask"];
                assert_eq!(
                    (&json["holds"], &mask["differing"]),
                    (&json!(true), &json!([])),
                    "{input} {chain}"
                );
                assert_eq!(mask["rows"], mask["agree"]);
                // another cut
                assert_eq!(
                    run(&format!("diff {input} {chain} --typical-p 0.2 --mask {file}")).status,
                    Some(1)
                );
            }
        }
    }
}

#[test]
fn both_inputs_are_held_against_a_mask() {
    let (_keep, file) = file_of(&run("probs batch.npy --top-k 3 --format mask").text());
    let json = run(&format!("diff batch.npy batch-f16.npy --top-k 3 --mask {file} -f json")).json();
    assert_eq!(json["masks"].as_array().unwrap().len(), 2);
    assert_eq!(json["masks"][1]["input"], "batch-f16.npy");
}

#[test]
fn verify_holds_ids_against_their_masks() {
    let ids = run("sample steps.npy --seed 7 --top-k 4").text();
    let ids = ids.trim().replace(' ', ",");
    let mask = run(&format!("probs steps.npy --top-k 4 --ids {ids} --format mask")).text();
    let (_keep, file) = file_of(&mask);
    let line = format!("verify steps.npy --seed 7 --top-k 4 --ids {ids} --mask {file}");
    let text = run(&line).text();
    assert!(text.ends_with("24 of 24 steps agree with the mask\n"), "{text}");
    let json = run(&format!("{line} -f json")).json();
    assert_eq!((&json["mask"]["rows"], &json["holds"]), (&json!(24), &json!(true)));
    // the mask of step 3 lacks the token that was taken
    let mut document: Value = serde_json::from_str(&mask).unwrap();
    let taken: u64 = ids.split(',').nth(3).unwrap().parse().unwrap();
    document["sampling_mask"][3].as_array_mut().unwrap().retain(|id| id != taken);
    let (_keep, file) = file_of(&document.to_string());
    let line = format!("verify steps.npy --seed 7 --top-k 4 --ids {ids} --mask {file} -f json");
    let ran = run(&line);
    assert_eq!(ran.status, Some(1), "{}", ran.err);
    let json: Value = serde_json::from_slice(&ran.out).unwrap();
    let found = &json["mask"]["differing"][0];
    assert_eq!(
        (&found["step"], &found["taken_outside"], &found["missing"]),
        (&json!(3), &json!(taken), &json!([taken]))
    );
    let line = run(&format!("verify steps.npy --engine torch --seed 1 --ids {ids} --mask {file}"));
    assert_eq!(line.status, Some(2));
}

#[test]
fn a_kld_has_the_masks_that_probs_writes_of_it() {
    let kld = "../formats/kld/lm512-f32.kld";
    for format in ["mask", "mask-csr"] {
        let (_keep, file) = file_of(&run(&format!("probs {kld} --top-k 3 --format {format}")).text());
        let json = run(&format!("diff {kld} --top-k 3 --mask {file} -f json")).json();
        let mask = &json["masks"][0]["mask"];
        assert_eq!((&mask["rows"], &mask["agree"], &mask["surplus"]), (&json!(186), &json!(186), &json!(0)));
        // its text is history: a penalty changes what is kept
        let ran = run(&format!("diff {kld} --repetition-penalty 4 --top-k 3 --mask {file}"));
        assert_eq!(ran.status, Some(1), "{}", ran.err);
    }
}

#[test]
fn steps_of_a_mask_that_meet_nothing_are_said() {
    let ids = run("sample steps.npy --seed 7 --top-k 4").text();
    let ids: Vec<&str> = ids.split_whitespace().collect();
    let mask = run(&format!("probs steps.npy --top-k 4 --ids {} --format mask", ids.join(","))).text();
    let (_keep, file) = file_of(&mask);
    let verify =
        |n: usize| format!("verify steps.npy --seed 7 --top-k 4 --ids {} --mask {file}", ids[..n].join(","));
    let text = run(&verify(10)).text();
    assert!(
        text.ends_with(
            "10 of 10 steps agree with the mask\n14 steps of the mask are held against no token\n"
        ),
        "{text}"
    );
    assert_eq!(run(&format!("{} -f json", verify(23))).json()["mask"]["surplus"], 1);
    // under a mask each token needs its own entry
    let logprobs = vec![-0.5; 10];
    let server = json!({ "token_ids": ids[..10].iter().map(|id| id.parse().unwrap()).collect::<Vec<u32>>(), "logprobs": logprobs });
    let (_also, server) = file_of(&server.to_string());
    let json = run(&format!("diff {server} steps.npy --top-k 4 --mask {file} -f json")).json();
    assert_eq!((&json["mask"]["surplus"], &json["mask"]["taken_outside"]), (&json!(14), &json!(0)));
    // a part of the rows is held against that part of the mask
    for command in
        ["diff steps.npy".to_string(), format!("verify steps.npy --seed 7 --ids {}", ids[3..9].join(","))]
    {
        let text = run(&format!("{command} --rows 3..9 --top-k 4 --mask {file}")).text();
        assert!(text.ends_with("6 of 6 steps agree with the mask\n"), "{text}");
    }
    let (_also, short) = file_of("[[1]]");
    let line = run(&format!("diff {server} steps.npy --mask {short}")).failure();
    assert!(line.contains("the mask ends before step 1, the ids before step 10"), "{line}");
}

/// A token that was taken and is not in its mask is a difference.
#[test]
fn a_taken_token_outside_of_its_mask_is_a_difference() {
    let (_a, server) = file_of(r#"{"token_ids": [1, 2], "logprobs": [-0.5, -0.5]}"#);
    let (_b, rows) = file_of("[[0, 1, 2], [0, 1, 2]]");
    let (_c, mask) = file_of("[[0, 1], [0, 1]]");
    let line = format!("diff {server} {rows} --layout tv --mask {mask} --of tokens");
    let ran = run(&line);
    assert_eq!(ran.status, Some(1), "{}", ran.err);
    let text = String::from_utf8(ran.out).unwrap();
    assert!(text.ends_with("1 token that was taken is not in its mask\n"), "{text}");
    let ran = run(&format!("{line} -f json"));
    let json: Value = serde_json::from_slice(&ran.out).unwrap();
    assert_eq!((&json["holds"], &json["mask"]["taken_outside"]), (&json!(false), &json!(1)));
}

#[test]
fn the_masks_of_an_answer_alone_are_for_verify() {
    let answer = "../formats/llama-server/native-greedy-n10.json";
    let (_keep, mask) = file_of("[[1]]");
    let line = run(&format!("diff {answer} --mask {mask}")).failure();
    assert!(line.contains(&format!("`tokpick verify {answer} --mask {mask}`")), "{line}");
}

/// Kept tokens that have next to nothing of the whole row have all of it under a mask.
#[test]
fn a_mask_of_unlikely_tokens_is_normalised() {
    let (_a, server) = file_of(r#"{"token_ids": [1], "logprobs": [-0.5]}"#);
    let (_b, rows) = file_of("[[0, -900, -2]]");
    for (mask, logprob) in [("[[1]]", 0.0), ("[[1,2]]", -898.0)] {
        let (_c, mask) = file_of(mask);
        let line = format!("diff {server} {rows} --layout tv --mask {mask} -f json --of tokens");
        let worst = &run(&line).json()["logprobs"]["worst"][0];
        assert_eq!(worst["b"], logprob, "{worst}");
    }
}

/// A server that truncates gives numbers of the kept tokens; rows under its mask give the same ones.
#[test]
fn rows_under_a_mask_give_a_servers_processed_numbers() {
    let run_of = run("sample steps.npy --seed 7 --top-p 0.8 -t 0.9 -f json").text();
    let mut document: Value = serde_json::from_str(&run_of).unwrap();
    let sequence = &mut document["sequences"][0];
    let ids: Vec<String> = sequence["ids"].as_array().unwrap().iter().map(Value::to_string).collect();
    let server = json!({ "token_ids": sequence["ids"], "logprobs": sequence["processed_logprobs"] });
    let mask =
        run(&format!("probs steps.npy --top-p 0.8 -t 0.9 --ids {} --format mask-csr", ids.join(","))).text();
    let ((_a, server), (_b, mask)) = (file_of(&server.to_string()), file_of(&mask));
    let json = run(&format!("diff {server} steps.npy -t 0.9 --mask {mask} -f json")).json();
    assert!(json["logprobs"]["max_abs"].as_f64().unwrap() < 1e-6, "{json}");
    let without = run(&format!("diff {server} steps.npy -t 0.9 -f json")).json();
    assert_eq!(without["logprobs"]["causes"][0]["cause"], "restricted_support");
    assert_eq!(without["logprobs"]["causes"][0]["side"], "a");
}

#[test]
fn masks_come_in_the_forms_of_servers() {
    let kept = |text: &str| {
        read_masks("m", text.as_bytes()).unwrap().into_iter().map(|m| m.kept).collect::<Vec<_>>()
    };
    let one = vec![vec![vec![3, 7], vec![5]]];
    for text in [
        "[[7,3],[5]]",
        r#"{"meta_info": {"output_token_sampling_mask": [[7, 3], [5]], "id": "x"}, "text": "a"}"#,
        r#"{"sampling_mask": {"token_ids": [7, 3, 5], "offsets": [0, 2, 3]}}"#,
        r#"{"choices": [{"index": 0, "sampling_mask": {"token_ids": [7, 3, 5], "offsets": [0, 2, 3]}}]}"#,
        r#"{"indices": [7, 3, 5], "indptr": [0, 2, 3]}"#,
        r#"{"ids": [7, 3, 5], "counts": [2, 1]}"#,
    ] {
        assert_eq!(kept(text), one, "{text}");
    }
    let two = kept("{\"sampling_mask\":[[1]]}\n{\"sampling_mask\":[[2],[]]}\n");
    assert_eq!(two, [vec![vec![1]], vec![vec![2], vec![]]]);
    assert_eq!(kept("[[[1]],[[2],[3,4]]]").len(), 2);
}

#[test]
fn what_is_no_mask_is_said() {
    let failure = |text: &str| {
        let (_keep, file) = file_of(text);
        run(&format!("diff steps-small.json --top-k 1 --mask {file}")).failure()
    };
    for (text, what) in [
        ("no json", "no JSON, and so no mask"),
        ("{}", "holds no sampling mask"),
        (r#"{"sampling_mask": null}"#, "is null: the server was not asked for it"),
        (
            r#"{"sampling_mask": {"token_ids": [1, 2], "offsets": [0, 3]}}"#,
            "its offsets don't divide its 2 ids",
        ),
        (r#"{"sampling_mask": {"token_ids": [1, 2], "offsets": [0, -1, 2]}}"#, "offset -1 is below 0"),
        (r#"{"sampling_mask": {"token_ids": [1, 2], "offsets": [0, 2, 1, 2]}}"#, "don't divide"),
        ("[[-1]]", "-1 is no token id"),
        ("[[9000]]", "id 9000 is outside the vocabulary of 512"),
        ("[[1],[1],[1],[1],[1]]", "masks up to step 4, but the input has no such row"),
        ("[[[1]],[[1]]]", "masks of 2 sequences, but the input has 1"),
        ("[[],[]]", "says nothing about any step"),
    ] {
        let line = failure(text);
        assert!(line.contains(what) && !line.contains('\n'), "{text}: {line}");
    }
    let deep = "[".repeat(100_000);
    assert!(failure(&deep).contains("no JSON"));
    assert!(
        run("probs steps-small.json --top 3 --format mask").failure().contains("a mask is of all tokens")
    );
    let (_keep, file) = file_of("[[307],[318],[278],[372]]");
    assert!(
        run(&format!("diff steps-small.json --top-k 1 --mask {file} --seed 1 --max-kl 1"))
            .failure()
            .contains("--max-kl")
    );
    assert_eq!(run("diff steps-small.json").status, Some(2));
}
