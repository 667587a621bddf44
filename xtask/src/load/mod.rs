//! `cargo xtask load`: real Envoy under load on loopback, without and with the filter, bounded in count and time. What it costs is
//! Envoy's CPU time; client and upstream are programs and threads of their own. Bodies are in `bodies`, what is sent in `traffic`,
//! the upstream in `sink`, the client in `wrk`, an Envoy in `lane`, medians and targets in `report`.

mod bodies;
mod lane;
mod report;
mod sink;
mod traffic;
mod wrk;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::EnvoyArguments;
use crate::envoy::{self, Envoy};
use crate::process::answer;
use crate::setup;
use crate::workspace::{build_binary, embed, root};
use bodies::{Bodies, Expected, Kind};
use lane::{Filter, Lane};
use report::{Report, Row, Wasmtime};
use sink::Sink;
use traffic::Traffic;

/// Arguments of `cargo xtask load`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    envoy: EnvoyArguments,
    /// Two short rounds of the cases that have a target, with the command as it is built for tests: under two minutes
    #[arg(long)]
    quick: bool,
    /// Only traffic whose name contains this, for instance `small` or `request sparse`
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Rounds; each puts every case under load once
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: Option<u32>,
    /// Seconds of each run
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: Option<u32>,
    /// Keep the record as benches/records/NAME-envoy.json
    #[arg(long, value_name = "NAME")]
    record: Option<String>,
}

/// Rounds and seconds of a run.
const QUICK: (u32, u32) = (2, 1);
const FULL: (u32, u32) = (5, 2);

pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    setup::wasm()?;
    let Some(envoy) = envoy::find(&arguments.envoy)? else {
        bail!("there is nothing to put under load without Envoy");
    };
    let client = wrk::find()?;
    eprintln!("load: building the command ...");
    let blackbar = build_binary("blackbar", !arguments.quick)?;
    let (rounds, seconds) = if arguments.quick { QUICK } else { FULL };
    let rounds = arguments.rounds.unwrap_or(rounds);
    let seconds = arguments.seconds.unwrap_or(seconds);
    let start = Instant::now();

    eprintln!("load: making bodies ...");
    let bodies = bodies::make(&blackbar)?;
    let mut traffic = vec![Traffic::Small];
    for bodies in &bodies {
        traffic.push(Traffic::Up(bodies));
        if !arguments.quick || bodies.kind == Kind::Sparse {
            traffic.push(Traffic::Down(bodies));
        }
    }
    if let Some(only) = &arguments.only {
        traffic.retain(|traffic| traffic.name().contains(only));
        ensure!(!traffic.is_empty(), "no traffic is called `{only}`");
    }
    let sink = Sink::start()?;
    let lanes = lanes(&envoy, &blackbar, sink.port)?;
    let folder = tempfile::tempdir()?;

    let mut rows: Vec<(Row<'_>, &Lane, Expected, PathBuf)> = Vec::new();
    for traffic in traffic {
        let list = traffic.list(folder.path())?;
        for lane in &lanes {
            let expected = expected(lane.filter, traffic, &blackbar)?;
            let row = Row {
                filter: lane.filter,
                traffic,
                runs: Vec::new(),
                findings: expected.findings.iter().sum(),
            };
            rows.push((row, lane, expected, list.clone()));
        }
    }
    eprintln!("load: every body through every Envoy, compared with the native engine ...");
    for (row, lane, expected, _) in &rows {
        lane.check(&sink, row.traffic, expected)?;
    }
    for round in 1..=rounds {
        eprintln!(
            "load: round {round} of {rounds}, {} runs of {seconds} s ...",
            rows.len()
        );
        for (row, lane, expected, list) in &mut rows {
            let run = lane.run(&sink, row.traffic, expected, list, seconds)?;
            row.runs.push(run);
        }
    }
    for (row, lane, expected, _) in &rows {
        lane.check(&sink, row.traffic, expected)?;
    }
    eprintln!("load: the same module and bytes in wasmtime ...");
    let kinds: Vec<Kind> = rows.iter().filter_map(|row| row.0.traffic.kind()).collect();
    let wasmtime = in_wasmtime(&blackbar, &bodies, &kinds)?;
    let report = Report {
        rows: rows.into_iter().map(|(row, ..)| row).collect(),
        wasmtime,
    };
    report.print();
    println!(
        "every answer was right: bodies compared before and after, under load by the upstream, findings by Envoy's counters; {} s",
        start.elapsed().as_secs()
    );
    if let Some(name) = &arguments.record {
        let repeat = format!(
            "cargo xtask load --rounds {rounds} --seconds {seconds}{}{}",
            if arguments.quick { " --quick" } else { "" },
            arguments
                .only
                .as_ref()
                .map_or_else(String::new, |only| format!(" --only '{only}'")),
        );
        keep(name, &repeat, &envoy, &client, report.json())?;
    }
    // Targets are told, not asserted: what a busy machine shows is no reason to fail.
    Ok(true)
}

/// An Envoy for each filter; all run all the time, and one at a time has work.
fn lanes(envoy: &Envoy, blackbar: &Path, upstream: u16) -> Result<Vec<Lane>> {
    let mut lanes = Vec::new();
    for filter in Filter::ALL {
        let module = match filter.policy() {
            Some(policy) => Some(embed(blackbar, policy)?.canonicalize()?),
            None => None,
        };
        lanes.push(Lane::start(envoy, filter, module.as_deref(), upstream)?);
    }
    Ok(lanes)
}

fn expected(filter: Filter, traffic: Traffic<'_>, blackbar: &Path) -> Result<Expected> {
    let (Traffic::Up(bodies) | Traffic::Down(bodies)) = traffic else {
        return Ok(Expected {
            texts: vec![traffic.answer(0)],
            findings: vec![0],
        });
    };
    match filter {
        Filter::Policy(policy) => bodies.expected(blackbar, policy),
        Filter::None | Filter::Off => Ok(Expected {
            texts: bodies.texts.clone(),
            findings: vec![0; bodies.texts.len()],
        }),
    }
}

fn in_wasmtime(blackbar: &Path, bodies: &[Bodies], kinds: &[Kind]) -> Result<Vec<Wasmtime>> {
    let mut figures = Vec::new();
    for policy in Filter::ALL.into_iter().filter_map(|filter| match filter {
        Filter::Policy(policy) => Some(policy),
        _ => None,
    }) {
        for bodies in bodies.iter().filter(|bodies| kinds.contains(&bodies.kind)) {
            let output = Command::new(blackbar)
                .current_dir(root())
                .args([
                    "bench", "--engine", "wasm", "--runs", "25", "--json", "--policy", policy,
                ])
                .arg(&bodies.whole)
                .stdin(Stdio::null())
                .output()
                .context("cannot start blackbar")?;
            if !output.status.success() {
                bail!("`blackbar bench --engine wasm` failed");
            }
            let record: Value = serde_json::from_slice(&output.stdout)?;
            let each = |field: &str| {
                let rate = record[field].as_f64();
                Ok::<_, anyhow::Error>(1e3 / rate.with_context(|| format!("no {field}"))?)
            };
            figures.push(Wasmtime {
                policy,
                kind: bodies.kind.name(),
                median: each("median_mb_s")?,
                fastest: each("fastest_mb_s")?,
            });
        }
    }
    Ok(figures)
}

/// Everything that is needed to repeat it and to judge it.
fn keep(name: &str, repeat: &str, envoy: &Envoy, client: &str, measured: Value) -> Result<()> {
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
        "repeat": repeat,
        "commit": text("git", &["rev-parse", "--short", "HEAD"]),
        "date": text("date", &["+%Y-%m-%d"]),
        "rustc": text("rustc", &["--version"]),
        "envoy_version": envoy.release,
        "wrk_version": client,
        "processor": processor,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "envoy": measured,
    });
    let folder = root().join("benches/records");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{name}-envoy.json"));
    std::fs::write(&path, format!("{record:#}\n"))
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("kept as benches/records/{name}-envoy.json");
    Ok(())
}
