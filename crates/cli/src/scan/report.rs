//! How `scan` writes its findings: lines for people, lines of JSON, or tables. Nothing is looked for here.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::{By, Format};
use crate::show::{self, Table};

/// One finding, as far as it is shown.
pub(super) struct Found<'a> {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) rule: &'a str,
    pub(super) action: String,
    /// 1-based line and column; `None`: too far back to be known.
    pub(super) place: Option<(u64, u64)>,
    /// Only with `--show-values`.
    pub(super) value: Option<&'a [u8]>,
}

/// The report of a run, written as it comes; tables at the end.
pub(super) struct Report<W> {
    format: Format,
    by: By,
    out: W,
    file: String,
    files: u64,
    bytes: u64,
    findings: u64,
    /// By file (empty unless asked for) and rule.
    rows: BTreeMap<(String, String), Row>,
}

#[derive(Default)]
struct Row {
    action: String,
    findings: u64,
    files: u64,
    /// The number of the last file that was counted.
    last_file: u64,
}

#[derive(Serialize)]
struct JsonLine<'a> {
    file: &'a str,
    start: u64,
    end: u64,
    rule: &'a str,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

impl<W: Write> Report<W> {
    pub(super) fn new(format: Format, by: By, out: W) -> Self {
        Self {
            format,
            by,
            out,
            file: String::new(),
            files: 0,
            bytes: 0,
            findings: 0,
            rows: BTreeMap::new(),
        }
    }

    /// The findings that follow are of this file.
    pub(super) fn file(&mut self, name: &str) {
        self.files += 1;
        self.file = name.to_string();
    }

    /// So many more bytes were scanned.
    pub(super) fn bytes(&mut self, more: u64) {
        self.bytes += more;
    }

    /// Takes a finding.
    pub(super) fn found(&mut self, found: &Found<'_>) -> io::Result<()> {
        self.findings += 1;
        match self.format {
            Format::Text => {
                match found.place {
                    Some((line, column)) => {
                        write!(self.out, "{}:{line}:{column} {}", self.file, found.rule)?
                    }
                    // So long a finding that its first line is out of reach: the offset is exact.
                    None => write!(self.out, "{}:@{} {}", self.file, found.start, found.rule)?,
                }
                if let Some(value) = found.value {
                    write!(self.out, " {}", show::bytes(value))?;
                }
                writeln!(self.out)
            }
            Format::Jsonl => {
                let line = JsonLine {
                    file: &self.file,
                    start: found.start,
                    end: found.end,
                    rule: found.rule,
                    action: &found.action,
                    value: found.value.map(show::bytes),
                };
                serde_json::to_writer(&mut self.out, &line)?;
                writeln!(self.out)
            }
            Format::Summary => {
                let file = if self.by == By::File {
                    self.file.clone()
                } else {
                    String::new()
                };
                let row = self.rows.entry((file, found.rule.to_string())).or_default();
                row.findings += 1;
                row.action.clone_from(&found.action);
                if row.last_file != self.files {
                    row.last_file = self.files;
                    row.files += 1;
                }
                Ok(())
            }
        }
    }

    /// Lets the reader see what there is.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Writes the table, if one was asked for; returns how many findings there were.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        if self.format == Format::Summary {
            let mut rows: Vec<_> = self.rows.iter().collect();
            // The most frequent first; files stay together.
            rows.sort_by(|((file_a, rule_a), a), ((file_b, rule_b), b)| {
                file_a
                    .cmp(file_b)
                    .then(b.findings.cmp(&a.findings))
                    .then(rule_a.cmp(rule_b))
            });
            let mut table = match self.by {
                By::Rule => Table::new(&["rule", "#findings", "#files", "action"]),
                By::File => Table::new(&["file", "rule", "#findings", "action"]),
            };
            for ((file, rule), row) in rows {
                let (findings, action) = (row.findings.to_string(), row.action.clone());
                match self.by {
                    By::Rule => table.row([rule.clone(), findings, row.files.to_string(), action]),
                    By::File => table.row([file.clone(), rule.clone(), findings, action]),
                }
            }
            if !table.is_empty() {
                table.write(&mut self.out)?;
                writeln!(self.out)?;
            }
            let findings = show::count(self.findings, "finding");
            let files = show::count(self.files, "file");
            writeln!(
                self.out,
                "{findings} in {files}, {}",
                show::count(self.bytes, "byte")
            )?;
        }
        self.out.flush()?;
        Ok(self.findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(format: Format, by: By, value: Option<&[u8]>) -> String {
        let mut out = Vec::new();
        let mut report = Report::new(format, by, &mut out);
        for (file, rules) in [
            ("a.log", ["x.one", "x.two"].as_slice()),
            ("b \"q\".log", &["x.two", "x.two"]),
        ] {
            report.file(file);
            report.bytes(10);
            for rule in rules {
                let found = Found {
                    start: 4,
                    end: 9,
                    rule,
                    action: "tag".into(),
                    place: Some((2, 3)),
                    value,
                };
                report.found(&found).unwrap();
            }
        }
        assert_eq!(report.finish().unwrap(), 4);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_one_finding_a_line() {
        assert_eq!(
            run(Format::Text, By::Rule, None).lines().next(),
            Some("a.log:2:3 x.one")
        );
        assert_eq!(
            run(Format::Text, By::Rule, Some(b"v\n")).lines().next(),
            Some(r"a.log:2:3 x.one v\n")
        );
    }

    #[test]
    fn jsonl_has_exactly_the_five_keys() {
        let text = run(Format::Jsonl, By::Rule, None);
        assert_eq!(
            text.lines().next(),
            Some(r#"{"file":"a.log","start":4,"end":9,"rule":"x.one","action":"tag"}"#)
        );
        assert!(
            text.lines()
                .last()
                .is_some_and(|line| line.starts_with(r#"{"file":"b \"q\".log","#))
        );
    }

    #[test]
    fn summaries_count_findings_and_files() {
        let text = run(Format::Summary, By::Rule, None);
        let expected = "rule   findings  files  action\nx.two         3      2  tag\nx.one         1      1  tag\n\n4 findings in 2 files, 20 bytes\n";
        assert_eq!(text, expected);
        assert!(
            run(Format::Summary, By::File, None).contains("b \"q\".log  x.two         2  tag\n")
        );
    }
}
