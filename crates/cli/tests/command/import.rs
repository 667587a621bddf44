//! `blackbar import` on rules of our own in the formats of other scanners: what becomes of each, and that the pack holds.

use serde_json::{Value, json};

use crate::Scratch;

const GITLEAKS: &str = r#"
title = "rules of a test"
[allowlist]
paths = ['''vendor/.*''']
stopwords = ["dummy"]
[[allowlists]]
targetRules = ["acme-token"]
regexes = ['''0000$''', '''^acme_t_{x}$''']

[[rules]]
id = "acme-token"
description = "Token of Acme"
regex = '''\b(acme_t_[a-z0-9]{16})(?:[\x60'"\s;]|\\[nr]|$)'''
entropy = 2.5
keywords = ["acme_t_"]
tags = ["Cloud API"]

[[rules]]
id = "acme-keyed"
description = "Key beside its name"
regex = '''(?i)[\w.-]{0,50}?(?:acme)(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|:)[\x60'"\s=]{0,5}([a-f0-9]{32})(?:[\x60'"\s;]|$)'''
keywords = ["acme"]

[[rules]]
id = "two-forms"
regex = '''old-([0-9]{8})|new-(?:a|%)([a-z]{8})'''
[[rules]]
id = "by-word"
regex = '''\b[a-f0-9]{40}\b'''
keywords = ["zenith"]
[[rules]]
id = "files"
path = '''\.p12$'''
[[rules]]
id = "looks-ahead"
regex = '''tok(?=en)[a-z]{9}'''
[[rules]]
id = "nothing-to-find"
regex = '''[a-z]?'''
[[rules]]
id = "in-files"
regex = '''frob-[0-9]{9}'''
path = '''\.env$'''
colour = "green"
"#;

fn report(scratch: &Scratch, arguments: &[&str]) -> Value {
    let run = scratch.run(&[&["import"], arguments, &["--report", "json"]].concat());
    serde_json::from_str(run.ended(0)).expect("a report")
}

/// What became of a rule of the source: outcome, ids, and the notes as `fate: what`.
fn rule<'a>(report: &'a Value, id: &str) -> (&'a str, Vec<&'a str>, Vec<String>) {
    let rules = report["rules"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["id"] == id).unwrap();
    let ids = rule["rules"].as_array().unwrap();
    let notes = rule["notes"].as_array().unwrap();
    let word = |value: &'a Value| value.as_str().unwrap();
    (
        word(&rule["outcome"]),
        ids.iter().map(word).collect(),
        notes
            .iter()
            .map(|note| format!("{}: {}", word(&note["fate"]), word(&note["what"])))
            .collect(),
    )
}

#[test]
fn gitleaks_rules_become_a_pack() {
    let scratch = Scratch::new();
    scratch.write("rules.toml", GITLEAKS);
    let report = report(&scratch, &["gitleaks", "rules.toml", "-o", "acme-pack"]);
    assert_eq!(
        (
            &report["read"],
            &report["exact"],
            &report["approximated"],
            &report["left_out"]
        ),
        (&json!(8), &json!(3), &json!(2), &json!(3))
    );
    assert_eq!(
        rule(&report, "acme-token"),
        ("exact", vec!["acme-pack.acme-token"], vec![])
    );
    assert_eq!(rule(&report, "acme-keyed").0, "exact");
    assert_eq!(
        rule(&report, "two-forms"),
        (
            "exact",
            vec!["acme-pack.two-forms", "acme-pack.two-forms-2"],
            vec![]
        )
    );
    let (outcome, _, notes) = rule(&report, "by-word");
    assert!(
        outcome == "approximated" && notes[0].contains("within 128 bytes"),
        "{notes:?}"
    );
    for (id, why) in [
        ("files", "left_out: it looks at file names only"),
        ("looks-ahead", "left_out: its pattern looks around"),
        ("nothing-to-find", "left_out: its secret can be empty"),
    ] {
        let (outcome, ids, notes) = rule(&report, id);
        assert!(
            outcome == "left_out" && ids.is_empty() && notes[0].starts_with(why),
            "{id}: {notes:?}"
        );
    }
    let (outcome, _, notes) = rule(&report, "in-files");
    assert_eq!(outcome, "approximated");
    assert!(
        notes[0].contains("the path in which it looks") && notes[1].contains("`colour`"),
        "{notes:?}"
    );
    assert!(
        report["notes"][0]["what"]
            .as_str()
            .unwrap()
            .contains("by path")
    );

    scratch
        .run(&["check", "--deny-warnings", "acme-pack"])
        .ended(0);
    let redact = |text: &str| {
        let run = scratch.feed(&["redact", "--policy", "acme-pack"], text);
        run.ended(0).to_string()
    };
    let token = "acme_t_k3x9m2p7q1zzb4d8";
    assert_eq!(
        redact(&format!("t='{token}'")),
        "t='[acme-pack.acme-token]'"
    );
    // Entropy, stop word, allow list: each lets it go.
    for other in [
        "acme_t_aaaaaaaaaaaaaaab",
        "acme_t_dummyk3x9m2p7q1z",
        "acme_t_k3x9m2p7q1zz0000",
    ] {
        assert_eq!(redact(other), other);
    }
    let key = "0123456789abcdef0123456789abcdef";
    assert_eq!(
        redact(&format!("my.acme.api-key = \"{key}\"\n")),
        "my.acme.api-key = \"[acme-pack.acme-keyed]\"\n"
    );
    assert_eq!(
        redact("old-12345678 new-%abcdefgh"),
        "old-[acme-pack.two-forms] new-%[acme-pack.two-forms-2]"
    );
    let hash = "0123456789abcdef0123456789abcdef01234567";
    assert_eq!(redact(hash), hash);
    assert_eq!(
        redact(&format!("zenith: {hash}")),
        "zenith: [acme-pack.by-word]"
    );

    // For people, and not over what is there.
    scratch
        .run(&["import", "gitleaks", "rules.toml", "-o", "acme-pack"])
        .says(2, "holds a policy.toml already");
    let run = scratch.run(&[
        "import",
        "gitleaks",
        "rules.toml",
        "-o",
        "acme-pack",
        "--force",
    ]);
    let text = run.ended(0);
    assert!(
        text.starts_with("8 rules of rules.toml: 3 as they are, 2 approximated, 3 left out\n"),
        "{text}"
    );
    assert!(
        text.contains("\n  it looks at file names only\n    files\n"),
        "{text}"
    );
}

const YAML: &str = r#"
rules:
- name: Acme Token
  id: np.acme.1
  pattern: |
    (?x)
    \b (acme_t_ (?# the prefix ) [a-z0-9]{16} ) \b
  categories: [api, secret]
  references: [https://acme.example/tokens]
  examples:
  - "token: acme_t_k3x9m2p7q1zzb4d8"
  - |
    two lines
    acme_t_k3x9m2p7q1zzb4d9 it's
  - "the pattern does not find acme_t_short"
  negative_examples:
  - "acme_t_short"
  - "acme_t_0000000000000000"
- name: User and password
  id: np.acme.2
  pattern: 'login (\w{3,20}):([^\s]{6,20})'
  examples: ["login jane:pass.word"]
"#;

#[test]
fn noseyparker_rules_bring_their_examples() {
    let scratch = Scratch::new();
    scratch.write("rules/deep/acme.yml", YAML);
    scratch.write("rules/README.md", "not a rule");
    let report = report(&scratch, &["noseyparker", "rules"]);
    assert_eq!(
        rule(&report, "np.acme.1"),
        ("exact", vec!["noseyparker.acme-1"], vec![])
    );
    assert_eq!(
        rule(&report, "np.acme.2").1,
        ["noseyparker.acme-2", "noseyparker.acme-2-2"]
    );
    assert_eq!(report["examples"]["run"], 6);
    let failures: Vec<(&str, &str)> = report["examples"]["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["what"].as_str().unwrap()))
        .collect();
    assert_eq!(
        failures,
        [
            (
                "noseyparker.acme-1, example 3",
                "the source's own pattern finds nothing in it"
            ),
            (
                "noseyparker.acme-1, counter-example 5",
                "it finds something where it should not, as the source's pattern does"
            ),
        ]
    );
    assert_eq!(report["failed_cases"], json!([]));
    scratch.run(&["check", "noseyparker"]).ended(0);
    let run = scratch.run(&["test", "noseyparker"]);
    assert!(
        run.ended(0).contains("6 passed, 0 failed"),
        "{}",
        run.text()
    );
    let cases = String::from_utf8(scratch.read("noseyparker/cases.toml")).unwrap();
    assert!(
        !cases.contains("acme_t_k3x9m2p7q1zzb4d8"),
        "a token stands whole:\n{cases}"
    );
}

#[test]
fn kingfisher_rules_keep_what_they_require() {
    let scratch = Scratch::new();
    let rules = r#"
rules:
  - name: Acme Key
    id: kingfisher.acme.1
    pattern: '(?i)acme(?:.|[\n\r]){0,16}?(?P<TOKEN>[a-z0-9]{20})'
    min_entropy: 3.0
    confidence: high
    pattern_requirements: { min_digits: 2, ignore_if_contains: [EXAMPLE] }
    validation: { type: Http, content: { request: { method: GET, url: "https://acme.example" } } }
    examples: ["acme = 1a2b3c4d5e6f7g8h9i0j"]
  - name: Acme Account
    id: kingfisher.acme.2
    visible: false
    pattern: 'acct_[0-9]{9}'
"#;
    scratch.write("acme.yml", rules);
    let report = report(&scratch, &["kingfisher", "acme.yml"]);
    let (outcome, ids, notes) = rule(&report, "kingfisher.acme.1");
    assert_eq!((outcome, ids), ("approximated", vec!["kingfisher.acme-1"]));
    assert_eq!(
        notes,
        [
            "approximated: `min_digits` above one: one digit is enough",
            "unneeded: verification by a request to its service",
            "approximated: shortest-first repetitions: the longest match counts",
        ]
    );
    assert_eq!(rule(&report, "kingfisher.acme.2").0, "left_out");
    assert_eq!(report["examples"], json!({"run": 1, "failures": []}));
    let policy = String::from_utf8(scratch.read("kingfisher/policy.toml")).unwrap();
    assert!(
        policy.contains("validators = [{ entropy = 3.0 }, 'has-digit', { without = ['EXAMPLE'] }]")
            && policy.contains("confidence = 'high'"),
        "{policy}"
    );
    scratch.run(&["test", "kingfisher"]).ended(0);
}

#[test]
fn what_cannot_be_imported_is_said() {
    let scratch = Scratch::new();
    let import = |tool: &str, file: &str| scratch.run(&["import", tool, file]);
    import("gitleaks", "missing.toml").says(2, "missing.toml");
    scratch.write("empty.toml", "title = 'x'\n");
    import("gitleaks", "empty.toml").says(2, "holds no rules");
    scratch.write("bad.toml", "rules = [");
    import("gitleaks", "bad.toml").says(2, "bad.toml:1:10: this is not TOML");
    scratch.write("bad.yml", "rules: [a: b: c");
    import("noseyparker", "bad.yml").says(2, "`bad.yml` is not YAML: line 1 ");
    scratch.write("files.toml", "[[rules]]\nid = 'a'\npath = 'x'\n");
    import("gitleaks", "files.toml").says(2, "none of the rules could be taken over");
    assert!(!scratch.path("gitleaks").exists());
    scratch.write(
        "good.toml",
        "[[rules]]\nid = 'a'\nregex = 'frob-[0-9]{9}'\n",
    );
    scratch
        .run(&["import", "gitleaks", "good.toml", "-o", "My_Pack"])
        .says(2, "the folder's name becomes the pack's id");
}
