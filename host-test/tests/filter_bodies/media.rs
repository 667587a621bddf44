//! What a body is: its content type and coding, parts of a representation, tunnels.

use blackbar_engine::Place;
use blackbar_host_test::{Chunking, Headers, Transaction};

use crate::filter_support::{self, *};

#[test]
fn binary_bodies_keep_their_length() {
    let mut host = host("");
    for media in [
        "application/grpc",
        "application/octet-stream",
        "image/png",
        "application/x-protobuf",
    ] {
        let outcome = run(
            &mut host,
            &response(&[("content-type", media)], "\0\0\0\0\x0ckey-12345678"),
            &Chunking::size(3),
        );
        assert_eq!(outcome.downstream.body, b"\0\0\0\0\x0c************");
        // A frame of gRPC may have come compressed, and goes on plain.
        let length = (media != "application/grpc").then_some("17");
        assert_eq!(outcome.downstream.header("content-length"), length);
    }
}

#[test]
fn places_follow_the_content_type() {
    let mut host = host("");
    for (media, place) in [
        ("application/json", Place::Json),
        ("application/x-www-form-urlencoded", Place::Url),
        ("text/plain", Place::Text),
    ] {
        let body = br#"{"a":"key-12345678","b":[1]}&c=key-12345678"#;
        let outcome = run(
            &mut host,
            &request(&[("content-type", media)], *body),
            &Chunking::size(4),
        );
        assert_eq!(
            text(&outcome.upstream.body),
            text(&native(None, place, body)),
            "{media}"
        );
    }
}

#[test]
fn content_codings() {
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\xffkey-12345678".as_slice();
    for coding in ["gzip", "br", "x-unknown", "identity, zstd"] {
        let headers = [("content-encoding", coding)];
        let mut closed = host("");
        let outcome = run(&mut closed, &request(&headers, gzip), &Chunking::whole());
        assert_eq!(
            outcome.local_response.map(|reply| reply.status),
            Some(415),
            "{coding}"
        );
        assert_eq!(outcome.upstream.headers, None);
        let outcome = run(&mut closed, &response(&headers, gzip), &Chunking::whole());
        assert_eq!(outcome.downstream.status(), Some(502), "{coding}");
        assert!(!text(&outcome.downstream.body).contains("key-"));
        assert_eq!(closed.counter("blackbar.encoded.blocked"), 2);
        let mut open = host(r#"{"content_encoding": {"request": "pass", "response": "pass"}}"#);
        let outcome = run(&mut open, &request(&headers, gzip), &Chunking::size(3));
        assert_eq!(outcome.upstream.body, gzip, "never scanned as text");
        assert_eq!(outcome.upstream.header("content-length"), Some("22"));
        let outcome = run(&mut open, &response(&headers, gzip), &Chunking::size(3));
        assert_eq!(outcome.downstream.body, gzip);
        assert_eq!(open.counter("blackbar.open.encoded"), 2);
    }
    let outcome = run(
        &mut host(""),
        &response(&[("content-encoding", "identity")], "key-12345678"),
        &Chunking::whole(),
    );
    assert_eq!(text(&outcome.downstream.body), "[demo.key]");
}

#[test]
fn headers_that_speak_of_the_bytes() {
    let mut host = host("");
    let about = [
        ("etag", "\"v1\""),
        ("content-digest", "sha-256=:x:"),
        ("digest", "x"),
        ("content-md5", "x"),
        ("accept-ranges", "bytes"),
    ];
    let outcome = run(&mut host, &response(&about, "plain"), &Chunking::whole());
    let headers = outcome.downstream.headers.unwrap();
    assert_eq!(headers.text("etag"), Some("W/\"v1\""));
    for name in [
        "content-digest",
        "digest",
        "content-md5",
        "accept-ranges",
        "content-length",
    ] {
        assert_eq!(headers.text(name), None, "{name}");
    }
    let outcome = run(
        &mut host,
        &response(&[("etag", "W/\"v1\"")], "plain"),
        &Chunking::whole(),
    );
    assert_eq!(outcome.downstream.header("etag"), Some("W/\"v1\""));
    let mut none = filter_support::host(r#"{"profile": "none"}"#);
    let outcome = run(&mut none, &response(&about, "plain"), &Chunking::whole());
    let headers = outcome.downstream.headers.unwrap();
    assert_eq!(
        headers.text("etag"),
        Some("\"v1\""),
        "a policy that changes nothing leaves them"
    );
    assert_eq!(headers.text("content-length"), Some("5"));
}

#[test]
fn parts_of_a_representation() {
    let mut host = host("");
    let mut transaction = response(&[("content-range", "bytes 0-16/100")], "abc key-12345678 ");
    transaction.response_headers.set(b":status", b"206");
    transaction.request_headers.add(b"range", b"bytes=0-16");
    transaction.request_headers.add(b"if-range", b"\"v1\"");
    transaction.request_headers.add(b"accept-encoding", b"gzip");
    let outcome = run(&mut host, &transaction, &Chunking::size(5));
    for name in ["range", "if-range", "accept-encoding"] {
        assert_eq!(outcome.upstream.header(name), None, "{name}");
    }
    assert_eq!(text(&outcome.downstream.body), "abc ************ ");
    assert_eq!(outcome.downstream.header("content-length"), Some("17"));
    assert_eq!(host.counter("blackbar.partial_content"), 1);
    let mut kept = filter_support::host(
        r#"{"strip_range": false, "content_encoding": {"strip_accept_encoding": false}}"#,
    );
    let outcome = run(&mut kept, &transaction, &Chunking::whole());
    assert_eq!(outcome.upstream.header("range"), Some("bytes=0-16"));
    assert_eq!(outcome.upstream.header("accept-encoding"), Some("gzip"));
}

#[test]
fn skipped_types_and_parts() {
    let mut host = host(
        r#"{"skip_content_types": {"response": ["image/*"]}, "scan": {"request": {"body": false}}}"#,
    );
    let outcome = run(
        &mut host,
        &response(&[("content-type", "image/png")], "key-12345678"),
        &Chunking::size(2),
    );
    assert_eq!(text(&outcome.downstream.body), "key-12345678");
    assert_eq!(host.counter("blackbar.open.content_type"), 1);
    let outcome = run(
        &mut host,
        &Transaction::request("key-12345678"),
        &Chunking::size(2),
    );
    assert_eq!(text(&outcome.upstream.body), "key-12345678");
    assert_eq!(outcome.upstream.header("content-length"), Some("12"));
}

#[test]
fn parts_of_multipart() {
    let body = "--b\r\ncontent-type: application/json\r\n\r\n{\"a\":\"key-12345678\"}\r\n\
                --b\r\ncontent-disposition: form-data; name=f; filename=\"a\"\r\n\r\nkey-12345678\r\n--b--\r\n";
    for (configuration, file, counted) in [
        ("", "************", 0),
        (r#"{"file_parts": "pass"}"#, "key-12345678", 1),
    ] {
        for size in [1, 7, 1000] {
            let mut host = host(configuration);
            let outcome = run(
                &mut host,
                &response(
                    &[("content-type", "multipart/form-data; boundary=\"b\"")],
                    body,
                ),
                &Chunking::size(size),
            );
            let wanted = body.replacen("key-12345678", "[demo.key]", 1);
            let wanted = wanted.replace("key-12345678", file);
            assert_eq!(text(&outcome.downstream.body), wanted);
            assert_eq!(host.counter("blackbar.open.file_part"), counted);
        }
    }
}

#[test]
fn upgrades_and_tunnels() {
    let websocket = [("upgrade", "websocket"), ("connection", "Upgrade")];
    let other = [("upgrade", "x-lines"), ("connection", "Upgrade")];
    let connect = [(":method", "CONNECT"), (":authority", "example.com:443")];
    let (key, stars) = ("key-12345678", "************");
    for (configuration, of_websocket, of_others) in [
        ("", stars, key),
        (r#"{"scan": {"websocket": false}}"#, key, key),
        (r#"{"scan": {"upgrades": true}}"#, stars, stars),
    ] {
        let mut host = host(configuration);
        let mut unread = 0;
        for (headers, sent) in [
            (fetch("/ws", &websocket).request_headers, of_websocket),
            (fetch("/", &other).request_headers, of_others),
            (Headers::from(connect), of_others),
        ] {
            let mut exchange = host.exchange();
            let step = exchange.request_headers(headers.clone(), false);
            assert_eq!(step.upstream.headers.as_ref(), Some(&headers));
            exchange.request_body(b"", false);
            let answer = match headers.text("upgrade") {
                Some(protocol) => Headers::from([(":status", "101"), ("upgrade", protocol)]),
                None => Headers::from([(":status", "200")]),
            };
            exchange.response_headers(answer, false);
            let wanted = format!("\u{fffd}\r{sent} ");
            let message = b"\x81\x0dkey-12345678 ";
            let up = exchange.request_body(message, false).upstream.body;
            assert_eq!(text(&up), wanted);
            let down = exchange.response_body(message, false).downstream.body;
            assert_eq!(text(&down), wanted);
            drop(exchange);
            assert_eq!(host.failure(), None);
            unread += if sent == key { 2 } else { 0 };
            assert_eq!(host.counter("blackbar.open.upgrade"), unread);
        }
    }
    // A request that says `upgrade` and announces a body has a body; an answer that is no 101 is a response like any other.
    let mut host = host("");
    let mut transaction = request(&other, "key-12345678");
    transaction.response_body = b"key-12345678".to_vec();
    transaction.response_headers.set(b"content-length", b"12");
    let outcome = run(&mut host, &transaction, &Chunking::whole());
    assert_eq!(text(&outcome.upstream.body), "[demo.key]");
    assert_eq!(text(&outcome.downstream.body), "[demo.key]");
}

/// What flows may be named, as for raw connections: messages that are over go on, and nothing waits in the proxy.
#[test]
fn tunnels_flow_as_raw_connections_do() {
    let lines = r#""downstream": {"format": "lines"}, "upstream": {"format": "lines"}"#;
    let configuration = format!(r#"{{"scan": {{"upgrades": true}}, "tcp": {{{lines}}}}}"#);
    let mut host = host(&configuration);
    let other = [("upgrade", "x-lines"), ("connection", "Upgrade")];
    let connect = [(":method", "CONNECT"), (":authority", "example.com:443")];
    for (headers, status) in [
        (fetch("/", &other).request_headers, "101"),
        (Headers::from(connect), "200"),
    ] {
        let mut exchange = host.exchange();
        exchange.request_headers(headers, false);
        exchange.response_headers(Headers::from([(":status", status)]), false);
        for (piece, wanted) in [
            ("a key-1234", "a "),
            ("5678\nkey-87654321", "[demo.key]\n"),
            ("\n", "[demo.key]\n"),
        ] {
            let up = exchange.request_body(piece.as_bytes(), false).upstream.body;
            let down = exchange
                .response_body(piece.as_bytes(), false)
                .downstream
                .body;
            assert_eq!([text(&up), text(&down)], [wanted, wanted]);
        }
        drop(exchange);
        assert_eq!(host.failure(), None);
    }
}

#[test]
fn encoded_forms_are_read_as_configured() {
    let hex: String = b"say key-12345678 now"
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let body = format!("%6Bey-12345678 k&#101;y-12345678 {hex}");
    let percent = "[demo.key]";
    let entity = "[demo.key]";
    let in_hex = format!("{}[demo.key]{}", &hex[..8], &hex[32..]);
    for (configuration, wanted) in [
        ("", format!("{percent} {entity} {hex}")),
        (
            r#"{"views": {"hex": true}}"#,
            format!("{percent} {entity} {in_hex}"),
        ),
        (
            r#"{"views": {"entities": false}}"#,
            format!("{percent} k&#101;y-12345678 {hex}"),
        ),
        (
            r#"{"views": {"percent": false, "entities": false}}"#,
            body.clone(),
        ),
    ] {
        let mut host = host(configuration);
        let outcome = run(&mut host, &request(&[], &*body), &Chunking::size(5));
        assert_eq!(text(&outcome.upstream.body), wanted, "{configuration}");
        // Headers, too.
        let outcome = run(
            &mut host,
            &fetch("/", &[("x-note", &body)]),
            &Chunking::whole(),
        );
        let note = values(outcome.upstream.headers.as_ref(), "x-note");
        assert_eq!(note, [wanted], "{configuration}");
    }
}
