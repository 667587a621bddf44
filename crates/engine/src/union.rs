//! From findings to edits: the union of all findings, one region for what overlaps, one label for a region, written out as
//! soon as nothing undecided can change it.
//!
//! A region is labelled by the finding that starts first, then is longest, then most confident. No finding that is still
//! undecided can start before the *watermark*; so a region that starts before it has its label, and what lies before it is
//! written even while the region still grows. Only actions that keep a part of the value wait for the region's end.

use alloc::vec::Vec;

use crate::rule::{Action, Confidence, Place, RuleIndex};
use crate::transform::{self, Value};

/// A replacement of input bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// First byte replaced, counted from the start of the stream.
    pub start: u64,
    /// One past the last byte replaced.
    pub end: u64,
    /// Where the region begins that this is a piece of: a region that is written as it grows comes as several edits.
    pub region: u64,
    /// The rule that labels the region.
    pub rule: RuleIndex,
    /// What is done to it.
    pub action: Action,
    pub(crate) text: (usize, usize),
}

/// A finding on its way into a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) rule: RuleIndex,
    pub(crate) action: Action,
    pub(crate) confidence: Confidence,
    /// Goes on from the part that ended where this one starts.
    pub(crate) continues: bool,
    /// Its bytes are not all of the value: no part of them is kept.
    pub(crate) partial: bool,
}

#[derive(Debug, Clone, Copy)]
struct Region {
    start: u64,
    end: u64,
    written: u64,
    rule: RuleIndex,
    action: Action,
    /// One finding makes up the whole region.
    single: bool,
    /// Its tag may have to be a number: wait for its end.
    number: bool,
}

/// A region of several findings may be a number of as many digits: such a region is waited for, so it needs a bound.
const LONGEST_NUMBER: u64 = 64;

/// The regions of one stream that are not finished, and the edits of those that are.
#[derive(Default)]
pub(crate) struct Union {
    parts: Vec<Part>,
    region: Option<Region>,
    pub(crate) edits: Vec<Edit>,
    pub(crate) text: Vec<u8>,
}

/// The bytes of a window, for what is kept of a value and for what stands before it.
#[derive(Clone, Copy)]
pub(crate) struct Bytes<'a> {
    pub(crate) hay: &'a [u8],
    pub(crate) base: u64,
}

impl<'a> Bytes<'a> {
    fn slice(&self, start: u64, end: u64) -> &'a [u8] {
        let index =
            |offset: u64| usize::try_from(offset.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.hay.get(index(start)..index(end)).unwrap_or_default()
    }
}

impl Union {
    pub(crate) fn reset(&mut self) {
        self.parts.clear();
        self.region = None;
        self.clear_edits();
    }

    /// Keeps little room beyond what is in use.
    pub(crate) fn rest(&mut self) {
        self.parts.shrink_to(16);
        self.edits.shrink_to(16);
        self.text.shrink_to(256);
    }

    pub(crate) fn clear_edits(&mut self) {
        self.edits.clear();
        self.text.clear();
    }

    /// Lets no value wait for its end any longer: what is kept of it is lost.
    pub(crate) fn give_up_values(&mut self) {
        if let Some(region) = &mut self.region {
            region.single = false;
            region.number = false;
        }
    }

    /// Hands over the parts that are in no region, and forgets them.
    pub(crate) fn hand_over(&mut self, part: impl FnMut(Part)) {
        self.parts.drain(..).for_each(part);
    }

    /// Takes a part in.
    pub(crate) fn add(&mut self, part: Part) {
        // How long a growing finding gets is not known when it takes part: it counts as the longest.
        let key = |p: &Part| {
            let end = if p.partial { u64::MAX } else { p.end };
            (
                p.start,
                // What goes on belongs to the region that is there; what only touches that starts another.
                !p.continues,
                core::cmp::Reverse(end),
                core::cmp::Reverse(p.confidence),
                p.rule,
            )
        };
        let at = self.parts.partition_point(|other| key(other) <= key(&part));
        self.parts.insert(at, part);
    }

    /// Writes what can be written. Everything before `written` is; no undecided finding starts before `watermark`; `growing`: the
    /// lowest offset that one that is certain has reached and goes on from. Answers with the offset up to which everything is final.
    pub(crate) fn advance<'i>(
        &mut self,
        written: u64,
        watermark: u64,
        growing: u64,
        place: Place,
        bytes: Bytes<'_>,
        id: impl Fn(RuleIndex) -> &'i str,
    ) -> u64 {
        let mut taken = 0;
        loop {
            if self.region.is_none() {
                match self.parts.get(taken) {
                    Some(part) if part.start < watermark => {
                        taken += 1;
                        self.region = Some(open_region(part, written, place, bytes));
                    }
                    _ => break,
                }
            }
            let Some(mut region) = self.region else { break };
            while let Some(part) = self.parts.get(taken) {
                if part.start > region.end || part.start == region.end && !part.continues {
                    break;
                }
                taken += 1;
                if part.start != region.start || part.end != region.end || part.partial {
                    region.single = false;
                }
                region.end = region.end.max(part.end);
                let long = region.end - region.start > LONGEST_NUMBER;
                region.number &= region.single || !part.partial && !long;
            }
            let closed = region.end <= watermark && region.end < growing;
            let waits = region.number || region.single && !region.action.streams();
            if closed || !waits {
                let end = region.end.min(watermark);
                self.write(&mut region, end, closed, place, bytes, &id);
            }
            self.region = (!closed).then_some(region);
            if !closed {
                break;
            }
        }
        self.parts.drain(..taken.min(self.parts.len()));
        let unstarted = self.parts.first().map_or(watermark, |part| part.start);
        let unwritten = self
            .region
            .filter(|r| r.written < r.end)
            .map_or(watermark, |r| r.written);
        watermark.min(unstarted).min(unwritten)
    }

    /// Writes `region` up to `end`.
    fn write<'i>(
        &mut self,
        region: &mut Region,
        end: u64,
        closed: bool,
        place: Place,
        bytes: Bytes<'_>,
        id: &impl Fn(RuleIndex) -> &'i str,
    ) {
        if end <= region.written {
            return;
        }
        let from = self.text.len();
        let value = bytes.slice(region.written, end);
        let first = region.written == region.start;
        let whole = closed && region.single && first;
        match region.action {
            Action::Tag | Action::Remove
                if first && closed && region.number && value.iter().all(u8::is_ascii_digit) =>
            {
                transform::number(value.len(), &mut self.text);
            }
            Action::Tag | Action::Remove if first => {
                transform::tag(id(region.rule), place, &mut self.text)
            }
            Action::Tag | Action::Remove => {}
            action => transform::apply(
                action,
                Value {
                    bytes: value,
                    whole,
                },
                &mut self.text,
            ),
        }
        self.edits.push(Edit {
            start: region.written,
            end,
            region: region.start,
            rule: region.rule,
            action: region.action,
            text: (from, self.text.len()),
        });
        region.written = end;
    }

    pub(crate) fn memory(&self) -> usize {
        self.parts.capacity() * size_of::<Part>()
            + self.edits.capacity() * size_of::<Edit>()
            + self.text.capacity()
    }
}

fn open_region(part: &Part, written: u64, place: Place, bytes: Bytes<'_>) -> Region {
    let number = place == Place::Json
        && matches!(part.action, Action::Tag | Action::Remove)
        && !part.partial
        && bytes
            .slice(part.start, part.start + 1)
            .first()
            .is_some_and(u8::is_ascii_digit)
        && stands_for_json_value(bytes.slice(bytes.base, part.start));
    Region {
        start: part.start,
        end: part.end,
        written: part.start.max(written),
        rule: part.rule,
        action: part.action,
        single: !part.partial && part.start >= written,
        number,
    }
}

/// Whether the last byte that is not white space could stand before a JSON value. Looks no further back than is always
/// there to be seen.
fn stands_for_json_value(before: &[u8]) -> bool {
    const FAR: usize = 64;
    match before
        .iter()
        .rev()
        .take(FAR)
        .find(|b| !b.is_ascii_whitespace())
    {
        Some(byte) => matches!(byte, b':' | b',' | b'['),
        None => before.len() < FAR,
    }
}
