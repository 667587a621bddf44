//! Hosts that lack things, older ones, and answers that no host should give.

use blackbar_host_test::{Chunking, Headers, Hostcall, Quirks, Status, Transaction};

use crate::guest::{Guest, said};

/// Defines a counter, a gauge and a histogram when configured, and reports each status.
fn metrics() -> Guest {
    let mut guest = Guest::new();
    let (counter, gauge, histogram) = (guest.bytes("c"), guest.bytes("g"), guest.bytes("h"));
    guest.on(
        "configure",
        format!(
            "(call $report (call $define (i32.const 0) {counter} (i32.const 16)))
             (call $report (call $define (i32.const 1) {gauge} (i32.const 20)))
             (call $report (call $define (i32.const 2) {histogram} (i32.const 24)))
             (call $report (call $define (i32.const 3) {histogram} (i32.const 28)))
             (call $report (call $increment (i32.load (i32.const 16)) (i64.const 5)))
             (call $report (call $increment (i32.load (i32.const 16)) (i64.const 0)))
             (call $report (call $increment (i32.load (i32.const 16)) (i64.const -1)))
             (call $report (call $record (i32.load (i32.const 20)) (i64.const 9)))
             (call $report (call $increment (i32.load (i32.const 20)) (i64.const -2)))
             (call $report (call $record (i32.load (i32.const 24)) (i64.const 1)))
             (call $report (call $increment (i32.load (i32.const 24)) (i64.const 1)))
             (call $report (call $increment (i32.const 400) (i64.const 1)))
             (call $report (call $increment (i32.add (i32.load (i32.const 16)) (i32.const 1)) (i64.const 1)))
             (call $report (call $get_metric (i32.load (i32.const 16)) (i32.const 32)))
             (call $report (i32.load (i32.const 32)))
             (i32.const 1)"
        ),
    )
}

#[test]
fn metrics_of_all_vms_are_one() {
    let mut host = metrics().host_with(|builder| builder.workers(2));
    assert_eq!(host.counter("c"), 10, "one for each worker");
    assert_eq!(host.metrics()["g (gauge)"], 7);
    assert_eq!(host.metrics()["h (histogram)"], 2);
    let first: Vec<_> = host.take_logs().drain(..15).collect();
    assert_eq!(said(&first), "0 0 0 2 0 2 2 0 0 0 2 1 1 0 5");
}

#[test]
fn a_host_without_metrics_ticks_properties() {
    let mut guest = metrics();
    let text = guest.bytes("k");
    let guest = guest
        .on(
            "request_headers",
            format!(
                "(call $report (call $tick_period (i32.const 5)))
                 (call $report (call $set_property {text} {text}))
                 (call $report (call $get_property {text} (i32.const 0) (i32.const 4)))
                 (i32.const 0)"
            ),
        )
        .on("tick", "unreachable");
    let mut quirks = Quirks::service_extensions();
    quirks.properties = false;
    let mut host = guest.host_with(|builder| builder.quirks(quirks));
    let said_at_start = said(&host.take_logs());
    assert!(
        said_at_start.starts_with("c c c c c c c"),
        "{said_at_start}"
    );
    assert!(host.metrics().is_empty());
    let outcome = host.run(&Transaction::response(""), &Chunking::whole());
    assert_eq!(said(&outcome.log_lines), "c c c");
    assert!(outcome.filter_state.is_empty());
    assert_eq!(host.tick(), 0);
    assert_eq!(host.failure(), None);
}

#[test]
fn an_old_envoy_refuses_to_replace_a_part_of_the_body() {
    let mut guest = Guest::new();
    let text = guest.bytes("X");
    let guest = guest.on(
        "request_body",
        format!(
            "(if (local.get $n) (then (call $report (call $set_buffer (i32.const 0) (i32.const 0) (i32.const 1) {text}))))
             (i32.const 0)"
        ),
    );
    let mut host = guest.host_with(|builder| builder.quirks(Quirks::old_envoy()));
    let outcome = host.run(&Transaction::request("abc"), &Chunking::whole());
    assert_eq!(said(&outcome.log_lines), "2");
    assert_eq!(outcome.upstream.body, b"abc");
}

#[test]
fn a_host_without_trailers_tells_the_end_with_the_body() {
    let guest = Guest::new()
        .on(
            "response_body",
            "(call $report (local.get $end)) (i32.eqz (local.get $end))",
        )
        .on("response_trailers", "unreachable");
    let mut transaction = Transaction::response("ab");
    transaction.response_headers.remove(b"content-length");
    transaction.response_trailers = Some(Headers::from([("x", "1")]));
    let quirks = Quirks::service_extensions();
    let mut host = guest.host_with(|builder| builder.quirks(quirks));
    let outcome = host.run(&transaction, &Chunking::whole());
    assert_eq!(said(&outcome.log_lines), "0 1");
    assert_eq!(outcome.downstream.body, b"ab");
    assert_eq!(outcome.downstream.trailers.unwrap().text("x"), Some("1"));
}

#[test]
fn a_host_that_pauses_on_the_request_side_only() {
    let guest = Guest::new()
        .on("request_body", "(i32.eqz (local.get $end))")
        .on(
            "response_body",
            "(call $show (i32.const 1)) (i32.eqz (local.get $end))",
        );
    let mut transaction = Transaction::response("abcd");
    transaction.request_body = b"efgh".to_vec();
    let mut host = guest.host_with(|builder| builder.quirks(Quirks::nginx()));
    let outcome = host.run(&transaction, &Chunking::size(2));
    assert_eq!(said(&outcome.log_lines), "ab cd ");
    assert_eq!(outcome.upstream.body, b"efgh");
    assert_eq!(outcome.downstream.body, b"abcd");
}

#[test]
fn any_hostcall_can_be_made_to_answer_anything() {
    let guest = || {
        let mut guest = Guest::new();
        let text = guest.bytes("X");
        guest.on(
            "request_body",
            format!(
                "(call $report (call $set_buffer (i32.const 0) (i32.const 0) (i32.const -1) {text})) (i32.const 0)"
            ),
        )
    };
    let run = |quirks: Quirks| {
        let mut host = guest().host_with(|builder| builder.quirks(quirks));
        let transaction = Transaction::request("abc");
        let outcome = host.run(&transaction, &Chunking::size(1).end_on_last_chunk());
        (
            said(&outcome.log_lines),
            String::from_utf8(outcome.upstream.body).unwrap(),
        )
    };
    for status in Status::ALL {
        let (said, body) = run(Quirks::default().answer(Hostcall::SetBuffer, status));
        let digit = format!("{:x}", status as u32);
        assert_eq!(said, format!("{digit} {digit} {digit}"));
        assert_eq!(
            body, "abc",
            "the call did nothing, even where it claimed to"
        );
    }
    let later = Quirks::default().answer_after(Hostcall::SetBuffer, 1, Status::InternalFailure);
    assert_eq!(run(later), ("0 a a".to_owned(), "Xbc".to_owned()));
    let unknown = Quirks::default().answer_raw(Hostcall::SetBuffer, 2, 15);
    assert_eq!(run(unknown), ("0 0 f".to_owned(), "XXc".to_owned()));
}

#[test]
fn every_hostcall_has_its_name() {
    for &hostcall in Hostcall::ALL {
        assert!(hostcall.name().starts_with("proxy_"));
        assert_eq!(Hostcall::named(hostcall.name()), Some(hostcall));
    }
    assert_eq!(Hostcall::named("proxy_nope"), None);
}

#[test]
fn calls_to_the_outside_are_refused() {
    let mut guest = Guest::new();
    let text = guest.bytes("cluster");
    let outcome = guest
        .on(
            "request_headers",
            format!(
                "(call $report (call $http_call {text} {text} {text} {text} (i32.const 5) (i32.const 0)))
                 (call $report (call $foreign {text} {text} (i32.const 0) (i32.const 4)))
                 (call $report (call $done))
                 (call $report (call $effective (i32.const 999)))
                 (call $report (call $continue (i32.const 3)))
                 (call $report (call $continue (i32.const 4)))
                 (call $report (call $log (i32.const 6) (i32.const 0) (i32.const 0)))
                 (i32.const 0)"
            ),
        )
        .run(&Transaction::response(""), &Chunking::whole());
    assert_eq!(said(&outcome.log_lines), "2 1 1 2 c 2 2");
}

#[test]
fn pointers_outside_of_memory_are_answered_not_followed() {
    let far = "(i32.const -16) (i32.const 32)";
    let outcome = Guest::new()
        .on(
            "request_headers",
            format!(
                "(call $report (call $log (i32.const 2) {far}))
                 (call $report (call $get_header (i32.const 0) {far} (i32.const 0) (i32.const 4)))
                 (call $report (call $set_header (i32.const 0) {far} {far}))
                 (call $report (call $set_pairs (i32.const 0) {far}))
                 (call $report (call $pairs (i32.const 0) (i32.const -2) (i32.const -2)))
                 (call $report (call $set_buffer (i32.const 0) (i32.const 0) (i32.const 0) {far}))
                 (call $report (call $set_property {far} {far}))
                 (call $report (call $define (i32.const 0) {far} (i32.const 0)))
                 (call $report (call $now (i32.const -4)))
                 (i32.const 0)"
            ),
        )
        .run(&Transaction::response(""), &Chunking::whole());
    assert_eq!(said(&outcome.log_lines), "6 6 6 6 6 6 6 6 6");
}
