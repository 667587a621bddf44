//! The module in V8, in the small host that the benches measure with (`benches/v8/host.mjs`): it loads there, needs nothing that the host
//! does not have, and finds and writes what it does in wasmtime. Not run where there is no Node.

mod filter_support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use blackbar_host_test::{Chunking, Transaction};
use filter_support::{ARTIFACT, host, run, text};

/// Bytes of a chunk.
const CHUNK: usize = 1000;

/// The number behind `"name":` in a line of JSON.
fn number(line: &str, name: &str) -> u64 {
    let (_, rest) = line
        .split_once(&format!("\"{name}\":"))
        .unwrap_or_else(|| panic!("no {name} in {line}"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

#[test]
fn v8_finds_and_writes_what_wasmtime_does() {
    if Command::new("node").arg("--version").output().is_err() {
        eprintln!("there is no Node: not run");
        return;
    }
    let mut haystack = String::new();
    for line in 0..200 {
        haystack += &format!("{line} GET /v1/items?page={line} 200 {}ms\n", line * 7 % 91);
        if line % 9 == 0 {
            haystack += "login with key-12345678, sesame_key=abcdefghijkl0 and msk-abcdef\n";
        }
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (module, file) = (folder.join("v8.wasm"), folder.join("v8.txt"));
    let embedded = blackbar_module::embed(blackbar_module::MODULE, &ARTIFACT).unwrap();
    std::fs::write(&module, embedded).unwrap();
    std::fs::write(&file, &haystack).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/v8/host.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .args([&module, &file])
        .arg(CHUNK.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(b"1\n").unwrap();
    let output = node.wait_with_output().unwrap();
    let complaint = text(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let told = text(&output.stdout);
    let result = told.lines().last().unwrap_or_default();

    let mut wasmtime = host(r#"{"mode":"enforce"}"#);
    let mut transaction = Transaction::response(haystack.as_str());
    transaction
        .response_headers
        .add(b"content-type", b"text/plain");
    let outcome = run(&mut wasmtime, &transaction, &Chunking::size(CHUNK));
    let findings: u64 = wasmtime
        .metrics()
        .iter()
        .filter(|(name, _)| name.starts_with("blackbar.rule."))
        .map(|(_, count)| count)
        .sum();
    let body = outcome.downstream.body;
    assert!(findings > 0 && body != haystack.as_bytes());
    assert_eq!(number(result, "findings"), findings, "{result}");
    assert_eq!(number(result, "bytes_out"), body.len() as u64, "{result}");
}
