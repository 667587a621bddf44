//! `blackbar compile`: a policy to an artifact, with a report of what each rule costs.

use std::io::{self, Write};
use std::path::PathBuf;

use blackbar_compiler::{Report, RuleReport};
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::input::{self, BLOCK};
use crate::ledger::{self, Record};
use crate::place::FormatArg;
use crate::policy::Ready;
use crate::show::{Table, count};
use crate::{Outcome, output, policy, terminal};

/// Compile a policy into an artifact
///
/// The artifact is what the engine loads: in the module, in this command (--policy X.bbar), or as plugin configuration. The same
/// policy gives the same bytes. Warnings go to standard error.
#[derive(Args)]
#[command(after_help = "\
Examples:
  blackbar compile default -o default.bbar
  blackbar compile policies/mine -o mine.bbar --report text    what each rule costs
  blackbar compile policies/mine -o mine.bbar --ledger app.log
                                                               what it costs on this very log
  blackbar compile mine.toml -o mine.bbar --report json | jq '.rules[] | select(.hold_back > 1000)'")]
pub(crate) struct Arguments {
    /// A policy file, the folder of a pack, or the name of a built-in
    #[arg(value_name = "P")]
    policy: String,
    /// Where to write the artifact
    #[arg(short, long, value_name = "X.bbar")]
    output: PathBuf,
    /// Print what each rule costs
    #[arg(long, value_enum)]
    report: Option<Form>,
    /// Run the policy over this haystack too, and put into the report what each rule had to do there: candidates, starts that
    /// were verified, bytes that its automata looked at, findings, share of the time
    #[arg(long, value_name = "HAYSTACK")]
    ledger: Option<PathBuf>,
}

/// The forms of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A table
    Text,
    /// One JSON object
    Json,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let haystack = match &arguments.ledger {
        Some(path) => Some(input::in_memory(path, FormatArg::Auto)?),
        None => None,
    };
    let source = policy::read(&arguments.policy)?;
    let compiled = policy::compile(&source)?;
    if !compiled.warnings.is_empty() {
        terminal::diagnostics(&compiled.warnings);
        terminal::plain("");
    }
    output::write(&arguments.output, &compiled.artifact)?;
    let ledger = match haystack {
        Some((haystack, format)) => {
            let ready = Ready::of(&arguments.policy, compiled.artifact.clone())?;
            Some(ledger::keep(&ready, format, &haystack, BLOCK))
        }
        None => None,
    };
    let mut out = io::stdout().lock();
    match (arguments.report, &ledger) {
        (Some(Form::Json), _) => json(&mut out, &compiled.report, ledger.as_ref())?,
        (_, Some(ledger)) => {
            costs(&compiled.report.rules, ledger).write(&mut out)?;
            writeln!(out, "{}\n", ledger.summary())?;
        }
        (Some(Form::Text), None) => {
            table(&compiled.report.rules).write(&mut out)?;
            writeln!(out)?;
        }
        (None, None) => {}
    }
    if arguments.report != Some(Form::Json) {
        let rules = count(compiled.report.rules.len() as u64, "rule");
        writeln!(
            out,
            "{}: {rules}, {}",
            arguments.output.display(),
            count(compiled.artifact.len() as u64, "byte")
        )?;
    }
    out.flush()?;
    Ok(Outcome::Fine)
}

fn table(rules: &[RuleReport]) -> Table {
    let mut table = Table::new(&[
        "rule",
        "#states",
        "#bytes",
        "#held back",
        "#candidates/MiB",
        "fingerprint",
    ]);
    for rule in rules {
        table.row([
            rule.id.clone(),
            rule.states.to_string(),
            rule.bytes.to_string(),
            rule.hold_back.to_string(),
            format!("{:.1}", rule.candidates_per_mib),
            shown(&rule.fingerprint),
        ]);
    }
    table
}

/// The report beside the ledger, the rule that takes most time first. Counts are for each MB, so that haystacks can be compared.
fn costs(rules: &[RuleReport], ledger: &Record) -> Table {
    let mut table = Table::new(&[
        "rule",
        "#states",
        "#held back",
        "#candidates/MB",
        "#verified/MB",
        "#bytes/MB",
        "#findings",
        "#time %",
    ]);
    for row in &ledger.rules {
        let Some(rule) = rules.iter().find(|rule| rule.id == row.rule) else {
            continue;
        };
        table.row([
            rule.id.clone(),
            rule.states.to_string(),
            rule.hold_back.to_string(),
            ledger.per_mb(row.windows).to_string(),
            ledger.per_mb(row.verified).to_string(),
            ledger.per_mb(row.steps).to_string(),
            row.findings.to_string(),
            format!("{:.1}", row.time_percent),
        ]);
    }
    table
}

/// The first window, and how many more there are.
fn shown(fingerprint: &[String]) -> String {
    match fingerprint {
        [] => String::new(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

fn json(out: &mut dyn Write, report: &Report, ledger: Option<&Record>) -> anyhow::Result<()> {
    let rules: Vec<_> = report
        .rules
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id, "fingerprint": rule.fingerprint, "states": rule.states, "bytes": rule.bytes,
                "stages": rule.stages, "linear": rule.linear, "hold_back": rule.hold_back, "candidates_per_mib": rule.candidates_per_mib,
            })
        })
        .collect();
    let mut all = json!({
        "policy": report.policy, "artifact_bytes": report.artifact_bytes, "automata_bytes": report.automata_bytes,
        "hold_back": report.hold_back(), "rules": rules,
    });
    if let Some(ledger) = ledger {
        all["ledger"] = serde_json::to_value(ledger)?;
    }
    serde_json::to_writer_pretty(&mut *out, &all)?;
    writeln!(out)?;
    Ok(())
}
