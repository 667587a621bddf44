//! WebSocket through the real module: the handshake, messages in both directions as they go on, and what is no WebSocket.

use blackbar_host_test::{Exchange, Headers, Host};

use crate::filter_support::*;

const OFFER: (&str, &str) = (
    "sec-websocket-extensions",
    "permessage-deflate; client_max_window_bits",
);

/// A frame as clients send it (`key`) or servers.
fn frame(first: u8, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).unwrap();
    assert!(len < 126);
    let mut out = vec![first, len | if key.is_some() { 0x80 } else { 0 }];
    out.extend(key.into_iter().flatten());
    let key = key.unwrap_or_default();
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
    out
}

const KEY: Option<[u8; 4]> = Some([7, 0x80, 0, 0xff]);

fn asked(more: &[(&str, &str)]) -> Headers {
    let mut all = vec![
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-key", "key-12345678"),
        ("sec-websocket-version", "13"),
    ];
    all.extend(more);
    fetch("/ws", &all).request_headers
}

fn agreed(more: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::from([
        (":status", "101"),
        ("upgrade", "WebSocket"),
        ("connection", "upgrade"),
    ]);
    for (name, value) in more {
        headers.add(name.as_bytes(), value.as_bytes());
    }
    headers
}

/// An exchange behind its handshake.
fn open(host: &mut Host) -> Exchange {
    let mut exchange = host.exchange();
    exchange.request_headers(asked(&[]), false);
    exchange.response_headers(agreed(&[]), false);
    exchange
}

#[test]
fn each_message_is_out_with_its_last_byte() {
    let mut host = host("");
    let mut exchange = open(&mut host);
    for (first, before, after) in [
        (0x81, "key-12345678", "************"),
        // In the midst of what could go on.
        (0x81, "key-1234567", "key-1234567"),
        (0x81, "open-sesame", "open-sesame"),
        (0x82, "sesame_key=abcdefghijkl", "sesame_key=************"),
        (
            0x81,
            "{\"a\":\"\\u006bey-12345678\",\"sesame_key\":\"abcdefghijkl0\"}",
            "{\"a\":\"*****************\",\"sesame_key\":\"*************\"}",
        ),
        (0x81, "", ""),
        (0x89, "key-12345678", "key-12345678"),
        (0x81, "keep pan-123456789012", "keep ************9012"),
    ] {
        for key in [None, KEY] {
            let message = frame(first, key, before.as_bytes());
            let wanted = frame(first, key, after.as_bytes());
            for cut in 0..message.len() {
                let (start, rest) = message.split_at(cut);
                let mut up = Vec::new();
                for piece in [start, rest] {
                    up.extend(exchange.request_body(piece, false).upstream.body);
                }
                assert_eq!(up, wanted, "{before:?} cut at {cut}");
                let mut down = Vec::new();
                for piece in [start, rest] {
                    down.extend(exchange.response_body(piece, false).downstream.body);
                }
                assert_eq!(down, wanted, "{before:?} cut at {cut}");
            }
        }
    }
    let ending = exchange.finish();
    assert_eq!((ending.violations, host.failure()), (vec![], None));
    assert_eq!(host.counter("blackbar.open.upgrade"), 0);
    assert_eq!(host.counter("blackbar.websocket.malformed"), 0);
}

#[test]
fn a_message_does_not_wait_for_half_of_the_next() {
    let mut host = host("");
    let mut exchange = open(&mut host);
    let first = frame(0x81, KEY, b"to key-12345678");
    let second = frame(0x01, KEY, b"and key-1234");
    let third = frame(0x80, KEY, b"5678");
    let wanted = frame(0x81, KEY, b"to ************");
    let got = exchange.request_body(&[&first[..], &second].concat(), false);
    let got = got.upstream.body;
    assert_eq!(got[..wanted.len()], wanted);
    assert_eq!(got[wanted.len()..], second[..second.len() - 8]);
    let got = exchange.request_body(&third, false).upstream.body;
    let wanted = [
        &frame(0x01, KEY, b"and ********")[second.len() - 8..],
        &frame(0x80, KEY, b"****"),
    ];
    assert_eq!(got, wanted.concat());
    // What is larger than the proxy may hold goes on as well.
    let large = [
        &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 12][..],
        &vec![b'-'; 65536],
        b"key-12345678",
    ]
    .concat();
    let got = exchange.response_body(&large[..large.len() - 4], false);
    assert_eq!(got.downstream.body.len(), large.len() - 12);
    let got = exchange.response_body(&large[large.len() - 4..], false);
    assert_eq!(got.downstream.body, b"************");
    drop(exchange);
    assert_eq!(host.failure(), None);
}

#[test]
fn offers_of_extensions_are_dropped() {
    let offers = [OFFER, ("sec_websocket_extensions", "x-other")];
    for (configuration, left) in [
        ("", 0),
        (r#"{"scan": {"request": {"body": false}}}"#, 0),
        (r#"{"scan": {"websocket": false}}"#, 2),
        (
            r#"{"scan": {"request": {"body": false}, "response": {"body": false}}}"#,
            2,
        ),
        (r#"{"mode": "shadow"}"#, 2),
    ] {
        let mut host = host(configuration);
        let mut exchange = host.exchange();
        let step = exchange.request_headers(asked(&offers), false);
        let headers = step.upstream.headers.unwrap();
        let found = offers
            .iter()
            .flat_map(|(name, _)| values(Some(&headers), name));
        assert_eq!(found.count(), left, "{configuration}");
        for name in ["sec-websocket-key", "sec-websocket-version", "upgrade"] {
            assert!(headers.text(name).is_some(), "{name}");
        }
        drop(exchange);
        let dropped = host.counter("blackbar.websocket.offers_dropped");
        assert_eq!(dropped, u64::from(left == 0), "{configuration}");
        // What is no upgrade keeps its headers.
        let mut exchange = host.exchange();
        let headers = fetch("/", &offers).request_headers;
        let step = exchange.request_headers(headers, true);
        let headers = step.upstream.headers.unwrap();
        assert!(headers.text(OFFER.0).is_some());
        drop(exchange);
        assert_eq!(host.failure(), None);
    }
}

#[test]
fn a_server_that_takes_an_extension_all_the_same() {
    let compressed = frame(0xc1, None, b"key-12345678");
    let plain = frame(0x81, None, b"key-12345678");
    let masked = frame(0x81, None, b"************");
    for (configuration, refused, encoded) in [
        ("", Some("502"), 0),
        (
            r#"{"content_encoding": {"response": "strip"}}"#,
            Some("502"),
            0,
        ),
        (
            r#"{"content_encoding": {"response": "decode"}}"#,
            Some("502"),
            0,
        ),
        (r#"{"content_encoding": {"response": "pass"}}"#, None, 1),
        (r#"{"mode": "shadow"}"#, None, 1),
    ] {
        let mut host = host(configuration);
        let mut exchange = host.exchange();
        exchange.request_headers(asked(&[OFFER]), false);
        let step = exchange.response_headers(agreed(&[OFFER]), false);
        let status = step.downstream.headers.unwrap();
        let status = status.text(":status").unwrap().to_owned();
        assert_eq!(status, refused.unwrap_or("101"), "{configuration}");
        if refused.is_none() {
            let got = exchange
                .response_body(&[&compressed[..], &plain].concat(), false)
                .downstream
                .body;
            let shadow = configuration.contains("shadow");
            let plain = if shadow { &plain } else { &masked };
            assert_eq!(got, [&compressed[..], plain].concat(), "{configuration}");
        }
        drop(exchange);
        assert_eq!(host.failure(), None);
        assert_eq!(host.counter("blackbar.open.encoded"), encoded);
        let blocked = host.counter("blackbar.encoded.blocked");
        assert_eq!(blocked, u64::from(refused.is_some()));
    }
}

#[test]
fn a_compressed_message_that_nobody_announced_ends_the_stream() {
    let mut host = host("");
    let mut exchange = open(&mut host);
    let compressed = frame(0xc1, KEY, b"key-12345678");
    let step = exchange.request_body(&compressed, false);
    assert_eq!(step.upstream.body, b"");
    let step = exchange.request_body(&frame(0x81, KEY, b"on"), false);
    assert_eq!(step.upstream.body, b"");
    drop(exchange);
    assert_eq!(host.failure(), None);
    assert_eq!(host.counter("blackbar.encoded.blocked"), 1);
}

#[test]
fn http_2_and_what_is_no_websocket() {
    let message = frame(0x81, KEY, b"key-12345678");
    let masked = frame(0x81, KEY, b"************");
    // RFC 8441, where the proxy does not turn it into an upgrade.
    let mut host = host("");
    let mut exchange = host.exchange();
    let headers = Headers::from([
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", "/ws"),
        (":authority", "a.test"),
    ]);
    exchange.request_headers(headers, false);
    exchange.response_headers(Headers::from([(":status", "200")]), false);
    let got = exchange.request_body(&message, false).upstream.body;
    assert_eq!(got, masked);
    let got = exchange.response_body(&message, false).downstream.body;
    assert_eq!(got, masked);
    drop(exchange);
    // A rule that refuses ends the stream.
    let mut exchange = open(&mut host);
    let stop = frame(0x81, KEY, b"stp-123456");
    let step = exchange.request_body(&stop, false);
    assert_eq!(step.upstream.body, b"");
    drop(exchange);
    assert_eq!(host.failure(), None);
    assert_eq!(host.counter("blackbar.rule.demo.stop.blocked"), 1);
}

#[test]
fn handshakes_that_announce_a_length_are_handshakes() {
    let message = frame(0x81, KEY, b"key-12345678");
    let masked = frame(0x81, KEY, b"************");
    let silent = Headers::from([(":status", "101"), ("connection", "upgrade")]);
    for agreed in [agreed(&[]), silent] {
        for more in [&[("content-length", "0"), OFFER][..], &[OFFER]] {
            let mut host = host("");
            let mut exchange = host.exchange();
            let step = exchange.request_headers(asked(more), false);
            let headers = step.upstream.headers.unwrap();
            assert_eq!(headers.text(OFFER.0), None, "{more:?}");
            exchange.response_headers(agreed.clone(), false);
            let got = exchange.request_body(&message, false).upstream.body;
            assert_eq!(got, masked, "{more:?}");
            let got = exchange.response_body(&message, false).downstream.body;
            assert_eq!(got, masked, "{more:?}");
            drop(exchange);
            assert_eq!(host.failure(), None);
            assert_eq!(host.counter("blackbar.open.upgrade"), 0);
        }
    }
}

#[test]
fn handshakes_that_announce_a_body_are_refused() {
    for configuration in ["", r#"{"scan": {"websocket": false}}"#] {
        for more in [("content-length", "5"), ("transfer-encoding", "chunked")] {
            let mut host = host(configuration);
            let mut exchange = host.exchange();
            let step = exchange.request_headers(asked(&[more]), false);
            assert!(step.upstream.headers.is_none(), "{more:?}");
            let status = step.downstream.headers.unwrap();
            assert_eq!(status.text(":status"), Some("400"), "{more:?}");
            let step = exchange.request_body(&frame(0x81, KEY, b"key-12345678"), false);
            assert_eq!(step.upstream.body, b"");
            drop(exchange);
            assert_eq!(host.failure(), None);
            assert_eq!(host.counter("blackbar.websocket.malformed"), 1);
        }
    }
}

#[test]
fn an_upgrade_that_nobody_asked_for_is_scanned() {
    let mut host = host("");
    let mut exchange = host.exchange();
    let named = [
        ("upgrade", "other"),
        ("connection", "upgrade"),
        ("content-length", "5"),
    ];
    exchange.request_headers(fetch("/", &named).request_headers, false);
    let other = [(":status", "101"), ("upgrade", "other")];
    exchange.response_headers(Headers::from(other), false);
    let got = exchange.response_body(b"to key-12345678 ", false);
    assert_eq!(got.downstream.body, b"to ************ ");
    drop(exchange);
    assert_eq!(host.counter("blackbar.open.upgrade"), 0);
    // Of two protocols that a client offers, a server takes the other one.
    let mut exchange = host.exchange();
    let named = [("upgrade", "other, websocket"), ("connection", "upgrade")];
    exchange.request_headers(fetch("/", &named).request_headers, false);
    exchange.response_headers(Headers::from(other), false);
    let got = exchange.response_body(b"to key-12345678 ", false);
    assert_eq!(got.downstream.body, b"to key-12345678 ");
    drop(exchange);
    assert_eq!(host.failure(), None);
    assert_eq!(host.counter("blackbar.open.upgrade"), 1);
}

#[test]
fn frames_that_break_end_the_stream() {
    // A message inside of a message: receivers may skip what breaks the rules, and unmask what follows.
    let broken = [
        &frame(0x81, KEY, b"on")[..],
        &frame(0x01, KEY, b""),
        &frame(0x81, KEY, b"key-12345678"),
    ]
    .concat();
    let text = b"\x83 key-12345678 ";
    let masked = b"\x83 ************ ";
    let pass = r#"{"content_encoding": {"request": "pass", "response": "pass"}}"#;
    for (configuration, ends) in [("", true), (pass, false), (r#"{"mode": "shadow"}"#, false)] {
        let mut host = host(configuration);
        for piece in [1, broken.len()] {
            let mut exchange = open(&mut host);
            let (mut up, mut down) = (Vec::new(), Vec::new());
            for piece in broken.chunks(piece) {
                up.extend(exchange.request_body(piece, false).upstream.body);
            }
            for piece in broken.chunks(piece) {
                down.extend(exchange.response_body(piece, false).downstream.body);
            }
            for got in [&up, &down] {
                match ends {
                    true => assert!(got.len() <= broken.len() - 18, "{}", got.len()),
                    false => assert_eq!(*got, broken),
                }
            }
            drop(exchange);
        }
        let mut exchange = open(&mut host);
        let got = exchange.response_body(text, false).downstream.body;
        match configuration {
            "" => assert_eq!(got, b""),
            _ if configuration == pass => assert_eq!(got, masked),
            _ => assert_eq!(got, text),
        }
        drop(exchange);
        assert_eq!(host.failure(), None);
        assert!(host.counter("blackbar.websocket.malformed") > 2);
    }
}

#[test]
fn pings_get_through_while_a_message_is_undecided() {
    let ping = frame(0x89, KEY, b"");
    for start in [&b"1"[..], b"\xc3", b"{\"\\u0", b"key-1234"] {
        let mut host = host(r#"{"hold_limit": 4096}"#);
        let mut exchange = open(&mut host);
        let begun = frame(0x01, KEY, start);
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for piece in core::iter::once(&begun).chain(core::iter::repeat_n(&ping, 400)) {
            up.extend(exchange.request_body(piece, false).upstream.body);
            down.extend(exchange.response_body(piece, false).downstream.body);
        }
        for got in [&up, &down] {
            assert_eq!(
                got.len(),
                begun.len() + 400 * ping.len(),
                "{}",
                start.escape_ascii()
            );
            assert_eq!(got[begun.len()..], ping.repeat(400));
        }
        drop(exchange);
        assert_eq!(host.failure(), None);
    }
}

#[test]
fn tiny_pieces_of_many_messages() {
    let all: Vec<u8> = (0..200)
        .flat_map(|n| frame(0x81, KEY, format!("{n} key-12345678").as_bytes()))
        .collect();
    let wanted: Vec<u8> = (0..200)
        .flat_map(|n| frame(0x81, KEY, format!("{n} ************").as_bytes()))
        .collect();
    let mut host = host("");
    for size in [1, 2, 3, 100, all.len()] {
        let mut exchange = open(&mut host);
        let mut got = Vec::new();
        for piece in all.chunks(size) {
            got.extend(exchange.request_body(piece, false).upstream.body);
        }
        assert!(got == wanted, "pieces of {size}");
        let ending = exchange.finish();
        assert_eq!(ending.violations, []);
    }
    assert_eq!(host.failure(), None);
}
