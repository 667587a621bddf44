//! `cargo xtask clients`: real clients of log shipping, of raw TCP and of WebSocket through real Envoy. What they send and how it is compared
//! lives in the clients.py of envoy-config/log-shipping, tcp and websocket; here are Envoy, a virtual environment with the clients, and the count.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::envoy::{self, Envoy, Running, Setting};
use crate::process::{Guarded, answer, run as run_program};
use crate::scenario::Report;
use crate::workspace::{build_binary, embed, root};
use crate::{EnvoyArguments, setup};

/// A folder below envoy-config/ with clients.
struct Clients {
    folder: &'static str,
    /// The folder of the cache that its Python has.
    cache: &'static str,
    /// What stands in envoy.yaml for a run by hand, and which of the servers' ports takes its place.
    upstreams: &'static [(&'static str, &'static str)],
    /// Which server has the port that all scenarios have.
    upstream: &'static str,
    /// Whether the clients are told all of Envoy's listeners by their names, or the port of one.
    names: bool,
}

const ALL: [Clients; 3] = [
    Clients {
        folder: "log-shipping",
        cache: "clients",
        // The collector's port for gRPC.
        upstreams: &[("port_value: 8081", "grpc")],
        upstream: "http",
        names: false,
    },
    Clients {
        folder: "tcp",
        cache: "clients-tcp",
        upstreams: &[("port_value: 8081", "redis")],
        upstream: "upstream",
        names: true,
    },
    Clients {
        folder: "websocket",
        cache: "clients-websocket",
        upstreams: &[],
        upstream: "upstream",
        names: false,
    },
];

/// Ports of listeners of an envoy.yaml that has several, for a run by hand.
const LISTENERS: std::ops::RangeInclusive<u16> = 10001..=10009;

/// The clients compile nothing; they wait for Envoy, which does.
const LIMIT: Duration = Duration::from_secs(240);

pub(crate) fn run(arguments: &EnvoyArguments, names: &[String]) -> Result<bool> {
    for name in names {
        ensure!(ALL.iter().any(|c| c.folder == name), "no clients in {name}");
    }
    setup::wasm()?;
    let envoy = envoy::find(arguments)?.context("this runs in Envoy, and there is none")?;
    let mut report = Report::default();
    let wanted = |clients: &&Clients| names.is_empty() || names.iter().any(|n| n == clients.folder);
    for clients in ALL.iter().filter(wanted) {
        play(clients, &envoy, &mut report).with_context(|| clients.folder)?;
    }
    report.print_failures();
    println!("\n{} passed, {} failed", report.passed(), report.failed());
    Ok(report.failed() == 0)
}

fn play(setting: &Clients, envoy: &Envoy, report: &mut Report) -> Result<()> {
    let folder = root().join("envoy-config").join(setting.folder);
    let python = environment(&folder, setting.cache)?;
    let configuration = std::fs::read_to_string(folder.join("envoy.yaml"))?;
    let module = embed(&build_binary("blackbar", false)?, "default")?;

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
    let mut configuration = configuration;
    for (there, server) in setting.upstreams {
        ensure!(configuration.contains(there), "envoy.yaml has no `{there}`");
        configuration = configuration.replace(there, &format!("port_value: {}", port(server)?));
    }
    for number in LISTENERS {
        configuration = configuration.replace(&format!("port_value: {number} "), "port_value: 0 ");
    }
    let running = Running::start(
        envoy,
        &Setting {
            configuration: &configuration,
            files: &[],
            module: &module,
            upstream: u16::try_from(port(setting.upstream)?)?,
        },
    )?;
    let told = if setting.names {
        serde_json::to_string(&running.listeners()?)?
    } else {
        running.listener.to_string()
    };
    std::fs::write(&listener, told)?;
    let ended_well = clients.finish(LIMIT);
    running.alive()?;

    let said = said();
    let (before, failed) = (report.checks.len(), report.failed());
    for line in said.lines() {
        if let Some(name) = line.strip_prefix("ok ") {
            println!("{line}");
            report.add(name, Ok(()));
        } else if let Some(failed) = line.strip_prefix("FAILED ") {
            let (name, why) = failed.split_once(": ").unwrap_or((failed, ""));
            report.add(name, Err(why.to_owned()));
        }
    }
    ensure!(
        report.checks.len() > before
            && ended_well.is_ok_and(|well| well == (report.failed() == failed)),
        "the clients ended early:\n{said}"
    );
    Ok(())
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
fn environment(folder: &Path, cache: &str) -> Result<PathBuf> {
    let wanted = folder.join("requirements.txt");
    let text = std::fs::read(&wanted).context("no requirements.txt")?;
    let place = envoy::cache_folder().join(cache);
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
