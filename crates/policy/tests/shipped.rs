//! Every policy and every file of cases in the repository's `policies` folder is read without an error.

use std::fs;
use std::path::{Path, PathBuf};

use blackbar_policy::cases::Kind;
use blackbar_policy::load::NoBuiltins;
use blackbar_policy::{Policy, cases};

/// What lies in the folder, and in the folders of groups in it.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.join("policy.toml").is_file() {
            all.extend(fs::read_dir(&path).unwrap().map(|one| one.unwrap().path()));
        }
        all.push(path);
    }
    all
}

#[test]
fn every_shipped_policy_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let mut seen = 0;
    let mut wrong = Vec::new();
    for path in entries(&folder) {
        let is_profile = path
            .extension()
            .is_some_and(|extension| extension == "toml");
        if !is_profile && !path.join("policy.toml").is_file() {
            continue;
        }
        seen += 1;
        let loaded = Policy::load(path.to_str().unwrap(), &NoBuiltins);
        let read = loaded.and_then(|policy| cases::load(&policy, &NoBuiltins));
        wrong.extend(read.err().map(|error| error.to_string()));
    }
    assert!(seen > 0, "no policies in {}", folder.display());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A rule without a near miss, or one that was never tried at a chunk's end, is a rule that nobody has doubted.
#[test]
fn every_shipped_rule_has_cases_of_each_kind() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let kinds = [Kind::Positive, Kind::NearMiss, Kind::Boundary, Kind::Split];
    let mut wrong = Vec::new();
    let mut rules = 0;
    for path in entries(&folder) {
        if !path.join("policy.toml").is_file() {
            continue;
        }
        let policy = Policy::load(path.to_str().unwrap(), &NoBuiltins).unwrap();
        let packs = cases::load(&policy, &NoBuiltins).unwrap();
        let cases: Vec<&cases::Case> = packs.iter().flat_map(|pack| &pack.cases).collect();
        for rule in &policy.rules {
            rules += 1;
            for kind in kinds {
                if !cases.iter().any(|c| c.rule == rule.id && c.kind == kind) {
                    wrong.push(format!("{} has no case of kind {kind:?}", rule.id));
                }
            }
        }
    }
    assert!(rules > 0, "no packs in {}", folder.display());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
