//! Plain decimals in a JSON array, many at a time: the quick way beside the general parser, which takes whatever stops it here.

/// The powers of ten that are exact in f64.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The powers of ten that move a number by up to eight digits.
const TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Up to so many digits every whole number is a u64.
const DIGITS: usize = 19;

/// Reads `, number` again and again from the start of `text`, appends the numbers, and tells how many bytes they took. It stops
/// before what is no number, not JSON, beyond f32, or cut off by the end of the text.
pub(super) fn more(text: &[u8], out: &mut Vec<f32>) -> usize {
    let mut rest = text;
    while let [b',', after @ ..] = rest {
        let blanks = after.iter().take_while(|b| matches!(b, b' ' | b'\n' | b'\r' | b'\t')).count();
        match number(&after[blanks..]) {
            Some((x, after)) if x.is_finite() => {
                out.push(x);
                rest = after;
            }
            _ => break,
        }
    }
    text.len() - rest.len()
}

/// The number at the start of a text, as an f64 that is rounded to f32, and what follows it.
fn number(text: &[u8]) -> Option<(f32, &[u8])> {
    let negative = text.first() == Some(&b'-');
    let unsigned = &text[usize::from(negative)..];
    let (whole, len) = few(unsigned, 0);
    if len == 0 || (len > 1 && unsigned[0] == b'0') {
        return None;
    }
    let (mut mantissa, mut rest, mut count, mut exponent) = (whole, &unsigned[len..], len, 0);
    if let [b'.', fraction @ ..] = rest {
        let (all, len) = many(fraction, whole);
        if len == 0 {
            return None;
        }
        (mantissa, rest) = (all, &fraction[len..]);
        count += len;
        exponent = -i64::try_from(len).ok()?;
    }
    if let [b'e' | b'E', power @ ..] = rest {
        let (down, power) = match power {
            [b'-', power @ ..] => (true, power),
            [b'+', power @ ..] => (false, power),
            _ => (false, power),
        };
        let (by, len) = few(power, 0);
        // more digits are none that a writer of numbers makes
        if !(1..=3).contains(&len) {
            return None;
        }
        exponent += if down { -(by as i64) } else { by as i64 };
        rest = &power[len..];
    }
    rest.first()?;
    let near = (count <= DIGITS).then(|| round(mantissa, exponent)).flatten();
    let size = match near {
        Some(x) => x,
        None => {
            std::str::from_utf8(&unsigned[..unsigned.len() - rest.len()]).ok()?.parse::<f64>().ok()? as f32
        }
    };
    Some((if negative { -size } else { size }, rest))
}

/// mantissa · 10^exponent in f32, where two roundings in f64 can't matter: they err by 2^-52 of the number, and all f64 within
/// four times that become the same f32.
fn round(mantissa: u64, exponent: i64) -> Option<f32> {
    let power = POWERS.get(usize::try_from(exponent.unsigned_abs()).ok()?)?;
    let x = if exponent < 0 { mantissa as f64 / power } else { mantissa as f64 * power };
    let slack = x * (4.0 * f64::EPSILON);
    let (low, high) = ((x - slack) as f32, (x + slack) as f32);
    (low == high).then_some(low)
}

/// Appends the digits at the start of a text to `number`, which wraps beyond [`DIGITS`], and counts them. Eight are read at once,
/// without a branch for each: where a number ends is what no processor can predict.
fn many(text: &[u8], mut number: u64) -> (u64, usize) {
    let mut count = 0;
    while let Some(chunk) = text[count..].first_chunk() {
        // a digit's byte becomes its value, and others more than 9, which sets the highest bit
        let values = u64::from_le_bytes(*chunk) ^ each(b'0');
        let others = (((values & each(0x7f)) + each(0x76)) | values) & each(0x80);
        let len = others.trailing_zeros() as usize / 8;
        if len == 0 {
            return (number, count);
        }
        // zeros in front instead of what follows
        number = number.wrapping_mul(TENS[len]).wrapping_add(eight(values << (8 * (8 - len))));
        count += len;
        if len < 8 {
            return (number, count);
        }
    }
    let (number, rest) = few(&text[count..], number);
    (number, count + rest)
}

/// Reads digits one by one.
fn few(text: &[u8], mut number: u64) -> (u64, usize) {
    let mut count = 0;
    while let Some(digit @ b'0'..=b'9') = text.get(count) {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        count += 1;
    }
    (number, count)
}

/// Eight times the same byte.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The number of eight digits, the first one in the lowest byte: neighbours are joined to pairs, then all four pairs.
fn eight(values: u64) -> u64 {
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    let pairs = values * 10 + (values >> 8);
    let outer = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let inner = ((pairs >> 16) & PAIRS).wrapping_mul(1 + (10_000 << 32));
    outer.wrapping_add(inner) >> 32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (Vec<f32>, usize) {
        let mut out = Vec::new();
        let passed = more(text.as_bytes(), &mut out);
        (out, passed)
    }

    #[test]
    fn stops_before_what_is_not_plain() {
        let cases: [(&str, &[f32], &str); 19] = [
            (",1,-2.5,3e2]", &[1.0, -2.5, 300.0], "]"),
            (", 1,\n\t2 ,3]", &[1.0, 2.0], " ,3]"),
            (",0,-0,0.5]", &[0.0, -0.0, 0.5], "]"),
            ("]", &[], "]"),
            ("", &[], ""),
            (",1,]", &[1.0], ",]"),
            (",1,-Infinity]", &[1.0], ",-Infinity]"),
            (",1,NaN]", &[1.0], ",NaN]"),
            (",1,null]", &[1.0], ",null]"),
            (",01]", &[], ",01]"),
            (",-]", &[], ",-]"),
            (",+1]", &[], ",+1]"),
            (",.5]", &[], ",.5]"),
            (",5.]", &[], ",5.]"),
            (",5e]", &[], ",5e]"),
            (",5e0000]", &[], ",5e0000]"),
            (",1,2", &[1.0], ",2"),
            (",1e39]", &[], ",1e39]"),
            (",1e38,1e-400]", &[1e38, 0.0], "]"),
        ];
        for (text, numbers, rest) in cases {
            let (found, passed) = read(text);
            let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!((bits(&found), &text[passed..]), (bits(numbers), rest), "{text}");
        }
    }

    proptest! {
        /// Any way of writing a number gives what the standard library reads: an f64, rounded once more to f32.
        #[test]
        fn reads_as_the_standard_library(
            sign in "-?", whole in "0|[1-9][0-9]{0,36}", fraction in "(\\.[0-9]{1,36})?", power in "([eE][-+]?[0-9]{1,2})?"
        ) {
            let text = format!("{sign}{whole}{fraction}{power}");
            let expected = text.parse::<f64>().unwrap() as f32;
            for end in ["]", ",[]]              "] {
                let (found, passed) = read(&format!(",{text}{end}"));
                match expected.is_infinite() {
                    true => prop_assert_eq!((found.len(), passed), (0, 0)),
                    false => prop_assert_eq!((found[0].to_bits(), passed), (expected.to_bits(), text.len() + 1)),
                }
            }
        }

        /// What writers write: the shortest decimals of an f32, and those of the same number as an f64.
        #[test]
        fn reads_shortest_decimals(bits in any::<u32>()) {
            let x = f32::from_bits(bits);
            prop_assume!(x.is_finite());
            for text in [format!(",{x}]"), format!(",{x:e}]"), format!(",{}]", f64::from(x))] {
                prop_assert_eq!(read(&text).0[0].to_bits(), bits, "{}", text);
            }
        }
    }
}
