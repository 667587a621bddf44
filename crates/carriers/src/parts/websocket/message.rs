//! One message of WebSocket: a haystack of its own, put together from the payloads of its frames, and put back where they stand. Which bytes
//! are payload is the stream's business.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use blackbar_engine::{Engine, Finding};

use crate::edits::Edits;
use crate::format::Format;
use crate::parts::{Came, Files, Part, Sink};
use crate::view::With;
use crate::walk::{begun, goes_on, width};

/// Bytes that may stand before JSON in a message of text: white space, and the digits that Socket.IO begins its packets with.
const PREFIX: usize = 32;

/// Fragments whose places are kept although their bytes are done with, for findings that are told long after they began.
const KEPT: usize = 256;

/// Payload of one frame that came in one go.
#[derive(Debug, Clone, Copy)]
struct Segment {
    /// Where it stands in the message.
    start: u64,
    /// Where it stands in the stream.
    source: u64,
    /// What it is masked with, from its first byte on.
    key: [u8; 4],
}

/// A change of the message, at its length.
#[derive(Debug)]
struct Change {
    start: u64,
    end: u64,
    text: Vec<u8>,
}

/// A message that is being read.
#[derive(Debug)]
pub(super) struct Message {
    part: Part,
    /// Whether its bytes are characters, which are changed as a whole.
    is_text: bool,
    /// Whether it was said what it is scanned as.
    is_begun: bool,
    /// What came of it, unmasked, from where output is not final.
    plain: Came,
    /// Bytes that were scanned.
    scanned: u64,
    /// Bytes whose output is final; they end with a character.
    settled: u64,
    segments: VecDeque<Segment>,
    /// Changes of bytes that are not settled.
    changes: Vec<Change>,
    edits: Edits,
    findings: Vec<Finding>,
    /// Messages that were masked before they said what they are.
    forced: u64,
}

/// What a message of text is, as its first bytes say; `None`: more are needed. `whole`: there are no more.
fn format(text: &[u8], whole: bool) -> Option<Format> {
    let head = text.get(..text.len().min(PREFIX)).unwrap_or_default();
    let before = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'0'..=b'9');
    match head.iter().find(|byte| !before(byte)) {
        Some(b'{' | b'[') => Some(Format::Json),
        None if !whole && text.len() < PREFIX => None,
        _ => Some(Format::Bytes),
    }
}

/// The segment that holds `at`, and where that stands in the stream.
fn place(segments: &VecDeque<Segment>, at: u64) -> (usize, u64) {
    let behind = segments.partition_point(|segment| segment.start <= at);
    let index = behind.saturating_sub(1);
    let Some(segment) = segments.get(index) else {
        return (0, 0);
    };
    let source = segment.source + at.saturating_sub(segment.start);
    let next = segments.get(index + 1);
    // Where fragments between were forgotten: it stands before the next one.
    (index, next.map_or(source, |next| source.min(next.source)))
}

fn index(from: u64, to: u64) -> usize {
    usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX)
}

impl Message {
    pub(super) fn new() -> Message {
        Message {
            part: Part::new(),
            is_text: false,
            is_begun: false,
            plain: Came::default(),
            scanned: 0,
            settled: 0,
            segments: VecDeque::new(),
            changes: Vec::new(),
            edits: Edits::default(),
            findings: Vec::new(),
            forced: 0,
        }
    }

    /// Another message begins.
    pub(super) fn begin(&mut self, is_text: bool) {
        (self.is_text, self.is_begun) = (is_text, false);
        self.plain.restart();
        (self.scanned, self.settled) = (0, 0);
        self.segments.clear();
    }

    /// Takes payload that stands at `source` and is masked with `key`.
    pub(super) fn take(&mut self, source: u64, payload: &[u8], key: [u8; 4]) {
        let start = self.plain.received();
        let last = self.segments.back();
        // More of the same frame.
        if last.is_none_or(|last| last.source + (start - last.start) != source) {
            self.segments.push_back(Segment { start, source, key });
        }
        let room = self.plain.spare(payload.len());
        let key = u32::from_ne_bytes(key);
        let (mut fours, mut pieces) = (room.chunks_exact_mut(4), payload.chunks_exact(4));
        for (four, piece) in fours.by_ref().zip(pieces.by_ref()) {
            if let Ok(word) = piece.try_into().map(u32::from_ne_bytes) {
                four.copy_from_slice(&(word ^ key).to_ne_bytes());
            }
        }
        let rest = fours.into_remainder().iter_mut().zip(pieces.remainder());
        for ((byte, piece), key) in rest.zip(key.to_ne_bytes()) {
            *byte = piece ^ key;
        }
        self.plain.take(payload.len());
    }

    /// Scans what was taken. `over`: the message ends with it, and nothing stays undecided.
    pub(super) fn scan(&mut self, with: With<'_>, over: bool, sink: &mut Sink<'_>) {
        let end = self.plain.received();
        if !self.is_begun {
            if end == 0 {
                return;
            }
            let format = match self.is_text {
                true => format(self.plain.slice(0, end), over),
                false => Some(Format::Bytes),
            };
            let Some(format) = format else {
                return;
            };
            self.part.begin(with, format, Files::Scan, 0, b"");
            self.is_begun = true;
        }
        if end == self.scanned && !over {
            return;
        }
        let mut inside = Sink {
            edits: &mut self.edits,
            findings: &mut self.findings,
        };
        let new = self.plain.slice(self.scanned, end);
        self.part.push(with, new, over, &mut inside);
        self.scanned = end;
        self.settle(over, sink);
    }

    /// Masks what is undecided, and settles all that was taken. Half a character or escape goes on as it came: what is found later and begins
    /// in it is masked from there on. Of a message that did not say yet what it is, each digit is masked.
    pub(super) fn force(&mut self, engine: &Engine, sink: &mut Sink<'_>) {
        if self.is_begun {
            let mut inside = Sink {
                edits: &mut self.edits,
                findings: &mut self.findings,
            };
            self.part.force(engine, &mut inside);
            self.settle(false, sink);
        }
        let end = self.plain.received();
        if self.is_begun {
            if !self.changes.is_empty() {
                self.write(end, sink);
            }
            self.plain.release(end);
        } else if self.settled < end {
            // They may be the start of a number, of text or of JSON: the format is told from them later, too.
            let mut text = Vec::from(self.plain.slice(self.settled, end));
            let digits = text.iter_mut().filter(|byte| byte.is_ascii_digit());
            self.forced += u64::from(digits.map(|digit| *digit = b'9').count() > 0);
            self.emit(self.settled, &text, sink);
        }
        self.settled = end;
    }

    /// Payload that is not settled.
    pub(super) fn waiting(&self) -> u64 {
        self.plain.received().saturating_sub(self.settled)
    }

    /// Takes over what was found and written, as far as it is decided.
    fn settle(&mut self, over: bool, sink: &mut Sink<'_>) {
        let segments = &self.segments;
        sink.findings
            .extend(self.findings.drain(..).map(|finding| Finding {
                start: place(segments, finding.start).1,
                end: place(segments, finding.end.saturating_sub(1)).1 + 1,
                rule: finding.rule,
            }));
        for edit in &self.edits.list {
            let mut text = Vec::from(self.edits.replacement(edit));
            // Nothing here changes a length: this is a mask already.
            text.resize(index(edit.start, edit.end), b'*');
            // What was settled by force has gone.
            let start = edit.start.max(self.settled);
            if start < edit.end {
                self.changes.push(Change {
                    start,
                    end: edit.end,
                    text: text.split_off(index(edit.start, start)),
                });
            }
        }
        self.edits.clear();
        let decided = self.part.done().unwrap_or(self.scanned);
        let decided = decided.max(self.settled);
        let before = self
            .plain
            .slice(decided.saturating_sub(3).max(self.settled), decided);
        let until = match self.is_text && !over {
            true => decided - begun(before),
            false => decided,
        };
        if !self.changes.is_empty() {
            self.write(until, sink);
        }
        self.settled = until;
        if over {
            self.plain.restart();
            return;
        }
        self.plain.release(until);
        // A finding may be told long after its first bytes were written.
        let needed = until.min(self.part.carrier.oldest());
        while self.segments.get(1).is_some_and(|s| s.start <= needed) {
            self.segments.pop_front();
        }
        let done = self.segments.partition_point(|s| s.start <= until);
        for _ in KEPT..done {
            self.segments.remove(1);
        }
    }

    /// Writes what changes before `until`.
    fn write(&mut self, until: u64, sink: &mut Sink<'_>) {
        let base = self.settled;
        let old = self.plain.slice(base, until);
        let mut new = Vec::from(old);
        let mut touched = Vec::with_capacity(self.changes.len());
        let mut later = Vec::new();
        for mut change in self.changes.drain(..) {
            if change.start >= until {
                later.push(change);
                continue;
            }
            if change.end > until {
                let text = change.text.split_off(index(change.start, until));
                later.push(Change {
                    start: until,
                    end: change.end,
                    text,
                });
            }
            let from = index(base, change.start);
            let to = from + change.text.len();
            if let Some(room) = new.get_mut(from..to) {
                room.copy_from_slice(&change.text);
                touched.push((from, to));
            }
        }
        self.changes = later;
        if self.is_text {
            for (from, to) in &mut touched {
                (*from, *to) = whole(old, *from, *to);
                mask_characters(old, &mut new, *from, *to);
            }
        }
        let mut done = 0;
        for (from, to) in touched {
            let from = from.max(done);
            if let Some(text) = new.get(from..to).filter(|text| !text.is_empty()) {
                self.emit(base + from as u64, text, sink);
                done = to;
            }
        }
    }

    /// Writes `text` in the place of what stands at `at`, masked as that is.
    fn emit(&self, mut at: u64, mut text: &[u8], sink: &mut Sink<'_>) {
        while !text.is_empty() {
            let (number, source) = place(&self.segments, at);
            let Some(segment) = self.segments.get(number) else {
                return;
            };
            let next = self.segments.get(number + 1);
            let len = next.map_or(text.len(), |next| index(at, next.start).min(text.len()));
            let (piece, rest) = text.split_at_checked(len).unwrap_or((text, &[]));
            let turned = index(segment.start, at) % 4;
            let key = segment.key.iter().cycle().skip(turned);
            sink.edits.put(source, source + piece.len() as u64, |out| {
                out.extend(piece.iter().zip(key).map(|(byte, key)| byte ^ key));
            });
            at += piece.len() as u64;
            text = rest;
        }
    }

    /// Where output ends that is final; `None`: all that was taken is.
    pub(super) fn done(&self) -> Option<u64> {
        let all = self.settled == self.plain.received();
        (!all).then(|| place(&self.segments, self.settled).1)
    }

    pub(super) fn rest(&mut self) {
        self.part.rest();
        self.plain.rest();
        self.edits.rest();
        self.segments.shrink_to(16);
    }

    pub(super) fn forced(&self) -> u64 {
        self.forced + self.part.forced()
    }

    pub(super) fn memory(&self) -> usize {
        let changes = self.changes.iter().map(|change| change.text.capacity());
        changes.sum::<usize>()
            + self.part.memory()
            + self.plain.memory()
            + self.edits.memory()
            + self.segments.capacity() * size_of::<Segment>()
            + self.findings.capacity() * size_of::<Finding>()
    }
}

/// `from..to` of `text`, with all of the characters that it cuts.
fn whole(text: &[u8], from: usize, to: usize) -> (usize, usize) {
    let cuts = |at: usize| text.get(at).is_some_and(|&byte| goes_on(byte));
    let back = |at: usize| {
        let before = text.get(at.saturating_sub(3)..at).unwrap_or_default();
        usize::try_from(begun(before)).unwrap_or(0)
    };
    let from = if cuts(from) { from - back(from) } else { from };
    let mut end = to;
    if cuts(to) && back(to) > 0 {
        let first = to - back(to);
        let wanted = text.get(first).map_or(1, |&byte| width(byte));
        while end < first + wanted && cuts(end) {
            end += 1;
        }
    }
    (from, end)
}

/// Masks the characters of `old` in `from..to` of which `new` holds a part only.
fn mask_characters(old: &[u8], new: &mut [u8], from: usize, to: usize) {
    let mut at = from;
    while let Some(&first) = old.get(at).filter(|_| at < to) {
        let more = old.get(at + 1..(at + width(first)).min(to));
        let more = more.unwrap_or_default().iter();
        let end = at + 1 + more.take_while(|&&byte| goes_on(byte)).count();
        if end > at + 1
            && let (Some(old), Some(new)) = (old.get(at..end), new.get_mut(at..end))
            && old != new
        {
            new.fill(b'*');
        }
        at = end;
    }
}
