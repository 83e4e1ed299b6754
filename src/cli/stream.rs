//! The streams that are open when the program starts.

use std::path::Path;

/// A stream that is open when the program starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard input.
    Input,
    /// Standard output.
    Output,
    /// Standard error, or one that the caller has opened.
    Other,
}

/// The stream that a path means: `-` is standard input or output, whichever fits.
pub fn stream(path: &Path) -> Option<Stream> {
    let text = path.to_str()?;
    if text == "-" {
        return Some(Stream::Output);
    }
    let number = ["/dev/fd/", "/proc/self/fd/"].iter().find_map(|folder| text.strip_prefix(folder));
    match (text, number) {
        ("/dev/stdin", _) | (_, Some("0")) => Some(Stream::Input),
        ("/dev/stdout", _) | (_, Some("1")) => Some(Stream::Output),
        ("/dev/stderr", _) => Some(Stream::Other),
        (_, Some(number)) if number.parse::<u32>().is_ok() => Some(Stream::Other),
        _ => None,
    }
}
