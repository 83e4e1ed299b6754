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

/// What a person at zsh sees after a Tab: the shell is one on a terminal of its own.
const ZSH: &str = r#"zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1= ; autoload -U compinit; compinit -D -u; source ./script; print R'EADY'"
zpty -r -m shell seen '*READY*'
zpty -w -n shell $'tokpick sample --top-\t'
zpty -r -m shell seen '*--top-p*'
print -r -- $seen
zpty -d shell
"#;

#[test]
fn a_tab_completes_in_every_shell() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tab"), ZSH).unwrap();
    for (name, line) in [
        (
            "bash",
            "bash --norc -c 'source ./script; COMP_WORDS=(tokpick sample --top-); COMP_CWORD=2; _tokpick tokpick --top- sample; echo ${COMPREPLY[*]}'",
        ),
        ("zsh", "timeout 60 zsh -f tab"),
        ("fish", "fish -N -c 'source ./script; complete -C \"tokpick sample --top-\"'"),
    ] {
        if shell(&format!("command -v {name}"), folder.path()).status != Some(0) {
            eprintln!("skipped: there is no {name} here");
            continue;
        }
        let ran = shell(&format!("tokpick completions {name} -o script; {line}"), folder.path());
        assert_eq!(ran.err, "", "{name}");
        let text = ran.text();
        assert!(text.contains("--top-k") && text.contains("--top-p"), "{name}: {text}");
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
