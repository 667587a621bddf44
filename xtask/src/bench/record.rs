//! The record of a run: JSON with everything, CSV with the figures, a picture. What is printed is the record, too.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::claims::{Claim, Extras};
use super::measure::Measured;
use super::{Arguments, Prepared, Tools, claims, machine, picture};
use crate::workspace::{root, scratch};

/// Everything about one run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The command that repeats it.
    pub(crate) repeat: String,
    /// Few and short repetitions: nothing to cite.
    pub(crate) quick: bool,
    pub(crate) seconds: u64,
    pub(crate) machine: BTreeMap<String, String>,
    pub(crate) policies: BTreeMap<String, Sizes>,
    pub(crate) claims: Vec<Claim>,
    /// Engines and definitions that were not measured, and why.
    pub(crate) absent: BTreeMap<String, String>,
    pub(crate) extras: Extras,
    pub(crate) results: Vec<Measured>,
    /// What `cargo xtask load` recorded under the same name, as it stands.
    pub(crate) envoy: Option<Value>,
}

/// How large a policy is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sizes {
    rules: u64,
    artifact_bytes: u64,
    module_bytes: u64,
}

impl Record {
    pub(super) fn new(
        arguments: &Arguments,
        tools: &Tools,
        prepared: &Prepared,
        results: Vec<Measured>,
        extras: Extras,
        absent: BTreeMap<String, String>,
        took: Duration,
    ) -> Result<Self> {
        let quick = if arguments.quick { " --quick" } else { "" };
        let only = arguments
            .only
            .as_ref()
            .map_or_else(String::new, |part| format!(" --only '{part}'"));
        let sizes = |policy: &super::Policy| Sizes {
            rules: policy.rules,
            artifact_bytes: policy.artifact_bytes,
            module_bytes: policy.module_bytes,
        };
        Ok(Self {
            repeat: format!("cargo xtask bench{quick}{only}"),
            quick: arguments.quick,
            seconds: took.as_secs(),
            machine: machine::describe(tools),
            policies: prepared
                .policies
                .iter()
                .map(|(name, policy)| (name.clone(), sizes(policy)))
                .collect(),
            claims: claims::all(prepared, &results, &extras),
            absent,
            extras,
            results,
            envoy: match &arguments.record {
                Some(name) => envoy(name)?,
                None => None,
            },
        })
    }

    /// Reads a record that was kept.
    pub(super) fn read(name: &str) -> Result<Self> {
        let path = folder().join(format!("{name}.json"));
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{name} is not a record of `cargo xtask bench`"))
    }

    /// Writes its picture again.
    pub(super) fn draw(&self, name: &str) -> Result<()> {
        picture::draw(self, name, &folder().join(format!("{name}.svg")))
    }

    /// Whether every engine of ours found and wrote what it should.
    pub(super) fn right(&self) -> bool {
        self.results.iter().all(|one| one.wrong.is_none())
    }

    /// Whether no target is missed.
    pub(super) fn met(&self) -> bool {
        self.claims_and_envoy()
            .iter()
            .all(|claim| claim.met() != Some(false))
    }

    /// All claims, with those that `cargo xtask load` held against what it measured in Envoy.
    pub(super) fn claims_and_envoy(&self) -> Vec<Claim> {
        let targets = self
            .envoy
            .as_ref()
            .and_then(|envoy| envoy["envoy"]["targets"].as_array());
        let envoy = targets.into_iter().flatten().map(|target| Claim {
            title: format!("Envoy: {}", target["target"].as_str().unwrap_or("?")),
            value: target["value"].as_f64(),
            target: target["most"].as_f64().unwrap_or(f64::NAN),
            at_least: false,
            unit: target["unit"].as_str().unwrap_or_default().to_owned(),
        });
        self.claims.iter().cloned().chain(envoy).collect()
    }

    /// The rows of a definition.
    pub(super) fn of<'a>(&'a self, definition: &'a str) -> impl Iterator<Item = &'a Measured> {
        self.results
            .iter()
            .filter(move |one| one.definition == definition)
    }

    /// Writes JSON, CSV and picture: with a name among the records, otherwise below the target folder. Answers the path without
    /// an extension.
    pub(super) fn keep(&self, name: Option<&str>) -> Result<PathBuf> {
        let (folder, name) = match name {
            Some(name) => (folder(), name),
            None => (scratch()?, "bench-latest"),
        };
        std::fs::create_dir_all(&folder)?;
        let stem = folder.join(name);
        write(
            &stem.with_extension("json"),
            &format!("{}\n", serde_json::to_string_pretty(self)?),
        )?;
        write(&stem.with_extension("csv"), &self.csv())?;
        picture::draw(self, name, &stem.with_extension("svg"))?;
        Ok(stem)
    }

    fn csv(&self) -> String {
        let mut text = String::from(
            "definition,policy,rules,engine,chunk,bytes_in,findings,bytes_out,mb_s_median,mb_s_least,mb_s_most,repetitions,passes,right\n",
        );
        for one in &self.results {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{},{},{},\"{}\",{},{},{},{},{:.2},{:.2},{:.2},{},{},{}",
                one.definition,
                one.policy,
                one.rules,
                one.engine,
                one.chunk,
                one.bytes_in,
                one.findings,
                one.bytes_out,
                one.mb_s.median,
                one.mb_s.least,
                one.mb_s.most,
                one.repetitions,
                one.passes,
                one.wrong.is_none(),
            );
        }
        text
    }

    /// The tables.
    pub(super) fn print(&self) {
        println!(
            "\n{:<26} {:<24} {:>9} {:>19} {:>6} {:>9}",
            "definition", "engine", "MB/s", "least..most", "reps", "findings"
        );
        let mut before = "";
        for one in &self.results {
            let title = if before == one.definition {
                ""
            } else {
                &one.definition
            };
            before = &one.definition;
            println!(
                "{title:<26} {:<24} {:>9.1} {:>19} {:>6} {:>9}{}",
                one.engine,
                one.mb_s.median,
                format!("{:.1}..{:.1}", one.mb_s.least, one.mb_s.most),
                one.repetitions,
                one.findings,
                if one.wrong.is_some() { "  WRONG" } else { "" },
            );
        }
        println!(
            "\nMB is 10^6 bytes of input; medians; repetitions of all engines in turn; one thread"
        );
        for (name, why) in &self.absent {
            println!("absent: {name}: {why}");
        }
        for one in &self.results {
            if let Some(refused) = one.about["refused"]
                .as_array()
                .filter(|list| !list.is_empty())
            {
                let names: Vec<&str> = refused.iter().filter_map(Value::as_str).collect();
                println!(
                    "{} refuses of {}: {}",
                    one.engine,
                    one.policy,
                    names.join(" ")
                );
            }
        }
        println!();
        for claim in self.claims_and_envoy() {
            println!("{}", line(&claim));
        }
        for one in self.results.iter().filter(|one| one.wrong.is_some()) {
            println!(
                "WRONG    {}, {}: {}",
                one.definition,
                one.engine,
                one.wrong.as_deref().unwrap_or_default()
            );
        }
        if self.quick {
            println!("quick: for a look, not for a record to cite");
        }
    }
}

/// A claim as a line of text.
fn line(claim: &Claim) -> String {
    let word = match claim.met() {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "unknown",
    };
    let value = claim.value.map_or_else(
        || "not measured".to_owned(),
        |value| format!("{value:.2} {}", claim.unit),
    );
    let bound = if claim.at_least {
        "at least"
    } else {
        "at most"
    };
    format!(
        "{word:<8} {}: {value} ({bound} {} {})",
        claim.title, claim.target, claim.unit
    )
}

/// What `cargo xtask load --record NAME` left beside it.
fn envoy(name: &str) -> Result<Option<Value>> {
    let path = folder().join(format!("{name}-envoy.json"));
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path)?;
    let value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    Ok(Some(value))
}

fn folder() -> PathBuf {
    root().join("benches/records")
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
