//! What a carrier costs over plain text: the same lines in each, through the module in the Wasm host, once as what they are and once as if
//! the very same bytes were text. In instructions for each byte, which are the same on every machine; the share is that of text's speed.
//!
//! `cargo test -p blackbar-benches --test carriers -- --nocapture` prints the table.

use blackbar_benches::haystack::{Kind, Recipe};
use blackbar_benches::policy;
use blackbar_host_test::{Headers, Host, Module};

const KIB: u32 = 256;
const CHUNK: usize = 65_536;

/// The least share of text's speed that a carrier may have.
const JSON: f64 = 0.5;
/// Telling texts from messages, and reading fields, take the rest.
const PROTOBUF: f64 = 0.7;

/// A field of protobuf whose value has a length.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut rest = value.len();
    while rest > 127 {
        out.push(rest as u8 | 128);
        rest >>= 7;
    }
    out.push(rest as u8);
    out.extend_from_slice(value);
    out
}

/// Records as OpenTelemetry's logs have them: a time, a severity, a body, an attribute.
fn protobuf(lines: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let time = 1_700_000_000_000_000_000_u64 + number as u64 * 1_000_003;
        let mut record = vec![1 << 3 | 1];
        record.extend_from_slice(&time.to_le_bytes());
        record.extend_from_slice(&[2 << 3, 9]);
        record.extend(field(3, b"INFO"));
        record.extend(field(5, &field(1, line.as_bytes())));
        let attribute = [field(1, b"logger"), field(2, &field(1, b"app.http"))].concat();
        record.extend(field(6, &attribute));
        out.extend(field(1, &record));
    }
    out
}

/// Entries as Fluent Bit has them: a time and a map.
fn msgpack(lines: &[&str]) -> Vec<u8> {
    let text = |out: &mut Vec<u8>, text: &str| {
        match text.len() {
            len @ 0..32 => out.push(0xa0 | len as u8),
            len => {
                out.push(0xda);
                out.extend_from_slice(&(len as u16).to_be_bytes());
            }
        }
        out.extend_from_slice(text.as_bytes());
    };
    let mut out = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        out.extend_from_slice(&[0x92, 0xce]);
        out.extend_from_slice(&(1_700_000_000 + number as u32).to_be_bytes());
        out.push(0x83);
        for (key, value) in [("level", "INFO"), ("logger", "app.http"), ("log", line)] {
            text(&mut out, key);
            text(&mut out, value);
        }
    }
    out
}

fn json(lines: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let record = serde_json::json!({
            "time": 1_700_000_000 + number, "level": "INFO", "logger": "app.http", "log": line,
        });
        out.extend_from_slice(record.to_string().as_bytes());
        out.push(b'\n');
    }
    out
}

fn form(lines: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        out.extend_from_slice(
            format!("{}line{number}=", if number > 0 { "&" } else { "" }).as_bytes(),
        );
        for byte in line.bytes() {
            match byte {
                b' ' => out.push(b'+'),
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                    out.push(byte)
                }
                _ => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
            }
        }
    }
    out
}

fn multipart(lines: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, lines) in lines.chunks(20).enumerate() {
        let head = format!(
            "--limit\r\ncontent-disposition: form-data; name=\"part{number}\"\r\ncontent-type: text/plain\r\n\r\n"
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(lines.join("\n").as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"--limit--\r\n");
    out
}

/// Instructions for each byte of a body, and how many findings there were.
fn cost(module: &Module, content_type: &str, body: &[u8]) -> (f64, u64) {
    let mut host = Host::builder(module)
        .extra_vms(0)
        .buffer_limit(1 << 27)
        .start()
        .unwrap();
    let mut used = 0;
    // The second time nothing is made that is kept.
    for _ in 0..2 {
        let before = host.fuel_used();
        let mut exchange = host.exchange();
        exchange.request_headers(Headers::request("GET", "blackbar", "/"), true);
        let head = Headers::from([(":status", "200"), ("content-type", content_type)]);
        exchange.response_headers(head, false);
        for piece in body.chunks(CHUNK) {
            exchange.response_body(piece, false);
        }
        exchange.response_body(&[], true);
        let ending = exchange.finish();
        assert_eq!((host.failure(), ending.violations.len()), (None, 0));
        used = host.fuel_used() - before;
    }
    let metrics = host.metrics();
    let rules = metrics
        .iter()
        .filter(|(name, _)| name.starts_with("blackbar.rule."));
    (
        used as f64 / body.len() as f64,
        rules.map(|(_, n)| n).sum::<u64>() / 2,
    )
}

#[test]
fn carriers_keep_a_share_of_the_speed_of_text() {
    let policy = policy::load("gate").unwrap();
    let recipe = Recipe {
        kind: Kind::Sparse,
        kib: KIB,
        seed: 1,
        byte: None,
    };
    let text = recipe.make(&policy).unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let artifact = policy::compile(&policy).unwrap().artifact;
    let wasm = blackbar_module::embed(blackbar_module::MODULE, &artifact).unwrap();
    let module = Module::with_fuel(&wasm).unwrap();

    let (_, found) = cost(&module, "text/plain", text.as_bytes());
    assert!(found > 0);
    println!("instructions for each byte");
    println!(
        "{:<12} {:>10} {:>10} {:>10} {:>10} {:>9}",
        "", "bytes", "findings", "as such", "as text", "share"
    );
    let mut shares = Vec::new();
    for (name, content_type, body) in [
        ("JSON", "application/x-ndjson", json(&lines)),
        ("form", "application/x-www-form-urlencoded", form(&lines)),
        ("protobuf", "application/x-protobuf", protobuf(&lines)),
        ("MessagePack", "application/msgpack", msgpack(&lines)),
        (
            "multipart",
            "multipart/form-data; boundary=limit",
            multipart(&lines),
        ),
        (
            "bytes",
            "application/octet-stream",
            text.clone().into_bytes(),
        ),
    ] {
        let (as_text, _) = cost(&module, "text/plain", &body);
        let (each, findings) = cost(&module, content_type, &body);
        let share = as_text / each;
        println!(
            "{name:<12} {:>10} {findings:>10} {each:>10.2} {as_text:>10.2} {share:>9.2}",
            body.len()
        );
        // Whoever finds nothing is fast.
        assert!(findings * 10 >= found * 9, "{name}: {findings} of {found}");
        shares.push((name, share));
    }
    for (name, least) in [("JSON", JSON), ("protobuf", PROTOBUF)] {
        let (_, share) = shares.iter().find(|(known, _)| *known == name).unwrap();
        assert!(
            *share >= least,
            "{name}: {share:.2} of text, less than {least}"
        );
    }
}
