//! Edits on their way out: what the stream wants, and what is written. How the first becomes the second lives with the guards.

use alloc::vec::Vec;

use blackbar_engine::{Action, RuleIndex, Stream};

/// A replacement of source bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// First byte replaced, counted from the start of the source.
    pub start: u64,
    /// One past the last byte replaced.
    pub end: u64,
    text: (usize, usize),
}

/// Edits in the order of the source, disjoint.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    pub(crate) list: Vec<Edit>,
    text: Vec<u8>,
    /// Whether nothing becomes part of the last one.
    closed: bool,
}

impl Edits {
    /// Replaces `start..end` by what `write` appends. What only goes on from the last one becomes part of it.
    pub(crate) fn put(&mut self, start: u64, end: u64, write: impl FnOnce(&mut Vec<u8>)) {
        let from = self.text.len();
        write(&mut self.text);
        let to = self.text.len();
        match self.list.last_mut() {
            Some(last) if last.end == start && !self.closed => (last.end, last.text.1) = (end, to),
            _ => self.list.push(Edit {
                start,
                end,
                text: (from, to),
            }),
        }
        self.closed = false;
    }

    /// The same, as an edit of its own.
    pub(crate) fn put_apart(&mut self, start: u64, end: u64, write: impl FnOnce(&mut Vec<u8>)) {
        self.closed = true;
        self.put(start, end, write);
        self.closed = true;
    }

    pub(crate) fn replacement(&self, edit: &Edit) -> &[u8] {
        self.text.get(edit.text.0..edit.text.1).unwrap_or_default()
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.text.clear();
    }

    /// Keeps little room beyond what is in use.
    pub(crate) fn rest(&mut self) {
        self.list.shrink_to(16);
        self.text.shrink_to(256);
    }

    pub(crate) fn memory(&self) -> usize {
        self.list.capacity() * size_of::<Edit>() + self.text.capacity()
    }
}

/// Whether a region is in UTF-16: its replacement is then written in that as well. Told where a region begins, kept until the next.
#[derive(Debug, Default)]
pub(crate) struct Width {
    region: Option<(u64, bool)>,
}

impl Width {
    /// Whether the region that begins at `start` is written in two bytes for each character.
    pub(crate) fn is_wide(&mut self, stream: &Stream, start: u64) -> bool {
        if let Some((region, wide)) = self.region
            && region == start
        {
            return wide;
        }
        // What stands before has come, however the bytes are cut. At the very beginning, so has what stands behind: no match is so short.
        let wide = match stream.received_bytes(start.saturating_sub(3), start) {
            [] | [_] => stream.received_bytes(start + 1, start + 2) == [0],
            [0, byte, 0] => *byte != 0,
            before => matches!(before, [0xff, 0xfe] | [0xfe, 0xff, 0]),
        };
        self.region = Some((start, wide));
        wide
    }
}

/// Writes what takes the place of an edit of `stream`; `wide`: in two bytes for each character.
pub(crate) fn write(stream: &Stream, edit: &blackbar_engine::Edit, wide: bool, out: &mut Vec<u8>) {
    let new = stream.replacement(edit);
    let old = stream.received_bytes(edit.start, edit.end);
    if !wide {
        out.extend_from_slice(new);
    } else if edit.action.preserves_length() {
        // A mask: what is NUL stays so.
        let both = new.iter().zip(old);
        out.extend(both.map(|(&new, &old)| if old == 0 { 0 } else { new }));
    } else {
        for (at, &byte) in new.iter().enumerate() {
            if at > 0 {
                out.push(0);
            }
            out.push(byte);
        }
    }
}

/// Writes as many bytes as an edit of `stream` replaces, whatever it wants to write; `wide`: what is NUL stays so.
pub(crate) fn mask(stream: &Stream, edit: &blackbar_engine::Edit, wide: bool, out: &mut Vec<u8>) {
    let old = stream.received_bytes(edit.start, edit.end).iter();
    out.extend(old.map(|&old| if wide && old == 0 { 0 } else { b'*' }));
}

/// What the stream wants to replace: a piece of a region.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Where the region begins.
    pub(crate) region: u64,
    pub(crate) rule: RuleIndex,
    pub(crate) action: Action,
    text: (usize, usize),
}

impl Wish {
    /// Whether its text has another length than what it replaces.
    pub(crate) fn is_tag(&self) -> bool {
        !self.action.preserves_length()
    }
}

/// Wishes that no guard has dealt with yet.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    list: Vec<Wish>,
    /// Those before it are dealt with.
    first: usize,
    text: Vec<u8>,
}

impl Wishes {
    /// Takes over the edits of `stream`; `wide` tells of which regions in UTF-16. Everything before `at` is dealt with.
    pub(crate) fn take(&mut self, stream: &Stream, at: u64, mut wide: impl FnMut(u64) -> bool) {
        // One that ended where the last chunk did is still there, and so, chunk after chunk, might all before it be.
        if let Some(next) = self.next_after(at) {
            let from = next.text.0;
            self.list.drain(..self.first);
            self.text.drain(..from);
            for wish in &mut self.list {
                wish.text = (wish.text.0 - from, wish.text.1 - from);
            }
            self.first = 0;
        }
        for edit in stream.edits() {
            let from = self.text.len();
            write(stream, edit, wide(edit.region), &mut self.text);
            self.list.push(Wish {
                start: edit.start,
                end: edit.end,
                region: edit.region,
                rule: edit.rule,
                action: edit.action,
                text: (from, self.text.len()),
            });
        }
    }

    /// The first wish that reaches beyond `at`.
    pub(crate) fn next_after(&mut self, at: u64) -> Option<Wish> {
        while let Some(wish) = self.list.get(self.first) {
            if wish.end > at {
                return Some(*wish);
            }
            self.first += 1;
        }
        self.clear();
        None
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.text.clear();
        self.first = 0;
    }

    /// What `wish` writes.
    pub(crate) fn text(&self, wish: &Wish) -> &[u8] {
        self.text.get(wish.text.0..wish.text.1).unwrap_or_default()
    }

    pub(crate) fn rest(&mut self) {
        self.list.shrink_to(4);
        self.text.shrink_to(64);
    }

    pub(crate) fn memory(&self) -> usize {
        self.list.capacity() * size_of::<Wish>() + self.text.capacity()
    }
}
