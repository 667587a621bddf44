//! All that a few bytes may be, but for case, as words in little-endian order: what hashes of texts are made of when an artifact is
//! loaded. Nearly every byte of a text is one letter, so those that may be several are kept apart.

use super::sets::Facts;
use crate::boundary::ByteSet;

/// Bytes of a word.
const MOST: usize = 8;

/// Up to eight bytes, one after the other.
#[derive(Clone, Copy, Default)]
pub(super) struct Spelled<'a> {
    /// Those that are one.
    text: u64,
    /// The others, and by how many bits each is shifted.
    open: [Option<(&'a ByteSet, u32)>; MOST],
    opened: usize,
    length: usize,
    ways: Option<usize>,
}

impl<'a> Spelled<'a> {
    /// Of sets, as many as there is room for.
    pub(super) fn new(sets: impl Iterator<Item = &'a Facts>) -> Spelled<'a> {
        let mut spelled = Spelled::default();
        sets.take(MOST).for_each(|set| spelled.push_one_of(set));
        spelled
    }

    /// How many bytes there are.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// In how many ways all of them can be written.
    pub(super) fn ways(&self) -> usize {
        self.ways.unwrap_or(1)
    }

    /// One byte more, as case leaves it: with bit 5 set.
    pub(super) fn push(&mut self, byte: u8) {
        self.text |= u64::from(byte) << (8 * self.length as u32);
        self.length += 1;
    }

    /// One more of a set.
    pub(super) fn push_one_of(&mut self, set: &'a Facts) {
        // Nearly always a letter, or a digit or sign.
        if let Some(byte) = set.one {
            return self.push(byte);
        }
        self.ways = Some(self.ways().saturating_mul(set.ways));
        if let Some(slot) = self.open.get_mut(self.opened) {
            *slot = Some((&set.folded, 8 * self.length as u32));
        }
        self.opened += 1;
        self.length += 1;
    }

    /// Calls `each` with every text that the first `length` bytes can be.
    pub(super) fn texts(&self, length: usize, each: &mut impl FnMut(u64)) {
        let bits = 8 * length.min(MOST) as u32;
        let within = u64::MAX.checked_shr(u64::BITS - bits).unwrap_or(0);
        let open = self.open.get(..self.opened).unwrap_or_default();
        let beyond = |open: &Option<(_, u32)>| open.is_none_or(|(_, shift)| shift >= bits);
        let open = open.split(beyond).next();
        spell(open.unwrap_or_default(), self.text & within, each);
    }
}

/// Calls `each` with `text`, in which each of the bytes of `open` is put in every way.
fn spell(open: &[Option<(&ByteSet, u32)>], text: u64, each: &mut impl FnMut(u64)) {
    let Some((&Some((set, shift)), rest)) = open.split_first() else {
        return each(text);
    };
    for (&bytes, base) in set.iter().zip([0, 64, 128, 192]) {
        let mut left = bytes;
        while left != 0 {
            let byte = base + u64::from(left.trailing_zeros());
            left &= left - 1;
            spell(rest, text | byte << shift, each);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn every_way_and_no_other() {
        let set = |bytes: &[u8]| {
            let mut set = ByteSet::default();
            for &byte in bytes {
                if let Some(word) = set.get_mut(usize::from(byte / 64)) {
                    *word |= 1 << (byte % 64);
                }
            }
            set
        };
        let facts = [b"Kk".as_slice(), b"-_.", b"7", b"ab"].map(|bytes| Facts::new(set(bytes)));
        let spelled = Spelled::new(facts.iter());
        let texts = |length: usize| {
            let mut all = Vec::new();
            spelled.texts(length, &mut |text| all.push(text.to_le_bytes()));
            all.sort_unstable();
            all
        };
        // `_` is `\x7f` with bit 5 set.
        let expected = [
            *b"k-7a\0\0\0\0",
            *b"k-7b\0\0\0\0",
            *b"k.7a\0\0\0\0",
            *b"k.7b\0\0\0\0",
            *b"k\x7f7a\0\0\0\0",
            *b"k\x7f7b\0\0\0\0",
        ];
        assert_eq!((texts(4), spelled.ways()), (expected.to_vec(), 6));
        assert_eq!(texts(1), [*b"k\0\0\0\0\0\0\0"]);
        assert_eq!(texts(0), [[0; 8]]);
    }
}
