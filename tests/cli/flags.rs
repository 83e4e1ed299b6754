//! Every processor by its flags and by `--chain`: both give the same distribution.

use crate::run::{tokpick, words};

/// Flags, and the same as a chain.
const BOTH_WAYS: &[(&str, &str)] = &[
    ("--temperature 0.7", "temperature=0.7"),
    ("-t 0.7 -k 40 -p 0.9", "temperature=0.7,top-k=40,top-p=0.9"),
    ("--top-k 7 --min-tokens-to-keep 9", "top-k(value=7,min_tokens_to_keep=9)"),
    ("--top-p 0.3", "top_p=0.3"),
    ("--repetition-penalty 1.3", "repetition-penalty=1.3"),
    (
        "--repetition-penalty 1.3 --penalty-last-n 2 --penalty-scope generated",
        "repetition-penalty(value=1.3,last_n=2,scope=generated)",
    ),
    ("--no-repeat-ngram-size 2", "no_repeat_ngram_size=2"),
    ("--min-new-tokens 9 --eos-token-id 0", "min_new_tokens(value=9,eos_token_id=[0])"),
];

const HISTORY: &str = "--prompt-ids 307,318,278,372,307 --prefix-ids 1,2,1";

#[test]
fn flags_and_chains_agree() {
    for (flags, chain) in BOTH_WAYS {
        let probs = |more: &[&str]| {
            let base = words("probs steps-small.json -f json");
            tokpick(&[&base, &words(HISTORY), more].concat()).text()
        };
        let by_flags = probs(&words(flags));
        assert!(by_flags == probs(&["--chain", chain]), "{flags} | {chain}");
        assert!(by_flags != probs(&[]), "{flags} must do something");
    }
}

#[test]
fn every_processor_has_its_flag() {
    let help = tokpick(&["sample", "--help"]).text();
    for info in tokpick::processor::INFOS {
        assert!(
            help.contains(&format!("{} ", info.flag)) || help.contains(&format!("{}\n", info.flag)),
            "{}",
            info.flag
        );
        let covered = BOTH_WAYS.iter().any(|(flags, _)| words(flags).contains(&info.flag));
        assert!(covered, "no case for {}", info.flag);
    }
}
