//! The byte sets of an artifact's windows while it is loaded: each once, known by its number, with what is asked of it again and again.
//! What is loaded holds numbers in place of sets, which are sixteen times as large, and compares them.

use alloc::vec::Vec;

use super::WINDOW;
use super::dictionary::are_few;
use super::index::members;
use crate::boundary::ByteSet;

/// Every byte: of what nothing is known.
const ANY: ByteSet = [!0; 4];

/// A set by its number. Equal numbers are equal sets, and other numbers are other sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SetIndex(u32);

/// What is asked of a set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// The set itself.
    pub(crate) set: ByteSet,
    /// What case leaves of it.
    pub(crate) folded: ByteSet,
    /// In how many ways its byte can be written, but for case.
    pub(crate) ways: usize,
    /// Its byte, as case leaves it, if that is one.
    pub(crate) one: Option<u8>,
    /// Every byte of it may begin a token.
    begins_tokens: bool,
}

/// Byte sets, each once.
#[derive(Debug)]
pub(crate) struct Sets {
    /// The first `sorted` in ascending order, then those that were added.
    facts: Vec<Facts>,
    sorted: usize,
    any: SetIndex,
}

/// What case leaves of a set's bytes: those with bit 5 set, for themselves and for those without it.
pub(super) fn folded(set: &ByteSet) -> ByteSet {
    set.map(|word| (word | word << 32) & !0xffff_ffff)
}

/// ASCII that is no letter and no digit.
const NO_WORD: ByteSet = [!(0x3ff << 48), !0x07ff_fffe_07ff_fffe, 0, 0];

/// Whether every byte of a set may begin a token: a letter, a digit, or no ASCII.
pub(super) fn begins_tokens(set: &ByteSet) -> bool {
    let others = set.iter().zip(NO_WORD).map(|(&word, no)| word & no);
    others.fold(0, |all, word| all | word) == 0
}

impl Facts {
    pub(super) fn new(set: ByteSet) -> Facts {
        let folded = folded(&set);
        let ways = folded.iter().map(|word| word.count_ones() as usize).sum();
        let one = (ways == 1).then(|| members(folded).next()).flatten();
        Facts {
            set,
            folded,
            ways,
            one,
            begins_tokens: begins_tokens(&set),
        }
    }
}

impl Sets {
    /// Of the sets of an artifact: ascending, each once. `None` where they are not.
    pub(crate) fn new(sets: &[ByteSet]) -> Option<Sets> {
        let ascend = sets.windows(2).all(|pair| pair.first() < pair.last());
        let mut all = Sets {
            facts: sets.iter().copied().map(Facts::new).collect(),
            sorted: sets.len(),
            any: SetIndex(0),
        };
        all.any = all.add(ANY);
        ascend.then_some(all)
    }

    /// The one of that place in the artifact's list.
    pub(crate) fn at(&self, place: u16) -> Option<SetIndex> {
        (usize::from(place) < self.sorted).then_some(SetIndex(u32::from(place)))
    }

    /// The set of every byte.
    pub(crate) fn any(&self) -> SetIndex {
        self.any
    }

    /// The number of a set, which is added unless it is there.
    ///
    /// # Cost
    /// A search in those of the artifact, and a walk over those that were added.
    pub(crate) fn add(&mut self, set: ByteSet) -> SetIndex {
        let (known, added) = self.facts.split_at(self.sorted.min(self.facts.len()));
        let found = known.binary_search_by(|facts| facts.set.cmp(&set)).ok();
        let found = found.or_else(|| {
            let place = added.iter().position(|facts| facts.set == set)?;
            Some(known.len() + place)
        });
        let place = found.unwrap_or_else(|| {
            self.facts.push(Facts::new(set));
            self.facts.len() - 1
        });
        SetIndex(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// What is known of one; `None` for a number that none of these has.
    pub(crate) fn facts(&self, index: SetIndex) -> Option<&Facts> {
        self.facts.get(usize::try_from(index.0).ok()?)
    }

    /// A set by its number.
    pub(crate) fn set(&self, index: SetIndex) -> ByteSet {
        self.facts(index).map_or(ANY, |facts| facts.set)
    }

    /// What is known of each of `indices`.
    pub(super) fn all_facts<'a>(
        &'a self,
        indices: &'a [SetIndex],
    ) -> impl Iterator<Item = &'a Facts> {
        indices.iter().filter_map(|&index| self.facts(index))
    }

    /// In how many ways a byte of each of `indices` can be written after the other, but for case.
    pub(super) fn ways(&self, indices: &[SetIndex]) -> usize {
        let ways = self.all_facts(indices).map(|facts| facts.ways);
        ways.fold(1, usize::saturating_mul)
    }

    /// As [`is_literal`](super::is_literal).
    pub(crate) fn is_literal(&self, indices: &[SetIndex]) -> bool {
        indices
            .get(..WINDOW)
            .is_some_and(|first| are_few(self.ways(first)))
    }

    /// As [`begins_tokens`](super::begins_tokens).
    pub(crate) fn begin_tokens(&self, indices: &[SetIndex]) -> bool {
        let first = indices.first().and_then(|&first| self.facts(first));
        first.is_some_and(|facts| facts.begins_tokens)
    }
}

/// Some sets, and the number of each.
#[cfg(test)]
pub(super) fn numbered<const N: usize>(sets: [ByteSet; N]) -> (Sets, [SetIndex; N]) {
    let mut all = Sets {
        facts: Vec::new(),
        sorted: 0,
        any: SetIndex(0),
    };
    all.any = all.add(ANY);
    let indices = sets.map(|set| all.add(set));
    (all, indices)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::boundary::set_of;

    #[test]
    fn equal_sets_have_equal_numbers() {
        let mut list = [set_of(b"Aa"), set_of(b"0123"), set_of(b"_")];
        list.sort_unstable();
        let mut sets = Sets::new(&list).unwrap();
        for (place, set) in (0..).zip(list) {
            let index = sets.add(set);
            assert_eq!((Some(index), sets.set(index)), (sets.at(place), set));
        }
        let len = sets.facts.len();
        let (any, new) = (sets.add(ANY), sets.add(set_of(b"xy")));
        assert_eq!(any, sets.any());
        assert_eq!(sets.add(set_of(b"xy")), new);
        assert_eq!((sets.facts.len(), sets.set(new)), (len + 1, set_of(b"xy")));
        assert_eq!(sets.at(3), None);
    }

    #[test]
    fn lists_that_do_not_ascend_are_refused() {
        let (low, high) = (set_of(b"0"), set_of(b"1"));
        assert!(Sets::new(&[]).is_some() && Sets::new(&[low, high]).is_some());
        assert!(Sets::new(&[high, low]).is_none() && Sets::new(&[low, low]).is_none());
    }

    #[test]
    fn what_is_known_of_a_set() {
        let facts = |bytes: &[u8]| Facts::new(set_of(bytes));
        assert_eq!((facts(b"kK").one, facts(b"kK").ways), (Some(b'k'), 1));
        assert_eq!((facts(b"7").one, facts(b"78").one), (Some(b'7'), None));
        assert_eq!((facts(b"abAB").ways, facts(b"").ways), (2, 0));
        for byte in 0..=255u8 {
            let mut set = ByteSet::default();
            if let Some(word) = set.get_mut(usize::from(byte / 64)) {
                *word |= 1 << (byte % 64);
            }
            let may = byte.is_ascii_alphanumeric() || !byte.is_ascii();
            assert_eq!(Facts::new(set).begins_tokens, may, "{byte}");
        }
    }
}
