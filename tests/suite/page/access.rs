//! Whether everyone can use the page.

use std::path::Path;
use std::process::Command;

use super::*;

/// axe-core, from npm; `None`, and a word about it, where it can't be had.
fn axe() -> Option<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe");
    let script = folder.join("node_modules/axe-core/axe.min.js");
    if !script.exists() {
        std::fs::create_dir_all(&folder).unwrap();
        let install = ["install", "--no-audit", "--no-fund", "--prefix", ".", "axe-core@4"];
        let _ = Command::new("npm").args(install).current_dir(&folder).output();
    }
    let text = std::fs::read_to_string(script).ok();
    if text.is_none() {
        eprintln!("skipped: npm can't install axe-core here");
    }
    text
}

#[test]
fn everyone_can_use_it() {
    let page =
        Page::new(&[&LM[..], &words("--seed 7 -t 0.8 -k 20 -p 0.9 --num-beams 3 --rows 0..8")].concat());
    let Some(mut browser) = Browser::start() else { return };
    let axe = axe();
    let views = [
        "",
        "draws=100&step=2&b=repetition_penalty:1,temperature:1,-top_k:0,-top_p:1,min_p:0.1,-typical_p:1",
        "tab=beam&beam=5",
    ];
    for view in views {
        for (width, scheme) in [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")] {
            browser.size(width, 844);
            browser.prefer("prefers-color-scheme", scheme);
            browser.open(&page.path(), view);
            let place = format!("{view:?} {width} {scheme}");
            let wide = browser.eval("document.documentElement.scrollWidth").as_u64().unwrap();
            assert!(wide <= u64::from(width), "{place}: {wide} pixels wide");
            // the same elements: at each size one scheme, at each scheme one size
            let differs = (width == 1280) == (scheme == "light");
            if let Some(axe) = axe.as_ref().filter(|_| differs) {
                browser.eval(&format!("{axe}; 0"));
                let found = browser.eval("axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 90)).slice(0, 3).join(' | ')))");
                assert_eq!(found, serde_json::json!([]), "{place}");
            }
        }
    }
    // everything is reached by Tab, and has a name
    browser.size(1280, 900);
    browser.open(&page.path(), "");
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..60 {
        browser.press("Tab", 0);
        let at = browser.eval("document.activeElement.dataset.key ?? document.activeElement.id");
        reached.insert(at.as_str().unwrap().to_string());
    }
    for stage in ["temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty"] {
        for part in ["grip", "range", "number", "switch"] {
            assert!(reached.contains(&format!("{stage}-A-{part}")), "{stage} {part}: {reached:?}");
        }
    }
    assert!(reached.contains("seed") && reached.contains("draw-100"));
    // no movement for those who want none
    let moves = "getComputedStyle(document.querySelector('.bar')).transitionDuration";
    browser.prefer("prefers-reduced-motion", "reduce");
    assert_eq!(browser.eval(moves), "0s");
    browser.prefer("prefers-reduced-motion", "no-preference");
    assert_ne!(browser.eval(moves), "0s");
    quiet(&mut browser);
}

/// The pages of the other views, on a desk in the light and on a phone in the dark.
#[test]
fn every_view_can_be_read_by_everyone() {
    let Some(mut browser) = Browser::start() else { return };
    let (axe, folder) = (axe(), tempfile::tempdir().unwrap());
    let lm = "steps.npy --vocab vocab.json --seed 7";
    let views = [
        format!("explain {lm} --steps 1..3 -t 0.8 -k 20 -p 0.5 --repetition-penalty 1.2"),
        format!("explain {lm} --step 1 --draw gumbel"),
        format!("compare {lm} -n 3"),
        format!("compare {lm} --sweep temperature=0.5,1 --with top-k=5 --with min-p=0.1"),
        format!("compare {lm} --sweep temperature=0.5,1 --sweep top-k=2,5"),
        format!("tree {lm} --num-beams 3 --rows 0..6").replace(" --seed 7", ""),
        format!("sample {lm} --rows 0..2 -n 50 --histogram"),
        "score steps.npy --vocab vocab.json --ids 307,318,278,372".to_string(),
    ];
    for view in &views {
        let path = folder.path().join("view.html");
        let html = ["-f", "html", "-o", path.to_str().unwrap()];
        tokpick(&[&words(view)[..], &html[..]].concat()).text();
        for (width, scheme) in [(1280, "light"), (390, "dark")] {
            browser.size(width, 844);
            browser.prefer("prefers-color-scheme", scheme);
            browser.open(&path, "");
            let wide = browser.eval("document.documentElement.scrollWidth").as_u64().unwrap();
            assert!(wide <= u64::from(width), "{view}: {wide} pixels at {width}");
            // what is drawn stays inside of its picture
            let outside = browser.eval(
                "[...document.querySelectorAll('svg')].flatMap(svg => [...svg.querySelectorAll('text')].filter(t => { \
                 const b = t.getBBox(), v = svg.viewBox.baseVal; return b.x < 0 || b.y < 0 || b.x + b.width > v.width || b.y + b.height > v.height; \
                 }).map(t => t.textContent))",
            );
            assert_eq!(outside, serde_json::json!([]), "{view}");
            if let Some(axe) = &axe {
                browser.eval(&format!("{axe}; 0"));
                let found = browser.eval("axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 90)).slice(0, 3).join(' | ')))");
                assert_eq!(found, serde_json::json!([]), "{view} at {width}");
            }
        }
    }
    // what a token could have been is told to keys, too
    browser.eval("document.querySelector('.text .heat').focus()");
    let told = browser.eval("getComputedStyle(document.querySelector('.text .heat'), '::after').content");
    assert!(told.as_str().unwrap().contains("best: "), "{told}");
    quiet(&mut browser);
}
