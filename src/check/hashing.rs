//! Making digests; with the feature `cli` alone, so that the library needs no hash function.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::Digest;
use super::record::{Divergence, RecordedInput, Word};
use crate::source::{Loan, file_and_array, lent};
use crate::{Error, Result, TokenId};

impl Digest {
    /// The digest of some bytes.
    ///
    /// ```
    /// use tokpick::check::Digest;
    /// let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    /// assert_eq!(Digest::of(b"").to_string(), empty);
    /// ```
    pub fn of(bytes: &[u8]) -> Self {
        Digest::end(Sha256::new_with_prefix(bytes))
    }

    fn end(hasher: Sha256) -> Self {
        let mut hex = String::with_capacity(64);
        for byte in hasher.finalize() {
            // writing into a string can't fail
            let _ = write!(hex, "{byte:02x}");
        }
        Digest(hex)
    }
}

/// The digest of a file (of the whole file, where the path names an array in it), and its length in bytes; of an array that is
/// [lent](crate::source::lend), those of the NPY file that holds it.
///
/// # Errors
/// A file that can't be read.
pub fn digest_file(path: &Path) -> Result<(Digest, u64)> {
    if let Some(Loan::Array(elements)) = lent::find(path) {
        let (mut hasher, mut length) = (Sha256::new(), 0);
        lent::as_npy(elements.as_ref(), |bytes| {
            hasher.update(bytes);
            length += bytes.len() as u64;
        });
        return Ok((Digest::end(hasher), length));
    }
    let path = &*file_and_array(path).0;
    let io = |source| Error::Io { file: path.display().to_string(), source };
    let mut file = File::open(path).map_err(io)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut length = 0;
    loop {
        match file.read(&mut buffer).map_err(io)? {
            0 => return Ok((Digest::end(hasher), length)),
            n => {
                hasher.update(&buffer[..n]);
                length += n as u64;
            }
        }
    }
}

impl Divergence {
    /// A file that is not the recorded one: its content has another digest or length.
    ///
    /// # Errors
    /// A file that can't be read.
    pub fn of_file(recorded: &RecordedInput, path: &Path, what: &'static str) -> Result<Option<Divergence>> {
        let (sha256, bytes) = digest_file(path)?;
        let expected = serde_json::json!({"sha256": recorded.sha256, "bytes": recorded.bytes});
        let found = serde_json::json!({"sha256": sha256, "bytes": bytes});
        let file = Some(Word::from(path));
        Ok(Divergence::of(what, expected, found).map(|d| Divergence { file, ..d }))
    }
}

/// The digest of token strings: of their ids and texts, so that files of another form with the same strings agree.
pub fn digest_vocab<'a>(strings: impl IntoIterator<Item = (TokenId, &'a str)>) -> Digest {
    let mut list: Vec<(TokenId, &str)> = strings.into_iter().collect();
    list.sort_unstable();
    Digest::of(serde_json::json!(list).to_string().as_bytes())
}

/// A reader that digests what goes through it: for standard input, which can be read only once.
pub struct Hashing<R> {
    inner: R,
    tally: Tally,
}

/// What a [`Hashing`] reader has seen.
#[derive(Clone, Default)]
pub struct Tally(Arc<Mutex<(Sha256, u64)>>);

impl Tally {
    /// Reads what is left of the input, so that the digest is of all of it.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn rest(&self, from: impl Read) -> io::Result<()> {
        let mut reader = Hashing { inner: from, tally: self.clone() };
        io::copy(&mut reader, &mut io::sink()).map(|_| ())
    }

    /// The digest and length of what was read so far.
    pub fn digest(&self) -> (Digest, u64) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (Digest::end(state.0.clone()), state.1)
    }
}

impl<R: Read> Hashing<R> {
    /// Wraps a reader; the tally tells the digest later.
    pub fn new(inner: R) -> (Self, Tally) {
        let tally = Tally::default();
        (Hashing { inner, tally: tally.clone() }, tally)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let mut state = self.tally.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0.update(&buffer[..n]);
        state.1 += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_digests_what_it_passes_on() {
        // FIPS 180-4, example of one block
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let (mut reader, tally) = Hashing::new(&b"abc"[..]);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
        assert_eq!(tally.digest().0.to_string(), abc);
        assert_eq!(tally.digest().1, 3);
    }

    #[test]
    fn vocabularies_differ_by_their_strings_alone() {
        assert_eq!(digest_vocab([(0, "a"), (1, "b")]), digest_vocab(vec![(0, "a"), (1, "b")]));
        for other in [vec![(0, "ab")], vec![(0, "b"), (1, "a")], vec![(0, "a"), (2, "b")]] {
            assert_ne!(digest_vocab([(0, "a"), (1, "b")]), digest_vocab(other));
        }
    }
}
