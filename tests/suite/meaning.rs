//! What the numbers of an input mean: logits or probabilities, and which axis is which.

use crate::support::run::{tokpick, with_input, words};

#[test]
fn probabilities_are_noticed_and_read_as_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let document = path("p.json", b"[[0.5,0.25,0.25],[0.125,0.875,0]]");
    let lines = path("p.jsonl", b"[0.5,0.25,0.25]\n[0.125,0.875,0]\n");
    let table = path("t.jsonl", b"{\"prefix\":[],\"logits\":[0.5,0.25,0.25]}\n");
    let noticed =
        "its rows are from 0 to 1 and sum to 1: probabilities, which are read as logits here; --probs";
    for (file, commands) in [
        (&document, &["greedy", "sample --seed 1", "probs", "explain", "info", "score --ids 0,1"][..]),
        (&lines, &["greedy", "sample --seed 1", "probs", "info", "score --ids 0,1"]),
        (&table, &["greedy --max-new-tokens 1", "beam --max-new-tokens 1", "probs"]),
    ] {
        for command in commands {
            let command = words(command);
            let ran = tokpick(&[&command[..], &[file]].concat());
            assert!(ran.err.contains(noticed), "{command:?} {file}: {}", ran.err);
            assert_eq!(ran.err.matches(noticed).count(), 1, "{command:?} {file}: {}", ran.err);
            let told = tokpick(&[&command[..], &[file, "--probs"]].concat());
            assert!(told.status == Some(0) && !told.err.contains("logits here"), "{command:?}: {}", told.err);
        }
    }
    let diff = tokpick(&["diff", &document, &document]);
    assert_eq!(diff.err.matches(noticed).count(), 2, "{}", diff.err);
    let expected = "0\t0\t0.5\n0\t1\t0.25\n0\t2\t0.25\n1\t1\t0.875\n1\t0\t0.125\n";
    let npy = folder.path().join("p.npy");
    let data: Vec<f32> = vec![0.5, 0.25, 0.25, 0.125, 0.875, 0.0];
    let mut to =
        tokpick::source::write::NpyWriter::new(std::fs::File::create(&npy).unwrap(), &[2, 3]).unwrap();
    data.chunks(3).for_each(|row| to.row(row).unwrap());
    to.finish().unwrap();
    for file in [&document, &lines, &npy.to_str().unwrap().to_owned()] {
        assert_eq!(close(&tokpick(&["probs", file, "--probs"]).text()), expected, "{file}");
    }
    let keyed = b"{\"probs\":[0.5,0.25,0.25]}\n{\"probs\":[0.125,0.875,0]}\n";
    let ran = with_input(&["probs"], keyed);
    assert!(ran.err.is_empty(), "{}", ran.err);
    assert_eq!(close(&ran.text()), expected);
    let sparse = b"{\"ids\":[7,2],\"probs\":[0.25,0.5]}\n";
    let rows = with_input(&["sample", "--top-k", "1", "--seed", "1", "-f", "jsonl"], sparse).json();
    // what is listed is that of the whole row
    assert_eq!((&rows["ids"][0], close(&rows["logprobs"][0].to_string())), (&2.into(), "-0.693147".into()));
    let table =
        b"{\"prefix\":[],\"ids\":[1,0],\"probs\":[0.25,0.75]}\n{\"prefix\":[0],\"probs\":[0.5,0.5,0]}\n";
    assert_eq!(with_input(&words("greedy --max-new-tokens 2"), table).text(), "0 0\n");
    for (input, said) in [
        (&b"[0.5,0.4]"[..], "step 0: these are no probabilities: they sum to 0.9, not to 1"),
        (b"[0.5,1.5]", "step 0, token 1: 1.5 is no probability: they are from 0 to 1"),
        (b"[1.5,-0.5]", "token 0: 1.5 is no probability"),
        (b"[NaN,1]", "token 0: NaN is no probability"),
        (b"[[1,0],[0.5,0.2]]", "step 1: these are no probabilities"),
        (
            b"{\"ids\":[4,9],\"logprobs\":[-1,-2]}",
            "\"logprobs\", and --probs says that they are probabilities",
        ),
        (b"{\"ids\":[4,9],\"logits\":[0.5,2]}", "token 9: 2 is no probability"),
    ] {
        let line = with_input(&["greedy", "--probs"], input).failure();
        assert!(line.contains(said), "{line}");
    }
    // the line is that of the row
    for (input, line) in [
        (&b"{\"probs\":[0.5,0.4]}\n"[..], 1),
        (b"{\"probs\":[0.5,0.5]}\n\n{\"probs\":[0.5,1.5]}\n{\"probs\":[0.5,0.5]}\n", 3),
        (b"{\"ids\":[3,4],\"probs\":[0.5,0.5]}\r\n{\"ids\":[3,4],\"probs\":[0.5,0.9]}\r\n", 2),
        (b"{\"prefix\":[],\"probs\":[0.5,0.5]}\n{\"prefix\":[0],\"probs\":[0.5,0.9]}\n", 2),
        (b"{\n\"vocab\":[\"a\",\"b\"],\n\"probs\":[0.5,0.9]\n}\n", 3),
    ] {
        let said = with_input(&["greedy"], input).failure();
        assert!(said.starts_with(&format!("standard input: line {line}")), "{said}");
    }
    let said = with_input(&["greedy", "--probs"], b"[0.5,0.5]\n[0.5,0.4]\n").failure();
    assert!(said.starts_with("standard input: line 2, step 1: these are no probabilities"), "{said}");
    for logits in [&b"[0.5,0.25]\n"[..], b"[1]\n", b"[0.5,0.5,0.5]\n", b"[2,-1]\n"] {
        assert_eq!(with_input(&["greedy"], logits).err, "", "{logits:?}");
    }
}

/// Numbers with six digits.
fn close(text: &str) -> String {
    let number = |word: &str| match word.parse::<f64>() {
        Ok(x) if word.contains('.') => ((x * 1e6).round() / 1e6).to_string(),
        _ => word.to_owned(),
    };
    let line = |line: &str| line.split('\t').map(number).collect::<Vec<_>>().join("\t");
    let lines: Vec<String> = text.lines().map(line).collect();
    lines.join("\n") + if text.ends_with('\n') { "\n" } else { "" }
}

#[test]
fn stacked_steps_are_recognised_under_the_default_layout() {
    let folder = tempfile::tempdir().unwrap();
    let file = |axes: &[usize]| {
        let path = folder.path().join("x.npy");
        let mut to =
            tokpick::source::write::NpyWriter::new(std::fs::File::create(&path).unwrap(), axes).unwrap();
        (0..axes[0] * axes[1]).for_each(|i| to.row(&[i as f32, 5.0]).unwrap());
        to.finish().unwrap();
        path.to_str().unwrap().to_owned()
    };
    let hint = "give --layout tbv";
    for (axes, said) in [
        ([9, 1, 2], "read as 9 sequences of 1 step, [B, T, V]"),
        ([2, 1, 2], "read as 2 sequences of 1 step, [B, T, V]"),
        ([64, 2, 2], "read as 64 sequences of 2 steps, [B, T, V]"),
    ] {
        let path = file(&axes);
        for command in ["greedy", "sample --seed 1", "probs", "explain", "info"] {
            let err = tokpick(&[&words(command)[..], &[&path]].concat()).err;
            assert!(err.contains(said) && err.contains(hint), "{command} {axes:?}: {err}");
            for layout in ["tbv", "btv"] {
                let err = tokpick(&[&words(command)[..], &[&path, "--layout", layout]].concat()).err;
                assert!(!err.contains(hint), "{command} {axes:?}: {err}");
            }
        }
    }
    for axes in [[1, 1, 2], [3, 2, 2], [4, 9, 2]] {
        assert_eq!(tokpick(&["greedy", &file(&axes)]).err, "", "{axes:?}");
    }
}
