//! Which carrier a haystack has: the one place where a content type, a name on a command line or a place of a message becomes a
//! [`Format`]. What a format means for edits lives with its guard.

use alloc::boxed::Box;
use alloc::vec::Vec;

use blackbar_engine::Place;
use blackbar_engine::schema::MessageIndex;

use crate::guard::Guard;
use crate::json;
use crate::markup;
use crate::pairs;
use crate::parts::{
    Boundary, Files, Framing, Messages, Multipart, Parts, WebSocket, WebText, head,
};
use crate::walk::{
    Codec, Counted, Counts, Frame, Items, Logins, Packing, Protobuf, Reader, Redis, Walk,
};

/// What a haystack is written in, as far as a change could break it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Format {
    /// Plain text, and everything whose readers take any bytes in the place of others.
    #[default]
    Text,
    /// Something whose readers count bytes: archives, images, types nobody named. What is redacted must keep its length.
    Bytes,
    /// One message of protobuf.
    Protobuf,
    /// Frames of gRPC, gRPC-Web or a stream of Connect, with messages written like that: each frame is a haystack of its own.
    Frames(Codec),
    /// One of them.
    Frame(Codec),
    /// The same in base64: `grpc-web-text`.
    WebText(Codec),
    /// Frames of WebSocket, in either direction: each message is a haystack of its own.
    WebSocket,
    /// Messages of syslog, each behind the count of its bytes, or on a line.
    Syslog,
    /// Values of MessagePack.
    MessagePack,
    /// Values of CBOR.
    Cbor,
    /// Commands and replies of Redis.
    Redis(Logins),
    /// Datagrams of DogStatsD, each behind its length.
    Dogstatsd,
    /// Messages, each a haystack of its own.
    Stream(Framing),
    /// Parts between boundaries, each with headers and a format of its own.
    Multipart(Boundary),
    /// XML.
    Xml,
    /// HTML.
    Html,
    /// JSON, one document or many.
    Json,
    /// A form or a URL: the brackets of a tag are percent-encoded.
    Form,
    /// A URL that is shown and not sent: as a form, but tags keep their brackets.
    Shown,
    /// URLs in angle brackets, as in the header `link`: as a form, or as what is shown.
    Links {
        /// Whether they are not sent.
        shown: bool,
    },
    /// The value of a header.
    Header,
    /// A header of cookies.
    Cookies,
}

impl Format {
    /// The format that a `content-type` value names. Without one: text.
    ///
    /// Text-like types are named; every other type counts bytes until shown otherwise.
    #[must_use]
    pub fn of(content_type: Option<&[u8]>) -> Format {
        let essence = content_type.map(essence).unwrap_or_default();
        let Some(slash) = essence.iter().position(|byte| *byte == b'/') else {
            return Format::Text;
        };
        let (kind, sub) = essence.split_at(slash);
        match (kind, sub.get(1..).unwrap_or_default()) {
            (b"application", sub) if GRPC_JSON.contains(&sub) => Format::Frames(Codec::Json),
            (b"application" | b"text", sub) if JSON.contains(&sub) || is_json(sub) => Format::Json,
            (b"application", b"x-www-form-urlencoded") => Format::Form,
            (b"multipart", b"byteranges") => Format::Bytes,
            (b"text", b"html") => Format::Html,
            (b"text" | b"application", b"xml" | b"soap") => Format::Xml,
            (_, sub) if sub.ends_with(b"+xml") => Format::Xml,
            (b"application", sub) if PROTOBUF.contains(&sub) => Format::Protobuf,
            (b"application", b"grpc-web-text" | b"grpc-web-text+proto") => {
                Format::WebText(Codec::Protobuf)
            }
            (b"application", b"grpc-web-text+json") => Format::WebText(Codec::Json),
            (b"application", b"msgpack" | b"x-msgpack" | b"vnd.msgpack") => Format::MessagePack,
            (b"application", b"cbor" | b"cbor-seq") => Format::Cbor,
            (_, sub) if sub.ends_with(b"+msgpack") => Format::MessagePack,
            (_, sub) if sub.ends_with(b"+cbor") => Format::Cbor,
            (b"application", sub) if GRPC.contains(&sub) => Format::Frames(Codec::Protobuf),
            (b"multipart", _) => Format::Multipart(Boundary::of(content_type.unwrap_or_default())),
            // What Heroku drains logs as: each message behind the count of its bytes.
            (b"application", b"logplex-1") => Format::Syslog,
            // A message in a batch says how long its body is.
            (b"message" | b"application", b"http") => Format::Bytes,
            (b"text" | b"message", _) => Format::Text,
            (b"application", sub) if TEXT.contains(&sub) => Format::Text,
            (_, sub) if sub.ends_with(b"+yaml") => Format::Text,
            _ => Format::Bytes,
        }
    }

    /// Whether a reader counts bytes: what is redacted must keep its length there, so rules whose action changes it have to mask.
    #[must_use]
    pub fn is_counted(self) -> bool {
        if let Format::Stream(framing) = self {
            return framing.is_counted();
        }
        !matches!(
            self,
            Format::Text
                | Format::Json
                | Format::Xml
                | Format::Html
                | Format::Form
                | Format::Shown
                | Format::Links { .. }
                | Format::Header
                | Format::Cookies
                | Format::Multipart(_)
        )
    }

    /// Whether a change may make the whole longer or shorter although its readers count bytes: a compressed frame is replaced by a plain one.
    #[must_use]
    pub fn resizes(self) -> bool {
        matches!(self, Format::Frames(_) | Format::WebText(_))
    }

    /// How the engine writes a tag there.
    #[must_use]
    pub fn place(self) -> Place {
        match self {
            Format::Json => Place::Json,
            Format::Form | Format::Links { shown: false } => Place::Url,
            Format::Header | Format::Cookies => Place::Header,
            _ => Place::Text,
        }
    }

    /// What shapes edits of a haystack, or of a part of one, that begins at offset `at`; `None`: every edit is granted as it is.
    pub(crate) fn guard(self, at: u64) -> Option<Box<dyn Guard>> {
        match self {
            Format::Json => Some(Box::new(json::Guard::new(at))),
            Format::Xml => Some(Box::new(markup::Guard::new(markup::Kind::Xml, at))),
            Format::Html => Some(Box::new(markup::Guard::new(markup::Kind::Html, at))),
            _ => None,
        }
    }

    /// The guard that follows names and values, where a rule names fields.
    pub(crate) fn pairs(self) -> Option<pairs::Kind> {
        match self {
            Format::Form => Some(pairs::Kind::Form),
            Format::Shown => Some(pairs::Kind::Shown),
            Format::Links { shown } => Some(pairs::Kind::Links { shown }),
            Format::Header => Some(pairs::Kind::Header),
            Format::Cookies => Some(pairs::Kind::Cookies),
            _ => None,
        }
    }

    /// What goes over the bytes before they are scanned, where they are counted by a reader that is known.
    pub(crate) fn walk(self) -> Option<Walk> {
        match self {
            Format::Protobuf => Some(Walk::new(Reader::Protobuf(Protobuf::new(u64::MAX)))),
            Format::Frame(codec) => Some(Walk::new(Reader::Frame(Frame::new(codec)))),
            Format::MessagePack => Some(Walk::new(Reader::Items(Items::new(Packing::MessagePack)))),
            Format::Syslog => Some(Walk::new(Reader::Counted(Counted::new(Counts::Digits)))),
            Format::Dogstatsd => Some(Walk::new(Reader::Counted(Counted::new(Counts::Four)))),
            Format::Redis(logins) => Some(Walk::new(Reader::Redis(Redis::new(logins)))),
            Format::Cbor => Some(Walk::new(Reader::Items(Items::new(Packing::Cbor)))),
            _ => None,
        }
    }
}

impl Format {
    /// What takes a haystack apart whose parts have formats of their own.
    pub(crate) fn parts(
        self,
        files: Files,
        message: Option<MessageIndex>,
    ) -> Option<Box<dyn Parts>> {
        match self {
            Format::Multipart(boundary) => Some(Box::new(Multipart::new(boundary, files))),
            Format::WebText(codec) => Some(Box::new(WebText::new(codec, message))),
            Format::Stream(framing) => Some(Box::new(Messages::new(framing))),
            Format::Frames(codec) => Some(Box::new(Messages::of_frames(codec, message))),
            Format::WebSocket => Some(Box::new(WebSocket::new())),
            _ => None,
        }
    }
}

impl From<Place> for Format {
    fn from(place: Place) -> Format {
        match place {
            Place::Json => Format::Json,
            Place::Url => Format::Form,
            Place::Header => Format::Header,
            _ => Format::Text,
        }
    }
}

const PROTOBUF: &[&[u8]] = &[
    b"protobuf",
    b"x-protobuf",
    b"vnd.google.protobuf",
    b"x-google-protobuf",
    b"vnd.protobuf",
    b"proto",
    b"x-proto",
];

/// Frames of messages that are protobuf.
const GRPC: &[&[u8]] = &[
    b"grpc",
    b"grpc+proto",
    b"grpc-web",
    b"grpc-web+proto",
    b"connect+proto",
];

/// Frames of messages that are JSON.
const GRPC_JSON: &[&[u8]] = &[b"grpc+json", b"grpc-web+json", b"connect+json"];

/// Whether a subtype says by its suffix that it is JSON; clients of Elasticsearch send `vnd.elasticsearch+x-ndjson`.
fn is_json(sub: &[u8]) -> bool {
    let suffix = sub.rsplit(|byte| *byte == b'+').next();
    sub.contains(&b'+') && suffix.is_some_and(|suffix| JSON.contains(&suffix))
}

const JSON: &[&[u8]] = &[
    b"json",
    b"x-ndjson",
    b"ndjson",
    b"jsonl",
    b"json-lines",
    b"x-jsonlines",
    b"jsonlines",
    b"json-seq",
    b"x-json-stream",
    b"stream+json",
    // The protocols of CloudWatch Logs and others of its house.
    b"x-amz-json-1.0",
    b"x-amz-json-1.1",
];

const TEXT: &[&[u8]] = &[
    b"javascript",
    b"x-javascript",
    b"ecmascript",
    b"yaml",
    b"x-yaml",
    b"toml",
    b"graphql",
    b"sql",
    b"x-sh",
    b"x-log",
    b"csv",
    b"sdp",
    b"x-pem-file",
    b"pem-certificate-chain",
    b"x-tex",
    b"rtf",
];

/// The message of protobuf that a content type names by a parameter: `messageType`, as Prometheus and others have it, `proto`, or `message`.
#[must_use]
pub fn message_name(content_type: &[u8]) -> Option<&[u8]> {
    let mut params = head::params(content_type);
    let named = params.find(|param| {
        let name = content_type.get(param.name.clone()).unwrap_or_default();
        MESSAGE.iter().any(|known| name.eq_ignore_ascii_case(known))
    });
    content_type.get(named?.value)
}

/// Parameters that name a message.
const MESSAGE: &[&[u8]] = &[b"messagetype", b"proto", b"message"];

/// A content type without parameters, in lower case.
#[must_use]
pub fn essence(content_type: &[u8]) -> Vec<u8> {
    let end = content_type
        .iter()
        .position(|byte| matches!(byte, b';' | b','))
        .unwrap_or(content_type.len());
    content_type
        .get(..end)
        .unwrap_or_default()
        .trim_ascii()
        .to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn names_of_messages() {
        let name =
            |text: &'static str| message_name(text.as_bytes()).map(|name| name.escape_ascii());
        for (text, wanted) in [
            ("application/x-protobuf; messageType=\"a.B\"", "a.B"),
            ("application/x-protobuf;charset=x; PROTO=a.B ; q=1", "a.B"),
            ("application/protobuf; message=a.B", "a.B"),
        ] {
            assert_eq!(name(text).map(|n| n.to_string()).as_deref(), Some(wanted));
        }
        assert!(name("application/protobuf; delimited=true").is_none());
    }

    #[test]
    fn content_types() {
        assert_eq!(Format::of(None), Format::Text);
        let all: &[(Format, &[&str])] = &[
            (Format::Text, &["", "text/plain", "x"]),
            (
                Format::Json,
                &[
                    "application/json",
                    "Application/JSON;charset=utf-8",
                    "application/problem+json",
                    "application/x-ndjson",
                    "application/vnd.elasticsearch+x-ndjson; compatible-with=9",
                    "text/json",
                    "application/x-amz-json-1.1",
                ],
            ),
            (Format::Form, &["application/x-www-form-urlencoded"]),
            (Format::Html, &["TEXT/HTML; charset=utf-8"]),
            (
                Format::Xml,
                &[
                    "application/xml",
                    "text/xml",
                    "image/svg+xml",
                    "application/xhtml+xml",
                ],
            ),
            (
                Format::Bytes,
                &[
                    "application/grpc+thrift",
                    "application/octet-stream",
                    "image/png",
                    "multipart/byteranges; x",
                    "font/woff2",
                    "application/http; msgtype=request",
                    "message/http",
                ],
            ),
            (Format::Protobuf, &["application/x-protobuf; messageType=x"]),
            (Format::Syslog, &["application/logplex-1"]),
            (
                Format::Frames(Codec::Protobuf),
                &["application/grpc", "application/grpc-web+proto"],
            ),
            (
                Format::Frames(Codec::Json),
                &["application/grpc+json", "application/connect+json"],
            ),
            (
                Format::WebText(Codec::Protobuf),
                &[
                    "application/grpc-web-text",
                    "application/grpc-web-text+proto",
                ],
            ),
            (
                Format::MessagePack,
                &["application/msgpack", "application/x.y+msgpack"],
            ),
            (
                Format::Cbor,
                &["application/cbor", "application/senml+cbor"],
            ),
            (
                Format::Multipart(Boundary::of(b"x/y; boundary=x")),
                &[
                    "multipart/form-data; boundary=x",
                    "Multipart/Mixed; Boundary=\"x\"",
                ],
            ),
        ];
        for (format, types) in all {
            for content_type in *types {
                let got = Format::of(Some(content_type.as_bytes()));
                assert_eq!(got, *format, "{content_type}");
            }
        }
    }
}
