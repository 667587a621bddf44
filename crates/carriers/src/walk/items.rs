//! MessagePack (<https://github.com/msgpack/msgpack/blob/master/spec.md>) and CBOR (RFC 8949): values that say of themselves what they are
//! and how many follow. Strings carry something; heads, numbers and everything else hold the document together.
//!
//! What is packed once more in bytes is walked as well: MessagePack in MessagePack (entries of Fluentd's forward protocol), where the bytes
//! are arrays and maps, one behind the other, that hold as many values as they say; CBOR behind its tag 24. All other bytes are scanned, and
//! changed only by what is found in them alone: every byte below 128 is a number of MessagePack, so that any text behind one byte that
//! begins a list would be numbers, and hidden. Fluentd itself sends its entries as a string: one that begins with a byte that no text in
//! UTF-8 begins with is looked at in the same way.
//!
//! What a rule names by its field keeps its type and its length: strings and bytes become `*`, keys in it too, numbers zeros, `true` becomes
//! `false`.

use alloc::vec::Vec;

use super::hides::{Inside, Notes};
use super::layout::Fill;

/// Values nested deeper are bytes.
const DEEPEST: usize = 512;

/// The most bytes that are looked at to tell whether something packed lies in bytes.
const LOOKAHEAD: usize = 256;

/// What values are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    MessagePack,
    Cbor,
}

impl Packing {
    /// Whether nothing but bytes themselves says that something is packed in them.
    fn is_guessed(self) -> bool {
        self == Packing::MessagePack
    }
}

/// What stands at the beginning of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    /// A number or the like, of so many bytes.
    Scalar(usize),
    /// A tag before a value; 24 says that its bytes are packed themselves.
    Tag {
        len: usize,
        packed: bool,
    },
    Text {
        len: usize,
        contents: u64,
    },
    Bytes {
        len: usize,
        contents: u64,
    },
    /// So many values; of a map, two for each pair.
    List {
        len: usize,
        values: u64,
        map: bool,
    },
    /// A list that ends with a break.
    Endless {
        len: usize,
        map: bool,
    },
    /// Pieces of a string, up to a break.
    Pieces {
        len: usize,
    },
    Break,
    /// More bytes are needed.
    Open,
    Broken,
}

/// The big-endian number in the `width` bytes behind the first one.
fn number(bytes: &[u8], width: usize) -> Option<u64> {
    let bytes = bytes.get(1..=width)?;
    Some(
        bytes
            .iter()
            .fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
    )
}

impl Head {
    fn read(packing: Packing, bytes: &[u8]) -> Head {
        match packing {
            Packing::MessagePack => Head::message_pack(bytes),
            Packing::Cbor => Head::cbor(bytes),
        }
    }

    fn message_pack(bytes: &[u8]) -> Head {
        let Some(&first) = bytes.first() else {
            return Head::Open;
        };
        let low = |mask: u8| u64::from(first & mask);
        let wide = |width: usize, head: &dyn Fn(usize, u64) -> Head| {
            number(bytes, width).map_or(Head::Open, |number| head(1 + width, number))
        };
        let text = |len, contents| Head::Text { len, contents };
        let list = |len, values| Head::List {
            len,
            values,
            map: false,
        };
        let map = |len, pairs: u64| Head::List {
            len,
            values: 2 * pairs,
            map: true,
        };
        let blob = |len, contents| Head::Bytes { len, contents };
        // The type of an extension stands behind its length.
        let extension = |len, contents| Head::Bytes {
            len: len + 1,
            contents,
        };
        match first {
            0..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0.. => Head::Scalar(1),
            0x80..=0x8f => map(1, low(15)),
            0x90..=0x9f => list(1, low(15)),
            0xa0..=0xbf => text(1, low(31)),
            0xc1 => Head::Broken,
            0xc4..=0xc6 => wide(1 << (first - 0xc4), &blob),
            0xc7..=0xc9 => wide(1 << (first - 0xc7), &extension),
            0xca => Head::Scalar(5),
            0xcb => Head::Scalar(9),
            0xcc..=0xcf => Head::Scalar(1 + (1 << (first - 0xcc))),
            0xd0..=0xd3 => Head::Scalar(1 + (1 << (first - 0xd0))),
            0xd4..=0xd8 => extension(1, 1 << (first - 0xd4)),
            0xd9..=0xdb => wide(1 << (first - 0xd9), &text),
            0xdc | 0xdd => wide(2 << (first - 0xdc), &list),
            0xde | 0xdf => wide(2 << (first - 0xde), &map),
        }
    }

    fn cbor(bytes: &[u8]) -> Head {
        let Some(&first) = bytes.first() else {
            return Head::Open;
        };
        let (major, info) = (first >> 5, first & 31);
        let (len, value) = match info {
            0..=23 => (1, u64::from(info)),
            24..=27 => {
                let width = 1 << (info - 24);
                match number(bytes, width) {
                    Some(value) => (1 + width, value),
                    None => return Head::Open,
                }
            }
            31 => {
                return match major {
                    2 | 3 => Head::Pieces { len: 1 },
                    4 | 5 => Head::Endless {
                        len: 1,
                        map: major == 5,
                    },
                    7 => Head::Break,
                    _ => Head::Broken,
                };
            }
            _ => return Head::Broken,
        };
        match major {
            0 | 1 | 7 => Head::Scalar(len),
            2 => Head::Bytes {
                len,
                contents: value,
            },
            3 => Head::Text {
                len,
                contents: value,
            },
            4 => Head::List {
                len,
                values: value,
                map: false,
            },
            5 => Head::List {
                len,
                values: value.saturating_mul(2),
                map: true,
            },
            _ => Head::Tag {
                len,
                packed: value == 24,
            },
        }
    }

    /// Whether it holds nothing, so that there is nothing to hide.
    fn is_empty(self) -> bool {
        matches!(
            self,
            Head::Text { contents: 0, .. }
                | Head::Bytes { contents: 0, .. }
                | Head::List { values: 0, .. }
        )
    }

    /// Whether bytes may be something packed that begin so.
    fn is_list(self) -> bool {
        matches!(
            self,
            Head::List { .. } | Head::Endless { .. } | Head::Tag { .. }
        )
    }
}

/// What is open.
#[derive(Debug, Clone, Copy)]
enum Open {
    /// A list with so many values left.
    List { left: u64, map: bool },
    /// One that ends with a break; `odd`: a key was there, and its value comes next.
    Endless { map: bool, odd: bool },
    /// Pieces of one string.
    Pieces,
    /// Values packed in bytes that end there, and where those end that they lie in.
    Packed { end: u64, around: u64 },
}

/// A walk over values.
#[derive(Debug)]
pub(crate) struct Items {
    packing: Packing,
    /// Bytes gone over.
    at: u64,
    open: Vec<Open>,
    /// Where the innermost bytes end that values are packed in.
    limit: u64,
    /// Where the string or the bytes that are gone over end.
    text: u64,
    /// Whether they are bytes.
    binary: bool,
    /// Whether there was a value already.
    begun: bool,
    /// Where a key of a map ended, whose value comes next.
    named: Option<u64>,
    /// The next value's bytes are packed themselves.
    packed: bool,
    /// It stops behind each value that is no part of another.
    stops: bool,
    ended: bool,
    /// A tag was there, and its value comes next.
    tagged: bool,
    /// Whether what is gone over is a key.
    key: bool,
    /// What its contents become where they are masked.
    ink: u8,
    /// The values that rules name, while they are gone over.
    inside: Inside,
}

impl Items {
    /// No field that is still to be told starts before it.
    pub(crate) fn oldest(&self) -> u64 {
        self.inside.oldest()
    }

    pub(crate) fn new(packing: Packing) -> Items {
        Items {
            packing,
            at: 0,
            open: Vec::new(),
            limit: u64::MAX,
            text: 0,
            binary: false,
            begun: false,
            named: None,
            packed: false,
            stops: false,
            ended: false,
            tagged: false,
            key: false,
            ink: b'*',
            inside: Inside::default(),
        }
    }

    /// One that stops behind each value that is no part of another. (Of MessagePack: a tag of CBOR would be taken for a value.)
    pub(crate) fn stopping(mut self) -> Items {
        self.stops = true;
        self
    }

    /// Whether it stopped behind one.
    pub(crate) fn take_ended(&mut self) -> bool {
        core::mem::take(&mut self.ended)
    }

    /// No values from here on, up to where what they are packed in ends.
    fn break_off(&mut self, notes: &mut Notes<'_>) {
        let end = self.limit;
        while !matches!(self.open.last(), None | Some(Open::Packed { .. })) {
            self.pop(notes);
        }
        // Nobody knows where a field ends that breaks: all that stands there is part of it.
        self.inside.break_off(self.open.len());
        (self.text, self.binary, self.key) = (end, false, false);
        (self.ink, self.tagged) = (b'*', false);
        (self.named, self.packed) = (None, false);
    }

    /// Whether what comes next is packed in bytes, and part of no other value there.
    fn is_packed(&self) -> bool {
        matches!(self.open.last(), Some(Open::Packed { .. }))
    }

    /// Whether what comes next is a key.
    fn is_key(&self) -> bool {
        match self.open.last() {
            Some(Open::List { left, map: true }) => left % 2 == 0,
            Some(Open::Endless { map: true, odd }) => !odd,
            _ => false,
        }
    }

    /// A value begins, or is over and done with: its list has one less.
    fn count(&mut self) {
        match self.open.last_mut() {
            Some(Open::List { left, .. }) => *left = left.saturating_sub(1),
            Some(Open::Endless { odd, .. }) => *odd = !*odd,
            _ => {}
        }
    }

    fn push(&mut self, open: Open, notes: &mut Notes<'_>) -> bool {
        let fits = self.open.len() < DEEPEST;
        if fits {
            if notes.trail.is_on() {
                notes.trail.enter();
            }
            if let Open::Packed { end, .. } = open {
                self.limit = end;
            }
            self.open.push(open);
        }
        fits
    }

    fn pop(&mut self, notes: &mut Notes<'_>) {
        if let Some(Open::Packed { around, .. }) = self.open.pop() {
            self.limit = around;
        }
        notes.trail.exit();
    }

    /// A value begins, or a key: whether a rule names it. None names a key.
    fn name(&mut self, key: bool, notes: &mut Notes<'_>) {
        if !notes.trail.is_on() || self.inside.masks() {
            return;
        }
        let keyed = matches!(
            self.open.last(),
            Some(Open::List { map: true, .. } | Open::Endless { map: true, .. })
        );
        let named = notes.trail.value(notes.engine, keyed);
        if let Some(named) = named.filter(|_| !key) {
            self.inside.begin(named, self.at, self.open.len());
        }
    }

    /// Hides a scalar of these bytes, which come next.
    fn scalar(&self, bytes: &[u8], notes: &mut Notes<'_>) {
        let Some((&first, rest)) = bytes.split_first() else {
            return;
        };
        let zero = match (self.packing, first) {
            (Packing::MessagePack, 0..=0x7f | 0xe0..) => 0,
            (Packing::MessagePack, 0xc3) => 0xc2,
            (Packing::Cbor, 0..=0x17) => 0,
            (Packing::Cbor, 0x20..=0x37) => 0x20,
            (Packing::Cbor, 0xf5) => 0xf4,
            // Of simple values nobody knows what they are.
            (Packing::Cbor, 0xf8) => return,
            _ => first,
        };
        let at = self.at;
        if zero != first {
            notes.hides.put(at, at + 1, zero);
        }
        notes.hides.put(at + 1, at + 1 + rest.len() as u64, 0);
    }

    /// As [`Protobuf::read`](super::Protobuf::read).
    pub(crate) fn read(&mut self, bytes: &[u8], last: bool, notes: &mut Notes<'_>) -> usize {
        let done = self.go(bytes, last, notes);
        if last {
            let rest = self.at + bytes.len().saturating_sub(done) as u64;
            if self.inside.masks() {
                notes.hides.put(self.at, rest, b'*');
            }
            self.inside.close(0, rest, notes.found);
        }
        done
    }

    fn go(&mut self, bytes: &[u8], last: bool, notes: &mut Notes<'_>) -> usize {
        let mut done = 0;
        loop {
            let rest = bytes.get(done..).unwrap_or_default();
            if self.at < self.text {
                let left = self.text - self.at;
                let text = usize::try_from(left).map_or(rest.len(), |t| t.min(rest.len()));
                self.content(rest.get(..text).unwrap_or_default(), notes);
                done += text;
                if self.at < self.text {
                    return done;
                }
                continue;
            }
            match self.open.last() {
                Some(Open::List { left: 0, .. }) => {
                    self.pop(notes);
                    continue;
                }
                Some(Open::Packed { end, .. }) if *end <= self.at => {
                    self.pop(notes);
                    continue;
                }
                None if self.stops && self.begun => {
                    (self.begun, self.ended) = (false, true);
                    return done;
                }
                _ => {}
            }
            // Behind a tag its value is still to come.
            if self.inside.is_any() && !self.tagged {
                self.inside.close(self.open.len(), self.at, notes.found);
            }
            if rest.is_empty() {
                return done;
            }
            let left = self.limit - self.at;
            let within = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
            let rest = rest.get(..within).unwrap_or_default();
            let whole = last || within as u64 == left;
            let head = Head::read(self.packing, rest);
            let first = !self.begun || self.packing.is_guessed() && self.is_packed();
            // Clients of Fluentd send it to see whether the server is there.
            let nothing = self.stops && !self.begun && is_null(self.packing, rest);
            if first && !head.is_list() && head != Head::Open && !nothing {
                // Text that only claims to be packed would read as many small numbers.
                self.break_off(notes);
            }
            let begun = core::mem::replace(&mut self.begun, true);
            if first && self.text > self.at {
                continue;
            }
            match self.value(head, rest, left, whole, notes) {
                Some(0) => {
                    self.begun = begun;
                    return done;
                }
                Some(len) => done += len,
                None => self.break_off(notes),
            }
        }
    }

    /// Goes over what a string or bytes hold.
    fn content(&mut self, text: &[u8], notes: &mut Notes<'_>) {
        if self.binary {
            notes.layout.structure(text.len(), Fill::Binary);
        } else {
            notes.layout.content(text.len());
        }
        let end = self.at + text.len() as u64;
        if self.key && notes.trail.is_on() {
            notes.trail.key(text);
        }
        if self.inside.masks() {
            notes.hides.put(self.at, end, self.ink);
        }
        self.at = end;
    }

    /// What may hold something packed: bytes of its head, bytes of contents, and how many of them tell at most. Of a string the first byte
    /// does, for most of them.
    fn may_hold(&self, head: Head, rest: &[u8], key: bool) -> Option<(usize, u64, usize)> {
        match head {
            Head::Bytes { len, contents } => Some((len, contents, LOOKAHEAD)),
            Head::Text { len, contents } if self.packing.is_guessed() && !key && contents > 0 => {
                match rest.get(len) {
                    None => Some((len, contents, 1)),
                    Some(0x80..=0x9f) => Some((len, contents, LOOKAHEAD)),
                    Some(_) => None,
                }
            }
            _ => None,
        }
    }

    /// Opens contents of so many bytes behind a head of `len` as values that are packed, if they read so and no rule hides them.
    fn hold(&mut self, rest: &[u8], len: usize, contents: u64, notes: &mut Notes<'_>) -> bool {
        let seen = rest.get(len..).unwrap_or_default();
        let seen = seen.get(..needed(contents, LOOKAHEAD)).unwrap_or(seen);
        if self.inside.masks() || !reads(self.packing, seen, contents) {
            return false;
        }
        let end = (self.at + len as u64).saturating_add(contents);
        let around = self.limit;
        self.push(Open::Packed { end, around }, notes)
    }

    /// Goes over a head; answers how many bytes that were, 0 if more are needed, or nothing if it is none.
    fn value(
        &mut self,
        head: Head,
        rest: &[u8],
        left: u64,
        whole: bool,
        notes: &mut Notes<'_>,
    ) -> Option<usize> {
        if !head.is_within(rest) {
            return (!whole).then_some(0);
        }
        let key = self.is_key();
        let holds = self.may_hold(head, rest, key);
        if let Some((len, contents, most)) = holds {
            let needed = needed(contents, most);
            let there = rest.len().saturating_sub(len);
            if contents <= left.saturating_sub(len as u64) && there < needed && !whole {
                return Some(0);
            }
        }
        let named = self.named.take() == Some(self.at);
        let pieces = matches!(self.open.last(), Some(Open::Pieces));
        let packed = core::mem::take(&mut self.packed);
        let tagged = core::mem::take(&mut self.tagged);
        let fits = |len: usize, contents: u64| contents <= left.saturating_sub(len as u64);
        let fill = if named { Fill::Named } else { Fill::Lines };
        if !pieces {
            self.key = key;
            if key && !tagged {
                notes.trail.begin_key();
            }
            let nothing = is_null(self.packing, rest) || head.is_empty();
            if !tagged && head != Head::Break && !nothing {
                self.name(key, notes);
            }
        }
        let (len, fill) = match head {
            Head::Scalar(len) if !pieces => {
                if self.inside.masks() {
                    self.scalar(rest.get(..len).unwrap_or_default(), notes);
                }
                self.count();
                (len, Fill::Lines)
            }
            Head::Text { len, contents } if fits(len, contents) => {
                if !pieces {
                    self.count();
                }
                let end = (self.at + len as u64).saturating_add(contents);
                if holds.is_some() && self.hold(rest, len, contents, notes) {
                    (len, Fill::Lines)
                } else {
                    (self.text, self.binary) = (end, false);
                    self.ink = b'*';
                    self.named = (key && !pieces).then_some(self.text);
                    (len, fill)
                }
            }
            Head::Bytes { len, contents } if fits(len, contents) => {
                if !pieces {
                    self.count();
                }
                let end = (self.at + len as u64).saturating_add(contents);
                let guessed = packed || self.packing.is_guessed();
                if guessed && self.hold(rest, len, contents, notes) {
                    (len, Fill::Lines)
                } else {
                    (self.text, self.binary) = (end, true);
                    self.ink = ink(self.packing, rest);
                    self.named = (key && !pieces).then_some(self.text);
                    (len, fill)
                }
            }
            Head::List { len, values, map } if !pieces => {
                self.count();
                if !self.push(Open::List { left: values, map }, notes) {
                    return None;
                }
                (len, Fill::Lines)
            }
            Head::Endless { len, map } if !pieces => {
                self.count();
                if !self.push(Open::Endless { map, odd: false }, notes) {
                    return None;
                }
                (len, Fill::Lines)
            }
            Head::Pieces { len } if !pieces => {
                self.count();
                if !self.push(Open::Pieces, notes) {
                    return None;
                }
                // The first of them stands behind the name.
                self.named = named.then_some(self.at + len as u64);
                (len, fill)
            }
            Head::Break => {
                let ends = matches!(
                    self.open.last(),
                    Some(
                        Open::Pieces
                            | Open::Endless { map: false, .. }
                            | Open::Endless { odd: false, .. }
                    )
                );
                if !ends {
                    return None;
                }
                self.pop(notes);
                // A key in pieces is over.
                let names = pieces && self.key;
                self.named = names.then_some(self.at + 1);
                (1, if names { Fill::Named } else { Fill::Lines })
            }
            Head::Tag { len, packed } if !pieces => {
                self.packed = packed;
                self.tagged = true;
                self.named = named.then_some(self.at + len as u64);
                (len, fill)
            }
            _ => return None,
        };
        notes.layout.structure(len, fill);
        self.at += len as u64;
        Some(len)
    }
}

/// How many bytes of `contents` have to be there if `most` are looked at.
fn needed(contents: u64, most: usize) -> usize {
    usize::try_from(contents).map_or(most, |contents| contents.min(most))
}

/// Whether it is nothing, in which there is nothing to hide.
fn is_null(packing: Packing, head: &[u8]) -> bool {
    match packing {
        Packing::MessagePack => head.first() == Some(&0xc0),
        Packing::Cbor => matches!(head.first(), Some(0xf6 | 0xf7)),
    }
}

/// What hides the contents of bytes: those of extensions are numbers, times most often.
fn ink(packing: Packing, head: &[u8]) -> u8 {
    match (packing, head.first()) {
        (Packing::MessagePack, Some(0xc7..=0xc9 | 0xd4..=0xd8)) => 0,
        _ => b'*',
    }
}

impl Head {
    /// Whether all of it is there, of a number all of that.
    fn is_within(self, bytes: &[u8]) -> bool {
        match self {
            Head::Open => false,
            Head::Broken | Head::Break => true,
            Head::Scalar(len) | Head::Pieces { len } => len <= bytes.len(),
            Head::Tag { len, .. } | Head::Text { len, .. } | Head::Bytes { len, .. } => {
                len <= bytes.len()
            }
            Head::List { len, .. } | Head::Endless { len, .. } => len <= bytes.len(),
        }
    }
}

/// Whether `bytes`, the first of `len`, read as values, of which the first is a list; where that is all that says so, as lists that hold as
/// many values as they say.
fn reads(packing: Packing, bytes: &[u8], len: u64) -> bool {
    if !Head::read(packing, bytes).is_list() {
        return false;
    }
    // How many values are left in the lists that are open.
    let mut open: Vec<u64> = Vec::new();
    let mut at = 0_usize;
    while at < bytes.len() {
        let head = Head::read(packing, bytes.get(at..).unwrap_or_default());
        if packing.is_guessed() {
            while open.pop_if(|left| *left == 0).is_some() {}
            match open.last_mut() {
                Some(left) => *left -= 1,
                None if !head.is_list() && head != Head::Open => return false,
                None => {}
            }
        }
        at = match head {
            Head::Scalar(more) => at + more,
            Head::Text { len, contents } | Head::Bytes { len, contents } => {
                let contents = usize::try_from(contents).unwrap_or(usize::MAX);
                at.saturating_add(len).saturating_add(contents)
            }
            Head::List {
                len: head, values, ..
            } => {
                at += head;
                // Each takes a byte and more.
                if packing.is_guessed() && values > len.saturating_sub(at as u64) {
                    return false;
                }
                open.push(values);
                at
            }
            Head::Endless { len, .. } => at + len,
            Head::Pieces { len } | Head::Tag { len, .. } => at + len,
            Head::Break => at + 1,
            Head::Open => return (bytes.len() as u64) < len,
            Head::Broken => return false,
        };
    }
    let whole = bytes.len() as u64 >= len;
    let ended = open.iter().all(|left| *left == 0);
    at as u64 <= len && (ended || !whole || !packing.is_guessed())
}
