//! From a foreign pattern to patterns of the policy language: its dialect evened out, the secret's group brought to the top
//! level (one pattern for each place where it can stand), what is endless bounded. What that changes is told. Whether the
//! compiler takes the result is not known here.

use regex_syntax::hir::{self, Capture, Hir, HirKind, Look, Repetition};

use super::dialect::{Problem, even, parse, without_edges};
use super::print;
use super::source::{Dialect, Secret};
use super::tree::{Place, any, bound, flat, groups, hoist, is_wide, skip_optional, strip};

/// One pattern that a foreign one became.
#[derive(Debug, Clone)]
pub(super) struct Variant {
    pub(super) before: Hir,
    pub(super) secret: Hir,
    pub(super) after: Hir,
    /// A boundary of the policy language that stands for a look-around at the edge.
    pub(super) left: &'static str,
    pub(super) right: &'static str,
    /// Needed where the secret has no upper length.
    pub(super) max_len: Option<u32>,
    /// What it does otherwise than the source.
    pub(super) changes: Vec<&'static str>,
}

/// A foreign pattern, parsed.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) hir: Hir,
    /// As it can be given to a regex engine: the dialect evened out.
    pub(super) text: String,
    left: &'static str,
    right: &'static str,
    changes: Vec<&'static str>,
}

/// A pattern that stands in more places than this is not taken apart.
const PLACES: usize = 32;

/// So long may a run of nearly any byte be that the source leaves endless; other secrets get `max_len`.
const ENDLESS: u32 = 2048;

/// The gap that an endless one becomes before and after the secret.
pub(super) const GAP: u32 = 64;

impl Parsed {
    /// Parses a pattern.
    ///
    /// # Errors
    /// Why it has no counterpart, without what stands in it.
    pub(super) fn new(pattern: &str, dialect: Dialect) -> Result<Self, &'static str> {
        let text = even(pattern, dialect);
        let (mut left, mut right) = ("none", "none");
        let mut changes = Vec::new();
        match parse(&text) {
            Ok(hir) => Ok(Self {
                hir,
                text,
                left,
                right,
                changes,
            }),
            Err(Problem::LookAround) => {
                let (inner, edges) = without_edges(&text);
                for (edge, boundary) in edges.into_iter().zip([&mut left, &mut right]) {
                    if let Some((word, exact)) = edge {
                        *boundary = word;
                        if !exact {
                            changes.push(
                                "a look-around at its edge: the nearest of `left` and `right` stands for it",
                            );
                        }
                    }
                }
                let hir = parse(&inner).map_err(Problem::words)?;
                Ok(Self {
                    hir,
                    text: inner,
                    left,
                    right,
                    changes,
                })
            }
            Err(problem) => Err(problem.words()),
        }
    }

    /// The patterns it becomes.
    ///
    /// # Errors
    /// Why it cannot be taken apart.
    pub(super) fn variants(&self, secret: Secret) -> Result<Vec<Variant>, &'static str> {
        let groups = groups(&self.hir);
        let mut places = Vec::new();
        match secret {
            Secret::Each if groups.len() > 1 => {
                for (index, _) in &groups {
                    let of_group = hoist(&self.hir, &|capture| capture.index == *index);
                    places.extend(of_group.into_iter().filter(|place| place.secret.is_some()));
                }
            }
            Secret::Number(number) => {
                if !groups.iter().any(|(index, _)| *index == number) {
                    return Err("its `secretGroup` is none of its groups");
                }
                places = hoist(&self.hir, &|capture| capture.index == number);
            }
            Secret::Token if groups.iter().any(|(_, name)| name == "TOKEN") => {
                places = hoist(&self.hir, &|capture| {
                    capture.name.as_deref() == Some("TOKEN")
                });
            }
            _ => places = hoist(&self.hir, &|_| true),
        }
        if places.len() > PLACES {
            return Err("its groups stand in too many alternatives");
        }
        let mut variants: Vec<Variant> = Vec::new();
        for place in places {
            let variant = self.variant(place);
            if *variant.secret.kind() == HirKind::Empty {
                return Err("its secret can be empty");
            }
            // Groups that stand for the same bytes.
            let same = |other: &Variant| {
                (&other.before, &other.secret, &other.after)
                    == (&variant.before, &variant.secret, &variant.after)
            };
            if !variants.iter().any(same) {
                variants.push(variant);
            }
        }
        Ok(variants)
    }

    fn variant(&self, place: Place) -> Variant {
        let mut changes = self.changes.clone();
        if place.repeated {
            changes.push("its group stands in a repetition: the whole match is redacted");
        }
        let (mut before, secret) = match place.secret {
            Some(secret) => (place.before, secret),
            None => (Vec::new(), Hir::concat(place.before)),
        };
        let first = before.len();
        before = skip_optional(before);
        let mut secret = secret;
        if before.is_empty() {
            // Nothing must stand before it: then an optional beginning would be part of the value, or changes nothing.
            let parts = flat(&secret);
            let kept = skip_optional(parts.clone());
            if kept.len() < parts.len() && first == 0 {
                changes.push("an optional beginning of the match, which is not redacted");
                secret = Hir::concat(kept);
            }
        }
        let mut lazy = false;
        let before = Hir::concat(before);
        let after = Hir::concat(place.after);
        for part in [&before, &secret, &after] {
            lazy |= any(
                part,
                &|hir| matches!(hir.kind(), HirKind::Repetition(r) if !r.greedy && r.max != Some(r.min)),
            );
        }
        if lazy {
            changes.push("shortest-first repetitions: the longest match counts");
        }
        let endless = |hir: &Hir| {
            any(
                hir,
                &|hir| matches!(hir.kind(), HirKind::Repetition(r) if r.max.is_none()),
            )
        };
        if endless(&before) || endless(&after) {
            changes.push("gaps without an upper length: at most 64 bytes");
        }
        let before = bound(&before, GAP, true);
        let after = bound(&after, GAP, true);
        let mut max_len = None;
        if endless(&secret) {
            let wide = any(
                &secret,
                &|hir| matches!(hir.kind(), HirKind::Repetition(r) if r.max.is_none() && is_wide(&r.sub)),
            );
            if wide {
                changes.push(
                    "a secret of any bytes without an upper length: at most 2048 bytes of it",
                );
                secret = bound(&secret, ENDLESS, true);
            } else {
                changes.push(
                    "a secret without an upper length: one that grows beyond `max_len` is masked, whatever follows",
                );
                let least = secret.properties().minimum_len().unwrap_or(0);
                let least = u32::try_from(least).unwrap_or(u32::MAX);
                max_len = Some(least.saturating_mul(2).clamp(1024, 16384) + 1024);
            }
        }
        let longest = [&before, &secret, &after]
            .map(|part| part.properties().maximum_len())
            .into_iter()
            .sum::<Option<usize>>();
        if max_len.is_none() && longest.is_none_or(|length| length > 4096) {
            max_len = Some(4096);
            changes.push("a match of more than 4096 bytes: it is masked whatever follows");
        }
        Variant {
            before,
            secret,
            after,
            left: self.left,
            right: self.right,
            max_len,
            changes,
        }
    }
}

impl Variant {
    /// The whole as one expression, its groups gone.
    pub(super) fn whole(&self) -> Hir {
        Hir::concat(vec![
            self.before.clone(),
            self.secret.clone(),
            self.after.clone(),
        ])
    }

    /// The pattern's text.
    pub(super) fn text(&self) -> String {
        let alone = *self.before.kind() == HirKind::Empty && *self.after.kind() == HirKind::Empty;
        let alternatives = matches!(self.secret.kind(), HirKind::Alternation(_));
        if alone && !alternatives {
            return print::print(&self.secret);
        }
        let secret = Hir::capture(Capture {
            index: 1,
            name: Some("secret".into()),
            sub: Box::new(self.secret.clone()),
        });
        // Not one expression that is simplified: the group stands at the top level.
        [&self.before, &secret, &self.after]
            .map(print::print)
            .concat()
    }

    /// The same with gaps before and after the secret of at most so many bytes; `None` if there are none longer.
    pub(super) fn with_gaps(&self, most: u32) -> Option<Self> {
        let (before, after) = (
            bound(&self.before, most, false),
            bound(&self.after, most, false),
        );
        (before != self.before || after != self.after).then(|| Self {
            before,
            after,
            ..self.clone()
        })
    }
}

/// Expressions of an allow list, which may match anywhere in a value, as one that matches all of it.
///
/// # Errors
/// Why it has no counterpart.
pub(super) fn anywhere(patterns: &[&str], dialect: Dialect) -> Result<String, &'static str> {
    let mut branches = Vec::new();
    for pattern in patterns {
        let hir = strip(&parse(&even(pattern, dialect)).map_err(Problem::words)?);
        match hir.kind() {
            HirKind::Alternation(parts) => branches.extend(parts.clone()),
            _ => branches.push(hir),
        }
    }
    let any_run = || {
        Hir::repetition(Repetition {
            min: 0,
            max: None,
            greedy: true,
            sub: Box::new(Hir::dot(hir::Dot::AnyByte)),
        })
    };
    // Branches with the same ends share them: otherwise the automaton would remember which of them has matched.
    let mut whole: [Vec<Hir>; 4] = Default::default();
    for branch in &branches {
        let mut parts = flat(branch);
        let is =
            |part: Option<&Hir>, look| part.is_some_and(|part| *part.kind() == HirKind::Look(look));
        let (start, end) = (
            is(parts.first(), Look::Start),
            is(parts.last(), Look::End) && parts.len() > 1,
        );
        if end {
            parts.pop();
        }
        if start {
            parts.remove(0);
        }
        whole[usize::from(start) + 2 * usize::from(end)].push(Hir::concat(parts));
    }
    let whole = whole
        .into_iter()
        .enumerate()
        .filter(|(_, branches)| !branches.is_empty());
    let whole = whole.map(|(ends, branches)| {
        let mut parts = vec![Hir::alternation(branches)];
        if ends & 1 == 0 {
            parts.insert(0, any_run());
        }
        if ends & 2 == 0 {
            parts.push(any_run());
        }
        Hir::concat(parts)
    });
    Ok(print::print(&Hir::alternation(whole.collect())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn texts(pattern: &str, dialect: Dialect, secret: Secret) -> Vec<String> {
        let parsed = Parsed::new(pattern, dialect).unwrap();
        let variants = parsed.variants(secret).unwrap();
        variants.iter().map(Variant::text).collect()
    }

    #[track_caller]
    fn refused(pattern: &str) -> &'static str {
        Parsed::new(pattern, Dialect::Go).unwrap_err()
    }

    #[test]
    fn the_group_comes_to_the_top_level() {
        let first = |pattern: &str| texts(pattern, Dialect::Go, Secret::First);
        assert_eq!(first("tok_[a-z]{9}"), ["tok_[a-z]{9}"]);
        assert_eq!(
            first(r"\b(tok_[a-z]{9})(?:;|$)"),
            [r"\b(?<secret>tok_[a-z]{9})(?:;|$)"]
        );
        assert_eq!(
            first(r"(?i)[\w.-]{0,50}?(?:acme)[ =]{1,3}([a-f0-9]{32})"),
            [r"(?i:acme)[ =]{1,3}(?<secret>[0-9A-Fa-f]{32})"]
        );
        assert_eq!(
            first("aaa(?:x([0-9]{4})|y([a-f]{4}))z|bbb[0-9]{5}"),
            [
                "aaax(?<secret>\\d{4})z",
                "aaay(?<secret>[a-f]{4})z",
                "bbb\\d{5}"
            ]
        );
        // The first group that takes part, not one within it.
        assert_eq!(first("key=((a|b)c{4})(d)"), ["key=(?<secret>[ab]c{4})d"]);
        assert_eq!(
            texts("key=(a{3})-(b{3})", Dialect::Go, Secret::Number(2)),
            ["key=a{3}-(?<secret>b{3})"]
        );
        assert_eq!(
            texts("key=(a{3})-(b{3})", Dialect::Rust, Secret::Each),
            ["key=(?<secret>a{3})-b{3}", "key=a{3}-(?<secret>b{3})"]
        );
        assert_eq!(
            texts("key=(a{3})-(?P<TOKEN>b{3})", Dialect::Rust, Secret::Token),
            ["key=a{3}-(?<secret>b{3})"]
        );
        let missing = Parsed::new("key=(a{3})", Dialect::Go).unwrap();
        assert!(missing.variants(Secret::Number(3)).is_err());
    }

    #[test]
    fn dialects() {
        assert_eq!(
            texts(
                "(?xi)\n  ab # word\n  [0-9]{3}",
                Dialect::Rust,
                Secret::First
            ),
            ["(?i:ab)\\d{3}"]
        );
    }

    #[test]
    fn what_has_no_counterpart_is_named() {
        assert!(refused("abc(?=d)e").contains("looks around"));
        assert!(refused(r"(a)\1bc").contains("back-reference"));
        assert!(refused("[é-ü]abc").contains("beyond ASCII"));
        assert!(refused("abc(").contains("none that"));
    }

    #[test]
    fn look_around_at_the_edge_becomes_a_boundary() {
        let edges = |pattern: &str| {
            let parsed = Parsed::new(pattern, Dialect::Go).unwrap();
            let variant = parsed.variants(Secret::First).unwrap().remove(0);
            (variant.left, variant.right, variant.changes.len())
        };
        assert_eq!(
            edges(r"(?i)(?<![0-9])acme[0-9]{9}(?!\w)"),
            ("digit", "word", 0)
        );
        assert_eq!(edges("(?<![a-z])acme[0-9]{9}"), ("word", "none", 1));
        assert_eq!(edges("acme[0-9]{9}"), ("none", "none", 0));
    }

    #[test]
    fn what_is_endless_is_bounded_and_told() {
        let one = |pattern: &str| {
            Parsed::new(pattern, Dialect::Go)
                .unwrap()
                .variants(Secret::First)
                .unwrap()
                .remove(0)
        };
        let gap = one(r"acme\s*=([a-z]{9})");
        assert_eq!(
            gap.text(),
            r"(?:acme\s{0,64}=)(?<secret>[a-z]{9})".replace("(?:acme\\s{0,64}=)", "acme\\s{0,64}=")
        );
        assert_eq!(gap.changes.len(), 1);
        let long = one("acme_([a-z]{20,})");
        assert_eq!(
            (long.text().as_str(), long.max_len),
            ("acme_(?<secret>[a-z]{20,})", Some(2048))
        );
        // Never `max_len` for a run of any bytes: it would mask all that follows.
        let any = one("BEGIN([^-]{9,})-END");
        assert!(any.text().contains("[^\\-]{9,2048}"), "{}", any.text());
        let lazy = one("acme.{0,20}?([0-9]{4})");
        assert_eq!(
            lazy.changes,
            ["shortest-first repetitions: the longest match counts"]
        );
        let shorter = lazy.with_gaps(8).unwrap();
        assert_eq!(shorter.text(), "acme.{0,8}(?<secret>\\d{4})");
        assert!(shorter.with_gaps(8).is_none());
    }

    #[test]
    fn allow_lists_match_all_of_a_value() {
        assert_eq!(
            anywhere(&["^abc$", "x[0-9]", "y$"], Dialect::Go).unwrap(),
            "(?:(?s:.)*x\\d(?s:.)*|(?s:.)*y|abc)"
        );
        assert!(anywhere(&["a(?=b)"], Dialect::Go).is_err());
    }
}
