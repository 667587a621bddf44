//! Protobuf without descriptors (<https://protobuf.dev/programming-guides/encoding/>): fields are walked, and the contents of
//! length-delimited ones are walked as messages or taken for text.
//!
//! The wire does not tell a string from a message. What decides is the beginning of the contents, [`LOOKAHEAD`] bytes at most, together
//! with their length, and so the same bytes in any cut:
//! - what does not read as a message to its end (or as far as is looked) is text;
//! - what is printable and reads as a message is text all the same, unless half of it and more would be contents of length-delimited
//!   fields: passwords of nine letters happen to be a number of eight bytes now and then;
//! - everything else is a message.
//!
//! Where a message breaks later than that, the rest of it is text. What is neither printable nor a message (bytes, packed numbers), and
//! what could be both, is scanned too, but changed only by what is found in it alone.

use alloc::vec::Vec;

use super::layout::{Fill, Layout};

/// The most bytes of a field that are looked at to tell what it is.
pub(crate) const LOOKAHEAD: usize = 512;

/// Messages nested deeper are text. Protobuf's own readers refuse more than 100.
const DEEPEST: usize = 100;

/// A name in front of what it names is no longer than this.
const LONGEST_NAME: u64 = 256;

/// A walk over one message, or over as many as there are one in another.
#[derive(Debug, Clone)]
pub(crate) struct Protobuf {
    /// Bytes gone over.
    at: u64,
    /// Where the whole ends.
    end: u64,
    open: Vec<Open>,
    /// Where the text that is gone over ends.
    text: u64,
    /// Whether it is none.
    binary: bool,
    /// Whether it was looked whether there is a message at all.
    begun: bool,
    /// Where the value of a name may begin that was just there, and in which field.
    named: Option<(u64, Value)>,
}

/// What a value may stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    /// Field 2 of the message whose field 1 is the name.
    Second,
    /// The first field of a message that stands there.
    Wrapped,
}

#[derive(Debug, Clone, Copy)]
enum Open {
    /// A message that ends there.
    Message(u64),
    /// A group that ends with its own tag.
    Group(u32),
}

/// What the beginning of some bytes is, read as a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    reads: bool,
    /// Bytes gone over, and how many of them are contents of length-delimited fields.
    bytes: usize,
    contents: usize,
}

/// One tag and what follows it, without the contents of a length-delimited field.
enum Field {
    /// A scalar of so many bytes, tag and all.
    Scalar(usize),
    /// Length-delimited: the field's number, bytes of tag and length, bytes of contents.
    Delimited(u32, usize, u64),
    Begin(u32, usize),
    End(u32, usize),
    /// More bytes are needed.
    Open,
    Broken,
}

/// A varint of at most ten bytes: value and length; `Ok(None)`: more bytes are needed.
#[inline]
pub(crate) fn varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, ()> {
    // Nearly all of them.
    match bytes {
        [byte @ 0..0x80, ..] => Ok(Some((u64::from(*byte), 1))),
        [low, high @ 0..0x80, ..] => Ok(Some((u64::from(low & 0x7f) | u64::from(*high) << 7, 2))),
        _ => long_varint(bytes),
    }
}

#[inline(never)]
fn long_varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, ()> {
    let mut value = 0_u64;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).wrapping_shl(7 * u32::try_from(index).unwrap_or(0));
        if byte & 0x80 == 0 {
            return if index == 9 && byte > 1 {
                Err(())
            } else {
                Ok(Some((value, index + 1)))
            };
        }
    }
    if bytes.len() >= 10 { Err(()) } else { Ok(None) }
}

impl Field {
    #[inline]
    fn read(bytes: &[u8]) -> Field {
        let (tag, len) = match varint(bytes) {
            Ok(Some(found)) => found,
            Ok(None) => return Field::Open,
            Err(()) => return Field::Broken,
        };
        let number = match u32::try_from(tag >> 3) {
            Ok(number @ 1..0x2000_0000) => number,
            _ => return Field::Broken,
        };
        let rest = bytes.get(len..).unwrap_or_default();
        match tag & 7 {
            0 => match varint(rest) {
                Ok(Some((_, more))) => Field::Scalar(len + more),
                Ok(None) => Field::Open,
                Err(()) => Field::Broken,
            },
            1 => Field::Scalar(len + 8),
            5 => Field::Scalar(len + 4),
            2 => match varint(rest) {
                Ok(Some((contents, more))) => Field::Delimited(number, len + more, contents),
                Ok(None) => Field::Open,
                Err(()) => Field::Broken,
            },
            3 => Field::Begin(number, len),
            4 => Field::End(number, len),
            _ => Field::Broken,
        }
    }
}

impl Shape {
    /// Reads `bytes`, the first of `len`, as one message.
    fn of(bytes: &[u8], len: u64) -> Shape {
        let whole = bytes.len() as u64 >= len;
        let mut groups = Vec::new();
        let (mut at, mut contents) = (0_usize, 0_usize);
        let broken = |at, contents| Shape {
            reads: false,
            bytes: at,
            contents,
        };
        while at < bytes.len() {
            match Field::read(bytes.get(at..).unwrap_or_default()) {
                Field::Scalar(field) => at += field,
                Field::Delimited(_, head, field) => {
                    let left = len.saturating_sub((at + head) as u64);
                    if field > left {
                        return broken(at, contents);
                    }
                    at += head;
                    let there = bytes.len().saturating_sub(at);
                    let field = usize::try_from(field).unwrap_or(usize::MAX);
                    contents += field.min(there);
                    at = at.saturating_add(field);
                }
                Field::Begin(number, head) if groups.len() < DEEPEST => {
                    groups.push(number);
                    at += head;
                }
                Field::End(number, head) if groups.pop() == Some(number) => at += head,
                Field::Open if !whole => break,
                _ => return broken(at, contents),
            }
        }
        let reads = if whole {
            at == bytes.len() && groups.is_empty()
        } else {
            at as u64 <= len
        };
        Shape {
            reads,
            bytes: at.min(bytes.len()),
            contents,
        }
    }

    /// Whether length-delimited contents are half of it and more.
    fn is_mostly_contents(self) -> bool {
        self.contents * 2 >= self.bytes
    }
}

/// Whether `bytes`, whose end may be `cut` off, are text that people read: UTF-8 without control characters.
fn is_printable(bytes: &[u8], cut: bool) -> bool {
    let control = |&byte: &u8| {
        (byte < 32) & (byte != b'\t') & (byte != b'\n') & (byte != b'\r') | (byte == 127)
    };
    // No way out within a piece: so it is done by vectors.
    let mut high = 0;
    for piece in bytes.chunks(64) {
        if piece.iter().fold(false, |any, byte| any | control(byte)) {
            return false;
        }
        high |= piece.iter().fold(0, |all, byte| all | byte);
    }
    if high < 0x80 {
        return true;
    }
    match core::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => cut && error.error_len().is_none(),
    }
}

/// What the contents of a length-delimited field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Message,
    Text,
    /// Nothing that people read, or what could be a message as well.
    Binary,
}

impl Kind {
    /// Of contents that begin with `bytes` and are `len` bytes.
    fn of(bytes: &[u8], len: u64) -> Kind {
        let shape = Shape::of(bytes, len);
        let reads = shape.reads && len > 0;
        if reads && shape.is_mostly_contents() {
            return Kind::Message;
        }
        let printable = is_printable(bytes, (bytes.len() as u64) < len);
        match (printable, reads) {
            (true, false) => Kind::Text,
            (false, true) => Kind::Message,
            (true, true) | (false, false) => Kind::Binary,
        }
    }
}

/// How many bytes of `len` have to be there to tell what they are.
pub(crate) fn needed(len: u64) -> usize {
    usize::try_from(len).map_or(LOOKAHEAD, |len| len.min(LOOKAHEAD))
}

impl Protobuf {
    /// A message of `len` bytes; of unknown length: [`u64::MAX`].
    pub(crate) fn new(len: u64) -> Protobuf {
        Protobuf {
            at: 0,
            end: len,
            open: Vec::new(),
            text: 0,
            binary: false,
            begun: false,
            named: None,
        }
    }

    /// Where what is innermost and has a length ends.
    fn limit(&self) -> u64 {
        let message = self.open.iter().rev().find_map(|open| match open {
            Open::Message(end) => Some(*end),
            Open::Group(_) => None,
        });
        message.unwrap_or(self.end)
    }

    /// What is innermost and has a length is text from here on.
    fn break_off(&mut self) {
        let end = self.limit();
        while let Some(Open::Group(_)) = self.open.last() {
            self.open.pop();
        }
        (self.text, self.binary) = (end, false);
        self.named = None;
    }

    fn step(&mut self, len: usize, fill: Fill, layout: &mut Layout) {
        layout.structure(len, fill);
        self.at += len as u64;
    }

    /// Goes over `bytes`, which come next; answers how many it dealt with. The others are to be shown again, with more. `last`: there are
    /// no more.
    pub(crate) fn read(&mut self, bytes: &[u8], last: bool, layout: &mut Layout) -> usize {
        let mut done = 0;
        loop {
            let rest = bytes.get(done..).unwrap_or_default();
            if self.at < self.text {
                let text =
                    usize::try_from(self.text - self.at).map_or(rest.len(), |t| t.min(rest.len()));
                if self.binary {
                    layout.structure(text, Fill::Binary);
                } else {
                    layout.content(text);
                }
                self.at += text as u64;
                done += text;
                if self.at < self.text {
                    return done;
                }
                continue;
            }
            if let Some(Open::Message(end)) = self.open.last()
                && *end <= self.at
            {
                self.open.pop();
                continue;
            }
            if rest.is_empty() || self.at >= self.end {
                return done;
            }
            let limit = self.limit();
            let left = limit - self.at;
            let within = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
            let whole = within as u64 == left || last;
            let rest = rest.get(..within).unwrap_or_default();
            if !self.begun {
                if rest.len() < needed(left) && !whole {
                    return done;
                }
                self.begun = true;
                let seen = rest.get(..needed(left).min(rest.len())).unwrap_or_default();
                let len = if whole { rest.len() as u64 } else { left };
                if !Shape::of(seen, len).reads {
                    self.break_off();
                    continue;
                }
            }
            match Field::read(rest) {
                Field::Scalar(len) if len <= within => {
                    self.named = None;
                    self.step(len, Fill::Lines, layout);
                    done += len;
                }
                Field::Delimited(number, head, len) if len <= left - head as u64 => {
                    let contents = rest.get(head..).unwrap_or_default();
                    if contents.len() < needed(len) && !whole {
                        return done;
                    }
                    let seen = contents
                        .get(..needed(len).min(contents.len()))
                        .unwrap_or_default();
                    // What was cut off is looked at as far as it is there.
                    let kind = Kind::of(seen, len);
                    let message = kind == Kind::Message && self.open.len() < DEEPEST;
                    // `map` entries, attributes of OTLP, labels of Prometheus: field 1 is a name, field 2 what it names, often wrapped in
                    // a message of its own.
                    let value = match self.named.take() {
                        Some((at, Value::Second)) => at == self.at && number == 2,
                        Some((at, Value::Wrapped)) => at == self.at,
                        None => false,
                    };
                    self.step(head, if value { Fill::Named } else { Fill::Lines }, layout);
                    done += head;
                    if message {
                        self.open.push(Open::Message(self.at + len));
                        self.named = value.then_some((self.at, Value::Wrapped));
                    } else {
                        self.text = self.at + len;
                        self.binary = kind != Kind::Text;
                        let name = !value && number == 1 && (1..LONGEST_NAME).contains(&len);
                        self.named = name.then_some((self.text, Value::Second));
                    }
                }
                Field::Begin(number, len) if self.open.len() < DEEPEST => {
                    self.named = None;
                    self.open.push(Open::Group(number));
                    self.step(len, Fill::Lines, layout);
                    done += len;
                }
                Field::End(number, len) if matches!(self.open.last(), Some(Open::Group(open)) if *open == number) =>
                {
                    self.named = None;
                    self.open.pop();
                    self.step(len, Fill::Lines, layout);
                    done += len;
                }
                Field::Scalar(_) | Field::Open if !whole => return done,
                _ => self.break_off(),
            }
        }
    }
}
