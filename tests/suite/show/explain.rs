//! `explain` shows what ran.

use serde_json::Value;

use super::parse::{html, svg};
use super::{at_every_width, columns::hostile, snapshot};
use crate::support::run::{tokpick, with_input, words};

const SHOW: &str =
    "explain steps.npy --vocab vocab.json --seed 7 --top 5 --temperature 0.8 --top-k 20 --top-p 0.5";

#[test]
fn stages_stand_side_by_side() {
    at_every_width("explain", &format!("{SHOW} --step 0"));
    at_every_width(
        "explain-many",
        &format!("{SHOW} --steps 2..4 --min-p 0.2 --repetition-penalty 1.2 --prompt-ids 307"),
    );
    at_every_width("explain-race", &format!("{SHOW} --step 1 --draw gumbel"));
    snapshot("explain.svg", &tokpick(&words(&format!("{SHOW} --step 0 -f svg"))).text());
}

#[test]
fn stages_that_are_off_do_not_stand() {
    let input = br#"{"logits":[[2,1,0,-1]],"vocab":["a","b","c","d"]}"#;
    let text = with_input(&words("explain --seed 1 -t 0.5 -k 2 -p 1"), input).text();
    let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines[2], ["token", "raw", "temperature", "0.5", "top-k", "2"]);
    let row = |start: &str| lines.iter().find(|l| l.first() == Some(&start)).unwrap().clone();
    assert_eq!(row("c").last(), Some(&"×"));
    assert_eq!(row("kept")[1..], ["4", "4", "2"]);
    let mass = lines.iter().find(|l| l.starts_with(&["kept", "mass"])).unwrap();
    assert_eq!(mass[2..], ["1.000", "1.000", ".982"]);
    assert!(text.contains("top-k cuts here"), "{text}");
}

/// In a document each listed id has its string beside it, where there are strings.
#[test]
fn listed_tokens_have_their_strings() {
    let strings: Vec<String> =
        serde_json::from_slice(&std::fs::read("fixtures/tiny-lm/vocab.json").unwrap()).unwrap();
    let document = tokpick(&words(&format!("{SHOW} --steps 0..2 -f json"))).json();
    for token in document["steps"].as_array().unwrap().iter().flat_map(|s| s["tokens"].as_array().unwrap()) {
        let id = token["id"].as_u64().unwrap() as usize;
        assert_eq!(token["token"], strings[id], "{id}");
    }
    let plain = tokpick(&words("explain steps.npy --seed 7 --step 0 -f json")).json();
    assert!(plain["steps"][0]["tokens"][0].get("token").is_none());
}

#[test]
fn the_draw_is_that_of_sample() {
    let text = tokpick(&words("explain batch.npy --seed 1 -t 0.7 --eos-token-id 12,318 -f json")).json();
    let decoded = tokpick(&words("sample batch.npy --seed 1 -t 0.7 --eos-token-id 12,318")).text();
    for (sequence, ids) in decoded.lines().enumerate() {
        let steps = text["steps"].as_array().unwrap().iter().filter(|s| s["sequence"] == sequence);
        let drawn: Vec<String> = steps.map(|s| s["draw"]["id"].to_string()).collect();
        assert_eq!(drawn.join(" "), ids);
    }
    // mirostat sees whole steps, also the rows of sequences that have ended
    let all =
        tokpick(&words("explain batch.npy --seed 1 --mirostat 2 --eos-token-id 12,318 --top 1 -f json"))
            .json();
    let decoded = tokpick(&words("sample batch.npy --seed 1 --mirostat 2 --eos-token-id 12,318")).text();
    for (sequence, ids) in decoded.lines().enumerate() {
        let steps = all["steps"].as_array().unwrap().iter().filter(|s| s["sequence"] == sequence);
        assert_eq!(steps.map(|s| s["draw"]["id"].to_string()).collect::<Vec<_>>().join(" "), ids);
    }
}

#[test]
fn each_number_is_that_of_probs() {
    for chain in ["temperature=0.8", "temperature=0.8,top_k=20", "temperature=0.8,top_k=20,typical_p=0.5"] {
        let step =
            &tokpick(&["explain", "steps.npy", "--step", "3", "--seed", "1", "--chain", chain, "-f", "json"])
                .json()["steps"][0];
        let probs = tokpick(&["probs", "steps.npy", "--rows", "3..4", "--chain", chain, "-f", "json"]).json();
        let row = &probs["rows"][0];
        let last = step["stages"].as_array().unwrap().last().unwrap();
        let near = |a: &Value, b: &Value, what: &str| {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-12, "{chain} {what}: {a} {b}");
        };
        near(&last["entropy"], &row["entropy"], "entropy");
        assert_eq!(last["kept"], row["kept"]);
        for shown in step["tokens"].as_array().unwrap() {
            let at = row["ids"].as_array().unwrap().iter().position(|id| *id == shown["id"]);
            let p = shown["probs"].as_array().unwrap().last().unwrap();
            match at {
                Some(at) => near(p, &row["probs"][at], "probability"),
                None => assert!(p.is_null(), "{chain}: {shown}"),
            }
        }
        let (draw, id) = (
            &step["draw"],
            tokpick(&["sample", "steps.npy", "--rows", "3..4", "--seed", "1", "--chain", chain]).text(),
        );
        assert_eq!(draw["id"].to_string(), id.trim());
    }
}

#[test]
fn another_processor_is_another_picture() {
    for format in ["text", "json", "svg", "html"] {
        let show = |chain: &str| {
            tokpick(&["explain", "steps.npy", "--step", "0", "--seed", "1", "--chain", chain, "-f", format])
                .text()
        };
        let plain = show("temperature=0.8,top_k=5");
        assert_eq!(plain, show("temperature=0.8,top_k=5"));
        for other in [
            "temperature=0.8,top_k=4",
            "top_k=5,temperature=0.8",
            "temperature=0.8,min_p=0.1",
            "temperature=0.8",
        ] {
            assert_ne!(plain, show(other), "{format}: {other}");
        }
    }
}

#[test]
fn the_ruler_says_where_the_uniform_fell() {
    let text =
        with_input(&words("explain --seed 7"), br#"{"logits":[[0,0]],"vocab":["left","right"]}"#).text();
    let line = text.lines().find(|l| l.starts_with("draw  u = ")).unwrap();
    let u: f64 = line["draw  u = ".len()..].split(' ').next().unwrap().parse().unwrap();
    let at = |mark: &str| line.find(mark).unwrap();
    assert_eq!(u < 0.5, at("●") < at("┼"), "{text}");
    let gumbel = with_input(&words("explain --seed 1 --draw gumbel"), b"[[2,1,0,-1]]").text();
    assert!(gumbel.contains("wins with Gumbel noise") && gumbel.contains("is second"), "{gumbel}");
    let greedy = with_input(&words("explain --temperature 0"), b"[[2,1,0,-1]]").text();
    assert!(greedy.contains("draw: token 0 has the largest score"), "{greedy}");
    let one = with_input(&words("explain --seed 1 -k 1"), b"[[2,1]]").text();
    let one: String = one.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(one.contains("(the only candidate: any uniform hits it)"), "{one}");
}

#[test]
fn hostile_tokens_stay_inside() {
    use unicode_width::UnicodeWidthStr;
    for width in [60, 80, 120] {
        let text = with_input(&words(&format!("explain --seed 1 -k 5 --width {width}")), &hostile()).text();
        assert!(text.lines().all(|l| l.width() <= width), "{text}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");
    }
    let picture = with_input(&words("explain --seed 1 -k 5 -f svg"), &hostile()).text();
    svg(&picture);
    assert!(picture.contains("&lt;/text&gt;]]&gt;&quot;&#39;&amp;"), "{picture}");
    html(&with_input(&words("explain --seed 1 -k 5 -f html"), &hostile()).text());
}

#[test]
fn steps_are_those_that_were_asked_for() {
    let shown = |args: &str| {
        let document = tokpick(&words(&format!("explain steps.npy --seed 1 -f json {args}"))).json();
        document["steps"].as_array().unwrap().iter().map(|s| s["step"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(shown("--step 7"), [7]);
    assert_eq!(shown("--steps 3..6"), [3, 4, 5]);
    assert_eq!(shown("").len(), 24);
    let wrong = tokpick(&words("explain steps.npy --seed 1 --steps 20..30")).failure();
    assert!(wrong.contains("--step 20..30") && wrong.contains("0 to 23"), "{wrong}");
    assert_eq!(tokpick(&words("explain steps.npy --steps 3..3")).status, Some(2));
}

/// The race of `--draw gumbel` is that of the draw: the largest sum wins, and the noise is the library's.
#[test]
fn a_race_shows_every_runner() {
    let args = "explain steps.npy --step 0 --seed 1 --draw gumbel -k 6 -f json";
    let draw = tokpick(&words(args)).json()["steps"][0]["draw"].clone();
    let race = draw["race"].as_array().unwrap();
    assert_eq!(race.len(), 6);
    assert_eq!(race[0]["id"], draw["id"]);
    let x = |runner: &Value, name: &str| runner[name].as_f64().unwrap();
    for runner in race {
        let id = runner["id"].as_u64().unwrap() as u32;
        let noise = tokpick::draw::Gumbel::new(1).noise(0, 0, 0, 0, &[id])[0];
        assert_eq!(x(runner, "noise"), noise);
        let behind = x(&race[0], "logprob") + x(&race[0], "noise") - x(runner, "logprob") - noise;
        assert!((behind - x(runner, "behind")).abs() < 1e-9 && behind >= 0.0, "{runner}");
    }
    assert_eq!(race[1]["id"], draw["runner_up"]["id"]);
    // a race that is watched has the winners of one that is not
    let all = tokpick(&words("explain steps.npy --seed 1 --draw gumbel --top 1 -f json")).json();
    let drawn = all["steps"].as_array().unwrap().iter().map(|step| step["draw"]["id"].to_string());
    let sampled = tokpick(&words("sample steps.npy --seed 1 --draw gumbel")).text();
    assert_eq!(drawn.collect::<Vec<_>>().join(" "), sampled.trim());
}

/// Engines that draw by intervals have a ruler of all of them, engines that race a race.
#[test]
fn engines_show_what_they_drew_from() {
    for (engine, races) in
        [("torch", true), ("vllm", true), ("llama.cpp", false), ("candle", false), ("numpy", false)]
    {
        let args = format!("explain steps.npy --step 0 --seed 1 --engine {engine} -k 4 -f json");
        let ran = tokpick(&words(&args));
        if ran.status != Some(0) {
            // an engine without top-k
            continue;
        }
        let draw = ran.json()["steps"][0]["draw"].clone();
        let (race, intervals) = (draw["race"].as_array().unwrap(), draw["intervals"].as_array().unwrap());
        assert_eq!((race.len(), intervals.len()), if races { (4, 0) } else { (0, 4) }, "{engine}: {draw}");
        if races {
            assert_eq!(
                (&race[0]["id"], &race[0]["behind"]),
                (&draw["id"], &serde_json::json!(0.0)),
                "{engine}"
            );
        } else {
            let end = |at: usize, name: &str| intervals[at][name].as_f64().unwrap();
            assert!((1..4).all(|at| (end(at, "from") - end(at - 1, "to")).abs() < 1e-6), "{engine}: {draw}");
        }
    }
}

#[test]
fn one_flag_takes_a_step_or_several() {
    let text = |flags: &str| tokpick(&words(&format!("explain steps.npy --seed 7 -k 5 {flags}"))).text();
    assert_eq!(text("--step 1..3"), text("--steps 1..3"));
    assert_eq!(text("--step 2"), text("--steps 2..3"));
    let failure = |flags: &str| tokpick(&words(&format!("explain steps.npy --seed 7 {flags}")));
    for wrong in ["--step x", "--step 3..1", "--step -1"] {
        assert_eq!(failure(wrong).status, Some(2), "{wrong}");
    }
    assert!(failure("--step x").err.contains("must be a step, or steps as A..B"));
    assert!(failure("--step 30").err.contains("--step 30: the steps of this input are 0 to 23"));
    assert!(failure("--step 20..30").err.contains("--step 20..30: the steps of this input are 0 to 23"));
}

/// What was kept is what those had before who are still there: nothing, where all of them are others.
#[test]
fn kept_mass_is_of_those_who_stay() {
    for (input, settings, kept) in [
        ("[[NaN, Infinity, -Infinity]]", "--remove-invalid-values", 0.0),
        (
            "[[null, 1.0, null, null, 2.0]]",
            "--null-is-masked --forced-eos-token-id 3,0 --max-new-tokens 1",
            0.0,
        ),
        (
            "[[null, 1.0, null, null, 2.0]]",
            "--null-is-masked --forced-eos-token-id 3 --max-new-tokens 1",
            0.0,
        ),
        ("[[2.0, 2.0, 1.0]]", "--top-k 2", 0.844_637_6),
        ("[[2.0, 2.0, 1.0]]", "--top-k 3 --temperature 2", 1.0),
    ] {
        let line = format!("explain - -f json --seed 1 {settings}");
        let step = with_input(&words(&line), input.as_bytes()).json()["steps"][0].clone();
        let found = step["stages"][1]["kept_mass"].as_f64().unwrap();
        assert!((found - kept).abs() < 1e-6 && found.is_sign_positive(), "{input} {settings}: {found}");
    }
}
