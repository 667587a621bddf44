//! gzip (RFC 1952, any number of members) and deflate (RFC 1950, or RFC 1951 alone). Inflating is miniz_oxide's; heads, tails and checksums
//! of gzip are read here, so that a member can be cut anywhere.

use core::fmt;

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

use super::{End, Layer, Refusal};

/// Inflates what it is given: bytes read, bytes written, whether that was the end.
fn inflated(
    state: &mut InflateState,
    input: &[u8],
    room: &mut [u8],
) -> Result<(usize, usize, bool), Refusal> {
    let result = inflate(state, input, room, MZFlush::None);
    match result.status {
        // `Buf`: there was nothing to do.
        Ok(_) | Err(MZError::Buf) => Ok((
            result.bytes_consumed,
            result.bytes_written,
            result.status == Ok(MZStatus::StreamEnd),
        )),
        Err(_) => Err(Refusal::Damaged),
    }
}

/// Where a member of gzip is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In the ten bytes at its start, so many of them read.
    Head(u8),
    /// Before the length of the extra field, so many bytes of it read.
    ExtraLength(u8),
    Extra(u16),
    Name,
    Comment,
    HeadSum(u8),
    Body,
    /// In checksum and length, so many bytes of them read.
    Tail(u8),
}

/// gzip.
pub(super) struct Gzip {
    at: At,
    flags: u8,
    /// The head's or the tail's bytes so far; the length of an extra field.
    bytes: [u8; 10],
    state: Box<InflateState>,
    sum: crc32fast::Hasher,
    length: u32,
    /// Members that are over.
    members: u64,
}

const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const HEAD_SUM: u8 = 2;

impl Gzip {
    pub(super) fn new() -> Gzip {
        Gzip {
            at: At::Head(0),
            flags: 0,
            bytes: [0; 10],
            state: InflateState::new_boxed(DataFormat::Raw),
            sum: crc32fast::Hasher::new(),
            length: 0,
            members: 0,
        }
    }

    fn keep(&mut self, index: u8, byte: u8) {
        if let Some(place) = self.bytes.get_mut(usize::from(index)) {
            *place = byte;
        }
    }

    /// What follows the part of the head that is over: the first of the rest that is there.
    fn after(&self, part: At) -> At {
        let has = |flag| self.flags & flag != 0;
        match part {
            At::Head(_) if has(EXTRA) => At::ExtraLength(0),
            At::Head(_) | At::Extra(_) if has(NAME) => At::Name,
            At::Head(_) | At::Extra(_) | At::Name if has(COMMENT) => At::Comment,
            At::Head(_) | At::Extra(_) | At::Name | At::Comment if has(HEAD_SUM) => At::HeadSum(0),
            _ => At::Body,
        }
    }

    /// Takes a byte of head or tail.
    fn take(&mut self, byte: u8) -> Result<(), Refusal> {
        self.at = match self.at {
            At::Head(index) => {
                let good = match index {
                    0 => byte == 0x1f,
                    1 => byte == 0x8b,
                    2 => byte == 8,
                    // Flags that nobody has defined.
                    3 => byte & 0xe0 == 0,
                    _ => true,
                };
                if !good {
                    return Err(Refusal::Damaged);
                }
                self.keep(index, byte);
                match index {
                    9 => {
                        let [_, _, _, flags, ..] = self.bytes;
                        self.flags = flags;
                        self.after(At::Head(9))
                    }
                    _ => At::Head(index + 1),
                }
            }
            At::ExtraLength(index) => {
                self.keep(index, byte);
                let [low, high, ..] = self.bytes;
                match (index, u16::from_le_bytes([low, high])) {
                    (0, _) => At::ExtraLength(1),
                    (_, 0) => self.after(At::Extra(0)),
                    (_, length) => At::Extra(length),
                }
            }
            At::Extra(left) if left > 1 => At::Extra(left - 1),
            At::Name | At::Comment if byte != 0 => self.at,
            At::Extra(_) | At::Name | At::Comment => self.after(self.at),
            At::HeadSum(0) => At::HeadSum(1),
            At::HeadSum(_) => At::Body,
            At::Tail(index) if index < 7 => {
                self.keep(index, byte);
                At::Tail(index + 1)
            }
            At::Tail(index) => {
                self.keep(index, byte);
                let [a, b, c, d, e, f, g, h, ..] = self.bytes;
                let sum = core::mem::take(&mut self.sum).finalize();
                let same = sum == u32::from_le_bytes([a, b, c, d])
                    && self.length == u32::from_le_bytes([e, f, g, h]);
                if !same {
                    return Err(Refusal::Damaged);
                }
                (self.length, self.members) = (0, self.members + 1);
                self.state.reset(DataFormat::Raw);
                At::Head(0)
            }
            At::Body => At::Body,
        };
        Ok(())
    }
}

impl Layer for Gzip {
    fn step(&mut self, input: &[u8], room: &mut [u8]) -> Result<(usize, usize), Refusal> {
        let mut read = 0;
        while self.at != At::Body {
            let Some(byte) = input.get(read) else {
                return Ok((read, 0));
            };
            self.take(*byte)?;
            read += 1;
        }
        let rest = input.get(read..).unwrap_or_default();
        let (took, wrote, over) = inflated(&mut self.state, rest, room)?;
        let out = room.get(..wrote).unwrap_or_default();
        self.sum.update(out);
        self.length = self.length.wrapping_add(wrote as u32);
        if over {
            self.at = At::Tail(0);
        }
        // Its end takes no bytes of its own: the next step goes on behind it.
        let more = usize::from(over && read + took + wrote == 0);
        match more {
            0 => Ok((read + took, wrote)),
            _ => self.step(input, room),
        }
    }

    fn end(&self) -> End {
        match self.at {
            At::Head(0) if self.members > 0 => End::Maybe,
            _ => End::No,
        }
    }

    fn memory(&self) -> usize {
        size_of::<InflateState>()
    }
}

impl fmt::Debug for Gzip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gzip").field("at", &self.at).finish()
    }
}

/// deflate, with zlib's head and checksum or without: the first two bytes tell.
pub(super) struct Deflate {
    /// The first byte, while the second is awaited.
    first: Option<u8>,
    state: Option<Box<InflateState>>,
    over: bool,
}

impl Deflate {
    pub(super) fn new() -> Deflate {
        Deflate {
            first: None,
            state: None,
            over: false,
        }
    }
}

impl Layer for Deflate {
    fn step(&mut self, input: &[u8], room: &mut [u8]) -> Result<(usize, usize), Refusal> {
        if self.over {
            return Ok((0, 0));
        }
        if let Some(state) = &mut self.state {
            let (read, wrote, over) = inflated(state, input, room)?;
            self.over = over;
            return Ok((read, wrote));
        }
        let (first, second, taken) = match (self.first, input) {
            (None, [first, second, ..]) => (*first, *second, 2),
            (Some(first), [second, ..]) => (first, *second, 1),
            (None, [first]) => {
                self.first = Some(*first);
                return Ok((1, 0));
            }
            (_, []) => return Ok((0, 0)),
        };
        // RFC 1950, section 2.2: the method is 8, the window at most 32 KiB, and both bytes are a multiple of 31.
        let zlib = first & 0x0f == 8
            && first >> 4 <= 7
            && u16::from_be_bytes([first, second]).is_multiple_of(31);
        let format = match zlib {
            true => DataFormat::Zlib,
            false => DataFormat::Raw,
        };
        let state = self.state.insert(InflateState::new_boxed(format));
        let (read, wrote, over) = inflated(state, &[first, second], room)?;
        self.over = over;
        // A stream may end with its first byte's bits, and then the second stands behind it.
        if read < 2 {
            return Err(Refusal::Damaged);
        }
        Ok((taken, wrote))
    }

    fn end(&self) -> End {
        match self.over {
            true => End::Yes,
            false => End::No,
        }
    }

    fn memory(&self) -> usize {
        self.state.as_ref().map_or(0, |_| size_of::<InflateState>())
    }
}

impl fmt::Debug for Deflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflate").field("over", &self.over).finish()
    }
}
