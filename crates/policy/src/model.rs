//! The typed model of a policy: what a policy file means, after parsing and validation. No file access, no pattern
//! compilation and no diagnostics live here.

use std::path::PathBuf;

pub use crate::descriptors::{Descriptors, Named, PathMessages};
pub use crate::field::{FieldPath, FieldStep};
pub use crate::origin::{Origin, Part};

/// A policy ready to be compiled: every rule of every pack that a profile names, with overrides applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The profile's (or the single pack's) id, for example `default`.
    pub id: String,
    /// One sentence for people.
    pub title: String,
    /// The packs that were combined, in order.
    pub packs: Vec<PackInfo>,
    /// All rules, in the order of their packs and of the files. Ids are unique.
    pub rules: Vec<Rule>,
    /// Named variations of the profile that can be chosen at run time. The base profile is not among them.
    pub variants: Vec<Variant>,
    /// Views that are switched, by their names (of [`VIEWS`]); all others are as they are without a policy.
    pub views: Vec<(&'static str, bool)>,
    /// Descriptors of messages of protobuf, of all packs and of the profile.
    pub descriptors: Vec<Descriptors>,
}

/// The encoded forms of values that can be switched: what views are lives in `blackbar-carriers`, which knows them by the same names in
/// the same order.
pub const VIEWS: [&str; 7] = [
    "escapes",
    "percent",
    "entities",
    "utf16",
    "base64",
    "hex",
    "quoted_printable",
];

/// Who a pack is.
#[derive(Debug, Clone, PartialEq)]
pub struct PackInfo {
    /// The pack's id, for example `secrets`; also its folder's name.
    pub id: String,
    /// One sentence for people.
    pub title: String,
    /// Where its policy file is; its cases lie beside it. `None` for text that was not read from anywhere.
    pub place: Option<FilePlace>,
}

/// Where a policy file or a file of cases can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilePlace {
    /// A file on disk.
    Disk(PathBuf),
    /// A built-in, by its path in the `policies` folder: `secrets/policy.toml`.
    BuiltIn(String),
}

/// A variation of a profile: the whole settings of every rule, in the order of [`Policy::rules`].
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// The variant's id, unique within the policy and other than the policy's own.
    pub id: String,
    /// One entry per rule.
    pub settings: Vec<Settings>,
}

/// What a profile may change about a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether the rule takes part.
    pub enabled: bool,
    /// What happens to its findings.
    pub action: Action,
    /// How bad a leak of what it finds would be.
    pub severity: Severity,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Permanent id `namespace.name`, for example `github.pat`: lower-case letters, digits and `-` on both sides of one dot.
    pub id: String,
    /// The id of the pack it came from.
    pub pack: String,
    /// One sentence for people.
    pub description: String,
    /// Public source of the format: a URL, a standard, a paper.
    pub source: String,
    /// What to look for.
    pub matcher: Matcher,
    /// What the byte before the match must not be.
    pub left: Boundary,
    /// What the byte after the match must not be.
    pub right: Boundary,
    /// All must accept the redacted part, in this order.
    pub validators: Vec<Validator>,
    /// Words that must stand near the match, if any are given.
    pub context: Option<Context>,
    /// How sure a finding is.
    pub confidence: Confidence,
    /// Free labels such as `card` or `cloud`; profiles select by them.
    pub tags: Vec<String>,
    /// Longest match in bytes that is waited for. `None`: the pattern itself is bounded.
    ///
    /// A match that is still growing at this length is masked up to where it ends, whatever its validators would say.
    pub max_len: Option<u32>,
    /// Enabled, action and severity, after all overrides of the base profile.
    pub settings: Settings,
    /// Where the rule was written.
    pub origin: Origin,
}

/// What a rule looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matcher {
    /// A regular expression over bytes (ASCII classes unless `(?u)`), with an optional group named `secret` that is the part to redact.
    /// Without the group the whole match is redacted.
    Pattern(String),
    /// Keyword, separator, value: `api_key = "…"`, `"apiKey": "…"`, `api-key: …`, `API_KEY=…`, `?api_key=…`.
    Keyed {
        /// Matched without regard to case; a `_` stands for `_`, `-`, `.`, a space or nothing. At least three bytes each.
        keywords: Vec<String>,
        /// A regular expression for the value, which is the part to redact.
        value: String,
        /// Whether further identifier characters may stand between the keyword and the separator (`password_prod = `).
        suffix: bool,
    },
    /// Fields of documents by key and by path. The whole value is redacted, whatever its type.
    Fields(Vec<FieldPath>),
}

/// What may not stand beside a match. A left neighbour that ends an escape (`\n`, `\u003d`, `%3D`, `\x0a`) is never in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// Anything may stand there.
    None,
    /// Not `[0-9]`.
    Digit,
    /// Not `[A-Za-z0-9_]`. The default.
    Word,
    /// Not `[A-Za-z0-9_.~]`: what may be part of a longer number, a version or a file's name.
    Number,
    /// Not `[A-Za-z0-9_+/=.-]`.
    Token,
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

/// What happens to a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Replace by `[rule.id]`, written so that it is safe in its place.
    Tag,
    /// Replace every byte by `*`.
    Mask,
    /// Keep the first N bytes, mask the rest.
    KeepFirst(u8),
    /// Keep the last N bytes, mask the rest.
    KeepLast(u8),
    /// Remove the header or query parameter; elsewhere as `Tag`.
    Remove,
    /// Answer for the peer with a local reply without any value in it; where that is too late, as `Mask`, and counted.
    Block,
    /// Count only.
    Allow,
}

/// Words that must, or must not, stand before a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Matched without regard to ASCII case, at word starts. A `_` stands for `_`, `-`, `.`, a space or nothing. Empty if only
    /// `unless` is given.
    pub keywords: Vec<String>,
    /// Words none of which may stand in the name that ends where the match begins.
    pub unless: Vec<String>,
    /// Within how many bytes before the match's start; at most 128.
    pub within: u8,
    /// Whether a word must also end where a word ends.
    pub whole: bool,
    /// What may stand between a word and the match.
    pub reach: Reach,
}

/// How far a context word reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Over anything.
    Any,
    /// To the end of its line.
    Line,
    /// To the end of its field: a line's end, or one of `, ; & { } <`.
    Field,
    /// To the value of which it is the key: over blanks, quotes, brackets, `= : > # . _ - |`, backslashes and percent escapes.
    Key,
}

/// A check of the redacted part. All arithmetic is over its bytes.
#[derive(Debug, Clone, PartialEq)]
pub enum Validator {
    /// ISO/IEC 7812-1 check digit over the digits of the value, other bytes skipped.
    Luhn,
    /// ISO 7064 MOD 97-10 as ISO 13616 (IBAN) uses it, with the registered length of the country.
    Iban,
    /// US social security number: the ranges that were never assigned are refused.
    Ssn,
    /// Shannon entropy of at least this many bits per byte.
    Entropy(f32),
    /// At least this many different bytes.
    Distinct(u8),
    /// At least one digit.
    HasDigit,
    /// At least one ASCII letter.
    HasLetter,
    /// Not a placeholder: `example`, `changeme`, `xxxx`, `${VAR}`, `{{ x }}`, `<password>`, `null`, repeated or sequential characters.
    NotPlaceholder,
    /// Not a template, a mask or placeholder words; repeated and sequential characters pass.
    NotTemplate,
    /// Not made of words and numbers only.
    NotWords,
    /// At least this many of the classes small letter, capital, digit, other byte.
    Classes(u8),
    /// Not a UUID, and not a run of hexadecimal digits as long as a git, MD5, SHA-1 or SHA-256 hash.
    NotHash,
    /// The last six characters are the base-62 CRC-32 of what stands between the last `_` and them (GitHub, npm).
    Crc32Base62,
    /// A JSON Web Token: the header decodes to a JSON object with `alg`.
    Jwt,
    /// A textual IPv6 address (RFC 4291).
    Ipv6,
    /// A number of a kind that the engine knows by this name: a national id, an account, a wallet. Whether there is such a kind is
    /// the compiler's to say.
    Valid(String),
    /// Contains none of these words, without regard to case.
    Without(Vec<String>),
    /// The whole value matches none of these regular expressions.
    Allow(Vec<String>),
}
