//! The wire of protobuf: one field after another, and what some bytes are that may be a message or a text. Who walks over them lives with
//! [`protobuf`](super::protobuf).

use alloc::vec::Vec;

use blackbar_engine::schema::FieldKind;

/// The most bytes of a field that are looked at to tell what it is.
pub(super) const LOOKAHEAD: usize = 512;

/// Messages nested deeper are text. Protobuf's own readers refuse more than 100.
pub(super) const DEEPEST: usize = 100;

/// What the beginning of some bytes is, read as a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) reads: bool,
    /// Bytes gone over, and how many of them are contents of length-delimited fields.
    bytes: usize,
    contents: usize,
}

/// One tag and what follows it, without the contents of a length-delimited field.
pub(super) enum Field {
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
pub(super) fn varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, ()> {
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
    pub(super) fn read(bytes: &[u8]) -> Field {
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
    pub(super) fn of(bytes: &[u8], len: u64) -> Shape {
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
    let mut last = [b' '; 8];
    if let Some(room) = last.get_mut(..rest.len()) {
        room.copy_from_slice(rest);
    }
    if plain(&last) & HIGH != 0 {
        look(rest);
    }
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
pub(super) enum Kind {
    Message,
    Text,
    /// Nothing that people read, or what could be a message as well.
    Binary,
}

impl Kind {
    /// Of contents that begin with `bytes` and are `len` bytes.
    #[inline(always)]
    pub(super) fn of(bytes: &[u8], len: u64) -> Kind {
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

/// Whether a field of that kind has that type on the wire; numbers may be packed.
pub(super) fn is_written(kind: FieldKind, wire: u8) -> bool {
    match kind {
        FieldKind::Varint => matches!(wire, 0 | 2),
        FieldKind::Fixed64 => matches!(wire, 1 | 2),
        FieldKind::Fixed32 => matches!(wire, 5 | 2),
        FieldKind::Text | FieldKind::Bytes | FieldKind::Message(_) => wire == 2,
        FieldKind::Group(_) => wire == 3,
    }
}

/// What a tag says: 0 is no number of a field.
pub(super) fn number_and_wire(tag: u64) -> (u32, u8) {
    (u32::try_from(tag >> 3).unwrap_or(0), (tag & 7) as u8)
}

/// How many bytes of `len` have to be there to tell what they are.
pub(super) fn needed(len: u64) -> usize {
    at_most(len, LOOKAHEAD)
}

/// The lesser of the two.
#[inline]
pub(super) fn at_most(len: u64, most: usize) -> usize {
    usize::try_from(len.min(most as u64)).unwrap_or(most)
}
