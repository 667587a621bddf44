//! Base64 in header values: read in each form that senders use, and written in the form that came. What is looked for in it lives in
//! [`crate::fields`].

use core::ops::Range;

use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};

/// A base64 text, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Where it stands in the value.
    pub at: Range<usize>,
    /// What it stands for.
    pub bytes: Vec<u8>,
    url_safe: bool,
    padded: bool,
}

/// Reads a text: padded or not, of either alphabet (RFC 4648, sections 4 and 5). `None`: it is none.
#[must_use]
pub fn decode(value: &[u8], at: Range<usize>) -> Option<Decoded> {
    let text = value.get(at.clone())?;
    let url_safe = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let bytes = engine(url_safe, false).decode(text).ok()?;
    let padded = text.last() == Some(&b'=');
    Some(Decoded {
        at,
        bytes,
        url_safe,
        padded,
    })
}

/// Reads a list with commas, as binary metadata of gRPC is one: the elements that are base64, and whether all are.
///
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>
#[must_use]
pub fn decode_list(value: &[u8]) -> (Vec<Decoded>, bool) {
    let (mut all, mut whole) = (Vec::new(), true);
    let mut start = 0;
    for piece in value.split(|byte| *byte == b',') {
        let text = piece.trim_ascii();
        if !text.is_empty() {
            let blanks = piece.len() - piece.trim_ascii_start().len();
            let item = decode(value, start + blanks..start + blanks + text.len());
            whole &= item.is_some();
            all.extend(item);
        }
        start += piece.len() + 1;
    }
    (all, whole)
}

impl Decoded {
    /// Appends other bytes in the same form.
    pub fn encode(&self, bytes: &[u8], out: &mut Vec<u8>) {
        let text = engine(self.url_safe, self.padded).encode(bytes);
        out.extend_from_slice(text.as_bytes());
    }
}

fn engine(url_safe: bool, padded: bool) -> GeneralPurpose {
    let alphabet: &Alphabet = if url_safe { &URL_SAFE } else { &STANDARD };
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(padded)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_and_written_again() {
        for text in [
            "", "YQ==", "YQ", "YWI=", "YWJj", "-_-_", "+/+/", "-_8", "-_8=",
        ] {
            let decoded = decode(text.as_bytes(), 0..text.len()).map(|decoded| {
                let mut out = Vec::new();
                decoded.encode(&decoded.bytes, &mut out);
                out
            });
            assert_eq!(decoded.as_deref(), Some(text.as_bytes()), "{text}");
        }
        for text in ["a", "Y Q=", "key-12345678 ", "+-", "YQ===", "=", "\u{ff}"] {
            assert_eq!(decode(text.as_bytes(), 0..text.len()), None, "{text}");
        }
    }

    #[test]
    fn lists() {
        let found = |text: &str| {
            let (all, whole) = decode_list(text.as_bytes());
            let parts = all.into_iter().map(|item| (item.at, item.bytes));
            (parts.collect::<Vec<_>>(), whole)
        };
        assert_eq!(
            found(" YQ==,, YWI "),
            (vec![(1..5, b"a".to_vec()), (8..11, b"ab".to_vec())], true)
        );
        assert_eq!(found(""), (Vec::new(), true));
        assert_eq!(found("*,YQ=="), (vec![(2..6, b"a".to_vec())], false));
    }
}
