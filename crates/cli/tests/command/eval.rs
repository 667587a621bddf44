//! `blackbar eval` on made records, with the numbers worked out by hand.

use crate::{NEAR, Scratch, TOKEN};

/// Four positives (hit and covered, hit only, missed, without spans) and four negatives (two flagged), and three that do not count.
fn records() -> String {
    let token = |more: &str| format!("\"text\":\"x {TOKEN}\",{more}");
    let lines = [
        format!(
            r#"{{"id":"1","family":"a","source":"s/t:u",{}}}"#,
            token(r#""label":"positive","spans":[[2,19,"type"]]"#)
        ),
        format!(
            r#"{{"id":"2","family":"a","source":"s/t:v",{}}}"#,
            token(r#""label":"positive","spans":[[2,19],[0,1]]"#)
        ),
        format!(
            r#"{{"id":"3","family":"b:c","source":"q","text":"{NEAR}","label":"positive","spans":[[0,17]]}}"#
        ),
        format!(
            r#"{{"id":"4","family":"b:c","source":"q","bare":true,{}}}"#,
            token(r#""label":"positive","spans":[],"contains":true"#)
        ),
        format!(
            r#"{{"id":"5","family":"a","source":"q","neg_class":"near_miss",{}}}"#,
            token(r#""label":"negative""#)
        ),
        format!(
            r#"{{"id":"6","family":"a","source":"q","neg_class":"near_miss","text":"{NEAR}","label":"negative"}}"#
        ),
        format!(
            r#"{{"id":"7","family":"a","source":"q","neg_class":"source_fp","text":"{NEAR}","label":"negative"}}"#
        ),
        format!(
            r#"{{"id":"8","family":"a","source":"q",{}}}"#,
            token(r#""label":"negative""#)
        ),
        format!(
            r#"{{"id":"9","kind":"ner",{}}}"#,
            token(r#""label":"positive","spans":[[0,1]]"#)
        ),
        format!(
            r#"{{"id":"10","class":"identifier",{}}}"#,
            token(r#""label":"positive","spans":[[0,1]]"#)
        ),
        format!(
            r#"{{"id":"11","negative_for":["a"],{}}}"#,
            token(r#""label":"negative""#)
        ),
    ];
    lines.join("\n") + "\n\n"
}

#[test]
fn the_numbers_are_those_worked_out_by_hand() {
    let scratch = Scratch::new();
    scratch.write("r.jsonl", records());
    let run = scratch.run(&["eval", "--policy", "mine.toml", "--json", "r.jsonl"]);
    let json: serde_json::Value = serde_json::from_str(run.ended(0)).unwrap();
    let negatives = serde_json::json!({
        "near_miss": {"records": 2, "flagged": 1}, "source_fp": {"records": 1, "flagged": 0}, "other": {"records": 1, "flagged": 1},
    });
    assert_eq!(
        json["all"],
        serde_json::json!({"positives": 4, "hit": 3, "cover": 2, "negatives": negatives})
    );
    assert_eq!(json["not_scored"], 3);
    let table = scratch.run(&["eval", "--policy", "mine.toml", "r.jsonl"]);
    let row = table
        .ended(0)
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .collect::<Vec<_>>();
    assert_eq!(
        row,
        [
            "ALL", "4", "75.0", "50.0", "0.0", "1", "50.0", "2", "100.0", "1"
        ]
    );
}

#[test]
fn rows_by_family_source_group_and_rule() {
    let scratch = Scratch::new();
    scratch.write("r.jsonl", records());
    let by = |by: &str| -> serde_json::Value {
        let run = scratch.run(&[
            "eval",
            "--policy",
            "mine.toml",
            "--json",
            "--by",
            by,
            "r.jsonl",
        ]);
        serde_json::from_str::<serde_json::Value>(run.ended(0)).unwrap()["by"].clone()
    };
    assert_eq!(by("family")["a"]["hit"], 2);
    // The object holds every breakdown, whatever was asked for.
    let run = scratch.run(&["eval", "--policy", "mine.toml", "--json", "r.jsonl"]);
    let all: serde_json::Value = serde_json::from_str(run.ended(0)).unwrap();
    for (name, kind) in [
        ("families", "family"),
        ("sources", "source"),
        ("groups", "group"),
        ("rules", "rule"),
    ] {
        assert_eq!(all[name], by(kind), "{name}");
    }
    assert_eq!(all["families_in_context"]["b:c"]["positives"], 1);
    assert_eq!(
        all["mean_in_context"],
        serde_json::json!({"groups": 2, "hit": 0.5, "cover": 0.25})
    );
    assert_eq!(by("family")["b:c"]["positives"], 2);
    assert_eq!(by("source")["s/t"]["positives"], 2);
    assert_eq!(by("group")["b bare"]["hit"], 1);
    let flagged = serde_json::json!({"near_miss": 1, "other": 1});
    assert_eq!(
        by("rule")["mine.token"],
        serde_json::json!({"findings": 5, "hit": 3, "hit_alone": 3, "flagged": flagged})
    );
    let table = scratch.run(&["eval", "--policy", "mine.toml", "--by", "rule", "r.jsonl"]);
    assert!(
        table
            .ended(0)
            .contains("\nmine.token         5    3          3"),
        "{}",
        table.text()
    );
}

#[test]
fn findings_missed_and_false_go_into_files() {
    let scratch = Scratch::new();
    scratch.write("r.jsonl", records());
    let files = [
        "--findings",
        "f.jsonl",
        "--missed",
        "m.jsonl",
        "--false",
        "n.jsonl",
    ];
    let run = scratch.run(&[&["eval", "--policy", "mine.toml", "r.jsonl"][..], &files].concat());
    run.ended(0);
    let file = |name: &str| String::from_utf8(scratch.read(name)).unwrap();
    assert_eq!(
        file("f.jsonl").lines().next(),
        Some(r#"{"id":"1","s":2,"e":19,"rule":"mine.token"}"#)
    );
    assert_eq!(file("f.jsonl").lines().count(), 8);
    let ids = |name: &str| -> Vec<String> {
        let lines = file(name);
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines
            .map(|line| line["id"].as_str().unwrap().to_string())
            .collect()
    };
    assert_eq!(ids("m.jsonl"), ["2", "3"]);
    assert_eq!(ids("n.jsonl"), ["5", "8"]);
    for name in ["f.jsonl", "m.jsonl", "n.jsonl"] {
        assert!(!file(name).contains("bill_"), "{name} shows values");
    }
    assert!(!run.text().contains("bill_") && !run.err.contains("bill_"));
    scratch
        .run(
            &[
                &["eval", "--policy", "mine.toml", "--show-values", "r.jsonl"][..],
                &files,
            ]
            .concat(),
        )
        .ended(0);
    assert!(file("m.jsonl").contains(NEAR) && file("n.jsonl").contains(TOKEN));
}

#[test]
fn plain_lines_count_false_alarms() {
    let scratch = Scratch::new();
    scratch.write(
        "logs/a.log",
        format!("one\ntwo {TOKEN}\nthree {TOKEN} {TOKEN}\nfour"),
    );
    scratch.write("logs/b.log", "five\n");
    let run = scratch.run(&["eval", "--policy", "mine.toml", "--json", "--lines", "logs"]);
    let json: serde_json::Value = serde_json::from_str(run.ended(0)).unwrap();
    assert_eq!(json["lines"]["lines"], 5);
    assert_eq!(json["lines"]["findings"], 3);
    assert_eq!(json["lines"]["per_1000_lines"], 600.0);
    assert!(json.get("all").is_none());
    let by_file = json["lines"]["by_file"].as_object().unwrap();
    assert_eq!(by_file.len(), 1);
    assert!(
        by_file
            .iter()
            .all(|(name, found)| name.ends_with("a.log") && found == 3)
    );
    let run = scratch.run(&[
        "eval",
        "--policy",
        "mine.toml",
        "--lines",
        "logs",
        "--by",
        "source",
        "--false",
        "n.jsonl",
    ]);
    assert!(
        run.ended(0).contains("a.log             3"),
        "{}",
        run.text()
    );
    let alarms = String::from_utf8(scratch.read("n.jsonl")).unwrap();
    assert!(!alarms.contains("bill_"), "values are shown");
    let places: Vec<(u64, u64, u64)> = alarms
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["rule"], "mine.token");
            let number = |key: &str| line[key].as_u64().unwrap();
            (number("line"), number("column"), number("length"))
        })
        .collect();
    assert_eq!(places, [(2, 5, 17), (3, 7, 17), (3, 25, 17)]);
    let table = scratch.run(&["eval", "--policy", "mine.toml", "--lines", "logs"]);
    assert!(
        table
            .ended(0)
            .contains("mine.token             3           600.00"),
        "{}",
        table.text()
    );
}

#[test]
fn what_is_no_record_is_named_by_its_place() {
    let scratch = Scratch::new();
    for (text, message) in [
        (
            "{\"id\":\"1\",\"text\":\"hidden\",\"label\":\"positive\"}\n{\"id\":\"2\",\"text\":\"hidden\"}\n",
            "r.jsonl:2:26: the record has no `label`",
        ),
        (
            "{\"id\":\"1\",\"text\":\"hidden",
            "r.jsonl:1:24: the line ends before its JSON object does",
        ),
        (
            "{\"id\":\"1\",\"text\":\"ab\",\"label\":\"positive\",\"spans\":[[1,3]]}",
            "r.jsonl:1:1: the span [1, 3] lies outside of the text, which has 2 bytes",
        ),
        ("", "`r.jsonl` holds no record"),
    ] {
        scratch.write("r.jsonl", text);
        let run = scratch.run(&["eval", "--policy", "mine.toml", "r.jsonl"]);
        run.says(2, message);
        assert!(!run.err.contains("hidden"), "{}", run.err);
    }
    scratch
        .run(&["eval", "--policy", "mine.toml", "missing.jsonl"])
        .says(2, "there is no file `missing.jsonl`");
    scratch
        .run(&["eval", "--policy", "mine.toml"])
        .says(2, "required");
    scratch.write("r.jsonl", records());
    scratch
        .run(&[
            "eval",
            "--policy",
            "mine.toml",
            "--findings",
            "no/such/f",
            "r.jsonl",
        ])
        .says(2, "cannot write `no/such/f`");
}
