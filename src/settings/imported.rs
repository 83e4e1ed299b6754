//! What a file of settings holds, whichever engine it was written for.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::processor::param::{self, Ids};
use crate::sampler::{EarlyStopping, Phrase};
use crate::source::text::unique::unique;
use crate::{Error, Place, Result, TokenId};

/// Settings from a file: processors, fields of the strategy, and what doesn't apply.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Imported {
    /// Processors by name and JSON form, as [`build`](super::build) takes them. They hold what the file says of them alone: a
    /// processor that needs the end tokens, the encoder's ids, the maximum length or a second input doesn't have them yet.
    pub entries: Vec<(String, Value)>,
    /// What is not a processor.
    pub strategy: StrategyFields,
    /// What the file asks for and doesn't get, one sentence each.
    pub notes: Vec<String>,
}

/// The fields that choose and limit a decoding strategy; `None` where the file says nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StrategyFields {
    /// Sampling, not greedy search.
    pub do_sample: Option<bool>,
    /// Width of a beam search.
    pub num_beams: Option<usize>,
    /// Groups of a diverse beam search.
    pub num_beam_groups: Option<usize>,
    /// What a token costs that another group took.
    pub diversity_penalty: Option<f64>,
    /// Exponent of the length in a beam's score.
    pub length_penalty: Option<f64>,
    /// When a beam search stops.
    pub early_stopping: Option<EarlyStopping>,
    /// Phrases that must appear.
    pub force_words_ids: Option<Vec<Phrase>>,
    /// How many sequences are returned.
    pub num_return_sequences: Option<usize>,
    /// Limit of new tokens.
    pub max_new_tokens: Option<usize>,
    /// Limit of prompt and new tokens together.
    pub max_length: Option<usize>,
    /// End tokens; ascending.
    pub eos_token_id: Option<Vec<TokenId>>,
    /// Further end tokens, which stay so where the end token is ignored; ascending.
    pub stop_token_ids: Option<Vec<TokenId>>,
    /// The end token ends nothing.
    pub ignore_eos: Option<bool>,
    /// Strings that end a sequence.
    pub stop: Option<Vec<String>>,
    /// Whether the text keeps the string that ended it.
    pub include_stop: Option<bool>,
    /// Words that must not appear.
    pub bad_words: Option<Vec<String>>,
    /// The token that fills up finished rows.
    pub pad_token_id: Option<TokenId>,
    /// The token that begins a sequence.
    pub bos_token_id: Option<TokenId>,
    /// The seed.
    pub seed: Option<u64>,
    /// Whether log-probabilities are reported.
    pub logprobs: Option<bool>,
}

/// The name of a file of settings, and how its fields are read.
#[derive(Clone, Copy)]
pub(super) struct File<'a>(&'a str);

impl File<'_> {
    /// A field's value.
    pub fn read<T: DeserializeOwned>(self, field: &str, value: Value) -> Result<T> {
        let written = value.to_string();
        serde_json::from_value(value).map_err(|e| self.wrong(field, &written, &e.to_string()))
    }

    /// One id or a list, ascending.
    pub fn ids(self, field: &str, value: Value) -> Result<Vec<TokenId>> {
        Ok(self.read::<Ids>(field, value)?.sorted())
    }

    /// Phrases that must appear: each a list of ids, or a list of its forms.
    pub fn phrases(self, field: &str, value: Value) -> Result<Vec<Phrase>> {
        #[derive(serde::Deserialize)]
        #[serde(untagged, expecting = "must be a list of phrases, each a list of token ids or of its forms")]
        enum Written {
            Form(Vec<TokenId>),
            Forms(Vec<Vec<TokenId>>),
        }
        let phrases: Vec<Written> = self.read(field, value)?;
        let phrase = |written| match written {
            Written::Form(form) => Phrase::from(form),
            Written::Forms(forms) => Phrase { forms },
        };
        Ok(phrases.into_iter().map(phrase).collect())
    }

    /// What Python writes as `False`, `True` or `"never"`.
    pub fn early_stopping(self, field: &str, value: Value) -> Result<EarlyStopping> {
        match &value {
            Value::Bool(true) => Ok(EarlyStopping::True),
            Value::Bool(false) => Ok(EarlyStopping::False),
            Value::String(s) if s == "never" => Ok(EarlyStopping::Never),
            other => Err(self.wrong(field, &other.to_string(), "must be true, false or \"never\"")),
        }
    }

    /// An error about a field.
    pub fn wrong(self, field: &str, value: &str, what: &str) -> Error {
        Error::input(self.0, Place::default(), format!("{field} {value}: {what}"))
    }
}

/// A file of settings while it is read.
pub(super) struct Reader<'a> {
    pub file: File<'a>,
    pub out: Imported,
    silent: Vec<String>,
    unknown: Vec<String>,
}

impl<'a> Reader<'a> {
    /// The object that a file holds.
    pub fn open(file: &'a str, text: &str) -> Result<(Self, Map<String, Value>)> {
        let wrong = |what: String| Error::input(file, Place::default(), what);
        match unique(text) {
            Ok(Value::Object(object)) => {
                let object = object.into_iter().map(|(name, value)| (name, param::whole(value))).collect();
                let (out, silent, unknown) = (Imported::default(), Vec::new(), Vec::new());
                Ok((Reader { file: File(file), out, silent, unknown }, object))
            }
            Ok(_) => Err(wrong("must be one JSON object of settings".into())),
            Err(e) => Err(wrong(format!("no JSON: {e}"))),
        }
    }

    /// Sets a processor.
    pub fn entry(&mut self, name: &str, form: impl Into<Value>) {
        self.out.entries.push((name.to_string(), form.into()));
    }

    /// Says that a field doesn't apply.
    pub fn note(&mut self, field: &str, why: &str) {
        self.out.notes.push(format!("{field}: {why}"));
    }

    /// Says that a field is about something else.
    pub fn silent(&mut self, field: &str) {
        self.silent.push(field.to_string());
    }

    /// Says that a field isn't known.
    pub fn unknown(&mut self, field: &str, known: &[&str]) {
        let near = known.iter().min_by_key(|k| strsim::levenshtein(field, k));
        self.unknown.push(match near.filter(|k| strsim::levenshtein(field, k) <= 2) {
            Some(near) => format!("{field} (did you mean {near}?)"),
            None => field.to_string(),
        });
    }

    /// An id or a list without those that name no token: transformers ignores these.
    pub fn without_negative(&mut self, field: &str, value: Value) -> Value {
        let is_negative = |value: &Value| value.as_i64().is_some_and(|id| id < 0);
        let (left, gone): (Vec<Value>, Vec<Value>) = match value {
            Value::Array(ids) => ids.into_iter().partition(|id| !is_negative(id)),
            id if is_negative(&id) => (Vec::new(), vec![id]),
            other => return other,
        };
        if let Some(id) = gone.first() {
            self.note(field, &format!("{id} names no token, and transformers ignores it"));
        }
        left.into()
    }

    /// What was read, with a note for all fields that are about something else, and one for all that aren't known.
    pub fn finish(mut self) -> Imported {
        if let Some((first, more)) = self.silent.split_first() {
            let says = if more.is_empty() { "says" } else { "say" };
            let fields = [std::slice::from_ref(first), more].concat().join(", ");
            self.out.notes.push(format!("{fields}: {says} nothing about decoding"));
        }
        if !self.unknown.is_empty() {
            let fields = self.unknown.join(", ");
            self.out.notes.push(format!("no setting that tokpick knows: {fields}"));
        }
        self.out
    }
}
