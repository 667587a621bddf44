//! Local responses: from the guest, through the response callbacks, to gRPC, and too late.

use blackbar_host_test::{Chunking, Direction, Headers, LocalOrigin, Transaction, Violation};

use crate::guest::{Guest, answering, said};

/// A call of `proxy_send_local_response` with body "blocked" and header `x-why: policy`.
fn reply(guest: &mut Guest, status: u32) -> String {
    let details = guest.bytes("why not");
    let body = guest.bytes("blocked");
    let mut pairs = Vec::new();
    for word in [1u32, 5, 6] {
        pairs.extend_from_slice(&word.to_le_bytes());
    }
    pairs.extend_from_slice(b"x-why\0policy\0");
    let headers = guest.bytes(pairs);
    format!(
        "(call $report (call $local (i32.const {status}) {details} {body} {headers} (i32.const -1)))"
    )
}

#[test]
fn a_local_response_passes_the_response_callbacks_and_nothing_goes_upstream() {
    let mut guest = Guest::new();
    let reply = reply(&mut guest, 403);
    let outcome = guest
        .on("request_headers", format!("{reply} (i32.const 0)"))
        .on("request_body", "unreachable")
        .on(
            "response_headers",
            "(call $report (local.get $end)) (i32.const 0)",
        )
        .on("response_body", "(call $show (i32.const 1)) (i32.const 0)")
        .run(&Transaction::request("abcd"), &Chunking::whole());
    assert_eq!(said(&outcome.log_lines), "0 0 blocked");
    assert_eq!(outcome.upstream, Default::default());
    assert_eq!(outcome.downstream.status(), Some(403));
    assert_eq!(outcome.downstream.header("content-length"), Some("7"));
    assert_eq!(outcome.downstream.header("x-why"), Some("policy"));
    assert_eq!(outcome.downstream.body, b"blocked");
    assert!(outcome.downstream.ended);
    let local = outcome.local_response.unwrap();
    assert_eq!((local.status, local.origin), (403, LocalOrigin::Guest));
    assert_eq!(local.details, "why not");
    assert_eq!(outcome.violations, []);
}

#[test]
fn in_a_request_body_callback_it_breaks_the_request_off() {
    let mut guest = Guest::new();
    let reply = reply(&mut guest, 400);
    let outcome = guest
        .on("request_body", format!("{reply} (i32.const 0)"))
        .run(&Transaction::request("abcd"), &Chunking::size(2));
    assert_eq!(said(&outcome.log_lines), "0", "one body call only");
    assert!(outcome.upstream.reset && outcome.upstream.body.is_empty());
    assert_eq!(outcome.downstream.status(), Some(400));
}

#[test]
fn in_response_headers_it_takes_their_place_directly() {
    let mut guest = Guest::new();
    let reply = reply(&mut guest, 502);
    let outcome = guest
        .on("response_headers", format!("{reply} (i32.const 0)"))
        .on("response_body", "unreachable")
        .run(&Transaction::response("abcd"), &Chunking::whole());
    assert_eq!(
        said(&outcome.log_lines),
        "0",
        "not called for its own answer"
    );
    assert_eq!(outcome.downstream.status(), Some(502));
    assert_eq!(outcome.downstream.body, b"blocked");
    assert_eq!(outcome.violations, []);
}

#[test]
fn when_the_response_headers_are_gone_the_response_is_broken_off() {
    let mut guest = Guest::new();
    let reply = reply(&mut guest, 502);
    let mut host = guest
        .on("response_body", format!("{reply} (i32.const 0)"))
        .host();
    let mut exchange = answering(&mut host);
    let step = exchange.response_body(b"abcd", false);
    assert!(step.downstream.reset && step.downstream.body.is_empty());
    assert_eq!(
        exchange.finish().violations,
        [Violation::Truncated {
            direction: Direction::Response
        }]
    );
}

#[test]
fn to_grpc_it_is_a_trailers_only_200() {
    let mut guest = Guest::new();
    let reply = reply(&mut guest, 403);
    let mut transaction = Transaction::request("x");
    transaction
        .request_headers
        .add(b"content-type", b"application/grpc");
    let outcome = guest
        .on("request_headers", format!("{reply} (i32.const 0)"))
        .run(&transaction, &Chunking::whole());
    assert_eq!(outcome.downstream.status(), Some(200));
    assert_eq!(outcome.downstream.header("grpc-status"), Some("7"));
    assert_eq!(outcome.downstream.header("grpc-message"), Some("blocked"));
    assert_eq!(outcome.downstream.body, b"");
}

#[test]
fn close_breaks_both_messages_off() {
    let mut host = Guest::new()
        .on(
            "response_body",
            "(call $report (call $close (i32.const 1))) (i32.const 0)",
        )
        .host();
    let mut exchange = answering(&mut host);
    assert!(exchange.response_body(b"abcd", false).downstream.reset);
    assert_eq!(exchange.response_body(b"e", true), Default::default());
    assert_eq!(said(&host.take_logs()), "0");
}

#[test]
fn filter_state_is_kept_under_wasm_and_can_be_read_back() {
    let mut guest = Guest::new();
    let (key, value) = (guest.bytes("blackbar.path"), guest.bytes("/a?b=[x]"));
    let set = format!("(call $report (call $set_property {key} {value}))");
    let read = format!(
        "(call $clear) (call $report (call $get_property {key} (i32.const 0) (i32.const 4))) (call $tell)"
    );
    let guest = guest
        .on("configure", format!("{set} (i32.const 1)"))
        .on("request_headers", format!("{read} {set} (i32.const 0)"))
        .on("response_headers", format!("{read} (i32.const 0)"));
    let mut host = guest.host();
    // A root has no stream to keep it in.
    assert_eq!(said(&host.take_logs()), "1");
    let outcome = host.run(&Transaction::response(""), &Chunking::whole());
    assert_eq!(said(&outcome.log_lines), "1  0 0 /a?b=[x]");
    assert_eq!(
        outcome.filter_state.into_iter().collect::<Vec<_>>(),
        [("wasm.blackbar.path".to_owned(), b"/a?b=[x]".to_vec())]
    );
}

#[test]
fn properties_of_the_exchange() {
    let mut guest = Guest::new();
    let mut read = |path: &str| {
        let path = guest.bytes(path);
        format!(
            "(call $clear) (call $report (call $get_property {path} (i32.const 0) (i32.const 4))) (call $tell)"
        )
    };
    let all = [
        "request\0path",
        "request\0url_path",
        "request\0query",
        "request\0headers\0x-a",
        "xds\0route_name",
        "plugin_root_id",
        "no\0such",
    ]
    .map(&mut read)
    .concat();
    let mut transaction = Transaction::response("");
    transaction.request_headers.set(b":path", b"/p?q=1");
    transaction.request_headers.add(b"x-a", b"1");
    transaction
        .properties
        .insert(b"xds\0route_name".to_vec(), b"r1".to_vec());
    let outcome = guest
        .on("request_headers", format!("{all} (i32.const 0)"))
        .run(&transaction, &Chunking::whole());
    assert_eq!(
        said(&outcome.log_lines),
        "0 /p?q=1 0 /p 0 q=1 0 1 0 r1 0 blackbar 1 "
    );
}

#[test]
fn a_head_response_may_declare_a_length_without_a_body() {
    let mut transaction = Transaction::response("");
    transaction.request_headers.set(b":method", b"HEAD");
    transaction.response_headers = Headers::from([(":status", "200"), ("content-length", "9")]);
    let outcome = Guest::new().run(&transaction, &Chunking::whole());
    assert_eq!(outcome.violations, []);
}

#[test]
fn a_local_response_for_another_stream_stops_the_running_one_too() {
    // Envoy's flag is the VM's: the callback that sent it is stopped, whichever stream gets the response.
    let mut guest = Guest::new();
    let reply = reply(&mut guest, 403);
    let mut host = guest
        .on(
            "request_headers",
            format!(
                "(if (global.get $state) (then (drop (call $effective (global.get $state))) {reply}))
                 (global.set $state (local.get $ctx))
                 (i32.const 0)"
            ),
        )
        .host();
    let mut first = crate::guest::posting(&mut host);
    let mut second = host.exchange();
    let step = second.request_headers(crate::guest::post(), false);
    assert_eq!(step, Default::default(), "stopped");
    let step = first.poll();
    assert_eq!(
        step.downstream.headers.unwrap().text(":status"),
        Some("403")
    );
    assert_eq!(said(&host.take_logs()), "0");
}
