//! The pass over every byte: where could a match of any rule start? Answers with candidates, never misses one.
//!
//! A *window* is three consecutive byte sets that every match of a rule has at a known distance from its start. Windows are
//! dealt into 16 buckets; a position is a candidate of a bucket when its three bytes are in the bucket's three sets. Sets
//! are kept as products of two nibble sets, which is what a byte shuffle can look up in a vector (Teddy, from Hyperscan;
//! see `DESIGN.md` beside this file). This is the scalar form; a vector form must give the same candidates.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::artifact::{Window, WindowPart};
use crate::boundary::{ByteSet, contains};

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
/// small bit map says first whether there are any. The others are [`Shapes`].
pub(crate) struct WindowIndex {
    /// Whether a hash has any windows: one bit each.
    any: Box<[u64; HASHES / 64]>,
    /// For each coarser hash where its windows start in `known`; one more for the end.
    heads: Vec<u16>,
    known: Vec<u16>,
    shapes: Vec<Shapes>,
}

/// Bytes of a shape that are looked at.
pub const SHAPE: usize = 16;

/// What has no literal is known by its shape: digit runs, dotted quads, colon chains, long runs of one alphabet. Up to 128
/// windows are told apart by one bit each: a position leaves those whose sets hold its byte, and sixteen positions leave
/// little. (In vectors the same is class masks and shifts over blocks; see `DESIGN.md`.)
struct Shapes {
    /// For each position and byte the windows whose set holds it.
    tables: Vec<[u128; 256]>,
    windows: Vec<u16>,
    /// A bit for each window there is.
    used: u128,
    /// The buckets of the windows.
    buckets: u16,
}

const HASHES: usize = 1 << 15;
const HEADS: usize = 1 << 11;

/// The same for bytes that differ in case only; below [`HASHES`].
#[inline]
fn hash(bytes: [u8; WINDOW]) -> usize {
    let [a, b, c] = bytes.map(|byte| u32::from(byte | 0x20));
    ((a | b << 8 | c << 16).wrapping_mul(0x9e37_79b1) >> 17) as usize
}

/// Whether a window's first bytes are known but for case, so that it needs no shape.
#[must_use]
pub fn is_known(window: &Window) -> bool {
    window.mask & 0x00df_dfdf == 0x00df_dfdf
}

impl WindowIndex {
    pub(crate) fn new(windows: &[WindowPart]) -> WindowIndex {
        let mut any = Box::new([0u64; HASHES / 64]);
        let mut lists: Vec<Vec<u16>> = Vec::new();
        lists.resize_with(HEADS, Vec::new);
        let mut shapes: Vec<Shapes> = Vec::new();
        for (i, part) in windows.iter().enumerate() {
            let WindowPart {
                window,
                bucket,
                shape,
            } = part;
            let i = i as u16;
            if !is_known(window) {
                if shapes.last().is_none_or(|s| s.windows.len() == 128) {
                    shapes.push(Shapes::default());
                }
                if let Some(last) = shapes.last_mut() {
                    last.add(i, *bucket, shape);
                }
                continue;
            }
            let [a, b, c, ..] = window.literal.to_le_bytes();
            let hash = hash([a, b, c]);
            if let Some(word) = any.get_mut(hash / 64) {
                *word |= 1 << (hash % 64);
            }
            if let Some(list) = lists.get_mut(hash % HEADS) {
                list.push(i);
            }
        }
        let (mut heads, mut known) = (Vec::new(), Vec::new());
        for list in lists {
            heads.push(known.len() as u16);
            known.extend(list);
        }
        heads.push(known.len() as u16);
        WindowIndex {
            any,
            heads,
            known,
            shapes,
        }
    }

    /// Windows that may match at the start of `text`, which is a candidate of `buckets`; all that do are among them.
    #[inline]
    pub(crate) fn at(&self, text: &[u8], buckets: u16, mut found: impl FnMut(u16)) {
        let &[a, b, c, ..] = text else { return };
        let hash = hash([a, b, c]);
        let any = self.any.get(hash / 64);
        if any.is_some_and(|word| word >> (hash % 64) & 1 == 1) {
            let head = hash % HEADS;
            if let Some(&[from, to]) = self.heads.get(head..head + 2) {
                let windows = self.known.get(usize::from(from)..usize::from(to));
                windows.unwrap_or_default().iter().for_each(|&w| found(w));
            }
        }
        for shapes in self.shapes.iter().filter(|s| s.buckets & buckets != 0) {
            let mut left = shapes.at(text);
            while left != 0 {
                if let Some(&window) = shapes.windows.get(left.trailing_zeros() as usize) {
                    found(window);
                }
                left &= left - 1;
            }
        }
    }
}

impl Default for Shapes {
    fn default() -> Shapes {
        Shapes {
            tables: alloc::vec![[!0; 256]; SHAPE],
            windows: Vec::new(),
            used: 0,
            buckets: 0,
        }
    }
}

impl Shapes {
    /// A window whose bytes are in the sets of `shape`, one after the other; what comes after them may be anything.
    fn add(&mut self, index: u16, bucket: u8, shape: &[ByteSet]) {
        let bit = 1u128 << self.windows.len();
        self.windows.push(index);
        self.used |= bit;
        self.buckets |= 1 << bucket;
        for (table, set) in self.tables.iter_mut().zip(shape) {
            for (byte, slot) in table.iter_mut().enumerate() {
                if !contains(set, byte as u8) {
                    *slot &= !bit;
                }
            }
        }
    }

    /// The windows that `text` starts with; bytes beyond its end are taken to fit.
    #[inline]
    fn at(&self, text: &[u8]) -> u128 {
        let mut left = self.used;
        for (table, &byte) in self.tables.iter().zip(text) {
            left &= table.get(usize::from(byte)).copied().unwrap_or(0);
            if left == 0 {
                return 0;
            }
        }
        left
    }
}
