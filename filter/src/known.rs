//! Header values and paths in which nothing was found lately, so that what every request of a client repeats is scanned once. What a value is
//! scanned for lives in [`crate::fields`]; one of these belongs to one plugin, because another has other rules.
//!
//! Only whole headers without any finding are kept, compared byte by byte: a header that is known is one that was scanned.

use core::cell::RefCell;

/// Sets of two headers each. Browsers send about fifteen headers, some of which differ from request to request.
const SETS: usize = 64;
/// The longest header that is kept, name and value together, in bytes: with it memory is at most 64 KiB.
const LONGEST: usize = 512;

/// Headers in which nothing was found.
#[derive(Debug)]
pub struct Known {
    /// In each set the one that was seen last stands first.
    sets: RefCell<Vec<[Header; 2]>>,
}

/// A name and a value; both empty where there is none.
#[derive(Debug, Default, Clone)]
struct Header {
    name_len: usize,
    bytes: Vec<u8>,
}

impl Header {
    fn is(&self, name: &[u8], value: &[u8]) -> bool {
        self.name_len == name.len()
            && self.bytes.len() == name.len() + value.len()
            && self
                .bytes
                .split_at_checked(self.name_len)
                .is_some_and(|known| same(known.0, name) && same(known.1, value))
    }
}

impl Default for Known {
    fn default() -> Known {
        Known {
            sets: RefCell::new(vec![Default::default(); SETS]),
        }
    }
}

impl Known {
    /// Whether this very header was noted and is still here.
    pub fn has(&self, name: &[u8], value: &[u8]) -> bool {
        if name.is_empty() || name.len() + value.len() > LONGEST {
            return false;
        }
        let mut sets = self.sets.borrow_mut();
        let Some([first, second]) = sets.get_mut(set_of(name, value)) else {
            return false;
        };
        if first.is(name, value) {
            return true;
        }
        let known = second.is(name, value);
        if known {
            core::mem::swap(first, second);
        }
        known
    }

    /// Notes a header in which nothing was found, in the place of the one of its set that was not seen for longest.
    pub fn note(&self, name: &[u8], value: &[u8]) {
        if name.is_empty() || name.len() + value.len() > LONGEST {
            return;
        }
        let mut sets = self.sets.borrow_mut();
        if let Some([first, second]) = sets.get_mut(set_of(name, value)) {
            core::mem::swap(first, second);
            first.name_len = name.len();
            first.bytes.clear();
            first.bytes.extend_from_slice(name);
            first.bytes.extend_from_slice(value);
        }
    }
}

/// Equality of slices of one length, a word at a time: what the compiler makes of `==` on wasm32 goes byte by byte.
fn same(one: &[u8], other: &[u8]) -> bool {
    let ((one, one_rest), (other, other_rest)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let words = |words: &[u8; 8]| u64::from_le_bytes(*words);
    one_rest == other_rest
        && one
            .iter()
            .zip(other)
            .all(|(one, other)| words(one) == words(other))
}

/// The set of a header: eight bytes at a time into one number. A collision costs a scan, nothing else.
fn set_of(name: &[u8], value: &[u8]) -> usize {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut sum = name.len() as u64;
    let mut mix = |word: u64| sum = (sum ^ word).wrapping_mul(MULTIPLIER).rotate_left(29);
    for part in [name, value] {
        let (words, rest) = part.as_chunks::<8>();
        for word in words {
            mix(u64::from_le_bytes(*word));
        }
        mix(rest.iter().fold(1, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    usize::try_from(sum >> 32).unwrap_or(0) % SETS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_known_and_nothing_else() {
        let known = Known::default();
        assert!(!known.has(b"", b""));
        known.note(b"accept", b"text/html");
        assert!(known.has(b"accept", b"text/html"));
        for (name, value) in [
            ("accept", "text/htm"),
            ("accept", "text/html "),
            ("accep", "ttext/html"),
            ("acceptt", "ext/html"),
            ("Accept", "text/html"),
            ("", "accepttext/html"),
        ] {
            assert!(!known.has(name.as_bytes(), value.as_bytes()), "{name}");
        }
    }

    #[test]
    fn room_is_bounded_and_what_is_used_stays() {
        let known = Known::default();
        known.note(b"user-agent", b"much used");
        for number in 0..10_000_u32 {
            known.note(b"x-request-id", number.to_string().as_bytes());
            assert!(known.has(b"user-agent", b"much used"), "{number}");
        }
        let long = vec![b'a'; LONGEST];
        known.note(b"x", &long);
        assert!(!known.has(b"x", &long));
        let sets = known.sets.borrow();
        assert_eq!(sets.len(), SETS);
        assert!(
            sets.iter()
                .flatten()
                .all(|header| header.bytes.len() <= LONGEST)
        );
    }
}
