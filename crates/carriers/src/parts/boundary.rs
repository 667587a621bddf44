//! The lines between the parts of a multipart message (RFC 2046, 5.1.1): where they stand, however the bytes are cut.

use core::fmt;

use memchr::memmem;

use super::head;

/// The longest boundary that RFC 2046 allows.
const LONGEST: usize = 70;

/// White space behind a boundary that still makes it one.
const PADDING: usize = 64;

/// Messages in messages in messages: parts nested deeper are text.
const DEEPEST: u8 = 3;

/// What stands between parts, if it is known: without it, the first line tells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    bytes: [u8; LONGEST],
    len: u8,
    depth: u8,
}

impl Default for Boundary {
    fn default() -> Boundary {
        Boundary {
            bytes: [0; LONGEST],
            len: 0,
            depth: 0,
        }
    }
}

impl fmt::Debug for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It is chosen by whoever sends the message.
        f.write_str("_")
    }
}

/// What comes first in some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// A delimiter, the end of the line before it included. `closes`: it is the last one.
    Delimiter {
        start: usize,
        end: usize,
        closes: bool,
    },
    /// None up to here; from here on there may be one.
    None(usize),
}

/// What some bytes are that follow a boundary.
enum Line {
    /// The end of its line, with this many bytes.
    Ends(usize, bool),
    Open,
    /// Something else: it was none.
    Other,
}

impl Boundary {
    /// The `boundary` of a `content-type` value. Where there is none, or it is too long to be one, the message's first line tells.
    pub(crate) fn of(content_type: &[u8]) -> Boundary {
        let named = head::params(content_type).find(|param| {
            content_type
                .get(param.name.clone())
                .is_some_and(|name| name.eq_ignore_ascii_case(b"boundary"))
        });
        let value = named.and_then(|param| content_type.get(param.value));
        // A delimiter is one line.
        let value = value.filter(|value| !value.contains(&b'\n'));
        value.and_then(Boundary::new).unwrap_or_default()
    }

    fn new(bytes: &[u8]) -> Option<Boundary> {
        let mut boundary = Boundary {
            len: u8::try_from(bytes.len()).ok()?,
            ..Boundary::default()
        };
        boundary
            .bytes
            .get_mut(..bytes.len())?
            .copy_from_slice(bytes);
        Some(boundary)
    }

    /// The same for a message in a part of a message; `None` where that is too deep.
    pub(crate) fn inside(mut self, outer: Boundary) -> Option<Boundary> {
        self.depth = outer.depth + 1;
        (self.depth < DEEPEST).then_some(self)
    }

    pub(crate) fn is_known(&self) -> bool {
        self.len > 0
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Takes the boundary from the first line; `None`: more bytes are needed. Whether there was one.
    pub(crate) fn learn(&mut self, text: &[u8], last: bool) -> Option<bool> {
        const MOST: usize = 2 + LONGEST + PADDING + 2;
        let seen = text.get(..text.len().min(MOST)).unwrap_or_default();
        let line = match memchr::memchr(b'\n', seen) {
            Some(end) => seen.get(..end).unwrap_or_default(),
            // Too long, whatever else has come.
            None if seen.len() == MOST => return Some(false),
            None if !last => return None,
            None => seen,
        };
        let named = line.trim_ascii_end().strip_prefix(b"--");
        let good = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
        let named = named.filter(|name| !name.is_empty() && name.iter().all(good));
        let learned = named.and_then(Boundary::new);
        if let Some(learned) = learned {
            (self.bytes, self.len) = (learned.bytes, learned.len);
        }
        Some(learned.is_some())
    }

    /// Whether `text`, with which a line begins, begins with a delimiter.
    pub(crate) fn begins(&self, text: &[u8], last: bool) -> bool {
        let text = text.strip_prefix(b"--");
        let behind = text.and_then(|text| text.strip_prefix(self.bytes()));
        behind.is_some_and(|behind| matches!(line_end(behind, last), Line::Ends(..)))
    }

    /// Looks for the first delimiter in `text`. `line`: a line begins with it; `last`: nothing follows.
    pub(crate) fn find(&self, text: &[u8], line: bool, last: bool) -> Next {
        let mut from = 0;
        let boundary = self.bytes();
        let mut needle = [0; LONGEST + 2];
        let Some(needle) = needle.get_mut(..boundary.len() + 2) else {
            return Next::None(text.len());
        };
        for (to, byte) in needle.iter_mut().zip(b"--".iter().chain(boundary)) {
            *to = *byte;
        }
        let finder = memmem::Finder::new(needle);
        while let Some(found) = finder.find(text.get(from..).unwrap_or_default()) {
            let at = from + found;
            let before = text.get(..at).unwrap_or_default();
            from = at + 1;
            if !(at == 0 && line || before.ends_with(b"\n")) {
                continue;
            }
            let start = before.len() - end_of_line(before);
            let behind = at + needle.len();
            match line_end(text.get(behind..).unwrap_or_default(), last) {
                Line::Ends(len, closes) => {
                    return Next::Delimiter {
                        start,
                        end: behind + len,
                        closes,
                    };
                }
                Line::Open => return Next::None(start),
                Line::Other => {}
            }
        }
        if last {
            return Next::None(text.len());
        }
        // What may be the beginning of one: the last line, if it begins like one, and the end of the line before it.
        let open = match memchr::memrchr(b'\n', text) {
            Some(end) => Some(end + 1),
            None => line.then_some(0),
        };
        let begins = |at: &usize| needle.starts_with(text.get(*at..).unwrap_or_default());
        Next::None(match open.filter(begins) {
            Some(at) => at - end_of_line(text.get(..at).unwrap_or_default()),
            None if text.ends_with(b"\r") => text.len() - 1,
            None => text.len(),
        })
    }

    /// The most bytes that are held to tell whether they are a delimiter.
    #[cfg(test)]
    pub(crate) const HELD: usize = 2 + 2 + LONGEST + 2 + PADDING + 2;
}

/// How many bytes at the end of `text` end a line.
fn end_of_line(text: &[u8]) -> usize {
    if text.ends_with(b"\r\n") {
        2
    } else {
        usize::from(text.ends_with(b"\n"))
    }
}

/// What follows a boundary: two hyphens or none, white space, the end of the line.
fn line_end(rest: &[u8], last: bool) -> Line {
    let (closes, mut at) = match rest {
        [b'-', b'-', ..] => (true, 2),
        [b'-'] | [] if !last => return Line::Open,
        _ => (false, 0),
    };
    let padding = rest.get(at..).unwrap_or_default();
    let padding = padding
        .iter()
        .take(PADDING)
        .take_while(|byte| matches!(byte, b' ' | b'\t'));
    at += padding.count();
    match rest.get(at..).unwrap_or_default() {
        [b'\n', ..] => Line::Ends(at + 1, closes),
        [b'\r', b'\n', ..] => Line::Ends(at + 2, closes),
        [] | [b'\r'] if !last => Line::Open,
        [] => Line::Ends(at, closes),
        _ => Line::Other,
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_taken_from_content_types() {
        for (value, wanted) in [
            ("multipart/form-data; boundary=abc", "abc"),
            (
                "multipart/mixed;charset=x; Boundary=\"a b;c\" ; y=z",
                "a b;c",
            ),
            ("multipart/mixed", ""),
            ("multipart/mixed; boundary=", ""),
        ] {
            let got = Boundary::of(value.as_bytes());
            assert_eq!(got.bytes(), wanted.as_bytes(), "{value}");
        }
        let long = alloc::format!("multipart/mixed; boundary={}", "x".repeat(71));
        assert!(!Boundary::of(long.as_bytes()).is_known());
    }

    #[test]
    fn delimiters_are_whole_lines() {
        let boundary = Boundary::new(b"ab").unwrap();
        let find = |text: &str| match boundary.find(text.as_bytes(), true, true) {
            Next::Delimiter { start, end, closes } => Some((start, end, closes)),
            Next::None(_) => None,
        };
        assert_eq!(find("--ab\r\nx"), Some((0, 6, false)));
        assert_eq!(find("x\r\n--ab--"), Some((1, 9, true)));
        assert_eq!(find("x\n--ab-- \t\nx"), Some((1, 11, true)));
        assert_eq!(find("x--ab\r\n"), None);
        assert_eq!(find("x\r\n--abc\r\n--ab\r\n"), Some((8, 16, false)));
        assert_eq!(find("x\r\n--ab-\r\n"), None);
    }

    #[test]
    fn what_may_be_a_delimiter_is_held_wherever_it_is_cut() {
        let boundary = Boundary::new(b"ab").unwrap();
        let text = b"some \r\r\n--a\r\n--ab--  \r\nx";
        let whole = boundary.find(text, false, true);
        assert!(matches!(whole, Next::Delimiter { start: 11, .. }));
        for cut in 0..text.len() {
            match boundary.find(&text[..cut], false, false) {
                Next::None(open) => {
                    assert!(cut - open <= Boundary::HELD);
                    assert!(open <= 11, "{cut}");
                }
                found => assert_eq!(found, whole, "{cut}"),
            }
        }
    }
}
