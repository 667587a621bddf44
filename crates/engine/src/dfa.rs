//! Anchored automata as tables in the artifact: how they are laid out, checked and stepped. Which automata a rule needs
//! and in what order they run lives in [`program`](crate::program).
//!
//! A table has one row per state and one column per byte class, and one more column for the end of the haystack. An entry
//! is a state number with [`MATCHES`] set when the bytes *before* the one just looked at are a match: what may follow a
//! match (a word boundary, a line end, a forbidden neighbour) is thereby part of the table.
//! State 0 is dead. State 1 is final: the bytes so far are a match whatever follows, and no longer one exists.
//!
//! Where a pattern says `[A-Za-z0-9]{36}`, 36 states follow each other by the same bytes. They are numbered one after the other and are a
//! [`Run`]: how far it goes is a matter of counting bytes, of which no one has to wait for the one before. The table has their rows all the
//! same, so that what a run is leaves no trace in what matches.

/// Set in a table's entry when the bytes before the one looked at are a match.
pub const MATCHES: u16 = 0x8000;
/// The state that nothing leaves and in which nothing matches.
pub const DEAD: u16 = 0;
/// The state in which a match is complete and cannot grow.
pub const FINAL: u16 = 1;
/// Most candidates are dead after a few bytes, and then a run is not worth asking for. After so many it is.
pub(crate) const SOON: usize = 16;
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
    /// From this state on states belong to runs, or are sure.
    pub(crate) simple: u16,
    /// States, dead and final included.
    pub(crate) states: u16,
    /// Offset of the runs.
    pub(crate) runs: usize,
    /// How many there are.
    pub(crate) run_count: u8,
}

/// States that follow each other by the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first of these states.
    pub first: u16,
    /// The last one. Up to it each leads to the next by every byte of the run.
    pub last: u16,
    /// The last one leads to itself by these bytes.
    pub loops: bool,
    /// The bytes before such a byte are a match: the entries have [`MATCHES`].
    pub matches: bool,
    /// The classes of the bytes, one bit for each.
    pub classes: u64,
}

/// A run in the artifact: first and last state, two flags, classes.
pub(crate) const RUN_BYTES: usize = 14;
/// An automaton has no more runs than this.
pub const MOST_RUNS: usize = 8;
/// Classes that a run can name.
pub const RUN_CLASSES: usize = 64;

impl Run {
    /// As it stands in the artifact.
    pub(crate) fn to_bytes(self) -> [u8; RUN_BYTES] {
        let [a, b] = self.first.to_le_bytes();
        let [c, d] = self.last.to_le_bytes();
        let flags = u8::from(self.loops) | u8::from(self.matches) << 1;
        let [e, f, g, h, i, j, k, l] = self.classes.to_le_bytes();
        [a, b, c, d, flags, 0, e, f, g, h, i, j, k, l]
    }

    #[inline(always)]
    fn from_bytes(bytes: &[u8; RUN_BYTES]) -> Run {
        let [a, b, c, d, flags, _, classes @ ..] = *bytes;
        Run {
            first: u16::from_le_bytes([a, b]),
            last: u16::from_le_bytes([c, d]),
            loops: flags & 1 == 1,
            matches: flags & 2 == 2,
            classes: u64::from_le_bytes(classes),
        }
    }

    /// How many bytes of `text` go on in the run from `state`. None is waited for: which belong to it can be told of all at once.
    fn count(&self, cells: &Cells<'_>, state: u16, text: &[u8]) -> usize {
        let room = usize::from(self.last.saturating_sub(state));
        let text = match text.get(..room) {
            Some(text) if !self.loops => text,
            _ => text,
        };
        let is_of = |byte: u8| self.classes >> (cells.class(byte) & 63) & 1;
        let are_of = |bytes: &&[u8; 8]| bytes.iter().fold(1, |all, &byte| all & is_of(byte)) == 1;
        let whole = 8 * text.as_chunks().0.iter().take_while(are_of).count();
        let rest = text.get(whole..).unwrap_or_default();
        whole + rest.iter().take_while(|&&byte| is_of(byte) == 1).count()
    }
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
        let soon = text.get(..SOON).unwrap_or(text);
        let (mut state, mut at) = cells.pass(self.start(before), soon, MATCHES);
        if let Some(&byte) = soon.get(at) {
            return cells.next(state, byte) != DEAD;
        }
        loop {
            if state >= self.simple {
                let rest = text.get(at..).unwrap_or_default();
                let (reached, steps, matches) = self.skip(artifact, state, rest);
                if matches && steps > 0 {
                    return true;
                }
                (state, at) = (reached, at + steps);
            }
            let Some(&byte) = text.get(at) else {
                return true;
            };
            let entry = cells.next(state, byte);
            if entry & MATCHES != 0 || entry == FINAL {
                return true;
            }
            if entry == DEAD {
                return false;
            }
            (state, at) = (entry, at + 1);
        }
    }

    /// How many bytes of `text`, after the byte `before`, it takes to see that no match begins it, if that is seen soon. `None`: one may.
    #[inline]
    pub(crate) fn dies(&self, artifact: &[u8], before: Option<u8>, text: &[u8]) -> Option<usize> {
        let state = self.start(before);
        if state == FINAL || self.is_sure(state) {
            return None;
        }
        let cells = self.cells(artifact);
        let soon = text.get(..SOON).unwrap_or(text);
        let (state, steps) = cells.pass(state, soon, self.sure);
        let &byte = text.get(steps)?;
        (cells.next(state, byte) == DEAD).then_some(steps)
    }

    /// Goes on from `state`, if it is one of a run, through those bytes of `text` that belong to the run. Answers with the state, how
    /// many bytes it took, and whether the bytes before each of them are a match.
    pub(crate) fn skip(&self, artifact: &[u8], state: u16, text: &[u8]) -> (u16, usize, bool) {
        let mut runs = self.runs(artifact).iter().map(Run::from_bytes);
        let run = runs.find(|run| state <= run.last);
        match run.filter(|run| run.first <= state) {
            Some(run) => {
                let count = run.count(&self.cells(artifact), state, text);
                let steps = u16::try_from(count).unwrap_or(u16::MAX);
                let state = state.saturating_add(steps).min(run.last);
                (state, count, run.matches)
            }
            None => (state, 0, false),
        }
    }

    fn runs<'a>(&self, artifact: &'a [u8]) -> &'a [[u8; RUN_BYTES]] {
        let runs = artifact.get(self.runs..self.runs + RUN_BYTES * usize::from(self.run_count));
        runs.unwrap_or_default().as_chunks().0
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
            && map
                .iter()
                .fold(0, |highest, &class| highest.max(u16::from(class)))
                + 1
                < self.stride
            && highest(table) < self.states
            && self.has_sound_runs(artifact)
    }

    /// Whether all runs are of states of the table, one after the other, and none is sure in part.
    fn has_sound_runs(&self, artifact: &[u8]) -> bool {
        let mut next = FINAL + 1;
        self.simple <= self.sure
            && self.runs(artifact).iter().map(Run::from_bytes).all(|run| {
                let follows = next <= run.first && run.first <= run.last;
                let (from, to) = if run.first < self.sure {
                    (self.simple, self.sure)
                } else {
                    (self.sure, self.states)
                };
                next = run.last.saturating_add(1);
                follows && from <= run.first && run.last < to
            })
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
        self.entry(state, usize::from(self.class(byte)))
    }

    #[inline(always)]
    fn class(&self, byte: u8) -> u8 {
        self.classes.get(usize::from(byte)).copied().unwrap_or(0)
    }

    /// The entry for the end of the haystack in `state`.
    pub(crate) fn end(&self, state: u16) -> u16 {
        self.entry(state, self.stride.saturating_sub(1))
    }

    /// Goes on through `text` as long as every entry leads to a state below `limit` that is neither dead nor final, and no match ends.
    /// Answers with the state and how many bytes it took.
    #[inline(always)]
    pub(crate) fn pass(&self, mut state: u16, text: &[u8], limit: u16) -> (u16, usize) {
        let states = limit.saturating_sub(FINAL + 1);
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
