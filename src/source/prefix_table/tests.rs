use std::fs::{self, File};
use std::io::BufReader;

use super::*;
use crate::source::Open;

fn lines(path: &std::path::Path) -> Lines {
    let mut lines = Lines::of_file("t.jsonl".into(), BufReader::new(File::open(path).unwrap()));
    assert!(lines.advance().unwrap());
    lines
}

/// Every row of a table, by prefix, with so many bytes of them in memory.
fn rows(path: &std::path::Path, in_memory: usize, options: &LineOptions) -> Vec<(Box<[TokenId]>, String)> {
    let table = PrefixTable::read_within(in_memory, lines(path), options.clone()).unwrap();
    let mut prefixes: Vec<_> = table.index.keys().cloned().collect();
    prefixes.sort();
    let read = |prefix: Box<[TokenId]>| {
        let mut row = Row::default();
        let at = Query { sequence: 0, step: prefix.len(), context: &prefix, prompt_len: 0 };
        table.read(&at, &mut row).unwrap();
        (prefix.clone(), format!("{row:?}"))
    };
    prefixes.into_iter().map(read).collect()
}

const TABLES: [&str; 4] = [
    // a mark, blank lines, both ends of lines, no end of the last
    "\u{feff}{\"prefix\":[],\"logits\":[0.5,1,-Infinity]}\r\n\n{\"logits\":[3,2,1e-3],\"prefix\":[2]}\n  \n{\"prefix\":[2,1],\"logits\":[0,0,0]}",
    "{\"prefix\":[],\"ids\":[7,2],\"logprobs\":[-0.1,-3]}\n{\"prefix\":[7],\"ids\":[1],\"logits\":[2.5]}\n",
    "{\"prefix\":[],\"probs\":[0.5,0.25,0.25]}\n{\"prefix\":[1],\"ids\":[0,2],\"probs\":[0.5,0.25]}\n",
    "{\"prefix\":[],\"ids\":[\"b\",\"a\"],\"logits\":[1,2]}\n{\"prefix\":[\"b\"],\"vocab\":[\"a\",\"b\"],\"logits\":[1,4]}\n",
];

#[test]
fn rows_in_the_file_are_those_in_memory() {
    let path = std::env::temp_dir().join(format!("tokpick-table-{}.jsonl", std::process::id()));
    for text in TABLES {
        fs::write(&path, text).unwrap();
        let options = LineOptions::default();
        let all = rows(&path, usize::MAX, &options);
        for in_memory in [0, size_of::<Row>() + 12, 2 * size_of::<Row>() + 24] {
            assert_eq!(rows(&path, in_memory, &options), all, "{text}");
        }
        let mut piped = Open::new("t.jsonl").read(text.as_bytes()).unwrap();
        for (prefix, row) in all {
            let (mut read, at) =
                (Vec::new(), Query { sequence: 0, step: prefix.len(), context: &prefix, prompt_len: 0 });
            piped.rows(&[at], &mut read).unwrap();
            assert_eq!(format!("{:?}", read[0]), row);
        }
    }
    fs::remove_file(path).unwrap();
}

/// A row takes a list for its numbers, one for its ids, and what holds them.
#[test]
fn what_holds_a_row_counts() {
    let path = std::env::temp_dir().join(format!("tokpick-counted-{}.jsonl", std::process::id()));
    let lines_of = |i: usize| format!("{{\"prefix\":[{i}],\"ids\":[7,1,2,3],\"logits\":[2.5,0,0,0]}}\n");
    fs::write(&path, (0..100).map(lines_of).collect::<String>()).unwrap();
    let each = size_of::<Row>() + 4 * size_of::<TokenId>() + 4 * size_of::<f32>();
    for (room, expected) in [(0, 0), (each - 1, 0), (each, 1), (40 * each + 1, 40), (200 * each, 100)] {
        let table = PrefixTable::read_within(room, lines(&path), LineOptions::default()).unwrap();
        assert_eq!(table.rows.in_memory(), expected, "{room}");
    }
    fs::remove_file(path).unwrap();
}

#[test]
fn a_file_that_changes_is_an_error() {
    let path = std::env::temp_dir().join(format!("tokpick-changed-{}.jsonl", std::process::id()));
    let text = "{\"prefix\":[],\"logits\":[0,1]}\n{\"prefix\":[1],\"logits\":[3,2]}\n";
    fs::write(&path, text).unwrap();
    let table = PrefixTable::read_within(0, lines(&path), LineOptions::default()).unwrap();
    let read = || {
        let at = Query { sequence: 0, step: 1, context: &[1], prompt_len: 0 };
        table.read(&at, &mut Row::default()).map_err(|e| e.to_string())
    };
    assert_eq!(read(), Ok(()));
    for (old, new) in [
        ("[3,2]", "[3,4]"),
        ("[3,2]", "[3,x]"),
        ("[3,2]", "[325]"),
        ("x\":[1]", "x\":[0]"),
        ("logits\":[3", "probs\" :[3"),
    ] {
        assert_eq!(text.replace(old, new).len(), text.len());
        fs::write(&path, text.replace(old, new)).unwrap();
        assert!(read().unwrap_err().starts_with("t.jsonl: line 2: the line is another one"), "{new}");
    }
    fs::write(&path, &text[..40]).unwrap();
    assert!(read().unwrap_err().starts_with("t.jsonl: "));
    fs::remove_file(path).unwrap();
}
