//! The folder of a model, as Hugging Face's libraries write it.

use std::path::Path;

use serde_json::{Value, json};

use super::generation_config;
use crate::source::read_text;
use crate::text::Tokens;
use crate::{Error, Place, Result};

const TOKENIZER: &str = "tokenizer.json";
/// Where ids of end tokens are looked for, in this order, …
const CONFIGS: [&str; 2] = ["generation_config.json", "config.json"];
/// … and where their texts are.
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// The files of a model's folder that are read.
#[cfg(feature = "cli")]
pub(crate) const MODEL_FILES: [&str; 4] = [TOKENIZER, CONFIGS[0], CONFIGS[1], TOKENIZER_CONFIG];

/// The tokenizer of a model's folder, with the end tokens that its files name.
///
/// `tokenizer.json` is read unless `tokens` are given. The end tokens are `eos_token_id` of `generation_config.json`, else of
/// `config.json`, else the id of `eos_token` in `tokenizer_config.json`, as in transformers.
///
/// # Errors
/// A folder without `tokenizer.json`; a file that can't be read, or that names an end token which is none.
///
/// ```no_run
/// let tokens = tokpick::settings::model_dir("models/qwen3-8b", None)?;
/// println!("ends with {:?}", tokens.ends());
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn model_dir(dir: impl AsRef<Path>, tokens: Option<Tokens>) -> Result<Tokens> {
    let dir = dir.as_ref();
    let tokens = match tokens {
        Some(tokens) => tokens,
        None => Tokens::open(dir.join(TOKENIZER))?,
    };
    let mut tokens = tokens;
    for file in CONFIGS {
        if let Some((file, eos)) = field(dir, file, "eos_token_id")? {
            let read = generation_config(&file, &json!({"eos_token_id": eos}).to_string())?;
            tokens =
                read.notes.iter().fold(tokens, |tokens, what| tokens.with_note(format!("{file}: {what}")));
            if let Some(ends) = read.strategy.eos_token_id {
                return Ok(tokens.with_ends(ends));
            }
        }
    }
    let Some((file, eos)) = field(dir, TOKENIZER_CONFIG, "eos_token")? else { return Ok(tokens) };
    let wrong = |what: &str| {
        let value: String = eos.to_string().chars().take(80).collect();
        Error::input(&file, Place::default(), format!("eos_token {value}: {what}"))
    };
    let text = eos.as_str().or_else(|| eos.get("content")?.as_str());
    let text = text.ok_or_else(|| wrong("must be the string of a token"))?;
    let id = tokens.only(text).map_err(|what| wrong(&what))?;
    Ok(tokens.with_ends(vec![id]))
}

/// A field of a file of the folder, with the file's name; `None` where the file or the field is missing, or null.
fn field(dir: &Path, file: &str, field: &str) -> Result<Option<(String, Value)>> {
    let path = dir.join(file);
    if !path.is_file() {
        return Ok(None);
    }
    let (name, text) = (path.display().to_string(), read_text(&path)?);
    let mut object: Value = serde_json::from_str(&text)
        .map_err(|e| Error::input(&name, Place::default(), format!("no JSON: {e}")))?;
    Ok(object.get_mut(field).map(Value::take).filter(|value| !value.is_null()).map(|value| (name, value)))
}

#[cfg(test)]
mod tests {
    use super::model_dir;
    use crate::source::Vocab;
    use crate::text::Tokens;

    #[test]
    fn an_end_token_that_names_none_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| std::fs::write(dir.path().join(file), text).unwrap();
        let open = || {
            let tokens = Tokens::new(Vocab::parse("v", br#"["a", "b"]"#).unwrap());
            model_dir(dir.path(), Some(tokens)).unwrap()
        };
        write("config.json", r#"{"eos_token_id": -1}"#);
        let tokens = open();
        assert_eq!(tokens.ends(), None);
        let said = &tokens.notes()[0];
        assert!(
            said.ends_with("config.json: eos_token_id: -1 names no token, and transformers ignores it"),
            "{said}"
        );
        write("generation_config.json", r#"{"eos_token_id": [-1, 1]}"#);
        let tokens = open();
        assert_eq!((tokens.ends(), tokens.notes().len()), (Some(&[1][..]), 1));
        write("generation_config.json", r#"{"eos_token_id": 0}"#);
        let tokens = open();
        assert_eq!((tokens.ends(), tokens.notes().len()), (Some(&[0][..]), 0));
    }
}
