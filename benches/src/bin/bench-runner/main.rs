//! The program that `cargo xtask bench` drives: it makes what is measured, and runs one engine over one haystack, as often as it is
//! asked. Each engine is a process of its own, so that none inherits another's heap or caches and all can be asked in turn.
//!
//! The protocol, which the JavaScript host and the C program speak too: one JSON object on a line when the engine is ready; then, for
//! each number on a line of standard input, so many passes over the haystack and one JSON object with their time and their result.
//! The end of the input is the end.

mod engines;
mod memory;
mod peers;
mod prepare;

use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use blackbar_benches::lane::Seen;
use clap::{Parser, Subcommand, ValueEnum};
use serde_json::{Value, json};

#[derive(Parser)]
#[command(
    about = "Makes what is measured, and runs an engine over it; `cargo xtask bench` drives it"
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Write haystacks, artifacts, modules and exported rules of definitions into a folder, and what there is as JSON
    Prepare {
        /// The folder
        #[arg(long)]
        out: PathBuf,
        /// Names of definitions; all of them unless named
        definitions: Vec<String>,
    },
    /// Write the haystack of a definition to standard output
    Haystack {
        /// Its name
        definition: String,
    },
    /// Run an engine: for each number on a line of standard input so many passes
    Run {
        /// Which one
        engine: Engine,
        /// What it runs: an artifact, a module with a policy, or exported rules
        #[arg(long)]
        rules: PathBuf,
        /// What it runs over
        #[arg(long)]
        haystack: PathBuf,
        /// The bytes of a chunk
        #[arg(long)]
        chunk: usize,
    },
    /// How long it takes until a policy is ready, natively and in the module
    Load {
        /// The artifact
        #[arg(long)]
        artifact: PathBuf,
        /// The module with it
        #[arg(long)]
        wasm: PathBuf,
        /// How often
        #[arg(long, default_value_t = 9)]
        runs: u32,
    },
    /// Memory of the module with many streams open
    Memory {
        /// The module with a policy
        #[arg(long)]
        wasm: PathBuf,
        /// What the streams carry
        #[arg(long)]
        haystack: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Engine {
    /// The engine in this process; takes an artifact
    Native,
    /// The module in the wasmtime host; takes a module
    Wasmtime,
    /// Regex-set: one set says which rules match a line, each of those is then looked for; takes exported rules
    RegexSet,
    /// Aho-corasick: literals say which rules may match a line, each of those is then looked for; takes exported rules
    AhoRegex,
}

/// An engine that is ready: what there is to say about it, and one pass over the haystack.
struct Ready {
    about: Value,
    pass: Box<dyn FnMut() -> anyhow::Result<Seen>>,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-runner: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Prepare { out, definitions } => print(&prepare::all(&out, &definitions)?),
        Task::Haystack { definition } => {
            let text = prepare::haystack(&definition)?;
            Ok(io::stdout().write_all(&text)?)
        }
        Task::Run {
            engine,
            rules,
            haystack,
            chunk,
        } => {
            let rules = read(&rules)?;
            let haystack = read(&haystack)?;
            serve(match engine {
                Engine::Native => engines::native(rules, haystack, chunk)?,
                Engine::Wasmtime => engines::wasmtime(&rules, haystack, chunk)?,
                Engine::RegexSet => peers::regex_set(&rules, haystack, chunk)?,
                Engine::AhoRegex => peers::aho_regex(&rules, haystack, chunk)?,
            })
        }
        Task::Load {
            artifact,
            wasm,
            runs,
        } => print(&engines::load(&read(&artifact)?, &read(&wasm)?, runs)?),
        Task::Memory { wasm, haystack } => {
            print(&memory::measure(&read(&wasm)?, &read(&haystack)?)?)
        }
    }
}

fn serve(mut ready: Ready) -> anyhow::Result<()> {
    print(&ready.about)?;
    for line in io::stdin().lock().lines() {
        let passes: u32 = line?
            .trim()
            .parse()
            .context("a line is not a number of passes")?;
        let mut seen = None;
        let start = Instant::now();
        for _ in 0..passes {
            let now = (ready.pass)()?;
            anyhow::ensure!(
                seen.is_none_or(|before| before == now),
                "two passes over the same haystack differ"
            );
            seen = Some(now);
        }
        let time = start.elapsed();
        let seen = seen.context("a pass at least must be asked for")?;
        print(&json!({
            "ns": u64::try_from(time.as_nanos())?,
            "findings": seen.findings,
            "bytes_out": seen.bytes_out,
        }))?;
    }
    Ok(())
}

fn print(value: &Value) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{value}")?;
    Ok(out.flush()?)
}

fn read(path: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
