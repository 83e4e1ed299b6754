//! Every error bound of the kernel: by how much sums may differ that should be equal.
//!
//! A quick sum decides only where it is farther from the target than these allow; else the prescribed sum does. So a bound that
//! were too large would cost time, and one too small a wrong answer. They are relative unless they say otherwise.

/// What a sum by fours may differ by from the prescribed one: two additions in `f32`, each half a unit in the last place (2^-24),
/// and what the additions in `f64` after them do.
pub const ROUGH: f64 = 1.25e-7;

/// What sums of `n` weights in `f64` may differ by from the prescribed ones when they are added in another order.
pub fn reordered(n: usize) -> f64 {
    n as f64 * 2f64.powi(-51)
}

/// A bound with room for the roundings of the comparison itself.
#[inline(always)]
pub fn spared(error: f64) -> f64 {
    1.001 * error
}

/// A rough mass of `n` values and sums of them in any order, together.
pub fn rough_and_reordered(n: usize) -> f64 {
    ROUGH + reordered(n)
}

/// After one pass over `n` values: the mass above the cut is known as what is left of the whole, so that only the `rest` (in a
/// search for a share, what lies below the target) and the mass `outside` the bracket are rough. Relative to `target`.
pub fn after_pass(rest: f64, outside: f64, target: f64, n: usize) -> f64 {
    ROUGH * (rest + outside) / target + reordered(n)
}

/// Both rough sums of one pass, absolute.
pub fn of_pass(total: f64, outside: f64) -> f64 {
    ROUGH * (total + outside)
}

/// A mass that is certainly at least the target that it was compared with, given a rough one.
pub fn certainly(target: f64) -> f64 {
    target * (1.0 + 4.0 * ROUGH)
}

/// ⌊log₂ x⌋ · −ln 2, an upper bound on −ln x for x ≥ 2^−1022; 1023 · ln 2 below.
#[inline(always)]
pub fn minus_ln_at_most(x: f64) -> f64 {
    let exponent = ((x.to_bits() >> 52) & 0x7ff) as i64 - 1023;
    -exponent as f64 * std::f64::consts::LN_2
}
