//! Each production of RFC 8259, right and wrong: what a parser takes it takes afterwards, and what it refuses goes through as text. Where
//! JSONTestSuite lies beside the repository, its files too.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use std::path::Path;

use blackbar_carriers::{Format, Views};
use serde_json::Value;
use support::Subject;

/// Tokens, and a field.
const POLICY: &str = r#"
[pack]
id = "t"
title = "Test"

[[rule]]
id = "t.key"
description = "a token"
source = "none"
pattern = '''ghp_(?<secret>[A-Z0-9]{8})'''

[[rule]]
id = "t.digits"
description = "a number"
source = "none"
pattern = '''77[0-9]{6}'''

[[rule]]
id = "t.field"
description = "a field"
source = "none"
fields = ["hidden"]
"#;

/// Values that every parser takes.
const GOOD: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "12",
    "-12.5",
    "1e3",
    "1E+3",
    "1.0e-3",
    "0.1",
    "77123456",
    "1.77123456",
    "\"\"",
    "\"a\"",
    r#""\"\\\/\b\f\n\r\t""#,
    r#""\u0041\uD83D\uDE00""#,
    "\"é😀\"",
    "\"\u{7f}\"",
    r#""\u0000""#,
    r#""ghp_ABCDEFG1""#,
    r#""gh\u0070_ABC\u0044EFG1""#,
    "[]",
    "[ ]",
    "[1]",
    "[1,2]",
    "[[],[[]]]",
    "{}",
    "{ }",
    r#"{"":0}"#,
    r#"{"a":1,"a":2}"#,
    r#"{"a":{"b":[]}}"#,
    r#"{"hidden":[1,{"x":"]"}],"b":1}"#,
    r#"{"ghp_ABCDEFG1":1}"#,
];

/// What no parser takes.
const BAD: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1,,2]",
    "[:]",
    "{1:2}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{\"a\" 1}",
    "{a:1}",
    "{'a':1}",
    "nul",
    "tru",
    "True",
    "NaN",
    "[Infinity]",
    "[-]",
    "[+1]",
    "[01]",
    "[1.]",
    "[.5]",
    "[1e]",
    "[1e+]",
    "[0x1]",
    "[1.e1]",
    "\"",
    "\"a",
    "[\"\\x41\"]",
    "[\"\\u00g0\"]",
    "[\"\\u12\"]",
    "[\"a\nb\"]",
    "[\"a\tb\"]",
    "[1]]",
    "{\"a\":1}}",
    "[1}",
    "{\"hidden\":[1",
    "{\"hidden\":{\"a\":x}}",
    "/**/1",
    "[1]//",
    "\u{feff}[",
];

/// What of a document findings do not reach: its shape, and the texts and numbers in which nothing was found.
fn same(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| match b.get(key) {
                    Some(_) if key == "hidden" => true,
                    Some(other) => same(value, other),
                    None => key.contains("ghp_"),
                })
        }
        (Value::String(a), Value::String(b)) => {
            a == b || a.contains("ghp_") && b.contains("[t.key]")
        }
        (Value::Number(a), Value::Number(b)) => a == b || a.to_string().contains("77"),
        (a, b) => a == b,
    }
}

fn parse(text: &[u8]) -> Option<Value> {
    serde_json::from_slice(text).ok()
}

#[test]
fn every_production_stays_what_it_is() {
    let subject = Subject::of(POLICY);
    for value in GOOD {
        for document in [
            (*value).to_owned(),
            format!(" \t\r\n{value} \n"),
            format!("[{value}, {value}]"),
            format!("{{\"a\": {value} ,\"hidden\":{value}}}"),
        ] {
            let before = parse(document.as_bytes()).unwrap_or_else(|| panic!("{document}"));
            let out = subject
                .check(document.as_bytes(), Format::Json, Views::ALL)
                .out;
            let shown = String::from_utf8_lossy(&out).into_owned();
            let after = parse(&out).unwrap_or_else(|| panic!("{document} became {shown}"));
            assert!(same(&before, &after), "{document} became {shown}");
        }
    }
}

#[test]
fn what_is_wrong_goes_through_as_text() {
    let subject = Subject::of(POLICY);
    for text in BAD {
        assert!(parse(text.as_bytes()).is_none(), "{text}");
        // Whatever came before, the next line is looked at.
        let document = format!("{text}\nghp_ABCDEFG1 77123456\n");
        let out = subject
            .check(document.as_bytes(), Format::Json, Views::ALL)
            .out;
        let shown = String::from_utf8_lossy(&out).into_owned();
        assert!(
            !shown.contains("ABCDEFG1") && !shown.contains("77123456"),
            "{shown}"
        );
        if !text.contains("hidden") {
            assert!(shown.starts_with(text), "{shown}");
        }
    }
}

#[test]
fn the_test_suite_beside_the_repository() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/json");
    let mut folders = vec![folder];
    let subject = Subject::of(POLICY);
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !["y_", "n_", "i_"].iter().any(|kind| name.starts_with(kind)) {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            // Cuts of a large file are few.
            let out = match bytes.len() {
                0..2000 => subject.check(&bytes, Format::Json, Views::ALL).out,
                len => {
                    subject
                        .run(&bytes, Format::Json, Views::ALL, &[len / 3, len / 2])
                        .out
                }
            };
            if name.starts_with("y_") {
                let before = parse(&bytes).unwrap_or_else(|| panic!("{name}"));
                let after = parse(&out).unwrap_or_else(|| panic!("{name}"));
                assert!(same(&before, &after), "{name}");
            }
            files += 1;
        }
    }
    match files {
        0 => eprintln!("skipped: there is no JSONTestSuite beside the repository"),
        _ => assert!(files > 100, "{files}"),
    }
}
