//! What is done to parsed expressions: finding every way to the secret's group, taking groups out, bounding what is endless. Why, and
//! what is told of it, is in `pattern`.

use regex_syntax::hir::{self, Capture, Hir, HirKind, Repetition};

/// Where the secret stands in one way through the pattern.
pub(super) struct Place {
    pub(super) before: Vec<Hir>,
    /// `None`: no group takes part, and all of it is `before`.
    pub(super) secret: Option<Hir>,
    pub(super) after: Vec<Hir>,
    /// The group stands in a repetition, so that all of that is `before`.
    pub(super) repeated: bool,
}

impl Place {
    fn plain(hir: &Hir) -> Self {
        Self {
            before: vec![strip(hir)],
            secret: None,
            after: Vec::new(),
            repeated: false,
        }
    }
}

/// Which groups are meant.
pub(super) type Wanted<'a> = &'a dyn Fn(&Capture) -> bool;

/// Every way through an expression, with the first wanted group that takes part in it at the top level.
pub(super) fn hoist(hir: &Hir, wanted: Wanted<'_>) -> Vec<Place> {
    let holds = |hir: &Hir| {
        any(
            hir,
            &|hir| matches!(hir.kind(), HirKind::Capture(c) if wanted(c)),
        )
    };
    if !holds(hir) {
        return vec![Place::plain(hir)];
    }
    match hir.kind() {
        HirKind::Capture(capture) if wanted(capture) => vec![Place {
            before: Vec::new(),
            secret: Some(strip(&capture.sub)),
            after: Vec::new(),
            repeated: false,
        }],
        HirKind::Capture(capture) => hoist(&capture.sub, wanted),
        HirKind::Concat(parts) => {
            let at = parts.iter().position(holds).unwrap_or(0);
            let rest = Hir::concat(parts[at + 1..].to_vec());
            let mut places = Vec::new();
            for inner in hoist(&parts[at], wanted) {
                let before = |more: Vec<Hir>| -> Vec<Hir> {
                    let start = parts[..at].iter().map(strip);
                    start.chain(more).flat_map(|part| flat(&part)).collect()
                };
                if inner.secret.is_some() {
                    let mut after = inner.after;
                    after.push(strip(&rest));
                    places.push(Place {
                        before: before(inner.before),
                        after,
                        ..inner
                    });
                } else {
                    // No group in this alternative: one that follows may be.
                    for tail in hoist(&rest, wanted) {
                        let start = inner.before.iter().cloned().chain(tail.before).collect();
                        places.push(Place {
                            before: before(start),
                            repeated: inner.repeated || tail.repeated,
                            ..tail
                        });
                    }
                }
            }
            places
        }
        HirKind::Alternation(branches) => {
            let (with, without): (Vec<&Hir>, Vec<&Hir>) = branches.iter().partition(|b| holds(b));
            let mut places: Vec<Place> = with
                .into_iter()
                .flat_map(|branch| hoist(branch, wanted))
                .collect();
            if !without.is_empty() {
                let others = without.into_iter().cloned().collect();
                places.push(Place::plain(&Hir::alternation(others)));
            }
            places
        }
        HirKind::Repetition(r) if (r.min, r.max) == (0, Some(1)) => {
            let mut places = hoist(&r.sub, wanted);
            places.push(Place::plain(&Hir::empty()));
            places
        }
        _ => vec![Place {
            repeated: true,
            ..Place::plain(hir)
        }],
    }
}

/// Its parts, one after the other.
pub(super) fn flat(hir: &Hir) -> Vec<Hir> {
    match hir.kind() {
        HirKind::Concat(parts) => parts.clone(),
        HirKind::Empty => Vec::new(),
        _ => vec![hir.clone()],
    }
}

/// Without repetitions at the start that may be left out: they change nothing about what follows them.
pub(super) fn skip_optional(parts: Vec<Hir>) -> Vec<Hir> {
    let optional = |hir: &Hir| matches!(hir.kind(), HirKind::Repetition(r) if r.min == 0);
    let from = parts.iter().position(|part| !optional(part));
    parts[from.unwrap_or(parts.len())..].to_vec()
}

pub(super) fn any(hir: &Hir, holds: &dyn Fn(&Hir) -> bool) -> bool {
    holds(hir)
        || match hir.kind() {
            HirKind::Capture(capture) => any(&capture.sub, holds),
            HirKind::Repetition(repetition) => any(&repetition.sub, holds),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => {
                parts.iter().any(|part| any(part, holds))
            }
            _ => false,
        }
}

/// The groups that capture: number and name.
pub(super) fn groups(hir: &Hir) -> Vec<(u32, String)> {
    match hir.kind() {
        HirKind::Capture(capture) => {
            let name = capture.name.as_deref().unwrap_or_default().to_string();
            let mut all = vec![(capture.index, name)];
            all.extend(groups(&capture.sub));
            all
        }
        HirKind::Repetition(repetition) => groups(&repetition.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().flat_map(groups).collect()
        }
        _ => Vec::new(),
    }
}

/// Without its groups.
pub(super) fn strip(hir: &Hir) -> Hir {
    map(hir, &|hir| match hir.kind() {
        HirKind::Capture(capture) => Some(strip(&capture.sub)),
        _ => None,
    })
}

/// Whether it takes nearly any byte: more than half of them.
pub(super) fn is_wide(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Class(hir::Class::Bytes(class)) => {
            class.iter().map(hir::ClassBytesRange::len).sum::<usize>() > 128
        }
        HirKind::Alternation(parts) => parts.iter().any(is_wide),
        HirKind::Repetition(repetition) => is_wide(&repetition.sub),
        _ => false,
    }
}

/// With upper lengths: of repetitions that have none, or, where `endless` is not set, of all runs that are longer.
pub(super) fn bound(hir: &Hir, most: u32, endless: bool) -> Hir {
    map(hir, &|hir| match hir.kind() {
        HirKind::Repetition(r)
            if r.max.is_none() || (!endless && r.max > Some(most) && r.min < most) =>
        {
            Some(Hir::repetition(Repetition {
                max: Some(most.max(r.min)),
                sub: Box::new(bound(&r.sub, most, endless)),
                ..r.clone()
            }))
        }
        _ => None,
    })
}

/// With some of its expressions replaced.
fn map(hir: &Hir, change: &dyn Fn(&Hir) -> Option<Hir>) -> Hir {
    if let Some(changed) = change(hir) {
        return changed;
    }
    match hir.kind() {
        HirKind::Capture(capture) => Hir::capture(Capture {
            sub: Box::new(map(&capture.sub, change)),
            ..capture.clone()
        }),
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            sub: Box::new(map(&repetition.sub, change)),
            ..repetition.clone()
        }),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(|part| map(part, change)).collect()),
        HirKind::Alternation(parts) => {
            Hir::alternation(parts.iter().map(|part| map(part, change)).collect())
        }
        _ => hir.clone(),
    }
}
