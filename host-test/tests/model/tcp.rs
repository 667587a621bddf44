//! TCP connections.

use blackbar_host_test::Violation;

use crate::guest::{Guest, said};

#[test]
fn both_ways_can_be_rewritten() {
    let mut guest = Guest::new();
    let text = guest.bytes("> ");
    let prepend = |kind: u32| {
        format!(
            "(call $report (call $set_buffer (i32.const {kind}) (i32.const 0) (i32.const 0) {text})) (i32.const 0)"
        )
    };
    let mut host = guest
        .on("downstream_data", prepend(2))
        .on("upstream_data", prepend(3))
        .host();
    let mut connection = host.connection();
    assert_eq!(connection.from_client(b"ab", false).upstream, b"> ab");
    assert_eq!(connection.from_upstream(b"cd", false).downstream, b"> cd");
    assert_eq!(connection.from_client(b"", true).upstream, b"> ");
    assert_eq!(connection.finish(), []);
    assert_eq!(said(&host.take_logs()), "0 0 0");
}

#[test]
fn client_data_can_wait_and_be_continued() {
    let mut host = Guest::new()
        .on("configure", "(drop (call $tick_period (i32.const 1))) (i32.const 1)")
        .on(
            "downstream_data",
            "(global.set $state (local.get $ctx)) (call $show (i32.const 2)) (i32.const 1)",
        )
        .on(
            "tick",
            "(drop (call $effective (global.get $state))) (call $report (call $continue (i32.const 2)))",
        )
        .host();
    let mut connection = host.connection();
    assert_eq!(connection.from_client(b"ab", false).upstream, b"");
    assert_eq!(connection.from_client(b"cd", false).upstream, b"");
    host.tick();
    assert_eq!(connection.poll().upstream, b"abcd");
    assert_eq!(said(&host.take_logs()), "ab abcd 0");
}

#[test]
fn paused_upstream_data_is_lost() {
    let mut host = Guest::new()
        .on("upstream_data", "(local.get $end) (i32.eqz)")
        .host();
    let mut connection = host.connection();
    assert_eq!(connection.from_upstream(b"abc", false).downstream, b"");
    assert_eq!(connection.from_upstream(b"d", true).downstream, b"d");
    assert_eq!(
        connection.finish(),
        [Violation::UpstreamDataDropped { bytes: 3 }]
    );
}

#[test]
fn a_trap_closes_the_connection() {
    let mut host = Guest::new().on("downstream_data", "unreachable").host();
    let mut connection = host.connection();
    let step = connection.from_client(b"ab", false);
    assert!(step.closed && step.upstream.is_empty());
}
