//! The body of the target for content codings: any bytes, and what encoders that are not ours have written, damaged or not, in any pieces.

use std::io::{Read, Write};

use blackbar_filter::coding::{Coding, Decoder, End, Limits, Refusal, SLACK};

const CODINGS: [Coding; 5] = [
    Coding::Gzip,
    Coding::Deflate,
    Coding::Zstd,
    Coding::Brotli,
    Coding::SnappyFramed,
];

/// What a decoder may do: little, so that every bound is reached.
const LIMITS: Limits = Limits {
    ratio: 20,
    decoded: 300_000,
    memory: MEMORY,
};

const MEMORY: usize = 20 * 1024 * 1024;

/// What came of a body in pieces of `size` bytes: what was decoded until it ended or was refused.
fn run(codings: &[Coding], input: &[u8], size: usize) -> (Vec<u8>, Result<End, Refusal>) {
    let mut decoder = Decoder::new(codings).expect("codings of streams");
    let (mut out, mut came) = (Vec::new(), 0);
    for piece in input.chunks(size.max(1)) {
        came += piece.len() as u64;
        let result = decoder.push(piece, &LIMITS, MEMORY, &mut |bytes| {
            out.extend_from_slice(bytes);
        });
        let most = (came * LIMITS.ratio + SLACK).min(LIMITS.decoded);
        assert!(out.len() as u64 <= most, "{codings:?}: more than may be");
        if let Err(refusal) = result {
            return (out, Err(refusal));
        }
        assert!(decoder.memory() <= MEMORY, "{codings:?}: too much memory");
    }
    (out, Ok(decoder.end()))
}

/// What an encoder that is not ours makes of `plain`.
fn encode(coding: Coding, plain: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    let packed = match coding {
        Coding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(plain).and_then(|()| encoder.finish())
        }
        Coding::Deflate => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(plain).and_then(|()| encoder.finish())
        }
        Coding::Zstd => zstd::encode_all(plain, 3),
        Coding::Brotli => {
            let mut out = Vec::new();
            let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, 5, 18);
            let wrote = encoder.write_all(plain);
            drop(encoder);
            wrote.map(|()| out)
        }
        _ => {
            let mut encoder = snap::write::FrameEncoder::new(Vec::new());
            let wrote = encoder.write_all(plain);
            wrote.and_then(|()| encoder.into_inner().map_err(|error| error.into_error()))
        }
    };
    packed.expect("writing to memory")
}

/// What another decoder makes of `packed`; `None`: it refuses. For gzip that is another reader of the container around the same inflate;
/// for Snappy the same of blocks. For deflate and brotli there is none here: only what was encoded tells.
fn other(coding: Coding, packed: &[u8]) -> Option<Option<Vec<u8>>> {
    let mut out = Vec::new();
    let read = match coding {
        Coding::Gzip => flate2::read::MultiGzDecoder::new(packed).read_to_end(&mut out),
        Coding::Zstd => {
            zstd::Decoder::new(packed).and_then(|mut decoder| decoder.read_to_end(&mut out))
        }
        Coding::SnappyFramed => snap::read::FrameDecoder::new(packed).read_to_end(&mut out),
        _ => return None,
    };
    Some(read.ok().map(|_| out))
}

/// Never more than the limits, whatever came; the same in all pieces; what was encoded comes out, and what comes out to its end is what another
/// decoder reads.
///
/// # Panics
/// When one of these does not hold.
pub fn coding(data: &[u8]) {
    let Some((&[kind, size, at, change], rest)) = data.split_first_chunk() else {
        return;
    };
    let rest = &rest[..rest.len().min(4096)];
    let coding = CODINGS[usize::from(kind & 7) % CODINGS.len()];
    let mut codings = vec![coding];
    // Repeated, so that there is something to refer back to, and now and then a bomb.
    let plain = match kind & 8 {
        0 => rest.to_vec(),
        _ => rest.repeat(1 + usize::from(size) * 4),
    };
    let mut packed = match kind & 16 {
        0 => encode(coding, &plain),
        _ => rest.to_vec(),
    };
    if kind & 32 != 0 {
        let outer = CODINGS[usize::from(at) % CODINGS.len()];
        packed = encode(outer, &packed);
        codings.push(outer);
    }
    let damaged = kind & 64 != 0 && !packed.is_empty();
    if damaged {
        let place = usize::from(at) * 257 % packed.len();
        packed[place] ^= change | 1;
    }
    let whole = run(&codings, &packed, packed.len());
    for size in [1, 2 + usize::from(size), 64] {
        let got = run(&codings, &packed, size);
        let shorter = got.0.len().min(whole.0.len());
        assert!(
            got.0[..shorter] == whole.0[..shorter],
            "{codings:?}: {size}"
        );
        // Of what is decoded for each byte that came, more may be allowed where more came at once.
        match (got.1, whole.1) {
            (Err(Refusal::Bomb), _) | (_, Err(Refusal::Bomb)) => {}
            (got, whole) => assert_eq!(got, whole, "{codings:?}: {size}"),
        }
        if got.1.is_ok() && whole.1.is_ok() {
            assert!(got.0 == whole.0, "{codings:?}: {size}");
        }
    }
    if kind & 16 == 0 && !damaged {
        match whole.1 {
            Ok(end) => {
                assert!(end != End::No && whole.0 == plain, "{codings:?}: lost");
            }
            Err(refusal) => assert_eq!(refusal, Refusal::Bomb, "{codings:?}"),
        }
    }
    if let (Ok(End::Maybe | End::Yes), [coding], false) = (whole.1, &codings[..], packed.is_empty())
        && let Some(other) = other(*coding, &packed)
    {
        assert!(
            other.as_ref() == Some(&whole.0),
            "{codings:?}: another reads otherwise"
        );
    }
}
