//! What is known by its bytes, looked up at a position: a bit for three bytes tells that nothing stands there, and eight bytes
//! are compared at once with what may.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::Range;

use super::sets::{SetIndex, Sets, folded};
use super::spelled::Spelled;
use super::{Positions, STRIP, WINDOW};
use crate::boundary::ByteSet;

/// Words of the map that says whether anything begins with these bytes.
const GATES: usize = 1 << 11;
/// Lists of what is compared.
const HEADS: usize = 1 << 12;
/// First bytes of a text that are hashed, if so many are known.
pub const HASHED: usize = 5;
/// A text's first bytes are known if there are no more ways to write them, but for case.
const SPELLINGS: usize = 64;
/// In no more ways than this are five of them spelled out: that takes time whenever an artifact is loaded.
const FEW: usize = 8;
/// Bytes that are compared.
pub(super) const COMPARED: usize = 8;
/// How far before a position the bytes may begin that are compared.
pub const BACK: u8 = 8;

/// Bytes around a position, as far as they are known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// How far before the position they begin; at most [`BACK`].
    pub(crate) back: u8,
    /// The bits that are known, in little-endian order.
    pub(crate) mask: u64,
    /// What they are.
    pub(crate) literal: u64,
}

/// One comparison, for all of whom it stands.
#[derive(Debug, Clone, Copy)]
struct Test {
    /// Which bits are known of the eight bytes before the position, and of the eight from it on.
    masks: [u64; 2],
    /// What they are.
    literals: [u64; 2],
    /// For whom: from here in the list of them, and up to here.
    from: u32,
    to: u32,
}

impl Test {
    fn new(known: Known, from: u32, to: u32) -> Test {
        let back = u32::from(known.back.min(BACK));
        // The bytes before the position are the last ones of their word.
        let halves = |word: u64| {
            let before = word.checked_shl(64 - 8 * back).unwrap_or(0);
            [before, word.checked_shr(8 * back).unwrap_or(0)]
        };
        Test {
            masks: halves(known.mask),
            literals: halves(known.literal),
            from,
            to,
        }
    }

    /// Whether the bytes around a position can be these, as far as they are `there`.
    #[inline(always)]
    fn is(&self, around: [u64; 2], there: [u64; 2]) -> bool {
        let differs = |half: usize| {
            let [a, b, c, d] = [&around, &self.literals, &self.masks, &there]
                .map(|words| words.get(half).copied().unwrap_or(0));
            (a ^ b) & c & d
        };
        differs(0) | differs(1) == 0
    }
}

/// What texts are sorted by when an artifact is loaded: what is known of them, then their places. Small, for it is moved often.
struct Key {
    mask: u64,
    literal: u64,
    index: u32,
    back: u8,
}

impl Key {
    fn new<T>(((known, ..), index): (&(Known, T, [SetIndex; HASHED]), u32)) -> Key {
        Key {
            mask: known.mask,
            literal: known.literal,
            index,
            back: known.back,
        }
    }

    fn known(&self) -> (u8, u64, u64) {
        (self.back, self.mask, self.literal)
    }

    fn order(&self, other: &Key) -> Ordering {
        let known = self.known().cmp(&other.known());
        known.then(self.index.cmp(&other.index))
    }
}

/// Texts by their bytes, each for a `T`.
pub(crate) struct Dictionary<T> {
    /// By the hash of three bytes: in the lower half a bit for each hash of five that some text begins with, in the upper one for each
    /// finer hash of three. 16 KiB, to stay in the first cache.
    gates: Box<[u64; GATES]>,
    /// Texts of which only the first three bytes are known.
    short: Layer<WINDOW>,
    /// Texts whose first five are.
    long: Layer<HASHED>,
    owners: Vec<T>,
}

/// Texts by the hash of their first `N` bytes.
struct Layer<const N: usize> {
    /// For each hash where its tests start; one more for the end.
    heads: Box<[u32; HEADS + 1]>,
    tests: Vec<Test>,
}

/// What case leaves open, set in each byte.
pub(super) const LOWER: u64 = 0x2020_2020_2020_2020;

/// Bytes, but for case, spread over a word: no bit before bit `8 * N` depends on more than the first `N` bytes, and the last of
/// these depend on all of them.
#[inline(always)]
fn spread(word: u64) -> u64 {
    (word | LOWER).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The hash of the first `N` bytes of what was spread, below `2^bits`.
#[inline(always)]
fn hash<const N: usize>(spread: u64, bits: u32) -> usize {
    (spread >> (8 * N as u32 - bits)) as usize & ((1 << bits) - 1)
}

/// Where in the gates something is: the word, and the bit in each of its halves.
#[inline(always)]
fn gate(spread: u64) -> (usize, [u32; 2]) {
    const HALF: u32 = u32::BITS.ilog2();
    let fine = hash::<WINDOW>(spread, GATES.ilog2() + HALF);
    let long = hash::<HASHED>(spread, HALF);
    let short = fine % (1 << HALF);
    (fine >> HALF, [long as u32, u32::BITS + short as u32])
}

/// In how many ways a byte of each of `sets` can be written after the other, but for case.
pub(super) fn ways<'a>(sets: impl Iterator<Item = &'a ByteSet>) -> usize {
    let count = |set: &ByteSet| {
        let words = folded(set).into_iter();
        words.map(|word| word.count_ones() as usize).sum()
    };
    sets.map(count).fold(1, usize::saturating_mul)
}

/// Whether that is few enough to tell texts apart by it.
pub(super) fn are_few(ways: usize) -> bool {
    ways <= SPELLINGS
}

/// The eight bytes of `hay` from `at` on, and which of them are there.
#[inline(always)]
pub(crate) fn word(hay: &[u8], at: usize) -> (u64, u64) {
    match hay.get(at..) {
        Some([a, b, c, d, e, f, g, h, ..]) => {
            (u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), !0)
        }
        rest => cut_word(rest.unwrap_or_default()),
    }
}

/// The same of fewer bytes.
#[cold]
fn cut_word(rest: &[u8]) -> (u64, u64) {
    rest.iter()
        .zip(0u32..)
        .fold((0, 0), |(word, there), (&byte, i)| {
            let shift = 8 * (i & 7);
            (word | u64::from(byte) << shift, there | 0xff << shift)
        })
}

impl<const N: usize> Layer<N> {
    /// Of tests, each with the sets of its first bytes. Calls `each` with what these are, spread.
    fn new(
        all: &[(Test, &[SetIndex; HASHED])],
        sets: &Sets,
        mut each: impl FnMut(u64),
    ) -> Layer<N> {
        let mut heads = Box::new([0u32; HEADS + 1]);
        // Which test was added to each list last, and one: none is added twice.
        let mut last = Box::new([0u16; HEADS]);
        let mut pairs: Vec<(u16, u16)> = Vec::with_capacity(4 * all.len());
        // Neighbours often begin alike.
        let (mut known, mut spelled): (&[SetIndex], _) = (&[], Spelled::default());
        for (i, (_, first)) in (1..).zip(all) {
            let first = first.get(..N).unwrap_or_default();
            if known != first {
                (known, spelled) = (first, Spelled::new(sets.all_facts(first)));
            }
            spelled.texts(N, &mut |text| {
                let spread = spread(text);
                each(spread);
                let head = hash::<N>(spread, HEADS.ilog2());
                if let (Some(last), Some(end)) = (last.get_mut(head), heads.get_mut(head + 1))
                    && *last != i
                {
                    *last = i;
                    *end += 1;
                    pairs.push((head as u16, i - 1));
                }
            });
        }
        let mut sum = 0;
        for end in heads.iter_mut() {
            sum += *end;
            *end = sum;
        }
        // Each is put where its list has got to, in order.
        let mut next = heads.clone();
        let nothing = Known {
            back: 0,
            mask: 0,
            literal: 0,
        };
        let nothing = Test::new(nothing, 0, 0);
        let mut tests = alloc::vec![nothing; pairs.len()];
        for (head, i) in pairs {
            if let Some(at) = next.get_mut(usize::from(head)) {
                let test = all.get(usize::from(i));
                if let (Some(slot), Some(&(test, _))) = (tests.get_mut(*at as usize), test) {
                    *slot = test;
                }
                *at += 1;
            }
        }
        Layer { heads, tests }
    }

    /// What is compared where the bytes are that were spread.
    #[inline(always)]
    fn tests(&self, spread: u64) -> &[Test] {
        let head = hash::<N>(spread, HEADS.ilog2());
        match (self.heads.get(head), self.heads.get(head + 1)) {
            (Some(&from), Some(&to)) => self.tests.get(from as usize..to as usize),
            _ => None,
        }
        .unwrap_or_default()
    }
}

impl<T: Copy + Eq> Dictionary<T> {
    /// Of what is known of each text, whom it stands for, and which of `sets` its first bytes are in; in the order of those for whom they
    /// stand.
    pub(crate) fn new(texts: &[(Known, T, [SetIndex; HASHED])], sets: &Sets) -> Dictionary<T> {
        Dictionary::sieved(texts, sets, |_, _, _| {})
    }

    /// The same. Calls `each` with what is known of the eight bytes of every text from its position on, mask and value, and with the
    /// sets: once for texts that are alike.
    pub(crate) fn sieved(
        texts: &[(Known, T, [SetIndex; HASHED])],
        sets: &Sets,
        mut each: impl FnMut(u64, u64, &[SetIndex; HASHED]),
    ) -> Dictionary<T> {
        let mut order: Vec<Key> = texts.iter().zip(0..).map(Key::new).collect();
        order.sort_unstable_by(Key::order);
        let mut owners = Vec::with_capacity(texts.len());
        let (mut short, mut long) = (Vec::with_capacity(texts.len()), Vec::new());
        for same in order.chunk_by(|a, b| a.known() == b.known()) {
            let from = owners.len() as u32;
            let mut last = None;
            let same = same.iter().filter_map(|key| texts.get(key.index as usize));
            for &(_, owner, _) in same.clone() {
                if last != Some(owner) {
                    owners.push(owner);
                }
                last = Some(owner);
            }
            let to = owners.len() as u32;
            for (known, _, first) in same {
                let list = if sets.ways(first) <= FEW {
                    &mut long
                } else {
                    &mut short
                };
                list.push((Test::new(*known, from, to), first));
            }
        }
        for list in [&mut short, &mut long] {
            list.dedup_by(|(a, some), (b, others)| a.from == b.from && some == others);
            for (test, first) in list.iter() {
                let ([_, mask], [_, literal]) = (test.masks, test.literals);
                each(mask, literal, first);
            }
        }
        let mut gates = Box::new([0; GATES]);
        let mut open = |spread, half: fn([u32; 2]) -> u32| {
            let (word, bits) = gate(spread);
            if let Some(word) = gates.get_mut(word) {
                *word |= 1 << half(bits);
            }
        };
        Dictionary {
            short: Layer::new(&short, sets, |spread| open(spread, |[_, short]| short)),
            long: Layer::new(&long, sets, |spread| open(spread, |[long, _]| long)),
            gates,
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
        match text.first_chunk::<{ STRIP + COMPARED }>() {
            Some(text) => positions.retain(|at| {
                let bytes = text.get(at % STRIP..).and_then(|rest| rest.first_chunk());
                self.may_begin(bytes.copied().map_or(0, u64::from_le_bytes))
            }),
            None => positions.retain(|at| self.may_stand(text, at)),
        }
    }

    /// Whether something may have the bytes at `at`. Near the end, where fewer than [`HASHED`] are there, that is not known.
    #[inline(always)]
    pub(crate) fn may_stand(&self, hay: &[u8], at: usize) -> bool {
        self.may_begin(word(hay, at).0)
    }

    /// Calls `found` for each of `places` at which something may stand, in order.
    #[inline]
    pub(crate) fn passing(&self, hay: &[u8], places: Range<usize>, mut found: impl FnMut(usize)) {
        let end = places.end.saturating_add(COMPARED - 1).min(hay.len());
        let whole = hay.get(places.start..end).unwrap_or_default();
        for (at, bytes) in places.clone().zip(whole.array_windows()) {
            if self.may_begin(u64::from_le_bytes(*bytes)) {
                found(at);
            }
        }
        // Near the end fewer bytes are there.
        let looked = (whole.len() + 1).saturating_sub(COMPARED);
        for at in places.skip(looked) {
            if self.may_stand(hay, at) {
                found(at);
            }
        }
    }

    /// Whether something may begin with the first bytes of `word`.
    #[inline(always)]
    pub(crate) fn may_begin(&self, word: u64) -> bool {
        let (word, [long, short]) = gate(spread(word));
        let word = self.gates.get(word).copied().unwrap_or(0);
        (word >> long | word >> short) & 1 == 1
    }

    /// Calls `found` for whom stands at `at`, as far as what is known goes; bytes beyond the end match.
    #[inline]
    pub(crate) fn standing(&self, hay: &[u8], at: usize, mut found: impl FnMut(T)) {
        let (around, there) = around(hay, at);
        let first = spread(around[1]);
        for tests in [self.short.tests(first), self.long.tests(first)] {
            let found_here = |test: &Test| {
                let owners = self.owners.get(test.from as usize..test.to as usize);
                owners.unwrap_or_default().iter().for_each(|&o| found(o));
            };
            // Two loops, for nearly always all bytes are there.
            match there {
                None => tests
                    .iter()
                    .filter(|test| test.is(around, [!0; 2]))
                    .for_each(found_here),
                Some(there) => tests
                    .iter()
                    .filter(|test| test.is(around, there))
                    .for_each(found_here),
            }
        }
    }
}

/// The eight bytes before a position and the eight from it on; and, unless all are, which of them are there, all bits of each.
#[inline(always)]
fn around(hay: &[u8], at: usize) -> ([u64; 2], Option<[u64; 2]>) {
    let before = at.checked_sub(usize::from(BACK));
    let bytes = before.and_then(|from| hay.get(from..)?.first_chunk::<AROUND>());
    match bytes {
        Some(bytes) => (halves(bytes), None),
        None => cut_around(hay, at),
    }
}

const AROUND: usize = BACK as usize + COMPARED;

#[inline(always)]
fn halves(bytes: &[u8; AROUND]) -> [u64; 2] {
    let word = |half: Option<&[u8; 8]>| half.copied().map_or(0, u64::from_le_bytes);
    [word(bytes.first_chunk()), word(bytes.last_chunk())]
}

/// The same near an end of `hay`. What would begin before it does not begin at all, what goes on behind it may.
#[cold]
fn cut_around(hay: &[u8], at: usize) -> ([u64; 2], Option<[u64; 2]>) {
    let (mut bytes, mut there) = ([0; AROUND], [0xff; AROUND]);
    for (i, (byte, there)) in bytes.iter_mut().zip(&mut there).enumerate() {
        let index = (at + i).checked_sub(usize::from(BACK));
        match index.map(|index| hay.get(index)) {
            Some(Some(&known)) => *byte = known,
            Some(None) => *there = 0,
            None => {}
        }
    }
    (halves(&bytes), Some(halves(&there)))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use crate::prefilter::sets::numbered;

    /// Words shorter than what is hashed end before bytes that may be any.
    #[test]
    fn whatever_follows_a_short_text_it_stands() {
        for text in ["ci", "x", "cia"] {
            let mut sets = [[!0; 4]; HASHED];
            let (mut mask, mut literal) = (0, 0);
            for (i, byte) in text.bytes().enumerate() {
                sets[i] = [0; 4];
                for byte in [byte, byte.to_ascii_uppercase()] {
                    sets[i][usize::from(byte / 64)] |= 1 << (byte % 64);
                }
                mask |= 0xdf << (8 * i);
                literal |= u64::from(byte & 0xdf) << (8 * i);
            }
            let known = Known {
                back: 0,
                mask,
                literal,
            };
            let (all, first) = numbered(sets);
            let dictionary = Dictionary::new(&[(known, 7u16, first)], &all);
            for (first, second) in (0..=255u8).flat_map(|a| [0, b'z', 0xa0, 255].map(|b| (a, b))) {
                let mut hay = Vec::from(text.as_bytes());
                hay.extend([first, second, first, second, 0, 0, 0, 0, 0]);
                let mut found = Vec::new();
                assert!(dictionary.may_stand(&hay, 0), "{text} {first} {second}");
                dictionary.standing(&hay, 0, |owner| found.push(owner));
                assert_eq!(found, [7], "{text} {first} {second}");
            }
        }
    }
}
