//! What the filter costs beside the engine, in counts that no busy machine moves: hostcalls of whole exchanges, guest memory, and the
//! time to load, with the largest policy that is shipped. `cargo test -p blackbar-host-test --test filter_costs -- --nocapture` prints
//! the readings.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use blackbar_host_test::{Chunking, Host, Hostcall, Module, Transaction};
use blackbar_policy::Policy;
use blackbar_policy::load::NoBuiltins;

/// The most guest memory with [`STREAMS`] bodies open, in bytes.
const MEMORY: u64 = 16 << 20;
/// The most guest memory for each body that waits for its next chunk, in bytes.
const RESTING: u64 = 16 << 10;
const STREAMS: u64 = 64;
/// What a policy may take to load. 5 ms are promised, and told by `cargo xtask bench`; how fast the machine is that this runs on, and what
/// else it does, nobody knows. So what is held to the promise here are the instructions of the module, of which a core of 3 GHz does about
/// ten in a nanosecond.
const LOADING: u64 = 38_000_000;
/// Beside them there is memory that is touched for the first time: that it takes no longer than they do shows on a slow machine as well.
const LOADING_TIME: Duration = Duration::from_millis(20);

/// Instructions of the module for a request and its response, a dozen headers and a body of a line.
const EXCHANGE: u64 = 60_000;
/// The same where all headers have been seen.
const KNOWN: u64 = 45_000;

/// Instructions of the module for each byte of codes that stand side by side: a few of a hundred more than they are, and fewer than there are
/// where each block looks for a place to end in all that follows.
const DENSE: [(&str, f64); 3] = [("%41", 1850.0), ("%5Cu0041", 2700.0), ("&#65;", 1020.0)];

static STRICT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies/strict.toml");
    let policy = Policy::load(path, &NoBuiltins).unwrap_or_else(|error| panic!("{error}"));
    let compiled = blackbar_compiler::compile(&policy).unwrap_or_else(|error| panic!("{error}"));
    blackbar_module::embed(blackbar_module::MODULE, &compiled.artifact).unwrap()
});

static MODULE: LazyLock<Module> = LazyLock::new(|| Module::new(&STRICT).unwrap());

fn host(configuration: &str) -> Host {
    Host::builder(&MODULE)
        .configuration(configuration)
        .extra_vms(0)
        .start()
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What a browser sends, and a small JSON answer.
fn small() -> Transaction {
    let mut transaction = Transaction::response(r#"{"ok":true,"items":[1,2,3]}"#);
    transaction
        .request_headers
        .set(b":path", b"/api/items?page=3&sort=name");
    let headers = [
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0)"),
        ("accept", "application/json, text/plain, */*"),
        ("accept-language", "en-US,en;q=0.5"),
        ("accept-encoding", "gzip, deflate, br"),
        ("referer", "https://shop.example.com/items"),
        ("x-forwarded-proto", "http"),
    ];
    for (name, value) in headers {
        transaction
            .request_headers
            .add(name.as_bytes(), value.as_bytes());
    }
    let headers = [
        ("content-type", "application/json"),
        ("cache-control", "no-cache, private"),
        ("server", "upstream"),
    ];
    for (name, value) in headers {
        transaction
            .response_headers
            .add(name.as_bytes(), value.as_bytes());
    }
    transaction
}

/// Text that ends every chunk of any size with something undecided: words may begin an address, digits a number.
fn text(bytes: usize, planted: bool) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < bytes {
        text.extend_from_slice(b"plain words and numbers 12 34 in a line that holds nothing\n");
        if planted && text.len() % 1000 < 60 {
            text.extend_from_slice(b"write to jane.doe@initech-mail.com\n");
        }
    }
    text.truncate(bytes);
    text
}

fn upload(body: Vec<u8>, length_known: bool) -> Transaction {
    let mut transaction = Transaction::request(body);
    transaction
        .request_headers
        .add(b"content-type", b"text/plain");
    if !length_known {
        transaction.request_headers.remove(b"content-length");
    }
    transaction
}

/// Hostcalls of one exchange in a VM that has seen some; those that were not made are left out.
fn hostcalls(host: &mut Host, transaction: &Transaction, chunk: usize) -> Vec<(&'static str, u64)> {
    for _ in 0..3 {
        host.run(transaction, &Chunking::size(chunk));
    }
    let count = |host: &Host| -> Vec<u64> {
        let all = Hostcall::ALL.iter();
        all.map(|hostcall| host.hostcalls(*hostcall)).collect()
    };
    let before = count(host);
    let outcome = host.run(transaction, &Chunking::size(chunk));
    assert_eq!(host.failure(), None);
    assert_eq!(outcome.violations, []);
    let after = count(host).into_iter().zip(before);
    Hostcall::ALL
        .iter()
        .zip(after.map(|(after, before)| after - before))
        .filter(|(_, calls)| *calls > 0)
        .map(|(hostcall, calls)| (hostcall.name(), calls))
        .collect()
}

const MAP: &str = "proxy_get_header_map_pairs";
const REMOVE: &str = "proxy_remove_header_map_value";
const READ: &str = "proxy_get_buffer_bytes";
const WRITE: &str = "proxy_set_buffer_bytes";
const COUNT: &str = "proxy_increment_metric";
const PROPERTY: &str = "proxy_set_property";

#[test]
fn a_small_exchange_needs_six_hostcalls() {
    // Both maps are read once; `accept-encoding` and `content-length` go; the body is read once, and counted.
    assert_eq!(
        hostcalls(&mut host(""), &small(), 1 << 20),
        [(MAP, 2), (REMOVE, 2), (READ, 1), (COUNT, 1)]
    );
    // Path, query, user-agent, referer.
    assert_eq!(
        hostcalls(&mut host(r#"{"mode":"log_only"}"#), &small(), 1 << 20),
        [(PROPERTY, 4), (MAP, 1)]
    );
    assert_eq!(
        hostcalls(&mut host(r#"{"mode":"off"}"#), &small(), 1 << 20),
        []
    );
}

/// Chunks in which nothing is found are never written back, whatever is undecided at their ends.
#[test]
fn clean_chunks_are_never_written_back() {
    for length_known in [true, false] {
        let mut host = host("");
        for (chunk, reads) in [(1 << 16, 1), (16 << 10, 4), (5000, 14)] {
            let calls = hostcalls(
                &mut host,
                &upload(text(64 << 10, false), length_known),
                chunk,
            );
            let made = |name: &str| {
                let call = calls.iter().find(|(known, _)| *known == name);
                call.map_or(0, |(_, calls)| *calls)
            };
            assert_eq!(made(WRITE), 0, "chunks of {chunk}: {calls:?}");
            // One for each chunk, and one more where it is seen that the proxy has kept what came before. A body of unknown length ends
            // with a callback of its own.
            let most = 2 * reads + if length_known { 0 } else { 2 };
            assert!(made(READ) <= most, "chunks of {chunk}: {calls:?}");
            assert!(made(COUNT) <= 2, "chunks of {chunk}: {calls:?}");
        }
    }
}

/// A chunk of text in which something is found is written from what was scanned: the proxy is not asked for it again.
#[test]
fn changed_chunks_of_text_are_read_once() {
    let mut host = host("");
    for chunks in [1, 4] {
        let transaction = upload(text(chunks << 16, true), true);
        let calls = hostcalls(&mut host, &transaction, 1 << 16);
        let each = chunks as u64;
        assert!(calls.contains(&(READ, each)), "{chunks}: {calls:?}");
        assert!(calls.contains(&(WRITE, each)), "{chunks}: {calls:?}");
    }
}

/// What is found is written once for each body that fits into the proxy's buffer, not once for each chunk.
#[test]
fn a_body_that_waits_is_written_once() {
    let mut host = host("");
    let transaction = upload(text(64 << 10, true), true);
    let calls = hostcalls(&mut host, &transaction, 16 << 10);
    assert!(calls.contains(&(WRITE, 1)), "{calls:?}");
    let outcome = host.run(&transaction, &Chunking::size(16 << 10));
    let got = String::from_utf8_lossy(&outcome.upstream.body).into_owned();
    assert!(got.contains("[pii.email]") && !got.contains("jane.doe@"));
}

#[test]
fn memory_is_bounded_for_each_stream_and_for_all() {
    let mut host = host("");
    let page = 64 << 10;
    let chunk = text(64 << 10, true);
    // Room that all streams share, and what the engine makes when it first runs.
    for length_known in [true, false, true, false] {
        host.run(
            &upload(chunk.repeat(5), length_known),
            &Chunking::size(chunk.len()),
        );
    }
    let before = host.memory_pages() * page;
    let mut open = Vec::new();
    for number in 0..STREAMS {
        let mut exchange = host.exchange();
        let mut headers = upload(Vec::new(), false).request_headers;
        if number % 2 == 0 {
            headers.set(b"content-length", b"10000000");
        }
        exchange.request_headers(headers, false);
        for _ in 0..4 {
            exchange.request_body(&chunk, false);
        }
        // A rule's longest candidate, undecided.
        exchange.request_body(b"\nAuthorization: Bearer abcdefghijklmnopqrstuvwxyz", false);
        open.push(exchange);
    }
    let after = host.memory_pages() * page;
    println!(
        "guest memory: {before} bytes before, {after} with {STREAMS} bodies open, {} for each",
        (after - before) / STREAMS
    );
    assert!(after <= MEMORY, "{after}");
    assert!((after - before) / STREAMS <= RESTING, "{before} {after}");
    for mut exchange in open {
        let step = exchange.request_body(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ\n", true);
        assert!(step.upstream.end);
    }
    assert_eq!(host.failure(), None);
}

/// A body in gzip waits with the 32 KiB that it may refer back to, and with tables.
#[test]
fn memory_of_coded_bodies_is_bounded_for_each_stream_and_for_all() {
    let mut host = host(r#"{"content_encoding": {"request": "decode"}}"#);
    let page = 64 << 10;
    // Not the same line again and again: that would be a bomb.
    let lines =
        (0..20_000_u64).map(|n| format!("line {:x}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let plain = lines.collect::<String>().into_bytes();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &plain).unwrap();
    let packed = encoder.finish().unwrap();
    let (most, last) = packed.split_at(packed.len() - 40);
    let mut headers = upload(Vec::new(), false).request_headers;
    headers.add(b"content-encoding", b"gzip");
    let start = |host: &mut Host| {
        let mut exchange = host.exchange();
        exchange.request_headers(headers.clone(), false);
        exchange.request_body(most, false);
        exchange
    };
    // Room that all streams share.
    drop(start(&mut host).finish());
    let before = host.memory_pages() * page;
    let mut open: Vec<_> = (0..STREAMS).map(|_| start(&mut host)).collect();
    let after = host.memory_pages() * page;
    let each = (after - before) / STREAMS;
    println!("guest memory: {after} bytes with {STREAMS} bodies in gzip open, {each} for each");
    assert!(after <= MEMORY, "{after}");
    assert!(each <= 64 << 10, "{each}");
    for exchange in &mut open {
        assert!(exchange.request_body(last, true).upstream.end);
    }
    drop(open);
    assert_eq!(host.failure(), None);
}

/// What a proxy adds to every request is another id each time; all other headers have been seen.
#[test]
fn a_small_exchange_needs_few_instructions() {
    let counting = Module::with_fuel(&STRICT).unwrap();
    let mut host = Host::builder(&counting).extra_vms(0).start().unwrap();
    let mut cost = |number: u64| {
        let mut transaction = small();
        let id = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let id = format!("{:08x}-4f3b-4c2d-9e1a-{:012x}", id >> 32, id & 0xffff_ffff);
        let headers = &mut transaction.request_headers;
        headers.add(b"x-request-id", id.as_bytes());
        let before = host.fuel_used();
        let outcome = host.run(&transaction, &Chunking::size(1 << 20));
        assert_eq!(outcome.violations, []);
        host.fuel_used() - before
    };
    let mut costs: Vec<u64> = (0..20).map(&mut cost).skip(4).collect();
    costs.sort_unstable();
    println!(
        "a small exchange: {} instructions, at most {}",
        costs[8], costs[15]
    );
    assert!(costs[8] <= EXCHANGE, "{costs:?}");
}

/// The same where all headers have been seen, by callback: what is left is not scanning, but for the body.
#[test]
fn a_small_exchange_of_known_headers_needs_fewer() {
    let counting = Module::with_fuel(&STRICT).unwrap();
    let mut host = Host::builder(&counting).extra_vms(0).start().unwrap();
    let transaction = small();
    for _ in 0..3 {
        host.run(&transaction, &Chunking::whole());
    }
    let mut before = host.fuel_used();
    let mut all = 0;
    let mut told = |host: &Host, callback: &str| {
        let now = host.fuel_used();
        println!("{callback}: {} instructions", now - before);
        all += now - before;
        before = now;
    };
    let mut exchange = host.exchange();
    told(&host, "a stream begins");
    exchange.request_headers(transaction.request_headers, true);
    told(&host, "request headers");
    exchange.response_headers(transaction.response_headers, false);
    told(&host, "response headers");
    let step = exchange.response_body(&transaction.response_body, false);
    assert_eq!(step.downstream.body, transaction.response_body);
    told(&host, "response body");
    exchange.response_body(b"", true);
    told(&host, "its end");
    drop(exchange);
    told(&host, "a stream ends");
    assert!(all > 1000, "nothing was done");
    assert!(all <= KNOWN, "{all}");
}

/// Where codes stand side by side, in views that nest, each view is asked time and again whether it may end.
#[test]
fn codes_side_by_side_cost_what_their_views_cost() {
    let counting = Module::with_fuel(&STRICT).unwrap();
    let mut host = Host::builder(&counting).extra_vms(0).start().unwrap();
    let mut cost = |unit: &str| {
        let body = unit.repeat((256 << 10) / unit.len()).into_bytes();
        let transaction = upload(body.clone(), true);
        let before = host.fuel_used();
        let outcome = host.run(&transaction, &Chunking::size(64 << 10));
        assert_eq!(outcome.violations, []);
        assert_eq!(outcome.upstream.body, body);
        (host.fuel_used() - before) as f64 / body.len() as f64
    };
    cost("text");
    for (unit, most) in DENSE {
        let each = cost(unit);
        println!("{unit}: {each:.1} instructions for each byte");
        assert!(each <= most, "{unit}: {each}");
    }
}

#[test]
fn the_largest_policy_loads_in_time() {
    let counting = Module::with_fuel(&STRICT).unwrap();
    let host = |module| {
        let builder = Host::builder(module).extra_vms(0);
        builder.start().unwrap_or_else(|error| panic!("{error}"))
    };
    let instructions = host(&counting).fuel_used();
    // The best of several: what else runs on the machine only ever adds to it.
    let best = (0..20)
        .map(|_| {
            let start = Instant::now();
            drop(host(&MODULE));
            start.elapsed()
        })
        .min()
        .unwrap();
    println!("loading, with a new instance: {instructions} instructions, {best:?}");
    assert!(instructions > 1_000_000, "nothing was loaded");
    assert!(instructions <= LOADING, "{instructions}");
    assert!(best <= LOADING_TIME, "{best:?}");
}
