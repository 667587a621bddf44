//! Hosts that answer anything: no hostcall's answer may trap the module or let a value through.

mod filter_support;

use blackbar_host_test::{Chunking, Headers, Hostcall, Outcome, Quirks, Status, Transaction};
use filter_support::*;

/// What the module imports.
fn imported() -> Vec<Hostcall> {
    let mut calls: Vec<Hostcall> = FILTER
        .imports()
        .iter()
        .filter_map(|name| Hostcall::named(name.rsplit('.').next()?))
        .collect();
    calls.dedup();
    assert!(calls.len() >= 10, "{:?}", FILTER.imports());
    calls
}

/// Findings everywhere, of rules that redact.
fn rich() -> Transaction {
    let mut transaction = request(
        &[
            ("x-a", "key-12345678"),
            ("x-a", "key-87654321"),
            ("x-b", "drp-123456"),
            ("accept-encoding", "br"),
            ("sesame-key", "abcdefghijkl0"),
        ],
        "body key-12345678 and key-1234567",
    );
    transaction
        .request_headers
        .set(b":path", b"/key-12345678?a=key-12345678");
    transaction.request_trailers = Some(Headers::from([("x-t", "key-12345678")]));
    transaction.response_body = b"body key-12345678 and key-1234567".to_vec();
    transaction.response_headers.set(b"content-length", b"33");
    transaction.response_headers.add(b"x-a", b"key-12345678");
    transaction.response_headers.add(b"etag", b"\"1\"");
    transaction.response_trailers = Some(Headers::from([("x-t", "key-12345678")]));
    transaction
}

fn chunkings() -> [Chunking; 3] {
    [
        Chunking::whole(),
        Chunking::size(3),
        Chunking::size(20).end_on_last_chunk(),
    ]
}

fn leaks(outcome: &Outcome) -> bool {
    let all = format!("{:?} {:?}", outcome.upstream, outcome.downstream);
    let bodies = text(&[outcome.upstream.body.as_slice(), &outcome.downstream.body].concat());
    let state: String = outcome
        .filter_state
        .values()
        .map(|value| text(value))
        .collect();
    [all, bodies, state].iter().any(|text| {
        [
            "key-12345678",
            "key-87654321",
            "drp-123456",
            "abcdefghijkl0",
        ]
        .iter()
        .any(|value| text.contains(value))
    })
}

fn logs_are_clean(outcome: &Outcome) {
    for line in &outcome.log_lines {
        let line = line.to_string();
        assert!(
            ["key-1", "key-8", "drp-1", "abcdefghijkl0"]
                .iter()
                .all(|value| !line.contains(value)),
            "{line}"
        );
    }
}

/// Every imported function, every status and two that do not exist, at once or after working a while, in every mode.
#[test]
fn every_hostcall_may_answer_every_status() {
    let configurations = [
        "",
        r#"{"publish": true, "log_response_headers": ["x-a"]}"#,
        r#"{"mode": "shadow"}"#,
        r#"{"mode": "log_only"}"#,
        r#"{"on_failure": "open"}"#,
    ];
    let mut cases = 0;
    for hostcall in imported() {
        for status in (0..=12).chain([99, u32::MAX]) {
            for after in [0, 1, 2, 5] {
                for configuration in configurations {
                    let quirks = Quirks::default().answer_raw(hostcall, after, status);
                    let mut host = match builder(configuration).quirks(quirks).start() {
                        Ok(host) => host,
                        Err(error) => {
                            assert!(error.refused(), "{hostcall:?} answering {status}: {error}");
                            continue;
                        }
                    };
                    for chunking in chunkings() {
                        let outcome = host.run(&rich(), &chunking);
                        logs_are_clean(&outcome);
                        assert_eq!(
                            host.failure(),
                            None,
                            "{hostcall:?} answering {status} after {after}, {configuration}"
                        );
                        // A host that claims to have written and has not is believed; all others let nothing through.
                        let lies = status == 0 && writes(hostcall);
                        if (configuration.is_empty() || configuration.contains("publish")) && !lies
                        {
                            assert!(
                                !leaks(&outcome),
                                "{hostcall:?} answering {status} after {after}, {configuration}: {outcome:?}"
                            );
                        }
                        cases += 1;
                    }
                }
            }
        }
    }
    assert!(cases > 5000, "{cases}");
}

fn writes(hostcall: Hostcall) -> bool {
    matches!(
        hostcall,
        Hostcall::SetBuffer
            | Hostcall::ReplaceMapValue
            | Hostcall::AddMapValue
            | Hostcall::RemoveMapValue
    )
}

#[test]
fn failures_are_refused_and_counted() {
    for (hostcall, after, status, counter) in [
        (
            Hostcall::GetMapPairs,
            0,
            Some(500),
            "blackbar.failure.closed",
        ),
        (
            Hostcall::ReplaceMapValue,
            0,
            Some(500),
            "blackbar.failure.closed",
        ),
        (Hostcall::SetBuffer, 0, Some(500), "blackbar.failure.closed"),
    ] {
        let mut host = quirky(
            "",
            Quirks::default().answer_after(hostcall, after, Status::InternalFailure),
        );
        let outcome = host.run(&rich(), &Chunking::whole());
        assert_eq!(outcome.downstream.status(), status, "{hostcall:?}");
        assert!(host.counter(counter) >= 1);
        assert!(!leaks(&outcome));
        let mut open = quirky(
            r#"{"on_failure": "open"}"#,
            Quirks::default().answer_after(hostcall, after, Status::InternalFailure),
        );
        let outcome = open.run(&rich(), &Chunking::whole());
        assert_eq!(outcome.downstream.status(), Some(200), "{hostcall:?}");
        assert!(open.counter("blackbar.open.failure") >= 1);
    }
}

/// A tail that is carried was taken out of a body: what follows may not go on as if it had not been.
#[test]
fn a_failure_behind_a_tail_is_refused_even_if_failures_pass() {
    let body = ["lorem ".repeat(12_000), " ipsum".repeat(12_000)].join("key-12345678");
    let seam = body.find("key-").unwrap_or(0) + 6;
    let (mut passed, mut refused) = (0, 0);
    for call in [Hostcall::GetBuffer, Hostcall::SetBuffer] {
        for after in 0..16 {
            let quirks = Quirks::default().answer_after(call, after, Status::InternalFailure);
            let open = builder(r#"{"on_failure": "open"}"#).quirks(quirks);
            // One that does not give its configuration does not start.
            let Ok(mut host) = open.start() else {
                continue;
            };
            let outcome = host.run(&request(&[], body.as_str()), &Chunking::at(&[seam]));
            assert_eq!(host.failure(), None);
            let got = text(&outcome.upstream.body);
            let whole = got == body || got == body.replace("key-12345678", "[demo.key]");
            assert_eq!(outcome.upstream.ended, whole, "{call:?} after {after}");
            passed += host.counter("blackbar.open.failure");
            refused += host.counter("blackbar.failure.closed");
        }
    }
    assert!(passed > 0 && refused > 0, "{passed} {refused}");
}

/// Hosts without metrics, properties, trailers or pause do their best.
#[test]
fn smaller_hosts() {
    for quirks in [Quirks::old_envoy(), Quirks::service_extensions()] {
        let mut host = quirky(r#"{"publish": true}"#, quirks);
        for chunking in chunkings() {
            let outcome = run(&mut host, &rich(), &chunking);
            assert!(text(&outcome.downstream.body).starts_with("body [demo.key] and "));
            assert!(
                !leaks(&outcome) || outcome.upstream.trailers.is_some(),
                "{outcome:?}"
            );
        }
    }
    let mut host = quirky("", Quirks::service_extensions());
    let mut lines = host.take_logs();
    for _ in 0..3 {
        lines.extend(run(&mut host, &rich(), &Chunking::size(1)).log_lines);
    }
    let lines = lines
        .iter()
        .filter(|line| line.to_string().contains("takes no counters"))
        .count();
    assert_eq!(lines, 2, "noted once for the VM and once for the plugin");
    // A host that does not pause responses shows fewer bytes than it was asked to keep: the message is refused, not garbled.
    let mut host = quirky("", Quirks::nginx());
    for chunking in chunkings() {
        let mut transaction = rich();
        transaction.response_headers.remove(b"content-length");
        let outcome = host.run(&transaction, &chunking);
        assert_eq!(host.failure(), None);
        assert!(
            !text(&outcome.downstream.body).contains("key-12345678"),
            "{outcome:?}"
        );
    }
}

/// Callbacks in an order that no proxy should call them in.
#[test]
fn callbacks_in_any_order() {
    let steps: [fn(&mut blackbar_host_test::Exchange); 6] = [
        |exchange| drop(exchange.request_headers(rich().request_headers, false)),
        |exchange| drop(exchange.request_body(b"abc key-12345678 key-1", false)),
        |exchange| drop(exchange.request_trailers(Headers::from([("x", "key-12345678")]))),
        |exchange| drop(exchange.response_headers(rich().response_headers, false)),
        |exchange| drop(exchange.response_body(b"abc key-12345678 key-1", false)),
        |exchange| drop(exchange.response_trailers(Headers::from([("x", "key-12345678")]))),
    ];
    let mut host = host("");
    for order in 0..6_usize.pow(4) {
        let mut exchange = host.exchange();
        for place in 0..4 {
            steps[order / 6_usize.pow(place) % 6](&mut exchange);
        }
        drop(exchange);
        assert_eq!(host.failure(), None, "order {order}");
    }
}

#[test]
fn many_streams_at_once() {
    let mut host = host("");
    let mut exchanges: Vec<_> = (0..500).map(|_| host.exchange()).collect();
    for exchange in &mut exchanges {
        exchange.request_headers(rich().request_headers, false);
        exchange.request_body(b"text key-123456", false);
    }
    for exchange in &mut exchanges {
        let step = exchange.request_body(b"78 more", false);
        assert!(text(&step.upstream.body).ends_with("[demo.key] more"));
    }
    drop(exchanges);
    assert_eq!(host.failure(), None);
    assert!(
        host.memory_pages() < 16 * 16,
        "{} pages",
        host.memory_pages()
    );
}

#[test]
fn memory_does_not_grow_with_the_number_of_streams_that_ended() {
    let mut host = host("");
    for _ in 0..200 {
        run(&mut host, &rich(), &Chunking::size(7));
    }
    let before = host.memory_pages();
    for _ in 0..2000 {
        run(&mut host, &rich(), &Chunking::size(7));
    }
    assert_eq!(host.memory_pages(), before);
}

/// A host that takes Pause for Continue sends what it holds: one candidate that was undecided right then at most. What was known to be
/// secret is never in it, and the message ends there.
#[test]
fn a_host_that_does_not_pause_gets_no_secret() {
    for first in 1..40 {
        for second in [1, 5, 40, 200] {
            let mut host = quirky("", Quirks::nginx());
            let mut exchange = host.exchange();
            exchange.request_headers(fetch("/", &[]).request_headers, true);
            exchange.response_headers(Headers::from([(":status", "200")]), false);
            let body = "key-12345678 key-12345678 key-12345678 key-1234 ".repeat(10);
            let mut got = Vec::new();
            let (a, rest) = body.split_at(first);
            let (b, c) = rest.split_at(second);
            for (chunk, end) in [(a, false), (b, false), (c, true)] {
                got.extend(
                    exchange
                        .response_body(chunk.as_bytes(), end)
                        .downstream
                        .body,
                );
            }
            let leaked = text(&got).matches("key-12345678").count();
            let undecided = usize::from(a.ends_with("key-12345678"));
            assert!(leaked <= undecided, "{first} {second} {}", text(&got));
            drop(exchange);
            assert_eq!(host.failure(), None);
        }
    }
}

/// Little memory and large chunks: redacted while there is room, refused where there is none, never a trap.
#[test]
fn little_memory() {
    for megabytes in [1, 2, 4, 5, 6, 7, 8, 10, 12, 13, 14, 15, 16, 20] {
        for size in [megabytes * 1_000_000, megabytes * 1_000_000 + 517_123] {
            for length_known in [true, false] {
                let mut host = builder("")
                    .quirks(Quirks::service_extensions())
                    .buffer_limit(64 << 20)
                    .start()
                    .unwrap();
                let mut body = b"lorem ipsum dolor key-12345678 sit amet ".repeat(size / 40);
                body.extend_from_slice(b"key-1234");
                let mut transaction = Transaction::response(body.as_slice());
                if !length_known {
                    transaction.response_headers.remove(b"content-length");
                }
                let outcome = host.run(&transaction, &Chunking::at(&[size / 3 * 2]));
                assert_eq!(host.failure(), None, "{size} {length_known}");
                assert!(
                    !text(&outcome.downstream.body).contains("key-12345678"),
                    "{size}"
                );
                assert!(
                    outcome.downstream.ended || outcome.downstream.reset,
                    "{size}"
                );
                assert!(
                    size > 6_000_000 || outcome.downstream.ended,
                    "{size}: there is room for this"
                );
            }
        }
    }
}
