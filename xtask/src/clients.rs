//! `cargo xtask clients`: real clients of log shipping through real Envoy. What they send and how it is compared lives in
//! envoy-config/log-shipping/clients.py; here are Envoy, a virtual environment with the clients, and the count.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::envoy::{self, Running, Setting};
use crate::process::{Guarded, answer, run as run_program};
use crate::scenario::{Report, Scenario};
use crate::workspace::{build_binary, embed, root};
use crate::{EnvoyArguments, setup};

/// The folder below envoy-config/ that holds all of it.
const SCENARIO: &str = "log-shipping";

/// The collector's port for gRPC, as envoy.yaml has it for a run by hand.
const GRPC: &str = "port_value: 8081";

/// The clients compile nothing; they wait for Envoy, which does.
const LIMIT: Duration = Duration::from_secs(240);

pub(crate) fn run(arguments: &EnvoyArguments) -> Result<bool> {
    setup::wasm()?;
    let envoy = envoy::find(arguments)?.context("this runs in Envoy, and there is none")?;
    let folder = root().join("envoy-config").join(SCENARIO);
    let python = environment(&folder)?;
    let scenario = Scenario::read(SCENARIO)?;
    let module = embed(&build_binary("blackbar", false)?, &scenario.expect.policy)?;

    let work = tempfile::tempdir()?;
    let (ports, listener) = (work.path().join("ports"), work.path().join("listener"));
    let output = work.path().join("output");
    let log = std::fs::File::create(&output)?;
    let clients = Guarded::spawn(
        Command::new(&python)
            .arg(folder.join("clients.py"))
            .args([&ports, &listener])
            .stdout(log.try_clone()?)
            .stderr(log),
    )?;
    let said = || std::fs::read_to_string(&output).unwrap_or_default();
    let ports = waited(&ports, &clients)
        .with_context(|| format!("the clients did not start:\n{}", said()))?;
    let ports: serde_json::Value = serde_json::from_str(&ports)?;
    let port = |name: &str| ports[name].as_u64().context("a port is missing");
    ensure!(scenario.envoy.contains(GRPC), "envoy.yaml has no `{GRPC}`");
    let configuration = scenario
        .envoy
        .replace(GRPC, &format!("port_value: {}", port("grpc")?));
    let running = Running::start(
        &envoy,
        &Setting {
            configuration: &configuration,
            files: &scenario.files,
            module: &module,
            upstream: u16::try_from(port("http")?)?,
        },
    )?;
    std::fs::write(&listener, running.listener.to_string())?;
    let ended_well = clients.finish(LIMIT);
    running.alive()?;

    let said = said();
    let mut report = Report::default();
    for line in said.lines() {
        if let Some(name) = line.strip_prefix("ok ") {
            println!("{line}");
            report.add(name, Ok(()));
        } else if let Some(failed) = line.strip_prefix("FAILED ") {
            let (name, why) = failed.split_once(": ").unwrap_or((failed, ""));
            report.add(name, Err(why.to_owned()));
        }
    }
    report.print_failures();
    ensure!(
        !report.checks.is_empty() && ended_well.is_ok_and(|well| well == (report.failed() == 0)),
        "the clients ended early:\n{said}"
    );
    println!("\n{} passed, {} failed", report.passed(), report.failed());
    Ok(report.failed() == 0)
}

/// What a file holds once it holds something.
fn waited(path: &Path, program: &Guarded) -> Result<String> {
    let start = Instant::now();
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if !text.is_empty() {
            return Ok(text);
        }
        ensure!(program.ended().is_none(), "it ended");
        ensure!(start.elapsed() < LIMIT, "it took too long");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A Python with the clients, made once and kept in the cache.
fn environment(folder: &Path) -> Result<PathBuf> {
    let wanted = folder.join("requirements.txt");
    let text = std::fs::read(&wanted).context("no requirements.txt")?;
    let place = envoy::cache_folder().join("clients");
    let (python, kept) = (place.join("bin/python"), place.join("requirements.txt"));
    if std::fs::read(&kept).is_ok_and(|kept| kept == text) {
        return Ok(python);
    }
    if place.exists() {
        std::fs::remove_dir_all(&place).context("cannot make the cache anew")?;
    }
    let system = ["python3", "python"]
        .into_iter()
        .find(|python| answer(Command::new(python).args(["-m", "venv", "--help"])).is_some())
        .context("no python3 with venv to run the clients with")?;
    eprintln!("setup: the clients' packages from PyPI, once");
    let parent = place.parent().context("the cache has no folder")?;
    std::fs::create_dir_all(parent)?;
    run_program(Command::new(system).args(["-m", "venv"]).arg(&place))?;
    run_program(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet"])
            .args(["--disable-pip-version-check", "--requirement"])
            .arg(&wanted),
    )?;
    // Last: half an environment is not taken for a whole one.
    std::fs::write(&kept, text)?;
    Ok(python)
}
