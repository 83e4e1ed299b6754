//! safetensors: a JSON header of named tensors, then their bytes (the format of Hugging Face's library, 0.8).

use std::io::Read;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::source::dtype::{Codec, Dtype};
use crate::source::header::Header;
use crate::{Error, Place, Result};

/// The longest header, in bytes; thousands of tensors need less.
pub(super) const LONGEST: u64 = 25 << 20;

/// What the header says of a tensor.
#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// Where a tensor lies.
pub(in crate::source) struct Found {
    pub header: Header,
    /// Bytes between the header and the tensor.
    pub skip: u64,
    /// Bytes of the whole file, as its header has it.
    pub len: u64,
}

/// Reads the header and finds a tensor; `from` stands behind the header then.
pub(in crate::source) fn find(file: &str, from: &mut dyn Read, wanted: Option<&str>) -> Result<Found> {
    let bad = |what: String| Error::input(file, Place::default(), what);
    let cut = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            bad("the safetensors header is cut off: the file is truncated".into())
        }
        _ => Error::Io { file: file.into(), source: e },
    };
    let mut length = [0; 8];
    from.read_exact(&mut length).map_err(cut)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST {
        return Err(bad(format!("a safetensors header of {length} bytes: more than {LONGEST} are not read")));
    }
    // memory is taken as the bytes come
    let mut text = Vec::new();
    from.take(length).read_to_end(&mut text).map_err(cut)?;
    if (text.len() as u64) < length {
        return Err(cut(std::io::ErrorKind::UnexpectedEof.into()));
    }
    let mut tensors: Map<String, Value> = serde_json::from_slice(&text)
        .map_err(|e| bad(format!("the safetensors header is no JSON object of tensors: {e}")))?;
    tensors.remove("__metadata__");
    let names: Vec<String> = tensors.keys().cloned().collect();
    if names.is_empty() {
        return Err(bad("a safetensors file without a tensor".into()));
    }
    let chosen = super::pick(&names, wanted).map_err(bad)?;
    let (mut found, mut end) = (None, 0);
    for (at, (name, value)) in tensors.into_iter().enumerate() {
        let tensor: Tensor = serde_json::from_value(value)
            .map_err(|e| bad(format!("the tensor {name:?} is not described: {e}")))?;
        end = end.max(tensor.data_offsets.1);
        if at == chosen {
            found = Some((name, tensor));
        }
    }
    let Some((name, Tensor { dtype, shape, data_offsets: (start, stop) })) = found else {
        return Err(bad("a safetensors file without a tensor".into()));
    };
    let codec = Codec {
        dtype: of(&dtype).map_err(|what| bad(format!("the tensor {name:?} {what}")))?,
        big_endian: false,
    };
    let too_long = || bad(format!("the tensor {name:?} ends beyond what can be counted"));
    let data_start = start.checked_add(8 + length).ok_or_else(too_long)?;
    let len = end.checked_add(8 + length).ok_or_else(too_long)?;
    let header = Header {
        container: format!("safetensors, tensor {name}"),
        version: None,
        codec,
        fortran: false,
        axes: shape,
        data_start,
    };
    if header.data_len() != stop.checked_sub(start) {
        let axes = &header.axes;
        return Err(bad(format!(
            "the tensor {name:?} is {dtype} {axes:?}, but its offsets are {start} to {stop}"
        )));
    }
    Ok(Found { header, skip: start, len })
}

fn of(dtype: &str) -> std::result::Result<Dtype, String> {
    Ok(match dtype {
        "F16" => Dtype::F16,
        "BF16" => Dtype::Bf16,
        "F32" => Dtype::F32,
        "F64" => Dtype::F64,
        "I8" => Dtype::I8,
        "I16" => Dtype::I16,
        "I32" => Dtype::I32,
        "I64" => Dtype::I64,
        "U8" => Dtype::U8,
        "U16" => Dtype::U16,
        "U32" => Dtype::U32,
        "U64" => Dtype::U64,
        float if float.starts_with("F8") || float.starts_with("F6") || float.starts_with("F4") => {
            let width = &float[1..2];
            return Err(format!("holds fp{width} ({float}), which needs its scales: save it with .float()"));
        }
        other => return Err(format!("holds {other}, not logits: save it with .float()")),
    })
}
