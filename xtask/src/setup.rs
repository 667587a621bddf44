//! Making a fresh machine ready: a toolchain that builds Wasm, and Envoy. Where Envoy comes from is in `envoy::find`; what
//! counts as a fitting toolchain is shared with the module's build script.

#[path = "../../crates/module/build/toolchain.rs"]
mod toolchain;

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::EnvoyArguments;
use crate::apt;
use crate::process::{answer, run as run_command};
use crate::workspace::{cargo, root, scratch};

/// `cargo xtask setup`.
pub(crate) fn run(envoy: &EnvoyArguments) -> Result<bool> {
    wasm()?;
    crate::envoy::find(envoy)?;
    Ok(true)
}

/// Makes sure that the Wasm module can be built; says how in one line.
pub(crate) fn wasm() -> Result<()> {
    if let Some(prebuilt) = std::env::var_os(toolchain::PREBUILT) {
        let prebuilt = Path::new(&prebuilt);
        toolchain::check_header(prebuilt).map_err(anyhow::Error::msg)?;
        eprintln!("setup: Wasm module: prebuilt, {}", prebuilt.display());
        return Ok(());
    }
    let found = match find() {
        Ok(found) => found,
        Err(_) => install()?,
    };
    eprintln!("setup: Wasm module: {}", found.title);
    Ok(())
}

/// `cargo xtask module`.
pub(crate) fn module(relaxed_simd: bool) -> Result<bool> {
    wasm()?;
    let path = match std::env::var_os(toolchain::PREBUILT) {
        Some(prebuilt) => prebuilt.into(),
        None => {
            // A folder for each, so that neither is built again when the other was.
            let (simd, folder) = match relaxed_simd {
                false => (toolchain::Simd::Fixed, "wasm-module"),
                true => (toolchain::Simd::Relaxed, "wasm-module-relaxed"),
            };
            let folder = scratch()?
                .parent()
                .context("the target folder has no parent")?
                .join(folder);
            let found = find().map_err(anyhow::Error::msg)?;
            toolchain::build(&found, &root().canonicalize()?, &folder, simd)
                .map_err(anyhow::Error::msg)?
        }
    };
    let size = std::fs::metadata(&path)?.len();
    println!("{} ({size} bytes)", path.display());
    let mut inspect = cargo();
    inspect
        .args([
            "run",
            "--quiet",
            "--package",
            "blackbar-module",
            "--example",
            "inspect",
            "--",
        ])
        .arg(&path);
    run_command(&mut inspect)?;
    Ok(true)
}

fn find() -> Result<toolchain::Toolchain, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    toolchain::find(
        Path::new(&cargo),
        Path::new(&rustc),
        env!("CARGO_PKG_RUST_VERSION"),
    )
}

/// rustup first; then, as root on a Debian-like system, its packages. A way that fails is said and the next one tried.
fn install() -> Result<toolchain::Toolchain> {
    let mut rustup = Command::new("rustup");
    if answer(rustup.arg("--version")).is_some() {
        eprintln!(
            "setup: installing the target {} with rustup",
            toolchain::TARGET
        );
        match run_command(Command::new("rustup").args(["target", "add", toolchain::TARGET])) {
            Ok(()) => match find() {
                Ok(found) => return Ok(found),
                Err(why) => eprintln!("setup: {why}"),
            },
            Err(error) => eprintln!("setup: {error}; trying the system's packages"),
        }
    }
    if !apt::there() {
        bail!(
            "no way to build the Wasm module: run `rustup target add {}`, or set {} to a prebuilt module",
            toolchain::TARGET,
            toolchain::PREBUILT
        );
    }
    apt::install(
        "no way to build the Wasm module",
        &toolchain::DEBIAN_PACKAGES,
    )?;
    find().map_err(anyhow::Error::msg)
}
