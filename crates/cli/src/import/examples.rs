//! Examples that a source gives for its rules: what its own pattern finds in them, by the regex engine it was written for, and
//! whether the imported pack covers that. They become the pack's cases, a miss as a known gap.

use std::collections::BTreeSet;

use blackbar_engine::{Engine, Place, Plan, Stream};
use regex_automata::meta::Regex;
use regex_automata::util::syntax;

use super::build::Entry;
use super::pattern::Parsed;
use super::source::{Foreign, Secret};

/// An example and what became of it.
#[derive(Debug)]
pub(super) struct Example {
    pub(super) name: String,
    /// The rule under test.
    pub(super) rule: String,
    /// The word of the case.
    pub(super) kind: &'static str,
    pub(super) text: String,
    pub(super) out: String,
    /// What is redacted, in order.
    pub(super) regions: Vec<(usize, usize)>,
    /// What is not as the source says.
    pub(super) failure: Option<&'static str>,
}

/// Runs the examples of every rule that came over.
pub(super) fn run(
    rules: &[Foreign],
    entries: &[Entry],
    engine: &Engine,
    plan: &Plan,
) -> Vec<Example> {
    let mut examples = Vec::new();
    let mut runner = Runner {
        engine,
        plan,
        stream: Stream::new(Place::Text),
    };
    for (rule, entry) in rules.iter().zip(entries) {
        let ids: Vec<&str> = entry.drafts.iter().map(|draft| draft.id.as_str()).collect();
        let (Some(first), Some(oracle)) = (ids.first(), Oracle::new(rule)) else {
            continue;
        };
        let all = rule.examples.iter().map(|text| (text, true));
        let all = all.chain(rule.counter_examples.iter().map(|text| (text, false)));
        for (number, (text, positive)) in all.enumerate() {
            let seen = runner.run(text);
            let own = ids.iter().find(|id| seen.rules.contains(**id));
            let expected = oracle.spans(text);
            let (kind, failure) = if positive {
                judge(&expected, &seen, own.is_some())
            } else if own.is_none() {
                ("near-miss", None)
            } else if expected.is_empty() {
                (
                    "known-gap",
                    Some("it finds something where the source finds nothing"),
                )
            } else {
                (
                    "known-gap",
                    Some("it finds something where it should not, as the source's pattern does"),
                )
            };
            // Another rule of the pack changes it: then it is no text that comes out as it went in, which is fine.
            examples.push(Example {
                name: format!(
                    "{first}, {} {}",
                    if positive {
                        "example"
                    } else {
                        "counter-example"
                    },
                    number + 1
                ),
                rule: own.unwrap_or(first).to_string(),
                kind,
                text: text.clone(),
                out: seen.out,
                regions: seen.regions,
                failure,
            });
        }
    }
    examples
}

fn judge(
    expected: &[(usize, usize)],
    seen: &Seen,
    own: bool,
) -> (&'static str, Option<&'static str>) {
    let covered = |&(start, end): &(usize, usize)| {
        let mut at = start;
        for &(from, to) in &seen.regions {
            if from <= at && to > at {
                at = to;
            }
        }
        at >= end
    };
    if expected.is_empty() {
        (
            "known-gap",
            Some("the source's own pattern finds nothing in it"),
        )
    } else if !expected.iter().all(covered) {
        (
            "known-gap",
            Some("not all that the source finds is covered"),
        )
    } else if !own {
        ("known-gap", Some("only other rules of the pack cover it"))
    } else {
        ("positive", None)
    }
}

/// The source's pattern, as the source runs it: the first match counts, not the longest.
struct Oracle {
    regex: Regex,
    secret: Secret,
    token: Option<usize>,
}

impl Oracle {
    fn new(rule: &Foreign) -> Option<Self> {
        let parsed = Parsed::new(rule.pattern.as_deref()?, rule.dialect).ok()?;
        let regex = Regex::builder()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .build(&parsed.text)
            .ok()?;
        let names = regex
            .group_info()
            .pattern_names(regex_automata::PatternID::ZERO);
        let token = names.enumerate().find(|(_, name)| *name == Some("TOKEN"));
        Some(Self {
            secret: rule.secret,
            token: token.map(|(index, _)| index),
            regex,
        })
    }

    fn spans(&self, text: &str) -> Vec<(usize, usize)> {
        let mut spans = BTreeSet::new();
        for found in self.regex.captures_iter(text) {
            let groups: Vec<(usize, usize)> = (1..found.group_len())
                .filter_map(|group| found.get_group(group))
                .map(|span| (span.start, span.end))
                .filter(|(start, end)| end > start)
                .collect();
            let group = |index: usize| {
                found
                    .get_group(index)
                    .map(|span| (span.start, span.end))
                    .filter(|(start, end)| end > start)
            };
            match self.secret {
                Secret::Each if !groups.is_empty() => spans.extend(groups),
                Secret::Number(number) => spans.extend(group(number as usize)),
                Secret::Token if self.token.and_then(group).is_some() => {
                    spans.extend(self.token.and_then(group));
                }
                _ => spans.extend(groups.first().copied().or(group(0))),
            }
        }
        spans.into_iter().collect()
    }
}

#[derive(Debug, Default)]
struct Seen {
    out: String,
    regions: Vec<(usize, usize)>,
    rules: BTreeSet<String>,
}

struct Runner<'a> {
    engine: &'a Engine,
    plan: &'a Plan,
    stream: Stream,
}

impl Runner<'_> {
    fn run(&mut self, text: &str) -> Seen {
        let mut seen = Seen::default();
        self.stream.reset(Place::Text);
        self.stream
            .push(self.engine, self.plan, text.as_bytes(), true);
        for finding in self.stream.findings() {
            let rule = self.engine.rule(finding.rule);
            seen.rules.extend(rule.map(|rule| rule.id.clone()));
            let offset = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
            seen.regions
                .push((offset(finding.start), offset(finding.end)));
        }
        seen.regions.sort_unstable();
        let mut out = Vec::new();
        self.stream.take_output(&mut out);
        // Whole characters go or stay only where the source's pattern takes whole characters.
        seen.out = String::from_utf8_lossy(&out).into_owned();
        seen
    }
}
