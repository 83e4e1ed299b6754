//! Every reader of rows: whatever the bytes are, rows or an error; the same from a file and from a pipe.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::PathBuf;

use super::bytes::Bytes;
use super::says;
use tokpick::source::{DtypeHint, Layout, Meaning, Open, RawDtype, row_iter};

/// No more rows than this are looked at.
const ROWS: usize = 2000;

fn open(path: PathBuf, settings: [u8; 2]) -> Open {
    let mut b = Bytes(&settings);
    let [shape, form] = [b.byte(), b.byte()];
    Open {
        layout: [None, Some(Layout::Tv), Some(Layout::Bv), Some(Layout::Tbv)][usize::from(shape) & 3],
        kind: if shape & 0x1c == 0x1c { Meaning::Bigram } else { Meaning::Auto },
        vocab_size: [None, None, None, Some(1), Some(3), Some(7), Some(100_000), Some(usize::MAX)]
            [usize::from(shape >> 5)],
        null_is_masked: form & 1 == 1,
        probs: form & 2 == 2,
        dtype: (form & 0x1c == 0x04).then_some(DtypeHint::Bf16),
        raw: match form >> 5 {
            5 => "f32".parse::<RawDtype>().ok(),
            6 => "bf16".parse::<RawDtype>().ok(),
            7 => "f64".parse::<RawDtype>().ok(),
            _ => None,
        },
        ..Open::new(path)
    }
}

/// The rows as bits, by sequence and step, and whether an error ended them.
type Rows = (BTreeMap<(usize, usize), Vec<u32>>, bool);

fn rows(source: tokpick::Result<Box<dyn tokpick::source::LogitsSource + Send>>) -> Rows {
    let mut source = match source {
        Ok(source) => source,
        Err(error) => {
            says(&error);
            return (BTreeMap::new(), true);
        }
    };
    let mut found = BTreeMap::new();
    for at in row_iter(source.as_mut()).take(ROWS) {
        match at {
            Ok(at) => {
                assert!(
                    at.row.ids.as_ref().is_none_or(|ids| ids.len() == at.row.logits.len()),
                    "an id for each logit"
                );
                let place = (at.sequence, at.step);
                let row = at.row.logits.iter().map(|x| x.to_bits()).collect();
                assert!(found.insert(place, row).is_none(), "{place:?} comes twice");
            }
            Err(error) => {
                says(&error);
                return (found, true);
            }
        }
    }
    (found, false)
}

/// Reads bytes as an input, from a pipe and from a file.
pub fn read(data: &[u8]) {
    let Some((settings, content)) = data.split_first_chunk::<2>() else { return };
    let piped = rows(open("input".into(), *settings).read(Cursor::new(content.to_vec())));
    let path = std::env::temp_dir().join(format!("tokpick-fuzz-{}", std::process::id()));
    if std::fs::write(&path, content).is_err() {
        return;
    }
    let filed = rows(open(path.clone(), *settings).open());
    let _ = std::fs::remove_file(&path);
    // what a pipe finds late, a file's size may tell early, and a batch comes by steps or by sequences; but rows are rows
    for (place, row) in &piped.0 {
        assert!(filed.0.get(place).is_none_or(|other| other == row), "a file and a pipe differ at {place:?}");
    }
    let all = piped.0.len() == ROWS || filed.0.len() == ROWS;
    assert!(piped.1 || filed.1 || all || piped.0 == filed.0, "a file and a pipe have other rows");
}
