//! Near candidates: what a rule's pattern matches but the rule refuses, and which of its conditions refuses it.
//!
//! Nothing is guessed: the rule is compiled again without its conditions, and what then is found and was not before is near. Then
//! each condition alone is lifted, and the one without which the candidate is found is the one that refuses it.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use blackbar_engine::{Engine, Place, Plan, Stream};
use blackbar_policy::Policy;
use blackbar_policy::model::{Boundary, Rule, Validator};

/// So many are explained for one rule; a text has more only if the rule's pattern is very general.
const MOST: usize = 50;

/// Something that a rule's pattern matches and the rule refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Near {
    /// Bytes of the text.
    pub(crate) span: Range<usize>,
    pub(crate) rule: String,
    /// In the words of the policy language.
    pub(crate) refused_by: String,
}

/// The near candidates of the rules that are on, in the order of the text; `found` is what the policy does find.
pub(crate) fn candidates(
    policy: &Policy,
    text: &[u8],
    found: &[(String, Range<usize>)],
) -> Vec<Near> {
    let rules: Vec<&Rule> = policy
        .rules
        .iter()
        .filter(|rule| rule.settings.enabled && !Condition::all(rule).is_empty())
        .collect();
    // Each rule is compiled on its own, which takes a few milliseconds: all processors share in it.
    let next = AtomicUsize::new(0);
    let work = || {
        let mut all = Vec::new();
        while let Some(rule) = rules.get(next.fetch_add(1, Ordering::Relaxed)) {
            of_rule(policy, rule, text, found, &mut all);
        }
        all
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut all: Vec<Near> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Vec<Near>>| {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(join).collect()
    });
    all.sort_by(|a, b| {
        (a.span.start, a.span.end, &a.rule).cmp(&(b.span.start, b.span.end, &b.rule))
    });
    all
}

/// Adds the near candidates of one rule.
fn of_rule(
    policy: &Policy,
    rule: &Rule,
    text: &[u8],
    found: &[(String, Range<usize>)],
    all: &mut Vec<Near>,
) {
    let bare = Condition::all(rule)
        .iter()
        .fold(rule.clone(), |rule, condition| condition.lift(&rule));
    let mut told: Vec<Range<usize>> = Vec::new();
    for span in scan(policy, bare, text) {
        let known = found
            .iter()
            .any(|(id, other)| *id == rule.id && overlap(other, &span));
        // A longer form of the same mistake in the same place tells nothing new.
        if known || told.iter().any(|other| overlap(other, &span)) || told.len() == MOST {
            continue;
        }
        told.push(span.clone());
        all.push(Near {
            refused_by: reason(policy, rule, text, &span),
            rule: rule.id.clone(),
            span,
        });
    }
}

/// The condition that refuses a candidate; all of them where only lifting several would let it pass.
fn reason(policy: &Policy, rule: &Rule, text: &[u8], span: &Range<usize>) -> String {
    let conditions = Condition::all(rule);
    let lone = conditions.iter().find(|condition| {
        let lifted = condition.lift(rule);
        scan(policy, lifted, text)
            .iter()
            .any(|other| overlap(other, span))
    });
    match lone {
        Some(condition) => condition.words(rule),
        None => {
            let words: Vec<String> = conditions
                .iter()
                .map(|condition| condition.words(rule))
                .collect();
            format!("more than one of: {}", words.join("; "))
        }
    }
}

/// What a match must fulfil beside its pattern.
#[derive(Debug, Clone, Copy)]
enum Condition {
    Left,
    Right,
    Context,
    /// By its position.
    Validator(usize),
}

impl Condition {
    fn all(rule: &Rule) -> Vec<Self> {
        let mut all = Vec::new();
        if rule.left != Boundary::None {
            all.push(Self::Left);
        }
        if rule.right != Boundary::None {
            all.push(Self::Right);
        }
        if rule.context.is_some() {
            all.push(Self::Context);
        }
        // From the last on: lifting one does not move those before it.
        all.extend((0..rule.validators.len()).rev().map(Self::Validator));
        all
    }

    fn lift(self, rule: &Rule) -> Rule {
        let mut rule = rule.clone();
        match self {
            Self::Left => rule.left = Boundary::None,
            Self::Right => rule.right = Boundary::None,
            Self::Context => rule.context = None,
            Self::Validator(index) => {
                rule.validators.remove(index);
            }
        }
        rule
    }

    fn words(self, rule: &Rule) -> String {
        match self {
            Self::Left => format!("left = \"{}\": {}", rule.left, beside(rule.left, "before")),
            Self::Right => format!(
                "right = \"{}\": {}",
                rule.right,
                beside(rule.right, "behind")
            ),
            Self::Context => match &rule.context {
                Some(context) if context.unless.is_empty() => format!(
                    "context: none of {} within {} bytes before it",
                    context.keywords.join(", "),
                    context.within
                ),
                Some(context) => format!(
                    "context: the words within {} bytes before it",
                    context.within
                ),
                None => String::new(),
            },
            Self::Validator(index) => match rule.validators.get(index) {
                Some(Validator::Allow(_)) => {
                    "the validator `allow`: the value is one that the rule lets pass".to_string()
                }
                Some(Validator::Without(_)) => {
                    "the validator `without`: the value contains one of its words".to_string()
                }
                Some(validator) => format!("the validator {validator}"),
                None => String::new(),
            },
        }
    }
}

/// What a boundary does not allow.
fn beside(boundary: Boundary, side: &str) -> String {
    match boundary {
        Boundary::None => String::new(),
        Boundary::Digit => format!("a digit stands {side} it"),
        Boundary::Word => format!("a letter, a digit or _ stands {side} it"),
        Boundary::Number => format!("a letter, a digit or one of _ . ~ stands {side} it"),
        Boundary::Token => format!("a letter, a digit or one of _ + / = . - stands {side} it"),
    }
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// What one rule alone finds. A variation that the compiler refuses finds nothing: it then has nothing to tell.
fn scan(policy: &Policy, rule: Rule, text: &[u8]) -> Vec<Range<usize>> {
    let alone = Policy {
        id: policy.id.clone(),
        title: String::new(),
        packs: Vec::new(),
        rules: vec![rule],
        variants: Vec::new(),
        views: policy.views.clone(),
        descriptors: Vec::new(),
    };
    let Ok(compiled) = blackbar_compiler::compile(&alone) else {
        return Vec::new();
    };
    let Ok(engine) = Engine::load(compiled.artifact) else {
        return Vec::new();
    };
    let Ok(plan) = Plan::new(&engine, None) else {
        return Vec::new();
    };
    let mut stream = Stream::new(Place::Text);
    stream.push(&engine, &plan, text, true);
    let offset = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    stream
        .findings()
        .iter()
        .map(|finding| offset(finding.start)..offset(finding.end))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use blackbar_policy::load::NoBuiltins;

    const POLICY: &str = r#"
[pack]
id = "mine"
title = "Mine"
[[rule]]
id = "mine.token"
description = "Token"
source = "https://example.com"
pattern = 'mine_[a-z0-9]{8}'
validators = ["has-digit", { without = ["test"] }]
[[rule]]
id = "mine.ssn"
description = "Number in context"
source = "https://example.com"
pattern = '[0-9]{3}-[0-9]{2}-[0-9]{4}'
context = { keywords = ["ssn"], within = 16 }
"#;

    #[track_caller]
    fn reasons(text: &str) -> Vec<(String, String)> {
        let policy = Policy::parse_str("mine.toml", POLICY, &NoBuiltins).unwrap();
        candidates(&policy, text.as_bytes(), &[])
            .into_iter()
            .map(|near| (near.rule, near.refused_by))
            .collect()
    }

    #[test]
    fn the_one_condition_that_refuses_is_named() {
        let one = |text| {
            reasons(text)
                .pop()
                .map(|(_, reason)| reason)
                .unwrap_or_default()
        };
        assert_eq!(one("x mine_abcdefgh x"), "the validator has-digit");
        assert_eq!(
            one("x mine_test1234 x"),
            "the validator `without`: the value contains one of its words"
        );
        assert!(
            one("xmine_abcd1234 x").starts_with("left = \"word\": a letter"),
            "{}",
            one("xmine_abcd1234 x")
        );
        assert!(one("x mine_abcd1234x").starts_with("right = \"word\""));
        assert_eq!(
            one("id 123-45-6789"),
            "context: none of ssn within 16 bytes before it"
        );
        assert!(one("xmine_abcdefgh x").starts_with("more than one of: "));
        assert_eq!(reasons("nothing here"), []);
    }

    #[test]
    fn what_is_found_is_not_near() {
        let policy = Policy::parse_str("mine.toml", POLICY, &NoBuiltins).unwrap();
        let found = [("mine.token".to_string(), 2..15)];
        assert_eq!(candidates(&policy, b"x mine_abcdefgh x", &found), []);
    }
}
