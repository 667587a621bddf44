//! Which bytes hold a document together, and what is shown to the rules in their place. Who says so lives with the readers.

use alloc::vec::Vec;

/// What rules see where structure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// The ends of lines: what stands on both sides is not one.
    Lines,
    /// An equals sign and blanks: before it stands a name, behind it what it names.
    Named,
    /// The bytes themselves, which are not to be changed.
    Kept,
    /// The bytes themselves: no text, so that only what is found in them alone may change them.
    Binary,
}

impl Fill {
    fn covers(self) -> bool {
        matches!(self, Fill::Lines | Fill::Named)
    }
}

/// Bytes that may not change, or not by everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) fill: Fill,
    /// Whether the bytes before it have the same fill.
    goes_on: bool,
}

/// A place that a layout was at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    at: u64,
    binary: (u64, u64),
}

/// The structure of a haystack, as far back as anyone may ask for it.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// Offset up to which it is known.
    at: u64,
    /// Offset up to which structure was painted over.
    painted: u64,
    /// From `kept` on.
    segments: Vec<Segment>,
    kept: usize,
    /// The last segment of [`Fill::Binary`]: a part of it that comes later begins where all of it did.
    binary: (u64, u64),
    /// All bytes from `origin` on as they came, those painted over among them: to copy all is less work than to pick.
    came: Vec<u8>,
    origin: u64,
}

fn len(start: u64, end: u64) -> usize {
    usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX)
}

/// Those of `segments` that end behind `at`.
fn behind(segments: Option<&[Segment]>, at: u64) -> &[Segment] {
    let segments = segments.unwrap_or_default();
    let first = segments.partition_point(|segment| segment.end <= at);
    segments.get(first..).unwrap_or_default()
}

impl Layout {
    /// Begins another haystack.
    pub(crate) fn restart(&mut self) {
        let (mut segments, mut came) = (
            core::mem::take(&mut self.segments),
            core::mem::take(&mut self.came),
        );
        segments.clear();
        came.clear();
        *self = Layout {
            segments,
            came,
            ..Layout::default()
        };
    }

    /// Offset up to which it is known.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// The next `len` bytes carry something.
    pub(crate) fn content(&mut self, len: usize) {
        self.at += len as u64;
    }

    /// The next `len` bytes hold something together, or are no text.
    #[inline]
    pub(crate) fn structure(&mut self, len: usize, fill: Fill) {
        if len == 0 {
            return;
        }
        let start = self.at;
        self.at += len as u64;
        let before = self.segments.last_mut();
        let before = before.filter(|last| last.end == start && last.fill == fill);
        match before {
            Some(last) if last.start >= self.painted || !fill.covers() => last.end = self.at,
            before => {
                let goes_on = before.is_some();
                let start = match fill {
                    Fill::Binary if self.binary.1 == start => self.binary.0,
                    _ => start,
                };
                self.segments.push(Segment {
                    start,
                    end: self.at,
                    fill,
                    goes_on,
                });
            }
        }
        if fill == Fill::Binary
            && let Some(last) = self.segments.last()
        {
            self.binary = (last.start, last.end);
        }
    }

    /// Where the layout is, to come back to it by [`Layout::flatten`].
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            at: self.at,
            binary: self.binary,
        }
    }

    /// What was said of all bytes since `mark` does not count: they carry something, or are no text. None of them is painted over.
    pub(crate) fn flatten(&mut self, mark: Mark, binary: bool) {
        let since = |segment: &Segment| segment.start >= mark.at;
        while self.segments.pop_if(|last| since(last)).is_some() {}
        if let Some(last) = self.segments.last_mut() {
            last.end = last.end.min(mark.at);
        }
        let end = core::mem::replace(&mut self.at, mark.at);
        self.binary = mark.binary;
        match binary {
            true => self.structure(len(mark.at, end), Fill::Binary),
            false => self.content(len(mark.at, end)),
        }
    }

    /// Puts into `bytes`, which begin at `base` and end where the layout does, what rules are to see.
    pub(crate) fn paint(&mut self, base: u64, bytes: &mut [u8]) {
        let new = bytes.get(len(base, self.painted)..);
        self.came.extend_from_slice(new.unwrap_or_default());
        for segment in behind(self.segments.get(self.kept..), self.painted) {
            let (from, to) = (len(base, segment.start), len(base, segment.end));
            let Some(bytes) = bytes.get_mut(from..to) else {
                continue;
            };
            let (head, fill) = match segment.fill {
                Fill::Kept | Fill::Binary => continue,
                Fill::Lines => (b'\n', b'\n'),
                Fill::Named if segment.goes_on => (b' ', b' '),
                Fill::Named => (b'=', b' '),
            };
            bytes.fill(fill);
            if let Some(first) = bytes.first_mut() {
                *first = head;
            }
        }
        self.painted = self.at;
    }

    /// Puts back into `bytes`, which begin at `base`, what was painted over.
    pub(crate) fn restore(&self, base: u64, bytes: &mut [u8]) {
        let came = self.came.get(len(self.origin, base)..);
        let came = came.and_then(|came| came.get(..bytes.len()));
        if let Some(came) = came {
            bytes.copy_from_slice(came);
        }
    }

    /// The segment that holds `at`, or else the next one behind it.
    pub(crate) fn next(&self, at: u64) -> Option<Segment> {
        behind(self.segments.get(self.kept..), at).first().copied()
    }

    /// Where the last structure ends that ends at `at` or before.
    pub(crate) fn behind(&self, at: u64) -> u64 {
        let kept = self.segments.get(self.kept..).unwrap_or_default();
        let first = kept.len() - behind(Some(kept), at).len();
        let mut before = kept.iter().take(first).rev();
        before.find(|s| s.fill != Fill::Binary).map_or(0, |s| s.end)
    }

    /// Whether structure or something binary begins at `at`.
    pub(crate) fn begins(&self, at: u64) -> bool {
        self.next(at).is_some_and(|next| next.start == at)
    }

    /// Forgets what lies before `at`.
    pub(crate) fn forget(&mut self, at: u64) {
        let rest = behind(self.segments.get(self.kept..), at);
        self.kept = self.segments.len() - rest.len();
        // What is forgotten goes when it is half of all and more, so that each is moved but once.
        if 2 * self.kept >= self.segments.len() {
            self.segments.drain(..self.kept);
            self.kept = 0;
        }
        let gone = len(self.origin, at);
        if 2 * gone >= self.came.len() {
            let gone = gone.min(self.came.len());
            self.came.drain(..gone);
            self.origin += gone as u64;
        }
    }

    /// Keeps only what is needed until the next bytes come.
    pub(crate) fn rest(&mut self) {
        self.segments.shrink_to(16);
        self.came.shrink_to(64);
    }

    /// Bytes held on the heap.
    pub(crate) fn memory(&self) -> usize {
        self.segments.capacity() * size_of::<Segment>() + self.came.capacity()
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn structure_is_painted_over_and_put_back() {
        let text = b"ab12cd345ef6";
        for cut in 0..=text.len() {
            let mut layout = Layout::default();
            let mut painted = text.to_vec();
            let parts: [(usize, Option<Fill>); 6] = [
                (2, None),
                (2, Some(Fill::Lines)),
                (2, None),
                (3, Some(Fill::Named)),
                (2, None),
                (1, Some(Fill::Kept)),
            ];
            let mut at = 0;
            for (len, fill) in parts {
                for _ in 0..len {
                    if at == cut {
                        layout.paint(0, &mut painted[..at]);
                    }
                    match fill {
                        Some(fill) => layout.structure(1, fill),
                        None => layout.content(1),
                    }
                    at += 1;
                }
            }
            layout.paint(0, &mut painted);
            assert_eq!(painted, b"ab\n\ncd=  ef6", "{cut}");
            assert_eq!(layout.next(0).map(|s| s.start), Some(2));
            for from in 0..text.len() {
                layout.forget(from as u64);
                let mut part = painted[from..].to_vec();
                layout.restore(from as u64, &mut part);
                assert_eq!(part, &text[from..], "{cut} {from}");
            }
        }
    }
}
