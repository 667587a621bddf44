//! Frames that came compressed: unpacked whole, within limits, scanned by a carrier of their own, and put back plain where something was
//! found. The bit of gRPC that says `compressed` stands in each frame, so that a reader takes both.

use alloc::vec::Vec;

use blackbar_engine::schema::MessageIndex;
use blackbar_engine::{Finding, RuleIndex};
use miniz_oxide::inflate::{decompress_to_vec_with_limit, decompress_to_vec_zlib_with_limit};

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

/// What gzip (RFC 1952, one member) or zlib (RFC 1950) packed.
fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    match packed {
        [0x1f, 0x8b, 8, flags, _, _, _, _, _, _, rest @ ..] => {
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
            let (body, end) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
            let plain = decompress_to_vec_with_limit(body, MOST).ok()?;
            let (crc, len) = end.split_first_chunk::<4>()?;
            let length = u32::try_from(plain.len()).ok()?;
            let good = u32::from_le_bytes(*crc) == crc32fast::hash(&plain);
            (good && len == length.to_le_bytes()).then_some(plain)
        }
        [0x78, ..] => decompress_to_vec_zlib_with_limit(packed, MOST).ok(),
        _ => None,
    }
}
