//! Haystacks to measure on, made here and the same on every machine. What is measured, and the records, stand beside them:
//! `records/` and README.md. Not here: the measuring itself, which is `blackbar bench`.
#![forbid(unsafe_code)]

mod definition;
mod haystack;

pub use definition::{Definition, DefinitionError, Haystack, folder};
pub use haystack::{Kind, haystack};
