//! Snappy's framing format: chunks, each with a type, a length and, where it holds something, a checksum; a chunk holds 64 KiB at most, so that
//! a stream is decoded as it comes. <https://github.com/google/snappy/blob/main/framing_format.txt>

use core::fmt;

use super::{End, Layer, Refusal};

/// The chunk that every stream begins with.
const IDENTIFIER: [u8; 10] = *b"\xff\x06\x00\x00sNaPpY";

/// Type and length.
const HEAD: usize = 4;

/// A checksum stands before what a chunk holds.
const SUM: usize = 4;

/// The most bytes that a chunk decodes to.
const MOST: usize = 64 * 1024;

/// The most bytes of a chunk that is compressed, behind its head: what the largest one may take if it cannot be made smaller.
const MOST_PACKED: usize = SUM + 32 + MOST + MOST / 6;

/// What is done with the bytes of a chunk, of which so many are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The head of the next one, or half of it.
    Head,
    /// They are gathered: the identifier, and what is compressed or not.
    Gather { kind: u8, left: usize },
    /// Nothing is in them.
    Skip(usize),
}

/// A layer of Snappy in frames.
pub(super) struct Framed {
    state: State,
    /// A head, or a chunk that is gathered.
    chunk: Vec<u8>,
    plain: Vec<u8>,
    /// Bytes of it that were given.
    given: usize,
    /// Whether the identifier was there.
    begun: bool,
}

impl Framed {
    pub(super) fn new() -> Framed {
        Framed {
            state: State::Head,
            chunk: Vec::new(),
            plain: Vec::new(),
            given: 0,
            begun: false,
        }
    }

    /// A head is there.
    fn begin(&mut self) -> Result<(), Refusal> {
        let &[kind, a, b, c] = self.chunk.as_slice() else {
            return Err(Refusal::Damaged);
        };
        let len = usize::try_from(u32::from_le_bytes([a, b, c, 0]));
        let left = len.map_err(|_| Refusal::Damaged)?;
        if !self.begun && kind != 0xff {
            return Err(Refusal::Damaged);
        }
        self.state = match kind {
            0xff if left == IDENTIFIER.len() - HEAD => State::Gather { kind, left },
            0 if (SUM + 1..=MOST_PACKED).contains(&left) => State::Gather { kind, left },
            1 if (SUM..=SUM + MOST).contains(&left) => State::Gather { kind, left },
            // Padding, and what readers may pass over.
            0x80..=0xfe => State::Skip(left),
            _ => return Err(Refusal::Damaged),
        };
        if kind != 0xff {
            self.chunk.clear();
        }
        Ok(())
    }

    /// A chunk is there.
    fn open(&mut self, kind: u8) -> Result<(), Refusal> {
        if kind == 0xff {
            self.begun = true;
            return match self.chunk == IDENTIFIER {
                true => Ok(()),
                false => Err(Refusal::Damaged),
            };
        }
        let (sum, held) = self
            .chunk
            .split_first_chunk::<SUM>()
            .ok_or(Refusal::Damaged)?;
        self.plain.clear();
        self.given = 0;
        if kind == 1 {
            self.plain.extend_from_slice(held);
        } else {
            let len = snap::raw::decompress_len(held).map_err(|_| Refusal::Damaged)?;
            if len > MOST {
                return Err(Refusal::Damaged);
            }
            self.plain.resize(len, 0);
            let wrote = snap::raw::Decoder::new().decompress(held, &mut self.plain);
            if wrote != Ok(len) {
                return Err(Refusal::Damaged);
            }
        }
        match masked(crc32c(&self.plain)) == u32::from_le_bytes(*sum) {
            true => Ok(()),
            false => Err(Refusal::Damaged),
        }
    }
}

impl Layer for Framed {
    fn step(&mut self, input: &[u8], room: &mut [u8]) -> Result<(usize, usize), Refusal> {
        let rest = self.plain.get(self.given..).unwrap_or_default();
        if !rest.is_empty() {
            let len = rest.len().min(room.len());
            let (give, room) = (rest.get(..len), room.get_mut(..len));
            if let (Some(give), Some(room)) = (give, room) {
                room.copy_from_slice(give);
            }
            self.given += len;
            return Ok((0, len));
        }
        let wanted = match self.state {
            State::Head => HEAD - self.chunk.len(),
            State::Gather { left, .. } | State::Skip(left) => left,
        };
        let len = wanted.min(input.len());
        let took = input.get(..len).unwrap_or_default();
        if !matches!(self.state, State::Skip(_)) {
            self.chunk.extend_from_slice(took);
        }
        match &mut self.state {
            State::Head => {
                if len == wanted {
                    self.begin()?;
                }
            }
            State::Gather { left, .. } | State::Skip(left) => *left -= len,
        }
        match self.state {
            State::Gather { kind, left: 0 } => {
                self.state = State::Head;
                self.open(kind)?;
                self.chunk.clear();
            }
            State::Skip(0) => self.state = State::Head,
            _ => {}
        }
        Ok((len, 0))
    }

    fn end(&self) -> End {
        match self.state == State::Head && self.chunk.is_empty() && self.begun {
            true => End::Maybe,
            false => End::No,
        }
    }

    fn memory(&self) -> usize {
        self.chunk.capacity() + self.plain.capacity()
    }
}

impl fmt::Debug for Framed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framed")
            .field("state", &self.state)
            .finish()
    }
}

/// As the format stores it, so that a checksum of what holds a checksum is not zero.
fn masked(sum: u32) -> u32 {
    sum.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The checksum of Castagnoli (RFC 3720, section 12.1), a byte at a time.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    !bytes.iter().fold(!0, |sum: u32, byte| {
        let [low, ..] = sum.to_le_bytes();
        let entry = TABLE.get(usize::from(low ^ byte)).copied();
        sum >> 8 ^ entry.unwrap_or(0)
    })
}

#[allow(
    clippy::indexing_slicing,
    reason = "at compile time, where an index out of bounds is an error"
)]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ 0x82f6_3b78
            } else {
                sum >> 1
            };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test vectors of RFC 3720, appendix B.4.
    #[test]
    fn checksums() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
    }
}
