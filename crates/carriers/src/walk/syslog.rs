//! Streams of syslog messages (RFC 6587): with a count of bytes before each message, which holds the stream together, or with the end of a
//! line behind it. What a message says is text.

use super::layout::{Fill, Layout};

/// The most digits of a count: more than 2 GiB is none.
const DIGITS: usize = 10;

/// A walk over messages.
#[derive(Debug, Clone)]
pub(crate) struct Syslog {
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// A count, or the message itself.
    Head,
    /// A message of which so many bytes are left.
    Counted(u64),
    /// One that ends with its line.
    Line,
}

impl Syslog {
    pub(crate) fn new() -> Syslog {
        Syslog { state: State::Head }
    }

    /// As [`Protobuf::read`](super::Protobuf::read).
    pub(crate) fn read(&mut self, bytes: &[u8], last: bool, layout: &mut Layout) -> usize {
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            match self.state {
                State::Head => {
                    let digits = rest.iter().take(DIGITS + 1);
                    let len = digits.take_while(|byte| byte.is_ascii_digit()).count();
                    let count = rest.get(..len).unwrap_or_default().iter();
                    let count = count.fold(0, |sum, digit| 10 * sum + u64::from(digit - b'0'));
                    match rest.get(len) {
                        None if !last && len <= DIGITS => return done,
                        Some(b' ') if (1..=DIGITS).contains(&len) && count > 0 => {
                            layout.structure(len + 1, Fill::Lines);
                            done += len + 1;
                            self.state = State::Counted(count);
                        }
                        // Some senders end what they have counted with a line as well.
                        Some(b'\r' | b'\n') if len == 0 => {
                            layout.structure(1, Fill::Kept);
                            done += 1;
                        }
                        _ => self.state = State::Line,
                    }
                }
                State::Counted(left) => {
                    let len = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                    layout.content(len);
                    done += len;
                    self.state = match left - len as u64 {
                        0 => State::Head,
                        left => State::Counted(left),
                    };
                }
                State::Line => {
                    let end = memchr::memchr(b'\n', rest);
                    layout.content(end.unwrap_or(rest.len()));
                    done += end.unwrap_or(rest.len());
                    if end.is_some() {
                        layout.structure(1, Fill::Kept);
                        done += 1;
                        self.state = State::Head;
                    }
                }
            }
        }
        done
    }
}
