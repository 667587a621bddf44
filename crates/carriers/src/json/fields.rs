//! Fields that rules name, where a tokenizer of JSON is: the keys on the way to it, and the value that is being replaced. A value is
//! replaced as it streams: what stands for it is written with its first byte, or byte by byte; nothing is held.

use alloc::vec::Vec;

use blackbar_engine::{Action, Engine, Finding, Place, Plan, RuleIndex, tag};

use super::tokens::State;
use crate::edits::Edits;
use crate::fields::Trail;

/// Where in a document the tokenizer is, and what it does there.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    trail: Trail,
    /// The value that is being replaced.
    hidden: Option<Hidden>,
    /// One that is only counted, which may lie around it. Of several in one another it is the outermost.
    noted: Option<Hidden>,
    /// Whether bytes are counted: everything is masked at its length.
    counted: bool,
    found: Vec<Finding>,
}

/// A value that is being replaced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hidden {
    rule: RuleIndex,
    action: Action,
    pub(crate) start: u64,
    /// Containers that are open around it.
    pub(crate) depth: usize,
    kind: Kind,
    /// Bytes of a word that were written already.
    written: usize,
    /// The document broke inside it: it goes on to the end of the line.
    pub(crate) broken: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    Number,
    /// `true` or `false`; there is nothing to hide in `null`.
    Word,
    Container,
}

impl Fields {
    /// Fields of a document whose bytes are counted, or not.
    pub(crate) fn new(counted: bool) -> Fields {
        Fields {
            counted,
            ..Fields::default()
        }
    }

    /// Takes the rules of `engine` as far as they are on.
    pub(crate) fn prepare(&mut self, engine: &Engine, plan: &Plan) {
        self.trail.prepare(engine, plan);
    }

    /// Whether there is anything to do at all.
    pub(crate) fn are_on(&self) -> bool {
        self.trail.is_on()
    }

    pub(crate) fn hand_over(&mut self, found: &mut Vec<Finding>) {
        found.append(&mut self.found);
    }

    pub(crate) fn memory(&self) -> usize {
        self.trail.memory() + self.found.capacity() * size_of::<Finding>()
    }

    /// Another document begins, of the same rules.
    pub(crate) fn restart(&mut self) {
        self.trail.leave();
        (self.hidden, self.noted) = (None, None);
    }

    /// The document is over, or none.
    pub(crate) fn leave(&mut self) {
        self.trail.leave();
    }

    /// Where the first value begins that is not told yet; beyond everything, if there is none.
    pub(crate) fn oldest(&self) -> u64 {
        let values = [&self.hidden, &self.noted].into_iter().flatten();
        values.map(|value| value.start).min().unwrap_or(u64::MAX)
    }

    /// A key begins.
    pub(crate) fn begin_key(&mut self) {
        self.trail.begin_key();
    }

    /// More of a key: what it says.
    pub(crate) fn key(&mut self, text: &[u8]) {
        self.trail.key(text);
    }

    /// A value begins at `start`, in an object or not, with `state` behind its first byte. Says whether it is to be replaced.
    pub(crate) fn value(
        &mut self,
        engine: &Engine,
        start: u64,
        depth: usize,
        in_object: bool,
        state: State,
    ) -> Option<Hidden> {
        let named = self.trail.value(engine, in_object);
        let kind = match state {
            State::String { .. } => Kind::String,
            State::Number(_) => Kind::Number,
            State::Word(word, _) if word == b"null" => return None,
            State::Word(..) => Kind::Word,
            _ => Kind::Container,
        };
        let named = named?;
        let value = Hidden {
            rule: named.rule,
            action: if self.counted {
                Action::Mask
            } else {
                named.action
            },
            start,
            depth,
            kind,
            written: 0,
            broken: false,
        };
        if named.hides() {
            self.hidden = Some(value);
        } else if self.noted.is_none() {
            self.noted = Some(value);
        }
        self.hidden
    }

    /// A container begins that is not replaced.
    pub(crate) fn enter(&mut self) {
        self.trail.enter();
    }

    /// A container ends that was not replaced.
    pub(crate) fn exit(&mut self) {
        self.trail.exit();
    }

    pub(crate) fn hidden(&self) -> Option<Hidden> {
        self.hidden
    }

    /// The tokenizer came to `after` with `byte` at `at`, with so many containers open: what is only counted may have ended.
    pub(crate) fn pass(&mut self, byte: u8, at: u64, after: State, depth: usize) {
        if let Some(noted) = self.noted
            && !noted.goes_on(after, depth)
        {
            let last = noted.ends_itself() && matches!(byte, b'"' | b']' | b'}');
            self.note(at + u64::from(last));
        }
    }

    /// What is only counted ends there, if there is any.
    pub(crate) fn note(&mut self, end: u64) {
        self.found.extend(self.noted.take().map(|noted| Finding {
            start: noted.start,
            end,
            rule: noted.rule,
        }));
    }

    /// The document broke inside the value that is being replaced: nobody knows where it ends, so all that stands on its line is part of it.
    pub(crate) fn break_off(&mut self) {
        if let Some(hidden) = &mut self.hidden {
            (hidden.broken, hidden.kind) = (true, Kind::Container);
        }
    }

    /// Replaces `text`, the next bytes of the value that is being replaced, which begin at `at`. `state`: what the last of them is part of.
    pub(crate) fn hide(
        &mut self,
        engine: &Engine,
        at: u64,
        text: &[u8],
        state: State,
        edits: &mut Edits,
    ) {
        let Some(hidden) = &mut self.hidden else {
            return;
        };
        let end = at + text.len() as u64;
        let first = at == hidden.start;
        match hidden.kind {
            Kind::Number => {
                let exponent = matches!(state, State::Number(number) if number.is_exponent());
                for (at, byte) in (at..).zip(text) {
                    if byte.is_ascii_digit() {
                        let digit = if exponent { b'0' } else { b'9' };
                        edits.put(at, at + 1, |out| out.push(digit));
                    }
                }
            }
            Kind::Word => {
                let word = b"null ".iter().skip(hidden.written).take(text.len());
                edits.put(at, end, |out| out.extend(word));
                hidden.written += text.len();
            }
            Kind::String | Kind::Container if hidden.action.preserves_length() => {
                edits.put(at, end, |out| {
                    let from = out.len();
                    out.resize(from + text.len(), b'*');
                    if first && let Some(byte) = out.get_mut(from) {
                        *byte = b'"';
                    }
                });
            }
            Kind::String | Kind::Container => edits.put(at, end, |out| {
                if first {
                    let id = engine.rule(hidden.rule).map(|rule| rule.id.as_str());
                    out.push(b'"');
                    tag(id.unwrap_or("redacted"), Place::Json, out);
                    out.push(b'"');
                }
            }),
        }
    }

    /// The value ends at `end`; `last_byte`: its last byte is the one before it, which ends a string or a container and was not hidden yet.
    pub(crate) fn end(&mut self, end: u64, last_byte: bool, edits: &mut Edits) {
        let Some(hidden) = self.hidden.take() else {
            return;
        };
        if last_byte {
            let masked = hidden.action.preserves_length();
            edits.put(end - 1, end, |out| {
                if masked {
                    out.push(b'"');
                }
            });
        }
        self.found.push(Finding {
            start: hidden.start,
            end,
            rule: hidden.rule,
        });
    }
}

impl Hidden {
    /// Whether it goes on where the tokenizer came to `after`, with so many containers open there.
    pub(crate) fn goes_on(&self, after: State, depth: usize) -> bool {
        match self.kind {
            Kind::String => matches!(after, State::String { .. }),
            Kind::Number => matches!(after, State::Number(_)),
            Kind::Word => matches!(after, State::Word(..)),
            Kind::Container => depth > self.depth,
        }
    }

    /// Whether the byte that ends it is part of it.
    pub(crate) fn ends_itself(&self) -> bool {
        matches!(self.kind, Kind::String | Kind::Container)
    }
}
