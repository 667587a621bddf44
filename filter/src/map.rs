//! The serialised form of header maps in proxy-wasm: read without trust, written for tests and hosts. What the headers mean lives
//! in [`crate::fields`].
//!
//! The form is: the number of pairs, then the lengths of each name and value, all `u32` in little-endian order, then each name and
//! value followed by a NUL. <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1>

use core::fmt;

/// The most pairs that are looked at. Envoy's own limit for a map that it takes back is the same.
pub const MAX_PAIRS: usize = 1024;

/// The most bytes of a serialised map that are looked at. Envoy's own limit for a map that it takes back is the same.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Why a serialised map was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapError {
    /// It ends before its pairs do.
    CutShort,
    /// More than [`MAX_PAIRS`] pairs or [`MAX_BYTES`] bytes.
    TooLarge,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MapError::CutShort => f.write_str("a header map that is cut short"),
            MapError::TooLarge => write!(
                f,
                "a header map of more than {MAX_PAIRS} pairs or {MAX_BYTES} bytes"
            ),
        }
    }
}

impl core::error::Error for MapError {}

/// One header, as it stands in the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The name; lower case in Envoy.
    pub name: &'a [u8],
    /// The value: any bytes.
    pub value: &'a [u8],
}

/// Reads a serialised map. No bytes at all are a map without pairs; bytes after the last pair are no headers and are not looked at.
///
/// # Errors
/// When the map is cut short, whatever its counts claim, or too large.
///
/// # Panics
/// Never, for any input.
///
/// # Cost
/// Linear in the bytes; memory is bounded by [`MAX_PAIRS`].
pub fn decode(bytes: &[u8]) -> Result<Vec<Pair<'_>>, MapError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    if bytes.len() > MAX_BYTES {
        return Err(MapError::TooLarge);
    }
    let (count, rest) = number(bytes)?;
    if count > MAX_PAIRS {
        return Err(MapError::TooLarge);
    }
    let (sizes, mut data) = rest.split_at_checked(count * 8).ok_or(MapError::CutShort)?;
    let mut pairs = Vec::with_capacity(count);
    for [a, b, c, d, e, f, g, h] in sizes.as_chunks().0 {
        let name = text(&mut data, [*a, *b, *c, *d])?;
        let value = text(&mut data, [*e, *f, *g, *h])?;
        pairs.push(Pair { name, value });
    }
    Ok(pairs)
}

fn number(bytes: &[u8]) -> Result<(usize, &[u8]), MapError> {
    let (head, rest) = bytes.split_first_chunk().ok_or(MapError::CutShort)?;
    Ok((size(*head)?, rest))
}

fn size(bytes: [u8; 4]) -> Result<usize, MapError> {
    usize::try_from(u32::from_le_bytes(bytes)).map_err(|_| MapError::TooLarge)
}

fn text<'a>(data: &mut &'a [u8], len: [u8; 4]) -> Result<&'a [u8], MapError> {
    let len = size(len)?;
    let (text, rest) = data.split_at_checked(len).ok_or(MapError::CutShort)?;
    let (_nul, rest) = rest.split_first().ok_or(MapError::CutShort)?;
    *data = rest;
    Ok(text)
}

/// Writes pairs in the form that [`decode`] reads. Lengths beyond `u32` are cut.
#[must_use]
pub fn encode(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
    let length = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    let mut out = Vec::from(length(pairs.len()));
    for (name, value) in pairs {
        out.extend(length(name.len()));
        out.extend(length(value.len()));
    }
    for part in pairs.iter().flat_map(|(name, value)| [name, value]) {
        out.extend_from_slice(part);
        out.push(0);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIRS: &[(&[u8], &[u8])] = &[
        (b":path", b"/a?b=c"),
        (b"x-bin", b"\xff\x00\xfe"),
        (b"", b""),
        (b"x-bin", b"2"),
    ];

    #[test]
    fn round_trip_keeps_order_duplicates_and_bytes() {
        let bytes = encode(PAIRS);
        let back = decode(&bytes).map(|p| p.iter().map(|p| (p.name, p.value)).collect::<Vec<_>>());
        assert_eq!(back.as_deref(), Ok(PAIRS));
    }

    #[test]
    fn every_cut_is_refused() {
        let bytes = encode(PAIRS);
        assert_eq!(decode(b""), Ok(Vec::new()));
        for end in 1..bytes.len() {
            assert_eq!(
                decode(bytes.get(..end).unwrap_or_default()),
                Err(MapError::CutShort),
                "cut at {end}"
            );
        }
    }

    #[test]
    fn every_flipped_bit_is_read_or_refused() {
        let bytes = encode(PAIRS);
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            if let Some(byte) = other.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
            if let Ok(pairs) = decode(&other) {
                assert!(pairs.len() <= PAIRS.len());
            }
        }
    }

    #[test]
    fn absurd_counts_and_sizes_are_refused() {
        assert_eq!(decode(&u32::MAX.to_le_bytes()), Err(MapError::TooLarge));
        assert_eq!(decode(&1025_u32.to_le_bytes()), Err(MapError::TooLarge));
        assert_eq!(decode(&1024_u32.to_le_bytes()), Err(MapError::CutShort));
        let mut one = Vec::from(1_u32.to_le_bytes());
        one.extend([0xff; 8]);
        assert_eq!(decode(&one), Err(MapError::CutShort));
        assert_eq!(decode(&vec![0; MAX_BYTES + 1]), Err(MapError::TooLarge));
    }

    #[test]
    fn bytes_after_the_last_pair_are_no_headers() {
        let mut bytes = encode(&[(b"a", b"b")]);
        bytes.extend(b"zzz");
        assert_eq!(
            decode(&bytes),
            Ok(vec![Pair {
                name: b"a",
                value: b"b"
            }])
        );
    }
}
