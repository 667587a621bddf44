//! What is looked for where tokens begin, which the first pass tells: literal windows of rules whose matches start a word, and
//! the words that rules want before their matches. One look at a few bytes tells for all of them that nothing begins there.
//!
//! Rules that want a word before their matches have no windows: the word is rare, while their shapes (digits, mostly) are
//! everywhere. A word that ends at `k` lets matches start from `k` on, as far as the rule's context reaches, and only there, so
//! these are the starts that are evaluated. What a word and a match are is judged in [`boundary`](crate::boundary). Nothing is kept
//! between chunks: a word that lets matches start in this one begins at most `within` bytes before it, and so many bytes are
//! always there.

use alloc::vec::Vec;
use core::ops::Range;

use crate::artifact::RuleProgram;
use crate::artifact::windows::{Loaded, Windows};
use crate::boundary::{ByteSet, set_of};
use crate::prefilter::dictionary::{Dictionary, Known};
use crate::prefilter::sets::{SetIndex, Sets};
use crate::prefilter::sieve::Sieve;
use crate::prefilter::{Strip, TOKEN};

/// A `_` in a word stands for one of these, or for nothing.
const SEPARATORS: &[u8] = b"_-. ";

/// Bytes of a word that are compared at once.
const COMPARED: usize = 8;

/// What is looked for where tokens begin: windows, and words.
pub(crate) struct Tokens {
    dictionary: Dictionary<Begun>,
    sieve: Sieve,
    /// The furthest that a word reaches; `None`: there are no words.
    within: Option<usize>,
    /// Some word begins with ASCII that is no letter and no digit.
    others: bool,
}

/// What up to eight bytes of a text are that begins with a word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Spelling {
    literal: u64,
    mask: u64,
    length: usize,
}

/// What a token may begin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// A window.
    Window(u16),
    /// A rule's word, by its place in the rule's context.
    Word(u16, u16),
}

impl Tokens {
    /// Of the windows that stand where tokens begin, and of the words of the rules that have no window. What these are made of is added
    /// to the sets of the windows.
    pub(crate) fn new(windows: &mut Windows, programs: &[RuleProgram]) -> Tokens {
        let (mut within, mut others) = (None, false);
        let token = |loaded: &Loaded| loaded.bucket == TOKEN;
        // Moving texts to where there is more room takes longer than counting them. A `_` may be left out.
        let begins = windows.iter().filter(|&loaded| token(loaded)).count();
        let words = programs.iter().filter(|program| program.windows.is_empty());
        let words = words.filter_map(|program| Some(&program.near.as_ref()?.context.words));
        let ways = |word: &Vec<u8>| {
            let start = word.iter().take(COMPARED);
            1 << start.filter(|&&byte| byte == b'_').count().min(COMPARED)
        };
        let spelled: usize = words.flatten().map(ways).sum();
        let mut texts = Vec::with_capacity(begins + spelled);
        let begins = windows.numbered().filter(|&(_, loaded)| token(loaded));
        let first = |loaded| windows.first(loaded);
        texts.extend(begins.map(|(i, part)| (part.known(), Begun::Window(i), first(part))));
        let mut alphabet = Alphabet::new(windows.sets_mut());
        for (rule, program) in (0..).zip(programs) {
            let Some(context) = program.near.as_ref().map(|near| &near.context) else {
                continue;
            };
            if !program.windows.is_empty() {
                continue;
            }
            for (word, text) in (0..).zip(&context.words) {
                within = within.max(Some(usize::from(context.within)));
                spellings(text, Spelling::default(), &mut |spelling| {
                    let first = core::array::from_fn(|place| alphabet.at(spelling, place));
                    others |= !alphabet.sets.begin_tokens(&first);
                    texts.push((spelling.known(), Begun::Word(rule, word), first));
                });
            }
        }
        let mut sieve = Sieve::default();
        let sets = windows.sets();
        let dictionary = Dictionary::sieved(&texts, sets, |mask, literal, first| {
            sieve.add(mask, literal, first, sets);
        });
        Tokens {
            dictionary,
            sieve,
            within,
            others,
        }
    }

    /// How many bytes before a chunk a word may begin that bears on it. `None`: there are no words.
    pub(crate) fn within(&self) -> Option<usize> {
        self.within
    }

    /// Whether every word begins as tokens do.
    pub(crate) fn begin_words(&self) -> bool {
        !self.others
    }

    /// Leaves the positions at which something may have the bytes that are there.
    pub(crate) fn sift(&self, hay: &[u8], from: usize, strip: &mut Strip) {
        self.dictionary.sift(hay, from, &mut strip.tokens);
        self.sieve.sift(hay, from, &mut strip.tokens);
    }

    /// What may begin at `at`: at least that which does, for eight bytes are compared. Bytes beyond the end match.
    #[inline]
    pub(crate) fn beginning(&self, hay: &[u8], at: usize, found: impl FnMut(Begun)) {
        self.dictionary.standing(hay, at, found);
    }

    /// The words that may begin at any of `places`, in order: rule, word, and where.
    pub(crate) fn words(
        &self,
        hay: &[u8],
        places: Range<usize>,
        mut found: impl FnMut(u16, u16, usize),
    ) {
        self.dictionary.passing(hay, places, |at| {
            self.beginning(hay, at, |begun| {
                if let Begun::Word(rule, word) = begun {
                    found(rule, word, at);
                }
            });
        });
    }
}

/// The bytes that words are made of, as numbers of sets, each looked up once.
struct Alphabet<'a> {
    sets: &'a mut Sets,
    separator: SetIndex,
    /// By the literal: letters of either case, and bytes that are themselves.
    known: [[Option<SetIndex>; 256]; 2],
}

impl<'a> Alphabet<'a> {
    fn new(sets: &'a mut Sets) -> Alphabet<'a> {
        Alphabet {
            separator: sets.add(set_of(SEPARATORS)),
            sets,
            known: [[None; 256]; 2],
        }
    }

    /// The bytes that may stand at `place`.
    fn at(&mut self, spelling: Spelling, place: usize) -> SetIndex {
        let (literal, mask) = spelling.byte(place);
        if mask == 0 {
            let inside = place < spelling.length;
            return if inside {
                self.separator
            } else {
                self.sets.any()
            };
        }
        let known = self.known.get_mut(usize::from(mask == !0));
        let known = known.and_then(|known| known.get_mut(usize::from(literal)));
        match known {
            Some(Some(index)) => *index,
            slot => {
                let index = self.sets.add(spelling.bytes(place));
                slot.into_iter().for_each(|slot| *slot = Some(index));
                index
            }
        }
    }
}

impl Spelling {
    fn known(self) -> Known {
        Known {
            back: 0,
            mask: self.mask,
            literal: self.literal,
        }
    }

    /// With one byte more, of which the bits in `mask` are known.
    fn with(mut self, byte: u8, mask: u8) -> Spelling {
        let shift = 8 * self.length as u32;
        self.literal |= u64::from(byte & mask) << shift;
        self.mask |= u64::from(mask) << shift;
        self.length += 1;
        self
    }

    /// What is known of the byte at `place`: its bits, and which of them are known.
    fn byte(self, place: usize) -> (u8, u8) {
        let shift = 8 * place as u32;
        ((self.literal >> shift) as u8, (self.mask >> shift) as u8)
    }

    /// The bytes that may stand at `place`.
    fn bytes(self, place: usize) -> ByteSet {
        let (literal, mask) = self.byte(place);
        if mask == 0 {
            // A byte of which nothing is known within a word is a separator.
            let inside = place < self.length;
            return if inside { set_of(SEPARATORS) } else { [!0; 4] };
        }
        let mut set = ByteSet::default();
        // The case is all that may be unknown.
        for byte in [literal, literal | !mask] {
            if let Some(word) = set.get_mut(usize::from(byte / 64)) {
                *word |= 1 << (byte % 64);
            }
        }
        set
    }
}

/// What a text can begin with, after `before`, that begins with `word`.
fn spellings(mut word: &[u8], mut before: Spelling, found: &mut impl FnMut(Spelling)) {
    while let Some((&byte, rest)) = word.split_first()
        && before.length < COMPARED
    {
        word = rest;
        if byte == b'_' {
            // With a separator; and then without.
            spellings(rest, before.with(0, 0), found);
        } else if byte.is_ascii_alphabetic() {
            before = before.with(byte.to_ascii_lowercase(), !0x20);
        } else {
            before = before.with(byte, !0);
        }
    }
    found(before);
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
            let (bytes, there) = crate::prefilter::dictionary::word(text.as_bytes(), 0);
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
