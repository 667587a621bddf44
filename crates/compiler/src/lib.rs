//! Compiles a policy ahead of time into an artifact that the engine loads without compiling anything.
//!
//! [`compile`] gives the bytes, a [`Report`] on every rule, and warnings. How: [`pattern`] splits each pattern at its secret
//! group, [`automaton`] makes minimal tables of the parts, [`fingerprint`] finds what every match must contain, [`buckets`]
//! deals that out, [`schema`] makes tables of descriptors, [`assemble`] writes the artifact.
//!
//! # Example
//! ```
//! use blackbar_policy::{Policy, load::NoBuiltins};
//! let text = "[pack]\nid = 'demo'\ntitle = 'Demo'\n[[rule]]\nid = 'demo.key'\ndescription = 'A key'\nsource = 'none'\npattern = 'key-[0-9]{4}'\n";
//! let policy = Policy::parse_str("demo.toml", text, &NoBuiltins).unwrap();
//! let compiled = blackbar_compiler::compile(&policy).unwrap();
//! assert_eq!(&compiled.artifact[..4], b"BBAR");
//! assert_eq!(compiled.report.rules[0].hold_back, 9);
//! ```
#![forbid(unsafe_code)]

mod allow;
mod assemble;
mod automaton;
mod buckets;
mod export;
mod fingerprint;
mod keyed;
mod lint;
mod pattern;
mod report;
mod rules;
mod sample;
mod schema;
mod windows;

use blackbar_policy::diagnostic::{Diagnostic, PolicyError};
use blackbar_policy::model::Policy;

pub use export::{Exported, export, quantifier};
pub use pattern::SEPARATOR;
pub use report::{Report, RuleReport};
pub use sample::SAMPLE;

/// A compiled policy.
#[derive(Debug)]
pub struct Compiled {
    /// The artifact's bytes.
    pub artifact: Vec<u8>,
    /// What compiling found out.
    pub report: Report,
    /// Lints that are not errors.
    pub warnings: Vec<Diagnostic>,
}

/// Compiles `policy`.
///
/// # Errors
/// All that is wrong with its rules, each pointing into its file: patterns that cannot be parsed, can be empty, have no
/// bound, need too many states, or are too short to be found.
/// # Cost
/// Grows with the states of the rules' automata; about a millisecond for a rule.
pub fn compile(policy: &Policy) -> Result<Compiled, PolicyError> {
    let statistics = &*sample::STATISTICS;
    let mut builds = Vec::new();
    let mut found = Vec::new();
    for rule in &policy.rules {
        match rules::build(rule, statistics) {
            Ok(build) => builds.push(build),
            Err(diagnostic) => found.push(*diagnostic),
        }
    }
    let schema = schema::build(policy).unwrap_or_else(|wrong| {
        found.extend(wrong);
        Default::default()
    });
    found.extend(lint::keywords(policy));
    if builds.len() == policy.rules.len() {
        found.extend(lint::shadowed(policy, &builds));
        found.extend(lint::tags(policy, &builds));
        found.extend(lint::costly(policy, &builds));
    }
    let warnings = blackbar_policy::diagnostic::refuse_errors(found)?;
    assemble::assemble(policy, &builds, schema, statistics, warnings)
}
