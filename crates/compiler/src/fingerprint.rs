//! From an expression to the ways in which a match can begin: what bytes must every match have, at which distance from its
//! start. Which of them become windows is chosen in [`windows`](crate::windows).

use std::collections::HashSet;

use blackbar_engine::artifact::LeadingRun;
use blackbar_engine::prefilter::{Edge, WINDOW, is_literal};
use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Repetition};
use regex_syntax::utf8::Utf8Sequences;

use crate::automaton::{ByteSet, has, insert};
use crate::sample::{Quick, Statistics};
use crate::windows::{self, Print};

/// How far from a match's start windows are looked for: the further, the more ways of beginning there are to tell apart.
const REACHES: [usize; 7] = [3, 4, 6, 8, 12, 24, 88];
/// Ways in which a match can begin that are told apart.
const WAYS: usize = 256;
/// Plans of a rule that are considered.
const PLANS: usize = 2;
/// Bytes of a keyword that are looked at.
const WORDS: usize = 40;
/// From this many lengths on a leading run is a run of its own.
const RUN: u32 = 8;

/// One way in which a match can begin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    /// The run of variable length that comes before it.
    pub(crate) run: Option<LeadingRun>,
    /// Where it can stand.
    pub(crate) edge: Edge,
    /// What its bytes are in, from the first on.
    pub(crate) sets: Vec<ByteSet>,
    /// What follows is known too.
    open: bool,
}

/// Ways of which every match begins in one: a window of each finds all matches.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// They are looked for before values only.
    pub(crate) late: bool,
    pub(crate) ways: Vec<Way>,
}

/// How windows for `hir` can be chosen; nothing when some match has fewer than three bytes. `keywords` is what every match
/// begins with, where that is known to be words.
///
/// A match that is masked because it lives past `max_len` has its window by then: whatever lives so long is found.
/// `edge`: where a match may start.
pub(crate) fn plans(
    hir: &Hir,
    keywords: Option<&Hir>,
    max_len: usize,
    edge: Edge,
    statistics: &Statistics,
) -> Vec<Plan> {
    let fits = |run: usize, reach: usize| {
        let most = (max_len + 1)
            .checked_sub(run)
            .filter(|&most| most >= WINDOW);
        most.map(|most| reach.min(most))
    };
    let usable = |plan: &Plan| plan.ways.iter().all(|way| way.sets.len() >= WINDOW);
    let branches = branches(hir);
    let behind: Vec<_> = branches.iter().map(leading_run).collect();
    // Each branch directly, or behind the run that it starts with.
    let branch = |index: usize, reach: usize| -> Option<Vec<Way>> {
        match behind.get(index)? {
            Some((run, rest)) => {
                let reach = fits(usize::from(run.max), reach)?;
                Some(of_kind(ways(rest, reach), Some(*run), Edge::None))
            }
            None => Some(of_kind(ways(&branches[index], fits(0, reach)?), None, edge)),
        }
    };
    let mut found: Vec<(f64, Plan)> = Vec::new();
    for reach in REACHES {
        let direct = fits(0, reach).map(|reach| Plan {
            late: false,
            ways: of_kind(ways(hir, reach), None, edge),
        });
        let behind_runs = behind.iter().any(Option::is_some).then(|| {
            let ways: Option<Vec<_>> = (0..branches.len()).map(|i| branch(i, reach)).collect();
            ways.map(|ways| Plan {
                late: false,
                ways: ways.concat(),
            })
        });
        let after_run = behind_runs.flatten();
        let plans = direct.into_iter().chain(after_run).filter(usable);
        found.extend(plans.map(|plan| (windows::alone(&plan, statistics), plan)));
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        found.truncate(PLANS);
        // Looking further takes time: only where the rule is expensive otherwise.
        let enough = if reach < 12 { 2e-5 } else { 1e-3 };
        if found.first().is_some_and(|(cost, _)| *cost < enough) {
            break;
        }
    }
    let mut plans: Vec<Plan> = found.into_iter().map(|(_, plan)| plan).collect();
    if let (Some(words), Some(reach)) = (keywords, fits(0, WORDS)) {
        let plan = Plan {
            late: false,
            ways: of_kind(ways(words, reach), None, edge),
        };
        plans.extend(Some(plan).filter(usable));
    }
    plans
}

/// What the second and third byte of every match of `hir` are in.
pub(crate) fn heads(hir: &Hir) -> [ByteSet; 2] {
    let ways = ways(hir, WINDOW);
    [1, 2].map(|i| {
        let sets = ways.iter().map(|way| way.sets.get(i));
        sets.fold(ByteSet::default(), |all, set| {
            std::array::from_fn(|w| all[w] | set.map_or(!0, |set| set[w]))
        })
    })
}

/// What each of the first `reach` bytes of every match of `hir` is in, all of them together.
pub(crate) fn beginning(hir: &Hir, reach: usize) -> ByteSet {
    let ways = ways(hir, reach);
    if ways.iter().any(|way| way.sets.len() < reach) {
        return [!0; 4];
    }
    let sets = ways.iter().flat_map(|way| &way.sets);
    sets.fold(ByteSet::default(), |all, set| {
        std::array::from_fn(|w| all[w] | set[w])
    })
}

/// The plan of a rule whose keywords are looked for before values; nothing where a keyword is too short for a window.
pub(crate) fn late(keywords: &Hir) -> Option<Plan> {
    let plan = Plan {
        late: true,
        ways: ways(keywords, WORDS),
    };
    let usable = |way: &Way| way.sets.windows(WINDOW).any(is_literal);
    plan.ways.iter().all(usable).then_some(plan)
}

/// The branches of which every match takes one, each with all that follows.
fn branches(hir: &Hir) -> Vec<Hir> {
    match hir.kind() {
        HirKind::Alternation(branches) => branches.clone(),
        HirKind::Concat(parts) => match parts.split_first() {
            Some((first, rest)) if matches!(first.kind(), HirKind::Alternation(_)) => {
                let with_rest = |branch: Hir| {
                    let parts = std::iter::once(branch).chain(rest.iter().cloned());
                    Hir::concat(parts.collect())
                };
                branches(first).into_iter().map(with_rest).collect()
            }
            _ => vec![hir.clone()],
        },
        _ => vec![hir.clone()],
    }
}

/// `ways` behind `run`, which can stand where `edge` says.
fn of_kind(ways: Vec<Way>, run: Option<LeadingRun>, edge: Edge) -> Vec<Way> {
    let one = |way| Way { run, edge, ..way };
    ways.into_iter().map(one).collect()
}

/// The run that every match starts with, if its length varies much, and what follows it.
fn leading_run(hir: &Hir) -> Option<(LeadingRun, Hir)> {
    let HirKind::Concat(parts) = hir.kind() else {
        return None;
    };
    let at = parts
        .iter()
        .position(|part| !matches!(part.kind(), HirKind::Look(_)))?;
    let part = match parts[at].kind() {
        HirKind::Capture(capture) => &capture.sub,
        _ => &parts[at],
    };
    let HirKind::Repetition(Repetition { min, max, sub, .. }) = part.kind() else {
        return None;
    };
    let set = class_set(sub)?;
    let max = (*max)?;
    let long = max >= *min && max - min >= RUN;
    let (min, max) = (u16::try_from(*min).ok()?, u16::try_from(max).ok()?);
    long.then(|| {
        (
            LeadingRun { set, min, max },
            Hir::concat(parts[at + 1..].to_vec()),
        )
    })
}

/// The set of a one-byte expression.
fn class_set(hir: &Hir) -> Option<ByteSet> {
    let mut set = ByteSet::default();
    match hir.kind() {
        HirKind::Literal(literal) if literal.0.len() == 1 => insert(&mut set, literal.0[0]),
        HirKind::Class(Class::Bytes(class)) => {
            class
                .iter()
                .flat_map(|r| r.start()..=r.end())
                .for_each(|b| insert(&mut set, b));
        }
        HirKind::Class(Class::Unicode(class)) if class.iter().all(|r| r.end().is_ascii()) => {
            class
                .iter()
                .flat_map(|r| r.start()..=r.end())
                .for_each(|c| insert(&mut set, c as u8));
        }
        _ => return None,
    }
    Some(set)
}

/// All ways in which a match of `hir` can begin, up to `reach` bytes.
pub(crate) fn ways(hir: &Hir, reach: usize) -> Vec<Way> {
    let start = Way {
        run: None,
        edge: Edge::None,
        sets: Vec::new(),
        open: true,
    };
    let mut ways = extend(vec![start], hir, reach);
    for way in &mut ways {
        way.sets.truncate(reach);
    }
    ways
}

/// Each of `ways` followed by `hir`. Where that gets too many, less is known of each.
fn extend(ways: Vec<Way>, hir: &Hir, reach: usize) -> Vec<Way> {
    if ways.iter().all(|way| !way.open || way.sets.len() >= reach) {
        return ways;
    }
    let closed = |ways: &[Way]| {
        ways.iter()
            .map(|way| Way {
                open: false,
                ..way.clone()
            })
            .collect::<Vec<_>>()
    };
    let grown = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => return ways,
        HirKind::Literal(literal) => {
            return literal.0.iter().fold(ways, |ways, &byte| {
                let mut set = ByteSet::default();
                insert(&mut set, byte);
                append(ways, set, reach)
            });
        }
        HirKind::Class(class) => match (class_set(hir), class) {
            (Some(set), _) => return append(ways, set, reach),
            (None, Class::Unicode(class)) => characters(&ways, class, reach),
            (None, Class::Bytes(_)) => return closed(&ways),
        },
        HirKind::Capture(capture) => return extend(ways, &capture.sub, reach),
        HirKind::Concat(parts) => {
            return parts
                .iter()
                .fold(ways, |ways, part| extend(ways, part, reach));
        }
        HirKind::Alternation(parts) => {
            let (done, open): (Vec<Way>, Vec<Way>) =
                ways.iter().cloned().partition(|way| !way.open);
            done.into_iter()
                .chain(
                    parts
                        .iter()
                        .flat_map(|part| extend(open.clone(), part, reach)),
                )
                .collect()
        }
        HirKind::Repetition(repetition) => repeat(&ways, repetition, reach),
    };
    shorten(dedup(grown, reach), reach)
}

/// At most [`WAYS`] ways: those that differ only far from the start become one, closed where they part.
fn shorten(mut ways: Vec<Way>, reach: usize) -> Vec<Way> {
    for length in [48, 24, 16, 12, 8, 6, 5, 4, WINDOW] {
        if ways.len() <= WAYS {
            return ways;
        }
        for way in ways.iter_mut().filter(|way| way.sets.len() > length) {
            way.sets.truncate(length);
            way.open = false;
        }
        ways = dedup(ways, reach);
    }
    if ways.len() <= WAYS {
        return ways;
    }
    let length = ways.iter().map(|way| way.sets.len()).min().unwrap_or(0);
    let either = |i: usize| {
        let members = ways.iter().map(|way| way.sets[i]);
        members.fold(ByteSet::default(), |a, b| {
            std::array::from_fn(|w| a[w] | b[w])
        })
    };
    vec![Way {
        run: None,
        edge: Edge::None,
        sets: (0..length).map(either).collect(),
        open: false,
    }]
}

fn repeat(ways: &[Way], repetition: &Repetition, reach: usize) -> Vec<Way> {
    let mut now = ways.to_vec();
    for _ in 0..repetition.min.min(reach as u32) {
        now = extend(now, &repetition.sub, reach);
    }
    if repetition.max == Some(repetition.min) {
        return now;
    }
    // After the fewest, either what follows comes, or one more. A few steps are told apart, then no more is known.
    let mut all = now.clone();
    let more = repetition.max.map_or(u32::MAX, |max| max - repetition.min);
    for step in 0..more {
        now = extend(now, &repetition.sub, reach);
        let last = step + 1 == more;
        let stop = !last && (step >= 3 || all.len() + now.len() > WAYS);
        all.extend(now.iter().map(|way| Way {
            open: way.open && !stop,
            ..way.clone()
        }));
        if stop {
            break;
        }
    }
    all
}

/// Each of `ways` followed by the UTF-8 bytes of a character of `class`.
fn characters(ways: &[Way], class: &ClassUnicode, reach: usize) -> Vec<Way> {
    let sequences = class
        .iter()
        .flat_map(|range| Utf8Sequences::new(range.start(), range.end()));
    let mut all = Vec::new();
    for sequence in sequences {
        let bytes = sequence.as_slice().iter().map(|range| {
            let mut set = ByteSet::default();
            (range.start..=range.end).for_each(|byte| insert(&mut set, byte));
            set
        });
        all.extend(bytes.fold(ways.to_vec(), |ways, set| append(ways, set, reach)));
    }
    all
}

fn append(mut ways: Vec<Way>, set: ByteSet, reach: usize) -> Vec<Way> {
    for way in ways
        .iter_mut()
        .filter(|way| way.open && way.sets.len() < reach)
    {
        way.sets.push(set);
    }
    ways
}

fn dedup(ways: Vec<Way>, reach: usize) -> Vec<Way> {
    let mut seen: HashSet<Way, Quick> = HashSet::default();
    let mut unique = Vec::new();
    for mut way in ways {
        if way.sets.len() >= reach {
            way.sets.truncate(reach);
            way.open = false;
        }
        if seen.insert(way.clone()) {
            unique.push(way);
        }
    }
    unique
}

/// A window for people: `[Aa]KI @3`.
pub(crate) fn describe(print: &Print) -> String {
    let mut text: String = print.sets.iter().map(describe_set).collect();
    if let Some(run) = &print.run {
        text = format!(
            "{}{{{},{}}} then {text}",
            describe_set(&run.set),
            run.min,
            run.max
        );
    }
    if print.late {
        text.push_str(" before values");
    }
    if print.offset > 0 {
        text.push_str(&format!(" at {}", print.offset));
    }
    text
}

fn describe_set(set: &ByteSet) -> String {
    let members: Vec<u8> = (0..=255).filter(|&b| has(set, b)).collect();
    let show = |b: u8| std::ascii::escape_default(b).to_string();
    match members.as_slice() {
        [one] => show(*one),
        [] => "∅".to_owned(),
        _ => {
            let mut text = String::from("[");
            let mut from = 0;
            while from < members.len() {
                let mut to = from;
                while to + 1 < members.len() && members[to + 1] == members[to] + 1 {
                    to += 1;
                }
                text.push_str(&show(members[from]));
                if to > from + 1 {
                    text.push('-');
                }
                if to > from {
                    text.push_str(&show(members[to]));
                }
                from = to + 1;
            }
            text + "]"
        }
    }
}
