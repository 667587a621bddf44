//! Headers whose values are made of parts, through the real module: cookies, credentials, URLs, binary metadata, in headers and trailers.

mod filter_support;

use blackbar_host_test::{Chunking, Headers};
use filter_support::*;

/// Nothing goes on untouched.
const NOTHING_PASSES: &str = r#"{"pass_headers": {"request": [], "response": []}}"#;

/// Base64 of `user:key-12345678`, and of `user:[demo.key]`.
const BASIC: [&str; 2] = [
    "Basic dXNlcjprZXktMTIzNDU2Nzg=",
    "Basic dXNlcjpbZGVtby5rZXld",
];

/// Base64 of a protobuf message with the text `key-12345678` in it, and of the same with a mask of its length.
const STATUS: [&str; 2] = ["CAUSDGtleS0xMjM0NTY3OA", "CAUSDCoqKioqKioqKioqKg"];

#[test]
fn each_part_is_changed_by_itself() {
    let mut host = host(NOTHING_PASSES);
    let request = [
        (
            "cookie",
            "a=1; k=key-12345678; sesame_key=abcdefghijkl0",
            "a=1; k=[demo.key]; sesame_key=[demo.pair]",
        ),
        (
            "cookie",
            "x=msk-abcdef; d=drp-123456; y=2",
            "x=**********; y=2",
        ),
        ("authorization", BASIC[0], BASIC[1]),
        (
            "proxy-authorization",
            "Bearer key-12345678",
            "Bearer [demo.key]",
        ),
        (
            "referer",
            "https://u:key-12345678@a.test/?k=%6Bey-12345678&x",
            "https://u:%5Bdemo.key%5D@a.test/?k=%5Bdemo.key%5D&x",
        ),
        (
            "origin",
            "https://key-12345678.test",
            "https://************.test",
        ),
        ("grpc-trace-bin", STATUS[0], STATUS[1]),
        ("x-list", "1", "1"),
    ];
    let given: Vec<_> = request
        .iter()
        .map(|(name, value, _)| (*name, *value))
        .collect();
    let mut transaction = fetch("/", &given);
    let response = [
        (
            "set-cookie",
            "s=key-12345678; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly",
            "s=[demo.key]; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly",
        ),
        (
            "set-cookie",
            "plain=1; Domain=a.test",
            "plain=1; Domain=a.test",
        ),
        (
            "location",
            "/next?t=key-12345678#f",
            "/next?t=%5Bdemo.key%5D#f",
        ),
        (
            "link",
            "</p?t=key-12345678>; rel=\"next\"",
            "</p?t=%5Bdemo.key%5D>; rel=\"next\"",
        ),
        ("grpc-status-details-bin", STATUS[0], STATUS[1]),
    ];
    for (name, value, _) in response {
        transaction
            .response_headers
            .add(name.as_bytes(), value.as_bytes());
    }
    let outcome = run(&mut host, &transaction, &Chunking::whole());
    for (message, all) in [
        (&outcome.upstream, request.as_slice()),
        (&outcome.downstream, &response),
    ] {
        let headers = message.headers.as_ref().unwrap();
        let got: Vec<_> = all
            .iter()
            .flat_map(|(name, ..)| values(Some(headers), name))
            .collect();
        for (name, _, expected) in all {
            assert!(got.iter().any(|value| value == expected), "{name}: {got:?}");
        }
        assert!(!format!("{headers:?}").contains("key-12345678"));
    }
    assert_eq!(values(outcome.upstream.headers.as_ref(), "cookie").len(), 2);
    assert_eq!(host.counter("blackbar.open.pass_header"), 0);
}

#[test]
fn attributes_of_a_cookie_stay_and_are_counted() {
    let mut host = host(NOTHING_PASSES);
    let cookie = "s=1; Path=/key-12345678";
    let outcome = run(
        &mut host,
        &response(&[("set-cookie", cookie)], ""),
        &Chunking::whole(),
    );
    assert_eq!(outcome.downstream.header("set-cookie"), Some(cookie));
    assert_eq!(host.counter("blackbar.open.pass_header"), 1);
    assert_eq!(host.counter("blackbar.rule.demo.key.passed"), 1);
    let mut logging =
        filter_support::host(r#"{"publish": true, "log_response_headers": ["set-cookie"]}"#);
    let outcome = run(
        &mut logging,
        &response(&[("set-cookie", cookie)], ""),
        &Chunking::whole(),
    );
    let shown = outcome
        .filter_state
        .get("wasm.blackbar.response_header.set-cookie");
    assert_eq!(
        shown.map(|value| text(value)).as_deref(),
        Some("s=1; Path=/[demo.key]")
    );
}

/// What passes in flight is redacted where it is published, and credentials are hidden there in any case.
#[test]
fn credentials_pass_but_are_not_published() {
    let mut host = host(
        r#"{"publish": true, "log_headers": ["authorization", "proxy_authorization", "cookie"]}"#,
    );
    let given = [
        ("authorization", BASIC[0]),
        ("proxy-authorization", "Bearer opaque-to-all-rules"),
        ("cookie", "a=1; k=key-12345678"),
    ];
    let outcome = run(&mut host, &fetch("/", &given), &Chunking::whole());
    for (name, value) in given {
        assert_eq!(outcome.upstream.header(name), Some(value));
    }
    for (name, expected) in [
        ("authorization", "Basic ***"),
        ("proxy_authorization", "Bearer ***"),
        ("cookie", "a=1; k=[demo.key]"),
    ] {
        let shown = outcome
            .filter_state
            .get(&format!("wasm.blackbar.header.{name}"));
        assert_eq!(
            shown.map(|value| text(value)).as_deref(),
            Some(expected),
            "{name}"
        );
    }
    assert_eq!(
        host.counter("blackbar.open.pass_header"),
        2,
        "the token of Basic is read, too"
    );
}

#[test]
fn names_with_underscores_are_the_same_names() {
    let mut host = host(r#"{"pass_headers": {"request": ["x_token"], "response": []}}"#);
    let given = [
        ("x-token", "key-12345678"),
        ("X_Token", "key-12345678"),
        ("set_cookie", "k=key-12345678; Path=/key-12345678"),
        // Nothing hides behind a name that looks like one that is left alone.
        ("accept_encoding", "key-12345678"),
        ("content_length", "key-12345678"),
    ];
    let outcome = run(&mut host, &fetch("/", &given), &Chunking::whole());
    let got = |name| outcome.upstream.header(name);
    assert_eq!(got("x-token"), Some("key-12345678"));
    assert_eq!(got("X_Token"), Some("key-12345678"));
    assert_eq!(got("set_cookie"), Some("k=[demo.key]; Path=/key-12345678"));
    for name in ["accept_encoding", "content_length"] {
        assert!(
            !got(name).is_some_and(|value| value.contains("key-")),
            "{name}"
        );
    }
    assert_eq!(host.counter("blackbar.open.pass_header"), 3);
}

#[test]
fn trailers_have_parts_as_well() {
    let mut host = host(NOTHING_PASSES);
    let trailers = [
        ("grpc-status-details-bin", STATUS[0], STATUS[1]),
        ("location", "/?k=key-12345678", "/?k=%5Bdemo.key%5D"),
        (
            "set-cookie",
            "k=key-12345678; Path=/",
            "k=[demo.key]; Path=/",
        ),
        ("set-cookie", "a=1; Path=/", "a=1; Path=/"),
    ];
    let mut transaction = request(&[], "x");
    let given = trailers.map(|(name, value, _)| (name, value));
    transaction.request_trailers = Some(Headers::from(given));
    transaction.response_body = b"x".to_vec();
    transaction.response_headers.set(b"content-length", b"1");
    transaction.response_trailers = Some(Headers::from(given));
    let outcome = run(&mut host, &transaction, &Chunking::whole());
    let expected = Headers::from(trailers.map(|(name, _, value)| (name, value)));
    for message in [&outcome.upstream, &outcome.downstream] {
        for name in ["grpc-status-details-bin", "location", "set-cookie"] {
            let got = values(message.trailers.as_ref(), name);
            assert_eq!(got, values(Some(&expected), name));
        }
    }
}

/// Whatever stands in a value, what is written is one value: no control bytes, and in a cookie nothing that would end it.
#[test]
fn nothing_is_written_that_ends_a_value() {
    let mut host = host(NOTHING_PASSES);
    let wide: Vec<u8> = b"key-12345678".iter().flat_map(|byte| [*byte, 0]).collect();
    for name in [
        "cookie",
        "set-cookie",
        "authorization",
        "referer",
        "link",
        "x-bin",
        "x-plain",
    ] {
        for before in [
            "",
            "a=",
            "Basic ",
            "https://a.test/?k=",
            "<",
            "\"",
            "a=\r\n",
            "YQ==,",
        ] {
            for key in [
                b"key-12345678".as_slice(),
                b"msk-abcdef",
                b"\r\nkey-12345678\0",
                &wide,
            ] {
                let mut given = fetch("/", &[]).request_headers;
                let value = [before.as_bytes(), key, b"; b=1"].concat();
                given.add(name.as_bytes(), &value);
                let mut exchange = host.exchange();
                let step = exchange.request_headers(given, true);
                let headers = step.upstream.headers.unwrap();
                let Some(got) = headers.first(name) else {
                    continue;
                };
                assert_ne!(got, value, "{name} {before:?}");
                assert!(
                    !got.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')),
                    "{name}"
                );
                assert!(!text(got).contains("12345678"), "{name}");
                let count = |bytes: &[u8]| bytes.iter().filter(|b| b";,\" ".contains(b)).count();
                if name.ends_with("cookie") {
                    assert!(count(got) <= count(&value), "{}", text(got));
                }
                let _ = exchange.finish();
            }
        }
    }
    assert_eq!(host.failure(), None);
}
