//! Packages of Debian and its kin: installed where that can be done, else the command is told. What is needed is the caller's matter.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process::{answer, run};

/// Whether this system has apt.
pub(crate) fn there() -> bool {
    answer(Command::new("apt-get").arg("--version")).is_some()
}

/// Installs packages by their names.
///
/// # Errors
/// Without apt, when this is not root, and when apt fails; begins with `without`, which says what is missing, and ends with what
/// to do.
pub(crate) fn install(without: &str, packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    let by_hand = format!("apt-get update && apt-get install --yes {names}");
    if !there() {
        bail!("{without}; install what your system calls `{names}`");
    }
    if answer(Command::new("id").arg("-u")).is_none_or(|id| id.trim() != "0") {
        bail!("{without}; run this as root: {by_hand}");
    }
    eprintln!("setup: {by_hand}");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(arguments);
        run(&mut command)
    };
    apt(&["update", "--quiet"])?;
    let options = ["install", "--quiet", "--yes", "--no-install-recommends"];
    apt(&[&options[..], packages].concat())
}
