//! Every file of fixtures/formats/arrays gives what its expected.json says, as a file and through a pipe.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;
use tokpick::source::write::write_npz;
use tokpick::source::{LogitsSource, Open, RawDtype, row_iter};

use crate::support::run::{fixture, tokpick, with_input, words};

fn path(name: &str) -> PathBuf {
    fixture("formats/arrays").join(name)
}

fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(path("expected.json")).unwrap()).unwrap()
}

type Source = Box<dyn LogitsSource + Send>;

/// An input as a file, and through a pipe.
fn both(file: &str, array: Option<&str>) -> [tokpick::Result<Source>; 2] {
    let open = || Open { array: array.map(str::to_owned), ..Open::new(path(file)) };
    [open().open(), open().read(File::open(path(file)).unwrap())]
}

fn rows(source: &mut Source) -> tokpick::Result<Vec<Vec<f32>>> {
    row_iter(source.as_mut()).map(|at| at.map(|at| at.row.logits)).collect()
}

fn near(a: f64, b: f64, slack: f64) -> bool {
    (a - b).abs() <= slack * a.abs().max(1.0)
}

/// Holds an array to what Python saw of it.
fn check(what: &str, facts: &Value, source: tokpick::Result<Source>) {
    let mut source = source.unwrap_or_else(|e| panic!("{what}: {e}"));
    let axes: Vec<u64> = source.format().axes.iter().map(|n| *n as u64).collect();
    assert_eq!(Value::from(axes), facts["shape"], "{what}");
    let rows = rows(&mut source).unwrap();
    let all: Vec<f32> = rows.concat();
    let numbers =
        |key: &str| facts[key].as_array().map(|a| a.iter().filter_map(Value::as_f64).collect::<Vec<_>>());
    for (found, expected) in all.iter().zip(numbers("first8").unwrap()) {
        assert!(near(f64::from(*found), expected, 1e-7), "{what}: {found} {expected}");
    }
    for (found, expected) in all[all.len() - 4..].iter().zip(numbers("last4").unwrap()) {
        assert!(near(f64::from(*found), expected, 1e-7), "{what}: {found} {expected}");
    }
    let sum: f64 = all.iter().map(|x| f64::from(*x)).sum();
    assert!(near(sum, facts["sum_f64"].as_f64().unwrap(), 1e-6), "{what}: {sum}");
    if facts.get("argmax").is_none() {
        return;
    }
    let flat = |value: &Value| -> Vec<u64> {
        let flat = value.as_array().into_iter().flatten().flat_map(|v| match v {
            Value::Array(inner) => inner.clone(),
            one => vec![one.clone()],
        });
        flat.filter_map(|v| v.as_u64()).collect()
    };
    let best =
        |row: &Vec<f32>| (0..row.len()).rev().max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap() as u64;
    assert_eq!(rows.iter().map(best).collect::<Vec<_>>(), flat(&facts["argmax"]), "{what}");
    if let Some(logprobs) = numbers("logprobs_of_ids").filter(|l| l.len() == rows.len()) {
        for ((row, id), expected) in rows.iter().zip(flat(&facts["ids"])).zip(logprobs) {
            let total: f64 = row.iter().map(|x| f64::from(*x).exp()).sum();
            let found = f64::from(row[id as usize]) - total.ln();
            assert!(near(found, expected, 1e-6), "{what}: {found} {expected}");
        }
    }
}

#[test]
fn arrays_of_every_container_are_what_python_wrote() {
    let mut count = 0;
    for (file, facts) in expected().as_object().unwrap() {
        let arrays = facts.get("arrays").or(facts.get("tensors")).and_then(Value::as_object);
        for (name, facts) in arrays
            .into_iter()
            .flatten()
            .filter(|(_, f)| f["shape"] != Value::from(vec![0, 512]) && f.get("first8").is_some())
        {
            for source in both(file, Some(name)) {
                check(&format!("{file}#{name}"), facts, source);
            }
            let named = format!("{}#{name}", path(file).display());
            check(&named, facts, Open::new(&named).open());
            count += 1;
        }
        if file == "logits.npy" || facts.get("same_as").is_some_and(|same| same == "logits.npy") {
            let facts = &expected()["logits.npy"];
            for source in both(file, None) {
                check(file, facts, source);
            }
            count += 1;
        }
    }
    assert_eq!(count, 21, "arrays that were looked at");
}

#[test]
fn a_name_is_needed_only_where_it_is_not_clear() {
    for file in
        ["one-positional.npz", "several.npz", "one-compressed.npz", "streamed.npz", "several.safetensors"]
    {
        let ran = tokpick(&["greedy", path(file).to_str().unwrap()]);
        assert_eq!(ran.status, Some(0), "{file}: {}", ran.err);
    }
    let batch = path("batch.npz");
    let line = tokpick(&["greedy", batch.to_str().unwrap()]).failure();
    assert!(
        line.ends_with(
            "holds several arrays, and none is called logits: say which as FILE#NAME; it has ids, arr_0"
        ),
        "{line}"
    );
    let named = format!("{}#arr_0", batch.display());
    let ids = tokpick(&["greedy", &named]).text();
    assert_eq!(ids.lines().next(), Some("329 262 279 294 221 85"));
    assert_eq!(tokpick(&["greedy", batch.to_str().unwrap(), "--array", "arr_0"]).text(), ids);
    let piped = with_input(&words("greedy --array arr_0"), &std::fs::read(&batch).unwrap());
    assert_eq!(piped.text(), ids);
    let line = tokpick(&["greedy", &format!("{}#arr_7", batch.display())]).failure();
    assert!(line.ends_with("has no array \"arr_7\"; it has ids, arr_0"), "{line}");
    for (file, said) in
        [("logits.npy", "is an NPY file: it has no names"), ("seqs.jsonl", "is JSON: it has no names")]
    {
        let line = tokpick(&["greedy", path(file).to_str().unwrap(), "--array", "x"]).failure();
        assert!(line.contains(said), "{line}");
    }
}

#[test]
fn a_record_of_an_archive_holds() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("r.json");
    let input = format!("{}#arr_0", path("batch.npz").display());
    let ran = tokpick(&["sample", &input, "--seed", "1", "--record", record.to_str().unwrap()]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    assert!(tokpick(&["verify", record.to_str().unwrap()]).text().starts_with("everything agrees"));
}

#[test]
fn what_is_not_read_is_named_with_a_way_in() {
    for (file, said) in [
        ("pickled-object.npz", "holds Python objects, dtype '|O', not logits"),
        ("tensor.pt", "a Python pickle (torch.save, .pt, .pkl): reading one can run code"),
        ("dict.pt", "torch.load('FILE', map_location='cpu')"),
        ("legacy.pt", "a Python pickle"),
        ("seqs.parquet", "a Parquet file; convert it first: python3 -c \"import numpy, pyarrow.parquet"),
        (
            "steps.feather",
            "an Arrow or Feather file; convert it first: python3 -c \"import numpy, pyarrow.feather",
        ),
        ("seqs.arrow", "an Arrow or Feather file"),
        ("steps.arrows", "an Arrow stream; convert it first: python3 -c \"import numpy, pyarrow.ipc"),
        ("python-nan.jsonl", ""),
    ] {
        let bytes = std::fs::read(path(file)).unwrap();
        for ran in [tokpick(&["greedy", path(file).to_str().unwrap()]), with_input(&["greedy"], &bytes)] {
            let line = ran.failure();
            assert!(line.contains(said) && !line.contains('\n'), "{file}: {line}");
        }
    }
    for file in ["logits.npy.gz", "logits.npy.zst"] {
        let bytes = std::fs::read(path(file)).unwrap();
        let line = with_input(&["greedy"], &bytes[..bytes.len() - 9]).failure();
        assert!(line.contains("data end in the middle: the file is truncated"), "{file}: {line}");
    }
    for (array, said) in [("empty", "zero rows"), ("scalar", "a single number")] {
        for source in both("orders.npz", Some(array)) {
            assert!(source.map(|_| ()).unwrap_err().to_string().contains(said), "{array}");
        }
    }
    for (bytes, said) in [
        (
            &b"0.1,0.2,0.3\n1,2,3\n"[..],
            "text in columns (CSV), which is not read here; convert it first: python3 -c",
        ),
        (b"0.1\t0.2\n", "delimiter='\\t'"),
        (b"1 2 3\n", "delimiter=' '"),
        (b"BZh91AY", "compressed with bzip2"),
        (b"\xfd7zXZ\0", "compressed with xz"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"GGUF\x03\0\0\0", "a GGUF file"),
    ] {
        let line = with_input(&["greedy"], bytes).failure();
        assert!(line.contains(said), "{line}");
    }
}

#[test]
fn compressed_lines_are_the_same_lines() {
    let plain = tokpick(&["info", path("seqs.jsonl").to_str().unwrap()]).failure();
    // what else a file holds is looked for in one that stands as it is
    let error = |line: &str| line.split("; it holds ").next().unwrap_or_default().to_owned();
    let tail = |line: String| line.split_once(": line ").map(|(_, tail)| error(tail));
    for file in ["seqs.jsonl.gz", "seqs.jsonl.zst", "seqs-multimember.jsonl.gz", "seqs-multiframe.jsonl.zst"]
    {
        let line = tokpick(&["info", path(file).to_str().unwrap()]).failure();
        assert_eq!(tail(line), tail(plain.clone()), "{file}");
    }
    let folder = tempfile::tempdir().unwrap();
    let packed = folder.path().join("x");
    let mut gzip = flate2::write::GzEncoder::new(File::create(&packed).unwrap(), flate2::Compression::fast());
    gzip.write_all(b"\xef\xbb\xbf[0,1,2]\n\n[5,4,3]\n").unwrap();
    gzip.finish().unwrap();
    assert_eq!(tokpick(&["greedy", packed.to_str().unwrap()]).text(), "2 0\n");
    let twice = std::fs::read(&packed).unwrap();
    let twice = ruzstd::encoding::compress_to_vec(&twice[..], ruzstd::encoding::CompressionLevel::Fastest);
    assert_eq!(with_input(&["greedy"], &twice).text(), "2 0\n");
}

#[test]
fn bare_numbers_need_a_vocabulary_size() {
    let numbers: Vec<u8> = [0f32, 1.0, 2.0, 5.0, 4.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.bin");
    std::fs::write(&file, &numbers).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(tokpick(&["greedy", file, "--raw", "f32", "--vocab-size", "3"]).text(), "2 0\n");
    assert_eq!(with_input(&words("greedy --raw f32 --vocab-size 3"), &numbers).text(), "2 0\n");
    assert_eq!(with_input(&words("greedy --raw f32 --vocab-size 3 --rows 1..2"), &numbers).text(), "0\n");
    let bv = tokpick(&["greedy", file, "--raw", "f32", "--vocab-size", "3", "--layout", "bv"]).text();
    assert_eq!(bv, "2\n0\n");
    assert_eq!("bf16".parse::<RawDtype>().unwrap(), RawDtype::Bf16);
    for (args, said) in [
        ("--raw f32", "--raw f32: needs --vocab-size: nothing else"),
        ("--raw f32 --vocab-size 0", "--vocab-size 0: must be from 1 to 2^32"),
        ("--raw i8 --vocab-size 3", "is not a type of raw numbers; give f16, bf16, f32 or f64"),
    ] {
        for ran in [
            tokpick(&[&["greedy", file][..], &words(args)].concat()),
            with_input(&[&["greedy"][..], &words(args)].concat(), &numbers),
        ] {
            let line = ran.failure();
            assert!(line.contains(said), "{line}");
        }
    }
    let line = tokpick(&["greedy", file, "--raw", "f32", "--vocab-size", "4"]).failure();
    assert!(line.contains("24 bytes are no whole number of rows of 16 bytes"), "{line}");
    let line = with_input(&words("greedy --raw f32 --vocab-size 4"), &numbers).failure();
    assert!(line.contains("step 1: the data end within a row of 4 numbers"), "{line}");
}

/// A safetensors file.
fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn hostile_containers_end_in_one_line() {
    let npz = std::fs::read(path("several.npz")).unwrap();
    let packed = std::fs::read(path("one-compressed.npz")).unwrap();
    let changed = |bytes: &[u8], at: usize, to: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    };
    let tensor = |shape: &str, offsets: &str| {
        safetensors(
            &format!("{{\"logits\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":{offsets}}}}}"),
            &[0; 8],
        )
    };
    let nested = format!("{{\"a\":{}", "[".repeat(100_000));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("cut.npz", npz[..npz.len() / 2].to_vec(), "a ZIP archive that can't be read"),
        ("head.npz", npz[..30].to_vec(), "a ZIP archive that can't be read"),
        ("broken.npz", changed(&packed, packed.len() / 2, &[0xff; 64]), ""),
        (
            "fp8.safetensors",
            safetensors("{\"x\":{\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[0,8]}}", &[0; 8]),
            "holds fp8 (F8_E4M3)",
        ),
        ("short.safetensors", tensor("[2,2]", "[0,16]"), ""),
        ("lie.safetensors", tensor("[2,1000000000]", "[0,8]"), "but its offsets are 0 to 8"),
        ("turned.safetensors", tensor("[2]", "[8,0]"), "but its offsets are 8 to 0"),
        (
            "far.safetensors",
            tensor("[2]", "[18446744073709551608,18446744073709551615]"),
            "ends beyond what can be counted",
        ),
        (
            "huge.safetensors",
            tensor("[18446744073709551615,18446744073709551615]", "[0,8]"),
            "but its offsets",
        ),
        ("nested.safetensors", safetensors(&nested, b""), "no JSON object of tensors"),
        ("text.safetensors", safetensors("{\"x\": 1}", b""), "is not described"),
        ("none.safetensors", safetensors("{}", b""), "without a tensor"),
        (
            "long.safetensors",
            [&(20u64 << 20).to_le_bytes()[..], b"{\"x\":"].concat(),
            "the safetensors header is cut off",
        ),
    ];
    let stored = write_npz(Vec::new(), &[1, 2], |npy| npy.row(&[1.5, 7.25])).unwrap();
    let number = stored.windows(4).position(|bytes| bytes == 7.25f32.to_le_bytes()).unwrap();
    let mut twice = rawzip::ZipArchiveWriter::new(Vec::new());
    for _ in 0..2 {
        let (mut entry, config) = twice.new_file("logits.npy").start().unwrap();
        let mut data = config.wrap(&mut entry);
        data.write_all(b"x").unwrap();
        let (_, descriptor) = data.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    let cases = [
        cases,
        vec![
            (
                "changed.npz",
                changed(&stored, number, &7.5f32.to_le_bytes()),
                "not those of the archive's checksum",
            ),
            ("twice.npz", twice.finish().unwrap(), "two arrays are called \"logits\""),
        ],
    ]
    .concat();
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, said) in cases {
        let file = folder.path().join(name);
        std::fs::write(&file, &bytes).unwrap();
        for ran in [tokpick(&["greedy", file.to_str().unwrap()]), with_input(&["greedy"], &bytes)] {
            let err = ran.err.clone();
            let line = ran.failure();
            assert!(line.contains(said) && err.lines().count() == 1, "{name}: {err}");
        }
    }
}

#[test]
#[cfg(unix)]
fn a_bomb_needs_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bomb.gz");
    let mut gzip = flate2::write::GzEncoder::new(File::create(&file).unwrap(), flate2::Compression::fast());
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (100000000, 1000), }\n";
    gzip.write_all(b"\x93NUMPY\x01\x00").unwrap();
    gzip.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
    gzip.write_all(header.as_bytes()).unwrap();
    let zeros = vec![0u8; 1 << 20];
    (0..200).for_each(|_| gzip.write_all(&zeros).unwrap());
    gzip.finish().unwrap();
    let line = format!(
        "ulimit -v 150000; exec {} greedy {} -o /dev/null --threads 1",
        env!("CARGO_BIN_EXE_tokpick"),
        file.display()
    );
    let done = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
    let err = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.code() == Some(2) && err.contains("truncated") && err.lines().count() == 1, "{err}");
}

#[test]
fn every_input_is_converted_into_every_output() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = [
        fixture("tiny-lm/steps.npy"),
        fixture("tiny-lm/steps-fortran.npy"),
        fixture("tiny-lm/steps-f64be.npy"),
        fixture("tiny-lm/steps-small.json"),
        fixture("tiny-lm/batch-f16.npy"),
        path("several-compressed.npz"),
        path("logits-bf16.safetensors"),
        path("logits.npy.zst"),
    ];
    for input in &inputs {
        let of = |file: &std::path::Path| {
            let mut source = Open::new(file).open().unwrap();
            (source.shape().sequences, rows(&mut source).unwrap())
        };
        let before = of(input);
        for name in ["x.npy", "x.npz", "x.safetensors", "x.json", "x.jsonl"] {
            let output = folder.path().join(name);
            let ran = tokpick(&["convert", input.to_str().unwrap(), "-o", output.to_str().unwrap()]);
            if name == "x.jsonl" && before.0.len() > 1 {
                let said = ran.failure();
                assert!(
                    said.contains("JSON Lines hold the steps of one sequence, and here are 3: --shard 1/3"),
                    "{said}"
                );
                continue;
            }
            assert_eq!((ran.status, ran.err.as_str()), (Some(0), ""), "{input:?} {name}");
            assert_eq!(of(&output), before, "{input:?} {name}");
        }
    }
}

#[test]
fn ids_of_sequences_stay_beside_converted_rows() {
    let lines = b"{\"id\":\"q7\",\"logits\":[0.0,2.0]}\n{\"id\":8,\"logits\":[3.0,0.0]}\n";
    let ran = with_input(&["convert", "-", "--layout", "bv", "--to", "jsonl"], lines);
    assert_eq!(ran.out, lines, "{}", ran.err);
    let steps = b"{\"id\":\"q7\",\"logits\":[0.0,2.0]}\n{\"id\":\"q7\",\"logits\":[3.0,0.0]}\n";
    assert_eq!(with_input(&["convert", "-", "--to", "jsonl"], steps).out, steps);
    let ran = with_input(&["convert", "-", "--to", "json"], steps);
    assert!(ran.err.contains("the ids of its sequences are not carried over"), "{}", ran.err);
    let answer = fixture("formats/llama-server/native-t0.8-n10-pre.json");
    let said = tokpick(&["convert", answer.to_str().unwrap(), "--to", "jsonl"]).err;
    assert!(said.contains("the tokens that the input carries are not carried over"), "{said}");
}

#[test]
fn streams_are_converted_without_their_length() {
    let folder = tempfile::tempdir().unwrap();
    let lines = b"{\"ids\":[3,1],\"logprobs\":[-0.5,-1]}\n{\"ids\":[5],\"logits\":[-Infinity]}\n{\"ids\":[0],\"logits\":[2]}\n";
    let m = f32::NEG_INFINITY;
    let expected = vec![vec![m, -1.0, m, -0.5, m, m], vec![m; 6], vec![2.0, m, m, m, m, m]];
    for name in ["x.npy", "x.npz", "x.safetensors", "x.json"] {
        let output = folder.path().join(name);
        assert_eq!(with_input(&["convert", "-o", output.to_str().unwrap()], lines).status, Some(0));
        assert_eq!(rows(&mut Open::new(&output).open().unwrap()).unwrap(), expected, "{name}");
    }
    let sparse = with_input(&["convert", "--to", "jsonl"], lines).text();
    assert_eq!(
        sparse,
        "{\"ids\":[1,3],\"logprobs\":[-1.0,-0.5]}\n{\"ids\":[5],\"logits\":[-Infinity]}\n{\"ids\":[0],\"logits\":[2.0]}\n"
    );
    // [T, B, V] as a pipe comes step by step
    let batch = std::fs::read(fixture("tiny-lm/batch.npy")).unwrap();
    let output = folder.path().join("t.npy");
    let args = ["convert", "--layout", "tbv", "-o", output.to_str().unwrap()];
    assert_eq!(with_input(&args, &batch).status, Some(0));
    let file = tokpick(&["greedy", "batch.npy", "--layout", "tbv"]).text();
    assert_eq!(tokpick(&["greedy", output.to_str().unwrap()]).text(), file);
    for (args, input, said) in [
        ("convert", &b"[1,2]"[..], "what is to be written? name the output .npy"),
        ("convert -o x.txt", b"[1,2]", "what is to be written?"),
        ("convert --to npy", b"{\"prefix\":[],\"logits\":[1]}", "its rows follow what was generated"),
        ("convert --to npy", b"[1,2]\n[3]\n", "line 2, step 1: 1 logits here, 2 in the lines before"),
    ] {
        let line = with_input(&words(args), input).failure();
        assert!(line.contains(said), "{line}");
    }
    let broken = folder.path().join("never.npy");
    let ran = with_input(&["convert", "-o", broken.to_str().unwrap()], b"[1,2]\n[3]\n");
    assert!(ran.status == Some(2) && !broken.exists());
}
