//! Widths on the screen, and text that keeps to them.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The most characters of one string that a view looks at.
const LONGEST: usize = 400;

/// How many columns a text takes: two for CJK and emoji, none for a combining mark (Unicode Standard Annex 11).
///
/// ```
/// use tokpick::render::kit::display_width;
/// assert_eq!((display_width("the"), display_width("日本"), display_width("e\u{301}")), (3, 4, 1));
/// ```
pub fn display_width(text: &str) -> usize {
    text.width()
}

/// The text, blanks after it up to `width` columns.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// The text, blanks before it up to `width` columns.
pub fn pad_left(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(text.width())))
}

/// The text, cut to `width` columns; what was cut off is an `…`.
///
/// ```
/// use tokpick::render::kit::clip;
/// assert_eq!(clip("unbelievable", 8), "unbelie…");
/// assert_eq!(clip("日本語", 4), "日…");
/// assert_eq!(clip("short", 5), "short");
/// ```
pub fn clip(text: &str, width: usize) -> String {
    clip_with(text, width, "…")
}

/// The text, cut to `width` columns, with a mark of one column where something was cut off.
pub(super) fn clip_with(text: &str, width: usize, mark: &str) -> String {
    let head: String = text.chars().take(LONGEST).collect();
    if head.len() == text.len() && text.width() <= width {
        return text.to_string();
    }
    let mut end = 0;
    for (at, c) in head.char_indices() {
        let next = at + c.len_utf8();
        if head[..next].width() + 1 > width {
            break;
        }
        end = next;
    }
    let mark = if width == 0 { "" } else { mark };
    let direction = if head[..end].ends_with(LRM) || !right_to_left(&head[..end]) { "" } else { LRM };
    format!("{}{mark}{direction}", head[..end].trim_end_matches('\u{200d}'))
}

/// Words in lines of at most `width` columns; a longer word is cut. A no-break space holds words together, and
/// becomes a blank.
///
/// ```
/// use tokpick::render::kit::wrap;
/// assert_eq!(wrap("one two three", 8), ["one two", "three"]);
/// ```
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|w| !w.is_empty()).map(|w| clip(w, width)) {
        let line = lines.last_mut().filter(|l| l.is_empty() || l.width() + 1 + word.width() <= width);
        match line {
            Some(line) if line.is_empty() => line.push_str(&word),
            Some(line) => line.extend([" ", &word]),
            None => lines.push(word),
        }
    }
    lines.into_iter().map(|line| line.replace('\u{a0}', " ")).collect()
}

/// A label and words beside it, in lines of at most `width` columns; those that follow the first begin below the words, or nearer to the edge
/// where a word needs it. A word that is longer than a line is broken.
///
/// ```
/// use tokpick::render::kit::beside;
/// assert_eq!(beside("draws: ", "one two three", 15), ["draws: one two", "       three"]);
/// assert_eq!(beside("draws: ", "one twothreefour", 15), ["draws: one", "   twothreefour"]);
/// ```
pub fn beside(label: &str, text: &str, width: usize) -> Vec<String> {
    let longest = text.split([' ', '\n']).map(display_width).max().unwrap_or(0);
    let left = label.width();
    let indent = if left + longest <= width { left } else { width.saturating_sub(longest).min(left) };
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()).flat_map(|word| pieces(word, width)) {
        match lines.last_mut() {
            None if left + word.width() <= width => lines.push(format!("{label}{word}")),
            None => lines.extend([label.trim_end().to_string(), " ".repeat(indent) + &word]),
            Some(line) if line.width() + 1 + word.width() <= width => line.extend([" ", &word]),
            Some(_) => lines.push(" ".repeat(indent) + &word),
        }
    }
    if lines.is_empty() {
        lines.push(label.trim_end().to_string());
    }
    lines.into_iter().map(|line| line.replace('\u{a0}', " ")).collect()
}

/// A text in pieces of at most `width` columns: nothing is left out, as blanks are where [`wrap`] ends a line.
///
/// ```
/// use tokpick::render::kit::pieces;
/// assert_eq!(pieces("a  日本", 4), ["a  ", "日本"]);
/// assert_eq!(pieces("", 4), [""]);
/// ```
pub fn pieces(text: &str, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in text.chars() {
        let Some(last) = pieces.last_mut() else { break };
        last.push(c);
        if last.width() > width && last.len() > c.len_utf8() {
            last.pop();
            pieces.push(c.to_string());
        }
    }
    pieces
}

/// A text of our own in ASCII alone; what is no ASCII and not known here is a `?`. Texts of tokens stay as they are.
///
/// ```
/// use tokpick::render::kit::in_ascii;
/// assert_eq!(in_ascii("step 0 · 1.5 ± 0.1 …"), "step 0 | 1.5 +- 0.1 ...");
/// ```
pub fn in_ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_ascii() => plain.push(c),
            '·' => plain.push('|'),
            '–' | '−' | '─' => plain.push('-'),
            '…' => plain.push_str("..."),
            '±' => plain.push_str("+-"),
            '×' => plain.push('x'),
            'Δ' => plain.push('d'),
            'é' | 'è' => plain.push('e'),
            'ü' => plain.push('u'),
            'ö' => plain.push('o'),
            'ä' => plain.push('a'),
            // wraps, too
            '\u{a0}' => plain.push(c),
            _ => plain.push('?'),
        }
    }
    plain
}

/// A text that shows all it holds on one line: blanks at its ends are `·`, a line break `⏎`, a tabulator `⇥`, other controls (those
/// of writing direction among them) stand by name; a combining mark that nothing carries gets a `◌`.
///
/// ```
/// use tokpick::render::kit::visible;
/// assert_eq!(visible(" the"), "·the");
/// assert_eq!(visible("a\n"), "a⏎");
/// assert_eq!(visible("\u{1b}[2J"), "<ESC>[2J");
/// assert_eq!(visible("\u{202e}x"), "<U+202E>x");
/// assert_eq!(visible("\u{301}"), "◌\u{301}");
/// ```
pub fn visible(text: &str) -> String {
    let length = text.chars().take(LONGEST).count();
    let leading = text.chars().take_while(|&c| c == ' ').count();
    let trailing = text.chars().rev().take_while(|&c| c == ' ').count();
    let all = if length < LONGEST { length } else { text.chars().count() };
    let mut shown = String::with_capacity(text.len().min(LONGEST));
    for (at, c) in text.chars().enumerate().take(LONGEST) {
        match c {
            ' ' if at < leading || at >= all - trailing => shown.push('·'),
            '\n' => shown.push('⏎'),
            '\t' => shown.push('⇥'),
            c if (c as usize) < NAMES.len() => shown.extend(["<", NAMES[c as usize], ">"]),
            '\u{7f}' => shown.push_str("<DEL>"),
            c if c.is_control() || is_format(c) => shown.push_str(&format!("<U+{:04X}>", c as u32)),
            c if at == 0 && c.width() == Some(0) => shown.extend(['◌', c]),
            c => shown.push(c),
        }
    }
    if all > LONGEST {
        shown.push('…');
    }
    // what follows a text from right to left (blanks, numbers) stays on its right
    if right_to_left(&shown) {
        shown.push_str(LRM);
    }
    shown
}

/// The left-to-right mark.
const LRM: &str = "\u{200e}";

/// The names of the controls below the blank.
const NAMES: [&str; 32] = [
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR", "SO", "SI",
    "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS",
    "US",
];

/// Characters that change how others are shown, and are not seen themselves. (A joiner inside an emoji is seen.)
pub(crate) fn is_format(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// True if some letter is of a script that is written from right to left.
fn right_to_left(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hostile_is_left() {
        for text in
            ["\u{0}\u{7f}\u{85}\u{9b}31m", "\u{2066}abc\u{2069}", "\r\n", "שלום 12", &"x".repeat(10_000)]
        {
            let shown = visible(text);
            assert!(!shown.chars().any(char::is_control), "{shown:?}");
            assert!(clip(&shown, 9).width() <= 9, "{shown:?}");
        }
        assert_eq!(visible("שלום"), "שלום\u{200e}");
        assert_eq!(visible("\r"), "<CR>");
        assert_eq!(visible("  "), "··");
    }

    #[test]
    fn clipping_never_splits_what_belongs_together() {
        assert_eq!(clip("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!(clip("👩\u{200d}💻👩\u{200d}💻", 3), "👩\u{200d}💻…");
        for width in 0..8 {
            for text in ["日本語日本語", "👍🏽👍🏽👍🏽👍🏽", "abc", "e\u{301}\u{301}\u{301}f"]
            {
                assert!(clip(text, width).width() <= width, "{text} {width}");
            }
        }
    }
}
