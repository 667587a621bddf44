//! The text of a foreign pattern: its dialect evened out to Rust's syntax, look-around at its edges taken off, parsed. What becomes
//! of the expression is not known here.

use regex_syntax::ParserBuilder;
use regex_syntax::ast::ErrorKind;
use regex_syntax::hir::{self, Hir, HirKind};

use super::source::Dialect;
use super::tree::any;

/// Why a pattern cannot be parsed.
pub(super) enum Problem {
    /// It looks around.
    LookAround,
    /// Anything else.
    Words(&'static str),
}

impl Problem {
    /// In words, without what stands in the pattern.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::LookAround => "its pattern looks around (`(?=`, `(?!`, `(?<=`, `(?<!`)",
            Self::Words(words) => words,
        }
    }
}

/// Reads a pattern in Rust's syntax, for bytes.
pub(super) fn parse(text: &str) -> Result<Hir, Problem> {
    let mut builder = ParserBuilder::new();
    builder.unicode(false).utf8(false).nest_limit(250);
    builder.build().parse(text).map_err(|error| match &error {
        regex_syntax::Error::Parse(error) => match error.kind() {
            ErrorKind::UnsupportedLookAround => Problem::LookAround,
            ErrorKind::UnsupportedBackreference => {
                Problem::Words("its pattern has a back-reference")
            }
            _ => Problem::Words("its pattern is none that Rust's regex syntax knows"),
        },
        regex_syntax::Error::Translate(error) => match error.kind() {
            hir::ErrorKind::UnicodeNotAllowed
            | hir::ErrorKind::UnicodePropertyNotFound
            | hir::ErrorKind::UnicodePropertyValueNotFound => {
                Problem::Words("its pattern has a character class beyond ASCII")
            }
            _ => Problem::Words("its pattern is none that Rust's regex syntax knows"),
        },
        _ => Problem::Words("its pattern is none that Rust's regex syntax knows"),
    })
}

/// The pattern as Rust's syntax has it.
pub(super) fn even(pattern: &str, dialect: Dialect) -> String {
    let pattern = pattern.trim_end_matches(['\n', '\r']);
    let chars: Vec<char> = pattern.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let mut out = String::new();
    let (mut index, mut class) = (0, false);
    while index < chars.len() {
        let c = chars[index];
        if c == '\\' {
            out.push(c);
            out.extend(chars.get(index + 1));
            index += 2;
            continue;
        }
        if dialect == Dialect::Rust
            && !class
            && c == '('
            && at(index + 1) == '?'
            && at(index + 2) == '#'
        {
            index += chars[index..]
                .iter()
                .position(|&c| c == ')')
                .unwrap_or(chars.len())
                + 1;
            continue;
        }
        if class {
            match c {
                // A class with a name.
                '[' if at(index + 1) == ':' => {
                    let length = chars[index..].iter().position(|&c| c == ']').unwrap_or(0);
                    out.extend(&chars[index..=index + length]);
                    index += length + 1;
                    continue;
                }
                '[' if dialect == Dialect::Go => out.push_str("\\["),
                '&' | '~' | '-' if dialect == Dialect::Go && at(index + 1) == c => {
                    out.push('\\');
                    out.push(c);
                }
                ']' => {
                    class = false;
                    out.push(c);
                }
                _ => out.push(c),
            }
        } else {
            match c {
                '[' => {
                    class = true;
                    out.push(c);
                    // What stands first is a member, also where it would close the class.
                    if at(index + 1) == '^' {
                        out.push('^');
                        index += 1;
                    }
                    if at(index + 1) == ']' {
                        out.push_str("\\]");
                        index += 1;
                    }
                }
                '{' if dialect == Dialect::Go && !is_repetition(&chars[index..]) => {
                    out.push_str("\\{")
                }
                _ => out.push(c),
            }
        }
        index += 1;
    }
    out
}

/// `{2}`, `{2,}`, `{2,5}`.
fn is_repetition(chars: &[char]) -> bool {
    let inner: String = chars.iter().skip(1).take_while(|&&c| c != '}').collect();
    let (least, most) = inner.split_once(',').unwrap_or((&inner, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    chars.contains(&'}') && !least.is_empty() && digits(least) && digits(most)
}

/// A boundary of the policy language, and whether it is the very same.
pub(super) type Edge = Option<(&'static str, bool)>;

/// Takes negative look-around of one class from both ends: the boundary that stands for each, and whether it is the same.
pub(super) fn without_edges(text: &str) -> (String, [Edge; 2]) {
    let mut rest = text.to_string();
    let mut flags = String::new();
    while let Some(end) = rest
        .starts_with("(?")
        .then(|| rest.find(')'))
        .flatten()
        .filter(|&end| rest[2..end].chars().all(|c| c.is_ascii_lowercase()))
    {
        flags.push_str(&rest[..=end]);
        rest = rest[end + 1..].trim_start().to_string();
    }
    let mut edges = [None, None];
    if let Some(inner) = rest.strip_prefix("(?<!")
        && let Some((class, length)) = leading_class(inner)
    {
        edges[0] = Some(boundary(class));
        rest = inner[length + 1..].to_string();
    }
    let end = rest.trim_end().len();
    if let Some(start) = rest.rfind("(?!")
        && let Some((class, length)) = leading_class(&rest[start + 3..])
        && start + 3 + length + 1 == end
    {
        edges[1] = Some(boundary(class));
        rest.truncate(start);
    }
    (flags + &rest, edges)
}

/// A class that a closing parenthesis follows: its text and length.
fn leading_class(text: &str) -> Option<(&str, usize)> {
    let length = if text.starts_with('[') {
        let mut escaped = false;
        text.char_indices().skip(2).find_map(|(at, c)| {
            let end = c == ']' && !escaped;
            escaped = c == '\\' && !escaped;
            end.then_some(at + 1)
        })?
    } else if text.starts_with('\\') {
        2
    } else {
        1
    };
    (text[length..].starts_with(')')).then(|| (&text[..length], length))
}

/// The boundary whose bytes are those of a class, or the nearest.
fn boundary(class: &str) -> (&'static str, bool) {
    let Ok(hir) = parse(class) else {
        return ("word", false);
    };
    let same = |other: &str| parse(other).is_ok_and(|other| other == hir);
    if same("[0-9]") {
        ("digit", true)
    } else if same("\\w") {
        ("word", true)
    } else if same("[A-Za-z0-9_+/=.-]") {
        ("token", true)
    } else if any(&hir, &|hir| {
        matches!(hir.kind(), HirKind::Class(hir::Class::Bytes(class))
            if class.iter().all(|range| range.start().is_ascii_digit() && range.end().is_ascii_digit()))
    }) {
        ("digit", false)
    } else {
        ("word", false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialects_become_rust_s_syntax() {
        assert_eq!(
            even(r"\${[^[]{2}[a--]{x}", Dialect::Go),
            r"\$\{[^\[]{2}[a\--]\{x}"
        );
        assert_eq!(
            even("[[:alpha:]]{2,}[]x]", Dialect::Go),
            r"[[:alpha:]]{2,}[\]x]"
        );
        assert_eq!(even("(?x) a (?# note ) b\n", Dialect::Rust), "(?x) a  b");
    }
}
