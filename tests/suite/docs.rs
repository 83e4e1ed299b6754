//! README.md and docs/ are true: every command in a `console` block is run in a shell, and prints what the block shows.
//!
//! A line `$ command` starts a command; the lines up to the next one are what it prints. A block with `…` alone on a line
//! shows only the beginning. What stands between `<!-- tokpick … -->` and `<!-- end -->` is what that command prints. A picture
//! in docs/pictures/ is what the command of a `<!-- made by: tokpick … -->` writes, byte for byte.
//! With `TOKPICK_README=write` in the environment the outputs are written into the files instead.

use std::path::{Path, PathBuf};
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

/// The text with its console blocks run, and with what stands between `<!-- tokpick ARGUMENTS -->` and `<!-- end -->` renewed: what
/// the program prints of itself.
fn renewed(text: &str) -> String {
    let (mut fresh, mut rest) = (String::new(), text);
    while let Some(start) = rest.find("<!-- tokpick ") {
        let mark = start + rest[start..].find("-->\n").expect("a mark ends its line");
        let command = rest[start..mark].trim_start_matches("<!-- ").trim_end();
        let end = mark + rest[mark..].find("<!-- end -->").expect("a table ends with a mark");
        fresh.extend([&run_blocks(&rest[..start]), &rest[start..mark + "-->\n".len()], &run(command)]);
        rest = &rest[end..];
    }
    fresh + &run_blocks(rest)
}

/// The text with its console blocks run.
fn run_blocks(text: &str) -> String {
    blocks(text).iter().map(|b| if b.is_console { renew(&b.text) } else { b.text.clone() }).collect()
}

/// True if what differs is to be written anew.
fn writes() -> bool {
    std::env::var("TOKPICK_README").is_ok_and(|v| v == "write")
}

/// README.md and what docs/ holds.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).expect("docs/ is there");
    let mut files: Vec<PathBuf> = docs.map(|entry| entry.expect("docs/ can be listed").path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "md"));
    files.sort();
    files.insert(0, root.join("README.md"));
    files
}

#[test]
fn every_command_in_readme_and_docs_prints_what_it_shows() {
    let mut shown = 0;
    let mut stale = Vec::new();
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        shown += blocks(&text).iter().filter(|b| b.is_console).count();
        let fresh = renewed(&text);
        if writes() {
            std::fs::write(&path, &fresh).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            continue;
        }
        let differs = |(at, (is, should)): (usize, (&str, &str))| {
            let place = format!("{}:{}", path.display(), at + 1);
            (is != should).then(|| format!("{place}\n  shown   {is}\n  printed {should}"))
        };
        stale.extend(text.lines().zip(fresh.lines()).enumerate().find_map(differs));
        if text.lines().count() != fresh.lines().count() {
            stale.push(format!("{}: outputs of another length", path.display()));
        }
    }
    assert!(shown > 10, "the documents show commands");
    assert!(stale.is_empty(), "stale (TOKPICK_README=write renews them):\n{}", stale.join("\n"));
}

#[test]
fn every_picture_is_what_its_command_draws() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    let inputs = ["lesson", "--files", &folder.path().display().to_string()].map(str::to_string);
    let tokpick = |words: &[String]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tokpick"));
        let done = command.args(words).current_dir(folder.path()).output().expect("tokpick starts");
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    tokpick(&inputs);
    let mut made = Vec::new();
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for comment in text.split("<!-- made by: tokpick ").skip(1) {
            let command = comment.split(" -->").next().unwrap_or_default();
            let words: Vec<String> = command.split_whitespace().map(str::to_string).collect();
            tokpick(&words);
            let name = command.split(" -o ").nth(1).expect("a picture is written with -o");
            let drawn = std::fs::read(folder.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
            let kept = root.join("docs/pictures").join(name);
            if writes() {
                std::fs::create_dir_all(root.join("docs/pictures")).expect("a folder for pictures");
                std::fs::write(&kept, &drawn).unwrap_or_else(|e| panic!("{}: {e}", kept.display()));
            }
            let is_same = std::fs::read(&kept).is_ok_and(|kept| kept == drawn);
            assert!(is_same, "{} is stale (TOKPICK_README=write renews it)", kept.display());
            made.push(name.to_string());
        }
    }
    let pictures = std::fs::read_dir(root.join("docs/pictures")).expect("docs/pictures can be listed");
    let mut kept: Vec<String> = pictures
        .map(|entry| entry.expect("docs/pictures can be listed").file_name().to_string_lossy().into_owned())
        .collect();
    kept.sort();
    made.sort();
    assert_eq!(kept, made, "each picture is made by one command");
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let targets =
            text.match_indices("](").map(|(at, _)| text[at + 2..].split(')').next().unwrap_or_default());
        for target in targets.filter(|t| !t.contains("://") && !t.starts_with('#')) {
            let file = target.split('#').next().unwrap_or_default();
            let folder = path.parent().expect("a file lies in a folder");
            assert!(folder.join(file).exists(), "{}: nothing at {target}", path.display());
        }
    }
}

/// Files and folders of the repository that the documents name; what a package leaves out (`exclude`) isn't looked for.
#[test]
fn the_files_that_the_documents_name_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named = 0;
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let ends = |c: char| !(c.is_ascii_alphanumeric() || "/._-".contains(c));
        for word in text.split(ends).map(|word| word.trim_end_matches(['.', '-'])) {
            if ["tests/", "src/", "benches/", "fuzz/"].iter().any(|folder| word.starts_with(folder)) {
                assert!(root.join(word).exists(), "{}: there is no {word}", path.display());
                named += 1;
            }
        }
    }
    assert!(named > 5, "the documents name files: {named}");
}

#[test]
fn the_readme_is_short() {
    let text = std::fs::read_to_string(&files()[0]).expect("README.md is there");
    assert!(text.len() < 11_000, "README.md has {} bytes: what is detail belongs into docs/", text.len());
}

#[test]
fn every_dependency_has_its_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read =
        |name: &str| std::fs::read_to_string(root.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let (manifest, reasons) = (read("Cargo.toml"), read("CONTRIBUTING.md"));
    let listed: Vec<&str> = reasons
        .lines()
        .skip_while(|l| !l.starts_with("| crate"))
        .filter_map(|l| l.split('|').nth(1))
        .flat_map(|names| names.split(',').map(str::trim))
        .collect();
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if let Some((name, _)) =
            line.split_once(" = ").filter(|_| section.ends_with("dependencies]") && !section.contains("dev-"))
        {
            assert!(listed.contains(&name), "CONTRIBUTING.md says no reason for {name}");
        }
    }
    assert!(listed.len() > 10, "CONTRIBUTING.md has a table of dependencies");
}
