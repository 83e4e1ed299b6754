//! Every command keeps to the screen, and to ASCII where that is asked for.

use unicode_width::UnicodeWidthStr;

use crate::support::run::{tokpick, words};

/// A command line or more for each command with a look: no tokens have strings here, so that all is said by tokpick itself.
const VIEWS: [&str; 26] = [
    "compare steps.npy --with greedy --with top_p=0.9 --with temperature=0.5,top-k=4 --seed 1",
    "compare steps.npy --sweep temperature=0.25..2:0.25 --seed 1 --rows 0..4",
    "compare steps.npy --sweep temperature=0.5,1 --sweep top_p=0.5,1 --seed 1 --rows 0..4",
    "diff batch.npy batch-f16.npy",
    "diff steps.npy steps.npy --overlap-k 3",
    "diff ../formats/kld/lm512-f32.kld ../formats/kld/lm512-q8_0.kld",
    "engines",
    "engines llama.cpp",
    "explain steps.npy --seed 1 --step 0 --top-p 0.9 --temperature 0.7 --prompt-ids 1,2,3,4,5,6,7,8,9,10",
    "explain steps.npy --seed 1 --step 0..2 --min-p 0.1 --draw gumbel",
    "explain steps.npy --seed 1 --step 3 --engine llama.cpp --top-k 20 --top-p 0.9",
    "info steps.npy",
    "info batch.npy --top 9",
    "info steps-small.json --rows 0..1",
    "processors",
    "processors repetition_penalty",
    "sample steps.npy --rows 0..2 -n 50 --seed 7 --histogram",
    "score steps.npy --top-p 0.9 --ids 307,318,278,372",
    "score steps.npy --ids 307,318,278,372 -f text",
    "tree steps.npy --num-beams 3 --rows 0..4 --exact",
    "tree steps.npy --num-beams 4 --rows 0..6 --pruned 2 --exact --max-nodes 8",
    "verify steps.npy --ids 307,318,278,372 --greedy",
    "verify steps.npy --ids 1,2,3,4 --seed 7 --logit-noise 0.1",
    "verify steps.npy --ids 1,2,3,4 --seed 7 --engine vllm-v2 --position 0 --logit-noise 0.1",
    "verify steps.npy --ids 1,2,3,4 --seed 7 --engine sglang --position 0",
    "verify steps.npy --ids 1,2,3,4 --guess --seeds 0..10 --positions 0..10",
];

/// The commands that take `--ascii`, as their help has them.
fn with_a_look() -> Vec<String> {
    let help = tokpick(&["--help"]).text();
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| line.split_whitespace().next().map(str::to_string));
    names.filter(|name| tokpick(&[name, "--help"]).text().contains("--ascii")).collect()
}

/// What a view shows at a width; a check may say no.
fn shown(view: &str, width: usize, more: &str) -> String {
    let ran = tokpick(&words(&format!("{view} --width {width} {more}")));
    assert!(matches!(ran.status, Some(0 | 1)), "{view}: {}", ran.err);
    String::from_utf8(ran.out).unwrap()
}

#[test]
fn ascii_is_ascii_and_lines_fit() {
    let folder = tempfile::tempdir().unwrap();
    let vocab = folder.path().join("vocab.json");
    std::fs::write(&vocab, r#"["a word", "another", "a third one"]"#).unwrap();
    let tokens = format!("tokens 0,1,2,1,0,2 --vocab {}", vocab.display());
    let views: Vec<&str> = VIEWS.into_iter().chain([tokens.as_str()]).collect();
    for name in with_a_look() {
        assert!(views.iter().any(|view| words(view)[0] == name), "no view of {name}");
    }
    for view in views {
        // the table of llama-perplexity has its own width
        let own_width = view.contains(".kld");
        for width in [40, 80, 120] {
            let text = shown(view, width, "--ascii");
            assert!(text.is_ascii(), "{view}: {:?}", text.lines().find(|line| !line.is_ascii()));
            for line in text.lines().chain(shown(view, width, "").lines()) {
                assert!(
                    own_width || line.width() <= width,
                    "{view}: {} columns at {width}: {line}",
                    line.width()
                );
            }
        }
    }
}

/// Prose isn't cut where it goes on in the next line.
#[test]
fn nothing_is_lost_in_narrow_lists() {
    for view in ["engines", "processors", "processors top_k"] {
        let letters = |text: String| text.split_whitespace().collect::<String>();
        let [narrow, wide] = [40, 10_000].map(|width| shown(view, width, ""));
        assert!(!narrow.contains('\u{2026}'), "{view}: {narrow}");
        if view != "processors" {
            assert_eq!(letters(narrow), letters(wide), "{view}");
        }
    }
}

/// A lesson follows the terminal, the commands that it runs too; a command is shown on one line, to be typed.
#[cfg(unix)]
#[test]
fn lessons_follow_the_terminal() {
    use crate::cli::progress::on_terminal;
    for line in ["lesson", "lesson 2", "lesson 7"] {
        let Some(text) = on_terminal(&format!("stty rows 24 cols 40 && NO_COLOR=1 tokpick {line}")) else {
            return;
        };
        // progress has been here, and is cleared
        let left = text.lines().filter_map(|line| line.trim_end_matches('\r').rsplit("\x1b[2K").next());
        for line in left {
            let is_command = line.contains("$ tokpick ") || line.starts_with("  tokpick ");
            // remarks go to standard error, which has no tables
            let is_note = line.starts_with("tokpick: note:");
            // results are no prose: ids stay on a line
            let are_ids = line.split(' ').all(|word| word.parse::<u32>().is_ok());
            assert!(is_command || is_note || are_ids || line.width() <= 40, "{}: {line:?}", line.width());
        }
    }
}

/// One processor, by its name, the name of its flag, or that of a parameter.
#[test]
fn one_processor_is_shown() {
    let top_p = tokpick(&["processors", "top_p"]).text();
    assert!(top_p.starts_with("top_p: keeps "), "{top_p}");
    for part in
        ["\n  flag: --top-p", "\n  kind: Truncation\n", "\n  off: 1\n", "\n  order hf: ", "\n  order vllm: "]
    {
        assert!(top_p.contains(part), "{part}: {top_p}");
    }
    for name in ["top-p", "--top-p"] {
        assert_eq!(tokpick(&["processors", "--", name]).text(), top_p);
    }
    assert!(tokpick(&["processors", "dry-base"]).text().starts_with("dry: "));
    let json = tokpick(&["processors", "top_p", "-f", "json"]).json();
    assert_eq!(json["processors"].as_array().map(Vec::len), Some(1));
    assert_eq!(json["processors"][0]["name"], "top_p");
    let markdown = tokpick(&["processors", "top_p", "--markdown"]).text();
    assert_eq!(markdown.lines().count(), 3);
    let said = tokpick(&["processors", "top_q"]).failure();
    assert!(said.starts_with("NAME top_q: no such processor (did you mean "), "{said}");
}
