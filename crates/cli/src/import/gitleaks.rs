//! Reads gitleaks' configuration (TOML; the same format as Betterleaks before its expressions). What it means is documented in
//! gitleaks' README under "Configuration".

use std::path::Path;

use anyhow::bail;
use blackbar_policy::Source;
use serde_json::Value;

use super::source::{Check, Dialect, Fate, Foreign, Note, Read, Secret, strings, unknown_keys};
use crate::input;

const KEYS: [&str; 13] = [
    "id",
    "description",
    "regex",
    "secretGroup",
    "entropy",
    "keywords",
    "path",
    "tags",
    "allowlist",
    "allowlists",
    "skipReport",
    "required",
    "filter",
];

/// Reads one file.
///
/// # Errors
/// When it cannot be read, is not TOML, or holds no rules.
pub(super) fn read(path: &Path) -> anyhow::Result<Read> {
    let bytes = input::whole(path)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| anyhow::anyhow!("`{}` is not UTF-8", path.display()))?;
    let file: Value = toml::from_str(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let (line, column) = Source::new(path, text.as_str()).line_column(at);
        let message = error.message().replace('\n', "; ");
        anyhow::anyhow!(
            "{}:{line}:{column}: this is not TOML: {message}",
            path.display()
        )
    })?;
    let rules = file["rules"].as_array().map(Vec::as_slice).unwrap_or(&[]);
    if rules.is_empty() {
        bail!(
            "`{}` holds no rules: gitleaks' configuration has tables [[rules]]",
            path.display()
        );
    }
    let mut read = Read::default();
    let mut global = Vec::new();
    for list in lists(&file) {
        let targets = strings(&list["targetRules"]);
        let mut notes = Vec::new();
        global.push((allowed(list, &mut notes), targets));
        read.notes.extend(notes);
    }
    if !file["extend"].is_null() {
        read.notes.push(Note::new(
            Fate::Missing,
            "the table `extend`: what it names is not read; import that file too",
        ));
    }
    for (index, table) in rules.iter().enumerate() {
        read.rules.push(rule(index, table, &global));
    }
    Ok(read)
}

/// The old single table and the new array.
fn lists(table: &Value) -> impl Iterator<Item = &Value> {
    let one = table.get("allowlist").filter(|list| list.is_object());
    let many = table["allowlists"].as_array().into_iter().flatten();
    one.into_iter().chain(many)
}

fn rule(index: usize, table: &Value, global: &[(Vec<Check>, Vec<String>)]) -> Foreign {
    let text = |key: &str| table[key].as_str().unwrap_or_default();
    let id = match text("id") {
        "" => format!("rule-{}", index + 1),
        id => id.to_string(),
    };
    let mut rule = Foreign::new(&id, text("description"), Dialect::Go);
    rule.pattern = table["regex"]
        .as_str()
        .filter(|regex| !regex.is_empty())
        .map(ToString::to_string);
    if let Some(group) = table["secretGroup"]
        .as_u64()
        .and_then(|group| u32::try_from(group).ok())
        .filter(|&group| group > 0)
    {
        rule.secret = Secret::Number(group);
    }
    rule.keywords = strings(&table["keywords"]);
    rule.tags = strings(&table["tags"]);
    if let Some(entropy) = table["entropy"].as_f64().filter(|&bits| bits > 0.0) {
        rule.validators.push(Check::Entropy(entropy));
    }
    if !table["path"].is_null() {
        match rule.pattern {
            Some(_) => rule.note(
                Fate::Missing,
                "the path in which it looks: a stream has none, so that it looks everywhere",
            ),
            None => rule.note(Fate::LeftOut, "it looks at file names only"),
        }
    } else if rule.pattern.is_none() {
        rule.note(Fate::LeftOut, "it has no regex");
    }
    if table["skipReport"].as_bool() == Some(true) {
        rule.note(
            Fate::LeftOut,
            "it only helps another rule (`skipReport`) and reports nothing",
        );
    }
    if !table["required"].is_null() {
        rule.note(
            Fate::Missing,
            "the rules that must find something near it (`required`): it finds without them",
        );
    }
    if !table["filter"].is_null() {
        rule.note(
            Fate::Missing,
            "its filter expression: it finds what that would drop",
        );
    }
    let mut notes = Vec::new();
    let mut checks: Vec<Check> = lists(table)
        .flat_map(|list| allowed(list, &mut notes))
        .collect();
    for (lists, targets) in global {
        if targets.is_empty() || targets.contains(&rule.id) {
            checks.extend(lists.iter().cloned());
        }
    }
    for note in notes {
        rule.note(note.fate, note.what);
    }
    rule.validators.extend(merged(checks));
    unknown_keys(&mut rule, table, &KEYS);
    rule
}

/// One list of words and one of expressions, whatever number of lists they came from.
fn merged(checks: Vec<Check>) -> Vec<Check> {
    let (mut words, mut patterns) = (Vec::new(), Vec::new());
    for check in checks {
        match check {
            Check::Without(more) => words.extend(more),
            Check::Allow(more) => patterns.extend(more),
            Check::Word(_) | Check::Entropy(_) => {}
        }
    }
    let mut merged = Vec::new();
    if !words.is_empty() {
        merged.push(Check::Without(words));
    }
    if !patterns.is_empty() {
        merged.push(Check::Allow(patterns));
    }
    merged
}

/// What an allow list becomes.
fn allowed(list: &Value, notes: &mut Vec<Note>) -> Vec<Check> {
    let mut note = |what: &str| {
        let note = Note::new(Fate::Missing, what);
        if !notes.contains(&note) {
            notes.push(note);
        }
    };
    let some = |key: &str| !strings(&list[key]).is_empty();
    let of_a_repository = some("paths") || some("commits");
    let both = list["condition"]
        .as_str()
        .is_some_and(|word| word.eq_ignore_ascii_case("and") || word == "&&");
    if of_a_repository {
        note("an allow list by path or commit: a stream has neither");
        // All of its conditions would have to hold, and one never does.
        if both {
            return Vec::new();
        }
    }
    let mut checks = Vec::new();
    if some("regexes") {
        match list["regexTarget"].as_str().unwrap_or_default() {
            "match" => {
                note("an allow list that looks at the whole match: validators see the secret only")
            }
            "line" => note("an allow list that looks at the line: validators see the secret only"),
            _ => checks.push(Check::Allow(strings(&list["regexes"]))),
        }
    }
    if some("stopwords") {
        checks.push(Check::Without(strings(&list["stopwords"])));
    }
    if both && some("regexes") && some("stopwords") {
        note(
            "an allow list whose words and expressions must both hold: each alone lets a value go",
        );
    }
    checks
}
