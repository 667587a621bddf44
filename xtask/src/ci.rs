//! `cargo xtask ci`: formatting, lints and documentation with warnings as errors, then every test.

use anyhow::Result;

use crate::process::run as run_command;
use crate::workspace::cargo;
use crate::{EnvoyArguments, setup, test};

pub(crate) fn run(envoy: &EnvoyArguments) -> Result<bool> {
    setup::wasm()?;
    run_command(cargo().args(["fmt", "--all", "--check"]))?;
    run_command(cargo().args([
        "clippy",
        "--workspace",
        "--features",
        "xtask/host",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]))?;
    // The overview of a crate names its private modules, for those who read the source.
    let flags = "--deny warnings --allow rustdoc::private_intra_doc_links";
    run_command(
        cargo()
            .env("RUSTDOCFLAGS", flags)
            .args(["doc", "--workspace", "--no-deps"]),
    )?;
    test::run(envoy)
}
