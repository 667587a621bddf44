//! Bodies of known and unknown length, however they are cut: the bytes of the native engine, right lengths, nothing lost.

use blackbar_engine::Place;
use blackbar_host_test::{Chunking, Headers, Hostcall, LocalOrigin, Transaction, Violation};

use crate::both;
use crate::filter_support::{self, *};

/// Every rule, findings at both ends, beside each other, cut off, and bytes that are no text.
const SAMPLE: &[u8] = b"key-12345678 and msk-abcdef, pan-123456789012;key-1234567 drp-123456\n\
    cnt-123456 sesame_key=abcdefghijkl0 open-abcabc-shut open-abc \xff\xfe\0key-87654321\xc3 msk-abcdefmsk-ghijkl key-00000000";

#[test]
fn every_split_gives_the_native_bytes() {
    let expected = native(None, Place::Text, SAMPLE);
    assert_ne!(expected, SAMPLE);
    let mut host = host("");
    for (transaction, request) in both(SAMPLE) {
        for length_known in [true, false] {
            let mut transaction = transaction.clone();
            if !length_known {
                let headers = if request {
                    &mut transaction.request_headers
                } else {
                    &mut transaction.response_headers
                };
                headers.remove(b"content-length");
            }
            let mut chunkings: Vec<Chunking> =
                (1..SAMPLE.len()).map(|at| Chunking::at(&[at])).collect();
            chunkings.extend([1, 2, 3, 7, 64].map(Chunking::size));
            chunkings.push(Chunking::whole());
            for chunking in chunkings {
                for chunking in [chunking.clone(), chunking.end_on_last_chunk()] {
                    let outcome = run(&mut host, &transaction, &chunking);
                    let got = if request {
                        &outcome.upstream
                    } else {
                        &outcome.downstream
                    };
                    assert_eq!(
                        text(&got.body),
                        text(&expected),
                        "{chunking:?}, length known: {length_known}"
                    );
                    assert!(got.ended);
                }
            }
        }
    }
}

#[test]
fn trailers_after_a_held_body_lose_nothing() {
    let expected = native(None, Place::Text, SAMPLE);
    for configuration in ["", r#"{"hold_limit": 100000}"#] {
        let mut host = host(configuration);
        for (mut transaction, request) in both(SAMPLE) {
            let trailers = Headers::from([("x-sum", "key-12345678"), ("grpc-status", "0")]);
            if request {
                transaction.request_headers.remove(b"content-length");
                transaction.request_trailers = Some(trailers);
            } else {
                transaction.response_headers.remove(b"content-length");
                transaction.response_trailers = Some(trailers);
            }
            for cut in 1..SAMPLE.len() {
                let outcome = run(&mut host, &transaction, &Chunking::at(&[cut]));
                let got = if request {
                    &outcome.upstream
                } else {
                    &outcome.downstream
                };
                assert_eq!(text(&got.body), text(&expected), "cut at {cut}");
                let trailers = got.trailers.as_ref().unwrap();
                assert_eq!(
                    (trailers.text("x-sum"), trailers.text("grpc-status")),
                    (Some("[demo.key]"), Some("0"))
                );
            }
        }
    }
}

/// With a content-length the tail is carried in the module. All announced bytes are there before trailers come: held, not carried.
#[test]
fn trailers_after_an_announced_length_lose_nothing() {
    let body = b"text that ends undecided key-1234567";
    let mut host = host("");
    for (mut transaction, request) in both(body) {
        let trailers = Some(Headers::from([("x-end", "1")]));
        if request {
            transaction.request_trailers = trailers
        } else {
            transaction.response_trailers = trailers
        }
        for cut in 1..body.len() {
            let outcome = run(&mut host, &transaction, &Chunking::at(&[cut]));
            let got = if request {
                &outcome.upstream
            } else {
                &outcome.downstream
            };
            assert_eq!(text(&got.body), text(body), "cut at {cut}");
        }
        // Behind a piece beyond the hold limit, too.
        let large = [&b"lorem ipsum ".repeat(30_000), &body[..]].concat();
        if request {
            transaction.request_body = large.clone();
            transaction
                .request_headers
                .set(b"content-length", large.len().to_string().as_bytes());
        } else {
            transaction.response_body = large.clone();
            transaction
                .response_headers
                .set(b"content-length", large.len().to_string().as_bytes());
        }
        let outcome = run(&mut host, &transaction, &Chunking::at(&[large.len() - 5]));
        let got = if request {
            outcome.upstream
        } else {
            outcome.downstream
        };
        assert!(got.ended && got.body == large);
    }
    assert_eq!(host.counter("blackbar.body.lost_bytes"), 0);
}

/// A body that ends, with trailers, before its announced length. What waits in the proxy goes on; of a body that is too long to wait there,
/// what was carried cannot be delivered: the message is refused.
#[test]
fn a_body_shorter_than_announced_is_refused_where_its_end_is_lost() {
    let mut host = host("");
    let mut transaction = Transaction::response("abc key-1234");
    transaction.response_trailers = Some(Headers::from([("x-end", "1")]));
    transaction.response_headers.set(b"content-length", b"100");
    let outcome = run(&mut host, &transaction, &Chunking::whole());
    assert_eq!(text(&outcome.downstream.body), "abc key-1234");
    assert!(outcome.downstream.ended);
    transaction
        .response_headers
        .set(b"content-length", b"100000");
    let outcome = host.run(&transaction, &Chunking::whole());
    assert_eq!(host.failure(), None);
    assert_eq!(text(&outcome.downstream.body), "abc ");
    assert!(outcome.downstream.reset && !outcome.downstream.ended);
    assert_eq!(host.counter("blackbar.body.lost_bytes"), 8);
    assert_eq!(host.counter("blackbar.failure.closed"), 1);
}

/// Bytes beyond the announced length come when all was taken for decided: they go nowhere.
#[test]
fn a_body_longer_than_announced_is_refused() {
    for cut in [4, 8, 12, 14] {
        let mut host = host("");
        let mut transaction = Transaction::response("abc key-12345678 key-12345678");
        transaction.response_headers.set(b"content-length", b"12");
        let outcome = host.run(&transaction, &Chunking::at(&[cut]));
        assert_eq!(host.failure(), None);
        let got = text(&outcome.downstream.body);
        assert!(!got.contains("key-12345678"), "{cut}: {got}");
    }
}

#[test]
fn a_response_cut_off_keeps_what_is_undecided() {
    let mut host = host("");
    for length in [None, Some("100")] {
        let mut exchange = host.exchange();
        exchange.request_headers(Transaction::response("").request_headers, true);
        let mut headers = Headers::from([(":status", "200")]);
        length
            .iter()
            .for_each(|length| headers.add(b"content-length", length.as_bytes()));
        exchange.response_headers(headers, false);
        let step = exchange.response_body(b"abc key-1234567", false);
        assert!(!text(&step.downstream.body).contains("key-"));
        drop(exchange);
        assert_eq!(host.failure(), None);
    }
}

#[test]
fn content_length_is_right_with_each_action() {
    let mut host = host("");
    let mut even = filter_support::host(r#"{"profile": "even"}"#);
    let mut none = filter_support::host(r#"{"profile": "none"}"#);
    for body in [
        &b"key-12345678"[..],
        b"key-12345678 longer",
        b"msk-abcdef",
        b"pan-123456789012",
        b"drp-123456",
        b"cnt-123456",
        b"nothing",
        b"a",
    ] {
        for (transaction, request) in both(body) {
            for chunking in [Chunking::whole(), Chunking::size(1), Chunking::size(5)] {
                // `run` fails on any length that does not fit its body.
                let outcome = run(&mut host, &transaction, &chunking);
                let got = if request {
                    &outcome.upstream
                } else {
                    &outcome.downstream
                };
                assert_eq!(got.header("content-length"), None, "a length may change");
                assert_eq!(text(&got.body), text(&native(None, Place::Text, body)));
                let outcome = run(&mut even, &transaction, &chunking);
                let got = if request {
                    &outcome.upstream
                } else {
                    &outcome.downstream
                };
                assert_eq!(
                    got.header("content-length"),
                    Some(body.len().to_string().as_str()),
                    "no length can change"
                );
                assert_eq!(
                    text(&got.body),
                    text(&native(Some("even"), Place::Text, body))
                );
                let outcome = run(&mut none, &transaction, &chunking);
                let got = if request {
                    &outcome.upstream
                } else {
                    &outcome.downstream
                };
                assert_eq!(text(&got.body), text(body));
            }
        }
    }
    let empty = run(&mut host, &Transaction::request(""), &Chunking::whole());
    assert_eq!(empty.upstream.header("content-length"), Some("0"));
}

#[test]
fn responses_without_a_body_are_left_alone() {
    let mut host = host("");
    let headers = [
        ("etag", "\"abc\""),
        ("accept-ranges", "bytes"),
        ("content-length", "4711"),
        ("content-encoding", "gzip"),
    ];
    for (method, status) in [
        ("HEAD", "200"),
        ("GET", "204"),
        ("GET", "304"),
        ("GET", "205"),
    ] {
        for end in [true, false] {
            let mut exchange = host.exchange();
            let mut request = Transaction::response("").request_headers;
            request.set(b":method", method.as_bytes());
            exchange.request_headers(request, true);
            let mut given = Headers::from([(":status", status)]);
            headers
                .iter()
                .for_each(|(name, value)| given.add(name.as_bytes(), value.as_bytes()));
            let step = exchange.response_headers(given.clone(), end);
            // What GET would say of a body that may change, HEAD and 304 say as well.
            if method == "HEAD" || status == "304" {
                given.set(b"etag", b"W/\"abc\"");
                given.remove(b"accept-ranges");
            }
            assert_eq!(
                step.downstream.headers.as_ref(),
                Some(&given),
                "{method} {status}"
            );
            if !end {
                assert!(exchange.response_body(b"", true).downstream.end);
            }
            let _ = exchange.finish();
            assert_eq!(host.failure(), None);
        }
    }
}

/// A body after headers that announced none (on a host that lets it through) is scanned all the same.
#[test]
fn a_body_that_should_not_be_is_masked() {
    let mut host = host("");
    let mut exchange = host.exchange();
    let mut request = Transaction::response("").request_headers;
    request.set(b":method", b"HEAD");
    exchange.request_headers(request, true);
    exchange.response_headers(
        Headers::from([(":status", "200"), ("content-length", "12")]),
        false,
    );
    let step = exchange.response_body(b"key-12345678", true);
    assert_eq!(text(&step.downstream.body), "************");
    drop(exchange);
}

#[test]
fn a_body_without_findings_is_never_written() {
    let mut host = host("");
    let body = b"lorem ipsum dolor sit amet\n".repeat(4000);
    for (transaction, request) in both(&body) {
        let outcome = run(&mut host, &transaction, &Chunking::size(16_000));
        let got = if request {
            outcome.upstream
        } else {
            outcome.downstream
        };
        assert_eq!(got.body, body);
    }
    assert_eq!(host.hostcalls(Hostcall::SetBuffer), 0);
    assert_eq!(
        host.counter("blackbar.body.scanned_bytes"),
        2 * body.len() as u64
    );
}

#[test]
fn refusing_rules() {
    let mut host = host("");
    for chunking in [Chunking::whole(), Chunking::size(4)] {
        let outcome = run(
            &mut host,
            &Transaction::request("abc stp-123456 def"),
            &chunking,
        );
        let reply = outcome.local_response.unwrap();
        assert_eq!((reply.status, reply.origin), (403, LocalOrigin::Guest));
        assert_eq!(text(&reply.body), "refused by policy\n");
        assert!(!text(&outcome.upstream.body).contains("123456"));
        assert_eq!(outcome.downstream.status(), Some(403));
        let outcome = run(
            &mut host,
            &Transaction::response("abc stp-123456 def"),
            &chunking,
        );
        assert_eq!(
            text(&outcome.downstream.body),
            "abc ********** def",
            "headers have left: masked"
        );
        assert_eq!(outcome.local_response, None);
    }
    assert_eq!(host.counter("blackbar.rule.demo.stop.blocked"), 2);
    assert_eq!(host.counter("blackbar.rule.demo.stop.blocked_late"), 2);
}

#[test]
fn shadow_counts_and_changes_nothing() {
    let mut host = host(r#"{"mode": "shadow"}"#);
    let body = b"key-12345678 stp-123456 cnt-123456 key-1234567".as_slice();
    let about = [
        ("etag", "\"v1\""),
        ("content-encoding", ""),
        ("x-key", "key-12345678"),
    ];
    for chunking in [Chunking::whole(), Chunking::size(1)] {
        let transaction = response(&about, body);
        let outcome = run(&mut host, &transaction, &chunking);
        assert_eq!(outcome.downstream.body, body);
        assert_eq!(
            outcome.downstream.headers.as_ref(),
            Some(&transaction.response_headers)
        );
        let mut transaction = request(
            &[
                ("accept-encoding", "gzip"),
                ("range", "bytes=0-1"),
                ("content-encoding", "gzip"),
            ],
            body,
        );
        transaction.request_trailers = Some(Headers::from([("x-t", "stp-123456")]));
        let outcome = run(&mut host, &transaction, &chunking);
        assert_eq!(outcome.upstream.body, body);
        assert_eq!(
            outcome.upstream.headers.as_ref(),
            Some(&transaction.request_headers)
        );
        assert_eq!(outcome.upstream.trailers, transaction.request_trailers);
    }
    assert_eq!(host.counter("blackbar.rule.demo.key.shadow"), 4);
    assert_eq!(host.counter("blackbar.rule.demo.stop.shadow"), 4);
    assert_eq!(host.counter("blackbar.rule.demo.count.allowed"), 2);
    assert_eq!(host.counter("blackbar.body.held_bytes"), 0);
}

/// No wrong length may ever leave, whatever the chunks are: the check itself is checked.
#[test]
fn the_host_would_tell() {
    let mut host = host(r#"{"mode": "off"}"#);
    let mut transaction = Transaction::response("abc");
    transaction.response_headers.set(b"content-length", b"2");
    let outcome = host.run(&transaction, &Chunking::whole());
    assert!(matches!(
        outcome.violations.as_slice(),
        [Violation::ContentLengthMismatch { .. }]
    ));
}
