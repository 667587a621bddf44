//! Streams of messages behind the count of their bytes, which holds the stream together; what a message says is text. Of syslog (RFC 6587)
//! the count is a number in digits, or there is none, and the message ends with its line, or at a NUL. Of DogStatsD over a stream socket it is a number of
//! four bytes, the little end first (<https://docs.datadoghq.com/developers/dogstatsd/unix_socket/>).

use super::layout::{Fill, Layout};

/// The most digits of a count: more than 2 GiB is none.
const DIGITS: usize = 10;

/// The largest datagram: what is longer is none, and the stream is broken.
const LARGEST: u32 = 1024 * 1024;

/// How messages are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counts {
    /// As syslog does.
    Digits,
    /// As DogStatsD does.
    Four,
}

/// A walk over messages.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    counts: Counts,
    state: State,
    /// It stops behind each message.
    stops: bool,
    ended: bool,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// A count, or the message itself.
    Head,
    /// A message of which so many bytes are left.
    Counted(u64),
    /// One that ends with its line.
    Line,
    /// No messages from here on.
    Broken,
}

impl Counted {
    pub(crate) fn new(counts: Counts) -> Counted {
        Counted {
            counts,
            state: State::Head,
            stops: false,
            ended: false,
        }
    }

    /// One that stops behind each message.
    pub(crate) fn stopping(mut self) -> Counted {
        self.stops = true;
        self
    }

    /// Whether it stopped behind one.
    pub(crate) fn take_ended(&mut self) -> bool {
        core::mem::take(&mut self.ended)
    }

    fn over(&mut self) {
        self.state = State::Head;
        self.ended = self.stops;
    }

    /// As [`Protobuf::read`](super::Protobuf::read).
    pub(crate) fn read(&mut self, bytes: &[u8], last: bool, layout: &mut Layout) -> usize {
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            if self.ended {
                break;
            }
            match self.state {
                State::Head if self.counts == Counts::Four => {
                    let Some(count) = rest.first_chunk::<4>().copied() else {
                        if last {
                            self.state = State::Broken;
                            continue;
                        }
                        return done;
                    };
                    let count = u32::from_le_bytes(count);
                    if count > LARGEST {
                        self.state = State::Broken;
                        continue;
                    }
                    layout.structure(4, Fill::Lines);
                    done += 4;
                    match count {
                        0 => self.over(),
                        count => self.state = State::Counted(u64::from(count)),
                    }
                }
                State::Broken => {
                    layout.content(rest.len());
                    done = bytes.len();
                }
                State::Head => {
                    let digits = rest.iter().take(DIGITS + 1);
                    let len = digits.take_while(|byte| byte.is_ascii_digit()).count();
                    let count = rest.get(..len).unwrap_or_default().iter();
                    let count = count.fold(0, |sum, digit| 10 * sum + u64::from(digit - b'0'));
                    match rest.get(len) {
                        None if !last && len <= DIGITS => return done,
                        Some(b' ') if !last && len <= DIGITS && rest.len() == len + 1 => {
                            return done;
                        }
                        // A message begins with its priority: other lines may well begin with a number.
                        Some(b' ')
                            if (1..=DIGITS).contains(&len)
                                && count > 0
                                && rest.get(len + 1) == Some(&b'<') =>
                        {
                            layout.structure(len + 1, Fill::Lines);
                            done += len + 1;
                            self.state = State::Counted(count);
                        }
                        // Some senders end what they have counted with a line as well.
                        Some(b'\r' | b'\n' | 0) if len == 0 => {
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
                    match left - len as u64 {
                        0 => self.over(),
                        left => self.state = State::Counted(left),
                    }
                }
                State::Line => {
                    let end = memchr::memchr2(b'\n', 0, rest);
                    layout.content(end.unwrap_or(rest.len()));
                    done += end.unwrap_or(rest.len());
                    if end.is_some() {
                        layout.structure(1, Fill::Kept);
                        done += 1;
                        self.over();
                    }
                }
            }
        }
        done
    }
}
