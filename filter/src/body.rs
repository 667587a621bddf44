//! One body as it streams: new bytes are read from the proxy's buffer, scanned, and written back only where something changed.
//! What headers say about it and what is answered when it is refused lives in [`crate::exchange`].
//!
//! Undecided bytes at the end of a chunk are dealt with in one of three ways:
//! - **carry**: the tail is taken out of the proxy's buffer and put before the next chunk; everything decided goes on at once. So
//!   it is done where more bytes must come (fewer than a large `content-length` have), and where the proxy would have to hold more
//!   than the hold limit: it may hand over 1 MiB at a time, and half a number at its end is most often nothing but a number. A body that has
//!   come in such a piece once is carried from then on: the next piece may be as large, and added to one that is held, however
//!   short, it passes the proxy's own limit (Envoy answers 413);
//! - **pause**: nobody knows whether more bytes come, or the whole body is short: the proxy keeps the chunk and shows it again with
//!   the next one, or in the trailers callback. To carry the tail of a clean chunk would mean to write the whole chunk, and proxies
//!   let nothing less be written. A short body is left to a proxy only once that has shown, at no risk, that it keeps such things;
//! - **force**: what is undecided is masked, and the stream goes on: where it is longer than the hold limit by itself, and in place
//!   of a carry for the hold limit's sake where that is configured or trailers are to be expected.
//!
//! A carried tail comes too late for a body that ends with trailers and no further body callback: the proxy takes no bytes then.
//! That is [`BodyError::Lost`]: a message is refused rather than cut short.

use core::cell::Cell;
use std::rc::Rc;

use blackbar_carriers::{Carrier, Format};
use blackbar_engine::{Engine, Plan};

use crate::config::{Encoded, OnHoldLimit};
use crate::counters::{Counters, Disposition, Event, Tally};
use crate::host::{BufferKind, Host, HostError};
use crate::patches::Patches;

/// Bytes that are read and scanned at a time: bounds the module's memory, fits a second-level cache.
pub(crate) const SLICE: usize = 64 * 1024;

/// Bytes at the end of a kept buffer by which it is recognised when it is shown again.
pub(crate) const TAIL: usize = 32;

/// What comes after a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The proxy may send what it holds.
    Continue,
    /// The proxy must keep what it holds.
    Pause,
    /// A rule refuses the message, and it is not too late.
    Refuse,
    /// It holds something in a coding that nothing here reads, and such things may not pass.
    Encoded,
    /// It cannot be decoded, and only counts: the rest goes on unread.
    Unread,
}

/// Why a body could not be dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// The buffer could not be read.
    Read(HostError),
    /// The buffer could not be written.
    Write(HostError),
    /// The buffer holds fewer bytes than it should, or not those that the proxy was asked to keep.
    Missing,
    /// The buffer is too large for this VM's memory.
    Memory,
    /// More bytes came than the body's length says: they may not pass unread, and what stands before them was taken for all.
    Surplus,
    /// Trailers came while the end of the body was carried: the proxy takes it no more.
    Lost,
    /// More of a tunnel is undecided than may be held, although it was forced.
    Undecided,
}

/// What the bodies of a VM share: room to work in, and what is known of the proxy.
#[derive(Debug, Default)]
pub struct Work {
    /// Counts of the running callback.
    pub tally: Tally,
    /// Whether the proxy keeps what it is asked to keep, of requests and of responses; `None` until it was tried.
    keeps: [Option<bool>; 2],
    /// The window of the stream that scans: one that waits has only what it needs.
    pub(crate) window: Vec<u8>,
    /// Bytes that decoders of content codings hold, of all bodies.
    pub(crate) decoding: Rc<Cell<usize>>,
    /// A slice of a buffer that is read again.
    piece: Vec<u8>,
    /// What a buffer is replaced by.
    out: Vec<u8>,
}

/// The most bytes that each room keeps between callbacks.
const SPARE: usize = 256 * 1024;

impl Work {
    fn keeps(&mut self, kind: BufferKind) -> &mut Option<bool> {
        let [request, response] = &mut self.keeps;
        if kind == BufferKind::RequestBody {
            request
        } else {
            response
        }
    }
}

impl BodyError {
    /// The same failure has the same text: it is logged once.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            BodyError::Read(_) => "the proxy does not give a body's bytes",
            BodyError::Write(_) => "the proxy does not take a changed body",
            BodyError::Memory => "a body's buffer is too large for the memory there is",
            BodyError::Lost => {
                "trailers came while the end of a body waited for more (see on_hold_limit)"
            }
            BodyError::Undecided => "more of a tunnel is undecided than may be held",
            BodyError::Surplus => "more of a body came than its length says",
            BodyError::Missing => "the proxy gives fewer bytes of a body than it announces",
        }
    }
}

/// What is different about bytes that flow between two ends without headers: nothing waits in the proxy, whatever waits is carried.
#[derive(Debug, Clone, Copy)]
pub struct Flow {
    /// What is undecided at the end of a chunk is masked.
    pub mask: bool,
    /// What passwords of logins count as.
    pub logins: Event,
}

/// What a body is scanned with, the same for every chunk.
pub struct Rules<'a> {
    /// The rules.
    pub engine: &'a Engine,
    /// What they do.
    pub plan: &'a Plan,
    /// Where events are counted.
    pub counters: &'a Counters,
    /// The most bytes that the proxy is asked to hold, and the most that are carried.
    pub hold_limit: usize,
}

/// One body.
#[derive(Debug)]
pub struct Body {
    kind: BufferKind,
    disposition: Disposition,
    stream: Box<Carrier>,
    /// The announced length.
    length: Option<u64>,
    /// What is done with undecided bytes when the proxy would have to hold too many.
    on_hold_limit: OnHoldLimit,
    /// What is done with parts in a coding that nothing here reads.
    encoded: Encoded,
    flow: Option<Flow>,
    /// The length is unknown, and a piece was beyond the hold limit: tails are carried from there on.
    floods: bool,
    /// It is a stream of WebSocket.
    endless: bool,
    /// Bytes at the start of the proxy's buffer that are output already.
    written: usize,
    /// Stream offset of the first byte in the proxy's buffer behind those.
    base: u64,
    /// Original bytes before `base` that were taken out of the proxy's buffer and are not decided.
    carried: Vec<u8>,
    /// Edits that are not written yet.
    patches: Patches,
    forced: u64,
    unread: u64,
    passed: u64,
    logins: u64,
    malformed: u64,
    /// How the proxy's buffer ended when it was last seen.
    tail: Vec<u8>,
    /// The proxy was asked to keep its buffer.
    paused: bool,
    /// The proxy has shown that it does.
    keeps: bool,
    /// The proxy was asked to keep what it could as well send, to see which it does.
    trying: bool,
    /// The last byte was scanned: nothing follows.
    ended: bool,
    /// Something was or will be written in place of what came.
    changed: bool,
    /// Bytes that were scanned and bytes that were held, not told to the counters yet.
    scanned: u64,
    waited: u64,
}

/// The longest body, by its announced length, that the proxy is asked to keep while something is undecided: such a body is read once,
/// and written once at most. Of a longer one the decided bytes go on: it might pass the proxy's own limit, and should not pile up.
const HOLD_ANNOUNCED: usize = 64 * 1024;

/// Bytes beyond the hold limit that may stay undecided in a tunnel although it was forced: half a head is a few.
const BEYOND: usize = 4 * 1024;

/// Bytes after which counters are told, although the body goes on.
const TOLD_AFTER: u64 = 1024 * 1024;

impl Body {
    /// A body at its start. `stream` is reset.
    #[must_use]
    pub fn new(
        kind: BufferKind,
        disposition: Disposition,
        format: Format,
        length: Option<u64>,
        on_hold_limit: OnHoldLimit,
        encoded: Encoded,
        mut stream: Box<Carrier>,
    ) -> Body {
        stream.reset(format);
        Body {
            kind,
            disposition,
            stream,
            length,
            on_hold_limit,
            encoded,
            flow: None,
            floods: false,
            endless: false,
            written: 0,
            base: 0,
            carried: Vec::new(),
            patches: Patches::default(),
            forced: 0,
            unread: 0,
            passed: 0,
            logins: 0,
            malformed: 0,
            tail: Vec::new(),
            paused: false,
            keeps: false,
            trying: false,
            ended: false,
            changed: false,
            scanned: 0,
            waited: 0,
        }
    }

    /// The same, of bytes that flow.
    #[must_use]
    pub fn flowing(mut self, flow: Flow) -> Body {
        (self.flow, self.floods) = (Some(flow), true);
        self
    }

    /// Bytes that were taken out of the proxy's buffer and wait for more.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.carried.len()
    }

    /// The same, of what has no length and no trailers, and whose ends are waited for: what is decided goes on at once, and what is not is
    /// always carried.
    #[must_use]
    pub fn carried(mut self) -> Body {
        (self.floods, self.endless) = (true, true);
        self
    }

    /// Tells the counters what they were not told yet: with the last byte, and where a body breaks off.
    pub fn tell(&mut self, host: &impl Host, counters: &Counters) {
        counters.event(host, Event::BodyBytes, core::mem::take(&mut self.scanned));
        counters.event(host, Event::HeldBytes, core::mem::take(&mut self.waited));
    }

    /// The stream, for use by another body.
    #[must_use]
    pub fn into_stream(self) -> Box<Carrier> {
        self.stream
    }

    /// Takes a body callback: the proxy's buffer holds `size` bytes, those it was asked to keep among them.
    ///
    /// # Errors
    /// When the buffer cannot be read or written. Nothing that was not scanned has been let through.
    pub fn chunk(
        &mut self,
        host: &impl Host,
        rules: &Rules<'_>,
        work: &mut Work,
        size: usize,
        end: bool,
    ) -> Result<Progress, BodyError> {
        let before = self.stream.received();
        self.read(host, rules, work, size)?;
        if end {
            self.end(host, rules, work)?;
        }
        let new = self.stream.received() - before;
        self.scanned += new;
        if self.ended || self.scanned >= TOLD_AFTER {
            self.tell(host, rules.counters);
        }
        if self.disposition == Disposition::Shadow {
            self.base = self.stream.received();
            return Ok(Progress::Continue);
        }
        if self.is_refused() {
            return Ok(Progress::Encoded);
        }
        if self.is_forbidden() {
            return Ok(Progress::Refuse);
        }
        let undecided = self.stream.undecided();
        let kept = self.size().saturating_add(self.carried.len());
        let flood = kept > rules.hold_limit && self.on_hold_limit == OnHoldLimit::Carry;
        // Behind an announced length no piece follows, only the end or trailers: there, what is short is held.
        self.floods |= flood && self.length.is_none();
        if undecided > 0 && !end {
            let more = self
                .length
                .is_some_and(|length| self.stream.received() < length);
            let known = *work.keeps(self.kind);
            let short = self
                .length
                .is_some_and(|length| length <= rules.hold_limit.min(HOLD_ANNOUNCED) as u64);
            let hold = more && short && known == Some(true);
            self.keeps |= hold;
            let carry = more && !hold || flood || self.floods;
            let flows = self.flow.is_some();
            let late = if more || flows { undecided } else { kept } > rules.hold_limit;
            if late {
                rules.counters.event(host, Event::HoldLimit, 1);
            }
            let mask = self.flow.is_some_and(|flow| flow.mask);
            if late && !carry || undecided > rules.hold_limit || mask {
                self.stream.force(rules.engine);
                self.settle(host, rules, work)?;
                let most = rules.hold_limit.saturating_add(BEYOND);
                if self.endless && self.stream.undecided() > most {
                    return Err(BodyError::Undecided);
                }
                if self.is_forbidden() {
                    return Ok(Progress::Refuse);
                }
            } else if !carry {
                self.waited += new;
                // A proxy that does not pause would send what it holds: until it has shown that it does, nothing stays in its
                // buffer that is known to be secret. What was carried goes back there: trailers may be next.
                if !self.keeps || !self.carried.is_empty() {
                    self.flush(host, work, Then::Keep)?;
                }
                self.paused = true;
                return Ok(Progress::Pause);
            } else if more && short && known.is_none() {
                self.flush(host, work, Then::Try)?;
                self.trying = true;
                return Ok(Progress::Pause);
            }
        }
        self.flush(host, work, Then::Send)?;
        Ok(Progress::Continue)
    }

    /// Takes the trailers callback, if the body's end was not seen: a buffer that was kept is still there.
    ///
    /// # Errors
    /// As [`Body::chunk`], and when bytes are carried that the proxy takes no more.
    pub fn finish(
        &mut self,
        host: &impl Host,
        rules: &Rules<'_>,
        work: &mut Work,
    ) -> Result<Progress, BodyError> {
        self.end(host, rules, work)?;
        self.tell(host, rules.counters);
        if self.disposition == Disposition::Shadow {
            return Ok(Progress::Continue);
        }
        if self.is_refused() {
            return Ok(Progress::Encoded);
        }
        if self.is_forbidden() {
            return Ok(Progress::Refuse);
        }
        if self.trying {
            self.learn(host, work, self.written);
        }
        if self.paused {
            self.recognise(host, work)?;
        }
        let (carried, gone) = (self.carried.len() as u64, self.size() == 0);
        match self.flush(host, work, Then::Send) {
            // Its buffer is closed: what was carried cannot be delivered.
            Err(BodyError::Write(_)) if gone => {
                rules.counters.event(host, Event::LostBytes, carried);
                Err(BodyError::Lost)
            }
            other => other.map(|()| Progress::Continue),
        }
    }

    /// Nothing follows: what was undecided is decided.
    fn end(
        &mut self,
        host: &impl Host,
        rules: &Rules<'_>,
        work: &mut Work,
    ) -> Result<(), BodyError> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        self.stream.commit(rules.engine, rules.plan, 0, true);
        self.settle(host, rules, work)
    }

    /// Whether something was found that refuses the message.
    fn is_forbidden(&self) -> bool {
        match self.disposition {
            Disposition::Body => self.stream.blocked().is_some(),
            Disposition::Sealed => self.changed,
            _ => false,
        }
    }

    /// Whether anything of the body was changed so far.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// Whether nothing of it may change.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.disposition == Disposition::Sealed
    }

    /// Whether something came that nothing here reads, and such things may not pass. What are no frames of WebSocket is such: a receiver may
    /// skip what breaks them, and what it unmasks behind that cannot be read as bytes.
    fn is_refused(&self) -> bool {
        (self.unread > 0 || self.malformed > 0) && self.encoded != Encoded::Pass
    }

    /// Bytes in the proxy's buffer that are input and were read.
    fn held(&self) -> usize {
        distance(self.base, self.stream.received())
    }

    /// Bytes in the proxy's buffer that are not new.
    fn size(&self) -> usize {
        self.written.saturating_add(self.held())
    }

    /// Makes sure that the buffer begins with what the proxy was asked to keep. One that did not pause shows other bytes there, and what
    /// stands at their place would go on unseen.
    fn recognise(&mut self, host: &impl Host, work: &mut Work) -> Result<(), BodyError> {
        if self.tail.is_empty() {
            self.paused = false;
            return Ok(());
        }
        let shown = self.shows_tail(host, self.size())?;
        *work.keeps(self.kind) = Some(shown);
        if !shown {
            return Err(BodyError::Missing);
        }
        (self.paused, self.keeps) = (false, true);
        Ok(())
    }

    /// Whether the buffer's first `size` bytes end as they did when they were last seen.
    fn shows_tail(&self, host: &impl Host, size: usize) -> Result<bool, BodyError> {
        let start = size.saturating_sub(self.tail.len());
        let tail = host
            .read(self.kind, start, self.tail.len())
            .map_err(BodyError::Read)?;
        Ok(tail == self.tail)
    }

    /// The proxy was asked to keep decided bytes, which it may send as well: its buffer, `size` bytes long, tells what it did. Once it has
    /// shown that it keeps them, bodies of announced length can wait there whole and need not be written.
    fn learn(&mut self, host: &impl Host, work: &mut Work, size: usize) {
        self.trying = false;
        // Few bytes prove little: they may stand at the start of the next piece by chance.
        let sure = self.tail.len() == TAIL;
        let shown = size >= self.written && self.shows_tail(host, self.written) == Ok(true);
        if sure || !shown {
            *work.keeps(self.kind) = Some(shown);
        }
        if !shown {
            self.written = 0;
            self.tail.clear();
        }
    }

    /// Gives room back, until the next callback.
    pub fn rest(&mut self, work: &mut Work) {
        self.stream.rest(&mut work.window);
        self.patches.rest();
        self.carried.shrink_to(2 * self.carried.len());
        if work.window.len() > SPARE {
            work.window = Vec::new();
        }
    }

    /// Scans what is new in the buffer.
    fn read(
        &mut self,
        host: &impl Host,
        rules: &Rules<'_>,
        work: &mut Work,
        size: usize,
    ) -> Result<(), BodyError> {
        self.stream.wake(&mut work.window);
        if self.trying {
            self.learn(host, work, size);
        }
        if size < self.size() {
            return Err(BodyError::Missing);
        }
        if self.paused {
            self.recognise(host, work)?;
        }
        if self.ended && size == self.size() {
            return Ok(());
        }
        let mut surplus = false;
        loop {
            let have = self.size();
            let expected = size.saturating_sub(have);
            // One byte more than should be there: a short answer is the end, without another call to ask for it.
            let ask = if surplus {
                SLICE
            } else {
                SLICE.min(expected) + 1
            };
            let room = self.stream.spare(ask);
            let read = match host.read_into(self.kind, have, room) {
                Ok(read) if read <= ask => read,
                Ok(_) => return Err(BodyError::Read(HostError::Answer)),
                // No buffer, and none was promised.
                Err(_) if expected == 0 && !surplus => return Ok(()),
                Err(error) => return Err(BodyError::Read(error)),
            };
            if read > 0 {
                if self.ended {
                    return Err(BodyError::Surplus);
                }
                note_tail(&mut self.tail, room.get(..read).unwrap_or_default());
                // Where the length is known, so is the last byte: what is undecided there need not wait for a callback that brings none.
                let received = self.stream.received().saturating_add(read as u64);
                self.ended = self.length == Some(received);
                self.stream
                    .commit(rules.engine, rules.plan, read, self.ended);
                self.settle(host, rules, work)?;
            }
            if read < ask {
                if read >= expected {
                    return Ok(());
                }
                if read == 0 {
                    return Err(BodyError::Missing);
                }
            } else {
                surplus = read > expected;
            }
        }
    }

    /// Takes edits and findings from the stream.
    fn settle(
        &mut self,
        host: &impl Host,
        rules: &Rules<'_>,
        work: &mut Work,
    ) -> Result<(), BodyError> {
        if self.disposition != Disposition::Shadow {
            self.patches
                .collect(&self.stream)
                .map_err(|_| BodyError::Memory)?;
            self.changed |= !self.patches.is_empty();
        }
        for finding in self.stream.findings() {
            work.tally.add(
                finding.rule,
                self.disposition.outcome(rules.plan.action(finding.rule)),
            );
        }
        self.stream.clear();
        let forced = self.stream.forced();
        rules
            .counters
            .event(host, Event::Forced, forced - self.forced);
        self.forced = forced;
        let unread = self.stream.unread();
        if self.encoded == Encoded::Pass || self.disposition == Disposition::Shadow {
            let new = unread - self.unread;
            rules.counters.event(host, Event::OpenEncoded, new);
        }
        self.unread = unread;
        let passed = self.stream.passed();
        rules
            .counters
            .event(host, Event::OpenFilePart, passed - self.passed);
        self.passed = passed;
        let logins = self.stream.logins();
        if let Some(flow) = self
            .flow
            .filter(|_| self.disposition != Disposition::Shadow)
        {
            let new = logins - self.logins;
            rules.counters.event(host, flow.logins, new);
        }
        self.logins = logins;
        let malformed = self.stream.malformed();
        let new = malformed - self.malformed;
        rules.counters.event(host, Event::WebSocketMalformed, new);
        self.malformed = malformed;
        Ok(())
    }

    /// Makes the proxy's buffer hold the output of all that is decided. What is not stays behind it, or is carried.
    fn flush(&mut self, host: &impl Host, work: &mut Work, then: Then) -> Result<(), BodyError> {
        let undecided = self.stream.undecided();
        let nothing_new = self.patches.is_empty() && self.carried.is_empty();
        if nothing_new && then == Then::Keep {
            return Ok(());
        }
        if nothing_new && undecided == 0 {
            (self.written, self.base) = (0, self.stream.received());
            self.tail.clear();
            return Ok(());
        }
        let size = self.size();
        let base = self.base;
        let origin = base - self.carried.len() as u64;
        let decided = self.stream.decided();
        // What is carried stays where it is until all is written: whoever fails in between is asked what waits. Nor is it copied, for it may
        // be long, and come in small pieces.
        let carried_done = self.carried.len().min(distance(origin, decided));
        let waiting = self.carried.len() - carried_done;
        let end = self.written.saturating_add(distance(base, decided));
        let mut out = core::mem::take(&mut work.out);
        out.clear();
        let room = size
            .saturating_add(carried_done)
            .saturating_add(if then == Then::Keep { waiting } else { 0 })
            .saturating_add(self.patches.size());
        out.try_reserve(room).map_err(|_| BodyError::Memory)?;
        // What the stream let go of is read once more, in slices: the module never holds a buffer twice.
        self.pieces(host, work, 0, self.written, |_, piece| {
            out.extend_from_slice(piece)
        })?;
        let (done, rest) = self
            .carried
            .split_at_checked(carried_done)
            .unwrap_or_default();
        self.patches.apply(origin, done, &mut out);
        self.input(host, work, self.written, end, |at, piece| {
            self.patches.apply(base + at as u64, piece, &mut out)
        })?;
        let mut fresh = Vec::new();
        fresh
            .try_reserve_exact(size.saturating_sub(end))
            .map_err(|_| BodyError::Memory)?;
        self.input(host, work, end, size, |_, piece| {
            fresh.extend_from_slice(piece)
        })?;
        let written = out.len();
        if then == Then::Keep {
            out.extend_from_slice(rest);
            out.extend_from_slice(&fresh);
        } else {
            self.carried
                .try_reserve(fresh.len())
                .map_err(|_| BodyError::Memory)?;
        }
        host.replace(self.kind, size, &out)
            .map_err(BodyError::Write)?;
        self.patches.clear();
        self.tail.clear();
        self.base = self.stream.received();
        self.written = written;
        match then {
            Then::Keep => {
                self.base -= (waiting + fresh.len()) as u64;
                self.carried.clear();
            }
            Then::Try | Then::Send => {
                self.carried.drain(..carried_done);
                self.carried.append(&mut fresh);
                if then == Then::Send {
                    self.written = 0;
                }
            }
        }
        if then != Then::Send {
            note_tail(&mut self.tail, &out);
        }
        if out.capacity() <= SPARE {
            work.out = out;
        }
        Ok(())
    }

    /// The bytes `start..end` of the buffer, which are input and were scanned: the stream's own, if it still has them, otherwise as
    /// [`Body::pieces`].
    fn input(
        &self,
        host: &impl Host,
        work: &mut Work,
        start: usize,
        end: usize,
        mut take: impl FnMut(usize, &[u8]),
    ) -> Result<(), BodyError> {
        let offset = |at: usize| self.base + at.saturating_sub(self.written) as u64;
        match self.stream.committed(offset(start), offset(end)) {
            Some(bytes) => take(0, bytes),
            None => self.pieces(host, work, start, end, take)?,
        }
        Ok(())
    }

    /// Reads `start..end` of the buffer in slices; each comes with its distance from `start`.
    fn pieces(
        &self,
        host: &impl Host,
        work: &mut Work,
        start: usize,
        end: usize,
        mut take: impl FnMut(usize, &[u8]),
    ) -> Result<(), BodyError> {
        let mut at = start;
        while at < end {
            let ask = (end - at).min(SLICE);
            if work.piece.len() < ask {
                work.piece.resize(ask, 0);
            }
            let room = work.piece.get_mut(..ask).unwrap_or_default();
            let read = host.read_into(self.kind, at, room);
            if read.map_err(BodyError::Read)? != ask {
                return Err(BodyError::Missing);
            }
            take(at - start, room);
            at += ask;
        }
        Ok(())
    }
}

/// What the proxy is to do with its buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Send it: what is undecided is carried.
    Send,
    /// Keep it, the undecided bytes at its end.
    Keep,
    /// Keep it, but what is undecided is carried: nothing is lost if the proxy sends it all the same.
    Try,
}

fn distance(from: u64, to: u64) -> usize {
    usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX)
}

/// Keeps the last bytes of what was there and of what follows.
pub(crate) fn note_tail(tail: &mut Vec<u8>, bytes: &[u8]) {
    let from_new = bytes.len().min(TAIL);
    let from_old = tail.len().min(TAIL - from_new);
    tail.drain(..tail.len() - from_old);
    tail.extend_from_slice(bytes.get(bytes.len() - from_new..).unwrap_or_default());
}
