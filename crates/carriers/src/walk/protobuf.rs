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
//! Where a policy has a descriptor of the message, nothing is guessed: strings are text, bytes are bytes, messages are messages, and rules may
//! name fields. What a descriptor does not know is told as above. What a rule names keeps its type and its length: strings and bytes become
//! `*`, numbers zero, written in as many bytes.
//!
//! Where a message breaks later than that, the rest of it is text. What is neither printable nor a message (bytes, packed numbers), and
//! what could be both, is scanned too, but changed only by what is found in it alone.

use alloc::vec::Vec;

use blackbar_engine::schema::{FieldKind, MessageIndex, SchemaField};

use super::hides::{Hidden, Notes};
use super::layout::{Fill, Layout};

/// The most bytes of a field that are looked at to tell what it is.
pub(crate) const LOOKAHEAD: usize = 512;

/// Messages nested deeper are text. Protobuf's own readers refuse more than 100.
const DEEPEST: usize = 100;

/// A name in front of what it names is no longer than this.
const LONGEST_NAME: u64 = 256;

/// A walk over one message, or over as many as there are one in another.
#[derive(Debug)]
pub(crate) struct Protobuf {
    /// Bytes gone over.
    at: u64,
    /// Where the whole ends.
    end: u64,
    /// Where what is innermost and has a length ends.
    limit: u64,
    open: Vec<Open>,
    /// Where the text that is gone over ends.
    text: u64,
    /// Whether it is none.
    binary: bool,
    /// Whether it was looked whether there is a message at all.
    begun: bool,
    /// Where the value of a name may begin that was just there, and in which field.
    named: Option<(u64, Value)>,
    /// What the whole is, if there is a descriptor of it.
    message: Option<MessageIndex>,
    /// Whether what is gone over is the key of an entry.
    key: bool,
    /// What it becomes where it is masked.
    ink: Ink,
    /// The field that a rule names, while it is gone over.
    hidden: Option<Hidden>,
}

/// What contents become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ink {
    Stars,
    /// Zeros, of numbers of one length.
    Zeros,
    /// Zeros, of numbers that end with their first byte below 128.
    Varints,
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
    /// A message that ends there, and what it is.
    Message(u64, Option<MessageIndex>),
    /// A group that ends with its own tag.
    Group(u32, Option<MessageIndex>),
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
        // Nearly all of them: a tag of one byte, and of one byte what follows it.
        match bytes {
            [tag @ 8..0x80, next @ 0..0x80, ..] if tag & 7 == 2 => {
                Field::Delimited(u32::from(tag >> 3), 2, u64::from(*next))
            }
            [tag @ 8..0x80, 0..0x80, ..] if tag & 7 == 0 => Field::Scalar(2),
            [tag @ 8..0x80, ..] if tag & 7 == 1 => Field::Scalar(9),
            [tag @ 8..0x80, ..] if tag & 7 == 5 => Field::Scalar(5),
            _ => Field::read_any(bytes),
        }
    }

    #[inline(never)]
    fn read_any(bytes: &[u8]) -> Field {
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
        let (mut at, mut contents) = (0_usize, 0_usize);
        // Without groups, as nearly all are.
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match Field::read(rest) {
                Field::Scalar(field) => at += field,
                Field::Delimited(_, head, field)
                    if field <= len.saturating_sub((at + head) as u64) =>
                {
                    at += head;
                    let there = bytes.len().saturating_sub(at);
                    let field = usize::try_from(field).unwrap_or(usize::MAX);
                    contents += field.min(there);
                    at = at.saturating_add(field);
                }
                Field::Broken | Field::Delimited(..) => {
                    return Shape {
                        reads: false,
                        bytes: at,
                        contents,
                    };
                }
                Field::Begin(..) | Field::End(..) | Field::Open => {
                    return Shape::with_groups(bytes, len, at, contents);
                }
            }
        }
        Shape::read(bytes, len, at, contents)
    }

    /// The same from `at` on, where a group may begin.
    #[inline(never)]
    fn with_groups(bytes: &[u8], len: u64, mut at: usize, mut contents: usize) -> Shape {
        let whole = bytes.len() as u64 >= len;
        let mut groups = Vec::new();
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
        let shape = Shape::read(bytes, len, at, contents);
        Shape {
            reads: shape.reads && (!whole || groups.is_empty()),
            ..shape
        }
    }

    /// What was read to its end, or as far as it is there.
    fn read(bytes: &[u8], len: u64, at: usize, contents: usize) -> Shape {
        Shape {
            reads: match bytes.len() as u64 >= len {
                true => at == bytes.len(),
                false => at as u64 <= len,
            },
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
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = EACH << 7;
    let control = |byte: u8| byte < 32 && !matches!(byte, b'\t' | b'\n' | b'\r') || byte == 127;
    let (mut high, mut odd) = (0, false);
    let (blocks, rest) = bytes.as_chunks::<32>();
    let (eights, rest) = rest.as_chunks::<8>();
    let mut look = |piece: &[u8]| {
        for &byte in piece {
            high |= byte & 0x80;
            odd |= control(byte);
        }
    };
    // The high bit stays clear for a byte from 32 to 126 only, and all of them where all bytes are such.
    let plain = |eight: &[u8; 8]| {
        let word = u64::from_le_bytes(*eight);
        word | word.wrapping_add(EACH) | word.wrapping_sub(EACH * 32)
    };
    for block in blocks {
        let words = block.as_chunks::<8>().0.iter();
        if words.fold(0, |all, eight| all | plain(eight)) & HIGH != 0 {
            look(block);
        }
    }
    for eight in eights {
        if plain(eight) & HIGH != 0 {
            look(eight);
        }
    }
    look(rest);
    if odd {
        return false;
    }
    if high == 0 {
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
            limit: len,
            open: Vec::new(),
            text: 0,
            binary: false,
            begun: false,
            named: None,
            message: None,
            key: false,
            ink: Ink::Stars,
            hidden: None,
        }
    }

    /// The same, of a message that there may be a descriptor of.
    pub(crate) fn of(len: u64, message: Option<MessageIndex>) -> Protobuf {
        Protobuf {
            message,
            ..Protobuf::new(len)
        }
    }

    /// What is innermost and has a length is text from here on.
    #[inline(never)]
    fn break_off(&mut self, notes: &mut Notes<'_>) {
        let end = self.limit;
        while let Some(Open::Group(..)) = self.open.last() {
            self.pop(notes);
        }
        // All that stands there is part of a field that breaks.
        if let Some(hidden) = &mut self.hidden {
            hidden.depth = hidden.depth.min(self.open.len());
        }
        (self.text, self.binary) = (end, false);
        (self.key, self.ink) = (false, Ink::Stars);
        self.named = None;
    }

    fn push(&mut self, open: Open, notes: &mut Notes<'_>) {
        if self.message.is_some() {
            notes.trail.enter();
        }
        if let Open::Message(end, _) = open {
            self.limit = end;
        }
        self.open.push(open);
    }

    fn pop(&mut self, notes: &mut Notes<'_>) {
        if self.message.is_some() {
            notes.trail.exit();
        }
        if let Some(Open::Message(..)) = self.open.pop() {
            let around = self.open.iter().rev().find_map(|open| match open {
                Open::Message(end, _) => Some(*end),
                Open::Group(..) => None,
            });
            self.limit = around.unwrap_or(self.end);
        }
    }

    /// What the innermost message is.
    fn around(&self) -> Option<MessageIndex> {
        match self.open.last() {
            Some(Open::Message(_, message) | Open::Group(_, message)) => *message,
            None => self.message,
        }
    }

    /// Looks for a rule that names field `number`, whose tag comes next and whose value begins `head` bytes later. Answers with what a
    /// descriptor says about the field.
    #[inline(never)]
    fn name<'a>(
        &mut self,
        number: u32,
        head: usize,
        notes: &mut Notes<'a>,
    ) -> Option<&'a SchemaField> {
        self.key = false;
        self.message?;
        let around = self.around();
        let schema = notes.engine.schema();
        let field = around.and_then(|message| schema.field(message, number));
        if !notes.trail.is_on() || self.hidden.is_some() {
            return field;
        }
        let engine = notes.engine;
        let trail = &mut *notes.trail;
        if trail.depth() == 0 {
            trail.root(engine);
            trail.enter();
        }
        let named = match (field, around.is_some_and(|message| schema.is_map(message))) {
            (_, true) if number == 1 => {
                trail.begin_key();
                self.key = true;
                None
            }
            (_, true) => trail.value(engine, true),
            (Some(field), false) => {
                let named = trail.value_of(engine, schema.names(field));
                match field.repeated {
                    true => named.or(trail.descend(engine, false)),
                    false => named,
                }
            }
            // A name that nobody knows is none that a rule says.
            (None, false) => {
                trail.begin_key();
                trail.value(engine, true)
            }
        };
        if let Some(named) = named {
            let start = notes.layout.at() + head as u64;
            self.hidden = Some(Hidden::new(named, start, self.open.len()));
        }
        field
    }

    fn masks(&self) -> bool {
        self.hidden.is_some_and(|hidden| hidden.masks)
    }

    /// Makes a number zero that stands in `field` behind its tag, in as many bytes.
    #[inline(never)]
    fn scalar(&self, field: &[u8], notes: &mut Notes<'_>) {
        let Ok(Some((tag, head))) = varint(field) else {
            return;
        };
        let at = notes.layout.at();
        let bytes = field.iter().enumerate().skip(head);
        for (at, byte) in (at + head as u64..).zip(bytes.map(|(_, byte)| byte)) {
            let zero = if tag & 7 == 0 { byte & 0x80 } else { 0 };
            notes.hides.put(at, at + 1, zero);
        }
    }

    /// A field that a rule names ends, if one does.
    #[inline(never)]
    fn close(&mut self, notes: &mut Notes<'_>) {
        if let Some(hidden) = self.hidden
            && (self.open.len() <= hidden.depth || self.at >= self.end)
        {
            self.hidden = None;
            hidden.end(notes.layout.at(), notes);
        }
    }

    #[inline]
    fn step(&mut self, len: usize, fill: Fill, layout: &mut Layout) {
        layout.structure(len, fill);
        self.at += len as u64;
    }

    /// What a descriptor says that the contents of a field are: of a message its kind, of numbers how they are masked.
    #[inline(never)]
    fn known(&self, number: u32, notes: &Notes<'_>) -> Option<(Kind, Option<MessageIndex>, Ink)> {
        self.message?;
        let field = notes.engine.schema().field(self.around()?, number)?;
        Some(match field.kind {
            FieldKind::Text => (Kind::Text, None, Ink::Stars),
            FieldKind::Bytes => (Kind::Binary, None, Ink::Stars),
            FieldKind::Message(inner) => (Kind::Message, Some(inner), Ink::Stars),
            // Numbers, packed.
            FieldKind::Varint => (Kind::Binary, None, Ink::Varints),
            FieldKind::Fixed32 | FieldKind::Fixed64 => (Kind::Binary, None, Ink::Zeros),
            // On the wire it is something else.
            FieldKind::Group(_) => return None,
        })
    }

    /// A number, tag and all: masked, if a rule names it.
    #[inline(never)]
    fn number(&mut self, field: &[u8], notes: &mut Notes<'_>) {
        let Ok(Some((tag, head))) = varint(field) else {
            return;
        };
        self.name(u32::try_from(tag >> 3).unwrap_or(0), head, notes);
        if self.masks() {
            self.scalar(field, notes);
        }
    }

    /// Goes over `bytes`, which come next; answers how many it dealt with. The others are to be shown again, with more. `last`: there are
    /// no more.
    pub(crate) fn read(&mut self, bytes: &[u8], last: bool, notes: &mut Notes<'_>) -> usize {
        let done = self.go(bytes, last, notes);
        if last && let Some(hidden) = self.hidden.take() {
            let from = notes.layout.at();
            let rest = from + bytes.len().saturating_sub(done) as u64;
            if hidden.masks {
                notes.hides.put(from, rest, b'*');
            }
            hidden.end(rest, notes);
        }
        done
    }

    /// Goes over what a length-delimited field holds.
    #[inline]
    fn content(&mut self, text: &[u8], notes: &mut Notes<'_>) {
        if self.message.is_some() {
            self.mask(text, notes);
        }
        if self.binary {
            notes.layout.structure(text.len(), Fill::Binary);
        } else {
            notes.layout.content(text.len());
        }
        self.at += text.len() as u64;
    }

    #[inline(never)]
    fn mask(&mut self, text: &[u8], notes: &mut Notes<'_>) {
        if self.key {
            notes.trail.key(text);
        }
        if !self.masks() {
            return;
        }
        let at = notes.layout.at();
        let end = at + text.len() as u64;
        match self.ink {
            Ink::Stars => notes.hides.put(at, end, b'*'),
            Ink::Zeros => notes.hides.put(at, end, 0),
            Ink::Varints => {
                for (at, byte) in (at..).zip(text) {
                    notes.hides.put(at, at + 1, byte & 0x80);
                }
            }
        }
    }

    fn go(&mut self, bytes: &[u8], last: bool, notes: &mut Notes<'_>) -> usize {
        let mut done = 0;
        loop {
            let rest = bytes.get(done..).unwrap_or_default();
            if self.at < self.text {
                let text =
                    usize::try_from(self.text - self.at).map_or(rest.len(), |t| t.min(rest.len()));
                self.content(rest.get(..text).unwrap_or_default(), notes);
                done += text;
                if self.at < self.text {
                    return done;
                }
                continue;
            }
            if self.limit <= self.at
                && let Some(Open::Message(..)) = self.open.last()
            {
                self.pop(notes);
                continue;
            }
            if self.hidden.is_some() {
                self.close(notes);
            }
            if rest.is_empty() || self.at >= self.end {
                return done;
            }
            let left = self.limit - self.at;
            let within = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
            let whole = within as u64 == left || last;
            let rest = rest.get(..within).unwrap_or_default();
            if !self.begun {
                if rest.len() < needed(left) && !whole {
                    return done;
                }
                self.begun = true;
                let seen = rest.get(..needed(left).min(rest.len())).unwrap_or_default();
                // Of what a descriptor says it is, the end may be cut off.
                let len = match self.message {
                    None if whole => rest.len() as u64,
                    _ => left,
                };
                if !Shape::of(seen, len).reads {
                    self.break_off(notes);
                    continue;
                }
            }
            match Field::read(rest) {
                Field::Scalar(len) if len <= within => {
                    self.named = None;
                    if self.message.is_some() {
                        self.number(rest.get(..len).unwrap_or_default(), notes);
                    }
                    self.step(len, Fill::Lines, notes.layout);
                    done += len;
                }
                Field::Delimited(number, head, len) if len <= left - head as u64 => {
                    let contents = rest.get(head..).unwrap_or_default();
                    let typed = self.message.is_some();
                    let known = typed.then(|| self.known(number, notes)).flatten();
                    if known.is_none() && contents.len() < needed(len) && !whole {
                        return done;
                    }
                    let (kind, inner) = match known {
                        Some((kind, inner, _)) => (kind, inner),
                        None => {
                            let seen = contents.get(..needed(len).min(contents.len()));
                            // What was cut off is looked at as far as it is there.
                            (Kind::of(seen.unwrap_or_default(), len), None)
                        }
                    };
                    if typed {
                        self.name(number, head, notes);
                        self.ink = known.map_or(Ink::Stars, |(_, _, ink)| ink);
                    }
                    let message = kind == Kind::Message && self.open.len() < DEEPEST;
                    // `map` entries, attributes of OTLP, labels of Prometheus: field 1 is a name, field 2 what it names, often wrapped in
                    // a message of its own.
                    let value = match self.named.take() {
                        Some((at, Value::Second)) => at == self.at && number == 2,
                        Some((at, Value::Wrapped)) => at == self.at,
                        None => false,
                    };
                    self.step(
                        head,
                        if value { Fill::Named } else { Fill::Lines },
                        notes.layout,
                    );
                    done += head;
                    if message {
                        self.push(Open::Message(self.at + len, inner), notes);
                        self.named = value.then_some((self.at, Value::Wrapped));
                    } else {
                        self.text = self.at + len;
                        self.binary = kind != Kind::Text;
                        let name = !value && number == 1 && (1..LONGEST_NAME).contains(&len);
                        self.named = name.then_some((self.text, Value::Second));
                        // Most are there as a whole.
                        let text = usize::try_from(len).ok();
                        if let Some(text) = text.and_then(|len| contents.get(..len)) {
                            done += text.len();
                            self.content(text, notes);
                        }
                    }
                }
                Field::Begin(number, len) if self.open.len() < DEEPEST => {
                    self.named = None;
                    let inner = match self.name(number, len, notes).map(|field| field.kind) {
                        Some(FieldKind::Group(inner)) => Some(inner),
                        _ => None,
                    };
                    self.push(Open::Group(number, inner), notes);
                    self.step(len, Fill::Lines, notes.layout);
                    done += len;
                }
                Field::End(number, len) if matches!(self.open.last(), Some(Open::Group(open, _)) if *open == number) =>
                {
                    self.named = None;
                    self.pop(notes);
                    self.step(len, Fill::Lines, notes.layout);
                    done += len;
                }
                Field::Scalar(_) | Field::Open if !whole => return done,
                _ => self.break_off(notes),
            }
        }
    }
}
