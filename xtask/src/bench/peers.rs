//! Peers that are not crates: whether they are here, and getting them where that is one package away.

use std::path::PathBuf;
use std::process::Command;

use crate::apt;
use crate::workspace::{root, scratch};

/// The oldest Node whose V8 has what the module needs.
const NODE: u32 = 20;
/// Debian's name of it, and of what compiles the program around it.
const PACKAGES: [&str; 3] = ["libvectorscan-dev", "gcc", "libc6-dev"];

/// The version of Node, or why it cannot be used.
pub(super) fn node() -> Result<String, String> {
    let version = super::version("node", &["--version"])
        .ok_or("there is no `node` on PATH; V8 is measured with it")?;
    let major = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major >= NODE => Ok(version),
        _ => Err(format!("Node {version} is older than {NODE}")),
    }
}

/// The program around Vectorscan, compiled now; its library is installed by its package's name where that can be.
pub(super) fn vectorscan(install: bool) -> Result<PathBuf, String> {
    match compile() {
        Ok(program) => Ok(program),
        Err(why) if !install => Err(why),
        Err(why) => {
            self::install().map_err(|other| format!("{why}; {other}"))?;
            compile()
        }
    }
}

fn compile() -> Result<PathBuf, String> {
    let folder = scratch().map_err(|error| format!("{error:#}"))?;
    let program = folder.join("vectorscan");
    let output = Command::new("cc")
        .args(["-O2", "-o"])
        .arg(&program)
        .arg(root().join("benches/vectorscan/scan.c"))
        .arg("-lhs")
        .output()
        .map_err(|error| format!("there is no C compiler: {error}"))?;
    if output.status.success() {
        return Ok(program);
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text
        .lines()
        .find(|line| line.contains("error") || line.contains("cannot find"));
    Err(format!(
        "its library is not installed: {}",
        line.unwrap_or("cc failed").trim()
    ))
}

fn install() -> Result<(), String> {
    apt::install("Vectorscan cannot be built here", &PACKAGES).map_err(|error| format!("{error:#}"))
}
