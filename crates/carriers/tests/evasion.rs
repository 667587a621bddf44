//! The table of evasions in docs/carriers.md: each way to hide a key is tried in text and in JSON, in every cut, without the views that
//! have to be switched on, with each of them, and with all. What the table says must be what comes of it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod encode;
mod support;

use std::collections::BTreeMap;

use blackbar_carriers::{Format, Views};
use encode::{base64, entities, escaped, hex, percent, quoted, wide};
use support::Subject;

/// The policy: one rule, with a secret of fixed length.
const POLICY: &str = r#"
[pack]
id = "t"
title = "Test"

[[rule]]
id = "t.key"
description = "a token of fixed length"
source = "none"
pattern = '''ghp_(?<secret>[A-Z0-9]{8})'''
"#;

/// What is hidden, and the part of it that must be gone.
const KEY: &str = "ghp_ABCDEFG1";
const SECRET: &str = "ABCDEFG1";

/// As it may stand in a longer text that is encoded as a whole.
const LONG: &str = "say ghp_ABCDEFG1 now";

fn some(code: impl Fn(&[u8]) -> String) -> String {
    format!("gh{}_AB{}DEFG1", code(b"p"), code(b"C"))
}

fn deeper(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn percent_of(text: &str) -> String {
    text.replace('%', "%25")
}

/// Each way, by its name in the table.
fn ways() -> BTreeMap<&'static str, Vec<u8>> {
    let base64_of = |text: &str| base64(text.as_bytes(), false);
    let slashes = || base64(b"???ghp_ABCDEFG1??????", false);
    assert!(slashes().contains('/'), "{}", slashes());
    let mut ways: BTreeMap<&'static str, Vec<u8>> = BTreeMap::new();
    let mut way = |name, text: String| assert!(ways.insert(name, text.into_bytes()).is_none());
    way("in plain sight, cut anywhere", KEY.into());
    way("`\\u` escapes of some letters", some(escaped));
    way("`\\u` escapes of all letters", escaped(KEY.as_bytes()));
    way("an escaped slash before it", format!("a\\/{KEY}"));
    way(
        "escapes in an escaped string",
        format!("{{\\\"a\\\":\\\"{}\\\"}}", deeper(&some(escaped))),
    );
    way("escapes three deep", deeper(&deeper(&some(escaped))));
    way(
        "escapes four deep",
        deeper(&deeper(&deeper(&some(escaped)))),
    );
    way("percent codes of some letters", some(percent));
    way("percent codes of all letters", percent(KEY.as_bytes()));
    way("percent codes twice", percent_of(&some(percent)));
    way(
        "percent codes three times",
        percent_of(&percent_of(&some(percent))),
    );
    way(
        "percent codes four times",
        percent_of(&percent_of(&percent_of(&some(percent)))),
    );
    way(
        "a percent sign and its digits, these encoded again",
        format!("gh{}_ABCDEFG1", "%%37%30"),
    );
    way(
        "escapes and percent codes in one value",
        format!("gh{}_AB{}DEFG1", escaped(b"p"), percent(b"C")),
    );
    way(
        "percent codes, these escaped",
        escaped(some(percent).as_bytes()),
    );
    way(
        "percent codes, one of them escaped",
        format!(
            "gh{}_AB{}DEFG1",
            percent(b"p"),
            escaped(percent(b"C").as_bytes())
        ),
    );
    way(
        "percent codes, the first of them escaped",
        format!(
            "gh{}_AB{}DEFG1",
            escaped(percent(b"p").as_bytes()),
            percent(b"C")
        ),
    );
    way("entities, decimal", some(|text| entities(text, false)));
    way("entities, hexadecimal", some(|text| entities(text, true)));
    way("entities by name", "ghp&lowbar;ABCDEFG1".into());
    way("entities of entities", "gh&amp;#112;_ABCDEFG1".into());
    way(
        "entities without their semicolon",
        "gh&#112_ABCDEFG1".into(),
    );
    way("base64", base64_of(&format!("ab:{KEY} and more")));
    way(
        "base64, one byte in",
        base64_of(&format!("?{KEY} and more")),
    );
    way(
        "base64, two bytes in",
        base64_of(&format!("??{KEY} and more")),
    );
    way(
        "base64url",
        base64(format!("??>{KEY}??>?>").as_bytes(), true),
    );
    way(
        "base64 behind other digits",
        format!("ab{}", base64_of(LONG)),
    );
    way("base64 with escaped slashes", slashes().replace('/', "\\/"));
    way(
        "base64 of percent codes",
        base64_of(&format!("say {} now", some(percent))),
    );
    way("base64 twice", base64_of(&base64_of(LONG)));
    way("base64 of fewer than 24 digits", base64_of(KEY));
    let long = base64_of(&format!("{} {KEY} {}", "a".repeat(40), "b".repeat(40)));
    way(
        "base64 broken into lines",
        [&long[..64], "\r\n", &long[64..]].concat(),
    );
    way("hex", hex(LONG.as_bytes()));
    way("hex, one digit in", format!("f{}", hex(LONG.as_bytes())));
    way(
        "hex with spaces",
        hex(LONG.as_bytes())
            .as_bytes()
            .chunks(2)
            .map(|two| format!("{} ", std::str::from_utf8(two).unwrap()))
            .collect(),
    );
    way("quoted-printable", some(quoted));
    way(
        "quoted-printable, broken into lines",
        "ghp_ABC=\r\nDEFG1".into(),
    );
    way("a space in the middle", "ghp_ABC DEFG1".into());
    way("backwards", KEY.chars().rev().collect());
    way("each letter turned by 13", "tuc_NOPQRST1".into());
    ways.insert("UTF-16, little end first", wide(LONG.as_bytes(), false));
    ways.insert("UTF-16, big end first", wide(LONG.as_bytes(), true));
    ways
}

/// The rows of the table: way and outcome.
fn rows() -> Vec<(String, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/carriers.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once("\n### In a value\n").unwrap();
    let section = section.split("\n#").next().unwrap();
    let rows = section
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            assert_eq!(cells.len(), 2, "{line}");
            (cells[0].to_owned(), cells[1].to_owned())
        });
    rows.collect()
}

/// Whether the key is found and gone, alike in every cut.
fn is_caught(subject: &Subject, hidden: &[u8], json: bool, views: Views) -> bool {
    let (before, after): (&[u8], &[u8]) = match json {
        true => (b"{\"m\":\"", b"\"}\n"),
        false => (b"m=", b"\n"),
    };
    let hay = [before, hidden, after].concat();
    let format = if json { Format::Json } else { Format::Text };
    let got = subject.check(&hay, format, views);
    let caught = got.findings.iter().any(|f| f.0 == "t.key");
    assert_eq!(caught, got.out != hay);
    let text: Vec<u8> = got.out.iter().copied().filter(|&b| b != 0).collect();
    if caught {
        assert!(!text.windows(8).any(|w| w == SECRET.as_bytes()));
    }
    caught
}

#[test]
fn each_way_comes_out_as_the_table_says() {
    let subject = Subject::of(POLICY);
    let ways = ways();
    let rows = rows();
    let mut listed: Vec<&str> = rows.iter().map(|row| row.0.as_str()).collect();
    listed.sort_unstable();
    assert_eq!(listed, ways.keys().copied().collect::<Vec<_>>());
    let mut wrong = Vec::new();
    for (way, outcome) in &rows {
        let hidden = &ways[way.as_str()];
        for json in [false, true] {
            let mut got = "not found".to_owned();
            if is_caught(&subject, hidden, json, Views::default()) {
                got = "found".to_owned();
            } else if is_caught(&subject, hidden, json, Views::ALL) {
                // One of those that are off is enough.
                let names = Views::NAMES.into_iter().filter(|name| {
                    let mut views = Views::default();
                    let on = std::mem::replace(views.named(name).unwrap(), true);
                    !on && is_caught(&subject, hidden, json, views)
                });
                got = format!("with {}", names.collect::<Vec<_>>().join(", "));
            }
            if got != *outcome {
                let kind = if json { "JSON" } else { "text" };
                wrong.push(format!("{way}, in {kind}: {got}, not {outcome}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
