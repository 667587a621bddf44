//! Byte statistics of the shipped sample of log text: how often bytes and pairs of bytes occur. Windows and buckets are
//! chosen by it; correctness never depends on it.

use std::sync::LazyLock;

use crate::automaton::{ByteSet, has};

/// Log lines of the usual kinds, without anything secret; `sample/README.md` says how it was made.
pub static SAMPLE: &[u8] = include_bytes!("../sample/sample.log");

/// Frequencies in a text.
pub(crate) struct Statistics {
    single: [f64; 256],
    /// Of the second byte, given the first.
    after: Vec<[f64; 256]>,
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
        }
    }

    /// The expected share of positions at which the sets match, one after the other.
    pub(crate) fn share(&self, sets: &[ByteSet]) -> f64 {
        let Some((head, rest)) = sets.split_first() else {
            return 1.0;
        };
        let mut now: Vec<(u8, f64)> = (0..=255u8)
            .filter(|&b| has(head, b))
            .map(|b| (b, self.single[usize::from(b)]))
            .collect();
        for set in rest {
            let next = (0..=255u8).filter(|&b| has(set, b));
            now = next
                .map(|b| {
                    (
                        b,
                        now.iter()
                            .map(|&(a, p)| p * self.after[usize::from(a)][usize::from(b)])
                            .sum(),
                    )
                })
                .collect();
        }
        now.iter().map(|&(_, p)| p).sum()
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
