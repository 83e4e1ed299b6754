//! The lessons: every command in them runs, and prints what is shown.

use crate::support::run::{command, tokpick};

/// The commands of a lesson in Markdown, each with what is shown below it.
fn shown(markdown: &str) -> Vec<(&str, String)> {
    let blocks = markdown.split("```console\n").skip(1).map(|block| block.split("```").next().unwrap());
    let mut shown: Vec<(&str, String)> = Vec::new();
    for line in blocks.flat_map(str::lines) {
        match line.strip_prefix("$ tokpick ") {
            Some(command) => shown.push((command, String::new())),
            None => shown.last_mut().expect("a block begins with a command").1.push_str(&format!("{line}\n")),
        }
    }
    shown
}

#[test]
fn there_are_eight_and_a_list_of_them() {
    let list = tokpick(&["lesson"]).text();
    let numbers: Vec<&str> = list.lines().take_while(|l| !l.is_empty()).map(|l| &l[..1]).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    for wrong in ["0", "9"] {
        let failure = tokpick(&["lesson", wrong]).failure();
        assert!(failure.ends_with(&format!("N {wrong}: is no lesson; they are 1 to 8")), "{failure}");
    }
}

#[test]
fn every_command_prints_what_its_lesson_shows() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().to_str().unwrap();
    tokpick(&["lesson", "--files", files]).text();
    let whole = tokpick(&["lesson", "--markdown"]).text();
    let mut apart = Vec::new();
    for number in 1..=8 {
        let markdown = tokpick(&["lesson", &number.to_string(), "--markdown"]).text();
        let title = markdown.lines().next().unwrap();
        assert!(title.starts_with(&format!("## Lesson {number}: ")), "{title}");
        let commands = shown(&markdown);
        assert!(commands.len() >= 3, "{title}");
        for (words, output) in commands {
            assert!(!output.is_empty(), "{words}");
            let words = shlex::split(words).unwrap();
            let done = command(&words.iter().map(String::as_str).collect::<Vec<_>>())
                .current_dir(folder.path())
                .output()
                .unwrap();
            let printed = [done.stdout, done.stderr].concat();
            assert_eq!(String::from_utf8(printed).unwrap(), output, "{title}: {words:?}");
        }
        let text = tokpick(&["lesson", &number.to_string()]).text();
        assert!(text.contains(&shown(&markdown)[0].1) && !text.contains("```"), "{text}");
        apart.push(markdown);
    }
    assert_eq!(apart.join("\n"), whole, "all of them, one after the other");
}

#[test]
fn the_inputs_write_over_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().to_str().unwrap();
    std::fs::write(folder.path().join("steps.npy"), "mine").unwrap();
    let failure = tokpick(&["lesson", "--files", files]).failure();
    assert!(failure.contains("holds another steps.npy, which is left as it is"), "{failure}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was written");
    let inner = folder.path().join("new");
    for _ in 0..2 {
        // what is there already is the same
        tokpick(&["lesson", "--files", inner.to_str().unwrap()]).text();
    }
}
