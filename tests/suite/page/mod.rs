//! The page decodes as tokpick does, can be used by everyone, and needs nothing but itself: seen in a real browser.

mod access;
mod browser;

use std::path::PathBuf;

use serde_json::Value;

use self::browser::{ALT, Browser};
use crate::support::run::{fixture, tokpick, words};

const LM: [&str; 3] = ["steps.npy", "--vocab", "vocab.json"];

/// A folder with a page in it.
struct Page {
    folder: tempfile::TempDir,
}

impl Page {
    #[track_caller]
    fn new(args: &[&str]) -> Page {
        let folder = tempfile::tempdir().unwrap();
        let page = Page { folder };
        let path = page.path();
        tokpick(&[&["page"], args, &["-o", path.to_str().unwrap()]].concat()).text();
        page
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("page.html")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path()).unwrap()
    }
}

/// Holds what a pane has decoded, and what its table shows, against `probs` and `sample`.
#[track_caller]
fn agrees(browser: &mut Browser, input: &[&str], pane: usize) -> Value {
    let seen = browser.eval(&format!(
        "(() => {{ const p = panes[{pane}]; return {{
            step: p.row.step, text: p.ids, words: chainWords(p.setting), seed: String(state.seed), path: data.path,
            ids: [...p.report.p.keys()].map(i => p.row.ids[i]), probs: [...p.report.p.values()],
            facts: Object.fromEntries([...p.facts.querySelectorAll('tr[data-fact]')].map(r => [r.dataset.fact, Number(r.querySelector('td[data-value]').dataset.value)])),
            shown: [...p.body.children].filter(r => r.dataset.id !== 'rest').map(r => [Number(r.dataset.id), r.dataset.after === '' ? null : Number(r.dataset.after)]),
        }}; }})()"
    ));
    let list =
        |v: &Value| v.as_array().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let (text, step) = (list(&seen["text"]), seen["step"].as_u64().unwrap());
    let chain: Vec<&str> = seen["words"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
    let probs = tokpick(&[&["probs"], input, &["-f", "json", "--ids", &text], &chain[..]].concat()).json();
    let row = probs["rows"].as_array().unwrap().iter().find(|row| row["step"] == step).unwrap();
    assert_eq!(row["ids"], seen["ids"], "{chain:?} step {step}");
    let near = |a: &Value, b: &Value| {
        let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
        assert!((a - b).abs() <= 1e-6 * (1.0 + b.abs()), "{a} is not {b}: {chain:?} step {step}");
    };
    for (a, b) in seen["probs"].as_array().unwrap().iter().zip(row["probs"].as_array().unwrap()) {
        near(a, b);
    }
    near(&seen["facts"]["entropy"], &row["entropy"]);
    near(&seen["facts"]["mass"], &row["kept_mass"]);
    assert_eq!(seen["facts"]["kept"], row["kept"]);
    for shown in seen["shown"].as_array().unwrap() {
        let at = row["ids"].as_array().unwrap().iter().position(|id| *id == shown[0]);
        match at {
            Some(at) => near(&shown[1], &row["probs"][at]),
            None => assert!(shown[1].is_null(), "{shown} was removed"),
        }
    }
    if seen["path"].is_null() {
        let seed = seen["seed"].as_str().unwrap();
        let drawn = tokpick(&[&["sample"], input, &["--seed", seed], &chain[..]].concat()).text();
        assert_eq!(drawn.trim().replace(' ', ","), text, "{chain:?}");
    }
    seen
}

#[track_caller]
fn quiet(browser: &mut Browser) {
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[test]
fn what_is_set_by_keys_and_pointer_is_what_probs_and_sample_print() {
    let page = Page::new(&[&LM[..], &words("--seed 7 -t 0.8 -k 40 -p 0.9")].concat());
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&page.path(), "");
    agrees(&mut browser, &LM, 0);
    // keys on a slider
    browser.eval("document.querySelector('#temperature-A').focus()");
    for _ in 0..12 {
        browser.press("ArrowRight", 0);
    }
    assert_eq!(browser.eval("panes[0].setting.find(s => s.name === 'temperature').value"), 0.92);
    agrees(&mut browser, &LM, 0);
    // the pointer on another, which switches it on
    let (x, y) = browser.middle("#min_p-A");
    browser.drag(&[(x - 140.0, y), (x - 100.0, y)]);
    let min_p = browser.eval("panes[0].setting.find(s => s.name === 'min_p')");
    assert!(min_p["on"] == true && min_p["value"].as_f64().unwrap() > 0.0, "{min_p}");
    agrees(&mut browser, &LM, 0);
    // numbers that are typed; what is none is said and not taken
    browser.fill("[data-key=repetition_penalty-A-number]", "1.35");
    browser.fill("[data-key=top_k-A-number]", "2.5");
    assert_eq!(
        browser.eval("document.querySelector('[data-key=top_k-A-number]').getAttribute('aria-invalid')"),
        "true"
    );
    assert_eq!(browser.eval("panes[0].setting.find(s => s.name === 'top_k').value"), 40);
    browser.fill("[data-key=top_k-A-number]", "17");
    for step in ["0", "3", "11", "23"] {
        browser.click(&format!(".text button:nth-child({})", step.parse::<usize>().unwrap() + 1));
        let seen = agrees(&mut browser, &LM, 0);
        assert_eq!(seen["step"].to_string(), step);
    }
    // switches
    browser.click("[data-key=min_p-A-switch]");
    browser.click("[data-key=typical_p-A-switch]");
    agrees(&mut browser, &LM, 0);
    // the order: by keys, and by dragging
    let order = "panes[0].setting.map(s => s.name).join(' ')";
    browser.eval("document.querySelector('[data-key=temperature-A-range]').focus()");
    for _ in 0..4 {
        browser.press("ArrowDown", ALT);
    }
    assert_eq!(browser.eval(order), "repetition_penalty top_k top_p min_p typical_p temperature");
    assert_eq!(browser.eval("document.activeElement.dataset.key"), "temperature-A-range");
    let seen = agrees(&mut browser, &LM, 0);
    assert_eq!(seen["words"][0], "--chain");
    let to = browser.middle("[data-key=top_k-A-grip]");
    let from = browser.middle("[data-key=typical_p-A-grip]");
    let to = (
        to.0,
        browser
            .eval("document.querySelector('[data-key=top_k-A-grip]').getBoundingClientRect().y")
            .as_f64()
            .unwrap()
            + 8.0,
    );
    browser.drag(&[from, (from.0, (from.1 + to.1) / 2.0), to]);
    assert_eq!(browser.eval(order), "repetition_penalty typical_p top_k top_p min_p temperature");
    agrees(&mut browser, &LM, 0);
    // another seed
    browser.fill("#seed", "18446744073709551615");
    agrees(&mut browser, &LM, 0);
    quiet(&mut browser);
}

#[test]
fn draws_are_those_of_sample_and_the_commands_print_what_is_shown() {
    let page = Page::new(
        &[&LM[..], &words("--seed 5 --repetition-penalty 1.2 -t 1.3 --prompt-ids 307,261")].concat(),
    );
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&page.path(), "step=6");
    browser.click("#draw-1");
    browser.click("#draw-100");
    let counts = browser.eval("Object.fromEntries(panes[0].counts)");
    let commands = browser.eval("[...document.querySelectorAll('#panel-rows .pane:not([hidden]) .command pre')].map(e => e.textContent)");
    let commands: Vec<String> =
        commands.as_array().unwrap().iter().map(|c| c.as_str().unwrap().to_string()).collect();
    let run = |command: &str| {
        let words = shlex::split(command).unwrap();
        let words: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        tokpick(&words).text()
    };
    let [step, draws, text] = &commands[..] else { panic!("{commands:?}") };
    let drawn = run(draws);
    assert_eq!(drawn.lines().count(), 101);
    let mut expected = std::collections::BTreeMap::new();
    drawn.lines().for_each(|id| *expected.entry(id.to_string()).or_insert(0) += 1);
    assert_eq!(counts, serde_json::to_value(&expected).unwrap(), "{draws}");
    let ids = browser.eval("panes[0].ids.join(' ')");
    assert_eq!(run(text).trim(), ids);
    let explained = run(&format!("{step} -f json"));
    let explained: Value = serde_json::from_str(&explained).unwrap();
    let picked = browser.eval("panes[0].picked");
    assert!(
        step.contains("--step 6") && explained.to_string().contains(&format!("\"id\":{picked}")),
        "{step}"
    );
    // the fragment shows the same picture in another window
    let fragment = browser.eval("location.hash.slice(1)");
    let shown = browser.eval("panes[0].body.textContent");
    browser.open(&page.path(), fragment.as_str().unwrap());
    assert_eq!(browser.eval("panes[0].body.textContent"), shown);
    // two settings, each with its own text
    browser.click("#two");
    browser.fill("[data-key=temperature-B-number]", "0");
    let input = [&LM[..], &["--prompt-ids", "307,261"]].concat();
    agrees(&mut browser, &input, 0);
    agrees(&mut browser, &input, 1);
    quiet(&mut browser);
}

#[test]
fn the_uniforms_and_weights_of_the_page_are_chacha8_v1() {
    let page = Page::new(&["steps.npy", "--seed", "7"]);
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&page.path(), "");
    let vectors = std::fs::read_to_string(fixture("chacha8-v1/vectors.json")).unwrap();
    let wrong = browser.eval(&format!(
        "(() => {{ const v = ({vectors}).vectors, wrong = [];
            for (const w of v.weights) if (weigher(w.scale, w.max)(w.x) !== w.weight) wrong.push(w);
            for (const d of v.draws) {{
                const masked = new Set(d.masked), ids = [...Array(d.n).keys()].filter(i => !masked.has(i));
                const x = ids.map(i => Number((BigInt(i) * 2654435761n + BigInt(d.a)) % 65536n) / 4096 - 8);
                const c = new Candidates({{ids: Uint32Array.from(ids), x: Float32Array.from(x), tail: null}});
                c.temperature(d.temperature);
                if (c.mass() !== d.total || c.pick(uniform(d.seed, d.sequence, d.sample, d.step)) !== d.id) wrong.push(d);
            }}
            return [v.weights.length, v.draws.length, wrong.slice(0, 3)]; }})()"
    ));
    assert_eq!(wrong, serde_json::json!([1000, 1000, []]));
}

#[test]
fn of_large_vocabularies_the_tail_is_summed_and_cuts_into_it_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let logits = folder.path().join("logits.npy");
    let logits = logits.to_str().unwrap();
    tokpick(&["synth", "3x40000", "--seed", "3", "-o", logits]).text();
    let page = Page::new(&[logits, "--seed", "9", "--top-k", "40"]);
    assert!(page.text().len() < 1_000_000);
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&page.path(), "step=1");
    let notes = "panes[0].notes.textContent";
    agrees(&mut browser, &[logits], 0);
    assert_eq!(browser.eval(notes), "");
    // without a cut: entropy and probabilities of known tokens at any temperature
    for t in ["0.3", "0.8", "1.7"] {
        browser.open(
            &page.path(),
            &format!(
                "step=1&a=repetition_penalty:1,temperature:{t},-top_k:40,-top_p:1,-min_p:0,-typical_p:1"
            ),
        );
        let seen = browser.eval("({p: panes[0].report.p.get(5), id: panes[0].row.ids[5], h: panes[0].report.entropy, n: panes[0].after.c.count()})");
        let probs = tokpick(&["probs", logits, "-f", "json", "-t", t, "--rows", "1..2"]).json();
        let row = &probs["rows"][0];
        let at = row["ids"].as_array().unwrap().iter().position(|id| *id == seen["id"]).unwrap();
        let near = |a: &Value, b: &Value| (a.as_f64().unwrap() / b.as_f64().unwrap() - 1.0).abs() < 1e-6;
        assert!(near(&seen["p"], &row["probs"][at]) && near(&seen["h"], &row["entropy"]), "{t}: {seen}");
        assert_eq!(seen["n"], row["kept"]);
    }
    browser.open(
        &page.path(),
        "step=1&a=repetition_penalty:1,temperature:1,-top_k:0,top_p:0.9999,-min_p:0,-typical_p:1",
    );
    let said = browser.eval(notes);
    assert!(said.as_str().unwrap().contains("top-p cuts into the tail"), "{said}");
    // draws are tokpick's, or said to be unknown
    let drawn = |browser: &mut Browser, setting: &str, chain: &str| {
        browser.open(&page.path(), &format!("step=1&seed=9&a={setting}"));
        let drawn = browser
            .eval("[...Array(50).keys()].map(n => panes[0].after.c.pick(uniform(state.seed, 0, n, 1)))");
        let sampled =
            tokpick(&["sample", logits, "--seed", "9", "-n", "50", "--rows", "1..2", "--chain", chain])
                .text();
        let drawn = drawn.as_array().unwrap();
        for (page, line) in drawn.iter().zip(sampled.lines()) {
            assert!(
                page.is_null() || line.parse::<serde_json::Value>().is_ok_and(|drawn| *page == drawn),
                "{page} for {line}: {chain}"
            );
        }
        drawn.iter().filter(|id| !id.is_null()).count()
    };
    let off = "-top_k:0,-top_p:1,-min_p:0,-typical_p:1";
    drawn(&mut browser, &format!("repetition_penalty:1,temperature:0.3,{off}"), "temperature=0.3");
    let typical = "repetition_penalty:1,temperature:1,-top_k:0,-top_p:1,-min_p:0,typical_p:0.5";
    drawn(&mut browser, typical, "typical_p=0.5");
    let top_p = "repetition_penalty:1,temperature:0.4,-top_k:0,top_p:0.8,-min_p:0,-typical_p:1";
    assert_ne!(drawn(&mut browser, top_p, "temperature=0.4,top_p=0.8"), 0);
    quiet(&mut browser);
}

#[test]
fn hostile_tokens_are_text() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(10_000);
    let tokens = [
        "</script><script>window.hacked = 1</script>",
        "\"'`$&<!--",
        "]]>\u{0}\u{1b}[31m\u{2028}",
        &long,
        "<img src=x onerror='window.hacked = 1'>",
        "{{data}}",
    ];
    let input = serde_json::json!({"logits": [[6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6]], "vocab": tokens});
    let name = folder.path().join("a <b onclick=1> & {{view}} 'q'.json");
    std::fs::write(&name, input.to_string()).unwrap();
    let page = Page::new(&[name.to_str().unwrap(), "--seed", "1", "--num-beams", "2"]);
    assert!(page.text().len() < 200_000);
    let Some(mut browser) = Browser::start() else { return };
    for fragment in ["", "tab=beam&beam=1", "step=1&a=<script>window.hacked=1</script>&seed=x&b=;"] {
        browser.open(&page.path(), fragment);
        assert_eq!(browser.eval("window.hacked === undefined && document.scripts.length"), 2);
        assert_eq!(browser.eval("rows.length"), 2);
    }
    browser.open(&page.path(), "");
    assert_eq!(browser.eval("data.names[0]"), "</script><script>window.hacked …");
    quiet(&mut browser);
}

#[test]
fn the_beam_search_is_the_one_that_ran() {
    let input = ["../teaching/the-dog-has.jsonl", "--vocab", "../teaching/the-dog-has-vocab.json"];
    let input = [&input[..], &words("--prompt-ids 1 --eos-token-id 0")].concat();
    let page = Page::new(&[&input[..], &words("--seed 1 --num-beams 2")].concat());
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&page.path(), "tab=beam");
    let command = browser.eval("document.querySelector('#panel-beam .command pre').textContent");
    let command = shlex::split(command.as_str().unwrap()).unwrap();
    let command: Vec<&str> = command[1..].iter().map(String::as_str).collect();
    let found = tokpick(&[&command[..], &["-f", "json"]].concat()).json();
    let shown = browser.eval("data.beams.found");
    for (shown, found) in shown.as_array().unwrap().iter().zip(found["sequences"].as_array().unwrap()) {
        assert_eq!((&shown["ids"], &shown["score"]), (&found["ids"], &found["score"]));
    }
    assert!(
        browser.eval("document.querySelector('.results li').textContent").as_str().unwrap().contains("dog")
    );
    // each node's text is that of a beam; the steps go by keys
    browser.eval("document.querySelector('#panel-beam button').focus(); beamOn.focus()");
    browser.press("ArrowRight", 0);
    let text = browser
        .eval("[...document.querySelectorAll('#panel-beam tbody tr')].map(r => r.textContent).join('\\n')");
    assert!(text.as_str().unwrap().contains("dog"), "{text}");
    assert_eq!(browser.eval("state.beam"), 1);
    // rows that follow the prefix are those of the greedy text
    browser.click("#tab-rows");
    agrees(&mut browser, &input, 0);
    quiet(&mut browser);
}

#[test]
fn a_page_is_one_file_and_refuses_what_it_has_no_slider_for() {
    let make = || tokpick(&[&["page"], &LM[..], &words("--seed 7 -t 0.8")].concat()).text();
    let page = make();
    assert_eq!(page, make());
    assert!(page.starts_with("<!DOCTYPE html>") && page.len() < 1_000_000);
    for elsewhere in ["src=", "http://", "https://", "@import", "url("] {
        let at = page.replace("http://www.w3.org/2000/svg", "").find(elsewhere);
        assert_eq!(at, None, "{elsewhere}");
    }
    let refused = tokpick(&words("page steps.npy --seed 1 --top-a 0.2")).failure();
    assert!(refused.contains("--top-a") && refused.contains("temperature"), "{refused}");
    let refused = tokpick(&words("page steps.npy --seed 1 --sequence 3")).failure();
    assert!(refused.contains("--sequence"), "{refused}");
}
