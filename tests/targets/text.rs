//! Every reader of texts: chains, orders, configs, vocabularies, claims, records.

use super::says;
use tokpick::check::{Record, claims};
use tokpick::settings;
use tokpick::source::Vocab;

/// Reads bytes as the kind of text that the first one names.
pub fn text(data: &[u8]) {
    let Some((&kind, content)) = data.split_first() else { return };
    let lossy = String::from_utf8_lossy(content);
    let outcome = match kind % 8 {
        0 => Vocab::parse("vocab", content).map(|vocab| {
            assert!(vocab.iter().all(|(id, token)| vocab.token(id) == Some(token)));
        }),
        1 => settings::generation_config("config", &lossy).map(drop),
        2 => settings::sampling_params("params", &lossy).map(drop),
        3 => chain(&lossy),
        4 => settings::order(&lossy).map(|order| assert!(!order.names().is_empty())),
        5 => claims("claims", &lossy).map(drop),
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
        _ => {
            let _ = settings::chain_files(&lossy);
            Ok(())
        }
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
