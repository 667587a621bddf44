//! What a good policy means: where packs are found, in which order overrides count, what variants are. Bad ones: `reports.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use blackbar_policy::load::{Embedded, NoBuiltins, builtin_names};
use blackbar_policy::model::{
    Action, Boundary, Confidence, Context, FilePlace, Matcher, Part, Reach, Severity, Validator,
};
use blackbar_policy::{Builtins, Policy, cases};

mod builtins;

fn folder() -> builtins::Folder {
    builtins::Folder::tests()
}

fn profile(rest: &str) -> Policy {
    let text = format!("[profile]\nid = \"y\"\ntitle = \"Y\"\npacks = [\"one\", \"two\"]\n{rest}");
    Policy::parse_str("y.toml", &text, &folder()).unwrap()
}

/// Id, enabled, action and severity of every rule.
fn settings(policy: &Policy) -> Vec<String> {
    let rules = policy.rules.iter().map(|rule| (&rule.id, &rule.settings));
    rules
        .map(|(id, s)| format!("{id} {} {} {}", s.enabled, s.action, s.severity))
        .collect()
}

/// A folder of its own for one test, gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, file: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).to_str().unwrap().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A leftover folder in the target folder harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pack(id: &str, rule: &str) -> String {
    format!(
        "[pack]\nid = \"{id}\"\ntitle = \"T\"\n[[rule]]\nid = \"{rule}\"\ndescription = \"D\"\nsource = \"RFC 1\"\npattern = 'abc'\n"
    )
}

#[test]
fn every_key_of_a_rule_is_read() {
    let text = r#"
[pack]
id = "x"
title = "X"

[[rule]]
id = "x.all"
description = "All keys"
source = "RFC 1"
keyed = { keywords = ["api_key", "Token"], value = '[a-f0-9]{32}', suffix = true }
left = "none"
right = "token"
validators = ["luhn", { entropy = 3 }, { distinct = 6 }, { without = ["example"] }, { allow = ['A.*', 'B'] }, "jwt"]
context = { keywords = ["ssn", "social_security"], within = 128 }
confidence = "low"
severity = "critical"
action = { keep_first = 64 }
tags = ["cloud", "card"]
max_len = 65_536
"#;
    let policy = Policy::parse_str("x.toml", text, &NoBuiltins).unwrap();
    let rule = &policy.rules[0];
    assert_eq!(
        rule.matcher,
        Matcher::Keyed {
            keywords: vec!["api_key".into(), "Token".into()],
            value: "[a-f0-9]{32}".into(),
            suffix: true
        }
    );
    assert_eq!((rule.left, rule.right), (Boundary::None, Boundary::Token));
    assert_eq!(
        rule.validators,
        [
            Validator::Luhn,
            Validator::Entropy(3.0),
            Validator::Distinct(6),
            Validator::Without(vec!["example".into()]),
            Validator::Allow(vec!["A.*".into(), "B".into()]),
            Validator::Jwt
        ]
    );
    let keywords = vec!["ssn".into(), "social_security".into()];
    assert_eq!(
        rule.context,
        Some(Context {
            keywords,
            unless: Vec::new(),
            within: 128,
            whole: false,
            reach: Reach::Any,
        })
    );
    assert_eq!(rule.confidence, Confidence::Low);
    assert_eq!(rule.settings.severity, Severity::Critical);
    assert_eq!(rule.settings.action, Action::KeepFirst(64));
    assert_eq!(rule.tags, ["cloud", "card"]);
    assert_eq!(rule.max_len, Some(65_536));
    assert_eq!((rule.pack.as_str(), rule.origin.line), ("x", 6));

    let shown = |part| {
        let (source, span) = rule.origin.span(part).unwrap();
        source.text()[span].to_string()
    };
    assert_eq!(shown(Part::Header), "[[rule]]");
    assert_eq!(shown(Part::Id), "\"x.all\"");
    assert_eq!(shown(Part::Pattern), "'[a-f0-9]{32}'");
    assert_eq!(shown(Part::Keyword(1)), "\"Token\"");
    assert_eq!(shown(Part::Validator(1)), "{ entropy = 3 }");
    assert_eq!(shown(Part::Entry(4, 1)), "'B'");
    assert_eq!(shown(Part::MaxLen), "65_536");
    assert_eq!(shown(Part::Left), "\"none\"");
}

#[test]
fn what_a_rule_leaves_out_has_its_default() {
    let policy = Policy::parse_str("x.toml", &pack("x", "x.one"), &NoBuiltins).unwrap();
    let rule = &policy.rules[0];
    assert_eq!((rule.left, rule.right), (Boundary::Word, Boundary::Word));
    assert_eq!((rule.confidence, rule.max_len), (Confidence::Medium, None));
    assert!(rule.validators.is_empty() && rule.context.is_none() && rule.tags.is_empty());
    assert_eq!(settings(&policy), ["x.one true tag medium"]);
    assert_eq!(
        (
            policy.id.as_str(),
            policy.packs.len(),
            policy.variants.len()
        ),
        ("x", 1, 0)
    );
}

#[test]
fn packs_are_combined_in_order() {
    let policy = profile("");
    let ids: Vec<&str> = policy.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["github.pat", "github.key", "card.number"]);
    let packs: Vec<&str> = policy.packs.iter().map(|pack| pack.id.as_str()).collect();
    assert_eq!(packs, ["one", "two"]);
}

#[test]
fn each_selector_selects() {
    let disabled = |selector: &str| {
        let policy = profile(&format!(
            "[[override]]\nmatch = [\"{selector}\"]\nenabled = false\n"
        ));
        let rules = policy.rules.iter().filter(|rule| !rule.settings.enabled);
        rules
            .map(|rule| rule.id.clone())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(disabled("github.pat"), "github.pat");
    assert_eq!(disabled("github.*"), "github.pat github.key");
    assert_eq!(disabled("tag:cloud"), "github.pat card.number");
    assert_eq!(disabled("pack:two"), "card.number");
    assert_eq!(disabled("confidence:low"), "github.key");
}

#[test]
fn the_last_override_wins_key_by_key() {
    let policy = profile(
        r#"
[[override]]
match = ["github.*", "tag:card"]
action = "mask"
severity = "low"

[[override]]
match = ["github.pat"]
action = { keep_last = 4 }

[[override]]
match = ["pack:one"]
enabled = false

[[override]]
match = ["github.key"]
enabled = true
"#,
    );
    assert_eq!(
        settings(&policy),
        [
            "github.pat false { keep_last = 4 } low",
            "github.key true mask low",
            "card.number true mask low"
        ]
    );
}

#[test]
fn variants_start_from_the_base_and_not_from_each_other() {
    let policy = profile(
        r#"
[[override]]
match = ["github.pat"]
action = "mask"

[[variant]]
id = "quiet"
[[variant.override]]
match = ["confidence:low"]
enabled = false

[[variant]]
id = "loud"
[[variant.override]]
match = ["github.*"]
severity = "critical"
[[variant.override]]
match = ["github.key"]
severity = "high"
"#,
    );
    let variants: Vec<(&str, Vec<String>)> = policy
        .variants
        .iter()
        .map(|variant| {
            let each = variant.settings.iter();
            let shown = each.map(|s| format!("{} {} {}", s.enabled, s.action, s.severity));
            (variant.id.as_str(), shown.collect())
        })
        .collect();
    let expected = |three: [&str; 3]| three.map(str::to_string).to_vec();
    assert_eq!(
        variants,
        [
            (
                "quiet",
                expected([
                    "true mask high",
                    "false tag medium",
                    "true { keep_last = 4 } critical"
                ])
            ),
            (
                "loud",
                expected([
                    "true mask critical",
                    "true tag high",
                    "true { keep_last = 4 } critical"
                ])
            ),
        ]
    );
    assert_eq!(settings(&policy)[1], "github.key true tag medium");
}

#[test]
fn a_profile_switches_views() {
    assert_eq!(profile("").views, []);
    let views = "views = { base64 = true, percent = false }\n";
    assert_eq!(profile(views).views, [("percent", false), ("base64", true)]);
}

#[test]
fn a_profile_may_hold_rules_of_its_own() {
    let rule =
        "[[rule]]\nid = \"mine.token\"\ndescription = \"D\"\nsource = \"RFC 1\"\npattern = 'abc'\n";
    let policy = profile(&format!(
        "[[override]]\nmatch = [\"pack:y\"]\nenabled = false\n{rule}"
    ));
    let last = policy.rules.last().unwrap();
    assert_eq!((last.pack.as_str(), last.settings.enabled), ("y", false));
    assert_eq!(policy.packs.last().unwrap().id, "y");
}

#[test]
fn rules_are_found_by_id() {
    let policy = profile("");
    assert_eq!(policy.rule("card.number").unwrap().pack, "two");
    let error = policy.rule("card.nubmer").unwrap_err().to_string();
    assert_eq!(
        error,
        "error: there is no rule `card.nubmer` in the policy `y`\nhelp: did you mean `card.number`?"
    );
}

#[test]
fn built_ins_are_found_by_name() {
    let names = builtin_names(&folder());
    assert_eq!(names, ["clash", "default", "one", "two"]);
    let policy = Policy::load("default", &folder()).unwrap();
    assert_eq!(policy.rules.len(), 3);
    let policy = Policy::load("one", &folder()).unwrap();
    assert_eq!(
        policy.rules[0].origin.file,
        Path::new("<built-in>/one/policy.toml")
    );
    let place = FilePlace::BuiltIn("one/policy.toml".into());
    assert_eq!(policy.packs[0].place, Some(place));

    let embedded = [("x/policy.toml", pack("x", "x.one"))];
    let embedded = embedded
        .each_ref()
        .map(|(path, text)| (*path, text.as_str()));
    assert_eq!(Policy::load("x", &Embedded(&embedded)).unwrap().id, "x");

    let refused = |name: &str| Policy::load(name, &folder()).unwrap_err().to_string();
    assert!(
        refused("defualt").contains("did you mean the built-in `default`?"),
        "{}",
        refused("defualt")
    );
    assert!(
        refused("zebra").contains("a built-in: `clash`, `default`, `one` or `two`"),
        "{}",
        refused("zebra")
    );
    assert!(
        refused("../one").contains("cannot read `../one`"),
        "{}",
        refused("../one")
    );
}

#[test]
fn packs_beside_a_profile_come_before_built_ins() {
    let scratch = Scratch::new("beside");
    let file = scratch.write(
        "y.toml",
        "[profile]\nid = \"y\"\ntitle = \"Y\"\npacks = [\"one\", \"two\"]\n",
    );
    scratch.write("one/policy.toml", pack("one", "mine.token"));
    let policy = Policy::load(&file, &folder()).unwrap();
    let ids: Vec<&str> = policy.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["mine.token", "card.number"]);
    assert_eq!(
        policy.rules[0].origin.file,
        scratch.0.join("one/policy.toml")
    );

    // The errors of every pack are reported, each in its own file.
    scratch.write("one/policy.toml", pack("one", "mine"));
    scratch.write("two/policy.toml", pack("tow", "mine.token"));
    let error = Policy::load(&file, &folder()).unwrap_err();
    let files: Vec<_> = error
        .diagnostics()
        .iter()
        .map(|one| one.file().unwrap().to_path_buf())
        .collect();
    assert_eq!(
        files,
        [
            scratch.0.join("one/policy.toml"),
            scratch.0.join("two/policy.toml")
        ],
        "{error}"
    );
}

#[test]
fn a_pack_is_found_by_its_folder_and_must_have_its_name() {
    let scratch = Scratch::new("folder");
    scratch.write("mine/policy.toml", pack("mine", "mine.token"));
    assert_eq!(
        Policy::load(&scratch.path("mine"), &NoBuiltins).unwrap().id,
        "mine"
    );
    scratch.write("mine/policy.toml", pack("yours", "mine.token"));
    let error = Policy::load(&scratch.path("mine"), &NoBuiltins)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`yours` is not the name of its folder, `mine`"),
        "{error}"
    );
    // As a file it may have any name.
    assert_eq!(
        Policy::load(&scratch.path("mine/policy.toml"), &NoBuiltins)
            .unwrap()
            .id,
        "yours"
    );

    fs::create_dir_all(scratch.0.join("empty")).unwrap();
    let error = Policy::load(&scratch.path("empty"), &NoBuiltins)
        .unwrap_err()
        .to_string();
    assert!(error.contains("has no `policy.toml`"), "{error}");
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let scratch = Scratch::new("unreadable");
    let error = Policy::load(&scratch.path("nothing.toml"), &NoBuiltins)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("nothing.toml") && error.contains("there is no such file"),
        "{error}"
    );
    let file = scratch.write("latin.toml", b"[pack]\nid = \"x\" # caf\xe9\n");
    let error = Policy::load(&file, &NoBuiltins).unwrap_err();
    let first = &error.diagnostics()[0];
    assert_eq!(
        (first.line(), first.column()),
        (Some(2), Some(15)),
        "{error}"
    );
    assert!(
        error.to_string().contains("help: save the file as UTF-8"),
        "{error}"
    );
    assert!(
        !error.to_string().contains("caf"),
        "what is no text may be anything, and is not shown: {error}"
    );
}

#[test]
fn cases_lie_beside_their_pack() {
    let policy = Policy::load("default", &folder()).unwrap();
    let all = cases::load(&policy, &folder()).unwrap();
    assert_eq!(all.len(), 1, "the second pack has no cases");
    assert_eq!((all[0].pack.as_str(), all[0].cases.len()), ("one", 1));
    assert!(all[0].cases[0].is_unchanged());

    let scratch = Scratch::new("cases");
    let file = scratch.write("mine.toml", pack("mine", "mine.token"));
    let case = "[[case]]\nname = \"n\"\nrule = \"mine.token\"\nkind = \"positive\"\nhex = [\"ff 61\", \"6263\"]\nout = \"x\"\nout_hex = \"ff\"\n";
    scratch.write("mine.cases.toml", case);
    let policy = Policy::load(&file, &NoBuiltins).unwrap();
    let error = cases::load(&policy, &NoBuiltins).unwrap_err().to_string();
    assert!(error.contains("both `out` and `out_hex`"), "{error}");
    scratch.write("mine.cases.toml", case.replace("out = \"x\"\n", ""));
    let all = cases::load(&policy, &NoBuiltins).unwrap();
    assert_eq!(all[0].cases[0].input, b"\xffabc");
    assert_eq!(all[0].cases[0].out, b"\xff");
}

#[test]
fn the_cases_of_a_pack_name_its_own_rules() {
    let files = [
        ("a/policy.toml", pack("a", "a.one")),
        ("b/policy.toml", pack("b", "b.one")),
        (
            "b/cases.toml",
            "[[case]]\nname = \"n\"\nrule = \"a.one\"\nkind = \"near-miss\"\ntext = \"x\"\n"
                .to_string(),
        ),
        (
            "y.toml",
            "[profile]\nid = \"y\"\ntitle = \"Y\"\npacks = [\"a\", \"b\"]\n".to_string(),
        ),
    ];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let builtins: &dyn Builtins = &Embedded(&files);
    let policy = Policy::load("y", builtins).unwrap();
    let error = cases::load(&policy, builtins).unwrap_err().to_string();
    assert!(error.contains("there is no rule `a.one`"), "{error}");
}
