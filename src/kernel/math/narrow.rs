//! Doubles that become floats.

/// Whether a number is so near to the middle between two f32 (less than `near` of its last places, 1 to 2^27) that one a little larger or
/// smaller might be rounded the other way, or becomes a denormal f32.
#[inline(always)]
pub fn is_unsure(x: f64, near: u64) -> bool {
    /// What a double has more than a float.
    const REST: u64 = (1 << 29) - 1;
    /// Half of what is rounded to 0: 2^-151.
    const NOTHING: f64 = f64::from_bits((1023 - 151) << 52);
    // how far above the lowest place that is too near, and beyond the highest one where it wraps
    let above = (x.to_bits() & REST).wrapping_sub(REST / 2 + 2 - near);
    (above < 2 * near - 1) | ((x >= NOTHING) & (x < f64::from(f32::MIN_POSITIVE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denormals_are_unsure_and_nothing_is_not() {
        let two_to = |n| 2f64.powi(n);
        for (x, unsure) in [
            (0.0, false),
            (two_to(-152), false),
            (1.5 * two_to(-150), true),
            (two_to(-127), true),
            (two_to(-126), false),
        ] {
            assert_eq!(is_unsure(x, 16), unsure, "{x:e}");
        }
    }

    #[test]
    fn every_place_near_the_middle_is_found() {
        let middle = (1.0 + 2f64.powi(-24)).to_bits();
        for near in [1, 16] {
            for off in -20i64..=20 {
                let x = f64::from_bits(middle.wrapping_add_signed(off));
                assert_eq!(is_unsure(x, near), off.unsigned_abs() < near, "{near} {off}");
            }
        }
    }
}
