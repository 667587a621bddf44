//! From a rule's matcher to the expressions that are compiled: parsed over bytes, split at the secret group, keyed rules
//! spelled out. Neither automata nor policy files are handled here.

use std::ops::Range;

use blackbar_policy::model::{Matcher, Part, Rule};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

/// A pattern in the parts that the engine runs one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    /// What must come before the secret, in one or more parts; empty when the match starts with the secret.
    pub(crate) before: Vec<Hir>,
    pub(crate) secret: Hir,
    /// What must come after it; the empty expression when nothing.
    pub(crate) after: Hir,
}

impl Split {
    /// The whole pattern as one expression.
    pub(crate) fn whole(&self) -> Hir {
        let mut parts = self.before.clone();
        parts.extend([self.secret.clone(), self.after.clone()]);
        Hir::concat(parts)
    }
}

/// What is wrong with a pattern: where in the rule, where in the string, what, and how to mend it.
#[derive(Debug)]
pub(crate) struct PatternError {
    pub(crate) part: Part,
    pub(crate) range: Option<Range<usize>>,
    pub(crate) message: String,
    pub(crate) help: &'static str,
}

impl PatternError {
    pub(crate) fn new(part: Part, message: impl Into<String>, help: &'static str) -> PatternError {
        PatternError {
            part,
            range: None,
            message: message.into(),
            help,
        }
    }
}

/// The name of the group that is redacted.
pub(crate) const SECRET: &str = "secret";

/// What stands between a keyword and its value: `=`, `:`, `:=`, `=>`, `==`, `?=`, `+=`, `.=`, `::=`, the `>` of an XML tag, or
/// the comma between two quoted strings; around it what closes a quoted key (or makes it an array), the name of a type of text, and what
/// opens a quoted value. Where any of it is escaped or percent-encoded, a view reads it; a `+` is the blank of a form,
/// which no code tells from itself, so that it counts as one. One that may as well begin the value belongs to it.
pub const SEPARATOR: &str = concat!(
    r#"(?:["'`]?(?:\]|\[\])?[ \t+]{0,8}(?::? ?&?(?i:string|str)[ \t]{0,4})?"#,
    r#"(?:=>|:{0,3}==?|[?.+|]{1,2}=|:|>)[ \t+]{0,8}["'`]?"#,
    r#"|["'],[ \t+]{0,8}["'])"#
);

/// What may follow a keyword before its separator, where a rule allows it.
const SUFFIX: &str = "[A-Za-z0-9_.-]{0,24}";

/// Parses `pattern` over bytes.
pub(crate) fn parse(pattern: &str, part: Part) -> Result<Hir, PatternError> {
    ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(pattern)
        .map_err(|error| {
            let (range, message) = match &error {
                regex_syntax::Error::Parse(e) => (
                    Some(e.span().start.offset..e.span().end.offset),
                    e.kind().to_string(),
                ),
                regex_syntax::Error::Translate(e) => (
                    Some(e.span().start.offset..e.span().end.offset),
                    e.kind().to_string(),
                ),
                _ => (None, "not a regular expression".to_owned()),
            };
            PatternError {
                part,
                range,
                message,
                help: "patterns are written in the syntax of Rust's regex crate, over bytes",
            }
        })
}

/// The expressions of a rule.
pub(crate) fn split(rule: &Rule) -> Result<Split, PatternError> {
    match &rule.matcher {
        Matcher::Pattern(pattern) => split_pattern(parse(pattern, Part::Pattern)?),
        // It finds nothing in bytes: no window leads to it.
        Matcher::Fields(_) => split_pattern(parse(r"\x00{3}", Part::Pattern)?),
        Matcher::Keyed {
            keywords,
            value,
            suffix,
        } => {
            let value = parse(value, Part::Pattern)?;
            let words: Result<Vec<Hir>, _> = keywords
                .iter()
                .enumerate()
                .map(|(i, word)| parse(&keyword(word), Part::Keyword(i)))
                .collect();
            let separator = if *suffix {
                format!("{SUFFIX}{SEPARATOR}")
            } else {
                SEPARATOR.to_owned()
            };
            let separator = parse(&separator, Part::Pattern)?;
            let Split {
                before,
                secret,
                after,
            } = split_pattern(value)?;
            let mut parts = vec![Hir::alternation(words?), separator];
            parts.extend(before);
            Ok(Split {
                before: parts,
                secret,
                after,
            })
        }
    }
}

/// A keyword as a pattern.
fn keyword(word: &str) -> String {
    let parts: Vec<String> = word.split('_').map(regex_syntax::escape).collect();
    format!("(?i:{})", parts.join("[_. -]?"))
}

fn split_pattern(hir: Hir) -> Result<Split, PatternError> {
    let parts = match hir.kind() {
        HirKind::Concat(parts) => parts.clone(),
        _ => vec![hir.clone()],
    };
    let is_secret =
        |hir: &Hir| matches!(hir.kind(), HirKind::Capture(c) if c.name.as_deref() == Some(SECRET));
    let split = match parts.iter().position(is_secret) {
        Some(at) => {
            let secret = match parts[at].kind() {
                HirKind::Capture(capture) => (*capture.sub).clone(),
                _ => parts[at].clone(),
            };
            let before = Hir::concat(parts[..at].to_vec());
            let before = if *before.kind() == HirKind::Empty {
                Vec::new()
            } else {
                vec![before]
            };
            Split {
                before,
                secret,
                after: Hir::concat(parts[at + 1..].to_vec()),
            }
        }
        None if parts.iter().any(holds_secret) => {
            return Err(PatternError::new(
                Part::Pattern,
                "the group `secret` stands inside another group or a repetition",
                "move `(?<secret>...)` to the top level of the pattern, or write one rule for each alternative",
            ));
        }
        None => Split {
            before: Vec::new(),
            secret: hir,
            after: Hir::empty(),
        },
    };
    match split.secret.properties().minimum_len() {
        Some(0) => Err(PatternError::new(
            Part::Pattern,
            "the part to redact can be empty",
            "make the secret at least one byte long: `+` instead of `*`, `{1,9}` instead of `{0,9}`",
        )),
        None => Err(PatternError::new(
            Part::Pattern,
            "the pattern can never match",
            "remove the contradiction in it",
        )),
        Some(_) => Ok(split),
    }
}

fn holds_secret(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Capture(c) => c.name.as_deref() == Some(SECRET) || holds_secret(&c.sub),
        HirKind::Repetition(r) => holds_secret(&r.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(holds_secret),
        _ => false,
    }
}
