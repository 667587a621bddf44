//! JSON that is redacted stays JSON, and means the same outside of findings.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use blackbar_carriers::Views;
use blackbar_engine::Place;
use serde_json::{Deserializer, Value};
use support::Subject;

#[track_caller]
fn redacts(input: &str, wanted: &str) {
    let got = Subject::new().check(input.as_bytes(), Place::Json, Views::ALL);
    assert_eq!(String::from_utf8_lossy(&got.out), wanted, "{input}");
}

#[test]
fn strings_are_replaced_inside_their_quotes() {
    redacts(r#"{"a":"ghp_ABCDEFG1"}"#, r#"{"a":"ghp_[t.key]"}"#);
    redacts(
        r#"["x@ab.de", {"ghp_ABCDEFG1": 1}]"#,
        r#"["*******", {"ghp_[t.key]": 1}]"#,
    );
}

#[test]
fn numbers_stay_numbers() {
    redacts("[4111111111111111]", "[9999999999999999]");
    redacts("4111111111111111", "9999999999999999");
    redacts("[-4111111111111111.5e3]", "[-9999999999999999.5e3]");
    redacts("[1.4111111111111111]", "[1.9999999999999999]");
    redacts("[1e4111111111111111]", "[1e0000000000000000]");
    redacts(r#"["4111111111111111"]"#, r#"["[t.card]"]"#);
}

#[test]
fn what_holds_a_document_together_stays() {
    // The secret of three bytes goes over quotes, brackets and commas.
    redacts(r#"["Q",[],"abc"]"#, r#"["Q",[],"abc"]"#);
    redacts(r#"[["Q"],1]"#, r#"[["Q"],1]"#);
    redacts(r#"["aQb","c"]"#, r#"["aQ*","c"]"#);
    redacts(r#"["Qb\n"]"#, r#"["Q***"]"#);
    redacts(r#"["Qabé"]"#, r#"["Q****"]"#);
    redacts(r#"[true,"Q",1.5]"#, r#"[true,"Q",9.5]"#);
    redacts(r#"["Qa\uD83D\uDE00"]"#, r#"["Q*************"]"#);
    // A tag for each string that a finding covers.
    redacts(
        r#"{"a":"-----Bxx","b":["yy",12,null],"c":"zz~"}"#,
        r#"{"a":"-----B[t.pem]","[t.pem]":["[t.pem]",99,null],"[t.pem]":"[t.pem]~"}"#,
    );
}

#[test]
fn escapes_are_kept_or_replaced_whole() {
    redacts(r#"["AKIA\u00e9BCDEFG"]"#, r#"["AKIA************"]"#);
    redacts(r#"["sk-abc\u0064efghi"]"#, r#"["sk-***********ghi"]"#);
    redacts(
        r#"["sk-abcdef\u0067\u0068"]"#,
        r#"["sk-******************"]"#,
    );
}

#[test]
fn values_are_matched_on_their_decoded_text() {
    redacts(r#"["gh\u0070_ABCDEFG1"]"#, r#"["gh\u0070_[t.key]"]"#);
    redacts(r#"["ghp_ABC\u0044EFG1"]"#, r#"["ghp_[t.key]"]"#);
    redacts(r#"["x\u0040ab.de"]"#, r#"["************"]"#);
    redacts(
        r#"{"pass\u0077d":"hunter22"}"#,
        r#"{"pass\u0077d":"[t.keyed]"}"#,
    );
    redacts(r#"["\u0034111111111111111"]"#, r#"["[t.card]"]"#);
    // Escaped strings in escaped strings, three deep.
    redacts(
        r#"["{\"a\":\"gh\\u0070_ABCDEFG1\"}"]"#,
        r#"["{\"a\":\"gh\\u0070_[t.key]\"}"]"#,
    );
    redacts(
        r#"["{\"a\":\"{\\\"b\\\":\\\"ghp_ABC\\\\u0044EFG1\\\"}\"}"]"#,
        r#"["{\"a\":\"{\\\"b\\\":\\\"ghp_[t.key]\\\"}\"}"]"#,
    );
}

#[test]
fn one_finding_is_counted_once() {
    let subject = Subject::new();
    for (input, wanted) in [
        (r#"["\n ghp_ABCDEFG1 x@ab.de"]"#, vec!["t.key", "t.mail"]),
        (
            r#"["ghp_ABCDEFG1\n", "\u0041", "x@ab.de"]"#,
            vec!["t.key", "t.mail"],
        ),
        (
            r#"["-----B\nabc\n\n~", "x@ab.de"]"#,
            vec!["t.mail", "t.pem"],
        ),
    ] {
        let got = subject.check(input.as_bytes(), Place::Json, Views::ALL);
        let ids: Vec<_> = got.findings.iter().map(|f| f.0.as_str()).collect();
        assert_eq!(ids, wanted, "{input}");
    }
}

#[test]
fn what_breaks_is_text_from_there_on() {
    redacts(
        r#"{"a":"x@ab.de" "b":"ghp_ABCDEFG1"}"#,
        r#"{"a":"*******" "b":"ghp_[t.key]"}"#,
    );
    redacts(
        "{\"a\": x@ab.de}\n[4111111111111111]\n",
        "{\"a\": *******}\n[9999999999999999]\n",
    );
    redacts(
        "INFO x@ab.de\n{\"a\":\"-----B1\",\"b\":2}\n",
        "INFO *******\n{\"a\":\"-----B[t.pem]\",\"[t.pem]\":9}\n",
    );
    redacts(
        "[1,\n 2 3]\n[4111111111111111]",
        "[1,\n 2 3]\n[9999999999999999]",
    );
    redacts("[\"-----Bab\nab\"]", "[\"-----B[t.pem]\n[t.pem]");
}

#[test]
fn documents_follow_one_another() {
    redacts(
        "{\"n\":4111111111111111}\n{\"n\":4111111111111111}\n",
        "{\"n\":9999999999999999}\n{\"n\":9999999999999999}\n",
    );
    redacts(
        "\u{1e}[4111111111111111]\n\u{1e}\"x@ab.de\"\n",
        "\u{1e}[9999999999999999]\n\u{1e}\"*******\"\n",
    );
    redacts("\u{feff}[4111111111111111]", "\u{feff}[9999999999999999]");
}

#[test]
fn nesting_is_bounded() {
    let deep = |depth: usize| "[".repeat(depth) + "4111111111111111" + &"]".repeat(depth);
    let most = blackbar_carriers::json::DEEPEST;
    let wanted = "[".repeat(most) + "9999999999999999" + &"]".repeat(most);
    let subject = Subject::new();
    let run = |text: &str| {
        let got = subject.run(text.as_bytes(), Place::Json, Views::ALL, &[most / 2]);
        String::from_utf8(got.out).unwrap()
    };
    assert_eq!(run(&deep(most)), wanted);
    // Beyond it: text, where a number after a bracket is a number as well.
    assert!(run(&deep(most + 1)).contains("[9999999999999999]"));
}

/// Whether `out` is what `input` may become: the same shape, numbers of as many digits, strings that are the same or redacted.
fn like(input: &Value, out: &Value) -> bool {
    match (input, out) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| like(a, b))
        }
        // Redacted keys may have become one.
        (Value::Object(a), Value::Object(b)) => {
            b.iter().all(|(k, v)| match a.get(k) {
                Some(was) => like(was, v) || redacted(k),
                None => redacted(k),
            }) && a
                .keys()
                .all(|k| b.contains_key(k) || b.keys().any(|k| redacted(k)))
        }
        (Value::String(a), Value::String(b)) => a == b || redacted(b),
        (Value::Number(a), Value::Number(b)) => a == b || b.to_string().contains(['9', '0']),
        (a, b) => a == b,
    }
}

fn redacted(text: &str) -> bool {
    text.contains("[t.") || text.contains('*')
}

fn values(text: &[u8]) -> Option<Vec<Value>> {
    let mut all = Vec::new();
    for value in Deserializer::from_slice(text).into_iter::<Value>() {
        all.push(value.ok()?);
    }
    Some(all)
}

/// Documents made to go wrong: pieces of matches, escapes and characters in every place where a string or number may be.
fn document(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    const BITS: &[&str] = &[
        "ghp_ABCDEFG1",
        "gh\\u0070_ABCDEFG1",
        "x@ab.de",
        "x\\u0040ab.de",
        "4111111111111111",
        "Q",
        "é",
        "\\n",
        "\\\\",
        "\\\"",
        "\\/",
        "\\uD83D\\uDE00",
        "😀",
        "AKIA12345",
        "é",
        "sk-abcdefgh",
        "-----B",
        "~",
        "passwd",
        "abc",
        " ",
        "AKI",
        "%41",
        "%40",
        "%25",
        "\\\\u0040",
        "\\u005cn",
        "\\u0022",
    ];
    fn string(next: &mut impl FnMut(usize) -> usize) -> String {
        let bits: String = (0..next(5)).map(|_| BITS[next(BITS.len())]).collect();
        format!("\"{bits}\"")
    }
    fn value(next: &mut impl FnMut(usize) -> usize, depth: usize) -> String {
        match next(if depth == 0 { 6 } else { 9 }) {
            0..=2 => string(next),
            3 => ["4111111111111111", "0", "-12.5e7", "1e9", "0.411111", "123"][next(6)].into(),
            4 => ["true", "false", "null"][next(3)].into(),
            5 => ["[]", "{}", "[ ]", "{\n}"][next(4)].into(),
            6 => {
                let all: Vec<_> = (0..next(4)).map(|_| value(next, depth - 1)).collect();
                format!("[{}]", all.join(", "))
            }
            _ => {
                let all: Vec<_> = (0..next(4))
                    .map(|_| format!("{}:{}", string(next), value(next, depth - 1)))
                    .collect();
                format!("{{{}}}", all.join(","))
            }
        }
    }
    let count = 1 + next(3);
    let all: Vec<_> = (0..count).map(|_| value(&mut next, 3)).collect();
    all.join(["\n", " ", "\n\n"][next(3)])
}

#[test]
fn documents_stay_documents_however_they_are_cut() {
    let subject = Subject::new();
    let mut changed = 0;
    for seed in 1..1500 {
        let text = document(seed);
        let before = values(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
        let got = subject.check(text.as_bytes(), Place::Json, Views::ALL);
        let shown = String::from_utf8_lossy(&got.out);
        let after =
            values(&got.out).unwrap_or_else(|| panic!("seed {seed}: {text}\nbecame\n{shown}"));
        assert_eq!(before.len(), after.len(), "{text}\n{shown}");
        for (a, b) in before.iter().zip(&after) {
            assert!(like(a, b), "seed {seed}: {text}\nbecame\n{shown}");
        }
        changed += usize::from(got.out != text.as_bytes());
    }
    assert!(changed > 500, "{changed}");
}
