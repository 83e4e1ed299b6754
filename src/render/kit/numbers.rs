//! Numbers for the eye.

use crate::render::number;

/// How many digits the numbers of a table have.
///
/// ```
/// use tokpick::render::kit::Digits;
/// assert_eq!(Digits::Six.write(0.4000000059604645), "0.4");
/// assert_eq!(Digits::Six.write(1.0 / 3.0), "0.333333");
/// assert_eq!(Digits::Six.write(123456789.0), "123457000");
/// assert_eq!(Digits::Full.write(0.4000000059604645), "0.4000000059604645");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Digits {
    /// Six significant ones.
    #[default]
    Six,
    /// All: the shortest decimal that reads back as the same number.
    Full,
}

impl Digits {
    /// The number as text; what isn't finite by name.
    pub fn write(self, x: f64) -> String {
        if !x.is_finite() {
            return if x.is_nan() {
                "-"
            } else if x > 0.0 {
                "inf"
            } else {
                "-inf"
            }
            .to_string();
        }
        let rounded = match self {
            Digits::Six => format!("{x:.5e}").parse().unwrap_or(x),
            Digits::Full => x,
        };
        let text = number(rounded + 0.0);
        text.strip_suffix(".0").map_or(text.clone(), str::to_string)
    }
}

/// A probability in a picture, in five columns: three digits behind the point, without the 0 before it; a smaller one as a power of
/// ten.
///
/// ```
/// use tokpick::render::kit::share;
/// assert_eq!([share(0.284), share(1.0), share(0.00012), share(0.0)], [" .284", "1.000", " 1e-4", "    0"]);
/// ```
pub fn share(p: f64) -> String {
    let text = if p == 0.0 {
        "0".to_string()
    } else if p < 5e-4 {
        format!("{p:.0e}")
    } else {
        format!("{p:.3}").trim_start_matches('0').to_string()
    };
    format!("{text:>5}")
}

/// A count with its noun: `1 sequence`, `2 sequences`.
///
/// ```
/// use tokpick::render::kit::count_of;
/// assert_eq!([count_of(1, "sequence"), count_of(0, "match"), count_of(2, "entry")], ["1 sequence", "0 matches", "2 entries"]);
/// ```
pub fn count_of(n: usize, noun: &str) -> String {
    if n == 1 {
        return format!("1 {noun}");
    }
    match noun.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
        Some(stem) => format!("{n} {stem}ies"),
        None if noun.ends_with(['s', 'x']) || noun.ends_with("ch") => format!("{n} {noun}es"),
        None => format!("{n} {noun}s"),
    }
}
