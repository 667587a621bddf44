//! `cargo xtask bench`: throughput of the command, native and in Wasm, on haystacks made in benches/. The measuring itself is
//! `blackbar bench`; what is added here is the haystack, the doubling of the input, and the record.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::process::answer;
use crate::setup;
use crate::workspace::{build_binary, cargo, root, scratch};

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Size of the large haystack in MiB; the small one is half of it
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=1024))]
    mib: u32,
    /// The policy
    #[arg(long, default_value = "default")]
    policy: String,
    /// Keep the record as benches/records/NAME.json
    #[arg(long, value_name = "NAME")]
    record: Option<String>,
}

/// Doubling the input may at most do this to the time; the rest of the way to 4, which a quadratic step would give, is
/// room for a busy machine.
const LINEAR: f64 = 2.8;

pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    setup::wasm()?;
    eprintln!("bench: building the command in release mode ...");
    let blackbar = build_binary("blackbar", true)?;
    let haystacks = [haystack(arguments.mib / 2)?, haystack(arguments.mib)?];
    let mut results = Vec::new();
    let mut linear = true;
    println!(
        "{:<8} {:>12} {:>12} {:>10} {:>10}",
        "engine", "MB/s small", "MB/s large", "time x", "findings"
    );
    for engine in ["native", "wasm"] {
        let small = measure(&blackbar, &arguments.policy, engine, &haystacks[0])?;
        let large = measure(&blackbar, &arguments.policy, engine, &haystacks[1])?;
        let number = |record: &Value, field: &str| {
            record[field]
                .as_f64()
                .with_context(|| format!("the record of `blackbar bench` has no {field}"))
        };
        let time = |record: &Value| {
            Ok::<_, anyhow::Error>(number(record, "bytes_in")? / number(record, "median_mb_s")?)
        };
        let growth = time(&large)? / time(&small)?;
        linear &= growth < LINEAR;
        println!(
            "{engine:<8} {:>12.1} {:>12.1} {growth:>10.2} {:>10}",
            number(&small, "median_mb_s")?,
            number(&large, "median_mb_s")?,
            large["findings"]
        );
        results.extend([small, large]);
    }
    if !linear {
        println!("doubling the input more than doubled the time");
    }
    if let Some(name) = &arguments.record {
        keep(name, arguments, results)?;
    }
    Ok(linear)
}

fn haystack(mib: u32) -> Result<PathBuf> {
    let path = scratch()?.join(format!("haystack-{mib}.log"));
    let file =
        std::fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let status = cargo()
        .args([
            "run",
            "--quiet",
            "--package",
            "blackbar-benches",
            "--bin",
            "haystack",
            "--",
            "logs",
        ])
        .arg(mib.to_string())
        .stdin(Stdio::null())
        .stdout(file)
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("making the haystack failed");
    }
    Ok(path)
}

fn measure(blackbar: &Path, policy: &str, engine: &str, haystack: &Path) -> Result<Value> {
    let output = Command::new(blackbar)
        .current_dir(root())
        .args(["bench", "--policy", policy, "--engine", engine, "--json"])
        .arg(haystack)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start blackbar")?;
    if !output.status.success() {
        bail!("`blackbar bench --engine {engine}` failed");
    }
    serde_json::from_slice(&output.stdout).context("`blackbar bench --json` did not print a record")
}

/// Everything that is needed to repeat it and to judge it.
fn keep(name: &str, arguments: &Arguments, results: Vec<Value>) -> Result<()> {
    let text = |program: &str, words: &[&str]| {
        answer(Command::new(program).current_dir(root()).args(words))
            .map(|text| text.trim().to_owned())
    };
    let processor = text("lscpu", &[]).and_then(|listing| {
        let line = listing
            .lines()
            .find(|line| line.starts_with("Model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let record = json!({
        "repeat": format!("cargo xtask bench --mib {} --policy {}", arguments.mib, arguments.policy),
        "haystack": "benches: logs, seed 1",
        "commit": text("git", &["rev-parse", "--short", "HEAD"]),
        "date": text("date", &["+%Y-%m-%d"]),
        "rustc": text("rustc", &["--version"]),
        "processor": processor,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "results": results,
    });
    let folder = root().join("benches/records");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{name}.json"));
    std::fs::write(&path, format!("{record:#}\n"))
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("kept as benches/records/{name}.json");
    Ok(())
}
