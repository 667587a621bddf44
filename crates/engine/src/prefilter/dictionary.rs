//! What is known by its bytes, looked up at a position: a bit for three bytes tells that nothing stands there, and eight bytes
//! are compared at once with what may.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::index::members;
use super::{Positions, WINDOW};
use crate::boundary::ByteSet;

/// Bits of the map that says whether anything begins with these three bytes.
const MAP_BITS: u32 = 17;
const MAP: usize = 1 << MAP_BITS;
/// Lists of what is compared.
const HEADS: usize = 1 << 12;
/// Bytes that are compared.
const COMPARED: usize = 8;
/// How far before a position the bytes may begin that are compared.
pub const BACK: u8 = 8;

/// Bytes around a position, as far as they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Known {
    /// How far before the position they begin; at most [`BACK`].
    pub(crate) back: u8,
    /// The bits that are known, in little-endian order.
    pub(crate) mask: u64,
    /// What they are.
    pub(crate) literal: u64,
}

impl Known {
    /// Whether `word` can be these bytes, as far as it is `there`.
    #[inline(always)]
    fn is(&self, word: u64, there: u64) -> bool {
        (word ^ self.literal) & self.mask & there == 0
    }
}

/// One comparison, for all of whom it stands.
#[derive(Debug, Clone, Copy)]
struct Test {
    known: Known,
    /// For whom: from here in the list of them, and up to here.
    from: u32,
    to: u32,
}

/// Texts by their bytes, each for a `T`.
pub(crate) struct Dictionary<T> {
    /// Whether anything begins with bytes of this hash: one bit each. 16 KiB, to stay in the first cache.
    map: Box<[u64; MAP / 64]>,
    /// For each coarser hash where its tests start; one more for the end.
    heads: Box<[u32; HEADS + 1]>,
    /// For each of those, what the fourth byte may be: one bit for each value of its lower five.
    fourths: Box<[u32; HEADS]>,
    tests: Vec<Test>,
    owners: Vec<T>,
}

/// The lower five bits of each byte of a set, one bit each.
fn lower(set: ByteSet) -> u32 {
    let [a, b, c, d] = set;
    let all = a | b | c | d;
    (all | all >> 32) as u32
}

/// The same for bytes that differ in case only; below [`MAP`].
#[inline(always)]
fn hash(bytes: u32) -> usize {
    ((bytes & 0x00ff_ffff | 0x0020_2020).wrapping_mul(0x9e37_79b1) >> (32 - MAP_BITS)) as usize
}

/// What case leaves of a set's bytes: those with bit 5 set, for themselves and for those without it.
pub(super) fn folded(set: &ByteSet) -> ByteSet {
    set.map(|word| (word | word << 32) & !0xffff_ffff)
}

/// The eight bytes of `hay` from `at` on, and which of them are there.
#[inline(always)]
pub(crate) fn word(hay: &[u8], at: usize) -> (u64, u64) {
    match hay
        .get(at..)
        .and_then(|rest| rest.first_chunk::<COMPARED>())
    {
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

/// The hashes of the texts of three bytes of these sets.
fn hashes(sets: &[ByteSet; WINDOW], mut each: impl FnMut(usize)) {
    let [first, second, third] = sets.map(|set| members(folded(&set)));
    for a in first {
        for b in second.clone() {
            for c in third.clone() {
                each(hash(u32::from_le_bytes([a, b, c, 0])));
            }
        }
    }
}

impl<T: Copy + Ord> Dictionary<T> {
    /// Of what is known of each text, whom it stands for, and the sets of its first four bytes.
    pub(crate) fn new(mut texts: Vec<(Known, T, [ByteSet; WINDOW + 1])>) -> Dictionary<T> {
        texts.sort_unstable_by_key(|&(known, owner, _)| (known, owner));
        let mut map = Box::new([0u64; MAP / 64]);
        let mut fourths = Box::new([0u32; HEADS]);
        let mut owners = Vec::new();
        let mut groups: Vec<Test> = Vec::new();
        let mut pairs: Vec<(u16, u16)> = Vec::with_capacity(texts.len());
        for (known, owner, sets) in texts {
            let end = owners.len() as u32;
            match groups.last_mut() {
                Some(last) if last.known == known => {}
                _ => groups.push(Test {
                    known,
                    from: end,
                    to: end,
                }),
            }
            if let Some(last) = groups.last_mut() {
                if last.from == last.to || owners.last() != Some(&owner) {
                    owners.push(owner);
                }
                last.to = owners.len() as u32;
            }
            let group = groups.len() as u16 - 1;
            let [first, second, third, fourth] = sets;
            hashes(&[first, second, third], |hash| {
                if let Some(bits) = fourths.get_mut(hash % HEADS) {
                    *bits |= lower(fourth);
                }
                if let Some(word) = map.get_mut(hash / 64) {
                    *word |= 1 << (hash % 64);
                }
                pairs.push(((hash % HEADS) as u16, group));
            });
        }
        pairs.sort_unstable();
        pairs.dedup();
        let mut heads = Box::new([0u32; HEADS + 1]);
        for &(head, _) in &pairs {
            if let Some(end) = heads.get_mut(usize::from(head) + 1) {
                *end += 1;
            }
        }
        let mut sum = 0;
        for end in heads.iter_mut() {
            sum += *end;
            *end = sum;
        }
        let test = |(_, group): (u16, u16)| groups.get(usize::from(group)).copied();
        Dictionary {
            map,
            heads,
            fourths,
            tests: pairs.into_iter().filter_map(test).collect(),
            owners,
        }
    }
}

impl<T: Copy> Dictionary<T> {
    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Leaves those of `positions`, counted from `from`, at which something may stand.
    #[inline]
    pub(crate) fn sift(&self, hay: &[u8], from: usize, positions: &mut Positions) {
        let text = hay.get(from..).unwrap_or_default();
        positions.retain(|at| self.may_stand(text, at));
    }

    /// Whether something may have the bytes at `at`.
    #[inline(always)]
    pub(crate) fn may_stand(&self, hay: &[u8], at: usize) -> bool {
        let bytes = match hay.get(at..at + 4) {
            Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
            _ => word(hay, at).0 as u32,
        };
        let hash = hash(bytes);
        let word = self.map.get(hash / 64).copied().unwrap_or(0);
        word >> (hash % 64) & 1 == 1
    }

    /// Calls `found` for whom stands at `at`, as far as what is known goes; bytes beyond the end match.
    #[inline]
    pub(crate) fn standing(&self, hay: &[u8], at: usize, mut found: impl FnMut(T)) {
        const AROUND: usize = BACK as usize + COMPARED;
        let (word_here, there) = word(hay, at);
        let head = hash(word_here as u32) % HEADS;
        let fourths = self.fourths.get(head).copied().unwrap_or(0);
        if fourths >> (word_here >> 24 & 31) & 1 == 0 && there >> 24 != 0 {
            return;
        }
        let (Some(&from), Some(&to)) = (self.heads.get(head), self.heads.get(head + 1)) else {
            return;
        };
        let tests = self.tests.get(from as usize..to as usize);
        let before = at.checked_sub(usize::from(BACK));
        let around = before.and_then(|from| hay.get(from..)?.first_chunk::<AROUND>());
        for test in tests.unwrap_or_default() {
            let (word, there) = match around {
                Some(around) => {
                    let begin = usize::from(BACK.saturating_sub(test.known.back));
                    let bytes = around.get(begin..).and_then(|rest| rest.first_chunk());
                    (bytes.copied().map_or(0, u64::from_le_bytes), !0)
                }
                // What would begin before the haystack does not begin at all.
                None => match at.checked_sub(usize::from(test.known.back)) {
                    Some(from) => word(hay, from),
                    None => continue,
                },
            };
            if test.known.is(word, there) {
                let owners = self.owners.get(test.from as usize..test.to as usize);
                owners.unwrap_or_default().iter().for_each(|&o| found(o));
            }
        }
    }
}
