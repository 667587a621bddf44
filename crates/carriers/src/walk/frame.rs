//! One frame of gRPC (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>), gRPC-Web or Connect: a byte of flags, four bytes of
//! length, a message. How a stream becomes frames, and how those are unpacked that came compressed, lives with [`parts`](crate::parts).

use alloc::boxed::Box;

use blackbar_engine::schema::MessageIndex;

use super::hides::Notes;
use super::layout::{Fill, Layout};
use super::protobuf::Protobuf;
use crate::edits::{Edits, Wishes};
use crate::guard::Guard as _;
use crate::json;

/// What messages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Codec {
    /// Protobuf.
    #[default]
    Protobuf,
    /// JSON.
    Json,
}

/// Bytes of a frame's head.
pub(crate) const HEAD: usize = 5;

/// Whether a frame begins with that byte.
pub(crate) fn is_frame(flags: u8) -> bool {
    matches!(flags, 0..=3 | 0x80 | 0x81)
}

/// A walk over a frame.
#[derive(Debug)]
pub(crate) struct Frame {
    codec: Codec,
    state: State,
    /// Bytes of the frame that are left.
    left: u64,
    /// Whether nothing here reads it.
    unread: bool,
    /// What messages of protobuf are, if there is a descriptor.
    message: Option<MessageIndex>,
    /// What follows fields that rules name in messages of JSON.
    guard: Option<Box<json::Guard>>,
}

#[derive(Debug)]
enum State {
    Head,
    Message(Protobuf),
    Json(Json),
    /// Trailers of gRPC-Web: lines of names and values. Whether a value is next.
    Trailers(bool),
    Compressed,
    /// No frame: bytes that are counted.
    Bytes,
}

/// A JSON text.
#[derive(Debug)]
struct Json {
    strings: Strings,
    /// Whether a rule names fields: [`Frame::guard`] follows them.
    guarded: bool,
}

impl Json {
    fn begin(guard: &mut Option<Box<json::Guard>>, notes: &mut Notes<'_>) -> Json {
        let guarded = notes.trail.is_on();
        if guarded {
            let at = notes.layout.at();
            let guard = guard.get_or_insert_with(|| {
                let mut guard = Box::new(json::Guard::counted(at));
                guard.prepare(notes.engine, notes.plan);
                guard
            });
            guard.restart(at);
        }
        Json {
            strings: Strings::Outside,
            guarded,
        }
    }

    /// Goes over `text`; answers how much of it was dealt with. `last`: the text ends with it.
    fn read(
        &mut self,
        guard: &mut Option<Box<json::Guard>>,
        text: &[u8],
        last: bool,
        notes: &mut Notes<'_>,
    ) -> usize {
        let mut len = text.len();
        if let Some(guard) = guard.as_mut().filter(|_| self.guarded) {
            let mut edits = Edits::default();
            let before = guard.done();
            guard.follow(notes.engine, text, last, &mut Wishes::default(), &mut edits);
            for edit in &edits.list {
                for (at, &byte) in (edit.start..).zip(edits.replacement(edit)) {
                    notes.hides.put(at, at + 1, byte);
                }
            }
            guard.hand_over(notes.found);
            len = usize::try_from(guard.done() - before).unwrap_or(len);
        }
        for &byte in text.iter().take(len) {
            mark(self.strings.step(byte), notes.layout);
        }
        len
    }
}

/// Where a JSON text is, as far as strings go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strings {
    Outside,
    Inside,
    /// In an escape, of which so many bytes are left; 0: its letter is next.
    Escape(u8),
}

impl Strings {
    /// Goes over `byte`; answers whether it may change.
    fn step(&mut self, byte: u8) -> bool {
        let (next, content) = match (*self, byte) {
            (Strings::Outside, b'"') => (Strings::Inside, false),
            (Strings::Outside, _) => (Strings::Outside, false),
            (Strings::Inside, b'"') => (Strings::Outside, false),
            (Strings::Inside, b'\\') => (Strings::Escape(0), false),
            (Strings::Inside, _) => (Strings::Inside, true),
            (Strings::Escape(0), b'u') => (Strings::Escape(4), false),
            (Strings::Escape(0 | 1), _) => (Strings::Inside, false),
            (Strings::Escape(left), _) => (Strings::Escape(left - 1), false),
        };
        *self = next;
        content
    }
}

impl Frame {
    pub(crate) fn new(codec: Codec) -> Frame {
        Frame {
            codec,
            state: State::Head,
            left: 0,
            unread: false,
            message: None,
            guard: None,
        }
    }

    /// Begins another frame. What follows fields is used again: to make it ready takes as long as there are rules.
    pub(crate) fn restart(&mut self) {
        self.state = State::Head;
        (self.left, self.unread) = (0, false);
    }

    /// What messages are written in.
    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    /// No field that is still to be told starts before it.
    pub(crate) fn oldest(&self) -> u64 {
        match &self.state {
            State::Message(message) => message.oldest(),
            State::Json(Json { guarded: true, .. }) => {
                self.guard.as_ref().map_or(u64::MAX, |guard| guard.oldest())
            }
            _ => u64::MAX,
        }
    }

    /// Bytes held on the heap.
    pub(crate) fn memory(&self) -> usize {
        let guard = self.guard.as_ref();
        guard.map_or(0, |guard| size_of::<json::Guard>() + guard.memory())
    }

    /// Whether it is compressed: what is unpacked does not come here.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread
    }

    /// Says what messages of protobuf are.
    pub(crate) fn set_message(&mut self, message: Option<MessageIndex>) {
        self.message = message;
    }

    /// As [`Protobuf::read`].
    pub(crate) fn read(&mut self, bytes: &[u8], last: bool, notes: &mut Notes<'_>) -> usize {
        let mut done = 0;
        loop {
            let rest = bytes.get(done..).unwrap_or_default();
            if rest.is_empty() {
                return done;
            }
            let within = usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
            let frame = rest.get(..within).unwrap_or_default();
            let whole = last || within as u64 == self.left;
            let layout = &mut *notes.layout;
            let read = match &mut self.state {
                State::Head => {
                    let [flags, a, b, c, d, ..] = *rest else {
                        return done;
                    };
                    self.left = u64::from(u32::from_be_bytes([a, b, c, d]));
                    if is_frame(flags) {
                        layout.structure(HEAD, Fill::Lines);
                        done += HEAD;
                    }
                    self.begin(flags, notes);
                    continue;
                }
                State::Message(message) => message.read(frame, whole, notes),
                State::Json(json) => json.read(&mut self.guard, frame, whole, notes),
                State::Trailers(value) => {
                    for &byte in frame {
                        let content = *value && !matches!(byte, b'\r' | b'\n');
                        *value = content || byte == b':';
                        mark(content, layout);
                    }
                    within
                }
                State::Compressed => {
                    layout.structure(within, Fill::Lines);
                    within
                }
                State::Bytes => {
                    layout.content(rest.len());
                    return bytes.len();
                }
            };
            done += read;
            self.left -= read as u64;
            if read < within || read == 0 {
                return done;
            }
        }
    }

    /// Begins a message behind these flags.
    fn begin(&mut self, flags: u8, notes: &mut Notes<'_>) {
        self.state = match flags {
            0 => match self.codec {
                Codec::Protobuf => State::Message(Protobuf::of(self.left, self.message)),
                Codec::Json => State::Json(Json::begin(&mut self.guard, notes)),
            },
            1 | 3 | 0x81 => {
                self.unread = true;
                State::Compressed
            }
            // The end of a stream in Connect.
            2 => State::Json(Json::begin(&mut self.guard, notes)),
            0x80 => State::Trailers(false),
            _ => State::Bytes,
        };
    }
}

fn mark(content: bool, layout: &mut Layout) {
    if content {
        layout.content(1);
    } else {
        layout.structure(1, Fill::Kept);
    }
}
