//! Envoy: finding or fetching the binary, and running it with a scenario's configuration.

mod find;
mod run;

pub(crate) use find::{Envoy, find};
pub(crate) use run::{Running, Setting, validate};
