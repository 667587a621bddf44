//! zstd (RFC 8878, any number of frames, without dictionaries). Blocks are decoded by ruzstd, one at a time, so that no more than one block
//! beyond the window is ever held; where frames and blocks begin and end is read here.
//!
//! ruzstd gives bytes once they have left the window, or the frame has ended: a sender that flushes is heard late.

use core::fmt;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::io::Read;

use super::{End, Layer, Refusal};

/// The largest window that is taken: what RFC 9659 lets senders of HTTP use.
const LARGEST_WINDOW: u64 = 8 * 1024 * 1024;

/// The largest block, and what a decoder holds beside its window: tables, a block as it came, its literals.
const LARGEST_BLOCK: usize = 128 * 1024;

/// What is read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The magic number of a frame and its head.
    Head,
    /// So many bytes of a skippable frame.
    Skip(u64),
    /// A block; with the checksum if it is the last.
    Block,
}

/// zstd.
pub(super) struct Zstd {
    at: At,
    /// What was read of a head or a block.
    bytes: Vec<u8>,
    frame: Option<Box<FrameDecoder>>,
    /// Of the running frame.
    window: usize,
    decoded: u64,
    has_sum: bool,
    /// Frames that are over.
    frames: u64,
}

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

impl Zstd {
    pub(super) fn new() -> Zstd {
        Zstd {
            at: At::Head,
            bytes: Vec::new(),
            frame: None,
            window: 0,
            decoded: 0,
            has_sum: false,
            frames: 0,
        }
    }

    /// How many bytes are needed to go on, as far as those that are there say.
    fn wanted(&self) -> Result<usize, Refusal> {
        match (self.at, self.bytes.as_slice()) {
            (At::Skip(_), _) => Ok(0),
            // The length of a skippable frame.
            (At::Head, [magic, 0x2a, 0x4d, 0x18, ..]) if magic & 0xf0 == 0x50 => Ok(8),
            (At::Head, [a, b, c, d, ..]) if [*a, *b, *c, *d] != MAGIC => Err(Refusal::Damaged),
            // Section 3.1.1.1: what the descriptor says of the head's length.
            (At::Head, [_, _, _, _, descriptor, ..]) => {
                let single = descriptor & 0x20 != 0;
                let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3));
                let content = match descriptor >> 6 {
                    0 => usize::from(single),
                    size => 1 << size,
                };
                Ok(5 + usize::from(!single) + dictionary.unwrap_or(&0) + content)
            }
            (At::Head, [_, _, _, _]) => Ok(5),
            (At::Head, _) => Ok(4),
            // Section 3.1.1.2: the last one, two bits of type, a size. One byte stands for a block of equal ones.
            (At::Block, [a, b, c, ..]) => {
                let head = u32::from_le_bytes([*a, *b, *c, 0]);
                let size = (head >> 3) as usize;
                let content = match head >> 1 & 3 {
                    1 => 1,
                    3 => return Err(Refusal::Damaged),
                    _ => size,
                };
                if size > LARGEST_BLOCK {
                    return Err(Refusal::Damaged);
                }
                Ok(3 + content + if head & 1 != 0 && self.has_sum { 4 } else { 0 })
            }
            (At::Block, _) => Ok(3),
        }
    }

    /// Takes what `wanted` asked for.
    fn advance(&mut self) -> Result<(), Refusal> {
        match (self.at, self.bytes.as_slice()) {
            (At::Head, [_, 0x2a, 0x4d, 0x18, a, b, c, d]) => {
                self.at = At::Skip(u64::from(u32::from_le_bytes([*a, *b, *c, *d])));
            }
            (At::Head, bytes) => {
                let mut frame = Box::new(FrameDecoder::new());
                frame.set_max_window_size(LARGEST_WINDOW);
                frame.reset(bytes).map_err(|_| Refusal::Damaged)?;
                self.window = window(bytes);
                self.decoded = 0;
                self.has_sum = bytes.get(4).is_some_and(|descriptor| descriptor & 4 != 0);
                self.frame = Some(frame);
                self.at = At::Block;
            }
            (_, bytes) => {
                let frame = self.frame.as_mut().ok_or(Refusal::Damaged)?;
                frame
                    .decode_blocks(bytes, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|_| Refusal::Damaged)?;
                self.decoded = self.decoded.saturating_add(LARGEST_BLOCK as u64);
            }
        }
        self.bytes.clear();
        Ok(())
    }

    /// Gives what can be given; ends the frame that has nothing left.
    fn give(&mut self, room: &mut [u8]) -> Result<usize, Refusal> {
        let Some(frame) = &mut self.frame else {
            return Ok(0);
        };
        if frame.can_collect() > 0 {
            return frame.read(room).map_err(|_| Refusal::Damaged);
        }
        if self.at == At::Block && frame.is_finished() {
            let said = frame.get_checksum_from_data();
            if said.is_some() && said != frame.get_calculated_checksum() {
                return Err(Refusal::Damaged);
            }
            (self.frame, self.at, self.window) = (None, At::Head, 0);
            self.frames += 1;
        }
        Ok(0)
    }
}

/// The window that a frame's head asks for (section 3.1.1.1.2), which was found to be small enough.
fn window(head: &[u8]) -> usize {
    match head {
        [_, _, _, _, descriptor, byte, ..] if descriptor & 0x20 == 0 => {
            let base = 1_usize << (10 + u32::from(byte >> 3)).min(30);
            base + (base / 8) * usize::from(byte & 7)
        }
        // One segment: as large as the content, which is held whole.
        _ => LARGEST_WINDOW as usize,
    }
}

impl Layer for Zstd {
    fn step(&mut self, input: &[u8], room: &mut [u8]) -> Result<(usize, usize), Refusal> {
        let mut read = 0;
        loop {
            let wrote = self.give(room)?;
            if wrote > 0 {
                return Ok((read, wrote));
            }
            let rest = input.get(read..).unwrap_or_default();
            if let At::Skip(left) = self.at {
                let skipped = (rest.len() as u64).min(left);
                read += skipped as usize;
                if skipped < left {
                    self.at = At::Skip(left - skipped);
                    return Ok((read, 0));
                }
                self.at = At::Head;
                self.frames += 1;
                continue;
            }
            let wanted = self.wanted()?;
            let missing = wanted.saturating_sub(self.bytes.len());
            if missing == 0 {
                self.advance()?;
                continue;
            }
            let taken = rest.get(..missing).unwrap_or(rest);
            if taken.is_empty() {
                return Ok((read, 0));
            }
            self.bytes.extend_from_slice(taken);
            read += taken.len();
        }
    }

    fn end(&self) -> End {
        match self.at {
            At::Head if self.bytes.is_empty() && self.frames > 0 => End::Maybe,
            _ => End::No,
        }
    }

    fn memory(&self) -> usize {
        let held = (self.window as u64).min(self.decoded) as usize;
        // The ring grows by doubling.
        let frame = self
            .frame
            .as_ref()
            .map_or(0, |_| (2 * held).min(self.window) + 3 * LARGEST_BLOCK);
        self.bytes.capacity() + frame
    }
}

impl fmt::Debug for Zstd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zstd").field("at", &self.at).finish()
    }
}
