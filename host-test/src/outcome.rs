//! What came out of an exchange: messages, local responses, violations, log lines; and the framing check.
//!
//! Not here: how it came about (`filter_chain`).

use std::collections::BTreeMap;
use std::fmt;

use crate::abi::{Direction, LogLevel};
use crate::headers::Headers;

/// What one step put on the wire in one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Emitted {
    /// Headers, when they left in this step.
    pub headers: Option<Headers>,
    /// Body bytes that left in this step.
    pub body: Vec<u8>,
    /// Trailers, when they left in this step.
    pub trailers: Option<Headers>,
    /// The message ended properly in this step.
    pub end: bool,
    /// The message was broken off in this step.
    pub reset: bool,
}

/// What one call of an [`Exchange`](crate::Exchange) method put on the wire, both ways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// To the upstream.
    pub upstream: Emitted,
    /// To the client.
    pub downstream: Emitted,
}

/// A whole message as the peer received it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// `None` when nothing was sent.
    pub headers: Option<Headers>,
    /// All body bytes, in order.
    pub body: Vec<u8>,
    /// `None` when there were none.
    pub trailers: Option<Headers>,
    /// Whether the message ended properly.
    pub ended: bool,
    /// Whether it was broken off.
    pub reset: bool,
}

impl Message {
    /// Adds what a step emitted.
    pub fn push(&mut self, emitted: &Emitted) {
        if let Some(headers) = &emitted.headers {
            self.headers = Some(headers.clone());
        }
        self.body.extend_from_slice(&emitted.body);
        if let Some(trailers) = &emitted.trailers {
            self.trailers = Some(trailers.clone());
        }
        self.ended |= emitted.end;
        self.reset |= emitted.reset;
    }

    /// The first value of a header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.as_ref()?.text(name)
    }

    /// The number in `:status`.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.header(":status")?.parse().ok()
    }
}

/// Who made a local response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalOrigin {
    /// The guest, by `proxy_send_local_response`.
    Guest,
    /// A paused body passed the buffer limit (413 or 500).
    Overflow,
    /// The VM has trapped (503).
    Failure,
    /// The router refused what the guest left of the request headers (503).
    Router,
}

/// A response that the host itself made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalResponse {
    /// HTTP status.
    pub status: u32,
    /// Headers beyond those that the host adds.
    pub headers: Headers,
    /// Body bytes.
    pub body: Vec<u8>,
    /// Response code details, for the access log.
    pub details: String,
    /// gRPC status, if one was given.
    pub grpc_status: Option<u32>,
    /// Who made it.
    pub origin: LocalOrigin,
}

/// Something that a peer would suffer from, or that a filter should never do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// The body that was sent is not as long as the content-length that was sent: on a request, a smuggling hazard.
    ContentLengthMismatch {
        /// Which message.
        direction: Direction,
        /// The number in the header.
        declared: u64,
        /// Body bytes sent.
        sent: u64,
    },
    /// A content-length that is no number, or several that differ.
    ContentLengthUnreadable {
        /// Which message.
        direction: Direction,
    },
    /// NUL, CR or LF in a header or trailer that was to be sent. On request headers the router answers 503 instead.
    ForbiddenByteInHeader {
        /// Which message.
        direction: Direction,
    },
    /// A pseudo-header that the message needs is gone. On request headers the router answers 503 instead.
    RequiredHeaderMissing {
        /// Which message.
        direction: Direction,
    },
    /// The message was broken off after its headers had left.
    Truncated {
        /// Which message.
        direction: Direction,
    },
    /// The exchange ended while the guest still paused this message.
    Stalled {
        /// Which message.
        direction: Direction,
    },
    /// TCP bytes from the upstream were paused; the host drops them, as nothing can continue them.
    UpstreamDataDropped {
        /// How many.
        bytes: u64,
    },
}

/// A line that the guest logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its level.
    pub level: LogLevel,
    /// The context that logged it.
    pub context: u32,
    /// Its bytes as the guest gave them.
    pub message: Vec<u8>,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "[{}] {}",
            self.level,
            String::from_utf8_lossy(&self.message)
        )
    }
}

/// What is known of an exchange when it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// What left in the last step.
    pub step: Step,
    /// The last local response, if the host made one.
    pub local_response: Option<LocalResponse>,
    /// Filter state, keyed as an access log names it (`wasm.blackbar.path`).
    pub filter_state: BTreeMap<String, Vec<u8>>,
    /// What went wrong on the wire.
    pub violations: Vec<Violation>,
}

/// The result of [`Host::run`](crate::Host::run).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the upstream received.
    pub upstream: Message,
    /// What the client received.
    pub downstream: Message,
    /// The last local response, if the host made one.
    pub local_response: Option<LocalResponse>,
    /// Filter state, keyed as an access log names it (`wasm.blackbar.path`).
    pub filter_state: BTreeMap<String, Vec<u8>>,
    /// What went wrong on the wire.
    pub violations: Vec<Violation>,
    /// What the VM logged meanwhile.
    pub log_lines: Vec<LogLine>,
}

/// Checks the length that `headers` declare against the `sent` body bytes of a message that ended properly.
///
/// A response to HEAD, a 204 and a 304 declare a length without having a body.
pub(crate) fn check_framing(
    direction: Direction,
    headers: &Headers,
    sent: u64,
    method: Option<&[u8]>,
) -> Option<Violation> {
    let mut declared = None;
    for value in headers.all("content-length") {
        let number = core::str::from_utf8(value)
            .ok()
            .filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|text| text.parse::<u64>().ok());
        match (number, declared) {
            (None, _) => return Some(Violation::ContentLengthUnreadable { direction }),
            (Some(number), Some(known)) if number != known => {
                return Some(Violation::ContentLengthUnreadable { direction });
            }
            (Some(number), _) => declared = Some(number),
        }
    }
    let bodiless = direction == Direction::Response
        && (method == Some(b"HEAD") || matches!(headers.text(":status"), Some("204" | "304")));
    let declared = declared?;
    (declared != sent && !(bodiless && sent == 0)).then_some(Violation::ContentLengthMismatch {
        direction,
        declared,
        sent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing() {
        let check = |length: &[&str], sent, method: &[u8], status| {
            let mut headers = Headers::from([(":status", status)]);
            for value in length {
                headers.add(b"content-length", value.as_bytes());
            }
            check_framing(Direction::Response, &headers, sent, Some(method))
        };
        assert_eq!(check(&["3"], 3, b"GET", "200"), None);
        assert_eq!(check(&[], 3, b"GET", "200"), None);
        assert!(matches!(
            check(&["3"], 4, b"GET", "200"),
            Some(Violation::ContentLengthMismatch {
                declared: 3,
                sent: 4,
                ..
            })
        ));
        assert_eq!(check(&["3"], 0, b"HEAD", "200"), None);
        assert_eq!(check(&["3"], 0, b"GET", "304"), None);
        assert!(check(&["3"], 4, b"HEAD", "200").is_some());
        for bad in ["", "+3", "3 ", "-1", "99999999999999999999"] {
            assert!(
                matches!(
                    check(&[bad], 3, b"GET", "200"),
                    Some(Violation::ContentLengthUnreadable { .. })
                ),
                "{bad:?}"
            );
        }
        assert!(check(&["3", "4"], 3, b"GET", "200").is_some());
        assert_eq!(check(&["3", "3"], 3, b"GET", "200"), None);
    }
}
