//! `blackbar eval`: how well a policy does on labelled records and on plain logs. What is counted lives in [`metrics`], what a
//! record is in [`records`], how results are written in [`report`].

mod metrics;
mod records;
mod report;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use blackbar_carriers::{Carrier, Format};
use blackbar_engine::{Action, Finding, RuleIndex};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::input::{self, BLOCK, Opened};
use crate::place::FormatArg;
use crate::scan::lines::Lines as Places;
use crate::terminal::{self, Unit};
use crate::{Outcome, policy};
use metrics::{Lines, Metrics, Span};
use records::Label;

/// Measure a policy on labelled records, or on logs that hold no secrets
///
/// A record is one JSON object a line: id, text, spans ([[start, end]] in bytes), label (positive or negative), and family, source
/// and more where they apply. hit: a finding overlaps a span (any finding where no span is known). cover: findings cover at
/// least 90 % of every span, which is what a redactor needs. FPR: the share of negatives in which anything was found.
/// Records of the kind `ner`, of class `identifier`, with `rfc_corner`, and negatives with `negative_for` are not scored.
/// A rule with the action `allow` redacts nothing: its findings do not count.
#[derive(Args)]
#[command(after_help = "\
Examples:
  blackbar eval --policy secrets --by family secrets.jsonl
  blackbar eval --policy mine.toml --by rule --missed missed.jsonl --false false.jsonl labelled.jsonl
  blackbar eval --policy pii --lines logs/                 false alarms per 1,000 lines, by rule
  blackbar eval --policy pii --lines logs/ --by source --false alarms.jsonl
                                                           by file, and where each stands
  blackbar eval --findings found.jsonl labelled.jsonl      {\"id\",\"s\",\"e\",\"rule\"} for a scorer of your own")]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: policy::Choice,
    /// Write every finding as a line of JSON: id, s, e (byte offsets into the text), rule
    #[arg(long, value_name = "OUT.jsonl")]
    findings: Option<PathBuf>,
    /// Break the result down
    #[arg(long, value_enum)]
    by: Option<By>,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
    /// Write the positives that were not covered
    #[arg(long, value_name = "OUT.jsonl")]
    missed: Option<PathBuf>,
    /// Write the negatives in which something was found, and each finding in plain lines with its file, line and rule
    #[arg(long = "false", value_name = "OUT.jsonl")]
    false_alarms: Option<PathBuf>,
    /// Put the texts into the files of --missed and --false too
    #[arg(long)]
    show_values: bool,
    /// Plain logs, files or folders: every finding in them counts as a false alarm
    #[arg(long, value_name = "FILE", num_args = 1..)]
    lines: Vec<PathBuf>,
    /// Labelled records; `-`: standard input
    #[arg(value_name = "LABELLED.jsonl", required_unless_present = "lines")]
    labelled: Vec<PathBuf>,
}

/// What a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// The record's family
    Family,
    /// The record's source, up to its first colon
    Source,
    /// The rule that found something
    Rule,
    /// The first part of the family, bare values apart from those in context
    Group,
}

#[derive(Serialize)]
struct FindingLine<'a> {
    id: &'a str,
    s: u64,
    e: u64,
    rule: &'a str,
}

/// A line of `--missed`.
#[derive(Serialize)]
struct MissedLine<'a> {
    id: &'a str,
    family: &'a str,
    source: &'a str,
    hit: bool,
    spans: &'a [(u64, u64)],
    found: Vec<FoundAt<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

/// A line of `--false`.
#[derive(Serialize)]
struct FalseLine<'a> {
    id: &'a str,
    family: &'a str,
    source: &'a str,
    neg_class: &'a str,
    found: Vec<FoundAt<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

/// A line of `--false` about a finding in plain lines.
#[derive(Serialize)]
struct AlarmLine<'a> {
    file: &'a str,
    /// 1-based; 0 where it lies further back than places are remembered.
    line: u64,
    /// 1-based, in bytes.
    column: u64,
    /// In bytes.
    length: u64,
    rule: &'a str,
}

#[derive(Serialize)]
struct FoundAt<'a> {
    s: u64,
    e: u64,
    rule: &'a str,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let ready = arguments.choice.ready()?;
    let mut files = Files {
        findings: Lined::create(arguments.findings.as_deref())?,
        missed: Lined::create(arguments.missed.as_deref())?,
        false_alarms: Lined::create(arguments.false_alarms.as_deref())?,
    };
    let mut metrics = Metrics::default();
    for path in &arguments.labelled {
        labelled(&ready, path, arguments, &mut metrics, &mut files)?;
    }
    files.findings.finish()?;
    files.missed.finish()?;
    let mut problems = 0;
    let lines = match arguments.lines.as_slice() {
        [] => None,
        paths => Some(plain(
            &ready,
            paths,
            &mut files.false_alarms,
            &mut problems,
        )?),
    };
    files.false_alarms.finish()?;
    let mut out = io::stdout().lock();
    let scored = (!arguments.labelled.is_empty()).then_some(&metrics);
    if arguments.json {
        report::json(
            &mut out,
            arguments.choice.name(),
            arguments.by,
            scored,
            lines.as_ref(),
        )?;
    } else {
        report::tables(&mut out, arguments.by, scored, lines.as_ref())?;
    }
    out.flush()?;
    Ok(if problems > 0 {
        Outcome::BadInput
    } else {
        Outcome::Fine
    })
}

/// Scans and scores the records of one file.
fn labelled(
    ready: &policy::Ready,
    path: &Path,
    arguments: &Arguments,
    metrics: &mut Metrics,
    files: &mut Files,
) -> anyhow::Result<()> {
    let records = records::read(path)?;
    let bar = terminal::progress(records.len() as u64, Unit::Items);
    let mut stream = Carrier::default();
    stream.set_views(ready.views);
    for record in &records {
        bar.inc(1);
        stream.reset(Format::Text);
        stream.push(&ready.engine, &ready.plan, record.text.as_bytes(), true);
        let found: Vec<Span<'_>> = stream
            .findings()
            .iter()
            .filter(|finding| ready.plan.action(finding.rule) != Action::Allow)
            .map(|finding| Span {
                start: finding.start,
                end: finding.end,
                rule: ready
                    .engine
                    .rule(finding.rule)
                    .map_or("", |rule| rule.id.as_str()),
            })
            .collect();
        for span in &found {
            files.findings.line(&FindingLine {
                id: &record.id,
                s: span.start,
                e: span.end,
                rule: span.rule,
            })?;
        }
        let Some(score) = metrics.score(record, &found) else {
            continue;
        };
        let at = || {
            found
                .iter()
                .map(|span| FoundAt {
                    s: span.start,
                    e: span.end,
                    rule: span.rule,
                })
                .collect()
        };
        let text = arguments.show_values.then_some(record.text.as_str());
        let (id, family, source) = (
            record.id.as_str(),
            record.family.as_str(),
            record.source.as_str(),
        );
        match record.label {
            Label::Positive if !score.cover => {
                let line = MissedLine {
                    id,
                    family,
                    source,
                    hit: score.hit,
                    spans: &record.spans,
                    found: at(),
                    text,
                };
                files.missed.line(&line)?;
            }
            Label::Negative if score.hit => {
                let neg_class = record.neg_class.as_deref().unwrap_or(metrics::OTHER);
                files.false_alarms.line(&FalseLine {
                    id,
                    family,
                    source,
                    neg_class,
                    found: at(),
                    text,
                })?;
            }
            Label::Positive | Label::Negative => {}
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Scans plain logs, in which every finding counts as a false alarm.
fn plain(
    ready: &policy::Ready,
    paths: &[PathBuf],
    alarms: &mut Lined,
    problems: &mut usize,
) -> anyhow::Result<Lines> {
    let inputs = input::expand(paths, false);
    *problems += inputs.problems;
    let mut lines = Lines::default();
    let mut stream = Carrier::default();
    stream.set_views(ready.views);
    for one in &inputs.list {
        let mut haystack = match one.open(FormatArg::Text, false) {
            Ok(Opened::Haystack(haystack)) => haystack,
            Ok(Opened::Binary) => continue,
            Err(error) => {
                *problems += 1;
                terminal::report(&error);
                continue;
            }
        };
        stream.reset(haystack.format);
        lines.file();
        let name = one.name();
        let mut places = Places::default();
        let mut once = Once::default();
        let mut chunk = std::mem::take(&mut haystack.head);
        loop {
            lines.bytes(&chunk);
            places.push(&chunk);
            let last = chunk.is_empty();
            stream.push(&ready.engine, &ready.plan, &chunk, last);
            for finding in stream
                .findings()
                .iter()
                .filter(|finding| ready.plan.action(finding.rule) != Action::Allow)
            {
                if !once.is_new(finding) {
                    continue;
                }
                let rule = ready.engine.rule(finding.rule);
                let rule = rule.map_or("", |rule| rule.id.as_str());
                lines.found(&name, rule);
                let (line, column) = places.locate(finding.start).unwrap_or_default();
                alarms.line(&AlarmLine {
                    file: &name,
                    line,
                    column,
                    length: finding.end - finding.start,
                    rule,
                })?;
            }
            stream.clear();
            places.forget(stream.decided());
            if last {
                break;
            }
            chunk.resize(BLOCK, 0);
            let read = input::read_some(&mut haystack.rest, &mut chunk)
                .with_context(|| format!("cannot read `{}`", one.name()))?;
            chunk.truncate(read);
        }
    }
    Ok(lines)
}

/// What each rule found, by where it starts: what it finds again in the same bytes, decoded, is no second alarm.
#[derive(Default)]
struct Once(BTreeMap<(RuleIndex, u64), u64>);

impl Once {
    /// Whether `finding` shares no byte with another of its rule.
    fn is_new(&mut self, finding: &Finding) -> bool {
        let before = (finding.rule, 0)..(finding.rule, finding.end);
        let last = self.0.range(before).next_back();
        let again = last.is_some_and(|(_, &end)| end > finding.start);
        if !again {
            self.0.insert((finding.rule, finding.start), finding.end);
        }
        !again
    }
}

/// The files that were asked for.
struct Files {
    findings: Lined,
    missed: Lined,
    false_alarms: Lined,
}

/// A file of JSON lines, or nothing.
struct Lined(Option<(PathBuf, BufWriter<File>)>);

impl Lined {
    fn create(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Ok(Self(None));
        };
        let file = File::create(path)
            .map_err(|error| anyhow!("cannot write `{}`: {error}", path.display()))?;
        Ok(Self(Some((path.to_path_buf(), BufWriter::new(file)))))
    }

    fn line<T: Serialize>(&mut self, line: &T) -> anyhow::Result<()> {
        let Some((path, out)) = &mut self.0 else {
            return Ok(());
        };
        serde_json::to_writer(&mut *out, line)
            .map_err(io::Error::from)
            .and_then(|()| out.write_all(b"\n"))
            .with_context(|| format!("cannot write `{}`", path.display()))
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        match &mut self.0 {
            Some((path, out)) => out
                .flush()
                .with_context(|| format!("cannot write `{}`", path.display())),
            None => Ok(()),
        }
    }
}
