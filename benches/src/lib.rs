//! What is measured, and what it is measured with: haystacks, policies, definitions with expected counts, and lanes that run the
//! engine. How it is measured and what the figures mean stands in README.md. Not here: other engines and the protocol between the
//! measuring programs (`bin/bench-runner`), the comparison itself and its records (`cargo xtask bench`).
#![forbid(unsafe_code)]

pub mod definition;
pub mod generated;
pub mod haystack;
pub mod lane;
pub mod policy;
mod random;

pub use definition::{BLESS, Definition, DefinitionError};
pub use haystack::{Kind, Recipe};
