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
