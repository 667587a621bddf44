//! Semantics as data: `testdata/*.toml`, each file one policy with haystacks and what must become of them. The loader lives here, so
//! that native tests and tests of the module run the same files.
//!
//! ```toml
//! [[suite]]                 # one policy and its haystacks
//! name = "union"            # unique over all files
//! rules = '''               # the rules of a policy file
//! [[rule]]
//! id = "a.digits"
//! ...
//! '''
//! [[suite.case]]
//! name = "overlap"          # unique in its suite
//! place = "json"            # text (default), json, header, url
//! text = 'x 123'            # or hex = "00 ff"; `{{ab*9}}` stands for nine times `ab`
//! out = 'x [a.digits]'      # or out_hex; left out: unchanged
//! findings = ["2..5 a.digits"]   # optional; in order
//! ```

use std::collections::BTreeSet;
use std::path::Path;

use blackbar_engine::Place;
use blackbar_policy::load::NoBuiltins;
use blackbar_policy::model::Policy;
use toml::{Table, Value};

/// One policy and its haystacks.
pub struct Suite {
    /// Unique.
    pub name: String,
    /// The policy as a file.
    pub toml: String,
    /// The policy.
    pub policy: Policy,
    /// At least one.
    pub cases: Vec<Case>,
}

/// Start, end and rule of a finding.
pub type Span = (usize, usize, String);

/// One haystack.
pub struct Case {
    /// Unique in its suite.
    pub name: String,
    /// Where it stands in a message.
    pub place: Place,
    /// The haystack.
    pub input: Vec<u8>,
    /// What must come out.
    pub out: Vec<u8>,
    /// Start, end and rule of all findings, in order, if the file gives them.
    pub findings: Option<Vec<Span>>,
}

/// Loads all files of `folder`.
///
/// # Errors
/// When there is no file, no case, an unknown key, a name given twice, or a policy that is none.
pub fn load(folder: &Path) -> Result<Vec<Suite>, String> {
    let mut suites = Vec::new();
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|ext| ext == "toml"));
    files.sort();
    for file in &files {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        let more = parse(&text).map_err(|e| format!("{}: {e}", file.display()))?;
        suites.extend(more);
    }
    if suites.is_empty() {
        return Err(format!("no suite in {}", folder.display()));
    }
    unique(suites.iter().map(|suite| suite.name.as_str()))?;
    Ok(suites)
}

/// Parses one file.
///
/// # Errors
/// As [`load`].
pub fn parse(text: &str) -> Result<Vec<Suite>, String> {
    let file: Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
    let mut file = Fields(file);
    let suites = file.tables("suite")?.into_iter().map(suite);
    let suites = suites.collect::<Result<Vec<_>, _>>()?;
    file.end("the file")?;
    Ok(suites)
}

fn suite(table: Table) -> Result<Suite, String> {
    let mut fields = Fields(table);
    let name = fields.text("name")?.ok_or("a suite has no name")?;
    let at = |error: String| format!("suite `{name}`: {error}");
    let rules = fields
        .text("rules")
        .map_err(at)?
        .ok_or_else(|| at("no rules".to_owned()))?;
    let toml = format!("[pack]\nid = 'testdata'\ntitle = 'Semantics'\n{rules}");
    let policy = Policy::parse_str(&format!("{name}.toml"), &toml, &NoBuiltins)
        .map_err(|e| at(e.to_string()))?;
    let cases = fields.tables("case").map_err(at)?;
    let cases: Vec<Case> = cases
        .into_iter()
        .map(case)
        .collect::<Result<_, _>>()
        .map_err(at)?;
    fields.end("the suite").map_err(at)?;
    unique(cases.iter().map(|case| case.name.as_str())).map_err(at)?;
    Ok(Suite {
        toml,
        policy,
        cases,
        name,
    })
}

fn case(table: Table) -> Result<Case, String> {
    let mut fields = Fields(table);
    let name = fields.text("name")?.ok_or("a case has no name")?;
    let at = |error: String| format!("case `{name}`: {error}");
    let place = match fields.text("place").map_err(at)?.as_deref() {
        None | Some("text") => Place::Text,
        Some("json") => Place::Json,
        Some("header") => Place::Header,
        Some("url") => Place::Url,
        Some(_) => return Err(at("no such place".to_owned())),
    };
    let input = fields
        .bytes("text", "hex")
        .map_err(at)?
        .ok_or_else(|| at("no text".to_owned()))?;
    let out = fields
        .bytes("out", "out_hex")
        .map_err(at)?
        .unwrap_or_else(|| input.clone());
    let findings = fields.findings().map_err(at)?;
    fields.end("the case").map_err(at)?;
    Ok(Case {
        place,
        input,
        out,
        findings,
        name,
    })
}

/// The keys of a table that were not asked for yet.
struct Fields(Table);

impl Fields {
    fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        match self.0.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{key}` is not text")),
        }
    }

    /// Text, in which `{{x*9}}` stands for nine times `x`, or bytes as pairs of hexadecimal digits.
    fn bytes(&mut self, text: &str, hex: &str) -> Result<Option<Vec<u8>>, String> {
        match (self.text(text)?, self.text(hex)?) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(format!("both `{text}` and `{hex}`")),
            (Some(text), None) => repeat(&text).map(Some),
            (None, Some(digits)) => {
                let byte = |pair: &str| {
                    u8::from_str_radix(pair, 16).map_err(|_| format!("`{hex}` is not hexadecimal"))
                };
                digits
                    .split_whitespace()
                    .map(byte)
                    .collect::<Result<_, _>>()
                    .map(Some)
            }
        }
    }

    fn findings(&mut self) -> Result<Option<Vec<Span>>, String> {
        let Some(value) = self.0.remove("findings") else {
            return Ok(None);
        };
        let wrong = || "findings are written \"2..5 rule.id\"".to_owned();
        let list = value.as_array().ok_or_else(wrong)?;
        let one = |value: &Value| {
            let (span, rule) = value.as_str()?.split_once(' ')?;
            let (start, end) = span.split_once("..")?;
            Some((start.parse().ok()?, end.parse().ok()?, rule.to_owned()))
        };
        list.iter()
            .map(|v| one(v).ok_or_else(wrong))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// At least one table.
    fn tables(&mut self, key: &str) -> Result<Vec<Table>, String> {
        let wrong = || format!("no [[{key}]]");
        let list = match self.0.remove(key) {
            Some(Value::Array(list)) if !list.is_empty() => list,
            _ => return Err(wrong()),
        };
        let tables = list.into_iter().map(|value| match value {
            Value::Table(table) => Ok(table),
            _ => Err(wrong()),
        });
        tables.collect()
    }

    fn end(self, what: &str) -> Result<(), String> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(key) => Err(format!("unknown key `{key}` in {what}")),
        }
    }
}

fn repeat(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.extend(before.bytes());
        let (inside, behind) = after.split_once("}}").ok_or("`{{` without `}}`")?;
        let (what, count) = inside.rsplit_once('*').ok_or("write {{x*9}}")?;
        let count: usize = count.parse().map_err(|_| "write {{x*9}}")?;
        out.extend(what.repeat(count).bytes());
        rest = behind;
    }
    out.extend(rest.bytes());
    Ok(out)
}

fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(format!("the name `{name}` is given twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[suite]]\nname = 's'\nrules = '''\n[[rule]]\nid = 'a.b'\ndescription = 'x'\nsource = 'x'\npattern = 'abc'\n'''\n\
        [[suite.case]]\nname = 'c'\ntext = 'x{{ab*2}}'\nfindings = ['1..2 a.b']\n";

    #[test]
    fn a_file_is_read() {
        let suites = parse(GOOD).unwrap();
        assert_eq!(suites[0].cases[0].input, b"xabab");
        assert_eq!(
            suites[0].cases[0].findings.as_deref(),
            Some(&[(1, 2, "a.b".to_owned())][..])
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (from, to, says) in [
            ("text =", "txet =", "no text"),
            ("findings", "found", "unknown key `found`"),
            ("['1..2 a.b']", "['1 a.b']", "findings are written"),
            ("[[suite.case]]", "[[suite.cases]]", "no [[case]]"),
            ("name = 'c'", "name = 'c'\nplace = 'moon'", "no such place"),
        ] {
            let error = parse(&GOOD.replace(from, to)).err().expect("refused");
            assert!(error.contains(says), "{error}");
        }
        let twice = format!("{GOOD}[[suite.case]]\nname = 'c'\ntext = 'y'\n");
        assert!(parse(&twice).err().unwrap().contains("twice"));
        assert!(
            load(Path::new(env!("CARGO_MANIFEST_DIR")))
                .err()
                .unwrap()
                .contains("Cargo.toml")
        );
        assert!(
            load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
                .err()
                .unwrap()
                .contains("no suite")
        );
    }
}
