//! Every bad input has its own message: what is wrong, where, and what to do.

use super::super::{DtypeHint, Layout, Meaning, Open, Vocab};
use super::{both, expect, expect_set, f32s, message, npy, npy_text, pipe};

#[test]
fn what_is_no_input() {
    expect("", "x: empty; logits are NPY, JSON or JSON Lines");
    expect(" \n\n", "x: holds nothing but blank lines");
    expect("hello, world", "x: neither NPY (\\x93NUMPY…) nor JSON ([ or {): it begins with hello, w");
    expect("NaN\n", "x: neither NPY (\\x93NUMPY…) nor JSON ([ or {): it begins with NaN\\n");
    expect("\n 7\n", "x: neither NPY (\\x93NUMPY…) nor JSON ([ or {): it begins with 7\\n");
    expect(b"\x1f\x8b\x08", "x: the gzip data end in the middle: the file is truncated");
    expect(b"\x93NUMPX\x01\x00", "x: not an NPY file: it begins with \\x93 but not with \\x93NUMPY");
    let missing = Open::new("no/such/file").open().map(|_| ()).expect_err("no file").to_string();
    assert!(missing.starts_with("no/such/file: ") && !missing.contains('\n'), "{missing}");
}

#[test]
fn headers_of_npy() {
    let data = f32s(&[1.0, 2.0]);
    let version = |v| npy(v, "'<f4'", false, "(2,)", &data);
    expect(version(4), "x: NPY version 4.0 is not known; 1.0, 2.0 and 3.0 are");
    expect(&version(1)[..7], "x: the NPY header is cut off: the file is truncated");
    expect(&version(2)[..40], "x: the NPY header is cut off: the file is truncated");
    let header = |text| npy_text(1, text, &data);
    expect(header("hello"), "x: the NPY header is not a Python dictionary");
    expect(npy_text(1, "{'descr': '\u{e9}", b""), "x: the NPY header is not a Python dictionary");
    for deep in ["(", "{", "[", "{'descr':"] {
        expect(npy_text(2, &deep.repeat(1000), b""), "x: the NPY header is not a Python dictionary");
    }
    let long = format!("{{{}}}", " ".repeat(10_000));
    expect(
        npy_text(2, &long, b""),
        "x: an NPY header of 10002 bytes: more than 10000 are not read (nor by NumPy)",
    );
    let mut huge = npy_text(2, "", b"");
    huge[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    expect(huge, "x: an NPY header of 4294967295 bytes: more than 10000 are not read (nor by NumPy)");
    expect(
        header("{'descr': '<f4', 'shape': (2,)}"),
        "x: the NPY header lacks one of descr, fortran_order and shape",
    );
    expect(
        header("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}"),
        "x: the NPY header has \"fortran_order\": 0; it is True or False",
    );
    expect(
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}"),
        "x: the NPY header has \"shape\": (-2,); it is a tuple of whole numbers",
    );
    expect(
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (2.5,)}"),
        "x: the NPY header has \"shape\": (2.5,); it is a tuple of whole numbers",
    );
    expect(
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'extra': 1}"),
        "x: the NPY header has the entry \"extra\", which no version knows",
    );
}

#[test]
fn dtypes_that_are_no_logits() {
    for (descr, expected) in [
        ("'|O'", "x: holds Python objects, dtype '|O', not logits: save it with .astype(numpy.float32)"),
        ("'<c8'", "x: holds complex numbers, dtype '<c8', not logits: save it with .astype(numpy.float32)"),
        ("'<U5'", "x: holds strings, dtype '<U5', not logits: save it with .astype(numpy.float32)"),
        ("'|S5'", "x: holds strings, dtype '|S5', not logits: save it with .astype(numpy.float32)"),
        ("'<M8[s]'", "x: holds times, dtype '<M8[s]', not logits: save it with .astype(numpy.float32)"),
        ("'|V4'", "x: holds raw bytes, dtype '|V4', not logits: save it with .astype(numpy.float32)"),
        (
            "'<f16'",
            "x: holds floats of another width than f16, f32 and f64, dtype '<f16', not logits: save it with .astype(numpy.float32)",
        ),
        ("'|b1'", "x: holds booleans, dtype '|b1': save it with .astype(numpy.float32) if they are logits"),
        ("'|f4'", "x: has no byte order in its dtype '|f4'"),
        (
            "'<q9'",
            "x: holds elements of an unknown kind, dtype '<q9', not logits: save it with .astype(numpy.float32)",
        ),
        (
            "[('a', '<f4')]",
            "x: holds structured elements, dtype [('a', '<f4')]: take the field that holds the logits",
        ),
    ] {
        expect(npy(1, descr, false, "(2,)", &[0; 8]), expected);
    }
    let floats = npy(1, "'<f4'", false, "(2,)", &[0; 8]);
    let hint = |open: &mut Open| open.dtype = Some(DtypeHint::Bf16);
    expect_set(&floats, hint, "dtype bf16: x holds float32; the hint is for uint16");
    expect_set(b"[1]", hint, "dtype bf16: x is JSON; the hint is for NPY");
    assert_eq!(
        "f8".parse::<DtypeHint>().expect_err("no hint").to_string(),
        "dtype f8: is not a hint; the only one is bf16 (for uint16 arrays)"
    );
}

#[test]
fn axes_that_are_no_logits() {
    for (shape, bytes, expected) in [
        ("()", 4, "x: a single number: logits need an axis of tokens"),
        ("(0,)", 0, "x: V = 0: the rows of the axes [0] hold no token"),
        ("(3, 0)", 0, "x: V = 0: the rows of the axes [3, 0] hold no token"),
        ("(0, 3)", 0, "x: zero rows: the axes are [0, 3]"),
        ("(2, 0, 3)", 0, "x: zero rows: the axes are [2, 0, 3]"),
        ("(1, 1, 1, 2)", 8, "x: 4 axes [1, 1, 1, 2]: logits have 1 to 3"),
    ] {
        expect(npy(1, "'<f4'", false, shape, &vec![0; bytes]), expected);
    }
    let array = |shape| npy(1, "'<f4'", false, shape, &[0; 16]);
    for (shape, layout, expected) in [
        (
            "(4,)",
            Layout::Bv,
            "layout bv: does not fit the axes [4] of x; layouts for them: none: it is one step",
        ),
        ("(2, 2)", Layout::Btv, "layout btv: does not fit the axes [2, 2] of x; layouts for them: tv or bv"),
        (
            "(1, 2, 2)",
            Layout::Tv,
            "layout tv: does not fit the axes [1, 2, 2] of x; layouts for them: btv or tbv",
        ),
    ] {
        let file_and_pipe = both(&array(shape), |open| open.layout = Some(layout));
        for text in file_and_pipe {
            assert_eq!(text, expected);
        }
    }
    expect_set(
        b"[1]\n[2]",
        |open| open.layout = Some(Layout::Tbv),
        "layout tbv: x is JSON Lines, one row a line; layouts for it: tv or bv",
    );
    assert_eq!(
        "vt".parse::<Layout>().expect_err("no layout").to_string(),
        "layout vt: is not a layout; give tv, bv, btv or tbv"
    );
}

#[test]
fn data_of_another_length_than_promised() {
    let three = f32s(&[1.0, 2.0, 3.0]);
    let cases = [
        (
            npy(1, "'<f4'", false, "(2, 2)", &three),
            "x: sequence 0, step 1: truncated: the data end here, the header promises more",
            "x: truncated: the header promises 16 bytes of data (float32 [2, 2]), the file holds 12",
        ),
        (
            npy(1, "'<f2'", false, "(1000000000000000,)", &three),
            "x: the axes [1000000000000000] are too large to be logits",
            "x: truncated: the header promises 2000000000000000 bytes of data (float16 [1000000000000000]), the file holds 12",
        ),
        (
            npy(1, "'<f4'", false, "(10000000, 100000000)", &three),
            "x: sequence 0, step 0: truncated: the data end here, the header promises more",
            "x: truncated: the header promises 4000000000000000 bytes of data (float32 [10000000, 100000000]), the file holds 12",
        ),
        (
            npy(1, "'<f4'", true, "(10000000, 100000000)", &three),
            "x: truncated: the header promises 4000000000000000 bytes of data, 12 came",
            "x: truncated: the header promises 4000000000000000 bytes of data (float32 [10000000, 100000000]), the file holds 12",
        ),
        (
            npy(1, "'<f8'", false, "(4294967296, 4294967296, 4294967296)", &three),
            "x: the axes [4294967296, 4294967296, 4294967296] are too large to be logits",
            "x: truncated: the header promises more than 2^64 bytes of data (float64 [4294967296, 4294967296, 4294967296]), the file holds 12",
        ),
        (
            npy(1, "'<f4'", false, "(1, 2)", &three),
            "x: bytes after the end of the array",
            "x: 4 bytes after the end of the array [1, 2]",
        ),
        (
            npy(1, "'<f4'", true, "(1, 2)", &three),
            "x: bytes after the end of the array",
            "x: 4 bytes after the end of the array [1, 2]",
        ),
    ];
    for (bytes, from_pipe, from_file) in cases {
        assert_eq!(both(&bytes, |_| {}), [from_pipe, from_file]);
    }
    let skipped = npy(1, "'<f4'", false, "(9, 1)", &three);
    let rows = |open: &mut Open| open.rows = "5..".parse().ok();
    assert_eq!(
        message(pipe(&skipped, rows)),
        "x: sequence 0, step 3: truncated: the data end here, the header promises more"
    );
    expect(
        npy(1, "'<f4'", false, "(18446744073709551616,)", b""),
        "x: the NPY header has \"shape\": (18446744073709551616,); it is a tuple of whole numbers",
    );
}

#[test]
fn numbers_beyond_f32() {
    let doubles: Vec<u8> =
        [1.0, 2.0, f64::INFINITY, 1e39].iter().flat_map(|x: &f64| x.to_le_bytes()).collect();
    let place = "x: sequence 0, step 1, token 1: a number too large for f32; scale the logits down";
    expect(npy(1, "'<f8'", false, "(2, 2)", &doubles), place);
    expect(npy(1, "'<f8'", true, "(2, 2)", &doubles), place);
    let batch = npy(1, "'<f8'", false, "(2, 2, 1)", &doubles);
    expect(
        batch.clone(),
        "x: sequence 1, step 1, token 0: a number too large for f32; scale the logits down",
    );
    let batch = npy(1, "'<f8'", true, "(2, 1, 2)", &doubles);
    expect(batch, "x: sequence 1, step 0, token 1: a number too large for f32; scale the logits down");
    expect("[1,-1e39]", "x: line 1, step 0, token 1: a number too large for f32; scale the logits down");
    expect(
        "[[1],[1e999]]",
        "x: sequence 0, step 1, token 0: a number too large for f32; scale the logits down",
    );
}

#[test]
fn selections_that_are_not_there() {
    let rows = |text: &'static str| move |open: &mut Open| open.rows = text.parse().ok();
    let steps = npy(1, "'<f4'", false, "(3, 1)", &f32s(&[0.0, 1.0, 2.0]));
    for input in [&steps[..], b"[[0],[1],[2]]", b"[0]\n[1]\n[2]\n"] {
        for (range, shown) in [("3..", "3.."), ("2..4", "2..4"), ("..4", "0..4"), ("7..9", "7..9")] {
            expect_set(input, rows(range), &format!("rows {shown}: out of range: the steps of x are 0..3"));
        }
    }
    let bv = |open: &mut Open| (open.rows, open.layout) = ("2..5".parse().ok(), Some(Layout::Bv));
    expect_set(&steps, bv, "rows 2..5: out of range: the sequences of x are 0..3");
    let empty = "".parse::<super::super::RowRange>().unwrap_err().to_string();
    assert_eq!(empty, "rows: is not a range; write A..B, A.. or ..B (B not included)");
    for bad in ["5", "a..b", "1..2..3", "-1..2", "1.."] {
        let parsed = bad.parse::<super::super::RowRange>();
        match bad {
            "1.." => assert!(parsed.is_ok()),
            _ => assert_eq!(
                parsed.expect_err(bad).to_string(),
                format!("rows {bad}: is not a range; write A..B, A.. or ..B (B not included)")
                    .replace(" :", ":")
            ),
        }
    }
    let bigram = |open: &mut Open| open.kind = Meaning::Bigram;
    expect_set(&steps, bigram, "x: a bigram matrix is square, [V, V]; the axes here are [3, 1]");
    let both = |open: &mut Open| (open.rows, open.kind) = ("0..1".parse().ok(), Meaning::Bigram);
    expect_set(&steps, both, "rows 0..1: selects steps, and a bigram matrix has none");
    let absent = message(pipe(&steps, |_| {}).and_then(|mut source| {
        super::row(&mut *source, 1, 0)?;
        Ok(source)
    }));
    assert_eq!(absent, "x: sequence 1, step 0: no such row: the sequences here are 0..1");
    let before = message(pipe(&steps, rows("1..")).and_then(|mut source| {
        super::row(&mut *source, 0, 0)?;
        Ok(source)
    }));
    assert_eq!(before, "x: sequence 0, step 0: no such row: the first step here is 1");
}

#[test]
fn vocabularies_that_are_none() {
    for (text, expected) in [
        (&b""[..], "v: empty; a vocabulary is a JSON list, a JSON object token → id, or a token a line"),
        (b"[]", "v: a vocabulary without a token"),
        (b"[\"a\",7]", "v: entry 1 of the list is not a string"),
        (b"[\"a\",\n\"b\"", "v: not JSON: EOF while parsing a list in line 2"),
        (b"{\"a\":0,\"b\":0}", "v: the id 0 stands for two tokens, \"a\" and \"b\""),
        (b"{\"version\":\"1.0\"}", "v: the value of \"version\" is not a token id"),
        (b"{\"a\":-1}", "v: the value of \"a\" is not a token id"),
        (b"a\n\xff\n", "v: line 2: not UTF-8 text"),
    ] {
        assert_eq!(Vocab::parse("v", text).expect_err(expected).to_string(), expected);
    }
    let words = Vocab::parse("v", b"a\r\n\nc\n").expect("lines");
    assert_eq!(
        (words.token(0), words.token(1), words.token(2), words.len()),
        (Some("a"), Some(""), Some("c"), 3)
    );
}
