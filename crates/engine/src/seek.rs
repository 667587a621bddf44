//! Finding the next byte of a set, eight bytes at a time where the set is one range of ASCII: digits, mostly.

use crate::boundary::{ByteSet, contains};

const EACH: u64 = 0x0101_0101_0101_0101;
const TOP: u64 = EACH << 7;

/// A set of bytes to look for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seek {
    set: ByteSet,
    /// The first and last byte of a set that is a range of ASCII.
    range: Option<(u8, u8)>,
}

impl Seek {
    pub(crate) fn new(set: ByteSet) -> Seek {
        let count = set.iter().map(|word| word.count_ones()).sum::<u32>();
        let words = || {
            set.into_iter()
                .zip([0, 64, 128, 192])
                .filter(|&(word, _)| word != 0)
        };
        let (lowest, highest) = (words().next(), words().next_back());
        let first = lowest.map(|(word, base)| base + word.trailing_zeros() as u8);
        let last = highest.map(|(word, base)| base + word.ilog2() as u8);
        let ends = first.zip(last);
        let range =
            ends.filter(|&(first, last)| last.is_ascii() && u32::from(last - first) + 1 == count);
        Seek { set, range }
    }

    /// Where in `text` the first byte of the set is.
    #[inline]
    pub(crate) fn position(&self, text: &[u8]) -> Option<usize> {
        let (mut rest, mut passed) = (text, 0);
        if let Some((first, last)) = self.range {
            let (least, beyond) = (
                u64::from(0x80 - first) * EACH,
                u64::from(0x7f - last) * EACH,
            );
            while let Some((chunk, more)) = rest.split_first_chunk() {
                let bytes = u64::from_le_bytes(*chunk);
                let low = bytes & !TOP;
                let inside = (low + least) & !(low + beyond) & !bytes & TOP;
                if inside != 0 {
                    return Some(passed + inside.trailing_zeros() as usize / 8);
                }
                rest = more;
                passed += 8;
            }
        }
        let found = rest.iter().position(|&byte| contains(&self.set, byte))?;
        Some(passed + found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(bytes: impl Iterator<Item = u8>) -> ByteSet {
        bytes.fold([0; 4], |mut set, byte| {
            if let Some(word) = set.get_mut(usize::from(byte / 64)) {
                *word |= 1 << (byte % 64);
            }
            set
        })
    }

    #[test]
    fn every_byte_is_found_wherever_it_is() {
        let sets = [
            set(b'0'..=b'9'),
            set(0..=127),
            set(0..=0),
            set(127..=127),
            set((b'0'..=b'9').chain([0x80])),
            set([b'a', b'c'].into_iter()),
            set(0..=255),
            set(core::iter::empty()),
        ];
        for set in sets {
            let seek = Seek::new(set);
            for length in 0..20 {
                for at in 0..length {
                    for byte in 0..=255u8 {
                        for fill in [b'/', b':', 0x80, 0xff, 0, b'b'] {
                            let mut text = alloc::vec![fill; length];
                            if let Some(slot) = text.get_mut(at) {
                                *slot = byte;
                            }
                            let slow = text.iter().position(|&b| contains(&set, b));
                            assert_eq!(seek.position(&text), slow, "{set:?} {text:?}");
                        }
                    }
                }
            }
        }
    }
}
