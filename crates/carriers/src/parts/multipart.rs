//! Multipart messages (RFC 2046, 5.1; RFC 7578): what lies between boundaries are parts, each with headers and a carrier of its own
//! content type. What stands before the first boundary and behind the last one is text; so is a part whose headers are none, from where
//! they begin. A part that says how long it is stays as long.

use alloc::boxed::Box;

use blackbar_engine::{Engine, Finding};

use super::boundary::{Boundary, Next};
use super::head::{self, Head};
use super::masks::Masks;
use super::{Came, Files, Part, Parts, Sink};
use crate::fields::Trail;
use crate::format::Format;
use crate::pairs;
use crate::view::With;

/// A message that is taken apart.
#[derive(Debug)]
pub(crate) struct Multipart {
    boundary: Boundary,
    files: Files,
    came: Came,
    state: State,
    /// Everything before it was given to a part, or is none.
    at: u64,
    /// Whether a line begins there.
    line: bool,
    /// How many bytes behind it are lines of headers that are not over yet.
    accepted: usize,
    part: Box<Part>,
    /// Whether its headers say how long it is.
    is_counted: bool,
    masks: Masks,
    /// Parts that were left unread, of this message itself.
    passed: u64,
    trail: Trail,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The first line, which has to tell the boundary.
    First,
    /// The inside of a part, or what stands before the first one.
    Inside,
    /// The same, and nobody reads it.
    Unread,
    Headers,
    /// Text up to the end: behind the last boundary, or there is no boundary at all.
    Rest,
}

/// What the beginning of a part is.
enum Begins {
    /// Headers of so many bytes, the empty line included or not.
    Headers(usize, usize),
    /// More bytes are needed; the lines in the first so many are headers.
    Open(usize),
    /// No headers.
    Text,
}

impl Multipart {
    pub(crate) fn new(boundary: Boundary, files: Files) -> Multipart {
        Multipart {
            boundary,
            files,
            came: Came::default(),
            state: if boundary.is_known() {
                State::Inside
            } else {
                State::First
            },
            at: 0,
            line: true,
            accepted: 0,
            part: Box::new(Part::new()),
            is_counted: false,
            masks: Masks::default(),
            passed: 0,
            trail: Trail::default(),
        }
    }

    /// Goes on over `text`, which begins at `self.at`. Answers how many bytes it dealt with, or nothing if more are needed.
    fn step(
        &mut self,
        with: With<'_>,
        text: &[u8],
        last: bool,
        sink: &mut Sink<'_>,
    ) -> Option<usize> {
        match self.state {
            State::First => {
                let found = self.boundary.learn(text, last)?;
                self.state = if found { State::Inside } else { State::Rest };
                Some(0)
            }
            State::Rest => {
                self.text(with, text, last, sink);
                Some(text.len())
            }
            State::Inside | State::Unread => Some(self.inside(with, text, last, sink)),
            State::Headers => match self.begins(text, last) {
                Begins::Open(accepted) => {
                    self.accepted = accepted;
                    None
                }
                Begins::Text => {
                    self.state = State::Inside;
                    Some(0)
                }
                Begins::Headers(len, all) => {
                    let head = Head::read(text.get(..len).unwrap_or_default(), self.boundary);
                    self.head(with, text.get(..len).unwrap_or_default(), &head, sink);
                    self.is_counted = head.is_counted;
                    let masks = self.masks(with);
                    let with = match self.is_counted {
                        true => masks.on(with),
                        false => with,
                    };
                    let start = self.at + all as u64;
                    self.state = State::Inside;
                    self.trail.prepare(with.engine, with.plan);
                    let trail = &mut self.trail;
                    let follows = trail.is_on();
                    let names = head.names.iter().filter(|_| follows);
                    let named = names
                        .filter_map(|name| pairs::named(trail, with.engine, name))
                        .max_by_key(|named| named.hides());
                    if named.is_none() && head.is_file && self.files == Files::Pass {
                        self.passed += 1;
                        self.state = State::Unread;
                    } else {
                        let mut with = with;
                        with.views.base64 |= head.is_base64;
                        with.views.quoted_printable |= head.is_quoted_printable;
                        self.part
                            .begin(with, head.format, self.files, start, &head.name);
                        if let Some(named) = named {
                            self.part.hide(named, head.hidden_as());
                        }
                    }
                    self.masks = masks;
                    self.line = true;
                    Some(all)
                }
            },
        }
    }

    /// What the part that is open is scanned with, by [`Masks::on`].
    fn masks(&mut self, with: With<'_>) -> Masks {
        let masks = core::mem::take(&mut self.masks);
        match self.is_counted {
            true => masks.made(with),
            false => masks,
        }
    }

    /// What the part holds that is open, or text that no header says anything about.
    fn text(&mut self, with: With<'_>, text: &[u8], last: bool, sink: &mut Sink<'_>) {
        if self.part.done().is_none() {
            if text.is_empty() {
                return;
            }
            self.is_counted = false;
            self.part
                .begin(with, Format::Text, self.files, self.at, b"");
        }
        let masks = self.masks(with);
        let masked = match self.is_counted {
            true => masks.on(with),
            false => with,
        };
        self.part.push(masked, text, last, sink);
        self.masks = masks;
    }

    /// Gives a part what belongs to it, up to the next boundary.
    fn inside(&mut self, with: With<'_>, text: &[u8], last: bool, sink: &mut Sink<'_>) -> usize {
        let found = self.boundary.find(text, self.line, last);
        let (end, next) = match found {
            Next::Delimiter { start, end, closes } => (start, Some((end, closes))),
            Next::None(end) => (end, None),
        };
        let inside = text.get(..end).unwrap_or_default();
        if self.state == State::Inside {
            self.text(with, inside, last || next.is_some(), sink);
        }
        let Some((end, closes)) = next else {
            if let Some(byte) = inside.last() {
                self.line = *byte == b'\n';
            }
            return end;
        };
        self.state = if closes { State::Rest } else { State::Headers };
        self.accepted = 0;
        self.line = true;
        end
    }

    /// Looks for the end of the headers that `text` begins with.
    fn begins(&self, text: &[u8], last: bool) -> Begins {
        let seen = text
            .get(..text.len().min(head::LONGEST))
            .unwrap_or_default();
        let mut at = self.accepted;
        loop {
            let rest = seen.get(at..).unwrap_or_default();
            if rest.is_empty() && last && text.len() == at {
                return Begins::Headers(at, at);
            }
            // A boundary may stand where the empty line is missing.
            let whole = last && seen.len() == text.len();
            if self.boundary.begins(rest, whole) {
                return Begins::Headers(at, at);
            }
            let Some(end) = memchr::memchr(b'\n', rest) else {
                let more = !last && text.len() <= head::LONGEST;
                return if more { Begins::Open(at) } else { Begins::Text };
            };
            let line = rest.get(..end).unwrap_or_default();
            match line {
                [] | [b'\r'] => return Begins::Headers(at, at + end + 1),
                [b' ' | b'\t', ..] if at > 0 => {}
                _ if is_header(line) => {}
                _ => return Begins::Text,
            }
            at += end + 1;
        }
    }

    /// Redacts the headers of a part.
    fn head(&mut self, with: With<'_>, block: &[u8], head: &Head, sink: &mut Sink<'_>) {
        if block.is_empty() {
            return;
        }
        let carrier = self.part.anew(with, Format::Text);
        let room = carrier.spare(block.len());
        room.copy_from_slice(block);
        for covered in &head.covered {
            room.get_mut(covered.clone())
                .unwrap_or_default()
                .fill(b'\n');
        }
        carrier.commit(with.engine, with.plan, block.len(), true);
        let base = self.at;
        sink.findings
            .extend(carrier.findings().iter().map(|finding| Finding {
                start: base + finding.start,
                end: base + finding.end,
                rule: finding.rule,
            }));
        let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let mut done = 0;
        for edit in carrier.edits() {
            let range = index(edit.start)..index(edit.end);
            for field in &head.fields {
                if field.range.end <= range.start || range.end <= field.range.start {
                    continue;
                }
                let whole = head::whole(block, field, range.clone());
                let whole = whole.start.max(done)..whole.end.max(done);
                let old = block.get(whole.clone()).unwrap_or_default();
                if old.is_empty() {
                    continue;
                }
                let (start, end) = (base + whole.start as u64, base + whole.end as u64);
                sink.edits.put(start, end, |out| {
                    if whole == range {
                        head::write(field.style, old, carrier.replacement(edit), out);
                    } else {
                        out.resize(out.len() + old.len(), b'*');
                    }
                });
                done = whole.end;
            }
        }
    }
}

/// Whether a line reads as a header: a name without white space, a colon.
fn is_header(line: &[u8]) -> bool {
    let colon = line.iter().position(|byte| *byte == b':');
    let name = line.get(..colon.unwrap_or(0)).unwrap_or_default();
    !name.is_empty() && name.trim_ascii_end().iter().all(u8::is_ascii_graphic)
}

impl Parts for Multipart {
    fn spare(&mut self, len: usize) -> &mut [u8] {
        self.came.spare(len)
    }

    fn commit(&mut self, with: With<'_>, len: usize, last: bool, sink: &mut Sink<'_>) {
        self.came.take(len);
        let came = core::mem::take(&mut self.came);
        loop {
            let text = came.slice(self.at, came.received());
            if text.is_empty() && !last {
                break;
            }
            let before = (self.at, self.state);
            let Some(dealt) = self.step(with, text, last, sink) else {
                break;
            };
            self.at += dealt as u64;
            if before == (self.at, self.state) {
                break;
            }
        }
        self.came = came;
    }

    fn force(&mut self, engine: &Engine, sink: &mut Sink<'_>) {
        self.part.force(engine, sink);
    }

    fn done(&self) -> u64 {
        self.part.done().unwrap_or(self.at)
    }

    fn came(&self) -> &Came {
        &self.came
    }

    fn release(&mut self, taken: u64) {
        self.came.release(taken.min(self.done()));
    }

    fn rest(&mut self) {
        self.came.rest();
        self.part.rest();
    }

    fn forced(&self) -> u64 {
        self.part.forced()
    }

    fn unread(&self) -> u64 {
        self.part.unread()
    }

    fn passed(&self) -> u64 {
        self.passed + self.part.passed()
    }

    fn memory(&self) -> usize {
        size_of::<Multipart>()
            + self.came.memory()
            + self.part.memory()
            + self.masks.memory()
            + self.trail.memory()
    }
}
