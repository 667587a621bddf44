//! What is kept of a measurement: counts, and when one record is worse than another. No program is run here.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The profiles that are measured.
pub(super) const PROFILES: [&str; 2] = ["default", "strict"];

/// One in so many records of a row may be lost unnoticed, and one in any case: rules are weighed against each other, and a row
/// is no better known than that.
const TOLERANCE: u64 = 200;

/// All that is kept, by profile.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// The command that makes it.
    repeat: String,
    pub(super) profiles: BTreeMap<String, Profile>,
}

/// What one profile does.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    pub(super) secrets: Set,
    /// The records of secrets again, with the rules of the pack `secrets` alone.
    #[serde(default)]
    pub(super) secrets_alone: Counts,
    pub(super) pii: Set,
    pub(super) logs: Logs,
}

/// Labelled records of one kind.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Set {
    pub(super) all: Counts,
    /// By family, bare values left out.
    pub(super) in_context: BTreeMap<String, Counts>,
}

/// The counts of one row. Those that are zero are not written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Counts {
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) positives: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) hit: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) cover: u64,
    /// Negatives that their source calls a false positive, and in how many of them something was found.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) source_fp: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) source_fp_flagged: u64,
    /// Negatives that were made to look like a positive.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) near_miss: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) near_miss_flagged: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Plain logs, in which every finding is a false alarm.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Logs {
    pub(super) lines: u64,
    pub(super) alarms: u64,
    pub(super) rules: BTreeMap<String, u64>,
}

impl Counts {
    fn read(row: &Value) -> Result<Self> {
        let number = |key: &str| {
            row[key]
                .as_u64()
                .with_context(|| format!("a row of `blackbar eval` has no {key}"))
        };
        let class = |class: &str, key: &str| row["negatives"][class][key].as_u64().unwrap_or(0);
        Ok(Self {
            positives: number("positives")?,
            hit: number("hit")?,
            cover: number("cover")?,
            source_fp: class("source_fp", "records"),
            source_fp_flagged: class("source_fp", "flagged"),
            near_miss: class("near_miss", "records"),
            near_miss_flagged: class("near_miss", "flagged"),
        })
    }

    /// Adds the counts of another row.
    pub(super) fn add(&mut self, other: &Self) {
        self.positives += other.positives;
        self.hit += other.hit;
        self.cover += other.cover;
        self.source_fp += other.source_fp;
        self.source_fp_flagged += other.source_fp_flagged;
        self.near_miss += other.near_miss;
        self.near_miss_flagged += other.near_miss_flagged;
    }

    /// What `now` has lost against this, beyond the tolerance.
    fn losses(&self, now: &Self, row: &str, found: &mut Vec<String>) {
        let same = (self.positives, self.source_fp, self.near_miss)
            == (now.positives, now.source_fp, now.near_miss);
        if !same {
            found.push(format!(
                "{row}: the corpus has other records than those that were recorded; `--bless` records it anew"
            ));
            return;
        }
        let mut worse = |what: &str, before: u64, now: u64, of: u64| {
            if before > now + allowed(of) {
                found.push(format!("{row}: {what} {before} before, {now} now, of {of}"));
            }
        };
        worse("hit", self.hit, now.hit, self.positives);
        worse("covered", self.cover, now.cover, self.positives);
        let passed = |flagged: u64, of: u64| of.saturating_sub(flagged);
        worse(
            "source_fp left alone",
            passed(self.source_fp_flagged, self.source_fp),
            passed(now.source_fp_flagged, now.source_fp),
            self.source_fp,
        );
    }
}

impl Logs {
    /// The rules that have more false alarms now.
    fn risen(&self, now: &Self) -> Vec<String> {
        let rules = now.rules.iter();
        let rules = rules.filter_map(|(rule, &now)| {
            let before = self.rules.get(rule).copied().unwrap_or(0);
            (now > before).then(|| format!("{rule} ({before}, now {now})"))
        });
        rules.collect()
    }
}

/// How many records of a row may be lost.
fn allowed(of: u64) -> u64 {
    (of / TOLERANCE).max(1)
}

impl Set {
    /// The rows that `keep` takes, added up.
    pub(super) fn sum(&self, keep: impl Fn(&str) -> bool) -> Counts {
        let mut sum = Counts::default();
        for (family, counts) in &self.in_context {
            if keep(family) {
                sum.add(counts);
            }
        }
        sum
    }

    fn losses(&self, now: &Self, name: &str, found: &mut Vec<String>) {
        self.all.losses(&now.all, name, found);
        for (family, counts) in &self.in_context {
            match now.in_context.get(family) {
                Some(now) => counts.losses(now, &format!("{name}, {family}"), found),
                None => found.push(format!("{name}, {family}: not in the corpus any more")),
            }
        }
    }
}

impl Record {
    /// Takes in what `blackbar eval --json` says of labelled records.
    pub(super) fn add_labelled(&mut self, profile: &str, set: &str, json: &Value) -> Result<()> {
        let mut rows = Set {
            all: Counts::read(&json["all"])?,
            ..Set::default()
        };
        let families = json["families_in_context"].as_object();
        for (family, row) in families.context("`blackbar eval` gave no families")? {
            let counts = Counts::read(row)?;
            if counts != Counts::default() {
                rows.in_context.insert(family.clone(), counts);
            }
        }
        let profile = self.profile(profile);
        match set {
            "secrets" => profile.secrets = rows,
            _ => profile.pii = rows,
        }
        Ok(())
    }

    /// Takes in what `blackbar eval --json` says of the records of secrets when the pack `secrets` is alone.
    pub(super) fn add_alone(&mut self, profile: &str, json: &Value) -> Result<()> {
        self.profile(profile).secrets_alone = Counts::read(&json["all"])?;
        Ok(())
    }

    /// Takes in what `blackbar eval --json --lines` says of logs.
    pub(super) fn add_logs(&mut self, profile: &str, json: &Value) -> Result<()> {
        let lines = &json["lines"];
        let number = |key: &str| {
            lines[key]
                .as_u64()
                .with_context(|| format!("`blackbar eval --lines` gave no {key}"))
        };
        let rules = lines["rules"].as_object().context("no rules of the logs")?;
        self.profile(profile).logs = Logs {
            lines: number("lines")?,
            alarms: number("findings")?,
            rules: rules
                .iter()
                .map(|(rule, found)| (rule.clone(), found.as_u64().unwrap_or(0)))
                .collect(),
        };
        Ok(())
    }

    fn profile(&mut self, name: &str) -> &mut Profile {
        self.repeat = "cargo xtask quality --bless".to_owned();
        self.profiles.entry(name.to_owned()).or_default()
    }

    pub(super) fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).context("the record of `cargo xtask quality` cannot be read")
    }

    /// One row a line, so that a difference can be read.
    pub(super) fn to_json(&self) -> Result<String> {
        let pretty = serde_json::to_string_pretty(self)?;
        // The innermost objects are short: on one line each.
        let mut text = String::new();
        let mut lines = pretty.lines().peekable();
        while let Some(line) = lines.next() {
            text.push_str(line);
            let indent = line.len() - line.trim_start().len();
            if indent < INNERMOST || !line.ends_with('{') {
                text.push('\n');
                continue;
            }
            let mut between = "";
            for inner in lines.by_ref() {
                let inner = inner.trim();
                if inner.starts_with('}') {
                    text.push_str(inner);
                    break;
                }
                text.push_str(between);
                text.push_str(inner);
                between = " ";
            }
            text.push('\n');
        }
        Ok(text)
    }

    /// What `now` does worse than this record, beyond the tolerance: one sentence each.
    pub(super) fn losses(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (name, before) in &self.profiles {
            let Some(now) = now.profiles.get(name) else {
                found.push(format!("the profile {name} was not measured"));
                continue;
            };
            for (set, before, now) in [
                ("secrets", &before.secrets, &now.secrets),
                ("pii", &before.pii, &now.pii),
            ] {
                before.losses(now, &format!("{name}, {set}"), &mut found);
            }
            if now.logs.alarms > before.logs.alarms + allowed(before.logs.alarms) {
                found.push(format!(
                    "{name}, logs: {} false alarms before, {} now; more of {}",
                    before.logs.alarms,
                    now.logs.alarms,
                    before.logs.risen(&now.logs).join(", ")
                ));
            }
        }
        found
    }
}

/// The indentation of a row of counts in the record.
const INNERMOST: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn measured(hit: u64, flagged: u64, alarms: u64) -> Record {
        let row = |hit: u64| {
            json!({"positives": 600, "hit": hit, "cover": hit,
                   "negatives": {"source_fp": {"records": 100, "flagged": flagged}}})
        };
        let labelled = json!({"all": row(hit), "families_in_context": {"aws": row(hit)}});
        let logs = json!({"lines": {"lines": 1000, "findings": alarms, "rules": {"a.b": alarms}}});
        let mut record = Record::default();
        for profile in PROFILES {
            for set in ["secrets", "pii"] {
                record.add_labelled(profile, set, &labelled).unwrap();
            }
            record.add_logs(profile, &logs).unwrap();
        }
        record
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_has_a_row_a_line() {
        let record = measured(500, 3, 40);
        let text = record.to_json().unwrap();
        assert_eq!(Record::from_json(&text).unwrap(), record);
        assert!(text.contains(
            "\"aws\": {\"positives\": 600, \"hit\": 500, \"cover\": 500, \"source_fp\": 100, \"source_fp_flagged\": 3}\n"
        ), "{text}");
    }

    #[test]
    fn what_is_lost_beyond_the_tolerance_is_told() {
        let before = measured(500, 3, 40);
        assert!(before.losses(&before).is_empty());
        // One in 200 records of a row, one at least.
        assert!(before.losses(&measured(497, 4, 41)).is_empty());
        assert!(before.losses(&measured(600, 0, 0)).is_empty());
        let lost = before.losses(&measured(496, 3, 40));
        assert!(
            lost.contains(&"strict, secrets, aws: hit 500 before, 496 now, of 600".to_owned()),
            "{lost:?}"
        );
        let lost = before.losses(&measured(500, 5, 42));
        assert!(
            lost.contains(
                &"default, logs: 40 false alarms before, 42 now; more of a.b (40, now 42)"
                    .to_owned()
            ) && lost
                .iter()
                .any(|one| one.contains("source_fp left alone 97 before, 95 now")),
            "{lost:?}"
        );
    }
}
