//! Runs of letters and digits that may be base64, base64url or hex, and what is readable in them.
//!
//! A run of [`FLOOR`] bytes or more is decoded from each place that its first unit may begin at: four for base64, two for hex. What is
//! decoded is mostly noise. Where [`READABLE`] bytes in a row are printable they are a haystack of their own, scanned up to the first byte
//! that is not. So a run costs a few operations for each byte, and only what somebody may have written is scanned.

use alloc::boxed::Box;
use alloc::vec::Vec;

use blackbar_engine::{Finding, Follows, Place, RuleIndex, Stream};

use super::{Open, Outbox, View, Views, With, copies, growths, open, scan, unread, waiting};

/// The shortest run that is decoded.
pub const FLOOR: usize = 24;

/// So many decoded bytes in a row are printable where something is to be read.
pub const READABLE: usize = 12;

/// No digit of base64.
const NONE: u8 = u8::MAX;

/// The value of each digit of base64 and base64url.
static VALUES: [u8; 256] = values();

#[allow(clippy::indexing_slicing, reason = "evaluated when it is compiled")]
const fn values() -> [u8; 256] {
    let mut table = [NONE; 256];
    let mut digit = 0;
    while digit < 26 {
        table[(b'A' + digit) as usize] = digit;
        table[(b'a' + digit) as usize] = digit + 26;
        digit += 1;
    }
    digit = 0;
    while digit < 10 {
        table[(b'0' + digit) as usize] = digit + 52;
        digit += 1;
    }
    table[b'+' as usize] = 62;
    table[b'-' as usize] = 62;
    table[b'/' as usize] = 63;
    table[b'_' as usize] = 63;
    table
}

fn value(byte: u8) -> u8 {
    VALUES.get(usize::from(byte)).copied().unwrap_or(NONE)
}

fn hex_value(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(16)
}

/// The run that a stream is in, if it is in one.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// Offset of what comes next.
    at: u64,
    /// The bytes of a run that is not long enough yet.
    short: Vec<u8>,
    /// Ways to read the run, once it is.
    ways: Vec<Way>,
    /// How often ways that have ended masked something undecided.
    forced: u64,
}

impl Runs {
    pub(crate) fn reset(&mut self) {
        *self = Runs::default();
    }

    /// Takes the next bytes.
    pub(crate) fn feed(
        &mut self,
        with: With<'_>,
        depth: usize,
        text: &[u8],
        last: bool,
        out: &mut Outbox,
    ) {
        let mut from = 0;
        while from < text.len() {
            if self.ways.is_empty() {
                from = self.seek(with.views, text, from);
                if !self.ways.is_empty() {
                    let first = core::mem::take(&mut self.short);
                    for way in &mut self.ways {
                        way.feed(with, depth, &first, false, out);
                    }
                }
                continue;
            }
            let rest = text.get(from..).unwrap_or_default();
            let digits = rest.iter().take_while(|&&byte| value(byte) != NONE).count();
            let run = rest.get(..digits).unwrap_or_default();
            let ends = digits < rest.len();
            for way in &mut self.ways {
                way.feed(with, depth, run, ends, out);
            }
            if ends {
                self.end();
            }
            from += digits;
        }
        if last {
            for way in &mut self.ways {
                way.feed(with, depth, b"", true, out);
            }
            self.end();
            self.short.clear();
        }
        self.at += text.len() as u64;
    }

    fn end(&mut self) {
        self.forced += self.ways.drain(..).map(|way| way.forced()).sum::<u64>();
    }

    /// Looks for a run from `from` on. Answers with where to go on: behind what is to be given to the ways first, if there are some now.
    fn seek(&mut self, views: Views, text: &[u8], mut from: usize) -> usize {
        // One that began before.
        while !self.short.is_empty() {
            let Some(&byte) = text.get(from) else {
                return from;
            };
            if value(byte) == NONE {
                self.short.clear();
                break;
            }
            self.short.push(byte);
            from += 1;
            if self.short.len() == FLOOR {
                self.begin(views, from);
                return from;
            }
        }
        // Only runs that reach over the last byte of a piece of this length can be long enough.
        while let Some(piece) = text.get(from..from + FLOOR) {
            match piece.iter().rposition(|&byte| value(byte) == NONE) {
                Some(at) => from += at + 1,
                None => {
                    self.short.extend_from_slice(piece);
                    from += FLOOR;
                    self.begin(views, from);
                    return from;
                }
            }
        }
        let rest = text.get(from..).unwrap_or_default();
        let start = rest.iter().rposition(|&byte| value(byte) == NONE);
        let tail = rest.get(start.map_or(0, |at| at + 1)..).unwrap_or_default();
        self.short.extend_from_slice(tail);
        text.len()
    }

    /// The run is long enough: `short` is its beginning, up to `end` of the text that is being looked at, and the ways want it.
    fn begin(&mut self, views: Views, end: usize) {
        let start = self.at + end as u64 - FLOOR as u64;
        let base64 = (0..if views.base64 { 4 } else { 0 }).map(|skip| (Form::Base64, skip));
        let hex = (0..if views.hex { 2 } else { 0 }).map(|skip| (Form::Hex, skip));
        let ways = base64.chain(hex);
        self.ways
            .extend(ways.map(|(form, skip)| Way::new(form, start, skip)));
    }

    /// What a fork of the stream at this offset has seen, a view at that depth with `inside` in it.
    pub(crate) fn fork(&self, depth: usize, inside: Views) -> Runs {
        let ways = self.ways.iter().map(|way| way.fork(depth + 1, inside));
        Runs {
            at: self.at,
            short: self.short.clone(),
            ways: ways.collect(),
            forced: 0,
        }
    }

    /// Certain matches that have not ended: rule, and where the secret starts.
    pub(crate) fn growths(&self) -> Vec<(RuleIndex, u64)> {
        let mut all = Vec::new();
        for way in &self.ways {
            let Some(live) = &way.live else { continue };
            let inner = growths(&live.stream, &live.views, &live.runs);
            let at = |start| place(way.form, way.start, live.before + start).0;
            all.extend(inner.map(|(rule, start)| (rule, at(start))));
        }
        all
    }

    /// What is open, at offsets of the stream.
    pub(crate) fn open(&self) -> Open {
        let mut all = Open::NOTHING;
        if !self.short.is_empty() {
            let start = self.at - self.short.len() as u64;
            (all.undecided, all.oldest) = (start, start);
        }
        self.ways.iter().map(Way::open).fold(all, Open::and)
    }

    pub(crate) fn waiting(&self) -> Option<(u64, RuleIndex)> {
        self.ways.iter().filter_map(Way::waiting).min()
    }

    /// Where the first byte is that something may be read from, and nothing was yet; [`u64::MAX`] where there is none.
    pub(crate) fn unread(&self) -> u64 {
        let short = match self.short.len() {
            0 => u64::MAX,
            short => self.at - short as u64,
        };
        self.ways.iter().map(Way::unread).fold(short, u64::min)
    }

    /// Whether the run is long enough for something to be read in it.
    pub(crate) fn are_read(&self) -> bool {
        !self.ways.is_empty()
    }

    /// Whether nothing is being read, or may be.
    pub(crate) fn are_idle(&self) -> bool {
        self.ways.is_empty() && self.short.is_empty()
    }

    pub(crate) fn forced(&self) -> u64 {
        self.forced + self.ways.iter().map(Way::forced).sum::<u64>()
    }

    pub(crate) fn rest(&mut self) {
        for live in self.ways.iter_mut().filter_map(|way| way.live.as_mut()) {
            live.stream.rest(&mut Vec::new());
            live.views.iter_mut().for_each(View::rest);
            live.inbox = Outbox::default();
        }
    }

    pub(crate) fn memory(&self) -> usize {
        self.short.capacity()
            + self.ways.capacity() * size_of::<Way>()
            + self
                .ways
                .iter()
                .map(|way| {
                    let live = way.live.as_ref().map_or(0, |live| {
                        size_of::<Live>()
                            + live.stream.memory()
                            + live.views.iter().map(View::memory).sum::<usize>()
                    });
                    way.readable.capacity() + live
                })
                .sum::<usize>()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Base64,
    Hex,
}

/// One way to read a run.
#[derive(Debug)]
struct Way {
    form: Form,
    /// Digits that are left out at first.
    skip: u64,
    /// Offset of the first digit that is not.
    start: u64,
    /// Offset of the digit that comes next.
    at: u64,
    bits: u32,
    /// How many of `bits` are not decoded yet.
    count: u32,
    /// Decoded bytes.
    done: u64,
    /// Printable bytes at the end of what was decoded, as long as they are few.
    readable: Vec<u8>,
    live: Option<Box<Live>>,
    /// How often something undecided was masked in what has ended.
    forced: u64,
}

/// What is readable, as a haystack.
#[derive(Debug)]
struct Live {
    /// How many decoded bytes came before it.
    before: u64,
    stream: Stream,
    views: Vec<View>,
    runs: Runs,
    inbox: Outbox,
    fresh: Vec<u8>,
    forced: u64,
}

impl Live {
    fn new(before: u64, fresh: Vec<u8>) -> Box<Live> {
        Box::new(Live {
            before,
            stream: Stream::new(Place::Text),
            views: Vec::new(),
            runs: Runs::default(),
            inbox: Outbox::default(),
            fresh,
            forced: 0,
        })
    }

    fn forced(&self) -> u64 {
        let views = self.views.iter().map(View::forced).sum::<u64>();
        self.forced + self.stream.forced() + self.runs.forced() + views
    }
}

/// What a digit makes of those before it.
enum Read {
    More,
    Byte(u8),
    /// It is no digit of this form.
    Not,
}

impl Way {
    fn new(form: Form, start: u64, skip: u64) -> Way {
        Way {
            form,
            skip,
            start: start + skip,
            at: start,
            bits: 0,
            count: 0,
            done: 0,
            readable: Vec::new(),
            live: None,
            forced: 0,
        }
    }

    /// The same for another haystack that begins alike, at that depth with `inside` in it. What was found so far stays here.
    fn fork(&self, depth: usize, inside: Views) -> Way {
        let live = self.live.as_ref().map(|live| {
            let mut fork = Live::new(live.before, Vec::new());
            live.stream.fork(&mut fork.stream);
            fork.runs = live.runs.fork(depth, inside);
            fork.views = copies(live.views.iter(), depth + 1, inside);
            fork
        });
        Way {
            readable: self.readable.clone(),
            live,
            forced: 0,
            ..*self
        }
    }

    fn start_over(&mut self) {
        self.start = self.at + self.skip;
        (self.bits, self.count, self.done) = (0, 0, 0);
        self.readable.clear();
    }

    fn read(&mut self, digit: u8) -> Read {
        let left_out = self.at < self.start;
        self.at += 1;
        let (bits, width) = match self.form {
            Form::Base64 => (Some(u32::from(value(digit))), 6),
            Form::Hex => (hex_value(digit), 4),
        };
        let Some(bits) = bits else { return Read::Not };
        if left_out {
            return Read::More;
        }
        self.bits = self.bits << width | bits;
        self.count += width;
        if self.count < 8 {
            return Read::More;
        }
        self.count -= 8;
        self.done += 1;
        let byte = self.bits >> self.count & 0xff;
        u8::try_from(byte).map_or(Read::Not, Read::Byte)
    }

    /// Notes a byte while too few are readable.
    fn keep(&mut self, byte: u8) {
        if is_printable(byte) {
            self.readable.push(byte);
        } else if self.readable.len() < READABLE {
            self.readable.clear();
        }
    }

    fn feed(&mut self, with: With<'_>, depth: usize, run: &[u8], ends: bool, out: &mut Outbox) {
        self.wake();
        for &digit in run {
            match (self.read(digit), &mut self.live) {
                (Read::More, _) => {}
                (Read::Byte(byte), Some(live)) if is_printable(byte) => live.fresh.push(byte),
                (Read::Byte(byte), live) => {
                    if live.is_some() {
                        self.scan(with, depth, true, out);
                    }
                    self.keep(byte);
                    self.wake();
                }
                (Read::Not, _) => {
                    self.scan(with, depth, true, out);
                    self.start_over();
                }
            }
        }
        self.scan(with, depth, ends, out);
    }

    /// Begins a haystack when there is enough to read.
    fn wake(&mut self) {
        if self.live.is_none() && self.readable.len() >= READABLE {
            let fresh = core::mem::take(&mut self.readable);
            self.live = Some(Live::new(self.done - fresh.len() as u64, fresh));
        }
    }

    /// Scans what is fresh. `last`: nothing follows it that can be read.
    fn scan(&mut self, with: With<'_>, depth: usize, last: bool, out: &mut Outbox) {
        let Some(live) = &mut self.live else { return };
        let fresh = core::mem::take(&mut live.fresh);
        // Whatever the digits were decoded from, what they stand for is as its writer wrote it.
        let with = With { over: None, ..with };
        live.stream.spare(fresh.len()).copy_from_slice(&fresh);
        live.forced += scan(
            with,
            &mut live.stream,
            &mut live.views,
            &mut live.runs,
            depth,
            fresh.len(),
            &[],
            Follows::after(last),
            &mut live.inbox,
        );
        let Live {
            before,
            stream,
            inbox,
            ..
        } = &mut **live;
        let at = |decoded: u64| place(self.form, self.start, *before + decoded);
        let moved = |finding: Finding| Finding {
            start: at(finding.start).0,
            end: at(finding.end).1,
            rule: finding.rule,
        };
        let pieces = &mut out.pieces;
        let mut found = |piece: blackbar_engine::Piece| {
            let (start, end) = piece.span();
            pieces.push(piece.at(at(start).0, at(end).1));
        };
        inbox.pieces.drain(..).for_each(&mut found);
        let findings = &mut out.findings;
        findings.extend(inbox.findings.drain(..).map(moved));
        stream.hand_over(found, |finding| findings.push(moved(finding)));
        if last {
            self.forced += live.forced();
            self.live = None;
        }
    }

    fn open(&self) -> Open {
        let here = self.done - self.readable.len() as u64;
        let Some(live) = &self.live else {
            let undecided = place(self.form, self.start, here).0;
            return Open {
                undecided,
                oldest: undecided,
                ..Open::NOTHING
            };
        };
        let inner = open(&live.views).and(live.runs.open());
        let at = |decoded: u64| match decoded {
            u64::MAX => u64::MAX,
            decoded => place(self.form, self.start, live.before + decoded).0,
        };
        let undecided = live.stream.undecided_from().min(inner.undecided);
        let growth = live.stream.growths().map(|(_, start)| start).min();
        let oldest = undecided.min(inner.oldest).min(growth.unwrap_or(u64::MAX));
        Open {
            undecided: at(undecided),
            growing: at(live.stream.growing_from().min(inner.growing)),
            oldest: at(oldest),
        }
    }

    fn waiting(&self) -> Option<(u64, RuleIndex)> {
        let live = self.live.as_ref()?;
        let all = [
            live.stream.waiting(),
            waiting(&live.views),
            live.runs.waiting(),
        ];
        let (start, rule) = all.into_iter().flatten().min()?;
        Some((place(self.form, self.start, live.before + start).0, rule))
    }

    fn unread(&self) -> u64 {
        let here = self.done - self.readable.len() as u64;
        let index = match &self.live {
            None => here,
            Some(live) => match live.runs.unread().min(unread(&live.views)) {
                u64::MAX => return u64::MAX,
                inner => live.before + inner,
            },
        };
        place(self.form, self.start, index).0
    }

    fn forced(&self) -> u64 {
        self.forced + self.live.as_ref().map_or(0, |live| live.forced())
    }
}

/// Where the digits of the decoded byte `index` begin, and where those of the bytes before it end.
fn place(form: Form, start: u64, index: u64) -> (u64, u64) {
    match form {
        Form::Base64 => (start + index * 8 / 6, start + (index * 8).div_ceil(6)),
        Form::Hex => (start + index * 2, start + index * 2),
    }
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}
