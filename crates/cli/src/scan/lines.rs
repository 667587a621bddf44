//! From stream offsets to lines and columns, and to the bytes of a finding, in bounded memory. Neither the input nor the engine
//! is known here.

use std::collections::VecDeque;

/// So many bytes before the engine's decided offset can still be located: far more than a rule holds back.
pub(crate) const REACH: u64 = 1 << 20;

/// The line ends of the last [`REACH`] bytes, and how many there were before.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Offsets of line feeds, rising.
    ends: VecDeque<u64>,
    /// How many line feeds were forgotten.
    forgotten: u64,
    /// Where the line starts that the first remembered line feed ends.
    start: u64,
    /// Bytes taken in.
    received: u64,
}

impl Lines {
    /// Takes in the next bytes.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        let base = self.received;
        self.ends
            .extend(memchr::memchr_iter(b'\n', chunk).map(|at| base + at as u64));
        self.received += chunk.len() as u64;
    }

    /// The 1-based line and column (in bytes, as in ripgrep) of an offset; `None` if it lies too far back.
    pub(crate) fn locate(&self, offset: u64) -> Option<(u64, u64)> {
        if offset < self.start {
            return None;
        }
        let before = self.ends.partition_point(|&end| end < offset);
        let start = match before {
            0 => self.start,
            n => self.ends[n - 1] + 1,
        };
        Some((self.forgotten + before as u64 + 1, offset - start + 1))
    }

    /// Forgets what lies more than [`REACH`] before `decided`.
    pub(crate) fn forget(&mut self, decided: u64) {
        let floor = decided.saturating_sub(REACH);
        while let Some(end) = self.ends.front().copied().filter(|&end| end < floor) {
            self.ends.pop_front();
            self.forgotten += 1;
            self.start = end + 1;
        }
    }
}

/// The last [`REACH`] bytes of a haystack: kept only for `--show-values`.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    bytes: Vec<u8>,
    /// Stream offset of the first byte.
    base: u64,
}

impl Tail {
    /// Takes in the next bytes.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    /// The bytes of a span, as far as they are still there.
    pub(crate) fn span(&self, start: u64, end: u64) -> &[u8] {
        let index = |offset: u64| {
            usize::try_from(offset.saturating_sub(self.base))
                .unwrap_or(usize::MAX)
                .min(self.bytes.len())
        };
        &self.bytes[index(start)..index(end.max(start))]
    }

    /// Forgets what lies more than [`REACH`] before `decided`.
    pub(crate) fn forget(&mut self, decided: u64) {
        let floor = decided.saturating_sub(REACH);
        // In large steps: each moves the rest to the front.
        if floor > self.base + REACH {
            let gone = usize::try_from(floor - self.base)
                .unwrap_or(usize::MAX)
                .min(self.bytes.len());
            self.bytes.drain(..gone);
            self.base += gone as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_become_lines_and_columns_whatever_the_chunks() {
        let text = b"ab\n\ncd\n";
        for split in 0..=text.len() {
            let mut lines = Lines::default();
            lines.push(&text[..split]);
            lines.push(&text[split..]);
            let places: Vec<_> = (0..=7)
                .map(|offset| lines.locate(offset).unwrap())
                .collect();
            assert_eq!(
                places,
                [
                    (1, 1),
                    (1, 2),
                    (1, 3),
                    (2, 1),
                    (3, 1),
                    (3, 2),
                    (3, 3),
                    (4, 1)
                ]
            );
        }
    }

    #[test]
    fn what_lies_too_far_back_has_no_place_and_the_count_goes_on() {
        let mut lines = Lines::default();
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        for number in 0..4096u64 {
            lines.push(&line);
            lines.forget((number + 1) * 1024);
        }
        assert!(lines.ends.len() <= 1025);
        assert_eq!(lines.locate(5), None);
        assert_eq!(lines.locate(4095 * 1024 + 7), Some((4096, 8)));
    }

    #[test]
    fn the_tail_is_bounded_and_gives_spans() {
        let mut tail = Tail::default();
        for number in 0..64u64 {
            tail.push(&[b'a' + u8::try_from(number % 26).unwrap(); 1 << 16]);
            tail.forget((number + 1) << 16);
            assert!(tail.bytes.len() <= 3 << 20);
        }
        assert_eq!(
            tail.span((63 << 16) - 1, (63 << 16) + 1),
            [b'a' + 62 % 26, b'a' + 63 % 26]
        );
        assert_eq!(tail.span(0, 4), b"");
    }
}
