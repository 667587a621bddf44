//! Streams of messages, as they come by raw TCP and by gRPC: each message is a haystack of its own. So nothing of a message waits once it is
//! over, which matters where its sender waits for an answer; and no finding reaches over its end. Where messages end lies here for lines, JSON
//! and frames of gRPC, and with the readers of [`crate::walk`] for what else is counted.

use alloc::boxed::Box;

use blackbar_engine::Engine;
use blackbar_engine::schema::MessageIndex;

use super::unpack::{LARGEST, Unpacker};
use super::{Came, Files, Part, Parts, Sink};
use crate::format::Format;
use crate::view::With;
use crate::walk::{
    Codec, Counted, Counts, HEAD, Items, Layout, Logins, Packing, Reader, Redis, is_frame,
};

/// How the messages of a stream are told apart, and what each is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// Lines of text, also with a NUL behind each.
    Lines,
    /// Documents of JSON, or lines of text; also with a NUL behind each.
    Json,
    /// Messages of syslog: each behind the count of its bytes, or on a line, as above.
    Syslog,
    /// Values of MessagePack.
    MessagePack,
    /// Commands and replies of Redis.
    Redis(Logins),
    /// Datagrams of DogStatsD, each behind its length.
    Dogstatsd,
}

impl Framing {
    /// What a message is written in.
    fn format(self) -> Format {
        match self {
            Framing::Lines => Format::Text,
            Framing::Json => Format::Json,
            Framing::Syslog => Format::Syslog,
            Framing::MessagePack => Format::MessagePack,
            Framing::Redis(logins) => Format::Redis(logins),
            Framing::Dogstatsd => Format::Dogstatsd,
        }
    }

    /// Whether readers count bytes.
    pub(crate) fn is_counted(self) -> bool {
        !matches!(self, Framing::Lines | Framing::Json)
    }
}

/// Finds where messages end.
#[derive(Debug)]
enum Ends {
    /// Whether a line has begun.
    Lines(bool),
    Json(Json),
    Frames(Frames),
    /// A reader that stops there; what it says of a message is not asked for.
    Walk(Box<Reader>, Layout),
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// So many bytes that hold messages apart.
    Between(usize),
    /// So many bytes of a message, which may end with them.
    Inside(usize, bool),
    /// So many bytes of a message that is compressed, all of it.
    Packed(usize),
    /// More bytes are needed.
    Open,
}

/// Where a document ends: with the bracket or quote that closes it, at a NUL, and with the line where no bracket is open.
#[derive(Debug, Clone, Copy, Default)]
struct Json {
    inside: Inside,
    depth: u64,
    string: bool,
    escaped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Inside {
    #[default]
    Nothing,
    /// A list, an object or a string.
    Document,
    /// Anything else, up to the end of the line.
    Line,
}

impl Json {
    fn next(&mut self, text: &[u8]) -> Next {
        let apart = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0 | 0x1e);
        if self.inside == Inside::Nothing {
            let between = text.iter().take_while(apart).count();
            if between > 0 {
                return Next::Between(between);
            }
            let document = matches!(text.first(), Some(b'{' | b'[' | b'"'));
            *self = Json::default();
            self.inside = if document {
                Inside::Document
            } else {
                Inside::Line
            };
        }
        if self.inside == Inside::Line {
            return match memchr::memchr2(b'\n', 0, text) {
                None => Next::Inside(text.len(), false),
                Some(end) => self.ends(end),
            };
        }
        for (at, byte) in text.iter().enumerate() {
            match (byte, self.string) {
                (0, _) => return self.ends(at),
                // No string goes over the end of a line: the document is broken.
                (b'\n', true) => return self.ends(at),
                (_, true) if self.escaped => self.escaped = false,
                (b'\\', true) => self.escaped = true,
                (b'"', string) => {
                    self.string = !string;
                    if string && self.depth == 0 {
                        return self.ends(at + 1);
                    }
                }
                (b'{' | b'[', false) => self.depth += 1,
                (b'}' | b']', false) => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return self.ends(at + 1);
                    }
                }
                _ => {}
            }
        }
        Next::Inside(text.len(), false)
    }

    fn ends(&mut self, at: usize) -> Next {
        self.inside = Inside::Nothing;
        Next::Inside(at, true)
    }
}

/// Lines, their ends left out; some senders of syslog end them with a NUL. `inside`: one has begun.
fn line(inside: &mut bool, text: &[u8], last: bool) -> Next {
    match text {
        [b'\n' | 0, ..] if !*inside => return Next::Between(1),
        [b'\r', b'\n', ..] if !*inside => return Next::Between(2),
        // It may belong to the end of the line.
        [b'\r'] if !last => return Next::Open,
        _ => *inside = true,
    }
    match memchr::memchr2(b'\n', 0, text) {
        Some(end) => {
            *inside = false;
            let cr = text.get(end) == Some(&b'\n')
                && text.get(..end).is_some_and(|t| t.ends_with(b"\r"));
            Next::Inside(end - usize::from(cr), true)
        }
        None if !last && text.last() == Some(&b'\r') => Next::Inside(text.len() - 1, false),
        None => Next::Inside(text.len(), false),
    }
}

/// Where frames of gRPC end: their heads say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frames {
    /// So many bytes of a frame are left.
    Left(u64),
    /// What came is no frame, and none follows.
    Broken,
}

impl Frames {
    fn next(&mut self, bytes: &[u8], last: bool) -> Next {
        let left = match *self {
            Frames::Broken => return Next::Inside(bytes.len(), false),
            Frames::Left(left @ 1..) => left,
            Frames::Left(0) => match *bytes {
                [flags, ..] if bytes.len() >= HEAD && !is_frame(flags) => {
                    *self = Frames::Broken;
                    return Next::Inside(bytes.len(), false);
                }
                [flags, a, b, c, d, ..] => {
                    let len = u64::from(u32::from_be_bytes([a, b, c, d]));
                    let whole = HEAD as u64 + len;
                    if flags == 1 && len <= LARGEST {
                        match usize::try_from(whole) {
                            Ok(whole) if whole <= bytes.len() => return Next::Packed(whole),
                            _ if !last => return Next::Open,
                            _ => {}
                        }
                    }
                    whole
                }
                _ if last => return Next::Inside(bytes.len(), true),
                _ => return Next::Open,
            },
        };
        let within = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let left = left - within as u64;
        *self = Frames::Left(left);
        Next::Inside(within, left == 0)
    }
}

impl Ends {
    fn new(framing: Framing) -> Ends {
        let reader = match framing {
            Framing::Lines => return Ends::Lines(false),
            Framing::Json => return Ends::Json(Json::default()),
            Framing::Syslog => Reader::Counted(Counted::new(Counts::Digits).stopping()),
            Framing::Dogstatsd => Reader::Counted(Counted::new(Counts::Four).stopping()),
            Framing::MessagePack => Reader::Items(Items::new(Packing::MessagePack).stopping()),
            Framing::Redis(logins) => Reader::Redis(Redis::new(logins).stopping()),
        };
        Ends::Walk(Box::new(reader), Layout::default())
    }

    fn next(&mut self, with: With<'_>, text: &[u8], last: bool) -> Next {
        match self {
            Ends::Lines(inside) => line(inside, text, last),
            Ends::Json(json) => json.next(text),
            Ends::Frames(frames) => frames.next(text, last),
            Ends::Walk(reader, layout) => {
                let len = reader.pass(with, text, last, layout);
                layout.forget(layout.at());
                let ends = reader.take_ended();
                match len {
                    0 if last => Next::Inside(text.len(), true),
                    0 => Next::Open,
                    len => Next::Inside(len, ends),
                }
            }
        }
    }
}

/// A stream that is taken apart.
#[derive(Debug)]
pub(crate) struct Messages {
    /// What a message is written in.
    format: Format,
    ends: Ends,
    unpacker: Option<Box<Unpacker>>,
    came: Came,
    /// Everything before it was given to a message, or stands between two.
    at: u64,
    message: Box<Part>,
}

impl Messages {
    pub(crate) fn new(framing: Framing) -> Messages {
        Messages::with(framing.format(), Ends::new(framing))
    }

    /// The same, of frames of gRPC.
    pub(crate) fn of_frames(codec: Codec, message: Option<MessageIndex>) -> Messages {
        let mut messages = Messages::with(Format::Frame(codec), Ends::Frames(Frames::Left(0)));
        messages.message.set_message(message);
        messages.unpacker = Some(Box::new(Unpacker::new(codec, message)));
        messages
    }

    fn with(format: Format, ends: Ends) -> Messages {
        Messages {
            format,
            ends,
            unpacker: None,
            came: Came::default(),
            at: 0,
            message: Box::new(Part::new()),
        }
    }

    fn push(&mut self, with: With<'_>, text: &[u8], ends: bool, sink: &mut Sink<'_>) {
        if self.message.done().is_none() {
            if text.is_empty() {
                return;
            }
            self.message
                .begin(with, self.format, Files::Scan, self.at, b"");
        }
        self.message.push(with, text, ends, sink);
        self.at += text.len() as u64;
    }
}

impl Parts for Messages {
    fn spare(&mut self, len: usize) -> &mut [u8] {
        self.came.spare(len)
    }

    fn commit(&mut self, with: With<'_>, len: usize, last: bool, sink: &mut Sink<'_>) {
        self.came.take(len);
        let came = core::mem::take(&mut self.came);
        loop {
            let text = came.slice(self.at, came.received());
            if text.is_empty() {
                break;
            }
            match self.ends.next(with, text, last) {
                Next::Between(len) => self.at += len as u64,
                Next::Inside(len, ends) => {
                    let text = text.get(..len).unwrap_or_default();
                    self.push(with, text, ends, sink);
                }
                Next::Packed(len) => {
                    if let Some(unpacker) = &mut self.unpacker {
                        let frame = text.get(..len).unwrap_or_default();
                        unpacker.redact(with, frame, self.at, sink);
                    }
                    self.at += len as u64;
                }
                Next::Open => break,
            }
        }
        if last {
            self.push(with, b"", true, sink);
        }
        self.came = came;
    }

    fn force(&mut self, engine: &Engine, sink: &mut Sink<'_>) {
        self.message.force(engine, sink);
    }

    fn done(&self) -> u64 {
        self.message.done().unwrap_or(self.at)
    }

    fn oldest(&self) -> u64 {
        self.message.oldest()
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
    }

    fn forced(&self) -> u64 {
        self.message.forced()
            + self
                .unpacker
                .as_ref()
                .map_or(0, |unpacker| unpacker.forced())
    }

    fn unread(&self) -> u64 {
        self.message.unread()
            + self
                .unpacker
                .as_ref()
                .map_or(0, |unpacker| unpacker.unread())
    }

    fn passed(&self) -> u64 {
        self.message.passed()
    }

    fn logins(&self) -> u64 {
        self.message.logins()
    }

    fn memory(&self) -> usize {
        let ends = match &self.ends {
            Ends::Walk(_, layout) => size_of::<Reader>() + layout.memory(),
            _ => 0,
        };
        let unpacker = self.unpacker.as_ref();
        size_of::<Messages>()
            + ends
            + unpacker.map_or(0, |_| size_of::<Unpacker>())
            + self.came.memory()
            + self.message.memory()
    }
}
