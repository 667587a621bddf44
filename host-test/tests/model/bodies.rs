//! Bodies: what get and set do, when the buffer is in reach, what Continue and Pause mean.

use blackbar_host_test::{Chunking, Transaction, Violation};

use crate::guest::{Guest, REQUEST, RESPONSE, answering, downstream, posting, said, upstream};

const CONTINUE: &str = "(i32.const 0)";

#[test]
fn continue_sends_each_chunk_on() {
    let mut host = Guest::new()
        .on("request_body", format!("(call $show {REQUEST}) {CONTINUE}"))
        .host();
    let mut exchange = posting(&mut host);
    assert_eq!(upstream(exchange.request_body(b"ab", false)), "ab");
    assert_eq!(upstream(exchange.request_body(b"cd", false)), "cd");
    let last = exchange.request_body(b"", true);
    assert!(last.upstream.end && last.upstream.body.is_empty());
    assert_eq!(said(&host.take_logs()), "ab cd ");
}

#[test]
fn pause_keeps_the_whole_chunk_and_the_next_call_sees_old_and_new() {
    // Pauses until the buffer has 6 bytes or the stream ends.
    let guest = Guest::new().on(
        "response_body",
        format!(
            "(call $show {RESPONSE})
             (i32.and (i32.lt_u (local.get $n) (i32.const 6)) (i32.eqz (local.get $end)))"
        ),
    );
    let mut host = guest.host();
    let mut exchange = answering(&mut host);
    assert_eq!(downstream(exchange.response_body(b"ab", false)), "");
    assert_eq!(downstream(exchange.response_body(b"cd", false)), "");
    assert_eq!(downstream(exchange.response_body(b"efg", false)), "abcdefg");
    assert_eq!(downstream(exchange.response_body(b"h", false)), "");
    let last = exchange.response_body(b"", true);
    assert!(last.downstream.end);
    assert_eq!(downstream(last), "h");
    assert_eq!(said(&host.take_logs()), "ab abcd abcdefg h h");
    assert_eq!(exchange.finish().violations, []);
}

#[test]
fn end_of_stream_is_a_call_of_its_own_or_on_the_last_chunk() {
    let guest = Guest::new().on(
        "request_body",
        "(call $report (local.get $n)) (call $report (local.get $end)) (i32.const 0)",
    );
    let transaction = Transaction::request("abcde");
    let separate = guest.run(&transaction, &Chunking::size(3));
    assert_eq!(said(&separate.log_lines), "3 0 2 0 0 1");
    let on_data = guest.run(&transaction, &Chunking::size(3).end_on_last_chunk());
    assert_eq!(said(&on_data.log_lines), "3 0 2 1");
    for outcome in [separate, on_data] {
        assert_eq!(outcome.upstream.body, b"abcde");
        assert!(outcome.upstream.ended);
        assert_eq!(outcome.violations, []);
    }
}

#[test]
fn chunking_cuts_where_it_is_told() {
    let body = b"abcdef";
    assert_eq!(Chunking::whole().chunks(body), [&body[..]]);
    assert_eq!(
        Chunking::at(&[0, 1, 4, 4, 3, 9]).chunks(body),
        [&b"a"[..], b"bcd", b"ef"]
    );
    assert_eq!(Chunking::size(4).chunks(body), [&b"abcd"[..], b"ef"]);
    assert!(Chunking::whole().chunks(b"").is_empty());
    let cuts: Vec<Vec<&[u8]>> = Chunking::sweep(3).map(|cut| cut.chunks(b"abc")).collect();
    assert_eq!(cuts.len(), 8);
    for expected in [
        &[&b"abc"[..]][..],
        &[b"a", b"b", b"c"],
        &[b"a", b"bc"],
        &[b"ab", b"c"],
    ] {
        assert_eq!(cuts.iter().filter(|cut| *cut == expected).count(), 2);
    }
}

#[test]
fn continuing_closes_the_request_maps_and_chunk_at_once() {
    // As Envoy does, whichever side is continued; the paused body stays in reach.
    let mut guest = Guest::new();
    let name = guest.bytes(":path");
    let read = format!(
        "(call $report (call $get_header (i32.const 0) {name} (i32.const 0) (i32.const 4)))"
    );
    let mut host = guest
        .on(
            "request_headers",
            format!("{read} (call $report (call $continue (i32.const 1))) {read} (i32.const 0)"),
        )
        .host();
    posting(&mut host);
    assert_eq!(said(&host.take_logs()), "0 0 2");
}

#[test]
fn set_buffer_in_every_form() {
    // (start, length) -> status digit, and what leaves of "abcd" when "XY" is set.
    for (start, length, status, body) in [
        (0, 0, '0', "XYabcd"),
        (0, 1, '0', "XYbcd"),
        (0, 4, '0', "XY"),
        (0, -1, '0', "XY"),
        (4, 0, '0', "abcdXY"),
        (9, 3, '0', "abcdXY"),
        (1, 0, '2', "abcd"),
        (3, 9, '2', "abcd"),
    ] {
        let mut guest = Guest::new();
        let text = guest.bytes("XY");
        let outcome = guest
            .on(
                "request_body",
                format!(
                    "(if (local.get $n) (then (call $report (call $set_buffer {REQUEST}
                       (i32.const {start}) (i32.const {length}) {text}))))
                     (i32.const 0)"
                ),
            )
            .run(&Transaction::request("abcd"), &Chunking::whole());
        assert_eq!(
            said(&outcome.log_lines),
            status.to_string(),
            "{start} {length}"
        );
        assert_eq!(outcome.upstream.body, body.as_bytes(), "{start} {length}");
    }
}

#[test]
fn get_buffer_clamps_and_past_the_end_is_ok_and_leaves_the_slots_alone() {
    let read = |start: i32, length: i32| {
        let outcome = Guest::new()
            .on(
                "request_body",
                format!(
                    "(if (local.get $n) (then
                       (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 1))
                       (i32.store8 (i32.const 16) (i32.const 0x2d))
                       (call $report (call $get_buffer {REQUEST} (i32.const {start}) (i32.const {length})
                         (i32.const 0) (i32.const 4)))
                       (call $tell)))
                     (i32.const 0)"
                ),
            )
            .run(&Transaction::request("abcd"), &Chunking::whole());
        said(&outcome.log_lines)
    };
    assert_eq!(read(0, 4), "0 abcd");
    assert_eq!(read(1, 2), "0 bc");
    assert_eq!(read(1, -1), "0 bcd");
    assert_eq!(read(3, 100), "0 d");
    // "-" is what the slots held before.
    for past in [read(4, 1), read(9, 9), read(-1, -1), read(0, 0)] {
        assert_eq!(past, "0 -");
    }
}

#[test]
fn bodies_are_out_of_reach_outside_of_their_callbacks() {
    // In headers callbacks, and after a Continue: reading gives nothing, setting is BadArgument.
    let mut guest = Guest::new();
    let text = guest.bytes("XY");
    let probe = |kind: &str| {
        format!(
            "(call $show {kind})
             (call $report (call $set_buffer {kind} (i32.const 0) (i32.const 0) {text}))"
        )
    };
    let guest = guest
        .on(
            "request_headers",
            format!("{} (i32.const 0)", probe(REQUEST)),
        )
        .on(
            "response_headers",
            format!("{} (i32.const 0)", probe(REQUEST)),
        )
        .on("response_body", format!("{} (i32.const 0)", probe(REQUEST)));
    let mut transaction = Transaction::request("abcd");
    transaction.response_body = b"x".to_vec();
    transaction.response_headers.remove(b"content-length");
    let outcome = guest.run(&transaction, &Chunking::whole().end_on_last_chunk());
    assert_eq!(said(&outcome.log_lines), " 2  2  2");
    assert_eq!(outcome.upstream.body, b"abcd");
}

#[test]
fn a_paused_body_is_in_reach_everywhere() {
    // The request is paused at its end; the response headers callback reads it, replaces it and lets it go.
    let mut guest = Guest::new();
    let text = guest.bytes("XY");
    let mut host = guest
        .on("request_body", "(i32.const 1)")
        .on(
            "response_headers",
            format!(
                "(call $show {REQUEST})
                 (call $report (call $set_buffer {REQUEST} (i32.const 0) (i32.const -1) {text}))
                 (call $report (call $continue (i32.const 0)))
                 (i32.const 0)"
            ),
        )
        .host();
    let mut exchange = posting(&mut host);
    assert_eq!(upstream(exchange.request_body(b"abcd", true)), "");
    let step = exchange.response_headers(crate::guest::ok(), true);
    assert!(step.upstream.end && step.downstream.end);
    assert_eq!(step.upstream.body, b"XY");
    assert_eq!(said(&host.take_logs()), "abcd 0 0");
}

#[test]
fn a_message_that_stays_paused_is_reported() {
    let outcome = Guest::new()
        .on("response_body", "(i32.const 1)")
        .run(&Transaction::response("abcd"), &Chunking::whole());
    assert_eq!(outcome.downstream.body, b"");
    assert!(matches!(
        outcome.violations[..],
        [Violation::Stalled { .. }]
    ));
}

#[test]
fn the_other_stop_actions() {
    // 2: stopped out of the guest's reach, the next call sees new bytes only, all of it leaves with Continue.
    let watermark = Guest::new().on(
        "request_body",
        format!("(call $show {REQUEST}) (select (i32.const 0) (i32.const 2) (local.get $end))"),
    );
    let outcome = watermark.run(&Transaction::request("abcd"), &Chunking::size(2));
    assert_eq!(said(&outcome.log_lines), "ab cd ");
    assert_eq!(outcome.upstream.body, b"abcd");
    // 3: dropped.
    let no_buffer = Guest::new().on(
        "request_body",
        "(select (i32.const 0) (i32.const 3) (local.get $end))",
    );
    let outcome = no_buffer.run(&Transaction::request("abcd"), &Chunking::size(2));
    assert_eq!(outcome.upstream.body, b"");
    assert_eq!(outcome.violations.len(), 1, "content-length is still 4");
}

#[test]
fn a_tick_may_edit_and_continue_a_paused_body() {
    let mut guest = Guest::new();
    let text = guest.bytes("XY");
    let mut host = guest
        .on(
            "configure",
            "(call $report (call $tick_period (i32.const 100))) (i32.const 1)",
        )
        .on(
            "request_body",
            "(global.set $state (local.get $ctx)) (i32.const 1)",
        )
        .on(
            "tick",
            format!(
                "(call $report (call $set_buffer {REQUEST} (i32.const 0) (i32.const -1) {text}))
                 (call $report (call $effective (global.get $state)))
                 (call $show {REQUEST})
                 (call $report (call $set_buffer {REQUEST} (i32.const 0) (i32.const -1) {text}))
                 (call $report (call $continue (i32.const 0)))"
            ),
        )
        .host();
    assert_eq!(host.tick_period_ms(), 100);
    let mut exchange = posting(&mut host);
    assert_eq!(upstream(exchange.request_body(b"abcd", false)), "");
    assert_eq!(host.tick(), 1);
    assert_eq!(upstream(exchange.poll()), "XY");
    // The flow goes on afterwards: the next chunk stands alone.
    assert_eq!(upstream(exchange.request_body(b"e", true)), "");
    assert_eq!(host.tick(), 1);
    let step = exchange.poll();
    assert!(step.upstream.end);
    assert_eq!(upstream(step), "XY");
    // Without an effective context the tick has no body to set.
    assert_eq!(said(&host.take_logs()), "0 2 0 abcd 0 0 2 0 e 0 0");
}

#[test]
fn a_body_callback_may_release_what_was_paused_before() {
    // Pauses always; from the second call on it also continues, which takes effect ahead of its action.
    let mut host = Guest::new()
        .on(
            "request_body",
            "(if (i32.gt_u (local.get $n) (i32.const 2)) (then (drop (call $continue (i32.const 0)))))
             (i32.const 1)",
        )
        .host();
    let mut exchange = posting(&mut host);
    assert_eq!(upstream(exchange.request_body(b"ab", false)), "");
    assert_eq!(upstream(exchange.request_body(b"cd", false)), "abcd");
    assert_eq!(upstream(exchange.request_body(b"e", false)), "");
    assert_eq!(upstream(exchange.request_body(b"fg", false)), "efg");
}

#[test]
fn continuing_in_the_callback_of_a_chunk_releases_the_headers_not_the_chunk() {
    let mut host = Guest::new()
        .on("request_headers", "(i32.const 1)")
        .on(
            "request_body",
            "(drop (call $continue (i32.const 0))) (i32.eqz (local.get $end))",
        )
        .host_with(|builder| builder.allow_on_headers_stop_iteration(true));
    let mut exchange = host.exchange();
    assert_eq!(
        exchange.request_headers(crate::guest::post(), false),
        Default::default()
    );
    let step = exchange.request_body(b"ab", false);
    assert!(step.upstream.headers.is_some() && step.upstream.body.is_empty());
    let step = exchange.request_body(b"c", true);
    assert!(step.upstream.end);
    assert_eq!(upstream(step), "abc");
}
