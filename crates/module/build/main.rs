//! Builds the filter for Wasm so that its bytes can be a constant. How a toolchain is found is in `toolchain.rs`.

mod toolchain;

use std::path::{Path, PathBuf};

fn main() {
    // The nested build decides by itself what is stale; these lines only say when to ask it.
    for path in [
        "build",
        "../../filter/Cargo.toml",
        "../../filter/src",
        "../engine/Cargo.toml",
        "../engine/src",
        "../carriers/Cargo.toml",
        "../carriers/src",
        "../../Cargo.toml",
        "../../Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed={}", toolchain::PREBUILT);
    if let Err(message) = run() {
        println!("cargo::error={message}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), String> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    let module = match std::env::var_os(toolchain::PREBUILT) {
        Some(prebuilt) => {
            let prebuilt = PathBuf::from(prebuilt);
            toolchain::check_header(&prebuilt)?;
            println!("cargo::rerun-if-changed={}", prebuilt.display());
            prebuilt
        }
        None => {
            let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
            let workspace = manifest
                .ancestors()
                .nth(2)
                .ok_or("the crate does not lie in its workspace")?;
            let found = toolchain::find(
                Path::new(&variable("CARGO")?),
                Path::new(&variable("RUSTC")?),
                &variable("CARGO_PKG_RUST_VERSION")?,
            )?;
            toolchain::build(
                &found,
                workspace,
                &target_folder(&out),
                toolchain::Simd::Fixed,
            )?
        }
    };
    std::fs::copy(&module, out.join("filter.wasm"))
        .map_err(|error| format!("cannot copy the Wasm module: {error}"))?;
    Ok(())
}

/// The folder of the nested build, below the target folder of the outer one (cargo marks it with a CACHEDIR.TAG).
fn target_folder(out: &Path) -> PathBuf {
    out.ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .unwrap_or(out)
        .join("wasm-module")
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("cargo did not set {name}"))
}
