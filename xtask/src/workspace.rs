//! Where the repository's files are, and running its cargo. Not here: what is built, and why.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::run;

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The cargo that started this program, or the one on PATH.
pub(crate) fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root());
    command
}

/// A folder below the target folder for what is made on the way.
pub(crate) fn scratch() -> Result<PathBuf> {
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => root().join("target"),
    };
    let folder = target.join("xtask");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    folder
        .canonicalize()
        .context("cannot resolve the scratch folder")
}

/// Builds a program of the workspace and returns its path.
pub(crate) fn build_binary(package: &str, release: bool) -> Result<PathBuf> {
    let mut command = cargo();
    command.args([
        "build",
        "--package",
        package,
        "--bin",
        package,
        "--message-format",
        "json-render-diagnostics",
    ]);
    if release {
        command.arg("--release");
    }
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("building {package} failed");
    }
    // One JSON object a line; the artifact of the program names its executable.
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == package)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .with_context(|| format!("cargo did not say where it put {package}"))
}

/// Puts a policy into the prebuilt module with `blackbar embed`, as a user would, and returns the module's path.
pub(crate) fn embed(blackbar: &Path, policy: &str) -> Result<PathBuf> {
    let name = policy.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let module = scratch()?.join(format!("{name}.wasm"));
    let mut command = Command::new(blackbar);
    command
        .current_dir(root())
        .args(["embed", "--policy", policy, "-o"])
        .arg(&module);
    run(&mut command).with_context(|| format!("cannot embed the policy {policy}"))?;
    Ok(module)
}

/// This program again, with the wasmtime host inside, which takes a while to build the first time.
pub(crate) fn with_host(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.args([
        "run",
        "--quiet",
        "--package",
        "xtask",
        "--features",
        "host",
        "--",
    ]);
    command.args(arguments).env(INNER, "1");
    command
}

/// Whether [`with_host`] started this: what the outer run has said already is not said again.
pub(crate) fn is_inner() -> bool {
    std::env::var_os(INNER).is_some()
}

const INNER: &str = "BLACKBAR_XTASK_INNER";
