//! Which windows may match at a candidate: literals through a table by their bytes, shapes through one bit each.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{BUCKETS, SHAPE, SHAPES, Strip, WINDOW};
use crate::artifact::WindowPart;
use crate::boundary::ByteSet;

/// A literal's first bytes may be written in at most so many ways, but for case.
const SPELLINGS: usize = 64;
/// Bits of the map that says whether any literal has these three bytes.
const MAP_BITS: u32 = 17;
const MAP: usize = 1 << MAP_BITS;
/// Lists of literals.
const HEADS: usize = 1 << 12;

/// What may begin with the three bytes that stand at a position.
pub(crate) struct Heads {
    /// Whether anything begins with bytes of this hash: one bit each. 16 KiB, to stay in the first cache.
    map: Box<[u64; MAP / 64]>,
    /// For each coarser hash where what begins with it starts in `listed`; one more for the end.
    heads: Box<[u32; HEADS + 1]>,
    listed: Vec<u16>,
}

/// Windows that are found by their bytes.
pub(crate) struct Literals {
    heads: Heads,
    /// What is compared for each of all windows.
    compared: Vec<Compared>,
}

/// Which windows to look at more closely, and whether their known bytes are there.
pub(crate) struct WindowIndex {
    literals: Literals,
    shapes: Vec<Shapes>,
}

#[derive(Clone, Copy)]
struct Compared {
    back: usize,
    mask: u64,
    literal: u64,
}

/// The same for bytes that differ in case only; below [`MAP`].
#[inline(always)]
fn hash(bytes: u32) -> usize {
    ((bytes & 0x00ff_ffff | 0x0020_2020).wrapping_mul(0x9e37_79b1) >> (32 - MAP_BITS)) as usize
}

/// What case leaves of a set's bytes: those with bit 5 set, for themselves and for those without it.
fn folded(set: &ByteSet) -> ByteSet {
    set.map(|word| (word | word << 32) & !0xffff_ffff)
}

/// The bytes of a set, ascending.
pub(crate) fn members(set: ByteSet) -> impl Iterator<Item = u8> + Clone {
    set.into_iter()
        .zip([0, 64, 128, 192])
        .flat_map(|(word, base)| {
            let mut left = word;
            core::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.wrapping_sub(1);
                (bit < 64).then_some(base | bit as u8)
            })
        })
}

/// Whether a window that begins with `sets` is found by its bytes: there are few ways to write them. Others are found by
/// their shape.
#[must_use]
pub fn is_literal(sets: &[ByteSet]) -> bool {
    let count = |set: ByteSet| set.iter().map(|word| word.count_ones() as usize).sum();
    let ways = sets.iter().take(WINDOW).map(|set| count(folded(set)));
    sets.len() >= WINDOW && ways.fold(1, usize::saturating_mul) <= SPELLINGS
}

/// Whether every byte that may stand first in `sets` may begin a token: a letter, a digit, or no ASCII.
#[must_use]
pub fn begins_tokens(sets: &[ByteSet]) -> bool {
    let may = |byte: u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    sets.first().is_some_and(|&set| members(set).all(may))
}

/// The eight bytes of `hay` from `at` on, and which of them are there.
#[inline(always)]
pub(crate) fn word(hay: &[u8], at: usize) -> (u64, u64) {
    match hay.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        Some(bytes) => (u64::from_le_bytes(*bytes), !0),
        None => {
            let rest = hay.get(at..).unwrap_or_default().iter().enumerate();
            rest.fold((0, 0), |(word, there), (i, &byte)| {
                let shift = 8 * (i as u32 & 7);
                (word | u64::from(byte) << shift, there | 0xff << shift)
            })
        }
    }
}

/// Three bytes in the form that is hashed, for each choice of one from each set.
pub(crate) fn first_bytes(sets: [ByteSet; WINDOW], mut each: impl FnMut(u32)) {
    let [first, second, third] = sets.map(|set| members(folded(&set)));
    for a in first {
        for b in second.clone() {
            for c in third.clone() {
                each(u32::from_le_bytes([a, b, c, 0]));
            }
        }
    }
}

impl Default for Heads {
    fn default() -> Heads {
        Heads::new(Vec::new())
    }
}

impl Heads {
    /// Of pairs of first bytes and what begins with them.
    pub(crate) fn new(pairs: Vec<(u32, u16)>) -> Heads {
        let mut map = Box::new([0u64; MAP / 64]);
        let mut heads = Box::new([0u32; HEADS + 1]);
        let mut hashed: Vec<(u16, u16)> = Vec::with_capacity(pairs.len());
        for (bytes, what) in pairs {
            let hash = hash(bytes);
            if let Some(word) = map.get_mut(hash / 64) {
                *word |= 1 << (hash % 64);
            }
            hashed.push(((hash % HEADS) as u16, what));
        }
        // Each pair once: a window may be spelled in several ways that have the same head.
        hashed.sort_unstable();
        hashed.dedup();
        for &(head, _) in &hashed {
            if let Some(end) = heads.get_mut(usize::from(head) + 1) {
                *end += 1;
            }
        }
        let mut sum = 0;
        for end in heads.iter_mut() {
            sum += *end;
            *end = sum;
        }
        let listed = hashed.into_iter().map(|(_, what)| what).collect();
        Heads { map, heads, listed }
    }

    /// Whether something may begin with the bytes at `at`.
    #[inline(always)]
    pub(crate) fn may_stand(&self, hay: &[u8], at: usize) -> bool {
        let bytes = match hay.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
            Some(bytes) => u32::from_le_bytes(*bytes),
            None => word(hay, at).0 as u32,
        };
        let hash = hash(bytes);
        let word = self.map.get(hash / 64).copied().unwrap_or(0);
        word >> (hash % 64) & 1 == 1
    }

    /// At least what begins with the bytes at `at`.
    #[inline]
    pub(crate) fn standing(&self, hay: &[u8], at: usize) -> &[u16] {
        let head = hash(word(hay, at).0 as u32) % HEADS;
        let (Some(&from), Some(&to)) = (self.heads.get(head), self.heads.get(head + 1)) else {
            return &[];
        };
        let listed = self.listed.get(from as usize..to as usize);
        listed.unwrap_or_default()
    }
}

impl Literals {
    /// Those of `windows` that are `wanted`.
    pub(crate) fn new(windows: &[WindowPart], wanted: impl Fn(&WindowPart) -> bool) -> Literals {
        let mut pairs = Vec::new();
        for (i, part) in windows.iter().enumerate().filter(|(_, part)| wanted(part)) {
            if let [first, second, third, ..] = *part.sets.as_slice() {
                first_bytes([first, second, third], |bytes| {
                    pairs.push((bytes, i as u16))
                });
            }
        }
        let compared = |part: &WindowPart| Compared {
            back: usize::from(part.window.back),
            mask: part.window.mask,
            literal: part.window.literal,
        };
        Literals {
            heads: Heads::new(pairs),
            compared: windows.iter().map(compared).collect(),
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.heads.listed.is_empty()
    }

    /// Whether some window may have the bytes at `at`.
    #[inline(always)]
    pub(crate) fn may_stand(&self, hay: &[u8], at: usize) -> bool {
        self.heads.may_stand(hay, at)
    }

    /// The windows that stand at `at`, as far as their known bytes go; bytes beyond the end match.
    #[inline]
    pub(crate) fn standing(&self, hay: &[u8], at: usize, mut found: impl FnMut(u16)) {
        for &window in self.heads.standing(hay, at) {
            let Some(compared) = self.compared.get(usize::from(window)) else {
                continue;
            };
            // What would begin before the haystack does not begin at all.
            let Some(from) = at.checked_sub(compared.back) else {
                continue;
            };
            let (word, there) = word(hay, from);
            if (word ^ compared.literal) & compared.mask & there == 0 {
                found(window);
            }
        }
    }
}

impl WindowIndex {
    /// Those of `windows` that have a bucket.
    pub(crate) fn new(windows: &[WindowPart]) -> WindowIndex {
        let mut shapes: Vec<Shapes> = Vec::new();
        for (i, part) in windows.iter().enumerate() {
            let i = i as u16;
            if !(SHAPES..BUCKETS).contains(&usize::from(part.bucket)) {
                continue;
            }
            let fits = shapes.iter_mut().any(|block| block.add(i, &part.sets));
            if !fits {
                let mut block = Shapes::default();
                block.add(i, &part.sets);
                shapes.push(block);
            }
        }
        WindowIndex {
            literals: Literals::new(windows, |part| usize::from(part.bucket) < SHAPES),
            shapes,
        }
    }

    /// Leaves the positions where some window has the bytes that are there, or the first ones of its shape.
    #[inline]
    pub(crate) fn sift(&self, hay: &[u8], from: usize, strip: &mut Strip) {
        strip
            .literals
            .retain(|at| self.literals.may_stand(hay, from + at));
        strip.shapes.retain(|at| {
            let text = hay.get(from + at..).unwrap_or_default();
            self.shapes.iter().any(|block| block.may_stand(text))
        });
    }

    /// The literals that stand at `at`, as far as their known bytes go; bytes beyond the end match.
    #[inline]
    pub(crate) fn literals(&self, hay: &[u8], at: usize, found: impl FnMut(u16)) {
        self.literals.standing(hay, at, found);
    }

    /// The shapes that stand at `at`; bytes beyond the end match.
    #[inline]
    pub(crate) fn shapes(&self, hay: &[u8], at: usize, mut found: impl FnMut(u16)) {
        let text = hay.get(at..).unwrap_or_default();
        for block in &self.shapes {
            let mut left = block.standing(text, SHAPE);
            while left != 0 {
                let windows = block.windows.get(left.trailing_zeros() as usize);
                windows.into_iter().flatten().for_each(|&w| found(w));
                left &= left - 1;
            }
        }
    }
}

/// What has no literal is known by its shape: digit runs, dotted quads, colon chains, long runs of one alphabet. Up to 64
/// shapes are told apart by one bit each: a position leaves those whose sets hold its byte, and sixteen positions leave
/// little.
struct Shapes {
    /// For each position and byte the shapes whose set holds it, or that have none there.
    tables: Box<[[u64; 256]; SHAPE]>,
    /// Each shape's sets, and the windows that have it.
    sets: Vec<Vec<ByteSet>>,
    windows: Vec<Vec<u16>>,
}

impl Default for Shapes {
    fn default() -> Shapes {
        Shapes {
            tables: Box::new([[0; 256]; SHAPE]),
            sets: Vec::new(),
            windows: Vec::new(),
        }
    }
}

impl Shapes {
    /// Takes a window in, unless there is no room for it.
    fn add(&mut self, window: u16, shape: &[ByteSet]) -> bool {
        let shape = shape.get(..shape.len().min(SHAPE)).unwrap_or_default();
        if let Some(at) = self.sets.iter().position(|known| known == shape) {
            if let Some(windows) = self.windows.get_mut(at) {
                windows.push(window);
            }
            return true;
        }
        let bit = self.sets.len();
        if bit == 64 {
            return false;
        }
        for (position, table) in self.tables.iter_mut().enumerate() {
            let set = shape.get(position).copied().unwrap_or([!0; 4]);
            for byte in members(set) {
                if let Some(slot) = table.get_mut(usize::from(byte)) {
                    *slot |= 1 << bit;
                }
            }
        }
        self.sets.push(shape.to_vec());
        self.windows.push(Vec::from([window]));
        true
    }

    #[inline(always)]
    fn at(&self, position: usize, byte: u8) -> u64 {
        let table = self.tables.get(position);
        let slot = table.and_then(|table| table.get(usize::from(byte)));
        slot.copied().unwrap_or(0)
    }

    /// Whether the first bytes leave any shape; more of them are looked at only if that costs no branch.
    #[inline(always)]
    fn may_stand(&self, text: &[u8]) -> bool {
        match text.first_chunk::<6>() {
            Some(&[a, b, c, d, e, f]) => {
                let left = self.at(0, a)
                    & self.at(1, b)
                    & self.at(2, c)
                    & self.at(3, d)
                    & self.at(4, e)
                    & self.at(5, f);
                left != 0
            }
            None => self.standing(text, SHAPE) != 0,
        }
    }

    /// The shapes that `text` starts with; bytes beyond its end are taken to fit.
    #[inline]
    fn standing(&self, text: &[u8], most: usize) -> u64 {
        let mut left = match self.sets.len() {
            64.. => !0,
            shapes => (1u64 << shapes) - 1,
        };
        for (position, &byte) in text.iter().take(most).enumerate() {
            left &= self.at(position, byte);
            if left == 0 {
                return 0;
            }
        }
        left
    }
}
