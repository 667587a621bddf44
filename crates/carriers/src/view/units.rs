//! Where units of codes stand in a text, and which of them are a view's matter.

use core::cell::OnceCell;

use super::code::{Code, LONGEST, Unit};

/// The unit of `code` that `text` begins with. `marks` tells how deep each byte was decoded; none at all: not.
///
/// What begins with a byte that was decoded less deep than those that follow is none: whether it were seen would depend on whether there was
/// a view already when its first byte went by.
pub(super) fn unit(code: Code, text: &[u8], marks: &[u8], last: bool) -> Unit {
    let Some(&opener) = marks.first() else {
        return code.unit(text, last);
    };
    let mut marks = marks.iter().take(text.len().min(LONGEST));
    match marks.position(|&mark| mark > opener) {
        Some(cut) => code.unit(text.get(..cut).unwrap_or_default(), true),
        None => code.unit(text, last),
    }
}

/// Whether a unit of `code`, as it came, is no matter of the view over which it stands: one of the two orders is enough in which codes can be
/// decoded that stand side by side, and percent codes first is the one by which forms carry JSON. One whose first byte was decoded itself, as
/// the first of `marks` says, is another matter.
pub(super) fn is_read_elsewhere(over: Option<Code>, code: Code, marks: &[u8]) -> bool {
    over == Some(Code::Escape) && code == Code::Percent && has_come(marks)
}

/// What a view of `code` is for those over it, which stands over `below` itself: percent codes that came as they are are no matter of any view
/// over escapes, however many percent codes lie in between.
pub(super) fn over(below: Option<Code>, code: Code) -> Option<Code> {
    match (below, code) {
        (Some(Code::Escape), Code::Percent) => below,
        _ => Some(code),
    }
}

/// Whether the byte with the first of `marks` came as it is.
pub(super) fn has_come(marks: &[u8]) -> bool {
    marks.first().is_none_or(|&mark| mark == 0)
}

/// Where the first unit begins of a code that is asked for, and which.
pub(super) fn find(
    text: &[u8],
    marks: &[u8],
    last: bool,
    over: Option<Code>,
    wanted: impl Fn(Code) -> bool,
) -> Option<(usize, Code)> {
    let gaps = Gaps::new(&wanted);
    let stands = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        let code = Code::of(*rest.first()?)?;
        // A block may end before its text does: then the view sees a few bytes later that there was no unit.
        let marks = marks.get(at..).unwrap_or_default();
        let begins = || {
            // What goes by in a view that begins a few bytes later may be a unit there.
            let before = gaps.before_next(text, rest);
            let open = before.is_some_and(|text| unit(code, text, marks, false) != Unit::Itself);
            open || unit(code, rest, marks, last) != Unit::Itself
        };
        (!is_read_elsewhere(over, code, marks) && begins()).then_some((at, code))
    };
    // Three bytes are looked for at once.
    let openers = openers(wanted);
    let (first, second) = openers.split_at(3);
    let first_found = among(first, text, stands);
    let before = text.get(..first_found.map_or(text.len(), |f| f.0));
    among(second, before.unwrap_or(text), stands).or(first_found)
}

/// Where the last unit begins of a code that is asked for, in text of which nothing was decoded.
pub(super) fn find_last(text: &[u8], wanted: impl Fn(Code) -> bool) -> Option<usize> {
    let gaps = Gaps::new(&wanted);
    let openers = openers(wanted);
    let (first, second) = openers.split_at(3);
    let mut left = text;
    loop {
        let at = last_among(first, left).max(last_among(second, left))?;
        let rest = text.get(at..).unwrap_or_default();
        let code = Code::of(*rest.first()?)?;
        let before = gaps.before_next(text, rest);
        let begins = |text: &[u8]| code.unit(text, false) != Unit::Itself;
        if before.is_some_and(begins) || begins(rest) {
            return Some(at);
        }
        left = left.get(..at).unwrap_or_default();
    }
}

/// What units of the codes that are asked for begin with.
fn openers(wanted: impl Fn(Code) -> bool) -> [Option<u8>; Code::ALL.len()] {
    let mut openers = [None; Code::ALL.len()];
    let codes = Code::ALL.into_iter().filter(|&code| wanted(code));
    for (slot, code) in openers.iter_mut().zip(codes) {
        *slot = Some(code.opener());
    }
    openers
}

/// The bytes that stand for nothing, or begin what does, in the codes that are asked for.
struct Gaps {
    wide: bool,
    quoted: bool,
    /// Whether the text has any: most have none.
    any: OnceCell<bool>,
}

impl Gaps {
    fn new(wanted: impl Fn(Code) -> bool) -> Gaps {
        Gaps {
            wide: wanted(Code::Wide),
            quoted: wanted(Code::Quoted),
            any: OnceCell::new(),
        }
    }

    /// What stands before the first of them behind the first byte of `rest`, as far as a unit may reach; `None` where there is none.
    /// `rest` is the rest of `text`, which is the same in each call.
    fn before_next<'a>(&self, text: &[u8], rest: &'a [u8]) -> Option<&'a [u8]> {
        let has = |is: bool, code: Code| is && memchr::memchr(code.opener(), text).is_some();
        let any = || has(self.wide, Code::Wide) || has(self.quoted, Code::Quoted);
        if !*self.any.get_or_init(any) {
            return None;
        }
        let is_gap = |&byte: &u8| {
            self.wide && byte == Code::Wide.opener() || self.quoted && byte == Code::Quoted.opener()
        };
        let gap = rest.iter().take(LONGEST).skip(1).position(is_gap)?;
        rest.get(..gap + 1)
    }
}

/// Where the last of some openers stands.
fn last_among(openers: &[Option<u8>], text: &[u8]) -> Option<usize> {
    match *openers {
        [Some(a), Some(b), Some(c)] => memchr::memrchr3(a, b, c, text),
        [Some(a), Some(b), ..] => memchr::memrchr2(a, b, text),
        [Some(a), ..] => memchr::memrchr(a, text),
        _ => None,
    }
}

/// Where the first of some openers stands whose unit is one.
fn among(
    openers: &[Option<u8>],
    text: &[u8],
    mut stands: impl FnMut(usize) -> Option<(usize, Code)>,
) -> Option<(usize, Code)> {
    match *openers {
        [Some(a), Some(b), Some(c)] => memchr::memchr3_iter(a, b, c, text).find_map(&mut stands),
        [Some(a), Some(b), ..] => memchr::memchr2_iter(a, b, text).find_map(&mut stands),
        [Some(a), ..] => memchr::memchr_iter(a, text).find_map(&mut stands),
        _ => None,
    }
}
