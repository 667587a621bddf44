//! Every file in `tests/errors` is refused with exactly the report beside it. `BLACKBAR_BLESS=1` rewrites the reports.
//!
//! A file named `*.cases.toml` is read as a file of cases for the rules `x.one` and `x.two`; every other one as a policy whose built-in
//! packs are those in `tests/builtins`.

use std::fs;
use std::path::{Path, PathBuf};

use blackbar_policy::{Builtins, Level, Policy, PolicyError, cases};

mod builtins;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    files
}

fn refusal(name: &str, text: &str, builtins: &dyn Builtins) -> Option<PolicyError> {
    if name.ends_with(".cases.toml") {
        return cases::parse_str(name, text, &["x.one", "x.two"]).err();
    }
    Policy::parse_str(name, text, builtins).err()
}

#[test]
fn each_bad_file_gives_its_report() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/errors");
    let bless = std::env::var_os("BLACKBAR_BLESS").is_some();
    let builtins = builtins::Folder::tests();
    let files = files(&folder);
    assert!(!files.is_empty(), "no files in tests/errors");

    let mut wrong = Vec::new();
    for path in &files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(path).unwrap();
        let Some(error) = refusal(name, &text, &builtins) else {
            wrong.push(format!("{name} was accepted"));
            continue;
        };
        for one in error.diagnostics() {
            assert_eq!(one.level(), Level::Error, "{name}");
            assert!(
                one.line().is_some() && one.column().is_some(),
                "{name}: {one}"
            );
        }
        let report = format!("{error}\n");
        let expected = path.with_extension("txt");
        if bless {
            fs::write(&expected, &report).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != report {
            wrong.push(format!(
                "{name} gives another report (BLACKBAR_BLESS=1 accepts it):\n{report}"
            ));
        }
    }
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.with_extension("toml").exists() {
            wrong.push(format!("{} belongs to no file", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What the example in the front of the manual shows: everything wrong in one file is reported in one run.
#[test]
fn several_errors_are_collected() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/errors/several.toml"))
            .unwrap();
    let error = Policy::parse_str("several.toml", &text, &builtins::Folder::tests()).unwrap_err();
    let lines: Vec<_> = error
        .diagnostics()
        .iter()
        .map(|one| one.line().unwrap())
        .collect();
    assert!(lines.len() >= 4, "{error}");
    assert!(lines.is_sorted(), "{lines:?}");
}

#[test]
fn colours_only_when_asked() {
    let error = Policy::parse_str("x.toml", "pak = 1", &builtins::Folder::tests()).unwrap_err();
    assert!(error.render(true).contains('\u{1b}'));
    assert!(!error.render(false).contains('\u{1b}'));
}
