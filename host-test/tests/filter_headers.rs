//! Headers, paths and access-log state through the real module.

mod filter_support;

use blackbar_host_test::{Chunking, Headers, Hostcall, LocalOrigin, Transaction};
use filter_support::*;

#[test]
fn values_change_in_place_and_duplicates_keep_their_order() {
    let mut host = host("");
    let headers = [
        ("x-first", "1"),
        ("x-list", "a"),
        ("x-list", "key-12345678"),
        ("x-between", "msk-abcdef"),
        ("x-list", "pan-123456789012"),
        ("x-list", "a"),
        ("x-one", "a key-12345678 b"),
        ("sesame-key", "abcdefghijkl0"),
        ("x-last", "cnt-123456"),
    ];
    let mut transaction = fetch("/", &headers);
    headers.iter().for_each(|(name, value)| {
        transaction
            .response_headers
            .add(name.as_bytes(), value.as_bytes())
    });
    let outcome = run(&mut host, &transaction, &Chunking::whole());
    for message in [&outcome.upstream, &outcome.downstream] {
        let got = |name| values(message.headers.as_ref(), name);
        assert_eq!(got("x-list"), ["a", "[demo.key]", "************9012", "a"]);
        assert_eq!(got("x-first"), ["1"]);
        assert_eq!(got("x-between"), ["**********"]);
        assert_eq!(got("x-one"), ["a [demo.key] b"]);
        assert_eq!(got("sesame-key"), ["[demo.pair]"]);
        assert_eq!(got("x-last"), ["cnt-123456"]);
    }
    assert_eq!(host.counter("blackbar.rule.demo.key.redacted"), 4);
    assert_eq!(host.counter("blackbar.rule.demo.count.allowed"), 2);
}

#[test]
fn removal_and_refusal() {
    let mut host = host("");
    let outcome = run(
        &mut host,
        &fetch(
            "/",
            &[
                ("x-a", "1"),
                ("x-a", "drp-123456"),
                ("x-b", "drp-123456"),
                ("x-a", "2"),
            ],
        ),
        &Chunking::whole(),
    );
    assert_eq!(values(outcome.upstream.headers.as_ref(), "x-a"), ["1", "2"]);
    assert_eq!(outcome.upstream.header("x-b"), None);
    assert_eq!(host.counter("blackbar.rule.demo.drop.removed"), 2);

    let outcome = run(
        &mut host,
        &fetch("/", &[("x-a", "stp-123456")]),
        &Chunking::whole(),
    );
    let reply = outcome.local_response.unwrap();
    assert_eq!(
        (reply.status, reply.details.as_str(), reply.origin),
        (403, "blackbar_blocked", LocalOrigin::Guest)
    );
    assert_eq!(outcome.upstream.headers, None, "nothing went on");
    let outcome = run(
        &mut host,
        &response(&[("x-a", "stp-123456")], "body"),
        &Chunking::whole(),
    );
    assert_eq!(outcome.downstream.status(), Some(403));
    assert!(!format!("{:?}", outcome.downstream).contains("stp-"));
    let outcome = run(&mut host, &fetch("/?x=stp-123456", &[]), &Chunking::whole());
    assert_eq!(outcome.downstream.status(), Some(403));
    assert_eq!(host.counter("blackbar.rule.demo.stop.blocked"), 3);
    let mut other = filter_support::host(r#"{"block": {"status": 451}}"#);
    assert_eq!(
        run(
            &mut other,
            &fetch("/?x=stp-123456", &[]),
            &Chunking::whole()
        )
        .downstream
        .status(),
        Some(451)
    );
}

#[test]
fn credentials_go_on_untouched_unless_configured() {
    let headers = [
        ("authorization", "Bearer key-12345678"),
        ("cookie", "a=key-12345678"),
        ("cookie", "b=stp-123456"),
        ("x-else", "key-12345678"),
    ];
    let mut host = host("");
    let mut transaction = fetch("/", &headers);
    transaction
        .response_headers
        .add(b"set-cookie", b"s=key-12345678");
    let outcome = run(&mut host, &transaction, &Chunking::whole());
    assert_eq!(
        outcome.upstream.header("authorization"),
        Some("Bearer key-12345678")
    );
    assert_eq!(
        values(outcome.upstream.headers.as_ref(), "cookie"),
        ["a=key-12345678", "b=stp-123456"]
    );
    assert_eq!(outcome.upstream.header("x-else"), Some("[demo.key]"));
    assert_eq!(
        outcome.downstream.header("set-cookie"),
        Some("s=key-12345678")
    );
    assert_eq!(host.counter("blackbar.open.pass_header"), 4);
    assert_eq!(host.counter("blackbar.rule.demo.key.passed"), 3);

    let mut strict =
        filter_support::host(r#"{"pass_headers": {"request": ["x-else"], "response": []}}"#);
    let mut transaction = fetch("/", &[headers[0], headers[1], headers[3]]);
    transaction
        .response_headers
        .add(b"set-cookie", b"s=key-12345678");
    let outcome = run(&mut strict, &transaction, &Chunking::whole());
    assert_eq!(
        outcome.upstream.header("authorization"),
        Some("Bearer [demo.key]")
    );
    assert_eq!(outcome.upstream.header("cookie"), Some("a=[demo.key]"));
    assert_eq!(outcome.upstream.header("x-else"), Some("key-12345678"));
    assert_eq!(
        outcome.downstream.header("set-cookie"),
        Some("s=[demo.key]")
    );
}

#[test]
fn paths() {
    let mut host = host("");
    for (given, expected) in [
        ("/", "/"),
        (
            "/a/key-12345678/b?c=msk-abcdef&d",
            "/a/%5Bdemo.key%5D/b?c=**********&d",
        ),
        ("/a?x=1&y=drp-123456&z=2", "/a?x=1&z=2"),
        ("/a?y=drp-123456", "/a"),
        (
            "/a?sesame_key=abcdefghijkl0",
            "/a?sesame_key=%5Bdemo.pair%5D",
        ),
        ("*", "*"),
        ("/%ff?\u{ff}", "/%ff?\u{ff}"),
    ] {
        let outcome = run(&mut host, &fetch(given, &[]), &Chunking::whole());
        assert_eq!(outcome.upstream.header(":path"), Some(expected), "{given}");
    }
    let mut off = filter_support::host(r#"{"scan": {"request": {"url": false}}}"#);
    assert_eq!(
        run(&mut off, &fetch("/?key-12345678", &[]), &Chunking::whole())
            .upstream
            .header(":path"),
        Some("/?key-12345678")
    );
}

#[test]
fn values_that_are_no_text() {
    let mut host = host("");
    let mut transaction = fetch("/", &[]);
    transaction
        .request_headers
        .add(b"x-bin", b"\xff\xfe key-12345678 \x80");
    transaction.request_headers.add(b"x-same", b"\xff\xfe");
    let outcome = run(&mut host, &transaction, &Chunking::whole());
    let headers = outcome.upstream.headers.unwrap();
    assert_eq!(
        headers.first("x-bin"),
        Some(b"\xff\xfe [demo.key] \x80".as_slice())
    );
    assert_eq!(headers.first("x-same"), Some(b"\xff\xfe".as_slice()));
}

/// Another filter before this one may have left them: what is written again holds none.
#[test]
fn what_is_written_cannot_end_a_header() {
    let mut host = host("");
    let mut exchange = host.exchange();
    let mut headers = fetch("/", &[]).request_headers;
    headers.add(b"x-a", b"a\r\nevil: 1\0 key-12345678");
    let step = exchange.request_headers(headers, true);
    assert_eq!(
        step.upstream.headers.unwrap().text("x-a"),
        Some("a  evil: 1  [demo.key]")
    );
}

#[test]
fn what_http_needs_is_left_alone() {
    let mut host = host("");
    let given = [
        ("te", "key-12345678"),
        ("content-type", "text/plain; x=key-12345678"),
        ("expect", "key-12345678"),
        ("sec-websocket-key", "key-12345678"),
    ];
    let mut transaction = fetch("/", &given);
    transaction
        .request_headers
        .set(b":authority", b"key-12345678.example.com");
    let outcome = run(&mut host, &transaction, &Chunking::whole());
    assert_eq!(
        outcome.upstream.headers.as_ref(),
        Some(&transaction.request_headers)
    );
}

#[test]
fn nothing_found_means_nothing_written() {
    let mut host = host("");
    let transaction = fetch(
        "/a?b=c",
        &[("x-a", "1"), ("x-a", "2"), ("user-agent", "curl/8")],
    );
    let outcome = run(&mut host, &transaction, &Chunking::whole());
    assert_eq!(
        outcome.upstream.headers.as_ref(),
        Some(&transaction.request_headers)
    );
    for hostcall in [
        Hostcall::ReplaceMapValue,
        Hostcall::AddMapValue,
        Hostcall::RemoveMapValue,
        Hostcall::SetMapPairs,
    ] {
        assert_eq!(host.hostcalls(hostcall), 0, "{hostcall:?}");
    }
}

#[test]
fn header_floods_have_an_outcome() {
    let flood = |count: usize, size: usize, key: bool| {
        let mut transaction = fetch("/", &[]);
        for i in 0..count {
            let value = if key {
                format!("key-12345678 {}", "x".repeat(size))
            } else {
                "x".repeat(size)
            };
            transaction
                .request_headers
                .add(format!("x-{}", i % 700).as_bytes(), value.as_bytes());
        }
        transaction
    };
    let mut host = host("");
    let started = std::time::Instant::now();
    let mut lines = Vec::new();
    let outcome = run(&mut host, &flood(1000, 100, true), &Chunking::whole());
    assert!(
        outcome
            .upstream
            .headers
            .unwrap()
            .iter()
            .all(|(_, value)| !text(value).contains("key-"))
    );
    for transaction in [
        flood(1100, 1, true),
        flood(40, 30_000, false),
        flood(5000, 10, true),
    ] {
        let outcome = run(&mut host, &transaction, &Chunking::whole());
        assert_eq!(outcome.downstream.status(), Some(431));
        lines.extend(outcome.log_lines);
        assert_eq!(outcome.upstream.headers, None);
    }
    assert_eq!(host.counter("blackbar.failure.header_flood"), 3);
    let mut open = filter_support::host(r#"{"on_failure": "open"}"#);
    let outcome = run(&mut open, &flood(1100, 1, false), &Chunking::whole());
    assert!(outcome.upstream.headers.is_some());
    assert_eq!(open.counter("blackbar.open.failure"), 1);
    let mut shadow = filter_support::host(r#"{"mode": "shadow"}"#);
    assert!(
        run(&mut shadow, &flood(1100, 1, false), &Chunking::whole())
            .upstream
            .headers
            .is_some()
    );
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    assert_eq!(lines.len(), 1, "said once: {lines:?}");
}

#[test]
fn trailers_are_redacted_like_headers() {
    let mut host = host("");
    let trailers = Headers::from([("x-a", "key-12345678"), ("x-a", "1"), ("x-b", "drp-123456")]);
    let mut transaction = request(&[], "body");
    transaction.request_trailers = Some(trailers.clone());
    transaction.response_body = b"body".to_vec();
    transaction.response_headers.set(b"content-length", b"4");
    transaction.response_trailers = Some(trailers);
    let outcome = run(&mut host, &transaction, &Chunking::whole());
    for message in [&outcome.upstream, &outcome.downstream] {
        assert_eq!(
            values(message.trailers.as_ref(), "x-a"),
            ["[demo.key]", "1"]
        );
        assert_eq!(values(message.trailers.as_ref(), "x-b"), [""; 0]);
    }
    let mut transaction = request(&[], "body");
    transaction.request_trailers = Some(Headers::from([("x", "stp-123456")]));
    assert_eq!(
        run(&mut host, &transaction, &Chunking::whole())
            .downstream
            .status(),
        Some(403)
    );
    let mut transaction = response(&[], "body");
    transaction.response_trailers = Some(Headers::from([("x", "stp-123456")]));
    let outcome = run(&mut host, &transaction, &Chunking::whole());
    assert_eq!(
        values(outcome.downstream.trailers.as_ref(), "x"),
        ["**********"],
        "too late to refuse: masked"
    );
}

#[test]
fn log_only_publishes_and_touches_nothing() {
    let configuration = r#"{"mode": "log_only", "log_headers": ["user-agent", "authorization", "cookie", "x-none", "x-ctl"], "log_response_headers": ["location"]}"#;
    let mut host = host(configuration);
    let mut transaction = fetch(
        "/u/key-12345678?a=msk-abcdef&b=drp-123456&c=stp-123456",
        &[
            ("user-agent", "curl key-12345678"),
            ("authorization", "Bearer key-12345678"),
            ("cookie", "a=1"),
            ("cookie", "b=key-12345678"),
        ],
    );
    transaction.request_headers.add(b"x-ctl", b"a\tb\xff");
    transaction.request_headers.add(b"accept-encoding", b"gzip");
    transaction
        .response_headers
        .add(b"location", b"/next?key-12345678");
    transaction
        .response_headers
        .add(b"content-encoding", b"gzip");
    transaction.response_body = b"key-12345678".to_vec();
    transaction.response_headers.set(b"content-length", b"12");
    let outcome = run(&mut host, &transaction, &Chunking::size(3));
    assert_eq!(
        outcome.upstream.headers.as_ref(),
        Some(&transaction.request_headers)
    );
    assert_eq!(
        outcome.downstream.headers.as_ref(),
        Some(&transaction.response_headers)
    );
    assert_eq!(text(&outcome.downstream.body), "key-12345678");
    let state: Vec<(String, String)> = outcome
        .filter_state
        .iter()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect();
    let expected = [
        ("wasm.blackbar.header.authorization", "Bearer [demo.key]"),
        ("wasm.blackbar.header.cookie", "a=1, b=[demo.key]"),
        ("wasm.blackbar.header.user-agent", "curl [demo.key]"),
        ("wasm.blackbar.header.x-ctl", "a\\x09b\\xff"),
        ("wasm.blackbar.path", "/u/[demo.key]"),
        ("wasm.blackbar.query", "a=**********&c=**********"),
        ("wasm.blackbar.response_header.location", "/next?[demo.key]"),
    ];
    assert_eq!(
        state,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(
        host.hostcalls(Hostcall::GetBuffer),
        1,
        "the configuration; bodies are not read"
    );
    assert!(host.counter("blackbar.rule.demo.key.logged") >= 4);
    assert_eq!(host.counter("blackbar.rule.demo.key.redacted"), 0);
}

#[test]
fn enforce_may_publish() {
    let mut host = host(r#"{"publish": true}"#);
    let outcome = run(
        &mut host,
        &fetch("/a?k=key-12345678", &[("referer", "x key-12345678")]),
        &Chunking::whole(),
    );
    assert_eq!(
        outcome
            .filter_state
            .get("wasm.blackbar.query")
            .map(|value| text(value))
            .as_deref(),
        Some("k=[demo.key]")
    );
    assert_eq!(
        outcome
            .filter_state
            .get("wasm.blackbar.header.referer")
            .map(|value| text(value))
            .as_deref(),
        Some("x [demo.key]")
    );
    assert_eq!(
        outcome.upstream.header(":path"),
        Some("/a?k=%5Bdemo.key%5D")
    );
    let outcome = run(
        &mut filter_support::host(""),
        &fetch("/a?k=key-12345678", &[]),
        &Chunking::whole(),
    );
    assert!(outcome.filter_state.is_empty());
    let outcome = run(
        &mut host,
        &fetch("/a?k=stp-123456", &[]),
        &Chunking::whole(),
    );
    assert_eq!(outcome.downstream.status(), Some(403));
    assert_eq!(
        outcome
            .filter_state
            .get("wasm.blackbar.query")
            .map(|value| text(value))
            .as_deref(),
        Some("k=**********"),
        "the refused, too"
    );
}

/// Redirects, direct responses and local replies of other filters: only the response callbacks come.
#[test]
fn a_response_without_a_request() {
    let mut host = host("");
    let mut exchange = host.exchange();
    let step = exchange.response_headers(
        Headers::from([
            (":status", "404"),
            ("x-a", "key-12345678"),
            ("content-length", "12"),
        ]),
        false,
    );
    assert_eq!(
        step.downstream.headers.unwrap().text("x-a"),
        Some("[demo.key]")
    );
    let step = exchange.response_body(b"key-12345678", true);
    assert_eq!(text(&step.downstream.body), "[demo.key]");
    assert_eq!(exchange.finish().violations, []);
    assert_eq!(host.failure(), None);
}

#[test]
fn off_does_nothing() {
    let mut host = host(r#"{"mode": "off"}"#);
    let transaction = Transaction {
        response_body: b"key-12345678".to_vec(),
        ..fetch("/key-12345678", &[("x", "stp-123456")])
    };
    let outcome = host.run(&transaction, &Chunking::size(2));
    assert_eq!(
        outcome.upstream.headers.as_ref(),
        Some(&transaction.request_headers)
    );
    assert_eq!(text(&outcome.downstream.body), "key-12345678");
    assert_eq!(host.hostcalls(Hostcall::GetMapPairs), 0);
}
