//! Scenarios: a folder of envoy-config/ with envoy.yaml and expect.toml, run in real Envoy and checked.

mod check;
mod model;
mod run;

pub(crate) use check::Report;
pub(crate) use model::Scenario;
pub(crate) use run::{Seen, Transcript, play};
