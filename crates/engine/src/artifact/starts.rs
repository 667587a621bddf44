//! Which rules' matches may start so near the end of what has come that their windows may be cut off: bit sets over rules.

use alloc::vec::Vec;

use super::{HEADS, RuleProgram};
use crate::prefilter::HASHED;
use crate::prefilter::index::members;

/// Rules by what their matches start with, and by how far from the end they matter.
pub(crate) struct Starts {
    /// Words of each bit set.
    words: usize,
    /// For each byte the rules whose match can have it as its first, second or third.
    heads: [Vec<u64>; HEADS],
    /// For each number of bytes up to the end the rules of which no window at that distance can be relied on.
    cut: Vec<u64>,
}

/// Sets a rule's bit in one of the bit sets of `words` words each.
fn set(bits: &mut [u64], words: usize, row: usize, rule: usize) {
    if let Some(word) = bits.get_mut(row * words + rule / 64) {
        *word |= 1 << (rule % 64);
    }
}

impl Starts {
    /// Of all rules, whose windows are known.
    pub(super) fn new(programs: &[RuleProgram]) -> Starts {
        let words = programs.len().div_ceil(64);
        let mut heads = [const { Vec::new() }; HEADS];
        for (position, head) in heads.iter_mut().enumerate() {
            *head = alloc::vec![0u64; 256 * words];
            for (rule, program) in programs.iter().enumerate() {
                for byte in program
                    .heads
                    .get(position)
                    .into_iter()
                    .copied()
                    .flat_map(members)
                {
                    set(head, words, usize::from(byte), rule);
                }
            }
        }
        let windowed = || {
            programs
                .iter()
                .enumerate()
                .filter(|(_, p)| !p.windows.is_empty())
        };
        let reach = windowed().map(|(_, program)| program.reach).max();
        let rows = reach.map_or(0, |reach| reach + HASHED);
        let mut cut = alloc::vec![0u64; rows * words];
        for (rule, program) in windowed() {
            (0..program.reach + HASHED).for_each(|row| set(&mut cut, words, row, rule));
        }
        Starts { words, heads, cut }
    }

    /// How many bytes before the end the first start may be that has to be looked at.
    pub(crate) fn most(&self) -> usize {
        (self.cut.len() / self.words.max(1)).saturating_sub(1)
    }

    /// The rules whose windows may be cut off and whose match can start with `text`, which the end cuts off; ascending.
    pub(crate) fn cut_off<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = u16> + 'a {
        let row = |bits: &[u64], row: usize, i: usize| {
            bits.get(row * self.words + i).copied().unwrap_or(0)
        };
        (0..self.words).flat_map(move |i| {
            let heads = self.heads.iter().zip(text);
            let mut left = heads.fold(row(&self.cut, text.len(), i), |left, (head, &byte)| {
                left & row(head, usize::from(byte), i)
            });
            core::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.wrapping_sub(1);
                (bit < 64).then_some((64 * i) as u16 + bit as u16)
            })
        })
    }
}
