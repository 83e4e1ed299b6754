//! The library names its own fields where it says what to do; whoever reads it here gives them as flags.

/// The fields that the library's messages name, and their flags.
const FLAGS: [(&str, &str); 18] = [
    ("`Beam::num_beams`", "--num-beams"),
    ("`Exact::max_nodes`", "--max-nodes"),
    ("`Job::prefix`", "--prefix-ids"),
    ("`Job::prompt`", "--prompt-ids"),
    ("`Kind::Bigram`", "--source bigram"),
    ("`Layout::Bv`", "--layout bv"),
    ("`Layout::Tbv`", "--layout tbv"),
    ("`Limits::eos`", "--eos-token-id"),
    ("`Limits::max_new_tokens`", "--max-new-tokens"),
    ("`ModelCommand::timeout`", "--model-timeout"),
    ("`Open::null_is_masked`", "--null-is-masked"),
    ("`Open::probs`", "--probs"),
    ("`Open::rows`", "--rows"),
    ("`Open::vocab_size`", "--vocab-size"),
    ("`Params::position`", "--position"),
    ("`Tokens`", "--tokenizer FILE"),
    ("`Vocab`", "--vocab"),
    ("`left_out`", "--max-missing-mass"),
];

/// A message with the flags in the place of the fields.
pub fn as_flags(text: &str) -> String {
    FLAGS.iter().fold(text.to_string(), |text, (field, flag)| text.replace(field, flag))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::CommandFactory;

    use super::*;

    /// The sources of the library, without its tests.
    fn library() -> Vec<(String, String)> {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let (mut folders, mut files) = (vec![src.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
                if path.is_dir() {
                    folders.extend((name != "cli").then_some(path));
                } else if name.ends_with(".rs") && !name.contains("tests") && name != "main.rs" {
                    files.push((name, std::fs::read_to_string(path).unwrap()));
                }
            }
        }
        files
    }

    #[test]
    fn the_library_names_fields_and_each_has_a_flag() {
        let mut command = crate::cli::Cli::command();
        command.build();
        let flags: Vec<String> = command
            .get_subcommands()
            .flat_map(|sub| sub.get_arguments())
            .filter_map(|arg| Some(format!("--{}", arg.get_long()?)))
            .collect();
        let files = library();
        for (field, flag) in FLAGS {
            assert!(files.iter().any(|(_, text)| text.contains(field)), "no message names {field}");
            let flag = flag.split(' ').next().unwrap();
            assert!(flags.iter().any(|known| known == flag), "{field}: no {flag}");
        }
        // reports are read beside the flags that make them
        for (name, text) in files.iter().filter(|(name, _)| !name.starts_with("check/report/")) {
            for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
                let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
                for word in words.filter(|word| word.len() > 3) {
                    let given = flags.iter().any(|flag| flag == word);
                    assert!(
                        !given,
                        "src/{name} names {word}; name the field, and its flag in src/cli/fields.rs"
                    );
                }
            }
        }
    }
}
