//! Header values and paths in which nothing was found lately, so that what every request of a client repeats is scanned once. What a value is
//! scanned for lives in [`crate::fields`]; one of these belongs to one plugin, because another has other rules.
//!
//! Only whole headers without any finding are kept, compared byte by byte: a header that is known is one that was scanned.

use core::cell::RefCell;

use crate::headers::same;

/// Sets of so many headers each. Browsers send about fifteen headers, some of which differ from request to request: that more of those that
/// stay the same meet in one set than find room there is rare.
const SETS: usize = 32;
const WAYS: usize = 4;
/// The longest header that is kept, name and value together, in bytes: with it memory is at most 64 KiB.
const LONGEST: usize = 512;

/// Headers in which nothing was found.
#[derive(Debug)]
pub struct Known {
    /// In each set those that were seen last stand first.
    sets: RefCell<Vec<[Header; WAYS]>>,
}

/// A name and a value; both empty where there is none.
#[derive(Debug, Default, Clone)]
struct Header {
    /// Of name and value: most others are told apart by it.
    sum: u64,
    name_len: usize,
    bytes: Vec<u8>,
}

impl Header {
    fn is(&self, sum: u64, name: &[u8], value: &[u8]) -> bool {
        self.sum == sum
            && self.name_len == name.len()
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
        let sum = sum(name, value);
        let Some(set) = sets.get_mut(set_of(sum)) else {
            return false;
        };
        let found = set.iter().position(|header| header.is(sum, name, value));
        if let Some(at) = found {
            to_front(set, at);
        }
        found.is_some()
    }

    /// Notes a header in which nothing was found, in the place of the one of its set that was not seen for longest.
    pub fn note(&self, name: &[u8], value: &[u8]) {
        if name.is_empty() || name.len() + value.len() > LONGEST {
            return;
        }
        let mut sets = self.sets.borrow_mut();
        let sum = sum(name, value);
        let Some(set) = sets.get_mut(set_of(sum)) else {
            return;
        };
        to_front(set, WAYS - 1);
        let [first, ..] = set;
        (first.sum, first.name_len) = (sum, name.len());
        first.bytes.clear();
        first.bytes.extend_from_slice(name);
        first.bytes.extend_from_slice(value);
    }
}

/// Puts the header at `at` first; those before it move on.
fn to_front(set: &mut [Header; WAYS], at: usize) {
    (1..=at).rev().for_each(|at| set.swap(at - 1, at));
}

/// A header in one number, eight bytes at a time. That two have the same costs a comparison, nothing else.
fn sum(name: &[u8], value: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut sum = name.len() as u64;
    let mut mix = |word: u64| sum = (sum ^ word).wrapping_mul(MULTIPLIER).rotate_left(29);
    for part in [name, value] {
        for word in part.as_chunks().0 {
            mix(u64::from_le_bytes(*word));
        }
        match part.last_chunk() {
            // It may share bytes with the word before it.
            Some(last) => mix(u64::from_le_bytes(*last)),
            None => mix(part.iter().fold(1, |sum, byte| sum << 8 | u64::from(*byte))),
        }
    }
    sum.wrapping_mul(MULTIPLIER)
}

/// Of a product the upper bits depend on all others.
fn set_of(sum: u64) -> usize {
    usize::try_from(sum >> (u64::BITS - SETS.ilog2())).unwrap_or(0)
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
        // So many find room together wherever they are, and all of them stay.
        let names: Vec<String> = (0..WAYS).map(|number| format!("x-{number}")).collect();
        for round in 0..100 {
            for name in &names {
                let held = known.has(name.as_bytes(), b"the same each time");
                assert!(held || round == 0, "{name}");
                if !held {
                    known.note(name.as_bytes(), b"the same each time");
                }
            }
        }
        // In one set too: those that were seen last.
        let in_set = |number: &u32| set_of(sum(b"x", number.to_string().as_bytes())) == 7;
        let values: Vec<u32> = (0..u32::MAX).filter(in_set).take(WAYS + 1).collect();
        for value in &values {
            known.note(b"x", value.to_string().as_bytes());
        }
        let held = values
            .iter()
            .map(|v| known.has(b"x", v.to_string().as_bytes()));
        assert_eq!(held.filter(|held| *held).count(), WAYS);
        assert!(
            !known.has(
                b"x",
                values
                    .first()
                    .map(u32::to_string)
                    .unwrap_or_default()
                    .as_bytes()
            )
        );
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
