//! Tests on the shape of the workspace: which crate may know which, and that every scenario can be read. Nothing here runs
//! outside of `cargo test`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::scenario::Scenario;
use crate::workspace::cargo;

/// What each crate may depend on within the workspace, tests aside. Dependencies point one way: engine and policy know no other.
const MAY_KNOW: [(&str, &[&str]); 11] = [
    ("blackbar-engine", &[]),
    ("blackbar-policy", &[]),
    ("blackbar-compiler", &["blackbar-engine", "blackbar-policy"]),
    ("blackbar-module", &[]),
    ("blackbar-carriers", &["blackbar-engine"]),
    ("blackbar-filter", &["blackbar-carriers", "blackbar-engine"]),
    ("blackbar-host-test", &[]),
    (
        "blackbar",
        &[
            "blackbar-carriers",
            "blackbar-compiler",
            "blackbar-engine",
            "blackbar-host-test",
            "blackbar-module",
            "blackbar-policy",
        ],
    ),
    (
        "blackbar-benches",
        &[
            "blackbar-carriers",
            "blackbar-compiler",
            "blackbar-engine",
            "blackbar-host-test",
            "blackbar-module",
            "blackbar-policy",
        ],
    ),
    (
        "blackbar-fuzz",
        &[
            "blackbar-carriers",
            "blackbar-compiler",
            "blackbar-engine",
            "blackbar-filter",
            "blackbar-module",
            "blackbar-policy",
        ],
    ),
    ("xtask", &["blackbar-host-test"]),
];

/// Crates that only one member may name.
const ONLY: [(&str, &str); 2] = [
    ("proxy-wasm", "blackbar-filter"),
    ("wasmtime", "blackbar-host-test"),
];

fn packages() -> Vec<Value> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "cargo metadata failed");
    let metadata: Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

fn dependencies(package: &Value, with_tests: bool) -> BTreeSet<String> {
    let listed = package["dependencies"].as_array().expect("dependencies");
    listed
        .iter()
        .filter(|dependency| with_tests || dependency["kind"] != "dev")
        .map(|dependency| dependency["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let may_know: BTreeMap<&str, &[&str]> = MAY_KNOW.into_iter().collect();
    let packages = packages();
    assert!(packages.len() >= 9, "the workspace has lost members");
    for package in &packages {
        let name = package["name"].as_str().expect("a name");
        let allowed = may_know
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not in the list of who may know whom"));
        for dependency in dependencies(package, false) {
            let inside = packages
                .iter()
                .any(|other| other["name"] == dependency.as_str());
            assert!(
                !inside || allowed.contains(&dependency.as_str()),
                "{name} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn some_crates_are_named_in_one_place() {
    for package in packages() {
        let name = package["name"].as_str().expect("a name");
        for (outside, owner) in ONLY {
            assert!(
                name == owner || !dependencies(&package, true).contains(outside),
                "only {owner} may name {outside}, and {name} does"
            );
        }
    }
}

#[test]
fn every_scenario_can_be_read() {
    let scenarios = Scenario::all().expect("scenarios");
    let exchanges: usize = scenarios
        .iter()
        .map(|scenario| scenario.expect.exchanges.len())
        .sum();
    assert!(
        scenarios.len() >= 5 && exchanges >= 20,
        "scenarios have gone: {exchanges} exchanges are left"
    );
}

/// The table of rules in the README of the pack `secrets`: id, description, confidence, first source.
#[test]
fn the_table_of_secrets_is_that_of_the_policy() {
    let root = crate::workspace::root();
    let policy =
        std::fs::read_to_string(root.join("policies/secrets/policy.toml")).expect("the policy");
    let policy: toml::Table = policy.parse().expect("TOML");
    let rules = policy["rule"].as_array().expect("rules");
    let rows = rules.iter().map(|rule| {
        let text = |key: &str| rule[key].as_str().expect("a text");
        let source = text("source").split(" ; ").next().unwrap_or_default();
        let host = source.split('/').nth(2).unwrap_or_default();
        let host = host.strip_prefix("www.").unwrap_or(host);
        let (id, what, confidence) = (text("id"), text("description"), text("confidence"));
        format!("| `{id}` | {what} | {confidence} | [{host}]({source}) |\n")
    });
    let table: String = rows.collect();
    let path = root.join("policies/secrets/README.md");
    let page = std::fs::read_to_string(&path).expect("the README");
    let head = "| Rule | What | Confidence | Source |\n|---|---|---|---|\n";
    let (before, now) = page.split_once(head).expect("the table");
    let end = now.find("\n\n").map_or(now.len(), |end| end + 1);
    if std::env::var_os("BLACKBAR_BLESS").is_some() {
        let rest = &now[end..];
        std::fs::write(path, format!("{before}{head}{table}{rest}")).expect("the README");
    } else {
        assert!(
            now[..end] == table,
            "BLACKBAR_BLESS=1 cargo test -p xtask table_of_secrets writes it"
        );
    }
}
