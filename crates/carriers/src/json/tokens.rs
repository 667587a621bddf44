//! A tokenizer of JSON (RFC 8259) that stands between any two bytes: states and a stack of bits, no tree and no text.
//!
//! Documents may follow one another, with or without white space or record separators between them (NDJSON, RFC 7464). Where a document
//! breaks the rest is text; if it was all on one line, the next line may be a document again.

/// Arrays and objects nested deeper are text.
pub const DEEPEST: usize = 1024;

/// What the next byte is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// White space before a value; at depth 0 there need not be one.
    Value,
    /// The same, or the end of an empty array.
    First,
    /// White space before a key, or the end of an empty object.
    FirstKey,
    /// White space before a key.
    Key,
    /// White space before a colon.
    Colon,
    /// White space behind a value in an array or object.
    Behind,
    /// The inside of a string.
    String { key: bool },
    /// A number, so far this.
    Number(Number),
    /// A word, and how much of it was there.
    Word(&'static [u8], usize),
    /// No JSON. `line`: the next line may be.
    Text { line: bool },
}

/// How far a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    E,
    Sign,
    Exponent,
}

impl Number {
    /// Whether a number may end so.
    fn is_whole(self) -> bool {
        use Number::{Exponent, Fraction, Whole, Zero};
        matches!(self, Zero | Whole | Fraction | Exponent)
    }

    fn after(self, byte: u8) -> Option<Number> {
        use Number::{E, Exponent, Fraction, Minus, Point, Sign, Whole, Zero};
        Some(match (self, byte) {
            (Minus, b'0') => Zero,
            (Minus, b'1'..=b'9') | (Whole, b'0'..=b'9') => Whole,
            (Zero | Whole, b'.') => Point,
            (Point | Fraction, b'0'..=b'9') => Fraction,
            (Zero | Whole | Fraction, b'e' | b'E') => E,
            (E, b'+' | b'-') => Sign,
            (E | Sign | Exponent, b'0'..=b'9') => Exponent,
            _ => return None,
        })
    }

    /// Whether it is behind the `e`.
    pub(crate) fn is_exponent(self) -> bool {
        matches!(self, Number::E | Number::Sign | Number::Exponent)
    }
}

/// The tokenizer.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) state: State,
    /// One bit for each array (0) or object (1) that is open.
    stack: [u64; DEEPEST / 64],
    pub(crate) depth: usize,
    /// The document went over the end of a line.
    lines: bool,
    /// No byte was there yet: a byte order mark may come.
    start: u8,
    /// Strings and texts are numbered, so that two that follow one another are told apart.
    pub(crate) number: u64,
}

const MARK: &[u8] = b"\xef\xbb\xbf";

impl Tokens {
    pub(crate) fn new() -> Tokens {
        Tokens {
            state: State::Value,
            stack: [0; DEEPEST / 64],
            depth: 0,
            lines: false,
            start: 0,
            number: 0,
        }
    }

    /// Goes over one byte; in strings, over one that does not begin an escape. Afterwards `state` says what that byte was part of, unless
    /// it ended a string, which it is not part of.
    pub(crate) fn step(&mut self, byte: u8) {
        match self.state {
            State::String { key } => match byte {
                b'"' if key => self.state = State::Colon,
                b'"' => self.behind(),
                0..0x20 => self.break_off(byte),
                _ => {}
            },
            State::Number(number) => match number.after(byte) {
                Some(next) => self.state = State::Number(next),
                None if number.is_whole() => {
                    self.behind();
                    self.step(byte);
                }
                None => self.break_off(byte),
            },
            State::Word(word, at) => match word.get(at) {
                Some(&wanted) if wanted == byte => self.state = State::Word(word, at + 1),
                None => {
                    self.behind();
                    self.step(byte);
                }
                Some(_) => self.break_off(byte),
            },
            State::Text { line } => {
                if line && byte == b'\n' {
                    self.state = State::Value;
                }
            }
            _ => self.between(byte),
        }
    }

    /// Whether the next byte is outside of strings and texts: nothing but a wish asks what it is.
    pub(crate) fn are_between(&self) -> bool {
        !matches!(self.state, State::String { .. } | State::Text { .. })
    }

    /// Goes over the bytes of `text` up to and with the one that begins a string, or breaks the document; says how many.
    pub(crate) fn pass(&mut self, text: &[u8]) -> usize {
        for (at, &byte) in text.iter().enumerate() {
            self.step(byte);
            if !self.are_between() {
                return at + 1;
            }
        }
        text.len()
    }

    /// A byte outside of strings, numbers and words.
    fn between(&mut self, byte: u8) {
        if usize::from(self.start) < MARK.len() {
            if MARK.get(usize::from(self.start)) == Some(&byte) {
                self.start += 1;
                return;
            }
            self.start = u8::MAX;
        }
        match (self.state, byte) {
            (_, b' ' | b'\t' | b'\r') => {}
            (_, b'\n') => self.lines |= self.depth > 0,
            (State::Value, 0x1e) if self.depth == 0 => {}
            (State::Value | State::First, b'"') => self.string(false),
            (State::FirstKey | State::Key, b'"') => self.string(true),
            (State::Value | State::First, b'{') => self.open(true),
            (State::Value | State::First, b'[') => self.open(false),
            (State::Value | State::First, b'-') => self.scalar(State::Number(Number::Minus)),
            (State::Value | State::First, b'0') => self.scalar(State::Number(Number::Zero)),
            (State::Value | State::First, b'1'..=b'9') => {
                self.scalar(State::Number(Number::Whole));
            }
            (State::Value | State::First, b't') => self.scalar(State::Word(b"true", 1)),
            (State::Value | State::First, b'f') => self.scalar(State::Word(b"false", 1)),
            (State::Value | State::First, b'n') => self.scalar(State::Word(b"null", 1)),
            (State::Colon, b':') => self.state = State::Value,
            (State::Behind, b',') => {
                self.state = if self.in_object() {
                    State::Key
                } else {
                    State::Value
                };
            }
            (State::First, b']') => self.close(),
            (State::Behind, b']') if !self.in_object() => self.close(),
            (State::FirstKey, b'}') => self.close(),
            (State::Behind, b'}') if self.in_object() => self.close(),
            _ => self.break_off(byte),
        }
    }

    fn begin(&mut self) {
        if self.depth == 0 {
            self.lines = false;
        }
    }

    fn scalar(&mut self, state: State) {
        self.begin();
        self.number += 1;
        self.state = state;
    }

    fn string(&mut self, key: bool) {
        self.begin();
        self.number += 1;
        self.state = State::String { key };
    }

    fn open(&mut self, object: bool) {
        self.begin();
        let Some(word) = self.stack.get_mut(self.depth / 64) else {
            self.break_off(b'{');
            return;
        };
        let bit = 1 << (self.depth % 64);
        *word = if object { *word | bit } else { *word & !bit };
        self.depth += 1;
        self.state = if object {
            State::FirstKey
        } else {
            State::First
        };
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.behind();
    }

    fn behind(&mut self) {
        self.state = if self.depth == 0 {
            State::Value
        } else {
            State::Behind
        };
    }

    pub(crate) fn in_object(&self) -> bool {
        let inner = self.depth.wrapping_sub(1);
        let word = self.stack.get(inner / 64).copied().unwrap_or(0);
        word >> (inner % 64) & 1 == 1
    }

    /// The document is none.
    fn break_off(&mut self, byte: u8) {
        self.number += 1;
        self.depth = 0;
        self.state = State::Text { line: !self.lines };
        if byte == b'\n' {
            self.step(byte);
        }
    }

    /// How many bytes from `at` on, up to `end`, can be gone over without a look at each: in strings, those that neither end it nor begin an
    /// escape; in text, those of a line.
    pub(crate) fn plain(&self, text: &[u8], at: usize, end: usize) -> usize {
        let text = text.get(at..end).unwrap_or_default();
        match self.state {
            State::String { .. } => plain(text),
            State::Text { line: true } => memchr::memchr(b'\n', text).unwrap_or(text.len()),
            State::Text { line: false } => text.len(),
            _ => 0,
        }
    }
}

/// How many bytes neither end a string nor begin an escape.
fn plain(text: &[u8]) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let zero = |word: u64| word.wrapping_sub(EACH) & !word & (EACH << 7);
    let mut done = 0;
    for eight in text.chunks_exact(8) {
        let word = eight
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | u64::from(byte));
        let below = word.wrapping_sub(EACH * 0x20) & !word & (EACH << 7);
        let found =
            zero(word ^ (EACH * u64::from(b'"'))) | zero(word ^ (EACH * u64::from(b'\\'))) | below;
        if found != 0 {
            // The lowest bit that is set is right; those above it may come from borrowing.
            return done + found.trailing_zeros() as usize / 8;
        }
        done += 8;
    }
    let rest = text.get(done..).unwrap_or_default();
    let plain = rest
        .iter()
        .take_while(|&&byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    done + plain.count()
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn plain_bytes_are_counted_alike_wherever_they_end() {
        for length in 0..40 {
            for stop in [0, 0x1f, b'"', b'\\', 0x20, 0x80, 0xff, b'!', b'#'] {
                for at in 0..length {
                    for fill in [b'a', b' ', 0x80, 0xff] {
                        let mut text = alloc::vec![fill; length];
                        text[at] = stop;
                        let stops = stop < 0x20 || stop == b'"' || stop == b'\\';
                        let wanted = if stops { at } else { length };
                        assert_eq!(plain(&text), wanted, "{text:?}");
                    }
                }
            }
        }
    }
}
