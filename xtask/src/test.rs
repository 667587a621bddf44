//! `cargo xtask test`: the workspace's tests, the packs' cases, the scenarios in real Envoy; one count at the end.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::ops::AddAssign;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::envoy::{self, Envoy, Running, Setting};
use crate::http::Upstream;
use crate::scenario::{Report, Scenario, play};
use crate::workspace::{build_binary, cargo, embed, root, with_host};
use crate::{EnvoyArguments, setup};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    passed: usize,
    failed: usize,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

pub(crate) fn run(arguments: &EnvoyArguments) -> Result<bool> {
    setup::wasm()?;
    let envoy = envoy::find(arguments)?;
    let mut total = Count::default();

    title("the workspace's tests");
    total += counted(
        cargo().args(["test", "--workspace", "--no-fail-fast"]),
        cargo_line,
    )?;

    title("the cases of every pack");
    let blackbar = build_binary("blackbar", false)?;
    total += counted(
        Command::new(&blackbar)
            .current_dir(root())
            .args(["test", "--engine", "both", "policies"]),
        closing_line,
    )?;

    title("the scenarios in the wasmtime host");
    total += counted(&mut with_host(&["scenarios", "--no-envoy"]), closing_line)?;

    match envoy {
        Some(envoy) => {
            title("the scenarios in real Envoy");
            total += passthrough(&envoy)?;
            total += scenarios(&Stage::Envoy(envoy), &[])?;
        }
        None => println!("\nno Envoy here: the scenarios ran in the wasmtime host only"),
    }
    println!("\n{} passed, {} failed", total.passed, total.failed);
    Ok(total.failed == 0 && total.passed > 0)
}

/// `cargo xtask scenarios`.
pub(crate) fn scenarios_only(arguments: &EnvoyArguments, names: &[String]) -> Result<bool> {
    setup::wasm()?;
    let stage = match envoy::find(arguments)? {
        Some(envoy) => Stage::Envoy(envoy),
        #[cfg(feature = "host")]
        None => Stage::Host,
        #[cfg(not(feature = "host"))]
        None => {
            let mut words = vec!["scenarios", "--no-envoy"];
            words.extend(names.iter().map(String::as_str));
            return Ok(with_host(&words).status()?.success());
        }
    };
    let total = scenarios(&stage, names)?;
    println!("\n{} passed, {} failed", total.passed, total.failed);
    Ok(total.failed == 0 && total.passed > 0)
}

/// `cargo xtask passthrough`.
pub(crate) fn passthrough_only(arguments: &EnvoyArguments) -> Result<bool> {
    setup::wasm()?;
    let envoy = envoy::find(arguments)?.context("this runs in Envoy, and there is none")?;
    let total = passthrough(&envoy)?;
    println!("\n{} passed, {} failed", total.passed, total.failed);
    Ok(total.failed == 0 && total.passed > 0)
}

fn passthrough(envoy: &Envoy) -> Result<Count> {
    let report = crate::passthrough::run(envoy, &build_binary("blackbar", false)?)?;
    report.print_failures();
    println!(
        "bodies in which nothing is found: {} of {} pass byte for byte",
        report.passed(),
        report.checks.len()
    );
    Ok(Count {
        passed: report.passed(),
        failed: report.failed(),
    })
}

/// What plays the scenarios.
#[derive(Debug)]
enum Stage {
    Envoy(Envoy),
    #[cfg(feature = "host")]
    Host,
}

fn title(words: &str) {
    println!("\n== {words}");
}

fn scenarios(stage: &Stage, names: &[String]) -> Result<Count> {
    let scenarios = if names.is_empty() {
        Scenario::all()?
    } else {
        names
            .iter()
            .map(|name| Scenario::read(name))
            .collect::<Result<_>>()?
    };
    let blackbar = build_binary("blackbar", false)?;
    let mut total = Count::default();
    let mut modules = BTreeMap::new();
    for scenario in scenarios {
        let policy = &scenario.expect.policy;
        let module = match modules.get(policy) {
            Some(made) => made,
            None => modules
                .entry(policy.clone())
                .or_insert(embed(&blackbar, policy)?),
        };
        let report = match stage {
            Stage::Envoy(envoy) => in_envoy(envoy, &scenario, module)?,
            #[cfg(feature = "host")]
            Stage::Host => match crate::scenario::play_in_host(&scenario, module) {
                Ok(transcript) => Report::of(&scenario, &transcript),
                Err(error) => {
                    let mut report = Report::default();
                    report.add(
                        format!("{}: the host serves", scenario.name),
                        Err(format!("{error:#}")),
                    );
                    report
                }
            },
        };
        report.print_failures();
        println!(
            "envoy-config/{}: {} ({} of {} checks hold)",
            scenario.name,
            scenario.expect.title,
            report.passed(),
            report.checks.len()
        );
        total += Count {
            passed: report.passed(),
            failed: report.failed(),
        };
    }
    Ok(total)
}

/// Runs one scenario from start to end. What goes wrong on the way is a failed check too: the others still run.
fn in_envoy(envoy: &Envoy, scenario: &Scenario, module: &std::path::Path) -> Result<Report> {
    let upstream = Upstream::start()?;
    let setting = Setting {
        configuration: &scenario.envoy,
        files: &scenario.files,
        module,
        upstream: upstream.port,
    };
    let mut report = Report::default();
    let valid = envoy::validate(envoy, &setting)?;
    report.add(format!("{}: envoy --mode validate", scenario.name), valid);
    match Running::start(envoy, &setting).and_then(|running| play(scenario, &upstream, &running)) {
        Ok(transcript) => report
            .checks
            .extend(Report::of(scenario, &transcript).checks),
        Err(error) => report.add(
            format!("{}: Envoy serves", scenario.name),
            Err(format!("{error:#}")),
        ),
    }
    Ok(report)
}

/// Runs a program, shows its output, and adds up what `read` makes of each line. A program that fails without a failed test
/// (it does not compile, it crashed) counts as one failure.
fn counted(command: &mut Command, read: fn(&str) -> Option<Count>) -> Result<Count> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start a program")?;
    let output = child.stdout.take().context("a program has no output")?;
    let mut total = Count::default();
    for line in BufReader::new(output).lines() {
        let line = line.context("a program's output broke off")?;
        if let Some(count) = read(&line) {
            total += count;
        }
        println!("{line}");
    }
    if !child.wait()?.success() && total.failed == 0 {
        total.failed = 1;
    }
    Ok(total)
}

/// `test result: ok. 12 passed; 0 failed; ...`
fn cargo_line(line: &str) -> Option<Count> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    pair(numbers, "; ")
}

/// `12 passed, 0 failed`, with or without a word and a colon before it.
fn closing_line(line: &str) -> Option<Count> {
    let numbers = line.rsplit_once(": ").map_or(line, |(_, numbers)| numbers);
    pair(numbers, ", ")
}

fn pair(numbers: &str, separator: &str) -> Option<Count> {
    let mut parts = numbers.split(separator);
    let mut next = |word: &str| -> Option<usize> {
        parts.next()?.trim().strip_suffix(word)?.trim().parse().ok()
    };
    let passed = next("passed")?;
    let failed = next("failed")?;
    Some(Count { passed, failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_cargo_and_of_the_command_are_read() {
        let count = |passed, failed| Some(Count { passed, failed });
        let line = "test result: FAILED. 11 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.08s";
        assert_eq!(cargo_line(line), count(11, 1));
        assert_eq!(cargo_line("test embedding ... ok"), None);
        assert_eq!(closing_line("408 passed, 2 failed"), count(408, 2));
        assert_eq!(
            closing_line("cases: 408 passed, 2 failed, 1 skipped"),
            count(408, 2)
        );
        assert_eq!(closing_line("all passed, none failed"), None);
    }
}
