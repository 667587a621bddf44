//! XML and HTML: edits are cut to text, to values of attributes, to comments and to what else may hold any text, so that what was a document
//! stays one. A reference is replaced whole or not at all. What holds the document together is never written.

mod fields;
mod tokens;

use alloc::vec::Vec;

use blackbar_engine::{Engine, Finding, Place, Plan, tag};

use crate::edits::{Edits, Wish, Wishes};
use crate::guard::{self, Tagged, grant, kept, name};
use crate::json::begun;
use fields::{Fate, Fields};
pub(crate) use tokens::Kind;
use tokens::{Ink, Step, Tokens};

/// Follows behind the stream that decides, and shapes its edits.
#[derive(Debug)]
pub(crate) struct Guard {
    tokens: Tokens,
    /// Everything before it is done with.
    at: u64,
    /// Stretches that may change are numbered: what holds the document together stands between two.
    stretch: u64,
    tagged: Tagged,
    /// Where the last tag of a rule ended.
    ended: Option<u64>,
    /// Where the last unit ended that may not change, and is no delimiter between names.
    kept: u64,
    fields: Fields,
    xml: bool,
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
        let index = |offset: u64| {
            usize::try_from(offset.saturating_sub(base)).map_or(text.len(), |i| i.min(text.len()))
        };
        let mut at = 0;
        while at < text.len() {
            let offset = base + at as u64;
            let rest = text.get(at..).unwrap_or_default();
            if self.fields.hides() {
                match self.inside(engine, rest, offset, last, edits) {
                    Some(len) => at += len,
                    None => break,
                }
                continue;
            }
            if self.ended == Some(offset) && self.tokens.is_in_text() {
                // `]]>` must not come about: the bracket that stands there closes the tag.
                match rest {
                    [b']'] if !last => break,
                    [b']', b'>', ..] => edits.put(offset, offset + 1, |_| ()),
                    _ => {}
                }
            }
            let wish = wishes.next_after(offset);
            let limit = wish.map_or(text.len(), |wish| index(wish.start));
            if at < limit {
                let plain = self.tokens.plain(text.get(at..limit).unwrap_or_default());
                if plain > 0 {
                    // The character that stands at the limit may have begun before it.
                    let back = begun(text, at + plain, at, last);
                    at += plain - back;
                    if plain > back {
                        continue;
                    }
                }
            }
            let before = self.tokens.spot();
            let (len, ink) = match self.tokens.step(rest, last) {
                Step::Unit(len, ink) => (len.min(rest.len()), ink),
                Step::Open => break,
            };
            let after = self.tokens.spot();
            if self.fields.are_on() {
                let byte = rest.first().copied().unwrap_or(0);
                let next = offset + len as u64;
                self.fields
                    .pass(engine, (before, after), byte, offset, next);
            }
            if ink == Ink::Keep {
                self.stretch += 1;
                // What is found in a tag may go on behind a slash: `<jane@x.test/?a=b>`.
                if !(before.is_among_names() && after.is_among_names()) {
                    self.kept = offset + len as u64;
                }
            }
            let wish = wish.filter(|wish| wish.start < offset + len as u64);
            if let Some(wish) = wish {
                if ink == Ink::Granted {
                    let end = index(wish.end).max(at + len);
                    let first = self.tagged.is_first(&wish, self.stretch);
                    let span = offset..offset + (end - at) as u64;
                    grant(engine, (Place::Text, first), span, &wish, wishes, edits);
                    at = end;
                    continue;
                }
                let unit = rest.get(..len).unwrap_or_default();
                self.write(engine, offset, unit, ink, &wish, wishes, edits);
            }
            at += len;
        }
        self.at = base + at as u64;
        if last {
            self.fields.end(self.at);
            self.fields.note(self.at);
        }
    }

    fn prepare(&mut self, engine: &Engine, plan: &Plan) {
        if self.xml {
            self.fields.prepare(engine, plan);
        }
    }

    fn hand_over(&mut self, found: &mut Vec<Finding>) {
        self.fields.hand_over(found);
    }

    fn memory(&self) -> usize {
        self.fields.memory()
    }
}

impl Guard {
    pub(crate) fn new(kind: Kind, at: u64) -> Guard {
        Guard {
            tokens: Tokens::new(kind),
            at,
            stretch: 0,
            tagged: Tagged::default(),
            ended: None,
            kept: at,
            fields: Fields::default(),
            xml: kind == Kind::Xml,
        }
    }

    /// Goes over what comes next of a field. Answers with its length, 0 where the field ended before it; `None` if more bytes are needed.
    fn inside(
        &mut self,
        engine: &Engine,
        rest: &[u8],
        at: u64,
        last: bool,
        edits: &mut Edits,
    ) -> Option<usize> {
        let plain = match self.fields.is_broken() {
            true => memchr::memchr(b'\n', rest).unwrap_or(rest.len()),
            false => self.tokens.plain(rest),
        };
        if plain > 0 {
            self.fields.hide(engine, at..at + plain as u64, edits);
            return Some(plain);
        }
        let (tokens, before) = (self.tokens.clone(), self.tokens.spot());
        let Step::Unit(len, _) = self.tokens.step(rest, last) else {
            return None;
        };
        let byte = rest.first().copied().unwrap_or(0);
        let fate = self.fields.inside(before, self.tokens.spot(), byte, at);
        if fate == Fate::Over {
            self.tokens = tokens;
            return Some(0);
        }
        let len = len.min(rest.len());
        self.fields.hide(engine, at..at + len as u64, edits);
        Some(len)
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "a unit, its place, and what is wanted there"
    )]
    fn write(
        &mut self,
        engine: &Engine,
        start: u64,
        unit: &[u8],
        ink: Ink,
        wish: &Wish,
        wishes: &Wishes,
        edits: &mut Edits,
    ) {
        let end = start + unit.len() as u64;
        let fill = match ink {
            Ink::Keep | Ink::Granted => return,
            // What goes over a tag leaves it one; `<jane@x.test>` is none in the eyes of people.
            Ink::Letters if wish.region < self.kept => return,
            Ink::Any | Ink::Stars => b'*',
            Ink::Letters | Ink::Words => b'x',
        };
        let id = name(engine, wish.rule);
        // Two hyphens would end a comment in the eyes of some.
        if ink == Ink::Any && wish.is_tag() && !id.contains("--") {
            let first = self.tagged.is_first(wish, self.stretch);
            edits.put(start, end, |out| {
                if first {
                    tag(id, Place::Text, out);
                }
            });
            self.ended = Some(end);
        } else if kept(start, unit, wish, wishes).is_none() {
            edits.put(start, end, |out| out.resize(out.len() + unit.len(), fill));
        }
    }
}
