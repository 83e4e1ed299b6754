//! What ends a sequence beside its end tokens: stop strings, and loops.

use super::decoder::Decoder;
use super::tokens::Tokens;
use crate::hypothesis::Finish;
use crate::{Error, Result, TokenId};

/// The longest block of ids that counts as a loop.
const LONGEST_BLOCK: usize = 512;

/// What ends a sequence beside its end tokens.
///
/// **Stop strings** are looked for in the text of the new tokens (what `prefix` and prompt hold doesn't count), also across tokens. The
/// sequence ends with the token that completes a match, [`Finish::Stop`]. Its ids keep the tokens of the match; its text ends before the
/// match, or behind it ([`including`](Self::including)). The match that is complete first counts, as if the characters came one by one,
/// so that the text does not depend on how it was cut into tokens; of several that are complete at once, the one that begins first. An
/// end token ends the sequence as such, and its text is not looked at (vLLM does the same).
///
/// **A loop** ends a sequence once the ids generated so far (those of the prefix among them) end with the same block, `n` times in a row:
/// [`Finish::Repetition`]. A block is 1 to 512 ids. It is vLLM's `repetition_detection` with `min_pattern_size` 1.
///
/// ```
/// use tokpick::prelude::*;
/// use tokpick::source::Vocab;
/// use tokpick::text::{Stop, Tokens};
///
/// let tokens = Tokens::new(Vocab::parse("v.json", r#"["a", "b", "c", "d"]"#.as_bytes())?);
/// let stop = Stop::at(&tokens, ["bc"])?;
/// // always one token further: a b c d a …
/// let mut source = from_fn(4, |context| std::array::from_fn::<f32, 4, _>(|id| (id == context.len() % 4) as u8 as f32));
/// let (chain, limits) = (Chain::default(), Limits::new(9));
/// let found = Greedy.decode(&mut source, &Job::new(&chain).limits(&limits).stop(&stop))?;
/// assert_eq!((found[0].finish_reason, &found[0].ids[..]), (Finish::Stop, &[0, 1, 2][..]));
/// assert_eq!(stop.text(&found[0].ids), ("a".to_string(), Some("bc")));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Stop {
    tokens: Option<Tokens>,
    strings: Vec<String>,
    include: bool,
    repeats: Option<usize>,
}

impl Stop {
    /// Ends sequences at these strings, in the text that `tokens` give.
    ///
    /// # Errors
    /// An empty string.
    pub fn at<S: Into<String>>(tokens: &Tokens, strings: impl IntoIterator<Item = S>) -> Result<Stop> {
        let strings: Vec<String> = strings.into_iter().map(Into::into).collect();
        if strings.iter().any(String::is_empty) {
            return Err(Error::setting(
                "stop",
                "\"\"",
                "is empty, and would end every sequence at once: leave it out",
            ));
        }
        Ok(Stop { tokens: Some(tokens.clone()), strings, ..Stop::default() })
    }

    /// Ends nothing, and gives texts as they come.
    pub(crate) fn never(tokens: &Tokens) -> Stop {
        Stop { tokens: Some(tokens.clone()), ..Stop::default() }
    }

    /// Whether the text of a sequence keeps the match.
    pub fn including(self, include: bool) -> Stop {
        Stop { include, ..self }
    }

    /// Ends sequences that end with the same block of ids `times` times in a row.
    ///
    /// # Errors
    /// Less than 2 times.
    pub fn on_repeat(self, times: usize) -> Result<Stop> {
        match times {
            0 | 1 => Err(Error::setting("stop_on_repeat", times, "must be 2 or more: once is no repetition")),
            _ => Ok(Stop { repeats: Some(times), ..self }),
        }
    }

    /// The strings.
    pub fn strings(&self) -> &[String] {
        &self.strings
    }

    /// The text of ids up to the stop string that they complete, and that string.
    pub fn text(&self, ids: &[TokenId]) -> (String, Option<&str>) {
        let mut reader = StopReader::default();
        let mut text = String::new();
        for &id in ids {
            text.push_str(&reader.next(self, id));
            if let Some(found) = reader.found(self) {
                return (text, Some(found));
            }
        }
        text.push_str(&reader.finish(self));
        (text, None)
    }

    /// Why a sequence ends with its last id; `generated` are all of its ids, `reader` has read those before the last one.
    pub(crate) fn ends(&self, reader: &mut StopReader, generated: &[TokenId]) -> Option<Finish> {
        let id = *generated.last()?;
        if !self.strings.is_empty() {
            reader.next(self, id);
            if reader.found.is_some() {
                return Some(Finish::Stop);
            }
        }
        self.repeats.filter(|&times| repeats(generated, times)).map(|_| Finish::Repetition)
    }
}

/// Text as its ids come, up to a stop string. What may become one is held back.
///
/// ```
/// use tokpick::source::Vocab;
/// use tokpick::text::{Stop, StopReader, Tokens};
/// let tokens = Tokens::new(Vocab::parse("v.json", r#"["a", "b", "c", "d"]"#.as_bytes())?);
/// let (stop, mut reader) = (Stop::at(&tokens, ["bcd"])?, StopReader::default());
/// assert_eq!([0, 1, 2, 0, 1, 2, 3].map(|id| reader.next(&stop, id)), ["a", "", "", "bca", "", "", ""]);
/// assert_eq!(reader.found(&stop), Some("bcd"));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct StopReader {
    decoder: Decoder,
    /// The end of the text that may be the beginning of a stop string.
    held: String,
    /// The number of the string that was found.
    found: Option<usize>,
}

impl StopReader {
    /// The text that this token adds for certain; nothing once a string is found.
    pub fn next(&mut self, stop: &Stop, id: TokenId) -> String {
        let Some(tokens) = stop.tokens.as_ref().filter(|_| self.found.is_none()) else {
            return String::new();
        };
        let piece = self.decoder.next(tokens, id);
        self.read(stop, &piece)
    }

    /// What is left when the sequence has ended otherwise.
    pub fn finish(&mut self, stop: &Stop) -> String {
        let Some(tokens) = stop.tokens.as_ref().filter(|_| self.found.is_none()) else {
            return String::new();
        };
        let piece = self.decoder.finish(tokens);
        let text = self.read(stop, &piece);
        if self.found.is_some() { text } else { text + &std::mem::take(&mut self.held) }
    }

    /// The stop string that was found.
    pub fn found<'s>(&self, stop: &'s Stop) -> Option<&'s str> {
        stop.strings.get(self.found?).map(String::as_str)
    }

    fn read(&mut self, stop: &Stop, piece: &str) -> String {
        if piece.is_empty() {
            return String::new();
        }
        self.held.push_str(piece);
        let matches = stop.strings.iter().enumerate();
        let matches =
            matches.filter_map(|(number, s)| self.held.find(s.as_str()).map(|at| (at + s.len(), at, number)));
        if let Some((end, start, number)) = matches.min() {
            self.found = Some(number);
            self.held.truncate(if stop.include { end } else { start });
            return std::mem::take(&mut self.held);
        }
        let longest = stop.strings.iter().map(String::len).max().unwrap_or(1);
        let may_begin = |at: &usize| {
            let rest = &self.held.as_bytes()[*at..];
            stop.strings.iter().any(|s| s.as_bytes().starts_with(rest))
        };
        let from = self.held.len().saturating_sub(longest - 1);
        let keep = (from..self.held.len()).filter(|&at| self.held.is_char_boundary(at)).find(may_begin);
        let rest = self.held.split_off(keep.unwrap_or(self.held.len()));
        std::mem::replace(&mut self.held, rest)
    }
}

/// True if ids end with one block, so many times in a row.
fn repeats(ids: &[TokenId], times: usize) -> bool {
    (1..=LONGEST_BLOCK.min(ids.len() / times)).any(|block| {
        let tail = &ids[ids.len() - block * times..];
        tail.iter().rev().zip(tail.iter().rev().skip(block)).all(|(a, b)| a == b)
    })
}
