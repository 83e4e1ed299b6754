//! Command lines that almost say what was meant.

use crate::support::run::{tokpick, words};

#[test]
fn help_is_a_command_too() {
    assert_eq!(tokpick(&["help", "sample"]).text(), tokpick(&["sample", "--help"]).text());
    assert_eq!(tokpick(&["help"]).text(), tokpick(&["--help"]).text());
    assert!(tokpick(&["help", "nosuch"]).failure().contains("unrecognized subcommand 'nosuch'"));
}

#[test]
fn a_file_without_a_command_is_met_with_the_right_line() {
    for (line, meant) in [
        ("steps.npy", "tokpick greedy steps.npy"),
        ("steps.npy --max-new-tokens 3", "tokpick greedy steps.npy --max-new-tokens 3"),
        ("steps.npy -t 0.8 -s 1", "tokpick sample steps.npy -t 0.8 -s 1"),
        ("--top-k 5 steps.npy", "tokpick sample steps.npy --top-k 5"),
        ("-b 4 batch.npy", "tokpick beam batch.npy -b 4"),
        ("nosuch.npy", "tokpick greedy nosuch.npy"),
        ("- -n 2", "tokpick sample - -n 2"),
    ] {
        let said = tokpick(&words(line)).failure();
        assert!(said.ends_with(&format!("did you mean `{meant}`?")), "{line}: {said}");
    }
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("run").to_str().unwrap().to_string();
    tokpick(&["greedy", "steps.npy", "--record", &record]).text();
    let said = tokpick(&[&record]).failure();
    assert!(said.ends_with(&format!("`tokpick verify {record}`?")), "{said}");
    assert!(tokpick(&["guess", "steps.npy"]).failure().contains("unrecognized subcommand 'guess'"));
    assert!(tokpick(&["frobnicate"]).failure().contains("unrecognized subcommand 'frobnicate'"));
}

#[test]
fn a_flag_that_needs_another_names_it() {
    for (line, said) in [
        ("greedy steps.npy --dry-last-n 5", "--dry-last-n 5: needs --dry-multiplier, too"),
        ("probs steps.npy --dry-base 2 --dry-last-n 5", "needs --dry-multiplier, too"),
        ("probs steps.npy --smoothing-curve 2", "--smoothing-curve 2: needs --smoothing-factor, too"),
        ("probs steps.npy --uncond batch.npy", "--uncond batch.npy: needs --guidance-scale, too"),
        ("probs steps.npy --contrastive-alpha 0.2", "--contrastive-alpha 0.2: needs --amateur, too"),
    ] {
        let failure = tokpick(&words(line)).failure();
        assert!(failure.ends_with(said), "{line}: {failure}");
    }
    let ran = tokpick(&words("probs steps.npy -t 0.8 --dynatemp-exponent 2"));
    assert!(ran.err.contains("no effect without --dynatemp-range: --dynatemp-exponent"), "{}", ran.err);
}

/// `--max-length` counts the prompt: what is near in meaning is proposed, not what is near in letters.
#[test]
fn a_limit_of_other_engines_is_met_with_ours() {
    for flag in ["--max-length", "--max_length", "--max-len"] {
        for command in ["sample", "beam", "greedy"] {
            let ran = tokpick(&[command, "steps.npy", flag, "5"]);
            assert!(
                ran.err.contains("'--max-new-tokens'") && !ran.err.contains("'--min-length'"),
                "{}",
                ran.err
            );
            ran.failure();
        }
    }
    // a command without that flag proposes nothing
    assert!(!tokpick(&["info", "steps.npy", "--max-length", "5"]).err.contains("max-new-tokens"));
}

#[test]
fn long_values_are_quoted_in_part() {
    let long = "x".repeat(100_000);
    let chain = format!("{}frob", "top-k=5,".repeat(12_000));
    for (flag, value) in [
        ("--chain", chain.as_str()),
        ("--chain", &long),
        ("--layout", &long),
        ("--logit-bias", &long),
        ("--order", &long),
        ("--eos-token-id", &long),
        ("--format", &long),
        ("--seed", &long),
        ("--engine", &long),
    ] {
        let ran = tokpick(&["sample", "steps.npy", flag, value]);
        assert!(ran.err.len() < 2000, "{flag}: {} bytes", ran.err.len());
        ran.failure();
    }
}
