//! The pass over every byte: where could a match of any rule start? Answers with candidates, never misses one.
//!
//! A *window* is three consecutive byte sets that every match of a rule has at a known distance from its start. Windows are
//! dealt into 32 *buckets*, four groups of eight; a position is a candidate of a bucket when its three bytes are in the
//! bucket's three sets, and, if the bucket has an [`Edge`], when a word may start there. Sets are kept as products of two
//! nibble sets, which is what a byte shuffle can look up in a vector (Teddy, from Hyperscan; see `DESIGN.md` above this
//! folder).
//!
//! Here: what the tables are and in which width they are looked up. [`block`] makes positions of bytes, [`vector`] is the
//! machine's registers, [`index`] tells which windows may match at a position,
//! those of known bytes by a [`dictionary`].

mod block;
pub(crate) mod dictionary;
pub(crate) mod index;
pub(crate) mod sets;
pub(crate) mod sieve;
mod spelled;
mod vector;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::Cell;

use block::{BLOCK, Before, Tables};
pub use dictionary::BACK;
pub use dictionary::HASHED;
pub use index::{begins_tokens, is_literal};

/// Bytes in a window.
pub const WINDOW: usize = 3;
/// Groups of buckets: literals in the first two, shapes in the last two.
pub const GROUPS: usize = 4;
/// Buckets.
pub const BUCKETS: usize = 8 * GROUPS;
/// The first bucket of shapes; those before are of literals.
pub const SHAPES: usize = BUCKETS / 2;
/// In place of a bucket: not in the first pass, but looked for where tokens begin.
pub const TOKEN: u8 = 0xfe;
/// In place of a bucket: not in the first pass at all, but looked for before values.
pub const LOOK_BACK: u8 = 0xff;
/// Bytes of a shape that are looked at.
pub const SHAPE: usize = 16;

/// For each of the three positions the buckets of each low nibble, then of each high nibble: one bit per bucket.
pub type Nibbles = [[[u32; 16]; 2]; WINDOW];

/// Where the windows of a bucket may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Edge {
    /// Anywhere.
    #[default]
    None,
    /// Where no part of a word (`[A-Za-z0-9_]`) stands before, unless it may be the end of an escape: one begins as far before as
    /// escapes are long.
    Word,
}

/// Bytes of a run: where so many stand together, a value may be. A power of two.
pub const RUN: usize = 16;

/// Whether a run may hold a byte: `[A-Za-z0-9_-]`.
#[must_use]
pub fn is_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// An escape is at most this long: `\u000a`.
const ESCAPE_REACH: usize = 6;

/// How many bytes are looked up at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// One: no vectors.
    Scalar,
    /// 16: SSSE3, simd128 of WebAssembly, or NEON.
    V128,
    /// 32: AVX2.
    V256,
    /// 64: AVX-512.
    V512,
}

impl Width {
    /// All widths, narrowest first.
    pub const ALL: [Width; 4] = [Width::Scalar, Width::V128, Width::V256, Width::V512];

    /// The width of vectors that are called `scalar`, `ssse3`, `neon`, `simd128`, `avx2` or `avx512`.
    #[must_use]
    pub fn named(name: &str) -> Option<Width> {
        match name {
            "scalar" => Some(Width::Scalar),
            "ssse3" | "neon" | "simd128" => Some(Width::V128),
            "avx2" => Some(Width::V256),
            "avx512" => Some(Width::V512),
            _ => None,
        }
    }

    /// The widest that this machine has.
    #[must_use]
    pub fn best() -> Width {
        #[cfg(target_arch = "x86_64")]
        {
            cpufeatures::new!(
                wide, "avx512f", "avx512bw", "avx2", "bmi1", "bmi2", "popcnt"
            );
            cpufeatures::new!(middle, "avx2", "bmi1", "bmi2", "popcnt");
            cpufeatures::new!(narrow, "ssse3", "popcnt");
            if wide::get() {
                return Width::V512;
            }
            if middle::get() {
                return Width::V256;
            }
            if narrow::get() {
                return Width::V128;
            }
            Width::Scalar
        }
        #[cfg(any(
            target_arch = "aarch64",
            all(target_arch = "wasm32", target_feature = "simd128")
        ))]
        {
            Width::V128
        }
        #[cfg(not(any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            all(target_arch = "wasm32", target_feature = "simd128")
        )))]
        {
            Width::Scalar
        }
    }
}

/// Positions that are looked at together.
pub(crate) const STRIP: usize = 1024;

/// Ascending positions of one strip, counted from its start.
#[derive(Default)]
pub(crate) struct Positions {
    /// With room for what is written ahead of being counted.
    at: Vec<u16>,
    len: usize,
}

impl Positions {
    /// None, and room for so many and what is written ahead.
    fn clear(&mut self, most: usize) {
        self.len = 0;
        if self.at.len() < most + BLOCK {
            self.at.resize(most + BLOCK, 0);
        }
    }

    fn push(&mut self, position: u16) {
        if let Some(slot) = self.at.get_mut(self.len) {
            *slot = position;
            self.len += 1;
        }
    }

    /// Leaves those that `keep` says.
    ///
    /// All are written, and only those that stay are counted, so that nothing has to be predicted.
    #[inline]
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let at = Cell::from_mut(self.at.get_mut(..self.len).unwrap_or_default());
        let at = at.as_slice_of_cells();
        let mut kept = 0;
        for position in at {
            let position = position.get();
            if let Some(slot) = at.get(kept) {
                slot.set(position);
            }
            kept += usize::from(keep(usize::from(position)));
        }
        self.len = kept;
    }

    pub(crate) fn as_slice(&self) -> &[u16] {
        self.at.get(..self.len).unwrap_or_default()
    }
}

/// The candidates of one strip.
#[derive(Default)]
pub(crate) struct Strip {
    /// Where windows whose bytes are known may stand.
    pub(crate) literals: Positions,
    /// Where shapes may stand.
    pub(crate) shapes: Positions,
    /// The last byte of the first [`RUN`] of each longer run.
    pub(crate) runs: Positions,
    /// Where tokens may begin.
    pub(crate) tokens: Positions,
    before: Before,
}

impl Strip {
    /// Another haystack, or another part of it, is next.
    pub(crate) fn start_over(&mut self) {
        self.before = Before::default();
    }

    /// None, and room for those of so many positions.
    fn clear(&mut self, positions: usize) {
        let Strip {
            literals,
            shapes,
            runs,
            tokens,
            ..
        } = self;
        for list in [literals, shapes, runs, tokens] {
            list.clear(positions);
        }
    }

    /// Bytes held on the heap.
    pub(crate) fn memory(&self) -> usize {
        let lists = [&self.literals, &self.shapes, &self.runs, &self.tokens];
        let slots = lists.iter().map(|list| list.at.capacity()).sum::<usize>();
        size_of::<Strip>() + slots * size_of::<u16>()
    }

    /// How many literals and shapes there are.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.literals.len, self.shapes.len)
    }
}

/// The tables of the first pass.
pub(crate) struct Prefilter {
    tables: Box<Tables>,
    width: Width,
}

impl Prefilter {
    pub(crate) fn new(nibbles: &Nibbles, edges: &[Edge; BUCKETS]) -> Prefilter {
        Prefilter {
            tables: Box::new(Tables::new(nibbles, edges)),
            width: Width::best(),
        }
    }

    /// The width in use.
    pub(crate) fn width(&self) -> Width {
        self.width
    }

    /// Uses `width`, or the widest that the machine has if that is less.
    pub(crate) fn set_width(&mut self, width: Width) {
        // Only widths that were detected may be used: the kernels rely on it.
        let best = Width::best();
        self.width = if Width::ALL.contains(&width) && width < best {
            width
        } else {
            best
        };
    }

    /// Finds the candidates of `from..to`, which is at most a [`STRIP`] and followed by two more bytes.
    #[inline]
    pub(crate) fn scan(&self, hay: &[u8], from: usize, to: usize, strip: &mut Strip) {
        self.tables.scan(self.width, hay, from, to, strip);
    }
}

#[cfg(test)]
mod tests;
