//! Every policy in `tests/reports` gives exactly the report beside it: errors where it is refused, warnings where its name says so.
//! `BLACKBAR_BLESS=1` rewrites the reports.

use std::fs;
use std::path::{Path, PathBuf};

use blackbar_policy::diagnostic;
use blackbar_policy::load::NoBuiltins;
use blackbar_policy::{Level, Policy};

fn report(name: &str, text: &str) -> Result<String, String> {
    let policy =
        Policy::parse_str(name, text, &NoBuiltins).map_err(|e| format!("not a policy: {e}"))?;
    let warns = name.starts_with("warning-");
    match blackbar_compiler::compile(&policy) {
        Ok(compiled) if warns && !compiled.warnings.is_empty() => {
            Ok(diagnostic::render(&compiled.warnings, false))
        }
        Ok(_) => Err("compiled without a word".to_owned()),
        Err(error) if warns => Err(format!("refused: {error}")),
        Err(error) => {
            let placed = |one: &blackbar_policy::Diagnostic| {
                one.level() == Level::Warning || one.line().is_some() && one.help_text().is_some()
            };
            if error.diagnostics().iter().all(placed) {
                Ok(error.to_string())
            } else {
                Err(format!("an error without place or help: {error}"))
            }
        }
    }
}

#[test]
fn each_policy_gives_its_report() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports");
    let bless = std::env::var_os("BLACKBAR_BLESS").is_some();
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no files in tests/reports");
    let mut wrong = Vec::new();
    for path in &files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let expected = path.with_extension("txt");
        match report(name, &fs::read_to_string(path).unwrap()) {
            Err(message) => wrong.push(format!("{name}: {message}")),
            Ok(report) if bless => fs::write(&expected, format!("{report}\n")).unwrap(),
            Ok(report) => {
                if fs::read_to_string(&expected).unwrap_or_default() != format!("{report}\n") {
                    wrong.push(format!(
                        "{name} gives another report (BLACKBAR_BLESS=1 accepts it):\n{report}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
