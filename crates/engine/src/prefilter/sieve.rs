//! The second look at where texts may begin: by as many of their bytes as are known, where the gates of a
//! [`Dictionary`](super::dictionary::Dictionary) have only three or five. Of what these let through a part begins like some text by the
//! chance of a hash, and most of the rest goes on otherwise.
//!
//! It pays where texts are many and begin like words of prose: for what begins tokens. It does not for the literals of the first pass.

use alloc::boxed::Box;

use super::dictionary::{COMPARED, HASHED, LOWER, are_few};
use super::sets::{SetIndex, Sets};
use super::spelled::Spelled;
use super::{Positions, STRIP, WINDOW};

/// Words of the map. 16 KiB, of which little is touched.
const WORDS: usize = 1 << 11;
/// Bits of a word for each kind of key.
const FIELD: u32 = 16;
/// In no more ways than this are keys of more than four bytes spelled out.
const FEW: usize = 8;

/// How many of a text's first bytes are hashed: a field for each, from the one that tells least to the one that tells most.
const KEYS: [usize; 4] = [WINDOW, 4, 6, COMPARED];
/// Which of them ends with the byte at each place.
const KEY_AT: [Option<usize>; COMPARED] =
    [None, None, Some(0), Some(1), None, Some(2), None, Some(3)];

/// For each text one bit, by the longest key of its bytes that is known.
pub(crate) struct Sieve(Box<[u64; WORDS]>);

/// Bytes, but for case, spread over a word; as in the dictionary, and by another number, so that chance strikes elsewhere.
#[inline(always)]
fn spread(word: u64) -> u64 {
    (word | LOWER).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// The topmost `bits` of what the first `length` bytes were spread to.
#[inline(always)]
fn hash(spread: u64, length: usize, bits: u32) -> usize {
    (spread >> (8 * length as u32 - bits)) as usize & ((1 << bits) - 1)
}

/// The word that is asked, by the three bytes at the position.
#[inline(always)]
fn place(spread: u64) -> usize {
    hash(spread, WINDOW, WORDS.ilog2())
}

/// The bit in the field, by the bytes of the key. Bits that have chosen the word are not used again.
#[inline(always)]
fn bit(spread: u64, length: usize) -> u32 {
    const BITS: u32 = FIELD.ilog2();
    let bits = if length == WINDOW { WORDS.ilog2() } else { 0 } + BITS;
    hash(spread, length, bits) as u32 & (FIELD - 1)
}

impl Default for Sieve {
    fn default() -> Sieve {
        Sieve(Box::new([0; WORDS]))
    }
}

impl Sieve {
    /// Takes a text in: `mask` and `literal` are what is known of its first eight bytes, in little-endian order, `first` which of `sets`
    /// the first of them are in.
    pub(crate) fn add(&mut self, mask: u64, literal: u64, first: &[SetIndex; HASHED], sets: &Sets) {
        let mut spelled = Spelled::default();
        // The longest key that is known, and not spelled in too many ways.
        let (mut field, mut chosen) = (0, None);
        for (at, key) in (0..COMPARED).zip(KEY_AT) {
            match first.get(at).and_then(|&index| sets.facts(index)) {
                Some(facts) => spelled.push_one_of(facts),
                None => {
                    let (mask, literal) = ((mask >> (8 * at)) as u8, (literal >> (8 * at)) as u8);
                    if mask | LOWER as u8 != !0 {
                        break;
                    }
                    spelled.push(literal | LOWER as u8);
                }
            }
            let ways = spelled.ways();
            let few = if at < 4 { are_few(ways) } else { ways <= FEW };
            if !few && at >= WINDOW {
                break;
            }
            if let Some(key) = key {
                (field, chosen) = (key, Some(spelled.length()));
            }
        }
        let Some(length) = chosen else {
            return;
        };
        spelled.texts(length, &mut |text| {
            let spread = spread(text);
            if let Some(word) = self.0.get_mut(place(spread)) {
                *word |= 1 << (FIELD * field as u32 + bit(spread, length));
            }
        });
    }

    /// Whether some text may have the bytes of `word`.
    #[inline(always)]
    fn may_have(&self, word: u64) -> bool {
        let [three, four, six, eight] = KEYS;
        let spread = spread(word);
        let word = self.0.get(place(spread)).copied().unwrap_or(!0);
        let bits = word >> bit(spread, three)
            | word >> (FIELD + bit(spread, four))
            | word >> (2 * FIELD + bit(spread, six))
            | word >> (3 * FIELD + bit(spread, eight));
        bits & 1 == 1
    }

    /// Leaves those of `positions`, counted from `from`, at which some text may begin. Where not all bytes are there, that is not known.
    #[inline]
    pub(crate) fn sift(&self, hay: &[u8], from: usize, positions: &mut Positions) {
        let text = hay.get(from..).unwrap_or_default();
        // All of a strip have eight bytes; of the last one no position is worth a question.
        if let Some(text) = text.first_chunk::<{ STRIP + COMPARED }>() {
            positions.retain(|at| {
                let bytes = text.get(at % STRIP..).and_then(|rest| rest.first_chunk());
                bytes.is_none_or(|&bytes| self.may_have(u64::from_le_bytes(bytes)))
            });
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::boundary::ByteSet;
    use crate::prefilter::sets::numbered;

    /// Texts of which a few bytes are known, of every number, in either case, with classes among them.
    #[test]
    fn no_text_is_lost() {
        let class = |bytes: &[u8]| {
            let mut set = ByteSet::default();
            bytes
                .iter()
                .for_each(|&b| set[usize::from(b / 64)] |= 1 << (b % 64));
            set
        };
        for known_bytes in 1..=COMPARED {
            for class_at in 0..=HASHED {
                let text = b"token_id";
                let mut sets = [[!0; 4]; HASHED];
                let (mut mask, mut literal) = (0, 0);
                for (i, &b) in text.iter().enumerate().take(known_bytes) {
                    let set = match i == class_at {
                        true => class(b"0123456789"),
                        false => class(&[b, b.to_ascii_uppercase()]),
                    };
                    if i < HASHED {
                        sets[i] = set;
                    }
                    let bits = match (i == class_at, b.is_ascii_alphabetic()) {
                        (true, _) => 0,
                        (false, true) => 0xdf,
                        (false, false) => 0xff,
                    };
                    mask |= bits << (8 * i);
                    literal |= (u64::from(b) & bits) << (8 * i);
                }
                let mut sieve = Sieve::default();
                let (all, first) = numbered(sets);
                sieve.add(mask, literal, &first, &all);
                for other in [b'7', b' ', b'Z', 0xff] {
                    let mut hay: Vec<u8> = text.to_vec();
                    hay[known_bytes..].fill(other);
                    if class_at < known_bytes {
                        hay[class_at] = b'4';
                    }
                    for flip in 0..1usize << known_bytes.min(4) {
                        let mut word = [0; 8];
                        word.copy_from_slice(&hay);
                        for (i, b) in word.iter_mut().enumerate().take(4) {
                            if flip >> i & 1 == 1 {
                                *b = b.to_ascii_uppercase();
                            }
                        }
                        assert!(
                            sieve.may_have(u64::from_le_bytes(word)),
                            "{known_bytes} bytes, a class at {class_at}: {word:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn other_texts_are_told_apart() {
        let mut sets = [[0; 4]; HASHED];
        let text = *b"password";
        for (set, byte) in sets.iter_mut().zip(text) {
            set[usize::from(byte / 64)] |= 1 << (byte % 64);
        }
        let mut sieve = Sieve::default();
        let (all, first) = numbered(sets);
        sieve.add(!0, u64::from_le_bytes(text), &first, &all);
        let passing = [b"password", b"passport", b"passenge", b"pass    "];
        let passing = passing.map(|text| sieve.may_have(u64::from_le_bytes(*text)));
        assert_eq!(passing, [true, false, false, false]);
    }
}
