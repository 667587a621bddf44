//! What Redis speaks stays what it was: an independent parser finds the same values at the same places, and nothing but masks is new.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use blackbar_carriers::{Format, Framing, Logins, Views};
use redis_protocol::resp3::decode::complete::decode_range;
use redis_protocol::resp3::types::RangeFrame;
use support::{Random, Subject};

/// Values, each with its place; nothing, if something is none.
fn parse(bytes: &[u8]) -> Option<Vec<RangeFrame>> {
    let (mut at, mut all) = (0, Vec::new());
    while at < bytes.len() {
        let (frame, len) = decode_range(&bytes[at..]).ok()??;
        all.push(frame);
        at += len;
    }
    Some(all)
}

const TEXTS: &[&str] = &[
    "",
    "a",
    "passwd",
    "hunter22",
    "AUTH",
    "auth-pass",
    "HELLO",
    "SET",
    "HSET",
    "CONFIG",
    "requirepass",
    "to x@ab.de",
    "x@ab.de",
    "ghp_ABCDEFG1",
    "ghp_ABCD",
    "EFG1",
    "é 😀 x@ab.de",
    "-----Babc",
    "~",
    "\u{0}\r\n$3\r\nabc",
    "*2\r\n$-1",
    "4111111111111111",
    "{\"passwd\":\"hunter22\"}",
];

/// A value of any type.
fn value(random: &mut Random, depth: usize, out: &mut Vec<u8>) {
    let text = random.pick(TEXTS).to_owned();
    let line = text.replace(['\r', '\n'], " ");
    let kind = random.below(if depth < 3 { 17 } else { 12 });
    match kind {
        0..=4 => out.extend(format!("${}\r\n{text}\r\n", text.len()).bytes()),
        5 => out.extend(format!("+{line}\r\n").bytes()),
        6 => out.extend(format!("-ERR {line}\r\n").bytes()),
        7 => out.extend(format!(":{}\r\n", random.below(9_999_999)).bytes()),
        8 => out.extend_from_slice(b"_\r\n"),
        9 => out.extend_from_slice(b",-1.5e3\r\n"),
        10 => out.extend_from_slice(b"#t\r\n"),
        11 => out.extend(format!("={}\r\ntxt:{text}\r\n", text.len() + 4).bytes()),
        12 => {
            let pairs = random.below(3);
            out.extend(format!("%{pairs}\r\n").bytes());
            for _ in 0..pairs {
                let key = random.pick(TEXTS);
                out.extend(format!("${}\r\n{key}\r\n", key.len()).bytes());
                value(random, depth + 1, out);
            }
        }
        _ => {
            let len = random.below(6);
            out.extend(format!("*{len}\r\n").bytes());
            for _ in 0..len {
                value(random, depth + 1, out);
            }
        }
    }
}

#[test]
fn an_independent_parser_reads_the_same_values() {
    let subject = Subject::new();
    let mut random = Random(0x1234_5678_9abc_def1);
    let (mut masked, mut values) = (0, 0);
    for round in 0..400 {
        let mut hay = Vec::new();
        for _ in 0..=random.below(3) {
            value(&mut random, 0, &mut hay);
        }
        let before = parse(&hay).unwrap_or_else(|| panic!("{}", hay.escape_ascii()));
        for logins in [Logins::Mask, Logins::Pass] {
            let formats = [
                Format::Redis(logins),
                Format::Stream(Framing::Redis(logins)),
            ];
            let got = match round % 8 {
                0 => subject.check(&hay, formats[1], Views::default()),
                _ => subject.run(&hay, formats[round % 2], Views::ALL, &[hay.len() / 2]),
            };
            let shown = hay.escape_ascii();
            let after = parse(&got.out).unwrap_or_else(|| panic!("{shown} broke"));
            assert!(before == after, "{shown} became {}", got.out.escape_ascii());
            let changed = hay.iter().zip(&got.out).filter(|(was, is)| was != is);
            assert!(changed.clone().all(|(_, is)| *is == b'*'), "{shown}");
            masked += changed.count();
        }
        values += before.len();
    }
    assert!(masked > 2000 && values > 500, "{masked} {values}");
}
