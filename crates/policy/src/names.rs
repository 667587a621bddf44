//! The words of the policy language for the values of the model, the grammar of ids, and "did you mean". No TOML here.

use std::fmt;

use crate::model::{Action, Boundary, Confidence, Reach, Severity, Validator};

/// A closed set of words.
pub(crate) trait Words: Sized + Copy + PartialEq + 'static {
    /// Every word with its value, in the order in which they are listed to people.
    const WORDS: &'static [(&'static str, Self)];

    fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, value)| *value == self)
            .map_or("", |(word, _)| word)
    }

    fn parse(word: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .find(|(known, _)| *known == word)
            .map(|(_, value)| *value)
    }
}

impl Words for Boundary {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("digit", Self::Digit),
        ("word", Self::Word),
        ("number", Self::Number),
        ("token", Self::Token),
    ];
}

impl Words for Reach {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("any", Self::Any),
        ("line", Self::Line),
        ("field", Self::Field),
        ("key", Self::Key),
    ];
}

impl Words for Confidence {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("low", Self::Low),
        ("medium", Self::Medium),
        ("high", Self::High),
    ];
}

impl Words for Severity {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("low", Self::Low),
        ("medium", Self::Medium),
        ("high", Self::High),
        ("critical", Self::Critical),
    ];
}

/// The actions that are one word; `keep_first` and `keep_last` take a number.
impl Words for Action {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("tag", Self::Tag),
        ("mask", Self::Mask),
        ("remove", Self::Remove),
        ("block", Self::Block),
        ("allow", Self::Allow),
    ];
}

/// The validators that are one word.
pub(crate) const VALIDATORS: &[(&str, Validator)] = &[
    ("luhn", Validator::Luhn),
    ("iban", Validator::Iban),
    ("ssn", Validator::Ssn),
    ("has-digit", Validator::HasDigit),
    ("has-letter", Validator::HasLetter),
    ("not-placeholder", Validator::NotPlaceholder),
    ("not-template", Validator::NotTemplate),
    ("not-words", Validator::NotWords),
    ("not-hash", Validator::NotHash),
    ("crc32-base62", Validator::Crc32Base62),
    ("jwt", Validator::Jwt),
    ("ipv6", Validator::Ipv6),
];

/// The validators that take a value.
pub(crate) const VALIDATORS_WITH_VALUE: &[&str] = &[
    "entropy", "distinct", "classes", "without", "allow", "valid",
];

macro_rules! display_as_word {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            /// The word of the policy language.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }
    )*};
}
display_as_word!(Boundary, Confidence, Reach, Severity);

impl fmt::Display for Action {
    /// As it is written in a policy: `mask`, `{ keep_last = 4 }`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeepFirst(bytes) => write!(f, "{{ keep_first = {bytes} }}"),
            Self::KeepLast(bytes) => write!(f, "{{ keep_last = {bytes} }}"),
            other => f.pad(other.word()),
        }
    }
}

impl fmt::Display for Validator {
    /// As it is written in a policy: `luhn`, `{ entropy = 3 }`; lists are shown in Rust's quoting.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entropy(bits) => write!(f, "{{ entropy = {bits} }}"),
            Self::Distinct(bytes) => write!(f, "{{ distinct = {bytes} }}"),
            Self::Classes(least) => write!(f, "{{ classes = {least} }}"),
            Self::Valid(name) => write!(f, "{{ valid = {name:?} }}"),
            Self::Without(words) => write!(f, "{{ without = {words:?} }}"),
            Self::Allow(patterns) => write!(f, "{{ allow = {patterns:?} }}"),
            plain => {
                let word = VALIDATORS.iter().find(|(_, value)| value == plain);
                f.pad(word.map_or("", |(word, _)| word))
            }
        }
    }
}

/// Whether `id` is one part of an id: lower-case letters, digits and `-`, not empty.
pub(crate) fn is_name(id: &str) -> bool {
    !id.is_empty()
        && id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether `id` names a pack: a name, or two with `/` between them for a pack of a group (`national/de`).
pub(crate) fn is_pack_name(id: &str) -> bool {
    match id.split_once('/') {
        Some((group, name)) => is_name(group) && is_name(name),
        None => is_name(id),
    }
}

/// The group of `national/*`, which stands for every pack of the group.
pub(crate) fn group(text: &str) -> Option<&str> {
    text.strip_suffix("/*").filter(|group| is_name(group))
}

/// Whether `id` is a rule id: two names with one dot between them.
pub(crate) fn is_rule_id(id: &str) -> bool {
    id.split_once('.')
        .is_some_and(|(namespace, name)| is_name(namespace) && is_name(name))
}

/// The text as it may stand in a message: between back quotes, escaped, and cut where it is long.
pub(crate) fn quoted(text: &str) -> String {
    // Longer than the longest id.
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}...`", escaped(&text[..end])),
        None => format!("`{}`", escaped(text)),
    }
}

/// As [`quoted`], but never cut: for the names of files.
pub(crate) fn quoted_whole(text: &str) -> String {
    format!("`{}`", escaped(text))
}

fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_debug());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// `a`, `b` and `c`, each quoted, with `last` before the last one.
pub(crate) fn listed<'a>(words: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let words: Vec<String> = words.into_iter().map(quoted).collect();
    match words.as_slice() {
        [] => "nothing".to_string(),
        [one] => one.clone(),
        [rest @ .., end] => format!("{} {last} {end}", rest.join(", ")),
    }
}

/// The candidate that `word` is most likely a slip of, if one is near enough.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.len() > 100 {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&lower, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        for good in ["github.pat", "a.b", "x-1.y-2"] {
            assert!(is_rule_id(good), "{good}");
        }
        for bad in ["github", "a.", ".b", "a.b.c", "A.b", "a b.c", "a_b.c", ""] {
            assert!(!is_rule_id(bad), "{bad}");
        }
    }

    #[test]
    fn near_words() {
        assert_eq!(
            nearest("patern", ["id", "pattern", "source"]),
            Some("pattern")
        );
        assert_eq!(nearest("Pattern", ["pattern"]), Some("pattern"));
        assert_eq!(nearest("zzz", ["pattern", "id"]), None);
        assert_eq!(nearest(&"x".repeat(5000), ["pattern"]), None);
    }

    #[test]
    fn quoting_escapes_and_cuts() {
        assert_eq!(quoted("it's"), "`it's`");
        assert_eq!(quoted("a\u{1b}[31m"), "`a\\u{1b}[31m`");
        assert_eq!(quoted(&"y".repeat(81)).len(), 80 + 2 + 3);
    }

    #[test]
    fn every_value_has_its_word() {
        assert_eq!(Severity::Critical.to_string(), "critical");
        assert_eq!(Action::KeepLast(4).to_string(), "{ keep_last = 4 }");
        assert_eq!(Action::Block.to_string(), "block");
        for (word, validator) in VALIDATORS {
            assert_eq!(&validator.to_string(), word);
        }
    }
}
