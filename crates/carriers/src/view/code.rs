//! Codes in which a few bytes stand for others, between bytes that stand for themselves: what one unit of a code is.

/// A code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Backslash escapes of JSON, which most other languages' strings share.
    Escape,
    /// `%41`.
    Percent,
}

/// The longest unit: a pair of surrogates.
pub(crate) const LONGEST: usize = 12;

/// What stands at the beginning of some text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// The first byte stands for itself.
    Itself,
    /// More bytes are needed to tell.
    Open,
    /// So many bytes stand for the first so many of these.
    Stands(usize, [u8; 4], usize),
}

impl Code {
    pub(crate) const ALL: [Code; 2] = [Code::Escape, Code::Percent];

    /// The code whose units begin with `opener`.
    pub(crate) fn of(opener: u8) -> Option<Code> {
        Code::ALL.into_iter().find(|code| code.opener() == opener)
    }

    /// The byte that every unit begins with.
    pub(crate) fn opener(self) -> u8 {
        match self {
            Code::Escape => b'\\',
            Code::Percent => b'%',
        }
    }

    /// The unit that `text` begins with; its first byte is [`Code::opener`]. `last`: no byte follows.
    pub(crate) fn unit(self, text: &[u8], last: bool) -> Unit {
        let unit = match self {
            Code::Escape => escape(text, last),
            Code::Percent => match text {
                [_] => Unit::Open,
                [_, a, rest @ ..] => match (hex(*a), rest.first()) {
                    (None, _) => Unit::Itself,
                    (Some(_), None) => Unit::Open,
                    (Some(a), Some(b)) => match hex(*b) {
                        Some(b) => Unit::Stands(3, [a << 4 | b, 0, 0, 0], 1),
                        None => Unit::Itself,
                    },
                },
                [] => Unit::Open,
            },
        };
        match unit {
            Unit::Open if last => Unit::Itself,
            unit => unit,
        }
    }
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

fn escape(text: &[u8], last: bool) -> Unit {
    let Some(&letter) = text.get(1) else {
        return Unit::Open;
    };
    let byte = match letter {
        b'"' | b'\\' | b'/' => letter,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return unicode(text, last),
        _ => return Unit::Itself,
    };
    Unit::Stands(2, [byte, 0, 0, 0], 1)
}

/// `\u0041`, or two of them that are a pair of surrogates. A surrogate that stands alone is the replacement character.
fn unicode(text: &[u8], last: bool) -> Unit {
    let first = match utf16(text) {
        Ok(first) => first,
        Err(unit) => return unit,
    };
    let mut len = 6;
    let mut code = u32::from(first);
    if (0xd800..0xdc00).contains(&first) {
        match utf16(text.get(6..).unwrap_or_default()) {
            Ok(second) if (0xdc00..0xe000).contains(&second) => {
                len = 12;
                code = 0x10000 + ((code - 0xd800) << 10) + (u32::from(second) - 0xdc00);
            }
            Err(Unit::Open) if !last => return Unit::Open,
            _ => {}
        }
    }
    let mut bytes = [0; 4];
    let count = char::from_u32(code)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
        .encode_utf8(&mut bytes)
        .len();
    Unit::Stands(len, bytes, count)
}

fn utf16(text: &[u8]) -> Result<u16, Unit> {
    let mut code = 0;
    for at in 0..6 {
        let byte = *text.get(at).ok_or(Unit::Open)?;
        match (at, byte) {
            (0, b'\\') | (1, b'u') => {}
            (0 | 1, _) => return Err(Unit::Itself),
            _ => code = code << 4 | u16::from(hex(byte).ok_or(Unit::Itself)?),
        }
    }
    Ok(code)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    #[track_caller]
    fn stands(code: Code, text: &str, len: usize, decoded: &str) {
        let Unit::Stands(got, bytes, count) = code.unit(text.as_bytes(), false) else {
            panic!("{text} is no unit");
        };
        assert_eq!((got, &bytes[..count]), (len, decoded.as_bytes()), "{text}");
        for cut in 1..len {
            let start = &text.as_bytes()[..cut];
            assert_eq!(code.unit(start, false), Unit::Open, "{text} cut at {cut}");
        }
    }

    #[test]
    fn units() {
        stands(Code::Percent, "%41b", 3, "A");
        stands(Code::Percent, "%2f", 3, "/");
        stands(Code::Escape, "\\nx", 2, "\n");
        stands(Code::Escape, "\\\"", 2, "\"");
        stands(Code::Escape, "\\u0040x", 6, "@");
        stands(Code::Escape, "\\uD83D\\uDE00", 12, "😀");
        stands(Code::Escape, "\\u00e9", 6, "é");
    }

    #[test]
    fn what_is_no_unit_stands_for_itself() {
        for (code, text) in [
            (Code::Percent, "%4g"),
            (Code::Percent, "%%4"),
            (Code::Percent, "% 1"),
            (Code::Escape, "\\x41"),
            (Code::Escape, "\\u00g0"),
        ] {
            assert_eq!(code.unit(text.as_bytes(), false), Unit::Itself, "{text}");
        }
        assert_eq!(Code::Percent.unit(b"%4", true), Unit::Itself);
        assert_eq!(Code::Escape.unit(b"\\", true), Unit::Itself);
    }

    #[test]
    fn a_lone_surrogate_is_replaced() {
        for (text, last) in [
            ("\\uD83Dx", false),
            ("\\uD83D\\n", false),
            ("\\uD83D", true),
            ("\\uDE00", false),
        ] {
            let replaced = Unit::Stands(6, [0xef, 0xbf, 0xbd, 0], 3);
            assert_eq!(Code::Escape.unit(text.as_bytes(), last), replaced, "{text}");
        }
        assert_eq!(Code::Escape.unit(b"\\uD83D\\u", false), Unit::Open);
    }
}
