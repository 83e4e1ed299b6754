//! Decoding equals the `tokenizers` library's, in Python, on every case of fixtures/tokenizers.

use serde_json::Value;
use tokpick::TokenId;
use tokpick::text::{Decoder, Tokens};

use crate::support::common::{fixture, id_list, json};

fn tokenizer(name: &str) -> Tokens {
    Tokens::open(fixture(&format!("tokenizers/{name}"))).unwrap()
}

/// Each tokenizer with its cases.
fn each(mut look: impl FnMut(&str, Tokens, &Value)) {
    let expected = json("tokenizers/expected.json");
    for t in expected["tokenizers"].as_array().unwrap() {
        let name = t["file"].as_str().unwrap();
        look(name, tokenizer(name), t);
    }
}

#[test]
fn texts_are_the_librarys() {
    let mut seen = 0;
    each(|name, tokens, t| {
        let hiding = tokens.clone().skipping_special(true);
        for case in t["cases"].as_array().unwrap() {
            let ids = id_list(&case["ids"]);
            let what = format!("{name}: {}", case["what"]);
            let beyond: Vec<String> = ids.iter().map(|id| format!("<|{id}|>")).collect();
            for (tokens, field) in [(&tokens, "keep_special"), (&hiding, "skip_special")] {
                // the library passes over ids beyond the vocabulary
                let text =
                    beyond.iter().fold(tokens.text(&ids), |text, name| match what.contains("beyond") {
                        true => text.replacen(name, "", 1),
                        false => text,
                    });
                assert_eq!(text, case[field].as_str().unwrap(), "{what}, {field}");
                seen += 1;
            }
        }
        for token in t["single_tokens"].as_array().unwrap() {
            let id = token["id"].as_u64().unwrap() as TokenId;
            assert_eq!(tokens.label(id), label(token["token"].as_str().unwrap()), "{name}: {id}");
            assert_eq!(tokens.text(&[id]), token["decode_alone"].as_str().unwrap(), "{name}: {id}");
        }
        let special = id_list(&t["special_ids"]);
        let all = tokens.strings().iter().map(|(id, _)| id);
        let mut found: Vec<TokenId> = all.filter(|&id| tokens.is_special(id)).collect();
        found.sort_unstable();
        assert_eq!(found, special, "{name}");
    });
    assert_eq!(seen, 2 * 183);
}

/// As labels are shown: control characters escaped.
fn label(token: &str) -> String {
    token.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.into() }).collect()
}

#[test]
fn streams_are_the_librarys_and_never_split_a_character() {
    let (mut seen, mut refused) = (0, 0);
    each(|name, tokens, t| {
        let tokens = tokens.skipping_special(true);
        for case in t["cases"].as_array().unwrap() {
            let ids = id_list(&case["ids"]);
            let what = format!("{name}: {}", case["what"]);
            let mut decoder = Decoder::default();
            let mut pieces: Vec<String> = ids.iter().map(|&id| decoder.next(&tokens, id)).collect();
            let rest = decoder.finish(&tokens);
            let text = pieces.concat() + &rest;
            let Some(expected) = case["stream_skip_special"].as_array() else {
                // the library raises an error: characters that were given stay
                assert!(is_but_for_taken_back(&text, &tokens.text(&ids)), "{what}: {text}");
                refused += 1;
                continue;
            };
            let whole = tokens.text(&ids);
            let byte_fallback = name.starts_with("llama2") || name.starts_with("mistral");
            assert!(text == whole || byte_fallback && is_but_for_taken_back(&text, &whole), "{what}: {text}");
            for (piece, id) in pieces.iter_mut().zip(&ids) {
                *piece = piece.replace(&format!("<|{id}|>"), "");
            }
            let expected: Vec<&str> = expected.iter().map(|p| p.as_str().unwrap_or_default()).collect();
            assert_eq!(pieces, expected, "{what}");
            seen += 1;
        }
    });
    assert_eq!((seen, refused), (178, 5));
}

/// Whether a text is `whole`, but for characters of which `whole` has U+FFFD for each of their bytes.
fn is_but_for_taken_back(text: &str, whole: &str) -> bool {
    let mut whole = whole.chars().peekable();
    let all = text.chars().all(|c| {
        whole.next_if_eq(&c).is_some() || (0..c.len_utf8()).all(|_| whole.next() == Some('\u{fffd}'))
    });
    all && whole.next().is_none()
}

#[test]
fn encoding_is_the_librarys() {
    let mut seen = 0;
    each(|name, tokens, t| {
        for case in t["cases"].as_array().unwrap() {
            let what = case["what"].as_str().unwrap();
            let (special, text) = match (what.strip_prefix("encode, with special: "), what) {
                (Some(text), _) => (true, text),
                (None, what) => match what.strip_prefix("encode, without special: ") {
                    Some(text) => (false, text),
                    None => continue,
                },
            };
            assert_eq!(
                tokens.encode(&unquoted(text), special).unwrap(),
                id_list(&case["ids"]),
                "{name}: {what}"
            );
            seen += 1;
        }
    });
    assert!(seen > 60, "{seen}");
}

/// A text as Python's `repr` writes it.
fn unquoted(text: &str) -> String {
    let inner = &text[1..text.len() - 1];
    inner.replace("\\n", "\n").replace("\\t", "\t").replace("\\u200d", "\u{200d}").replace("\\'", "'")
}

#[test]
fn a_server_splits_the_same_text_the_same_way() {
    // llama-server, /tokenize with pieces, and /detokenize; recorded in fixtures/tokenizers/README.md
    let tokens = Tokens::open(fixture("tiny-lm/tokenizer.json")).unwrap();
    let text = "Let’s look at 🦀 é<|endoftext|>";
    let ids = [44, 302, 295, 83, 503, 75, 457, 221, 173, 254, 100, 223, 221, 128, 103, 0];
    assert_eq!(tokens.encode(text, false).unwrap(), ids);
    assert_eq!(tokens.encode("The compiler will", true).unwrap(), [366, 420, 370, 267, 401]);
    assert_eq!(tokens.text(&[51, 292, 263, 273]), "Sct cis");
    assert_eq!(tokens.bytes(173), [240]);
    assert_eq!(tokens.piece(457), " at");
}

#[test]
fn hostile_tokenizers_are_refused_in_one_line() {
    let good = std::fs::read_to_string(fixture("tokenizers/gpt2-bytelevel.json")).unwrap();
    let good: Value = serde_json::from_str(&good).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut file = good.clone();
        change(&mut file);
        file.to_string()
    };
    let growing = serde_json::json!({"type": "Sequence", "decoders":
        vec![serde_json::json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaa"}); 30]});
    let deep = format!("{{\"model\":{{\"a\":{}1{}}}}}", "[".repeat(100_000), "]".repeat(100_000));
    let panics = serde_json::json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"});
    for (text, said) in [
        (changed(&|f| f["normalizer"] = panics.clone()), "the tokenizer contradicts itself"),
        (changed(&|f| f["model"] = serde_json::json!({"type": "None"})), "no tokenizer that can be used: "),
        (changed(&|f| f["model"]["vocab"] = serde_json::json!({})), "no tokenizer that can be used: "),
        (changed(&|f| f["decoder"] = growing.clone()), "the replacements of its decoder make a text 9999999"),
        (
            changed(&|f| {
                f["pre_tokenizer"] = serde_json::json!({"type": "Split", "pattern": {"Regex": "((("},
            "behavior": "Isolated", "invert": false})
            }),
            "no tokenizer that can be used: ",
        ),
        (good.to_string()[..2000].to_string(), "no tokenizer that can be used: "),
        (deep, "no tokenizer that can be used: "),
        ("{\"model\":{}}".to_string(), "no tokenizer that can be used: "),
    ] {
        let error = Tokens::parse("t.json", text.as_bytes()).expect_err(said).to_string();
        assert!(error.starts_with(&format!("t.json: {said}")) && error.lines().count() == 1, "{error}");
    }
}

#[test]
fn texts_are_neither_cut_nor_filled_up() {
    let mut file = json("tokenizers/gpt2-bytelevel.json");
    file["truncation"] =
        serde_json::json!({"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0});
    file["padding"] = serde_json::json!({"strategy": {"Fixed": 1_000_000_000}, "direction": "Right",
        "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "<|endoftext|>"});
    let tokens = Tokens::parse("t", file.to_string().as_bytes()).unwrap();
    assert_eq!(tokens.encode("Hello world", true).unwrap(), [40, 340, 76, 79, 266, 265, 76, 68]);
}

/// Any ids at all: what their stream gives, piece by piece, is their text.
#[test]
fn streams_of_random_ids_are_their_text() {
    let mut state = 7u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    for name in ["gpt2-bytelevel.json", "llama3-split-bytelevel.json", "t5-unigram.json"] {
        let all = tokenizer(name);
        let mut ids: Vec<TokenId> = all.strings().iter().map(|(id, _)| id).collect();
        ids.sort_unstable();
        for tokens in [all.clone(), all.skipping_special(true)] {
            for _ in 0..200 {
                let drawn: Vec<TokenId> = (0..1 + random(20)).map(|_| ids[random(ids.len())]).collect();
                let mut decoder = Decoder::default();
                let mut text: String = drawn.iter().map(|&id| decoder.next(&tokens, id)).collect();
                text.push_str(&decoder.finish(&tokens));
                assert_eq!(text, tokens.text(&drawn), "{name}: {drawn:?}");
            }
        }
    }
}
