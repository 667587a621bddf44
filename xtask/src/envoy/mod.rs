//! Envoy: finding or fetching the binary, and running it with a scenario's configuration.

mod find;
mod run;

pub(crate) use find::{Envoy, cache_folder, find};
pub(crate) use run::{Running, Setting, validate};
