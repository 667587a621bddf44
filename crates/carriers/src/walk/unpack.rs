//! Frames that came compressed: unpacked whole, within limits, scanned by a carrier of their own, and put back plain where something was
//! found. The bit of gRPC that says `compressed` stands in each frame, so that a reader takes both.

use alloc::boxed::Box;
use alloc::vec::Vec;

use blackbar_engine::schema::MessageIndex;
use blackbar_engine::{Finding, RuleIndex};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::frames::{Codec, HEAD};
use crate::carrier::Carrier;
use crate::format::Format;
use crate::view::With;

/// The largest frame that is unpacked, in bytes. It is held until it is there.
pub(crate) const LARGEST: u64 = 1024 * 1024;

/// The most bytes that one is unpacked to: what receivers of gRPC take, unless told otherwise. A bomb stops here.
const MOST: usize = 4 * 1024 * 1024;

/// A frame that something was found in.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// What stands in its place, head and all; nothing if it stays as it is.
    pub(crate) text: Option<Vec<u8>>,
    /// Rules that found something, once for each finding.
    pub(crate) rules: Vec<RuleIndex>,
    /// How often something undecided was masked.
    pub(crate) forced: u64,
}

/// Unpacks and redacts `frame`, head and all. Nothing: it is compressed in another way, damaged, or too large.
pub(crate) fn redact(
    with: With<'_>,
    (codec, message): (Codec, Option<MessageIndex>),
    frame: &[u8],
) -> Option<Unpacked> {
    let plain = unpack(frame.get(HEAD..)?)?;
    let mut carrier = Carrier::default();
    carrier.set_message(message);
    carrier.reset(match codec {
        Codec::Protobuf => Format::Protobuf,
        Codec::Json => Format::Json,
    });
    carrier.set_views(with.views);
    carrier.push(with.engine, with.plan, &plain, true);
    let rules = carrier
        .findings()
        .iter()
        .map(|f: &Finding| f.rule)
        .collect();
    let (forced, changed) = (carrier.forced(), !carrier.edits().is_empty());
    let text = if changed {
        let mut out = Vec::with_capacity(HEAD + plain.len());
        out.extend_from_slice(&[0; HEAD]);
        carrier.take_output(&mut out);
        let len = u32::try_from(out.len() - HEAD).ok()?;
        for (byte, len) in out.iter_mut().skip(1).zip(len.to_be_bytes()) {
            *byte = len;
        }
        Some(out)
    } else {
        None
    };
    Some(Unpacked {
        text,
        rules,
        forced,
    })
}

/// What gzip (RFC 1952) or zlib (RFC 1950) packed, in one member that ends where `packed` does. Behind it, readers see another member, or
/// nothing at all: what they disagree about is not read.
fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
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
            let (plain, read) = inflate(rest, 0)?;
            let (crc, len) = rest.get(read..)?.split_first_chunk::<4>()?;
            let length = u32::try_from(plain.len()).ok()?;
            let good = u32::from_le_bytes(*crc) == crc32fast::hash(&plain);
            (good && len == length.to_le_bytes()).then_some(plain)
        }
        [0x78, ..] => {
            let (plain, read) = inflate(packed, TINFL_FLAG_PARSE_ZLIB_HEADER)?;
            (read == packed.len()).then_some(plain)
        }
        _ => None,
    }
}

/// Inflates one stream: what came out, and how many bytes of `packed` it took.
fn inflate(packed: &[u8], flags: u32) -> Option<(Vec<u8>, usize)> {
    let flags = flags | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut state = Box::<DecompressorOxide>::default();
    let mut plain = alloc::vec![0; packed.len().saturating_mul(2).clamp(64, MOST)];
    let (mut read, mut written) = (0, 0);
    loop {
        let rest = packed.get(read..)?;
        let (status, took, wrote) = decompress(&mut state, rest, &mut plain, written, flags);
        (read, written) = (read + took, written + wrote);
        match status {
            TINFLStatus::Done => {
                plain.truncate(written);
                return Some((plain, read));
            }
            TINFLStatus::HasMoreOutput if plain.len() < MOST => {
                plain.resize(plain.len().saturating_mul(2).min(MOST), 0);
            }
            _ => return None,
        }
    }
}
