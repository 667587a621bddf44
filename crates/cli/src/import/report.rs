//! The loss report of an import: for people, and as one JSON object. Nothing is decided here.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::build::{Entry, Outcome};
use super::examples::Example;
use super::source::{Fate, Foreign, Note};
use crate::show::count;

/// What there is to tell.
pub(super) struct Report<'a> {
    pub(super) tool: &'a str,
    pub(super) file: &'a str,
    /// The folder of the pack.
    pub(super) folder: &'a str,
    pub(super) rules: &'a [Foreign],
    pub(super) entries: &'a [Entry],
    /// Of the file as a whole.
    pub(super) notes: &'a [Note],
    pub(super) examples: &'a [Example],
    /// What `blackbar check` warns of.
    pub(super) warnings: &'a [String],
    /// Cases that do not pass, with why.
    pub(super) failed_cases: &'a [String],
}

impl Report<'_> {
    fn number(&self, outcome: Outcome) -> u64 {
        self.entries
            .iter()
            .filter(|entry| entry.outcome == outcome)
            .count() as u64
    }

    fn written(&self) -> u64 {
        self.entries
            .iter()
            .map(|entry| entry.drafts.len() as u64)
            .sum()
    }

    /// For people: sums, then each reason with the rules it holds for.
    pub(super) fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{} of {}: {} as they are, {} approximated, {} left out",
            count(self.entries.len() as u64, "rule"),
            self.file,
            self.number(Outcome::Exact),
            self.number(Outcome::Approximated),
            self.number(Outcome::LeftOut),
        )?;
        writeln!(
            out,
            "{} written to {}",
            count(self.written(), "rule"),
            self.folder
        )?;
        for (fate, heading) in [
            (Fate::LeftOut, "left out, because"),
            (Fate::Approximated, "approximated"),
            (Fate::Missing, "without"),
            (Fate::Unneeded, "not needed to redact"),
        ] {
            let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for note in self.notes.iter().filter(|note| note.fate == fate) {
                reasons.entry(&note.what).or_default().push("(of the file)");
            }
            for (rule, entry) in self.rules.iter().zip(self.entries) {
                // What a rule has lost that is not there at all is of no use.
                if (entry.outcome == Outcome::LeftOut) != (fate == Fate::LeftOut) {
                    continue;
                }
                for note in entry.notes.iter().filter(|note| note.fate == fate) {
                    reasons.entry(&note.what).or_default().push(&rule.id);
                }
            }
            if reasons.is_empty() {
                continue;
            }
            writeln!(out, "\n{heading}")?;
            for (reason, mut rules) in reasons {
                rules.dedup();
                writeln!(out, "  {reason}")?;
                writeln!(out, "    {}", rules.join(" "))?;
            }
        }
        if !self.examples.is_empty() {
            let failed: Vec<&Example> = self
                .examples
                .iter()
                .filter(|one| one.failure.is_some())
                .collect();
            writeln!(
                out,
                "\n{} of the source: {} as it says, {} not",
                count(self.examples.len() as u64, "example"),
                self.examples.len() - failed.len(),
                failed.len()
            )?;
            for example in failed {
                writeln!(
                    out,
                    "  {}: {}",
                    example.name,
                    example.failure.unwrap_or_default()
                )?;
            }
        }
        for (heading, list) in [
            ("cases that fail", self.failed_cases),
            ("warnings of `blackbar check`", self.warnings),
        ] {
            if !list.is_empty() {
                writeln!(out, "\n{heading}")?;
                for one in list {
                    writeln!(out, "  {one}")?;
                }
            }
        }
        Ok(())
    }

    /// For programs: every rule of the source with what became of it.
    pub(super) fn json(&self) -> Value {
        let notes = |notes: &[Note]| -> Vec<Value> {
            notes
                .iter()
                .map(|note| {
                    let fate = match note.fate {
                        Fate::Approximated => "approximated",
                        Fate::Missing => "missing",
                        Fate::Unneeded => "unneeded",
                        Fate::LeftOut => "left_out",
                    };
                    json!({"fate": fate, "what": note.what})
                })
                .collect()
        };
        let rules: Vec<Value> = self
            .rules
            .iter()
            .zip(self.entries)
            .map(|(rule, entry)| {
                let ids: Vec<&str> = entry.drafts.iter().map(|draft| draft.id.as_str()).collect();
                json!({"id": rule.id, "outcome": entry.outcome, "rules": ids, "notes": notes(&entry.notes)})
            })
            .collect();
        let failures: Vec<Value> = self
            .examples
            .iter()
            .filter_map(|example| {
                Some(json!({"name": example.name, "rule": example.rule, "what": example.failure?}))
            })
            .collect();
        json!({
            "tool": self.tool,
            "file": self.file,
            "folder": self.folder,
            "read": self.entries.len(),
            "exact": self.number(Outcome::Exact),
            "approximated": self.number(Outcome::Approximated),
            "left_out": self.number(Outcome::LeftOut),
            "written": self.written(),
            "notes": notes(self.notes),
            "rules": rules,
            "examples": {"run": self.examples.len(), "failures": failures},
            "failed_cases": self.failed_cases,
            "warnings": self.warnings,
        })
    }
}
