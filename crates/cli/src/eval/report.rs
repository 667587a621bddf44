//! How `eval` writes its results: tables for people, one JSON object for programs. Nothing is counted here.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::By;
use super::metrics::{Lines, Metrics, RuleTally, Tally};
use crate::show::{Table, count, percent};

/// The classes of negatives that have columns of their own.
const CLASSES: [&str; 2] = ["source_fp", "near_miss"];

/// Writes tables: all records, then the rows that were asked for, then the plain lines.
pub(super) fn tables(
    out: &mut dyn Write,
    by: Option<By>,
    scored: Option<&Metrics>,
    lines: Option<&Lines>,
) -> io::Result<()> {
    if let Some(metrics) = scored {
        let mut columns = vec![
            "",
            "#positives",
            "#hit %",
            "#cover %",
            "#FPR source_fp",
            "#of",
            "#FPR near_miss",
            "#of",
        ];
        // Only where there are negatives without a class.
        let others = metrics
            .all
            .negatives
            .keys()
            .any(|class| !CLASSES.contains(&class.as_str()));
        if others {
            columns.extend(["#FPR other", "#of"]);
        }
        let mut table = Table::new(&columns);
        table.row(row("ALL", &metrics.all, others));
        for (name, tally) in by
            .and_then(|by| tallies(metrics, by))
            .map(sorted)
            .unwrap_or_default()
        {
            table.row(row(name, tally, others));
        }
        table.write(out)?;
        if let Some(average) = metrics.macro_average().filter(|_| by == Some(By::Group)) {
            writeln!(
                out,
                "\nmean over the {} in context: hit {:.1}, cover {:.1}",
                count(average.groups, "group"),
                100.0 * average.hit,
                100.0 * average.cover
            )?;
        }
        if by == Some(By::Rule) {
            writeln!(out)?;
            rules(metrics).write(out)?;
        }
        if metrics.left_out > 0 {
            writeln!(
                out,
                "\n{} not scored (identifiers, ner, rfc_corner, negative_for)",
                count(metrics.left_out, "record")
            )?;
        }
    }
    if let Some(lines) = lines {
        if scored.is_some() {
            writeln!(out)?;
        }
        let (heading, rows) = match by {
            Some(By::Source) => ("file", &lines.by_file),
            _ => ("rule", &lines.rules),
        };
        let mut table = Table::new(&[heading, "#false alarms", "#per 1,000 lines"]);
        let mut rules: Vec<_> = rows.iter().collect();
        rules.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        table.row([
            "ALL".to_string(),
            lines.findings.to_string(),
            format!("{:.2}", lines.per_thousand(lines.findings)),
        ]);
        for (rule, findings) in rules {
            table.row([
                rule.clone(),
                findings.to_string(),
                format!("{:.2}", lines.per_thousand(*findings)),
            ]);
        }
        table.write(out)?;
        writeln!(
            out,
            "\n{} in {}, {}",
            count(lines.lines, "line"),
            count(lines.files, "file"),
            count(lines.bytes, "byte")
        )?;
    }
    Ok(())
}

fn tallies(metrics: &Metrics, by: By) -> Option<&BTreeMap<String, Tally>> {
    match by {
        By::Family => Some(&metrics.families),
        By::Source => Some(&metrics.sources),
        By::Group => Some(&metrics.groups),
        By::Rule => None,
    }
}

/// Rows with the most positives first.
fn sorted(tallies: &BTreeMap<String, Tally>) -> Vec<(&str, &Tally)> {
    let mut rows: Vec<(&str, &Tally)> = tallies
        .iter()
        .map(|(name, tally)| (name.as_str(), tally))
        .collect();
    rows.sort_by(|a, b| b.1.positives.cmp(&a.1.positives).then(a.0.cmp(b.0)));
    rows
}

fn row(name: &str, tally: &Tally, others: bool) -> Vec<String> {
    let mut cells = vec![
        name.to_string(),
        tally.positives.to_string(),
        percent(tally.hit, tally.positives),
        percent(tally.cover, tally.positives),
    ];
    for class in CLASSES {
        let (negatives, flagged) = tally.class(class);
        cells.extend([percent(flagged, negatives), negatives.to_string()]);
    }
    if others {
        let (negatives, flagged) = rest(tally);
        cells.extend([percent(flagged, negatives), negatives.to_string()]);
    }
    cells
}

/// Negatives of the classes that have no column, and in how many of them something was found.
fn rest(tally: &Tally) -> (u64, u64) {
    let others = tally
        .negatives
        .iter()
        .filter(|(class, _)| !CLASSES.contains(&class.as_str()));
    others.fold((0, 0), |(negatives, flagged), (_, (n, f))| {
        (negatives + n, flagged + f)
    })
}

fn rules(metrics: &Metrics) -> Table {
    let mut table = Table::new(&[
        "rule",
        "#findings",
        "#hit",
        "#hit alone",
        "#flagged source_fp",
        "#near_miss",
        "#other",
    ]);
    let mut rows: Vec<_> = metrics.rules.iter().collect();
    rows.sort_by(|a, b| b.1.hit.cmp(&a.1.hit).then(a.0.cmp(b.0)));
    for (rule, tally) in rows {
        let flagged = |class: &str| tally.flagged.get(class).copied().unwrap_or(0);
        let other: u64 = tally.flagged.values().sum::<u64>()
            - CLASSES.iter().map(|class| flagged(class)).sum::<u64>();
        let numbers = [
            tally.findings,
            tally.hit,
            tally.only,
            flagged(CLASSES[0]),
            flagged(CLASSES[1]),
            other,
        ];
        table.row(std::iter::once(rule.clone()).chain(numbers.iter().map(ToString::to_string)));
    }
    table
}

#[derive(Serialize)]
struct JsonTally<'a> {
    positives: u64,
    hit: u64,
    cover: u64,
    /// By class.
    negatives: BTreeMap<&'a str, JsonNegatives>,
}

#[derive(Serialize)]
struct JsonNegatives {
    records: u64,
    flagged: u64,
}

impl<'a> From<&'a Tally> for JsonTally<'a> {
    fn from(tally: &'a Tally) -> Self {
        let negatives = tally.negatives.iter();
        Self {
            positives: tally.positives,
            hit: tally.hit,
            cover: tally.cover,
            negatives: negatives
                .map(|(class, &(records, flagged))| {
                    (class.as_str(), JsonNegatives { records, flagged })
                })
                .collect(),
        }
    }
}

/// Writes one JSON object of counts: whoever reads it divides. Every breakdown is in it; that of `by` stands under `by` once more.
pub(super) fn json(
    out: &mut dyn Write,
    policy: &str,
    by: Option<By>,
    scored: Option<&Metrics>,
    lines: Option<&Lines>,
) -> anyhow::Result<()> {
    let mut object = Map::new();
    object.insert("policy".to_string(), json!(policy));
    if let Some(metrics) = scored {
        object.insert(
            "all".to_string(),
            serde_json::to_value(JsonTally::from(&metrics.all))?,
        );
        object.insert("not_scored".to_string(), json!(metrics.left_out));
        if let Some(average) = metrics.macro_average() {
            let value =
                json!({"groups": average.groups, "hit": average.hit, "cover": average.cover});
            object.insert("mean_in_context".to_string(), value);
        }
        for (name, tallies) in [
            ("families", &metrics.families),
            ("families_in_context", &metrics.in_context),
            ("sources", &metrics.sources),
            ("groups", &metrics.groups),
        ] {
            object.insert(name.to_string(), rows_json(tallies)?);
        }
        let rules = metrics.rules.iter();
        let rules: Map<String, Value> = rules
            .map(|(rule, tally)| (rule.clone(), rule_json(tally)))
            .collect();
        if let Some(by) = by {
            let rows = match tallies(metrics, by) {
                Some(tallies) => rows_json(tallies)?,
                None => Value::Object(rules.clone()),
            };
            object.insert("by".to_string(), rows);
        }
        object.insert("rules".to_string(), Value::Object(rules));
    }
    if let Some(lines) = lines {
        let value = json!({
            "files": lines.files, "lines": lines.lines, "bytes": lines.bytes, "findings": lines.findings,
            "per_1000_lines": lines.per_thousand(lines.findings), "rules": lines.rules,
            "by_file": lines.by_file,
        });
        object.insert("lines".to_string(), value);
    }
    serde_json::to_writer_pretty(&mut *out, &object)?;
    writeln!(out)?;
    Ok(())
}

fn rows_json(tallies: &BTreeMap<String, Tally>) -> serde_json::Result<Value> {
    let mut rows = Map::new();
    for (name, tally) in tallies {
        rows.insert(name.clone(), serde_json::to_value(JsonTally::from(tally))?);
    }
    Ok(Value::Object(rows))
}

fn rule_json(tally: &RuleTally) -> Value {
    json!({"findings": tally.findings, "hit": tally.hit, "hit_alone": tally.only, "flagged": tally.flagged})
}
