//! Rules as public scanners write them, in one form for all of them, and what of a rule has no counterpart here. How each format
//! is read lives in [`gitleaks`](super::gitleaks) and [`yaml`](super::yaml).

use serde_json::Value;

/// A file of rules, or several, as they were read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) rules: Vec<Foreign>,
    /// What concerns the whole file: global allow lists, files it names.
    pub(super) notes: Vec<Note>,
}

/// One rule as its source has it.
#[derive(Debug, Clone)]
pub(super) struct Foreign {
    /// The id in the source.
    pub(super) id: String,
    pub(super) description: String,
    /// Where the source says that the format is described.
    pub(super) link: Option<String>,
    /// `None`: there is nothing to look for in a text.
    pub(super) pattern: Option<String>,
    pub(super) dialect: Dialect,
    pub(super) secret: Secret,
    /// Validators of the policy language, ready to be written.
    pub(super) validators: Vec<Check>,
    /// Words of which one must stand somewhere in the text.
    pub(super) keywords: Vec<String>,
    /// `low`, `medium` or `high`.
    pub(super) confidence: &'static str,
    pub(super) tags: Vec<String>,
    /// Texts in which it must find something, and in which it must not.
    pub(super) examples: Vec<String>,
    pub(super) counter_examples: Vec<String>,
    pub(super) notes: Vec<Note>,
}

/// A validator.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Check {
    /// One word.
    Word(&'static str),
    /// At least so many bits per byte.
    Entropy(f64),
    /// Not one of these words in it.
    Without(Vec<String>),
    /// Not one of these expressions anywhere in it.
    Allow(Vec<String>),
}

/// What became of a rule or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// It does something else than in the source.
    Approximated,
    /// It is not there, and something else is found or passes than in the source.
    Missing,
    /// It is not there, and makes no difference to what is found.
    Unneeded,
    /// The whole rule is not there.
    LeftOut,
}

/// Something to tell about a rule or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) fate: Fate,
    /// The reason, in words that are the same for all rules it holds for.
    pub(super) what: String,
}

impl Note {
    pub(super) fn new(fate: Fate, what: impl Into<String>) -> Self {
        Self {
            fate,
            what: what.into(),
        }
    }
}

/// How a pattern is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Go's RE2: a brace that is no repetition and a bracket in a class stand for themselves.
    Go,
    /// Rust's regex, with `(?# comments )` that its scanners take out.
    Rust,
}

/// Which group is the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secret {
    /// The first that takes part; without groups the whole match.
    First,
    /// The one of this number.
    Number(u32),
    /// Each: all of them are found.
    Each,
    /// The one named `TOKEN`, otherwise the first.
    Token,
}

impl Foreign {
    pub(super) fn new(id: &str, description: &str, dialect: Dialect) -> Self {
        Self {
            id: id.to_string(),
            description: description.trim().to_string(),
            link: None,
            pattern: None,
            dialect,
            secret: Secret::First,
            validators: Vec::new(),
            keywords: Vec::new(),
            confidence: "medium",
            tags: Vec::new(),
            examples: Vec::new(),
            counter_examples: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, fate: Fate, what: impl Into<String>) {
        let note = Note::new(fate, what);
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// The strings of a list, or a single string.
pub(super) fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(list) => list
            .iter()
            .filter_map(|one| one.as_str().map(ToString::to_string))
            .collect(),
        _ => Vec::new(),
    }
}

/// A name in the grammar of ids: lower-case letters, digits and single hyphens.
pub(super) fn name(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.trim_end_matches('-').to_string()
}

/// Keys of a rule that are not known are told, so that nothing of a newer format is lost in silence.
pub(super) fn unknown_keys(rule: &mut Foreign, table: &Value, known: &[&str]) {
    let keys = table.as_object().into_iter().flat_map(|table| table.keys());
    for key in keys.filter(|key| !known.contains(&key.as_str())) {
        rule.note(
            Fate::Missing,
            format!("the key `{key}`, which this version does not know"),
        );
    }
}
