//! From foreign rules to rules that compile: each is tried as it is, then with less, and what it took is told. How patterns are
//! changed lives in [`super::pattern`], how a rule is written in [`super::pack`].

use std::collections::HashSet;
use std::thread;

use blackbar_policy::Policy;
use blackbar_policy::diagnostic::{Level, PolicyError};
use serde::Serialize;

use super::implied::implied;
use super::pack;
use super::pattern::{self, Parsed, Variant};
use super::source::{Check, Dialect, Fate, Foreign, Note, name};
use crate::builtins::BUILTINS;
use crate::terminal::{self, Unit};

/// A rule that compiles.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) variant: Variant,
    pub(super) validators: Vec<Check>,
    /// Words of which one must stand before the match.
    pub(super) context: Vec<String>,
}

/// What became of one foreign rule.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) outcome: Outcome,
    /// The rules it became.
    pub(super) drafts: Vec<Draft>,
    pub(super) notes: Vec<Note>,
    /// Why those of its rules were refused that were.
    refused: Vec<String>,
}

/// How near the result is to its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The same is found.
    Exact,
    /// Something else is found, or something more.
    Approximated,
    /// Nothing came of it.
    LeftOut,
}

/// Lengths that gaps are cut to, one after the other, where a rule needs too many states.
const GAPS: [u32; 4] = [32, 16, 8, 4];

/// How far before a match a keyword may stand: the most that the language has.
pub(super) const WITHIN: u8 = 128;

/// Builds every rule.
///
/// They are compiled together, in rounds: what a round refuses is tried with less in the next. One compilation for each rule
/// would choose windows against the sample each time.
pub(super) fn build(rules: &[Foreign], pack: &str, prefixes: &[&str]) -> Vec<Entry> {
    let ids = ids(rules, pack, prefixes);
    let mut entries = Vec::new();
    let mut open = Vec::new();
    for (index, (rule, id)) in rules.iter().zip(&ids).enumerate() {
        let (entry, drafts) = one(rule, id);
        entries.push(entry);
        open.extend(drafts.into_iter().map(|draft| Open {
            rule: index,
            attempts: attempts(draft),
            at: 0,
            reason: None,
            fits: false,
        }));
    }
    let bar = terminal::progress(open.len() as u64, Unit::Items);
    loop {
        let mut round: Vec<&mut Open> = open
            .iter_mut()
            .filter(|one| !one.fits && one.at < one.attempts.len())
            .collect();
        if round.is_empty() {
            break;
        }
        let half = round.len().div_ceil(2);
        thread::scope(|scope| {
            for part in round.chunks_mut(half) {
                scope.spawn(move || try_all(rules, pack, part));
            }
        });
        bar.set_position(open.iter().filter(|one| one.fits).count() as u64);
    }
    bar.finish_and_clear();
    for one in open {
        let entry = &mut entries[one.rule];
        match one.attempts.into_iter().nth(one.at) {
            Some((draft, changes)) => {
                let own = draft.variant.changes.iter();
                let own = own.map(|change| Note::new(Fate::Approximated, *change));
                for note in own.chain(changes) {
                    entry.add(note);
                }
                entry.drafts.push(draft);
            }
            None => entry.refused.extend(one.reason),
        }
    }
    entries.iter_mut().for_each(Entry::settle);
    entries
}

/// A rule that is being tried.
struct Open {
    rule: usize,
    attempts: Vec<(Draft, Vec<Note>)>,
    at: usize,
    /// Why the first attempt was refused.
    reason: Option<String>,
    fits: bool,
}

impl Open {
    fn refuse(&mut self, reason: String) {
        self.reason.get_or_insert(reason);
        self.at += 1;
    }
}

/// Compiles the present attempt of each; those that are refused go on to their next.
fn try_all(rules: &[Foreign], pack: &str, open: &mut [&mut Open]) {
    let text = |one: &Open| -> String {
        let draft = one.attempts.get(one.at).map(|(draft, _)| draft);
        draft.map_or_else(String::new, |draft| {
            pack::rule(&rules[one.rule], draft, "x")
        })
    };
    // What cannot be read is refused by itself: its messages do not always name the rule.
    let mut all = pack::header(pack, "x");
    let mut tried = Vec::new();
    for (index, one) in open.iter_mut().enumerate() {
        let rule = text(one);
        let alone = format!("{}{rule}", pack::header(pack, "x"));
        match Policy::parse_str("policy.toml", &alone, &BUILTINS) {
            Ok(_) => {
                all.push_str(&rule);
                tried.push(index);
            }
            Err(error) => one.refuse(first_reason(&error)),
        }
    }
    if tried.is_empty() {
        return;
    }
    let result = Policy::parse_str("policy.toml", &all, &BUILTINS)
        .and_then(|policy| blackbar_compiler::compile(&policy));
    let messages: Vec<String> = match &result {
        Ok(_) => Vec::new(),
        Err(error) => {
            let errors = error.diagnostics().iter();
            let errors = errors.filter(|one| one.level() == Level::Error);
            errors.map(|one| one.message().to_string()).collect()
        }
    };
    let mut named = false;
    for &index in &tried {
        let one = &mut open[index];
        let id = one
            .attempts
            .get(one.at)
            .map(|(draft, _)| format!("rule `{}`", draft.id));
        let message = id.and_then(|id| messages.iter().find(|message| message.contains(&id)));
        match message {
            Some(message) => {
                named = true;
                one.refuse(reason(message));
            }
            None => one.fits = true,
        }
    }
    if let Some(message) = messages.first().filter(|_| !named) {
        // It is wrong with all of them together: nothing more is known.
        for &index in &tried {
            open[index].fits = false;
            open[index].refuse(reason(message));
        }
    }
}

/// The longest id of the language, less room for the number of a part.
const LONGEST: usize = 60;

/// An id for each rule: the source's, in the grammar of the language, without its tool's own prefix.
fn ids(rules: &[Foreign], pack: &str, prefixes: &[&str]) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut ids = Vec::new();
    for rule in rules {
        let own = prefixes
            .iter()
            .find_map(|prefix| rule.id.strip_prefix(prefix))
            .unwrap_or(&rule.id);
        let mut base = name(own);
        if base.is_empty() {
            base = "rule".to_string();
        }
        base.truncate(LONGEST.saturating_sub(pack.len() + 1).max(1));
        let base = base.trim_end_matches('-').to_string();
        let numbered = (2..).map(|number| format!("{pack}.{base}-{number}"));
        let id = std::iter::once(format!("{pack}.{base}"))
            .chain(numbered)
            .find(|id| taken.insert(id.clone()));
        ids.extend(id);
    }
    ids
}

impl Entry {
    fn new(notes: Vec<Note>) -> Self {
        Self {
            outcome: Outcome::LeftOut,
            drafts: Vec::new(),
            notes,
            refused: Vec::new(),
        }
    }

    fn add(&mut self, note: Note) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Says how near it is to its source, once all of its rules have been tried.
    fn settle(&mut self) {
        let refused = std::mem::take(&mut self.refused);
        if self.drafts.is_empty() {
            if self.notes.iter().all(|note| note.fate != Fate::LeftOut) {
                let reason = refused.into_iter().next();
                self.add(Note::new(
                    Fate::LeftOut,
                    reason.unwrap_or_else(|| "there is no way through its pattern".to_string()),
                ));
            }
            return;
        }
        for reason in refused {
            self.add(Note::new(
                Fate::Missing,
                format!("one of its alternatives: {reason}"),
            ));
        }
        let exact = self.notes.iter().all(|note| note.fate == Fate::Unneeded);
        self.outcome = if exact {
            Outcome::Exact
        } else {
            Outcome::Approximated
        };
    }
}

/// The rules that a foreign one becomes, before it is known whether they compile.
fn one(rule: &Foreign, id: &str) -> (Entry, Vec<Draft>) {
    let mut entry = Entry::new(rule.notes.clone());
    let given_up = rule.notes.iter().any(|note| note.fate == Fate::LeftOut);
    let Some(text) = rule.pattern.as_deref().filter(|_| !given_up) else {
        return (entry, Vec::new());
    };
    let variants = Parsed::new(text, rule.dialect).and_then(|parsed| parsed.variants(rule.secret));
    let variants = match variants {
        Ok(variants) => variants,
        Err(reason) => {
            entry.add(Note::new(Fate::LeftOut, reason));
            return (entry, Vec::new());
        }
    };
    let validators = validators(rule, &mut entry.notes);
    let mut drafts = Vec::new();
    for (part, variant) in variants.into_iter().enumerate() {
        let mut draft = Draft {
            // Of a rule in several parts each but the first has a number.
            id: match part {
                0 => id.to_string(),
                part => format!("{id}-{}", part + 1),
            },
            variant,
            validators: validators.clone(),
            context: Vec::new(),
        };
        if !rule.keywords.is_empty() && !implied(&draft.variant.whole(), &rule.keywords) {
            draft.context = context(&rule.keywords);
            entry.add(if draft.context.is_empty() {
                Note::new(
                    Fate::Missing,
                    "its keywords, which may stand anywhere and are too short for `context`: it finds without them",
                )
            } else {
                Note::new(
                    Fate::Approximated,
                    "a keyword that may stand anywhere in the text: here within 128 bytes before the match",
                )
            });
        }
        drafts.push(draft);
    }
    (entry, drafts)
}

/// Its validators, with the expressions of allow lists in the language's own syntax.
fn validators(rule: &Foreign, notes: &mut Vec<Note>) -> Vec<Check> {
    let mut checks = Vec::new();
    for check in &rule.validators {
        match check {
            Check::Allow(patterns) => {
                let mut kept: Vec<&str> = Vec::new();
                for text in patterns {
                    match pattern::anywhere(&[text], Dialect::Go) {
                        Ok(_) => kept.push(text),
                        Err(reason) => {
                            let note = Note::new(
                                Fate::Missing,
                                format!("an expression of an allow list: {reason}"),
                            );
                            if !notes.contains(&note) {
                                notes.push(note);
                            }
                        }
                    }
                }
                let all = pattern::anywhere(&kept, Dialect::Go);
                if let Some(all) = all.ok().filter(|_| !kept.is_empty()) {
                    checks.push(Check::Allow(vec![all]));
                }
            }
            other => checks.push(other.clone()),
        }
    }
    checks
}

/// Keywords as `context` takes them; none if one of them is too short.
fn context(keywords: &[String]) -> Vec<String> {
    // An underscore at an end stands for nothing there.
    let keywords: Vec<String> = keywords
        .iter()
        .map(|word| word.trim_matches('_').to_string())
        .collect();
    let good = |word: &String| {
        word.bytes().filter(|b| *b != b'_').count() >= 2
            && word.bytes().all(|b| b.is_ascii_graphic())
    };
    if keywords.iter().all(good) {
        keywords
    } else {
        Vec::new()
    }
}

/// A rule as it is, then with shorter gaps, then without its allow list.
fn attempts(draft: Draft) -> Vec<(Draft, Vec<Note>)> {
    let allows = |check: &Check| matches!(check, Check::Allow(_));
    let bare = draft.validators.iter().any(allows).then(|| {
        let mut bare = draft.clone();
        bare.validators.retain(|check| !allows(check));
        let note = Note::new(
            Fate::Missing,
            "its allow list of expressions: with it, it needs too many states",
        );
        (bare, vec![note])
    });
    let mut attempts = Vec::new();
    for (start, notes) in std::iter::once((draft, Vec::new())).chain(bare) {
        attempts.push((start.clone(), notes.clone()));
        for most in GAPS {
            if let Some(variant) = start.variant.with_gaps(most) {
                let mut notes = notes.clone();
                notes.push(Note::new(
                    Fate::Approximated,
                    format!("gaps cut to {most} bytes: with longer ones it needs too many states"),
                ));
                let draft = Draft {
                    variant,
                    ..start.clone()
                };
                attempts.push((draft, notes));
            }
        }
    }
    attempts
}

fn first_reason(error: &PolicyError) -> String {
    let first = error.diagnostics().first();
    reason(
        &first
            .map(|one| one.message().to_string())
            .unwrap_or_default(),
    )
}

/// The compiler's message, without what is different for each rule.
fn reason(message: &str) -> String {
    for (part, reason) in [
        (
            "fewer than three bytes",
            "its matches need not hold three bytes in a row that it could be found by",
        ),
        ("needs too many states", "it needs too many states"),
        ("can be empty", "its secret can be empty"),
        ("no upper length", "it has no upper length"),
        ("never match", "it can never match"),
    ] {
        if message.contains(part) {
            return reason.to_string();
        }
    }
    match message.split_once(" in rule `") {
        Some((what, _)) => what.to_string(),
        None => message.to_string(),
    }
}
