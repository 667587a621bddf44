//! Reads the YAML rules of Nosey Parker and of Kingfisher, which has its form from it. The formats are documented in
//! Nosey Parker's `docs/RULES.md` and Kingfisher's page "Writing Custom Rules".

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use serde_json::Value;

use super::source::{Check, Dialect, Fate, Foreign, Read, Secret, strings, unknown_keys};
use crate::input;

/// Whose rules they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// Every group is found.
    NoseyParker,
    /// The group `TOKEN` is, otherwise the first.
    Kingfisher,
}

const KEYS: [&str; 21] = [
    "id",
    "name",
    "description",
    "pattern",
    "categories",
    "references",
    "examples",
    "negative_examples",
    "min_entropy",
    "confidence",
    "visible",
    "pattern_requirements",
    "validation",
    "revocation",
    "depends_on_rule",
    "prevalidated",
    "tls_mode",
    "vulnerability_class",
    "rule_revision",
    "authoritative",
    "access_map",
];

/// Reads one file, or every YAML file of a folder and of those below it.
///
/// # Errors
/// When one of them cannot be read or is not YAML, or none holds a rule.
pub(super) fn read(path: &Path, tool: Tool) -> anyhow::Result<Read> {
    let mut files = Vec::new();
    if path.is_dir() {
        collect(path, &mut files)?;
        files.sort();
    } else {
        files.push(path.to_path_buf());
    }
    let mut read = Read::default();
    for file in &files {
        let bytes = input::whole(file)?;
        let text =
            String::from_utf8(bytes).map_err(|_| anyhow!("`{}` is not UTF-8", file.display()))?;
        let parsed: Value = serde_saphyr::from_str(&text).map_err(|error| {
            let message = error.to_string();
            let message = first_line(&message);
            anyhow!(
                "`{}` is not YAML: {}",
                file.display(),
                message.strip_prefix("error: ").unwrap_or(message)
            )
        })?;
        let rules = parsed["rules"].as_array().into_iter().flatten();
        read.rules.extend(
            rules
                .enumerate()
                .map(|(index, table)| rule(index, table, tool)),
        );
    }
    if read.rules.is_empty() {
        bail!(
            "`{}` holds no rules: a file of rules has a list under `rules:`",
            path.display()
        );
    }
    Ok(read)
}

/// Parsers add a picture of the place, which may show what stands there.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| anyhow!("cannot read the folder `{}`: {error}", folder.display()))?;
    for entry in entries {
        let path = entry
            .map_err(|error| anyhow!("cannot read the folder `{}`: {error}", folder.display()))?
            .path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yml" || extension == "yaml")
        {
            files.push(path);
        }
    }
    Ok(())
}

fn rule(index: usize, table: &Value, tool: Tool) -> Foreign {
    let text = |key: &str| table[key].as_str().unwrap_or_default();
    let id = match text("id") {
        "" => format!("rule-{}", index + 1),
        id => id.to_string(),
    };
    let description = match text("name") {
        "" => text("description"),
        name => name,
    };
    let mut rule = Foreign::new(&id, description, Dialect::Rust);
    rule.secret = match tool {
        Tool::NoseyParker => Secret::Each,
        Tool::Kingfisher => Secret::Token,
    };
    rule.pattern = table["pattern"]
        .as_str()
        .filter(|pattern| !pattern.trim().is_empty())
        .map(ToString::to_string);
    if rule.pattern.is_none() {
        rule.note(Fate::LeftOut, "it has no pattern");
    }
    rule.tags = strings(&table["categories"]);
    rule.link = strings(&table["references"]).into_iter().next();
    rule.examples = strings(&table["examples"]);
    rule.counter_examples = strings(&table["negative_examples"]);
    rule.confidence = match text("confidence") {
        "low" => "low",
        "high" => "high",
        _ => "medium",
    };
    if let Some(entropy) = table["min_entropy"].as_f64().filter(|&bits| bits > 0.0) {
        rule.validators.push(Check::Entropy(entropy));
    }
    if table["visible"].as_bool() == Some(false) {
        rule.note(
            Fate::LeftOut,
            "it only helps another rule (`visible: false`) and finds no secret",
        );
    }
    requirements(&mut rule, &table["pattern_requirements"]);
    for (key, what) in [
        ("validation", "verification by a request to its service"),
        ("revocation", "revocation by a request to its service"),
        (
            "depends_on_rule",
            "the rule it takes a value from, which only verification needs",
        ),
    ] {
        if !table[key].is_null() {
            rule.note(Fate::Unneeded, what);
        }
    }
    unknown_keys(&mut rule, table, &KEYS);
    rule
}

fn requirements(rule: &mut Foreign, table: &Value) {
    let least = |key: &str| table[key].as_u64().unwrap_or(0);
    match least("min_digits") {
        0 => {}
        digits => {
            rule.validators.push(Check::Word("has-digit"));
            if digits > 1 {
                rule.note(
                    Fate::Approximated,
                    "`min_digits` above one: one digit is enough",
                );
            }
        }
    }
    if least("min_uppercase") + least("min_lowercase") > 0 {
        rule.validators.push(Check::Word("has-letter"));
        rule.note(
            Fate::Approximated,
            "letters of one case (`min_uppercase`, `min_lowercase`): any letter is enough",
        );
    }
    if least("min_special_chars") > 0 {
        rule.note(
            Fate::Missing,
            "`min_special_chars`: it finds values without such characters too",
        );
    }
    let words = strings(&table["ignore_if_contains"]);
    if !words.is_empty() {
        rule.validators.push(Check::Without(words));
    }
    if !table["checksum"].is_null() {
        rule.note(
            Fate::Missing,
            "its checksum expression: it finds values with a wrong one too",
        );
    }
    let known = [
        "min_digits",
        "min_uppercase",
        "min_lowercase",
        "min_special_chars",
        "special_chars",
        "ignore_if_contains",
        "checksum",
    ];
    unknown_keys(rule, table, &known);
}
