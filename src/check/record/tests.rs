use std::fs;

use super::*;

fn record() -> Record {
    let input = RecordedInput {
        role: "input".into(),
        path: "a.npy".into(),
        sha256: serde_json::from_value("a".into()).unwrap(),
        bytes: 1,
    };
    let line = |sequence, ids: &[TokenId]| RecordedLine {
        sequence,
        sample: 0,
        ids: ids.to_vec(),
        logprobs: ids.iter().map(|&id| Some(-0.5 * f64::from(id))).collect(),
        processed_logprobs: vec![None; ids.len()],
        score: None,
        finish_reason: Finish::Length,
    };
    let mut record = Record::new(vec!["sample".into(), "a.npy".into()], input);
    record.sequences = vec![line(0, &[1, 2, 3]), line(1, &[4, 5])];
    record
}

#[test]
fn a_record_survives_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.json");
    let record = record();
    let mut text = Vec::new();
    record.write(&mut text).unwrap();
    fs::write(&path, text).unwrap();
    assert_eq!(Record::read(&path).unwrap(), record);
}

#[test]
fn other_versions_are_refused_by_name() {
    let text = |f: &dyn Fn(&mut Value)| {
        let mut value = serde_json::to_value(record()).unwrap();
        f(&mut value);
        value.to_string()
    };
    let message = |text: String| Record::parse("r.json", text.as_bytes()).unwrap_err().to_string();
    for version in [0, 2, 99] {
        let message = message(text(&|v| v["version"] = version.into()));
        assert!(
            message.starts_with(&format!("r.json: a record of format version {version} (made by tokpick")),
            "{message}"
        );
    }
    assert!(message(text(&|v| v["format"] = "other".into())).contains("no record"));
    assert!(message("[1".into()).contains("no record"));
    assert!(message(text(&|v| v["sequences"] = 3.into())).contains("damaged record"));
}

#[test]
fn fields_that_nobody_knows_are_named() {
    let mut value = serde_json::to_value(record()).unwrap();
    value["temperature"] = 0.7.into();
    value["sequences"][1]["note"] = "x".into();
    value["input"]["mtime"] = 3.into();
    let record = Record::parse("r.json", value.to_string().as_bytes()).unwrap();
    assert_eq!(record.unknown, ["input.mtime", "sequences[1].note", "temperature"]);
    assert!(record.elsewhere().iter().any(|said| said.starts_with("temperature: not known")));
}

#[test]
fn the_first_difference_is_named() {
    type Change = fn(&mut Vec<RecordedLine>);
    // change of the repetition, line, token, what
    let table: &[(Change, usize, Option<usize>, &str)] = &[
        (|s| s[0].ids[1] = 9, 0, Some(1), "id"),
        (|s| s[1].ids.truncate(1), 1, Some(1), "length"),
        (|s| s[1].logprobs[0] = Some(-2.0001), 1, Some(0), "logprob"),
        (|s| s[1].processed_logprobs[1] = Some(-2.0), 1, Some(1), "processed_logprob"),
        (|s| s[0].finish_reason = Finish::Eos, 0, None, "finish_reason"),
        (|s| s[1].score = Some(1.0), 1, None, "score"),
        (|s| s[1].logprobs.push(None), 1, Some(2), "logprob"),
        (|s| s[1].sample = 1, 1, None, "lines"),
        (|s| s.truncate(1), 1, None, "lines"),
    ];
    let record = record();
    assert_eq!(record.compare(&record.sequences), None);
    for (change, line, at, what) in table {
        let mut found = record.sequences.clone();
        change(&mut found);
        let d = record.compare(&found).unwrap();
        assert_eq!((d.line, d.at, d.what), (Some(*line), *at, *what));
    }
    let mut found = record.sequences.clone();
    found[0].ids[1] = 9;
    let d = record.compare(&found).unwrap();
    assert_eq!((d.expected, d.found), (2.into(), 9.into()));
    // a rounding of the report is no difference
    let mut found = record.sequences.clone();
    found[1].logprobs[0] = Some(-2.0000000001);
    assert_eq!(record.compare(&found), None);
}
