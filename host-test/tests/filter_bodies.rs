//! Bodies through the real module: the bytes of the native engine, however they are cut; lengths, trailers, limits.
//! One file over 800 lines: the cases share one small policy and read as one table of what may happen to a body.

mod filter_support;

use blackbar_engine::Place;
use blackbar_host_test::{Chunking, Headers, Hostcall, LocalOrigin, Transaction, Violation};
use filter_support::*;

/// Every rule, findings at both ends, beside each other, cut off, and bytes that are no text.
const SAMPLE: &[u8] = b"key-12345678 and msk-abcdef, pan-123456789012;key-1234567 drp-123456\n\
    cnt-123456 sesame_key=abcdefghijkl0 open-abcabc-shut open-abc \xff\xfe\0key-87654321\xc3 msk-abcdefmsk-ghijkl key-00000000";

fn both(body: &[u8]) -> [(Transaction, bool); 2] {
    [
        (Transaction::request(body), true),
        (Transaction::response(body), false),
    ]
}

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
        assert_eq!(outcome.downstream.header("content-length"), Some("17"));
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
fn the_hold_limit_masks_what_stays_undecided() {
    let mut host = host(r#"{"hold_limit": 50, "on_hold_limit": "mask"}"#);
    let long = format!("open-{}", "a".repeat(100));
    let body = format!("{}{long} end", "x ".repeat(10));
    for (mut transaction, request) in both(body.as_bytes()) {
        transaction.request_headers.remove(b"content-length");
        transaction.response_headers.remove(b"content-length");
        let outcome = run(&mut host, &transaction, &Chunking::size(10));
        let got = if request {
            outcome.upstream
        } else {
            outcome.downstream
        };
        let got = text(&got.body);
        assert!(got.starts_with("x x ") && got.ends_with(" end"), "{got}");
        assert!(got.contains("*****") && !got.contains("open-"), "{got}");
        assert_eq!(got.len(), body.len(), "masked, not tagged");
    }
    assert!(host.counter("blackbar.body.hold_limit") >= 2);
    assert!(host.counter("blackbar.body.forced") >= 2);
    assert!(host.counter("blackbar.body.held_bytes") > 0);
}

/// More in one piece than the proxy could hold without a 413 or 500, and than the default hold limit; a candidate begins at the end.
fn more_than_can_be_held(end: &str) -> Vec<u8> {
    let mut body = b"lorem ipsum dolor ".repeat(60_000);
    assert!(body.len() > 1024 * 1024);
    body.extend_from_slice(end.as_bytes());
    body
}

/// Such bodies of unknown length, both ways.
fn unannounced(body: &[u8]) -> [(Transaction, bool); 2] {
    both(body).map(|(mut transaction, request)| {
        transaction.request_headers.remove(b"content-length");
        transaction.response_headers.remove(b"content-length");
        (transaction, request)
    })
}

#[test]
fn large_chunks_that_end_in_half_a_word_stay_as_they_are() {
    let mut host = host("");
    for (half, rest) in [
        ("key-1234567", ""),
        ("key-1234567", " and more"),
        ("key-12", "-no key"),
        ("open-abcdefg", "1 lorem"),
        ("sesame_ke", "eper"),
    ] {
        let large = more_than_can_be_held(half);
        // A large piece, then a short one that is decided, then large ones again.
        let body = [&large, rest.as_bytes(), b"\n", &large, rest.as_bytes()].concat();
        for (transaction, request) in unannounced(&body).into_iter().chain(both(&body)) {
            let second = large.len() + rest.len() + 1;
            let chunkings = [
                Chunking::at(&[large.len(), second, second + large.len()]),
                Chunking::at(&[large.len(), second + large.len()]),
                Chunking::whole(),
            ];
            for chunking in chunkings {
                for chunking in [chunking.clone(), chunking.end_on_last_chunk()] {
                    let outcome = run(&mut host, &transaction, &chunking);
                    assert_eq!(outcome.local_response, None);
                    let got = if request {
                        outcome.upstream
                    } else {
                        outcome.downstream
                    };
                    assert!(
                        got.ended && got.body == body,
                        "{half}, {rest}, {chunking:?}"
                    );
                }
            }
        }
    }
    assert!(host.counter("blackbar.body.hold_limit") > 0);
    assert_eq!(host.counter("blackbar.body.forced"), 0);
    assert_eq!(host.counter("blackbar.body.lost_bytes"), 0);
}

#[test]
fn a_secret_across_large_chunks_is_redacted_whole() {
    let mut host = host("");
    for (half, rest, out) in [
        ("key-1234", "5678 end", "[demo.key] end"),
        ("key-12345678", " end", "[demo.key] end"),
        (
            "sesame_key=abcdef",
            "ghijkl0 end",
            "sesame_key=[demo.pair] end",
        ),
        ("msk-abc", "def end", "********** end"),
    ] {
        let large = more_than_can_be_held(half);
        let body = [&large, rest.as_bytes()].concat();
        let expected = more_than_can_be_held(out);
        assert!(expected == native(None, Place::Text, &body));
        for (transaction, request) in unannounced(&body) {
            for cuts in [vec![large.len()], vec![large.len(), large.len() + 2]] {
                let outcome = run(&mut host, &transaction, &Chunking::at(&cuts));
                let got = if request {
                    outcome.upstream
                } else {
                    outcome.downstream
                };
                assert!(got.ended && got.body == expected, "{half} {rest}");
            }
        }
    }
    assert!(host.counter("blackbar.body.hold_limit") > 0);
    assert_eq!(host.counter("blackbar.body.forced"), 0);
}

/// Trailers right behind such a piece: its tail cannot be delivered, so the message is refused; nothing of the tail is shown.
#[test]
fn trailers_right_after_a_large_chunk() {
    let end = "key-1234567";
    let body = more_than_can_be_held(end);
    let trailers = Some(Headers::from([("x-end", "1")]));
    let mut host = host("");
    let mut lines = Vec::new();
    for (mut transaction, request) in unannounced(&body) {
        if request {
            transaction.request_trailers = trailers.clone();
        } else {
            transaction.response_trailers = trailers.clone();
        }
        for round in 1..=2 {
            let outcome = host.run(&transaction, &Chunking::whole());
            assert_eq!(host.failure(), None);
            let got = if request {
                let reply = outcome.local_response.as_ref().unwrap();
                assert_eq!((reply.status, reply.origin), (500, LocalOrigin::Guest));
                assert_eq!(outcome.downstream.status(), Some(500));
                assert_eq!(outcome.violations, []);
                &outcome.upstream
            } else {
                assert!(
                    matches!(outcome.violations.as_slice(), [Violation::Truncated { .. }]),
                    "the client must see that it is cut off: {:?}",
                    outcome.violations
                );
                &outcome.downstream
            };
            assert!(!got.ended && got.reset && got.trailers.is_none());
            assert!(body.starts_with(&got.body) && got.body.len() <= body.len() - end.len());
            let before = if request { 0 } else { 2 };
            assert_eq!(
                host.counter("blackbar.body.lost_bytes"),
                (before + round) * end.len() as u64
            );
            assert_eq!(host.counter("blackbar.failure.closed"), before + round);
            lines.extend(outcome.log_lines.iter().map(|line| text(&line.message)));
        }
    }
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains("trailers came") && !lines[0].contains("1234567"),
        "{lines:?}"
    );
    // An end that is decided is not carried: trailers may follow.
    for (mut transaction, request) in unannounced(&more_than_can_be_held("key-12345678\n")) {
        transaction.request_trailers = trailers.clone().filter(|_| request);
        transaction.response_trailers = trailers.clone().filter(|_| !request);
        let outcome = run(&mut host, &transaction, &Chunking::whole());
        let got = if request {
            outcome.upstream
        } else {
            outcome.downstream
        };
        assert!(got.body == more_than_can_be_held("[demo.key]\n"));
        assert_eq!(got.trailers, trailers);
    }
    assert_eq!(host.counter("blackbar.failure.closed"), 4);
}

#[test]
fn where_trailers_are_to_be_expected_large_chunks_are_masked() {
    let body = more_than_can_be_held("key-1234567");
    let expected = more_than_can_be_held("***********");
    let trailers = Headers::from([("grpc-status", "0")]);
    for (configuration, name, value) in [
        ("", "content-type", "application/grpc"),
        ("", "content-type", "application/grpc+proto"),
        ("", "trailer", "grpc-status"),
        (r#"{"on_hold_limit": "mask"}"#, "x-any", "1"),
    ] {
        let mut host = host(configuration);
        for (mut transaction, request) in unannounced(&body) {
            let headers = if request {
                transaction.request_trailers = Some(trailers.clone());
                &mut transaction.request_headers
            } else {
                transaction.response_trailers = Some(trailers.clone());
                &mut transaction.response_headers
            };
            headers.set(name.as_bytes(), value.as_bytes());
            let outcome = run(&mut host, &transaction, &Chunking::whole());
            assert_eq!(outcome.local_response, None);
            let got = if request {
                outcome.upstream
            } else {
                outcome.downstream
            };
            assert!(got.ended && got.body == expected, "{name}: {value}");
            assert_eq!(got.trailers.as_ref(), Some(&trailers));
        }
        assert_eq!(host.counter("blackbar.body.forced"), 2);
        assert_eq!(host.counter("blackbar.body.lost_bytes"), 0);
    }
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
fn a_hundred_megabytes_take_little_memory() {
    let mut host = host("");
    let line = b"2024-05-01T12:00:00Z INFO request served path=/index.html key-12345678 status=200 bytes=5120\n";
    let chunk = line.repeat(65_536 / line.len());
    let expected = native(None, Place::Text, &chunk);
    let chunks = 100 * 1024 * 1024 / chunk.len();
    let mut exchange = host.exchange();
    exchange.request_headers(Transaction::response("").request_headers, true);
    let length = (chunk.len() * chunks).to_string();
    exchange.response_headers(
        Headers::from([(":status", "200"), ("content-length", length.as_str())]),
        false,
    );
    for _ in 0..chunks {
        let step = exchange.response_body(&chunk, false);
        assert_eq!(step.downstream.body.len(), expected.len());
        exchange.recycle(step);
    }
    assert!(exchange.response_body(b"", true).downstream.end);
    let ending = exchange.finish();
    assert_eq!(ending.violations, []);
    let pages = host.memory_pages();
    assert!(pages < 8 * 16, "8 MiB: {pages} pages");
    assert_eq!(
        host.counter("blackbar.rule.demo.key.redacted"),
        (chunks * (chunk.len() / line.len())) as u64
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
fn upgrades_and_tunnels() {
    let websocket = [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-key", "key-12345678"),
    ];
    for (configuration, sent) in [
        ("", "key-12345678"),
        (r#"{"scan": {"upgrades": true}}"#, "************"),
    ] {
        let mut host = host(configuration);
        for connect in [false, true] {
            let mut exchange = host.exchange();
            let mut headers = fetch("/ws", &websocket).request_headers;
            if connect {
                headers =
                    Headers::from([(":method", "CONNECT"), (":authority", "example.com:443")]);
            }
            let step = exchange.request_headers(headers.clone(), false);
            assert_eq!(step.upstream.headers.as_ref(), Some(&headers));
            exchange.request_body(b"", false);
            let status = if connect { "200" } else { "101" };
            exchange.response_headers(
                Headers::from([(":status", status), ("upgrade", "websocket")]),
                false,
            );
            assert_eq!(
                text(
                    &exchange
                        .request_body(b"\x81\x0ckey-12345678 ", false)
                        .upstream
                        .body
                ),
                format!("\u{fffd}\x0c{sent} ")
            );
            assert_eq!(
                text(
                    &exchange
                        .response_body(b"\x81\x0ckey-12345678 ", false)
                        .downstream
                        .body
                ),
                format!("\u{fffd}\x0c{sent} ")
            );
            drop(exchange);
            assert_eq!(host.failure(), None);
        }
        assert_eq!(
            host.counter("blackbar.open.upgrade"),
            if configuration.is_empty() { 4 } else { 0 }
        );
    }
    // A request that says `upgrade` and announces a body has a body; an answer that is no 101 is a response like any other.
    let mut host = host("");
    let mut transaction = request(&websocket, "key-12345678");
    transaction.response_body = b"key-12345678".to_vec();
    transaction.response_headers.set(b"content-length", b"12");
    let outcome = run(&mut host, &transaction, &Chunking::whole());
    assert_eq!(text(&outcome.upstream.body), "[demo.key]");
    assert_eq!(text(&outcome.downstream.body), "[demo.key]");
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
