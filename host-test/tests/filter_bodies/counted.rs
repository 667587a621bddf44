//! Formats that count bytes and are walked: protobuf and gRPC through the real module.

use blackbar_host_test::{Chunking, Headers};

use super::both;
use crate::filter_support::*;

/// A length-delimited field; numbers below 16, contents below 128 bytes.
fn field(number: u8, contents: impl AsRef<[u8]>) -> Vec<u8> {
    let contents = contents.as_ref();
    let length = u8::try_from(contents.len()).unwrap();
    [&[number << 3 | 2, length], contents].concat()
}

fn frame(flags: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[flags], &length.to_be_bytes()[..], message].concat()
}

/// Nested messages whose strings stand behind tags and lengths that are letters.
fn messages(key: &str) -> Vec<u8> {
    let note = format!("{:70}", format!("{key} and more"));
    let attribute = [field(1, "note"), field(2, field(1, &note))].concat();
    let number = [0x49, 1, 2, 3, 4, 5, 6, 7, 8];
    let one = [field(8, attribute), number.to_vec(), field(9, key)].concat();
    [frame(0, &one), frame(0, b""), frame(0, &one)].concat()
}

#[test]
fn grpc_in_any_pieces_with_trailers() {
    let (input, expected) = (messages("key-12345678"), messages("************"));
    let mut host = host("");
    for (mut transaction, request) in both(&input) {
        let trailers = Some(Headers::from([("grpc-status", "0")]));
        let headers = if request {
            transaction.request_trailers = trailers;
            &mut transaction.request_headers
        } else {
            transaction.response_trailers = trailers;
            &mut transaction.response_headers
        };
        headers.remove(b"content-length");
        headers.set(b"content-type", b"application/grpc+proto");
        for cut in 1..input.len() {
            for chunking in [Chunking::at(&[cut]), Chunking::size(cut)] {
                let outcome = run(&mut host, &transaction, &chunking);
                let got = if request {
                    outcome.upstream
                } else {
                    outcome.downstream
                };
                assert!(got.body == expected, "cut at {cut}: {}", text(&got.body));
                assert!(got.trailers.is_some());
            }
        }
    }
}

/// A stream in which each side waits for the other's message before it sends the next one.
#[test]
fn frames_are_not_delayed() {
    let message = |text: &str| field(1, text);
    let trailers = |text: &str| format!("grpc-status: 3\r\ngrpc-message: {text}").into_bytes();
    let json = |text: &str| format!(r#"{{"error":"{text}"}}"#).into_bytes();
    for media in ["application/grpc", "application/grpc-web+proto"] {
        let mut host = host("");
        let mut exchange = host.exchange();
        let mut asks = Headers::request("POST", "host", "/pkg.Service/Method");
        asks.set(b"content-type", media.as_bytes());
        exchange.request_headers(asks, false);
        let head = Headers::from([(":status", "200"), ("content-type", media)]);
        exchange.response_headers(head, false);
        for (came, wanted) in [
            (frame(0, &message("hello world")), None),
            (
                frame(0, &message("to key-12345678")),
                Some(frame(0, &message("to ************"))),
            ),
            (frame(0, &message("key-1234567")), None),
            (frame(0, &message("sesame_key")), None),
            (frame(0, b""), None),
            (
                frame(2, &json("key-12345678")),
                Some(frame(2, &json("************"))),
            ),
            (
                frame(0x80, &trailers("key-12345678")),
                Some(frame(0x80, &trailers("************"))),
            ),
        ] {
            let wanted = wanted.as_ref().unwrap_or(&came);
            // In one piece, with its last byte by itself, and byte by byte.
            for size in [came.len(), came.len() - 1, 1] {
                let (mut up, mut down) = (Vec::new(), Vec::new());
                for piece in came.chunks(size) {
                    up.extend(exchange.request_body(piece, false).upstream.body);
                    down.extend(exchange.response_body(piece, false).downstream.body);
                }
                assert_eq!(text(&up), text(wanted), "by {size}");
                assert_eq!(text(&down), text(wanted), "by {size}");
            }
        }
        let ending = exchange.finish();
        assert_eq!(ending.violations, []);
    }
}

#[test]
fn protobuf_keeps_its_content_length() {
    let message = |key: &str| field(1, [field(1, "k"), field(2, field(1, key))].concat());
    let (input, expected) = (message("key-12345678"), message("************"));
    let media = [("content-type", "application/x-protobuf")];
    let mut host = host("");
    for cut in 1..=input.len() {
        let outcome = run(
            &mut host,
            &request(&media, input.as_slice()),
            &Chunking::size(cut),
        );
        assert_eq!(outcome.upstream.body, expected);
        let length = input.len().to_string();
        assert_eq!(
            outcome.upstream.header("content-length"),
            Some(length.as_str())
        );
    }
}

#[test]
fn compressed_messages_are_refused_or_counted() {
    let input = [
        frame(0, &field(1, "key-12345678")),
        frame(1, b"key-12345678"),
    ]
    .concat();
    let media = [("content-type", "application/grpc")];
    for chunking in [Chunking::whole(), Chunking::size(3)] {
        let mut closed = host("");
        let outcome = run(&mut closed, &request(&media, input.as_slice()), &chunking);
        let reply = outcome.local_response.map(|reply| reply.status);
        assert_eq!(reply, Some(415));
        assert!(!text(&outcome.upstream.body).contains("key-"));
        assert_eq!(closed.counter("blackbar.encoded.blocked"), 1);

        let mut open = host(r#"{"content_encoding": {"request": "pass"}}"#);
        let outcome = run(&mut open, &request(&media, input.as_slice()), &chunking);
        let expected = [
            frame(0, &field(1, "************")),
            frame(1, b"key-12345678"),
        ];
        assert_eq!(outcome.upstream.body, expected.concat());
        assert_eq!(open.counter("blackbar.open.encoded"), 1);

        let mut shadow = host(r#"{"mode": "shadow"}"#);
        let outcome = run(&mut shadow, &request(&media, input.as_slice()), &chunking);
        assert_eq!(outcome.upstream.body, input);
        assert_eq!(shadow.counter("blackbar.open.encoded"), 1);
    }
}

/// Events of a server (`text/event-stream`): each goes on with the chunk that ends it, whatever stands in it.
#[test]
fn events_are_not_delayed() {
    let mut host = host("");
    let mut exchange = host.exchange();
    exchange.request_headers(Headers::request("GET", "host", "/events"), true);
    let head = Headers::from([(":status", "200"), ("content-type", "text/event-stream")]);
    exchange.response_headers(head, false);
    for (event, wanted) in [
        ("data: key-12345678\n\n", "data: [demo.key]\n\n"),
        (
            "data: key-1234567\ndata: open-sesame\n\n",
            "data: key-1234567\ndata: open-sesame\n\n",
        ),
        (": ping\n\n", ": ping\n\n"),
        (
            "event: a\ndata: sesame_key=abcdefghijkl\r\n\r\n",
            "event: a\ndata: sesame_key=[demo.pair]\r\n\r\n",
        ),
        ("id: 7\n\n", "id: 7\n\n"),
    ] {
        // In one piece, and with its end by itself.
        for cut in [event.len(), event.len() - 1, 3] {
            let (first, rest) = event.split_at(cut);
            let mut got = exchange
                .response_body(first.as_bytes(), false)
                .downstream
                .body;
            if !rest.is_empty() {
                got.extend(
                    exchange
                        .response_body(rest.as_bytes(), false)
                        .downstream
                        .body,
                );
            }
            assert_eq!(text(&got), wanted, "cut at {cut}");
        }
    }
    let ending = exchange.finish();
    assert_eq!(ending.violations, []);
}
