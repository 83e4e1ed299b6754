//! `tree` draws what a beam search considered.

use super::parse::{html, svg};
use super::{at_every_width, snapshot};
use crate::support::run::{fixture, tokpick, with_input, words};

/// The textbook's tree.
fn dog(more: &str) -> String {
    let (table, vocab) = (fixture("teaching/the-dog-has.jsonl"), fixture("teaching/the-dog-has-vocab.json"));
    format!("tree {} --vocab {} --prompt-ids 1 --max-new-tokens 2 {more}", table.display(), vocab.display())
}

#[test]
fn a_search_is_a_tree() {
    at_every_width("tree", &dog("--num-beams 2 --length-penalty 0 --exact"));
    at_every_width("tree-deep", "tree steps.npy --vocab vocab.json --num-beams 3 --pruned 1");
    let svg = tokpick(&words(&dog("--num-beams 2 --length-penalty 0 --exact -f svg"))).text();
    let foot = svg.lines().filter(|l| l.contains("tp-small")).count();
    assert!(foot > 3);
    // the command at the foot names a folder of this machine
    let made = svg.find("tokpick tree").unwrap();
    snapshot("tree.svg", &svg[..svg[..made].rfind("<text").unwrap()]);
}

#[test]
fn greedy_and_the_true_best_are_marked() {
    let text = tokpick(&words(&dog("--num-beams 2 --length-penalty 0 --exact"))).text();
    let line = |token: &str| {
        text.lines().find(|l| l.contains(token)).unwrap_or_else(|| panic!("{token}: {text}")).to_string()
    };
    assert!(line("·woman").contains("greedy ends here"), "{text}");
    assert!(line("·has").contains("best · true best") && line("·has").contains(".360"), "{text}");
    assert!(line("·car").contains("pruned"), "{text}");
    let unbroken = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(unbroken(&text).contains("greedy missed it by 0.5878 nats; exact search agrees"), "{text}");
    let narrow = tokpick(&words(&dog("--num-beams 1 --length-penalty 0 --exact"))).text();
    assert!(unbroken(&narrow).contains("a search error: the true best has 0.5878 nats more"), "{narrow}");
}

#[test]
fn each_number_is_that_of_beam() {
    let tree = tokpick(&words("tree steps.npy --num-beams 3 --top-k 20 -f json")).json();
    let beam = tokpick(&words("beam steps.npy --num-beams 3 --top-k 20 -f json")).json();
    let (tree, best) = (&tree["trees"][0], &beam["sequences"][0]);
    assert_eq!(tree["found"][0]["ids"], best["ids"]);
    assert_eq!(tree["found"][0]["score"], best["score"]);
    let on_best: Vec<&serde_json::Value> =
        tree["nodes"].as_array().unwrap().iter().filter(|n| n["rank"] == 0).collect();
    assert_eq!(on_best.len(), best["ids"].as_array().unwrap().len());
    for (node, (id, score)) in on_best
        .iter()
        .zip(best["ids"].as_array().unwrap().iter().zip(best["processed_logprobs"].as_array().unwrap()))
    {
        assert_eq!(node["id"], *id);
        assert!((node["score"].as_f64().unwrap() - score.as_f64().unwrap()).abs() < 1e-12);
    }
    let greedy = tokpick(&words("greedy steps.npy --top-k 20 -f json")).json();
    assert_eq!(tree["greedy"]["ids"], greedy["sequences"][0]["ids"]);
}

#[test]
fn a_trace_is_the_same_tree() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.jsonl");
    let trace = trace.to_str().unwrap();
    tokpick(&["beam", "steps.npy", "--num-beams", "3", "--trace", trace]).text();
    let of_trace = tokpick(&["tree", "--from-trace", trace, "-f", "json"]).json();
    let of_search = tokpick(&["tree", "steps.npy", "--num-beams", "3", "-f", "json"]).json();
    let ids = |tree: &serde_json::Value| {
        let nodes = tree["trees"][0]["nodes"].as_array().unwrap().clone();
        nodes.iter().map(|n| (n["parent"].clone(), n["id"].clone(), n["fate"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(ids(&of_trace), ids(&of_search));
    assert_eq!(of_trace["trees"][0]["found"][0]["ids"], of_search["trees"][0]["found"][0]["ids"]);
    let none = tokpick(&["tree", "--from-trace", "vocab.json"]);
    assert_eq!(none.status, Some(2));
}

#[test]
fn graphs_and_pictures_hold_hostile_tokens() {
    let input = super::columns::hostile();
    for format in ["text", "json", "dot", "mermaid", "svg", "html"] {
        let text = with_input(&words(&format!("tree --num-beams 5 --pruned 9 -f {format}")), &input).text();
        match format {
            "svg" => svg(&text),
            "html" => html(&text),
            "dot" => {
                assert!(text.contains("</text>]]>\\\"'&"), "{text}");
                for line in text.lines().filter(|l| l.contains("label=")) {
                    let quotes = line.replace("\\\\", "").replace("\\\"", "").matches('"').count();
                    assert_eq!(quotes % 2, 0, "{line}");
                }
                if let Ok(mut child) = std::process::Command::new("dot")
                    .args(["-Tsvg", "-o", "/dev/null"])
                    .stdin(std::process::Stdio::piped())
                    .spawn()
                {
                    use std::io::Write;
                    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
                    assert!(child.wait().unwrap().success(), "{text}");
                }
            }
            "mermaid" => {
                for line in text.lines().filter(|l| l.contains("[\"")) {
                    let label = line.split_once("[\"").unwrap().1.strip_suffix("\"]").unwrap();
                    assert!(!label.contains(['"', '<', '>', '[', ']']), "{line}");
                }
            }
            _ => {}
        }
    }
}

#[test]
fn another_search_is_another_picture() {
    for format in ["text", "json", "dot", "mermaid", "svg", "html"] {
        let show = |more: &str| {
            tokpick(&words(&format!("tree steps.npy -f {format} {more}"))).text().replace(more, "")
        };
        assert_ne!(show("--num-beams 2"), show("--num-beams 3"), "{format}");
        assert_ne!(show("--temperature 0.5"), show("--temperature 0.7"), "{format}");
    }
}
