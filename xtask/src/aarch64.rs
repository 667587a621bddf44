//! `cargo xtask aarch64`: the engine's tests with the vectors of 64-bit Arm, in an emulator where this machine is none.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::apt;
use crate::process::{answer, run as run_command};
use crate::workspace::{cargo, scratch};

const TARGET: &str = "aarch64-unknown-linux-gnu";

/// What hold the engine to its scalar form and to the reference: all that NEON could break.
const PACKAGES: [&str; 2] = ["blackbar-engine", "blackbar-fuzz"];

/// The linker, the emulator by either of its names, and the Debian packages that they and the C library come from.
const LINKER: &str = "aarch64-linux-gnu-gcc";
const EMULATORS: [&str; 2] = ["qemu-aarch64-static", "qemu-aarch64"];
const DEBIAN_PACKAGES: [&str; 3] = [
    "qemu-user-static",
    "gcc-aarch64-linux-gnu",
    "libc6-dev-arm64-cross",
];
/// Where Debian puts the C library of another machine.
const LIBRARIES: &str = "/usr/aarch64-linux-gnu";

pub(crate) fn run() -> Result<bool> {
    let mut test = cargo();
    test.arg("test");
    for package in PACKAGES {
        test.args(["--package", package]);
    }
    if cfg!(target_arch = "aarch64") {
        eprintln!("setup: this machine has NEON itself");
        return Ok(test.status()?.success());
    }
    standard_library()?;
    let emulator = emulator()?;
    // A folder of its own: what the host's builds have made stays.
    let folder = scratch()?.join("aarch64");
    test.args(["--target", TARGET, "--target-dir"])
        .arg(folder)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER)
        .env(
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER",
            format!("{emulator} -L {LIBRARIES}"),
        );
    Ok(test.status()?.success())
}

/// Makes sure that the toolchain has a standard library for it.
fn standard_library() -> Result<()> {
    let sysroot = answer(Command::new("rustc").args(["--print", "sysroot"]))
        .context("rustc does not say where it lives")?;
    let there = Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(TARGET)
        .is_dir();
    if there {
        return Ok(());
    }
    eprintln!("setup: installing the target {TARGET} with rustup");
    run_command(Command::new("rustup").args(["target", "add", TARGET])).with_context(|| {
        format!("no standard library for {TARGET}; `rustup target add {TARGET}` brings it")
    })
}

/// Makes sure that programs for it can be linked and run; the emulator's name.
fn emulator() -> Result<&'static str> {
    let ready = || {
        let starts = |name: &&str| answer(Command::new(name).arg("--version")).is_some();
        let found = EMULATORS.into_iter().find(starts)?;
        (starts(&LINKER) && Path::new(LIBRARIES).is_dir()).then_some(found)
    };
    if let Some(found) = ready() {
        return Ok(found);
    }
    let without = format!("nothing here links and runs programs for {TARGET}");
    apt::install(&without, &DEBIAN_PACKAGES)?;
    match ready() {
        Some(found) => Ok(found),
        None => bail!("{without}, although the packages are there"),
    }
}
