//! The client under load: wrk, with a script that sends prepared requests in turn. What is sent is written by the caller.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::apt;

const SCRIPT: &str = include_str!("wrk.lua");
/// The package's name, in Debian and most others.
const PACKAGE: &str = "wrk";
/// Requests in flight at a time.
pub(crate) const CONNECTIONS: u32 = 8;

/// What wrk saw. Latency is of requests that were answered, at the load that [`CONNECTIONS`] closed loops give.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Sample {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    /// Failed to connect, read, write, or in time, and answers other than 2xx and 3xx.
    pub(crate) errors: u64,
}

/// wrk's version, once it is there. It is installed by its package's name where that can be done; otherwise the error says how.
pub(crate) fn find() -> Result<String> {
    if let Some(version) = version() {
        return Ok(version);
    }
    apt::install("no wrk here", &[PACKAGE])?;
    version().context("wrk was installed and does not run")
}

/// It prints its version with its usage, and fails.
fn version() -> Option<String> {
    let output = Command::new("wrk").arg("-v").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let words = text.split_whitespace().skip(1).take(2);
    text.starts_with("wrk")
        .then(|| words.collect::<Vec<_>>().join(" "))
}

/// Sends the requests that `list` names, again and again, for `seconds`.
pub(crate) fn drive(port: u16, list: &Path, seconds: u32) -> Result<Sample> {
    let script = list.with_file_name("wrk.lua");
    std::fs::write(&script, SCRIPT)?;
    let output = Command::new("wrk")
        .args(["--threads", "1", "--timeout", "10s", "--latency"])
        .args(["--connections", &CONNECTIONS.to_string()])
        .args(["--duration", &format!("{seconds}s")])
        .arg("--script")
        .arg(&script)
        .arg(format!("http://127.0.0.1:{port}/"))
        .arg("--")
        .arg(list)
        .stdin(Stdio::null())
        .output()
        .context("cannot start wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().rev().find(|line| line.starts_with('{'));
    match line {
        Some(line) if output.status.success() => {
            serde_json::from_str(line).context("wrk printed something else than its result")
        }
        _ => bail!(
            "wrk failed: {} {}",
            text.trim(),
            String::from_utf8_lossy(&output.stderr).trim()
        ),
    }
}
