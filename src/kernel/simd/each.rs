//! A function of `f64` applied to many values.

use super::{Isa, Kernel, run};

/// Replaces every value by `f` of it, compiled for the instruction set in use: [`exp`](crate::kernel::exp), [`ln`](crate::kernel::ln) and
/// [`tanh`](crate::kernel::tanh) are several times faster inside than one by one, and give the same bits.
///
/// ```
/// let mut values = [0.0, f64::NEG_INFINITY];
/// tokpick::kernel::each(&mut values, |x| tokpick::kernel::exp(x) + 1.0);
/// assert_eq!(values, [2.0, 1.0]);
/// ```
pub fn each(values: &mut [f64], f: impl Fn(f64) -> f64) {
    run(Each { values, f });
}

struct Each<'a, F> {
    values: &'a mut [f64],
    f: F,
}

impl<F: Fn(f64) -> f64> Kernel for Each<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        for x in self.values {
            *x = (self.f)(*x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Simd, exp, ln, tanh, with_simd};

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let values: Vec<f64> = (-3000..3000).map(|i| f64::from(i) * 0.31).collect();
        for f in [exp as fn(f64) -> f64, ln, tanh] {
            let plain: Vec<u64> = values.iter().map(|&x| f(x).to_bits()).collect();
            for simd in Simd::ALL {
                let mut got = values.clone();
                with_simd(simd, || each(&mut got, f));
                assert_eq!(got.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), plain, "{simd:?}");
            }
        }
    }
}
