//! Scenarios: a folder of envoy-config/ with envoy.yaml and expect.toml, run in real Envoy and checked.

mod check;
#[cfg(feature = "host")]
mod host;
mod model;
mod run;

pub(crate) use check::Report;
#[cfg(feature = "host")]
pub(crate) use host::play_in_host;
pub(crate) use model::Scenario;
pub(crate) use run::{Seen, Transcript, play};
