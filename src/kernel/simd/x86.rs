//! The operations of rows on AVX2 and AVX-512.

use std::arch::x86_64::{__m256, __m256d, __m256i, __m512, __m512d, __m512i, _CMP_LE_OQ, _CMP_LT_OQ};

use pulp::x86::{V3, V4};

use super::isa::{Isa, tree};
use crate::kernel::row::LANES;

/// Applies an operation register by register, without a call: what isn't inlined is compiled for the baseline, and then each instruction
/// is a call, too.
macro_rules! each {
    (2, |$($x:ident),+| $e:expr) => { each!([0 1] ($($x),+) $e) };
    (4, |$($x:ident),+| $e:expr) => { each!([0 1 2 3] ($($x),+) $e) };
    (8, |$($x:ident),+| $e:expr) => { each!([0 1 2 3 4 5 6 7] ($($x),+) $e) };
    ([$($i:tt)+] $xs:tt $e:expr) => { [$(each!($i $xs $e)),+] };
    ($i:tt ($($x:ident),+) $e:expr) => {{ $(let $x = $x[$i];)+ $e }};
}

/// What the sums of `accumulate` lack: shifting the pattern of an `f32` ≥ +0 by 29 bits makes an `f64` that is 2^−896 of it, and
/// is cheaper than converting. A power of two, so that every rounding is that of the true sum.
const UNSCALE: f64 = f64::from_bits((1023 + 896) << 52);

/// 4 + 4, 2 + 2, 1 + 1.
#[inline(always)]
fn eight(x: [f64; 8]) -> f64 {
    let x = [x[0] + x[4], x[1] + x[5], x[2] + x[6], x[3] + x[7]];
    let x = [x[0] + x[2], x[1] + x[3]];
    x[0] + x[1]
}

impl Isa for V4 {
    type F = [__m512; 2];
    type D = [__m512d; 4];
    type M = [u16; 2];

    #[inline(always)]
    fn load(self, row: &[f32; LANES]) -> Self::F {
        bytemuck::cast(*row)
    }

    #[inline(always)]
    fn store(self, a: Self::F) -> [f32; LANES] {
        bytemuck::cast(a)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [self.avx512f._mm512_set1_ps(x); 2]
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        each!(2, |a, b| self.avx512f._mm512_add_ps(a, b))
    }

    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        each!(2, |a, b| self.avx512f._mm512_sub_ps(a, b))
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        each!(2, |a, b| self.avx512f._mm512_mul_ps(a, b))
    }

    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        each!(2, |a, b, c| self.avx512f._mm512_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn fms(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        each!(2, |a, b, c| self.avx512f._mm512_fmsub_ps(a, b, c))
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        each!(2, |a, b| self.avx512f._mm512_max_ps(a, b))
    }

    #[inline(always)]
    fn largest(self, a: Self::F) -> f32 {
        self.avx512f._mm512_reduce_max_ps(self.avx512f._mm512_max_ps(a[0], a[1]))
    }

    #[inline(always)]
    fn raise(self, p: Self::F, t: Self::F) -> Self::F {
        let (p, t): ([__m512i; 2], [__m512i; 2]) = (bytemuck::cast(p), bytemuck::cast(t));
        let f = self.avx512f;
        bytemuck::cast(each!(2, |p, t| f._mm512_add_epi32(p, f._mm512_slli_epi32::<23>(t))))
    }

    #[inline(always)]
    fn le(self, a: Self::F, b: Self::F) -> Self::M {
        each!(2, |a, b| self.avx512f._mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b))
    }

    #[inline(always)]
    fn lt(self, a: Self::F, b: Self::F) -> Self::M {
        each!(2, |a, b| self.avx512f._mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b))
    }

    #[inline(always)]
    fn and(self, a: Self::M, b: Self::M) -> Self::M {
        each!(2, |a, b| a & b)
    }

    #[inline(always)]
    fn or(self, a: Self::M, b: Self::M) -> Self::M {
        each!(2, |a, b| a | b)
    }

    #[inline(always)]
    fn keep(self, m: Self::M, a: Self::F) -> Self::F {
        each!(2, |m, a| self.avx512f._mm512_maskz_mov_ps(m, a))
    }

    #[inline(always)]
    fn bits(self, m: Self::M) -> u32 {
        u32::from(m[0]) | u32::from(m[1]) << 16
    }

    #[inline(always)]
    fn zero(self) -> Self::D {
        [self.avx512f._mm512_setzero_pd(); 4]
    }

    #[inline(always)]
    fn accumulate(self, d: Self::D, a: Self::F) -> Self::D {
        // The even lanes of 0–15, their odd ones, and the same of 16–31: quicker than in order.
        let (f, a): (_, [__m512i; 2]) = (self.avx512f, bytemuck::cast(a));
        let low = f._mm512_set1_epi64(0xffff_ffff);
        let even = each!(2, |a| f._mm512_slli_epi64::<29>(f._mm512_and_epi64(a, low)));
        let odd = each!(2, |a| f._mm512_slli_epi64::<29>(f._mm512_srli_epi64::<32>(a)));
        let a: [__m512d; 4] = bytemuck::cast([even[0], odd[0], even[1], odd[1]]);
        each!(4, |d, a| f._mm512_add_pd(d, a))
    }

    #[inline(always)]
    fn accumulate_both(self, all: Self::D, some: Self::D, m: Self::M, a: Self::F) -> (Self::D, Self::D) {
        // In order, because masks come in order.
        let (f, a): (_, [__m256i; 4]) = (self.avx512f, bytemuck::cast(a));
        let a: [__m512d; 4] =
            bytemuck::cast(each!(4, |a| f._mm512_slli_epi64::<29>(f._mm512_cvtepu32_epi64(a))));
        let [a0, a1] = m[0].to_le_bytes();
        let [a2, a3] = m[1].to_le_bytes();
        let m = [a0, a1, a2, a3];
        (
            each!(4, |all, a| f._mm512_add_pd(all, a)),
            each!(4, |some, m, a| f._mm512_mask_add_pd(some, m, some, a)),
        )
    }

    #[inline(always)]
    fn fold(self, d: Self::D) -> f64 {
        // 16 + 16 is even with even and odd with odd, and so on; they meet in the last step.
        let f = self.avx512f;
        let halves = [f._mm512_add_pd(d[0], d[2]), f._mm512_add_pd(d[1], d[3])];
        let [even, odd]: [[f64; 8]; 2] = bytemuck::cast(halves);
        UNSCALE * (eight(even) + eight(odd))
    }

    #[inline(always)]
    fn fold_both(self, d: Self::D) -> f64 {
        let f = self.avx512f;
        let sum = f._mm512_add_pd(f._mm512_add_pd(d[0], d[2]), f._mm512_add_pd(d[1], d[3]));
        UNSCALE * eight(bytemuck::cast(sum))
    }

    #[inline(always)]
    fn compress(self, m: Self::M, row: &[u32; LANES], out: &mut [u32; LANES]) -> usize {
        let row: [__m512i; 2] = bytemuck::cast(*row);
        let f = self.avx512f;
        let packed: [[u32; 16]; 2] = bytemuck::cast(each!(2, |m, row| f._mm512_maskz_compress_epi32(m, row)));
        let first = m[0].count_ones() as usize;
        put(out, 0, packed[0]);
        put(out, first, packed[1]);
        first + m[1].count_ones() as usize
    }
}

/// Writes whole registers: of a known length, so that this is a store and no call, however the crate is cut for the compiler.
#[inline(always)]
fn put<const N: usize>(out: &mut [u32; LANES], at: usize, packed: [u32; N]) {
    if let Some(to) = out[at..].first_chunk_mut() {
        *to = packed;
    }
}

/// For each mask of eight lanes, the lanes it names, in order.
const PACKING: [[u8; 8]; 256] = {
    let mut table = [[0; 8]; 256];
    let mut mask = 0;
    while mask < 256 {
        let (mut lane, mut n) = (0, 0);
        while lane < 8 {
            if mask >> lane & 1 == 1 {
                table[mask][n] = lane as u8;
                n += 1;
            }
            lane += 1;
        }
        mask += 1;
    }
    table
};

impl Isa for V3 {
    type F = [__m256; 4];
    type D = [__m256d; 8];
    type M = [__m256; 4];

    #[inline(always)]
    fn load(self, row: &[f32; LANES]) -> Self::F {
        bytemuck::cast(*row)
    }

    #[inline(always)]
    fn store(self, a: Self::F) -> [f32; LANES] {
        bytemuck::cast(a)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [self.avx._mm256_set1_ps(x); 4]
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        each!(4, |a, b| self.avx._mm256_add_ps(a, b))
    }

    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        each!(4, |a, b| self.avx._mm256_sub_ps(a, b))
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        each!(4, |a, b| self.avx._mm256_mul_ps(a, b))
    }

    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        each!(4, |a, b, c| self.fma._mm256_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn fms(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        each!(4, |a, b, c| self.fma._mm256_fmsub_ps(a, b, c))
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        each!(4, |a, b| self.avx._mm256_max_ps(a, b))
    }

    #[inline(always)]
    fn raise(self, p: Self::F, t: Self::F) -> Self::F {
        let (p, t): ([__m256i; 4], [__m256i; 4]) = (bytemuck::cast(p), bytemuck::cast(t));
        let f = self.avx2;
        bytemuck::cast(each!(4, |p, t| f._mm256_add_epi32(p, f._mm256_slli_epi32::<23>(t))))
    }

    #[inline(always)]
    fn le(self, a: Self::F, b: Self::F) -> Self::M {
        each!(4, |a, b| self.avx._mm256_cmp_ps::<_CMP_LE_OQ>(a, b))
    }

    #[inline(always)]
    fn lt(self, a: Self::F, b: Self::F) -> Self::M {
        each!(4, |a, b| self.avx._mm256_cmp_ps::<_CMP_LT_OQ>(a, b))
    }

    #[inline(always)]
    fn and(self, a: Self::M, b: Self::M) -> Self::M {
        each!(4, |a, b| self.avx._mm256_and_ps(a, b))
    }

    #[inline(always)]
    fn or(self, a: Self::M, b: Self::M) -> Self::M {
        each!(4, |a, b| self.avx._mm256_or_ps(a, b))
    }

    #[inline(always)]
    fn keep(self, m: Self::M, a: Self::F) -> Self::F {
        each!(4, |m, a| self.avx._mm256_and_ps(m, a))
    }

    #[inline(always)]
    fn bits(self, m: Self::M) -> u32 {
        let bytes = each!(4, |m| self.avx._mm256_movemask_ps(m) as u8);
        u32::from_le_bytes(bytes)
    }

    #[inline(always)]
    fn zero(self) -> Self::D {
        [self.avx._mm256_setzero_pd(); 8]
    }

    #[inline(always)]
    fn accumulate(self, d: Self::D, a: Self::F) -> Self::D {
        let a: [std::arch::x86_64::__m128; 8] = bytemuck::cast(a);
        let f = self.avx;
        each!(8, |d, a| f._mm256_add_pd(d, f._mm256_cvtps_pd(a)))
    }

    #[inline(always)]
    fn fold(self, d: Self::D) -> f64 {
        tree(bytemuck::cast(d))
    }

    #[inline(always)]
    fn compress(self, m: Self::M, row: &[u32; LANES], out: &mut [u32; LANES]) -> usize {
        let row: [__m256i; 4] = bytemuck::cast(*row);
        let mut n = 0;
        for (m, row) in self.bits(m).to_le_bytes().into_iter().zip(row) {
            let order = bytemuck::cast([u64::from_le_bytes(PACKING[usize::from(m)]), 0]);
            let order = self.avx2._mm256_cvtepu8_epi32(order);
            put::<8>(out, n, bytemuck::cast(self.avx2._mm256_permutevar8x32_epi32(row, order)));
            n += m.count_ones() as usize;
        }
        n
    }
}
