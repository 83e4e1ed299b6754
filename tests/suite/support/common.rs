//! What the tests over reference data share.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tokpick::TokenId;
use tokpick::candidates::Candidates;
use tokpick::processor::{Chain, Context};
use tokpick::source::{Open, Query, Row};

/// A file of fixtures/.
pub fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

/// A JSON file of fixtures/.
pub fn json(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixture(path)).unwrap()).unwrap()
}

/// The rows of a two-dimensional NPY file of fixtures/.
pub fn rows(path: &str) -> Vec<Vec<f32>> {
    let mut source = Open::new(fixture(path)).open().unwrap();
    let steps = source.shape().end_step.unwrap();
    let at: Vec<Query<'_>> =
        (0..steps).map(|step| Query { sequence: 0, step, context: &[], prompt_len: 0 }).collect();
    let mut rows = Vec::new();
    source.rows(&at, &mut rows).unwrap();
    rows.into_iter().map(|row| row.logits).collect()
}

/// The candidates that a chain leaves of a row.
pub fn apply(chain: &Chain, row: &[f32], context: &[TokenId], prompt_len: usize) -> Candidates {
    let mut c = Candidates::default();
    chain.load(&mut c, Row::dense(row.to_vec()), 0, 0).unwrap();
    chain.apply(&mut c, &Context { context, prompt_len, sequence: 0, step: 0, coins: &0.0 }).unwrap();
    c
}

/// The ids of the candidates.
pub fn ids(c: &Candidates) -> Vec<TokenId> {
    c.members().map(|(id, _)| id).collect()
}

/// A JSON list of ids.
pub fn id_list(list: &Value) -> Vec<TokenId> {
    list.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as TokenId).collect()
}

/// A JSON list of numbers, with `"-inf"`.
pub fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|x| x.as_f64().unwrap_or(f64::NEG_INFINITY)).collect()
}

/// SHA-256 of ids in decimal, joined by commas, in hexadecimal.
pub fn sha256(ids: &[TokenId]) -> String {
    let text = ids.iter().map(TokenId::to_string).collect::<Vec<_>>().join(",");
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether two numbers agree within a relative tolerance, or one of `floor` in absolute terms.
pub fn close(got: f64, want: f64, relative: f64, floor: f64) -> bool {
    got == want || (got - want).abs() <= (relative * want.abs()).max(floor)
}
