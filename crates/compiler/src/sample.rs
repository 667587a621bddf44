//! Byte statistics of the shipped sample of log text: how often bytes and pairs of bytes occur. Windows and buckets are
//! chosen by it; correctness never depends on it.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::automaton::{ByteSet, has};

/// Log lines of the usual kinds, without anything secret; `sample/README.md` says how it was made.
pub static SAMPLE: &[u8] = include_bytes!("../sample/sample.log");

/// Frequencies in a text.
pub(crate) struct Statistics {
    single: [f64; 256],
    /// Of the second byte, given the first.
    after: Vec<[f64; 256]>,
    /// Shares of pairs of sets that were asked for before.
    pairs: Mutex<HashMap<(ByteSet, ByteSet), f64>>,
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

    /// The share of bytes in each pair of a high and a low nibble.
    pub(crate) fn nibbles(&self) -> [[f64; 16]; 16] {
        let mut shares = [[0.0; 16]; 16];
        for (byte, &share) in self.single.iter().enumerate() {
            shares[byte >> 4][byte & 15] = share;
        }
        shares
    }
}
