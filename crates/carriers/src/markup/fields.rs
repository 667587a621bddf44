//! Fields of XML that rules name: elements and attributes by their names, without prefixes. What an element holds is replaced, its attributes
//! with it; its tags stay, so that a document stays one.

use alloc::vec::Vec;
use core::ops::Range;

use blackbar_engine::{Engine, Finding, Place, Plan, tag};

use super::tokens::Spot;
use crate::edits::Edits;
use crate::fields::{Named, Trail, stronger};
use crate::guard::name;

/// The name of attributes that say what names mean, or their prefix; `xml` is the prefix of others.
const SPACE: &[u8] = b"xmlns";

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
    /// How much of `xmlns` a name says so far, up to its prefix; nothing if it says something else.
    space_name: Option<usize>,
    hidden: Option<Hidden>,
    /// One that is only counted, which may lie around it. Of several in one another it is the outermost.
    counted: Option<Hidden>,
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
        self.hidden.is_some()
    }

    /// Whether the document broke in what is being replaced.
    pub(crate) fn is_broken(&self) -> bool {
        self.hidden.is_some_and(|hidden| hidden.broken)
    }

    /// The tokenizer has gone over a unit inside a field, which begins at `at` with `byte`.
    pub(crate) fn inside(&mut self, before: Spot, after: Spot, byte: u8, at: u64) -> Fate {
        let (closing, slash) = (self.closing, self.slash);
        let Some(hidden) = &mut self.hidden else {
            return Fate::Over;
        };
        if hidden.step(before, after, byte, closing, slash) == Fate::Over {
            self.end(at);
            return Fate::Over;
        }
        if (before, after) == (Spot::Text, Spot::Name { close: false }) {
            self.slash = false;
        }
        if after != Spot::Broken && self.hidden.is_some_and(|hidden| hidden.depth.is_some()) {
            self.tag(after, byte);
        }
        Fate::Hidden
    }

    /// The tokenizer has gone over a unit of no field, which begins with `byte`; the next one begins at `next`.
    pub(crate) fn pass(
        &mut self,
        engine: &Engine,
        (before, after): (Spot, Spot),
        byte: u8,
        at: u64,
        next: u64,
    ) {
        let (closing, slash) = (self.closing, self.slash);
        if let Some(counted) = &mut self.counted
            && counted.step(before, after, byte, closing, slash) == Fate::Over
        {
            self.note(at);
        }
        match (before, after) {
            (Spot::Name { .. }, Spot::Name { close: false }) => self.name_byte(byte),
            (_, Spot::Name { close: false }) => {
                self.begin_name();
                self.slash = false;
            }
            (Spot::Name { close: false }, _) => self.open(engine),
            (Spot::Attribute, Spot::Attribute) => self.name_byte(byte),
            (_, Spot::Attribute) => {
                self.begin_name();
                self.space = false;
                self.name_byte(byte);
            }
            (Spot::Attribute, _) => self.space |= self.space_name == Some(SPACE.len()),
            (Spot::Value, Spot::Quoted) if !self.space => {
                let own = self.trail.value(engine, true);
                self.begin(stronger(self.named, own), next, None);
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
            self.space |= matches!(self.space_name, Some(3 | 5));
            self.space_name = None;
            self.trail.begin_key();
        } else {
            let said = self.space_name.filter(|&len| SPACE.get(len) == Some(&byte));
            self.space_name = said.map(|len| len + 1);
            self.trail.key(&[byte]);
        }
    }

    fn begin_name(&mut self) {
        self.trail.begin_key();
        self.space_name = Some(0);
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
        let Some(named) = named else {
            return;
        };
        let field = Hidden {
            named,
            start,
            depth,
            broken: false,
        };
        if named.hides() {
            self.hidden = Some(field);
        } else if self.counted.is_none() {
            self.counted = Some(field);
        }
    }

    /// Replaces the next bytes of what is being replaced.
    pub(crate) fn hide(&self, engine: &Engine, at: Range<u64>, edits: &mut Edits) {
        let Some(hidden) = self.hidden else {
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
        let hidden = self.hidden.take();
        self.tell(hidden, at);
    }

    /// What is only counted ends there.
    pub(crate) fn note(&mut self, at: u64) {
        let counted = self.counted.take();
        self.tell(counted, at);
    }

    fn tell(&mut self, field: Option<Hidden>, at: u64) {
        self.found
            .extend(field.filter(|field| field.start < at).map(|field| Finding {
                start: field.start,
                end: at,
                rule: field.named.rule,
            }));
    }
}

impl Hidden {
    /// The tokenizer has gone over a unit that begins with `byte`. `closing` and `slash`: of the tag that it was in.
    fn step(&mut self, before: Spot, after: Spot, byte: u8, closing: bool, slash: bool) -> Fate {
        if after == Spot::Broken {
            if self.broken && byte == b'\n' {
                return Fate::Over;
            }
            self.broken = true;
            return Fate::Hidden;
        }
        let Some(depth) = &mut self.depth else {
            return match after {
                Spot::Tag => Fate::Over,
                _ => Fate::Hidden,
            };
        };
        match (before, after) {
            (Spot::Text, Spot::Name { close: true }) if *depth == 0 => return Fate::Over,
            (Spot::Name { .. } | Spot::Tag, Spot::Text) if closing => {
                *depth = depth.saturating_sub(1);
            }
            (Spot::Name { .. } | Spot::Tag, Spot::Text) if !slash => *depth += 1,
            _ => {}
        }
        Fate::Hidden
    }
}
