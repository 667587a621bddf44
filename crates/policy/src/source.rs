//! The text of one file, cheap to share, and places in it: lines, columns, and the way from an offset in a decoded TOML
//! string back to the file. Nothing here reads from a disk.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name and text of one file. Clones share the text.
#[derive(Clone)]
pub struct Source {
    inner: Arc<Inner>,
}

#[derive(PartialEq, Eq)]
struct Inner {
    file: PathBuf,
    text: String,
}

impl Source {
    /// A file's name, as it is to be shown, and its text.
    pub fn new(file: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self {
            inner: Arc::new(Inner {
                file: file.into(),
                text: text.into(),
            }),
        }
    }

    /// The file as it was named.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.inner.file
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// The 1-based line and column (in characters) of a byte offset; offsets past the end count as the end.
    ///
    /// ```
    /// let source = blackbar_policy::Source::new("x.toml", "a = 1\nb = 2\n");
    /// assert_eq!(source.line_column(10), (2, 5));
    /// ```
    #[must_use]
    pub fn line_column(&self, offset: usize) -> (u32, u32) {
        let before = &self.text()[..self.floor(offset)];
        let line = before.bytes().filter(|&b| b == b'\n').count();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before[start..].chars().count();
        (saturate(line) + 1, saturate(column) + 1)
    }

    /// The text of the line in which a byte offset lies, without its end.
    #[must_use]
    pub fn line_text(&self, offset: usize) -> &str {
        let at = self.floor(offset);
        let start = self.text()[..at].rfind('\n').map_or(0, |n| n + 1);
        let end = self.text()[at..]
            .find('\n')
            .map_or(self.text().len(), |n| at + n);
        self.text()[start..end.max(start)].trim_end_matches('\r')
    }

    /// The span within the text and on character boundaries.
    pub(crate) fn clamp(&self, span: Range<usize>) -> Range<usize> {
        let start = self.floor(span.start);
        let mut end = span.end.clamp(start, self.text().len());
        while !self.text().is_char_boundary(end) {
            end += 1;
        }
        start..end
    }

    fn floor(&self, offset: usize) -> usize {
        let mut at = offset.min(self.text().len());
        while !self.text().is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// The place in the file of a range within a decoded string, where `value` is the span of the TOML string, quotes included.
    ///
    /// Escapes of basic strings are counted as they are written.
    ///
    /// ```
    /// let source = blackbar_policy::Source::new("x.toml", r#"p = "\\d+["  "#);
    /// // The decoded string is `\d+[`; the bracket is its byte 3.
    /// assert_eq!(source.within_string(&(4..11), 3..4), 9..10);
    /// ```
    #[must_use]
    pub fn within_string(&self, value: &Range<usize>, decoded: Range<usize>) -> Range<usize> {
        let value = self.clamp(value.clone());
        let raw = &self.text()[value.clone()];
        let starts = decoded_offsets(raw);
        // `starts` ends with the offset of the closing quote, so that an empty range at the end has a place.
        let last = starts.len() - 1;
        let from = starts[decoded.start.min(last)];
        let to = starts[decoded
            .end
            .clamp(decoded.start, last.max(decoded.start))
            .min(last)];
        self.clamp(value.start + from..value.start + to.max(from))
    }
}

/// For each byte of the decoded string, where its first source byte lies in `raw`; then once more for the end.
fn decoded_offsets(raw: &str) -> Vec<usize> {
    let (quote, basic) = match raw.as_bytes() {
        [b'\'', b'\'', b'\'', ..] => ("'''", false),
        [b'"', b'"', b'"', ..] => ("\"\"\"", true),
        [b'\'', ..] => ("'", false),
        [b'"', ..] => ("\"", true),
        _ => ("", false),
    };
    let mut at = quote.len().min(raw.len());
    if quote.len() == 3 {
        // A line end right behind the opening quotes is not part of the string.
        at += raw[at..].len()
            - raw[at..]
                .strip_prefix("\r\n")
                .or(raw[at..].strip_prefix('\n'))
                .unwrap_or(&raw[at..])
                .len();
    }
    let end = raw.len().saturating_sub(quote.len()).max(at);
    let mut offsets = Vec::with_capacity(raw.len());
    while at < end {
        let rest = &raw[at..end];
        let (taken, decoded) = if basic { escape(rest) } else { (1, 1) };
        offsets.extend(std::iter::repeat_n(at, decoded));
        at = (at + taken).min(end);
        while !raw.is_char_boundary(at) {
            offsets.push(at);
            at += 1;
        }
    }
    offsets.push(end);
    offsets
}

/// How many source bytes the first unit of a basic string takes, and how many bytes it decodes to.
fn escape(rest: &str) -> (usize, usize) {
    let bytes = rest.as_bytes();
    if bytes.first() != Some(&b'\\') {
        return (1, 1);
    }
    let hex = |digits: usize| {
        let value = rest
            .get(2..2 + digits)
            .and_then(|text| u32::from_str_radix(text, 16).ok())
            .and_then(char::from_u32);
        (2 + digits, value.map_or(1, char::len_utf8))
    };
    match bytes.get(1) {
        Some(b'x') => hex(2),
        Some(b'u') => hex(4),
        Some(b'U') => hex(8),
        Some(b' ' | b'\t' | b'\r' | b'\n') => {
            let blank = rest[1..].len() - rest[1..].trim_start().len();
            (1 + blank, 0)
        }
        _ => (2, 1),
    }
}

fn saturate(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX - 1)
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner) || self.inner == other.inner
    }
}

impl Eq for Source {}

impl fmt::Debug for Source {
    /// The name only: a policy's debug form would otherwise repeat the file for each rule.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.file().display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(raw: &str, decoded: Range<usize>) -> String {
        let text = format!("k = {raw} # end");
        let source = Source::new("x", text.clone());
        text[source.within_string(&(4..4 + raw.len()), decoded)].to_string()
    }

    #[test]
    fn literal_strings_map_one_to_one() {
        assert_eq!(inside("'a[b'", 1..3), "[b");
        assert_eq!(inside("'''\nab[c'''", 2..3), "[");
        assert_eq!(inside("'a\u{e9}b'", 3..4), "b");
    }

    #[test]
    fn escapes_are_counted_as_written() {
        assert_eq!(inside(r#""\\d[""#, 2..3), "[");
        assert_eq!(inside(r#""\u00e9[""#, 2..3), "[");
        assert_eq!(inside(r#""\x41[""#, 1..2), "[");
        assert_eq!(inside("\"\"\"\na\\\n   b[\"\"\"", 2..3), "[");
        assert_eq!(inside(r#""\\d""#, 0..1), r"\\");
    }

    #[test]
    fn ranges_past_the_end_stay_inside() {
        assert_eq!(inside("'ab'", 5..9), "");
        assert_eq!(inside("'ab'", 1..9), "b");
        assert_eq!(inside("''", 0..0), "");
    }

    #[test]
    fn lines_and_columns() {
        let source = Source::new("x", "a\r\n\u{e9}b\nc");
        assert_eq!(source.line_column(5), (2, 2));
        assert_eq!(source.line_text(0), "a");
        assert_eq!(source.line_text(4), "\u{e9}b");
        assert_eq!(source.line_text(99), "c");
        assert_eq!(source.line_column(99), (3, 2));
    }
}
