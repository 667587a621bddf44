//! Formats whose parts are haystacks of their own: each part has a carrier, and what that finds and writes is put back at the place where
//! the part stands. What lies between parts is never changed, and no finding reaches over it. Which bytes are a part lives with each format.

mod boundary;
pub(crate) mod head;
mod masks;
mod messages;
mod multipart;
mod unpack;
mod websocket;
mod webtext;

use alloc::vec::Vec;
use core::fmt;

use blackbar_engine::schema::MessageIndex;
use blackbar_engine::{Action, Engine, Finding, Place, tag};

pub use boundary::Boundary;
pub use messages::Framing;
pub(crate) use messages::Messages;
pub(crate) use multipart::Multipart;
pub(crate) use websocket::WebSocket;
pub(crate) use webtext::WebText;

use crate::carrier::Carrier;
use crate::edits::Edits;
use crate::fields::Named;
use crate::format::Format;
use crate::guard;
use crate::view::With;

/// What is done with the parts of a multipart message that are files: those that have a file name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Files {
    /// They are scanned: by their content type, as bytes that are counted where they have none.
    #[default]
    Scan,
    /// They go on unread, and are counted.
    Pass,
}

/// What parts found and wrote, at offsets of the whole.
#[derive(Debug)]
pub(crate) struct Sink<'a> {
    pub(crate) edits: &'a mut Edits,
    pub(crate) findings: &'a mut Vec<Finding>,
}

/// Takes a haystack apart. Stands in the place of a stream.
pub(crate) trait Parts: fmt::Debug {
    /// As [`Carrier::spare`].
    fn spare(&mut self, len: usize) -> &mut [u8];

    /// As [`Carrier::commit`].
    fn commit(&mut self, with: With<'_>, len: usize, last: bool, sink: &mut Sink<'_>);

    /// As [`Carrier::force`].
    fn force(&mut self, engine: &Engine, sink: &mut Sink<'_>);

    /// Offset up to which output is final.
    fn done(&self) -> u64;

    /// No finding that is still to be told starts before it.
    fn oldest(&self) -> u64 {
        0
    }

    /// The bytes that came and are kept.
    fn came(&self) -> &Came;

    /// Forgets what lies before `taken`.
    fn release(&mut self, taken: u64);

    /// Keeps only what is needed until the next bytes come.
    fn rest(&mut self);

    /// How often something undecided was masked.
    fn forced(&self) -> u64;

    /// How many parts came in a form that nothing here reads.
    fn unread(&self) -> u64;

    /// How many parts went on unread because that was asked for.
    fn passed(&self) -> u64 {
        0
    }

    /// How many passwords of logins there were.
    fn logins(&self) -> u64 {
        0
    }

    /// How often what came was not written as its format says, so that its bytes were counted from there on.
    fn malformed(&self) -> u64 {
        0
    }

    /// Bytes held on the heap.
    fn memory(&self) -> usize;
}

/// The bytes that came, from those on whose output was not taken.
#[derive(Debug, Default)]
pub(crate) struct Came {
    bytes: Vec<u8>,
    filled: usize,
    origin: u64,
}

impl Came {
    /// Room for `len` more.
    pub(crate) fn spare(&mut self, len: usize) -> &mut [u8] {
        if self.bytes.len() < self.filled + len {
            self.bytes.resize(self.filled + len, 0);
        }
        self.bytes
            .get_mut(self.filled..self.filled + len)
            .unwrap_or_default()
    }

    /// The first `len` bytes of that room came.
    pub(crate) fn take(&mut self, len: usize) {
        self.filled = (self.filled + len).min(self.bytes.len());
    }

    /// Bytes that came, counted from the start.
    pub(crate) fn received(&self) -> u64 {
        self.origin + self.filled as u64
    }

    /// Those of `start..end` that are kept.
    pub(crate) fn slice(&self, start: u64, end: u64) -> &[u8] {
        let index = |at: u64| usize::try_from(at.saturating_sub(self.origin)).unwrap_or(usize::MAX);
        let end = index(end).min(self.filled);
        self.bytes
            .get(index(start).min(end)..end)
            .unwrap_or_default()
    }

    /// Forgets those before `at`.
    pub(crate) fn release(&mut self, at: u64) {
        let drop = usize::try_from(at.saturating_sub(self.origin)).unwrap_or(usize::MAX);
        let drop = drop.min(self.filled);
        if drop == 0 {
            return;
        }
        self.bytes.copy_within(drop..self.filled, 0);
        self.filled -= drop;
        self.origin += drop as u64;
    }

    /// Forgets all of them and counts anew.
    pub(crate) fn restart(&mut self) {
        (self.filled, self.origin) = (0, 0);
    }

    /// Keeps little room beyond what is in use: as much again, so that what waits for long is not moved with each piece that comes.
    pub(crate) fn rest(&mut self) {
        self.bytes.truncate(self.filled);
        self.bytes.shrink_to(2 * self.filled);
    }

    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity()
    }
}

/// The carrier of the part that is open, and where the part stands.
#[derive(Debug)]
pub(crate) struct Part {
    carrier: Carrier,
    /// Offset of the part's first byte.
    start: u64,
    /// Bytes that were shown before it: the name of what it holds.
    before: u64,
    is_open: bool,
    /// The rule that names it: all of it is replaced.
    hidden: Option<Hidden>,
    /// Of parts that are over.
    forced: u64,
    unread: u64,
    passed: u64,
    logins: u64,
}

/// A part that a rule names.
#[derive(Debug, Clone, Copy)]
struct Hidden {
    named: Named,
    /// How it is replaced.
    ink: Ink,
    /// Bytes of it that came.
    len: u64,
}

impl Hidden {
    /// Whether the rule does more than count.
    fn masks(&self) -> bool {
        self.named.action != Action::Allow
    }
}

/// What takes the place of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ink {
    /// A tag.
    Tag,
    /// A tag in quotes.
    Json,
    /// `*`, as many bytes.
    Stars,
}

impl Part {
    pub(crate) fn new() -> Part {
        Part {
            carrier: Carrier::default(),
            start: 0,
            before: 0,
            is_open: false,
            hidden: None,
            forced: 0,
            unread: 0,
            passed: 0,
            logins: 0,
        }
    }

    /// Begins a part at `start`; `name` is shown before it, with an equals sign.
    pub(crate) fn begin(
        &mut self,
        with: With<'_>,
        format: Format,
        files: Files,
        start: u64,
        name: &[u8],
    ) {
        self.carrier.set_files(files);
        self.anew(with, format);
        (self.start, self.before, self.is_open) = (start, 0, true);
        self.hidden = None;
        if !name.is_empty() {
            self.before = name.len() as u64 + 1;
            self.carrier.show(with.engine, with.plan, name);
            self.carrier.show(with.engine, with.plan, b"=");
        }
    }

    /// The part that has begun, of that format, is what a rule names.
    pub(crate) fn hide(&mut self, named: Named, format: Format) {
        let ink = match format {
            _ if named.action.preserves_length() => Ink::Stars,
            Format::Text | Format::Form => Ink::Tag,
            Format::Json => Ink::Json,
            _ => Ink::Stars,
        };
        self.hidden = Some(Hidden { named, ink, len: 0 });
    }

    /// The carrier, which begins anew. What it counted is kept.
    pub(crate) fn anew(&mut self, with: With<'_>, format: Format) -> &mut Carrier {
        self.forced += self.carrier.forced();
        self.unread += self.carrier.unread();
        self.passed += self.carrier.passed();
        self.logins += self.carrier.logins();
        self.carrier.set_views(with.views);
        self.carrier.restart(format);
        &mut self.carrier
    }

    /// Takes the part's next bytes. `last`: it ends with them.
    pub(crate) fn push(&mut self, with: With<'_>, bytes: &[u8], last: bool, sink: &mut Sink<'_>) {
        if bytes.is_empty() && !last {
            return;
        }
        self.carrier.push(with.engine, with.plan, bytes, last);
        self.is_open = !last;
        self.replace(with.engine, bytes.len(), sink);
        self.collect(sink);
        if let Some(hidden) = self
            .hidden
            .take_if(|_| last)
            .filter(|hidden| hidden.len > 0)
        {
            sink.findings.push(Finding {
                start: self.start,
                end: self.start + hidden.len,
                rule: hidden.named.rule,
            });
        }
    }

    /// Replaces the next `len` bytes of a part that a rule names.
    fn replace(&mut self, engine: &Engine, len: usize, sink: &mut Sink<'_>) {
        let Some(hidden) = &mut self.hidden else {
            return;
        };
        let first = hidden.len == 0;
        let at = self.start + hidden.len;
        hidden.len += len as u64;
        if len == 0 || !hidden.masks() {
            return;
        }
        let id = guard::name(engine, hidden.named.rule);
        sink.edits.put(at, at + len as u64, |out| match hidden.ink {
            Ink::Stars => out.resize(out.len() + len, b'*'),
            Ink::Tag if first => tag(id, Place::Text, out),
            Ink::Json if first => {
                out.push(b'"');
                tag(id, Place::Json, out);
                out.push(b'"');
            }
            Ink::Tag | Ink::Json => {}
        });
    }

    pub(crate) fn force(&mut self, engine: &Engine, sink: &mut Sink<'_>) {
        if self.is_open {
            self.carrier.force(engine);
            self.collect(sink);
        }
    }

    /// Takes over what the carrier found and wrote. What lies in the name was not there.
    fn collect(&mut self, sink: &mut Sink<'_>) {
        let before = self.before;
        let hidden = self.hidden.is_some_and(|hidden| hidden.masks());
        let at = |offset: u64| offset.saturating_sub(before) + self.start;
        for edit in self.carrier.edits() {
            if edit.end > before && !hidden {
                let hidden = usize::try_from(before.saturating_sub(edit.start));
                let text = self.carrier.replacement(edit);
                let text = text.get(hidden.unwrap_or(0)..).unwrap_or_default();
                sink.edits.put(at(edit.start), at(edit.end), |out| {
                    out.extend_from_slice(text)
                });
            }
        }
        for finding in self.carrier.findings() {
            if finding.end > before {
                sink.findings.push(Finding {
                    start: at(finding.start),
                    end: at(finding.end),
                    rule: finding.rule,
                });
            }
        }
        self.carrier.clear();
    }

    /// Offset up to which output is final, if a part is open.
    pub(crate) fn done(&self) -> Option<u64> {
        let inside = match self.hidden {
            Some(hidden) if hidden.masks() => hidden.len,
            _ => self.carrier.decided().saturating_sub(self.before),
        };
        self.is_open.then_some(self.start + inside)
    }

    /// No finding that is still to be told starts before it.
    pub(crate) fn oldest(&self) -> u64 {
        match self.is_open {
            true => {
                self.start
                    + self
                        .carrier
                        .oldest()
                        .saturating_sub(self.before)
                        .min(u64::MAX - self.start)
            }
            false => u64::MAX,
        }
    }

    /// Says what messages of protobuf are, from the next part on.
    pub(crate) fn set_message(&mut self, message: Option<MessageIndex>) {
        self.carrier.set_message(message);
    }

    pub(crate) fn rest(&mut self) {
        self.carrier.rest(&mut Vec::new());
    }

    pub(crate) fn forced(&self) -> u64 {
        self.forced + self.carrier.forced()
    }

    pub(crate) fn unread(&self) -> u64 {
        self.unread + self.carrier.unread()
    }

    pub(crate) fn passed(&self) -> u64 {
        self.passed + self.carrier.passed()
    }

    pub(crate) fn logins(&self) -> u64 {
        self.logins + self.carrier.logins()
    }

    pub(crate) fn memory(&self) -> usize {
        size_of::<Carrier>() + self.carrier.memory()
    }
}
