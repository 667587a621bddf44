//! Buffer limits: 413, 500, a broken-off response; and pausing with the headers held.

use blackbar_host_test::{Chunking, Direction, LocalOrigin, Transaction, Violation};

use crate::guest::{Guest, answering, get, ok, post, posting};

#[test]
fn request_overflow_while_paused_is_413() {
    let guest = Guest::new().on("request_body", "(i32.const 1)");
    let mut host = guest.host_with(|builder| builder.buffer_limit(10));
    let mut exchange = posting(&mut host);
    assert!(
        exchange
            .request_body(b"0123456789", false)
            .downstream
            .headers
            .is_none()
    );
    let step = exchange.request_body(b"x", false);
    assert!(step.upstream.reset, "the upstream had the headers already");
    let headers = step.downstream.headers.unwrap();
    assert_eq!(headers.text(":status"), Some("413"));
    assert!(step.downstream.end);
    // What still comes is dropped.
    assert_eq!(exchange.request_body(b"y", true), Default::default());
    let ending = exchange.finish();
    assert_eq!(ending.local_response.unwrap().origin, LocalOrigin::Overflow);
    assert_eq!(ending.violations, []);
}

#[test]
fn one_byte_over_a_mebibyte_is_too_much_even_in_one_chunk() {
    let guest = Guest::new().on("request_body", "(i32.eqz (local.get $end))");
    for (size, status) in [(1 << 20, 200), ((1 << 20) + 1, 413)] {
        let outcome = guest.run(&Transaction::request(vec![b'a'; size]), &Chunking::whole());
        assert_eq!(outcome.downstream.status(), Some(status), "{size}");
    }
    // Without a pause there is no limit.
    let outcome = Guest::new().on("request_body", "(i32.const 0)").run(
        &Transaction::request(vec![b'a'; 3 << 20]),
        &Chunking::whole(),
    );
    assert_eq!(outcome.upstream.body.len(), 3 << 20);
}

#[test]
fn response_overflow_after_the_headers_left_breaks_the_response_off() {
    let guest = Guest::new().on("response_body", "(i32.const 1)");
    let mut host = guest.host_with(|builder| builder.buffer_limit(10));
    let mut exchange = answering(&mut host);
    exchange.response_body(b"0123456789", false);
    let step = exchange.response_body(b"x", false);
    assert!(step.downstream.reset);
    assert!(step.downstream.headers.is_none() && step.downstream.body.is_empty());
    assert_eq!(
        exchange.finish().violations,
        [Violation::Truncated {
            direction: Direction::Response
        }]
    );
}

#[test]
fn response_overflow_with_the_headers_held_is_500() {
    let guest = Guest::new()
        .on("response_headers", "(i32.const 1)")
        .on("response_body", "(i32.const 1)");
    let mut host = guest.host_with(|builder| {
        builder
            .buffer_limit(10)
            .allow_on_headers_stop_iteration(true)
    });
    let mut exchange = host.exchange();
    exchange.request_headers(get(), true);
    assert!(
        exchange
            .response_headers(ok(), false)
            .downstream
            .headers
            .is_none()
    );
    let step = exchange.response_body(b"01234567890", false);
    assert_eq!(
        step.downstream.headers.unwrap().text(":status"),
        Some("500")
    );
    assert!(step.downstream.end && !step.downstream.reset);
    assert_eq!(exchange.finish().violations, []);
}

#[test]
fn with_headers_held_the_content_length_can_still_be_set() {
    let mut guest = Guest::new();
    let (name, seven) = (guest.bytes("content-length"), guest.bytes("7"));
    let text = guest.bytes("changed");
    let guest = guest.on("request_headers", "(i32.const 1)").on(
        "request_body",
        format!(
            "(if (result i32) (local.get $end)
               (then
                 (drop (call $set_buffer (i32.const 0) (i32.const 0) (i32.const -1) {text}))
                 (drop (call $set_header (i32.const 0) {name} {seven}))
                 (i32.const 0))
               (else (i32.const 1)))"
        ),
    );
    let mut host = guest.host_with(|builder| builder.allow_on_headers_stop_iteration(true));
    let outcome = host.run(&Transaction::request("abcd"), &Chunking::size(2));
    assert_eq!(outcome.upstream.body, b"changed");
    assert_eq!(outcome.upstream.header("content-length"), Some("7"));
    assert_eq!(outcome.violations, []);
}

#[test]
fn without_that_setting_a_pause_in_headers_stops_everything() {
    let mut host = Guest::new()
        .on(
            "configure",
            "(drop (call $tick_period (i32.const 1))) (i32.const 1)",
        )
        .on(
            "request_headers",
            "(global.set $state (local.get $ctx)) (i32.const 1)",
        )
        .on(
            "request_body",
            "(call $show (i32.const 0)) (call $report (local.get $end)) (i32.const 0)",
        )
        .on(
            "request_trailers",
            "(call $report (local.get $n)) (i32.const 0)",
        )
        .on(
            "tick",
            "(drop (call $effective (global.get $state))) (drop (call $continue (i32.const 0)))",
        )
        .host_with(|builder| builder.buffer_limit(3));
    let mut exchange = host.exchange();
    for step in [
        exchange.request_headers(post(), false),
        // Stopped with back-pressure: over the limit, and no 413.
        exchange.request_body(b"ab", false),
        exchange.request_body(b"cd", false),
        exchange.request_trailers([("x", "1")]),
    ] {
        assert_eq!(step, Default::default());
    }
    assert!(host.take_logs().is_empty());
    host.tick();
    let step = exchange.poll();
    assert!(step.upstream.headers.is_some() && step.upstream.end);
    assert_eq!(step.upstream.body, b"abcd");
    assert!(step.upstream.trailers.is_some());
    // The guest saw what had gathered in one call, then the trailers.
    assert_eq!(crate::guest::said(&host.take_logs()), "abcd 0 1");
}
