//! `blackbar import`: rules of public scanners become a pack, with a report of what was lost on the way. Each format is read
//! into [`source`]'s form; [`build`] makes rules of it that compile; [`examples`] runs what the source gives as examples;
//! [`pack`] and [`report`] write.

mod build;
mod dialect;
mod examples;
mod gitleaks;
mod implied;
mod pack;
mod pattern;
mod print;
mod report;
mod source;
mod tree;
mod yaml;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use blackbar_carriers::Views;
use blackbar_engine::Plan;
use blackbar_policy::cases;
use clap::{Args, ValueEnum};

use crate::builtins::BUILTINS;
use crate::cases::verdict::Native;
use crate::{Outcome, policy};
use build::Entry;
use examples::Example;
use source::{Foreign, Read};

/// Make a pack of another scanner's rules, and report what was lost
///
/// Reads gitleaks' configuration (TOML), or the YAML rules of Nosey Parker or Kingfisher (a file, or a folder of them), and
/// writes a pack: `policy.toml`, and `cases.toml` where the source has examples. Every rule in it compiles. What could only be
/// approximated, or not be taken over, is reported with its reason; the examples are run, and those that do not come out as the
/// source says are listed and kept as known gaps. The rules stay under the licence of their source.
#[derive(Args)]
#[command(after_help = "\
Examples:
  blackbar import gitleaks gitleaks.toml                       makes the folder gitleaks/
  blackbar import kingfisher rules/ -o policies/kingfisher     a folder of YAML files
  blackbar import noseyparker rules/ --report json > loss.json")]
pub(crate) struct Arguments {
    /// Whose rules they are
    #[arg(value_enum)]
    tool: Tool,
    /// The file of rules, or a folder of them
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The folder of the pack, whose name becomes the pack's id; otherwise the tool's name here
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    report: Format,
    /// Write over a pack that is there already
    #[arg(long)]
    force: bool,
}

/// Whose rules are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tool {
    /// gitleaks.toml, also Betterleaks'
    Gitleaks,
    /// YAML rules of Nosey Parker
    #[value(name = "noseyparker")]
    NoseyParker,
    /// YAML rules of Kingfisher
    Kingfisher,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object
    Json,
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::Gitleaks => "gitleaks",
            Self::NoseyParker => "noseyparker",
            Self::Kingfisher => "kingfisher",
        }
    }

    /// What its ids begin with, which the pack's id says already.
    fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Gitleaks => &[],
            Self::NoseyParker => &["np."],
            Self::Kingfisher => &["kingfisher.", "betterleaks.", "custom."],
        }
    }

    fn read(self, file: &Path) -> anyhow::Result<Read> {
        match self {
            Self::Gitleaks => gitleaks::read(file),
            Self::NoseyParker => yaml::read(file, yaml::Tool::NoseyParker),
            Self::Kingfisher => yaml::read(file, yaml::Tool::Kingfisher),
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let tool = arguments.tool;
    let folder = match &arguments.output {
        Some(folder) => folder.clone(),
        None => PathBuf::from(tool.name()),
    };
    let id = pack_id(&folder)?;
    if folder.join("policy.toml").exists() && !arguments.force {
        bail!(
            "`{}` holds a policy.toml already; `--force` writes over it, `-o DIR` names another folder",
            folder.display()
        );
    }
    let read = tool.read(&arguments.file)?;
    let entries = build::build(&read.rules, &id, tool.prefixes());
    if entries.iter().all(|entry| entry.drafts.is_empty()) {
        print(arguments, &folder, &read, &entries, &Written::default())?;
        bail!("none of the rules could be taken over, so that no pack was written");
    }
    let written = write(arguments, &folder, &id, &read, &entries)?;
    print(arguments, &folder, &read, &entries, &written)?;
    Ok(Outcome::Fine)
}

/// The folder's name, which must be a pack's id.
fn pack_id(folder: &Path) -> anyhow::Result<String> {
    let id = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    id.filter(|id| source::name(id) == *id && id.len() <= 32).ok_or_else(|| {
        anyhow!(
            "`{}` cannot hold a pack: the folder's name becomes the pack's id, at most 32 lower-case letters, digits and single `-`",
            folder.display()
        )
    })
}

/// What was written, and what can be said of it.
#[derive(Default)]
struct Written {
    examples: Vec<Example>,
    warnings: Vec<String>,
    failed_cases: Vec<String>,
}

fn write(
    arguments: &Arguments,
    folder: &Path,
    id: &str,
    read: &Read,
    entries: &[Entry],
) -> anyhow::Result<Written> {
    let file = shown(&arguments.file);
    let tool = arguments.tool.name();
    let mut text = format!(
        "# Made by `blackbar import {tool}` from {file}. The rules stay under the licence of their source.\n\n{}",
        pack::header(id, &format!("Rules of {file}, imported from {tool}"))
    );
    for (rule, entry) in read.rules.iter().zip(entries) {
        for draft in &entry.drafts {
            text.push_str(&pack::rule(rule, draft, &file));
        }
    }
    let create = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text)
            .map_err(|error| anyhow!("cannot write `{}`: {error}", path.display()))
    };
    std::fs::create_dir_all(folder)
        .map_err(|error| anyhow!("cannot make the folder `{}`: {error}", folder.display()))?;
    create("policy.toml", &text)?;

    let name = folder.join("policy.toml").display().to_string();
    let imported = policy::read(&name)?;
    let compiled = policy::compile(&imported)?;
    let engine = policy::load(&name, compiled.artifact)?;
    let plan = Plan::new(&engine, None).map_err(|error| anyhow!("cannot use the pack: {error}"))?;
    let mut written = Written {
        warnings: compiled
            .warnings
            .iter()
            .map(|one| one.message().to_string())
            .collect(),
        examples: examples::run(&read.rules, entries, &engine, &plan),
        ..Written::default()
    };
    let cases_file = folder.join("cases.toml");
    if written.examples.is_empty() {
        // One of an earlier import would name rules that are gone.
        if arguments.force && cases_file.exists() {
            std::fs::remove_file(&cases_file)
                .map_err(|error| anyhow!("cannot remove `{}`: {error}", cases_file.display()))?;
        }
        return Ok(written);
    }
    let mut text = format!(
        "# The examples of {file}, as the imported rules redact them. What the source finds and they do not is a known gap.\n"
    );
    for example in &written.examples {
        text.push_str(&pack::case(example));
    }
    create("cases.toml", &text)?;
    let mut native = Native::new(&engine, &plan, Views::of(&engine));
    for pack in cases::load(&imported, &BUILTINS)? {
        for case in &pack.cases {
            if let Some(failure) = native.judge(case) {
                written
                    .failed_cases
                    .push(format!("{}: {failure}", case.name));
            }
        }
    }
    Ok(written)
}

/// The last part of a path: the rest is of no use to whoever reads the pack.
fn shown(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    name.to_string_lossy().into_owned()
}

fn print(
    arguments: &Arguments,
    folder: &Path,
    read: &Read,
    entries: &[Entry],
    written: &Written,
) -> anyhow::Result<()> {
    let rules: &[Foreign] = &read.rules;
    let report = report::Report {
        tool: arguments.tool.name(),
        file: &shown(&arguments.file),
        folder: &folder.display().to_string(),
        rules,
        entries,
        notes: &read.notes,
        examples: &written.examples,
        warnings: &written.warnings,
        failed_cases: &written.failed_cases,
    };
    let mut out = io::stdout().lock();
    match arguments.report {
        Format::Text => report.text(&mut out)?,
        Format::Json => writeln!(out, "{:#}", report.json())?,
    }
    out.flush()?;
    Ok(())
}
