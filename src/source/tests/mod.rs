//! What the readers promise, as tables of inputs.

mod bad;
mod bad_json;
mod forward;
mod golden;
mod good;
mod roundtrip;

use std::io::Cursor;

use super::{LogitsSource, Open, Query, Row};
use crate::Result;

pub(super) type Source = Box<dyn LogitsSource + Send>;

/// An NPY file: dictionary entries as text, data as bytes.
pub(super) fn npy(version: u8, descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let dict = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n");
    npy_text(version, &dict, data)
}

pub(super) fn npy_text(version: u8, dict: &str, data: &[u8]) -> Vec<u8> {
    let mut file = b"\x93NUMPY".to_vec();
    file.extend([version, 0]);
    match version {
        1 => file.extend((dict.len() as u16).to_le_bytes()),
        _ => file.extend((dict.len() as u32).to_le_bytes()),
    }
    file.extend(dict.as_bytes());
    file.extend(data);
    file
}

/// Bytes of little-endian float32.
pub(super) fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Opens bytes as a pipe called `x`.
pub(super) fn pipe(bytes: &[u8], set: impl FnOnce(&mut Open)) -> Result<Source> {
    let mut open = Open::new("x");
    set(&mut open);
    open.read(Cursor::new(bytes.to_vec()))
}

/// Opens bytes as a regular file; its name is `x` in the messages that come back.
pub(super) fn file<T>(
    bytes: &[u8],
    set: impl FnOnce(&mut Open),
    then: impl FnOnce(Result<Source>) -> T,
) -> T {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("x");
    std::fs::write(&path, bytes).expect("a temporary file");
    let mut open = Open::new(&path);
    set(&mut open);
    then(open.open())
}

/// All rows in the order the source has them, as (sequence, step, logits).
pub(super) fn all(source: &mut dyn LogitsSource) -> Result<Vec<(usize, usize, Vec<f32>)>> {
    let shape = source.shape();
    let (mut found, mut row) = (Vec::new(), Vec::new());
    let by_step = shape.access == super::Access::ByStep;
    let end = shape.end_step.unwrap_or(usize::MAX);
    let mut ask = |source: &mut dyn LogitsSource, sequence, step| -> Result<bool> {
        source.rows(&[Query { sequence, step, context: &[], prompt_len: 0 }], &mut row)?;
        if !row[0].ended {
            found.push((sequence, step, row[0].logits.clone()));
        }
        Ok(row[0].ended)
    };
    if by_step {
        for step in shape.first_step..end {
            for sequence in shape.sequences.clone() {
                if ask(source, sequence, step)? {
                    return Ok(found);
                }
            }
        }
    } else {
        for sequence in shape.sequences.clone() {
            for step in shape.first_step..end {
                if ask(source, sequence, step)? {
                    break;
                }
            }
        }
    }
    found.sort_by_key(|(sequence, step, _)| (*sequence, *step));
    Ok(found)
}

/// The message of an input that must fail, at the latest when its rows are read.
pub(super) fn message(source: Result<Source>) -> String {
    match source.and_then(|mut source| all(&mut *source)) {
        Ok(rows) => panic!("no error, but {rows:?}"),
        Err(e) => e.to_string(),
    }
}

/// One row.
pub(super) fn row(source: &mut dyn LogitsSource, sequence: usize, step: usize) -> Result<Row> {
    let mut out = Vec::new();
    source.rows(&[Query { sequence, step, context: &[], prompt_len: 0 }], &mut out)?;
    Ok(out.swap_remove(0))
}

/// The message for bytes from a pipe, and from a file, under the name `x`.
pub(super) fn both(bytes: &[u8], set: impl Fn(&mut Open)) -> [String; 2] {
    let from_file = file(bytes, &set, |source: Result<Source>| {
        let name = std::env::temp_dir();
        let text = message(source);
        // The temporary directory of the file is in its name.
        match text.find(&*name.to_string_lossy()) {
            Some(start) => {
                let end = start + text[start..].find("/x").map_or(0, |i| i + 1);
                format!("{}{}", &text[..start], &text[end..])
            }
            None => text,
        }
    });
    [message(pipe(bytes, &set)), from_file]
}

/// The same message from a pipe and from a file.
#[track_caller]
pub(super) fn expect_set(bytes: &[u8], set: impl Fn(&mut Open), expected: &str) {
    let [from_pipe, from_file] = both(bytes, set);
    assert_eq!(from_pipe, expected, "from a pipe");
    assert_eq!(from_file, expected, "from a file");
    assert!(!expected.contains('\n'));
}

#[track_caller]
pub(super) fn expect(bytes: impl AsRef<[u8]>, expected: &str) {
    expect_set(bytes.as_ref(), |_| {}, expected);
}
