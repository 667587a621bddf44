//! `blackbar check`, `test` and `explain`: what is said about a policy, good or bad.

use crate::{NEAR, POLICY, Scratch, TOKEN};

const CASES: &str = r#"
[[case]]
name = "token in a line"
rule = "mine.token"
kind = "positive"
text = ['x bill_', 'k3x9m2p7q1zz y']
out = 'x [mine.token] y'
spans = [[2, 19]]

[[case]]
name = "letters only"
rule = "mine.token"
kind = "near-miss"
text = 'x bill_abcdefghijkl y'

[[case]]
name = "two in a row"
rule = "mine.account"
kind = "split"
text = 'acc-12345678 acc-12345679'
out = 'acc-******78 acc-******79'
splits = [3, 14]

[[case]]
name = "seven digits"
rule = "mine.account"
kind = "known-gap"
text = 'acc-1234567'
"#;

fn pack(cases: &str) -> Scratch {
    let scratch = Scratch::new();
    scratch.write("mine/policy.toml", POLICY);
    if !cases.is_empty() {
        scratch.write("mine/cases.toml", cases);
    }
    scratch
}

#[test]
fn a_good_policy_is_summed_up() {
    let scratch = Scratch::new();
    let run = scratch.run(&["check", "mine.toml"]);
    let text = run.ended(0);
    assert!(text.starts_with("mine.toml: 3 rules (3 on), "), "{text}");
    assert!(
        text.ends_with("1 policy checked: 0 errors, 0 warnings\n"),
        "{text}"
    );
    assert_eq!(run.err, "");
}

#[test]
fn the_built_ins_are_good() {
    let scratch = Scratch::new();
    let run = scratch.run(&["check", "pii"]);
    assert!(
        run.ended(0).contains("1 policy checked: 0 errors"),
        "{}",
        run.text()
    );
}

#[test]
fn mistakes_are_shown_in_their_place() {
    let scratch = Scratch::new();
    for (name, from, to, place, message) in [
        (
            "key",
            "severity = ",
            "severty = ",
            "bad.toml:12:1",
            "unknown key `severty` in rule `mine.token`",
        ),
        (
            "pattern",
            "acc-(?<secret>",
            "acc-(?<secret",
            "bad.toml:",
            "mine.account",
        ),
        (
            "empty",
            "'77[0-9]{10}'",
            "'[0-9]*'",
            "bad.toml:",
            "mine.number",
        ),
        (
            "twice",
            "id = \"mine.number\"",
            "id = \"mine.token\"",
            "bad.toml:",
            "mine.token",
        ),
        (
            "toml",
            "[[rule]]\nid = \"mine.number\"",
            "[[rule]\nid = \"mine.number\"",
            "bad.toml:",
            "]",
        ),
    ] {
        assert!(POLICY.contains(from), "{name}");
        scratch.write("bad.toml", POLICY.replace(from, to));
        let run = scratch.run(&["check", "bad.toml"]);
        run.says(1, place);
        assert!(run.err.contains(message), "{name}: {}", run.err);
        assert!(
            run.text().contains("1 policy checked: 1 error"),
            "{name}: {}",
            run.text()
        );
        // Everything else refuses it too, with the same report.
        let redact = scratch.feed(&["redact", "--policy", "bad.toml"], TOKEN);
        redact.says(2, message);
        assert_eq!(redact.text(), "");
    }
}

#[test]
fn a_folder_is_taken_apart_and_a_missing_policy_is_named() {
    let scratch = pack(CASES);
    scratch.write("all/mine/policy.toml", POLICY);
    scratch.write(
        "all/top.toml",
        "[profile]\nid = \"top\"\ntitle = \"Top\"\npacks = [\"mine\"]\n",
    );
    let run = scratch.run(&["check", "all"]);
    assert!(
        run.ended(0).contains("all/mine: 3 rules") && run.text().contains("all/top.toml: 3 rules"),
        "{}",
        run.text()
    );
    scratch.write("empty/readme.md", "");
    scratch
        .run(&["check", "empty"])
        .says(2, "the folder `empty` holds no policy");
    scratch
        .run(&["check", "no-such"])
        .says(1, "there is no policy `no-such`");
    scratch
        .run(&["redact", "--policy", "defualt"])
        .says(2, "did you mean the built-in `default`?");
    scratch
        .run(&["redact", "--policy", "missing.toml"])
        .says(2, "missing.toml");
    scratch
        .run(&["redact", "--policy", "mine.toml", "--profile", "quiet"])
        .says(2, "no profile `quiet`");
}

#[test]
fn warnings_fail_only_on_request() {
    let scratch = Scratch::new();
    let rule = "\n[[rule]]\nid = \"mine.token-again\"\ndescription = \"d\"\nsource = \"s\"\npattern = 'bill_[a-z0-9]{12}'\nvalidators = [\"has-digit\"]\n";
    scratch.write("twice.toml", format!("{POLICY}{rule}"));
    let run = scratch.run(&["check", "twice.toml"]);
    run.says(0, "warning: rule `mine.token-again`");
    scratch
        .run(&["check", "--deny-warnings", "twice.toml"])
        .ended(1);
}

#[test]
fn cases_pass_natively_and_in_the_module() {
    let scratch = pack(CASES);
    let native = scratch.run(&["test", "mine"]);
    assert_eq!(
        native.ended(0),
        "mine: 4 cases of 2 rules, 1 known gap, 1 rule without a case: ok\n4 passed, 0 failed\n"
    );
    let both = scratch.run(&["test", "--engine", "both", "mine"]);
    assert!(
        both.ended(0).ends_with("\n8 passed, 0 failed\n"),
        "{}",
        both.text()
    );
    let one = scratch.run(&["test", "--engine", "wasm", "--rule", "mine.account", "mine"]);
    assert!(
        one.ended(0).ends_with("\n2 passed, 0 failed\n"),
        "{}",
        one.text()
    );
    // As part of a profile that changes the pack's actions, with the pack's own actions; and once only.
    let profile = "[profile]\nid = \"top\"\ntitle = \"Top\"\npacks = [\"mine\"]\n[[override]]\nmatch = [\"pack:mine\"]\naction = \"mask\"\n";
    scratch.write("top.toml", profile);
    let both = scratch.run(&["test", "top.toml", "mine"]);
    assert!(
        both.ended(0).ends_with("\n4 passed, 0 failed\n"),
        "{}",
        both.text()
    );
}

#[test]
fn a_wrong_case_fails_without_showing_its_text() {
    for (name, from, to, message) in [
        (
            "output",
            "out = 'x [mine.token] y'",
            "out = 'x [mine.tokem] y'",
            "the output differs from byte 12 on: 16 bytes where 16 were expected",
        ),
        (
            "spans",
            "spans = [[2, 19]]",
            "spans = [[2, 18]]",
            "redacted regions [[2, 19]] where [[2, 18]] were expected",
        ),
        (
            "near",
            "text = 'x bill_abcdefghijkl y'",
            "text = 'x bill_k3x9m2p7q1zz y'\nout = 'x [mine.token] y'",
            "though the case is a near miss",
        ),
    ] {
        let scratch = pack(&CASES.replace(from, to));
        for engine in ["native", "wasm"] {
            if engine == "wasm" && name != "output" {
                continue;
            }
            let run = scratch.run(&["test", "--engine", engine, "mine"]);
            let text = run.ended(1);
            assert!(
                text.contains(message) && text.contains("FAILED mine/cases.toml:"),
                "{name}: {text}"
            );
            assert!(text.ends_with("\n3 passed, 1 failed\n"), "{name}: {text}");
            assert!(!text.contains(TOKEN) && !run.err.contains(TOKEN), "{name}");
        }
        let shown = scratch.run(&["test", "--show-values", "mine"]);
        assert!(
            shown.ended(1).contains(TOKEN) || name == "near" && shown.text().contains("input"),
            "{name}: {}",
            shown.text()
        );
    }
}

#[test]
fn no_case_at_all_is_a_failure() {
    let without = pack("");
    let run = without.run(&["test", "mine"]);
    assert!(
        run.ended(1).contains("FAILED mine: it has no cases"),
        "{}",
        run.text()
    );
    assert!(run.text().ends_with("0 passed, 1 failed\n"));
    let scratch = pack(CASES);
    let run = scratch.run(&["test", "--rule", "mine.nope", "mine"]);
    assert!(
        run.ended(1).contains("no case tests the rule `mine.nope`"),
        "{}",
        run.text()
    );
    scratch.write("mine/cases.toml", "# nothing\n");
    scratch
        .run(&["test", "mine"])
        .says(2, "the file has no cases");
    scratch
        .run(&["check", "mine"])
        .says(1, "the file has no cases");
}

#[test]
fn a_rule_is_explained() {
    let scratch = Scratch::new();
    let run = scratch.run(&["explain", "--policy", "mine.toml", "mine.token"]);
    let text = run.ended(0);
    for part in [
        "mine.token: Token of the billing service",
        "bill_[a-z0-9]{12}",
        "has-digit",
        "no letter, digit or _ before it",
        "action       tag",
        "severity     high",
        "https://example.com/tokens",
        "mine.toml:6",
        "fingerprint",
        "states",
        "held back    at most",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let list = scratch.run(&["explain", "--policy", "mine.toml"]);
    assert!(
        list.ended(0).contains("mine.account  keep_last = 2"),
        "{}",
        list.text()
    );
    scratch
        .run(&["explain", "--policy", "mine.toml", "mine.tokn"])
        .says(2, "has no rule `mine.tokn`; did you mean `mine.token`?");
    scratch
        .run(&["explain", "--policy", "mine.toml", "token"])
        .says(2, "did you mean `mine.token`?");
    scratch
        .run(&["explain", "--policy", "mine.toml", "qqqqqqqq"])
        .says(2, "`blackbar explain` without a rule lists them");
}

#[test]
fn a_text_is_explained_without_showing_it() {
    let scratch = Scratch::new();
    let text = format!("a {TOKEN} b {NEAR} c x{TOKEN}");
    let run = scratch.run(&["explain", "--policy", "mine.toml", "--text", &text]);
    let expected = "bytes 2..19: mine.token, medium confidence: tag\n\
                    bytes 22..39: mine.token looks alike, refused by the validator has-digit\n\
                    bytes 43..60: mine.token looks alike, refused by left = \"word\": a letter, a digit or _ stands before it\n";
    assert_eq!(run.ended(0), expected);
    assert!(!run.err.contains("bill_"));
    let shown = scratch.run(&[
        "explain",
        "--policy",
        "mine.toml",
        "--show-values",
        "--text",
        &text,
    ]);
    assert!(
        shown.ended(0).contains(TOKEN) && shown.text().contains(NEAR),
        "{}",
        shown.text()
    );
    let nothing = scratch.run(&["explain", "--policy", "mine.toml", "--text", ""]);
    assert_eq!(
        nothing.ended(0),
        "nothing is found by the 3 rules of `mine` that are on\n"
    );
}
