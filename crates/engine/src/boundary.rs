//! What stands around a match: left neighbours, context words, and marks that an earlier redaction left.
//! What may follow a match is part of its automaton ([`dfa`](crate::dfa)).

use alloc::vec::Vec;

use crate::artifact::Engine;

/// Bytes before a match that may bear on it: the widest context, and a mark that it stands in.
pub(crate) const CONTEXT: usize = 160;

/// 256 bits.
pub(crate) type ByteSet = [u64; 4];

pub(crate) fn contains(set: &ByteSet, byte: u8) -> bool {
    set.get(usize::from(byte >> 6))
        .is_some_and(|word| word >> (byte & 63) & 1 == 1)
}

/// The set of some bytes of ASCII.
pub(crate) const fn set_of(bytes: &[u8]) -> ByteSet {
    let [mut low, mut high] = [0; 2];
    let mut left = bytes;
    while let [byte, rest @ ..] = left {
        if *byte < 64 {
            low |= 1 << *byte;
        } else {
            high |= 1 << (*byte - 64);
        }
        left = rest;
    }
    [low, high, 0, 0]
}

/// An escape is at most this long: `\u000a`.
const ESCAPE: usize = 6;

/// Whether a match may start at `at`: not inside an escape, and the byte before is not in `forbidden` or ends an escape.
///
/// `\n`, `\x0a`, `\u000a` and `%0A` before a token are one character to whoever wrote it: the letter that ends the escape
/// does not belong to the token's word.
pub(crate) fn left_is_free(forbidden: &ByteSet, hay: &[u8], at: usize) -> bool {
    let before = hay.get(..at).unwrap_or_default();
    // Most text has no escapes, and this is asked of every candidate.
    if !may_follow_escape(before) {
        return !before.last().is_some_and(|&b| contains(forbidden, b));
    }
    let free = match before.last() {
        Some(&byte) if contains(forbidden, byte) => ends_escape(before),
        _ => true,
    };
    free && !hay.get(at).is_some_and(|&byte| is_in_escape(before, byte))
}

/// Whether an escape may begin among the last few bytes of `before`.
#[inline]
pub(crate) fn may_follow_escape(before: &[u8]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    match before.last_chunk::<8>() {
        // A byte is zero where it is the one looked for; subtracting borrows there first.
        Some(near) => {
            let near = u64::from_le_bytes(*near) >> 16;
            let any = |byte: u8| {
                let zero = near ^ (EACH >> 16).wrapping_mul(u64::from(byte));
                zero.wrapping_sub(EACH >> 16) & !zero & (EACH >> 16) << 7 != 0
            };
            any(b'\\') || any(b'%')
        }
        None => {
            let near = before.iter().rev().take(ESCAPE);
            near.copied().any(|b| b == b'\\' || b == b'%')
        }
    }
}

/// Whether an escape may end where `before` does, as far as its first byte says, which stands as far before as it is long: three bytes for a
/// percent sign; two, four or six for a backslash.
pub(crate) fn may_end_escape(before: &[u8]) -> bool {
    let is = |length: usize, opener: u8| {
        let at = before.len().checked_sub(length);
        at.and_then(|at| before.get(at)) == Some(&opener)
    };
    is(3, b'%') || [2, 4, 6].into_iter().any(|length| is(length, b'\\'))
}

/// Whether `byte`, after `before`, is part of an escape: to redact from it on would leave half of the escape behind.
fn is_in_escape(before: &[u8], byte: u8) -> bool {
    // More backslashes than that are not counted: the window may not hold them all.
    const MOST: usize = 64;
    let slashes = |text: &[u8]| {
        let slashes = text.iter().rev().take(MOST);
        slashes.take_while(|&&b| b == b'\\').count()
    };
    let escapes = |text: &[u8]| slashes(text) % 2 == 1;
    let after = |letter: u8, digits: usize| {
        (0..digits).any(|n| {
            let cut = before.len().checked_sub(n).map(|at| before.split_at(at));
            cut.is_some_and(|(head, code)| {
                let head = head.strip_suffix(&[letter]);
                code.iter().all(u8::is_ascii_hexdigit) && head.is_some_and(escapes)
            })
        })
    };
    match byte {
        b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'0' | b'u' | b'x' if escapes(before) => {
            true
        }
        _ => byte.is_ascii_hexdigit() && (after(b'u', 4) || after(b'x', 2)),
    }
}

fn ends_escape(before: &[u8]) -> bool {
    let hex = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_hexdigit);
    match *before {
        [
            ..,
            b'\\',
            b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'0',
        ] => true,
        _ => {
            let tail = |n: usize| {
                before
                    .len()
                    .checked_sub(n)
                    .and_then(|from| before.get(from..))
                    .unwrap_or_default()
            };
            matches!(tail(3), [b'%', code @ ..] if hex(code))
                || matches!(tail(4), [b'\\', b'x', code @ ..] if hex(code))
                || matches!(tail(6), [b'\\', b'u', code @ ..] if hex(code))
        }
    }
}

/// Words that must, or must not, stand before a match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// One of these must stand there. None at all: nothing has to.
    pub words: Vec<Vec<u8>>,
    /// None of these may stand in the name that the match goes on with. `//` stands for the password of a URL.
    pub unless: Vec<Vec<u8>>,
    /// How many bytes before the match a word may start, at most 128.
    pub within: u8,
    /// Whether a word must also end where a word ends.
    pub whole: bool,
    /// What may stand between a word and the match.
    pub reach: Reach,
}

/// How far a context word reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Any bytes may stand between.
    #[default]
    Any,
    /// No end of a line.
    Line,
    /// No end of a line, and none of `, ; & { } <`, which end a field.
    Field,
    /// Only what stands between a key and its value: blanks, quotes, brackets, `= : > # . _ - |`, a backslash, percent escapes.
    Key,
}

impl Reach {
    fn lets(self, between: &[u8]) -> bool {
        self.length(between) == between.len()
    }

    /// How far a match may start from the end of a word that is followed by `text`, if it starts in that: every start up to
    /// there may be let, and none after it is.
    fn length(self, text: &[u8]) -> usize {
        const LINE: ByteSet = set_of(b"\n\r");
        const FIELD: ByteSet = set_of(b"\n\r,;&{}<");
        let stops = match self {
            Reach::Any => return text.len(),
            Reach::Line => &LINE,
            Reach::Field => &FIELD,
            Reach::Key => return separators(text),
        };
        let end = text.iter().position(|&byte| contains(stops, byte));
        end.unwrap_or(text.len())
    }
}

/// How many bytes at the start of `text` are what stands between a key and its value.
fn separators(text: &[u8]) -> usize {
    let mut rest = text;
    loop {
        rest = match *rest {
            [b'%', a, b, ref rest @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => rest,
            [
                b' ' | b'\t' | b'=' | b':' | b'>' | b'"' | b'\'' | b'`' | b'\\' | b'[' | b']'
                | b'(' | b')' | b'#' | b'.' | b'_' | b'-' | b'|',
                ref rest @ ..,
            ] => rest,
            _ => return text.len() - rest.len(),
        }
    }
}

impl Context {
    /// Where matches may start after the word that begins at `at`, as far as the text between says; `None` if another word
    /// begins there, or a longer one.
    pub(crate) fn starts_after(
        &self,
        word: usize,
        hay: &[u8],
        at: usize,
    ) -> Option<core::ops::Range<usize>> {
        if !begins_word(hay, at) {
            return None;
        }
        let text = hay.get(at..)?;
        let rest = after_word(text, self.words.get(word)?)?;
        let end = hay.len() - rest.len();
        if self.whole && !ends_word(hay, end) {
            return None;
        }
        let reached = at + usize::from(self.within) + 1;
        let near = hay.get(end..reached.min(hay.len())).unwrap_or_default();
        Some(end..reached.min(end + self.reach.length(near) + 1))
    }
}

/// Whether one of the words starts within so many bytes before `at`, at the start of a word, ends before `at`, stands without
/// regard to case and reaches `at`; and none of those that may not stand in the name that ends at `at`: with nothing but bytes of
/// a name or blanks from its start on. A `_` in a word stands for `_`, `-`, `.`, a space or nothing. After `//` among those that may not
/// stand the match may not start in the password of a URL's user information.
///
/// Looks at no byte after `at`, so that the answer does not depend on how much has arrived.
pub(crate) fn has_context(near: &Near, hay: &[u8], at: usize) -> bool {
    let Near {
        context,
        words,
        unless,
    } = near;
    let name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b' ');
    let reaches = |_: &[u8], between: &[u8]| {
        context.reach.lets(between)
            && (!context.whole || ends_word(hay, at.saturating_sub(between.len())))
    };
    let is_named = |text: &[u8], _: &[u8]| {
        let before = hay.get(..at - text.len());
        text.iter().all(name) || before.is_some_and(|hay| is_in_password(hay, text))
    };
    (context.words.is_empty()
        || stands_before((&context.words, words), context.within, hay, at, reaches))
        && !stands_before((&context.unless, unless), context.within, hay, at, is_named)
}

/// Whether `text` is the `//` of a URL, of which `before` ends in `:`, and a part of its user information that the password goes on
/// with: there is a colon in it, and nothing but what URLs have there.
///
/// Source: RFC 3986, section 3.2.1, without `&'(),;=`, which end URLs as they stand in text and in forms: after `http://host:80&to=` comes
/// an address. What is taken for one where a password has such a byte is redacted with no need, not let go.
fn is_in_password(before: &[u8], text: &[u8]) -> bool {
    const USER: ByteSet =
        set_of(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~%!$*+:");
    before.last() == Some(&b':')
        && text.strip_prefix(b"//").is_some_and(|user| {
            user.contains(&b':') && user.iter().all(|&byte| contains(&USER, byte))
        })
}

/// A context, and what its words begin with, to look for.
#[derive(Debug)]
pub(crate) struct Near {
    pub(crate) context: Context,
    words: ByteSet,
    unless: ByteSet,
}

impl Near {
    pub(crate) fn new(context: Context) -> Near {
        Near {
            words: beginnings(&context.words),
            unless: beginnings(&context.unless),
            context,
        }
    }
}

/// What a text can begin with that begins with one of `words`.
fn beginnings(words: &[Vec<u8>]) -> ByteSet {
    let mut set = ByteSet::default();
    for word in words {
        let Some(&byte) = word.first().filter(|&&byte| byte != b'_') else {
            // Which stands for nothing too.
            return [!0; 4];
        };
        for byte in [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] {
            if let Some(slot) = set.get_mut(usize::from(byte / 64)) {
                *slot |= 1 << (byte % 64);
            }
        }
    }
    set
}

/// Whether one of `words`, of which it is known what they begin with, starts where a word may, and `fits`: it is given the text from the word on, and what follows the word.
fn stands_before(
    (words, beginnings): (&[Vec<u8>], &ByteSet),
    within: u8,
    hay: &[u8],
    at: usize,
    fits: impl Fn(&[u8], &[u8]) -> bool,
) -> bool {
    let from = at.saturating_sub(usize::from(within));
    (from..at).any(|start| {
        hay.get(start)
            .is_some_and(|&byte| contains(beginnings, byte))
            && begins_word(hay, start)
            && hay.get(start..at).is_some_and(|text| {
                words
                    .iter()
                    .any(|word| after_word(text, word).is_some_and(|rest| fits(text, rest)))
            })
    })
}

/// Whether a word starts at `at`: after what is no letter or digit, or as a hump of camel case.
pub(crate) fn begins_word(hay: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|i| hay.get(i));
    before.is_none_or(|b| !b.is_ascii_alphanumeric()) || is_hump(hay, at)
}

/// Whether a word ends before `at`: what follows is no letter or digit, or a hump of camel case.
fn ends_word(hay: &[u8], at: usize) -> bool {
    hay.get(at).is_none_or(|b| !b.is_ascii_alphanumeric()) || is_hump(hay, at)
}

fn is_hump(hay: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|i| hay.get(i));
    hay.get(at).is_some_and(u8::is_ascii_uppercase) && before.is_some_and(u8::is_ascii_lowercase)
}

/// What follows `word` in `text`, if it starts with it.
pub(crate) fn after_word<'a>(mut text: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    for &want in word {
        match text.split_first() {
            Some((b'_' | b'-' | b'.' | b' ', rest)) if want == b'_' => text = rest,
            _ if want == b'_' => {}
            Some((&byte, rest)) if byte.eq_ignore_ascii_case(&want) => text = rest,
            _ => return None,
        }
    }
    Some(text)
}

/// The longest mark: brackets (percent-encoded in a URL) around a rule id.
const LONGEST_MARK: usize = CONTEXT - 32;

/// The length of the mark that `text` starts with, if it does. `known` says whether an id is a rule's.
pub(crate) fn mark_at(text: &[u8], known: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let (open, close): (&[u8], &[u8]) = if text.starts_with(b"[") {
        (b"[", b"]")
    } else {
        (b"%5B", b"%5D")
    };
    let inside = text.strip_prefix(open)?;
    let length = inside.iter().position(|&b| !is_id_byte(b))?;
    let (id, rest) = inside.split_at_checked(length)?;
    (rest.starts_with(close) && known(id)).then_some(open.len() + length + close.len())
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.'
}

/// Whether the match at `start..end` begins inside a mark: it was redacted before. Looks at no byte from `end` on, so
/// that the answer does not depend on how much has arrived.
pub(crate) fn begins_in_mark(
    hay: &[u8],
    start: usize,
    end: usize,
    known: impl Fn(&[u8]) -> bool,
) -> bool {
    let Some(text) = hay.get(..end) else {
        return false;
    };
    for back in 1..=LONGEST_MARK.min(start) {
        let at = start - back;
        match text.get(at) {
            Some(b'[' | b'%') => {
                let Some(rest) = text.get(at..) else {
                    return false;
                };
                if mark_at(rest, &known).is_some_and(|length| length > back) {
                    return true;
                }
                if rest.first() == Some(&b'[') {
                    return false;
                }
            }
            Some(&b) if is_id_byte(b) || b == b'5' || b == b'B' => {}
            _ => return false,
        }
    }
    false
}

/// Whether what follows `at` may show that the match from `start` begins inside a mark.
pub(crate) fn may_begin_in_mark(hay: &[u8], start: usize, at: usize, ids: &Engine) -> bool {
    for back in 1..=LONGEST_MARK.min(start) {
        let from = start - back;
        match hay.get(from) {
            Some(b'[' | b'%') => {
                if hay
                    .get(from..at)
                    .is_some_and(|text| may_become_mark(text, ids))
                {
                    return true;
                }
            }
            Some(&b) if is_id_byte(b) || b == b'5' || b == b'B' => {}
            _ => return false,
        }
    }
    false
}

/// Whether `text` is the beginning of a mark, but not all of it. No bytes at all are.
pub(crate) fn may_become_mark(text: &[u8], ids: &Engine) -> bool {
    const OPEN: &[u8] = b"%5B";
    const CLOSE: &[u8] = b"%5D";
    if OPEN.starts_with(text) {
        return true;
    }
    let (inside, close) = match (text.strip_prefix(b"["), text.strip_prefix(OPEN)) {
        (Some(inside), _) => (inside, &b"]"[..]),
        (None, Some(inside)) => (inside, CLOSE),
        (None, None) => return false,
    };
    let length = inside.iter().take_while(|&&b| is_id_byte(b)).count();
    match inside.split_at_checked(length) {
        Some((id, [])) => ids.knows_start(id),
        Some((id, rest)) => rest.len() < close.len() && close.starts_with(rest) && ids.knows(id),
        None => false,
    }
}

/// `value` without the marks and mask characters that it starts with.
pub(crate) fn skip_redacted(mut value: &[u8], known: impl Fn(&[u8]) -> bool) -> &[u8] {
    loop {
        let rest = match value.split_first() {
            Some((b'*', rest)) => Some(rest),
            Some(_) => mark_at(value, &known).and_then(|length| value.get(length..)),
            None => None,
        };
        match rest {
            Some(rest) => value = rest,
            None => return value,
        }
    }
}

/// Whether `value` is nothing but marks and mask characters.
pub(crate) fn is_redacted(value: &[u8], known: impl Fn(&[u8]) -> bool) -> bool {
    skip_redacted(value, known).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_a_url_is_told_from_what_looks_like_it() {
        let context = Context {
            unless: alloc::vec![b"//".to_vec()],
            within: 64,
            ..Context::default()
        };
        let near = Near::new(context);
        for (before, free) in [
            ("https://user:", false),
            ("https://:", false),
            ("x://user:ab-", false),
            ("https://", true),
            ("https://user", true),
            ("https://host:80/", true),
            ("https://a:1,", true),
            ("http://localhost:3000&login_hint=", true),
            ("tcp://a:1|user=", true),
            ("http://a:1;mail=", true),
            ("http://a:1 ", true),
            ("http://a:1\u{201c}", true),
            ("https://user:word@host:", true),
            ("mailto:", true),
            ("//note:", true),
        ] {
            let text = [before.as_bytes(), b"ann@a.example"].concat();
            assert_eq!(has_context(&near, &text, before.len()), free, "{before}");
        }
    }

    /// All texts of seven bytes that escapes are made of.
    #[test]
    fn no_escape_ends_where_none_may() {
        const BYTES: &[u8; 8] = b"\\%xu0aAn";
        let mut ended = 0;
        for number in 0..8_usize.pow(7) {
            let text: [u8; 7] = core::array::from_fn(|i| {
                let index = number / 8_usize.pow(i as u32) % 8;
                BYTES.get(index).copied().unwrap_or(0)
            });
            ended += usize::from(ends_escape(&text));
            assert!(may_end_escape(&text) || !ends_escape(&text), "{text:?}");
        }
        assert!(ended > 100_000, "{ended}");
    }

    #[test]
    fn escapes_are_seen_wherever_they_may_begin() {
        for length in 0..20 {
            for byte in [b'\\', b'%', b'\\' ^ 1, b'%' ^ 1, 0, 0xff] {
                for at in 0..length {
                    for fill in [b'a', b'\\' ^ 1, b'%' ^ 1, 0, 0xff] {
                        let mut text = alloc::vec![fill; length];
                        if let Some(slot) = text.get_mut(at) {
                            *slot = byte;
                        }
                        let begins = matches!(byte, b'\\' | b'%') && length - at <= ESCAPE;
                        assert_eq!(may_follow_escape(&text), begins, "{text:?}");
                    }
                }
            }
        }
    }
}
