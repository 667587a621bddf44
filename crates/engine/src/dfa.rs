//! Anchored automata as tables in the artifact: how they are laid out, checked and stepped. Which automata a rule needs
//! and in what order they run lives in [`program`](crate::program).
//!
//! A table has one row per state and one column per byte class, and one more column for the end of the haystack. An entry
//! is a state number with [`MATCHES`] set when the bytes *before* the one just looked at are a match: what may follow a
//! match (a word boundary, a line end, a forbidden neighbour) is thereby part of the table.
//! State 0 is dead. State 1 is final: the bytes so far are a match whatever follows, and no longer one exists.

/// Set in a table's entry when the bytes before the one looked at are a match.
pub const MATCHES: u16 = 0x8000;
/// The state that nothing leaves and in which nothing matches.
pub const DEAD: u16 = 0;
/// The state in which a match is complete and cannot grow.
pub const FINAL: u16 = 1;
/// Start states by what stands before: nothing, a line feed, a carriage return, a word byte, another byte.
pub const STARTS: usize = 5;

/// One automaton: where its parts lie in the artifact.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dfa {
    /// Offset of the 256 bytes that map a byte to its class.
    pub(crate) classes: usize,
    /// Offset of the table.
    pub(crate) table: usize,
    /// Columns: classes and the end of the haystack.
    pub(crate) stride: u16,
    pub(crate) starts: [u16; STARTS],
    /// From this state on every state is a match and all that it leads to are, or dead: once in, the match only grows.
    pub(crate) sure: u16,
    /// States, dead and final included.
    pub(crate) states: u16,
}

impl Dfa {
    /// The start state after `before`, the byte that stands before, if any.
    pub(crate) fn start(&self, before: Option<u8>) -> u16 {
        let kind = match before {
            None => 0,
            Some(b'\n') => 1,
            Some(b'\r') => 2,
            Some(b) if b.is_ascii_alphanumeric() || b == b'_' => 3,
            Some(_) => 4,
        };
        self.starts.get(kind).copied().unwrap_or(DEAD)
    }

    /// Its table, to step through.
    #[inline]
    pub(crate) fn cells<'a>(&self, artifact: &'a [u8]) -> Cells<'a> {
        let stride = usize::from(self.stride);
        let classes = artifact.get(self.classes..);
        let table = artifact.get(self.table..self.table + 2 * stride * usize::from(self.states));
        Cells {
            classes: classes
                .and_then(|rest| rest.first_chunk())
                .unwrap_or(&[0; 256]),
            cells: table.unwrap_or_default().as_chunks().0,
            stride,
        }
    }

    /// Whether a match may begin `text`, after the byte `before`: `false` if it dies without one. Stops at the first match.
    pub(crate) fn may_match(&self, artifact: &[u8], before: Option<u8>, text: &[u8]) -> bool {
        let cells = self.cells(artifact);
        let mut state = self.start(before);
        for &byte in text {
            let entry = cells.next(state, byte);
            if entry & MATCHES != 0 || entry == FINAL {
                return true;
            }
            if entry == DEAD {
                return false;
            }
            state = entry;
        }
        true
    }

    /// How many bytes of `text`, after the byte `before`, it takes to see that no match begins it. `None`: one may, or does.
    #[inline]
    pub(crate) fn dies(&self, artifact: &[u8], before: Option<u8>, text: &[u8]) -> Option<usize> {
        let state = self.start(before);
        if state == FINAL || self.is_sure(state) {
            return None;
        }
        let cells = self.cells(artifact);
        let (state, steps) = cells.pass(state, text, self.sure);
        let &byte = text.get(steps)?;
        (cells.next(state, byte) == DEAD).then_some(steps)
    }

    /// Whether a match in `state` can only grow.
    pub(crate) fn is_sure(&self, state: u16) -> bool {
        state >= self.sure
    }

    /// Whether every entry leads to a state of the table and every class has a column.
    pub(crate) fn is_sound(&self, artifact: &[u8]) -> bool {
        let cells = usize::from(self.states) * usize::from(self.stride);
        let Some(map) = artifact.get(self.classes..self.classes + 256) else {
            return false;
        };
        let Some(table) = artifact.get(self.table..self.table + 2 * cells) else {
            return false;
        };
        self.stride >= 2
            && self.states >= 2
            && self.sure <= MATCHES
            && self.starts.iter().all(|&s| s < self.states)
            && map.iter().all(|&class| u16::from(class) + 1 < self.stride)
            && highest(table) < self.states
    }
}

/// The table of one automaton. What is not in it is dead; loading has ruled that out.
pub(crate) struct Cells<'a> {
    classes: &'a [u8; 256],
    cells: &'a [[u8; 2]],
    stride: usize,
}

impl Cells<'_> {
    /// The entry for `byte` in `state`.
    #[inline(always)]
    pub(crate) fn next(&self, state: u16, byte: u8) -> u16 {
        let class = self.classes.get(usize::from(byte)).copied().unwrap_or(0);
        self.entry(state, usize::from(class))
    }

    /// The entry for the end of the haystack in `state`.
    pub(crate) fn end(&self, state: u16) -> u16 {
        self.entry(state, self.stride.saturating_sub(1))
    }

    /// Goes on through `text` as long as every entry leads to a state below `sure` that is neither dead nor final, and no match ends.
    /// Answers with the state and how many bytes it took.
    #[inline(always)]
    pub(crate) fn pass(&self, mut state: u16, text: &[u8], sure: u16) -> (u16, usize) {
        let states = sure.saturating_sub(FINAL + 1);
        for (steps, &byte) in text.iter().enumerate() {
            let entry = self.next(state, byte);
            // Entries with a match are beyond every state.
            if entry.wrapping_sub(FINAL + 1) >= states {
                return (state, steps);
            }
            state = entry;
        }
        (state, text.len())
    }

    #[inline(always)]
    fn entry(&self, state: u16, column: usize) -> u16 {
        let cell = self.cells.get(usize::from(state) * self.stride + column);
        cell.copied().map_or(DEAD, u16::from_le_bytes)
    }
}

/// The highest state in a table. No branch in the loop: it is what loading spends its time on, and so becomes a vector's.
fn highest(table: &[u8]) -> u16 {
    table.as_chunks().0.iter().fold(0, |highest, &cell| {
        highest.max(u16::from_le_bytes(cell) & !MATCHES)
    })
}
