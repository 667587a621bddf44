//! Fields of XML that rules name: elements and attributes by their names, without prefixes. What an element holds is replaced, its attributes
//! with it; its tags stay, so that a document stays one.

use alloc::vec::Vec;
use core::ops::Range;

use blackbar_engine::{Action, Engine, Finding, Place, Plan, tag};

use super::tokens::Spot;
use crate::edits::Edits;
use crate::fields::{Named, Trail};
use crate::guard::name;

/// Elements nested deeper have no names of their own.
const DEEPEST: usize = 1024;

/// Where in a document the tokenizer is, and what it does there.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    trail: Trail,
    /// Elements that are open beyond the deepest.
    beyond: usize,
    /// The rule that names the element whose start tag is gone over.
    named: Option<Named>,
    /// Whether a slash was the last byte of a tag.
    slash: bool,
    /// Whether the tag is an end tag.
    closing: bool,
    /// Whether an attribute says what names mean.
    space: bool,
    hidden: Option<Hidden>,
    found: Vec<Finding>,
}

/// What is being replaced.
#[derive(Debug, Clone, Copy)]
struct Hidden {
    named: Named,
    start: u64,
    /// Elements that are open inside of it; of an attribute nothing.
    depth: Option<usize>,
    /// The document broke: it goes on to the end of the line.
    broken: bool,
}

/// What becomes of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is part of what is replaced.
    Hidden,
    /// What is replaced ended before it.
    Over,
}

impl Fields {
    /// Takes the rules of `engine` as far as they are on.
    pub(crate) fn prepare(&mut self, engine: &Engine, plan: &Plan) {
        self.trail.prepare(engine, plan);
        if self.trail.is_on() && self.trail.depth() == 0 {
            self.trail.root(engine);
            self.trail.enter();
        }
    }

    pub(crate) fn are_on(&self) -> bool {
        self.trail.is_on()
    }

    pub(crate) fn hand_over(&mut self, found: &mut Vec<Finding>) {
        found.append(&mut self.found);
    }

    pub(crate) fn memory(&self) -> usize {
        self.trail.memory() + self.found.capacity() * size_of::<Finding>()
    }

    /// Whether what comes next is replaced.
    pub(crate) fn hides(&self) -> bool {
        self.hidden
            .is_some_and(|hidden| hidden.named.action != Action::Allow)
    }

    /// Whether what comes next is part of a field, replaced or not.
    pub(crate) fn is_inside(&self) -> bool {
        self.hidden.is_some()
    }

    /// Whether the document broke in what is being replaced.
    pub(crate) fn is_broken(&self) -> bool {
        self.hidden.is_some_and(|hidden| hidden.broken)
    }

    /// The tokenizer has gone over a unit inside a field, which begins at `at` with `byte`.
    pub(crate) fn inside(&mut self, before: Spot, after: Spot, byte: u8, at: u64) -> Fate {
        let Some(hidden) = &mut self.hidden else {
            return Fate::Over;
        };
        if after == Spot::Broken {
            if hidden.broken && byte == b'\n' {
                self.end(at);
                return Fate::Over;
            }
            hidden.broken = true;
            return Fate::Hidden;
        }
        let Some(depth) = &mut hidden.depth else {
            if after == Spot::Tag {
                self.end(at);
                return Fate::Over;
            }
            return Fate::Hidden;
        };
        match (before, after) {
            (Spot::Text, Spot::Name { close: true }) if *depth == 0 => {
                self.end(at);
                return Fate::Over;
            }
            (Spot::Text, Spot::Name { .. }) => self.slash = false,
            (Spot::Name { .. } | Spot::Tag, Spot::Text) if self.closing => {
                *depth = depth.saturating_sub(1);
            }
            (Spot::Name { .. } | Spot::Tag, Spot::Text) if !self.slash => *depth += 1,
            _ => {}
        }
        self.tag(after, byte);
        Fate::Hidden
    }

    /// The tokenizer has gone over a unit of no field, which begins with `byte`; the next one begins at `next`.
    pub(crate) fn pass(&mut self, engine: &Engine, before: Spot, after: Spot, byte: u8, next: u64) {
        match (before, after) {
            (Spot::Name { .. }, Spot::Name { close: false }) => self.name_byte(byte),
            (_, Spot::Name { close: false }) => {
                self.trail.begin_key();
                self.slash = false;
            }
            (Spot::Name { close: false }, _) => self.open(engine),
            (Spot::Attribute, Spot::Attribute) => self.name_byte(byte),
            (_, Spot::Attribute) => {
                self.trail.begin_key();
                self.space = false;
                self.name_byte(byte);
            }
            (Spot::Attribute, _) => self.space |= self.trail.is_key(b"xmlns"),
            (Spot::Value, Spot::Quoted) if !self.space => {
                let own = self.trail.value(engine, true);
                self.begin(self.named.or(own), next, None);
            }
            _ => {}
        }
        if let (Spot::Name { .. } | Spot::Tag, Spot::Text) = (before, after) {
            let named = self.named.take();
            if self.closing || self.slash {
                self.close();
            } else {
                self.begin(named, next, Some(0));
            }
        }
        self.tag(after, byte);
    }

    /// Takes note of what kind of tag it is.
    fn tag(&mut self, after: Spot, byte: u8) {
        match after {
            Spot::Name { close } => self.closing = close,
            Spot::Tag | Spot::Attribute => self.slash = byte == b'/',
            _ => {}
        }
    }

    /// A byte of a name; what stands before a colon is a prefix.
    fn name_byte(&mut self, byte: u8) {
        if byte == b':' {
            self.space |= self.trail.is_key(b"xmlns") || self.trail.is_key(b"xml");
            self.trail.begin_key();
        } else {
            self.trail.key(&[byte]);
        }
    }

    /// The name of a start tag is over.
    fn open(&mut self, engine: &Engine) {
        self.named = self.trail.value(engine, true);
        if self.trail.depth() < DEEPEST {
            self.trail.enter();
        } else {
            self.beyond += 1;
        }
    }

    fn close(&mut self) {
        if self.beyond > 0 {
            self.beyond -= 1;
        } else if self.trail.depth() > 1 {
            self.trail.exit();
        }
    }

    fn begin(&mut self, named: Option<Named>, start: u64, depth: Option<usize>) {
        self.slash = false;
        self.space = false;
        self.hidden = named.map(|named| Hidden {
            named,
            start,
            depth,
            broken: false,
        });
    }

    /// Replaces the next bytes of what is being replaced.
    pub(crate) fn hide(&self, engine: &Engine, at: Range<u64>, edits: &mut Edits) {
        let Some(hidden) = self.hidden.filter(|_| self.hides()) else {
            return;
        };
        let len = usize::try_from(at.end - at.start).unwrap_or(0);
        edits.put(at.start, at.end, |out| {
            if hidden.named.action.preserves_length() {
                out.resize(out.len() + len, b'*');
            } else if at.start == hidden.start {
                tag(name(engine, hidden.named.rule), Place::Text, out);
            }
        });
    }

    /// What is being replaced ends there.
    pub(crate) fn end(&mut self, at: u64) {
        if let Some(hidden) = self.hidden.take()
            && hidden.start < at
        {
            self.found.push(Finding {
                start: hidden.start,
                end: at,
                rule: hidden.named.rule,
            });
        }
    }
}
