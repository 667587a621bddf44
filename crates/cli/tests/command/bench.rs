//! `blackbar bench`: that what it reports is true of the haystack. How fast it is, is not tested here.

use crate::{Scratch, TOKEN};

#[test]
fn findings_and_bytes_are_those_of_redact() {
    let scratch = Scratch::new();
    let haystack = format!("some text {TOKEN} and more\n").repeat(500);
    scratch.write("hay.log", &haystack);
    let redacted = scratch
        .run(&["redact", "--policy", "mine.toml", "hay.log"])
        .out
        .len();
    for engine in ["native", "wasm"] {
        for chunk in ["1000", "65536"] {
            let bench = [
                "bench",
                "--policy",
                "mine.toml",
                "--engine",
                engine,
                "--chunk",
                chunk,
                "--runs",
                "3",
                "--json",
                "hay.log",
            ];
            let run = scratch.run(&bench);
            let json: serde_json::Value = serde_json::from_str(run.ended(0)).unwrap();
            assert_eq!(json["findings"], 500, "{engine} {chunk}");
            assert_eq!(
                (&json["bytes_in"], &json["bytes_out"]),
                (&haystack.len().into(), &redacted.into()),
                "{engine} {chunk}"
            );
            let rate = |key: &str| json[key].as_f64().unwrap();
            assert!(
                0.0 < rate("slowest_mb_s")
                    && rate("slowest_mb_s") <= rate("median_mb_s")
                    && rate("median_mb_s") <= rate("fastest_mb_s")
            );
            assert_eq!(
                (&json["engine"], &json["runs"], &json["rules"]),
                (&engine.into(), &3.into(), &3.into())
            );
        }
    }
    let text = scratch.run(&["bench", "--policy", "mine.toml", "--runs", "2", "hay.log"]);
    assert!(
        text.ended(0).contains("MB/s median of 2") && text.text().contains("500 findings, "),
        "{}",
        text.text()
    );
}

#[test]
fn there_must_be_something_to_measure() {
    let scratch = Scratch::new();
    scratch.write("empty", "");
    scratch
        .run(&["bench", "--policy", "mine.toml", "empty"])
        .says(2, "`empty` is empty: there is nothing to measure");
    scratch
        .run(&["bench", "--policy", "mine.toml", "missing"])
        .says(2, "there is no file `missing`");
    scratch
        .run(&["bench", "--policy", "mine.toml", "."])
        .says(2, "`.` is a folder, and a file is needed here");
}

/// What the ledger of a haystack must say of `mine.token`, which stands in it so many times; and of a rule that does not.
#[track_caller]
fn holds(ledger: &serde_json::Value, bytes: usize, findings: u64) {
    assert_eq!(ledger["bytes"], bytes);
    let rules = ledger["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 3);
    let of = |id: &str, key: &str| {
        let rule = rules.iter().find(|rule| rule["rule"] == id).unwrap();
        rule[key].as_f64().unwrap()
    };
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let findings = findings as f64;
    assert_eq!(of("mine.token", "findings"), findings);
    assert!(of("mine.token", "windows") >= findings);
    assert!(of("mine.token", "verified") >= findings);
    // Each was looked at to its end at least.
    assert!(of("mine.token", "steps") >= findings * 17.0);
    assert_eq!(of("mine.account", "findings"), 0.0);
    let times: Vec<f64> = rules
        .iter()
        .map(|rule| rule["time_percent"].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
}

#[test]
fn a_ledger_says_what_each_rule_costs() {
    let scratch = Scratch::new();
    let haystack = format!("some text {TOKEN} and more\n").repeat(300);
    scratch.write("hay.log", &haystack);
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(scratch.run(arguments).ended(0)).unwrap()
    };
    let bench = ["bench", "--policy", "mine.toml", "--ledger", "hay.log"];
    holds(
        &json(&[&bench[..], &["--json"]].concat()),
        haystack.len(),
        300,
    );
    let text = scratch.run(&bench);
    assert!(text.ended(0).contains("\nmine.token "), "{}", text.text());

    // The same in the compiler's report.
    let compile = [
        "compile",
        "mine.toml",
        "-o",
        "mine.bbar",
        "--ledger",
        "hay.log",
    ];
    let report = json(&[&compile[..], &["--report", "json"]].concat());
    assert_eq!(report["rules"].as_array().unwrap().len(), 3);
    holds(&report["ledger"], haystack.len(), 300);
    let text = scratch.run(&compile);
    let table = text.ended(0);
    assert!(
        table.starts_with("rule ") && table.contains("held back"),
        "{table}"
    );
    let row = table.lines().find(|line| line.starts_with("mine.token "));
    let cells: Vec<&str> = row.unwrap().split_whitespace().collect();
    assert_eq!((cells.len(), cells[6]), (8, "300"), "{table}");
    assert!(table.contains("verifying takes "), "{table}");
    assert!(table.ends_with(" bytes\n"), "{table}");
    // Nothing of the haystack is shown, and nothing is written where it is not there.
    assert!(!table.contains(TOKEN));
    scratch
        .run(&[
            "compile",
            "mine.toml",
            "-o",
            "other.bbar",
            "--ledger",
            "no.log",
        ])
        .says(2, "there is no file `no.log`");
    assert!(!scratch.path("other.bbar").exists());
}
