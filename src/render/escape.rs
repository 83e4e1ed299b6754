//! Text on one line.

use super::kit::is_format;

/// What is said in a message: line breaks are blanks, other controls and marks of writing direction are escaped, so that no terminal
/// obeys what a file or a name holds.
///
/// ```
/// assert_eq!(tokpick::render::said("a\nb \u{1b}[2K\u{202e} é\\"), r"a b \u{1b}[2K\u{202e} é\");
/// ```
pub fn said(text: &str) -> String {
    let mut said = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => said.push(' '),
            '\u{a0}' => said.push(c),
            c if c.is_control() || is_format(c) => said.extend(c.escape_unicode()),
            c => said.push(c),
        }
    }
    said
}

/// Text on one line: control characters (a newline becomes `\n`) and backslashes escaped.
///
/// ```
/// assert_eq!(tokpick::render::escape("a\n\\ é\t"), r"a\n\\ é\t");
/// ```
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || c == '\\' { escaped.extend(c.escape_default()) } else { escaped.push(c) }
    }
    escaped
}
