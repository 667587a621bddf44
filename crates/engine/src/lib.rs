//! Scan byte streams for what a policy calls secret, and redact it: no I/O, no clock, no logging, no pattern compilation.
//!
//! An [`Engine`] is a loaded artifact, which `blackbar-compiler` makes from a policy. A [`Plan`] says which of its rules are
//! on and what each does. A [`Stream`] takes a haystack in chunks and gives back what is decided: the output is the same
//! however the haystack was cut.
//!
//! How a chunk is scanned: the [`prefilter`] finds candidates, [`program`] verifies each with small anchored automata,
//! [`check`] and [`boundary`] judge matches, [`union`] makes regions and edits of findings.
#![no_std]

extern crate alloc;

pub mod artifact;
pub mod check;
pub mod dfa;
pub mod fields;
pub mod prefilter;
pub mod schema;
pub mod validate;

mod boundary;
mod ledger;
mod plan;
mod program;
mod rule;
mod seek;
mod stream;
mod tokens;
mod transform;
mod transpose;
mod union;

pub use artifact::{Engine, LoadError, MAGIC, ViewSwitches};
pub use boundary::{Context, Reach};
pub use ledger::{Entry, Ledger, Observer};
pub use plan::{Plan, PlanError};
pub use prefilter::Width;
pub use rule::{Action, Confidence, Finding, Place, Rule, RuleIndex, Settings, Severity};
pub use stream::{Follows, Piece, Stream, apply_edits, redact_value};
pub use transform::tag;
pub use union::Edit;
