//! The command `blackbar`: reads its arguments, runs one subcommand, and turns its outcome into an exit status.
//!
//! Each subcommand has a module of its own. What several of them share: [`policy`] (what `P` may be), [`input`] (files, folders,
//! standard input), [`lane`] (one way of running a policy: the native engine or the real Wasm module), [`terminal`] (progress,
//! colours, notes, reports). Nothing here knows how a rule matches.
#![forbid(unsafe_code)]

mod bench;
mod builtins;
mod carried;
mod cases;
mod check;
mod compile;
mod embed;
mod eval;
mod excerpt;
mod explain;
mod export;
mod import;
mod input;
mod lane;
mod ledger;
mod near;
mod output;
mod place;
mod policy;
mod redact;
mod scan;
mod show;
mod terminal;
mod unpack;
mod views;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a subcommand that ran to its end has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Exit status 0.
    Fine,
    /// Findings where `--fail-on-findings` was given, or a check that failed: exit status 1.
    Failed,
    /// Some of the input could not be read and was reported; the rest was done: exit status 2.
    BadInput,
}

#[derive(Parser)]
#[command(
    name = "blackbar",
    version,
    about = "Redacts tokens and personal data: the same policy here, in tests, and as a Wasm module in the proxy",
    after_help = AFTER_HELP,
    propagate_version = true,
    disable_help_subcommand = true,
    max_term_width = 110
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
A policy P is a policy file, the folder of a pack, the name of a built-in (default, strict, or a
pack such as secrets or pii), or an artifact (.bbar). Without --policy the built-in `default` is used.

Examples:
  tail -f app.log | blackbar redact          mask what should not be in a log, as it is written
  blackbar scan --format summary logs/       what is in a folder, by rule
  blackbar explain github.pat                what a rule looks for, and what it costs
  blackbar test policies/secrets             run the cases of a pack
  blackbar embed --policy default -o filter.wasm
                                             a module that Envoy loads, no toolchain needed

Exit status: 0 fine; 1 findings with --fail-on-findings, or a check that failed; 2 wrong usage or input.
Matched values are never printed by scan, eval, test or explain unless --show-values is given.";

#[derive(Subcommand)]
enum Command {
    Redact(redact::Arguments),
    Scan(scan::Arguments),
    Eval(eval::Arguments),
    Check(check::Arguments),
    Test(cases::Arguments),
    Explain(explain::Arguments),
    Compile(compile::Arguments),
    Embed(embed::Arguments),
    Export(export::Arguments),
    Import(import::Arguments),
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Redact(arguments) => redact::run(&arguments),
        Command::Scan(arguments) => scan::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Test(arguments) => cases::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Compile(arguments) => compile::run(&arguments),
        Command::Embed(arguments) => embed::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    };
    match outcome {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Ok(Outcome::BadInput) => ExitCode::from(2),
        // Whoever read the output has seen enough, as `head` does: no error.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        // Reading says what it read; an error without a word is one of writing.
        Err(error) if error.is::<io::Error>() => {
            terminal::report(&error.context("cannot write to standard output"));
            ExitCode::from(2)
        }
        Err(error) => {
            terminal::report(&error);
            ExitCode::from(2)
        }
    }
}

/// Only writing can break a pipe: an error of this kind in the chain means that standard output was closed.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_subcommand_shows_an_example() {
        for command in Arguments::command().get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                help.contains(&format!("blackbar {}", command.get_name())),
                "{} has no example",
                command.get_name()
            );
        }
    }

    #[test]
    fn a_broken_pipe_is_found_below_context() {
        let error = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe))
            .context("could not write");
        assert!(is_broken_pipe(&error));
        assert!(!is_broken_pipe(&anyhow::anyhow!("something else")));
    }
}
