//! What a validator `allow` lets stand: its patterns, dealt to as few automata as stay small. Checking whether a value matches
//! one of them lives in the engine.
//!
//! The automaton of an alternation can have as many states as the product of its parts: `[a-z]{1,16}_error` beside
//! `[a-z_]+[.][a-z_]+` counts and remembers at once. A value that comes this far is short and rare, so that stepping through
//! it a few times costs less than a table that is twice the size.

use blackbar_policy::diagnostic::Diagnostic;
use regex_syntax::hir::Hir;

use crate::automaton::Built;

type Failure = Box<Diagnostic>;

/// Bytes of a table that is not worth being taken apart.
const SMALL: usize = 2 << 10;

/// Automata that together match what `patterns` match. `one` builds the automaton of one pattern, which it names by its place;
/// `all` that of several: `None` if it is too large.
pub(crate) fn automata(
    patterns: &[Hir],
    one: impl Fn(usize, &Hir) -> Result<Built, Failure>,
    all: impl Fn(&Hir) -> Option<Built>,
) -> Result<Vec<Built>, Failure> {
    let together = |places: &[usize]| {
        let parts = places.iter().map(|&place| patterns[place].clone());
        all(&Hir::alternation(parts.collect()))
    };
    let places: Vec<usize> = (0..patterns.len()).collect();
    let whole = together(&places);
    if let Some(whole) = whole.clone().filter(|whole| whole.bytes() <= SMALL) {
        return Ok(vec![whole]);
    }
    let mut waiting = Vec::new();
    for (place, pattern) in patterns.iter().enumerate() {
        waiting.push((place, one(place, pattern)?));
    }
    // Literals share their beginnings: a long list of them is best left whole, and not worth a search.
    let apart: usize = waiting.iter().map(|(_, built)| built.bytes()).sum();
    if let Some(whole) = whole.filter(|whole| whole.bytes() <= apart) {
        return Ok(vec![whole]);
    }
    // The smallest first: what is left over at the end is what goes with nothing.
    waiting.sort_by_key(|(place, built)| (built.bytes(), *place));
    let mut groups = Vec::new();
    while !waiting.is_empty() {
        let mut left = Vec::new();
        let mut group: Option<(Vec<usize>, Built)> = None;
        for (place, built) in waiting {
            let Some((members, so_far)) = &mut group else {
                group = Some((vec![place], built));
                continue;
            };
            members.push(place);
            match together(members) {
                Some(joined) if joined.bytes() <= so_far.bytes() + built.bytes() => {
                    *so_far = joined
                }
                _ => {
                    members.pop();
                    left.push((place, built));
                }
            }
        }
        groups.extend(group.map(|(_, built)| built));
        waiting = left;
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use blackbar_engine::dfa::{DEAD, FINAL, MATCHES};
    use regex_syntax::hir::Hir;

    use super::automata;
    use crate::automaton::{self, Built, ByteSet};

    fn build(hir: &Hir) -> Built {
        automaton::build(hir, &ByteSet::default()).expect("an automaton")
    }

    fn dealt(patterns: &[&str]) -> (Built, Vec<Built>) {
        let hirs: Vec<Hir> = patterns
            .iter()
            .map(|pattern| {
                regex_syntax::ParserBuilder::new()
                    .utf8(false)
                    .unicode(false)
                    .build()
                    .parse(pattern)
                    .expect("a pattern")
            })
            .collect();
        let parts = automata(&hirs, |_, hir| Ok(build(hir)), |hir| Some(build(hir)));
        (build(&Hir::alternation(hirs)), parts.expect("automata"))
    }

    /// A state, and whether what led to it is a match from end to end.
    fn step(built: &Built, state: u16, byte: u8) -> u16 {
        let stride = usize::from(built.part.stride);
        let class = usize::from(built.part.classes[usize::from(byte)]);
        match state {
            FINAL => DEAD,
            _ => built.part.table[usize::from(state) * stride + class] & !MATCHES,
        }
    }

    fn ends(built: &Built, state: u16) -> bool {
        let stride = usize::from(built.part.stride);
        let end = built.part.table[usize::from(state) * stride + stride - 1];
        state == FINAL || end & MATCHES != 0
    }

    /// Walks through every state that the whole and its parts can be in together.
    fn same(patterns: &[&str]) -> (usize, usize, usize) {
        let (whole, parts) = dealt(patterns);
        let start = |built: &Built| built.part.starts[0];
        let first: Vec<u16> = std::iter::once(&whole).chain(&parts).map(start).collect();
        let mut seen = HashSet::from([first.clone()]);
        let mut queue = vec![first];
        while let Some(states) = queue.pop() {
            let any = parts.iter().zip(&states[1..]).any(|(p, &s)| ends(p, s));
            assert_eq!(ends(&whole, states[0]), any, "in {states:?}");
            for byte in 0..=255 {
                let next: Vec<u16> = std::iter::once(&whole)
                    .chain(&parts)
                    .zip(&states)
                    .map(|(built, &state)| step(built, state, byte))
                    .collect();
                if seen.insert(next.clone()) {
                    queue.push(next);
                }
            }
        }
        let bytes = parts.iter().map(Built::bytes).sum();
        (whole.bytes(), bytes, parts.len())
    }

    #[test]
    fn a_list_in_parts_matches_what_it_matches_whole() {
        let (whole, parts, count) = same(&[
            "[a-z]{1,16}_(?:errors?|required|invalid|short|long|key)",
            "[A-Za-z_]+(?:[.:-][A-Za-z_]+)+",
            "(?i:(?:bcrypt|scrypt|sha|md)[_.-]?[0-9]{0,3}[_.-]?){1,4}",
            "[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.Z+-]*)?",
            "arn:.*",
            "",
            "[^A-Za-z0-9]*",
        ]);
        assert!(
            count > 1 && parts < whole,
            "{count} parts of {parts} bytes, {whole} whole"
        );
    }

    #[test]
    fn a_long_list_of_literals_stays_whole() {
        let keys: Vec<String> = (0..200u32)
            .map(|n| format!("test_{:08x}", n.wrapping_mul(0x9e37_79b9)))
            .collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let (whole, parts) = dealt(&keys);
        assert_eq!((parts.len(), parts[0].bytes()), (1, whole.bytes()));
    }

    #[test]
    fn a_small_list_stays_whole() {
        let (whole, parts, count) = same(&["test", "test[0-9]+", "example"]);
        assert_eq!((parts, count), (whole, 1));
    }
}
