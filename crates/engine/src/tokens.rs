//! What is looked for where tokens begin, which the first pass tells: literal windows of rules whose matches start a word, and
//! the words that rules want before their matches. One look at three bytes tells for all of them that nothing begins there.
//!
//! Rules that want a word before their matches have no windows: the word is rare, while their shapes (digits, mostly) are
//! everywhere. A word that ends at `k` lets matches start from `k` on, as far as the rule's context reaches, and only there, so
//! these are the starts that are evaluated. What a word and a match are is judged in [`boundary`](crate::boundary). Nothing is kept
//! between chunks: a word that lets matches start in this one begins at most `within` bytes before it, and so many bytes are
//! always there.

use alloc::vec::Vec;

use crate::artifact::{RuleProgram, Window};
use crate::boundary::ByteSet;
use crate::prefilter::index::{Heads, first_bytes, word};
use crate::prefilter::{Strip, WINDOW, begins_tokens};

/// A `_` in a word stands for one of these, or for nothing.
const SEPARATORS: &[u8] = b"_-. ";

/// Bytes of a word that are compared at once.
const COMPARED: usize = 8;

/// What is looked for where tokens begin: windows, and words.
#[derive(Default)]
pub(crate) struct Tokens {
    heads: Heads,
    /// What `heads` points at.
    beginnings: Vec<Beginning>,
    /// What has each beginning, one after the other.
    begun: Vec<Begun>,
    /// The furthest that a word reaches; `None`: there are no words.
    within: Option<usize>,
    /// Some word begins with ASCII that is no letter and no digit.
    others: bool,
}

/// What up to eight bytes of a text are that begins with a window or a word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Spelling {
    literal: u64,
    mask: u64,
    length: usize,
}

struct Beginning {
    literal: u64,
    mask: u64,
    /// The first of what has it; the last is before the first of the next.
    from: u32,
}

/// What a token may begin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Begun {
    /// A window.
    Window(u16),
    /// A rule's word, by its place in the rule's context.
    Word(u16, u16),
}

impl Tokens {
    /// Of windows with their first sets, and of the words of the rules that have no window.
    pub(crate) fn new(
        windows: &[(u16, Window, [ByteSet; WINDOW])],
        programs: &[RuleProgram],
    ) -> Tokens {
        let mut tokens = Tokens::default();
        let mut heads = Vec::new();
        for &(window, Window { literal, mask, .. }, sets) in windows {
            first_bytes(sets, |bytes| {
                heads.push((bytes, tokens.beginnings.len() as u16))
            });
            tokens.beginnings.push(Beginning {
                literal,
                mask,
                from: tokens.begun.len() as u32,
            });
            tokens.begun.push(Begun::Window(window));
        }
        let mut words: Vec<(Spelling, Begun)> = Vec::new();
        for (rule, program) in (0..).zip(programs) {
            let Some(context) = program.context.as_ref() else {
                continue;
            };
            if !program.windows.is_empty() {
                continue;
            }
            for (word, text) in (0..).zip(&context.words) {
                tokens.within = tokens.within.max(Some(usize::from(context.within)));
                spellings(text, Spelling::default(), &mut |spelling| {
                    words.push((spelling, Begun::Word(rule, word)));
                });
            }
        }
        words.sort_unstable();
        words.dedup();
        let mut last = None;
        for (spelling, begun) in words {
            if last != Some(spelling) {
                let sets = [0, 1, 2].map(|place| spelling.bytes(place));
                tokens.others |= !begins_tokens(&sets);
                first_bytes(sets, |bytes| {
                    heads.push((bytes, tokens.beginnings.len() as u16))
                });
                tokens.beginnings.push(Beginning {
                    literal: spelling.literal,
                    mask: spelling.mask,
                    from: tokens.begun.len() as u32,
                });
                last = Some(spelling);
            }
            tokens.begun.push(begun);
        }
        tokens.heads = Heads::new(heads);
        tokens
    }

    /// How many bytes before a chunk a word may begin that bears on it. `None`: there are no words.
    pub(crate) fn within(&self) -> Option<usize> {
        self.within
    }

    /// Whether every word begins as tokens do.
    pub(crate) fn begin_words(&self) -> bool {
        !self.others
    }

    /// Leaves the positions at which something may have the three bytes that are there.
    pub(crate) fn sift(&self, hay: &[u8], from: usize, strip: &mut Strip) {
        let may_stand = |at| self.heads.may_stand(hay, from + at);
        strip.tokens.retain(may_stand);
    }

    /// What may begin at `at`: at least that which does, for eight bytes are compared. Bytes beyond the end match.
    pub(crate) fn beginning(&self, hay: &[u8], at: usize, mut found: impl FnMut(Begun)) {
        let (text, there) = word(hay, at);
        for &index in self.heads.standing(hay, at) {
            let index = usize::from(index);
            let Some(beginning) = self.beginnings.get(index) else {
                continue;
            };
            if (text ^ beginning.literal) & beginning.mask & there == 0 {
                let to = self.beginnings.get(index + 1);
                let to = to.map_or(self.begun.len(), |next| next.from as usize);
                let begun = self.begun.get(beginning.from as usize..to);
                begun.unwrap_or_default().iter().for_each(|&b| found(b));
            }
        }
    }

    /// The words among it.
    pub(crate) fn words(&self, hay: &[u8], at: usize, mut found: impl FnMut(u16, u16)) {
        if self.heads.may_stand(hay, at) {
            self.beginning(hay, at, |begun| {
                if let Begun::Word(rule, word) = begun {
                    found(rule, word);
                }
            });
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
    fn bytes(self, place: usize) -> ByteSet {
        let shift = 8 * place as u32;
        let (literal, mask) = ((self.literal >> shift) as u8, (self.mask >> shift) as u8);
        let mut set = ByteSet::default();
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
            let (bytes, there) = super::word(text.as_bytes(), 0);
            let one = spelled.iter().any(|spelling| {
                let heads = [0, 1, 2].map(|i| spelling.bytes(i));
                let head = heads
                    .iter()
                    .zip(text.bytes())
                    .all(|(set, byte)| crate::boundary::contains(set, byte));
                head && (bytes ^ spelling.literal) & spelling.mask & there == 0
            });
            let exact = crate::boundary::after_word(text.as_bytes(), word.as_bytes()).is_some();
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
