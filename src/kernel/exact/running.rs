//! Every running mass of a row, for many draws from it.

use super::members::weigh;
use crate::kernel::row::{BLOCK, Band, LANES, Slice, Weigh};
use crate::kernel::simd::isa::padded;
use crate::kernel::simd::{Isa, Kernel, run};

/// The running masses that [`pick`](crate::kernel::pick) adds up, kept: a draw is two binary searches.
///
/// ```
/// use tokpick::kernel::{Band, Running, Slice, Weigh, mass, pick};
/// let set = Slice { ids: None, values: &[0.0, f32::NEG_INFINITY, 0.0] };
/// let (w, mut blocks, mut running) = (Weigh { max: 0.0, scale: 1.0 }, Vec::new(), Running::default());
/// let total = mass(set, w, Band::ALL, &mut blocks);
/// running.fill(set, w, Band::ALL, &blocks);
/// assert_eq!(running.find(0.5 * total), pick(set, w, Band::ALL, &blocks, 0.5 * total));
/// assert_eq!(running.find(total), None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Running {
    /// After each block, and where its values end.
    after: Vec<f64>,
    ends: Vec<usize>,
    /// After each value, from the sum of the blocks before its own on.
    masses: Vec<f64>,
}

impl Running {
    /// Adds up the masses of a band; `blocks` are the sums that [`mass`](crate::kernel::mass) gave for the same arguments.
    pub fn fill(&mut self, set: Slice, w: Weigh, band: Band, blocks: &[f64]) {
        let (values, mut before, mut start) = (set.values(), 0.0, 0);
        self.after.clear();
        self.ends.clear();
        self.masses.clear();
        for (block, &sum) in blocks.iter().enumerate() {
            let next = (block + 1) * BLOCK;
            let end = match set.ids {
                None => next.min(values.len()),
                Some(ids) => start + ids[start..values.len()].partition_point(|&id| (id as usize) < next),
            };
            run(Block { values: &values[start..end], w, band, before, masses: &mut self.masses });
            before += sum;
            self.after.push(before);
            self.ends.push(end);
            start = end;
        }
    }

    /// What [`pick`](crate::kernel::pick) finds for a target; `None` where roundings or a target beyond the whole need its closer look.
    pub fn find(&self, target: f64) -> Option<usize> {
        let block = self.after.partition_point(|&after| after <= target);
        let end = *self.ends.get(block)?;
        let start = block.checked_sub(1).map_or(0, |before| self.ends[before]);
        // the mass before the block is not above the target: so the first that is has a positive weight
        let at = start + self.masses[start..end].partition_point(|&running| running <= target);
        (at < end).then_some(at)
    }
}

struct Block<'a> {
    values: &'a [f32],
    w: Weigh,
    band: Band,
    before: f64,
    masses: &'a mut Vec<f64>,
}

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let mut running = self.before;
        for row in self.values.chunks(LANES) {
            let weights = isa.store(weigh(isa, self.w, self.band, isa.load(&padded(row))));
            let mut masses = [0.0; LANES];
            for (mass, weight) in masses.iter_mut().zip(weights) {
                running += f64::from(weight);
                *mass = running;
            }
            self.masses.extend_from_slice(&masses[..row.len()]);
        }
    }
}
