//! Trailers: what of the body is in reach there, and in which order things leave.

use blackbar_host_test::{Chunking, Headers, Transaction};

use crate::guest::{Guest, RESPONSE, answering, downstream, said};

fn with_trailers(body: &str) -> Transaction {
    let mut transaction = Transaction::response(body);
    transaction.response_headers.remove(b"content-length");
    transaction.response_trailers = Some(Headers::from([("x-sum", "1"), ("x-more", "2")]));
    transaction
}

#[test]
fn without_a_pause_the_body_is_gone_when_trailers_come() {
    // A filter that keeps bytes inside of itself cannot give them back here.
    let mut guest = Guest::new();
    let text = guest.bytes("XY");
    let outcome = guest
        .on(
            "response_body",
            "(call $report (local.get $end)) (i32.const 0)",
        )
        .on(
            "response_trailers",
            format!(
                "(call $report (local.get $n))
                 (call $show {RESPONSE})
                 (call $report (call $set_buffer {RESPONSE} (i32.const 0) (i32.const 0) {text}))
                 (i32.const 0)"
            ),
        )
        .run(
            &with_trailers("abcd"),
            &Chunking::whole().end_on_last_chunk(),
        );
    // The only body call has end of stream 0; 2 trailers; nothing to read; BadArgument.
    assert_eq!(said(&outcome.log_lines), "0 2  2");
    assert_eq!(outcome.downstream.body, b"abcd");
    assert_eq!(
        outcome.downstream.trailers.unwrap().text("x-sum"),
        Some("1")
    );
    assert!(outcome.downstream.ended);
}

#[test]
fn a_paused_body_is_there_and_leaves_ahead_of_the_trailers() {
    let mut guest = Guest::new();
    let text = guest.bytes("XY");
    let mut host = guest
        .on("response_body", "(i32.const 1)")
        .on(
            "response_trailers",
            format!(
                "(call $show {RESPONSE})
                 (call $report (call $set_buffer {RESPONSE} (i32.const 0) (i32.const 2) {text}))
                 (i32.const 0)"
            ),
        )
        .host();
    let mut exchange = answering(&mut host);
    assert_eq!(downstream(exchange.response_body(b"ab", false)), "");
    assert_eq!(downstream(exchange.response_body(b"cd", false)), "");
    let step = exchange.response_trailers([("x-sum", "1")]);
    assert!(step.downstream.end && step.downstream.trailers.is_some());
    assert_eq!(downstream(step), "XYcd");
    assert_eq!(said(&host.take_logs()), "abcd 0");
}

#[test]
fn trailers_can_be_edited_and_paused() {
    let mut guest = Guest::new();
    let (sum, value) = (guest.bytes("x-sum"), guest.bytes("changed"));
    let mut host = guest
        .on(
            "configure",
            "(drop (call $tick_period (i32.const 1))) (i32.const 1)",
        )
        .on(
            "response_trailers",
            format!(
                "(call $report (call $set_header (i32.const 3) {sum} {value}))
                 (global.set $state (local.get $ctx))
                 (i32.const 1)"
            ),
        )
        .on(
            "tick",
            "(drop (call $effective (global.get $state)))
             (call $report (call $continue (i32.const 1)))",
        )
        .host();
    let mut exchange = answering(&mut host);
    assert_eq!(downstream(exchange.response_body(b"ab", false)), "ab");
    let step = exchange.response_trailers([("x-sum", "1")]);
    assert!(step.downstream.trailers.is_none() && !step.downstream.end);
    host.tick();
    let step = exchange.poll();
    assert!(step.downstream.end);
    assert_eq!(
        step.downstream.trailers.unwrap().text("x-sum"),
        Some("changed")
    );
    assert_eq!(said(&host.take_logs()), "0 0");
}

#[test]
fn trailers_can_be_made_in_the_last_body_callback() {
    let mut guest = Guest::new();
    let (name, value) = (guest.bytes("x-made"), guest.bytes("1"));
    let outcome = guest
        .on(
            "response_body",
            format!("(call $report (call $add_header (i32.const 3) {name} {value})) (i32.const 0)"),
        )
        .run(&Transaction::response("ab"), &Chunking::whole());
    // BadArgument before the end, Ok at it.
    assert_eq!(said(&outcome.log_lines), "2 0");
    assert_eq!(
        outcome.downstream.trailers.unwrap().text("x-made"),
        Some("1")
    );
}

#[test]
fn trailers_without_a_body() {
    let outcome = Guest::new()
        .on(
            "response_headers",
            "(call $report (local.get $end)) (i32.const 0)",
        )
        .on("response_body", "unreachable")
        .run(&with_trailers(""), &Chunking::whole());
    assert_eq!(said(&outcome.log_lines), "0");
    assert!(outcome.downstream.ended);
    assert_eq!(outcome.downstream.trailers.unwrap().len(), 2);
}
