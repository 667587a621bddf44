//! What can be measured: fuel, memory, calls; and that hosts share nothing but code.

use std::time::Duration;

use blackbar_host_test::{Chunking, Host, Hostcall, Module, Quirks, Transaction};

use crate::guest::{Guest, said};

/// Reads every body byte once.
fn summing() -> Guest {
    Guest::new().on(
        "request_body",
        "(local $at i32) (local $stop i32)
         (call $clear)
         (drop (call $get_buffer (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 4)))
         (local.set $at (i32.load (i32.const 0)))
         (local.set $stop (i32.add (local.get $at) (i32.load (i32.const 4))))
         (block $out (loop $again
           (br_if $out (i32.ge_u (local.get $at) (local.get $stop)))
           (global.set $state (i32.add (global.get $state) (i32.load8_u (local.get $at))))
           (local.set $at (i32.add (local.get $at) (i32.const 1)))
           (br $again)))
         (i32.const 0)",
    )
}

#[test]
fn fuel_counts_work_and_can_be_limited() {
    let module = Module::with_fuel(&summing().wasm()).unwrap();
    let mut host = Host::builder(&module).extra_vms(0).start().unwrap();
    let mut burn = |size: usize| {
        let before = host.fuel_used();
        host.run(&Transaction::request(vec![1; size]), &Chunking::whole());
        host.fuel_used() - before
    };
    let (one, two) = (burn(10_000), burn(20_000));
    assert!(
        one > 10_000 && two - one > one / 2 && two < one * 3,
        "{one} {two}"
    );
    let mut host = Host::builder(&module)
        .extra_vms(0)
        .fuel_per_call(20_000)
        .start()
        .unwrap();
    let status = |host: &mut Host, size| {
        host.run(&Transaction::request(vec![1; size]), &Chunking::whole())
            .downstream
            .status()
    };
    assert_eq!(status(&mut host, 100), Some(200));
    assert_eq!(status(&mut host, 10_000), Some(503));
    assert!(host.failure().unwrap().contains("fuel"));
    let plain = summing().module();
    let mut host = Host::builder(&plain).start().unwrap();
    host.run(&Transaction::request("abc"), &Chunking::whole());
    assert_eq!(host.fuel_used(), 0);
}

#[test]
fn memory_is_read_in_pages_and_limited() {
    let guest = Guest::new().on(
        "request_headers",
        "(call $report (i32.eq (memory.grow (i32.const 100)) (i32.const -1))) (i32.const 0)",
    );
    let mut host = guest.host();
    assert_eq!(host.memory_pages(), 160);
    let outcome = host.run(&Transaction::response(""), &Chunking::whole());
    assert_eq!(said(&outcome.log_lines), "0");
    assert_eq!(host.memory_pages(), 260);
    let mut host = guest.host_with(|builder| builder.quirks(Quirks::service_extensions()));
    let outcome = host.run(&Transaction::response(""), &Chunking::whole());
    assert_eq!(said(&outcome.log_lines), "1", "256 pages are 16 MiB");
    assert_eq!(host.memory_pages(), 160);
}

#[test]
fn hostcalls_are_counted() {
    let mut host = summing().host();
    host.run(&Transaction::request("abcd"), &Chunking::size(1));
    assert_eq!(host.hostcalls(Hostcall::GetBuffer), 5);
    assert_eq!(host.hostcalls(Hostcall::SetBuffer), 0);
}

#[test]
fn time_stands_still_unless_moved() {
    let guest = Guest::new().on(
        "request_headers",
        "(drop (call $now (i32.const 16)))
         (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 8))
         (call $tell)
         (i32.const 0)",
    );
    let mut host = guest.host();
    let read = |host: &mut Host| {
        let outcome = host.run(&Transaction::response(""), &Chunking::whole());
        let bytes: [u8; 8] = outcome.log_lines[0].message.clone().try_into().unwrap();
        u64::from_le_bytes(bytes)
    };
    let first = read(&mut host);
    assert_eq!(read(&mut host), first);
    host.advance(Duration::from_micros(3));
    assert_eq!(read(&mut host), first + 3000);
}

#[test]
fn hosts_run_in_parallel_on_one_module() {
    let module = summing().module();
    let threads: Vec<_> = (1..=4usize)
        .map(|seed| {
            let module = module.clone();
            std::thread::spawn(move || {
                let mut host = Host::builder(&module).extra_vms(0).start().unwrap();
                for _ in 0..50 {
                    let body = vec![seed as u8; 1000 * seed];
                    let outcome =
                        host.run(&Transaction::request(body.clone()), &Chunking::size(77));
                    assert_eq!(outcome.upstream.body, body);
                }
                host.hostcalls(Hostcall::GetBuffer)
            })
        })
        .collect();
    for (index, thread) in threads.into_iter().enumerate() {
        let calls = 1000 * (index + 1);
        assert_eq!(
            thread.join().unwrap() as usize,
            50 * (calls.div_ceil(77) + 1)
        );
    }
}
