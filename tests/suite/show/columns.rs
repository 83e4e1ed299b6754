//! Tokens of every script keep the columns.

use unicode_width::UnicodeWidthStr;

use crate::support::run::{tokpick, with_input, words};

/// Six tokens that disturb tables which count characters: CJK, an emoji of several parts, a combining mark alone, Hebrew, controls,
/// and one of 10,000 letters.
pub fn hostile() -> Vec<u8> {
    let long = "x".repeat(10_000);
    let vocab = serde_json::json!([
        "日本語",
        "👩\u{200d}💻",
        "\u{301}",
        "שלום",
        "\u{1b}[2J\u{202e}\n",
        long,
        "</text>]]>\"'&"
    ]);
    serde_json::json!({"logits": [[2.0, 1.5, 1.0, 0.5, 0.25, 0.125, 0.0]], "vocab": vocab})
        .to_string()
        .into_bytes()
}

#[test]
fn of_info_and_score() {
    for width in [60, 80, 120] {
        let text = with_input(&words(&format!("info --top 7 --width {width}")), &hostile()).text();
        assert!(text.contains("<ESC>[2J<U+202E>⏎") && text.contains("◌\u{301}"), "{text}");
        for id in 0..7 {
            let args = format!("score --ids {id} --width {width}");
            let text = with_input(&words(&args), &hostile()).text();
            assert!(text.lines().all(|l| l.width() <= width), "{text}");
        }
    }
}

#[test]
fn one_is_not_several() {
    let one = with_input(&words("info"), br#"{"logits":[[1]],"vocab":["a"]}"#).text();
    assert!(one.contains("1 token string\n") && one.contains("1 sequence,"), "{one}");
    let score = with_input(&words("score --ids 0"), b"[[1,2]]").text();
    assert!(score.contains("1 token, log-probability"), "{score}");
    let verify = with_input(&words("verify - --greedy --ids 1"), b"[[1,2]]").text();
    assert!(verify.contains("1 of 1 step match"), "{verify}");
}

#[test]
fn what_is_not_explained_is_said_plainly() {
    let run = |more: &str| {
        let args =
            format!("verify ../draws/logits-7.npy --engine torch --seed 0 --ids 1,4,1,3,0,6,5,3 {more}");
        String::from_utf8(tokpick(&words(&args)).out).unwrap()
    };
    let exact = run("");
    assert!(
        exact.contains("not explained        1 mismatch (--logit-noise says how exact the logits are;"),
        "{exact}"
    );
    let noisy = run("--logit-noise 0.001 --width 120");
    assert!(
        noisy.contains(
            "1 mismatch (noise of 0.001 nats on the logits makes such a mismatch with less than p = 0.001)"
        ),
        "{noisy}"
    );
}

/// A screen has columns that a line can be made for.
#[test]
fn of_a_screen_that_none_is() {
    for command in [
        "explain steps.npy",
        "info steps.npy",
        "compare steps.npy",
        "tree steps.npy",
        "score steps.npy --ids 1",
    ] {
        for width in ["0", "39", "10001", "4294967296", "18446744073709551616", "-1", "wide"] {
            let error = tokpick(&words(&format!("{command} --width={width}"))).failure();
            assert!(error.contains("--width") && error.contains("40 to 10000"), "{command}: {error}");
        }
    }
    let widest = tokpick(&words("explain steps.npy --step 0 --seed 1 --width 10000")).text();
    assert!(widest.lines().all(|line| line.chars().count() <= 10_000));
}
