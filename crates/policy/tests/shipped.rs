//! Every policy and every file of cases in the repository's `policies` folder is read without an error.

use std::fs;
use std::path::Path;

use blackbar_policy::load::NoBuiltins;
use blackbar_policy::{Policy, cases};

#[test]
fn every_shipped_policy_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let mut seen = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
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
