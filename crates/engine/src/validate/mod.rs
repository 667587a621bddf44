//! Checks of a candidate's bytes: check digits, entropy, placeholders, token and address forms.
//!
//! Every check is a pure function over the redacted part of a match: no allocation, no state, no panic, time linear in the
//! value. Which checks a rule asks for, their order and their thresholds belong to the artifact; so do allow lists, which are
//! automata. Boundaries and context words are not checked here either: they look at bytes outside the value.

mod address;
mod checksum;
mod entropy;
mod hash;
mod iban;
mod jwt;
mod language;
mod national;
mod number;
mod placeholder;
mod token;
mod words;

pub use address::ipv6;
pub use checksum::luhn;
pub use entropy::{distinct, entropy_millibits};
pub use hash::not_hash;
pub use iban::{begins_iban, iban};
pub use jwt::jwt;
pub use language::not_words;
pub use national::ssn;
pub use number::Number;
pub use placeholder::{not_placeholder, not_template};
pub use token::crc32_base62;
pub use words::{classes, contains_word, has_digit, has_letter};
