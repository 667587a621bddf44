//! Warnings that need more than one rule or more than a pattern: a rule that another always covers, keywords that common words
//! contain, rules that find something in tags, and rules whose verification can take long.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use blackbar_engine::dfa::{DEAD, FINAL, MATCHES};
use blackbar_policy::diagnostic::Diagnostic;
use blackbar_policy::model::{Matcher, Part, Policy};

use crate::automaton::{Built, has};
use crate::rules::RuleBuild;
use crate::sample::SAMPLE;

/// The words of the sample, in lower case. A capital after a small letter starts a word.
static WORDS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let text = SAMPLE.split(|b| !b.is_ascii_alphabetic());
    let words = text
        .flat_map(|run| run.chunk_by(|a, b| !(a.is_ascii_lowercase() && b.is_ascii_uppercase())));
    words
        .filter(|word| word.len() > 3)
        .map(|word| String::from_utf8_lossy(word).to_ascii_lowercase())
        .collect()
});

/// Keywords that stand inside longer common words: each such word is a candidate.
pub(crate) fn keywords(policy: &Policy) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for rule in &policy.rules {
        let Matcher::Keyed {
            keywords, suffix, ..
        } = &rule.matcher
        else {
            continue;
        };
        for (i, keyword) in keywords.iter().enumerate() {
            let plain = keyword.replace('_', "").to_ascii_lowercase();
            let open = rule.left == blackbar_policy::model::Boundary::None;
            let inside = |word: &&String| {
                let ends = word.ends_with(&plain) && open;
                let starts = word.starts_with(&plain) && *suffix;
                word.len() > plain.len()
                    && (ends || starts || open && *suffix && word.contains(&plain))
            };
            if let Some(word) = WORDS.iter().find(inside) {
                let message = format!(
                    "keyword `{keyword}` of rule `{}` stands inside the common word `{word}`",
                    rule.id
                );
                let help = "use a longer keyword, or set `left = \"word\"` and `suffix = false`";
                found.push(rule.warning(Part::Keyword(i), message).help(help));
            }
        }
    }
    found
}

/// Pairs of automata states that are followed before two rules are taken to differ.
const PAIRS: usize = 20_000;

/// Rules whose every finding lies inside one of another rule that is always on when they are.
pub(crate) fn shadowed(policy: &Policy, builds: &[RuleBuild]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (a, small) in builds.iter().enumerate() {
        // One match of the body tells most pairs apart.
        let example = small.stages[small.body].shortest();
        let by = builds.iter().enumerate().find(|&(b, large)| {
            let rules = (&policy.rules[a], &policy.rules[b]);
            a != b
                && large.stages[large.body].matches(&example)
                && judges_alike(policy, a, b)
                && (b < a || !covers(small, large))
                && rules.0.left == rules.1.left
                && covers(large, small)
        });
        if let Some((b, _)) = by {
            let (rule, other) = (&policy.rules[a], &policy.rules[b]);
            let message = format!(
                "rule `{}` finds nothing that rule `{}` does not find",
                rule.id, other.id
            );
            found.push(
                rule.warning(Part::Header, message)
                    .help("remove one of the two, or narrow the other"),
            );
        }
    }
    found
}

/// Whether rule `b` asks no more of a match than rule `a` does.
fn judges_alike(policy: &Policy, a: usize, b: usize) -> bool {
    let (a, b) = (&policy.rules[a], &policy.rules[b]);
    let bytes = [a, b].map(|rule| !matches!(rule.matcher, Matcher::Fields(_)));
    bytes == [true, true]
        && (b.validators.is_empty() || b.validators == a.validators)
        && (b.context.is_none() || b.context == a.context)
        && (b.settings.enabled || !a.settings.enabled)
}

/// Whether every match of `small` is one of `large`, with a secret that covers its secret.
fn covers(large: &RuleBuild, small: &RuleBuild) -> bool {
    let simple = |build: &RuleBuild| build.stages.len() == 1;
    if simple(large) && simple(small) {
        return large.lead <= small.lead
            && large.trail <= small.trail
            && includes(&large.stages[0], &small.stages[0]);
    }
    // Of rules in several stages only those are compared that differ in no stage before the secret.
    large.stages.len() == small.stages.len()
        && large.body == small.body
        && large.body + 1 == large.stages.len()
        && (large.lead, large.trail) == (small.lead, small.trail)
        && large
            .stages
            .iter()
            .zip(&small.stages)
            .take(large.body)
            .all(|(l, s)| l.part == s.part)
        && includes(&large.stages[large.body], &small.stages[small.body])
}

/// Whether each match of `small` is a match of `large`, found by walking both at once.
fn includes(large: &Built, small: &Built) -> bool {
    if small
        .first
        .iter()
        .zip(&large.first)
        .any(|(s, l): (&u64, &u64)| s & !l != 0)
    {
        return false;
    }
    let entry = |built: &Built, state: u16, column: Option<u8>| {
        let stride = usize::from(built.part.stride);
        let column = column.map_or(stride - 1, |b| {
            usize::from(built.part.classes[usize::from(b)])
        });
        built.part.table[usize::from(state) * stride + column]
    };
    let bytes = representatives(large, small);
    let mut seen = HashSet::new();
    let mut queue: Vec<(u16, u16)> = small
        .part
        .starts
        .iter()
        .copied()
        .zip(large.part.starts.iter().copied())
        .collect();
    while let Some((s, l)) = queue.pop() {
        if s == DEAD || !seen.insert((s, l)) {
            continue;
        }
        if seen.len() > PAIRS {
            return false;
        }
        for byte in bytes.iter().copied().map(Some).chain([None]) {
            let (to_s, to_l) = (entry(small, s, byte), entry(large, l, byte));
            // Final says that it matches in each of its entries, and dies.
            let matches = |entry: u16, state: u16| entry & MATCHES != 0 || state == FINAL;
            if matches(to_s, s) && !matches(to_l, l) {
                return false;
            }
            queue.push((to_s & !MATCHES, to_l & !MATCHES));
        }
    }
    true
}

/// Rules that find something in a tag of this policy.
///
/// Its own tags the engine leaves alone. But logs pass through several hops, each with a policy of its own, and what one has
/// redacted the next must not redact again: then nobody could tell what it was.
pub(crate) fn tags(policy: &Policy, builds: &[RuleBuild]) -> Vec<Diagnostic> {
    let tags: Vec<String> = policy
        .rules
        .iter()
        .map(|rule| format!("[{}]", rule.id))
        .collect();
    let mut found = Vec::new();
    for (rule, build) in policy.rules.iter().zip(builds) {
        // What a validator or a word before it would say is not known here.
        let [stage] = build.stages.as_slice() else {
            continue;
        };
        if !rule.validators.is_empty() || rule.context.is_some() {
            continue;
        }
        let inside = |tag: &&String| {
            let text = tag.as_bytes();
            (0..text.len()).any(|at| {
                let before = at.checked_sub(1).and_then(|before| text.get(before));
                before.is_none_or(|&byte| !has(&build.left, byte))
                    && stage.finds(&text[at..], before.copied())
            })
        };
        if let Some(tag) = tags.iter().find(inside) {
            let message = format!("rule `{}` finds something in the tag `{tag}`", rule.id);
            found.push(rule.warning(Part::Pattern, message).help(
                "what another hop has redacted would be redacted again: ask for what no tag has, as a digit or a length",
            ));
        }
    }
    found
}

/// So many ways through a rule's stages are more than a candidate should take.
const WAYS: usize = 250_000;

/// Rules of which one candidate can take long: where a stage can end in several places, the next one is tried from each.
pub(crate) fn costly(policy: &Policy, builds: &[RuleBuild]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (rule, build) in policy.rules.iter().zip(builds) {
        // Each stage that can end in several places multiplies what comes after it; the others are walked once.
        let (mut ends, mut walk) = (1usize, 1usize);
        for (&length, &unique) in build.longest.iter().zip(&build.unique) {
            if unique {
                walk = walk.max(length);
            } else {
                ends = ends.saturating_mul(length.max(1));
            }
        }
        if ends == 1 {
            continue;
        }
        let ways = ends.saturating_mul(walk);
        if ways > WAYS {
            let message = format!(
                "a candidate of rule `{}` can take {ways} steps, because what stands before its secret can end in several places",
                rule.id
            );
            found.push(rule.warning(Part::Pattern, message).help(
                "make what stands before the secret end in a byte that the secret cannot start with, or shorten its repetitions",
            ));
        }
    }
    found
}

/// One byte of each pair of classes.
fn representatives(a: &Built, b: &Built) -> Vec<u8> {
    let mut seen = HashSet::new();
    (0..=255u8)
        .filter(|&byte| {
            seen.insert((
                a.part.classes[usize::from(byte)],
                b.part.classes[usize::from(byte)],
            ))
        })
        .collect()
}
