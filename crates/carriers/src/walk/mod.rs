//! Formats that count bytes and hold text: protobuf, a frame of gRPC, MessagePack, CBOR, syslog in frames, Redis. A reader goes over the bytes before they are
//! scanned and says which of them carry something; the others are covered, so that rules see text with ends of lines between (or, behind a
//! name, an equals sign), and they are never changed. What is found becomes `*`, as many bytes; characters are masked whole.
//!
//! Which bytes carry something is the readers' business; what covers them is the [`layout`]'s.

mod frame;
mod hides;
mod items;
mod layout;
mod protobuf;
mod redis;
mod syslog;
mod wire;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use blackbar_engine::schema::MessageIndex;
use blackbar_engine::{Finding, Stream};

use crate::edits::{Edits, Wish, Wishes};
use crate::fields::Trail;
use crate::view::With;
pub use frame::Codec;
pub(crate) use frame::{Frame, HEAD, is_frame};
use hides::{Hides, Notes};
pub(crate) use items::{Items, Packing};
use layout::Fill;
pub(crate) use layout::Layout;
pub(crate) use protobuf::Protobuf;
pub use redis::Logins;
pub(crate) use redis::Redis;
pub(crate) use syslog::{Counted, Counts};

/// Says which bytes carry something.
#[derive(Debug)]
pub(crate) enum Reader {
    Protobuf(Protobuf),
    Frame(Frame),
    Items(Items),
    Counted(Counted),
    Redis(Redis),
}

impl Reader {
    /// Goes on over `bytes`; answers how many of them it dealt with. The others are shown again, with more.
    fn read(&mut self, bytes: &[u8], last: bool, notes: &mut Notes<'_>) -> usize {
        match self {
            Reader::Protobuf(reader) => reader.read(bytes, last, notes),
            Reader::Frame(reader) => reader.read(bytes, last, notes),
            Reader::Items(reader) => reader.read(bytes, last, notes),
            Reader::Counted(reader) => reader.read(bytes, last, notes.layout),
            Reader::Redis(reader) => reader.read(bytes, last, notes.layout),
        }
    }

    /// The same, to see where a message ends: no rule names anything in it.
    pub(crate) fn pass(
        &mut self,
        with: With<'_>,
        bytes: &[u8],
        last: bool,
        layout: &mut Layout,
    ) -> usize {
        let mut notes = Notes {
            engine: with.engine,
            plan: with.plan,
            layout,
            trail: &mut Trail::default(),
            hides: &mut Hides::default(),
            found: &mut Vec::new(),
        };
        self.read(bytes, last, &mut notes)
    }

    /// Whether it stopped because a message is over. Only of those that were told to stop.
    pub(crate) fn take_ended(&mut self) -> bool {
        match self {
            Reader::Items(reader) => reader.take_ended(),
            Reader::Counted(reader) => reader.take_ended(),
            Reader::Redis(reader) => reader.take_ended(),
            Reader::Protobuf(_) | Reader::Frame(_) => false,
        }
    }
}

/// A reader, what it found out, and how far output is.
#[derive(Debug)]
pub(crate) struct Walk {
    reader: Reader,
    layout: Layout,
    /// Where in the document the reader is, as rules see it that name fields.
    trail: Trail,
    /// Whether it knows them.
    prepared: bool,
    /// What of these is masked.
    hides: Hides,
    /// Bytes that came and that the reader could not deal with yet.
    pending: Vec<u8>,
    /// Whether they stand at the beginning of the stream's room.
    placed: bool,
    /// Offset up to which output is final; it stands in no character.
    done: u64,
    wishes: Wishes,
    /// What stands in the place of passwords.
    swaps: VecDeque<Swap>,
    /// Fields that rules name; not told yet.
    found: Vec<Finding>,
}

#[derive(Debug)]
struct Swap {
    start: u64,
    end: u64,
    text: Vec<u8>,
}

impl Walk {
    pub(crate) fn new(reader: Reader) -> Walk {
        Walk {
            reader,
            layout: Layout::default(),
            trail: Trail::default(),
            prepared: false,
            hides: Hides::default(),
            pending: Vec::new(),
            placed: false,
            done: 0,
            wishes: Wishes::default(),
            swaps: VecDeque::new(),
            found: Vec::new(),
        }
    }

    /// Begins another frame of the same stream, if it is that what it reads. What is known of the rules is kept.
    pub(crate) fn restart(&mut self, of: Codec) -> bool {
        let Reader::Frame(frame) = &mut self.reader else {
            return false;
        };
        if frame.codec() != of {
            return false;
        }
        frame.restart();
        self.layout.restart();
        self.trail.leave();
        self.hides.clear();
        self.pending.clear();
        self.wishes.clear();
        self.swaps.clear();
        self.found.clear();
        (self.placed, self.done) = (false, 0);
        true
    }

    /// Says what messages of protobuf are, where there is a descriptor.
    pub(crate) fn set_message(&mut self, message: Option<MessageIndex>) {
        match &mut self.reader {
            Reader::Protobuf(reader) => *reader = Protobuf::of(u64::MAX, message),
            Reader::Frame(frame) => frame.set_message(message),
            Reader::Items(_) | Reader::Counted(_) | Reader::Redis(_) => {}
        }
    }

    /// How many bytes came that were not scanned.
    pub(crate) fn pending(&self) -> u64 {
        self.pending.len() as u64
    }

    /// Offset up to which output is final.
    pub(crate) fn done(&self) -> u64 {
        self.done
    }

    /// How many parts came in a form that nothing here reads.
    pub(crate) fn unread(&self) -> u64 {
        match &self.reader {
            Reader::Frame(frame) => u64::from(frame.is_unread()),
            _ => 0,
        }
    }

    /// No finding of its own that is still to be told starts before it.
    pub(crate) fn oldest(&self) -> u64 {
        let inside = match &self.reader {
            Reader::Protobuf(reader) => reader.oldest(),
            Reader::Frame(frame) => frame.oldest(),
            Reader::Items(items) => items.oldest(),
            Reader::Counted(_) | Reader::Redis(_) => u64::MAX,
        };
        let found = self.found.iter().map(|finding| finding.start);
        found.fold(inside, u64::min)
    }

    /// Takes the fields that rules name.
    pub(crate) fn take_found(&mut self) -> Vec<Finding> {
        core::mem::take(&mut self.found)
    }

    /// How many passwords of logins there were.
    pub(crate) fn logins(&self) -> u64 {
        match &self.reader {
            Reader::Redis(redis) => redis.logins(),
            _ => 0,
        }
    }

    /// Puts masks into the place of passwords.
    fn mask(&mut self, base: u64) {
        let Reader::Redis(redis) = &mut self.reader else {
            return;
        };
        for (from, len) in redis.take_found() {
            let start = base + from as u64;
            self.swaps.push_back(Swap {
                start,
                end: start + len as u64,
                text: alloc::vec![b'*'; len],
            });
        }
    }

    /// Room in `stream` for `len` bytes behind those that are pending.
    pub(crate) fn spare<'a>(&mut self, stream: &'a mut Stream, len: usize) -> &'a mut [u8] {
        let before = self.pending.len();
        let room = stream.spare(before + len);
        let (pending, room) = room.split_at_mut_checked(before).unwrap_or_default();
        pending.copy_from_slice(&self.pending);
        self.placed = true;
        room
    }

    /// Reads the first `len` bytes of that room and covers structure. Answers how many bytes the stream is to scan.
    #[inline(never)]
    pub(crate) fn cover(
        &mut self,
        with: With<'_>,
        stream: &mut Stream,
        len: usize,
        last: bool,
    ) -> usize {
        if !self.placed {
            self.spare(stream, len);
        }
        self.placed = false;
        let base = stream.received();
        let bytes = stream.unscanned_mut(self.pending.len() + len);
        if !self.prepared {
            self.trail.prepare(with.engine, with.plan);
            self.prepared = true;
        }
        let mut notes = Notes {
            engine: with.engine,
            plan: with.plan,
            layout: &mut self.layout,
            trail: &mut self.trail,
            hides: &mut self.hides,
            found: &mut self.found,
        };
        let mut read = self.reader.read(bytes, last, &mut notes);
        if last {
            self.layout.content(bytes.len().saturating_sub(read));
            read = bytes.len();
        }
        let (now, later) = bytes.split_at_mut_checked(read).unwrap_or_default();
        self.mask(base);
        self.layout.paint(base, now);
        self.pending.clear();
        self.pending.extend_from_slice(later);
        read
    }

    /// Makes edits of what `stream` wants to replace. `last`: no byte follows.
    #[inline(never)]
    pub(crate) fn shape(&mut self, stream: &Stream, last: bool, edits: &mut Edits) {
        self.wishes.take(stream, self.done, |_| false);
        let base = self.done;
        let decided = stream.decided();
        // What is replaced is done with as a whole.
        let straddles = self.swaps.iter().find(|swap| swap.end > decided);
        let decided = straddles.map_or(decided, |swap| swap.start.min(decided));
        let text = stream.received_bytes(base, decided);
        let end = base + text.len() as u64;
        let slice = |from: u64, to: u64| {
            let index = |at: u64| usize::try_from(at.saturating_sub(base)).unwrap_or(usize::MAX);
            text.get(index(from)..index(to)).unwrap_or_default()
        };
        let mut at = base;
        let mut hidden = base;
        while at < end {
            let wish = self.wishes.next_after(at);
            let wish = wish.filter(|wish| wish.start < end);
            let from = wish.map_or(end, |wish| wish.start.max(at));
            let swap = self.swaps.front().filter(|swap| swap.start < end);
            let before = swap.map_or(u64::MAX, |swap| swap.start);
            let hide = self.hides.next(at).filter(|hide| hide.start < end);
            let covers = hide.map_or(u64::MAX, |hide| hide.start.max(at));
            if before <= from.min(covers)
                && let Some(swap) = self.swaps.pop_front()
            {
                edits.put_apart(swap.start, swap.end, |out| {
                    out.extend_from_slice(&swap.text)
                });
                at = swap.end;
                continue;
            }
            if covers <= from
                && let Some(hide) = hide
            {
                let until = hide.end.min(end);
                let hides = &self.hides;
                edits.put(covers, until, |out| hides.write(hide, covers, until, out));
                (at, hidden) = (until, until);
                continue;
            }
            let Some(wish) = wish else {
                break;
            };
            at = at.max(wish.start);
            let least = self.layout.behind(at).max(base).max(hidden);
            // A character is changed as a whole, and none goes over structure.
            let until = match self.layout.next(at) {
                Some(segment) if segment.start <= at => {
                    if segment.fill != Fill::Binary || wish.region < segment.start {
                        // What the next wish wants may still be granted.
                        at = segment.end.min(wish.end).min(before).min(covers);
                        continue;
                    }
                    segment.end.min(end)
                }
                next => next.map_or(end, |segment| segment.start.min(end)),
            };
            let until = until.min(covers);
            let closed = last || until < end || self.layout.begins(end);
            let inside = slice(at, until).first().is_some_and(|&byte| goes_on(byte));
            let start = if inside {
                at - begun(slice(least, at))
            } else {
                at
            };
            let unit = slice(start, until);
            let wanted = unit.first().map_or(1, |&first| width(first));
            if unit.len() < wanted && !closed && unit.iter().skip(1).all(|&b| goes_on(b)) {
                break;
            }
            let more = unit.iter().take(wanted).skip(1);
            let len = 1 + more.take_while(|&&byte| goes_on(byte)).count();
            let unit = unit.get(..len).unwrap_or_default();
            if !is_kept(start, unit, &wish, &self.wishes) {
                edits.put(start, start + len as u64, |out| {
                    out.resize(out.len() + len, b'*')
                });
            }
            at = start + len as u64;
        }
        self.done = if last {
            end
        } else {
            // What is hidden is done with.
            (end - self.cut_off(text, end)).max(hidden)
        };
    }

    /// How many bytes at the end of `text` may belong to a character that goes on.
    fn cut_off(&self, text: &[u8], end: u64) -> u64 {
        if self.layout.begins(end) {
            return 0;
        }
        let run = usize::try_from(end - self.layout.behind(end)).unwrap_or(usize::MAX);
        let from = text.len().saturating_sub(run);
        begun(text.get(from..).unwrap_or_default())
    }

    /// Puts back into `bytes`, which begin at `base`, what was covered.
    #[inline(never)]
    pub(crate) fn restore(&self, base: u64, bytes: &mut [u8]) {
        self.layout.restore(base, bytes);
    }

    /// Forgets what lies before `taken`.
    pub(crate) fn release(&mut self, taken: u64) {
        self.layout.forget(taken.min(self.done));
    }

    /// What lies behind the last byte that the stream received is lost.
    pub(crate) fn displace(&mut self) {
        self.placed = false;
    }

    /// Keeps only what is needed until the next bytes come.
    pub(crate) fn rest(&mut self) {
        self.placed = false;
        self.layout.rest();
        self.wishes.rest();
        self.hides.rest();
        self.pending.shrink_to(64);
    }

    /// Bytes held on the heap.
    pub(crate) fn memory(&self) -> usize {
        let swaps = self.swaps.iter().map(|swap| swap.text.capacity());
        let reader = match &self.reader {
            Reader::Frame(frame) => frame.memory(),
            _ => 0,
        };
        swaps.sum::<usize>()
            + reader
            + self.layout.memory()
            + self.wishes.memory()
            + self.pending.capacity()
            + self.trail.memory()
            + self.hides.memory()
    }
}

/// Whether `wish` leaves all bytes of the unit at `start` as they are.
fn is_kept(start: u64, unit: &[u8], wish: &Wish, wishes: &Wishes) -> bool {
    if wish.is_tag() || start < wish.start || start + unit.len() as u64 > wish.end {
        return false;
    }
    let from = usize::try_from(start - wish.start).unwrap_or(usize::MAX);
    let text = wishes.text(wish).get(from..from.saturating_add(unit.len()));
    text == Some(unit)
}

/// The number of bytes of a character of UTF-8 that begins with `first`.
pub(crate) fn width(first: u8) -> usize {
    match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    }
}

/// Whether a character of UTF-8 goes on with it.
pub(crate) fn goes_on(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// How many bytes at the end of `before` belong to a character that goes on behind it, or may.
pub(crate) fn begun(before: &[u8]) -> u64 {
    for (back, &byte) in (1_u64..).zip(before.iter().rev().take(3)) {
        if !goes_on(byte) {
            return if width(byte) as u64 > back { back } else { 0 };
        }
    }
    0
}
