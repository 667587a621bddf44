//! Rules that want a word before their matches are looked for by the word: it is rare, while their shapes (digits, mostly) are
//! everywhere. Where words begin is found here; what a word and a match are is judged in [`boundary`](crate::boundary).
//!
//! A rule without windows is such a rule. A word that begins at `k` lets matches start at `k + 1` to `k + within`, and only there,
//! so these are the starts that are evaluated. Nothing is kept between chunks: a word that lets matches start in this one begins
//! at most `within` bytes before it, and so many bytes are always there.

use alloc::vec::Vec;

use crate::artifact::RuleProgram;
use crate::boundary;

/// Bits of the hash of a word's first three bytes.
const HASH: usize = 16;

/// A `_` in a word stands for one of these, or for nothing.
const SEPARATORS: &[u8] = b"_-. ";

/// Where the words of all rules may begin.
#[derive(Default)]
pub(crate) struct Words {
    /// One bit for each hash of three bytes that a word can begin with.
    bits: Vec<u64>,
    /// By the first two bytes.
    entries: Vec<Entry>,
    /// The furthest that a word reaches.
    within: usize,
    /// Some word begins with ASCII that is no letter and no digit.
    others: bool,
}

/// A word of a rule, by its first two bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    first: [u8; 2],
    rule: u16,
    word: u16,
}

impl Words {
    /// The words of the rules that have no window.
    pub(crate) fn new(programs: &[RuleProgram]) -> Words {
        let mut words = Words::default();
        for (rule, program) in (0..).zip(programs) {
            let Some(context) = program.context.as_ref() else {
                continue;
            };
            if !program.windows.is_empty() || context.words.is_empty() {
                continue;
            }
            words.bits.resize((1 << HASH) / 64, 0);
            words.within = words.within.max(usize::from(context.within));
            for (word, text) in (0..).zip(&context.words) {
                words.add(rule, word, text);
            }
        }
        words.entries.sort_unstable();
        words.entries.dedup();
        words
    }

    fn add(&mut self, rule: u16, word: u16, text: &[u8]) {
        beginnings(text, Beginning::default(), &mut |beginning| {
            let first = beginning.first();
            self.others |= !first.is_some_and(|b| b.is_ascii_alphanumeric() || !b.is_ascii());
            let [a, b] = [0, 1].map(|i| beginning.get(i).copied().unwrap_or(0));
            self.entries.push(Entry {
                first: [a, b],
                rule,
                word,
            });
            let thirds = match beginning.get(2) {
                Some(&third) => third..=third,
                None => 0..=255,
            };
            for third in thirds {
                let hash = hash(a, b, third.to_ascii_lowercase());
                if let Some(bits) = self.bits.get_mut(hash / 64) {
                    *bits |= 1 << (hash % 64);
                }
            }
        });
    }

    /// How many bytes before a chunk a word may begin that bears on it. `None`: there are no words.
    pub(crate) fn within(&self) -> Option<usize> {
        (!self.entries.is_empty()).then_some(self.within)
    }

    /// Whether every word begins with a letter, a digit, or a character that is not ASCII.
    pub(crate) fn begin_with_letters(&self) -> bool {
        !self.others
    }

    /// Whether a word may have the three bytes at `at`.
    #[inline]
    pub(crate) fn may_begin(&self, hay: &[u8], at: usize) -> bool {
        let byte = |i: usize| hay.get(at + i).copied().unwrap_or(0).to_ascii_lowercase();
        let hash = hash(byte(0), byte(1), byte(2));
        let bits = self.bits.get(hash / 64).copied().unwrap_or(0);
        bits >> (hash % 64) & 1 == 1
    }

    /// The rules that have a word beginning at `at`, each with the position of its word: at least those, for only two bytes and a
    /// hash are compared.
    pub(crate) fn beginning(&self, hay: &[u8], at: usize) -> &[Entry] {
        let byte = |i: usize| hay.get(at + i).copied().unwrap_or(0).to_ascii_lowercase();
        let (a, b) = (byte(0), byte(1));
        if !self.may_begin(hay, at) || !boundary::begins_word(hay, at) {
            return &[];
        }
        let from = self.entries.partition_point(|entry| entry.first < [a, b]);
        let rest = self.entries.get(from..).unwrap_or_default();
        let count = rest.partition_point(|entry| entry.first == [a, b]);
        rest.get(..count).unwrap_or_default()
    }
}

impl Entry {
    pub(crate) fn rule(self) -> u16 {
        self.rule
    }

    pub(crate) fn word(self) -> usize {
        usize::from(self.word)
    }
}

fn hash(a: u8, b: u8, c: u8) -> usize {
    (usize::from(a) ^ usize::from(b) << 5 ^ usize::from(c) << 10) & ((1 << HASH) - 1)
}

/// Up to three bytes.
#[derive(Clone, Copy, Default)]
struct Beginning {
    bytes: [u8; 3],
    length: usize,
}

impl Beginning {
    fn with(mut self, byte: u8) -> Beginning {
        if let Some(slot) = self.bytes.get_mut(self.length) {
            *slot = byte.to_ascii_lowercase();
            self.length += 1;
        }
        self
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// What the first three bytes of a text that the word begins can be after `before`, letters in lower case. Shorter where the
/// word is.
fn beginnings(word: &[u8], before: Beginning, found: &mut impl FnMut(&[u8])) {
    match word.split_first() {
        Some((&byte, rest)) if before.length < before.bytes.len() => {
            if byte == b'_' {
                for &separator in SEPARATORS {
                    beginnings(rest, before.with(separator), found);
                }
                beginnings(rest, before, found);
            } else {
                beginnings(rest, before.with(byte), found);
            }
        }
        _ => found(before.as_slice()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_with_separators() {
        let texts = |word: &str| -> Vec<Vec<u8>> {
            let mut all: Vec<Vec<u8>> = Vec::new();
            beginnings(word.as_bytes(), Beginning::default(), &mut |b| {
                all.push(b.to_vec())
            });
            all.sort();
            all
        };
        assert_eq!(texts("Iban"), [b"iba"]);
        assert_eq!(texts("ik"), [b"ik"]);
        assert_eq!(texts("d_nr"), [&b"d n"[..], b"d-n", b"d.n", b"d_n", b"dnr"]);
        assert_eq!(texts("id_card").len(), 5);
    }
}
