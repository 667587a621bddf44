//! Start, configuration, updates, context life, traps and what each failure policy makes of them.

use std::time::Duration;

use blackbar_host_test::{
    Chunking, FailurePolicy, Host, LocalOrigin, LogLevel, Module, Transaction,
};

use crate::guest::{Guest, get, ok, posting, said, upstream};

/// Logs its configuration; refuses one that starts with `!`.
fn configured() -> Guest {
    Guest::new().on(
        "configure",
        "(call $show (i32.const 7))
         (if (result i32) (i32.and (i32.ne (local.get $n) (i32.const 0))
               (i32.eq (i32.load8_u (i32.load (i32.const 0))) (i32.const 0x21)))
           (then (i32.const 0))
           (else (i32.const 1)))",
    )
}

#[test]
fn on_configure_runs_workers_plus_two_times() {
    let module = configured().module();
    let mut host = Host::builder(&module)
        .configuration("abc")
        .workers(4)
        .start()
        .unwrap();
    assert_eq!(host.configure_calls(), 6);
    assert_eq!(said(&host.take_logs()), "abc abc abc abc abc abc");
    let host = Host::builder(&module).extra_vms(0).start().unwrap();
    assert_eq!(host.configure_calls(), 1);
}

#[test]
fn configuration_is_only_in_reach_while_configuring() {
    let probe = "(call $report (call $get_buffer (i32.const 7) (i32.const 0) (i32.const 9)
        (i32.const 0) (i32.const 4)))";
    let guest = Guest::new()
        .on(
            "vm_start",
            format!("{probe} (call $show (i32.const 6)) (i32.const 1)"),
        )
        .on("configure", format!("{probe} (i32.const 1)"))
        .on("request_headers", format!("{probe} (i32.const 0)"));
    let mut host = guest.host_with(|builder| builder.configuration("c").vm_configuration("vm"));
    let outcome = host.run(&Transaction::response(""), &Chunking::whole());
    assert_eq!(said(&host.take_logs()), "1 vm 0");
    assert_eq!(said(&outcome.log_lines), "1");
}

#[test]
fn refusal_at_start() {
    let module = configured().module();
    let error = Host::builder(&module)
        .configuration("!no")
        .start()
        .unwrap_err();
    assert!(error.refused());
    assert_eq!(said(error.log_lines()), "!no");
    assert!(error.to_string().contains("proxy_on_configure"));
    let module = Guest::new().on("vm_start", "(i32.const 0)").module();
    assert!(Host::builder(&module).start().unwrap_err().refused());
    let module = Guest::new().on("configure", "unreachable").module();
    let error = Host::builder(&module).start().unwrap_err();
    assert!(!error.refused());
    assert!(error.to_string().contains("unreachable"), "{error}");
}

#[test]
fn modules_that_are_no_proxy_wasm_guests() {
    let refuse = |wat: &str| {
        let wasm = wat::parse_str(wat).unwrap();
        Module::new(&wasm).unwrap_err().to_string()
    };
    let abi = r#"(func (export "proxy_abi_version_0_2_1"))"#;
    let memory = r#"(memory (export "memory") 1)"#;
    let alloc = r#"(func (export "malloc") (param i32) (result i32) (i32.const 0))"#;
    assert!(refuse(&format!("(module {memory} {alloc})")).contains("proxy_abi_version"));
    assert!(refuse(&format!("(module {abi} {alloc})")).contains("memory"));
    assert!(refuse(&format!("(module {abi} {memory})")).contains("allocate"));
    let import = r#"(import "env" "proxy_no_such_thing" (func))"#;
    assert!(refuse(&format!("(module {import} {abi} {memory} {alloc})")).contains("no_such_thing"));
    assert!(Module::new(b"not wasm").is_err());
}

#[test]
fn hostcalls_other_than_log_are_forbidden_while_the_module_starts() {
    let module = Guest::new()
        .raw("(func (export \"_initialize\") (call $report (i32.const 3)))")
        .module();
    let mut host = Host::builder(&module).extra_vms(0).start().unwrap();
    assert_eq!(said(&host.take_logs()), "3");
    let module = Guest::new()
        .raw("(func (export \"_initialize\") (drop (call $tick_period (i32.const 3))))")
        .module();
    let error = Host::builder(&module).start().unwrap_err();
    assert!(error.to_string().contains("tick_period"), "{error}");
}

#[test]
fn contexts_are_created_logged_done_and_deleted_in_order() {
    let letter = |letter: u8| {
        format!(
            "(i32.store8 (i32.const 8) (i32.const {letter})) (drop (call $log (i32.const 4) (i32.const 8) (i32.const 1)))"
        )
    };
    let mut host = Guest::new()
        .on(
            "context_create",
            format!(
                "{} (call $report (local.get $ctx)) (call $report (local.get $n))",
                letter(b'C')
            ),
        )
        .on("log", letter(b'L'))
        .on("done", format!("{} (i32.const 1)", letter(b'D')))
        .on("delete", letter(b'X'))
        .host();
    let first = host.exchange();
    assert_eq!(first.context(), 2);
    let second = host.exchange();
    assert_eq!(second.context(), 3);
    drop(first);
    let _ = second.finish();
    let lines = host.take_logs();
    assert_eq!(said(&lines), "C 1 0 C 2 1 C 3 1 L D X L D X");
    assert_eq!(lines[0].level, LogLevel::Error);
    assert_eq!(lines[0].context, 1);
}

#[test]
fn a_new_configuration_is_for_exchanges_to_come() {
    // Answers with the root's id as the only body byte, so one sees which root an exchange belongs to.
    let guest = configured()
        .on(
            "context_create",
            "(if (local.get $n) (then (i32.store8 (i32.add (i32.const 512) (local.get $ctx))
               (i32.add (local.get $n) (i32.const 48)))))",
        )
        .on(
            "request_body",
            "(drop (call $set_buffer (i32.const 0) (i32.const 0) (i32.const -1)
               (i32.add (i32.const 512) (local.get $ctx)) (i32.const 1)))
             (i32.const 0)",
        )
        .on("delete", "(call $report (local.get $ctx))");
    let mut host = guest.host_with(|builder| builder.configuration("one"));
    let mut old = posting(&mut host);
    assert_eq!(upstream(old.request_body(b"..", false)), "1");
    host.reconfigure("two").unwrap();
    let mut new = posting(&mut host);
    assert_eq!(upstream(new.request_body(b"..", false)), "3");
    assert_eq!(upstream(old.request_body(b"..", false)), "1");
    assert_eq!(
        said(&host.take_logs()),
        "two one two",
        "tried out first, then in the worker"
    );
    // The old root goes with its last exchange.
    drop(old);
    assert_eq!(said(&host.take_logs()), "2 1");

    let error = host.reconfigure("!bad").unwrap_err();
    assert!(error.refused());
    assert_eq!(host.update_rejected(), 1);
    let mut still = posting(&mut host);
    assert_eq!(upstream(still.request_body(b"..", false)), "3");
}

#[test]
fn another_module_is_for_exchanges_to_come() {
    let body = |letter: &str| {
        let mut guest = Guest::new();
        let text = guest.bytes(letter);
        guest.on(
            "request_body",
            format!(
                "(drop (call $set_buffer (i32.const 0) (i32.const 0) (i32.const -1) {text})) (i32.const 0)"
            ),
        )
    };
    let mut host = body("a").host();
    let mut old = posting(&mut host);
    host.swap_module(&body("b").module(), "").unwrap();
    let mut new = posting(&mut host);
    assert_eq!(upstream(new.request_body(b"..", true)), "b");
    assert_eq!(upstream(old.request_body(b"..", true)), "a");
    let broken = Guest::new().on("configure", "unreachable").module();
    assert!(host.swap_module(&broken, "").is_err());
    assert_eq!(upstream(posting(&mut host).request_body(b"..", true)), "b");
}

/// Traps on a request that has `x-trap`, which it looks for in the headers callback.
fn trapping() -> Guest {
    let mut guest = Guest::new();
    let name = guest.bytes("x-trap");
    guest.on(
        "request_headers",
        format!(
            "(if (i32.eqz (call $get_header (i32.const 0) {name} (i32.const 0) (i32.const 4)))
               (then unreachable))
             (i32.const 0)"
        ),
    )
}

fn trap() -> Transaction {
    let mut transaction = Transaction::request("abcd");
    transaction.request_headers.add(b"x-trap", b"1");
    transaction
}

#[test]
fn fail_closed_answers_503_to_all_of_that_vm_from_then_on() {
    let mut host = trapping().host_with(|builder| builder.workers(2));
    let mut in_flight = posting(&mut host);
    let mut answered = host.exchange();
    answered.request_headers(get(), true);
    answered.response_headers(ok(), false);
    let outcome = host.run(&trap(), &Chunking::whole());
    assert_eq!(outcome.downstream.status(), Some(503));
    assert_eq!(outcome.local_response.unwrap().origin, LocalOrigin::Failure);
    assert_eq!(outcome.upstream, Default::default());
    assert!(host.failure().unwrap().contains("unreachable"));
    let step = in_flight.request_body(b"ab", false);
    assert!(step.upstream.reset && step.upstream.body.is_empty());
    assert_eq!(
        step.downstream.headers.unwrap().text(":status"),
        Some("503")
    );
    // Where the response had begun, it is broken off.
    assert!(answered.response_body(b"ab", false).downstream.reset);
    let outcome = host.run(&Transaction::request("x"), &Chunking::whole());
    assert_eq!(outcome.downstream.status(), Some(503));
    // The other worker has a VM of its own.
    let mut other = host.exchange_on(1);
    assert!(other.request_headers(get(), true).upstream.end);
}

#[test]
fn fail_open_lets_traffic_pass_as_it_is() {
    let guest = trapping().on("request_body", "(i32.const 1)");
    let mut host = guest.host_with(|builder| builder.failure_policy(FailurePolicy::Open));
    let mut paused = posting(&mut host);
    assert_eq!(upstream(paused.request_body(b"ab", false)), "");
    let outcome = host.run(&trap(), &Chunking::size(1));
    assert_eq!(outcome.downstream.status(), Some(200));
    assert_eq!(outcome.upstream.body, b"abcd");
    assert_eq!(outcome.upstream.header("x-trap"), Some("1"));
    // What was paused leaves with the next chunk.
    assert_eq!(upstream(paused.request_body(b"cd", true)), "abcd");
    let outcome = host.run(&Transaction::request("later"), &Chunking::whole());
    assert_eq!(outcome.upstream.body, b"later");
}

#[test]
fn fail_reload_is_back_at_once_then_with_back_off() {
    let mut host = trapping().host_with(|builder| builder.failure_policy(FailurePolicy::Reload));
    let mut in_flight = posting(&mut host);
    let status = |host: &mut Host, transaction: &Transaction| {
        host.run(transaction, &Chunking::whole())
            .downstream
            .status()
    };
    let good = Transaction::request("x");
    assert_eq!(status(&mut host, &trap()), Some(503));
    assert_eq!(status(&mut host, &good), Some(200), "back at once");
    let step = in_flight.request_body(b"ab", false);
    assert_eq!(
        step.downstream.headers.unwrap().text(":status"),
        Some("503")
    );
    assert_eq!(status(&mut host, &trap()), Some(503));
    assert_eq!(status(&mut host, &good), Some(503), "too soon");
    host.advance(Duration::from_millis(999));
    assert_eq!(status(&mut host, &good), Some(503));
    host.advance(Duration::from_millis(1));
    assert_eq!(status(&mut host, &good), Some(200));
    assert_eq!(host.configure_calls(), 3);
}

#[test]
fn a_trap_in_a_body_callback() {
    let guest = Guest::new().on("response_body", "unreachable");
    let mut transaction = Transaction::response("abcd");
    let outcome = guest.run(&transaction, &Chunking::whole());
    assert_eq!(
        outcome.downstream.status(),
        Some(200),
        "the headers had left"
    );
    assert!(outcome.downstream.reset && outcome.downstream.body.is_empty());
    let guest = Guest::new().on("request_body", "unreachable");
    transaction = Transaction::request("abcd");
    let outcome = guest.run(&transaction, &Chunking::whole());
    assert_eq!(outcome.downstream.status(), Some(503));
    assert!(outcome.upstream.reset && outcome.upstream.body.is_empty());
}
