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
    // with a budget, what it found stands with a bound: the way down was gone ("nice woman", .5 · .4), and "dog" (.4) was not looked into
    let ran = tokpick(&words(&dog("--num-beams 2 --length-penalty 0 --exact --max-nodes 2")));
    let said = "sequence 0: the node budget ended the search after 2 rows: the best found has log-probability -1.609438, no other can have \
                more than -0.916291";
    assert!(ran.err.contains(said), "{}", ran.err);
    let text = unbroken(&ran.text());
    let said = "greedy missed it by 0.5878 nats; exact search ended with its budget: no other has log p above -0.9163";
    assert!(text.contains(said) && !text.contains("true best"), "{text}");
    let unasked = tokpick(&words(&dog("--max-nodes 2")));
    assert!(unasked.status == Some(2) && unasked.err.contains("--exact"), "{}", unasked.err);
    let nothing = tokpick(&words(&dog("--exact --max-nodes 0")));
    assert_eq!(nothing.failure(), "--max-nodes 0: must be 1 or more");
    let narrow = tokpick(&words(&dog("--num-beams 1 --length-penalty 0 --exact"))).text();
    assert!(unbroken(&narrow).contains("a search error: the true best has 0.5878 nats more"), "{narrow}");
}

/// A search of many steps is a tree as deep: it is drawn with a small stack.
#[test]
fn a_deep_tree_is_drawn_with_little_stack() {
    use tokpick::render::kit::Look;
    use tokpick::render::tree::{Tree, TreeView};
    use tokpick::trace::{BeamStep, Continuation, Fate, LiveBeam};
    const STEPS: usize = 2000;
    let step = |step: usize| {
        let of = |id, fate| {
            let (score, sum) = (-0.5, -0.5 * (step + 1) as f64);
            Continuation {
                parent: 0,
                id,
                score,
                sum,
                key: sum,
                perturbed: None,
                logprob: None,
                bank: 0,
                fate,
            }
        };
        let live = vec![LiveBeam { ids: vec![1; step], ..LiveBeam::default() }];
        let considered = [(1, Fate::Live), (2, Fate::Pruned), (3, Fate::Pruned)];
        BeamStep {
            sequence: 0,
            step,
            group: 0,
            live,
            considered: considered.map(|(id, fate)| of(id, fate)).into(),
        }
    };
    let steps: Vec<BeamStep> = (0..STEPS).map(step).collect();
    let draw = move || {
        let trees = [Tree::new(0, &steps, Vec::new(), None, None)];
        let view = TreeView { trees: &trees, tokens: None, pruned: 1, made: "" };
        let mut text = Vec::new();
        view.text(&Look::default(), &mut text).unwrap();
        (String::from_utf8(text).unwrap(), view.svg())
    };
    let (text, svg) = std::thread::Builder::new().stack_size(1 << 18).spawn(draw).unwrap().join().unwrap();
    // a head, of each step two nodes and the words on a third, a blank line and the moral
    assert_eq!(text.lines().count(), 1 + 3 * STEPS + 2);
    assert_eq!(svg.matches("1 more pruned").count(), STEPS);
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

/// The labels of a graph, by name, as Graphviz reads them; `None`, and a word about it, where there is no `dot`.
fn labels(dot: &str) -> Option<Vec<(String, String)>> {
    use std::process::{Command, Stdio};
    let mut child =
        match Command::new("dot").arg("-Tjson").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
            Ok(child) => child,
            Err(_) => {
                eprintln!("skipped: there is no `dot` (Graphviz) here");
                return None;
            }
        };
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), dot.as_bytes()).unwrap();
    let drawn = child.wait_with_output().unwrap();
    assert!(drawn.status.success(), "{dot}");
    let graph: serde_json::Value = serde_json::from_slice(&drawn.stdout).unwrap();
    let of = |object: &serde_json::Value| {
        // what is written in the picture
        let ops = object["_ldraw_"].as_array().unwrap();
        let text = ops.iter().find_map(|op| op["text"].as_str()).unwrap_or_default();
        (object["name"].as_str().unwrap().to_string(), text.to_string())
    };
    Some(graph["objects"].as_array().unwrap().iter().map(of).collect())
}

/// The labels of a flowchart, by name, once its entities are read; every line is a node with an edge to it, or gives a style.
fn flowchart(text: &str) -> Vec<(String, String)> {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("flowchart LR"));
    let name = |name: &str| {
        assert!(name.starts_with('s') && name.chars().all(|c| c.is_ascii_alphanumeric()), "{name}: {text}");
        name.to_string()
    };
    let decoded = |label: &str| {
        let mut parts = label.split('#');
        let mut decoded = parts.next().unwrap().to_string();
        for part in parts {
            let (number, rest) = part.split_once(';').unwrap();
            decoded.push(char::from_u32(number.parse().unwrap()).unwrap());
            decoded += rest;
        }
        let own = ['"', '<', '>', '[', ']', '{', '}', '(', ')', '|', '`', '&'];
        assert!(!label.contains(own), "{label}");
        decoded
    };
    let mut nodes = Vec::new();
    for line in lines.map(str::trim_start) {
        if line.starts_with("classDef best ") || line.starts_with("class ") {
            continue;
        }
        if let Some((root, label)) = line.split_once("((\"") {
            name(root);
            assert!(label.strip_suffix("\"))").unwrap().parse::<usize>().is_ok());
            continue;
        }
        let (above, rest) = line.split_once(' ').unwrap();
        name(above);
        let (arrow, node) = rest.split_once(' ').unwrap();
        assert!(["-->", "-.->"].contains(&arrow), "{line}");
        let (node, label) = node.split_once("[\"").unwrap();
        nodes.push((name(node), decoded(label.strip_suffix("\"]").unwrap())));
    }
    nodes
}

#[test]
fn graphs_and_pictures_hold_hostile_tokens() {
    let listing = br#"{"logits":[[3,2,1,0]],"vocab":["-","1.","&lt;#35;","<script>alert(1)</script>"]}"#;
    for input in [super::columns::hostile(), listing.to_vec()] {
        let show = |format: &str| {
            with_input(&words(&format!("tree --num-beams 5 --pruned 9 -f {format}")), &input).text()
        };
        svg(&show("svg"));
        html(&show("html"));
        let (dot, chart) = (show("dot"), flowchart(&show("mermaid")));
        assert!(chart.len() > 3, "{chart:?}");
        for (name, label) in labels(&dot).into_iter().flatten().filter(|(name, _)| name.contains('n')) {
            let other =
                chart.iter().find(|(other, _)| *other == name).unwrap_or_else(|| panic!("{name}: {dot}"));
            assert_eq!(other.1, label, "{dot}");
        }
        if input == listing {
            assert!(chart[0].1.starts_with("- .") && chart[1].1.starts_with("1. ."), "{chart:?}");
            assert!(chart[2].1.starts_with("&lt;#35; ."), "{chart:?}");
            assert!(!show("mermaid").contains("[\"-") && !show("mermaid").contains("[\"1. "));
        }
    }
}

#[test]
fn a_trace_has_been_searched() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.jsonl");
    let trace = trace.to_str().unwrap();
    tokpick(&["beam", "steps.npy", "--num-beams", "2", "--trace", trace]).text();
    let idle = tokpick(&["tree", "--from-trace", trace, "--exact", "-k", "3", "--width", "60"]);
    assert!(idle.err.contains("no effect with --from-trace"), "{}", idle.err);
    assert!(idle.err.contains("--exact") && idle.err.contains("--top-k") && !idle.err.contains("--width"));
    assert_eq!(tokpick(&["tree", "steps.npy", "--from-trace", trace]).status, Some(2));
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
