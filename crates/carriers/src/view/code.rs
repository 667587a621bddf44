//! Codes in which a few bytes stand for others, between bytes that stand for themselves: what one unit of a code is.

/// A code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Backslash escapes of JSON, which most other languages' strings share.
    Escape,
    /// `%41`.
    Percent,
    /// `&#65;`, `&#x41;`, `&amp;`: references of XML and HTML, by number and by the names of ASCII characters.
    Entity,
    /// `=41`, and `=` at the end of a line, which goes on with the next (RFC 2045, 6.7).
    Quoted,
    /// The NUL beside each ASCII character in UTF-16: it stands for nothing.
    Wide,
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
    pub(crate) const ALL: [Code; 5] = [
        Code::Escape,
        Code::Percent,
        Code::Entity,
        Code::Quoted,
        Code::Wide,
    ];

    /// The code whose units begin with `opener`.
    pub(crate) fn of(opener: u8) -> Option<Code> {
        Code::ALL.into_iter().find(|code| code.opener() == opener)
    }

    /// The byte that every unit begins with.
    pub(crate) fn opener(self) -> u8 {
        match self {
            Code::Escape => b'\\',
            Code::Percent => b'%',
            Code::Entity => b'&',
            Code::Quoted => b'=',
            Code::Wide => 0,
        }
    }

    /// Whether a view of a view may read it: what a whole message is written in is no matter of what stands in one of its values, and
    /// fewer kinds bound the work that an input can ask for.
    pub(crate) fn nests(self) -> bool {
        matches!(self, Code::Escape | Code::Percent | Code::Entity)
    }

    /// The unit that `text` begins with; its first byte is [`Code::opener`]. `last`: no byte follows.
    pub(crate) fn unit(self, text: &[u8], last: bool) -> Unit {
        let unit = match self {
            Code::Escape => escape(text, last),
            Code::Percent => percent(text),
            Code::Entity => entity(text),
            Code::Quoted => match text {
                [_, b'\n', ..] => Unit::Stands(2, [0; 4], 0),
                [_, b'\r', b'\n', ..] => Unit::Stands(3, [0; 4], 0),
                [_, b'\r'] => Unit::Open,
                _ => pair(text),
            },
            Code::Wide => match text {
                [_] => Unit::Open,
                [_, wide, 0, ..] if is_ascii(*wide) => Unit::Stands(1, [0; 4], 0),
                // The last character, where the larger byte comes first.
                [_, wide] if is_ascii(*wide) && last => Unit::Stands(1, [0; 4], 0),
                [_, wide] if is_ascii(*wide) => Unit::Open,
                _ => Unit::Itself,
            },
        };
        match unit {
            Unit::Open if last => Unit::Itself,
            unit => unit,
        }
    }
}

/// Where `opener` stands first; the end of `text` where it does not. Units often stand near each other, and then calling for what is fast over
/// long texts is most of the work.
pub(super) fn next(opener: u8, text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const NEAR: usize = 32;
    let near = text.get(..NEAR).unwrap_or(text);
    let (words, rest) = near.as_chunks::<8>();
    for (i, &word) in words.iter().enumerate() {
        let differs = u64::from_le_bytes(word) ^ (ONES * u64::from(opener));
        // The lowest bit that is set is that of a byte which is zero, though those above it may not be.
        let zero = differs.wrapping_sub(ONES) & !differs & ONES << 7;
        if zero != 0 {
            return 8 * i + zero.trailing_zeros() as usize / 8;
        }
    }
    let looked = near.len() - rest.len();
    let left = text.get(looked..).unwrap_or_default();
    memchr::memchr(opener, left).map_or(text.len(), |at| looked + at)
}

/// A character of UTF-8, percent-encoded whole. Bytes that are none stand for themselves: `%DB_PASSWORD%` is a name.
fn percent(text: &[u8]) -> Unit {
    let (first, width) = match pair(text) {
        Unit::Stands(_, [first, ..], _) => match first {
            0..0x80 => return pair(text),
            0xc2..=0xdf => (first, 2),
            0xe0..=0xef => (first, 3),
            0xf0..=0xf4 => (first, 4),
            _ => return Unit::Itself,
        },
        unit => return unit,
    };
    let mut bytes = [first, 0, 0, 0];
    for (at, byte) in bytes.iter_mut().enumerate().take(width).skip(1) {
        let rest = text.get(3 * at..).unwrap_or_default();
        match (rest.first(), pair(rest)) {
            (None, _) | (Some(b'%'), Unit::Open) => return Unit::Open,
            (Some(b'%'), Unit::Stands(_, [next @ 0x80..0xc0, ..], _)) => *byte = next,
            _ => return Unit::Itself,
        }
    }
    Unit::Stands(3 * width, bytes, width)
}

/// A byte as two hexadecimal digits behind an opener.
fn pair(text: &[u8]) -> Unit {
    match text {
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
    }
}

fn is_ascii(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

/// The names of ASCII characters (HTML, 13.5), of those that are no letters and digits; the last is no ASCII but often a blank.
const NAMES: [(&[u8], char); 32] = [
    (b"Tab", '\t'),
    (b"NewLine", '\n'),
    (b"excl", '!'),
    (b"quot", '"'),
    (b"num", '#'),
    (b"dollar", '$'),
    (b"percnt", '%'),
    (b"amp", '&'),
    (b"apos", '\''),
    (b"lpar", '('),
    (b"rpar", ')'),
    (b"ast", '*'),
    (b"plus", '+'),
    (b"comma", ','),
    (b"period", '.'),
    (b"sol", '/'),
    (b"colon", ':'),
    (b"semi", ';'),
    (b"lt", '<'),
    (b"equals", '='),
    (b"gt", '>'),
    (b"quest", '?'),
    (b"commat", '@'),
    (b"lsqb", '['),
    (b"bsol", '\\'),
    (b"rsqb", ']'),
    (b"lowbar", '_'),
    (b"lcub", '{'),
    (b"verbar", '|'),
    (b"rcub", '}'),
    (b"grave", '`'),
    (b"nbsp", '\u{a0}'),
];

/// A reference, which ends with a semicolon.
fn entity(text: &[u8]) -> Unit {
    let head = text.get(1..text.len().min(LONGEST)).unwrap_or_default();
    let end = head.iter().position(|&byte| byte == b';');
    let name = head.get(..end.unwrap_or(head.len())).unwrap_or_default();
    let (digits, radix) = match name {
        [b'#', b'x' | b'X', digits @ ..] => (Some(digits), 16),
        [b'#', digits @ ..] => (Some(digits), 10),
        _ => (None, 0),
    };
    let character = match digits {
        Some(digits)
            if !digits
                .iter()
                .all(|&digit| char::from(digit).is_digit(radix)) =>
        {
            return Unit::Itself;
        }
        Some(digits) => digits
            .iter()
            .try_fold(0_u32, |code, &digit| {
                let digit = char::from(digit).to_digit(radix)?;
                code.checked_mul(radix)?.checked_add(digit)
            })
            .filter(|_| !digits.is_empty())
            .and_then(char::from_u32),
        None if end.is_none() => {
            // It may still become one of the names.
            let begun = NAMES.iter().any(|(known, _)| known.starts_with(name));
            return if begun { Unit::Open } else { Unit::Itself };
        }
        None => NAMES.iter().find(|(known, _)| *known == name).map(|n| n.1),
    };
    match (end, character) {
        (None, _) if text.len() < LONGEST => Unit::Open,
        (Some(end), Some(character)) => {
            let mut bytes = [0; 4];
            let count = character.encode_utf8(&mut bytes).len();
            Unit::Stands(end + 2, bytes, count)
        }
        _ => Unit::Itself,
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
        // The last two are of other languages' strings.
        b'"' | b'\\' | b'/' | b'\'' | b'`' => letter,
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

    #[test]
    fn quotes_of_any_language() {
        for quote in ["\"", "'", "`"] {
            let text = [r"\", quote].concat();
            stands(Code::Escape, &text, 2, quote);
        }
        assert_eq!(Code::Escape.unit(b"\\a", false), Unit::Itself);
    }

    #[test]
    fn the_next_opener_is_the_first() {
        for opener in [0, b'%', b'\\', 0x80, 0xff] {
            for filler in [opener ^ 1, opener ^ 0x80, opener.wrapping_add(1), b'x'] {
                for len in 0..70 {
                    let mut text = alloc::vec![filler; len];
                    assert_eq!(next(opener, &text), len);
                    for first in (0..len).rev() {
                        text[first] = opener;
                        assert_eq!(next(opener, &text), first, "{opener} {filler} {len}");
                    }
                }
            }
        }
    }

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
        stands(Code::Percent, "%d0%9f%40", 6, "П");
        stands(Code::Percent, "%F0%9F%98%80", 12, "😀");
        stands(Code::Entity, "&#64;", 5, "@");
        stands(Code::Entity, "&#x1F600;", 9, "😀");
        stands(Code::Entity, "&#0000064;", 10, "@");
        stands(Code::Entity, "&amp;lt;", 5, "&");
        stands(Code::Entity, "&NewLine;", 9, "\n");
        stands(Code::Quoted, "=5F", 3, "_");
        stands(Code::Quoted, "=\r\nab", 3, "");
        stands(Code::Quoted, "=\n", 2, "");
        stands(Code::Wide, "\0a\0b", 1, "");
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
            (Code::Percent, "%DB_"),
            (Code::Percent, "%BASE"),
            (Code::Percent, "%D0%4x"),
            (Code::Percent, "%E2%82_"),
            (Code::Percent, "%%4"),
            (Code::Percent, "% 1"),
            (Code::Entity, "&a=b"),
            (Code::Entity, "&#;"),
            (Code::Entity, "&#xg"),
            (Code::Entity, "&unknown;"),
            (Code::Entity, "&#00000000064;"),
            (Code::Entity, "&#x110000;"),
            (Code::Quoted, "=\rx"),
            (Code::Quoted, "= x"),
            (Code::Wide, "\0ab"),
            (Code::Wide, "\0\x01\0"),
            (Code::Escape, "\\x41"),
            (Code::Escape, "\\u00g0"),
        ] {
            assert_eq!(code.unit(text.as_bytes(), false), Unit::Itself, "{text}");
        }
        assert_eq!(Code::Percent.unit(b"%4", true), Unit::Itself);
        assert_eq!(Code::Escape.unit(b"\\", true), Unit::Itself);
        assert_eq!(Code::Entity.unit(b"&#64", true), Unit::Itself);
        assert_eq!(Code::Wide.unit(b"\0a", true), Unit::Stands(1, [0; 4], 0));
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
