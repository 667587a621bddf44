//! Protobuf without descriptors (<https://protobuf.dev/programming-guides/encoding/>): fields are walked, and the contents of
//! length-delimited ones are walked as messages or taken for text. How fields are written lives with [`wire`](super::wire).
//!
//! The wire does not tell a string from a message. What decides is the beginning of the contents,
//! [`LOOKAHEAD`](super::wire::LOOKAHEAD) bytes at most, together with their length, and so the same bytes in any cut:
//! - what does not read as a message to its end (or as far as is looked) is text;
//! - what is printable and reads as a message is text all the same, unless half of it and more would be contents of length-delimited
//!   fields: passwords of nine letters happen to be a number of eight bytes now and then;
//! - everything else is a message.
//!
//! Where a policy has a descriptor of the message, strings are text, messages are messages where their beginning reads as one, and rules
//! may name fields. Bytes, and what a descriptor does not know, are told as above. What a rule names keeps its type and its length: strings
//! and bytes become `*`, numbers zero, written in as many bytes. A message whose beginning does not read as one is text, in which fields
//! that rules name are looked for all the same.
//!
//! Where a message breaks later than that, the rest of it is text. What is neither printable nor a message (bytes, packed numbers), and
//! what could be both, is scanned too, but changed only by what is found in it alone.

use alloc::vec::Vec;

use blackbar_engine::schema::{FieldKind, MessageIndex, SchemaField};

use super::hides::{Inside, Notes};
use super::layout::{Fill, Layout};
use super::wire::{
    DEEPEST, Field, Kind, Shape, at_most, is_written, needed, number_and_wire, varint,
};
use crate::fields::stronger;

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
    /// The fields that rules name, while they are gone over.
    inside: Inside,
    /// What is gone over does not read as what its descriptor says.
    odd: Option<Odd>,
}

/// A message that does not read as the one that a descriptor says: another version wrote it, it was cut off, or it is none. All of it is
/// text; but what would be a field of that number and of that type is one, if a rule names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Odd {
    /// Where it ends.
    end: u64,
    /// Whether it is no text either.
    binary: bool,
}

/// What the contents of a field are, of which there is a descriptor.
struct Told {
    kind: Kind,
    message: Option<MessageIndex>,
    odd: Option<Odd>,
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
            inside: Inside::default(),
            odd: None,
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
        self.inside.break_off(self.open.len());
        (self.text, self.binary) = (end, false);
        (self.key, self.ink) = (false, Ink::Stars);
        self.named = None;
    }

    fn push(&mut self, open: Open, notes: &mut Notes<'_>) {
        if self.message.is_some() {
            notes.trail.enter();
        }
        if let Open::Message(end, message) = open {
            self.limit = end;
            if message.is_some_and(|message| notes.engine.schema().is_map(message)) {
                // An entry without a key has none of the entry before.
                notes.trail.begin_key();
            }
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

    /// An entry of a map has begun, with `seen`: its key is looked for where it does not stand first.
    #[inline(never)]
    fn read_ahead(&self, seen: &[u8], inner: Option<MessageIndex>, notes: &mut Notes<'_>) {
        let schema = notes.engine.schema();
        if !notes.trail.is_on() || !inner.is_some_and(|message| schema.is_map(message)) {
            return;
        }
        let mut at = 0_usize;
        while let Some(rest) = seen.get(at..) {
            at = match Field::read(rest) {
                Field::Scalar(len) => at.saturating_add(len),
                Field::Delimited(number, head, len) => {
                    let len = usize::try_from(len).unwrap_or(usize::MAX);
                    let end = head.saturating_add(len);
                    if number == 1 {
                        notes.trail.key(rest.get(head..end).unwrap_or_default());
                        return;
                    }
                    at.saturating_add(end)
                }
                _ => return,
            };
        }
    }

    /// What the innermost message is.
    fn around(&self) -> Option<MessageIndex> {
        match self.open.last() {
            Some(Open::Message(_, message) | Open::Group(_, message)) => *message,
            None => self.message,
        }
    }

    /// Looks for a rule that names the field of that tag, which comes next and whose value begins `head` bytes later. Answers with what a
    /// descriptor says about the field.
    #[inline(never)]
    fn name<'a>(
        &mut self,
        (number, wire): (u32, u8),
        head: usize,
        notes: &mut Notes<'a>,
    ) -> Option<&'a SchemaField> {
        self.key = false;
        self.message?;
        let around = self.around();
        let schema = notes.engine.schema();
        let field = around.and_then(|message| schema.field(message, number));
        if !notes.trail.is_on() || self.inside.masks() {
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
                    true => stronger(named, trail.descend(engine, false)),
                    false => named,
                }
            }
            // A name that nobody knows is none that a rule says.
            (None, false) => {
                trail.begin_key();
                trail.value(engine, true)
            }
        };
        // Letters are tags as well.
        let odd = self.odd.is_some() && field.is_none_or(|field| !is_written(field.kind, wire));
        if let Some(named) = named.filter(|_| !odd) {
            let start = notes.layout.at() + head as u64;
            self.inside.begin(named, start, self.open.len());
        }
        field
    }

    /// Makes a number zero that stands in `field` behind its tag, in as many bytes.
    #[inline(never)]
    fn scalar(&self, field: &[u8], notes: &mut Notes<'_>) {
        let Ok(Some((tag, head))) = varint(field) else {
            return;
        };
        let at = notes.layout.at();
        match tag & 7 {
            0 => {
                let number = field.get(head..).unwrap_or_default();
                notes.hides.put_zeros(at + head as u64, number);
            }
            _ => notes
                .hides
                .put(at + head as u64, at + field.len() as u64, 0),
        }
    }

    /// A field comes next that breaks. If a rule names it, all that follows is part of it; answers how many bytes before that are its head.
    #[inline(never)]
    fn broken(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> usize {
        let Ok(Some((tag, len))) = varint(bytes) else {
            return 0;
        };
        let head = match (tag & 7, Field::read(bytes)) {
            (_, Field::Delimited(_, head, _)) => head,
            (0 | 1 | 2 | 5, _) => len,
            _ => return 0,
        };
        let (number, wire) = number_and_wire(tag);
        if number == 0 || self.inside.masks() {
            return 0;
        }
        self.name((number, wire), head, notes);
        if !self.inside.masks() {
            return 0;
        }
        self.step(head, Fill::Lines, notes.layout);
        head
    }

    /// A field that a rule names ends, if one does.
    #[inline(never)]
    fn close(&mut self, notes: &mut Notes<'_>) {
        let depth = if self.at >= self.end {
            0
        } else {
            self.open.len()
        };
        self.inside.close(depth, notes.layout.at(), notes.found);
    }

    #[inline]
    fn step(&mut self, len: usize, fill: Fill, layout: &mut Layout) {
        layout.structure(len, fill);
        self.at += len as u64;
    }

    /// The same as [`Kind::of`] of a field in a message that there is a descriptor of; if a rule names it, it begins there. Nothing: more has to
    /// be seen than the `short` piece that is there.
    #[inline(never)]
    fn told(
        &mut self,
        (number, head, len): (u32, usize, u64),
        seen: &[u8],
        short: bool,
        notes: &mut Notes<'_>,
    ) -> Option<Told> {
        let known = self.known(number, notes);
        if short && known.is_none_or(|(kind, ..)| kind != Kind::Text) {
            return None;
        }
        // Whoever wrote it may have another descriptor.
        let kind = match known {
            Some((Kind::Message, ..)) if Shape::of(seen, len).reads => Kind::Message,
            Some((Kind::Message, ..)) | None => Kind::of(seen, len),
            Some((Kind::Binary, ..)) if Kind::of(seen, len) == Kind::Message => Kind::Message,
            Some((kind, ..)) => kind,
        };
        let mut told = Told {
            kind,
            message: known.and_then(|(_, message, _)| message),
            odd: None,
        };
        let field = self.name((number, 2), head, notes);
        let opaque =
            |field: &SchemaField| !matches!(field.kind, FieldKind::Text | FieldKind::Message(_));
        if field.is_some_and(opaque) && self.inside.masks() {
            told.kind = Kind::Binary;
        }
        self.ink = known.map_or(Ink::Stars, |(_, _, ink)| ink);
        if told.message.is_some() && kind != Kind::Message {
            if self.inside.masks() {
                // Nothing in it may be shown.
                told.message = None;
            } else {
                let end = self.at + head as u64 + len;
                let binary = kind != Kind::Text;
                told.odd = Some(Odd { end, binary });
                told.kind = Kind::Message;
            }
        }
        Some(told)
    }

    /// What a descriptor says that the contents of a field are: of a message its kind, of numbers how they are masked. In bytes there may be
    /// anything.
    #[inline(never)]
    fn known(&self, number: u32, notes: &Notes<'_>) -> Option<(Kind, Option<MessageIndex>, Ink)> {
        self.message?;
        let field = notes.engine.schema().field(self.around()?, number)?;
        Some(match field.kind {
            FieldKind::Text => (Kind::Text, None, Ink::Stars),
            FieldKind::Message(inner) => (Kind::Message, Some(inner), Ink::Stars),
            // Numbers, packed.
            FieldKind::Varint => (Kind::Binary, None, Ink::Varints),
            FieldKind::Fixed32 | FieldKind::Fixed64 => (Kind::Binary, None, Ink::Zeros),
            // They may be packed once more; a group is something else on the wire.
            FieldKind::Bytes | FieldKind::Group(_) => return None,
        })
    }

    /// A number, tag and all: masked, if a rule names it.
    #[inline(never)]
    fn number(&mut self, field: &[u8], notes: &mut Notes<'_>) {
        let Ok(Some((tag, head))) = varint(field) else {
            return;
        };
        self.name(number_and_wire(tag), head, notes);
        if self.inside.masks() {
            self.scalar(field, notes);
        }
    }

    /// No field that is still to be told starts before it.
    pub(crate) fn oldest(&self) -> u64 {
        self.inside.oldest()
    }

    /// Goes over `bytes`, which come next; answers how many it dealt with. The others are to be shown again, with more. `last`: there are
    /// no more.
    pub(crate) fn read(&mut self, bytes: &[u8], last: bool, notes: &mut Notes<'_>) -> usize {
        let mut done = 0;
        loop {
            let rest = bytes.get(done..).unwrap_or_default();
            let odd = self.odd;
            let end = odd.map_or(u64::MAX, |odd| odd.end);
            let left = usize::try_from(end.saturating_sub(self.at)).unwrap_or(usize::MAX);
            let before = notes.layout.mark();
            done += self.go(rest.get(..left).unwrap_or(rest), last, notes);
            if let Some(odd) = odd {
                notes.layout.flatten(before, odd.binary);
            }
            match self.odd {
                // It begins there.
                Some(_) if odd.is_none() => {}
                Some(odd) if odd.end <= self.at => self.odd = None,
                _ => break,
            }
        }
        if last {
            let from = notes.layout.at();
            let rest = from + bytes.len().saturating_sub(done) as u64;
            if self.inside.masks() {
                notes.hides.put(from, rest, b'*');
            }
            self.inside.close(0, rest, notes.found);
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
        if !self.inside.masks() {
            return;
        }
        let at = notes.layout.at();
        let end = at + text.len() as u64;
        match self.ink {
            Ink::Stars => notes.hides.put(at, end, b'*'),
            Ink::Zeros => notes.hides.put(at, end, 0),
            Ink::Varints => notes.hides.put_zeros(at, text),
        }
    }

    fn go(&mut self, bytes: &[u8], last: bool, notes: &mut Notes<'_>) -> usize {
        let mut done = 0;
        loop {
            let rest = bytes.get(done..).unwrap_or_default();
            if self.at < self.text {
                let text = at_most(self.text - self.at, rest.len());
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
            if self.message.is_some() && self.inside.is_any() {
                self.close(notes);
            }
            if rest.is_empty() || self.at >= self.end {
                return done;
            }
            let left = self.limit - self.at;
            let within = at_most(left, rest.len());
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
                    if self.message.is_none() {
                        self.break_off(notes);
                        continue;
                    }
                    let (end, binary) = (self.end, false);
                    self.odd = Some(Odd { end, binary });
                    return done;
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
                    // What was cut off is looked at as far as it is there.
                    let wanted = needed(len);
                    let seen = contents.get(..wanted).unwrap_or(contents);
                    let short = seen.len() < wanted && !whole;
                    let (mut inner, mut odd) = (None, None);
                    let kind = if self.message.is_some() {
                        let Some(told) = self.told((number, head, len), seen, short, notes) else {
                            return done;
                        };
                        (inner, odd) = (told.message, told.odd);
                        told.kind
                    } else if short {
                        return done;
                    } else {
                        Kind::of(seen, len)
                    };
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
                        if inner.is_some() {
                            self.read_ahead(seen, inner, notes);
                        }
                        if odd.is_some() && self.odd.is_none() {
                            self.odd = odd;
                            return done;
                        }
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
                    let field = self.name((number, 3), len, notes);
                    let inner = match field.map(|field| field.kind) {
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
                _ => {
                    if self.message.is_some() {
                        done += self.broken(rest, notes);
                    }
                    self.break_off(notes);
                }
            }
        }
    }
}
