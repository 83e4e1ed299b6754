//! Every reader of texts: chains, orders, settings, configs, vocabularies, claims, masks, log-probabilities, records, traces.

use super::says;
use tokpick::check::{Claimed, Record, Setting, claims, read_claimed, read_masks};
use tokpick::render::kit::Look;
use tokpick::render::tree::{Tree, TreeView};
use tokpick::settings;
use tokpick::source::Vocab;
use tokpick::text::{Decoder, Stop, StopReader, Tokens};
use tokpick::trace::read_beams;

/// Reads bytes as the kind of text that the first one names.
pub fn text(data: &[u8]) {
    let Some((&kind, content)) = data.split_first() else { return };
    let lossy = String::from_utf8_lossy(content);
    let outcome = match kind % 13 {
        0 => Vocab::parse("vocab", content).map(|vocab| {
            assert!(vocab.iter().all(|(id, token)| vocab.token(id) == Some(token)));
        }),
        1 => settings::generation_config("config", &lossy).map(drop),
        2 => settings::sampling_params("params", &lossy).map(drop),
        3 => chain(&lossy),
        4 => settings::order(&lossy).map(|order| assert!(!order.names().is_empty())),
        5 => claims("claims", &lossy, None).map(drop),
        6 => {
            let _ = Record::is_record(content);
            Record::parse("record", content).map(|record| {
                let mut written = Vec::new();
                record.write(&mut written).expect("into memory");
                assert!(
                    Record::is_record(&written) && Record::parse("record", &written).is_ok(),
                    "reads what it wrote"
                );
            })
        }
        7 => {
            let _ = settings::chain_files(&lossy);
            Ok(())
        }
        8 => read_masks("mask", content).map(|masks| {
            let rising = |ids: &Vec<u32>| ids.windows(2).all(|w| w[0] < w[1]);
            assert!(masks.iter().all(|mask| mask.kept.iter().all(rising)), "by rising id, each once");
        }),
        9 => read_claimed("claimed", content, None).map(|file| {
            let sequences = file.into_iter().flat_map(|file| file.sequences);
            let fits = |s: &Claimed| s.ids.is_empty() || s.ids.len() == s.logprobs.len();
            assert!(sequences.into_iter().all(|s| fits(&s)), "a number for each id");
        }),
        10 => Setting::parse(&lossy).map(|setting| assert!(!setting.name.is_empty())),
        11 => spelled(content),
        _ => drawn(content),
    };
    if let Err(error) = outcome {
        says(&error);
    }
}

/// A chain that was read is written as JSON that reads as the same chain.
fn chain(text: &str) -> tokpick::Result<()> {
    // a constraint names a file, which is none of these bytes
    if !settings::chain_files(text).is_empty() {
        return Ok(());
    }
    let chain = settings::chain(text)?;
    let json = chain.json().to_string();
    let again = settings::chain(&json).unwrap_or_else(|e| panic!("{json}: {e}"));
    assert_eq!(json, again.json().to_string());
    Ok(())
}

/// The beams of a trace are drawn in every form.
fn drawn(content: &[u8]) -> tokpick::Result<()> {
    let steps = read_beams("trace", content)?;
    let first = steps.first().map_or(0, |step| step.sequence);
    let trees = [Tree::new(first, &steps, Vec::new(), None, None)];
    let view = TreeView { trees: &trees, tokens: None, pruned: 2, made: "" };
    let mut text = Vec::new();
    view.text(&Look::default(), &mut text).expect("into memory");
    let all =
        [String::from_utf8_lossy(&text).into_owned(), view.dot(), view.mermaid(), view.svg(), view.html()];
    assert!(all.iter().all(|shown| !shown.is_empty()));
    assert!(!all[3].contains("NaN") && !all[3].contains("inf"), "no place in a picture: {}", all[3]);
    Ok(())
}

/// The tokens of a vocabulary become the same text at once and one by one, up to a stop string, too.
fn spelled(content: &[u8]) -> tokpick::Result<()> {
    let tokens = Tokens::parse("tokens", content)?;
    let ids: Vec<u32> = tokens.strings().iter().map(|(id, _)| id).take(50).chain([u32::MAX]).collect();
    let mut decoder = Decoder::default();
    let mut text: String = ids.iter().map(|&id| decoder.next(&tokens, id)).collect();
    text += &decoder.finish(&tokens);
    assert_eq!(text, tokens.text(&ids));
    let first: String = text.chars().skip(1).take(2).collect();
    let stop = Stop::at(&tokens, [first])?;
    let mut reader = StopReader::default();
    let mut read = String::new();
    for &id in &ids {
        read += &reader.next(&stop, id);
        if reader.found(&stop).is_some() {
            break;
        }
    }
    read += &reader.finish(&stop);
    assert_eq!((read, reader.found(&stop)), stop.text(&ids));
    Ok(())
}
