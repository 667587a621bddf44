//! The policy language: parse, validate, diagnose. Knows no other crate of the workspace, compiles no pattern.
//!
//! - [`model`]: what a policy means, after parsing.
//! - [`load`]: from a file, a folder or the name of a built-in to a [`Policy`].
//! - [`cases`]: the test cases that lie beside a pack.
//! - [`diagnostic`]: reports that point into a file; the compiler and the command show theirs in the same form.
//!
//! ```
//! use blackbar_policy::{Policy, load::NoBuiltins};
//!
//! let text = r#"
//! [pack]
//! id = "mine"
//! title = "Our own tokens"
//!
//! [[rule]]
//! id = "mine.token"
//! description = "Token of the billing service"
//! source = "https://example.com/billing/tokens"
//! pattern = 'bill_[a-z0-9]{24}'
//! "#;
//! let policy = Policy::parse_str("mine.toml", text, &NoBuiltins).unwrap();
//! assert_eq!(policy.rules[0].id, "mine.token");
//!
//! let error = Policy::parse_str("mine.toml", &text.replace("pattern", "patern"), &NoBuiltins).unwrap_err();
//! assert!(error.to_string().contains("unknown key `patern` in rule `mine.token`"));
//! assert!(error.to_string().contains("help: did you mean `pattern`?"));
//! ```
#![forbid(unsafe_code)]

pub mod cases;
mod descriptors;
pub mod diagnostic;
mod field;
pub mod load;
pub mod model;
mod names;
mod origin;
mod overrides;
mod parse;
mod reader;
mod rule;
pub mod source;

pub use diagnostic::{Diagnostic, Level, PolicyError};
pub use load::Builtins;
pub use model::{Policy, Rule};
pub use source::Source;
