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
/// Most windows are three known bytes, but for case: those are found through a table by the bytes themselves, of which a
/// small bit map says first whether there are any. The others are told apart by one bit each.
pub(crate) struct WindowIndex {
    /// Whether a hash has any windows: one bit each.
    any: Box<[u64; HASHES / 64]>,
    /// For each coarser hash where its windows start in `known`; one more for the end.
    heads: Vec<u16>,
    known: Vec<u16>,
    others: Vec<Others>,
}

/// Up to 128 windows: for each position and byte a bit per window.
struct Others {
    tables: Box<[[u128; 256]; WINDOW]>,
    windows: Vec<u16>,
}

const HASHES: usize = 1 << 15;
const HEADS: usize = 1 << 11;

/// The same for bytes that differ in case only; below [`HASHES`].
#[inline]
fn hash(bytes: [u8; WINDOW]) -> usize {
    let [a, b, c] = bytes.map(|byte| u32::from(byte | 0x20));
    ((a | b << 8 | c << 16).wrapping_mul(0x9e37_79b1) >> 17) as usize
}

impl WindowIndex {
    pub(crate) fn new(windows: &[(Window, u8)]) -> WindowIndex {
        let mut any = Box::new([0u64; HASHES / 64]);
        let mut lists: Vec<Vec<u16>> = Vec::new();
        lists.resize_with(HEADS, Vec::new);
        let mut others: Vec<Others> = Vec::new();
        for (i, (window, _)) in windows.iter().enumerate() {
            let i = i as u16;
            let [a, b, c, ..] = window.literal.to_le_bytes();
            if window.mask & 0x00df_dfdf == 0x00df_dfdf {
                let hash = hash([a, b, c]);
                if let Some(word) = any.get_mut(hash / 64) {
                    *word |= 1 << (hash % 64);
                }
                if let Some(list) = lists.get_mut(hash % HEADS) {
                    list.push(i);
                }
            } else {
                if others.last().is_none_or(|o| o.windows.len() == 128) {
                    others.push(Others {
                        tables: Box::new([[0; 256]; WINDOW]),
                        windows: Vec::new(),
                    });
                }
                if let Some(last) = others.last_mut() {
                    last.add(i, window);
                }
            }
        }
        let mut index = WindowIndex {
            any,
            heads: Vec::new(),
            known: Vec::new(),
            others,
        };
        for list in lists {
            index.heads.push(index.known.len() as u16);
            index.known.extend(list);
        }
        index.heads.push(index.known.len() as u16);
        index
    }

    /// Windows that may match at the start of `text`; all that do are among them.
    #[inline]
    pub(crate) fn at(&self, text: &[u8], mut found: impl FnMut(u16)) {
        let &[a, b, c, ..] = text else { return };
        let hash = hash([a, b, c]);
        if self
            .any
            .get(hash / 64)
            .is_some_and(|word| word >> (hash % 64) & 1 == 1)
        {
            let head = hash % HEADS;
            if let Some(&[from, to]) = self.heads.get(head..head + 2) {
                let windows = self.known.get(usize::from(from)..usize::from(to));
                windows.unwrap_or_default().iter().for_each(|&w| found(w));
            }
        }
        for others in &self.others {
            let [first, second, third] = &*others.tables;
            let at =
                |table: &[u128; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or(0);
            let mut left = at(first, a) & at(second, b) & at(third, c);
            while left != 0 {
                if let Some(&window) = others.windows.get(left.trailing_zeros() as usize) {
                    found(window);
                }
                left &= left - 1;
            }
        }
    }
}

impl Others {
    fn add(&mut self, index: u16, window: &Window) {
        let bit = 1u128 << self.windows.len();
        self.windows.push(index);
        let known = window
            .mask
            .to_le_bytes()
            .into_iter()
            .zip(window.literal.to_le_bytes());
        for (table, (mask, literal)) in self.tables.iter_mut().zip(known) {
            for (byte, slot) in table.iter_mut().enumerate() {
                if byte as u8 & mask == literal {
                    *slot |= bit;
                }
            }
        }
    }
}
