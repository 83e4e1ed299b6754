//! Every processor by its flags and by `--chain`: both give the same distribution.

use crate::support::run::{Ran, tokpick, words};

/// Flags, and the same as a chain; both after [`HISTORY`].
const BOTH_WAYS: &[(&str, &str)] = &[
    ("--temperature 0.7", "temperature=0.7"),
    ("-t 0.7 -k 40 -p 0.9", "temperature=0.7,top-k=40,top-p=0.9"),
    ("--dynatemp-range 0.5", "dynamic_temperature(temperature=1,range=0.5)"),
    (
        "-t 0.8 --dynamic-temperature-range 0.5 --dynatemp-exp 2",
        "dynamic_temperature(temperature=0.8,range=0.5,exponent=2)",
    ),
    ("--smoothing-factor 0.2", "smoothing(factor=0.2)"),
    ("--smoothing-factor 0.2 --smoothing-curve 2", "smoothing(factor=0.2,curve=2)"),
    ("--softcap 5", "softcap=5"),
    ("--top-k 7 --min-tokens-to-keep 9", "top-k(value=7,min_tokens_to_keep=9)"),
    ("--top-p 0.3 --min-tokens-to-keep 9", "top-p(value=0.3,min_tokens_to_keep=9)"),
    ("--min-p 0.05", "min_p=0.05"),
    ("--typical-p 0.4", "typical_p=0.4"),
    ("--epsilon-cutoff 0.001", "epsilon_cutoff=0.001"),
    ("--eta-cutoff 0.01", "eta_cutoff=0.01"),
    ("--top-h 0.4", "top_h=0.4"),
    ("--top-n-sigma 1", "top_n_sigma=1"),
    ("--top-a 0.2", "top_a=0.2"),
    ("--tail-free 0.5", "tail_free=0.5"),
    ("--p-less", "p_less=true"),
    ("--p-less-norm", "p_less_norm=true"),
    ("--xtc-probability 1 --xtc-threshold 0.05 --seed 1", "xtc(probability=1,threshold=0.05)"),
    ("--repetition-penalty 1.3", "repetition-penalty=1.3"),
    (
        "--repetition-penalty 1.3 --penalty-last-n 2 --penalty-scope generated",
        "repetition-penalty(value=1.3,last_n=2,scope=generated)",
    ),
    ("--presence-penalty 0.5", "presence_penalty=0.5"),
    ("--presence-penalty 0.5 --penalty-scope all", "presence_penalty(value=0.5,scope=all)"),
    ("--frequency-penalty -0.5", "frequency_penalty=-0.5"),
    ("--no-repeat-ngram-size 2", "no_repeat_ngram_size=2"),
    ("--dry-multiplier 0.8 --dry-allowed-length 1", "dry(multiplier=0.8,allowed_length=1)"),
    (
        "--dry-multiplier 0.8 --dry-base 1.5 --dry-allowed-length 1 --dry-last-n 6 --dry-breakers 9;3,4",
        "dry(multiplier=0.8,base=1.5,allowed_length=1,last_n=6,breakers=[[9],[3,4]])",
    ),
    (
        "--encoder-repetition-penalty 1.5 --encoder-ids 261,259",
        "encoder_repetition_penalty(value=1.5,encoder_ids=[261,259])",
    ),
    (
        "--encoder-repetition-penalty 1.5",
        "encoder_repetition_penalty(value=1.5,encoder_ids=[307,318,278,372,307])",
    ),
    (
        "--encoder-no-repeat-ngram-size 1 --encoder-ids 261,259",
        "encoder_no_repeat_ngram_size(value=1,encoder_ids=[261,259])",
    ),
    (
        "--exponential-decay-length-penalty 1,1.5 --eos-token-id 0",
        "exponential_decay_length_penalty(start=1,factor=1.5,eos_token_id=[0])",
    ),
    ("--logit-bias 307=-1.5,318=-inf,5=2", r#"logit_bias=[[307,-1.5],[318,"-inf"],[5,2]]"#),
    ("--sequence-bias [[[261],-2],[[2,1,259],3]]", "sequence_bias=[[[261],-2],[[2,1,259],3]]"),
    ("--bad-words-ids 261;2,1,307", "bad_words_ids=[[261],[2,1,307]]"),
    ("--bad-words-ids [[0],[261]] --eos-token-id 0", "bad_words_ids(ids=[[0],[261]],eos_token_id=0)"),
    ("--suppress-tokens 307,261", "suppress_tokens=[307,261]"),
    ("--allowed-tokens 307,261", "allowed_tokens=[307,261]"),
    ("--min-length 20 --eos-token-id 0,307", "min_length(value=20,eos_token_id=[0,307])"),
    ("--min-new-tokens 9 --eos-token-id 0", "min_new_tokens(value=9,eos_token_id=[0])"),
    ("--forced-eos-token-id 5,9 --max-new-tokens 1", "forced_eos_token_id(max_length=9,eos_token_id=[5,9])"),
    ("--renormalize-logits --softcap 5", "softcap=5,renormalize_logits=true"),
    (
        "--renormalize-logits --softcap 5 --order renormalize-logits,softcap",
        "renormalize_logits=true,softcap=5",
    ),
    ("-t 2 -p 0.9 --order llama.cpp", "top_p=0.9,temperature=2"),
    ("-t 2 --min-p 0.2 -k 5 --order vllm", "temperature=2,min_p=0.2,top_k=5"),
    ("-t 2 --min-p 0.2 -k 5 --order hf", "temperature=2,top_k=5,min_p=0.2"),
    ("--guidance-scale 1.5 --uncond batch.npy", "guidance_scale(value=1.5,uncond_input=batch.npy)"),
    (
        "--guidance-scale 1.5 --uncond steps.npy --uncond-row 9 --guidance-form logits",
        "guidance_scale(value=1.5,uncond_input=steps.npy,uncond_row=9,form=logits)",
    ),
    ("--amateur batch.npy", "contrastive(amateur_input=batch.npy)"),
    (
        "--amateur batch.npy --contrastive-alpha 0.05 --contrastive-beta 0.3",
        "contrastive(amateur_input=batch.npy,alpha=0.05,beta=0.3)",
    ),
];

const HISTORY: &str = "--prompt-ids 307,318,278,372,307 --prefix-ids 1,2,1";

/// The distributions after a history; the first row says enough where there is one token to go.
fn probs(history: &str, more: &[&str]) -> Ran {
    let base = words("probs steps-small.json -f json");
    tokpick(&[&base, &words(history), more].concat())
}

/// Runs both ways, and checks that they do something.
fn agree(history: &str, flags: &str, chain: &str) {
    let by_flags = probs(history, &words(flags)).text();
    let mut more = vec!["--chain", chain];
    for shared in ["--seed 1", "--max-new-tokens 1"] {
        if flags.contains(shared) {
            more.extend(words(shared));
        }
    }
    assert!(by_flags == probs(history, &more).text(), "{flags} | {chain}");
    let nothing = if flags.contains("--max-new-tokens") { &more[2..] } else { &[] };
    assert!(by_flags != probs(history, nothing).text(), "{flags} must do something");
}

#[test]
fn flags_and_chains_agree() {
    for (flags, chain) in BOTH_WAYS {
        agree(HISTORY, flags, chain);
    }
}

#[test]
fn flags_of_the_beginning() {
    agree("--prompt-ids 307,318", "--begin-suppress-tokens 307", "begin_suppress_tokens=[307]");
    agree("--prompt-ids 0", "--forced-bos-token-id 5", "forced_bos_token_id=5");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("allowed.jsonl");
    std::fs::write(&file, "{\"prefix\":[],\"allowed\":[5,307]}\n").unwrap();
    let file = file.to_str().unwrap();
    agree("", &format!("--prefix-constraint {file}"), &format!("prefix_constraint(input={file})"));
    let free = "--prefix-ids 3 --prefix-constraint-missing free";
    let ran = probs(free, &["--prefix-constraint", file]).text();
    assert!(ran == probs("--prefix-ids 3", &[]).text());
}

#[test]
fn broken_rows_are_repaired_by_flag_and_chain() {
    let input = b"[[1,NaN,Infinity]]";
    let by_flag = crate::support::run::with_input(&["probs", "--remove-invalid-values"], input).text();
    assert_eq!(
        by_flag,
        crate::support::run::with_input(&["probs", "--chain", "remove_invalid_values=true"], input).text()
    );
}

#[test]
fn every_processor_has_its_flag() {
    let help = tokpick(&["sample", "--help"]).text();
    let tested = include_str!("flags.rs");
    for info in tokpick::processor::INFOS {
        let flag = info.flag();
        let alone = |end: &str| help.contains(&format!("{flag}{end}"));
        assert!(alone(" ") || alone("\n"), "{flag} is no flag");
        assert!(tested.contains(&flag), "no case for {flag}");
    }
}
