//! Arrays of Python, read where they lie: NumPy's array interface, DLPack, and several of them stacked.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyList, PyTuple};
use tokpick::source::Elements;

/// One array in memory that Python owns.
struct Array {
    descr: String,
    axes: Vec<usize>,
    /// Bytes from one element to the next, by axis.
    strides: Vec<isize>,
    first: *const u8,
    /// What keeps the memory alive.
    _owner: Py<PyAny>,
}

// SAFETY: the memory is only read, and lives as long as `_owner`, which a thread may drop without the interpreter (PyO3 defers it).
unsafe impl Send for Array {}
// SAFETY: as above; Python code that writes to an array while it is decoded gets numbers from before or after, as with NumPy itself.
unsafe impl Sync for Array {}

impl Array {
    fn size(&self) -> usize {
        self.descr.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(1)
    }

    /// The strides of C order.
    fn compact(axes: &[usize], size: usize) -> Vec<isize> {
        let mut strides = vec![size as isize; axes.len()];
        for at in (0..axes.len().saturating_sub(1)).rev() {
            // axes that don't fit are refused later
            strides[at] = strides[at + 1].wrapping_mul(axes[at + 1] as isize);
        }
        strides
    }
}

impl Elements for Array {
    fn descr(&self) -> &str {
        &self.descr
    }

    fn axes(&self) -> &[usize] {
        &self.axes
    }

    fn copy(&self, row: usize, first: usize, bytes: &mut [u8]) {
        let (size, last) = (self.size(), self.axes.len() - 1);
        let (mut rest, mut offset) = (row, 0);
        for axis in (0..last).rev() {
            offset += (rest % self.axes[axis]) as isize * self.strides[axis];
            rest /= self.axes[axis];
        }
        let stride = self.strides[last];
        let count = bytes.len() / size;
        assert!(rest == 0 && first + count <= self.axes[last], "a row of the array");
        // SAFETY: axes and strides are the owner's, and the place is inside of them; the elements may lie unaligned.
        unsafe {
            let from = self.first.offset(offset + first as isize * stride);
            if stride == size as isize {
                ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), count * size);
            } else {
                for at in 0..count {
                    let element = from.offset(at as isize * stride);
                    ptr::copy_nonoverlapping(element, bytes.as_mut_ptr().add(at * size), size);
                }
            }
        }
    }
}

/// Arrays of one shape as the parts of a new first axis: what `generate(output_logits=True)` of transformers returns.
struct Stack {
    axes: Vec<usize>,
    parts: Vec<Array>,
    /// Rows of one part.
    rows: usize,
}

impl Elements for Stack {
    fn descr(&self) -> &str {
        &self.parts[0].descr
    }

    fn axes(&self) -> &[usize] {
        &self.axes
    }

    fn copy(&self, row: usize, first: usize, bytes: &mut [u8]) {
        self.parts[row / self.rows].copy(row % self.rows, first, bytes);
    }
}

/// The elements of an array; of lists, after NumPy has made an array of them. `true` if they are read where they lie.
///
/// # Errors
/// Memory that is not the CPU's; what is no array.
pub fn elements(found: &Bound<'_, PyAny>) -> PyResult<(Arc<dyn Elements>, bool)> {
    if let Some(array) = in_place(found)? {
        return Ok((Arc::new(array), true));
    }
    if let Some(stack) = stacked(found)? {
        return Ok((Arc::new(stack), true));
    }
    let made = found.py().import("numpy")?.call_method1("asarray", (found,))?;
    let array = in_place(&made)?.ok_or_else(|| PyTypeError::new_err("the logits are no array"))?;
    Ok((Arc::new(array), false))
}

/// How many elements axes have, or the most that can be counted.
pub fn product(axes: &[usize]) -> usize {
    axes.iter().fold(1, |product: usize, &axis| product.saturating_mul(axis))
}

fn stacked(found: &Bound<'_, PyAny>) -> PyResult<Option<Stack>> {
    let (list, tuple) = (found.cast::<PyList>(), found.cast::<PyTuple>());
    let items: Vec<Bound<'_, PyAny>> = match (list, tuple) {
        (Ok(list), _) => list.iter().collect(),
        (_, Ok(tuple)) => tuple.iter().collect(),
        _ => return Ok(None),
    };
    let mut parts = Vec::new();
    for item in &items {
        match in_place(item)? {
            Some(part) if !part.axes.is_empty() => parts.push(part),
            _ => return Ok(None),
        }
    }
    let Some(first) = parts.first() else { return Ok(None) };
    if let Some((at, other)) =
        parts.iter().enumerate().find(|(_, p)| p.axes != first.axes || p.descr != first.descr)
    {
        let what = format!(
            "the arrays of a list must have one shape and type: the first is {:?} {}, number {at} is {:?} {}",
            first.axes, first.descr, other.axes, other.descr
        );
        return Err(PyValueError::new_err(what));
    }
    // axes without elements, or too many, are refused later
    let rows = product(&first.axes[..first.axes.len() - 1]);
    let axes = [&[parts.len()], &first.axes[..]].concat();
    Ok(Some(Stack { axes, parts, rows }))
}

/// An array through NumPy's array interface, else through DLPack; `None` for what has neither.
fn in_place(found: &Bound<'_, PyAny>) -> PyResult<Option<Array>> {
    if let Ok(interface) = found.getattr("__array_interface__") {
        return from_interface(found, &interface);
    }
    if found.hasattr("__dlpack__")? { from_dlpack(found).map(Some) } else { Ok(None) }
}

/// `None` where the interface doesn't say where the elements lie: NumPy knows to ask for them otherwise.
fn from_interface(found: &Bound<'_, PyAny>, interface: &Bound<'_, PyAny>) -> PyResult<Option<Array>> {
    // masked arrays of NumPy hide which elements are masked
    if found.hasattr("filled")? && found.getattr("mask")?.call_method0("any")?.is_truthy()? {
        let what = "the logits are a masked array: say what its masked elements are, .filled(-np.inf) for tokens that can't come";
        return Err(PyValueError::new_err(what));
    }
    let interface = interface.cast::<PyDict>()?;
    let get = |name: &str| -> PyResult<Bound<'_, PyAny>> {
        let what = || PyValueError::new_err(format!("the array interface lacks {name}"));
        interface.get_item(name)?.ok_or_else(what)
    };
    let descr: String = get("typestr")?.extract()?;
    if let Ok(names) = found.getattr("dtype").and_then(|dtype| dtype.getattr("names"))
        && !names.is_none()
    {
        let what = format!("the logits are structured elements: take the field that holds them, of {names}");
        return Err(PyValueError::new_err(what));
    }
    let axes: Vec<usize> = get("shape")?.extract()?;
    let Some(Ok((first, _))) =
        interface.get_item("data")?.map(|data| data.extract::<(usize, Bound<'_, PyAny>)>())
    else {
        return Ok(None);
    };
    let strides: Option<Vec<isize>> = match interface.get_item("strides")? {
        Some(strides) => strides.extract()?,
        None => None,
    };
    let mut array =
        Array { descr, axes, strides: Vec::new(), first: first as *const u8, _owner: found.clone().unbind() };
    array.strides = strides.unwrap_or_else(|| Array::compact(&array.axes, array.size()));
    if array.strides.len() != array.axes.len() {
        let what = format!("the array has {} axes and {} strides", array.axes.len(), array.strides.len());
        return Err(PyValueError::new_err(what));
    }
    Ok(Some(array))
}

/// `DLTensor` of DLPack (dlpack.h), as it stands at the beginning of a managed tensor.
#[repr(C)]
struct DlTensor {
    data: *const c_void,
    device_type: c_int,
    device_id: c_int,
    ndim: c_int,
    code: u8,
    bits: u8,
    lanes: u16,
    shape: *const i64,
    strides: *const i64,
    byte_offset: u64,
}

/// Memory of the CPU, also if it is pinned for a GPU.
const CPU: [i32; 3] = [1, 3, 11];

fn from_dlpack(found: &Bound<'_, PyAny>) -> PyResult<Array> {
    let (device, _): (i32, i32) = found.call_method0("__dlpack_device__")?.extract()?;
    if !CPU.contains(&device) {
        let what =
            "the logits are in the memory of another device: move them to the CPU first (torch: .cpu())";
        return Err(PyValueError::new_err(what));
    }
    // the capsule is kept, not consumed: it frees the tensor when it is dropped
    let owner = found.call_method0("__dlpack__")?;
    let capsule = owner.cast::<PyCapsule>()?;
    let pointer = capsule.pointer_checked(Some(c"dltensor"))?.cast::<DlTensor>();
    // SAFETY: a capsule of this name holds a DLManagedTensor, which begins with a DLTensor, and lives as long as the capsule.
    let tensor = unsafe { pointer.as_ref() };
    let kind = match (tensor.code, tensor.bits, tensor.lanes) {
        (0, 8 | 16 | 32 | 64, 1) => format!("i{}", tensor.bits / 8),
        (1, 8 | 16 | 32 | 64, 1) => format!("u{}", tensor.bits / 8),
        (2, 16 | 32 | 64, 1) => format!("f{}", tensor.bits / 8),
        (4, 16, 1) => "V2".to_string(),
        (code, bits, _) => {
            let what = format!(
                "the logits are of a type that is not read (DLPack code {code}, {bits} bits): convert them to float32"
            );
            return Err(PyValueError::new_err(what));
        }
    };
    let order = if cfg!(target_endian = "big") { '>' } else { '<' };
    let descr = format!("{order}{kind}");
    let count = tensor.ndim as usize;
    // SAFETY: shape, and strides where they are given, have a number for each axis.
    let (shape, strides) = unsafe {
        let shape = if count == 0 { &[][..] } else { std::slice::from_raw_parts(tensor.shape, count) };
        let given = !tensor.strides.is_null() && count > 0;
        (shape, given.then(|| std::slice::from_raw_parts(tensor.strides, count)))
    };
    let axes: Vec<usize> = shape.iter().map(|&n| n as usize).collect();
    let first = tensor.data.cast::<u8>().wrapping_add(tensor.byte_offset as usize);
    let mut array = Array { descr, axes, strides: Vec::new(), first, _owner: owner.clone().unbind() };
    let size = array.size();
    array.strides = match strides {
        Some(strides) => strides.iter().map(|&n| n as isize * size as isize).collect(),
        None => Array::compact(&array.axes, size),
    };
    Ok(array)
}
