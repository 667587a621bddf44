//! Rules that name fields: values of every type are replaced whole, in every cut, and documents stay documents.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use blackbar_carriers::{Format, Views};
use serde_json::Value;
use support::{FIELDS, Subject};

#[track_caller]
fn redacts(input: &str, wanted: &str) -> Vec<(String, u64, u64)> {
    let got = Subject::of(FIELDS).check(input.as_bytes(), Format::Json, Views::ALL);
    assert_eq!(String::from_utf8_lossy(&got.out), wanted, "{input}");
    got.findings
}

#[test]
fn values_of_every_type_are_replaced_whole() {
    for (value, tagged, masked) in [
        (r#""hunter2""#, r#""[t.password]""#, r#""*******""#),
        (r#""a\"b\\""#, r#""[t.password]""#, r#""******""#),
        (r#""""#, r#""[t.password]""#, r#""""#),
        ("-12.50e+3", "-99.99e+0", "-99.99e+0"),
        ("true", "null", "null"),
        ("false", "null ", "null "),
        ("null", "null", "null"),
        ("{}", r#""[t.password]""#, r#""""#),
        (r#"[1,[2,"]"]]"#, r#""[t.password]""#, r#""*********""#),
        (
            r#"{"a":{"b":"}"}}"#,
            r#""[t.password]""#,
            r#""*************""#,
        ),
    ] {
        let doc =
            |a: &str, b: &str| format!(r#"{{"password": {a}, "pin":{b} ,"x":[{{"pin":{b}}},1]}}"#);
        redacts(&doc(value, value), &doc(tagged, masked));
    }
}

#[test]
fn paths_lead_to_fields() {
    redacts(
        r#"{"user":{"email":"a","name":"b"},"email":"c","x":{"user":{"email":"d"}}}"#,
        r#"{"user":{"email":"[t.password]","name":"b"},"email":"c","x":{"user":{"email":"d"}}}"#,
    );
    redacts(
        r#"{"cards":[{"number":1234},{"number":"5"}],"number":6}"#,
        r#"{"cards":[{"number":9999},{"number":"[t.password]"}],"number":6}"#,
    );
    redacts(
        r#"{"deep":{"token":1,"a":[{"token":"x"}]},"token":2}"#,
        r#"{"deep":{"token":9,"a":[{"token":"[t.password]"}]},"token":2}"#,
    );
    // Each document begins at the root again.
    redacts(
        "{\"user\":{\"email\":\"a\"}}\n{\"email\":\"b\"}\n{\"user\":{\"email\":\"c\"}}\n",
        "{\"user\":{\"email\":\"[t.password]\"}}\n{\"email\":\"b\"}\n{\"user\":{\"email\":\"[t.password]\"}}\n",
    );
}

#[test]
fn keys_are_compared_without_case_and_dashes() {
    for key in [
        "password",
        "PASSWORD",
        "Pass_Word",
        "pass-word",
        r"p\u0061ssword",
        r"pass\u005fword",
    ] {
        redacts(
            &format!(r#"[{{"{key}":"x"}}]"#),
            &format!(r#"[{{"{key}":"[t.password]"}}]"#),
        );
    }
    for key in ["passwords", "pass word", "", "pas", &"password".repeat(20)] {
        let doc = format!(r#"[{{"{key}":"x"}}]"#);
        redacts(&doc, &doc);
    }
}

#[test]
fn each_field_is_one_finding() {
    let found = redacts(
        r#"{"password":{"a":"ghp_ABCDEFG1"},"seen":[1,2],"b":"ghp_ABCDEFG1"}"#,
        r#"{"password":"[t.password]","seen":[1,2],"b":"ghp_[t.key]"}"#,
    );
    assert_eq!(
        found,
        [
            ("t.key".to_owned(), 22, 30),
            ("t.key".to_owned(), 55, 63),
            ("t.password".to_owned(), 12, 32),
            ("t.seen".to_owned(), 40, 45),
        ]
    );
    // What grows from before it and beyond it is replaced where it is outside.
    redacts(
        r#"{"a":"-----Bx","password":["y"],"b":"z~"}"#,
        r#"{"a":"-----B[t.pem]","[t.pem]":"[t.password]","[t.pem]":"[t.pem]~"}"#,
    );
}

#[test]
fn what_is_only_counted_hides_nothing_from_other_rules() {
    let found = redacts(
        r#"{"seen":"ghp_ABCDEFG1","x":{"seen":{"password":"a","seen":[{"pin":12}],"b":"ghp_ABCDEFG1"}},"c":1}"#,
        r#"{"seen":"ghp_[t.key]","x":{"seen":{"password":"[t.password]","seen":[{"pin":99}],"b":"ghp_[t.key]"}},"c":1}"#,
    );
    let ids: Vec<&str> = found.iter().map(|found| found.0.as_str()).collect();
    assert_eq!(
        ids,
        ["t.key", "t.key", "t.password", "t.pin", "t.seen", "t.seen"]
    );
    // Nor does it where both name the same.
    redacts(r#"{"both":"x"}"#, r#"{"both":"[t.password]"}"#);
}

#[test]
fn what_breaks_inside_a_field_is_gone_to_the_end_of_its_line() {
    redacts(
        "{\"password\": {\"a\": bad, \"b\": \"x\"}, \"c\": 1}\n{\"password\":\"y\"}\n",
        "{\"password\": \"[t.password]\"\n{\"password\":\"[t.password]\"}\n",
    );
    redacts("{\"pin\": [1, \"a\nb\"]}", "{\"pin\": \"*****\nb\"]}");
    redacts("{\"password\": \"cut of", "{\"password\": \"[t.password]\"");
    redacts(
        "{\"password\": 12a, \"b\": 3}\n[1]",
        "{\"password\": 99\n[1]",
    );
}

#[test]
fn what_is_redacted_stays_so() {
    for input in [
        r#"{"password":{"a":1},"pin":[1,2],"x":{"password":false,"pin":-1.5e7}}"#,
        r#"[{"password":"\ud83d\ude00","pin":"é"}]"#,
    ] {
        let subject = Subject::of(FIELDS);
        let once = subject.check(input.as_bytes(), Format::Json, Views::ALL);
        serde_json::from_slice::<Value>(&once.out).unwrap();
        let twice = subject.check(&once.out, Format::Json, Views::ALL);
        assert_eq!(once.out, twice.out, "{input}");
    }
}

#[test]
fn a_large_value_is_never_held() {
    let subject = Subject::of(FIELDS);
    let value = format!("[{}1]", "{\"a\":\"b\"},".repeat(100_000));
    let doc = format!("{{\"password\":{value},\"c\":2}}");
    let mut carrier = blackbar_carriers::Carrier::new(Format::Json);
    let mut out = Vec::new();
    for chunk in doc.as_bytes().chunks(4096) {
        carrier.push(&subject.engine, &subject.plan, chunk, false);
        assert!(carrier.undecided() < 64);
        carrier.take_output(&mut out);
        carrier.rest(&mut Vec::new());
        assert!(carrier.memory() < 64 * 1024, "{}", carrier.memory());
    }
    carrier.push(&subject.engine, &subject.plan, b"", true);
    carrier.take_output(&mut out);
    assert_eq!(out, br#"{"password":"[t.password]","c":2}"#);
}
