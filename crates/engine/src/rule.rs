//! What a rule is to those who read findings: its id, action, confidence and severity. How it matches lives in
//! [`program`](crate::program).

use alloc::string::String;
use alloc::vec::Vec;

/// The position of a rule in its artifact. Stable for one artifact only; the rule's id is what is permanent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleIndex(pub(crate) u16);

impl RuleIndex {
    /// The position as a number, from 0.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::from(self.0)
    }
}

/// What happens to a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Replace by `[rule.id]`, written so that it is safe in its [`Place`].
    Tag,
    /// Replace every byte by `*`: the length in bytes stays.
    Mask,
    /// Keep the first N bytes (half of the value at most), mask the rest: the length stays.
    KeepFirst(u8),
    /// Keep the last N bytes (half of the value at most), mask the rest: the length stays.
    KeepLast(u8),
    /// Remove the header or the query parameter that holds the finding; elsewhere as [`Action::Tag`].
    Remove,
    /// Refuse the message with a local reply; where that is too late, as [`Action::Mask`].
    Block,
    /// Count only.
    Allow,
}

impl Action {
    /// Whether what it writes has as many bytes as what it replaces.
    #[must_use]
    pub fn preserves_length(self) -> bool {
        !matches!(self, Action::Tag | Action::Remove)
    }

    /// Whether it can write before the end of the finding is known.
    pub(crate) fn streams(self) -> bool {
        !matches!(self, Action::KeepFirst(_) | Action::KeepLast(_))
    }
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Often something else.
    Low,
    /// Usually right.
    Medium,
    /// Right nearly always.
    High,
}

/// How bad a leak would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Little harm.
    Low,
    /// Some harm.
    Medium,
    /// Grave harm.
    High,
    /// Access to everything.
    Critical,
}

/// Where a haystack stands in a message: decides how a tag is written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Place {
    /// Plain text: logs, unknown bodies.
    #[default]
    Text,
    /// A JSON body: a number that is redacted stays a number of the same length.
    Json,
    /// The value of a header.
    Header,
    /// A path or query: the brackets of a tag are percent-encoded.
    Url,
}

/// Settings that a profile gives to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether the rule takes part.
    pub enabled: bool,
    /// What happens to its findings.
    pub action: Action,
    /// How bad a leak would be.
    pub severity: Severity,
}

/// What is known about a rule without its automata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Permanent id `namespace.name`.
    pub id: String,
    /// The pack it came from.
    pub pack: String,
    /// How sure its findings are.
    pub confidence: Confidence,
    /// Labels.
    pub tags: Vec<String>,
    /// The most bytes of a stream that this rule ever keeps back while it is undecided.
    pub hold_back: u32,
    /// The base profile's settings.
    pub settings: Settings,
}

/// A match that passed its validators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// First byte of the redacted part, counted from the start of the stream.
    pub start: u64,
    /// One past its last byte.
    pub end: u64,
    /// The rule that found it.
    pub rule: RuleIndex,
}
