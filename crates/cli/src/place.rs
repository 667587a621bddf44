//! Which form a haystack has, and with that how a tag is written into it: `--format`, or a guess from its name and first bytes.

use std::path::Path;

use blackbar_engine::Place;
use clap::ValueEnum;

/// What `--format` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// JSON if the file's name or its first bytes say so, otherwise text
    Auto,
    /// Plain text: logs, configuration, anything
    Text,
    /// JSON or lines of JSON: a number that is redacted stays a number of the same length
    Json,
}

/// The place for a haystack of this name that starts with `head`; `None` while more bytes are needed to tell.
///
/// `whole`: no more bytes follow. A log line such as `[2026-11-21 ...` is not JSON, so an opening bracket alone does not decide.
pub(crate) fn decide(
    format: Format,
    path: Option<&Path>,
    head: &[u8],
    whole: bool,
) -> Option<Place> {
    match format {
        Format::Text => return Some(Place::Text),
        Format::Json => return Some(Place::Json),
        Format::Auto => {}
    }
    let extension = path
        .and_then(Path::extension)
        .and_then(|extension| extension.to_str());
    if extension.is_some_and(|extension| {
        ["json", "jsonl", "ndjson"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    }) {
        return Some(Place::Json);
    }
    let mut tokens = head
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace());
    let undecided = if whole { Some(Place::Text) } else { None };
    let (Some(first), second) = (tokens.next(), tokens.next()) else {
        return undecided;
    };
    match (first, second) {
        (b'{', Some(b'"' | b'}')) | (b'[', Some(b'{' | b'[' | b'"' | b']')) => Some(Place::Json),
        (b'{' | b'[', None) => undecided,
        _ => Some(Place::Text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn guess(name: &str, head: &str) -> Option<Place> {
        decide(Format::Auto, Some(Path::new(name)), head.as_bytes(), false)
    }

    #[test]
    fn names_and_first_bytes_decide() {
        assert_eq!(guess("a.JSON", "anything"), Some(Place::Json));
        assert_eq!(guess("a.log", "\n {\"a\":1}"), Some(Place::Json));
        assert_eq!(guess("a.log", "[ {"), Some(Place::Json));
        assert_eq!(
            guess("a.log", "[2026-11-21 10:00] start"),
            Some(Place::Text)
        );
        assert_eq!(guess("a.log", "{x} is a template"), Some(Place::Text));
        assert_eq!(guess("a.log", "\u{feff}text"), Some(Place::Text));
    }

    #[test]
    fn too_few_bytes_ask_for_more() {
        assert_eq!(guess("a.log", " \n"), None);
        assert_eq!(guess("a.log", "{"), None);
        assert_eq!(decide(Format::Auto, None, b"[", true), Some(Place::Text));
        assert_eq!(decide(Format::Auto, None, b"", true), Some(Place::Text));
    }

    #[test]
    fn a_given_format_is_not_questioned() {
        assert_eq!(
            decide(Format::Text, Some(Path::new("a.json")), b"{\"", false),
            Some(Place::Text)
        );
        assert_eq!(decide(Format::Json, None, b"", false), Some(Place::Json));
    }
}
