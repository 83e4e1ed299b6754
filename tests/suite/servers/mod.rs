//! The answers of servers: recorded ones, every layout, and what is said of the tokens that they don't list.

mod faults;
mod layouts;
mod missing;
mod recipes;
mod recorded;

use std::path::PathBuf;

use serde_json::Value;
use tokpick::TokenId;
use tokpick::source::{LogitsSource, Open, Row, row_iter};

use crate::support::run::fixture;

type Source = Box<dyn LogitsSource + Send>;

fn path(folder: &str, file: &str) -> PathBuf {
    fixture("formats").join(folder).join(file)
}

fn read(text: &str) -> tokpick::Result<Source> {
    Open::new("answer").read(std::io::Cursor::new(text.as_bytes().to_vec()))
}

fn rows(source: &mut Source) -> Vec<Vec<Row>> {
    let mut rows = vec![Vec::new(); source.shape().sequences.len()];
    for at in row_iter(source.as_mut()).map(Result::unwrap) {
        rows[at.sequence].push(at.row);
    }
    rows
}

fn ids(value: &Value) -> Vec<TokenId> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as TokenId).collect()
}
