//! The state of one HTTP stream: two message flows, what is held, what the guest may see, what has left.
//!
//! No guest is called from here: `filter_chain` drives it, `hostcalls` reads and edits it.

use std::collections::BTreeMap;

use crate::abi::{Direction, Status};
use crate::headers::Headers;
use crate::outcome::{Emitted, LocalResponse, Violation};

/// Whether iteration over a message is stopped, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stop {
    #[default]
    No,
    /// Further callbacks of this message come; Continue from any of them releases what is held.
    Single,
    /// No further callback of this message comes before `proxy_continue_stream`.
    All {
        /// Whether what arrives meanwhile counts against the buffer limit (otherwise the source is slowed down).
        limited: bool,
    },
}

/// One message on its way through the filter.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// The headers as they stand; kept after they have left, for the access log.
    pub(crate) headers: Option<Headers>,
    pub(crate) headers_open: bool,
    pub(crate) headers_sent: bool,
    pub(crate) trailers: Option<Headers>,
    pub(crate) trailers_open: bool,
    /// The trailers callback has run.
    pub(crate) trailers_seen: bool,
    /// Pseudo-headers that the message arrived with and may not lose.
    pub(crate) required: Vec<&'static str>,
    /// The body that the guest may see.
    pub(crate) buffer: Vec<u8>,
    /// The current chunk is in reach of the guest.
    pub(crate) chunk_open: bool,
    /// A paused body is in `buffer`; it stays in reach in every callback.
    pub(crate) buffering: bool,
    /// Bytes that were stopped out of the guest's reach; they leave ahead of `buffer`.
    pub(crate) held: Vec<u8>,
    pub(crate) stop: Stop,
    /// The guest has been told of the end of the stream.
    pub(crate) end_seen: bool,
    /// The source has ended the message.
    pub(crate) source_ended: bool,
    /// What arrived while all iteration was stopped.
    pub(crate) pending: Vec<u8>,
    pub(crate) pending_call: bool,
    pub(crate) pending_trailers: Option<Headers>,
    /// Nothing more leaves and the guest is not called again for this message.
    pub(crate) closed: bool,
    pub(crate) ended: bool,
    pub(crate) out: Emitted,
    pub(crate) sent_body: u64,
    /// The headers as they left.
    pub(crate) sent_headers: Option<Headers>,
    /// A recycled allocation for the next chunk.
    pub(crate) spare: Vec<u8>,
}

impl Flow {
    /// The body bytes that a hostcall sees now; `None` when there is no body buffer in this phase.
    pub(crate) fn body(&self) -> Option<&Vec<u8>> {
        (self.chunk_open || self.buffering).then_some(&self.buffer)
    }

    pub(crate) fn body_mut(&mut self) -> Option<&mut Vec<u8>> {
        (self.chunk_open || self.buffering).then_some(&mut self.buffer)
    }

    /// Moves everything held to the wire.
    pub(crate) fn flush_body(&mut self) {
        for mut bytes in [
            std::mem::take(&mut self.held),
            std::mem::replace(&mut self.buffer, std::mem::take(&mut self.spare)),
        ] {
            self.sent_body += bytes.len() as u64;
            if self.out.body.is_empty() {
                std::mem::swap(&mut self.out.body, &mut bytes);
            } else {
                self.out.body.extend_from_slice(&bytes);
            }
            if self.spare.capacity() < bytes.capacity() {
                bytes.clear();
                self.spare = bytes;
            }
        }
    }

    pub(crate) fn finish(&mut self) {
        self.out.end = true;
        self.ended = true;
        self.closed = true;
    }

    /// Breaks the message off; anything held is lost.
    pub(crate) fn reset(&mut self) {
        if self.headers_sent && !self.ended {
            self.out.reset = true;
        }
        self.closed = true;
        self.stop = Stop::No;
        self.buffering = false;
        self.chunk_open = false;
        self.buffer.clear();
        self.held.clear();
        self.pending.clear();
    }
}

/// What a hostcall asked for that happens when the guest has returned.
#[derive(Debug)]
pub(crate) enum Deferred {
    Continue(u32, Direction),
    Close(u32),
    Local(u32, LocalResponse),
}

/// One HTTP exchange inside of the VM.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) root: u32,
    pub(crate) request: Flow,
    pub(crate) response: Flow,
    /// A local response has taken the place of the upstream's.
    pub(crate) local: Option<LocalResponse>,
    /// The 503 of a failed VM has been sent.
    pub(crate) failed: bool,
    pub(crate) logging: bool,
    pub(crate) filter_state: BTreeMap<String, Vec<u8>>,
    pub(crate) properties: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) violations: Vec<Violation>,
}

impl Stream {
    pub(crate) fn flow(&self, direction: Direction) -> &Flow {
        match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        }
    }

    pub(crate) fn flow_mut(&mut self, direction: Direction) -> &mut Flow {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }
}

/// `proxy_set_buffer_bytes` on a body.
///
/// `(0, 0)` prepends, `(0, n)` replaces the first n bytes (all of them from n >= size), `start >= size` appends, anything
/// else is refused. `old`: replacing some but not all is refused too.
pub(crate) fn set_bytes(
    buffer: &mut Vec<u8>,
    start: usize,
    length: usize,
    data: &[u8],
    old: bool,
) -> Status {
    let size = buffer.len();
    if start == 0 {
        if old && length > 0 && length < size {
            return Status::BadArgument;
        }
        if length >= size {
            buffer.clear();
            buffer.extend_from_slice(data);
        } else {
            let after = data.len() + size - length;
            buffer.resize(after.max(size), 0);
            buffer.copy_within(length..size, data.len());
            buffer[..data.len()].copy_from_slice(data);
            buffer.truncate(after);
        }
    } else if start >= size {
        buffer.extend_from_slice(data);
    } else {
        return Status::BadArgument;
    }
    Status::Ok
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(before: &str, start: usize, length: usize, data: &str, old: bool) -> (Status, String) {
        let mut buffer = before.as_bytes().to_vec();
        let status = set_bytes(&mut buffer, start, length, data.as_bytes(), old);
        (status, String::from_utf8(buffer).unwrap())
    }

    #[test]
    fn set_buffer_semantics() {
        let ok = |text: &str| (Status::Ok, text.to_owned());
        assert_eq!(set("abc", 0, 0, "X", false), ok("Xabc"));
        assert_eq!(set("abc", 0, 1, "XY", false), ok("XYbc"));
        assert_eq!(set("abc", 0, 2, "", false), ok("c"));
        assert_eq!(set("abc", 0, 3, "X", false), ok("X"));
        assert_eq!(set("abc", 0, usize::MAX, "X", false), ok("X"));
        assert_eq!(set("abc", 3, 0, "X", false), ok("abcX"));
        assert_eq!(set("abc", 9, 9, "X", false), ok("abcX"));
        assert_eq!(set("", 0, 0, "X", false), ok("X"));
        assert_eq!(set("", 1, 0, "X", false), ok("X"));
        for start in 1..3 {
            assert_eq!(
                set("abc", start, 1, "X", false),
                (Status::BadArgument, "abc".to_owned())
            );
        }
    }

    #[test]
    fn old_envoy_refuses_to_replace_a_part() {
        assert_eq!(
            set("abc", 0, 1, "X", true),
            (Status::BadArgument, "abc".to_owned())
        );
        assert_eq!(set("abc", 0, 3, "X", true), (Status::Ok, "X".to_owned()));
        assert_eq!(set("abc", 0, 0, "X", true), (Status::Ok, "Xabc".to_owned()));
        assert_eq!(set("abc", 3, 0, "X", true), (Status::Ok, "abcX".to_owned()));
    }
}
