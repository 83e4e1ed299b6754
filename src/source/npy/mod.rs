//! NPY, NumPy's format of one array.

pub(crate) mod header;
mod literal;
