//! Text like that of production, five kinds in equal shares of bytes: access logs, JSON log lines, stack traces, trace exports, API
//! bodies. Values are planted where such text has them. What the values are is in `values`.

use std::fmt::Write;

use super::values;
use crate::random::{HEX, Random};

/// At least `bytes` bytes, ending with a whole line; a value in every `every` bytes on average, or none.
pub(super) fn text(bytes: usize, seed: u64, every: Option<u64>) -> Vec<u8> {
    make(bytes, seed, every).0
}

/// How many values [`text`] plants.
#[cfg(test)]
pub(super) fn planted(bytes: usize, seed: u64, every: u64) -> usize {
    make(bytes, seed, Some(every)).1
}

fn make(bytes: usize, seed: u64, every: Option<u64>) -> (Vec<u8>, usize) {
    let mut random = Random(seed);
    let mut text = String::with_capacity(bytes + 4096);
    let mut planted = 0;
    let mut shares = [0_usize; 5];
    // Uniform between half and one and a half times the distance: never regular, never far off.
    let gap = |random: &mut Random| every.map(|every| random.between(every / 2, every * 3 / 2));
    let mut next = gap(&mut random);
    while text.len() < bytes {
        let start = text.len();
        let mut value = String::new();
        while let Some(at) = next
            && (start as u64) >= at
        {
            let separator = if value.is_empty() { "" } else { " " };
            let _ = write!(value, "{separator}{}", values::plant(&mut random));
            planted += 1;
            next = gap(&mut random).map(|gap| at + gap);
        }
        // The kind that has had the least so far: equal shares whatever their lengths. Every third time any kind, against rhythm.
        let least = (0..shares.len()).min_by_key(|&kind| shares[kind]);
        let kind = match random.below(3) {
            0 => random.below(shares.len() as u64) as usize,
            _ => least.unwrap_or(0),
        };
        let written = match kind {
            0 => access(&mut text, &mut random, &value),
            1 => json_line(&mut text, &mut random, &value),
            2 => stack_trace(&mut text, &mut random, &value),
            3 => trace_export(&mut text, &mut random, &value),
            _ => body(&mut text, &mut random, &value),
        };
        // Writing to a String cannot fail.
        debug_assert!(written.is_ok());
        shares[kind] += text.len() - start;
    }
    (text.into_bytes(), planted)
}

fn access(text: &mut String, random: &mut Random, value: &str) -> std::fmt::Result {
    let query = if value.is_empty() {
        String::new()
    } else {
        format!("?note={}", value.replace(' ', "+"))
    };
    writeln!(
        text,
        "edge-{:03}.internal - - [{:02}/Nov/2026:{:02}:{:02}:{:02} +0000] \"{} {}{query} HTTP/1.1\" {} {} \"https://www.shop.test{}\" \"{}\" rt=0.{:03}",
        random.below(400),
        random.between(1, 28),
        random.below(24),
        random.below(60),
        random.below(60),
        random.pick(&["GET", "GET", "GET", "POST", "PUT", "DELETE"]),
        path(random),
        random.pick(&[200, 200, 200, 204, 302, 404, 500]),
        random.below(60_000),
        path(random),
        random.pick(&AGENTS),
        random.below(1000)
    )
}

fn json_line(text: &mut String, random: &mut Random, value: &str) -> std::fmt::Result {
    write!(
        text,
        "{{\"time\":\"{}\",\"level\":\"{}\",\"service\":\"{}-{}\",\"thread\":\"worker-{}\",\"msg\":\"",
        time(random),
        random.pick(&["info", "info", "info", "debug", "warn", "error"]),
        random.pick(&WORDS),
        random.pick(&WORDS),
        random.below(64)
    )?;
    let count = random.between(5, 15);
    words(text, random, count)?;
    if !value.is_empty() {
        write!(text, " {}", value.replace('"', "\\\""))?;
    }
    writeln!(
        text,
        "\",\"ms\":{},\"request\":\"{}\",\"status\":{},\"path\":\"{}\"}}",
        random.below(4000),
        uuid(random),
        random.pick(&[200, 200, 201, 404, 503]),
        path(random)
    )
}

fn stack_trace(text: &mut String, random: &mut Random, value: &str) -> std::fmt::Result {
    write!(
        text,
        "{} ERROR [pool-{}-thread-{}] io.shop.{}.{}Service - ",
        time(random),
        random.below(9),
        random.below(40),
        random.pick(&WORDS),
        title(random)
    )?;
    words(text, random, 6)?;
    let separator = if value.is_empty() { "" } else { " " };
    write!(text, "{separator}{value}\njava.io.IOException: ")?;
    words(text, random, 4)?;
    text.push('\n');
    for _ in 0..random.between(4, 12) {
        let class = title(random);
        writeln!(
            text,
            "\tat {}.{}.{class}.{}{}({class}.java:{})",
            random.pick(&PACKAGES),
            random.pick(&WORDS),
            random.pick(&WORDS),
            title(random),
            random.between(12, 900)
        )?;
    }
    Ok(())
}

fn trace_export(text: &mut String, random: &mut Random, value: &str) -> std::fmt::Result {
    let start = 1_790_000_000_000_000_000 + random.below(9_000_000_000_000_000);
    write!(
        text,
        "{{\"resourceSpans\":[{{\"resource\":{{\"attributes\":[{{\"key\":\"service.name\",\"value\":{{\"stringValue\":\"{}\"}}}}]}},\
         \"scopeSpans\":[{{\"scope\":{{\"name\":\"io.otel.{}\"}},\"spans\":[{{\"traceId\":\"{}\",\"spanId\":\"{}\",\"name\":\"GET {}\",\
         \"kind\":2,\"startTimeUnixNano\":\"{start}\",\"endTimeUnixNano\":\"{}\",\"attributes\":[{{\"key\":\"http.request.method\",\
         \"value\":{{\"stringValue\":\"GET\"}}}},{{\"key\":\"url.path\",\"value\":{{\"stringValue\":\"{}\"}}}},{{\"key\":\"note\",\
         \"value\":{{\"stringValue\":\"",
        random.pick(&WORDS),
        random.pick(&WORDS),
        random.letters(HEX, 32),
        random.letters(HEX, 16),
        path(random),
        start + random.below(4_000_000_000),
        path(random)
    )?;
    words(text, random, 4)?;
    if !value.is_empty() {
        write!(text, " {}", value.replace('"', "\\\""))?;
    }
    writeln!(text, "\"}}}}]}}]}}]}}]}}")
}

fn body(text: &mut String, random: &mut Random, value: &str) -> std::fmt::Result {
    write!(text, "{{\"order\":{},\"lines\":[", random.below(9_999_999))?;
    for line in 0..random.between(1, 5) {
        let comma = if line == 0 { "" } else { "," };
        write!(
            text,
            "{comma}{{\"sku\":\"SKU-{:05}\",\"title\":\"",
            random.below(90_000)
        )?;
        words(text, random, 3)?;
        write!(
            text,
            "\",\"price\":{}.{:02},\"count\":{}}}",
            random.below(400),
            random.below(100),
            random.between(1, 9)
        )?;
    }
    write!(text, "],\"comment\":\"")?;
    let count = random.between(6, 14);
    words(text, random, count)?;
    if !value.is_empty() {
        write!(text, " {}", value.replace('"', "\\\""))?;
    }
    writeln!(
        text,
        "\",\"created\":\"{}\",\"labels\":[\"{}\",\"{}\"]}}",
        time(random),
        random.pick(&WORDS),
        random.pick(&WORDS)
    )
}

fn words(text: &mut String, random: &mut Random, count: u64) -> std::fmt::Result {
    for word in 0..count {
        let space = if word == 0 { "" } else { " " };
        write!(text, "{space}{}", random.pick(&WORDS))?;
    }
    Ok(())
}

fn title(random: &mut Random) -> String {
    let word = random.pick(&WORDS);
    let (first, rest) = word.split_at(1);
    format!("{}{rest}", first.to_ascii_uppercase())
}

fn time(random: &mut Random) -> String {
    format!(
        "2026-11-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        random.between(1, 28),
        random.below(24),
        random.below(60),
        random.below(60),
        random.below(1000)
    )
}

fn uuid(random: &mut Random) -> String {
    [8, 4, 4, 4, 12]
        .map(|count| random.letters(HEX, count))
        .join("-")
}

fn path(random: &mut Random) -> String {
    let mut path = String::new();
    for _ in 0..random.between(1, 4) {
        path.push('/');
        path.push_str(random.pick(&WORDS));
    }
    match random.below(4) {
        0 => {
            let _ = write!(path, "/{}", random.below(1_000_000));
        }
        1 => {
            let _ = write!(
                path,
                "?page={}&sort={}",
                random.below(90),
                random.pick(&WORDS)
            );
        }
        _ => {}
    }
    path
}

const WORDS: [&str; 96] = [
    "account",
    "accepted",
    "address",
    "alert",
    "archive",
    "batch",
    "bucket",
    "cache",
    "carrier",
    "catalog",
    "channel",
    "checkout",
    "client",
    "closed",
    "cluster",
    "commit",
    "config",
    "connection",
    "consumer",
    "counter",
    "created",
    "customer",
    "deploy",
    "device",
    "disk",
    "event",
    "export",
    "failed",
    "fetch",
    "field",
    "filter",
    "finished",
    "gateway",
    "group",
    "handler",
    "header",
    "health",
    "image",
    "import",
    "index",
    "inventory",
    "invoice",
    "item",
    "job",
    "key",
    "lease",
    "limit",
    "listener",
    "memory",
    "message",
    "metric",
    "network",
    "node",
    "offset",
    "order",
    "page",
    "partition",
    "payment",
    "phase",
    "plan",
    "policy",
    "pool",
    "product",
    "profile",
    "queue",
    "quota",
    "refund",
    "region",
    "reject",
    "render",
    "replica",
    "request",
    "response",
    "retry",
    "route",
    "schedule",
    "schema",
    "search",
    "segment",
    "session",
    "shard",
    "shipping",
    "snapshot",
    "span",
    "status",
    "stream",
    "task",
    "thread",
    "timeout",
    "token",
    "topic",
    "total",
    "update",
    "upstream",
    "user",
    "volume",
];

const PACKAGES: [&str; 5] = [
    "io.shop.web",
    "org.eclipse.jetty.server",
    "java.base/java.util.concurrent",
    "io.netty.handler",
    "org.postgresql.core",
];

const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
    "curl/8.10.1",
    "okhttp/5.0.0",
    "python-httpx/0.27.2",
    "kube-probe/1.31",
];
