//! The README is true: every command in a `console` block is run in a shell, and prints what the block shows.
//!
//! A line `$ command` starts a command; the lines up to the next one are its standard output. A block with `…` alone on a line
//! shows only the beginning. The table of processors is what the program
//! prints, too. With `TOKPICK_README=write` in the environment the outputs are written into the file instead.

use std::path::Path;
use std::process::Command;

struct Block {
    text: String,
    is_console: bool,
}

/// The file, cut at fences.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut block = Block { text: String::new(), is_console: false };
    for line in text.split_inclusive('\n') {
        let opens = line.trim_end() == "```console";
        if opens || (block.is_console && line.starts_with("```")) {
            if opens {
                block.text.push_str(line);
            }
            blocks.push(block);
            let text = if opens { String::new() } else { line.to_string() };
            block = Block { text, is_console: opens };
        } else {
            block.text.push_str(line);
        }
    }
    blocks.push(block);
    blocks
}

fn run(command: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_tokpick"));
    let path = format!(
        "{}:{}",
        binary.parent().expect("a binary lies in a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let output = Command::new("sh")
        .args(["-c", command])
        .env("PATH", path)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap_or_else(|e| panic!("{command}: {e}"));
    let shown = [output.stdout, output.stderr].concat();
    String::from_utf8(shown).unwrap_or_else(|e| panic!("{command}: {e}"))
}

/// A console block with its commands run; one that needs Python stays as it is where there is none.
fn renew(block: &str) -> String {
    if block.contains("python3") && Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no python3 here for\n{block}");
        return block.to_string();
    }
    let mut fresh = String::new();
    let mut lines = block.lines().peekable();
    while let Some(line) = lines.next() {
        fresh.push_str(line);
        fresh.push('\n');
        let Some(command) = line.strip_prefix("$ ") else { continue };
        let mut shown = Vec::new();
        while let Some(line) = lines.next_if(|l| !l.starts_with("$ ")) {
            shown.push(line);
        }
        let output = run(command);
        match shown.iter().position(|&line| line == "…") {
            Some(lines) => {
                output.lines().take(lines).for_each(|line| fresh.extend([line, "\n"]));
                fresh.push_str("…\n");
            }
            None => fresh.push_str(&output),
        }
    }
    fresh
}

/// The lines around the table of processors.
const TABLE: [&str; 2] = ["<!-- tokpick processors --markdown -->\n", "<!-- end -->\n"];

/// The text with the table of processors renewed.
fn with_table(text: &str) -> String {
    let [start, end] = TABLE.map(|mark| text.find(mark).expect("the table of processors is marked"));
    format!("{}{}{}", &text[..start + TABLE[0].len()], run("tokpick processors --markdown"), &text[end..])
}

#[test]
fn every_command_in_the_readme_prints_what_it_shows() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let text = std::fs::read_to_string(path).expect("README.md is there");
    let blocks = blocks(&text);
    assert!(blocks.iter().any(|b| b.is_console), "the README shows commands");
    let fresh: String =
        blocks.iter().map(|b| if b.is_console { renew(&b.text) } else { b.text.clone() }).collect();
    let fresh = with_table(&fresh);
    if std::env::var("TOKPICK_README").is_ok_and(|v| v == "write") {
        std::fs::write(path, &fresh).expect("README.md can be written");
    }
    for (line, (is, should)) in text.lines().zip(fresh.lines()).enumerate() {
        assert_eq!(is, should, "README.md, line {}", line + 1);
    }
    assert_eq!(text.lines().count(), fresh.lines().count(), "README.md has outputs of another length");
}
