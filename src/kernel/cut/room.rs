//! Where members are written: buffers that are not cleared for what overwrites them.

use std::ops::{Deref, DerefMut, Range};

use crate::kernel::exact::members::window;
use crate::kernel::row::{BLOCK, LANES};
use crate::kernel::simd::Isa;

/// Numbers at the beginning of a buffer, whose rest holds what earlier ones have left.
#[derive(Default)]
pub struct Room {
    buffer: Vec<f32>,
    len: usize,
}

impl Deref for Room {
    type Target = [f32];

    #[inline(always)]
    fn deref(&self) -> &[f32] {
        &self.buffer[..self.len]
    }
}

impl DerefMut for Room {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[..self.len]
    }
}

impl Room {
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Becomes a copy, in the buffer it has.
    pub fn copy(&mut self, from: &[f32]) {
        self.of_at_least(from.len())[..from.len()].copy_from_slice(from);
        self.len = from.len();
    }

    /// Becomes these numbers.
    pub fn fill(&mut self, with: impl Iterator<Item = f32>) {
        self.buffer.clear();
        self.buffer.extend(with);
        self.len = self.buffer.len();
    }

    /// The buffer, of at least this length.
    pub fn of_at_least(&mut self, len: usize) -> &mut [f32] {
        if self.buffer.len() < len {
            self.buffer.resize(len, 0.0);
        }
        &mut self.buffer
    }

    /// Ends after `n` numbers of the buffer, and as many of `with` as fill up the last row.
    pub fn end(&mut self, n: usize, with: f32) {
        self.len = n.next_multiple_of(LANES);
        let len = self.len;
        self.of_at_least(len)[n..len].fill(with);
    }

    /// Becomes `len` numbers: those that it has, 0 after them but for a range that is written next.
    pub fn clear_around(&mut self, range: Range<usize>, len: usize) {
        let known = self.len.min(len);
        self.len = len;
        let buffer = self.of_at_least(len);
        for new in [known..range.start, range.end.max(known)..len] {
            if let Some(new) = buffer.get_mut(new) {
                new.fill(0.0);
            }
        }
    }
}

/// Writes members to the end of a list's values; between `after` and `finish` these have room to spare.
pub struct Output<'a> {
    values: &'a mut Room,
    n: usize,
}

impl<'a> Output<'a> {
    #[inline(always)]
    pub fn after(values: &'a mut Room) -> Self {
        let n = values.len();
        Output { values, n }
    }

    /// Makes room for the members of one block.
    #[inline(always)]
    pub fn reserve(&mut self) {
        if self.values.buffer.len() < self.n + BLOCK + LANES {
            self.grow();
        }
    }

    /// Appends members of a row of the block. There is no test for rows without members, which would often be mispredicted.
    #[inline(always)]
    pub fn push<I: Isa>(&mut self, isa: I, m: I::M, x: I::F) {
        if let Some(out) = window(&mut self.values.buffer, self.n) {
            self.n += isa.compress(m, &bytemuck::cast(isa.store(x)), out);
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        self.values.of_at_least(2 * self.n + 4 * BLOCK);
    }

    /// How many there are.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.n
    }

    /// Fills up the last row.
    #[inline(always)]
    pub fn finish(self) {
        self.values.end(self.n, f32::NEG_INFINITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a buffer held before is never seen.
    #[test]
    fn old_numbers_stay_behind() {
        let mut room = Room::default();
        room.fill((0..80).map(|i| i as f32));
        room.clear();
        room.clear_around(32..64, 96);
        assert_eq!(room.len(), 96);
        assert!(room[..32].iter().chain(&room[64..]).all(|&x| x == 0.0), "{:?}", &room[..]);
        room[32..64].fill(7.0);
        // the second part keeps the first
        room.clear_around(0..32, 96);
        assert_eq!(room[32..64], [7.0; 32]);
        room.end(33, -1.0);
        assert_eq!(room[33..], [-1.0; 31]);
        let mut other = Room::default();
        other.copy(&room);
        assert_eq!(other[..], room[..]);
        // shorter than what is known
        room.clear_around(0..32, 32);
        assert_eq!(room.len(), 32);
    }
}
