//! From offsets of decoded bytes to those of what they were decoded from. Between units both advance alike.

use alloc::collections::VecDeque;

use blackbar_engine::Piece;

/// Decoded bytes that stand for other bytes.
#[derive(Debug, Clone, Copy)]
struct Unit {
    at: u64,
    len: u8,
    source: u64,
    source_len: u8,
}

impl Unit {
    fn end(&self) -> (u64, u64) {
        (
            self.at + u64::from(self.len),
            self.source + u64::from(self.source_len),
        )
    }
}

/// The units of one view that may still be asked for.
#[derive(Debug, Default, Clone)]
pub(crate) struct Map {
    /// An offset and its source, before all units; nothing before it is asked for but what came before the first unit of all.
    origin: (u64, u64),
    units: VecDeque<Unit>,
}

impl Map {
    /// Both begin at `offset`.
    pub(crate) fn starting(offset: u64) -> Map {
        Map {
            origin: (offset, offset),
            units: VecDeque::new(),
        }
    }

    /// `len` decoded bytes at `at` stand for the next `source_len` bytes of the source.
    pub(crate) fn unit(&mut self, at: u64, len: usize, source_len: usize) {
        // It stands behind all others.
        let (end, source) = self.units.back().map_or(self.origin, Unit::end);
        let source = (source + at).saturating_sub(end);
        self.units.push_back(Unit {
            at,
            len: u8::try_from(len).unwrap_or(u8::MAX),
            source,
            source_len: u8::try_from(source_len).unwrap_or(u8::MAX),
        });
    }

    fn before(&self, at: u64) -> Option<&Unit> {
        let count = self.units.partition_point(|unit| unit.at <= at);
        count.checked_sub(1).and_then(|last| self.units.get(last))
    }

    /// Where the source of the byte at `at` begins; of the byte that comes next, where its source will begin.
    pub(crate) fn start(&self, at: u64) -> u64 {
        let (end, source) = match self.before(at) {
            Some(unit) if at < unit.end().0 => return unit.source,
            Some(unit) => unit.end(),
            None => self.origin,
        };
        // Before the first unit both are alike as well.
        (source + at).saturating_sub(end)
    }

    /// The same, unless what lay there was forgotten.
    pub(crate) fn known_start(&self, at: u64) -> Option<u64> {
        (at >= self.origin.0).then(|| self.start(at))
    }

    /// Where the source of a piece begins: one that goes on begins where the one before it ended, and units that stand for nothing are its.
    pub(crate) fn begin(&self, piece: &Piece) -> u64 {
        let (start, _) = piece.span();
        if piece.continues() {
            self.end(start)
        } else {
            self.start(start)
        }
    }

    /// Where the source of the bytes before `at` ends: units are not cut.
    pub(crate) fn end(&self, at: u64) -> u64 {
        let Some(last) = at.checked_sub(1) else {
            return self.start(at);
        };
        match self.before(last) {
            Some(unit) if last < unit.end().0 => unit.end().1,
            _ => self.start(last) + 1,
        }
    }

    /// Forgets what lies before `at`.
    pub(crate) fn forget(&mut self, at: u64) {
        // One that ends right there may stand for nothing, and then what ends there ends before it.
        while let Some(unit) = self.units.front().filter(|unit| unit.end().0 < at) {
            self.origin = unit.end();
            self.units.pop_front();
        }
    }

    pub(crate) fn rest(&mut self) {
        self.units.shrink_to(4);
    }

    pub(crate) fn memory(&self) -> usize {
        self.units.capacity() * size_of::<Unit>()
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn units_are_never_cut() {
        // Source `ab%41c%42%43d`, decoded `abAcBCd`, from offset 10 on.
        let mut map = Map::starting(10);
        map.unit(12, 1, 3);
        map.unit(14, 1, 3);
        map.unit(15, 1, 3);
        let starts = [10, 11, 12, 15, 16, 19, 22, 23];
        let ends = [11, 12, 15, 16, 19, 22, 23];
        for forget in [10, 12, 13, 15] {
            map.forget(forget);
            for at in forget..=17 {
                assert_eq!(map.start(at), starts[at as usize - 10], "{at}");
                if at > forget {
                    assert_eq!(map.end(at), ends[at as usize - 11], "{at}");
                }
            }
        }
    }
}
