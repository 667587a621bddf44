//! JSON: edits are cut to the insides of strings and to the digits of numbers, so that what was a document stays one. Where one edit
//! covers several of them, each is replaced for itself. What holds the document together is never written.

mod fields;
mod tokens;

pub use tokens::DEEPEST;

use alloc::vec::Vec;

use blackbar_engine::{Engine, Finding, Place, Plan, tag};

use crate::edits::{Edits, Wish, Wishes};
use crate::guard::{self, Tagged, grant, kept, name};
use crate::view;
use fields::Fields;
use tokens::{State, Tokens};

/// Follows behind the stream that decides, and shapes its edits.
#[derive(Debug)]
pub(crate) struct Guard {
    tokens: Tokens,
    /// Everything before it is done with; no unit of a string reaches over it.
    at: u64,
    tagged: Tagged,
    fields: Fields,
}

/// Bytes that are changed together or not at all: a byte, an escape, a character of several bytes.
enum Unit {
    Of(usize),
    /// More bytes are needed to tell.
    Open,
}

impl guard::Guard for Guard {
    fn done(&self) -> u64 {
        self.at
    }

    fn follow(
        &mut self,
        engine: &Engine,
        text: &[u8],
        last: bool,
        wishes: &mut Wishes,
        edits: &mut Edits,
    ) {
        let base = self.at;
        if last && !self.fields.are_on() && wishes.next_after(base).is_none() {
            // Nothing is to be changed, and nobody will ask what the last bytes were part of.
            self.at += text.len() as u64;
            return;
        }
        let index = |offset: u64| {
            usize::try_from(offset.saturating_sub(base)).map_or(text.len(), |i| i.min(text.len()))
        };
        let mut at = 0;
        while at < text.len() {
            if self.fields.hidden().is_some() {
                match self.hide(engine, text, at, last, edits) {
                    Some(len) => at += len,
                    None => break,
                }
                continue;
            }
            let wish = wishes.next_after(base + at as u64);
            let limit = wish.map_or(text.len(), |wish| index(wish.start));
            if !self.fields.are_on() && at < limit && self.tokens.are_between() {
                at += self.tokens.pass(text.get(at..limit).unwrap_or_default());
                continue;
            }
            // What lies before the next wish.
            let plain = self.tokens.plain(text, at, limit);
            if plain > 0 {
                let from = at;
                at += plain;
                let string = matches!(self.tokens.state, State::String { .. });
                let reached = at >= limit;
                if reached && string {
                    // The character that stands at the limit may have begun before it.
                    at -= begun(text, at, from, last);
                }
                self.key(text.get(from..at).unwrap_or_default());
                if !(string && reached) {
                    continue;
                }
            }
            let Some(byte) = text.get(at) else { break };
            let state = self.tokens.state;
            let rest = text.get(at..).unwrap_or_default();
            let len = match (state, byte) {
                (State::String { .. }, b'"' | 0..0x20) => 1,
                (State::String { .. }, _) => match unit(rest, last) {
                    Unit::Of(len) => len,
                    Unit::Open => break,
                },
                _ => 1,
            };
            let wished = wish.filter(|wish| wish.start < base + (at + len) as u64);
            if let (State::Text { .. }, Some(wish)) = (state, wished) {
                let end = index(wish.end);
                let first = self.tagged.is_first(&wish, self.tokens.number);
                let span = base + at as u64..base + end as u64;
                grant(engine, (Place::Json, first), span, &wish, wishes, edits);
                at = end;
                continue;
            }
            let escape = *byte == b'\\' && matches!(state, State::String { .. });
            if escape || len > 1 {
                self.key(rest.get(..len).unwrap_or_default());
            }
            if !escape && self.step(engine, *byte, base + at as u64, edits) {
                at += 1;
                continue;
            }
            // A string's own quotes are not inside it.
            let inside = matches!(
                (state, self.tokens.state),
                (State::String { .. }, State::String { .. })
            );
            if let Some(wish) = wished {
                let unit = rest.get(..len).unwrap_or_default();
                let start = base + at as u64;
                if inside {
                    self.in_string(engine, start, unit, &wish, wishes, edits);
                } else if let State::Number(number) = self.tokens.state
                    && byte.is_ascii_digit()
                {
                    let digit = if number.is_exponent() { b'0' } else { b'9' };
                    if kept(start, unit, &wish, wishes).is_none() {
                        edits.put(start, start + 1, |out| out.push(digit));
                    }
                } else if let State::Text { .. } = self.tokens.state {
                    // The document broke at this byte: it is text already.
                    let end = index(wish.end).max(at + len);
                    let first = self.tagged.is_first(&wish, self.tokens.number);
                    let span = start..base + end as u64;
                    grant(engine, (Place::Json, first), span, &wish, wishes, edits);
                    at = end;
                    continue;
                }
            }
            at += len;
        }
        self.at = base + at as u64;
        if last {
            self.fields.end(self.at, false, edits);
            self.fields.note(self.at);
        }
    }

    fn prepare(&mut self, engine: &Engine, plan: &Plan) {
        self.fields.prepare(engine, plan);
    }

    fn hand_over(&mut self, found: &mut Vec<Finding>) {
        self.fields.hand_over(found);
    }

    fn oldest(&self) -> u64 {
        self.fields.oldest()
    }

    fn memory(&self) -> usize {
        self.fields.memory()
    }
}

impl Guard {
    pub(crate) fn new(at: u64) -> Guard {
        Guard {
            tokens: Tokens::new(),
            at,
            tagged: Tagged::default(),
            fields: Fields::default(),
        }
    }

    /// The same where bytes are counted: fields that rules name are masked at their length. Nothing else is to be changed by it.
    pub(crate) fn counted(at: u64) -> Guard {
        Guard {
            fields: Fields::new(true),
            ..Guard::new(at)
        }
    }

    /// Starts over with another document, which begins at `at`; what rules do stays as it was.
    pub(crate) fn restart(&mut self, at: u64) {
        self.tokens = Tokens::new();
        self.at = at;
        self.tagged = Tagged::default();
        self.fields.restart();
    }

    /// More of a key, if this is one: its bytes, or an escape.
    fn key(&mut self, text: &[u8]) {
        if !self.fields.are_on() || self.tokens.state != (State::String { key: true }) {
            return;
        }
        match text.first() {
            Some(b'\\') => {
                let (bytes, count) = view::escape(text).unwrap_or_default();
                self.fields.key(bytes.get(..count).unwrap_or_default());
            }
            _ => self.fields.key(text),
        }
    }

    /// Goes over a byte and sees what begins and ends with it. Says whether it was replaced with the field that it is part of.
    fn step(&mut self, engine: &Engine, byte: u8, at: u64, edits: &mut Edits) -> bool {
        let (tokens, fields) = (&mut self.tokens, &mut self.fields);
        let before = (tokens.state, tokens.number, tokens.depth);
        let in_object = fields.are_on() && tokens.in_object();
        tokens.step(byte);
        if !fields.are_on() {
            return false;
        }
        let after = tokens.state;
        let text = matches!(after, State::Text { .. });
        if let Some(hidden) = fields.hidden() {
            if hidden.broken {
                if byte != b'\n' {
                    fields.hide(engine, at, &[byte], after, edits);
                    return true;
                }
                fields.end(at, false, edits);
            } else if text {
                fields.break_off();
                fields.hide(engine, at, &[byte], after, edits);
                return true;
            } else if hidden.goes_on(after, tokens.depth) {
                fields.hide(engine, at, &[byte], after, edits);
                return true;
            } else if hidden.ends_itself() && matches!(byte, b'"' | b']' | b'}') {
                fields.end(at + 1, true, edits);
                return true;
            } else {
                fields.end(at, false, edits);
            }
        }
        fields.pass(byte, at, after, tokens.depth);
        if text || before.2 > 0 && tokens.depth == 0 && matches!(byte, b'\n') {
            fields.leave();
            return false;
        }
        let opens = tokens.depth > before.2;
        let begins = tokens.number != before.1;
        if after == (State::String { key: true }) && begins {
            fields.begin_key();
        } else if opens || begins && !matches!(after, State::Value) {
            if fields
                .value(engine, at, before.2, in_object, after)
                .is_some()
            {
                fields.hide(engine, at, &[byte], after, edits);
                return true;
            }
            if opens {
                fields.enter();
            }
        } else if tokens.depth < before.2 {
            fields.exit();
        } else if !matches!(
            after,
            State::String { .. } | State::Number(_) | State::Word(..)
        ) {
            // Between tokens.
        } else if after == (State::String { key: true }) && byte < 0x80 {
            fields.key(&[byte]);
        }
        false
    }

    /// Replaces what comes next of a field. Answers with its length; `None` if more bytes are needed.
    fn hide(
        &mut self,
        engine: &Engine,
        text: &[u8],
        at: usize,
        last: bool,
        edits: &mut Edits,
    ) -> Option<usize> {
        let offset = self.at + at as u64;
        let rest = text.get(at..).unwrap_or_default();
        let state = self.tokens.state;
        let broken = self.fields.hidden().is_some_and(|hidden| hidden.broken);
        let mut len = match state {
            State::Text { .. } if broken => memchr::memchr(b'\n', rest).unwrap_or(rest.len()),
            _ => self.tokens.plain(text, at, text.len()),
        };
        if len == 0
            && let (State::String { .. }, [b'\\', next @ ..]) = (state, rest)
        {
            len = match next {
                [] if !last => return None,
                [] | [0..0x20, ..] => 1,
                _ => 2,
            };
        }
        if len > 0 {
            let piece = rest.get(..len).unwrap_or_default();
            self.fields.hide(engine, offset, piece, state, edits);
            return Some(len);
        }
        let byte = *rest.first()?;
        self.step(engine, byte, offset, edits);
        Some(1)
    }

    fn in_string(
        &mut self,
        engine: &Engine,
        start: u64,
        unit: &[u8],
        wish: &Wish,
        wishes: &Wishes,
        edits: &mut Edits,
    ) {
        let end = start + unit.len() as u64;
        if wish.is_tag() {
            let first = self.tagged.is_first(wish, self.tokens.number);
            edits.put(start, end, |out| {
                if first {
                    tag(name(engine, wish.rule), Place::Json, out);
                }
            });
        } else if kept(start, unit, wish, wishes).is_none() {
            edits.put(start, end, |out| out.resize(out.len() + unit.len(), b'*'));
        }
    }
}

/// The unit of a string that `text` begins with, which is not its end.
fn unit(text: &[u8], last: bool) -> Unit {
    let second = || text.get(6..).unwrap_or_default();
    let wanted = match text {
        // No escape: what follows ends the document.
        [b'\\', 0..0x20, ..] => 1,
        [b'\\', b'u', ..] => match code(text) {
            // A pair of surrogates is one character.
            Some(0xd800..0xdc00) => match second() {
                [] | [b'\\'] => 12,
                pair @ [b'\\', b'u', ..] => match code(pair) {
                    Some(0xdc00..0xe000) => 12,
                    None if text.len() < 12 => 12,
                    _ => 6,
                },
                _ => 6,
            },
            _ => 6,
        },
        [b'\\', ..] => 2,
        [first, ..] => width(*first),
        [] => 1,
    };
    if text.len() < wanted && !last {
        return Unit::Open;
    }
    // A unit ends at the latest where its string does.
    let (head, belongs): (usize, fn(&u8) -> bool) = match text {
        [b'\\', ..] => (2, |&byte| byte != b'"' && byte >= 0x20),
        _ => (1, |&byte| byte & 0xc0 == 0x80),
    };
    let head = head.min(wanted).min(text.len());
    let tail = text.iter().take(wanted).skip(head);
    Unit::Of(head + tail.take_while(|byte| belongs(byte)).count())
}

/// The number of bytes of a character of UTF-8 that begins with `first`.
pub(crate) fn width(first: u8) -> usize {
    match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    }
}

/// The code unit of the `\u....` that `text` begins with.
fn code(text: &[u8]) -> Option<u16> {
    let digits = text.get(2..6)?;
    digits.iter().try_fold(0, |code, &digit| {
        let digit = char::from(digit).to_digit(16)?;
        Some(code << 4 | u16::try_from(digit).ok()?)
    })
}

/// How many bytes before `at`, and not before `least`, belong to a character that goes on at `at`, or may.
pub(crate) fn begun(text: &[u8], at: usize, least: usize, last: bool) -> usize {
    if text.get(at).map_or(last, |byte| byte & 0xc0 != 0x80) {
        return 0;
    }
    let before = text.get(least..at).unwrap_or_default();
    let back = before
        .iter()
        .rev()
        .take(3)
        .position(|byte| byte & 0xc0 != 0x80);
    match back {
        Some(back)
            if before
                .iter()
                .rev()
                .nth(back)
                .is_some_and(|&byte| width(byte) > back + 1) =>
        {
            back + 1
        }
        _ => 0,
    }
}
