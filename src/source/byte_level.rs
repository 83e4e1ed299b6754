//! The byte-level alphabet of GPT-2 (Radford et al. 2019): printable Latin-1 as itself, the 68 other bytes, in order, as U+0100 and up.

/// The character that stands for a byte.
pub(crate) fn character(byte: u8) -> char {
    if shown(byte) {
        return char::from(byte);
    }
    let nth = (0..byte).filter(|b| !shown(*b)).count() as u32;
    char::from_u32(0x100 + nth).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The byte that a character stands for; `None` where it is not in the alphabet.
fn byte(c: char) -> Option<u8> {
    match c as u32 {
        n @ 0..=0xff => Some(n as u8).filter(|b| shown(*b)),
        n => (0..=u8::MAX).filter(|b| !shown(*b)).nth((n - 0x100) as usize),
    }
}

/// The bytes that a text of the alphabet stands for; `None` where a character is not in it.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(byte).collect()
}

fn shown(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        assert!((0..=u8::MAX).all(|b| byte(character(b)) == Some(b)));
        assert_eq!((0..0x200).filter_map(char::from_u32).filter_map(byte).count(), 256);
        assert_eq!(['Ġ', 'Ċ', 'ĉ', 'é'].map(byte), [Some(b' '), Some(b'\n'), Some(b'\t'), Some(0xe9)]);
    }
}
