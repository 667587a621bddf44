//! Parts of representations, entity tags, digests and signatures, through the real module. The table in CONFIGURATION.md says the same.

mod filter_support;

use blackbar_host_test::{Chunking, Headers, Transaction};
use filter_support::*;

const CLEAN: &str = "nothing to see";
const DIRTY: &str = "a key-12345678 b";

/// Headers that hold a digest of a body.
const DIGESTS: [(&str, &str); 7] = [
    ("content-digest", "sha-256=:x:"),
    ("repr-digest", "sha-256=:x:"),
    ("digest", "SHA-256=x"),
    ("content-md5", "x"),
    ("x-goog-hash", "md5=x"),
    ("x-amz-checksum-sha256", "x"),
    ("content_digest", "sha-256=:x:"),
];

fn has_any(headers: Option<&Headers>, names: &[(&str, &str)]) -> bool {
    let headers = headers.unwrap();
    names.iter().any(|(name, _)| headers.text(name).is_some())
}

#[test]
fn digests_go_where_a_body_may_change() {
    let mut host = host("");
    for body in [CLEAN, DIRTY] {
        let outcome = run(&mut host, &request(&DIGESTS, body), &Chunking::size(3));
        assert!(
            !has_any(outcome.upstream.headers.as_ref(), &DIGESTS),
            "they leave before it is read"
        );
        let outcome = run(&mut host, &response(&DIGESTS, body), &Chunking::size(3));
        assert!(!has_any(outcome.downstream.headers.as_ref(), &DIGESTS));
    }
    assert_eq!(host.counter("blackbar.digest.dropped"), 4);
    for configuration in [
        r#"{"mode": "shadow"}"#,
        r#"{"mode": "log_only"}"#,
        r#"{"profile": "none"}"#,
        r#"{"scan": {"request": {"body": false}, "response": {"body": false}}}"#,
        r#"{"skip_content_types": {"request": ["text/*"], "response": ["text/*"]}}"#,
    ] {
        let mut host = filter_support::host(configuration);
        let about = [
            DIGESTS.as_slice(),
            &[("content-type", "text/plain"), ("etag", "\"1\"")],
        ]
        .concat();
        for (transaction, is_request) in [
            (request(&about, CLEAN), true),
            (response(&about, CLEAN), false),
        ] {
            let outcome = run(&mut host, &transaction, &Chunking::whole());
            let (got, given) = if is_request {
                (outcome.upstream.headers, &transaction.request_headers)
            } else {
                (outcome.downstream.headers, &transaction.response_headers)
            };
            for (name, value) in &about {
                assert_eq!(
                    got.as_ref().unwrap().text(name),
                    Some(*value),
                    "{configuration}"
                );
            }
            assert_eq!(
                got.unwrap().text("content-length"),
                given.text("content-length")
            );
        }
        assert_eq!(host.counter("blackbar.digest.dropped"), 0);
    }
}

/// Trailers come when the body is over: by then it is known whether a digest is still right.
#[test]
fn digests_in_trailers_go_only_where_the_body_did_change() {
    let mut host = host("");
    let trailers = Headers::from([
        ("content-digest", "sha-256=:x:"),
        ("x-signature", "00"),
        ("x-else", "1"),
    ]);
    for (body, stays) in [(CLEAN, true), (DIRTY, false)] {
        let mut transaction = request(&[], body);
        transaction.request_trailers = Some(trailers.clone());
        transaction.response_body = body.into();
        transaction.response_headers.remove(b"content-length");
        transaction.response_trailers = Some(trailers.clone());
        let outcome = run(&mut host, &transaction, &Chunking::size(4));
        for message in [&outcome.upstream, &outcome.downstream] {
            let got = message.trailers.as_ref().unwrap();
            for name in ["content-digest", "x-signature"] {
                assert_eq!(got.text(name).is_some(), stays, "{name} of {body}");
            }
            assert_eq!(got.text("x-else"), Some("1"));
        }
    }
    assert_eq!(host.counter("blackbar.digest.dropped"), 2);
    assert_eq!(host.counter("blackbar.signed.dropped"), 2);
}

/// What describes a changed body goes, whether values of trailers are scanned or not.
#[test]
fn digests_in_trailers_go_where_trailers_are_not_scanned() {
    let mut host = host(r#"{"scan":{"response":{"trailers":false}}}"#);
    let trailers = [("content-digest", "x"), ("x-else", "key-12345678")];
    for (body, stays) in [(CLEAN, true), (DIRTY, false)] {
        let mut transaction = response(&[], body);
        transaction.response_headers.remove(b"content-length");
        transaction.response_trailers = Some(Headers::from(trailers));
        let outcome = run(&mut host, &transaction, &Chunking::size(4));
        let got = outcome.downstream.trailers.unwrap();
        assert_eq!(got.text("content-digest").is_some(), stays);
        assert_eq!(got.text("x-else"), Some("key-12345678"));
    }
}

/// A request for headers alone has no body, and types that are skipped go on as they are.
#[test]
fn what_no_change_can_break_stays_with_head() {
    let mut host = host(r#"{"skip_content_types": {"response": ["image/*"]}}"#);
    let mut exchange = host.exchange();
    let mut headers = fetch(
        "/",
        &[("repr-digest", "x"), ("x-amz-checksum-mode", "ENABLED")],
    );
    headers.request_headers.set(b":method", b"HEAD");
    let step = exchange.request_headers(headers.request_headers, true);
    let sent = step.upstream.headers.unwrap();
    assert_eq!(sent.text("repr-digest"), Some("x"));
    assert_eq!(sent.text("x-amz-checksum-mode"), Some("ENABLED"));
    let given = [
        (":status", "200"),
        ("content-type", "image/png"),
        ("etag", "\"v1\""),
    ];
    let step = exchange.response_headers(Headers::from(given), true);
    let got = step.downstream.headers.unwrap();
    assert_eq!(got.text("etag"), Some("\"v1\""));
    let _ = exchange.finish();
}

#[test]
fn entity_tags_become_weak_in_every_reply_about_a_body() {
    let mut host = host("");
    for (method, status, expected) in [
        ("GET", "200", "W/\"v1\""),
        ("GET", "206", "W/\"v1\""),
        ("HEAD", "200", "W/\"v1\""),
        ("GET", "304", "W/\"v1\""),
        ("PUT", "204", "\"v1\""),
    ] {
        let mut exchange = host.exchange();
        let mut headers = fetch("/", &[("if-none-match", "W/\"v1\"")]).request_headers;
        headers.set(b":method", method.as_bytes());
        let step = exchange.request_headers(headers, true);
        let sent = step.upstream.headers.unwrap();
        assert_eq!(
            sent.text("if-none-match"),
            Some("W/\"v1\""),
            "compared weakly (RFC 9110)"
        );
        let given = [
            (":status", status),
            ("etag", "\"v1\""),
            ("content-length", "14"),
            ("repr-digest", "x"),
        ];
        let end = matches!(status, "204" | "304") || method == "HEAD";
        let step = exchange.response_headers(Headers::from(given), end);
        let got = step.downstream.headers.unwrap();
        assert_eq!(got.text("etag"), Some(expected), "{method} {status}");
        assert_eq!(got.text("repr-digest").is_some(), status == "204");
        if end {
            assert_eq!(got.text("content-length"), Some("14"));
        } else {
            exchange.response_body(CLEAN.as_bytes(), true);
        }
        let _ = exchange.finish();
    }
    assert_eq!(host.counter("blackbar.etag.weakened"), 4);
}

#[test]
fn parts_are_asked_for_no_more_and_masked_or_refused_when_they_come() {
    let mut partial = response(&[("content-range", "bytes 0-15/100")], DIRTY);
    partial.response_headers.set(b":status", b"206");
    partial.request_headers.add(b"range", b"bytes=0-15");
    partial.request_headers.add(b"if-range", b"\"v1\"");
    let upload = request(&[("content-range", "bytes 0-15/100")], DIRTY);
    let masked = "a ************ b";

    let mut host = host("");
    let outcome = run(&mut host, &partial, &Chunking::size(5));
    for name in ["range", "if-range"] {
        assert_eq!(outcome.upstream.header(name), None);
    }
    assert_eq!(text(&outcome.downstream.body), masked);
    assert_eq!(outcome.downstream.header("content-length"), Some("16"));
    assert_eq!(
        outcome.downstream.header("content-range"),
        Some("bytes 0-15/100")
    );
    let outcome = run(&mut host, &upload, &Chunking::size(5));
    assert_eq!(text(&outcome.upstream.body), masked);
    assert_eq!(outcome.upstream.header("content-length"), Some("16"));
    assert_eq!(host.counter("blackbar.range.stripped"), 1);
    assert_eq!(host.counter("blackbar.partial_content"), 2);

    let mut closed = filter_support::host(r#"{"partial_content": "block", "strip_range": false}"#);
    let outcome = run(&mut closed, &partial, &Chunking::size(5));
    assert_eq!(outcome.upstream.header("range"), Some("bytes=0-15"));
    assert_eq!(outcome.downstream.status(), Some(502));
    assert!(!text(&outcome.downstream.body).contains("key-"));
    let outcome = run(&mut closed, &upload, &Chunking::size(5));
    assert_eq!(outcome.downstream.status(), Some(400));
    assert_eq!(outcome.upstream.headers, None);
    assert_eq!(closed.counter("blackbar.partial_content.blocked"), 2);
    let mut shadow = filter_support::host(r#"{"partial_content": "block", "mode": "shadow"}"#);
    let outcome = run(&mut shadow, &partial, &Chunking::size(5));
    assert_eq!(text(&outcome.downstream.body), DIRTY);
}

const SIGNED: [&[(&str, &str)]; 6] = [
    &[("x-hub-signature-256", "sha256=0011")],
    &[("x_slack_signature", "v0=0011")],
    &[
        (
            "signature-input",
            "s=(\"@method\" \"content-digest\");keyid=\"k\"",
        ),
        ("signature", "s=:AAEC:"),
        ("content-digest", "sha-256=:AAEC:"),
    ],
    &[
        (
            "signature",
            "keyId=\"k\",headers=\"date digest\",signature=\"AAEC\"",
        ),
        ("digest", "SHA-256=AAEC"),
    ],
    &[("x-amz-content-sha256", "e3b0c442")],
    &[(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=00ff",
    )],
];

fn both(about: &[(&str, &str)], body: &str) -> [Transaction; 2] {
    [request(about, body), response(about, body)]
}

/// What is signed and holds nothing goes on as it came, signature, digest, length and all; what holds something is refused.
#[test]
fn signed_bodies_stay_or_are_refused() {
    let mut host = host("");
    for about in SIGNED {
        let about = [about, &[("etag", "\"v1\"")]].concat();
        for (side, transaction) in both(&about, CLEAN).into_iter().enumerate() {
            let outcome = run(&mut host, &transaction, &Chunking::size(3));
            let (got, given) = if side == 0 {
                (outcome.upstream, &transaction.request_headers)
            } else {
                (outcome.downstream, &transaction.response_headers)
            };
            assert_eq!(got.headers.as_ref(), Some(given));
            assert_eq!(text(&got.body), CLEAN);
        }
        for chunking in [Chunking::whole(), Chunking::size(3)] {
            let [request, response] = both(&about, DIRTY);
            let outcome = run(&mut host, &request, &chunking);
            assert_eq!(outcome.downstream.status(), Some(403), "{about:?}");
            assert!(!text(&outcome.upstream.body).contains("12345678"));
            let outcome = host.run(&response, &chunking);
            assert_eq!(host.failure(), None);
            assert!(
                !text(&outcome.downstream.body).contains("12345678"),
                "{about:?}"
            );
            let refused = outcome.downstream.status() != Some(200) || outcome.downstream.reset;
            assert!(refused, "{about:?}: {:?}", outcome.downstream);
        }
    }
    assert_eq!(host.counter("blackbar.signed.blocked"), 24);
    assert_eq!(host.counter("blackbar.rule.demo.key.blocked"), 24);
    assert_eq!(host.counter("blackbar.rule.demo.key.redacted"), 0);
}

/// A candidate that would be masked undecided is a change as well.
#[test]
fn a_signed_body_is_not_masked_for_the_hold_limit_either() {
    let mut host = host(r#"{"hold_limit": 64, "on_hold_limit": "mask"}"#);
    let body = format!("open-{}", "a".repeat(300));
    let mut transaction = request(&[("x-signature", "00")], body);
    transaction.request_headers.remove(b"content-length");
    let outcome = run(&mut host, &transaction, &Chunking::size(50));
    assert_eq!(outcome.downstream.status(), Some(403));
    assert!(!text(&outcome.upstream.body).contains('*'));
    assert_eq!(host.counter("blackbar.signed.blocked"), 1);
}

#[test]
fn signatures_can_be_dropped_or_bodies_passed() {
    for about in SIGNED {
        let is_listed = about.iter().all(|(name, _)| *name != "authorization");
        let mut dropping = host(r#"{"signed_bodies": {"request": "drop", "response": "drop"}}"#);
        for (side, transaction) in both(about, DIRTY).into_iter().enumerate() {
            let outcome = run(&mut dropping, &transaction, &Chunking::size(3));
            let got = [outcome.upstream, outcome.downstream]
                .into_iter()
                .nth(side)
                .unwrap();
            assert_eq!(text(&got.body), "a [demo.key] b", "{about:?}");
            if is_listed {
                assert!(!has_any(got.headers.as_ref(), about), "{about:?}");
            }
        }
        assert_eq!(
            dropping.counter("blackbar.signed.dropped"),
            2 * u64::from(is_listed)
        );

        let mut passing = host(r#"{"signed_bodies": {"request": "pass", "response": "pass"}}"#);
        for (side, transaction) in both(about, DIRTY).into_iter().enumerate() {
            let outcome = run(&mut passing, &transaction, &Chunking::size(3));
            let got = [outcome.upstream, outcome.downstream]
                .into_iter()
                .nth(side)
                .unwrap();
            assert_eq!(text(&got.body), DIRTY);
            assert!(has_any(got.headers.as_ref(), about));
        }
        assert_eq!(passing.counter("blackbar.open.signed"), 2);

        let mut shadow = host(r#"{"mode": "shadow"}"#);
        for transaction in both(about, DIRTY) {
            run(&mut shadow, &transaction, &Chunking::size(3));
        }
        assert_eq!(shadow.counter("blackbar.rule.demo.key.shadow"), 2);
        assert_eq!(shadow.counter("blackbar.signed.blocked"), 0);
    }
}

/// A signature that covers nothing of the body hinders nothing, and the list is a setting.
#[test]
fn what_does_not_cover_the_body_is_no_signature_of_it() {
    let free: [&[(&str, &str)]; 3] = [
        &[
            ("signature-input", "s=(\"@method\" \"@path\")"),
            ("signature", "s=:AAEC:"),
        ],
        &[
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=00ff",
            ),
            ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ],
        &[("x-checked", "yes")],
    ];
    let mut host = host("");
    for about in free {
        let outcome = run(&mut host, &request(about, DIRTY), &Chunking::size(3));
        assert_eq!(text(&outcome.upstream.body), "a [demo.key] b", "{about:?}");
        assert!(has_any(outcome.upstream.headers.as_ref(), about));
    }
    let mut own = filter_support::host(r#"{"signed_bodies": {"headers": ["x-checked"]}}"#);
    let outcome = run(&mut own, &request(free[2], DIRTY), &Chunking::size(3));
    assert_eq!(outcome.downstream.status(), Some(403));
    let outcome = run(&mut own, &request(SIGNED[0], DIRTY), &Chunking::size(3));
    assert_eq!(text(&outcome.upstream.body), "a [demo.key] b");
}

/// To decode a body is to change it.
#[test]
fn a_signed_body_in_a_coding_is_not_decoded() {
    let about = [
        ("x-hub-signature-256", "sha256=0011"),
        ("content-encoding", "gzip"),
    ];
    let mut host = host(r#"{"content_encoding": {"request": "decode"}}"#);
    let outcome = run(
        &mut host,
        &request(&about, "not unpacked"),
        &Chunking::whole(),
    );
    assert_eq!(outcome.downstream.status(), Some(415));
    assert_eq!(outcome.upstream.headers, None);
    assert_eq!(host.counter("blackbar.encoded.blocked"), 1);
}
