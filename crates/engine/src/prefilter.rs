//! The pass over every byte: where could a match of any rule start? Answers with candidates, never misses one.
//!
//! A *window* is three consecutive byte sets that every match of a rule has at a known distance from its start. Windows are
//! dealt into 16 buckets; a position is a candidate of a bucket when its three bytes are in the bucket's three sets. Sets
//! are kept as products of two nibble sets, which is what a byte shuffle can look up in a vector (Teddy, from Hyperscan;
//! see `DESIGN.md` beside this file). This is the scalar form; a vector form must give the same candidates.

use alloc::boxed::Box;

/// Bytes in a window.
pub const WINDOW: usize = 3;
/// Buckets.
pub const BUCKETS: usize = 16;

/// For each of the three positions the buckets of each low nibble, then of each high nibble: one bit per bucket.
pub type Nibbles = [[[u16; 16]; 2]; WINDOW];

/// The buckets of every byte at each position.
pub(crate) struct Prefilter {
    tables: Box<[[u16; 256]; WINDOW]>,
}

impl Prefilter {
    pub(crate) fn new(nibbles: &Nibbles) -> Prefilter {
        let mut tables = Box::new([[0; 256]; WINDOW]);
        for (table, [low, high]) in tables.iter_mut().zip(nibbles) {
            for (byte, slot) in table.iter_mut().enumerate() {
                let buckets =
                    |nibble: &[u16; 16], at: usize| nibble.get(at & 15).copied().unwrap_or(0);
                *slot = buckets(low, byte) & buckets(high, byte >> 4);
            }
        }
        Prefilter { tables }
    }

    /// Calls `found` with every position in `from..to` that is a candidate, and its buckets. The caller sees to it that
    /// two more bytes follow `to - 1`.
    #[inline]
    pub(crate) fn candidates(
        &self,
        hay: &[u8],
        from: usize,
        to: usize,
        mut found: impl FnMut(usize, u16),
    ) {
        let [first, second, third] = &*self.tables;
        let at = |table: &[u16; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or(0);
        let Some(text) = hay.get(from..(to + WINDOW - 1).min(hay.len())) else {
            return;
        };
        for (i, window) in text.windows(WINDOW).enumerate() {
            if let &[a, b, c] = window {
                let buckets = at(first, a) & at(second, b) & at(third, c);
                if buckets != 0 {
                    found(from + i, buckets);
                }
            }
        }
    }
}
