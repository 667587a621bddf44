//! Streams of gRPC-Web in base64 (`grpc-web-text`, <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>): decoded in groups of four
//! digits, walked as gRPC, and groups in which something changed encoded again. Padding may stand within, where a sender has flushed.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use blackbar_engine::schema::MessageIndex;
use blackbar_engine::{Engine, Finding};

use super::{Came, Files, Part, Parts, Sink};
use crate::carrier::Carrier;
use crate::format::Format;
use crate::view::With;
use crate::walk::Codec;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A stream that is decoded.
#[derive(Debug)]
pub(crate) struct WebText {
    came: Came,
    /// Everything before it was decoded, or is no base64.
    at: u64,
    /// What was decoded and is not decided yet.
    plain: Came,
    frames: Box<Carrier>,
    /// Where groups without padding between them begin: offsets of digits and of what they stand for.
    segments: VecDeque<(u64, u64)>,
    /// Edits of what was decoded whose groups are not decided yet.
    edits: Vec<Change>,
    /// What is no base64, from where it broke: bytes that are counted.
    broken: Option<Box<Part>>,
}

/// An edit of what was decoded.
#[derive(Debug)]
struct Change {
    start: u64,
    end: u64,
    text: Vec<u8>,
}

impl Change {
    /// Whether it has the length of what it replaces.
    fn is_same(&self) -> bool {
        self.text.len() as u64 == self.end - self.start
    }

    /// What of it lies behind `at`, if it can be cut there.
    fn split_off(&mut self, at: u64) -> Option<Change> {
        let len = usize::try_from(at.checked_sub(self.start)?).ok()?;
        if !self.is_same() || len == 0 || at >= self.end {
            return None;
        }
        let text = self.text.split_off(len);
        let end = core::mem::replace(&mut self.end, at);
        Some(Change {
            start: at,
            end,
            text,
        })
    }
}

/// The value of a digit.
fn value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// Three bytes at most.
fn decode(group: &[u8]) -> Option<([u8; 3], usize)> {
    let &[_, _, c, d] = group else {
        return None;
    };
    let len = match (c, d) {
        (b'=', b'=') => 1,
        (_, b'=') => 2,
        _ => 3,
    };
    let mut word = 0_u32;
    for digit in group.iter().take(len + 1) {
        word = word << 6 | u32::from(value(*digit)?);
    }
    word <<= 6 * (3 - u32::try_from(len).ok()?);
    let [_, x, y, z] = word.to_be_bytes();
    Some(([x, y, z], len))
}

/// Writes groups of four digits, the last of them padded.
fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = usize::try_from(word >> (18 - 6 * at) & 63).unwrap_or(0);
            let digit = DIGITS.get(digit).copied().unwrap_or(b'=');
            let there = usize::try_from(at).is_ok_and(|at| at <= group.len());
            out.push(if there { digit } else { b'=' });
        }
    }
}

impl WebText {
    pub(crate) fn new(codec: Codec, message: Option<MessageIndex>) -> WebText {
        let mut frames = Box::new(Carrier::default());
        frames.set_message(message);
        frames.reset(Format::Frames(codec));
        WebText {
            came: Came::default(),
            at: 0,
            plain: Came::default(),
            frames,
            segments: VecDeque::from([(0, 0)]),
            edits: Vec::new(),
            broken: None,
        }
    }

    /// The segment that holds what was decoded at `at`.
    fn segment(&self, at: u64) -> (u64, u64) {
        let behind = self.segments.partition_point(|(_, start)| *start <= at);
        let found = self.segments.get(behind.saturating_sub(1));
        found.copied().unwrap_or_default()
    }

    /// Where the group begins that `at` stands in: as digits, and decoded.
    fn group(&self, at: u64) -> (u64, u64) {
        let (digits, start) = self.segment(at);
        let groups = at.saturating_sub(start) / 3;
        (digits + 4 * groups, start + 3 * groups)
    }

    /// Where the group ends that what ends at `at` stands in.
    fn group_end(&self, at: u64) -> (u64, u64) {
        let (digits, start) = self.group(at);
        if start == at {
            return (digits, start);
        }
        let behind = self.segments.partition_point(|(_, start)| *start <= at);
        let next = self.segments.get(behind).map(|(_, start)| *start);
        let end = (start + 3).min(next.unwrap_or(u64::MAX));
        (digits + 4, end.min(self.plain.received()))
    }

    /// What is decided: as digits, and decoded.
    fn decided(&self) -> (u64, u64) {
        let decided = self.frames.decided();
        if decided == self.plain.received() {
            (
                self.group_end(decided).0.max(self.group(decided).0),
                decided,
            )
        } else {
            self.group(decided)
        }
    }

    /// Takes over what was found and written.
    fn collect(&mut self, sink: &mut Sink<'_>) {
        for finding in self.frames.findings() {
            sink.findings.push(Finding {
                start: self.group(finding.start).0,
                end: self.group_end(finding.end).0,
                rule: finding.rule,
            });
        }
        for edit in self.frames.edits() {
            let text = Vec::from(self.frames.replacement(edit));
            self.edits.push(Change {
                start: edit.start,
                end: edit.end,
                text,
            });
        }
        self.frames.clear();
        let (_, decided) = self.decided();
        // A mask is written group by group, however much of it is decided: only what shares a group with another edit goes with that.
        let all = core::mem::take(&mut self.edits);
        let mut edits = VecDeque::with_capacity(all.len() + 3);
        for mut edit in all {
            let cuts = [self.group_end(edit.start + 1).1, self.group(edit.end).1];
            for cut in cuts {
                if let Some(later) = edit.split_off(cut) {
                    edits.push_back(core::mem::replace(&mut edit, later));
                }
            }
            edits.push_back(edit);
        }
        while let Some(first) = edits.front() {
            // All whose groups touch are written together.
            let (mut count, mut end) = (0, first.start + 1);
            for edit in &edits {
                if edit.start >= self.group_end(end).1 {
                    break;
                }
                (count, end) = (count + 1, edit.end);
            }
            if self.group_end(end).1 > decided {
                break;
            }
            self.write(edits.drain(..count), sink);
        }
        self.edits.extend(edits);
        let needed = self.edits.first().map_or(decided, |edit| edit.start);
        let needed = self.group(needed.min(decided)).1;
        self.plain.release(needed);
        // A finding may be told long after its first bytes were written.
        let needed = needed.min(self.frames.oldest());
        while self
            .segments
            .get(1)
            .is_some_and(|(_, start)| *start <= needed)
        {
            self.segments.pop_front();
        }
    }
}

impl WebText {
    /// Writes edits whose groups touch.
    fn write(&self, edits: impl Iterator<Item = Change>, sink: &mut Sink<'_>) {
        let mut bytes = Vec::new();
        let mut same = true;
        let mut place = None;
        for edit in edits {
            let (from, first, end) = place.unwrap_or_else(|| {
                let (from, first) = self.group(edit.start);
                (from, first, first)
            });
            bytes.extend_from_slice(self.plain.slice(end, edit.start));
            bytes.extend_from_slice(&edit.text);
            same &= edit.is_same();
            place = Some((from, first, edit.end));
        }
        let Some((from, first, end)) = place else {
            return;
        };
        let (to, rest) = self.group_end(end);
        bytes.extend_from_slice(self.plain.slice(end, rest));
        sink.edits.put(from, to, |out| {
            if !same {
                encode(&bytes, out);
                return;
            }
            // Padding stays where it is.
            let (mut at, mut done) = (first, 0);
            while at < rest {
                let next = self.group_end(at + 1).1;
                let len = usize::try_from(next - at).unwrap_or(0);
                encode(bytes.get(done..done + len).unwrap_or_default(), out);
                (at, done) = (next, done + len);
            }
        });
    }
}

impl Parts for WebText {
    fn spare(&mut self, len: usize) -> &mut [u8] {
        self.came.spare(len)
    }

    fn commit(&mut self, with: With<'_>, len: usize, last: bool, sink: &mut Sink<'_>) {
        self.came.take(len);
        if self.broken.is_none() {
            let text = self.came.slice(self.at, self.came.received());
            let mut groups = text.chunks_exact(4);
            let mut plain = Vec::with_capacity(text.len() / 4 * 3);
            let (mut at, mut whole) = (self.at, true);
            let before = self.plain.received();
            for group in groups.by_ref() {
                let Some((bytes, len)) = decode(group) else {
                    whole = false;
                    break;
                };
                plain.extend(bytes.iter().take(len));
                at += 4;
                if len < 3 {
                    self.segments.push_back((at, before + plain.len() as u64));
                }
            }
            let ends = !whole || last;
            let breaks = !whole || last && !groups.remainder().is_empty();
            self.at = at;
            self.plain.spare(plain.len()).copy_from_slice(&plain);
            self.plain.take(plain.len());
            self.frames.set_views(with.views);
            self.frames.push(with.engine, with.plan, &plain, ends);
            self.collect(sink);
            if breaks {
                let mut part = Box::new(Part::new());
                part.begin(with, Format::Bytes, Files::Scan, self.at, b"");
                self.broken = Some(part);
            }
        }
        if let Some(part) = &mut self.broken {
            let end = self.came.received();
            part.push(with, self.came.slice(self.at, end), last, sink);
            self.at = end;
        }
    }

    fn force(&mut self, engine: &Engine, sink: &mut Sink<'_>) {
        match &mut self.broken {
            Some(part) => part.force(engine, sink),
            None => {
                self.frames.force(engine);
                self.collect(sink);
            }
        }
    }

    fn done(&self) -> u64 {
        match &self.broken {
            Some(part) => part.done().unwrap_or(self.at),
            None => {
                let held = self.edits.first().map(|edit| self.group(edit.start).0);
                self.decided().0.min(held.unwrap_or(u64::MAX))
            }
        }
    }

    fn came(&self) -> &Came {
        &self.came
    }

    fn release(&mut self, taken: u64) {
        self.came.release(taken.min(self.done()));
    }

    fn rest(&mut self) {
        self.came.rest();
        self.plain.rest();
        self.frames.rest(&mut Vec::new());
        if let Some(part) = &mut self.broken {
            part.rest();
        }
    }

    fn forced(&self) -> u64 {
        self.frames.forced() + self.broken.as_ref().map_or(0, |part| part.forced())
    }

    fn unread(&self) -> u64 {
        self.frames.unread()
    }

    fn memory(&self) -> usize {
        let edits = self.edits.iter().map(|edit| edit.text.capacity());
        size_of::<WebText>()
            + edits.sum::<usize>()
            + self.came.memory()
            + self.plain.memory()
            + self.frames.memory()
            + self.segments.capacity() * size_of::<(u64, u64)>()
            + self.broken.as_ref().map_or(0, |part| part.memory())
    }
}
