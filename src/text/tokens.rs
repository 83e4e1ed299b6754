//! Token strings: what stands for an id in text.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::spelling::Spelling;
use super::tokenizer::Tokenizer;
use crate::source::names::only;
use crate::source::{Names, Vocab, read_text};
use crate::{Error, Place, Result, TokenId};

/// Ids, or words that follow the text that was meant.
type Found<T> = std::result::Result<T, String>;

/// What an id is in text: the strings of a vocabulary, or a tokenizer.
///
/// **A vocabulary** is a list of strings, and how they become text is seen from them. Byte-level BPE vocabularies (GPT-2 and its heirs)
/// write every byte as one printable character: `Ġ` is a space, `Ċ` a newline. SentencePiece vocabularies (Kudo & Richardson 2018; Llama
/// 2, T5 …) write a space as `▁`, and a byte that is part of no piece as `<0x0A>`. [`text`](Self::text) turns both back into bytes;
/// strings of other vocabularies are joined as they stand.
///
/// A vocabulary uses the byte-level alphabet if more of its strings begin with `Ġ` or `Ċ` than are written otherwise: with
/// characters outside of the alphabet (a blank, `▁`), or with WordPiece's `##`. A literal `Ġ` among those says nothing. It is
/// SentencePiece's if more strings begin with `▁` than with `Ġ`, `Ċ` or `##` or hold a blank.
///
/// **A tokenizer** is a `tokenizer.json` of Hugging Face. Its text is what the `tokenizers` library decodes, to the letter, and it turns
/// text into ids ([`encode`](Self::encode)). It is read by that library, behind the cargo feature `tokenizer` (on by default).
///
/// A clone is cheap.
///
/// ```
/// use tokpick::source::Vocab;
/// use tokpick::text::Tokens;
/// let tokens = Tokens::new(Vocab::parse("vocab.json", r#"["Hello", "Ġworld", "Ċ"]"#.as_bytes())?);
/// assert_eq!(tokens.text(&[0, 1, 2]), "Hello world\n");
/// assert_eq!(tokens.label(1), "Ġworld");
/// assert_eq!(tokens.text(&[7]), "<|7|>");
/// assert_eq!(tokens.missing(), [7]);
/// let tokens = Tokens::new(Vocab::parse("vocab.json", r#"["▁Hello", "▁world", "<0x0A>"]"#.as_bytes())?);
/// assert_eq!(tokens.text(&[0, 1, 2]), " Hello world\n");
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Tokens {
    strings: Vocab,
    spelling: Spelling,
    tokenizer: Option<Arc<Tokenizer>>,
    /// Special tokens are left out of texts.
    skip_special: bool,
    /// The model's own end tokens, where its files say them.
    ends: Option<Vec<TokenId>>,
    notes: Vec<String>,
    missing: Arc<Mutex<BTreeSet<TokenId>>>,
    /// Only some tokens of a vocabulary: those that an input names.
    is_part: bool,
}

impl Tokens {
    /// The strings of a vocabulary.
    pub fn new(strings: Vocab) -> Self {
        let spelling = Spelling::of(strings.iter());
        let missing = Arc::default();
        Tokens {
            spelling,
            strings,
            tokenizer: None,
            skip_special: false,
            ends: None,
            notes: Vec::new(),
            missing,
            is_part: false,
        }
    }

    /// The same as a part of a vocabulary: the tokens that an input names beside its rows.
    pub fn as_part(self) -> Self {
        Tokens { is_part: true, ..self }
    }

    /// False for a part of a vocabulary.
    pub fn is_whole(&self) -> bool {
        !self.is_part
    }

    /// Reads a vocabulary or a tokenizer, told apart by content; `-` is standard input.
    ///
    /// # Errors
    /// As [`parse`](Self::parse); a file that can't be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let name = if path == Path::new("-") { "standard input".into() } else { path.display().to_string() };
        Tokens::parse(&name, read_text(path)?.as_bytes())
    }

    /// Reads the text of such a file; `name` is for messages.
    ///
    /// # Errors
    /// A text that is neither; a tokenizer that the `tokenizers` library refuses; one at all, in a build without it.
    pub fn parse(name: &str, text: &[u8]) -> Result<Self> {
        if !Tokenizer::is_one(text) {
            return Ok(Tokens::new(Vocab::parse(name, text)?));
        }
        let bad = |what: String| Error::input(name, Place::default(), what);
        let (tokenizer, strings) = Tokenizer::parse(text).map_err(bad)?;
        if strings.is_empty() {
            return Err(bad("a tokenizer without a token".into()));
        }
        let strings = Vocab::from(strings);
        Ok(Tokens { tokenizer: Some(Arc::new(tokenizer)), ..Tokens::new(strings) })
    }

    /// Leaves special tokens out of texts (`<|im_end|>`, `</s>`), or not. Only a tokenizer knows which they are.
    pub fn skipping_special(self, skip_special: bool) -> Self {
        Tokens { skip_special, ..self }
    }

    /// Says which tokens end a sequence of this model.
    pub fn with_ends(self, ends: Vec<TokenId>) -> Self {
        Tokens { ends: Some(ends), ..self }
    }

    /// The same, with a note on the files that they come from.
    pub(crate) fn with_note(mut self, what: String) -> Self {
        self.notes.push(what);
        self
    }

    /// What their user should know of the files that they come from.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The tokens that end a sequence of this model, where that was said.
    pub fn ends(&self) -> Option<&[TokenId]> {
        self.ends.as_deref()
    }

    /// True if text can be turned into ids.
    pub fn is_tokenizer(&self) -> bool {
        self.tokenizer.is_some()
    }

    /// True for a special token of a tokenizer.
    pub fn is_special(&self, id: TokenId) -> bool {
        self.tokenizer.as_ref().is_some_and(|t| t.is_special(id))
    }

    /// The strings.
    pub fn strings(&self) -> &Vocab {
        &self.strings
    }

    /// How many tokens have a string.
    pub fn len(&self) -> usize {
        self.strings.len()
    }

    /// True if no token has one.
    pub fn is_empty(&self) -> bool {
        self.strings.is_empty()
    }

    /// The string of a token as the vocabulary has it, control characters escaped; `<|id|>` where it has none.
    pub fn label(&self, id: TokenId) -> String {
        match self.strings.token(id) {
            Some(s) => {
                let mut label = String::with_capacity(s.len());
                for c in s.chars() {
                    if c.is_control() { label.extend(c.escape_default()) } else { label.push(c) }
                }
                label
            }
            None => self.stand_in(id),
        }
    }

    /// What the tokenizer makes of ids that it knows; `None` without one, or where it fails.
    pub(super) fn decode(&self, ids: &[TokenId]) -> Option<String> {
        self.tokenizer.as_ref()?.decode(ids, self.skip_special).ok()
    }

    /// The text of one token inside of a text: a tokenizer would strip the blank of a token that stands alone.
    ///
    /// ```
    /// use tokpick::source::Vocab;
    /// use tokpick::text::Tokens;
    /// let tokens = Tokens::new(Vocab::parse("vocab.json", r#"["▁Hello", "▁world", "<0x0A>"]"#.as_bytes())?);
    /// assert_eq!(tokens.piece(1), " world");
    /// # Ok::<(), tokpick::Error>(())
    /// ```
    pub fn piece(&self, id: TokenId) -> String {
        String::from_utf8_lossy(&self.bytes(id)).into_owned()
    }

    /// The bytes that a token adds to a text; of `<|id|>` where it has no string.
    ///
    /// ```
    /// use tokpick::source::Vocab;
    /// use tokpick::text::Tokens;
    /// // the first byte of é
    /// let tokens = Tokens::new(Vocab::parse("vocab.json", r#"["Ã", "Ġa"]"#.as_bytes())?);
    /// assert_eq!(tokens.bytes(0), [0xc3]);
    /// # Ok::<(), tokpick::Error>(())
    /// ```
    pub fn bytes(&self, id: TokenId) -> Vec<u8> {
        match self.strings.token(id) {
            Some(string) => self.spelling.bytes(string),
            None => self.stand_in(id).into_bytes(),
        }
    }

    /// The ids of a text; with `special`, the tokens that the tokenizer puts around a prompt (`<s>`, `[CLS]`) as well.
    ///
    /// # Errors
    /// Words, to follow the text: there is no tokenizer, or it can't encode the text.
    pub fn encode(&self, text: &str, special: bool) -> Found<Vec<TokenId>> {
        match &self.tokenizer {
            Some(tokenizer) => tokenizer.encode(text, special),
            None => Err("is a text, and a text needs a tokenizer: give `Tokens`".into()),
        }
    }

    /// The ids of a text, as [`encode`](Self::encode) without special tokens; of a vocabulary, the one token that it names.
    ///
    /// # Errors
    /// Words, to follow the text.
    pub fn ids_of(&self, text: &str) -> Found<Vec<TokenId>> {
        match self.is_tokenizer() {
            true => self.encode(text, false),
            false => self.only(text).map(|id| vec![id]),
        }
    }

    /// The tokens that a text names, ascending: those whose string it is, or else those that are shown as it.
    ///
    /// ```
    /// use tokpick::source::Vocab;
    /// use tokpick::text::Tokens;
    /// let tokens = Tokens::new(Vocab::parse("vocab.json", r#"["Hello", "Ġworld"]"#.as_bytes())?);
    /// assert_eq!((tokens.named("Ġworld"), tokens.named(" world"), tokens.named("x")), (vec![1], vec![1], vec![]));
    /// # Ok::<(), tokpick::Error>(())
    /// ```
    pub fn named(&self, text: &str) -> Vec<TokenId> {
        let all = |fits: &dyn Fn(TokenId, &str) -> bool| -> Vec<TokenId> {
            let mut ids: Vec<TokenId> =
                self.strings.iter().filter(|(id, s)| fits(*id, s)).map(|(id, _)| id).collect();
            ids.sort_unstable();
            ids
        };
        match all(&|_, s| s == text) {
            ids if ids.is_empty() => all(&|id, _| self.piece(id) == text),
            ids => ids,
        }
    }

    /// The token that a text names.
    ///
    /// # Errors
    /// Words, to follow the text: it names none, or several.
    pub fn only(&self, text: &str) -> Found<TokenId> {
        only(&self.named(text))
    }

    /// What finds the ids of tokens that an input names by these strings.
    ///
    /// ```
    /// use tokpick::source::Vocab;
    /// use tokpick::text::Tokens;
    /// let tokens = Tokens::new(Vocab::parse("vocab.json", r#"["Hello", "Ġworld"]"#.as_bytes())?);
    /// let names = tokens.names();
    /// assert_eq!((names.id(" world"), names.id("Hello")), (Ok(1), Ok(0)));
    /// assert_eq!(names.id("x").unwrap_err(), "is no id, and no token of the vocabulary");
    /// # Ok::<(), tokpick::Error>(())
    /// ```
    pub fn names(&self) -> Names {
        // made when the first string is asked for
        let (tokens, index) = (self.clone(), OnceLock::new());
        let end = self.strings.iter().map(|(id, _)| id as usize + 1).max().unwrap_or(0);
        let names = Names::new(move |text| {
            let [strings, pieces] = index.get_or_init(|| tokens.index());
            only(strings.get(text).or_else(|| pieces.get(text)).map_or(&[], Vec::as_slice))
        });
        names.below(end)
    }

    /// The tokens by their strings, and by what is shown of them; ids ascend.
    fn index(&self) -> [HashMap<String, Vec<TokenId>>; 2] {
        let mut all: Vec<(TokenId, &str)> = self.strings.iter().collect();
        all.sort_unstable();
        let mut index = [HashMap::<String, Vec<TokenId>>::new(), HashMap::new()];
        for (id, string) in all {
            index[0].entry(string.to_string()).or_default().push(id);
            index[1].entry(self.piece(id)).or_default().push(id);
        }
        index
    }

    /// The ids that were shown and have no string, ascending: model heads are often padded beyond their vocabulary.
    pub fn missing(&self) -> Vec<TokenId> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    pub(super) fn stand_in(&self, id: TokenId) -> String {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        format!("<|{id}|>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_vocabularies() {
        let text = |strings: &[&str], ids: &[TokenId]| {
            Tokens::new(Vocab::from(strings.iter().map(|s| s.to_string()).collect::<Vec<_>>().as_slice()))
                .text(ids)
        };
        // a letter of two bytes split over two tokens
        assert_eq!(text(&["Ã", "©", "Ġa"], &[2, 0, 1]), " aé");
        // an added token outside the alphabet stays as it is
        assert_eq!(text(&["<|end of text|>", "Ġa", "Ġb"], &[1, 0]), " a<|end of text|>");
        // no byte-level alphabet: nothing is decoded
        assert_eq!(text(&["The", " nice", " Ġ"], &[0, 1, 2]), "The nice Ġ");
        assert_eq!(text(&["The nice", "a b", "▁a"], &[2]), "▁a");
        // Llama 2 has single letters Ġ and ĉ among its pieces
        assert_eq!(text(&["▁a", "é", "Ġ", "ĉ", "▁the"], &[1, 2, 3, 0]), "éĠĉ a");
        assert_eq!(text(&["▁a", "Ġ", "ĉ"], &[1, 2]), "Ġĉ");
        // SentencePiece: spaces, and bytes that make up a letter or a newline
        let llama = ["▁the", "<0xC3>", "<0xA9>", "<0x0A>", "▁▁", "s", "<s>", "<0xG1>", "<0x+1>"];
        assert_eq!(text(&llama, &[6, 0, 5, 4, 1, 2, 3, 5]), "<s> thes  é\ns");
        assert_eq!(text(&llama, &[1, 5, 7, 8]), "\u{fffd}s<0xG1><0x+1>");
        // a byte piece is a byte where the vocabulary is of that kind alone
        assert_eq!(text(&["<0x0A>", "a"], &[0]), "<0x0A>");
        assert_eq!(text(&["[CLS]", "##s", "Ġ", "é", "##é"], &[3, 2]), "éĠ");
    }

    #[test]
    fn pieces_make_up_the_text() {
        let all: Vec<String> = (0..0x200).filter_map(char::from_u32).map(String::from).collect();
        let tokens = Tokens::new(Vocab::from([&["Ġa".into(), "Ġ🦀".into()][..], &all].concat().as_slice()));
        let mut state = 1u32;
        for _ in 0..300 {
            let ids: Vec<TokenId> = (0..20)
                .map(|_| {
                    state = state.wrapping_mul(1664525).wrapping_add(1013904223);
                    (state >> 16) % 258
                })
                .collect();
            let bytes: Vec<u8> = ids.iter().flat_map(|&id| tokens.bytes(id)).collect();
            assert_eq!(tokens.text(&ids), String::from_utf8_lossy(&bytes), "{ids:?}");
        }
    }
}
