//! Completions and manual pages, from the same definitions as the help.

use crate::support::run::{shell, tokpick};

/// Every command, and flags of each, are completed in every shell; a flag without effect is in none.
#[test]
fn every_shell_knows_the_commands_and_flags() {
    for name in ["bash", "zsh", "fish", "powershell", "nushell"] {
        let script = tokpick(&["completions", name]).text();
        for word in
            ["greedy", "sample", "beam", "engines", "completions", "top-p", "num-beams", "repetition-penalty"]
        {
            assert!(script.contains(word), "{name}: {word}");
        }
    }
}

#[test]
fn the_scripts_can_be_sourced() {
    let folder = tempfile::tempdir().unwrap();
    for (name, line) in [
        (
            "bash",
            "bash --norc -c 'source ./script; COMP_WORDS=(tokpick sample --top-); COMP_CWORD=2; _tokpick tokpick --top- sample; echo ${COMPREPLY[*]}'",
        ),
        ("zsh", "zsh -f -c 'autoload -U compinit; compinit -D -u; source ./script; whence _tokpick'"),
        ("fish", "fish -N -c 'source ./script; complete -C \"tokpick sample --top-\"'"),
    ] {
        if shell(&format!("command -v {name}"), folder.path()).status != Some(0) {
            println!("skipped: there is no {name} here");
            continue;
        }
        let ran = shell(&format!("tokpick completions {name} -o script; {line}"), folder.path());
        assert_eq!(ran.err, "", "{name}");
        let text = ran.text();
        assert!(text.contains(if name == "zsh" { "_tokpick" } else { "--top-p" }), "{name}: {text}");
        assert!(!text.contains("--num-beams"), "{name}: {text}");
    }
}

#[test]
fn each_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    shell("tokpick man --directory pages", folder.path()).text();
    let pages = folder.path().join("pages");
    let read = |name: &str| std::fs::read_to_string(pages.join(name)).unwrap();
    assert!(read("tokpick.1").contains("sample"));
    for command in ["greedy", "sample", "beam", "verify", "completions", "man"] {
        let page = read(&format!("tokpick-{command}.1"));
        assert_eq!(page, tokpick(&["man", command]).text(), "{command}");
        assert!(page.contains(".TH") && page.contains("\\-\\-output"), "{command}");
    }
    assert!(read("tokpick-sample.1").contains("\\-\\-top\\-p"));
    assert!(tokpick(&["man", "nonsense"]).failure().contains("is no command; these are: greedy, "));
}
