//! A row as the page keeps it: its best tokens exactly, the others summed up so that their mass is known at every temperature.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::TokenId;

/// At most so many tokens of a row are kept.
pub(super) const MOST: usize = 4096;

/// Powers of the distance from a bin's center that are summed: 0 to 6.
const POWERS: usize = 7;
/// The width of the first bins, in nats below the best logit.
const WIDTH: f64 = 0.005;
/// The width of the others, as a part of their depth.
const GROWTH: f64 = 0.06;

/// The bins of a tail, by nats below the best logit: the deeper, the wider, because what is deep weighs little at the temperatures
/// at which a bin is wide. The mass of a tail is known to about 1e-7 of the whole from temperature 0.1 up.
struct Bins {
    /// The upper ends.
    ends: Vec<f64>,
    /// The bin in which each cell of depth begins, for a quick look.
    cells: Vec<usize>,
}

/// Cells of a nat.
const CELLS: f64 = 50.0;

static BINS: LazyLock<Bins> = LazyLock::new(|| {
    let mut ends = vec![WIDTH];
    let mut end = WIDTH;
    while end < 1e39 {
        end += WIDTH.max(end * GROWTH);
        ends.push(end);
    }
    let cells = (0..2000).map(|cell| ends.partition_point(|&end| end < f64::from(cell) / CELLS)).collect();
    Bins { ends, cells }
});

impl Bins {
    /// The bin of a depth: the first whose end is not below it.
    fn at(&self, depth: f64) -> usize {
        let from = self.cells.get((depth * CELLS) as usize);
        let from = from.copied().unwrap_or_else(|| self.ends.partition_point(|&end| end < depth));
        let further = self.ends[from..].iter().take_while(|&&end| end < depth).count();
        (from + further).min(self.ends.len() - 1)
    }

    /// The middle of a bin, under a largest logit, as the page has it.
    fn center(&self, max: f32, bin: usize) -> f32 {
        let from = if bin == 0 { 0.0 } else { self.ends[bin - 1] };
        (f64::from(max) - (from + self.ends[bin]) / 2.0).max(f64::from(f32::MIN)) as f32
    }
}

/// What is left of a row once it was read.
#[derive(Debug)]
pub struct PageRow {
    step: usize,
    /// The best tokens, best first.
    best: Vec<(TokenId, f32)>,
    /// Tokens that are kept beside them, for the penalties.
    beside: Vec<(TokenId, f32)>,
    max: f32,
    tail: Tail,
}

/// Tokens that are summed up.
#[derive(Debug, Clone)]
struct Tail {
    n: usize,
    lo: f32,
    hi: f32,
    /// By bin: the sums of the powers of what its tokens are away from its center.
    bins: Vec<[f64; POWERS]>,
}

impl Default for Tail {
    fn default() -> Self {
        Tail { n: 0, lo: f32::INFINITY, hi: f32::NEG_INFINITY, bins: Vec::new() }
    }
}

impl Tail {
    fn add(&mut self, max: f32, x: f32) {
        let bin = BINS.at(f64::from(max) - f64::from(x));
        let away = f64::from(x) - f64::from(BINS.center(max, bin));
        if bin >= self.bins.len() {
            self.bins.resize(bin + 1, [0.0; POWERS]);
        }
        let mut power = 1.0;
        for sum in &mut self.bins[bin] {
            *sum += power;
            power *= away;
        }
        self.n += 1;
        self.lo = self.lo.min(x);
        self.hi = self.hi.max(x);
    }

    /// The bins that hold tokens: center, sums.
    fn filled(&self, max: f32) -> impl Iterator<Item = (f32, &[f64; POWERS])> {
        let all = self.bins.iter().enumerate();
        all.filter(|(_, sums)| sums[0] > 0.0).map(move |(bin, sums)| (BINS.center(max, bin), sums))
    }
}

impl PageRow {
    /// Reads the tokens of a row, those without −∞; the ids `wanted` (ascending) are kept whatever their logits.
    pub fn read(step: usize, logits: impl Iterator<Item = (TokenId, f32)>, wanted: &[TokenId]) -> PageRow {
        let mut best: Vec<(TokenId, f32)> = logits.filter(|&(_, x)| x > f32::NEG_INFINITY).collect();
        let by_rank =
            |a: &(TokenId, f32), b: &(TokenId, f32)| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0));
        let mut rest = Vec::new();
        if best.len() > MOST {
            best.select_nth_unstable_by(MOST, by_rank);
            rest = best.split_off(MOST);
        }
        best.sort_unstable_by(by_rank);
        let max = best.first().map_or(0.0, |&(_, x)| x);
        let (mut beside, mut tail) = (Vec::new(), Tail::default());
        for (id, x) in rest {
            match wanted.binary_search(&id) {
                Ok(_) => beside.push((id, x)),
                Err(_) => tail.add(max, x),
            }
        }
        let left = best.iter().skip(LEAST).filter(|(id, _)| wanted.binary_search(id).is_ok());
        beside.extend(left.copied());
        PageRow { step, best, beside, max, tail }
    }

    /// The `n` best tokens.
    pub fn top(&self, n: usize) -> impl Iterator<Item = TokenId> + '_ {
        self.best.iter().take(n).map(|&(id, _)| id)
    }

    /// How many tokens could be kept.
    pub(super) fn len(&self) -> usize {
        self.best.len()
    }

    /// The row with its `n` best tokens (and those that are wanted), for the page; the ids that are in it are added to `ids`.
    pub(super) fn json(&self, n: usize, ids: &mut Vec<TokenId>) -> Value {
        let (kept, summed) = self.best.split_at(n.clamp(LEAST, MOST).min(self.best.len()));
        let mut tokens = [kept, &self.beside].concat();
        tokens.sort_unstable_by_key(|&(id, _)| id);
        tokens.dedup_by_key(|&mut (id, _)| id);
        let mut tail = self.tail.clone();
        for &(id, x) in summed {
            if tokens.binary_search_by_key(&id, |&(id, _)| id).is_err() {
                tail.add(self.max, x);
            }
        }
        ids.extend(tokens.iter().map(|&(id, _)| id));
        let mut row = json!({"step": self.step, "count": tokens.len(), "tokens": base64(&packed(&tokens))});
        if tail.n > 0 {
            let mut bytes = Vec::new();
            for (center, sums) in tail.filled(self.max) {
                bytes.extend(center.to_le_bytes());
                sums.iter().for_each(|&sum| bytes.extend((sum as f32).to_le_bytes()));
            }
            row["tail"] = json!({"n": tail.n, "lo": tail.lo, "hi": tail.hi, "bins": base64(&bytes)});
        }
        row
    }
}

/// The fewest tokens that a page keeps of a row.
pub(super) const LEAST: usize = 16;

/// The gaps between ascending ids, in groups of seven bits, the lowest first; then their logits, little endian.
fn packed(tokens: &[(TokenId, f32)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut next = 0;
    for &(id, _) in tokens {
        let mut gap = id - next;
        while gap > 127 {
            bytes.push(gap as u8 | 128);
            gap >>= 7;
        }
        bytes.push(gap as u8);
        next = id + 1;
    }
    tokens.iter().for_each(|(_, x)| bytes.extend(x.to_le_bytes()));
    bytes
}

/// Base64 with padding (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().chain(&[0; 2]).take(3).fold(0u32, |bits, &byte| bits << 8 | u32::from(byte));
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at > three.len() { '=' } else { letter.into() });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_depth_is_in_the_first_bin_that_reaches_it() {
        for at in 0..20_000 {
            let depth = f64::from(at) * 0.0123;
            assert_eq!(BINS.at(depth), BINS.ends.partition_point(|&end| end < depth), "{depth}");
        }
        assert_eq!(
            BINS.at(f64::from(f32::MAX) * 2.0),
            BINS.ends.partition_point(|&end| end < f64::from(f32::MAX) * 2.0)
        );
    }

    #[test]
    fn bytes_as_the_standard_writes_them() {
        let written = ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes()));
        assert_eq!(written, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }

    /// The mass of a tail from its moments, as the page computes it, against the sum over its tokens.
    #[test]
    fn a_tail_has_its_mass_at_every_temperature() {
        for (spread, drop) in [(1.0, 0.0), (4.0, 2.0), (0.02, 0.0), (30.0, 9.0)] {
            let max = 7.25f32;
            let logits: Vec<f32> = (0..20_000u32)
                .map(|i| max - drop - (i.wrapping_mul(2654435761) >> 8) as f32 / 16_777_216.0 * spread)
                .collect();
            let mut tail = Tail::default();
            logits.iter().for_each(|&x| tail.add(max, x));
            for temperature in [0.1, 0.3, 0.7, 1.0, 1.5, 4.0] {
                let scale: f64 = 1.0 / temperature;
                let exact: f64 =
                    logits.iter().map(|&x| ((f64::from(x) - f64::from(max)) * scale).exp()).sum();
                let of = |(center, sums): (f32, &[f64; POWERS])| {
                    let mut factor = 1.0;
                    let mut sum = 0.0;
                    for (j, &moment) in sums.iter().enumerate() {
                        sum += factor * f64::from(moment as f32);
                        factor *= scale / (j + 1) as f64;
                    }
                    ((f64::from(center) - f64::from(max)) * scale).exp() * sum
                };
                let found: f64 = tail.filled(max).map(of).sum();
                assert!(
                    (found - exact).abs() <= 5e-7 * (1.0 + exact),
                    "{spread} {temperature}: {found} {exact}"
                );
            }
        }
    }
}
