//! Heads of frames: RFC 6455, section 5.2. What follows from them lives with the stream.

/// What a head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Its own bytes.
    pub(super) len: usize,
    /// Whether its message ends with it.
    pub(super) ends: bool,
    pub(super) kind: Kind,
    /// Bytes of payload.
    pub(super) payload: u64,
    /// What the payload is masked with; zeros where it is not.
    pub(super) key: [u8; 4],
}

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// More of the message that is open.
    More,
    /// A message of text begins.
    Text,
    /// A message of bytes begins.
    Binary,
    /// A message begins in a form that an extension has made: its reserved bits say so.
    Extended,
    /// Close, ping or pong.
    Control,
}

/// What the bytes where a frame should begin are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Head(Head),
    /// More bytes are needed.
    Open,
    /// No frame may begin so.
    Broken,
}

/// Reads the head that `bytes` begins with. `within`: a message is open.
///
/// Told from the first byte that tells it, so that cuts do not matter. A length that is written in more bytes than it needs is read as any
/// receiver that takes it would: what no receiver reads is not made up here.
pub(super) fn next(bytes: &[u8], within: bool) -> Next {
    let Some((&first, rest)) = bytes.split_first() else {
        return Next::Open;
    };
    let (ends, reserved) = (first & 0x80 != 0, first & 0x70 != 0);
    let kind = match first & 0x0f {
        0 if within && !reserved => Kind::More,
        1 | 2 if !within && reserved => Kind::Extended,
        1 if !within => Kind::Text,
        2 if !within => Kind::Binary,
        8..=10 if ends && !reserved => Kind::Control,
        _ => return Next::Broken,
    };
    let Some((&second, rest)) = rest.split_first() else {
        return Next::Open;
    };
    let (payload, width, rest) = match second & 0x7f {
        126 | 127 if kind == Kind::Control => return Next::Broken,
        126 => match rest.split_first_chunk::<2>() {
            Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), 2, rest),
            None => return Next::Open,
        },
        127 => match (rest.first(), rest.split_first_chunk::<8>()) {
            (Some(0x80..), _) => return Next::Broken,
            (_, Some((len, rest))) => (u64::from_be_bytes(*len), 8, rest),
            (_, None) => return Next::Open,
        },
        len => (u64::from(len), 0, rest),
    };
    let masked = second & 0x80 != 0;
    let key = match rest.first_chunk::<4>() {
        _ if !masked => [0; 4],
        Some(key) => *key,
        None => return Next::Open,
    };
    Next::Head(Head {
        len: 2 + width + if masked { 4 } else { 0 },
        ends,
        kind,
        payload,
        key,
    })
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    /// Told alike from all of it, and never otherwise from less.
    fn read(bytes: &[u8], within: bool) -> Next {
        let whole = next(bytes, within);
        for end in 0..bytes.len() {
            let part = next(&bytes[..end], within);
            assert!(part == Next::Open || part == whole, "{bytes:x?} to {end}");
        }
        whole
    }

    fn head(bytes: &[u8], within: bool) -> Option<Head> {
        match read(bytes, within) {
            Next::Head(head) => Some(head),
            _ => None,
        }
    }

    #[test]
    fn lengths() {
        for (bytes, len, payload) in [
            (&[0x81, 0][..], 2, 0),
            (&[0x81, 125], 2, 125),
            (&[0x81, 126, 0, 126], 4, 126),
            (&[0x82, 126, 0xff, 0xff], 4, 65535),
            (&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0], 10, 65536),
            // More bytes than are needed.
            (&[0x82, 126, 0, 1], 4, 1),
            (&[0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1], 10, 1),
            (
                &[0x82, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255],
                10,
                u64::MAX >> 1,
            ),
        ] {
            let plain = head(bytes, false).map(|h| (h.len, h.payload, h.key));
            assert_eq!(plain, Some((len, payload, [0; 4])), "{bytes:x?}");
            let mut masked = bytes.to_vec();
            masked[1] |= 0x80;
            masked.extend([1, 2, 3, 4]);
            let masked = head(&masked, false).map(|h| (h.len, h.payload, h.key));
            assert_eq!(masked, Some((len + 4, payload, [1, 2, 3, 4])), "{bytes:x?}");
        }
    }

    #[test]
    fn what_may_begin_a_frame() {
        for first in 0..=u8::MAX {
            for within in [false, true] {
                let kind = match (first & 0x7f, within) {
                    (0, true) => Some(Kind::More),
                    (1, false) => Some(Kind::Text),
                    (2, false) => Some(Kind::Binary),
                    (bits, false) if bits > 15 && matches!(bits & 15, 1 | 2) => {
                        Some(Kind::Extended)
                    }
                    (8..=10, _) if first > 127 => Some(Kind::Control),
                    _ => None,
                };
                let got = head(&[first, 5], within);
                assert_eq!(got.map(|head| head.kind), kind, "{first:x} {within}");
                let ends = got.is_none_or(|head| head.ends == (first > 127));
                assert!(ends, "{first:x}");
                assert!(kind.is_some() || read(&[first, 5], within) == Next::Broken);
            }
        }
    }

    #[test]
    fn what_may_not_go_on() {
        for broken in [
            &[0x89, 126, 0, 126][..],
            &[0x89, 126, 0, 1],
            &[0x8a, 127, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(read(broken, false), Next::Broken, "{broken:x?}");
        }
    }
}
