//! Keyed rules whose values are long: their keywords are looked for before values only, which are rare, and not in the first
//! pass, where hundreds of words would let most text through. What the engine relies on is in
//! [`LookBack`](blackbar_engine::artifact::LookBack); here is decided which rules fulfil it.

use blackbar_engine::artifact::LookBack;
use blackbar_engine::prefilter::{RUN, is_run};
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::automaton::{ByteSet, has, insert};
use crate::fingerprint;
use crate::pattern::Split;

/// The longest keyword with its separator that is looked for like that.
const MOST: usize = 160;

/// What the keyword and the separator of one rule need, if its keywords can be looked for before its values.
pub(crate) fn look_back(split: &Split) -> Option<LookBack> {
    let [keyword, separator, rest @ ..] = split.before.as_slice() else {
        return None;
    };
    let most = keyword.properties().maximum_len()? + separator.properties().maximum_len()?;
    let value = Hir::concat(
        rest.iter()
            .chain([&split.secret, &split.after])
            .cloned()
            .collect(),
    );
    if most > MOST || !leaves_runs(separator) || !begins_with_run(&value) {
        return None;
    }
    let (mut walk, mut before) = (ByteSet::default(), ByteSet::default());
    collect(separator, &mut before);
    collect(keyword, &mut walk);
    for byte in 0..=255u8 {
        if has(&before, byte) {
            insert(&mut walk, byte);
        }
    }
    // The run before the value may begin within the separator, but not before its last byte that is of no run.
    let before = (0..=255u8).filter(|&b| has(&before, b) && !is_run(b));
    let mut last = ByteSet::default();
    before.for_each(|b| insert(&mut last, b));
    Some(LookBack {
        before: last,
        walk,
        most: u16::try_from(most).ok()?,
    })
}

/// What several rules need together.
pub(crate) fn join(a: LookBack, b: LookBack) -> LookBack {
    let either = |a: ByteSet, b: ByteSet| std::array::from_fn(|i| a[i] | b[i]);
    LookBack {
        before: either(a.before, b.before),
        walk: either(a.walk, b.walk),
        most: a.most.max(b.most),
    }
}

/// Whether every match of `hir` begins with as many bytes as a run must have.
fn begins_with_run(hir: &Hir) -> bool {
    fingerprint::ways(hir, RUN).iter().all(|way| {
        let of_run = |set: &ByteSet| (0..=255u8).all(|b| !has(set, b) || is_run(b));
        way.sets.len() >= RUN && way.sets.iter().all(of_run)
    })
}

/// Whether every match of `hir` has a byte that is of no run.
fn leaves_runs(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.iter().any(|&b| !is_run(b)),
        HirKind::Class(_) => {
            let mut set = ByteSet::default();
            collect(hir, &mut set);
            !(0..=255u8).any(|b| has(&set, b) && is_run(b))
        }
        HirKind::Repetition(repetition) => repetition.min > 0 && leaves_runs(&repetition.sub),
        HirKind::Capture(capture) => leaves_runs(&capture.sub),
        HirKind::Concat(parts) => parts.iter().any(leaves_runs),
        HirKind::Alternation(parts) => parts.iter().all(leaves_runs),
    }
}

/// Adds all bytes that a match of `hir` can have.
fn collect(hir: &Hir, set: &mut ByteSet) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => literal.0.iter().for_each(|&b| insert(set, b)),
        HirKind::Class(Class::Bytes(class)) => class
            .iter()
            .flat_map(|range| range.start()..=range.end())
            .for_each(|b| insert(set, b)),
        HirKind::Class(Class::Unicode(class)) => {
            for range in class.iter() {
                match (u8::try_from(range.start()), u8::try_from(range.end())) {
                    (Ok(start), Ok(end)) if end.is_ascii() => {
                        (start..=end).for_each(|b| insert(set, b));
                    }
                    // Characters of several bytes: any byte that is not ASCII, and those that are.
                    _ => (0..=255u8).for_each(|b| insert(set, b)),
                }
            }
        }
        HirKind::Repetition(repetition) => collect(&repetition.sub, set),
        HirKind::Capture(capture) => collect(&capture.sub, set),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().for_each(|part| collect(part, set));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::{SEPARATOR, parse};
    use blackbar_policy::model::Part;

    fn hir(pattern: &str) -> Hir {
        parse(pattern, Part::Pattern).expect("patterns of tests parse")
    }

    #[test]
    fn separators_leave_runs() {
        assert!(leaves_runs(&hir(SEPARATOR)));
        assert!(leaves_runs(&hir("[a-z]{0,9}(?:=|: )x?")));
        assert!(!leaves_runs(&hir("-")));
        assert!(!leaves_runs(&hir("[ -]")));
        assert!(!leaves_runs(&hir("(?:=|to)")));
        assert!(!leaves_runs(&hir("=*")));
    }

    #[test]
    fn values_begin_with_runs() {
        assert!(begins_with_run(&hir("[0-9a-f]{32}")));
        assert!(begins_with_run(&hir("[A-Za-z0-9_-]{16,}")));
        assert!(begins_with_run(&hir(
            "(?:key-[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{20})"
        )));
        assert!(!begins_with_run(&hir("[0-9a-f]{15}")));
        assert!(!begins_with_run(&hir("[A-Za-z0-9+/]{40}")));
        assert!(!begins_with_run(&hir("a{16}|b")));
    }
}
