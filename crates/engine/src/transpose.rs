//! Bit sets by number, turned into bit sets by byte: which of up to 64 sets hold each byte.

use crate::boundary::ByteSet;

/// For each byte the numbers of the sets that hold it. Sets from the 65th on are left out.
///
/// # Cost
/// The same whatever is in the sets: four squares of 64 bits by 64.
pub(crate) fn by_byte(sets: impl Iterator<Item = ByteSet> + Clone) -> [u64; 256] {
    let mut bytes = [0; 256];
    for (quarter, square) in bytes.as_chunks_mut::<64>().0.iter_mut().enumerate() {
        for (row, set) in square.iter_mut().zip(sets.clone()) {
            *row = set.get(quarter).copied().unwrap_or(0);
        }
        transpose(square);
    }
    bytes
}

/// Swaps rows and columns, halves first: Warren, Hacker's Delight, 7-3.
fn transpose(square: &mut [u64; 64]) {
    let (mut half, mut low) = (32, 0xffff_ffff_u64);
    while half > 0 {
        for pair in square.chunks_exact_mut(2 * half) {
            let (upper, lower) = pair.split_at_mut(half);
            for (a, b) in upper.iter_mut().zip(lower) {
                let swapped = (*a >> half ^ *b) & low;
                *a ^= swapped << half;
                *b ^= swapped;
            }
        }
        half /= 2;
        low ^= low << half;
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn each_byte_has_the_sets_that_hold_it() {
        let mut seed = 1_u64;
        let mut word = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed ^ seed >> 29
        };
        for count in [0, 1, 63, 64, 70] {
            let sets: Vec<ByteSet> = (0..count)
                .map(|_| core::array::from_fn(|_| word()))
                .collect();
            let bytes = by_byte(sets.iter().copied());
            for byte in 0..256 {
                for (i, set) in sets.iter().enumerate().take(64) {
                    let there = set[byte / 64] >> (byte % 64) & 1;
                    assert_eq!(bytes[byte] >> i & 1, there, "{byte} {i}");
                }
                if sets.len() < 64 {
                    assert_eq!(bytes[byte] >> sets.len(), 0);
                }
            }
        }
    }
}
