//! `cargo xtask quality`: measures the profiles on the corpus of labelled records where there is one, compares with the record
//! in `policies/quality.json`, and keeps the table in `policies/README.md`. What is counted is decided by `blackbar eval`; what
//! is kept of it lives in [`record`], targets and tables in [`table`], the list of what other tools cover in [`families`].
//!
//! The record holds counts by family and rule, and not a byte of the corpus.

mod families;
mod record;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::answer;
use crate::workspace::{build_binary, root, scratch};
use record::{PROFILES, Record};

/// Arguments of `cargo xtask quality`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Record what is measured now, and write the table into policies/README.md
    #[arg(long)]
    bless: bool,
    /// The folder with dev/secrets.jsonl, dev/pii.jsonl and logs/; otherwise ../shared/corpus beside the repository
    #[arg(long, value_name = "DIR", env = "BLACKBAR_CORPUS")]
    corpus: Option<PathBuf>,
    /// Print where each false alarm in the logs stands: file, line, column and rule
    #[arg(long)]
    alarms: bool,
    /// Measure with a build in release mode
    #[arg(long)]
    release: bool,
}

/// The record, from the root.
const RECORD: &str = "policies/quality.json";
/// The document with the table, from the root.
const README: &str = "policies/README.md";

pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let corpus = match &arguments.corpus {
        Some(folder) => folder.clone(),
        None => root().join("../shared/corpus"),
    };
    if !corpus.join("dev").is_dir() {
        if arguments.bless || arguments.corpus.is_some() {
            bail!("there is no corpus in {}", corpus.display());
        }
        println!(
            "skipped: there is no corpus in ../shared/corpus, so that nothing is measured (--corpus DIR names another place)"
        );
        let current = table::is_current(&recorded()?, &readme()?)?;
        println!(
            "the table in {README} {}",
            if current {
                "is that of the record"
            } else {
                "differs from the record"
            }
        );
        return Ok(current);
    }
    let corpus = corpus.canonicalize().context("cannot resolve the corpus")?;
    let blackbar = build_binary("blackbar", arguments.release)?;
    let now = measure(&blackbar, &corpus)?;
    print!("{}", table::render(&now));
    let mut good = families::check(&corpus)?;
    good &= scorer_agrees(&blackbar, &corpus)?;
    if arguments.alarms {
        alarms()?;
    }
    if arguments.bless {
        write(RECORD, &now.to_json()?)?;
        write(README, &table::replace(&readme()?, &table::render(&now))?)?;
        println!("\nrecorded in {RECORD}, table written into {README}");
        return Ok(good);
    }
    let before = recorded()?;
    let losses = before.losses(&now);
    println!();
    for loss in &losses {
        println!("LOST {loss}");
    }
    good &= losses.is_empty();
    if !table::is_current(&before, &readme()?)? {
        println!("the table in {README} differs from the record: `cargo xtask quality --bless`");
        good = false;
    }
    println!(
        "{}",
        if good {
            "nothing is lost against the record"
        } else {
            "not as good as the record, or not in order; see above"
        }
    );
    Ok(good)
}

/// Runs `blackbar eval` for each profile.
fn measure(blackbar: &Path, corpus: &Path) -> Result<Record> {
    let mut record = Record::default();
    for profile in PROFILES {
        for set in ["secrets", "pii"] {
            let labelled = corpus.join(format!("dev/{set}.jsonl"));
            let mut command = eval(blackbar, profile);
            command
                .arg("--findings")
                .arg(scratch()?.join(findings(profile, set)))
                .arg(labelled);
            record.add_labelled(profile, set, &answered(&mut command)?)?;
        }
        let mut command = eval(blackbar, &secrets_alone(profile)?);
        command.arg(corpus.join("dev/secrets.jsonl"));
        record.add_alone(profile, &answered(&mut command)?)?;
        let quiet = without_network(profile)?;
        let mut command = eval(blackbar, &quiet);
        command
            .arg("--false")
            .arg(scratch()?.join(alarms_of(profile)))
            .arg("--lines")
            .args(logs(corpus)?);
        record.add_logs(profile, &answered(&mut command)?)?;
    }
    Ok(record)
}

/// The profile with network addresses left alone: they are what logs are full of, and no false alarms.
fn without_network(profile: &str) -> Result<String> {
    let name = format!("policies/{profile}.toml");
    let text = std::fs::read_to_string(root().join(&name))
        .with_context(|| format!("cannot read {name}"))?;
    let path = scratch()?.join(format!("quality-{profile}.toml"));
    let text = format!("{text}\n[[override]]\nmatch = [\"tag:network\"]\nenabled = false\n");
    std::fs::write(&path, text).context("cannot write a profile")?;
    Ok(path.display().to_string())
}

/// The profile without any pack but `secrets`: its variants and what it says of other packs are left out.
fn secrets_alone(profile: &str) -> Result<String> {
    let name = format!("policies/{profile}.toml");
    let text = std::fs::read_to_string(root().join(&name))
        .with_context(|| format!("cannot read {name}"))?;
    let own = |text: &str| {
        let (head, rest) = text.split_once("packs = [")?;
        let (_, rest) = rest.split_once(']')?;
        let rest = rest.split("[[variant]]").next()?;
        let rest = rest.replace("\"tag:network\", ", "");
        Some(format!("{head}packs = [\"secrets\"]{rest}"))
    };
    let text = own(&text).with_context(|| format!("{name} names no packs"))?;
    let path = scratch()?.join(format!("quality-{profile}-secrets.toml"));
    std::fs::write(&path, text).context("cannot write a profile")?;
    Ok(path.display().to_string())
}

fn findings(profile: &str, set: &str) -> String {
    format!("quality-{profile}-{set}.jsonl")
}

fn alarms_of(profile: &str) -> String {
    format!("quality-{profile}-alarms.jsonl")
}

fn eval(blackbar: &Path, profile: &str) -> Command {
    let mut command = Command::new(blackbar);
    // Where no folder lies that could be taken for a pack: the built-ins are meant.
    command
        .current_dir(root().join("policies"))
        .args(["eval", "--json", "--policy", profile]);
    command
}

/// The real logs: what else lies in the folder says what they hold.
fn logs(corpus: &Path) -> Result<Vec<PathBuf>> {
    let folder = corpus.join("logs");
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(&folder).context("cannot read the logs of the corpus")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            logs.push(path);
        }
    }
    logs.sort();
    if logs.is_empty() {
        bail!("there are no logs in {}", folder.display());
    }
    Ok(logs)
}

fn answered(command: &mut Command) -> Result<Value> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start blackbar")?;
    if !output.status.success() {
        bail!("`blackbar eval` failed");
    }
    serde_json::from_slice(&output.stdout).context("`blackbar eval --json` did not print an object")
}

/// Whether the corpus's own scorer says the same of the same findings, where there is a Python to run it.
fn scorer_agrees(blackbar: &Path, corpus: &Path) -> Result<bool> {
    let mut agrees = true;
    for profile in PROFILES {
        for set in ["secrets", "pii"] {
            let found = scratch()?.join(findings(profile, set));
            let mut command = Command::new("python3");
            command
                .arg(corpus.join("score.py"))
                .arg(set)
                .arg(found)
                .args(["--side", "dev"]);
            let Some(text) = answer(&mut command) else {
                println!(
                    "the corpus's own scorer did not run: the figures are those of `blackbar eval` alone"
                );
                return Ok(agrees);
            };
            let line = text.lines().find(|line| line.starts_with("ALL "));
            let theirs: Vec<&str> = line
                .context("the scorer printed no sum")?
                .split_whitespace()
                .filter(|word| *word != "of")
                .collect();
            let labelled = corpus.join(format!("dev/{set}.jsonl"));
            let ours = table_row(blackbar, profile, &labelled)?;
            if theirs != ours {
                println!(
                    "{profile} on {set}: the scorer says {theirs:?}, `blackbar eval` says {ours:?}"
                );
                agrees = false;
            }
        }
    }
    if agrees {
        println!("the corpus's own scorer says the same");
    }
    Ok(agrees)
}

/// The first row of the table that `blackbar eval` prints.
fn table_row(blackbar: &Path, profile: &str, labelled: &Path) -> Result<Vec<String>> {
    let mut command = Command::new(blackbar);
    command
        .current_dir(root().join("policies"))
        .args(["eval", "--policy", profile])
        .arg(labelled);
    let text = answer(&mut command).context("`blackbar eval` failed")?;
    let row = text
        .lines()
        .nth(1)
        .context("`blackbar eval` printed no row")?;
    // Classes that the scorer does not print stand behind the others.
    Ok(row.split_whitespace().take(8).map(str::to_owned).collect())
}

fn alarms() -> Result<()> {
    for profile in PROFILES {
        println!("\nfalse alarms in the logs, profile {profile}:");
        let path = scratch()?.join(alarms_of(profile));
        let text = std::fs::read_to_string(path).context("cannot read the list of alarms")?;
        for line in text.lines() {
            let alarm: Value = serde_json::from_str(line)?;
            let file = alarm["file"].as_str().unwrap_or_default();
            let file = file.rsplit('/').next().unwrap_or_default();
            println!(
                "{file}:{}:{} {}",
                alarm["line"],
                alarm["column"],
                alarm["rule"].as_str().unwrap_or_default()
            );
        }
    }
    Ok(())
}

fn recorded() -> Result<Record> {
    let text = std::fs::read_to_string(root().join(RECORD))
        .with_context(|| format!("cannot read {RECORD}; `cargo xtask quality --bless` makes it"))?;
    Record::from_json(&text)
}

fn readme() -> Result<String> {
    std::fs::read_to_string(root().join(README)).with_context(|| format!("cannot read {README}"))
}

fn write(name: &str, text: &str) -> Result<()> {
    std::fs::write(root().join(name), text).with_context(|| format!("cannot write {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_the_readme_is_that_of_the_record() {
        let current = table::is_current(&recorded().unwrap(), &readme().unwrap()).unwrap();
        assert!(current, "run `cargo xtask quality --bless`");
    }
}
