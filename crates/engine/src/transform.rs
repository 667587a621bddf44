//! What is written in place of a value. Each transform knows the value's bytes, whether they are all of it, and its place;
//! keyed and format-preserving ones are to come through [`apply`].

use alloc::vec::Vec;

use crate::rule::{Action, Place};

/// What a transform is given.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) bytes: &'a [u8],
    /// The bytes are one whole finding: a part of them may be kept.
    pub(crate) whole: bool,
}

/// Writes `[id]`, with percent-encoded brackets in a URL.
pub fn tag(id: &str, place: Place, out: &mut Vec<u8>) {
    let (open, close): (&[u8], &[u8]) = match place {
        Place::Url => (b"%5B", b"%5D"),
        _ => (b"[", b"]"),
    };
    out.extend_from_slice(open);
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(close);
}

/// Writes a number of `length` digits. Nines: no leading zero, no check digit that holds, no issuer's range.
pub(crate) fn number(length: usize, out: &mut Vec<u8>) {
    out.resize(out.len() + length, b'9');
}

/// Writes what `action`, other than a tag, makes of `value`: as many bytes as it has.
pub(crate) fn apply(action: Action, value: Value<'_>, out: &mut Vec<u8>) {
    let half = value.bytes.len() / 2;
    let (first, last) = match action {
        Action::KeepFirst(n) if value.whole => (half.min(usize::from(n)), 0),
        Action::KeepLast(n) if value.whole => (0, half.min(usize::from(n))),
        _ => (0, 0),
    };
    let masked = value.bytes.len() - first - last;
    out.extend(value.bytes.iter().take(first));
    out.resize(out.len() + masked, b'*');
    out.extend(value.bytes.iter().skip(first + masked));
}
