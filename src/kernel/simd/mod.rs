//! Loops that are written once and compiled for several instruction sets: rows of 32 numbers ([`isa::Isa`]) and the choice of the set.

mod each;
pub mod isa;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::cell::Cell;
use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};

pub use each::each;
pub use isa::Isa;
use isa::Plain;

/// An instruction set that the loops are compiled for; the results are the same on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Simd {
    /// What the build targets: on x86-64 without fused multiply-add, which software then replaces.
    V1,
    /// x86-64 with AVX2 and fused multiply-add.
    V3,
    /// x86-64 with AVX-512.
    V4,
}

impl Simd {
    /// All of them, best last.
    pub const ALL: [Simd; 3] = [Simd::V1, Simd::V3, Simd::V4];

    /// `v1`, `v3` or `v4`.
    pub fn name(self) -> &'static str {
        match self {
            Simd::V1 => "v1",
            Simd::V3 => "v3",
            Simd::V4 => "v4",
        }
    }

    /// Whether this machine can run it.
    pub fn supported(self) -> bool {
        match self {
            Simd::V1 => true,
            #[cfg(target_arch = "x86_64")]
            Simd::V3 => V3::is_available(),
            #[cfg(target_arch = "x86_64")]
            Simd::V4 => V4::is_available(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

thread_local! {
    static FORCED: Cell<Option<Simd>> = const { Cell::new(None) };
}

/// The instruction set in use on this thread: `TOKPICK_SIMD` (`v1`, `v3`, `v4`; read once) where the machine has it, else the
/// best one.
fn current() -> Simd {
    static CHOSEN: OnceLock<Simd> = OnceLock::new();
    FORCED.get().unwrap_or_else(|| {
        *CHOSEN.get_or_init(|| {
            let wish = std::env::var("TOKPICK_SIMD").unwrap_or_default();
            choose(&wish)
        })
    })
}

/// The instruction set for a wish: itself if known and supported, else the best one.
fn choose(wish: &str) -> Simd {
    let able = || Simd::ALL.into_iter().rev().filter(|s| s.supported());
    able().find(|s| s.name() == wish).or_else(|| able().next()).unwrap_or(Simd::V1)
}

/// The name of the instruction set in use: `v1`, `v3` or `v4`.
pub fn simd() -> &'static str {
    current().name()
}

/// Runs `f` with this thread's loops on `simd` (the best one where the machine lacks it), so that tests can compare them.
pub fn with_simd<R>(simd: Simd, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Simd>);
    impl Drop for Restore {
        fn drop(&mut self) {
            FORCED.set(self.0);
        }
    }
    let _restore = Restore(FORCED.replace(Some(choose(simd.name()))));
    f()
}

/// A loop, written once for every instruction set. Its `run` has to be `#[inline(always)]`, and so has all that it calls, or
/// it is compiled for the baseline.
pub trait Kernel {
    type Output;
    fn run<I: Isa>(self, isa: I) -> Self::Output;
}

/// Runs a loop on the instruction set in use.
pub fn run<K: Kernel>(kernel: K) -> K::Output {
    match current() {
        #[cfg(target_arch = "x86_64")]
        Simd::V3 => match V3::try_new() {
            Some(v3) => v3.vectorize(On(v3, kernel)),
            None => kernel.run(Plain),
        },
        #[cfg(target_arch = "x86_64")]
        Simd::V4 => match V4::try_new() {
            Some(v4) => v4.vectorize(On(v4, kernel)),
            None => kernel.run(Plain),
        },
        _ => kernel.run(Plain),
    }
}

/// A loop and the instruction set for it.
#[cfg(target_arch = "x86_64")]
struct On<I, K>(I, K);

#[cfg(target_arch = "x86_64")]
impl<I: Isa, K: Kernel> pulp::NullaryFnOnce for On<I, K> {
    type Output = K::Output;

    #[inline(always)]
    fn call(self) -> K::Output {
        self.1.run(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_wish_falls_back_to_the_best() {
        let best = choose("");
        assert!(best.supported());
        assert_eq!(choose("v2"), best);
        assert_eq!(choose("v1"), Simd::V1);
    }

    #[test]
    fn forcing_is_scoped() {
        let before = simd();
        with_simd(Simd::V1, || assert_eq!(simd(), "v1"));
        assert_eq!(simd(), before);
    }
}
