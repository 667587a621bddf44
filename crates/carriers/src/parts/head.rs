//! The headers of a part: what they say about it, and which of their bytes may change. What becomes of the part lives in
//! [`multipart`](super::multipart).

use alloc::vec::Vec;
use core::ops::Range;

use super::Boundary;
use crate::format::Format;

/// The most bytes that the headers of a part may have.
pub(crate) const LONGEST: usize = 8 * 1024;

/// A name that is shown before what it names is no longer than this.
const LONGEST_NAME: usize = 256;

/// A parameter of a header value; ranges count from its start. A value in quotes is what stands between them.
#[derive(Debug, Clone)]
pub(crate) struct Param {
    pub(crate) name: Range<usize>,
    pub(crate) value: Range<usize>,
    pub(crate) is_quoted: bool,
}

/// The parameters behind the first semicolon of `value` (RFC 2045, 5.1).
pub(crate) fn params(value: &[u8]) -> impl Iterator<Item = Param> + '_ {
    let mut at = value
        .iter()
        .position(|byte| *byte == b';')
        .map_or(value.len(), |at| at + 1);
    core::iter::from_fn(move || {
        let rest = value.get(at..).unwrap_or_default();
        at += rest
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace() || **byte == b';')
            .count();
        let rest = value.get(at..).filter(|rest| !rest.is_empty())?;
        let stop = rest.iter().position(|byte| matches!(byte, b'=' | b';'));
        let stop = at + stop.unwrap_or(rest.len());
        let name = at..trimmed(value, at, stop);
        if value.get(stop) != Some(&b'=') {
            at = stop;
            return Some(Param {
                name,
                value: stop..stop,
                is_quoted: false,
            });
        }
        let mut from = stop + 1;
        while matches!(value.get(from), Some(b' ' | b'\t')) {
            from += 1;
        }
        let is_quoted = value.get(from) == Some(&b'"');
        let range = if is_quoted {
            from += 1;
            let end = quoted_end(value, from);
            at = end + 1;
            from..end
        } else {
            let rest = value.get(from..).unwrap_or_default();
            let len = rest.iter().position(|byte| *byte == b';');
            at = from + len.unwrap_or(rest.len());
            from..trimmed(value, from, at)
        };
        Some(Param {
            name,
            value: range,
            is_quoted,
        })
    })
}

/// Where the bytes `from..to` end without the white space at their end.
fn trimmed(value: &[u8], from: usize, to: usize) -> usize {
    let text = value.get(from..to).unwrap_or_default();
    from + text.trim_ascii_end().len()
}

/// Where the quoted string ends whose inside begins at `at`.
fn quoted_end(value: &[u8], mut at: usize) -> usize {
    loop {
        match value.get(at) {
            Some(b'"') | None => return at.min(value.len()),
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

/// How what is written has to look like, so that a header stays one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Anything but ends of lines.
    Plain,
    /// The inside of a quoted string.
    Quoted,
    /// Letters, digits and `*`.
    Token,
    /// Percent codes for everything else (RFC 8187).
    Encoded,
}

/// Bytes that may change.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) range: Range<usize>,
    pub(crate) style: Style,
}

/// What the headers of a part say.
#[derive(Debug)]
pub(crate) struct Head {
    /// What the part is written in.
    pub(crate) format: Format,
    /// Whether it has a file name.
    pub(crate) is_file: bool,
    /// Whether it says how long the part is: what it becomes is as long.
    pub(crate) is_counted: bool,
    /// The name of the field that it is the value of, or nothing.
    pub(crate) name: Vec<u8>,
    /// All names that the disposition of any part gives, for rules that name fields.
    pub(crate) names: Vec<Vec<u8>>,
    /// `base64` and `quoted-printable` are read by views.
    pub(crate) is_base64: bool,
    pub(crate) is_quoted_printable: bool,
    /// In order, disjoint.
    pub(crate) fields: Vec<Field>,
    /// Words that rules are not to see: `name` would name what follows it.
    pub(crate) covered: Vec<Range<usize>>,
}

impl Head {
    /// Reads a block of headers, in the part of a message with that boundary.
    pub(crate) fn read(block: &[u8], outer: Boundary) -> Head {
        let mut head = Head {
            format: Format::Text,
            is_file: false,
            is_counted: false,
            name: Vec::new(),
            names: Vec::new(),
            is_base64: false,
            is_quoted_printable: false,
            fields: Vec::new(),
            covered: Vec::new(),
        };
        let mut format = None;
        let mut at = 0;
        while at < block.len() {
            let end = header_end(block, at);
            head.line(block, at, end, outer, &mut format);
            at = end;
        }
        head.format = match format {
            // What is encoded is no document before it is decoded.
            _ if head.is_base64 || head.is_quoted_printable => Format::Text,
            Some(format) if format.resizes() && head.is_counted => Format::Bytes,
            Some(format) => format,
            None if head.is_file => Format::Bytes,
            None => Format::Text,
        };
        if head.format != Format::Text || head.is_file {
            head.name.clear();
        }
        head
    }

    /// As what the whole part is replaced: what is encoded, or counted, takes no tag.
    pub(crate) fn hidden_as(&self) -> Format {
        if self.is_base64 || self.is_quoted_printable || self.is_counted {
            return Format::Bytes;
        }
        self.format
    }

    /// A header with the lines that continue it.
    fn line(
        &mut self,
        block: &[u8],
        start: usize,
        end: usize,
        outer: Boundary,
        format: &mut Option<Format>,
    ) {
        let line = block.get(start..end).unwrap_or_default();
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return;
        };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default();
        let base = start + colon + 1;
        self.field(block, start..start + colon, Style::Token);
        let name = name.trim_ascii().to_ascii_lowercase();
        match &*name {
            b"content-disposition" | b"content-type" => {
                let is_type = name == b"content-type";
                self.structured(block, value, base, is_type);
                if is_type && format.is_none() {
                    let value = value.trim_ascii();
                    *format = Some(match Format::of(Some(value)) {
                        Format::Multipart(inner) => {
                            inner.inside(outer).map_or(Format::Text, Format::Multipart)
                        }
                        format => format,
                    });
                }
            }
            b"content-transfer-encoding" => {
                self.field(block, base..base + value.len(), Style::Token);
                let value = value.trim_ascii();
                self.is_base64 |= value.eq_ignore_ascii_case(b"base64");
                self.is_quoted_printable |= value.eq_ignore_ascii_case(b"quoted-printable");
            }
            _ => {
                self.is_counted |= name == b"content-length";
                self.field(block, base..base + value.len(), Style::Plain);
            }
        }
    }

    /// A value with parameters, which begins at `base` of `block`. `is_type`: it is a content type.
    fn structured(&mut self, block: &[u8], value: &[u8], base: usize, is_type: bool) {
        let stop = value.iter().position(|byte| *byte == b';');
        let kind = trimmed(value, 0, stop.unwrap_or(value.len()));
        self.field(block, base..base + kind, Style::Token);
        for param in params(value) {
            let shift = |range: Range<usize>| base + range.start..base + range.end;
            let name = value.get(param.name.clone()).unwrap_or_default();
            let name = name.to_ascii_lowercase();
            let all = param.name.start..param.value.start;
            let text = value.get(param.value.clone()).unwrap_or_default();
            match &*name {
                b"boundary" | b"charset" if is_type => {
                    self.covered.push(shift(all.start..param.value.end));
                    continue;
                }
                b"name" | b"name*" | b"filename" | b"filename*" => self.covered.push(shift(all)),
                _ => self.field(block, shift(param.name.clone()), Style::Token),
            }
            // That of a content type is another one. Of several, receivers may take any.
            if name == b"name" && !is_type && text.len() <= LONGEST_NAME {
                let good = text.iter().filter(|byte| **byte >= 0x20 && **byte != b'\\');
                let name: Vec<u8> = good.copied().collect();
                if self.names.is_empty() {
                    self.name.clone_from(&name);
                }
                self.names.push(name);
            }
            self.is_file |= name.starts_with(b"filename");
            let style = match (param.is_quoted, name.ends_with(b"*")) {
                (true, _) => Style::Quoted,
                (false, true) => Style::Encoded,
                (false, false) => Style::Token,
            };
            self.field(block, shift(param.value), style);
        }
    }

    /// What stands at `range` may change, but for the ends of lines.
    fn field(&mut self, block: &[u8], range: Range<usize>, style: Style) {
        let mut start = range.start;
        let bytes = block.get(range).unwrap_or_default();
        for line in bytes.split(|byte| matches!(byte, b'\r' | b'\n')) {
            let end = start + line.len();
            if start < end {
                let range = start..end;
                self.fields.push(Field { range, style });
            }
            start = end + 1;
        }
    }
}

/// Where the header that begins at `at` ends, with the lines that continue it.
fn header_end(block: &[u8], mut at: usize) -> usize {
    loop {
        let rest = block.get(at..).unwrap_or_default();
        let Some(line) = memchr::memchr(b'\n', rest) else {
            return block.len();
        };
        at += line + 1;
        if !matches!(block.get(at), Some(b' ' | b'\t')) {
            return at;
        }
    }
}

/// Writes into `out` what takes the place of `old`, which begins a field of that style: `new`, if that keeps the header one.
pub(crate) fn write(style: Style, old: &[u8], new: &[u8], out: &mut Vec<u8>) {
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"*.-_".contains(byte);
    let fits = match style {
        Style::Plain => !new.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)),
        Style::Quoted => !new
            .iter()
            .any(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)),
        Style::Token => new.iter().all(token),
        Style::Encoded => new.iter().all(|byte| token(byte) || b"[]".contains(byte)),
    };
    if !fits {
        out.resize(out.len() + old.len(), b'*');
        return;
    }
    for byte in new {
        match (style, byte) {
            (Style::Encoded, b'[') => out.extend_from_slice(b"%5B"),
            (Style::Encoded, b']') => out.extend_from_slice(b"%5D"),
            _ => out.push(*byte),
        }
    }
}

/// `range` of `block`, as far as it lies in `field`, made so that no character and no escape is cut.
pub(crate) fn whole(block: &[u8], field: &Field, range: Range<usize>) -> Range<usize> {
    let mut start = range.start.max(field.range.start);
    let mut end = range.end.min(field.range.end);
    let goes_on = |at: usize| block.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    while start > field.range.start && goes_on(start) {
        start -= 1;
    }
    while end < field.range.end && goes_on(end) {
        end += 1;
    }
    if field.style == Style::Quoted {
        let mut at = field.range.start;
        while at < end {
            let next = if block.get(at) == Some(&b'\\') {
                at + 2
            } else {
                at + 1
            };
            if at < start && start < next {
                start = at;
            }
            if at < end && end < next {
                end = next.min(field.range.end);
            }
            at = next;
        }
    }
    start..end.max(start)
}
