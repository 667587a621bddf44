//! Which carrier a haystack has: `--format`, or a guess from its name and first bytes.

use std::path::Path;

use blackbar_carriers::{Boundary, Codec, Format, Framing, Logins};
use clap::ValueEnum;

/// What `--format` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// JSON if the file's name or its first bytes say so, otherwise text
    Auto,
    /// Plain text: logs, configuration, anything
    Text,
    /// JSON or lines of JSON: a number that is redacted stays a number of the same length
    Json,
    /// A form or a URL: tags are percent-encoded
    Form,
    /// Parts between boundaries, as browsers send forms with files: each part by its own content type. The first line tells the boundary
    Multipart,
    /// One message of protobuf, walked without a descriptor: strings are masked at their length
    Protobuf,
    /// Frames of gRPC with messages of protobuf
    Grpc,
    /// The same in base64, as browsers take it
    GrpcWebText,
    /// Frames of WebSocket, as they follow an upgrade in either direction
    Websocket,
    /// Messages of syslog: each behind the count of its bytes (RFC 6587), or, where the first byte is no digit, lines of text
    Syslog,
    /// XML: text, values of attributes and comments are redacted, tags stay
    Xml,
    /// HTML, the same
    Html,
    /// Values of MessagePack
    Msgpack,
    /// Values of CBOR
    Cbor,
    /// Lines of text, each by itself: no finding reaches over the end of one
    Lines,
    /// Commands and replies of Redis, each by itself: strings are masked at their length, and so are the passwords of logins
    Redis,
    /// Datagrams of DogStatsD over a stream socket, each behind its length
    Dogstatsd,
}

/// The format of a haystack of this name that starts with `head`; `None` while more bytes are needed to tell.
///
/// `whole`: no more bytes follow. A log line such as `[2026-11-21 ...` is not JSON, so an opening bracket alone does not decide.
pub(crate) fn decide(
    format: FormatArg,
    path: Option<&Path>,
    head: &[u8],
    whole: bool,
) -> Option<Format> {
    match format {
        FormatArg::Text => return Some(Format::Text),
        FormatArg::Json => return Some(Format::Json),
        FormatArg::Form => return Some(Format::Form),
        FormatArg::Multipart => return Some(Format::Multipart(Boundary::default())),
        FormatArg::Protobuf => return Some(Format::Protobuf),
        FormatArg::GrpcWebText => return Some(Format::WebText(Codec::Protobuf)),
        FormatArg::Websocket => return Some(Format::WebSocket),
        FormatArg::Xml => return Some(Format::Xml),
        FormatArg::Html => return Some(Format::Html),
        FormatArg::Syslog => {
            return match head.first() {
                Some(byte) if byte.is_ascii_digit() => Some(Format::Syslog),
                Some(_) => Some(Format::Text),
                None => whole.then_some(Format::Text),
            };
        }
        FormatArg::Msgpack => return Some(Format::MessagePack),
        FormatArg::Cbor => return Some(Format::Cbor),
        FormatArg::Lines => return Some(Format::Stream(Framing::Lines)),
        FormatArg::Redis => return Some(Format::Stream(Framing::Redis(Logins::Mask))),
        FormatArg::Dogstatsd => return Some(Format::Stream(Framing::Dogstatsd)),
        FormatArg::Grpc => return Some(Format::Frames(Codec::Protobuf)),
        FormatArg::Auto => {}
    }
    let extension = path
        .and_then(Path::extension)
        .and_then(|extension| extension.to_str());
    if extension.is_some_and(|extension| {
        ["json", "jsonl", "ndjson"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    }) {
        return Some(Format::Json);
    }
    let mut tokens = head
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace());
    let undecided = if whole { Some(Format::Text) } else { None };
    let (Some(first), second) = (tokens.next(), tokens.next()) else {
        return undecided;
    };
    match (first, second) {
        (b'{', Some(b'"' | b'}')) | (b'[', Some(b'{' | b'[' | b'"' | b']')) => Some(Format::Json),
        (b'{' | b'[', None) => undecided,
        _ => Some(Format::Text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn guess(name: &str, head: &str) -> Option<Format> {
        decide(
            FormatArg::Auto,
            Some(Path::new(name)),
            head.as_bytes(),
            false,
        )
    }

    #[test]
    fn names_and_first_bytes_decide() {
        assert_eq!(guess("a.JSON", "anything"), Some(Format::Json));
        assert_eq!(guess("a.log", "\n {\"a\":1}"), Some(Format::Json));
        assert_eq!(guess("a.log", "[ {"), Some(Format::Json));
        assert_eq!(
            guess("a.log", "[2026-11-21 10:00] start"),
            Some(Format::Text)
        );
        assert_eq!(guess("a.log", "{x} is a template"), Some(Format::Text));
        assert_eq!(guess("a.log", "\u{feff}text"), Some(Format::Text));
    }

    #[test]
    fn too_few_bytes_ask_for_more() {
        assert_eq!(guess("a.log", " \n"), None);
        assert_eq!(guess("a.log", "{"), None);
        assert_eq!(
            decide(FormatArg::Auto, None, b"[", true),
            Some(Format::Text)
        );
        assert_eq!(decide(FormatArg::Auto, None, b"", true), Some(Format::Text));
    }

    #[test]
    fn syslog_is_counted_where_it_begins_with_a_count() {
        let guess = |head: &[u8], whole| decide(FormatArg::Syslog, None, head, whole);
        assert_eq!(guess(b"12 <34>1 - - ", false), Some(Format::Syslog));
        assert_eq!(guess(b"<34>1 - - ", false), Some(Format::Text));
        assert_eq!(guess(b"", false), None);
        assert_eq!(guess(b"", true), Some(Format::Text));
    }

    #[test]
    fn a_given_format_is_not_questioned() {
        assert_eq!(
            decide(FormatArg::Text, Some(Path::new("a.json")), b"{\"", false),
            Some(Format::Text)
        );
        assert_eq!(
            decide(FormatArg::Json, None, b"", false),
            Some(Format::Json)
        );
    }
}
