//! Laws of the readers and writers over random input.

use half::f16;
use proptest::prelude::*;

use super::super::write::{JsonWriter, NpyWriter};
use super::super::{Layout, Open, Steps};
use super::{all, f32s, npy, pipe};

/// Any f32 but NaN.
fn logit() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits).prop_map(|x| if x.is_nan() { f32::NEG_INFINITY } else { x })
}

/// Axes of one to three, and logits for them.
fn array() -> impl Strategy<Value = (Vec<usize>, Vec<f32>)> {
    prop::collection::vec(1usize..6, 1..4).prop_flat_map(|axes| {
        let count: usize = axes.iter().product();
        (Just(axes), prop::collection::vec(logit(), count))
    })
}

fn bits(rows: &[(usize, usize, Vec<f32>)]) -> Vec<u32> {
    rows.iter().flat_map(|(_, _, row)| row.iter().map(|x| x.to_bits())).collect()
}

fn read(bytes: &[u8]) -> Vec<(usize, usize, Vec<f32>)> {
    all(&mut *pipe(bytes, |_| {}).expect("what was written")).expect("its rows")
}

#[test]
fn the_known_hard_decimals_come_back() {
    // 7.038531e-26: its shortest decimal, taken for an f64, lies in the middle between two f32.
    for x in [7.038531e-26f32, f32::MIN_POSITIVE, f32::from_bits(1), -0.0, 1e16, 0.1, 16777216.0, f32::MAX] {
        let mut json = JsonWriter::new(Vec::new(), &[1]).expect("one logit");
        json.row(&[x]).expect("written");
        let text = json.finish().expect("written");
        assert_eq!(read(&text)[0].2[0].to_bits(), x.to_bits(), "{}", String::from_utf8_lossy(&text));
    }
}

#[test]
fn a_writer_counts_its_rows() {
    let text = |e: std::io::Error| e.to_string();
    let mut npy = NpyWriter::new(Vec::new(), &[2, 3]).expect("a header");
    assert_eq!(npy.row(&[0.0]).map_err(text), Err("a row of 1 logits, V is 3".into()));
    npy.row(&[0.0; 3]).expect("a row");
    assert_eq!(npy.finish().map_err(text), Err("1 of the 2 rows are missing".into()));
    let mut json = JsonWriter::new(Vec::new(), &[3]).expect("one row");
    json.row(&[0.0; 3]).expect("a row");
    assert_eq!(json.row(&[0.0; 3]).map_err(text), Err("more than the 1 rows that were promised".into()));
    let axes = NpyWriter::new(Vec::new(), &[3, 0]).map(|_| ()).map_err(text);
    assert_eq!(axes, Err("the axes [3, 0] are no logits: 1 to 3 axes, none of them 0".into()));
}

#[test]
fn the_data_of_a_written_file_are_aligned() {
    for (axes, shape) in
        [(&[3][..], "(3,)"), (&[2, 3], "(2, 3)"), (&[12345, 678, 90123], "(12345, 678, 90123)")]
    {
        let mut bytes = Vec::new();
        NpyWriter::new(&mut bytes, axes).expect("a header");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(
            bytes.len() % 64 == 0 && text.ends_with('\n') && text.contains(&format!("'shape': {shape}, ")),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read((axes, logits) in array()) {
        let v = *axes.last().expect("an axis");
        let mut npy = NpyWriter::new(Vec::new(), &axes).expect("a header");
        let mut json = JsonWriter::new(Vec::new(), &axes).expect("an array");
        for row in logits.chunks(v) {
            npy.row(row).expect("a row");
            json.row(row).expect("a row");
        }
        let expected: Vec<u32> = logits.iter().map(|x| x.to_bits()).collect();
        let npy = npy.finish().expect("a file");
        prop_assert_eq!(&bits(&read(&npy)), &expected);
        prop_assert_eq!(&bits(&read(&json.finish().expect("a document"))), &expected);
        let from_file = super::file(&npy, |_| {}, |source| all(&mut *source.expect("a file")).expect("rows"));
        prop_assert_eq!(&bits(&from_file), &expected);
    }

    /// Blocks, bands and rows meet at any boundary.
    #[test]
    fn fortran_order_is_c_order_turned(a in 1usize..40, b in 1usize..9, c in 1usize..70, batch: bool) {
        let layout = if batch { Layout::Btv } else { Layout::Tbv };
        let values: Vec<f32> = (0..a * b * c).map(|i| i as f32).collect();
        let turned: Vec<f32> = (0..a * b * c).map(|n| {
            let (i, j, k) = (n % a, n / a % b, n / a / b);
            values[(i * b + j) * c + k]
        }).collect();
        let file = npy(1, "'<f4'", true, &format!("({a}, {b}, {c})"), &f32s(&turned));
        let mut source = pipe(&file, |open| open.layout = Some(layout)).expect("an array");
        let mut expected = Steps::new("x", &[a, b, c], Some(layout), values).expect("an array");
        prop_assert_eq!(all(&mut *source).expect("rows"), all(&mut expected).expect("rows"));
    }

    #[test]
    fn long_rows_of_every_width_cross_the_blocks(extra in 0usize..70, wide: bool) {
        let count = 16 * 1024 + extra;
        let values: Vec<f16> = (0..count).map(|i| f16::from_bits(i as u16 & 0x7bff)).collect();
        let (descr, bytes): (_, Vec<u8>) = match wide {
            true => (">f8", values.iter().flat_map(|x| x.to_f64().to_be_bytes()).collect()),
            false => ("<f2", values.iter().flat_map(|x| x.to_le_bytes()).collect()),
        };
        let rows = read(&npy(2, &format!("'{descr}'"), false, &format!("({count},)"), &bytes));
        prop_assert!(rows[0].2.iter().zip(&values).all(|(x, y)| *x == y.to_f32()));
    }

    /// A number of JSON is an f64 that is rounded once: as a float64 file with the same numbers.
    #[test]
    fn json_numbers_are_what_a_float64_file_holds(text in r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,25})?") {
        let wide: f64 = text.parse().expect("a number");
        let row = pipe(format!("[{text}]").as_bytes(), |_| {}).and_then(|mut source| all(&mut *source));
        match wide as f32 {
            x if x.is_infinite() => prop_assert!(row.is_err()),
            x => prop_assert_eq!(row.expect("a number")[0].2[0].to_bits(), x.to_bits()),
        }
    }

    /// Whatever comes: an answer or an error of one line, never a panic.
    #[test]
    fn no_text_panics(text in r#"[\[\]{},:"0-9a-zA-Z.+\-\n\\ ]{0,60}"#, object: bool) {
        let text = if object { format!("{{\"logits\":{text}") } else { format!("[{text}") };
        if let Err(e) = pipe(text.as_bytes(), |_| {}).and_then(|mut source| all(&mut *source)) {
            prop_assert!(!e.to_string().contains('\n'), "{e}");
        }
    }

    #[test]
    fn no_number_panics(text in r"[0-9.eE+\-NIafinty]{1,30}") {
        let _ = pipe(format!("[{text}]").as_bytes(), |_| {}).and_then(|mut source| all(&mut *source));
    }

    #[test]
    fn no_header_panics(dict in r#"[\[\](){},:' <>|'0-9a-zA-Z_.+\-\\]{0,60}"#, shape in "[0-9, ]{0,24}", data: Vec<u8>) {
        for dict in [dict.clone(), format!("{{'descr': '<f2', 'fortran_order': False, 'shape': ({shape}), }}"), format!("{{{dict}}}")] {
            let bytes = super::npy_text(3, &dict, &data);
            if let Err(e) = pipe(&bytes, |_| {}).and_then(|mut source| all(&mut *source)) {
                prop_assert!(!e.to_string().contains('\n'), "{e}");
            }
        }
    }

    #[test]
    fn no_bytes_panic(start in prop::sample::select(vec![&b""[..], b"\x93", b"\x93NUMPY\x01\x00", b"[", b"{"]), rest: Vec<u8>) {
        let bytes = [start, &rest].concat();
        if let Err(e) = Open::new("x").read(std::io::Cursor::new(bytes)).and_then(|mut source| all(&mut *source)) {
            prop_assert!(!e.to_string().contains('\n'), "{e}");
        }
    }
}
