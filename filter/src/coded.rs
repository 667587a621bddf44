//! One body in a content coding as it streams: decoded, scanned, and sent on as it is then. Decoding lives in [`crate::coding`], what
//! headers say in [`crate::decision`], bodies without a coding in [`crate::body`].
//!
//! Every chunk is replaced by what it decodes to, as far as that is decided. What is undecided waits inside of the carrier. That is lossless
//! where the decoder knows that more must come: without it the message is broken, and refused. Where a coding may end, and nobody says
//! whether it does, the proxy is asked to keep what it was given last, so that there is a buffer to write to should trailers come next.
//! Beyond the hold limit it is sent, and trailers in the end's place are a failure, as they are for other bodies.
//!
//! Snappy's blocks are collected, and go on as they came or encoded again.

use core::cell::Cell;
use std::rc::Rc;

use blackbar_carriers::{Carrier, Format};

use crate::body::{BodyError, Progress, Rules, SLICE, TAIL, Work, note_tail};
use crate::coding::{Block, Coding, Decoder, End, Limits, Refusal};
use crate::config::{Encoded, OnHoldLimit};
use crate::counters::{Counters, Disposition, Event, Tally};
use crate::host::{BufferKind, Host, HostError};

/// Output that is written to the proxy's buffer at a time, so that the module holds no more of it.
const PIECE: usize = 256 * 1024;

/// What stands in the proxy's buffer, to be replaced, while nothing is decided. No coding begins like that.
const PLACEHOLDER: &[u8] = b"********************************";

/// What decoders of a VM hold, as the one who adds to it sees it.
#[derive(Debug)]
struct Share {
    all: Rc<Cell<usize>>,
    mine: usize,
}

impl Share {
    fn set(&mut self, mine: usize) {
        let others = self.others();
        self.all.set(others + mine);
        self.mine = mine;
    }

    fn others(&self) -> usize {
        self.all.get().saturating_sub(self.mine)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[derive(Debug)]
enum Packing {
    Stream(Decoder),
    Block(Block),
    /// Everything was decoded.
    Over,
}

/// What a coded body is dealt with by.
#[derive(Debug, Clone, Copy)]
pub struct Ways {
    /// Bounds of decoding.
    pub limits: Limits,
    /// What is done with undecided bytes when the proxy would have to hold too many.
    pub on_hold_limit: OnHoldLimit,
    /// What is done with parts of the decoded body that nothing here reads.
    pub encoded: Encoded,
}

/// What headers say of a coded body.
#[derive(Debug, Clone, Copy)]
pub struct Announced<'a> {
    /// What it is written in, below its codings.
    pub format: Format,
    /// In the order in which they were applied.
    pub codings: &'a [Coding],
    /// The length as it comes.
    pub length: Option<u64>,
}

/// One body in a content coding.
#[derive(Debug)]
pub struct Coded {
    kind: BufferKind,
    disposition: Disposition,
    ways: Ways,
    stream: Box<Carrier>,
    packing: Packing,
    share: Share,
    /// The announced length, and how much of it came.
    length: Option<u64>,
    received: u64,
    /// Bytes at the start of the proxy's buffer that it was asked to keep, and how they end.
    kept: usize,
    tail: Vec<u8>,
    /// They stand for nothing.
    placeholder: bool,
    ended: bool,
    forced: u64,
    unread: u64,
    passed: u64,
    /// Bytes decoded and not told to the counters yet.
    scanned: u64,
}

/// A buffer that is replaced piece by piece.
struct Output<'a, H> {
    host: &'a H,
    kind: BufferKind,
    /// Bytes that the buffer holds: input, until the first piece was written.
    size: usize,
    written: bool,
    bytes: Vec<u8>,
    error: Option<HostError>,
}

impl<H: Host> Output<'_, H> {
    /// Writes what was gathered, if it is much or the last. After an error nothing is gathered any more.
    fn write(&mut self, last: bool) {
        if self.error.is_some() {
            self.bytes.clear();
            return;
        }
        if self.bytes.len() < PIECE && !last {
            return;
        }
        let done = match self.written {
            false => self.host.replace(self.kind, self.size, &self.bytes),
            true if self.bytes.is_empty() => Ok(()),
            true => self.host.append(self.kind, self.size, &self.bytes),
        };
        self.size = self.bytes.len() + if self.written { self.size } else { 0 };
        self.written = true;
        self.bytes.clear();
        self.error = done.err();
    }
}

impl Coded {
    /// A body at its start. `stream` is reset.
    #[must_use]
    pub fn new(
        kind: BufferKind,
        disposition: Disposition,
        announced: Announced<'_>,
        ways: Ways,
        work: &Work,
        mut stream: Box<Carrier>,
    ) -> Coded {
        stream.reset(announced.format);
        Coded {
            kind,
            disposition,
            ways,
            stream,
            packing: match Decoder::new(announced.codings) {
                Some(decoder) => Packing::Stream(decoder),
                None => Packing::Block(Block::default()),
            },
            share: Share {
                all: Rc::clone(&work.decoding),
                mine: 0,
            },
            length: announced.length,
            received: 0,
            kept: 0,
            tail: Vec::new(),
            placeholder: false,
            ended: false,
            forced: 0,
            unread: 0,
            passed: 0,
            scanned: 0,
        }
    }

    /// The stream, for use by another body.
    #[must_use]
    pub fn into_stream(self) -> Box<Carrier> {
        self.stream
    }

    /// Tells the counters what they were not told yet.
    pub fn tell(&mut self, host: &impl Host, counters: &Counters) {
        counters.event(host, Event::BodyBytes, core::mem::take(&mut self.scanned));
    }

    /// Takes a body callback: the proxy's buffer holds `size` bytes, those it was asked to keep among them. A refused body's buffer is empty.
    ///
    /// # Errors
    /// When the buffer cannot be read or written.
    pub fn chunk(
        &mut self,
        host: &impl Host,
        rules: &Rules<'_>,
        work: &mut Work,
        size: usize,
        end: bool,
    ) -> Result<Progress, BodyError> {
        self.stream.wake(&mut work.window);
        let result = self
            .recognise(host, size)
            .and_then(|()| self.read(host, size));
        let result = match result {
            Ok(input) => self.go(host, rules, work, &input, size, end),
            Err(error) => Err(error),
        };
        self.stream.rest(&mut work.window);
        result
    }

    /// Takes the trailers callback, if the body's end was not seen.
    ///
    /// # Errors
    /// As [`Coded::chunk`], and when something was decided that the proxy takes no more.
    pub fn finish(
        &mut self,
        host: &impl Host,
        rules: &Rules<'_>,
        work: &mut Work,
    ) -> Result<Progress, BodyError> {
        self.stream.wake(&mut work.window);
        let size = self.kept;
        let carried = self.stream.undecided() as u64;
        self.recognise(host, size)?;
        let result = self.go(host, rules, work, &[], size, true);
        self.stream.rest(&mut work.window);
        match result {
            // Its buffer is closed: what was carried cannot be delivered.
            Err(BodyError::Write(_)) if size == 0 => {
                rules.counters.event(host, Event::LostBytes, carried);
                Err(BodyError::Lost)
            }
            other => other,
        }
    }

    /// Makes sure that the buffer begins with what the proxy was asked to keep.
    fn recognise(&self, host: &impl Host, size: usize) -> Result<(), BodyError> {
        if size < self.kept {
            return Err(BodyError::Missing);
        }
        if self.kept == 0 {
            return Ok(());
        }
        let start = self.kept.saturating_sub(self.tail.len());
        let tail = host.read(self.kind, start, self.tail.len());
        match tail.map_err(BodyError::Read)? == self.tail {
            true => Ok(()),
            false => Err(BodyError::Missing),
        }
    }

    /// What is new in the buffer.
    fn read(&self, host: &impl Host, size: usize) -> Result<Vec<u8>, BodyError> {
        let mut input = Vec::new();
        loop {
            let have = input.len();
            input.try_reserve(SLICE).map_err(|_| BodyError::Memory)?;
            input.resize(have + SLICE, 0);
            let room = input.get_mut(have..).unwrap_or_default();
            let read = match host.read_into(self.kind, self.kept + have, room) {
                Ok(read) if read <= SLICE => read,
                Ok(_) => return Err(BodyError::Read(HostError::Answer)),
                // No buffer, and none was promised.
                Err(_) if size == self.kept && have == 0 => 0,
                Err(error) => return Err(BodyError::Read(error)),
            };
            input.truncate(have + read);
            if read < SLICE {
                break;
            }
        }
        match self.kept + input.len() < size {
            true => Err(BodyError::Missing),
            false => Ok(input),
        }
    }

    fn go(
        &mut self,
        host: &impl Host,
        rules: &Rules<'_>,
        work: &mut Work,
        input: &[u8],
        size: usize,
        end: bool,
    ) -> Result<Progress, BodyError> {
        let shadow = self.disposition == Disposition::Shadow;
        let mut out = Output {
            host,
            kind: self.kind,
            size: size.max(self.kept + input.len()),
            written: false,
            bytes: Vec::new(),
            error: None,
        };
        if self.kept > 0 && !self.placeholder {
            out.bytes = host
                .read(self.kind, 0, self.kept)
                .map_err(BodyError::Read)?;
        }
        let result = self.decode(rules, work, input, end, &mut out);
        self.settle(host, rules);
        if self.ended || self.scanned >= TOLD_AFTER {
            self.tell(host, rules.counters);
        }
        if shadow {
            return match result {
                Ok(()) => Ok(Progress::Continue),
                Err(_) => Ok(Progress::Unread),
            };
        }
        let progress = match result {
            Err(refusal) => {
                rules.counters.event(host, event(refusal), 1);
                Progress::Encoded
            }
            Ok(()) if self.unread > 0 && self.ways.encoded != Encoded::Pass => Progress::Encoded,
            Ok(()) if self.disposition == Disposition::Body && self.stream.blocked().is_some() => {
                Progress::Refuse
            }
            Ok(()) => match self.wait(rules, work, &mut out) {
                true => Progress::Pause,
                false => Progress::Continue,
            },
        };
        match progress {
            Progress::Continue | Progress::Pause => {
                // At the end of a body that had no bytes there may be no buffer.
                if out.size > 0 || !out.bytes.is_empty() || out.written {
                    out.write(true);
                }
            }
            // What was written of it before is the whole buffer, and longer than what came.
            _ => {
                let _ = host.replace(self.kind, out.size, b"");
            }
        }
        match out.error {
            Some(error) => {
                let _ = host.replace(self.kind, out.size, b"");
                Err(BodyError::Write(error))
            }
            None => Ok(progress),
        }
    }

    /// Decodes and scans `input`, and gathers what is decided.
    fn decode(
        &mut self,
        rules: &Rules<'_>,
        work: &mut Work,
        input: &[u8],
        end: bool,
        out: &mut Output<'_, impl Host>,
    ) -> Result<(), Refusal> {
        let Coded {
            stream,
            packing,
            share,
            disposition,
            ways,
            scanned,
            ..
        } = self;
        self.received += input.len() as u64;
        if self.ended && !input.is_empty()
            || self.length.is_some_and(|length| self.received > length)
        {
            return Err(Refusal::Damaged);
        }
        let room = ways.limits.memory.saturating_sub(share.others());
        let mut sink = |piece: &[u8], last: bool| {
            *scanned += piece.len() as u64;
            stream.push(rules.engine, rules.plan, piece, last);
            count(stream, rules, *disposition, &mut work.tally);
            if *disposition == Disposition::Shadow {
                stream.clear();
            } else {
                stream.take_output(&mut out.bytes);
                out.write(false);
            }
        };
        let mut last = end || self.length == Some(self.received);
        match packing {
            Packing::Stream(decoder) => {
                decoder.push(input, &ways.limits, room, &mut |piece| sink(piece, false))?;
                share.set(decoder.memory());
                last |= decoder.end() == End::Yes;
                if last && decoder.end() == End::No {
                    return Err(Refusal::Damaged);
                }
                if last && !self.ended {
                    sink(&[], true);
                }
            }
            Packing::Block(block) => {
                block.push(input, room)?;
                share.set(block.memory());
                if last {
                    let plain = block.decode(&ways.limits, room)?;
                    share.set(block.memory() + 3 * plain.len());
                    let block = core::mem::take(block);
                    let mut text = Vec::new();
                    let mut changed = false;
                    *scanned += plain.len() as u64;
                    for (index, piece) in plain.chunks(SLICE).enumerate() {
                        let over = (index + 1) * SLICE >= plain.len();
                        stream.push(rules.engine, rules.plan, piece, over);
                        count(stream, rules, *disposition, &mut work.tally);
                        changed |= !stream.edits().is_empty();
                        stream.take_output(&mut text);
                    }
                    if *disposition != Disposition::Shadow {
                        out.bytes = match changed {
                            true => Block::encode(&text)?,
                            false => block.into_packed(),
                        };
                    }
                }
            }
            Packing::Over => {}
        }
        if last {
            self.ended = true;
            self.packing = Packing::Over;
            self.share.set(0);
        }
        Ok(())
    }

    /// Takes note of what the carrier counts.
    fn settle(&mut self, host: &impl Host, rules: &Rules<'_>) {
        let forced = self.stream.forced();
        let new = forced - self.forced;
        rules.counters.event(host, Event::Forced, new);
        self.forced = forced;
        let unread = self.stream.unread();
        if self.ways.encoded == Encoded::Pass || self.disposition == Disposition::Shadow {
            let new = unread - self.unread;
            rules.counters.event(host, Event::OpenEncoded, new);
        }
        self.unread = unread;
        let passed = self.stream.passed();
        let new = passed - self.passed;
        rules.counters.event(host, Event::OpenFilePart, new);
        self.passed = passed;
    }

    /// Whether the proxy is asked to keep what it is given now, and what it is given then.
    fn wait(
        &mut self,
        rules: &Rules<'_>,
        work: &mut Work,
        out: &mut Output<'_, impl Host>,
    ) -> bool {
        self.kept = 0;
        self.placeholder = false;
        self.tail.clear();
        let open = match &self.packing {
            Packing::Stream(decoder) => decoder.end() == End::Maybe && self.stream.undecided() > 0,
            Packing::Block(block) => block.memory() > 0,
            Packing::Over => false,
        };
        // Where a length is announced, the end is known, and no trailers come before it.
        if !open || self.length.is_some() {
            return false;
        }
        if out.written || out.bytes.len() > rules.hold_limit {
            rules.counters.event(out.host, Event::HoldLimit, 1);
            if self.ways.on_hold_limit == OnHoldLimit::Mask {
                self.stream.force(rules.engine);
                count(&self.stream, rules, self.disposition, &mut work.tally);
                self.settle(out.host, rules);
                self.stream.take_output(&mut out.bytes);
            }
            return false;
        }
        if out.bytes.is_empty() {
            out.bytes.extend_from_slice(PLACEHOLDER);
            self.placeholder = true;
        }
        self.kept = out.bytes.len();
        note_tail(&mut self.tail, &out.bytes);
        let held = self.stream.undecided() as u64;
        rules.counters.event(out.host, Event::HeldBytes, held);
        true
    }
}

/// Bytes after which counters are told, although the body goes on.
const TOLD_AFTER: u64 = 1024 * 1024;

const _: () = assert!(PLACEHOLDER.len() >= TAIL);

/// Counts what was found since the carrier was last cleared.
fn count(stream: &Carrier, rules: &Rules<'_>, disposition: Disposition, tally: &mut Tally) {
    for finding in stream.findings() {
        let action = rules.plan.action(finding.rule);
        tally.add(finding.rule, disposition.outcome(action));
    }
}

fn event(refusal: Refusal) -> Event {
    match refusal {
        Refusal::Damaged => Event::EncodedDamaged,
        Refusal::Bomb => Event::EncodedBomb,
        Refusal::Memory => Event::EncodedMemory,
    }
}
