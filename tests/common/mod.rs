//! Reading the reference inputs.

use tokpick::source::{Open, Query};

/// The rows of an NPY file of float32, `[R, V]` or `[R, B, V]`.
#[derive(Debug, Clone)]
pub struct Rows {
    values: std::rc::Rc<[f32]>,
    pub batch: usize,
    pub vocabulary: usize,
}

impl Rows {
    /// Row `b` of step `t`; the steps repeat.
    pub fn at(&self, t: usize, b: usize) -> &[f32] {
        let steps = self.values.len() / (self.batch * self.vocabulary);
        let start = (t % steps * self.batch + b) * self.vocabulary;
        &self.values[start..start + self.vocabulary]
    }
}

pub fn read_rows(path: &str) -> Rows {
    let mut source = Open::new(path).open().unwrap();
    let shape = source.shape();
    let (mut values, mut rows) = (Vec::new(), Vec::new());
    for sequence in shape.sequences.clone() {
        for step in 0..shape.end_step.unwrap() {
            source.rows(&[Query { sequence, step, context: &[], prompt_len: 0 }], &mut rows).unwrap();
            values.extend_from_slice(&rows[0].logits);
        }
    }
    // [R, B, V] is read as R sequences of B steps
    let batch = if shape.sequences.len() == 1 { 1 } else { shape.end_step.unwrap() };
    Rows { values: values.into(), batch, vocabulary: shape.vocab.unwrap() }
}
