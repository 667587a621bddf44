//! Rules that want a word before their matches are looked for by the word: it is rare, while their shapes (digits, mostly) are
//! everywhere. Where words begin is found here; what a word and a match are is judged in [`boundary`](crate::boundary).
//!
//! A rule without windows is such a rule. A word that ends at `k` lets matches start from `k` on, as far as the rule's context
//! reaches, and only there, so these are the starts that are evaluated. Nothing is kept between chunks: a word that lets matches
//! start in this one begins at most `within` bytes before it, and so many bytes are always there.

use alloc::vec::Vec;

use crate::artifact::RuleProgram;
use crate::boundary;
use crate::prefilter::Strip;
use crate::prefilter::index::{Heads, first_bytes};

/// A `_` in a word stands for one of these, or for nothing.
const SEPARATORS: &[u8] = b"_-. ";

/// Bytes of a word that are compared at once.
const COMPARED: usize = 8;

/// Where the words of all rules may begin.
#[derive(Default)]
pub(crate) struct Words {
    heads: Heads,
    /// Beginnings that `heads` points at.
    beginnings: Vec<Beginning>,
    /// The words that have each beginning, one after the other.
    owners: Vec<Owner>,
    /// The furthest that a word reaches.
    within: usize,
    /// Some word begins with ASCII that is no letter and no digit.
    others: bool,
}

/// What up to eight bytes of a text are that a word begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Spelling {
    literal: u64,
    mask: u64,
    length: usize,
}

struct Beginning {
    spelling: Spelling,
    /// The first of its words in the list of owners; they end where those of the next begin.
    from: u32,
}

/// A word of a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    pub(crate) rule: u16,
    /// Its place in the rule's context.
    pub(crate) word: u16,
}

impl Words {
    /// The words of the rules that have no window.
    pub(crate) fn new(programs: &[RuleProgram]) -> Words {
        let mut words = Words::default();
        let mut all: Vec<(Spelling, Owner)> = Vec::new();
        for (rule, program) in (0..).zip(programs) {
            let Some(context) = program.context.as_ref() else {
                continue;
            };
            if !program.windows.is_empty() {
                continue;
            }
            for (word, text) in (0..).zip(&context.words) {
                words.within = words.within.max(usize::from(context.within));
                spellings(text, Spelling::default(), &mut |spelling| {
                    all.push((spelling, Owner { rule, word }));
                });
            }
        }
        all.sort_unstable();
        all.dedup();
        let mut heads = Vec::new();
        let mut last = None;
        for (spelling, owner) in all {
            if last != Some(spelling) {
                let first = spelling.literal as u8;
                words.others |= spelling.mask as u8 == 0
                    || !(first.is_ascii_alphanumeric() || !first.is_ascii());
                let sets = [0, 1, 2].map(|i| spelling.bytes(i));
                let index = words.beginnings.len() as u16;
                first_bytes(sets, |bytes| heads.push((bytes, index)));
                words.beginnings.push(Beginning {
                    spelling,
                    from: words.owners.len() as u32,
                });
                last = Some(spelling);
            }
            words.owners.push(owner);
        }
        words.heads = Heads::new(heads);
        words
    }

    /// How many bytes before a chunk a word may begin that bears on it. `None`: there are no words.
    pub(crate) fn within(&self) -> Option<usize> {
        (!self.owners.is_empty()).then_some(self.within)
    }

    /// Whether every word begins with a letter, a digit, or a character that is not ASCII.
    pub(crate) fn begin_with_letters(&self) -> bool {
        !self.others
    }

    /// Leaves the positions at which a word may have the three bytes that are there.
    pub(crate) fn sift(&self, hay: &[u8], from: usize, strip: &mut Strip) {
        strip
            .words
            .retain(|at| self.heads.may_stand(hay, from + at));
    }

    /// The words that may begin at `at`: at least those that do, for eight bytes are compared. Bytes beyond the end match.
    pub(crate) fn beginning(&self, hay: &[u8], at: usize, mut found: impl FnMut(Owner)) {
        if !self.heads.may_stand(hay, at) || !boundary::begins_word(hay, at) {
            return;
        }
        let (text, there) = crate::prefilter::index::word(hay, at);
        for &index in self.heads.standing(hay, at) {
            let index = usize::from(index);
            let Some(beginning) = self.beginnings.get(index) else {
                continue;
            };
            let Spelling { literal, mask, .. } = beginning.spelling;
            if (text ^ literal) & mask & there == 0 {
                let to = self.beginnings.get(index + 1);
                let to = to.map_or(self.owners.len(), |next| next.from as usize);
                let owners = self.owners.get(beginning.from as usize..to);
                owners
                    .unwrap_or_default()
                    .iter()
                    .for_each(|&owner| found(owner));
            }
        }
    }
}

impl Spelling {
    /// With one byte more, of which the bits in `mask` are known.
    fn with(mut self, byte: u8, mask: u8) -> Spelling {
        let shift = 8 * self.length as u32;
        self.literal |= u64::from(byte & mask) << shift;
        self.mask |= u64::from(mask) << shift;
        self.length += 1;
        self
    }

    /// The bytes that may stand at `place`.
    fn bytes(self, place: usize) -> [u64; 4] {
        let shift = 8 * place as u32;
        let (literal, mask) = ((self.literal >> shift) as u8, (self.mask >> shift) as u8);
        let mut set = [0; 4];
        for byte in 0..=255u8 {
            let separates = SEPARATORS.contains(&byte);
            // A byte of which nothing is known within a word is a separator.
            if byte & mask == literal && (mask != 0 || place >= self.length || separates) {
                let [a, b, c, d] = &mut set;
                let word = match byte / 64 {
                    0 => a,
                    1 => b,
                    2 => c,
                    _ => d,
                };
                *word |= 1 << (byte % 64);
            }
        }
        set
    }
}

/// What a text can begin with, after `before`, that begins with `word`.
fn spellings(word: &[u8], before: Spelling, found: &mut impl FnMut(Spelling)) {
    match word.split_first() {
        Some((&byte, rest)) if before.length < COMPARED => {
            if byte == b'_' {
                spellings(rest, before.with(0, 0), found);
                spellings(rest, before, found);
            } else if byte.is_ascii_alphabetic() {
                spellings(rest, before.with(byte.to_ascii_lowercase(), !0x20), found);
            } else {
                spellings(rest, before.with(byte, !0), found);
            }
        }
        _ => found(before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn begins(word: &str, texts: &[&str]) {
        let mut spelled = Vec::new();
        spellings(word.as_bytes(), Spelling::default(), &mut |s| {
            spelled.push(s);
        });
        for text in texts {
            let (bytes, there) = crate::prefilter::index::word(text.as_bytes(), 0);
            let one = spelled.iter().any(|spelling| {
                let heads = [0, 1, 2].map(|i| spelling.bytes(i));
                let head = heads
                    .iter()
                    .zip(text.bytes())
                    .all(|(set, byte)| boundary::contains(set, byte));
                head && (bytes ^ spelling.literal) & spelling.mask & there == 0
            });
            let exact = boundary::after_word(text.as_bytes(), word.as_bytes()).is_some();
            assert!(one || !exact, "{word} in {text}");
            assert!(exact || !one || text.len() < 8, "{word} in {text}");
        }
    }

    #[test]
    fn spellings_are_what_words_may_look_like() {
        begins("iban", &["Iban: x1", "iBAN12345", "ibn-1234", "iba"]);
        begins("ik", &["ik 123456", "IK:12345", "ic 123456", "i"]);
        begins(
            "d_nr",
            &[
                "d nr 1234",
                "d-nr12345",
                "dnr 12345",
                "D.NR 1234",
                "d+nr 12345",
            ],
        );
        begins(
            "id_card",
            &["id_card 12", "IDcard 12", "id-CARD12", "idxcard 12"],
        );
        begins("größe", &["GRößE 12", "größe 12"]);
    }
}
