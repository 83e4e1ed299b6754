//! Sums of weights, in the prescribed order.

use pulp::NullaryFnOnce;

use super::{BLOCK, Band, LANES, Slice, Weigh, arch};

/// Σ weight over the band's members; `blocks` (cleared) receives the sum of block b at index b, for b up to the block of the
/// last id.
///
/// ```
/// use tokpick::kernel::{Band, Slice, Weigh, mass};
/// let set = Slice { ids: None, values: &[0.0, 0.0, f32::NEG_INFINITY] };
/// let mut blocks = Vec::new();
/// let w = Weigh { max: 0.0, scale: 1.0 };
/// assert_eq!(mass(set, w, Band::ALL, &mut blocks), 2.0);
/// assert_eq!(blocks, [2.0]);
/// ```
pub fn mass(set: Slice, w: Weigh, band: Band, blocks: &mut Vec<f64>) -> f64 {
    arch::run(Sum {
        set,
        term: |x: f32| if band.has(x) { [f64::from(w.weight(x))] } else { [0.0] },
        each: Blocks(blocks),
    })[0]
}

/// (Σ w, Σ w · a) with a = (x − max) · scale over the band's members with w > 0, both summed like [`mass`]: the entropy is
/// ln Σw − Σwa / Σw.
///
/// ```
/// use tokpick::kernel::{Band, Slice, Weigh, moments};
/// let set = Slice { ids: None, values: &[0.0, 0.0, f32::NEG_INFINITY] };
/// assert_eq!(moments(set, Weigh { max: 0.0, scale: 1.0 }, Band::ALL), (2.0, 0.0));
/// ```
pub fn moments(set: Slice, w: Weigh, band: Band) -> (f64, f64) {
    let [sum, product] = arch::run(Sum {
        set,
        term: |x: f32| {
            let weight = w.weight(x);
            if band.has(x) & (weight > 0.0) {
                [f64::from(weight), f64::from(weight) * f64::from(w.argument(x))]
            } else {
                [0.0; 2]
            }
        },
        each: Ignore,
    });
    (sum, product)
}

/// Receives the sums of the blocks in ascending order; empty blocks may be left out.
trait Each<const N: usize> {
    fn block(&mut self, index: usize, sum: [f64; N]);
    /// Room for `n` blocks, all of sum 0.
    fn begin(&mut self, n: usize);
}

struct Blocks<'a>(&'a mut Vec<f64>);

impl Each<1> for Blocks<'_> {
    #[inline(always)]
    fn block(&mut self, index: usize, [sum]: [f64; 1]) {
        self.0[index] = sum;
    }

    #[inline(always)]
    fn begin(&mut self, n: usize) {
        self.0.clear();
        self.0.resize(n, 0.0);
    }
}

struct Ignore;

impl<const N: usize> Each<N> for Ignore {
    #[inline(always)]
    fn block(&mut self, _: usize, _: [f64; N]) {}

    #[inline(always)]
    fn begin(&mut self, _: usize) {}
}

/// Sums the N terms of every value.
struct Sum<'a, T, E> {
    set: Slice<'a>,
    term: T,
    each: E,
}

impl<const N: usize, T: Fn(f32) -> [f64; N], E: Each<N>> NullaryFnOnce for Sum<'_, T, E> {
    type Output = [f64; N];

    #[inline(always)]
    fn call(mut self) -> [f64; N] {
        let values = self.set.values();
        let mut total = [0.0; N];
        match self.set.ids {
            None => {
                self.each.begin(values.len().div_ceil(BLOCK));
                for (b, block) in values.chunks(BLOCK).enumerate() {
                    let mut lanes = [[0.0; LANES]; N];
                    let (rows, rest) = block.as_chunks::<LANES>();
                    for row in rows {
                        add(&mut lanes, row, &self.term);
                    }
                    add(&mut lanes, rest, &self.term);
                    let sum = lanes.map(fold);
                    self.each.block(b, sum);
                    total = plus(total, sum);
                }
            }
            Some(ids) => {
                let ids = &ids[..values.len()];
                self.each.begin(ids.last().map_or(0, |&id| id as usize / BLOCK + 1));
                let mut start = 0;
                while start < ids.len() {
                    let b = ids[start] as usize / BLOCK;
                    let mut lanes = [[0.0; LANES]; N];
                    let mut end = start;
                    while end < ids.len() && ids[end] as usize / BLOCK == b {
                        let terms = (self.term)(values[end]);
                        for (lane, term) in lanes.iter_mut().zip(terms) {
                            lane[ids[end] as usize % LANES] += term;
                        }
                        end += 1;
                    }
                    let sum = lanes.map(fold);
                    self.each.block(b, sum);
                    total = plus(total, sum);
                    start = end;
                }
            }
        }
        total
    }
}

/// Adds the terms of up to `LANES` neighbours to their lanes.
#[inline(always)]
fn add<const N: usize>(lanes: &mut [[f64; LANES]; N], row: &[f32], term: &impl Fn(f32) -> [f64; N]) {
    for (i, &x) in row.iter().enumerate().take(LANES) {
        let terms = term(x);
        for (lane, term) in lanes.iter_mut().zip(terms) {
            lane[i] += term;
        }
    }
}

#[inline(always)]
fn plus<const N: usize>(mut a: [f64; N], b: [f64; N]) -> [f64; N] {
    for (a, b) in a.iter_mut().zip(b) {
        *a += b;
    }
    a
}

/// The fixed tree over the lanes: 16 + 16, 8 + 8, 4 + 4, 2 + 2, 1 + 1.
#[inline(always)]
fn fold(mut lanes: [f64; LANES]) -> f64 {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
        half /= 2;
    }
    lanes[0]
}
