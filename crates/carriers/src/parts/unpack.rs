//! Frames that came compressed: unpacked whole, within limits, scanned by a carrier of their own, and put back plain where something was
//! found. The bit of gRPC that says `compressed` stands in each frame, so that a reader takes both.

use alloc::boxed::Box;
use alloc::vec::Vec;

use blackbar_engine::Finding;
use blackbar_engine::schema::MessageIndex;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::Sink;
use crate::carrier::Carrier;
use crate::format::Format;
use crate::view::With;
use crate::walk::{Codec, HEAD};

/// The largest frame that is unpacked, in bytes. It is held until it is there.
pub(crate) const LARGEST: u64 = 1024 * 1024;

/// The most bytes that one is unpacked to: what receivers of gRPC take, unless told otherwise. A bomb stops here.
const MOST: usize = 4 * 1024 * 1024;

/// The most bytes that each byte of compressed frames is unpacked to, over a whole stream: many small bombs are one.
const RATIO: u64 = 100;

/// Bytes that are unpacked in any case, over a whole stream.
const FREE: u64 = 1024 * 1024;

/// Unpacks the compressed frames of a stream.
#[derive(Debug)]
pub(crate) struct Unpacker {
    codec: Codec,
    message: Option<MessageIndex>,
    /// Bytes that compressed frames had, and those that came of them.
    came: u64,
    made: u64,
    unread: u64,
    forced: u64,
}

impl Unpacker {
    pub(crate) fn new(codec: Codec, message: Option<MessageIndex>) -> Unpacker {
        Unpacker {
            codec,
            message,
            came: 0,
            made: 0,
            unread: 0,
            forced: 0,
        }
    }

    /// How many frames were compressed in another way, damaged, or made too much. They stay as they are.
    pub(crate) fn unread(&self) -> u64 {
        self.unread
    }

    /// How often something undecided was masked in one.
    pub(crate) fn forced(&self) -> u64 {
        self.forced
    }

    /// Unpacks and redacts `frame`, head and all, which begins at `start`. What is found in it is told at the bytes of all of it.
    pub(crate) fn redact(&mut self, with: With<'_>, frame: &[u8], start: u64, sink: &mut Sink<'_>) {
        self.came += frame.len() as u64;
        let room = self.came.saturating_mul(RATIO).max(FREE);
        let room = usize::try_from(room.saturating_sub(self.made));
        let most = room.map_or(MOST, |room| room.min(MOST));
        let mut made = 0;
        let plain = unpack(frame.get(HEAD..).unwrap_or_default(), most, &mut made);
        // What is damaged has made work as well.
        self.made += made as u64;
        let Some(plain) = plain else {
            self.unread += 1;
            return;
        };
        let end = start + frame.len() as u64;
        let mut carrier = Carrier::default();
        carrier.set_message(self.message);
        carrier.reset(match self.codec {
            Codec::Protobuf => Format::Protobuf,
            Codec::Json => Format::Json,
        });
        carrier.set_views(with.views);
        carrier.push(with.engine, with.plan, &plain, true);
        self.forced += carrier.forced();
        let rules = carrier.findings().iter().map(|finding| finding.rule);
        sink.findings
            .extend(rules.map(|rule| Finding { start, end, rule }));
        if carrier.edits().is_empty() {
            return;
        }
        let mut text = Vec::with_capacity(HEAD + plain.len());
        text.extend_from_slice(&[0; HEAD]);
        carrier.take_output(&mut text);
        let Ok(len) = u32::try_from(text.len() - HEAD) else {
            self.unread += 1;
            return;
        };
        for (byte, len) in text.iter_mut().skip(1).zip(len.to_be_bytes()) {
            *byte = len;
        }
        sink.edits
            .put_apart(start, end, |out| out.extend_from_slice(&text));
    }
}

/// What gzip (RFC 1952) or zlib (RFC 1950) packed, in one member that ends where `packed` does. Behind it, readers see another member, or
/// nothing at all: what they disagree about is not read. No more than `most` bytes are `made`.
fn unpack(packed: &[u8], most: usize, made: &mut usize) -> Option<Vec<u8>> {
    match packed {
        [0x1f, 0x8b, 8, flags @ 0..0x20, _, _, _, _, _, _, rest @ ..] => {
            let mut rest = rest;
            if flags & 4 != 0 {
                let len = u16::from_le_bytes([*rest.first()?, *rest.get(1)?]);
                rest = rest.get(2 + usize::from(len)..)?;
            }
            // A name, a comment.
            for flag in [8, 16] {
                if flags & flag != 0 {
                    let end = memchr::memchr(0, rest)?;
                    rest = rest.get(end + 1..)?;
                }
            }
            if flags & 2 != 0 {
                rest = rest.get(2..)?;
            }
            let (plain, read) = inflate(rest, 0, most, made)?;
            let (crc, len) = rest.get(read..)?.split_first_chunk::<4>()?;
            let length = u32::try_from(plain.len()).ok()?;
            let good = u32::from_le_bytes(*crc) == crc32fast::hash(&plain);
            (good && len == length.to_le_bytes()).then_some(plain)
        }
        [0x78, ..] => {
            let (plain, read) = inflate(packed, TINFL_FLAG_PARSE_ZLIB_HEADER, most, made)?;
            (read == packed.len()).then_some(plain)
        }
        _ => None,
    }
}

/// Inflates one stream: what came out, and how many bytes of `packed` it took.
fn inflate(packed: &[u8], flags: u32, most: usize, made: &mut usize) -> Option<(Vec<u8>, usize)> {
    let flags = flags | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut state = Box::<DecompressorOxide>::default();
    let mut plain = alloc::vec![0; packed.len().saturating_mul(2).max(64).min(most)];
    let mut read = 0;
    loop {
        let rest = packed.get(read..)?;
        let (status, took, wrote) = decompress(&mut state, rest, &mut plain, *made, flags);
        (read, *made) = (read + took, *made + wrote);
        match status {
            TINFLStatus::Done => {
                plain.truncate(*made);
                return Some((plain, read));
            }
            TINFLStatus::HasMoreOutput if plain.len() < most => {
                plain.resize(plain.len().saturating_mul(2).min(most), 0);
            }
            _ => return None,
        }
    }
}
