//! Sums of which four rows are added in `f32` first: quicker, and for [`moments_by_fours`] prescribed.

use super::members::{Among, Members, Of, among, negative, weigh};
use crate::kernel::row::{BLOCK, Band, LANES, Slice, Weigh};
use crate::kernel::simd::{Isa, Kernel, run};

/// Values whose weights are added so: four rows.
pub const FOUR: usize = 4 * LANES;

/// [`moments`](crate::kernel::moments), each within a few [`ROUGH`](crate::kernel::bounds::ROUGH) of itself: terms of ids i, i + 32, i +
/// 64 and i + 96, where i mod 128 is
/// less than 32, are added in `f32`, (a + b) + (c + d), and these sums as those of [`mass`](crate::kernel::mass).
pub fn moments_by_fours(set: Slice, w: Weigh, band: Band) -> (f64, f64) {
    among(w, band, Moments { set, w })
}

/// The values of a block by four rows, the last filled up with −∞.
#[inline(always)]
pub fn fours(block: &[f32], mut f: impl FnMut(&[f32; FOUR])) {
    let (fours, rest) = block.as_chunks::<FOUR>();
    let last = (!rest.is_empty()).then(|| {
        let mut filled = [f32::NEG_INFINITY; FOUR];
        filled[..rest.len()].copy_from_slice(rest);
        filled
    });
    for four in fours.iter().chain(&last) {
        f(four);
    }
}

/// `f` of each of four rows.
#[inline(always)]
pub fn of_rows<I: Isa, T>(isa: I, four: &[f32; FOUR], mut f: impl FnMut(I::F) -> T) -> [T; 4] {
    // Not by `from_fn`, which isn't always inlined.
    let (rows, _) = four.as_chunks::<LANES>();
    [f(isa.load(&rows[0])), f(isa.load(&rows[1])), f(isa.load(&rows[2])), f(isa.load(&rows[3]))]
}

/// d + ((a + b) + (c + d)).
#[inline(always)]
pub fn accumulate<I: Isa>(isa: I, sum: I::D, [a, b, c, d]: [I::F; 4]) -> I::D {
    isa.accumulate(sum, isa.add(isa.add(a, b), isa.add(c, d)))
}

struct Moments<'a> {
    set: Slice<'a>,
    w: Weigh,
}

impl Among for Moments<'_> {
    type Output = (f64, f64);

    fn run(self, members: impl Members) -> (f64, f64) {
        run(Of(self, members))
    }
}

/// The sums of a block.
struct Pair<I: Isa> {
    weight: I::D,
    product: I::D,
}

impl<I: Isa> Pair<I> {
    #[inline(always)]
    fn zero(isa: I) -> Self {
        Pair { weight: isa.zero(), product: isa.zero() }
    }

    #[inline(always)]
    fn add(&mut self, isa: I, w: Weigh, members: impl Members, four: &[f32; FOUR]) {
        let [a, b, c, d] = of_rows(
            isa,
            four,
            #[inline(always)]
            |x| {
                let weight = weigh(isa, w, members, x);
                (weight, negative(isa, w, x, weight))
            },
        );
        self.weight = accumulate(isa, self.weight, [a.0, b.0, c.0, d.0]);
        self.product = accumulate(isa, self.product, [a.1, b.1, c.1, d.1]);
    }

    #[inline(always)]
    fn end(self, isa: I, total: &mut (f64, f64)) {
        total.0 += isa.fold(self.weight);
        total.1 -= isa.fold(self.product);
    }
}

impl<M: Members> Kernel for Of<Moments<'_>, M> {
    type Output = (f64, f64);

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> (f64, f64) {
        let Of(Moments { set, w }, members) = self;
        let mut total = (0.0, 0.0);
        let values = set.values();
        let Some(ids) = set.ids else {
            for block in values.chunks(BLOCK) {
                let mut pair = Pair::zero(isa);
                fours(
                    block,
                    #[inline(always)]
                    |four| pair.add(isa, w, members, four),
                );
                pair.end(isa, &mut total);
            }
            return total;
        };
        // Four rows at a time, with −∞ for what isn't listed.
        let mut pair = Pair::zero(isa);
        let (mut at, end) = (0, ids.len().min(values.len()));
        while at < end {
            let mut four = [f32::NEG_INFINITY; FOUR];
            let number = ids[at] as usize / FOUR;
            while at < end && ids[at] as usize / FOUR == number {
                four[ids[at] as usize % FOUR] = values[at];
                at += 1;
            }
            pair.add(isa, w, members, &four);
            let block = number * FOUR / BLOCK;
            if at == end || ids[at] as usize / BLOCK != block {
                std::mem::replace(&mut pair, Pair::zero(isa)).end(isa, &mut total);
            }
        }
        total
    }
}
