//! The table of results: targets, whether they are reached, and its place in a document. Nothing is measured here.

use anyhow::{Context, Result};

use super::record::{Counts, Profile, Record, Set};

/// Around the table in the document.
const BEGIN: &str = "<!-- begin: cargo xtask quality --bless -->";
const END: &str = "<!-- end: cargo xtask quality --bless -->";

/// The kinds of personal data whose mean is taken: the first word of a family, US ids on their own.
const GROUPS: [&str; 13] = [
    "email",
    "card",
    "iban",
    "phone",
    "ip",
    "mac",
    "crypto-address",
    "natid",
    "natid:us",
    "passport",
    "driver",
    "bank",
    "medical",
];

/// Families of national ids that are no ids with a check digit: their formats have none, or, where numbers were generated
/// (`faker`), the generator does not compute it for every country.
const NO_CHECK_DIGIT: [&str; 18] = [
    "ar-dni",
    "cr-cpf",
    "de-stnr",
    "de-tax-number",
    "gb-nino",
    "gb-trn",
    "in-pan",
    "in-voter",
    "ke-pin",
    "li-peid",
    "my-nric",
    "ng-nin",
    "nl-identiteitskaartnummer",
    "ph-mobile-number",
    "ph-tin",
    "pk-cnic",
    "tr-phone-number",
    "us-",
];

fn group(family: &str) -> &str {
    if family.starts_with("natid:us-") {
        return "natid:us";
    }
    family.split(':').next().unwrap_or_default()
}

fn has_check_digit(family: &str) -> bool {
    family.strip_prefix("natid:").is_some_and(|id| {
        !id.contains("faker") && !NO_CHECK_DIGIT.iter().any(|none| id.starts_with(none))
    })
}

/// One line of the table of targets.
struct Row {
    what: String,
    profile: &'static str,
    /// In per cent, or a number of alarms.
    now: Option<f64>,
    target: f64,
    /// Whether less is better.
    at_most: bool,
    unit: &'static str,
    /// What is counted, in words.
    of: String,
}

impl Row {
    fn reached(&self) -> bool {
        self.now.is_some_and(|now| {
            if self.at_most {
                now <= self.target
            } else {
                now >= self.target
            }
        })
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of records stay far below 2^52"
)]
fn percent(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| 100.0 * part as f64 / of as f64)
}

/// The targets of detection, and what is reached.
fn rows(record: &Record) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut share = |what: &str, profile, part: u64, of: u64, target: f64, at_most: bool| {
        rows.push(Row {
            what: what.to_owned(),
            profile,
            now: percent(part, of),
            target,
            at_most,
            unit: " %",
            of: format!("{part} of {of}"),
        });
    };
    let nothing = Profile::default();
    let profile = |name: &str| record.profiles.get(name).unwrap_or(&nothing);
    let (strict, default) = (profile("strict"), profile("default"));

    let all = &strict.secrets.all;
    share(
        "secrets: hit",
        "strict",
        all.hit,
        all.positives,
        88.0,
        false,
    );
    share(
        "secrets: cover",
        "strict",
        all.cover,
        all.positives,
        85.0,
        false,
    );
    share(
        "secrets: false positives (source_fp)",
        "strict",
        all.source_fp_flagged,
        all.source_fp,
        6.0,
        true,
    );
    let all = &default.secrets.all;
    share(
        "secrets: hit",
        "default",
        all.hit,
        all.positives,
        75.0,
        false,
    );
    share(
        "secrets: false positives (source_fp)",
        "default",
        all.source_fp_flagged,
        all.source_fp,
        3.0,
        true,
    );
    let password = strict.secrets.sum(|family| family == "generic-password");
    share(
        "secrets: generic-password, hit",
        "strict",
        password.hit,
        password.positives,
        65.0,
        false,
    );
    for (name, words) in [
        ("email", "e-mail"),
        ("card", "cards"),
        ("iban", "IBAN"),
        ("ip", "IP addresses"),
        ("mac", "MAC addresses"),
        ("natid:us", "US ids"),
    ] {
        let sum = strict.pii.sum(|family| group(family) == name);
        let what = format!("personal data in context: {words}, hit");
        share(&what, "strict", sum.hit, sum.positives, 95.0, false);
    }
    let ids = strict.pii.sum(has_check_digit);
    share(
        "personal data in context: national ids with a check digit, hit",
        "strict",
        ids.hit,
        ids.positives,
        85.0,
        false,
    );
    let (hit, cover) = means(&strict.pii);
    for (what, now, target) in [("hit", hit, 92.0), ("cover", cover, 90.0)] {
        rows.insert(
            6,
            Row {
                what: format!("personal data in context: mean {what} of 13 groups"),
                profile: "strict",
                now,
                target,
                at_most: false,
                unit: " %",
                of: String::new(),
            },
        );
    }
    rows.swap(6, 7);
    for (name, logs, target) in [
        ("default", &default.logs, 40.0),
        ("strict", &strict.logs, 400.0),
    ] {
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts of alarms stay far below 2^52"
        )]
        let (alarms, lines) = (logs.alarms as f64, logs.lines as f64);
        rows.push(Row {
            what: "real logs, without network addresses: false alarms".to_owned(),
            profile: name,
            now: (logs.lines > 0).then_some(alarms),
            target,
            at_most: true,
            unit: "",
            of: format!(
                "{:.2} per 1,000 of {} lines",
                1000.0 * alarms / lines.max(1.0),
                logs.lines
            ),
        });
    }
    rows
}

/// Mean hit and cover over the groups that have positives.
fn means(set: &Set) -> (Option<f64>, Option<f64>) {
    let (mut hit, mut cover, mut groups) = (0.0, 0.0, 0.0);
    for name in GROUPS {
        let sum = set.sum(|family| group(family) == name);
        if let (Some(h), Some(c)) = (
            percent(sum.hit, sum.positives),
            percent(sum.cover, sum.positives),
        ) {
            hit += h;
            cover += c;
            groups += 1.0;
        }
    }
    let mean = |sum: f64| (groups > 0.0).then(|| sum / groups);
    (mean(hit), mean(cover))
}

fn cell(number: Option<f64>, unit: &str) -> String {
    match number {
        None => "-".to_owned(),
        Some(number) if unit.is_empty() => format!("{number:.0}"),
        Some(number) => format!("{number:.1}{unit}"),
    }
}

/// The tables as Markdown.
pub(super) fn render(record: &Record) -> String {
    let mut text = String::from(
        "| What | Profile | Measured | Target | Reached | Counted |\n|---|---|---:|---:|---|---|\n",
    );
    let rows = rows(record);
    for row in &rows {
        let sign = if row.at_most { "≤" } else { "≥" };
        text.push_str(&format!(
            "| {} | `{}` | {} | {sign} {:.0}{} | {} | {} |\n",
            row.what,
            row.profile,
            cell(row.now, row.unit),
            row.target,
            row.unit,
            if row.reached() { "yes" } else { "**no**" },
            row.of
        ));
    }
    let reached = rows.iter().filter(|row| row.reached()).count();
    text.push_str(&format!(
        "\n{reached} of {} targets are reached.\n",
        rows.len()
    ));

    let alone = |name: &str| {
        let profile = record.profiles.get(name);
        let counts = profile.map_or_else(Counts::default, |profile| profile.secrets_alone);
        let share = cell(percent(counts.source_fp_flagged, counts.source_fp), " %");
        format!(
            "{} of {} ({share}) in `{}`",
            counts.source_fp_flagged, counts.source_fp, name
        )
    };
    text.push_str(&format!(
        "\nThe profiles redact personal data in the records of secrets too. With the pack `secrets` alone the false positives are {} and {}.\n",
        alone("strict"),
        alone("default")
    ));

    text.push_str("\nPersonal data in context, by group:\n\n| Group | Records | `strict` hit | `strict` cover | `default` hit | `default` cover |\n|---|---:|---:|---:|---:|---:|\n");
    for name in GROUPS {
        let sum = |profile: &str| {
            let profile = record.profiles.get(profile);
            profile.map_or_else(Counts::default, |profile| {
                profile.pii.sum(|family| group(family) == name)
            })
        };
        let (strict, default) = (sum("strict"), sum("default"));
        let share = |part, of| cell(percent(part, of), " %");
        text.push_str(&format!(
            "| {name} | {} | {} | {} | {} | {} |\n",
            strict.positives,
            share(strict.hit, strict.positives),
            share(strict.cover, strict.positives),
            share(default.hit, default.positives),
            share(default.cover, default.positives),
        ));
    }

    text.push_str("\nFalse alarms in the logs, without network addresses, by rule:\n\n| Rule | `default` | `strict` |\n|---|---:|---:|\n");
    let alarms = |profile: &str, rule: &str| {
        let profile = record.profiles.get(profile);
        profile
            .and_then(|profile| profile.logs.rules.get(rule).copied())
            .unwrap_or(0)
    };
    let rules = record
        .profiles
        .values()
        .flat_map(|profile| profile.logs.rules.keys());
    let rules: std::collections::BTreeSet<&String> = rules.collect();
    let mut rules: Vec<&String> = rules.into_iter().collect();
    rules.sort_by_key(|rule| (std::cmp::Reverse(alarms("strict", rule)), (*rule).clone()));
    for rule in rules {
        let (default, strict) = (alarms("default", rule), alarms("strict", rule));
        text.push_str(&format!("| `{rule}` | {default} | {strict} |\n"));
    }
    text
}

/// Whether the document holds the tables of the record.
pub(super) fn is_current(record: &Record, document: &str) -> Result<bool> {
    Ok(replace(document, &render(record))? == document)
}

/// The document with other tables.
pub(super) fn replace(document: &str, tables: &str) -> Result<String> {
    let missing = || format!("the document has no lines `{BEGIN}` and `{END}`");
    let (before, rest) = document.split_once(BEGIN).with_context(missing)?;
    let (_, after) = rest.split_once(END).with_context(missing)?;
    Ok(format!("{before}{BEGIN}\n\n{tables}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn groups_and_check_digits() {
        assert_eq!(group("natid:us-itin"), "natid:us");
        assert_eq!(group("natid:pl-pesel"), "natid");
        assert_eq!(group("card:visa"), "card");
        assert!(has_check_digit("natid:pl-pesel") && !has_check_digit("natid:pl-faker-ssn"));
        assert!(!has_check_digit("natid:us-ssn") && !has_check_digit("card:visa"));
    }

    #[test]
    fn targets_are_compared_and_the_table_goes_between_its_marks() {
        let row = |hit: u64, flagged: u64| {
            json!({"positives": 100, "hit": hit, "cover": hit,
                   "negatives": {"source_fp": {"records": 100, "flagged": flagged}}})
        };
        let mut record = Record::default();
        let families = json!({"generic-password": row(65, 0)});
        let secrets = json!({"all": row(88, 7), "families_in_context": families});
        record.add_labelled("strict", "secrets", &secrets).unwrap();
        let families =
            json!({"email": row(100, 0), "natid:us-ssn": row(94, 0), "iban": row(70, 0)});
        let pii = json!({"all": row(90, 0), "families_in_context": families});
        record.add_labelled("strict", "pii", &pii).unwrap();
        let logs = json!({"lines": {"lines": 1000, "findings": 41, "rules": {"a.b": 41}}});
        record.add_logs("default", &logs).unwrap();
        let alone = json!({"all": row(80, 5)});
        record.add_alone("strict", &alone).unwrap();
        let text = render(&record);
        assert!(
            text.contains("are 5 of 100 (5.0 %) in `strict` and 0 of 0 (-) in `default`."),
            "{text}"
        );
        for line in [
            "| secrets: hit | `strict` | 88.0 % | ≥ 88 % | yes | 88 of 100 |",
            "| secrets: false positives (source_fp) | `strict` | 7.0 % | ≤ 6 % | **no** | 7 of 100 |",
            "| secrets: hit | `default` | - | ≥ 75 % | **no** | 0 of 0 |",
            "| secrets: generic-password, hit | `strict` | 65.0 % | ≥ 65 % | yes | 65 of 100 |",
            "| personal data in context: mean hit of 13 groups | `strict` | 88.0 % | ≥ 92 % | **no** |  |",
            "| personal data in context: US ids, hit | `strict` | 94.0 % | ≥ 95 % | **no** | 94 of 100 |",
            "| real logs, without network addresses: false alarms | `default` | 41 | ≤ 40 | **no** | 41.00 per 1,000 of 1000 lines |",
            "| `a.b` | 41 | 0 |",
        ] {
            assert!(
                text.contains(&format!("{line}\n")),
                "{line}\nis not in\n{text}"
            );
        }
        let document = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        assert!(!is_current(&record, &document).unwrap());
        let new = replace(&document, &text).unwrap();
        assert!(is_current(&record, &new).unwrap());
        assert!(new.starts_with("before\n") && new.ends_with("\nafter\n") && !new.contains("old"));
        assert!(replace("no marks", &text).is_err());
    }
}
