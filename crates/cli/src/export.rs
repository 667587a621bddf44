//! `blackbar export`: a policy's patterns for other tools, so that peers can be measured on the same rules.

use std::io::{self, Write};

use anyhow::bail;
use blackbar_compiler::Exported;
use clap::{Args, ValueEnum};

use crate::{Outcome, policy};

/// Print a policy's patterns for other regex engines
///
/// Writes the rules that are on, in the subset that PCRE, RE2 and Vectorscan all read. Validators, boundaries and context are
/// not part of a pattern: what another tool finds with these is a superset of what blackbar finds.
#[derive(Args)]
#[command(after_help = "\
Examples:
  blackbar export --format tsv default > rules.tsv      one rule a line: id, a tab, its pattern
  blackbar export --format tsv secrets | cut -f2 | xargs -d'\\n' -n1 rg -c --no-unicode -e")]
pub(crate) struct Arguments {
    /// The form of the output
    #[arg(long, value_enum, default_value_t = Format::Tsv)]
    format: Format,
    /// A policy file, the folder of a pack, or the name of a built-in
    #[arg(value_name = "P", default_value = policy::DEFAULT)]
    policy: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Rule id, a tab, the pattern; one rule a line
    Tsv,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let mut policy = policy::read(&arguments.policy)?;
    policy.rules.retain(|rule| rule.settings.enabled);
    policy.variants.clear();
    let mut out = io::stdout().lock();
    for Exported { id, regex } in blackbar_compiler::export(&policy) {
        if regex.contains(['\t', '\n', '\r']) {
            bail!(
                "rule `{id}` has a tab or a line end in its pattern, which a tsv line cannot hold; write it as `\\t` or `\\n`"
            );
        }
        match arguments.format {
            Format::Tsv => writeln!(out, "{id}\t{regex}")?,
        }
    }
    out.flush()?;
    Ok(Outcome::Fine)
}
