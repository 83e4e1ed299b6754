//! Reading the reference inputs.

use tokpick::source::{Layout, Open, Query};

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
    let mut source = Open { layout: None, ..Open::new(path) }.open().unwrap();
    // [R, B, V]: the file's first axis is the step
    let three = Open { layout: Some(Layout::Tbv), ..Open::new(path) }.open();
    if let Ok(steps_first) = three {
        source = steps_first;
    }
    let shape = source.shape();
    let mut values = Vec::new();
    let mut rows = Vec::new();
    for step in 0..shape.end_step.unwrap() {
        for sequence in shape.sequences.clone() {
            source.rows(&[Query { sequence, step, context: &[], prompt_len: 0 }], &mut rows).unwrap();
            values.extend_from_slice(&rows[0].logits);
        }
    }
    Rows { values: values.into(), batch: shape.sequences.len(), vocabulary: shape.vocab.unwrap() }
}
