//! `blackbar check`: reads, compiles and lints policies, and reports what is wrong with each as rustc would.

use std::collections::HashSet;
use std::io::{self, Write};

use blackbar_policy::diagnostic::{Diagnostic, Level};
use clap::Args;

use crate::builtins::BUILTINS;
use crate::show::count;
use crate::{Outcome, policy, terminal};

/// Check policies: their syntax, their rules, their costs
///
/// Everything that is wrong is reported at once, with its place and a way to mend it. Cases are read too, but not run: that is
/// `blackbar test`. Without P: the folder `policies` or the file `policy.toml` here, otherwise the built-ins.
#[derive(Args)]
#[command(after_help = "\
Examples:
  blackbar check policies/mine                 one pack
  blackbar check policies                      every pack and profile of a folder
  blackbar check --deny-warnings mine.toml     for CI: a warning fails too")]
pub(crate) struct Arguments {
    /// Treat warnings as errors
    #[arg(long)]
    deny_warnings: bool,
    /// Policy files, folders of packs, folders that hold these, or names of built-ins
    #[arg(value_name = "P")]
    policies: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let names = policy::expand(&arguments.policies)?;
    let mut out = io::stdout().lock();
    let (mut errors, mut warnings) = (0, 0);
    // A pack is checked on its own and as part of a profile: what is wrong with it is told once.
    let mut told = HashSet::new();
    for name in &names {
        let (summary, diagnostics) = check(name)?;
        let fresh: Vec<Diagnostic> = diagnostics
            .into_iter()
            .filter(|one| told.insert(one.render(false)))
            .collect();
        let of = |level: Level| fresh.iter().filter(|one| one.level() == level).count() as u64;
        errors += of(Level::Error);
        warnings += of(Level::Warning);
        if !fresh.is_empty() {
            terminal::diagnostics(&fresh);
            terminal::plain("");
        }
        if let Some(summary) = summary {
            writeln!(out, "{name}: {summary}")?;
        }
    }
    let totals = format!("{}, {}", count(errors, "error"), count(warnings, "warning"));
    writeln!(out, "{} checked: {totals}", policies(names.len()))?;
    out.flush()?;
    let bad = errors > 0 || (arguments.deny_warnings && warnings > 0);
    Ok(if bad { Outcome::Failed } else { Outcome::Fine })
}

fn policies(number: usize) -> String {
    if number == 1 {
        "1 policy".to_string()
    } else {
        format!("{number} policies")
    }
}

/// One policy: a line about it if it is good, and all that there is to say against it.
fn check(name: &str) -> anyhow::Result<(Option<String>, Vec<Diagnostic>)> {
    let policy = match policy::read(name) {
        Ok(policy) => policy,
        Err(error) => return Ok((None, as_diagnostics(error)?)),
    };
    let mut diagnostics = Vec::new();
    let mut summary = None;
    match blackbar_compiler::compile(&policy) {
        Ok(compiled) => {
            let enabled = policy
                .rules
                .iter()
                .filter(|rule| rule.settings.enabled)
                .count();
            summary = Some(format!(
                "{} ({enabled} on), {} of artifact, at most {} held back",
                count(policy.rules.len() as u64, "rule"),
                count(compiled.artifact.len() as u64, "byte"),
                count(u64::from(compiled.report.hold_back()), "byte"),
            ));
            diagnostics.extend(compiled.warnings);
        }
        Err(error) => diagnostics.extend(error.diagnostics().iter().cloned()),
    }
    if let Err(error) = blackbar_policy::cases::load(&policy, &BUILTINS) {
        diagnostics.extend(error.diagnostics().iter().cloned());
        summary = None;
    }
    Ok((summary, diagnostics))
}

/// The diagnostics of a policy that was refused; any other error ends the run.
fn as_diagnostics(error: anyhow::Error) -> anyhow::Result<Vec<Diagnostic>> {
    let refused = error.downcast::<blackbar_policy::PolicyError>()?;
    Ok(refused.diagnostics().to_vec())
}
