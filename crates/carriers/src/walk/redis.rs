//! What Redis and its kin speak, RESP2 and RESP3 (<https://redis.io/docs/latest/develop/reference/protocol-spec/>): strings behind the count
//! of their bytes, lists behind the count of their elements, lines. Strings and lines carry something; heads, numbers and the ends of lines
//! hold the stream together. What is none of this is a line of text, and behind it a new value may begin.
//!
//! Which arguments of commands are the secrets of a login is known here as well ([`login`]): no rule can tell.

use alloc::vec::Vec;

use super::layout::{Fill, Layout};
use login::{Command, WORD};

mod login;

/// What is done with passwords in commands that log in or set them: `AUTH`, `HELLO`, `CONFIG SET requirepass` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Logins {
    /// They become `*`, whatever rules say: for what is kept, not for a server that has to let a client in.
    #[default]
    Mask,
    /// They go on unread, and are counted.
    Pass,
    /// Nothing is taken for a command: for replies, which may well begin with such a word.
    Scan,
}

/// The longest head of a counted string or a list: a type, a number of 20 digits with its sign, the end of the line.
const HEAD: usize = 24;

/// What stands before the contents of a verbatim string.
const WRITTEN_IN: usize = 4;

/// Values nested deeper are lines of text.
const DEEPEST: usize = 512;

/// A list that is open.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// Elements left, and elements that were there.
    left: u64,
    index: u64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    Map,
    /// A map that stands before the value it says something about, and is none itself.
    Attribute,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A value begins.
    Head,
    /// A counted string of which so many bytes are left.
    Counted(u64),
    /// The end of a line behind it.
    Behind,
    /// A line of text, up to its end.
    Line,
    /// The same, of a command without counts, whose first word is not over yet.
    Inline,
    /// The blanks behind that word, where it logs in.
    Blank,
    /// What is left of a line that logs in.
    Secret,
    /// The digits of a number, up to the end of the line.
    Number,
}

/// What stands at the beginning of some bytes.
enum Head {
    /// Nothing, in place of a value: so many bytes.
    Null(usize),
    Counted(usize, u64),
    List(usize, u64, Kind),
    /// The first byte of a number, and of a line.
    Number,
    Line,
    Inline,
    /// More bytes are needed.
    Open,
}

impl Head {
    fn read(bytes: &[u8], last: bool) -> Head {
        let Some(first) = bytes.first() else {
            return Head::Open;
        };
        let kind = match first {
            b'$' | b'=' | b'!' => None,
            b'*' | b'~' | b'>' => Some(Kind::List),
            b'%' => Some(Kind::Map),
            b'|' => Some(Kind::Attribute),
            b':' | b',' | b'(' | b'#' | b'_' => return Head::Number,
            b'+' | b'-' => return Head::Line,
            _ => return Head::Inline,
        };
        let seen = bytes.get(..bytes.len().min(HEAD)).unwrap_or_default();
        let Some(end) = memchr::memchr(b'\n', seen) else {
            return if last || bytes.len() >= HEAD {
                Head::Inline
            } else {
                Head::Open
            };
        };
        let number = match seen.get(1..end) {
            Some([digits @ .., b'\r']) => digits,
            _ => return Head::Inline,
        };
        if number == b"-1" {
            return Head::Null(end + 1);
        }
        let count = core::str::from_utf8(number).ok();
        let count = count.filter(|n| n.bytes().all(|byte| byte.is_ascii_digit()));
        match (count.and_then(|n| n.parse::<u64>().ok()), kind) {
            (None, _) => Head::Inline,
            // A verbatim string begins with what it is written in: `txt:`.
            (Some(count), None) if *first == b'=' && count >= WRITTEN_IN as u64 => {
                match bytes.len() < end + 1 + WRITTEN_IN {
                    true if last => Head::Inline,
                    true => Head::Open,
                    false => Head::Counted(end + 1 + WRITTEN_IN, count - WRITTEN_IN as u64),
                }
            }
            (Some(count), None) => Head::Counted(end + 1, count),
            (Some(count), Some(Kind::List)) => Head::List(end + 1, count, Kind::List),
            (Some(count), Some(kind)) => Head::List(end + 1, count.saturating_mul(2), kind),
        }
    }
}

/// A walk over values.
#[derive(Debug, Clone)]
pub(crate) struct Redis {
    logins: Logins,
    state: State,
    open: Vec<Open>,
    command: Command,
    /// The first bytes of the string that is gone over, in lower case.
    word: [u8; WORD],
    word_len: usize,
    /// What is gone over is a password.
    secret: bool,
    /// Passwords since the last call that are to be masked: how far from the bytes that were read, and how long.
    found: Vec<(usize, usize)>,
    /// How many passwords there were.
    count: u64,
    stops: bool,
    ended: bool,
}

impl Redis {
    pub(crate) fn new(logins: Logins) -> Redis {
        Redis {
            logins,
            state: State::Head,
            open: Vec::new(),
            command: Command::default(),
            word: [0; WORD],
            word_len: 0,
            secret: false,
            found: Vec::new(),
            count: 0,
            stops: false,
            ended: false,
        }
    }

    /// One that stops behind each value of which all others are a part.
    pub(crate) fn stopping(mut self) -> Redis {
        self.stops = true;
        self
    }

    /// Whether it stopped behind one.
    pub(crate) fn take_ended(&mut self) -> bool {
        core::mem::take(&mut self.ended)
    }

    /// How many passwords there were.
    pub(crate) fn logins(&self) -> u64 {
        self.count
    }

    /// Passwords that are to be masked, in what was read last: where they begin in that, and how long they are.
    pub(crate) fn take_found(&mut self) -> Vec<(usize, usize)> {
        core::mem::take(&mut self.found)
    }

    /// As [`Protobuf::read`](super::Protobuf::read).
    pub(crate) fn read(&mut self, bytes: &[u8], last: bool, layout: &mut Layout) -> usize {
        let mut done = 0;
        self.found.clear();
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            let len = match self.state {
                State::Head => self.head(rest, last, layout),
                State::Counted(left) => self.counted(rest, left, done, layout),
                State::Behind => self.behind(rest, last, layout),
                State::Number => self.number(rest, layout),
                State::Inline => self.inline(rest, last, layout),
                State::Blank => self.blank(rest, layout),
                State::Line | State::Secret => self.line(rest, last, done, layout),
            };
            let Some(len) = len else {
                break;
            };
            done += len;
            if self.ended {
                break;
            }
        }
        done
    }

    /// Whether the value that comes next, or is gone over, has its name before it, or is one.
    fn fill(&self, names: bool) -> Fill {
        let Some(open) = self.open.last() else {
            return Fill::Lines;
        };
        let index = if names {
            Some(open.index)
        } else {
            open.index.checked_sub(1)
        };
        let named = index.is_some_and(|index| match open.kind {
            Kind::Map | Kind::Attribute => index % 2 == 0,
            Kind::List if self.open.len() == 1 => self.command.names(index),
            Kind::List => index % 2 == 0,
        });
        if named && open.left > u64::from(names) {
            Fill::Named
        } else {
            Fill::Lines
        }
    }

    fn head(&mut self, rest: &[u8], last: bool, layout: &mut Layout) -> Option<usize> {
        let head = match Head::read(rest, last) {
            Head::Open => return None,
            Head::List(..) if self.open.len() >= DEEPEST => Head::Inline,
            head => head,
        };
        (self.word_len, self.secret) = (0, false);
        match head {
            Head::Counted(len, count) => {
                let first = self.open.len() == 1;
                let index = self.open.last().map_or(0, |open| open.index);
                self.secret = first && self.command.is_secret(index);
                self.count += u64::from(self.secret);
                layout.structure(len, self.fill(false));
                self.state = match count {
                    0 => State::Behind,
                    count => State::Counted(count),
                };
                Some(len)
            }
            Head::List(len, count, kind) => {
                layout.structure(len, Fill::Lines);
                if self.open.is_empty() {
                    self.command = Command::new(count);
                }
                if count == 0 {
                    self.over(kind == Kind::Attribute);
                } else {
                    self.open.push(Open {
                        left: count,
                        index: 0,
                        kind,
                    });
                }
                Some(len)
            }
            Head::Null(len) => {
                layout.structure(len, Fill::Lines);
                self.over(false);
                Some(len)
            }
            Head::Number => {
                layout.structure(1, Fill::Lines);
                self.state = State::Number;
                Some(1)
            }
            Head::Line => {
                layout.structure(1, self.fill(false));
                self.state = State::Line;
                Some(1)
            }
            Head::Inline | Head::Open => {
                // Within a list that is no value: the list is broken off.
                let alone = self.open.is_empty();
                self.open.clear();
                self.state = if alone { State::Inline } else { State::Line };
                Some(0)
            }
        }
    }

    fn counted(
        &mut self,
        rest: &[u8],
        left: u64,
        done: usize,
        layout: &mut Layout,
    ) -> Option<usize> {
        let len = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
        let text = rest.get(..len).unwrap_or_default();
        if self.secret {
            self.cover(done, len, layout);
        } else {
            self.note(text);
            layout.content(len);
        }
        self.state = match left - len as u64 {
            0 => State::Behind,
            left => State::Counted(left),
        };
        Some(len)
    }

    /// A password, or a part of one.
    fn cover(&mut self, done: usize, len: usize, layout: &mut Layout) {
        layout.structure(len, Fill::Lines);
        if self.logins == Logins::Mask && len > 0 {
            self.found.push((done, len));
        }
    }

    fn note(&mut self, text: &[u8]) {
        let room = self.word.iter_mut().skip(self.word_len);
        for (room, byte) in room.zip(text) {
            *room = byte.to_ascii_lowercase();
            self.word_len += 1;
        }
    }

    fn word(&self) -> &[u8] {
        self.word.get(..self.word_len).unwrap_or_default()
    }

    fn behind(&mut self, rest: &[u8], last: bool, layout: &mut Layout) -> Option<usize> {
        if rest == b"\r" && !last {
            return None;
        }
        if !rest.starts_with(b"\r\n") {
            // It was counted wrongly, or is no string of this protocol.
            self.open.clear();
            self.state = State::Line;
            return Some(0);
        }
        if let [open] = self.open.as_slice() {
            let (index, word) = (open.index, self.word_len);
            let word = self.word.get(..word).unwrap_or_default();
            if self.logins != Logins::Scan {
                self.command.argument(index, word);
            }
        }
        layout.structure(2, self.fill(true));
        self.over(false);
        Some(2)
    }

    fn number(&mut self, rest: &[u8], layout: &mut Layout) -> Option<usize> {
        let digit = |byte: &&u8| byte.is_ascii_digit() || b"+-.eEinftaNIr".contains(byte);
        let len = rest.iter().take_while(digit).count();
        layout.structure(len, Fill::Lines);
        match rest.get(len) {
            None => {}
            Some(b'\r') => {
                // It ends as a line does.
                self.state = State::Line;
            }
            Some(_) => self.state = State::Line,
        }
        Some(len)
    }

    /// The first word of a command without counts says whether it logs in.
    fn inline(&mut self, rest: &[u8], last: bool, layout: &mut Layout) -> Option<usize> {
        if self.word_len == 0 {
            let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
            let len = blanks.count();
            if len > 0 {
                layout.content(len);
                return Some(len);
            }
        }
        let end = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let len = rest.iter().position(end).unwrap_or(rest.len());
        let text = rest.get(..len).unwrap_or_default();
        self.note(text);
        layout.content(len);
        if len < rest.len() || last {
            let logs_in = self.logins != Logins::Scan
                && matches!(rest.get(len), Some(b' ' | b'\t'))
                && login::is_word(self.word());
            self.state = if logs_in { State::Blank } else { State::Line };
        }
        Some(len)
    }

    fn blank(&mut self, rest: &[u8], layout: &mut Layout) -> Option<usize> {
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
        let len = blanks.count();
        layout.content(len);
        match rest.get(len) {
            None => {}
            Some(b'\r' | b'\n') => self.state = State::Line,
            Some(_) => {
                self.count += 1;
                self.state = State::Secret;
            }
        }
        Some(len)
    }

    /// Up to the end of a line.
    fn line(&mut self, rest: &[u8], last: bool, done: usize, layout: &mut Layout) -> Option<usize> {
        let end = memchr::memchr(b'\n', rest);
        let text = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let cr = text.last() == Some(&b'\r');
        let text = text.len() - usize::from(cr);
        if self.state == State::Secret {
            self.cover(done, text, layout);
        } else {
            layout.content(text);
        }
        match end {
            Some(end) => {
                let name = self.fill(true);
                layout.structure(end + 1 - text, name);
                self.over(false);
                Some(end + 1)
            }
            None if cr && !last => (text > 0).then_some(text),
            None => {
                layout.content(usize::from(cr));
                Some(rest.len())
            }
        }
    }

    /// A value is over, and so is every list that it was the last of.
    fn over(&mut self, attribute: bool) {
        self.state = State::Head;
        let mut counts = !attribute;
        while let Some(open) = self.open.last_mut() {
            if counts {
                open.left = open.left.saturating_sub(1);
                open.index = open.index.saturating_add(1);
            }
            if open.left > 0 {
                return;
            }
            counts = open.kind != Kind::Attribute;
            self.open.pop();
        }
        self.command = Command::default();
        self.ended = self.stops && counts;
    }
}
