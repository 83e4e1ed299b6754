//! The hand in which everything is shown: palette, marks, bars, visible tokens, widths, SVG. One for all views, so that they look
//! alike in text, SVG and page.

mod bars;
pub(crate) mod html;
mod numbers;
mod svg;
mod width;

pub use bars::{bar, sparkline};
pub use numbers::{Digits, count_of, share};
pub use svg::{Anchor, LETTER, MARGIN, SMALL, Svg, escape};
pub(crate) use width::is_format;
pub use width::{beside, clip, display_width, in_ascii, pad, pad_left, pieces, visible, wrap};

use std::borrow::Cow;
use std::io::{self, Write};

use super::Tokens;
use crate::TokenId;

/// How a view is to look: where it is shown decides, or the flags `--width`, `--color`, `--ascii` and `--digits`.
///
/// ```
/// use tokpick::render::kit::{Ink, Look};
/// let mut look = Look::plain(80);
/// assert_eq!(look.paint(Ink::Chosen, "·the"), "·the");
/// look.colour = true;
/// assert_eq!(look.paint(Ink::Removed, "×"), "\u{1b}[90m×\u{1b}[0m");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether ANSI colours are written.
    pub colour: bool,
    /// Columns of the screen.
    pub width: usize,
    /// All but the texts of tokens in ASCII alone.
    pub ascii: bool,
    /// Digits of the numbers in tables.
    pub digits: Digits,
}

impl Default for Look {
    fn default() -> Self {
        Look::plain(80)
    }
}

/// What a piece of a view is: it decides the colour, which never carries a meaning alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// A heading.
    Title,
    /// A bar.
    Bar,
    /// What was chosen.
    Chosen,
    /// What was removed, and what is said at the foot.
    Removed,
    /// Surprise of a scored token: 0 (expected) to 7 or more bits.
    Heat(u8),
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Ink::Title => "1",
            Ink::Bar => "36",
            Ink::Chosen => "1;35",
            Ink::Removed => "90",
            Ink::Heat(0..=1) => "32",
            Ink::Heat(2..=3) => "36",
            Ink::Heat(4..=5) => "33",
            Ink::Heat(_) => "1;31",
        }
    }
}

impl Look {
    /// Without colours, so many columns wide.
    pub fn plain(width: usize) -> Self {
        Look { colour: false, width, ascii: false, digits: Digits::Six }
    }

    /// The text in the colour of what it is. Blanks are left as they are.
    pub fn paint(&self, ink: Ink, text: &str) -> String {
        match self.colour && !text.trim().is_empty() {
            true => format!("\x1b[{}m{text}\x1b[0m", ink.code()),
            false => text.to_string(),
        }
    }

    /// A mark, or what stands for it in ASCII.
    pub fn mark(&self, mark: Mark) -> &'static str {
        let (drawn, ascii) = match mark {
            Mark::Chosen => ("←", "<-"),
            Mark::Removed => ("×", "x"),
            Mark::Cut => ("─ ", "- "),
            Mark::Draw => ("●", "o"),
            Mark::More => ("…", "..."),
            Mark::Line => ("─", "-"),
            Mark::Start => ("├", "|"),
            Mark::Bound => ("┼", "+"),
            Mark::End => ("┤", "|"),
            Mark::PlusMinus => ("±", "+-"),
        };
        if self.ascii { ascii } else { drawn }
    }

    /// A text of our own, as [`in_ascii`] where that is wanted.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.ascii { in_ascii(text).into() } else { text.into() }
    }

    /// What has the text of a token in it, cut to `width` columns as [`clip`] does; in ASCII what was cut off is a `~`.
    pub fn clip(&self, text: &str, width: usize) -> String {
        if self.ascii { width::clip_with(text, width, "~") } else { clip(text, width) }
    }

    /// Writes a label and words beside it, as [`beside`] does.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn say(&self, label: &str, words: &str, to: &mut dyn Write) -> io::Result<()> {
        beside(label, words, self.width).iter().try_for_each(|line| writeln!(to, "{line}"))
    }

    /// A number as it stands in a table.
    pub fn number(&self, x: f64) -> String {
        self.digits.write(x)
    }
}

/// The marks of the hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// `←`: this token was chosen.
    Chosen,
    /// `×`: this token was removed here.
    Removed,
    /// `─ ─`: a cut runs between two rows.
    Cut,
    /// `●`: the draw fell here.
    Draw,
    /// `…`: the tail, summed up.
    More,
    /// `─`: the inside of an interval.
    Line,
    /// `├`: the first interval begins.
    Start,
    /// `┼`: one interval ends, the next begins.
    Bound,
    /// `┤`: the last interval ends.
    End,
    /// `±`: how far off a number may be.
    PlusMinus,
}

/// A token as views show it: its text made visible, or its id where there are no strings.
///
/// ```
/// use tokpick::render::{Tokens, kit};
/// use tokpick::source::Vocab;
/// let tokens = Tokens::new(Vocab::parse("vocab.json", r#"["Hello", "Ġworld", "Ċ"]"#.as_bytes())?);
/// assert_eq!(kit::token(Some(&tokens), 1), "·world");
/// assert_eq!(kit::token(Some(&tokens), 2), "⏎");
/// assert_eq!(kit::token(None, 2), "2");
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn token(tokens: Option<&Tokens>, id: TokenId) -> String {
    let Some(tokens) = tokens else { return id.to_string() };
    let text = tokens.piece(id);
    // a part of a character has no text of its own: the vocabulary's letters for its bytes stand in
    let shown = if text.contains('\u{fffd}') { visible(&tokens.label(id)) } else { visible(&text) };
    if shown.is_empty() { "(empty)".to_string() } else { shown }
}

/// The text of some ids on one line: blanks as they are, line breaks and controls visible.
pub fn text(tokens: Option<&Tokens>, ids: &[TokenId]) -> String {
    match tokens {
        Some(tokens) => visible(&tokens.text(ids)),
        None => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    }
}
