//! How a text is split into tokens.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::kit::{Look, count_of, display_width, pieces, visible, wrap};
use super::{Table, Tokens};
use crate::TokenId;

/// Ids, and what each of them is in the text that they make up.
///
/// ```
/// use tokpick::render::{Split, Tokens, kit::Look};
/// use tokpick::source::Vocab;
/// let tokens = Tokens::new(Vocab::parse("vocab.json", r#"["Hello", "Ġworld"]"#.as_bytes())?);
/// let split = Split::new(&tokens, &[0, 1]);
/// assert_eq!(split.json()["text"], "Hello world");
/// assert_eq!(split.json()["tokens"][1]["token"], "Ġworld");
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug)]
pub struct Split {
    text: String,
    rows: Vec<Piece>,
    vocab: usize,
}

/// One token.
#[derive(Debug)]
struct Piece {
    id: TokenId,
    /// As the vocabulary has it; `None` for an id beyond it.
    token: Option<String>,
    /// What it adds to the text; `None` where its bytes are part of a character, and beyond the vocabulary.
    text: Option<String>,
    bytes: Vec<u8>,
    special: bool,
}

impl Split {
    /// The tokens of some ids.
    pub fn new(tokens: &Tokens, ids: &[TokenId]) -> Split {
        let piece = |&id: &TokenId| {
            let known = tokens.strings().token(id).is_some();
            let bytes = if known { tokens.bytes(id) } else { Vec::new() };
            let token = tokens.strings().token(id).map(|_| tokens.label(id));
            Piece {
                id,
                token,
                text: String::from_utf8(bytes.clone()).ok().filter(|_| known),
                bytes,
                special: tokens.is_special(id),
            }
        };
        Split { text: tokens.text(ids), rows: ids.iter().map(piece).collect(), vocab: tokens.len() }
    }

    /// As JSON: the text, and the tokens.
    pub fn json(&self) -> Value {
        let tokens = self.rows.iter().map(
            |p| json!({"id": p.id, "token": p.token, "text": p.text, "bytes": p.bytes, "special": p.special}),
        );
        json!({"text": self.text, "tokens": tokens.collect::<Vec<_>>()})
    }

    /// As a table, a row for each token; below, what they come to.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new("rrlll");
        table.row(["at", "id", "token", "text", ""]);
        for (at, p) in self.rows.iter().enumerate() {
            let hex: Vec<String> = p.bytes.iter().map(|b| format!("{b:02x}")).collect();
            let text = p.text.as_ref().map_or_else(|| hex.join(" "), |text| visible(text));
            let (token, remark) = match (&p.token, &p.text) {
                (None, _) => (String::new(), "beyond the vocabulary"),
                (Some(token), None) => (token.clone(), "part of a character"),
                (Some(token), _) => (token.clone(), if p.special { "special" } else { "" }),
            };
            table.row([at.to_string(), p.id.to_string(), token, text, remark.to_string()]);
        }
        table.write_within(look, to)?;
        let characters = count_of(self.text.chars().count(), "character");
        let (ids, vocab) = (count_of(self.rows.len(), "token"), self.vocab);
        let (head, text) = (format!("{ids} of a vocabulary of {vocab}, {characters}:"), visible(&self.text));
        writeln!(to)?;
        if display_width(&head) + 1 + display_width(&text) <= look.width {
            return writeln!(to, "{}", format!("{head} {text}").trim_end());
        }
        wrap(&head, look.width).iter().try_for_each(|line| writeln!(to, "{line}"))?;
        pieces(&text, look.width).iter().try_for_each(|line| writeln!(to, "{line}"))
    }
}
