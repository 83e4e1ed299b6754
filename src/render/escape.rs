//! Text on one line.

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
