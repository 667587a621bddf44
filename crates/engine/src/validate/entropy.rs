//! How varied a value's bytes are. Integer arithmetic only, so that native and Wasm builds, with or without a float unit or
//! libm, decide alike at a threshold.

/// Fractional bits of the fixed-point logarithms.
const FRACTION: u32 = 24;

/// How many logarithms are computed when the crate is compiled. Counts in tokens are nearly always below.
const TABLE_LENGTH: usize = 128;

/// `log2(n)` for small `n`; the entry for 0 is not used.
const LOG2: [u32; TABLE_LENGTH] = log2_table();

/// By how much `n * log2(n)` grows from each small `n` to the next: not at all from 0.
const GROWTH: [u32; TABLE_LENGTH - 1] = growth_table();

/// The Shannon entropy of `value` in thousandths of a bit per byte, rounded: 0 for no byte or one repeated byte, 8000 at most.
///
/// Sums over byte values, not over characters or pairs: `abab…` has 1000.
///
/// # Cost
/// One pass over the value and one over 256 counters on the stack.
///
/// Source: C. E. Shannon, "A Mathematical Theory of Communication" (1948), section 6.
pub fn entropy_millibits(value: &[u8]) -> u32 {
    let total = value.len() as u64;
    if total == 0 {
        return 0;
    }
    // H = log2(N) - 1/N * sum(n * log2(n)), multiplied by N so that one division is left.
    let logs: u64 = if value.len() < GROWTH.len() {
        // Most values are so short that all the counters together are longer: the sum grows with each byte.
        let mut counts = [0_u8; 256];
        let grown = value.iter().map(|&byte| {
            let count = counts.get_mut(usize::from(byte));
            let before = count.map_or(0, |count| core::mem::replace(count, count.wrapping_add(1)));
            u64::from(GROWTH.get(usize::from(before)).copied().unwrap_or(0))
        });
        grown.sum()
    } else {
        let counts = counts(value);
        let varied = counts.iter().filter(|count| **count > 1);
        varied
            .map(|count| u64::from(*count) * u64::from(log2(*count)))
            .sum()
    };
    let all = total * u64::from(log2(total as u32));
    let scaled = all.saturating_sub(logs) as u128 * 1000;
    let unit = u128::from(total) << FRACTION;
    ((scaled + unit / 2) / unit) as u32
}

/// How many different bytes `value` has: 0 to 256.
pub fn distinct(value: &[u8]) -> u32 {
    let mut seen = [0_u64; 4];
    for byte in value {
        if let Some(word) = seen.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }
    seen.iter().map(|word| word.count_ones()).sum()
}

/// How often each byte stands in `value`.
fn counts(value: &[u8]) -> [u32; 256] {
    let mut counts = [0_u32; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    counts
}

/// `log2(number)` with [`FRACTION`] fractional bits, for 1 and above.
fn log2(number: u32) -> u32 {
    match LOG2.get(number as usize) {
        Some(log) => *log,
        None => log2_by_squaring(number),
    }
}

/// The binary logarithm digit by digit: squaring a mantissa in [1, 2) doubles its logarithm; when the square reaches 2 the
/// next binary digit is 1 and the mantissa is halved. Rounds down, by less than one unit in the last place per step.
const fn log2_by_squaring(number: u32) -> u32 {
    if number == 0 {
        return 0;
    }
    let whole = number.ilog2();
    // 1.31 fixed point: the mantissa's square fits in 64 bits.
    let mut mantissa = (number as u64) << (31 - whole);
    let mut log = whole;
    let mut step = 0;
    while step < FRACTION {
        mantissa = (mantissa * mantissa) >> 31;
        log <<= 1;
        if mantissa >= 1 << 32 {
            log |= 1;
            mantissa >>= 1;
        }
        step += 1;
    }
    log
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler only, and bounded by the loop's condition"
)]
const fn log2_table() -> [u32; TABLE_LENGTH] {
    let mut table = [0; TABLE_LENGTH];
    let mut number = 0;
    while number < TABLE_LENGTH {
        table[number] = log2_by_squaring(number as u32);
        number += 1;
    }
    table
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler only, and bounded by the loop's condition"
)]
const fn growth_table() -> [u32; TABLE_LENGTH - 1] {
    let mut table = [0; TABLE_LENGTH - 1];
    let mut number = 1;
    while number < table.len() {
        let (before, after) = (number as u64, number as u64 + 1);
        table[number] = (after * LOG2[number + 1] as u64 - before * LOG2[number] as u64) as u32;
        number += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::{BTreeMap, BTreeSet};
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        assert_eq!(entropy_millibits(b""), 0);
        assert_eq!(entropy_millibits(b"aaaaaaaa"), 0);
        assert_eq!(entropy_millibits(b"abababab"), 1000);
        assert_eq!(entropy_millibits(b"0123456789abcdef"), 4000);
        assert_eq!(entropy_millibits(b"aab"), 918); // log2(3) - 2/3
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(entropy_millibits(&all), 8000);
        assert_eq!(entropy_millibits(&all.repeat(5000)), 8000);
        assert_eq!(entropy_millibits(&vec![7; 1_000_000]), 0);
        assert_eq!(
            (distinct(b""), distinct(b"abca"), distinct(&all)),
            (0, 3, 256)
        );
    }

    proptest! {
        #[test]
        fn as_in_floating_point(value in prop_oneof![proptest::collection::vec(any::<u8>(), 1..600), proptest::collection::vec(any::<u8>(), 1..60)], mask in any::<u8>()) {
            let value: Vec<u8> = value.iter().map(|byte| byte & mask).collect();
            let mut counts = BTreeMap::new();
            for byte in &value {
                *counts.entry(byte).or_insert(0_u32) += 1;
            }
            let total = value.len() as f64;
            let bits: f64 = counts.values().map(|n| f64::from(*n) / total).map(|p| -p * p.log2()).sum();
            let difference = f64::from(entropy_millibits(&value)) - bits * 1000.0;
            prop_assert!(difference.abs() <= 0.501, "{} against {}", entropy_millibits(&value), bits);
            prop_assert_eq!(distinct(&value) as usize, value.iter().collect::<BTreeSet<_>>().len());
        }
    }
}
