//! The header of an NPY file (NumPy's format, versions 1, 2 and 3: numpy.lib.format).

use std::io::{self, Read};

use super::literal::{self, Value};
use crate::source::dtype::{Codec, Dtype, DtypeHint};
use crate::source::header::Header;
use crate::{Error, Place, Result};

/// What every NPY file begins with.
const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// NumPy refuses to read longer headers, too.
const LONGEST: usize = 10_000;

/// Reads a header and stops at the first element. Takes no memory but for the header's own text.
pub(crate) fn read(file: &str, from: &mut dyn Read, hint: Option<DtypeHint>) -> Result<Header> {
    let bad = |what: String| Error::input(file, Place::default(), what);
    let fill = |from: &mut dyn Read, bytes: &mut [u8]| {
        from.read_exact(bytes).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => bad("the NPY header is cut off: the file is truncated".into()),
            _ => Error::Io { file: file.into(), source },
        })
    };
    let mut start = [0; 8];
    fill(from, &mut start)?;
    let [magic @ .., major, minor] = start;
    if magic != *MAGIC {
        return Err(bad("not an NPY file: it begins with \\x93 but not with \\x93NUMPY".into()));
    }
    let (count, size) = match (major, minor) {
        (1, 0) => (2, 10),
        (2 | 3, 0) => (4, 12),
        _ => return Err(bad(format!("NPY version {major}.{minor} is not known; 1.0, 2.0 and 3.0 are"))),
    };
    let mut length = [0; 4];
    fill(from, &mut length[..count])?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        return Err(bad(format!(
            "an NPY header of {length} bytes: more than {LONGEST} are not read (nor by NumPy)"
        )));
    }
    let mut text = vec![0; length];
    fill(from, &mut text)?;
    let (descr, fortran, axes) = parse(&text).map_err(|what| bad(format!("the NPY header {what}")))?;
    let codec = codec(&descr, hint).map_err(|what| match hint {
        Some(DtypeHint::Bf16) => Error::setting("dtype", "bf16", format!("{file} {what}")),
        None => bad(what),
    })?;
    Ok(Header {
        container: "NPY".into(),
        version: Some((major, minor)),
        codec,
        fortran,
        axes,
        data_start: (size + length) as u64,
    })
}

/// What a header says: element type, Fortran order, axes.
type Entries<'t> = (Value<'t>, bool, Vec<usize>);

/// The element type that a description such as `<f4` means; `file` is named in errors.
pub(crate) fn element(file: &str, descr: &str, hint: Option<DtypeHint>) -> Result<Codec> {
    codec(&Value::Text(descr), hint).map_err(|what| match hint {
        Some(DtypeHint::Bf16) => Error::setting("dtype", "bf16", format!("{file} {what}")),
        None => Error::input(file, Place::default(), what),
    })
}

/// The three entries of the header's dictionary.
fn parse(text: &[u8]) -> std::result::Result<Entries<'_>, String> {
    let text = std::str::from_utf8(text).map_err(|_| "is not text")?;
    let (mut descr, mut fortran, mut axes) = (None, None, None);
    literal::entries(text, |key, value| {
        match (key, value) {
            ("descr", value) => descr = Some(value),
            ("fortran_order", Value::Bool(order)) => fortran = Some(order),
            ("shape", Value::Shape(shape)) => axes = Some(shape),
            ("fortran_order", value) => {
                return Err(format!("has \"fortran_order\": {}; it is True or False", shown(&value)));
            }
            ("shape", value) => {
                return Err(format!("has \"shape\": {}; it is a tuple of whole numbers", shown(&value)));
            }
            (key, _) => return Err(format!("has the entry {key:?}, which no version knows")),
        }
        Ok(())
    })?;
    match (descr, fortran, axes) {
        (Some(descr), Some(fortran), Some(axes)) => Ok((descr, fortran, axes)),
        _ => Err("lacks one of descr, fortran_order and shape".into()),
    }
}

/// A value in a message.
fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => format!("'{text}'"),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Shape(axes) => format!("{axes:?}"),
        Value::Other(text) if text.chars().count() > 60 => {
            format!("{}…", text.chars().take(60).collect::<String>())
        }
        Value::Other(text) => (*text).to_owned(),
    }
}

/// The element type of a dtype description such as `<f4`.
fn codec(descr: &Value<'_>, hint: Option<DtypeHint>) -> std::result::Result<Codec, String> {
    let save = "save it with .astype(numpy.float32)";
    let Value::Text(name) = *descr else {
        return Err(format!(
            "holds structured elements, dtype {}: take the field that holds the logits",
            shown(descr)
        ));
    };
    let (order, kind) = match name.chars().next() {
        Some(order @ ('<' | '>' | '|' | '=')) => (order, &name[1..]),
        _ => ('=', name),
    };
    let dtype = match kind {
        "f2" => Dtype::F16,
        "f4" => Dtype::F32,
        "f8" => Dtype::F64,
        "i1" => Dtype::I8,
        "i2" => Dtype::I16,
        "i4" => Dtype::I32,
        "i8" => Dtype::I64,
        "u1" => Dtype::U8,
        "u2" if hint.is_some() => Dtype::Bf16,
        "u2" => Dtype::U16,
        "u4" => Dtype::U32,
        "u8" => Dtype::U64,
        "V2" => Dtype::Bf16,
        "?" | "b1" => return Err(format!("holds booleans, dtype '{name}': {save} if they are logits")),
        _ => {
            let what = match kind.chars().next() {
                Some('O') => "Python objects",
                Some('c') => "complex numbers",
                Some('S' | 'a' | 'U' | 'T') => "strings",
                Some('m' | 'M') => "times",
                Some('V') => "raw bytes",
                Some('f' | 'g') => "floats of another width than f16, f32 and f64",
                _ => "elements of an unknown kind",
            };
            return Err(format!("holds {what}, dtype '{name}', not logits: {save}"));
        }
    };
    if hint == Some(DtypeHint::Bf16) && dtype != Dtype::Bf16 {
        return Err(format!("holds {dtype}; the hint is for uint16"));
    }
    let big_endian = match order {
        '>' => true,
        '=' => cfg!(target_endian = "big"),
        '|' if dtype.size() > 1 && dtype != Dtype::Bf16 => {
            return Err(format!("has no byte order in its dtype '{name}'"));
        }
        _ => false,
    };
    Ok(Codec { dtype, big_endian })
}
