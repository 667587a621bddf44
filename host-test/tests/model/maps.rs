//! Header maps: when they are open, first values, duplicates, what is checked on the way out.

use blackbar_host_test::{Chunking, Direction, Headers, LocalOrigin, Transaction, Violation};

use crate::guest::{Guest, said};

fn two_values() -> Transaction {
    let mut transaction = Transaction::response("");
    transaction.request_headers.add(b"X-Two", b"first");
    transaction.request_headers.add(b"other", b"o");
    transaction.request_headers.add(b"x-two", b"second");
    transaction
}

/// Reads `x-two` of the request and reports status and value.
fn read_first(guest: &mut Guest) -> String {
    let name = guest.bytes("X-Two");
    format!(
        "(call $clear)
         (call $report (call $get_header (i32.const 0) {name} (i32.const 0) (i32.const 4)))
         (call $tell)"
    )
}

#[test]
fn get_gives_the_first_value_only() {
    let mut guest = Guest::new();
    let read = read_first(&mut guest);
    let outcome = guest
        .on("request_headers", format!("{read} (i32.const 0)"))
        .run(&two_values(), &Chunking::whole());
    assert_eq!(said(&outcome.log_lines), "0 first");
}

#[test]
fn set_collapses_duplicates_add_keeps_them_remove_takes_all() {
    let values = |call: &str| {
        let mut guest = Guest::new();
        let (name, value) = (guest.bytes("x-two"), guest.bytes("new"));
        let arguments = if call == "remove_header" {
            name
        } else {
            format!("{name} {value}")
        };
        let outcome = guest
            .on(
                "request_headers",
                format!("(call $report (call ${call} (i32.const 0) {arguments})) (i32.const 0)"),
            )
            .run(&two_values(), &Chunking::whole());
        assert_eq!(said(&outcome.log_lines), "0");
        let headers = outcome.upstream.headers.unwrap();
        headers
            .all("x-two")
            .map(|value| String::from_utf8(value.to_vec()).unwrap())
            .collect::<Vec<_>>()
            .join(",")
    };
    assert_eq!(values("set_header"), "new");
    assert_eq!(values("add_header"), "first,second,new");
    assert_eq!(values("remove_header"), "");
}

#[test]
fn pairs_keep_order_and_duplicates_both_ways() {
    let guest = Guest::new().on(
        "request_headers",
        "(call $report (call $pairs (i32.const 0) (i32.const 0) (i32.const 4)))
         (call $report (local.get $n))
         (call $report (call $set_pairs (i32.const 0) (i32.load (i32.const 0)) (i32.load (i32.const 4))))
         (i32.const 0)",
    );
    let outcome = guest.run(&two_values(), &Chunking::whole());
    assert_eq!(said(&outcome.log_lines), "0 7 0");
    assert_eq!(
        outcome.upstream.headers.unwrap(),
        two_values().request_headers
    );
}

#[test]
fn a_map_that_cannot_be_read_empties_the_headers_and_the_router_refuses() {
    // Envoy takes it for no pairs at all and says Ok.
    let mut guest = Guest::new();
    let junk = guest.bytes([9, 0, 0, 0, 1]);
    let outcome = guest
        .on(
            "request_headers",
            format!("(call $report (call $set_pairs (i32.const 0) {junk})) (i32.const 0)"),
        )
        .run(&two_values(), &Chunking::whole());
    assert_eq!(said(&outcome.log_lines), "0");
    assert_eq!(outcome.upstream.headers, None);
    assert_eq!(outcome.downstream.status(), Some(503));
    assert_eq!(
        outcome.violations,
        [Violation::RequiredHeaderMissing {
            direction: Direction::Request
        }]
    );
}

#[test]
fn request_headers_are_closed_after_they_went_and_back_in_on_log() {
    let mut guest = Guest::new();
    let read = read_first(&mut guest);
    let (name, value) = (guest.bytes("x-two"), guest.bytes("edited"));
    let path = guest.bytes("request\0path");
    let property = format!(
        "(call $clear) (call $report (call $get_property {path} (i32.const 0) (i32.const 4)))"
    );
    let set = format!("(call $report (call $set_header (i32.const 0) {name} {value}))");
    let pairs = "(i32.store (i32.const 4) (i32.const 77))
        (call $report (call $pairs (i32.const 0) (i32.const 0) (i32.const 4)))
        (call $report (i32.load (i32.const 4)))";
    let outcome = guest
        .on("request_headers", format!("{set} {property} (i32.const 0)"))
        .on(
            "response_headers",
            format!("{read} {set} {pairs} {property} (i32.const 0)"),
        )
        .on("log", format!("{read} {set} {property}"))
        .run(&two_values(), &Chunking::whole());
    // Open: Ok, Ok. In the response: BadArgument (and nothing), BadArgument, pairs are Ok and empty, NotFound.
    // In the log: the edited value, not to be changed, and the property is back.
    assert_eq!(said(&outcome.log_lines), "0 0 2  2 0 0 1 0 edited 2 0");
}

#[test]
fn an_absent_header_is_not_found_and_an_unknown_map_is_a_bad_argument() {
    let mut guest = Guest::new();
    let name = guest.bytes("nope");
    let get = |map: u32| {
        format!(
            "(call $report (call $get_header (i32.const {map}) {name} (i32.const 0) (i32.const 4)))"
        )
    };
    let outcome = guest
        .on(
            "request_headers",
            format!("{}{}{}{} (i32.const 0)", get(0), get(2), get(7), get(8)),
        )
        .on("log", format!("{}{}{}", get(0), get(1), get(2)))
        .run(&Transaction::response(""), &Chunking::whole());
    assert_eq!(said(&outcome.log_lines), "1 2 2 2 1 1 1");
}

#[test]
fn forbidden_bytes_are_taken_by_the_hostcall_and_refused_by_the_router() {
    for byte in [b'\0', b'\r', b'\n'] {
        let mut guest = Guest::new();
        let (name, value) = (guest.bytes("x"), guest.bytes([b'a', byte, b'b']));
        let set = |map: u32| {
            format!(
                "(call $report (call $set_header (i32.const {map}) {name} {value})) (i32.const 0)"
            )
        };
        let outcome = guest
            .on("request_headers", set(0))
            .run(&Transaction::response(""), &Chunking::whole());
        assert_eq!(said(&outcome.log_lines), "0");
        assert_eq!(outcome.upstream.headers, None);
        assert_eq!(outcome.downstream.status(), Some(503));
        assert_eq!(outcome.local_response.unwrap().origin, LocalOrigin::Router);

        let mut guest = Guest::new();
        let (name, value) = (guest.bytes("x"), guest.bytes([b'a', byte, b'b']));
        let outcome = guest
            .on(
                "response_headers",
                format!("(drop (call $set_header (i32.const 2) {name} {value})) (i32.const 0)"),
            )
            .run(&Transaction::response(""), &Chunking::whole());
        assert_eq!(
            outcome.violations,
            [Violation::ForbiddenByteInHeader {
                direction: Direction::Response
            }]
        );
    }
}

#[test]
fn content_length_is_never_adjusted_and_the_host_says_so() {
    let mut guest = Guest::new();
    let text = guest.bytes("longer");
    let outcome = guest
        .on(
            "request_body",
            format!(
                "(if (local.get $n) (then
                   (drop (call $set_buffer (i32.const 0) (i32.const 0) (i32.const -1) {text}))))
                 (i32.const 0)"
            ),
        )
        .run(&Transaction::request("abcd"), &Chunking::whole());
    assert_eq!(outcome.upstream.header("content-length"), Some("4"));
    assert_eq!(
        outcome.violations,
        [Violation::ContentLengthMismatch {
            direction: Direction::Request,
            declared: 4,
            sent: 6
        }]
    );
}

#[test]
fn binary_values_pass_as_they_are() {
    let mut transaction = Transaction::response("");
    transaction
        .request_headers
        .add(b"x-bin", &[0xff, 0xfe, b' ', 0x80]);
    let guest = Guest::new().on(
        "request_headers",
        "(drop (call $pairs (i32.const 0) (i32.const 0) (i32.const 4)))
         (drop (call $set_pairs (i32.const 0) (i32.load (i32.const 0)) (i32.load (i32.const 4))))
         (i32.const 0)",
    );
    let outcome = guest.run(&transaction, &Chunking::whole());
    let headers: Headers = outcome.upstream.headers.unwrap();
    assert_eq!(headers.first("x-bin"), Some(&[0xff, 0xfe, b' ', 0x80][..]));
}

#[test]
fn in_on_log_even_held_headers_cannot_be_changed() {
    let mut guest = Guest::new();
    let (name, value) = (guest.bytes("x-two"), guest.bytes("late"));
    let mut host = guest
        .on("request_headers", "(i32.const 1)")
        .on(
            "log",
            format!("(call $report (call $set_header (i32.const 0) {name} {value}))"),
        )
        .host();
    host.exchange()
        .request_headers(two_values().request_headers, true);
    assert_eq!(said(&host.take_logs()), "2");
}
