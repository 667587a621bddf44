//! `cargo xtask bench`: this engine natively, in wasmtime and in V8, beside its peers, over the definitions of benches/, in one go and
//! one record. Here: what is compared with what, and in which order. What each figure means stands in benches/README.md.

mod claims;
mod engine;
mod machine;
mod measure;
mod peers;
mod picture;
mod record;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::process::answer;
use crate::setup;
use crate::workspace::{cargo, root, scratch};

use engine::Engine;
use measure::{Effort, Measured};
use record::Record;

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Few and short repetitions, for a look and not for a record: still some ten minutes, for one pass of the slowest peers takes minutes; see `--only`
    #[arg(long)]
    quick: bool,
    /// Keep the record as benches/records/NAME.json, .csv and .svg, with NAME-envoy.json of `cargo xtask load` if it is there
    #[arg(long, value_name = "NAME")]
    record: Option<String>,
    /// Only definitions whose name contains this; targets that need others are left out
    #[arg(long, value_name = "PART")]
    only: Option<String>,
    /// Do not install Vectorscan, even as root
    #[arg(long)]
    no_install: bool,
    /// Fail when a target is missed; without it a target is told, as what a busy machine shows is no reason to fail
    #[arg(long)]
    demand: bool,
    /// Draw the picture of a record again and measure nothing
    #[arg(long, value_name = "NAME", conflicts_with_all = ["record", "quick", "only"])]
    draw: Option<String>,
    /// Build for development: to work on the harness itself
    #[arg(long, hide = true)]
    dev: bool,
}

/// What `bench-runner prepare` made.
#[derive(Debug, Deserialize)]
pub(crate) struct Prepared {
    pub(crate) policies: BTreeMap<String, Policy>,
    definitions: Vec<Definition>,
}

impl Prepared {
    /// A definition by its name.
    pub(crate) fn made(&self, name: &str) -> Result<&Made> {
        self.definitions
            .iter()
            .find_map(|definition| match definition {
                Definition::Made(made) if made.name == name => Some(made),
                _ => None,
            })
            .with_context(|| format!("there is no definition {name}"))
    }
}

/// A compiled policy.
#[derive(Debug, Deserialize)]
pub(crate) struct Policy {
    pub(crate) rules: u64,
    pub(crate) artifact_bytes: u64,
    pub(crate) module_bytes: u64,
    pub(crate) artifact: PathBuf,
    pub(crate) module: PathBuf,
    pub(crate) exported: PathBuf,
}

/// What is run over what, and what must be found.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Definition {
    Made(Made),
    Skipped { name: String, skipped: String },
}

/// A definition whose haystack is there.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Made {
    pub(crate) name: String,
    pub(crate) policy: String,
    pub(crate) chunk: u64,
    pub(crate) haystack: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) findings: u64,
    pub(crate) bytes_out: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    if let Some(name) = &arguments.draw {
        let record = Record::read(name)?;
        record.draw(name)?;
        return Ok(true);
    }
    let start = Instant::now();
    setup::wasm()?;
    let effort = Effort::of(arguments.quick);
    eprintln!("bench: building ...");
    let tools = Tools::build(arguments)?;
    let folder = scratch()?.join("bench");
    eprintln!("bench: making haystacks, compiling policies ...");
    let prepared = tools.prepare(&folder)?;
    let mut absent = tools.absent();
    let mut results = Vec::new();
    for definition in &prepared.definitions {
        match definition {
            Definition::Skipped { name, skipped } => {
                eprintln!("bench: {name}: skipped, {skipped}");
                absent.insert(name.clone(), skipped.clone());
            }
            Definition::Made(made) => {
                if arguments
                    .only
                    .as_ref()
                    .is_none_or(|part| made.name.contains(part.as_str()))
                {
                    results.extend(one(&tools, &prepared, made, &effort)?);
                }
            }
        }
    }
    ensure!(
        !results.is_empty(),
        "no definition has `{}` in its name",
        arguments.only.as_deref().unwrap_or_default()
    );
    let mut extras = claims::Extras::default();
    if arguments
        .only
        .as_ref()
        .is_none_or(|part| "strict-sparse".contains(part.as_str()))
    {
        extras = claims::Extras::measure(&tools, &prepared, &effort)?;
    }
    let name = arguments.record.as_deref();
    let record = Record::new(
        arguments,
        &tools,
        &prepared,
        results,
        extras,
        absent,
        start.elapsed(),
    )?;
    record.print();
    let path = record.keep(name)?;
    println!("record: {}.json, .csv, .svg", path.display());
    Ok(record.right() && (!arguments.demand || record.met()))
}

/// One definition in every engine that has a part in it.
fn one(tools: &Tools, prepared: &Prepared, made: &Made, effort: &Effort) -> Result<Vec<Measured>> {
    let policy = prepared
        .policies
        .get(&made.policy)
        .context("a definition has no policy")?;
    let engines = Engine::of(&made.name, effort.quick);
    let mut running = Vec::new();
    for engine in engines {
        if let Some(started) = engine.start(tools, policy, made)? {
            running.push(started);
        }
    }
    eprintln!("bench: {} ({} engines) ...", made.name, running.len());
    measure::rounds(made, policy.rules, running, effort)
}

/// The programs that measure.
pub(crate) struct Tools {
    pub(crate) blackbar: PathBuf,
    pub(crate) runner: PathBuf,
    pub(crate) node: Result<String, String>,
    pub(crate) vectorscan: Result<PathBuf, String>,
}

impl Tools {
    fn build(arguments: &Arguments) -> Result<Self> {
        let programs = build(!arguments.dev)?;
        let program = |name: &str| {
            programs
                .get(name)
                .cloned()
                .with_context(|| format!("cargo did not say where it put {name}"))
        };
        Ok(Self {
            blackbar: program("blackbar")?,
            runner: program("bench-runner")?,
            node: peers::node(),
            vectorscan: peers::vectorscan(!arguments.no_install),
        })
    }

    /// Engines that cannot be measured here, and why.
    fn absent(&self) -> BTreeMap<String, String> {
        let mut absent = BTreeMap::new();
        if let Err(why) = &self.node {
            absent.insert(Engine::V8.name().to_owned(), why.clone());
        }
        if let Err(why) = &self.vectorscan {
            absent.insert(Engine::Vectorscan.name().to_owned(), why.clone());
        }
        for (name, why) in &absent {
            eprintln!("bench: {name} is absent: {why}");
        }
        absent
    }

    fn prepare(&self, folder: &Path) -> Result<Prepared> {
        let mut command = Command::new(&self.runner);
        command.arg("prepare").arg("--out").arg(folder);
        serde_json::from_slice(&self.output(&mut command)?)
            .context("`bench-runner prepare` did not say what there is")
    }

    /// Output of a task of `bench-runner` as JSON.
    pub(crate) fn ask(&self, words: &[&std::ffi::OsStr]) -> Result<Value> {
        let output = self.output(Command::new(&self.runner).args(words))?;
        serde_json::from_slice(&output).context("`bench-runner` did not print JSON")
    }

    fn output(&self, command: &mut Command) -> Result<Vec<u8>> {
        let output = command
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start bench-runner")?;
        if !output.status.success() {
            bail!("bench-runner failed");
        }
        Ok(output.stdout)
    }
}

/// Builds the command and the runner together, so that both share one build of all that stands below them.
fn build(release: bool) -> Result<BTreeMap<String, PathBuf>> {
    let mut command = cargo();
    command.args([
        "build",
        "--package",
        "blackbar",
        "--package",
        "blackbar-benches",
        "--bins",
        "--message-format",
        "json-render-diagnostics",
    ]);
    if release {
        command.arg("--release");
    }
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(output.status.success(), "building failed");
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| {
            let name = message["target"]["name"].as_str()?.to_owned();
            Some((name, PathBuf::from(message["executable"].as_str()?)))
        })
        .collect())
}

/// `cargo xtask instructions`: the gate on instruction counts, with its table.
pub(crate) fn instructions(bless: bool) -> Result<bool> {
    setup::wasm()?;
    let mut command = cargo();
    command.args([
        "test",
        "--quiet",
        "--package",
        "blackbar-benches",
        "--test",
        "instructions",
        "--",
        "--nocapture",
    ]);
    if bless {
        command.env("BLACKBAR_BLESS", "1");
    }
    let status = command.stdin(Stdio::null()).status()?;
    if bless && status.success() {
        println!("written: benches/records/instructions.toml");
    }
    Ok(status.success())
}

/// The first line of what a program prints about its version.
fn version(program: &str, words: &[&str]) -> Option<String> {
    let text = answer(Command::new(program).current_dir(root()).args(words))?;
    Some(text.lines().next()?.trim().to_owned())
}
