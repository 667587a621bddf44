//! The pass over every byte: where could a match of any rule start? Answers with candidates, never misses one.
//!
//! A *window* is three consecutive byte sets that every match of a rule has at a known distance from its start. Windows are
//! dealt into 16 buckets; a position is a candidate of a bucket when its three bytes are in the bucket's three sets. Sets
//! are kept as products of two nibble sets, which is what a byte shuffle can look up in a vector (Teddy, from Hyperscan;
//! see `DESIGN.md` beside this file). This is the scalar form; a vector form must give the same candidates.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::artifact::Window;

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

/// Which windows to compare at a candidate.
///
/// Most windows are three known bytes, but for case: those are found through a table by the bytes themselves. The others
/// are compared wherever their bucket lets something through.
pub(crate) struct WindowIndex {
    /// For each hash of three bytes where its windows start in `windows`; one more for the end.
    heads: Vec<u16>,
    windows: Vec<u16>,
    buckets: [Vec<u16>; BUCKETS],
}

const HASHES: usize = 4096;

/// The same for bytes that differ in case only.
fn hash(bytes: [u8; WINDOW]) -> usize {
    let [a, b, c] = bytes.map(|byte| u32::from(byte | 0x20));
    ((a | b << 8 | c << 16).wrapping_mul(0x9e37_79b1) >> 20) as usize % HASHES
}

impl WindowIndex {
    pub(crate) fn new(windows: &[(Window, u8)]) -> WindowIndex {
        let mut lists: Vec<Vec<u16>> = Vec::new();
        lists.resize_with(HASHES, Vec::new);
        let mut buckets: [Vec<u16>; BUCKETS] = core::array::from_fn(|_| Vec::new());
        for (i, (window, bucket)) in windows.iter().enumerate() {
            let [a, b, c, ..] = window.literal.to_le_bytes();
            let list = if window.mask & 0x00df_dfdf == 0x00df_dfdf {
                lists.get_mut(hash([a, b, c]))
            } else {
                buckets.get_mut(usize::from(*bucket))
            };
            if let Some(list) = list {
                list.push(i as u16);
            }
        }
        let mut index = WindowIndex {
            heads: Vec::new(),
            windows: Vec::new(),
            buckets,
        };
        for list in lists {
            index.heads.push(index.windows.len() as u16);
            index.windows.extend(list);
        }
        index.heads.push(index.windows.len() as u16);
        index
    }

    /// Windows that may match where `buckets` let the bytes at the start of `text` through.
    #[inline]
    pub(crate) fn at(&self, text: &[u8], buckets: u16) -> impl Iterator<Item = u16> + '_ {
        let key = match *text {
            [a, b, c, ..] => hash([a, b, c]),
            _ => HASHES,
        };
        let range = match self.heads.get(key..key + 2) {
            Some(&[from, to]) => usize::from(from)..usize::from(to),
            _ => 0..0,
        };
        let known = self.windows.get(range).unwrap_or_default();
        let mut left = buckets;
        let others = core::iter::from_fn(move || {
            let bucket = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            self.buckets.get(bucket)
        });
        known.iter().chain(others.flatten()).copied()
    }
}
