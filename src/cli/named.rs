//! Token ids on the command line, which a vocabulary lets users write as token strings, too.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use serde_json::Value;
use tokpick::render::Tokens;
use tokpick::sampler::Phrase;
use tokpick::source::read_text;
use tokpick::{Error, Result, TokenId};

use super::args::texts;

/// A list of ids as it was written: separated by blanks or commas, or JSON; or `@FILE` with such a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Named {
    entries: Vec<Entry>,
    /// All of it: with blanks or commas inside, it may still be one token.
    text: String,
}

/// A list for each sequence (and sample): separated by `;` or line breaks, or JSON as `sample` and `beam` write it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NamedLists(Vec<Named>);

/// Phrases, each in one form or several: lists as in [`NamedLists`], or JSON as in transformers' `force_words_ids`, where a list
/// of lists is a phrase in several forms.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NamedPhrases(Vec<NamedLists>);

/// An id, or the string of a token.
#[derive(Debug, Clone, PartialEq)]
enum Entry {
    Id(TokenId),
    Token(String),
    /// A text of several tokens.
    Text(String),
}

impl Named {
    /// The ids; `flag` is named in errors.
    ///
    /// # Errors
    /// A string that is no token of the vocabulary, or stands for several; one where there is no vocabulary.
    pub fn resolve(&self, flag: &str, tokens: Option<&Tokens>) -> Result<Vec<TokenId>> {
        let whole = || tokens.and_then(|t| t.named(&self.text).first().copied());
        if self.entries.len() > 1
            && !self.entries.iter().any(|e| matches!(e, Entry::Id(_)))
            && let Some(id) = whole()
        {
            return Ok(vec![id]);
        }
        let ids = self.entries.iter().map(|entry| match entry {
            Entry::Text(text) => texts::ids(flag, text, tokens),
            entry => entry.resolve(flag, tokens).map(|id| vec![id]),
        });
        Ok(ids.collect::<Result<Vec<_>>>()?.concat())
    }
}

impl NamedLists {
    /// The ids; `flag` is named in errors.
    ///
    /// # Errors
    /// As [`Named::resolve`].
    pub fn resolve(&self, flag: &str, tokens: Option<&Tokens>) -> Result<Vec<Vec<TokenId>>> {
        self.0.iter().map(|list| list.resolve(flag, tokens)).collect()
    }
}

impl NamedPhrases {
    /// The phrases; `flag` is named in errors.
    ///
    /// # Errors
    /// As [`Named::resolve`].
    pub fn resolve(&self, flag: &str, tokens: Option<&Tokens>) -> Result<Vec<Phrase>> {
        self.0.iter().map(|forms| Ok(Phrase { forms: forms.resolve(flag, tokens)? })).collect()
    }
}

impl Entry {
    fn resolve(&self, flag: &str, tokens: Option<&Tokens>) -> Result<TokenId> {
        let text = match self {
            Entry::Id(id) => return Ok(*id),
            Entry::Token(text) | Entry::Text(text) => text,
        };
        let bad = |what: String| Err(Error::setting(flag, format!("{text:?}"), what));
        let Some(tokens) = tokens else {
            return bad(
                "is no id: write ids separated by blanks or commas, or give --vocab to name tokens".into()
            );
        };
        tokens.only(text).or_else(bad)
    }
}

impl FromStr for Named {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = content(text)?;
        match text.trim_start().starts_with('[') {
            true => of_json(&json(&text)?),
            false => words(&text),
        }
    }
}

impl FromStr for NamedLists {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        NamedLists::parse(&content(text)?)
    }
}

impl FromStr for NamedPhrases {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = content(text)?;
        let one = |form| NamedLists(vec![form]);
        let nested =
            |phrase: &Value| matches!(phrase, Value::Array(forms) if forms.iter().any(Value::is_array));
        if let Ok(Value::Array(phrases)) = json(&text)
            && phrases.iter().any(nested)
        {
            let phrase = |phrase: &Value| match phrase {
                Value::Array(forms) if nested(phrase) => {
                    forms.iter().map(of_json).collect::<Result<_>>().map(NamedLists)
                }
                form => of_json(form).map(one),
            };
            return phrases.iter().map(phrase).collect::<Result<_>>().map(NamedPhrases);
        }
        Ok(NamedPhrases(NamedLists::parse(&text)?.0.into_iter().map(one).collect()))
    }
}

impl NamedLists {
    /// True if no token is named by its string.
    pub fn are_ids(&self) -> bool {
        self.0.iter().flat_map(|list| &list.entries).all(|entry| matches!(entry, Entry::Id(_)))
    }

    /// The lists, if there is an id in any; `flag` is named in the error.
    ///
    /// # Errors
    /// Nothing but empty lists: whatever is asked about them would be true.
    pub fn some(self, flag: &str) -> Result<Self> {
        match self.0.iter().all(|list| list.entries.is_empty()) {
            true => Err(Error::setting(flag, "", "holds no ids")),
            false => Ok(self),
        }
    }

    /// Texts, each of which is a list.
    pub fn of_texts(texts: &[String]) -> Self {
        let list = |text: &String| Named { entries: vec![Entry::Text(text.clone())], text: String::new() };
        NamedLists(texts.iter().map(list).collect())
    }

    /// Lists of ids that stand already.
    pub fn of(lists: impl Iterator<Item = Vec<TokenId>>) -> Self {
        let named = |ids: Vec<TokenId>| Named {
            entries: ids.into_iter().map(Entry::Id).collect(),
            text: String::new(),
        };
        NamedLists(lists.map(named).collect())
    }

    /// Reads the content of a file.
    ///
    /// # Errors
    /// What holds no ids.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let lists = match text.as_bytes().first() {
            Some(b'[') if !text.contains(';') => match json(text)? {
                Value::Array(lists) if lists.iter().any(Value::is_array) => {
                    lists.iter().map(of_json).collect::<Result<_>>()?
                }
                list => vec![of_json(&list)?],
            },
            Some(b'{') => documents(text)?,
            _ => text.split([';', '\n']).map(words).collect::<Result<_>>()?,
        };
        Ok(NamedLists(lists))
    }
}

/// Parses a value for clap, which says itself which flag and value it is about.
pub fn parse<T: FromStr<Err = Error>>(text: &str) -> std::result::Result<T, String> {
    text.parse().map_err(|e| match e {
        Error::Setting { what, .. } => what,
        other => other.to_string(),
    })
}

/// The text of a value, or of the file that it names as `@FILE`.
fn content(text: &str) -> Result<String> {
    match text.strip_prefix('@') {
        Some(file) => read_text(Path::new(file)),
        None => Ok(text.to_string()),
    }
}

fn bad(text: &str, what: &str) -> Error {
    Error::setting("ids", text, what)
}

/// Words separated by blanks or commas.
fn words(text: &str) -> Result<Named> {
    let parts = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty());
    let entries = parts.map(|part| match part.parse() {
        Ok(id) => Ok(Entry::Id(id)),
        Err(_) if part.parse::<f64>().is_ok_and(f64::is_finite) => {
            Err(bad(part, &format!("{part} is no id: ids are whole numbers from 0 to 4294967295")))
        }
        Err(_) => Ok(Entry::Token(part.to_string())),
    });
    Ok(Named { entries: entries.collect::<Result<_>>()?, text: text.trim().to_string() })
}

fn json(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|e| bad(text, &format!("no JSON: {e}")))
}

/// A JSON list of ids and strings.
fn of_json(list: &Value) -> Result<Named> {
    let entry = |value: &Value| match value {
        Value::String(text) => Some(Entry::Token(text.clone())),
        _ => value.as_u64().and_then(|id| id.try_into().ok()).map(Entry::Id),
    };
    let entries = list.as_array().and_then(|list| list.iter().map(entry).collect());
    let entries =
        entries.ok_or_else(|| bad(&list.to_string(), "must be a list of ids, or of token strings"))?;
    Ok(Named { entries, text: String::new() })
}

/// What `--format json` and `jsonl` write, with `--stream` or without.
fn documents(text: &str) -> Result<Vec<Named>> {
    let mut lists = Vec::new();
    let mut streamed: BTreeMap<(u64, u64), Vec<Value>> = BTreeMap::new();
    for document in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let document = document.map_err(|e| bad(text, &format!("no JSON: {e}")))?;
        let number = |name: &str| document.get(name).and_then(Value::as_u64).unwrap_or(0);
        match (document.get("sequences").and_then(Value::as_array), document.get("ids"), document.get("id")) {
            (Some(sequences), ..) => {
                for sequence in sequences {
                    lists.push(of_json(sequence.get("ids").unwrap_or(&Value::Null))?);
                }
            }
            (None, Some(ids), _) => lists.push(of_json(ids)?),
            (None, None, Some(id)) => {
                streamed.entry((number("sequence"), number("sample"))).or_default().push(id.clone());
            }
            (None, None, None) => {
                let what =
                    "holds no ids: a document of `sample --format json`, or lines with \"ids\", are read";
                return Err(bad(&document.to_string(), what));
            }
        }
    }
    for (_, ids) in streamed {
        lists.push(of_json(&Value::Array(ids))?);
    }
    Ok(lists)
}

#[cfg(test)]
mod tests {
    use tokpick::source::Vocab;

    use super::*;

    fn tokens() -> Tokens {
        Tokens::new(Vocab::parse("v", r#"["a", "b c", "Ġd", "x", "x", "5"]"#.as_bytes()).unwrap())
    }

    #[test]
    fn ids_and_strings() {
        let ids = |text: &str| text.parse::<Named>().and_then(|n| n.resolve("--f", Some(&tokens())));
        for (text, expected) in [
            ("", vec![]),
            ("5", vec![5]),
            ("1,2 a", vec![1, 2, 0]),
            ("b c", vec![1]),
            ("Ġd", vec![2]),
            (r#"["b c", 3, "5", "Ġd"]"#, vec![1, 3, 5, 2]),
        ] {
            assert_eq!(ids(text).ok(), Some(expected), "{text}");
        }
        for (text, said) in [
            ("y", "--f \"y\": is no id, and no token of the vocabulary"),
            ("x", "--f \"x\": stands for several tokens, 3 and 4 among them: give the id"),
            ("-1", "ids -1: -1 is no id: ids are whole numbers from 0 to 4294967295"),
            ("1.0", "ids 1.0: 1.0 is no id: ids are whole numbers from 0 to 4294967295"),
            ("[1.5]", "ids [1.5]: must be a list of ids, or of token strings"),
        ] {
            assert_eq!(ids(text).unwrap_err().to_string(), said);
        }
        let without = "a".parse::<Named>().unwrap().resolve("--f", None).unwrap_err().to_string();
        assert!(without.contains("give --vocab to name tokens"), "{without}");
    }

    #[test]
    fn phrases_in_one_form_or_several() {
        let phrases =
            |text: &str| text.parse::<NamedPhrases>().and_then(|n| n.resolve("--f", Some(&tokens())));
        let either = Phrase { forms: vec![vec![1, 2], vec![3]] };
        for (text, expected) in [
            ("1 2;3", vec![vec![1, 2].into(), vec![3].into()]),
            ("b c;a", vec![vec![1].into(), vec![0].into()]),
            ("[1,2]", vec![vec![1, 2].into()]),
            ("[[1,2],[3]]", vec![vec![1, 2].into(), vec![3].into()]),
            (r#"[[["b c","Ġd"],[3]]]"#, vec![either.clone()]),
            ("[[0],[[1,2],[3]]]", vec![vec![0].into(), either]),
        ] {
            assert_eq!(phrases(text).ok(), Some(expected), "{text}");
        }
        for (text, said) in [
            ("[[[1],2]]", "ids 2: must be a list of ids, or of token strings"),
            ("[[[1],[-2]]]", "ids [-2]: must be a list of ids, or of token strings"),
            ("[[[1],[\"y\"]]]", "--f \"y\": is no id, and no token of the vocabulary"),
        ] {
            assert_eq!(phrases(text).unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn every_form_of_lists() {
        let expected = vec![vec![1, 2], vec![3]];
        for text in [
            "1 2;3",
            "1,2\n3\n",
            "[[1,2],[3]]",
            r#"{"draw":"x","sequences":[{"ids":[1,2]},{"ids":[3],"text":"c"}]}"#,
            "{\"sequence\":0,\"ids\":[1,2]}\n{\"sequence\":1,\"ids\":[3]}\n",
            "{\"sequence\":0,\"sample\":0,\"id\":1}\n{\"sequence\":1,\"sample\":0,\"id\":3}\n{\"sequence\":0,\"sample\":0,\"id\":2}",
        ] {
            let lists = NamedLists::parse(text).and_then(|l| l.resolve("--f", None));
            assert_eq!(lists.ok(), Some(expected.clone()), "{text}");
        }
        assert!(NamedLists::parse(r#"{"tokens":[1]}"#).unwrap_err().to_string().contains("holds no ids"));
    }
}
