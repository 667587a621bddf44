//! Tests of the configuration's reading and refusing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use blackbar_carriers::{Format, Framing, Logins};

use super::*;

fn refused(text: &str) -> String {
    match Config::parse(text.as_bytes()) {
        Ok(config) => panic!("taken: {text} as {config:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn nothing_and_an_empty_table_are_the_defaults() {
    assert_eq!(Config::parse(b"").unwrap(), Config::default());
    assert_eq!(Config::parse(b"{}").unwrap(), Config::default());
    assert_eq!(Config::parse(b" \n{ }\n").unwrap(), Config::default());
}

/// The example in the manual is read, and says what the manual says: every default as it is.
#[test]
fn the_manual_shows_every_default() {
    let manual = include_str!("../../CONFIGURATION.md");
    let blocks: Vec<&str> = manual
        .split("```json\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(blocks.len() >= 2, "the manual holds examples");
    for block in &blocks {
        Config::parse(block.as_bytes()).unwrap_or_else(|error| panic!("{error}: {block}"));
    }
    let all = blocks
        .iter()
        .find(|block| block.contains("\"hold_limit\""))
        .unwrap();
    let mut config = Config::parse(all.as_bytes()).unwrap();
    assert_eq!(config.profile.take().as_deref(), Some("quiet"));
    assert_eq!(config.rules.drain(..).len(), 2);
    let views = std::mem::take(&mut config.views);
    assert_eq!(views.apply(Views::NONE), Views::default());
    assert_eq!(views.apply(Views::ALL), Views::default());
    assert_eq!(config, Config::default());
}

#[test]
fn raw_connections_are_read() {
    let config = Config::parse(
        br#"{"tcp": {"downstream": {"format": "redis", "undecided": "mask"}, "upstream": {"scan": false, "format": "lines", "logins": "pass"}}}"#,
    )
    .unwrap();
    let [down, up] = [config.tcp.downstream, config.tcp.upstream];
    assert!(down.scan && !up.scan);
    let redis = Framing::Redis(Logins::Pass);
    assert_eq!(down.format(), Format::Stream(redis));
    assert_eq!(up.format(), Format::Stream(Framing::Lines));
    assert_eq!(
        (down.undecided, up.undecided),
        (Undecided::Mask, Undecided::Carry)
    );
    assert_eq!(Tcp::default().upstream.logins, Logins::Scan);
    for wrong in [
        r#"{"tcp": []}"#,
        r#"{"tcp": {"downstream": "redis"}}"#,
        r#"{"tcp": {"client": {}}}"#,
        r#"{"tcp": {"upstream": {"format": "resp"}}}"#,
        r#"{"tcp": {"upstream": {"logins": "drop"}}}"#,
    ] {
        assert!(!refused(wrong).is_empty());
    }
}

#[test]
fn every_part_is_read() {
    let config = Config::parse(
        br#"{"profile": "quiet", "mode": "log_only",
            "scan": {"request": {"url": false}, "response": {"body": false}, "upgrades": true},
            "views": {"base64": true, "percent": false},
            "rules": {"github.pat": {"action": "mask"}, "pii.card": {"action": {"keep_last": 4}}, "a.b": {"enabled": false}},
            "pass_headers": {"request": ["X-Mine"]}, "log_headers": ["Referer"], "log_response_headers": ["location"],
            "publish": true, "content_encoding": {"request": "pass", "strip_accept_encoding": false},
            "skip_content_types": {"response": ["Image/*"]}, "file_parts": "pass", "strip_range": false, "partial_content": "block",
            "signed_bodies": {"request": "drop", "response": "pass", "headers": ["X-Sum"]}, "hold_limit": 1000, "on_hold_limit": "mask",
            "block": {"status": 451}, "on_failure": "open"}"#,
    )
    .unwrap();
    assert_eq!(config.profile.as_deref(), Some("quiet"));
    assert_eq!(config.mode, Mode::LogOnly);
    assert!(
        !config.scan.request.url
            && config.scan.request.headers
            && !config.scan.response.body
            && config.scan.upgrades
    );
    assert_eq!(
        config.rules,
        [
            RuleOverride {
                id: "github.pat".into(),
                action: Some(Action::Mask),
                enabled: None
            },
            RuleOverride {
                id: "pii.card".into(),
                action: Some(Action::KeepLast(4)),
                enabled: None
            },
            RuleOverride {
                id: "a.b".into(),
                action: None,
                enabled: Some(false)
            },
        ]
    );
    assert_eq!(config.pass_headers.request, ["x-mine"]);
    assert_eq!(config.pass_headers.response, ["set-cookie"]);
    assert_eq!(config.log_headers, ["referer"]);
    assert_eq!(config.log_response_headers, ["location"]);
    assert!(config.publish && !config.strip_range);
    assert_eq!(config.content_encoding.request, Encoded::Pass);
    assert_eq!(config.content_encoding.response, Encoded::Block);
    assert_eq!(config.skip_content_types.response, ["image/*"]);
    assert_eq!(config.partial_content, Partial::Block);
    assert_eq!(
        config.signed_bodies,
        SignedBodies {
            request: Signed::Drop,
            response: Signed::Pass,
            headers: vec!["x-sum".into()],
        }
    );
    assert_eq!(
        (config.hold_limit, config.block_status, config.on_failure),
        (1000, 451, OnFailure::Open)
    );
    assert_eq!(config.on_hold_limit, OnHoldLimit::Mask);
    assert_eq!(config.file_parts, FileParts::Pass);
}

#[test]
fn anything_in_doubt_is_refused_with_its_reason() {
    for (text, reason) in [
        ("{\"mod\": \"off\"}", "unknown field `mod`"),
        ("{\"mode\": \"of\"}", "unknown variant `of`"),
        ("{\"on_hold_limit\": \"drop\"}", "unknown variant `drop`"),
        ("{\"signed_bodies\": \"drop\"}", "invalid type"),
        (
            "{\"signed_bodies\": {\"headers\": [\"a b\"]}}",
            "signed_bodies.headers holds `a b`",
        ),
        (
            "{\"scan\": {\"request\": {\"bodies\": true}}}",
            "unknown field `bodies`",
        ),
        (
            "{\"scan\": {\"response\": {\"url\": true}}}",
            "unknown field `url`",
        ),
        (
            "{\"mode\": \"off\", \"mode\": \"enforce\"}",
            "duplicate field `mode`",
        ),
        (
            "{\"rules\": {\"a.b\": {}, \"a.b\": {}}}",
            "`a.b` stands twice",
        ),
        (
            "{\"rules\": {\"a.b\": {\"action\": \"drop\"}}}",
            "unknown variant `drop`",
        ),
        (
            "{\"rules\": {\"a.b\": {\"action\": {\"keep_last\": 65}}}}",
            "keep 65 bytes, where 64 are the most",
        ),
        (
            "{\"rules\": {\"a.b\": {\"action\": {\"keep_last\": 300}}}}",
            "invalid value",
        ),
        (
            "{\"rules\": {\"a.b\": {\"severity\": \"low\"}}}",
            "unknown field `severity`",
        ),
        ("{\"rules\": []}", "invalid type"),
        ("{\"hold_limit\": -1}", "invalid value"),
        ("{\"hold_limit\": 99999999999}", "the most is"),
        ("{\"block\": {\"status\": 200}}", "not from 400 to 599"),
        ("{\"log_headers\": [\"a b\"]}", "no header name"),
        ("{\"log_headers\": [\"\"]}", "no header name"),
        (
            "{\"skip_content_types\": {\"request\": [\"*/*\"]}}",
            "write `image/png`",
        ),
        ("{} {}", "trailing characters"),
        ("{}\0", "trailing characters"),
        ("{\"mode\": \"off\"", "EOF"),
        ("[]", "expected a JSON object"),
        ("{\"scan\": []}", "expected a JSON object"),
        (
            "{\"scan\": {\"request\": [false]}}",
            "expected a JSON object",
        ),
        (
            "{\"rules\": {\"a.b\": [\"mask\"]}}",
            "expected a JSON object",
        ),
        ("{\"block\": 403}", "expected a JSON object"),
        ("null", "not understood"),
        ("enforce", "not understood"),
        ("\u{feff}{}", "not understood"),
        ("{\"publish\": \"yes\"}", "invalid type"),
    ] {
        let message = refused(text);
        assert!(message.contains(reason), "{text}: {message}");
        assert!(!message.contains('\n') && message.chars().count() <= MESSAGE_LEN);
    }
    let deep = format!("{{\"rules\": {}", "[".repeat(100_000));
    assert!(refused(&deep).contains("not understood"));
}

#[test]
fn a_protobuf_struct_is_named() {
    // Struct { fields: { "mode": Value { string_value: "off" } } }
    let bytes = b"\x0a\x0d\x0a\x04mode\x12\x05\x1a\x03off";
    let message = Config::parse(bytes).unwrap_err().to_string();
    assert!(
        message.contains("protobuf Struct; use StringValue"),
        "{message}"
    );
    assert!(
        !is_protobuf_struct(b"\n\n{}"),
        "JSON after empty lines is none"
    );
    assert!(!is_protobuf_struct(b"\n"));
    assert!(!is_protobuf_struct(b"\n\xff\xff\xff\xff\xff\xff"));
}

#[test]
fn no_cut_or_flip_of_a_configuration_panics() {
    let text = br#"{"mode":"shadow","rules":{"a.b":{"action":{"keep_first":3}}},"hold_limit":5}"#;
    for end in 1..text.len() {
        assert!(
            Config::parse(text.get(..end).unwrap_or_default()).is_err(),
            "cut at {end}"
        );
    }
    for bit in 0..text.len() * 8 {
        let mut other = text.to_vec();
        other
            .get_mut(bit / 8)
            .map(|byte| *byte ^= 1 << (bit % 8))
            .unwrap();
        let _ = Config::parse(&other);
    }
}
