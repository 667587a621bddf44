//! `--view` and `--no-view`: encoded forms are read in every command that looks at a haystack, in both engines.

use crate::{Scratch, TOKEN};

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn views_are_switched_on_and_off() {
    let scratch = Scratch::new();
    let hidden = hex(&format!("say {TOKEN} now"));
    let percent = format!("x %{:02X}{} y\n", TOKEN.as_bytes()[0], &TOKEN[1..]);
    scratch.write("hex.log", &hidden);
    scratch.write("percent.log", &percent);
    for engine in ["native", "wasm"] {
        let redact = ["redact", "--policy", "mine.toml", "--engine", engine];
        let run = |more: &[&str]| {
            scratch
                .run(&[&redact[..], more].concat())
                .ended(0)
                .to_owned()
        };
        assert_eq!(run(&["hex.log"]), hidden);
        let redacted = run(&["--view", "hex", "hex.log"]);
        assert_eq!(
            redacted,
            format!("{}[mine.token]{}", hex("say "), hex(" now")),
            "{engine}"
        );
        assert_eq!(run(&["percent.log"]), "x [mine.token] y\n", "{engine}");
        assert_eq!(run(&["--no-view", "percent", "percent.log"]), percent);
    }
}

#[test]
fn every_command_that_reads_takes_them() {
    let scratch = Scratch::new();
    let hidden = hex(&format!("say {TOKEN} now"));
    scratch.write("hex.log", &hidden);
    let record = serde_json::json!({
        "id": "1", "text": hidden, "spans": [[8, 8 + 2 * TOKEN.len()]], "label": "positive"
    });
    scratch.write("hex.jsonl", record.to_string());
    let says = |arguments: &[&str], plain: &str, with: &str| {
        let policy = [&arguments[..1], &["--policy", "mine.toml"], &arguments[1..]].concat();
        let run = scratch.run(&policy);
        assert!(
            run.ended(0).contains(plain),
            "{arguments:?}: {}",
            run.text()
        );
        let run = scratch.run(&[&policy[..], &["--view", "hex"]].concat());
        assert!(run.ended(0).contains(with), "{arguments:?}: {}", run.text());
    };
    let summary = ["scan", "--format", "jsonl", "hex.log"];
    says(&summary, "", "mine.token");
    says(
        &["explain", "--text", &hidden],
        "nothing is found",
        "mine.token",
    );
    says(&["eval", "--json", "hex.jsonl"], "\"hit\": 0", "\"hit\": 1");
    says(
        &["bench", "--json", "--runs", "1", "hex.log"],
        "\"findings\": 0",
        "\"findings\": 1",
    );
    // The ledger says what the view costs, and what is found with it only.
    let ledger = [
        "bench",
        "--policy",
        "mine.toml",
        "--ledger",
        "--json",
        "--view",
        "hex",
        "hex.log",
    ];
    let ledger: serde_json::Value = serde_json::from_str(scratch.run(&ledger).ended(0)).unwrap();
    let parts = ledger["carrier"].as_array().unwrap();
    let part = parts
        .iter()
        .find(|part| part["part"] == "view hex")
        .unwrap();
    assert_eq!(part["findings"], 1);
    assert!(part["time_percent"].as_f64().unwrap() >= 0.0);
    assert!(parts.iter().all(|part| part["part"] != "view base64"));
    scratch
        .run(&["redact", "--view", "rot13"])
        .says(2, "[possible values: escapes, percent, entities, utf16");
}
