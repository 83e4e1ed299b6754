//! MurmurHash3 (x86, 32 bits; Appleby 2011) of four words, as vLLM's V2 runner and SGLang key their noise.

/// The state after one more word; what came before a token's own word is shared by all tokens of a row.
pub(in crate::engine) fn mix(h: u32, word: u32) -> u32 {
    let k = word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    (h ^ k).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
}

/// The hash of sixteen bytes that have been mixed in.
pub(in crate::engine) fn finish(h: u32) -> u32 {
    let mut h = h ^ 16;
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (seed, position) → hashes of the ids 0 and 1.
    #[test]
    fn known_answers() {
        let table: [(i64, u32, [u32; 2]); 3] = [
            (42, 17, [0xc9a4_7185, 0xd078_557f]),
            ((1 << 40) + 7, 0, [0x8522_8cdd, 0x88cc_23f4]),
            (-2, 3, [0xa2dd_f883, 0xe366_9332]),
        ];
        for (seed, position, hashes) in table {
            let words = |id| [seed as u32, (seed >> 32) as u32, position, id];
            let hash = |id| finish(words(id).into_iter().fold(0, mix));
            assert_eq!([hash(0), hash(1)], hashes, "{seed}");
        }
    }
}
