//! Byte statistics of the shipped sample of log text: how often bytes and pairs of bytes occur. Windows and buckets are
//! chosen by it; correctness never depends on it.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{LazyLock, Mutex, PoisonError};

use blackbar_engine::prefilter::Edge;

use crate::automaton::{ByteSet, has, insert};

/// Log lines of the usual kinds, without anything secret; `sample/README.md` says how it was made.
pub static SAMPLE: &[u8] = include_bytes!("../sample/sample.log");

/// Frequencies in a text.
pub(crate) struct Statistics {
    single: [f64; 256],
    /// Of the second byte, given the first.
    after: Vec<[f64; 256]>,
    /// Shares of pairs of sets that were asked for before.
    pairs: Mutex<HashMap<(ByteSet, ByteSet), f64, Quick>>,
}

/// Hashing for tables of byte sets, of which compiling asks a million times: the product of each word with an odd number.
pub(crate) type Quick = BuildHasherDefault<Words>;

#[derive(Default)]
pub(crate) struct Words(u64);

impl Hasher for Words {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // The upper bits are the mixed ones, and tables look at the lower ones as well.
        self.0 ^ self.0 >> 32
    }
}

/// The statistics of [`SAMPLE`].
pub(crate) static STATISTICS: LazyLock<Statistics> = LazyLock::new(|| Statistics::of(SAMPLE));

impl Statistics {
    pub(crate) fn of(text: &[u8]) -> Statistics {
        // Nothing is impossible: what the sample lacks is rare, not absent.
        const FLOOR: f64 = 0.02;
        let mut counts = vec![[FLOOR; 256]; 256];
        for pair in text.windows(2) {
            counts[usize::from(pair[0])][usize::from(pair[1])] += 1.0;
        }
        let totals: Vec<f64> = counts.iter().map(|row| row.iter().sum()).collect();
        let all: f64 = totals.iter().sum();
        let mut single = [0.0; 256];
        for (share, total) in single.iter_mut().zip(&totals) {
            *share = total / all;
        }
        for (row, total) in counts.iter_mut().zip(&totals) {
            row.iter_mut().for_each(|count| *count /= total);
        }
        Statistics {
            single,
            after: counts,
            pairs: Mutex::default(),
        }
    }

    /// The share of bytes in `set`.
    fn single(&self, set: &ByteSet) -> f64 {
        (0..=255u8)
            .filter(|&b| has(set, b))
            .map(|b| self.single[usize::from(b)])
            .sum()
    }

    /// The share of positions at which a byte of `a` is followed by one of `b`.
    fn pair(&self, a: &ByteSet, b: &ByteSet) -> f64 {
        if let Some(&share) = self
            .pairs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(*a, *b))
        {
            return share;
        }
        let second: Vec<usize> = (0..=255u8)
            .filter(|&y| has(b, y))
            .map(usize::from)
            .collect();
        let share = (0..=255u8)
            .filter(|&x| has(a, x))
            .map(usize::from)
            .map(|x| self.single[x] * second.iter().map(|&y| self.after[x][y]).sum::<f64>())
            .sum();
        self.pairs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((*a, *b), share);
        share
    }

    /// The expected share of positions at which the sets match, one after the other: each byte is taken to depend on the one
    /// before it only.
    pub(crate) fn share(&self, sets: &[ByteSet]) -> f64 {
        let Some(first) = sets.first() else {
            return 1.0;
        };
        sets.windows(2).fold(self.single(first), |share, pair| {
            let before = self.single(&pair[0]);
            if before == 0.0 {
                0.0
            } else {
                share * self.pair(&pair[0], &pair[1]) / before
            }
        })
    }

    /// The same where `edge` lets a window stand.
    pub(crate) fn share_at(&self, edge: Edge, sets: &[ByteSet]) -> f64 {
        match edge {
            Edge::None => self.share(sets),
            Edge::Word => {
                let mut all = vec![not_word()];
                all.extend(sets);
                self.share(&all)
            }
        }
    }

    /// For products of nibble sets.
    pub(crate) fn shares(&self) -> Shares {
        // What the sample lacks is left out: it adds up to nothing, and there is much of it.
        const SEEN: f64 = 1e-6;
        let symbols: Vec<u8> = (0..=255u8)
            .filter(|&b| self.single[usize::from(b)] > SEEN)
            .collect();
        let row = |&a: &u8| {
            let after = &self.after[usize::from(a)];
            symbols
                .iter()
                .map(|&b| after[usize::from(b)] as f32)
                .collect()
        };
        let word = not_word();
        let mut starts = vec![0.0; symbols.len()];
        for &a in symbols.iter().filter(|&&a| has(&word, a)) {
            let after = &self.after[usize::from(a)];
            for (sum, &b) in starts.iter_mut().zip(&symbols) {
                *sum += (self.single[usize::from(a)] * after[usize::from(b)]) as f32;
            }
        }
        Shares {
            single: symbols
                .iter()
                .map(|&b| self.single[usize::from(b)] as f32)
                .collect(),
            starts,
            after: symbols.iter().map(row).collect(),
            symbols,
        }
    }
}

/// Bytes that are no part of a word.
fn not_word() -> ByteSet {
    let mut set = ByteSet::default();
    (0..=255u8)
        .filter(|b| !b.is_ascii_alphanumeric() && *b != b'_')
        .for_each(|b| insert(&mut set, b));
    set
}

/// How often products of nibble sets are met, one after the other.
pub(crate) struct Shares {
    /// The bytes that the sample has.
    symbols: Vec<u8>,
    /// The share of each, and of those where a word may start.
    single: Vec<f32>,
    starts: Vec<f32>,
    /// Of the second, given the first.
    after: Vec<Vec<f32>>,
}

impl Shares {
    /// The share of positions that the products let through: for each position the low nibbles, then the high ones.
    pub(crate) fn of(&self, edge: Edge, nibbles: &[[u16; 2]]) -> f64 {
        let inside = |[low, high]: &[u16; 2], byte: u8| {
            low >> (byte & 15) & 1 == 1 && high >> (byte >> 4) & 1 == 1
        };
        let start = match edge {
            Edge::None => &self.single,
            Edge::Word => &self.starts,
        };
        let Some((first, rest)) = nibbles.split_first() else {
            return 1.0;
        };
        let mut at: Vec<(usize, f32)> = Vec::new();
        for (i, (&byte, &weight)) in self.symbols.iter().zip(start).enumerate() {
            if inside(first, byte) {
                at.push((i, weight));
            }
        }
        for position in rest {
            let mut next: Vec<(usize, f32)> = Vec::new();
            for (j, &byte) in self.symbols.iter().enumerate() {
                if inside(position, byte) {
                    next.push((
                        j,
                        at.iter()
                            .map(|&(i, weight)| weight * self.after[i][j])
                            .sum(),
                    ));
                }
            }
            at = next;
        }
        f64::from(at.iter().map(|&(_, weight)| weight).sum::<f32>())
    }
}
