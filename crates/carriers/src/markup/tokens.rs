//! A tokenizer of XML (<https://www.w3.org/TR/xml/>) and HTML (<https://html.spec.whatwg.org/#tokenization>) that stands between any two
//! units: states, no tree. It says of each unit what may be written there. What is written lives with the guard, what stands before the root
//! of a document with [`prolog`].

mod prolog;

use prolog::{Declaration, Type};

/// Which language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Where it breaks, the rest is text.
    Xml,
    /// Never breaks.
    Html,
}

/// What may take the place of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Nothing: it holds the document together.
    Keep,
    /// A tag of a rule, or `*`.
    Any,
    /// `*` only.
    Stars,
    /// Letters, if what is found begins in the tag or instruction: it is a name.
    Letters,
    /// Letters, wherever what is found begins.
    Words,
    /// There is no document any more.
    Granted,
}

/// What some bytes begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Unit(usize, Ink),
    /// More bytes are needed to tell.
    Open,
}

/// Where a tokenizer is, as far as names of elements and attributes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spot {
    /// Between tags.
    Text,
    /// The name of a tag.
    Name {
        close: bool,
    },
    /// A tag, behind its name and outside of attributes.
    Tag,
    /// The name of an attribute.
    Attribute,
    /// Before the value of one.
    Value,
    Quoted,
    Broken,
    Other,
}

impl Spot {
    /// Whether names and what stands between them are all there is.
    pub(crate) fn is_among_names(self) -> bool {
        matches!(self, Spot::Name { .. } | Spot::Tag | Spot::Attribute)
    }
}

/// The longest reference that is taken for one: `&CounterClockwiseContourIntegral;` has 33 bytes.
const LONGEST_REFERENCE: usize = 36;

/// The most bytes that are looked at to tell whether something is a name.
const LONGEST_NAME: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// The name of a tag. `close`: of an end tag.
    Name {
        close: bool,
    },
    /// Between attributes.
    Tag,
    Attribute,
    /// Behind the name of an attribute.
    Equals,
    /// Before the value of one.
    Value,
    Quoted(u8),
    Unquoted,
    /// So many hyphens stand before the next byte; `within`: there in a document type.
    Comment {
        hyphens: u8,
        bang: bool,
        within: Option<Type>,
    },
    /// So many brackets stand before the next byte.
    Cdata(u8),
    /// The XML declaration.
    Declaration(Declaration),
    /// The target of a processing instruction, there in a document type.
    Target(Option<Type>),
    /// What stands behind it, and whether a question mark stands before the next byte.
    Instruction {
        mark: bool,
        within: Option<Type>,
    },
    /// A document type of XML.
    Type(Type),
    /// One of HTML, up to the end of its name: whether that has begun.
    BrowserType(bool),
    /// What browsers take for a comment: up to the next `>`.
    Bogus,
    /// The inside of an element that holds no tags.
    Raw(Raw),
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Raw {
    /// Its name.
    name: &'static [u8],
    /// Whether references are read in it.
    references: bool,
    /// In scripts: 1 behind `<!--`, 2 behind `<script` behind that.
    escaped: u8,
    hyphens: u8,
}

/// Elements that hold no tags, and whether references are read in them.
const RAW: &[(&[u8], bool)] = &[
    (b"script", false),
    (b"style", false),
    (b"title", true),
    (b"textarea", true),
    (b"xmp", false),
    (b"iframe", false),
    (b"noembed", false),
    (b"noframes", false),
    (b"plaintext", false),
];

/// The tokenizer.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    kind: Kind,
    state: State,
    /// The name of the tag, in lower case, as far as it fits.
    name: [u8; 10],
    len: usize,
    /// Whether the tag is an end tag.
    close: bool,
}

impl Tokens {
    pub(crate) fn new(kind: Kind) -> Tokens {
        Tokens {
            kind,
            state: State::Text,
            name: [0; 10],
            len: 0,
            close: false,
        }
    }

    /// Where it is.
    pub(crate) fn spot(&self) -> Spot {
        match self.state {
            State::Text => Spot::Text,
            State::Name { close } => Spot::Name { close },
            State::Tag | State::Equals => Spot::Tag,
            State::Attribute => Spot::Attribute,
            State::Value => Spot::Value,
            State::Quoted(_) => Spot::Quoted,
            State::Broken => Spot::Broken,
            _ => Spot::Other,
        }
    }

    /// Whether `]` and `>` behind what is written would end something.
    pub(crate) fn is_in_text(&self) -> bool {
        matches!(self.state, State::Text | State::Cdata(_))
    }

    /// How many bytes of `text` can be gone over without a look at each.
    pub(crate) fn plain(&mut self, text: &[u8]) -> usize {
        let found = match &mut self.state {
            State::Text => memchr::memchr3(b'<', b'&', 0, text),
            State::Quoted(quote) => memchr::memchr3(*quote, b'&', b'<', text),
            State::Comment { hyphens, bang, .. } => {
                let found = memchr::memchr3(b'-', b'>', b'!', text);
                if found != Some(0) && !text.is_empty() {
                    (*hyphens, *bang) = (0, false);
                }
                found
            }
            State::Cdata(brackets) => {
                let found = memchr::memchr2(b']', b'>', text);
                if found != Some(0) && !text.is_empty() {
                    *brackets = 0;
                }
                found
            }
            State::Raw(raw) => {
                let found = match raw.references {
                    true => memchr::memchr2(b'<', b'&', text),
                    false => memchr::memchr3(b'<', b'-', b'>', text),
                };
                if found != Some(0) && !text.is_empty() {
                    raw.hyphens = 0;
                }
                found
            }
            State::Broken => None,
            _ => return 0,
        };
        found.unwrap_or(text.len())
    }

    /// Goes over the unit that `rest` begins with. `last`: nothing follows it. Where more is needed, nothing was done.
    pub(crate) fn step(&mut self, rest: &[u8], last: bool) -> Step {
        let Some(&byte) = rest.first() else {
            return Step::Open;
        };
        let html = self.kind == Kind::Html;
        let next = rest.get(1).copied();
        let keep = Step::Unit(1, Ink::Keep);
        match self.state {
            State::Broken => Step::Unit(1, Ink::Granted),
            State::Text => match byte {
                b'<' => self.open(rest, last),
                b'&' => reference(rest, last),
                b'>' => keep,
                b']' => match next {
                    None if !last => Step::Open,
                    Some(b']' | b'>') => keep,
                    _ => Step::Unit(1, Ink::Any),
                },
                0 => {
                    self.state = State::Broken;
                    Step::Unit(1, Ink::Granted)
                }
                _ => character(rest, last, Ink::Any),
            },
            State::Name { close } => match byte {
                b'\t' | b'\n' | b'\r' | b' ' | 12 | b'/' | b'>' => {
                    self.close = close;
                    self.state = State::Tag;
                    self.step(rest, last)
                }
                _ if html || is_name(byte) => {
                    if let Some(to) = self.name.get_mut(self.len) {
                        *to = byte.to_ascii_lowercase();
                    }
                    self.len += 1;
                    self.name_unit(rest, last)
                }
                _ => self.break_off(),
            },
            State::Tag | State::Equals => match byte {
                b'>' => self.end_tag(),
                b'\t' | b'\n' | b'\r' | b' ' | 12 => keep,
                b'=' if self.state == State::Equals => {
                    self.state = State::Value;
                    keep
                }
                b'/' => {
                    self.state = State::Tag;
                    keep
                }
                _ if html => {
                    self.state = State::Attribute;
                    self.name_unit(rest, last)
                }
                _ if is_name(byte) && self.state == State::Tag => match attribute(rest, last) {
                    None => Step::Open,
                    Some(false) => self.break_off(),
                    Some(true) => {
                        self.state = State::Attribute;
                        self.name_unit(rest, last)
                    }
                },
                _ => self.break_off(),
            },
            State::Attribute => match byte {
                b'\t' | b'\n' | b'\r' | b' ' | 12 | b'/' | b'>' | b'=' => {
                    self.state = State::Equals;
                    if !html && matches!(byte, b'/' | b'>') {
                        return self.break_off();
                    }
                    self.step(rest, last)
                }
                _ if html || is_name(byte) => self.name_unit(rest, last),
                _ => self.break_off(),
            },
            State::Value => match byte {
                b'\t' | b'\n' | b'\r' | b' ' | 12 => keep,
                b'"' | b'\'' => {
                    self.state = State::Quoted(byte);
                    keep
                }
                b'>' if html => self.end_tag(),
                _ if html => {
                    self.state = State::Unquoted;
                    self.step(rest, last)
                }
                _ => self.break_off(),
            },
            State::Quoted(quote) => match byte {
                _ if byte == quote => {
                    self.state = State::Tag;
                    keep
                }
                b'<' if !html => self.break_off(),
                b'<' | b'>' => keep,
                b'&' => reference(rest, last),
                _ => character(rest, last, Ink::Any),
            },
            State::Unquoted => match byte {
                b'\t' | b'\n' | b'\r' | b' ' | 12 => {
                    self.state = State::Tag;
                    keep
                }
                b'>' => self.end_tag(),
                b'&' => reference(rest, last),
                b'"' | b'\'' | b'<' | b'=' | b'`' => keep,
                _ => character(rest, last, Ink::Any),
            },
            State::Comment {
                hyphens,
                bang,
                within,
            } => {
                let mut after = (0, false);
                let unit = match byte {
                    b'-' => {
                        if next.is_none() && !last {
                            return Step::Open;
                        }
                        after.0 = hyphens.saturating_add(1);
                        let ends = matches!(next, Some(b'-' | b'>' | b'!') | None);
                        let ink = if hyphens > 0 || ends {
                            Ink::Keep
                        } else {
                            Ink::Any
                        };
                        Step::Unit(1, ink)
                    }
                    b'>' if hyphens >= 2 => {
                        self.state = within.map_or(State::Text, State::Type);
                        return keep;
                    }
                    b'!' => {
                        if html && hyphens >= 2 && !bang {
                            after = (hyphens, true);
                        }
                        keep
                    }
                    b'>' | b'<' => keep,
                    _ => character(rest, last, Ink::Any),
                };
                if unit != Step::Open {
                    self.state = State::Comment {
                        hyphens: after.0,
                        bang: after.1,
                        within,
                    };
                }
                unit
            }
            State::Cdata(brackets) => match byte {
                b']' => {
                    if next.is_none() && !last {
                        return Step::Open;
                    }
                    self.state = State::Cdata(brackets.saturating_add(1));
                    let ends = matches!(next, Some(b']' | b'>') | None);
                    let ink = if brackets > 0 || ends {
                        Ink::Keep
                    } else {
                        Ink::Any
                    };
                    Step::Unit(1, ink)
                }
                b'>' => {
                    self.state = match brackets {
                        0 | 1 => State::Cdata(0),
                        _ => State::Text,
                    };
                    keep
                }
                _ => {
                    let unit = character(rest, last, Ink::Any);
                    if unit != Step::Open {
                        self.state = State::Cdata(0);
                    }
                    unit
                }
            },
            State::Declaration(at) => self.declaration(rest, last, at),
            State::Target(within) => self.target(rest, last, within),
            State::Instruction { mark, within } => self.instruction(rest, last, mark, within),
            State::Type(at) => self.document_type(rest, last, at),
            State::BrowserType(named) => self.browser_type(rest, last, named),
            State::Bogus => match byte {
                b'>' => {
                    self.state = State::Text;
                    keep
                }
                b'<' | b'"' | b'\'' => keep,
                _ => character(rest, last, Ink::Stars),
            },
            State::Raw(raw) => self.raw(rest, last, raw),
        }
    }

    /// What a `<` in text begins.
    fn open(&mut self, rest: &[u8], last: bool) -> Step {
        let html = self.kind == Kind::Html;
        let begins = |what: &[u8]| rest.len() < what.len() && what.starts_with(rest) && !last;
        if begins(b"<!--") || !html && (begins(b"<![CDATA[") || begins(b"<!DOCTYPE")) {
            return Step::Open;
        }
        let there = rest.get(..rest.len().min(9)).unwrap_or_default();
        let doctype = b"<!doctype".get(..there.len()).unwrap_or_default();
        let is_type = html && there.eq_ignore_ascii_case(doctype);
        if begins(b"</a") || is_type && there.len() < 9 && !last {
            return Step::Open;
        }
        let (state, len) = match rest {
            [_, b'!', b'-', b'-', ..] => {
                let comment = State::Comment {
                    hyphens: if html { 2 } else { 0 },
                    bang: false,
                    within: None,
                };
                (comment, 4)
            }
            [_, b'!', ..] if is_type && there.len() == 9 => (State::BrowserType(false), 9),
            [_, b'!' | b'?', ..] if html => (State::Bogus, 2),
            [_, b'!', more @ ..] if more.starts_with(b"[CDATA[") => (State::Cdata(0), 9),
            [_, b'!', more @ ..] if more.starts_with(b"DOCTYPE") => {
                (State::Type(Type::default()), 9)
            }
            [_, b'?', ..] => return self.open_instruction(rest, last, None),
            [_, b'/', next, ..] if html && !next.is_ascii_alphabetic() => (State::Bogus, 2),
            [_, b'/', ..] => (State::Name { close: true }, 2),
            [_, next, ..] if next.is_ascii_alphabetic() => (State::Name { close: false }, 1),
            [_, b'_' | b':' | 0x80.., ..] if !html => (State::Name { close: false }, 1),
            _ if html => (State::Text, 1),
            _ => return self.break_off(),
        };
        if let (State::Name { .. }, false) = (state, html) {
            // What goes on otherwise than a tag does is none, from its beginning.
            let name = rest.iter().skip(len).take(LONGEST_NAME);
            let name = name.take_while(|byte| is_name(**byte)).count();
            match rest.get(len + name) {
                _ if name == LONGEST_NAME => {}
                None if !last => return Step::Open,
                Some(b'\t' | b'\n' | b'\r' | b' ' | b'/' | b'>') => {}
                _ => return self.break_off(),
            }
        }
        (self.state, self.len) = (state, 0);
        Step::Unit(len, Ink::Keep)
    }

    /// The `>` of a tag.
    fn end_tag(&mut self) -> Step {
        self.state = State::Text;
        let name = self.name.get(..self.len).unwrap_or_default();
        let raw = RAW.iter().find(|(raw, _)| *raw == name);
        if let Some((name, references)) = raw
            && self.kind == Kind::Html
            && !self.close
        {
            self.state = State::Raw(Raw {
                name,
                references: *references,
                escaped: 0,
                hyphens: 0,
            });
        }
        Step::Unit(1, Ink::Keep)
    }

    /// A character of a name: browsers take any for one.
    fn name_unit(&self, rest: &[u8], last: bool) -> Step {
        match (self.kind, rest.first()) {
            (Kind::Html, Some(b'"' | b'\'' | b'<' | b'=')) | (Kind::Xml, _) => {
                Step::Unit(1, Ink::Keep)
            }
            // Byte by byte: only the first one counts for the name.
            _ => match character(rest, last, Ink::Letters) {
                Step::Unit(len, ink) => Step::Unit(len, ink),
                Step::Open => Step::Open,
            },
        }
    }

    /// The inside of an element that holds no tags: it ends with its own end tag only, and a script not even with each of those.
    fn raw(&mut self, rest: &[u8], last: bool, mut raw: Raw) -> Step {
        let next = rest.get(1).copied();
        let hyphens = core::mem::take(&mut raw.hyphens);
        let unit = match rest.first() {
            Some(b'<') => {
                let script = raw.name == b"script";
                let (close, len) = tag(rest, raw.name, last);
                match (close, script) {
                    (Tagged::Open, _) => return Step::Open,
                    (Tagged::End, true) if raw.escaped == 2 => {
                        raw.escaped = 1;
                        Step::Unit(len, Ink::Keep)
                    }
                    (Tagged::End, _) => {
                        (self.state, self.close) = (State::Tag, true);
                        return Step::Unit(len, Ink::Keep);
                    }
                    (Tagged::Begin, true) if raw.escaped == 1 => {
                        raw.escaped = 2;
                        Step::Unit(len, Ink::Keep)
                    }
                    (Tagged::Comment, true) => {
                        raw.escaped = raw.escaped.max(1);
                        raw.hyphens = 2;
                        Step::Unit(len, Ink::Keep)
                    }
                    _ => Step::Unit(1, Ink::Keep),
                }
            }
            Some(b'&') if raw.references => reference(rest, last),
            Some(b'-') => {
                if next.is_none() && !last {
                    return Step::Open;
                }
                raw.hyphens = hyphens.saturating_add(1);
                let ends = matches!(next, Some(b'-' | b'>') | None);
                let ink = if hyphens > 0 || ends {
                    Ink::Keep
                } else {
                    Ink::Any
                };
                Step::Unit(1, ink)
            }
            Some(b'>') => {
                if hyphens >= 2 {
                    raw.escaped = 0;
                }
                Step::Unit(1, Ink::Keep)
            }
            Some(b'"' | b'\'' | b'`') if !raw.references => Step::Unit(1, Ink::Keep),
            // What is escaped goes with its escape: a string must not end where one is cut off.
            Some(b'\\') if !raw.references => match next {
                None if !last => return Step::Open,
                Some(0x20..=0x3b | 0x3d | 0x3f..=0x7f) => Step::Unit(2, Ink::Any),
                _ => Step::Unit(1, Ink::Any),
            },
            _ => character(rest, last, Ink::Any),
        };
        if unit != Step::Open {
            self.state = State::Raw(raw);
        }
        unit
    }

    /// It is no XML from here on.
    fn break_off(&mut self) -> Step {
        self.state = State::Broken;
        Step::Unit(1, Ink::Granted)
    }
}

/// What a `<` in a raw element is.
enum Tagged {
    Begin,
    End,
    Comment,
    Nothing,
    Open,
}

/// Whether `rest`, which begins with `<`, goes on with `name`, with a slash and `name`, or as a comment; and how long that is.
fn tag(rest: &[u8], name: &[u8], last: bool) -> (Tagged, usize) {
    let after = rest.get(1..).unwrap_or_default();
    if after.starts_with(b"!--") {
        return (Tagged::Comment, 4);
    }
    if !last && b"!--".starts_with(after) {
        return (Tagged::Open, 0);
    }
    let (slash, after) = match after {
        [b'/', after @ ..] => (1, after),
        _ => (0, after),
    };
    let there = after.get(..after.len().min(name.len())).unwrap_or_default();
    let same = there.eq_ignore_ascii_case(name.get(..there.len()).unwrap_or_default());
    match after.get(name.len()) {
        _ if !same => (Tagged::Nothing, 1),
        None if !last => (Tagged::Open, 0),
        Some(b'\t' | b'\n' | b'\r' | b' ' | 12 | b'/' | b'>') => {
            let kind = if slash == 1 {
                Tagged::End
            } else {
                Tagged::Begin
            };
            (kind, 1 + slash + name.len())
        }
        _ => (Tagged::Nothing, 1),
    }
}

/// Whether a byte may stand in a name of XML; not all of them at its beginning, and not all characters beyond ASCII.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-' | b'.' | 0x80..)
}

/// White space of XML.
fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | b' ')
}

/// Whether `rest` begins with the name of an attribute of XML: an equals sign stands behind it. `None` if more bytes are needed to tell.
fn attribute(rest: &[u8], last: bool) -> Option<bool> {
    let name = rest.iter().take(LONGEST_NAME);
    let name = name.take_while(|&&byte| is_name(byte)).count();
    let space = rest.iter().skip(name).take(LONGEST_NAME);
    let space = space.take_while(|&&byte| is_space(byte)).count();
    match rest.get(name + space) {
        _ if name == LONGEST_NAME || space == LONGEST_NAME => Some(true),
        None if !last => None,
        byte => Some(byte == Some(&b'=')),
    }
}

/// A reference, or an ampersand that begins none.
fn reference(rest: &[u8], last: bool) -> Step {
    let inside = rest.iter().skip(1).take(LONGEST_REFERENCE);
    let name = |byte: &&u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'#' | b'_' | b'.' | b'-' | b':' | 0x80..)
    };
    let len = 1 + inside.take_while(name).count();
    match rest.get(len) {
        Some(b';') if len > 1 => Step::Unit(len + 1, Ink::Any),
        None if !last && len <= LONGEST_REFERENCE => Step::Open,
        _ => Step::Unit(1, Ink::Keep),
    }
}

/// A character of UTF-8, or a byte of none.
fn character(rest: &[u8], last: bool, ink: Ink) -> Step {
    let wanted = rest.first().map_or(1, |&first| crate::json::width(first));
    let more = rest.iter().take(wanted).skip(1);
    let len = 1 + more.take_while(|&&byte| byte & 0xc0 == 0x80).count();
    if len < wanted && len == rest.len() && !last {
        return Step::Open;
    }
    Step::Unit(len, ink)
}
