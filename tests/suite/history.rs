//! Penalties and constraints, worked out by hand: rows of eight logits, a context, the scores that stay (· = masked).

use crate::support::common::{apply, fixture};
use serde_json::{Value, json};
use tokpick::candidates::Candidates;
use tokpick::processor::Context;
use tokpick::source::Row;
use tokpick::{TokenId, settings};

const M: f64 = f64::NEG_INFINITY;
const ROW: [f32; 8] = [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, f32::NEG_INFINITY];
/// Two prompt ids, then five generated ones.
const CONTEXT: [TokenId; 7] = [5, 3, 0, 1, 0, 7, 0];

/// Chain, scores.
type Case = (&'static str, [f64; 8]);

const CASES: &[Case] = &[
    // repetition (CTRL; transformers): every distinct id once, whatever its count; prompt and generated
    ("repetition_penalty=2", [1.0, -2.0, 0.5, 1.5, 0.0, -4.0, 1.0, M]),
    ("repetition_penalty(value=2,scope=generated)", [1.0, -2.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("repetition_penalty(value=2,last_n=3)", [1.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("repetition_penalty(value=0.5,last_n=1)", [4.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("repetition_penalty(value=2,last_n=0)", [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    // frequency, presence (OpenAI, vLLM): generated ids
    ("frequency_penalty=0.5", [0.5, -1.5, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("frequency_penalty(value=0.5,scope=all)", [0.5, -1.5, 0.5, 2.5, 0.0, -2.5, 1.0, M]),
    ("frequency_penalty=-1", [5.0, 0.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("presence_penalty=0.5", [1.5, -1.5, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("presence_penalty(value=0.5,scope=all,last_n=6)", [1.5, -1.5, 0.5, 2.5, 0.0, -2.0, 1.0, M]),
    // one after another: (2 / 2) − 3 · 0.5 − 0.25
    (
        "repetition_penalty=2,frequency_penalty=0.5,presence_penalty=0.25",
        [-0.75, -2.75, 0.5, 1.5, 0.0, -4.0, 1.0, M],
    ),
    // encoder (transformers): the penalty turned around
    ("encoder_repetition_penalty(value=2,encoder_ids=[3,5,3])", [2.0, -1.0, 0.5, 6.0, 0.0, -1.0, 1.0, M]),
    // n-grams (transformers): 0 was followed by 1 and by 7
    ("no_repeat_ngram_size=2", [2.0, M, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("no_repeat_ngram_size=1", [M, M, 0.5, M, 0.0, M, 1.0, M]),
    ("no_repeat_ngram_size=3", [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("no_repeat_ngram_size=99", [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("encoder_no_repeat_ngram_size(value=2,encoder_ids=[0,6,0,2,1,0])", [2.0, -1.0, M, 3.0, 0.0, -2.0, M, M]),
    ("encoder_no_repeat_ngram_size(value=3,encoder_ids=[7,0,4])", [2.0, -1.0, 0.5, 3.0, M, -2.0, 1.0, M]),
    // DRY (llama.cpp): "0" came before twice, r = 1 each
    ("dry(multiplier=1,base=2,allowed_length=1)", [2.0, -2.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("dry(multiplier=1,base=2,allowed_length=2)", [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("dry(multiplier=1,base=2)", [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]), // two are free
    ("dry(multiplier=-1,base=2,allowed_length=1)", [2.0, 0.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    // with length 0 all that followed anything: 1 after r = 1, the others after r = 0
    ("dry(multiplier=1,base=2,allowed_length=0)", [1.0, -3.0, 0.5, 2.0, 0.0, -2.0, 1.0, M]),
    // within the newest four, 0 was followed by 7 alone (masked)
    ("dry(multiplier=1,base=2,allowed_length=1,last_n=3)", [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    // a breaker at the end lets nothing repeat; one that would continue is not penalised
    ("dry(multiplier=1,base=2,allowed_length=1,breakers=[[0]])", [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("dry(multiplier=1,base=2,allowed_length=1,breakers=[[1]])", [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("dry(multiplier=1,base=2,allowed_length=1,breakers=[[1,4]])", [2.0, -2.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("dry(multiplier=1,base=0.5,allowed_length=1)", [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    // decay (transformers): 5 generated − 3 = 2; x + |x| (2² − 1)
    (
        "exponential_decay_length_penalty(start=3,factor=2,eos_token_id=[0,1,4])",
        [8.0, 2.0, 0.5, 3.0, 0.0, -2.0, 1.0, M],
    ),
    (
        "exponential_decay_length_penalty(start=5,factor=2,eos_token_id=0)",
        [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M],
    ),
    // biases (OpenAI): what is named twice adds up; a masked token stays masked
    (r#"logit_bias=[[0,1],[7,100],[0,0.5],[3,"-inf"]]"#, [3.5, -1.0, 0.5, M, 0.0, -2.0, 1.0, M]),
    // sequences (transformers): 7 0 is the end; all that match add up; longer than the context doesn't match
    (
        "sequence_bias=[[[6],1],[[0,6],2],[[7,0,6],4],[[1,0,6],8],[[2,5,3,0,1,0,7,0,6],16]]",
        [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 8.0, M],
    ),
    ("bad_words_ids=[[6],[0,3],[1,2]]", [2.0, -1.0, 0.5, M, 0.0, -2.0, M, M]),
    ("bad_words_ids(ids=[[6],[0,3]],eos_token_id=[6,3])", [2.0, -1.0, 0.5, M, 0.0, -2.0, 1.0, M]),
    // constraints
    ("suppress_tokens=[0,3]", [M, -1.0, 0.5, M, 0.0, -2.0, 1.0, M]),
    ("suppress_tokens=3", [2.0, -1.0, 0.5, M, 0.0, -2.0, 1.0, M]),
    ("allowed_tokens=[1,3,7]", [M, -1.0, M, 3.0, M, M, M, M]),
    ("begin_suppress_tokens(ids=[0],begin_index=7)", [M, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("begin_suppress_tokens=[0]", [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("min_length(value=8,eos_token_id=3)", [2.0, -1.0, 0.5, M, 0.0, -2.0, 1.0, M]),
    ("min_length(value=7,eos_token_id=3)", [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("min_new_tokens(value=6,eos_token_id=[3,0])", [M, -1.0, 0.5, M, 0.0, -2.0, 1.0, M]),
    ("min_new_tokens(value=5,eos_token_id=3)", [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    // forced tokens are certain even where the row masks them
    ("forced_eos_token_id(max_length=8,eos_token_id=[1,7])", [M, 0.0, M, M, M, M, M, 0.0]),
    // and where nothing is left before them
    (
        "suppress_tokens=[0,1,2,3,4,5,6,7],forced_eos_token_id(max_length=8,eos_token_id=1)",
        [M, 0.0, M, M, M, M, M, M],
    ),
    (
        "allowed_tokens=7,repetition_penalty=1.5,temperature=0.5,top_k=2,top_p=0.9,forced_eos_token_id(max_length=8,eos_token_id=7)",
        [M, M, M, M, M, M, M, 0.0],
    ),
    ("forced_eos_token_id(max_length=9,eos_token_id=1)", [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
    ("forced_bos_token_id=1", [2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, M]),
];

fn scores(chain: &str, context: &[TokenId], prompt_len: usize) -> Vec<f64> {
    let c = apply(&settings::chain(chain).unwrap(), &ROW, context, prompt_len);
    (0..8).map(|id| c.score(id).unwrap()).collect()
}

#[test]
fn worked_out_by_hand() {
    let mut failures = Vec::new();
    for (chain, want) in CASES {
        let got = scores(chain, &CONTEXT, 2);
        if got.iter().zip(want).any(|(g, w)| g != w && (g - w).abs() > 1e-12) {
            failures.push(format!("{chain}:\n  {got:?}\n  {want:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn at_the_beginning() {
    let free: Vec<f64> = ROW.iter().map(|&x| x as f64).collect();
    assert_eq!(scores("forced_bos_token_id=7", &[5], 1), [M, M, M, M, M, M, M, 0.0]);
    let masked = "suppress_tokens=[0,1,2,3,4,5,6,7],top_p=0.9,forced_bos_token_id=7";
    assert_eq!(scores(masked, &[5], 1), [M, M, M, M, M, M, M, 0.0]);
    assert_eq!(scores("begin_suppress_tokens=[3]", &[5, 5], 2)[3], M);
    for chain in ["repetition_penalty=2", "dry=1", "no_repeat_ngram_size=1", "presence_penalty=1"] {
        assert_eq!(scores(chain, &[], 0), free, "{chain}");
    }
}

/// A factor that overflows leaves finite scores, and a long repetition a finite penalty.
#[test]
fn nothing_becomes_infinite() {
    let context = vec![3; 2000];
    for chain in [
        "exponential_decay_length_penalty(start=0,factor=1e300,eos_token_id=[0,1,4])",
        "dry(multiplier=1e300)",
    ] {
        let got = scores(chain, &context, 0);
        assert!(got[..7].iter().all(|s| s.is_finite()), "{chain}: {got:?}");
    }
    // the exponent stops at ⌊88.7228391 / ln 1.75⌋ = 158
    let got = 3.0 - scores("dry(multiplier=1e-30)", &context, 0)[3];
    assert!((got / (1e-30 * 1.75_f64.powi(158)) - 1.0).abs() < 1e-9, "{got}");
}

#[test]
fn ids_outside_the_vocabulary() {
    // in a history they are passed over
    let context = [0, 8, 4_000_000_000];
    for chain in
        ["repetition_penalty=2", "frequency_penalty=1", "presence_penalty=1", "no_repeat_ngram_size=1"]
    {
        assert!(scores(chain, &context, 0)[0] < 2.0, "{chain}");
    }
    // in parameters they are errors
    for (chain, name) in [
        ("logit_bias=[[8,1]]", "logit_bias"),
        ("sequence_bias=[[[8,1],1]]", "sequence_bias"),
        ("bad_words_ids=[[8]]", "bad_words_ids"),
        ("suppress_tokens=[1,8]", "suppress_tokens"),
        ("begin_suppress_tokens=[8]", "begin_suppress_tokens"),
        ("allowed_tokens=[8]", "allowed_tokens"),
        ("min_length(value=1,eos_token_id=8)", "min_length"),
        ("min_new_tokens(value=1,eos_token_id=8)", "min_new_tokens"),
        ("forced_bos_token_id=8", "forced_bos_token_id"),
        ("forced_eos_token_id(max_length=1,eos_token_id=8)", "forced_eos_token_id"),
        (
            "exponential_decay_length_penalty(start=0,factor=2,eos_token_id=8)",
            "exponential_decay_length_penalty",
        ),
        ("encoder_repetition_penalty(value=2,encoder_ids=[8])", "encoder_repetition_penalty"),
        ("encoder_no_repeat_ngram_size(value=2,encoder_ids=[8])", "encoder_no_repeat_ngram_size"),
        ("dry(multiplier=1,breakers=[[8]])", "dry breakers"),
    ] {
        let mut c = Candidates::default();
        c.load(Row::dense(ROW.to_vec()), 0, 0).unwrap();
        let said = settings::chain(chain).unwrap().apply_alone(&mut c).unwrap_err().to_string();
        let want = format!("{name} id 8: the id is outside the vocabulary of 8 tokens (0 to 7)");
        assert!(said.starts_with(&want), "{said}");
    }
}

/// What a chain says that it reads of the history: without a prefix of an n-gram there is none to match.
#[test]
fn n_grams_of_the_prompt_read_the_history_from_two_on() {
    for (n, reads) in [(0, false), (1, false), (2, true), (3, true)] {
        let chain = format!("encoder_no_repeat_ngram_size(value={n},encoder_ids=[1,2])");
        assert_eq!(settings::chain(&chain).unwrap().needs().history, reads, "{chain}");
    }
}

#[test]
fn what_is_out_of_range_is_refused_with_the_range() {
    for (chain, message) in [
        ("repetition_penalty=0", "repetition_penalty 0: must be a finite number above 0 (1 is off)"),
        (
            "repetition_penalty(value=2,last_n=-2)",
            "last_n -2: must be -1 (all), 0 (off) or a number of tokens",
        ),
        ("frequency_penalty=1e999", "frequency_penalty"),
        ("encoder_repetition_penalty(value=0,encoder_ids=[])", "must be a finite number above 0 (1 is off)"),
        ("encoder_repetition_penalty(value=-1,encoder_ids=[])", "must be a finite number above 0 (1 is off)"),
        ("dry(multiplier=1,base=-1)", "dry base -1: must be a finite number, 1 or more (below 1 is off)"),
        ("dry(multiplier=1,breakers=[[]])", "dry breakers []: must be lists of at least one id"),
        ("dry(multiplier=1,last_n=-2)", "last_n -2: must be -1 (all), 0 (off) or a number of tokens"),
        ("logit_bias=[[1,\"inf\"]]", "must be a finite number or \"-inf\""),
        ("sequence_bias=[[[],1]]", "sequence_bias []: must be for at least one id each"),
        ("bad_words_ids=[[]]", "bad_words_ids []: must be lists of at least one id each"),
        ("allowed_tokens=[]", "allowed_tokens []: must be a list of at least one id"),
        (
            "exponential_decay_length_penalty(start=0,factor=0,eos_token_id=1)",
            "exponential_decay_length_penalty factor 0: must be a finite number above 0 (1 is off)",
        ),
        (
            "forced_eos_token_id(max_length=0,eos_token_id=1)",
            "forced_eos_token_id max_length 0: must be 1 or more",
        ),
        ("min_length=3", "missing field `eos_token_id`"),
        ("suppress_tokens=[-1]", "suppress_tokens"),
    ] {
        let said = settings::chain(chain).map(|c| c.json()).unwrap_err().to_string();
        assert!(said.contains(message), "{chain}: {said}");
    }
}

/// Guidance against a recorded row; both forms give one distribution.
#[test]
fn guidance() {
    let rows = crate::support::common::rows("processors/logits.npy");
    let mut input = fixture("processors/logits.npy").to_str().unwrap().to_string();
    let chain = |value: f64, form: &str, input: &str| {
        let p = json!({"value": value, "form": form, "uncond_input": input, "uncond_row": 8});
        settings::chain(&json!([{"guidance_scale": p}]).to_string()).unwrap()
    };
    let normalised = apply(&chain(3.0, "log_softmax", &input), &rows[0], &[], 0);
    let plain = apply(&chain(3.0, "logits", &input), &rows[0], &[], 0);
    for ((a, p), (b, q)) in normalised.probabilities().into_iter().zip(plain.probabilities()) {
        assert!(a == b && (p - q).abs() <= 1e-12 * p, "{p} {q}");
    }
    for (id, score) in plain.members() {
        let (l, u) = (rows[0][id as usize] as f64, rows[8][id as usize] as f64);
        assert!((score - (u + 3.0 * (l - u))).abs() < 1e-4);
    }
    // g = 1 is off, and the record keeps the path as it was written
    assert!(chain(1.0, "logits", &input).is_empty());
    let record = chain(3.0, "logits", &input).json();
    assert_eq!(record[0]["guidance_scale"]["uncond_input"], input.as_str());

    // both inputs are named where they don't fit
    let mut c = Candidates::default();
    c.load(Row::dense(vec![0.0; 8]), 0, 0).unwrap();
    let said = chain(2.0, "logits", &input).apply_alone(&mut c).unwrap_err().to_string();
    assert!(said.contains("the row has 8 logits, that of") && said.contains("has 1000"), "{said}");
    let p = json!([{"guidance_scale": {"value": 2, "uncond_input": input}}]);
    let cx = Context { context: &[], prompt_len: 0, sequence: 0, step: 9, coins: &0.0 };
    c.load(Row::dense(rows[0].clone()), 0, 9).unwrap();
    let said = settings::chain(&p.to_string()).unwrap().apply(&mut c, &cx).unwrap_err().to_string();
    assert!(said.contains("has no row at sequence 0, step 9: both must have the same shape"), "{said}");
    input.push_str(".missing");
    let p = json!([{"guidance_scale": {"value": 2, "uncond_input": input}}]);
    assert!(settings::chain(&p.to_string()).unwrap_err().to_string().contains(&input));
}

/// O'Brien & Lewis 2023: plausible tokens, then (1 + β) expert − β amateur.
#[test]
fn contrast() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("amateur.json");
    std::fs::write(&file, "[[1, 1, 1, 2, 1, 1, 1, -Infinity]]").unwrap();
    let chain = |alpha: f64, beta: f64| {
        let p = json!({"alpha": alpha, "beta": beta, "amateur_input": file});
        settings::chain(&json!([{"contrastive": p}]).to_string()).unwrap()
    };
    let scores = |alpha: f64, beta: f64| {
        let c = apply(&chain(alpha, beta), &ROW, &[], 0);
        (0..8).map(|id| c.score(id).unwrap()).collect::<Vec<f64>>()
    };
    // e^−1 · max p: the tokens within 1 nat of the best
    let cut = (-1.0_f64).exp();
    assert_eq!(scores(cut, 0.5), [2.5, M, M, 3.5, M, M, M, M]);
    assert_eq!(scores(cut * 1.001, 0.5), [M, M, M, 3.5, M, M, M, M]);
    assert_eq!(scores(0.0, 1.0), [3.0, -3.0, 0.0, 4.0, -1.0, -5.0, 1.0, M]);
    assert!(chain(0.0, 0.0).is_empty());

    let mut c = Candidates::default();
    c.load(Row::dense(vec![1.0; 8]), 0, 0).unwrap();
    let said = chain(0.1, 0.5).apply_alone(&mut c).unwrap_err().to_string();
    assert!(said.contains("token 7: contrastive:") && said.contains("masks this token"), "{said}");
}

#[test]
fn prefixes() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tree.jsonl");
    let open = |text: &str, missing: &str| {
        std::fs::write(&file, text).unwrap();
        let p: Value = json!([{"prefix_constraint": {"input": file, "missing": missing}}]);
        settings::chain(&p.to_string())
    };
    let tree = "{\"prefix\":[],\"allowed\":[3,0]}\n\n{\"prefix\":[0],\"allowed\":[6]}\n";
    let run = |missing: &str, context: &[TokenId]| {
        let mut c = Candidates::default();
        c.load(Row::dense(ROW.to_vec()), 0, 0).unwrap();
        let cx = Context { context, prompt_len: 1, sequence: 2, step: 4, coins: &0.0 };
        open(tree, missing)
            .unwrap()
            .apply(&mut c, &cx)
            .map(|()| crate::support::common::ids(&c))
            .map_err(|e| e.to_string())
    };
    assert_eq!(run("error", &[5]), Ok(vec![0, 3]));
    assert_eq!(run("error", &[5, 0]), Ok(vec![6]));
    assert!(run("error", &[5, 3]).unwrap_err().contains("sequence 2, step 4: no line for the prefix [3]"));
    assert_eq!(run("free", &[5, 3]).unwrap().len(), 7);
    for (text, what) in [
        ("{\"prefix\":[1]}", "line 1: missing field `allowed`"),
        ("{\"prefix\":[1],\"allowed\":[]}", "line 1: no token is allowed"),
        (
            "{\"prefix\":[1],\"allowed\":[2]}\n{\"prefix\":[1],\"allowed\":[3]}",
            "line 2: the prefix came before",
        ),
    ] {
        let said = open(text, "error").map(|c| c.json()).unwrap_err().to_string();
        assert!(said.contains(what), "{said}");
    }
}

/// transformers keeps the sequences in a dictionary: of one that comes twice the last bias counts.
#[test]
fn of_a_sequence_that_comes_twice_the_last_bias_counts() {
    let chain = settings::chain("sequence_bias=[[[0],5],[[1],1],[[0],-2]]").unwrap();
    let c = apply(&chain, &[1.0, 2.0], &[], 0);
    assert_eq!(c.members().collect::<Vec<_>>(), [(0, -1.0), (1, 3.0)]);
}
