//! Which rules' matches may start so near the end of what has come that their windows may be cut off: bit sets over rules.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::{HEADS, RuleProgram};
use crate::boundary::{ByteSet, may_follow_escape};
use crate::prefilter::HASHED;
use crate::transpose;

/// Rules by what their matches start with, what stands before, and how far from the end they matter.
pub(crate) struct Starts {
    /// The rules, those that matter furthest from the end first: what the bits stand for.
    rules: Vec<u16>,
    /// For each number of bytes up to the end how many of these matter there.
    cut: Vec<u16>,
    /// Words of each bit set.
    words: usize,
    /// For each byte the rules whose match can have it as its first, second or third.
    heads: [Vec<u64>; HEADS],
    /// For each byte the rules whose match may start after it.
    before: Vec<u64>,
}

/// For each byte the rules whose set has it.
fn by_byte(sets: impl Iterator<Item = ByteSet>, words: usize) -> Vec<u64> {
    let sets: Vec<ByteSet> = sets.collect();
    let mut bits = alloc::vec![0u64; 256 * words];
    for (block, sets) in sets.chunks(64).enumerate() {
        let column = bits.iter_mut().skip(block).step_by(words.max(1));
        for (slot, rules) in column.zip(transpose::by_byte(sets.iter().copied())) {
            *slot = rules;
        }
    }
    bits
}

impl Starts {
    /// Of all rules, whose windows are known.
    pub(super) fn new(programs: &[RuleProgram]) -> Starts {
        let mut list: Vec<(usize, u16, &RuleProgram)> = (0..)
            .zip(programs)
            .filter(|(_, program)| !program.windows.is_empty())
            .map(|(rule, program)| (program.reach + HASHED, rule, program))
            .collect();
        list.sort_unstable_by_key(|&(cut, rule, _)| (Reverse(cut), rule));
        let words = list.len().div_ceil(64);
        let most = list.first().map_or(0, |&(cut, ..)| cut);
        let far = |left: usize| list.iter().take_while(|&&(cut, ..)| cut > left).count() as u16;
        let programs = || list.iter().map(|&(.., program)| program);
        let head = |at: usize| programs().map(move |p| p.heads.get(at).copied().unwrap_or([!0; 4]));
        Starts {
            cut: (0..most).map(far).collect(),
            words,
            heads: core::array::from_fn(|at| by_byte(head(at), words)),
            before: by_byte(programs().map(|p| p.left.map(|word| !word)), words),
            rules: list.iter().map(|&(_, rule, _)| rule).collect(),
        }
    }

    /// How many bytes before the end the first start may be that has to be looked at.
    pub(crate) fn most(&self) -> usize {
        self.cut.len().saturating_sub(1)
    }

    /// The rules whose windows may be cut off by the end of `hay` and whose match can start at `at`.
    pub(crate) fn cut_off<'a>(
        &'a self,
        hay: &'a [u8],
        at: usize,
    ) -> impl Iterator<Item = u16> + use<'a> {
        let (before, text) = hay.split_at_checked(at).unwrap_or_default();
        let rules = self.cut.get(text.len()).copied().map_or(0, usize::from);
        let row = |bits: &[u64], byte: u8, i: usize| {
            let word = bits.get(usize::from(byte) * self.words + i);
            word.copied().unwrap_or(0)
        };
        // After an escape a match may start, whatever its last byte is.
        let last = before
            .last()
            .copied()
            .filter(|_| !may_follow_escape(before));
        (0..rules.div_ceil(64)).flat_map(move |i| {
            let heads = self.heads.iter().zip(text);
            let free = last.map_or(!0, |byte| row(&self.before, byte, i));
            let fit = heads.fold(free, |fit, (head, &byte)| fit & row(head, byte, i));
            let there = rules - 64 * i;
            let mut left = if there < 64 {
                fit & ((1 << there) - 1)
            } else {
                fit
            };
            core::iter::from_fn(move || {
                let bit = left.trailing_zeros() as usize;
                left &= left.wrapping_sub(1);
                (bit < 64).then(|| self.rules.get(64 * i + bit).copied())?
            })
        })
    }
}
