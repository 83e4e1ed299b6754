//! Reading the reference inputs.

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
    let bytes = std::fs::read(path).unwrap();
    let npy = npyz::NpyFile::new(&bytes[..]).unwrap();
    let shape = npy.shape().to_vec();
    let (batch, vocabulary) = match shape[..] {
        [_, v] => (1, v as usize),
        [_, b, v] => (b as usize, v as usize),
        _ => panic!("{path}: {shape:?}"),
    };
    Rows { values: npy.into_vec().unwrap().into(), batch, vocabulary }
}
