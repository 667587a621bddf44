//! Frames of WebSocket (RFC 6455), as they follow an upgrade in either direction. Each message is a haystack of its own: its payload is
//! unmasked, scanned over all of its fragments, and what changes is masked again with the key of the frame that it stands in.
//!
//! Why this takes a stream apart and does not [walk](crate::walk) it: a walk has one stream, in which what is undecided at the end of a
//! message waits for the next one, and the next one may be the answer to it. Here a message is decided when its last byte is there.
//!
//! Frames count their bytes before they carry them, so that findings become masks of the same length.

mod head;
mod message;

use alloc::boxed::Box;

use blackbar_engine::Engine;

use crate::format::Format;
use crate::parts::masks::Masks;
use crate::parts::{Came, Files, Part, Parts, Sink};
use crate::view::With;
use head::{Kind, Next};
use message::Message;

/// Bytes of heads and of control frames that may wait behind payload that is undecided, before that is masked: a ping must get through.
const WAITING: u64 = 1024;

/// A stream of frames.
#[derive(Debug)]
pub(crate) struct WebSocket {
    came: Came,
    /// Everything before it was read.
    at: u64,
    /// The frame whose payload is not all there.
    frame: Option<Frame>,
    open: Open,
    message: Box<Message>,
    /// What are no frames, from where they broke: bytes that are counted.
    broken: Option<Box<Part>>,
    unread: u64,
    masks: Masks,
}

/// Whether a message is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    No,
    Read,
    /// One that nothing here reads.
    Unread,
}

/// What is left of a frame.
#[derive(Debug, Clone, Copy)]
struct Frame {
    left: u64,
    /// As it applies to the next byte.
    key: [u8; 4],
    kind: Kind,
    ends: bool,
}

impl WebSocket {
    pub(crate) fn new() -> WebSocket {
        WebSocket {
            came: Came::default(),
            at: 0,
            frame: None,
            open: Open::No,
            message: Box::new(Message::new()),
            broken: None,
            unread: 0,
            masks: Masks::default(),
        }
    }

    /// Reads frames, up to what is not there yet.
    fn read(&mut self, with: With<'_>, came: &Came, sink: &mut Sink<'_>) {
        while self.broken.is_none() {
            let text = came.slice(self.at, came.received());
            if let Some(frame) = self.frame.take() {
                self.frame = self.payload(with, frame, text, sink);
                if self.frame.is_some() {
                    return;
                }
                continue;
            }
            match head::next(text, self.open != Open::No) {
                Next::Open => return,
                Next::Head(head) => {
                    self.at += head.len as u64;
                    match head.kind {
                        Kind::Text | Kind::Binary => {
                            self.message.begin(head.kind == Kind::Text);
                            self.open = Open::Read;
                        }
                        Kind::Extended => {
                            self.open = Open::Unread;
                            self.unread += 1;
                        }
                        Kind::More | Kind::Control => {}
                    }
                    self.frame = Some(Frame {
                        left: head.payload,
                        key: head.key,
                        kind: head.kind,
                        ends: head.ends,
                    });
                }
                Next::Broken => {
                    if self.open == Open::Read {
                        self.message.scan(with, true, sink);
                    }
                    self.open = Open::No;
                    let mut part = Box::new(Part::new());
                    part.begin(with, Format::Bytes, Files::Scan, self.at, b"");
                    self.broken = Some(part);
                }
            }
        }
    }

    /// Takes what of `text` is payload of `frame`. Answers with what is left of the frame, if anything is.
    fn payload(
        &mut self,
        with: With<'_>,
        mut frame: Frame,
        text: &[u8],
        sink: &mut Sink<'_>,
    ) -> Option<Frame> {
        let len = usize::try_from(frame.left).map_or(text.len(), |left| left.min(text.len()));
        let read = self.open == Open::Read && frame.kind != Kind::Control;
        if read && len > 0 {
            let payload = text.get(..len).unwrap_or_default();
            self.message.take(self.at, payload, frame.key);
        }
        self.at += len as u64;
        frame.left -= len as u64;
        frame.key.rotate_left(len % 4);
        if frame.left > 0 {
            return Some(frame);
        }
        if frame.ends && frame.kind != Kind::Control {
            if read {
                self.message.scan(with, true, sink);
            }
            self.open = Open::No;
        }
        None
    }
}

impl Parts for WebSocket {
    fn spare(&mut self, len: usize) -> &mut [u8] {
        self.came.spare(len)
    }

    fn commit(&mut self, with: With<'_>, len: usize, last: bool, sink: &mut Sink<'_>) {
        self.came.take(len);
        let came = core::mem::take(&mut self.came);
        let masks = core::mem::take(&mut self.masks).made(with);
        let masked = masks.on(with);
        self.read(masked, &came, sink);
        if let Some(part) = &mut self.broken {
            part.push(masked, came.slice(self.at, came.received()), last, sink);
            self.at = came.received();
        } else if self.open == Open::Read {
            self.message.scan(masked, last, sink);
            let payload = self.message.waiting();
            let all = came.received() - self.message.done().unwrap_or(self.at);
            if payload > 0 && all.saturating_sub(payload) > WAITING {
                self.message.force(with.engine, sink);
            }
        }
        if last {
            // Half a head at the very end is read by nobody.
            self.at = came.received();
            self.open = Open::No;
        }
        self.came = came;
        self.masks = masks;
    }

    fn force(&mut self, engine: &Engine, sink: &mut Sink<'_>) {
        match &mut self.broken {
            Some(part) => part.force(engine, sink),
            None if self.open == Open::Read => self.message.force(engine, sink),
            None => {}
        }
    }

    fn done(&self) -> u64 {
        let inside = match &self.broken {
            Some(part) => part.done(),
            None if self.open == Open::Read => self.message.done(),
            None => None,
        };
        inside.unwrap_or(self.at)
    }

    fn came(&self) -> &Came {
        &self.came
    }

    fn release(&mut self, taken: u64) {
        self.came.release(taken.min(self.done()));
    }

    fn rest(&mut self) {
        self.came.rest();
        self.message.rest();
        if let Some(part) = &mut self.broken {
            part.rest();
        }
    }

    fn forced(&self) -> u64 {
        self.message.forced() + self.broken.as_ref().map_or(0, |part| part.forced())
    }

    fn unread(&self) -> u64 {
        self.unread
    }

    fn malformed(&self) -> u64 {
        u64::from(self.broken.is_some())
    }

    fn memory(&self) -> usize {
        size_of::<WebSocket>()
            + self.masks.memory()
            + self.came.memory()
            + self.message.memory()
            + self.broken.as_ref().map_or(0, |part| part.memory())
    }
}
