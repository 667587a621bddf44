//! Which rules' matches may start so near the end of what has come that their windows may be cut off: bit sets over rules.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::{HEADS, RuleProgram};
use crate::boundary::{ByteSet, may_end_escape};
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
    /// For each byte the rules whose match can have it from its start to where they matter no more.
    inside: Vec<u64>,
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
            inside: by_byte(programs().map(|p| p.beginning), words),
            before: by_byte(programs().map(|p| p.left.map(|word| !word)), words),
            rules: list.iter().map(|&(_, rule, _)| rule).collect(),
        }
    }

    /// How many bytes before the end the first start may be that has to be looked at.
    pub(crate) fn most(&self) -> usize {
        self.cut.len().saturating_sub(1)
    }

    /// The starts, from `from` on, of rules whose windows may be cut off by the end of `hay`, the last one first: where, and the rule.
    pub(crate) fn cut_off(&self, hay: &[u8], from: usize, room: &mut CutOff) {
        let CutOff { alive, starts } = room;
        starts.clear();
        alive.clear();
        alive.resize(self.words, !0);
        let row = |bits: &[u64], byte: u8, i: usize| {
            let word = bits.get(usize::from(byte) * self.words + i);
            word.copied().unwrap_or(0)
        };
        for at in (from..hay.len()).rev() {
            let (before, text) = hay.split_at_checked(at).unwrap_or_default();
            let rules = self.cut.get(text.len()).copied().map_or(0, usize::from);
            // The further from the end, the fewer of the rules matter: those that do come first.
            alive.truncate(rules.div_ceil(64));
            let mut any = 0;
            for (i, alive) in alive.iter_mut().enumerate() {
                *alive &= text.first().map_or(0, |&byte| row(&self.inside, byte, i));
                any |= *alive;
            }
            if any == 0 {
                return;
            }
            for (i, &alive) in alive.iter().enumerate().filter(|(_, alive)| **alive != 0) {
                let heads = self.heads.iter().zip(text);
                let mut fit = heads.fold(alive, |fit, (head, &byte)| fit & row(head, byte, i));
                // After an escape a match may start, whatever its last byte is.
                if let Some(&byte) = before.last()
                    && fit & !row(&self.before, byte, i) != 0
                    && !may_end_escape(before)
                {
                    fit &= row(&self.before, byte, i);
                }
                let there = rules - 64 * i;
                let mut left = if there < 64 {
                    fit & ((1 << there) - 1)
                } else {
                    fit
                };
                while left != 0 {
                    let bit = left.trailing_zeros() as usize;
                    left &= left - 1;
                    starts.extend(self.rules.get(64 * i + bit).map(|&rule| (at, rule)));
                }
            }
        }
    }
}

/// Starts near the end of a chunk, and room to find them.
#[derive(Debug, Default)]
pub(crate) struct CutOff {
    /// Rules of which a match can have all bytes from a position on.
    alive: Vec<u64>,
    /// Position and rule.
    pub(crate) starts: Vec<(usize, u16)>,
}

impl CutOff {
    /// Keeps room for so many.
    pub(crate) fn rest(&mut self, most: usize) {
        self.alive.clear();
        self.alive.shrink_to(most);
        self.starts.clear();
        self.starts.shrink_to(most);
    }

    /// Bytes held on the heap.
    pub(crate) fn memory(&self) -> usize {
        self.alive.capacity() * size_of::<u64>()
            + self.starts.capacity() * size_of::<(usize, u16)>()
    }
}
