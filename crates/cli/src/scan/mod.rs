//! `blackbar scan`: what the policy finds, and where; never the values, unless `--show-values` asks for them. How the findings
//! are written lives in [`report`].

pub(crate) mod lines;
mod report;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use blackbar_carriers::Carrier;
use blackbar_engine::Finding;
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;

use crate::input::{self, BLOCK, Haystack, Input, Opened};
use crate::place::FormatArg;
use crate::terminal::{self, Unit};
use crate::{Outcome, policy};
use lines::{Lines, Tail};
use report::Report;

/// List what a policy finds, without showing it
///
/// `text` is one finding a line, as grep prints them: file, line, column (in bytes), rule. `jsonl` has the keys file, start, end
/// (byte offsets into the file), rule and action. A finding of a rule with the action `allow` is listed too.
#[derive(Args)]
#[command(after_help = "\
Examples:
  blackbar scan src/ config/                         file:line:column rule
  blackbar scan --format summary logs/               a table by rule; add --by file for one by file
  blackbar scan --format jsonl dump.json | jq .rule
  blackbar scan -z --format summary /var/log/app/    logs that were rotated and compressed, too
  git diff --cached | blackbar scan --fail-on-findings --policy secrets
                                                     as a commit hook: exit status 1 if anything is found")]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: policy::Choice,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// What the rows of a summary are
    #[arg(long, value_enum, default_value_t = By::Rule)]
    by: By,
    /// End with status 1 if anything is found
    #[arg(long)]
    fail_on_findings: bool,
    /// Print the matched values too: they are secrets, and what you print may be stored
    #[arg(long)]
    show_values: bool,
    /// Read what is compressed (gzip, zstd; brotli by the name *.br) decompressed; offsets and lines are those of what comes out
    #[arg(short = 'z', long)]
    search_zip: bool,
    /// Hidden, ignored and binary files of folders too
    #[arg(long)]
    all: bool,
    /// Files or folders; `-` or nothing: standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// The forms of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// file:line:column rule
    Text,
    /// One JSON object a line
    Jsonl,
    /// A table
    Summary,
}

/// What a row of a summary stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// A rule
    Rule,
    /// A file and a rule
    File,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    if arguments.by == By::File && arguments.format != Format::Summary {
        bail!("`--by file` is a matter of `--format summary`; add that, or leave it out");
    }
    let ready = arguments.choice.ready()?;
    let inputs = input::expand(&arguments.files, arguments.all);
    let mut problems = inputs.problems;
    let mut binary = 0;
    let out = io::stdout().lock();
    let quiet = out.is_terminal() && arguments.format != Format::Summary;
    let total = if quiet {
        0
    } else {
        inputs.list.iter().map(Input::size).sum()
    };
    let bar = if total > 0 {
        terminal::progress(total, Unit::Bytes)
    } else {
        ProgressBar::hidden()
    };
    let mut report = Report::new(arguments.format, arguments.by, out);
    let mut stream = Carrier::default();
    stream.set_views(ready.views);
    for one in &inputs.list {
        let outcome = match one.open(FormatArg::Auto, arguments.search_zip) {
            Ok(Opened::Binary) => {
                binary += 1;
                continue;
            }
            Ok(Opened::Haystack(haystack)) => {
                report.file(&one.name());
                scan(
                    &ready,
                    &mut stream,
                    haystack,
                    arguments.show_values,
                    &mut report,
                    &bar,
                )?
            }
            Err(error) => Some(error),
        };
        if let Some(error) = outcome {
            problems += 1;
            terminal::report(
                &error.context(format!("`{}` was not scanned to its end", one.name())),
            );
        }
    }
    bar.finish_and_clear();
    let found = report.finish()?;
    input::note_binary(binary);
    Ok(match (problems, found) {
        (0, 1..) if arguments.fail_on_findings => Outcome::Failed,
        (0, _) => Outcome::Fine,
        _ => Outcome::BadInput,
    })
}

/// Scans one haystack; the inner error is one of reading, the outer one of writing.
fn scan<W: Write>(
    ready: &policy::Ready,
    stream: &mut Carrier,
    mut haystack: Haystack,
    show_values: bool,
    report: &mut Report<W>,
    bar: &ProgressBar,
) -> anyhow::Result<Option<anyhow::Error>> {
    stream.reset(haystack.format);
    let mut trail = Trail {
        lines: Lines::default(),
        tail: show_values.then(Tail::default),
    };
    trail.push(&haystack.head);
    stream.push(&ready.engine, &ready.plan, &haystack.head, false);
    bar.inc(haystack.head.len() as u64);
    report.bytes(haystack.head.len() as u64);
    let broken = loop {
        trail.report(ready, stream, report)?;
        let room = stream.spare(BLOCK);
        let read = match input::read_some(&mut haystack.rest, room) {
            Ok(0) => break None,
            Ok(read) => read,
            Err(error) => break Some(error),
        };
        trail.push(&room[..read]);
        stream.commit(&ready.engine, &ready.plan, read, false);
        bar.inc(read as u64);
        report.bytes(read as u64);
    };
    stream.push(&ready.engine, &ready.plan, b"", true);
    trail.report(ready, stream, report)?;
    Ok(broken.map(|error| anyhow::Error::from(error).context("reading failed")))
}

/// What is remembered of the bytes that went by.
struct Trail {
    lines: Lines,
    tail: Option<Tail>,
}

impl Trail {
    fn push(&mut self, chunk: &[u8]) {
        self.lines.push(chunk);
        if let Some(tail) = &mut self.tail {
            tail.push(chunk);
        }
    }

    /// Hands the stream's new findings to the report.
    fn report<W: Write>(
        &mut self,
        ready: &policy::Ready,
        stream: &mut Carrier,
        report: &mut Report<W>,
    ) -> anyhow::Result<()> {
        for &Finding {
            start, end, rule, ..
        } in stream.findings()
        {
            let id = ready.engine.rule(rule).map_or("", |rule| rule.id.as_str());
            let found = report::Found {
                start,
                end,
                rule: id,
                action: policy::action_word(ready.plan.action(rule)),
                place: self.lines.locate(start),
                value: self.tail.as_ref().map(|tail| tail.span(start, end)),
            };
            report
                .found(&found)
                .context("cannot write to standard output")?;
        }
        report.flush().context("cannot write to standard output")?;
        self.lines.forget(stream.decided());
        if let Some(tail) = &mut self.tail {
            tail.forget(stream.decided());
        }
        stream.clear();
        Ok(())
    }
}
