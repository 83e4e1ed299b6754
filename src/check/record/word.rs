//! Words of a command line and paths, in JSON.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A word of a command line, or a path: a string in JSON, or, where it is no Unicode, `{"bytes":[…]}`, so that every path
/// survives.
///
/// ```
/// use tokpick::check::Word;
/// assert_eq!(serde_json::to_string(&Word::from("a.npy"))?, r#""a.npy""#);
/// # #[cfg(unix)] {
/// use std::os::unix::ffi::OsStringExt;
/// let odd = Word(std::ffi::OsString::from_vec(vec![b'a', 0xff]));
/// assert_eq!(serde_json::to_string(&odd)?, r#"{"bytes":[97,255]}"#);
/// assert_eq!(serde_json::from_str::<Word>(r#"{"bytes":[97,255]}"#)?, odd);
/// # }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word(pub OsString);

impl Word {
    /// The word as a path.
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Word {
        Word(text.into())
    }
}

impl From<String> for Word {
    fn from(text: String) -> Word {
        Word(text.into())
    }
}

impl From<&Path> for Word {
    fn from(path: &Path) -> Word {
        Word(path.as_os_str().to_os_string())
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_string_lossy())
    }
}

/// The two forms in JSON.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "must be a text, or {\"bytes\": [numbers]}")]
enum Form {
    Text(String),
    Bytes { bytes: Vec<u8> },
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_str() {
            Some(text) => serializer.serialize_str(text),
            None => match bytes(&self.0) {
                Some(bytes) => Form::Bytes { bytes }.serialize(serializer),
                None => Err(S::Error::custom(format!("{self} is no Unicode and can't be recorded here"))),
            },
        }
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
        match Form::deserialize(deserializer)? {
            Form::Text(text) => Ok(Word::from(text)),
            Form::Bytes { bytes } => word(bytes)
                .ok_or_else(|| D::Error::custom("a word of bytes, from a system whose paths are bytes")),
        }
    }
}

#[cfg(unix)]
fn bytes(word: &OsStr) -> Option<Vec<u8>> {
    Some(std::os::unix::ffi::OsStrExt::as_bytes(word).to_vec())
}

#[cfg(unix)]
fn word(bytes: Vec<u8>) -> Option<Word> {
    Some(Word(std::os::unix::ffi::OsStringExt::from_vec(bytes)))
}

#[cfg(not(unix))]
fn bytes(_: &OsStr) -> Option<Vec<u8>> {
    None
}

#[cfg(not(unix))]
fn word(bytes: Vec<u8>) -> Option<Word> {
    String::from_utf8(bytes).ok().map(Word::from)
}
