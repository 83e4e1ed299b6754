//! Element types of binary arrays, and their conversion to f32 block by block.

use std::fmt;
use std::io;
use std::str::FromStr;

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use pulp::Arch;

use crate::{Error, Result};

/// Says what the bytes of an NPY array mean where its own dtype doesn't: NumPy has no bfloat16, so such arrays are saved as
/// `uint16` or as raw two-byte values (`V2`, what ml_dtypes writes; that one is read without a hint).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DtypeHint {
    /// bfloat16: the upper half of an f32.
    Bf16,
}

impl FromStr for DtypeHint {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s {
            "bf16" | "bfloat16" => Ok(DtypeHint::Bf16),
            _ => Err(Error::setting("dtype", s, "is not a hint; the only one is bf16 (for uint16 arrays)")),
        }
    }
}

/// What a file of bare numbers holds: little-endian floats, row after row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawDtype {
    /// Half precision.
    F16,
    /// bfloat16.
    Bf16,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

impl RawDtype {
    pub(super) fn codec(self) -> Codec {
        let dtype = match self {
            RawDtype::F16 => Dtype::F16,
            RawDtype::Bf16 => Dtype::Bf16,
            RawDtype::F32 => Dtype::F32,
            RawDtype::F64 => Dtype::F64,
        };
        Codec { dtype, big_endian: false }
    }
}

impl FromStr for RawDtype {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s {
            "f16" | "float16" => Ok(RawDtype::F16),
            "bf16" | "bfloat16" => Ok(RawDtype::Bf16),
            "f32" | "float32" => Ok(RawDtype::F32),
            "f64" | "float64" => Ok(RawDtype::F64),
            _ => Err(Error::setting("raw", s, "is not a type of raw numbers; give f16, bf16, f32 or f64")),
        }
    }
}

/// An element type that logits can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dtype {
    F16,
    Bf16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

impl Dtype {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Dtype::I8 | Dtype::U8 => 1,
            Dtype::F16 | Dtype::Bf16 | Dtype::I16 | Dtype::U16 => 2,
            Dtype::F32 | Dtype::I32 | Dtype::U32 => 4,
            Dtype::F64 | Dtype::I64 | Dtype::U64 => 8,
        }
    }

    /// The name NumPy (for bfloat16: ml_dtypes) gives it.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::F16 => "float16",
            Dtype::Bf16 => "bfloat16",
            Dtype::F32 => "float32",
            Dtype::F64 => "float64",
            Dtype::I8 => "int8",
            Dtype::I16 => "int16",
            Dtype::I32 => "int32",
            Dtype::I64 => "int64",
            Dtype::U8 => "uint8",
            Dtype::U16 => "uint16",
            Dtype::U32 => "uint32",
            Dtype::U64 => "uint64",
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a run of elements could not be read.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Reading failed.
    Io(io::Error),
    /// The element at this index of the run is finite and beyond f32.
    Overflow(usize),
}

/// Element type and byte order: everything that conversion needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Codec {
    pub dtype: Dtype,
    pub big_endian: bool,
}

/// Bytes that are read and converted at once, on the stack.
const BLOCK: usize = 64 * 1024;

/// Bytes that are read at once where they need no conversion: many, as each call of the system costs time.
const DIRECT: usize = 256 * 1024;

impl Codec {
    /// Makes `count` elements of `out`. `fill` is asked for their bytes in order, a block at a time, so that no more memory is
    /// taken than there are data. What `out` held is overwritten where it lies: a warm buffer is not cleared first.
    pub fn read(
        self,
        count: usize,
        out: &mut Vec<f32>,
        mut fill: impl FnMut(&mut [u8]) -> io::Result<()>,
    ) -> std::result::Result<(), Fault> {
        if self.dtype == Dtype::F32 {
            return by_blocks(count, out, DIRECT / 4, |_, to| {
                let bytes = cast_slice_mut::<f32, u8>(to);
                fill(bytes).map_err(Fault::Io)?;
                self.order::<4>(bytes);
                Ok(())
            });
        }
        self.read_converted(count, out, fill)
    }

    /// As [`read`](Self::read), for elements that are not f32: apart, as the block on the stack is cleared at each call.
    #[inline(never)]
    fn read_converted(
        self,
        count: usize,
        out: &mut Vec<f32>,
        mut fill: impl FnMut(&mut [u8]) -> io::Result<()>,
    ) -> std::result::Result<(), Fault> {
        // A block of u64 is aligned for every element type.
        let mut block = [0u64; BLOCK / 8];
        let size = self.dtype.size();
        by_blocks(count, out, BLOCK / size, |done, to| {
            let bytes = &mut cast_slice_mut::<u64, u8>(&mut block)[..to.len() * size];
            fill(bytes).map_err(Fault::Io)?;
            self.convert(bytes, to).map_err(|i| Fault::Overflow(done + i))
        })
    }

    /// Turns the bytes of each element into the machine's order.
    fn order<const N: usize>(self, bytes: &mut [u8]) {
        if self.big_endian != cfg!(target_endian = "big") {
            for element in bytes.as_chunks_mut::<N>().0 {
                element.reverse();
            }
        }
    }

    /// Converts a block; the index of the first element that overflows f32 is the error.
    fn convert(self, bytes: &mut [u8], to: &mut [f32]) -> std::result::Result<(), usize> {
        match self.dtype.size() {
            2 => self.order::<2>(bytes),
            4 => self.order::<4>(bytes),
            8 => self.order::<8>(bytes),
            _ => {}
        }
        match self.dtype {
            // not one by one, and not for the oldest machines: half of the bytes, but all of the numbers of an f32 row
            Dtype::F16 => Arch::new().dispatch(|| put(bytes, to, from_half)),
            Dtype::Bf16 => put(bytes, to, |bits: u16| f32::from_bits(u32::from(bits) << 16)),
            Dtype::F32 => put(bytes, to, |x: f32| x),
            Dtype::F64 => {
                // the lowest number is how programs write a mask
                put(bytes, to, |x: f64| if x == f64::MIN { f32::NEG_INFINITY } else { x as f32 });
                // Only a block that holds an infinity can hold an overflow.
                if to.iter().fold(false, |any, x| any | x.is_infinite()) {
                    let doubles = cast_slice::<u8, f64>(bytes);
                    let over = |(x, y): (&f64, &f32)| x.is_finite() && y.is_infinite() && *x != f64::MIN;
                    if let Some(i) = doubles.iter().zip(&*to).position(over) {
                        return Err(i);
                    }
                }
            }
            // No integer is beyond f32.
            Dtype::I8 => put(bytes, to, |x: i8| f32::from(x)),
            Dtype::I16 => put(bytes, to, |x: i16| f32::from(x)),
            Dtype::I32 => put(bytes, to, |x: i32| x as f32),
            Dtype::I64 => put(bytes, to, |x: i64| x as f32),
            Dtype::U8 => put(bytes, to, |x: u8| f32::from(x)),
            Dtype::U16 => put(bytes, to, |x: u16| f32::from(x)),
            Dtype::U32 => put(bytes, to, |x: u32| x as f32),
            Dtype::U64 => put(bytes, to, |x: u64| x as f32),
        }
        Ok(())
    }
}

/// Makes `count` elements of `out`, `at_once` in each call of `make`, which is told how many come before; what was made before an error stays.
fn by_blocks(
    count: usize,
    out: &mut Vec<f32>,
    at_once: usize,
    mut make: impl FnMut(usize, &mut [f32]) -> std::result::Result<(), Fault>,
) -> std::result::Result<(), Fault> {
    let mut done = 0;
    while done < count {
        let end = count.min(done + at_once);
        if out.len() < end {
            out.resize(end, 0.0);
        }
        if let Err(fault) = make(done, &mut out[done..end]) {
            out.truncate(done);
            return Err(fault);
        }
        done = end;
    }
    out.truncate(count);
    Ok(())
}

#[inline(always)]
fn put<T: Pod>(bytes: &[u8], to: &mut [f32], to_f32: impl Fn(T) -> f32) {
    to.iter_mut().zip(cast_slice::<u8, T>(bytes)).for_each(|(y, x)| *y = to_f32(*x));
}

/// The f32 of an f16: without a branch, so that many are converted at once.
#[inline(always)]
fn from_half(bits: u16) -> f32 {
    // the bias of the exponent is 15 for f16 and 127 for f32; subnormal numbers are scaled like the others
    const SCALE: f32 = f32::from_bits((127 + 127 - 15) << 23);
    const INFINITE: u32 = 31 << 23;
    let magnitude = u32::from(bits & 0x7fff) << 13;
    let finite = (f32::from_bits(magnitude) * SCALE).to_bits();
    let value = if magnitude < INFINITE { finite } else { magnitude | f32::INFINITY.to_bits() };
    f32::from_bits(value | u32::from(bits & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    #[test]
    fn every_half_is_converted() {
        let all: Vec<u16> = (0..=u16::MAX).collect();
        let mut bytes = cast_slice::<u16, u8>(&all).to_vec();
        let mut found = vec![0.0; all.len()];
        let codec = Codec { dtype: Dtype::F16, big_endian: cfg!(target_endian = "big") };
        assert_eq!(codec.convert(&mut bytes, &mut found), Ok(()));
        for (bits, found) in all.into_iter().zip(found) {
            let expected = f16::from_bits(bits).to_f32();
            assert!(
                found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
                "{bits:#x}"
            );
        }
    }
}
