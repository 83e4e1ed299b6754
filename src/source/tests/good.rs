//! One meaning, many ways to store it.

use half::{bf16, f16};

use super::super::{DtypeHint, Layout, Meaning, Open};
use super::{all, file, npy, pipe};

/// Exact in every type of the table, unsigned ones apart.
const VALUES: [f32; 6] = [0.0, 1.0, -2.0, 3.0, 100.0, -7.0];
const UNSIGNED: [f32; 6] = [0.0, 1.0, 2.0, 3.0, 100.0, 7.0];

/// Bytes of the values in a type and byte order.
fn bytes(descr: &str, values: &[f32]) -> Vec<u8> {
    let element = |x: f32| -> Vec<u8> {
        match &descr[1..] {
            "f2" => f16::from_f32(x).to_le_bytes().to_vec(),
            "V2" | "bf16" => bf16::from_f32(x).to_le_bytes().to_vec(),
            "f4" => x.to_le_bytes().to_vec(),
            "f8" => f64::from(x).to_le_bytes().to_vec(),
            "i1" => (x as i8).to_le_bytes().to_vec(),
            "i2" => (x as i16).to_le_bytes().to_vec(),
            "i4" => (x as i32).to_le_bytes().to_vec(),
            "i8" => (x as i64).to_le_bytes().to_vec(),
            "u1" => (x as u8).to_le_bytes().to_vec(),
            "u2" => (x as u16).to_le_bytes().to_vec(),
            "u4" => (x as u32).to_le_bytes().to_vec(),
            "u8" => (x as u64).to_le_bytes().to_vec(),
            other => panic!("{other}"),
        }
    };
    let turn = |mut bytes: Vec<u8>| {
        if descr.starts_with('>') {
            bytes.reverse();
        }
        bytes
    };
    values.iter().flat_map(|x| turn(element(*x))).collect()
}

/// The places of a Fortran array, in C order, for axes of up to three.
fn fortran(values: &[f32], axes: [usize; 3]) -> Vec<f32> {
    let [a, b, c] = axes;
    let mut out = Vec::new();
    for k in 0..c {
        for j in 0..b {
            for i in 0..a {
                out.push(values[(i * b + j) * c + k]);
            }
        }
    }
    out
}

/// Reads as a file and as a pipe: both must give the rows.
#[track_caller]
fn expect(what: &str, bytes: &[u8], set: impl Fn(&mut Open), rows: &[(usize, usize, &[f32])]) {
    let rows: Vec<_> = rows.iter().map(|(s, t, row)| (*s, *t, row.to_vec())).collect();
    let from_pipe = pipe(bytes, &set).and_then(|mut source| all(&mut *source));
    assert_eq!(from_pipe.map_err(|e| e.to_string()).as_ref(), Ok(&rows), "{what} from a pipe");
    let from_file = file(bytes, &set, |source| source.and_then(|mut source| all(&mut *source)));
    assert_eq!(from_file.map_err(|e| e.to_string()).as_ref(), Ok(&rows), "{what} from a file");
}

#[test]
fn every_dtype_order_and_version_gives_the_same_rows() {
    let kinds = ["f2", "V2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"];
    for kind in kinds {
        let values = if kind.starts_with('u') { UNSIGNED } else { VALUES };
        let rows = [(0, 0, &values[..3]), (0, 1, &values[3..])];
        for endian in if kind.ends_with('1') { &["|", "<"][..] } else { &["<", ">"] } {
            let descr = format!("{endian}{kind}");
            for version in [1, 2, 3] {
                let what = format!("{descr} version {version}");
                let c = npy(version, &format!("'{descr}'"), false, "(2, 3)", &bytes(&descr, &values));
                expect(&what, &c, |_| {}, &rows);
                let turned = bytes(&descr, &fortran(&values, [1, 2, 3]));
                let f = npy(version, &format!("'{descr}'"), true, "(2, 3)", &turned);
                expect(&format!("{what}, Fortran"), &f, |_| {}, &rows);
            }
        }
    }
}

#[test]
fn bfloat16_hides_in_uint16_and_in_raw_bytes() {
    let rows: [(_, _, &[f32]); 1] = [(0, 0, &VALUES)];
    let hint = |open: &mut Open| open.dtype = Some(DtypeHint::Bf16);
    for (descr, data) in
        [("<u2", "<bf16"), (">u2", ">bf16"), ("<V2", "<bf16"), ("|V2", "<bf16"), (">V2", ">bf16")]
    {
        expect(descr, &npy(1, &format!("'{descr}'"), false, "(6,)", &bytes(data, &VALUES)), hint, &rows);
    }
}

#[test]
fn layouts_name_the_axes() {
    let data = bytes("<f4", &VALUES);
    let v = &VALUES;
    let array = |shape| npy(1, "'<f4'", false, shape, &data);
    let layout = |layout| move |open: &mut Open| open.layout = Some(layout);
    expect("[V]", &array("(6,)"), |_| {}, &[(0, 0, v)]);
    expect("tv", &array("(3, 2)"), layout(Layout::Tv), &[(0, 0, &v[..2]), (0, 1, &v[2..4]), (0, 2, &v[4..])]);
    expect("bv", &array("(3, 2)"), layout(Layout::Bv), &[(0, 0, &v[..2]), (1, 0, &v[2..4]), (2, 0, &v[4..])]);
    let btv: [(_, _, &[f32]); 6] = [
        (0, 0, &v[..1]),
        (0, 1, &v[1..2]),
        (0, 2, &v[2..3]),
        (1, 0, &v[3..4]),
        (1, 1, &v[4..5]),
        (1, 2, &v[5..]),
    ];
    expect("btv", &array("(2, 3, 1)"), |_| {}, &btv);
    expect("btv", &array("(2, 3, 1)"), layout(Layout::Btv), &btv);
    let turned = [v[0], v[3], v[1], v[4], v[2], v[5]];
    let tbv = npy(1, "'<f4'", false, "(3, 2, 1)", &bytes("<f4", &turned));
    expect("tbv", &tbv, layout(Layout::Tbv), &btv);
    let fortran_btv = npy(1, "'<f4'", true, "(2, 3, 1)", &bytes("<f4", &fortran(v, [2, 3, 1])));
    expect("btv, Fortran", &fortran_btv, |_| {}, &btv);
    let fortran_tbv = npy(1, "'<f4'", true, "(3, 2, 1)", &bytes("<f4", &fortran(&turned, [3, 2, 1])));
    expect("tbv, Fortran", &fortran_tbv, layout(Layout::Tbv), &btv);
    expect("JSON tbv", b"[[[0],[3]],[[1],[100]],[[-2],[-7]]]", layout(Layout::Tbv), &btv);
    expect("JSON btv", b"[[[0],[1],[-2]],[[3],[100],[-7]]]", |_| {}, &btv);
    expect("JSON bv", b"[[0,1],[3,4]]", layout(Layout::Bv), &[(0, 0, &[0.0, 1.0]), (1, 0, &[3.0, 4.0])]);
    expect(
        "JSON Lines bv",
        b"[0,1]\n[3,4]\n",
        layout(Layout::Bv),
        &[(0, 0, &[0.0, 1.0]), (1, 0, &[3.0, 4.0])],
    );
}

#[test]
fn json_documents_and_lines_are_told_apart_by_content() {
    let two: [(_, _, &[f32]); 2] = [(0, 0, &[1.0, 2.0]), (0, 1, &[3.0, 4.0])];
    let one: [(_, _, &[f32]); 1] = [(0, 0, &[1.0, 2.0])];
    for text in [
        "[[1,2],[3,4]]",
        "[[1,2],\n[3,4]]",
        "\n\n [\n  [1,\n 2],\r\n  [3, 4]\n]\n\n",
        "[1,2]\n[3,4]\n",
        "[1,2]\r\n\r\n[3,4]",
        "\n{\"logits\":[1,2]}\n\n{\"logits\":[3,4]}",
        "[1,2]\n{\"logits\":[3,4]}",
        "{\"logits\":[[1,2],[3,4]]}",
        "{\"vocab\":[\"a\",\"]}\\\"\"],\n\"logits\":[[1,2],[3,4]]}",
    ] {
        expect(text, text.as_bytes(), |_| {}, &two);
    }
    for text in
        ["[1,2]", "[\n1\n,\n2\n]", "[[1.0,2e0]]", "[[[1,2]]]", "{\"vocab\":[\"a\",\"b\"],\"logits\":[1,2]}"]
    {
        expect(text, text.as_bytes(), |_| {}, &one);
    }
}

#[test]
fn numbers_are_rounded_to_f32_once() {
    let text = "[0.1, 16777217, 16777219, 3.4028235e38, 3.40282356e38, 1e-50, -0.0, -Infinity, Infinity, 123456789012345678901234567890]";
    let mut source = pipe(text.as_bytes(), |_| {}).expect("numbers");
    let expected = [
        0.1f32,
        16777216.0,
        16777220.0,
        f32::MAX,
        f32::MAX,
        0.0,
        -0.0,
        f32::NEG_INFINITY,
        f32::INFINITY,
        123456789012345678901234567890f32,
    ];
    let bits = |row: &[f32]| row.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&all(&mut *source).expect("a row")[0].2), bits(&expected));
    let nan = all(&mut *pipe(b"[NaN]", |_| {}).expect("a number")).expect("a row");
    assert!(nan[0].2[0].is_nan(), "NaN is read here and judged when it is decoded");
    let masked = pipe(b"[1,null]", |open| open.null_is_masked = true).and_then(|mut s| all(&mut *s));
    assert_eq!(masked.expect("a row")[0].2, [1.0, f32::NEG_INFINITY]);
    let doubles: Vec<u8> =
        [0.1f64, 16777217.0, f64::NEG_INFINITY, 3.4028235e38].iter().flat_map(|x| x.to_le_bytes()).collect();
    expect(
        "f8",
        &npy(1, "'<f8'", false, "(4,)", &doubles),
        |_| {},
        &[(0, 0, &[0.1, 16777216.0, f32::NEG_INFINITY, f32::MAX])],
    );
}

#[test]
fn rows_selects_a_part_and_keeps_the_numbers() {
    let rows = |text: &'static str| move |open: &mut Open| open.rows = Some(text.parse().expect("a range"));
    let steps: [(_, _, &[f32]); 2] = [(0, 1, &[1.0]), (0, 2, &[2.0])];
    let npy_steps = npy(1, "'<f4'", false, "(4, 1)", &super::f32s(&[0.0, 1.0, 2.0, 3.0]));
    let npy_fortran = npy(1, "'<f4'", true, "(4, 1)", &super::f32s(&[0.0, 1.0, 2.0, 3.0]));
    for input in [&npy_steps[..], &npy_fortran, b"[[0],[1],[2],[3]]", b"[0]\n[1]\n\n[2]\n[3]\n"] {
        expect("1..3", input, rows("1..3"), &steps);
        expect("2..", input, rows("2.."), &[(0, 2, &[2.0]), (0, 3, &[3.0])]);
        expect("..1", input, rows("..1"), &[(0, 0, &[0.0])]);
        let bv = |open: &mut Open| (open.rows, open.layout) = ("1..3".parse().ok(), Some(Layout::Bv));
        expect("1..3 of bv", input, bv, &[(1, 0, &[1.0]), (2, 0, &[2.0])]);
    }
    let batch = npy(1, "'<f4'", false, "(2, 2, 1)", &super::f32s(&[0.0, 1.0, 2.0, 3.0]));
    expect("1.. of btv", &batch, rows("1.."), &[(0, 1, &[1.0]), (1, 1, &[3.0])]);
    let tbv = |open: &mut Open| (open.rows, open.layout) = ("1..".parse().ok(), Some(Layout::Tbv));
    expect("1.. of tbv", &batch, tbv, &[(0, 1, &[2.0]), (1, 1, &[3.0])]);
}

#[test]
fn a_bigram_matrix_is_read_from_every_format() {
    let matrix = npy(1, "'<f4'", false, "(2, 2)", &super::f32s(&[0.0, 1.0, 2.0, 3.0]));
    let fortran = npy(1, "'<f4'", true, "(2, 2)", &super::f32s(&[0.0, 2.0, 1.0, 3.0]));
    let inputs: [&[u8]; 5] =
        [&matrix, &fortran, b"[[0,1],[2,3]]", b"[0,1]\n[2,3]\n", b"{\"logits\":[[0,1],[2,3]]}"];
    for input in inputs {
        let set = |open: &mut Open| open.kind = Meaning::Bigram;
        let check = |source: crate::Result<super::Source>| {
            let mut source = source.expect("a matrix");
            assert!(source.shape().follows_prefix && source.shared().is_some());
            let mut rows = Vec::new();
            let query = |context| super::Query { sequence: 0, step: 9, context, prompt_len: 1 };
            source.rows(&[query(&[1]), query(&[1, 0])], &mut rows).expect("rows");
            assert_eq!((&rows[0].logits[..], &rows[1].logits[..]), (&[2.0, 3.0][..], &[0.0, 1.0][..]));
            let missing = source.rows(&[query(&[])], &mut rows).expect_err("no token");
            assert!(missing.to_string().ends_with("a bigram matrix needs a last token; give `Job::prompt`"));
            let outside = source.rows(&[query(&[2])], &mut rows).expect_err("no such token");
            assert!(outside.to_string().ends_with("the last token, 2, is outside the vocabulary of 2"));
        };
        check(pipe(input, set));
        file(input, set, check);
    }
}

#[test]
fn rows_of_a_file_are_read_from_several_threads() {
    let values: Vec<f32> = (0..6000).map(|i| i as f32).collect();
    let bytes = npy(1, "'<f4'", false, "(60, 100)", &bytes("<f4", &values));
    file(
        &bytes,
        |_| {},
        |source| {
            let source = source.expect("a file");
            let shared = source.shared().expect("random access");
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    let values = &values;
                    scope.spawn(move || {
                        let mut row = super::Row::default();
                        for step in (thread..60).step_by(4).rev() {
                            let at = super::Query { sequence: 0, step, context: &[], prompt_len: 0 };
                            shared.read(&at, &mut row).expect("a row");
                            assert_eq!(row.logits, values[step * 100..(step + 1) * 100]);
                        }
                    });
                }
            });
        },
    );
}
