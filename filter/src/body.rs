//! One body as it streams: new bytes are read from the proxy's buffer, scanned, and written back only where something changed.
//! What headers say about it and what is answered when it is refused lives in [`crate::exchange`].
//!
//! Undecided bytes at the end of a chunk are dealt with in one of three ways:
//! - **carry**: more bytes must come (fewer than `content-length` have): the tail is taken out of the proxy's buffer and put
//!   before the next chunk; everything decided goes on at once;
//! - **pause**: nobody knows whether more bytes come: the proxy keeps the whole chunk and shows it again with the next one, or in
//!   the trailers callback. Bytes kept inside the module would be lost there;
//! - **force**: waiting would pass the hold limit: what is undecided is masked, and the stream goes on.

use blackbar_engine::{Engine, Place, Plan, Stream};

use crate::counters::{Counters, Disposition, Event, Tally};
use crate::host::{BufferKind, Host, HostError};
use crate::patches::Patches;

/// Bytes that are read and scanned at a time: bounds the module's memory, fits a second-level cache.
const SLICE: usize = 64 * 1024;

/// What comes after a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The proxy may send what it holds.
    Continue,
    /// The proxy must keep what it holds.
    Pause,
    /// A rule refuses the message, and it is not too late.
    Refuse,
}

/// Why a body could not be dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// The buffer could not be read.
    Read(HostError),
    /// The buffer could not be written.
    Write(HostError),
    /// The buffer holds fewer bytes than it should.
    Missing,
}

/// What a body is scanned with, the same for every chunk.
pub struct Rules<'a> {
    /// The rules.
    pub engine: &'a Engine,
    /// What they do.
    pub plan: &'a Plan,
    /// Where events are counted.
    pub counters: &'a Counters,
    /// The most bytes for which the proxy is asked to wait.
    pub hold_limit: usize,
}

/// One body.
#[derive(Debug)]
pub struct Body {
    kind: BufferKind,
    disposition: Disposition,
    stream: Stream,
    /// The announced length.
    length: Option<u64>,
    /// Stream offset of the first byte in the proxy's buffer.
    base: u64,
    /// Original bytes before `base` that were taken out of the proxy's buffer and are not decided.
    carried: Vec<u8>,
    /// Edits that are not written yet.
    patches: Patches,
    forced: u64,
}

impl Body {
    /// A body at its start. `stream` is reset.
    #[must_use]
    pub fn new(
        kind: BufferKind,
        disposition: Disposition,
        place: Place,
        length: Option<u64>,
        mut stream: Stream,
    ) -> Body {
        stream.reset(place);
        Body {
            kind,
            disposition,
            stream,
            length,
            base: 0,
            carried: Vec::new(),
            patches: Patches::default(),
            forced: 0,
        }
    }

    /// The stream, for use by another body.
    #[must_use]
    pub fn into_stream(self) -> Stream {
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
        tally: &mut Tally,
        size: usize,
        end: bool,
    ) -> Result<Progress, BodyError> {
        let before = self.stream.received();
        self.read(host, rules, tally, size)?;
        if end {
            self.stream.commit(rules.engine, rules.plan, 0, true);
            self.settle(host, rules, tally);
        }
        let new = self.stream.received() - before;
        rules.counters.event(host, Event::BodyBytes, new);
        if self.disposition == Disposition::Shadow {
            self.base = self.stream.received();
            return Ok(Progress::Continue);
        }
        if self.disposition == Disposition::Body && self.stream.blocked().is_some() {
            return Ok(Progress::Refuse);
        }
        let undecided = self.stream.undecided();
        if undecided > 0 && !end {
            let carry = self
                .length
                .is_some_and(|length| self.stream.received() < length);
            let held = if carry { undecided } else { self.held() };
            if held > rules.hold_limit {
                rules.counters.event(host, Event::HoldLimit, 1);
                self.stream.force(rules.engine);
                self.settle(host, rules, tally);
            } else if !carry {
                rules.counters.event(host, Event::HeldBytes, new);
                return Ok(Progress::Pause);
            }
        }
        self.flush(host)?;
        Ok(Progress::Continue)
    }

    /// Takes the trailers callback, if the body's end was not seen: a buffer that was kept is still there.
    ///
    /// # Errors
    /// As [`Body::chunk`].
    pub fn finish(
        &mut self,
        host: &impl Host,
        rules: &Rules<'_>,
        tally: &mut Tally,
    ) -> Result<Progress, BodyError> {
        self.stream.commit(rules.engine, rules.plan, 0, true);
        self.settle(host, rules, tally);
        if self.disposition == Disposition::Shadow {
            return Ok(Progress::Continue);
        }
        if self.disposition == Disposition::Body && self.stream.blocked().is_some() {
            return Ok(Progress::Refuse);
        }
        let (carried, gone) = (self.carried.len() as u64, self.held() == 0);
        match self.flush(host) {
            // The proxy announced more bytes than came, and its buffer is closed: what was carried cannot be delivered.
            Err(BodyError::Write(_)) if gone => {
                rules.counters.event(host, Event::LostBytes, carried);
                Ok(Progress::Continue)
            }
            other => other.map(|()| Progress::Continue),
        }
    }

    /// Bytes in the proxy's buffer that were read.
    fn held(&self) -> usize {
        usize::try_from(self.stream.received() - self.base).unwrap_or(usize::MAX)
    }

    /// Scans what is new in the buffer.
    fn read(
        &mut self,
        host: &impl Host,
        rules: &Rules<'_>,
        tally: &mut Tally,
        size: usize,
    ) -> Result<(), BodyError> {
        if size < self.held() {
            return Err(BodyError::Missing);
        }
        let mut surplus = false;
        loop {
            let have = self.held();
            let expected = size.saturating_sub(have);
            // One byte more than should be there: a short answer is the end, without another call to ask for it.
            let ask = if surplus {
                SLICE
            } else {
                SLICE.min(expected + 1)
            };
            let read = match host.read_into(self.kind, have, self.stream.spare(ask)) {
                Ok(read) if read <= ask => read,
                Ok(_) => return Err(BodyError::Read(HostError::Answer)),
                // No buffer, and none was promised.
                Err(_) if expected == 0 && !surplus => return Ok(()),
                Err(error) => return Err(BodyError::Read(error)),
            };
            if read > 0 {
                self.stream.commit(rules.engine, rules.plan, read, false);
                self.settle(host, rules, tally);
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
    fn settle(&mut self, host: &impl Host, rules: &Rules<'_>, tally: &mut Tally) {
        if self.disposition != Disposition::Shadow {
            self.patches.collect(&self.stream);
        }
        for finding in self.stream.findings() {
            tally.add(
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
    }

    /// Makes the proxy's buffer hold the output of all that is decided; what is not is carried.
    fn flush(&mut self, host: &impl Host) -> Result<(), BodyError> {
        let undecided = self.stream.undecided();
        if self.patches.is_empty() && self.carried.is_empty() && undecided == 0 {
            self.base = self.stream.received();
            return Ok(());
        }
        let held = self.held();
        let bytes = if held == 0 {
            Vec::new()
        } else {
            host.read(self.kind, 0, held).map_err(BodyError::Read)?
        };
        if bytes.len() != held {
            return Err(BodyError::Missing);
        }
        let origin = self.base - self.carried.len() as u64;
        let mut whole = core::mem::take(&mut self.carried);
        if whole.is_empty() {
            whole = bytes;
        } else {
            whole.extend_from_slice(&bytes);
        }
        let rest = whole.split_off(whole.len().saturating_sub(undecided));
        let mut out = Vec::with_capacity(whole.len());
        self.patches.apply(origin, &whole, &mut out);
        host.replace(self.kind, held, &out)
            .map_err(BodyError::Write)?;
        self.carried = rest;
        self.patches.clear();
        self.base = self.stream.received();
        Ok(())
    }
}
