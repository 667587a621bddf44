//! Names and values in rows: forms and URLs, cookies, one header. Values that rules name are replaced; every other edit is granted as it is.
//! There is such a guard only where a rule names fields.

use alloc::vec::Vec;

use blackbar_engine::{Engine, Finding, Place, Plan, tag};

use crate::edits::{Edits, Wish, Wishes};
use crate::fields::{Named, Trail, stronger};
use crate::guard::{self, Tagged, name};

/// What names and values stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `name=value&name=value`, in a URL behind `?` or `#`. Names are percent-encoded, and may have brackets: `user[email]`.
    Form,
    /// The same, not in flight: tags have brackets.
    Shown,
    /// URLs in angle brackets, which none of their values goes over; in flight or not.
    Links { shown: bool },
    /// `name=value; name=value`, behind `cookie:`.
    Cookies,
    /// `name: value`.
    Header,
}

impl Kind {
    fn is_form(self) -> bool {
        matches!(self, Kind::Form | Kind::Shown | Kind::Links { .. })
    }

    fn place(self) -> Place {
        match self {
            Kind::Form | Kind::Links { shown: false } => Place::Url,
            Kind::Shown | Kind::Links { shown: true } => Place::Text,
            Kind::Cookies | Kind::Header => Place::Header,
        }
    }

    /// What a byte in a name is.
    fn mark(self, byte: u8) -> Mark {
        match (self, byte) {
            (Kind::Header, b':') => Mark::Value,
            (Kind::Header, _) => Mark::None,
            (_, b'=') => Mark::Value,
            (Kind::Cookies, b';' | b':') => Mark::Name,
            (Kind::Cookies, _) => Mark::None,
            (_, b'&' | b'?' | b'#') => Mark::Name,
            _ => Mark::None,
        }
    }

    /// Where the value ends that `text` is in; one that is hidden holds as much as it may.
    fn end(self, text: &[u8], hidden: bool) -> Option<usize> {
        match self {
            Kind::Form | Kind::Shown if hidden => memchr::memchr(b'&', text),
            Kind::Links { .. } if hidden => memchr::memchr2(b'&', b'>', text),
            Kind::Form | Kind::Shown | Kind::Links { .. } => {
                memchr::memchr3(b'&', b'?', b'#', text)
            }
            Kind::Cookies => memchr::memchr(b';', text),
            Kind::Header => None,
        }
    }
}

enum Mark {
    /// A value begins behind it.
    Value,
    /// A name begins behind it.
    Name,
    None,
}

/// Follows behind the stream that decides.
#[derive(Debug)]
pub(crate) struct Guard {
    kind: Kind,
    at: u64,
    trail: Trail,
    state: State,
    path: Path,
    /// The value of a rule that only counts, and where it begins.
    counted: Option<(Named, u64)>,
    tagged: Tagged,
    found: Vec<Finding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was there.
    Start,
    Name,
    /// Blanks between a header's colon and its value.
    Lead,
    Value,
    /// A value that a rule names, from there on.
    Hidden(Named, u64),
}

impl guard::Guard for Guard {
    fn done(&self) -> u64 {
        self.at
    }

    fn restart(&mut self, kind: Kind) -> bool {
        (self.kind, self.at, self.state) = (kind, 0, State::Start);
        (self.path, self.counted) = (Path::default(), None);
        self.trail.leave();
        self.tagged = Tagged::default();
        self.found.clear();
        true
    }

    fn prepare(&mut self, engine: &Engine, plan: &Plan) {
        self.trail.prepare(engine, plan);
    }

    fn hand_over(&mut self, found: &mut Vec<Finding>) {
        found.append(&mut self.found);
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
        // What is not hidden is granted in as long runs as there are.
        let (mut at, mut run) = (0, 0);
        while at < text.len() {
            let rest = text.get(at..).unwrap_or_default();
            match self.state {
                State::Start => self.begin_name(engine),
                State::Name => match self.name(engine, rest, base + at as u64, last) {
                    Some(len) => at += len,
                    None => break,
                },
                State::Lead if matches!(rest, [b' ' | b'\t', ..]) => at += 1,
                State::Lead => self.begin_value(engine, base + at as u64),
                State::Value => match self.kind.end(rest, false) {
                    Some(end) => {
                        self.note(base + (at + end) as u64);
                        at += end + 1;
                        self.begin_name(engine);
                    }
                    None => at = text.len(),
                },
                State::Hidden(named, start) => {
                    let end = self.kind.end(rest, true);
                    let len = end.unwrap_or(rest.len());
                    let from = base + at as u64;
                    let until = from + len as u64;
                    self.grant(engine, base + run as u64, from, wishes, edits);
                    run = at + len;
                    self.hide(engine, named, start == from, from..until, edits);
                    at += len;
                    if end.is_some() {
                        at += 1;
                        self.end(named, start, until);
                        self.begin_name(engine);
                    }
                }
            }
        }
        self.grant(engine, base + run as u64, base + at as u64, wishes, edits);
        self.at = base + at as u64;
        if last {
            self.note(self.at);
            if let State::Hidden(named, start) = self.state {
                self.end(named, start, self.at);
            }
        }
    }

    fn memory(&self) -> usize {
        self.trail.memory() + self.found.capacity() * size_of::<Finding>()
    }
}

impl Guard {
    pub(crate) fn new(kind: Kind) -> Guard {
        Guard {
            kind,
            at: 0,
            trail: Trail::default(),
            state: State::Start,
            path: Path::default(),
            counted: None,
            tagged: Tagged::default(),
            found: Vec::new(),
        }
    }

    fn begin_name(&mut self, engine: &Engine) {
        self.path = Path::begin(&mut self.trail, engine);
        self.state = State::Name;
    }

    fn begin_value(&mut self, engine: &Engine, at: u64) {
        self.state = match self.path.end(&mut self.trail, engine) {
            Some(named) if named.hides() => State::Hidden(named, at),
            counted => {
                self.counted = counted.map(|named| (named, at));
                State::Value
            }
        };
    }

    /// Goes over what a name begins with; answers with its length, or nothing if more bytes are needed.
    fn name(&mut self, engine: &Engine, rest: &[u8], at: u64, last: bool) -> Option<usize> {
        let &byte = rest.first()?;
        match self.kind.mark(byte) {
            Mark::Value => {
                if self.kind == Kind::Header {
                    self.state = State::Lead;
                } else {
                    self.begin_value(engine, at + 1);
                }
                return Some(1);
            }
            Mark::Name => {
                self.begin_name(engine);
                return Some(1);
            }
            Mark::None => {}
        }
        let (byte, len) = match rest {
            [b'%', ..] if self.kind.is_form() => match code(rest) {
                Some(byte) => (byte, 3),
                None if rest.len() < 3 && !last => return None,
                None => (b'%', 1),
            },
            _ => (byte, 1),
        };
        if self.kind.is_form() {
            self.path.step(&mut self.trail, engine, byte);
        } else {
            self.path.plain(&mut self.trail, byte);
        }
        Some(len)
    }

    /// Replaces the next bytes of a value; `first`: it begins with them.
    fn hide(
        &mut self,
        engine: &Engine,
        named: Named,
        first: bool,
        at: core::ops::Range<u64>,
        edits: &mut Edits,
    ) {
        if at.is_empty() {
            return;
        }
        let len = usize::try_from(at.end - at.start).unwrap_or(0);
        let place = self.kind.place();
        edits.put(at.start, at.end, |out| {
            if named.action.preserves_length() {
                out.resize(out.len() + len, b'*');
            } else if first {
                tag(name(engine, named.rule), place, out);
            }
        });
    }

    /// What is only counted ends there, if there is any.
    fn note(&mut self, end: u64) {
        if let Some((named, start)) = self.counted.take() {
            self.end(named, start, end);
        }
    }

    fn end(&mut self, named: Named, start: u64, end: u64) {
        if start < end {
            self.found.push(Finding {
                start,
                end,
                rule: named.rule,
            });
        }
    }

    /// Grants what is wanted between `from` and `to`: of wishes that go over what is hidden, the rest.
    fn grant(
        &mut self,
        engine: &Engine,
        from: u64,
        to: u64,
        wishes: &mut Wishes,
        edits: &mut Edits,
    ) {
        let mut at = from;
        while let Some(wish) = wishes.next_after(at).filter(|wish| wish.start < to) {
            let (start, end) = (wish.start.max(at), wish.end.min(to));
            self.piece(engine, start, end, &wish, wishes, edits);
            at = end;
            if at >= to {
                break;
            }
        }
    }

    fn piece(
        &mut self,
        engine: &Engine,
        start: u64,
        end: u64,
        wish: &Wish,
        wishes: &Wishes,
        edits: &mut Edits,
    ) {
        let text = wishes.text(wish);
        let first = wish.is_tag() && self.tagged.is_first(wish, 0);
        let place = self.kind.place();
        edits.put(start, end, |out| {
            let index = |at: u64| usize::try_from(at - wish.start).unwrap_or(usize::MAX);
            if !wish.is_tag() {
                out.extend_from_slice(text.get(index(start)..index(end)).unwrap_or_default());
            } else if start == wish.start {
                out.extend_from_slice(text);
            } else if first {
                tag(name(engine, wish.rule), place, out);
            }
        });
    }
}

/// The rule that names the field of that name, which may have brackets: `user[email]`.
pub(crate) fn named(trail: &mut Trail, engine: &Engine, name: &[u8]) -> Option<Named> {
    let mut path = Path::begin(trail, engine);
    for &byte in name {
        path.step(trail, engine, byte);
    }
    path.end(trail, engine)
}

/// A name with brackets, as far as it was gone over.
#[derive(Debug, Clone, Copy, Default)]
struct Path {
    /// The rule that names what it leads to so far.
    named: Option<Named>,
    /// Whether the part of it that is gone over has a byte.
    begun: bool,
}

impl Path {
    fn begin(trail: &mut Trail, engine: &Engine) -> Path {
        trail.root(engine);
        trail.begin_key();
        Path::default()
    }

    fn step(&mut self, trail: &mut Trail, engine: &Engine, byte: u8) {
        match byte {
            b'[' if self.begun => self.part(trail, engine, true),
            b'[' => {}
            b']' => self.part(trail, engine, self.begun),
            byte => self.plain(trail, byte),
        }
    }

    fn plain(&mut self, trail: &mut Trail, byte: u8) {
        if self.begun || !matches!(byte, b' ' | b'\t') {
            self.begun = true;
            trail.key(&[byte]);
        }
    }

    /// A part of it ends: a key, or what stands for any element.
    fn part(&mut self, trail: &mut Trail, engine: &Engine, keyed: bool) {
        let named = trail.descend(engine, keyed);
        self.named = stronger(self.named, named);
        trail.begin_key();
        self.begun = false;
    }

    fn end(&mut self, trail: &mut Trail, engine: &Engine) -> Option<Named> {
        if self.begun {
            self.part(trail, engine, true);
        }
        self.named.take()
    }
}

/// The byte of the percent code that `text` begins with.
fn code(text: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
    u8::try_from(digit(1)? << 4 | digit(2)?).ok()
}
