use std::io::Cursor;

use crate::source::{LogitsSource, Open, Query, Row, RowRange, row_iter};

/// Two chunks of five tokens over a vocabulary of three: two rows each, for the tokens 3 and 4.
fn file(n_ctx: i32, vocab: i32, chunks: i32, tokens: &[i32], rows: &[(f32, f32, Vec<u16>)]) -> Vec<u8> {
    let mut bytes = b"_logits_".to_vec();
    bytes.extend([n_ctx, vocab, chunks].iter().chain(tokens).flat_map(|n| n.to_le_bytes()));
    for (scale, min, codes) in rows {
        bytes.extend(scale.to_le_bytes().into_iter().chain(min.to_le_bytes()));
        bytes.extend(codes.iter().flat_map(|c| c.to_le_bytes()));
        bytes.extend(vec![0; codes.len() % 2 * 2]);
    }
    bytes
}

const TOKENS: [i32; 10] = [0, 1, 2, 1, 0, 2, 2, 1, 1, 0];

fn good() -> Vec<u8> {
    let row = |first| (0.5f32, -2.0f32, vec![first, 0, 4]);
    file(5, 3, 2, &TOKENS, &[row(0), row(1), row(2), row(3)])
}

/// The input as a file and through a pipe.
fn both(bytes: &[u8], rows: Option<RowRange>) -> [crate::Result<Box<dyn LogitsSource + Send>>; 2] {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let open = || Open { rows, ..Open::new(file.path()) };
    [open().open(), open().read(Cursor::new(bytes.to_vec()))]
}

#[test]
fn a_chunk_is_a_sequence_whose_steps_begin_behind_its_middle() {
    for source in both(&good(), None) {
        let mut source = source.unwrap();
        let shape = source.shape();
        assert_eq!((shape.sequences, shape.first_step, shape.end_step), (0..2, 3, Some(5)));
        assert_eq!(shape.vocab, Some(3));
        assert!(source.format().is_kld());
        let rows: Vec<_> = row_iter(source.as_mut()).map(Result::unwrap).collect();
        let places: Vec<_> = rows.iter().map(|at| (at.sequence, at.step)).collect();
        assert_eq!(places, [(0, 3), (0, 4), (1, 3), (1, 4)]);
        // 0.5 · code − 2
        assert_eq!(rows[1].row.logits, [-1.5, -2.0, 0.0]);
        assert_eq!(rows[3].row.logits, [-0.5, -2.0, 0.0]);
    }
}

#[test]
fn a_part_of_the_steps_keeps_its_numbers() {
    let part = |text: &str| both(&good(), Some(text.parse().unwrap()));
    for source in part("4..5") {
        let mut source = source.unwrap();
        let rows: Vec<_> = row_iter(source.as_mut()).map(Result::unwrap).collect();
        assert_eq!(rows.iter().map(|at| (at.sequence, at.step)).collect::<Vec<_>>(), [(0, 4), (1, 4)]);
        assert_eq!(rows[1].row.logits, [-0.5, -2.0, 0.0]);
    }
    for source in part("0..4") {
        let line = source.err().unwrap().to_string();
        assert!(line.ends_with("are 3..5") && line.starts_with("rows 0..4: out of range"), "{line}");
    }
}

#[test]
fn rows_are_read_in_any_order_from_a_file() {
    let [file, _] = both(&good(), None);
    let file = file.unwrap();
    let (rows, mut row) = (file.shared().unwrap(), Row::default());
    for (sequence, step, first) in [(1, 4, -0.5), (0, 3, -2.0), (1, 3, -1.0)] {
        rows.read(&Query { sequence, step, context: &[], prompt_len: 0 }, &mut row).unwrap();
        assert_eq!(row.logits[0], first);
    }
    rows.read(&Query { sequence: 0, step: 5, context: &[], prompt_len: 0 }, &mut row).unwrap();
    assert!(row.ended);
}

/// What is wrong with a file, however it comes; `pipe` where a pipe knows less.
fn refused(bytes: &[u8]) -> [String; 2] {
    both(bytes, None).map(|source| match source {
        Err(e) => e.to_string(),
        Ok(mut source) => {
            row_iter(source.as_mut()).find_map(Result::err).map_or(String::new(), |e| e.to_string())
        }
    })
}

#[test]
fn lies_and_cuts_are_one_line() {
    let whole = good();
    for len in 8..whole.len() {
        for line in refused(&whole[..len]) {
            assert!(line.contains("truncated") && !line.contains('\n'), "{len}: {line}");
        }
    }
    let more = [whole.clone(), vec![7]].concat();
    let [file_says, pipe_says] = refused(&more);
    assert!(file_says.contains("1 bytes after the last row"), "{file_says}");
    assert!(pipe_says.contains("bytes after the end"), "{pipe_says}");
    let counts = |n_ctx, vocab, chunks, what: &str| {
        for line in refused(&file(n_ctx, vocab, chunks, &TOKENS, &[])) {
            assert!(line.contains(what), "{line}");
        }
    };
    counts(2, 3, 5, "there is no row in it");
    counts(5, 0, 2, "there is no row in it");
    counts(-5, 3, 2, "no counts of a .kld");
    let [file_says, pipe_says] = refused(&file(i32::MAX, i32::MAX, i32::MAX, &TOKENS, &[]));
    assert!(file_says.contains("truncated"), "{file_says}");
    assert!(pipe_says.contains("more than 33554432 tokens"), "{pipe_says}");
    let mut tokens = TOKENS;
    tokens[8] = 3;
    for line in refused(&file(5, 3, 2, &tokens, &vec![(0.5, -2.0, vec![0, 1, 2]); 4])) {
        assert!(
            line.contains("sequence 1, step 3: the text's token 3 is outside the vocabulary of 3"),
            "{line}"
        );
    }
    for (scale, min) in [(f32::NAN, 0.0), (-1.0, 0.0), (1.0, f32::NEG_INFINITY), (f32::MAX, 0.0)] {
        for line in refused(&file(5, 3, 2, &TOKENS, &vec![(scale, min, vec![0, 1, 2]); 4])) {
            assert!(
                line.contains("sequence 0, step 3") && line.contains("give no log-probabilities"),
                "{line}"
            );
        }
    }
}

/// Rounding may bring a certain token above 0, and nothing more.
#[test]
fn no_token_is_more_than_certain() {
    for source in both(&file(5, 3, 2, &TOKENS, &vec![(0.5, -1.9995, vec![4, 0, 1]); 4]), None) {
        let row = row_iter(source.unwrap().as_mut()).next().unwrap().unwrap().row;
        assert!((row.logits[0] - 0.0005).abs() < 1e-6);
    }
    for line in refused(&file(5, 3, 2, &TOKENS, &vec![(0.5, -1.5, vec![0, 4, 1]); 4])) {
        let said = "sequence 0, step 3: its best token has 0.5, above 0: no log-probability";
        assert!(line.contains(said), "{line}");
    }
}

#[test]
fn settings_without_a_use_are_refused() {
    let read = |open: Open| open.read(Cursor::new(good())).err().unwrap().to_string();
    let open = || Open::new("a.kld");
    assert!(read(Open { layout: Some(crate::source::Layout::Tv), ..open() }).contains("are sequences, btv"));
    assert!(read(Open { probs: true, ..open() }).contains("holds log-probabilities"));
    assert!(read(Open { array: Some("x".into()), ..open() }).contains("it has no names"));
    assert!(read(Open { kind: crate::source::Meaning::Bigram, ..open() }).contains("chunks of a text"));
}
