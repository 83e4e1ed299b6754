//! Sums of weights of which four rows are added in `f32` first: quicker than the prescribed mass, and next to it.

use super::arch::{Kernel, run};
use super::isa::Isa;
use super::mass::{Among, Members, Of, among, negative, weigh};
use super::{BLOCK, Band, LANES, Slice, Weigh};

/// What such sums may differ by from the prescribed ones, relative: two additions in `f32`.
pub const ROUGH: f64 = 1.25e-7;

/// Values whose weights are added so: four rows.
pub(super) const FOUR: usize = 4 * LANES;

/// [`mass`](super::mass) of a dense row within [`ROUGH`] of itself, and so each block.
pub fn rough_mass(values: &[f32], w: Weigh, band: Band, blocks: &mut Vec<f64>) -> f64 {
    blocks.clear();
    blocks.resize(values.len().div_ceil(BLOCK), 0.0);
    among(w, band, Rough { values, w, blocks })
}

/// [`moments`](super::moments), each within a few [`ROUGH`] of itself: terms of ids i, i + 32, i + 64 and i + 96, where i mod 128 is
/// less than 32, are added in `f32`, (a + b) + (c + d), and these sums as those of [`mass`](super::mass).
pub fn rough_moments(set: Slice, w: Weigh, band: Band) -> (f64, f64) {
    among(w, band, Moments { set, w })
}

/// The values of a block by four rows, the last filled up with −∞.
#[inline(always)]
pub(super) fn fours(block: &[f32], mut f: impl FnMut(&[f32; FOUR])) {
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
pub(super) fn of_rows<I: Isa, T>(isa: I, four: &[f32; FOUR], mut f: impl FnMut(I::F) -> T) -> [T; 4] {
    // Not by `from_fn`, which isn't always inlined.
    let (rows, _) = four.as_chunks::<LANES>();
    [f(isa.load(&rows[0])), f(isa.load(&rows[1])), f(isa.load(&rows[2])), f(isa.load(&rows[3]))]
}

/// d + ((a + b) + (c + d)).
#[inline(always)]
pub(super) fn accumulate<I: Isa>(isa: I, sum: I::D, [a, b, c, d]: [I::F; 4]) -> I::D {
    isa.accumulate(sum, isa.add(isa.add(a, b), isa.add(c, d)))
}

struct Rough<'a> {
    values: &'a [f32],
    w: Weigh,
    blocks: &'a mut [f64],
}

impl Among for Rough<'_> {
    type Output = f64;

    fn run(self, members: impl Members) -> f64 {
        run(Of(self, members))
    }
}

impl<M: Members> Kernel for Of<Rough<'_>, M> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> f64 {
        let Of(Rough { values, w, blocks }, members) = self;
        let mut total = 0.0;
        for (block, values) in blocks.iter_mut().zip(values.chunks(BLOCK)) {
            let mut sum = isa.zero();
            fours(
                values,
                #[inline(always)]
                |four| {
                    let weights = of_rows(
                        isa,
                        four,
                        #[inline(always)]
                        |x| weigh(isa, w, members, x),
                    );
                    sum = accumulate(isa, sum, weights);
                },
            );
            *block = isa.fold(sum);
            total += *block;
        }
        total
    }
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
        let mut listed = ids.iter().zip(values).peekable();
        while let Some(&(&first, _)) = listed.peek() {
            let mut four = [f32::NEG_INFINITY; FOUR];
            let number = first as usize / FOUR;
            while let Some((&id, &x)) = listed.next_if(|(id, _)| **id as usize / FOUR == number) {
                four[id as usize % FOUR] = x;
            }
            pair.add(isa, w, members, &four);
            let block = number * FOUR / BLOCK;
            if listed.peek().is_none_or(|(id, _)| **id as usize / BLOCK != block) {
                std::mem::replace(&mut pair, Pair::zero(isa)).end(isa, &mut total);
            }
        }
        total
    }
}
