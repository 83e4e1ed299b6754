//! Choices out of bytes; where they end, everything is 0.

/// Numbers at the edge, among them those of every parameter.
const EDGES: [f64; 24] = [
    0.0,
    -0.0,
    1.0,
    0.5,
    0.9,
    0.95,
    2.0,
    1e-300,
    1e-38,
    1e-9,
    1e9,
    1e38,
    1e300,
    -1.0,
    -0.5,
    40.0,
    3.0,
    1e-6,
    5e-324,
    0.999_999_999_999_999_9,
    1.000_000_000_000_000_2,
    f64::MAX,
    f64::MIN,
    0.1,
];

/// Logits at the edge.
const LOGITS: [f32; 16] = [
    0.0,
    -0.0,
    1.0,
    1.5,
    -2.0,
    f32::NEG_INFINITY,
    f32::MAX,
    f32::MIN,
    1e-45,
    -1e-40,
    88.0,
    -104.0,
    1e30,
    -1e30,
    3.0,
    3.000_000_2,
];

/// The rest of the bytes.
pub struct Bytes<'a>(pub &'a [u8]);

impl Bytes<'_> {
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number below `n`, which is at most 256.
    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n.max(1)
    }

    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    pub fn yes(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    pub fn word(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    pub fn long(&mut self) -> u64 {
        u64::from(self.word()) << 32 | u64::from(self.word())
    }

    /// An edge, a decimal between 0 and 2.55, or any number there is.
    pub fn real(&mut self) -> f64 {
        match self.byte() {
            0..=99 => self.of(&EDGES),
            100..=239 => f64::from(self.byte()) / 100.0,
            _ => f64::from_bits(self.long()),
        }
    }

    /// A logit that isn't NaN or +∞, which would end the matter.
    pub fn logit(&mut self) -> f32 {
        match self.byte() {
            edge @ 0..=15 => LOGITS[usize::from(edge)],
            step @ 16..=219 => f32::from(step) / 8.0 - 14.0,
            _ => Some(f32::from_bits(self.word()))
                .filter(|x| !x.is_nan() && *x < f32::INFINITY)
                .unwrap_or(0.25),
        }
    }

    /// `n` rows of one width, from few bytes: rows may repeat a pattern.
    pub fn rows(&mut self, n: usize, v: usize) -> Vec<f32> {
        let own = self.below(40).min(v).max(1);
        let mut rows = Vec::with_capacity(n * v);
        for _ in 0..n {
            let pattern: Vec<f32> = (0..own).map(|_| self.logit()).collect();
            rows.extend((0..v).map(|i| pattern[(i * 7 + i / own) % own]));
        }
        rows
    }
}
