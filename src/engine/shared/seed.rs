//! Reading seeds. Every engine says itself what it takes.

use crate::engine::EngineInfo;
use crate::{Error, Result};

/// The longest seed that Python reads from decimal digits.
const MOST_DIGITS: usize = 4300;

/// An error about `seed` that says `why`.
pub(in crate::engine) fn refuse(info: &'static EngineInfo, seed: &str, why: &str) -> Error {
    Error::engine(info.name, format!("seed {seed:?}: {why}; it takes {}", info.seeds))
}

/// A whole number between `low` and `high`.
pub(in crate::engine) fn whole(info: &'static EngineInfo, seed: &str, low: i128, high: i128) -> Result<i128> {
    match seed.trim().parse::<i128>() {
        Ok(n) if (low..=high).contains(&n) => Ok(n),
        Ok(_) => Err(refuse(info, seed, "the number is out of range")),
        Err(_) => Err(refuse(info, seed, "this is no whole number in range")),
    }
}

/// The 32-bit words of a number of any length in decimal digits, lowest first; 0 is one word.
pub(in crate::engine) fn words(info: &'static EngineInfo, seed: &str) -> Result<Vec<u32>> {
    let digits = seed.trim();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(refuse(info, seed, "this is no whole number, 0 or above"));
    }
    if digits.len() > MOST_DIGITS {
        return Err(refuse(info, seed, "the number has more than 4300 digits"));
    }
    let mut words = vec![0u32];
    for digit in digits.bytes() {
        let mut carry = u64::from(digit - b'0');
        for word in &mut words {
            carry += u64::from(*word) * 10;
            *word = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            words.push(carry as u32);
        }
    }
    Ok(words)
}

/// The entries of a list, `1,2,3` or `[1, 2, 3]`; `None` if it is a single number.
pub(in crate::engine) fn list(seed: &str) -> Option<impl Iterator<Item = &str>> {
    let inner = seed.trim().strip_prefix('[').and_then(|s| s.strip_suffix(']'));
    if inner.is_none() && !seed.contains(',') {
        return None;
    }
    let inner = inner.unwrap_or(seed).trim();
    Some(inner.strip_suffix(',').unwrap_or(inner).split(','))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::engines;

    #[test]
    fn words_of_a_number() {
        let info = engines()[0];
        let cases: [(&str, &[u32]); 5] = [
            ("0", &[0]),
            (" 007", &[7]),
            ("4294967296", &[0, 1]),
            ("18446744073709551615", &[u32::MAX, u32::MAX]),
            ("1267650600228229401496703205379", &[3, 0, 0, 16]),
        ];
        for (seed, expected) in cases {
            assert_eq!(words(info, seed).unwrap(), expected);
        }
        for bad in ["", "-1", "1.0", "0x10", "1 2"] {
            assert!(words(info, bad).is_err(), "{bad:?}");
        }
        assert!(words(info, &"9".repeat(4300)).is_ok());
        assert!(words(info, &"9".repeat(4301)).is_err());
    }

    #[test]
    fn lists() {
        let read = |s: &'static str| list(s).map(|l| l.collect::<Vec<_>>());
        assert_eq!(read("7"), None);
        assert_eq!(read("1,2"), Some(vec!["1", "2"]));
        assert_eq!(read("[1, 2]"), Some(vec!["1", " 2"]));
        assert_eq!(read("[5]"), Some(vec!["5"]));
        assert_eq!(read("5,"), Some(vec!["5"]));
        assert_eq!(read("[]"), Some(vec![""]));
    }
}
