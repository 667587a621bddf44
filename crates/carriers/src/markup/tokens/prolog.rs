//! What begins with `<?` in XML, and document types: declarations, instructions and definitions in any order. Each takes what its grammar
//! allows and no more, so that nothing but names, words of the language and punctuation is kept there.

use super::{Ink, LONGEST_NAME, State, Step, Tokens, character, is_name, is_space};

/// Where in an XML declaration (<https://www.w3.org/TR/xml/#NT-XMLDecl>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declaration {
    /// Before a name or the end. `spaced`: behind white space.
    Between {
        spaced: bool,
    },
    Equals,
    Value,
    Quoted(u8),
}

/// Where in a document type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Type {
    /// In quotes, if not zero.
    quote: u8,
    /// So deep in its declarations.
    depth: u16,
    /// In a name.
    word: bool,
}

/// What an XML declaration says something of.
const DECLARED: [&[u8]; 3] = [b"version", b"encoding", b"standalone"];

/// Words that mean something in a document type: <https://www.w3.org/TR/xml/#sec-prolog-dtd> and the chapters behind it.
const WORDS: &[&[u8]] = &[
    b"ANY",
    b"ATTLIST",
    b"CDATA",
    b"ELEMENT",
    b"EMPTY",
    b"ENTITIES",
    b"ENTITY",
    b"FIXED",
    b"ID",
    b"IDREF",
    b"IDREFS",
    b"IGNORE",
    b"IMPLIED",
    b"INCLUDE",
    b"NDATA",
    b"NMTOKEN",
    b"NMTOKENS",
    b"NOTATION",
    b"PCDATA",
    b"PUBLIC",
    b"REQUIRED",
    b"SYSTEM",
];

/// The length of the longest of them.
const LONGEST_WORD: usize = 8;

impl Tokens {
    /// What `<?` begins; of an instruction in a document type, `within` says where in it.
    pub(super) fn open_instruction(
        &mut self,
        rest: &[u8],
        last: bool,
        within: Option<Type>,
    ) -> Step {
        let target = rest.get(2..).unwrap_or_default();
        let begins = target.first().is_none_or(|&byte| begins_name(byte));
        let len = target.iter().take(LONGEST_NAME);
        let len = len.take_while(|&&byte| is_name(byte)).count();
        let spaced = match target.get(len..).unwrap_or_default() {
            _ if !begins || len == LONGEST_NAME => return self.break_off(),
            [] | [b'?'] if !last => return Step::Open,
            [byte, ..] if len > 0 && is_space(*byte) => true,
            [b'?', b'>', ..] if len > 0 => false,
            _ => return self.break_off(),
        };
        if spaced && within.is_none() && target.starts_with(b"xml") && len == 3 {
            self.state = State::Declaration(Declaration::Between { spaced: false });
            return Step::Unit(5, Ink::Keep);
        }
        self.state = State::Target(within);
        Step::Unit(2, Ink::Keep)
    }

    /// The target of an instruction, which was looked at before.
    pub(super) fn target(&mut self, rest: &[u8], last: bool, within: Option<Type>) -> Step {
        match rest.first() {
            Some(&byte) if is_name(byte) => character(rest, last, Ink::Letters),
            _ => {
                self.state = State::Instruction {
                    mark: false,
                    within,
                };
                self.step(rest, last)
            }
        }
    }

    pub(super) fn instruction(
        &mut self,
        rest: &[u8],
        last: bool,
        mark: bool,
        within: Option<Type>,
    ) -> Step {
        let unit = match rest.first() {
            Some(b'>') if mark => {
                self.state = within.map_or(State::Text, State::Type);
                return Step::Unit(1, Ink::Keep);
            }
            Some(b'?' | b'<' | b'>' | b'"' | b'\'') => Step::Unit(1, Ink::Keep),
            _ => character(rest, last, Ink::Stars),
        };
        if unit != Step::Open {
            let mark = rest.first() == Some(&b'?');
            self.state = State::Instruction { mark, within };
        }
        unit
    }

    pub(super) fn declaration(&mut self, rest: &[u8], last: bool, at: Declaration) -> Step {
        let Some(&byte) = rest.first() else {
            return Step::Open;
        };
        let (next, len, ink) = match at {
            Declaration::Between { .. } if is_space(byte) => {
                (Declaration::Between { spaced: true }, 1, Ink::Keep)
            }
            Declaration::Between { .. } if byte == b'?' => {
                return match rest.get(1) {
                    None if !last => Step::Open,
                    Some(b'>') => {
                        self.state = State::Text;
                        Step::Unit(2, Ink::Keep)
                    }
                    _ => self.break_off(),
                };
            }
            Declaration::Between { spaced: true } => {
                if let Some(name) = DECLARED.iter().find(|name| rest.starts_with(name)) {
                    (Declaration::Equals, name.len(), Ink::Keep)
                } else if !last && DECLARED.iter().any(|name| name.starts_with(rest)) {
                    return Step::Open;
                } else {
                    return self.break_off();
                }
            }
            Declaration::Equals | Declaration::Value if is_space(byte) => (at, 1, Ink::Keep),
            Declaration::Equals if byte == b'=' => (Declaration::Value, 1, Ink::Keep),
            Declaration::Value if matches!(byte, b'"' | b'\'') => {
                (Declaration::Quoted(byte), 1, Ink::Keep)
            }
            Declaration::Quoted(quote) if byte == quote => {
                (Declaration::Between { spaced: false }, 1, Ink::Keep)
            }
            Declaration::Quoted(_) if byte.is_ascii() && is_name(byte) => (at, 1, Ink::Stars),
            _ => return self.break_off(),
        };
        self.state = State::Declaration(next);
        Step::Unit(len, ink)
    }

    pub(super) fn document_type(&mut self, rest: &[u8], last: bool, at: Type) -> Step {
        let Some(&byte) = rest.first() else {
            return Step::Open;
        };
        let outside = Type { word: false, ..at };
        let keep = Step::Unit(1, Ink::Keep);
        let (next, unit) = match byte {
            _ if at.quote != 0 => match byte {
                _ if byte == at.quote => (Some(Type { quote: 0, ..at }), keep),
                b'<' | b'>' | b'&' | b'%' | b'"' | b'\'' => (Some(at), keep),
                _ => (Some(at), character(rest, last, Ink::Stars)),
            },
            b'<' => return self.open_in_type(rest, last, outside),
            b'>' => {
                let depth = at.depth.checked_sub(1);
                (depth.map(|depth| Type { depth, ..outside }), keep)
            }
            b'"' | b'\'' => {
                let quote = byte;
                (Some(Type { quote, ..outside }), keep)
            }
            b'[' | b']' | b'(' | b')' | b'|' | b',' | b'?' | b'*' | b'+' | b'%' | b';' | b'#' => {
                (Some(outside), keep)
            }
            _ if is_space(byte) => (Some(outside), keep),
            _ if !is_name(byte) => return self.break_off(),
            _ => {
                let word = rest.iter().take(LONGEST_WORD + 1);
                let len = word.take_while(|&&byte| is_name(byte)).count();
                let word = rest.get(..len).unwrap_or_default();
                if !at.word && len == rest.len() && len <= LONGEST_WORD && !last {
                    return Step::Open;
                }
                let unit = match !at.word && WORDS.contains(&word) {
                    true => Step::Unit(len, Ink::Keep),
                    false => character(rest, last, Ink::Words),
                };
                (Some(Type { word: true, ..at }), unit)
            }
        };
        if unit != Step::Open {
            self.state = next.map_or(State::Text, State::Type);
        }
        unit
    }

    /// A `<` in a document type.
    fn open_in_type(&mut self, rest: &[u8], last: bool, at: Type) -> Step {
        if !last && (rest.len() == 1 || rest.len() < 4 && b"<!--".starts_with(rest)) {
            return Step::Open;
        }
        let (state, len) = match rest {
            [_, b'?', ..] => return self.open_instruction(rest, last, Some(at)),
            [_, b'!', b'-', b'-', ..] => {
                let comment = State::Comment {
                    hyphens: 0,
                    bang: false,
                    within: Some(at),
                };
                (comment, 4)
            }
            [_, b'!', ..] => {
                let depth = at.depth.saturating_add(1);
                (State::Type(Type { depth, ..at }), 2)
            }
            _ => return self.break_off(),
        };
        self.state = state;
        Step::Unit(len, Ink::Keep)
    }

    /// A document type of HTML, up to the end of its name: behind that it is like any other `<!`. `named`: in the name.
    pub(super) fn browser_type(&mut self, rest: &[u8], last: bool, named: bool) -> Step {
        let (state, unit) = match rest.first() {
            Some(b'>') => (State::Text, Step::Unit(1, Ink::Keep)),
            Some(b'\t' | b'\n' | b'\r' | b' ' | 12) => {
                let state = match named {
                    true => State::Bogus,
                    false => self.state,
                };
                (state, Step::Unit(1, Ink::Keep))
            }
            Some(b'<' | b'"' | b'\'') => (State::BrowserType(true), Step::Unit(1, Ink::Keep)),
            _ => (State::BrowserType(true), character(rest, last, Ink::Words)),
        };
        if unit != Step::Open {
            self.state = state;
        }
        unit
    }
}

/// Whether a name may begin with a byte.
fn begins_name(byte: u8) -> bool {
    is_name(byte) && !byte.is_ascii_digit() && !matches!(byte, b'-' | b'.')
}
