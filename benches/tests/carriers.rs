//! What a carrier costs over plain text: the same lines in each, through the module in the Wasm host, once as what they are and once as if
//! the very same bytes were text. In instructions for each byte, which are the same on every machine; the share is that of text's speed.
//! Bodies are answers, messages of WebSocket come after an upgrade, and what flows by raw TCP goes to the upstream.
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

/// Messages of protobuf, each in a frame of gRPC.
fn grpc(lines: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for lines in lines.chunks(10) {
        let message = protobuf(lines);
        out.push(0);
        out.extend((message.len() as u32).to_be_bytes());
        out.extend(message);
    }
    out
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let whole = &bytes[..bytes.len() - bytes.len() % 3];
    let groups = whole.chunks(3).map(|group| {
        let word = group.iter().fold(0, |word, &b| word << 8 | u32::from(b));
        [18, 12, 6, 0].map(|shift| DIGITS[(word >> shift & 63) as usize])
    });
    groups.flatten().collect()
}

/// Records as maps of texts.
fn cbor(lines: &[&str]) -> Vec<u8> {
    let text = |out: &mut Vec<u8>, text: &str| {
        match text.len() {
            len @ 0..24 => out.push(0x60 | len as u8),
            len => {
                out.push(0x79);
                out.extend_from_slice(&(len as u16).to_be_bytes());
            }
        }
        out.extend_from_slice(text.as_bytes());
    };
    let mut out = Vec::new();
    for line in lines {
        out.push(0xa2);
        for (key, value) in [("level", "INFO"), ("log", line)] {
            text(&mut out, key);
            text(&mut out, value);
        }
    }
    out
}

fn marked_up(lines: &[&str], around: [&str; 2], each: [&str; 2]) -> Vec<u8> {
    let mut out = String::from(around[0]);
    for line in lines {
        let line = line.replace('&', "&amp;").replace('<', "&lt;");
        out += &format!("{}{line}{}", each[0], each[1]);
    }
    (out + around[1]).into_bytes()
}

/// Events of a server.
fn events(lines: &[&str]) -> Vec<u8> {
    let event = |line: &&str| format!("event: log\ndata: {line}\n\n").into_bytes();
    lines.iter().flat_map(event).collect()
}

/// A message of text for each line, as servers send it.
fn websocket(lines: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines {
        out.push(0x81);
        match line.len() {
            len @ 0..126 => out.push(len as u8),
            len => {
                out.push(126);
                out.extend((len as u16).to_be_bytes());
            }
        }
        out.extend(line.as_bytes());
    }
    out
}

fn counted(lines: &[&str]) -> Vec<u8> {
    let message = |line: &&str| format!("{} {line}", line.len()).into_bytes();
    lines.iter().flat_map(message).collect()
}

fn redis(lines: &[&str]) -> Vec<u8> {
    let command = |line: &&str| {
        format!(
            "*3\r\n$5\r\nRPUSH\r\n$3\r\nlog\r\n${}\r\n{line}\r\n",
            line.len()
        )
        .into_bytes()
    };
    lines.iter().flat_map(command).collect()
}

fn dogstatsd(lines: &[&str]) -> Vec<u8> {
    let datagram = |line: &&str| [&(line.len() as u32).to_le_bytes(), line.as_bytes()].concat();
    lines.iter().flat_map(datagram).collect()
}

/// How a body or stream comes.
#[derive(Clone, Copy)]
enum Way {
    /// As an answer of this type.
    Http(&'static str),
    /// After an upgrade to WebSocket.
    WebSocket,
    /// By raw TCP in this format.
    Tcp(&'static str),
}

impl Way {
    /// The same bytes as text.
    fn as_text(self) -> Way {
        match self {
            Way::Http(_) | Way::WebSocket => Way::Http("text/plain"),
            Way::Tcp(_) => Way::Tcp("text"),
        }
    }

    fn send(self, host: &mut Host, body: &[u8]) {
        if let Way::Tcp(_) = self {
            let mut connection = host.connection();
            for piece in body.chunks(CHUNK) {
                let _ = connection.from_client(piece, false);
            }
            let _ = connection.from_client(&[], true);
            return assert_eq!(connection.finish(), []);
        }
        let mut exchange = host.exchange();
        let mut ask = Headers::request("GET", "blackbar", "/");
        let head = match self {
            Way::Http(content_type) => {
                Headers::from([(":status", "200"), ("content-type", content_type)])
            }
            _ => {
                ask.add(b"upgrade", b"websocket");
                ask.add(b"connection", b"upgrade");
                Headers::from([(":status", "101"), ("upgrade", "websocket")])
            }
        };
        exchange.request_headers(ask, matches!(self, Way::Http(_)));
        exchange.response_headers(head, false);
        for piece in body.chunks(CHUNK) {
            exchange.response_body(piece, false);
        }
        exchange.response_body(&[], true);
        assert_eq!(exchange.finish().violations.len(), 0);
    }
}

/// Instructions for each byte of a body, and how many findings there were.
fn cost(module: &Module, way: Way, body: &[u8]) -> (f64, u64) {
    let configuration = match way {
        Way::Tcp(format) => format!(r#"{{"tcp":{{"downstream":{{"format":"{format}"}}}}}}"#),
        _ => String::new(),
    };
    let mut host = Host::builder(module)
        .configuration(configuration)
        .extra_vms(0)
        .buffer_limit(1 << 27)
        .start()
        .unwrap();
    let mut used = 0;
    // The second time nothing is made that is kept.
    for _ in 0..2 {
        let before = host.fuel_used();
        way.send(&mut host, body);
        assert_eq!(host.failure(), None);
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

    let (_, found) = cost(&module, Way::Http("text/plain"), text.as_bytes());
    assert!(found > 0);
    println!("instructions for each byte");
    println!(
        "{:<16} {:>8} {:>9} {:>9} {:>9} {:>7}",
        "", "bytes", "findings", "as such", "as text", "share"
    );
    let page = ["<!doctype html><title>log</title><body>", "</body>"];
    let mut shares = Vec::new();
    for (name, way, body) in [
        ("JSON", Way::Http("application/x-ndjson"), json(&lines)),
        (
            "form",
            Way::Http("application/x-www-form-urlencoded"),
            form(&lines),
        ),
        (
            "XML",
            Way::Http("application/xml"),
            marked_up(&lines, ["<log>", "</log>"], ["<line n=\"1\">", "</line>\n"]),
        ),
        (
            "HTML",
            Way::Http("text/html"),
            marked_up(&lines, page, ["<p class=log>", "</p>\n"]),
        ),
        ("events", Way::Http("text/event-stream"), events(&lines)),
        (
            "multipart",
            Way::Http("multipart/form-data; boundary=limit"),
            multipart(&lines),
        ),
        (
            "protobuf",
            Way::Http("application/x-protobuf"),
            protobuf(&lines),
        ),
        ("gRPC", Way::Http("application/grpc"), grpc(&lines)),
        (
            "gRPC-Web, base64",
            Way::Http("application/grpc-web-text"),
            base64(&grpc(&lines)),
        ),
        (
            "MessagePack",
            Way::Http("application/msgpack"),
            msgpack(&lines),
        ),
        ("CBOR", Way::Http("application/cbor-seq"), cbor(&lines)),
        (
            "bytes",
            Way::Http("application/octet-stream"),
            text.clone().into_bytes(),
        ),
        ("WebSocket", Way::WebSocket, websocket(&lines)),
        ("tcp lines", Way::Tcp("lines"), text.clone().into_bytes()),
        ("tcp json", Way::Tcp("json"), json(&lines)),
        ("tcp syslog", Way::Tcp("syslog"), counted(&lines)),
        ("tcp messagepack", Way::Tcp("messagepack"), msgpack(&lines)),
        ("tcp redis", Way::Tcp("redis"), redis(&lines)),
        ("tcp dogstatsd", Way::Tcp("dogstatsd"), dogstatsd(&lines)),
    ] {
        let (as_text, _) = cost(&module, way.as_text(), &body);
        let (each, findings) = cost(&module, way, &body);
        let share = as_text / each;
        println!(
            "{name:<16} {:>8} {findings:>9} {each:>9.2} {as_text:>9.2} {share:>7.2}",
            body.len()
        );
        // Whoever finds nothing is fast. A value of several lines is not one where each line stands for itself; the blanks of a form are
        // plus signs besides, which stand in no number of this policy.
        let tenths = if name == "form" { 7 } else { 8 };
        assert!(
            findings * 10 >= found * tenths,
            "{name}: {findings} of {found}"
        );
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
