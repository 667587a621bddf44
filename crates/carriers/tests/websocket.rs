//! Streams of WebSocket that are redacted: an independent reader finds the same messages in them, but for what was found, however the bytes
//! are cut, however messages are fragmented, and whatever stands between.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "websocket/bounds.rs"]
mod bounds;
mod support;

use std::io::{self, Cursor, Read, Write};

use blackbar_carriers::{Carrier, Format, Views};
use support::{Random, Subject};
use tungstenite::Message;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::{Role, WebSocket};

const MORE: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const END: u8 = 0x80;

const KEYS: [[u8; 4]; 3] = [[0x11, 0xa2, 0x03, 0xf4], [0; 4], *b"ghp_"];

/// A frame; `key`: as clients send it.
fn frame(first: u8, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let masked = if key.is_some() { 0x80 } else { 0 };
    let mut out = vec![first];
    match payload.len() {
        len @ 0..126 => out.push(masked | len as u8),
        len @ 126..65536 => {
            out.push(masked | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(masked | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(key.into_iter().flatten());
    let key = key.unwrap_or_default();
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
    out
}

fn text(payload: &str) -> Vec<u8> {
    frame(END | TEXT, None, payload.as_bytes())
}

/// Bytes to read; what is written is kept.
struct Wire(Cursor<Vec<u8>>, Vec<u8>);

impl Read for Wire {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a receiver in that role reads, until the bytes end. It is strict: about masks, UTF-8, lengths and fragments.
fn read(role: Role, bytes: &[u8]) -> Vec<Message> {
    let mut socket =
        WebSocket::from_raw_socket(Wire(Cursor::new(bytes.to_vec()), vec![]), role, None);
    let mut all = Vec::new();
    loop {
        match socket.read() {
            Ok(message) => all.push(message),
            Err(
                tungstenite::Error::ConnectionClosed
                | tungstenite::Error::Protocol(
                    tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
                ),
            ) => return all,
            Err(error) => panic!("{error}"),
        }
    }
}

/// What a sender in that role writes.
fn written(role: Role, messages: &[Message]) -> Vec<u8> {
    let mut socket = WebSocket::from_raw_socket(Wire(Cursor::default(), vec![]), role, None);
    for message in messages {
        socket.write(message.clone()).unwrap();
    }
    socket.flush().unwrap();
    socket.get_ref().1.clone()
}

/// What comes of `hay` in every cut.
#[track_caller]
fn redacted(hay: &[u8]) -> Vec<u8> {
    let got = Subject::new().check(hay, Format::WebSocket, Views::default());
    assert_eq!(got.out.len(), hay.len());
    got.out
}

#[track_caller]
fn becomes(hay: &[u8], wanted: &[u8]) {
    let got = redacted(hay);
    assert_eq!(
        got.escape_ascii().to_string(),
        wanted.escape_ascii().to_string()
    );
}

/// Messages of text, and what they become.
const TEXTS: &[(&str, &str)] = &[
    ("", ""),
    ("hello", "hello"),
    ("mail x@ab.de ghp_ABCDEFG1", "mail ******* ghp_********"),
    // A number that is a message is text; in JSON it stays a number.
    ("4111111111111111", "****************"),
    (
        r#"{"a":"ghp_ABCDEFG1","n":4111111111111111,"b":"x\u0040ab.de","é":"passwd: hunter22"}"#,
        r#"{"a":"ghp_********","n":9999999999999999,"b":"************","é":"passwd: ********"}"#,
    ),
    (
        " \r\n\t[4111111111111111, \"ghp_ABCDEFG1\\n\"]",
        " \r\n\t[9999999999999999, \"ghp_********\\n\"]",
    ),
    // Socket.IO.
    (
        r#"42["note",{"n":4111111111111111,"k":"ghp_ABCDEFG1"}]"#,
        r#"42["note",{"n":9999999999999999,"k":"ghp_********"}]"#,
    ),
    // No JSON, although it begins so.
    (
        "[info] ghp_ABCDEFG1 of 4111111111111111",
        "[info] ghp_******** of ****************",
    ),
    ("{\"a\":ghp_ABCDEFG1}", "{\"a\":ghp_********}"),
    // A rule that takes any three bytes.
    ("Qaaa Qaéé Qéé Q😀 {", "Q*** Q***é Q**** Q**** {"),
    ("[Qéé😀] Q😀", "[Q****😀] Q****"),
    (
        "keep AKIAABCDEFé and sk-abcdef12",
        "keep AKIA******** and sk-*****f12",
    ),
    ("passwd=hunter22", "passwd=********"),
];

#[test]
fn messages_read_back_in_both_directions() {
    for (role, key) in [(Role::Client, None), (Role::Server, Some(KEYS[0]))] {
        let mut hay = Vec::new();
        for (before, _) in TEXTS {
            hay.extend(frame(END | TEXT, key, before.as_bytes()));
        }
        let out = redacted(&hay);
        let wanted: Vec<_> = TEXTS
            .iter()
            .map(|(_, after)| Message::text(*after))
            .collect();
        assert_eq!(read(role, &out), wanted);
        let wanted = TEXTS
            .iter()
            .flat_map(|(_, after)| frame(END | TEXT, key, after.as_bytes()));
        assert_eq!(out, wanted.collect::<Vec<_>>());
    }
}

#[test]
fn what_an_independent_sender_writes() {
    let messages = [
        Message::text("to x@ab.de"),
        Message::Ping("x@ab.de".into()),
        Message::Frame(Frame::message(
            "{\"a\": \"ghp_AB",
            OpCode::Data(Data::Text),
            false,
        )),
        Message::Pong("".into()),
        Message::Frame(Frame::message(
            "CDEFG1\"}",
            OpCode::Data(Data::Continue),
            true,
        )),
        Message::binary(&b"\xff\0 x@ab.de \xc3"[..]),
    ];
    let wanted = [
        Message::text("to *******"),
        Message::Ping("x@ab.de".into()),
        Message::Pong("".into()),
        Message::text("{\"a\": \"ghp_********\"}"),
        Message::binary(&b"\xff\0 ******* \xc3"[..]),
    ];
    for (sender, receiver) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
        let out = redacted(&written(sender, &messages));
        assert_eq!(read(receiver, &out), wanted);
    }
}

#[test]
fn fragments_are_one_message() {
    let key = Some(KEYS[0]);
    let whole = "è {\"x\":1} ghp_ABCDEFG1 é x@ab.de 😀 Qéé";
    let wanted = "è {\"x\":1} ghp_******** é ******* 😀 Q****";
    // Cut in two, and in pieces: inside the token, inside of characters, with frames of control and empty ones between.
    let mut cuts: Vec<Vec<usize>> = (0..=whole.len()).map(|at| vec![at]).collect();
    cuts.extend([1, 2, 3, 5].map(|size| (size..whole.len()).step_by(size).collect()));
    for cuts in cuts {
        let fragmented = |text: &str, keys: &mut dyn FnMut() -> Option<[u8; 4]>| {
            let mut out = Vec::new();
            let ends = cuts.iter().copied().chain([text.len()]);
            let mut from = 0;
            for (number, to) in ends.enumerate() {
                let first = if number == 0 { TEXT } else { MORE };
                let last = if number == cuts.len() { END } else { 0 };
                out.extend(frame(first | last, keys(), &text.as_bytes()[from..to]));
                if last == 0 {
                    out.extend(frame(END | PING, key, b"ghp_ABCDEFG1"));
                    out.extend(frame(MORE, key, b""));
                    out.extend(frame(END | PONG, key, b""));
                }
                from = to;
            }
            out
        };
        for masked in [false, true] {
            let mut number = 0;
            let mut keys = || {
                number += 1;
                masked.then(|| KEYS[number % 3])
            };
            let hay = fragmented(whole, &mut keys);
            let mut number = 0;
            let mut keys = || {
                number += 1;
                masked.then(|| KEYS[number % 3])
            };
            let after = fragmented(wanted, &mut keys);
            // Every cut of every fragmentation would take long: some, and the coarse ones in all.
            let subject = Subject::new();
            for size in [1, 2, 5, 11, 64, hay.len()] {
                let ends: Vec<usize> = (size..hay.len()).step_by(size).collect();
                let got = subject.run(&hay, Format::WebSocket, Views::default(), &ends);
                assert_eq!(got.out, after, "{cuts:?} {size}");
                assert_eq!(got.findings.len(), 3);
            }
            if cuts.len() > 4 {
                assert_eq!(redacted(&hay), after);
            }
        }
    }
}

#[test]
fn findings_are_told_where_they_stand() {
    let subject = Subject::new();
    let hay = [
        &text("ab")[..],
        &frame(TEXT, Some(KEYS[0]), b"- ghp_AB"),
        &frame(END | PING, None, b"12345"),
        &frame(END | MORE, Some(KEYS[2]), b"CDEFG1 -"),
    ]
    .concat();
    let got = subject.check(&hay, Format::WebSocket, Views::default());
    // Behind the heads: 4 bytes of the first message, 6 and 6 of its frames, 7 of the ping.
    let (start, end) = (4 + 6 + 6, 4 + 14 + 7 + 6 + 6);
    assert_eq!(got.findings, [("t.key".to_owned(), start, end)]);
}

#[test]
fn lengths_of_every_form() {
    let subject = Subject::new();
    for len in [125, 126, 127, 65535, 65536, 65537] {
        for key in [None, Some(KEYS[0])] {
            let mut payload = vec![b'-'; len];
            payload[..13].copy_from_slice(b"ghp_ABCDEFG1 ");
            payload[len - 13..].copy_from_slice(b" ghp_ABCDEFG1");
            let mut wanted = payload.clone();
            wanted[4..12].fill(b'*');
            wanted[len - 8..].fill(b'*');
            let twice = |payload: &[u8]| {
                [
                    frame(END | BINARY, key, payload),
                    frame(END | TEXT, key, payload),
                ]
                .concat()
            };
            let (hay, wanted) = (twice(&payload), twice(&wanted));
            let middle = hay.len() / 2;
            let mut cuts: Vec<Vec<usize>> = (1..20).map(|end| vec![end]).collect();
            cuts.extend((middle - 20..middle + 30).map(|end| vec![end]));
            cuts.extend([997, 4096, 65536].map(|size| (size..hay.len()).step_by(size).collect()));
            for ends in cuts {
                let got = subject.run(&hay, Format::WebSocket, Views::default(), &ends);
                assert!(got.out == wanted, "{len} {key:?} {ends:?}");
            }
            let role = if key.is_some() {
                Role::Server
            } else {
                Role::Client
            };
            assert_eq!(read(role, &wanted).len(), 2);
        }
    }
}

#[test]
fn a_message_is_out_with_its_last_byte() {
    let subject = Subject::new();
    // Each ends in the midst of what could go on.
    let ends = [
        "ghp_ABCD",
        "x@ab.d",
        "4111111111111",
        "passwd=",
        "-----Bgrowing",
        "AKIAABCDEF",
        "x\\u00",
        "%4",
        "Q\u{e9}",
        "[1,\"ghp_",
        "{\"a\":41111",
        "12",
        " ",
        "&am",
        "sk-abcdef",
    ];
    for key in [None, Some(KEYS[0])] {
        for end in ends {
            let message = [
                frame(TEXT, key, b"some text "),
                frame(END | PING, key, b"1"),
                frame(END | MORE, key, end.as_bytes()),
            ]
            .concat();
            let binary = frame(END | BINARY, key, end.as_bytes());
            for message in [message, binary] {
                for cut in 0..message.len() {
                    let mut carrier = Carrier::new(Format::WebSocket);
                    let mut out = Vec::new();
                    for _ in 0..3 {
                        for part in [&message[..cut], &message[cut..]] {
                            carrier.push(&subject.engine, &subject.plan, part, false);
                        }
                        assert_eq!(carrier.undecided(), 0, "{end:?} cut at {cut}");
                        carrier.take_output(&mut out);
                    }
                    assert_eq!(out.len(), 3 * message.len());
                }
            }
        }
    }
}

#[test]
fn messages_are_haystacks_of_their_own() {
    becomes(
        &[text("ghp_ABCD"), text("EFG1 x@ab."), text("de")].concat(),
        &[text("ghp_ABCD"), text("EFG1 x@ab."), text("de")].concat(),
    );
    // What grows in one ends with it.
    becomes(
        &[text("-----Bgrowing and growing"), text("on")].concat(),
        &[text("-----B*******************"), text("on")].concat(),
    );
    // What breaks in one breaks nothing in the next.
    becomes(
        &[text("{\"a\" ghp_ABCDEFG1"), text("[4111111111111111]")].concat(),
        &[text("{\"a\" ghp_********"), text("[9999999999999999]")].concat(),
    );
}

#[test]
fn control_frames_are_left_alone() {
    let all = |between: &[u8], k: &[u8]| {
        [
            &frame(END | PING, Some(KEYS[0]), b"ghp_ABCDEFG1")[..],
            &frame(TEXT, None, b"ghp_ABC"),
            between,
            &frame(END | MORE, None, k),
            &frame(END | CLOSE, None, b"\x03\xe8x@ab.de"),
        ]
        .concat()
    };
    for between in [
        frame(END | PING, None, b"DEFG1 x@ab.de"),
        frame(END | PONG, Some(KEYS[0]), &[b'x'; 125]),
        frame(END | CLOSE, None, b"\x03\xe8ghp_ABCDEFG1"),
    ] {
        let hay = all(&between, b"DEFG1");
        let out = redacted(&hay);
        let start = frame(END | PING, Some(KEYS[0]), b"ghp_ABCDEFG1").len();
        let mut wanted = hay.clone();
        wanted[start + 2 + 4..start + 9].fill(b'*');
        let rest = start + 9 + between.len() + 2;
        wanted[rest..rest + 5].fill(b'*');
        assert_eq!(out, wanted);
    }
}

#[test]
fn what_are_no_frames_is_bytes_that_are_counted() {
    let subject = Subject::new();
    let good = text("to x@ab.de");
    let wanted = text("to *******");
    let close = frame(END | CLOSE, None, b"");
    for start in [
        // Opcodes that are reserved.
        &[0x83, 3][..],
        &[0x8f],
        // More of a message that is not open; a message in a message; reserved bits in either.
        &[0x80, 2],
        &[0x01, 1, b'a', 0x81, 3],
        &[0x02, 0, 0x02],
        &[0x01, 0, 0xc0, 1],
        &[0xc9, 1],
        &[0xa8, 1],
        // Frames of control that are long, or in fragments.
        &[0x89, 126, 0, 200],
        &[0x09, 1],
        &[0x0a, 1],
        // A length that nothing has.
        &[0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 0],
        b"ghp_",
    ] {
        let tail = b" ghp_ABCDEFG1 \x81\x07x@ab.de and Q123";
        let hay = [&good[..], &close, start, tail].concat();
        let changed = b" ghp_******** \x81\x07******* and Q***";
        let mut carrier = Carrier::new(Format::WebSocket);
        carrier.push(&subject.engine, &subject.plan, &hay, true);
        assert_eq!(carrier.malformed(), 1, "{start:x?}");
        assert_eq!(carrier.unread(), 0, "{start:x?}");
        becomes(&hay, &[&wanted[..], &close, start, changed].concat());
    }
    // Half of anything at the end is no frame that is wrong.
    for end in 0..hay_of_all().len() {
        let mut carrier = Carrier::new(Format::WebSocket);
        carrier.push(&subject.engine, &subject.plan, &hay_of_all()[..end], true);
        assert_eq!((carrier.malformed(), carrier.undecided()), (0, 0), "{end}");
    }
}

/// One frame of each kind.
fn hay_of_all() -> Vec<u8> {
    [
        &frame(TEXT, Some(KEYS[0]), b"ghp_ABCDEFG1")[..],
        &frame(END | PING, None, b"1"),
        &frame(END | MORE, None, &[b'a'; 200]),
        &frame(END | BINARY, None, b"ghp_ABCDEFG1"),
        &frame(0x40 | END | TEXT, None, b"ghp_ABCDEFG1"),
        &frame(END | CLOSE, None, b""),
    ]
    .concat()
}

#[test]
fn messages_that_an_extension_has_made_are_not_read() {
    let subject = Subject::new();
    let hay = [
        &frame(0x40 | TEXT, None, b"ghp_ABCDEFG1")[..],
        &frame(END | PING, None, b"x@ab.de"),
        &frame(END | MORE, None, b"ghp_ABCDEFG1"),
        &text("ghp_ABCDEFG1"),
        &frame(END | 0x20 | BINARY, Some(KEYS[0]), b"ghp_ABCDEFG1"),
        &text("ghp_ABCDEFG1"),
    ]
    .concat();
    let mut carrier = Carrier::new(Format::WebSocket);
    carrier.push(&subject.engine, &subject.plan, &hay, true);
    assert_eq!((carrier.unread(), carrier.malformed()), (2, 0));
    let changed = text("ghp_********");
    let mut wanted = hay.clone();
    let first = 14 + 9 + 14;
    wanted[first..first + 14].copy_from_slice(&changed);
    wanted[hay.len() - 14..].copy_from_slice(&changed);
    becomes(&hay, &wanted);
}

#[test]
fn fields_are_replaced_at_their_length() {
    let policy = r#"
[pack]
id = "f"
title = "Fields"

[[rule]]
id = "f.password"
description = "by its key"
source = "none"
fields = ["password", "$.user.id"]
"#;
    let subject = Subject::of(policy);
    let hay = [
        text(r#"{"password":"hunter22","user":{"id":12.5e3,"password":{"a":[1]}}}"#),
        text(r#"42["x",{"password":true}]"#),
        text("password: hunter22"),
        frame(TEXT, None, br#"{"password": "hun"#),
        frame(END | PING, None, b"-"),
        frame(END | MORE, None, br#"ter22"}"#),
    ]
    .concat();
    let wanted = [
        text(r#"{"password":"********","user":{"id":99.9e0,"password":"*******"}}"#),
        text(r#"42["x",{"password":null}]"#),
        text("password: hunter22"),
        frame(TEXT, None, br#"{"password": "***"#),
        frame(END | PING, None, b"-"),
        frame(END | MORE, None, br#"*****"}"#),
    ]
    .concat();
    let got = subject.check(&hay, Format::WebSocket, Views::default());
    assert_eq!(
        got.out.escape_ascii().to_string(),
        wanted.escape_ascii().to_string()
    );
    assert_eq!(got.findings.len(), 5);
}

#[test]
fn json_stays_json_and_characters_stay_characters() {
    let pieces = [
        "ghp_ABCDEFG1",
        "x@ab.de",
        "x\\u0040ab.de",
        "Q",
        "é",
        "😀",
        "\\ud83d\\ude00",
        "\\n",
        " ",
        "a",
        "4111111111111111",
        "-----B",
        "~",
        "AKIAABCDEFé",
        "\\\"",
        "passwd=hunter22",
    ];
    let subject = Subject::new();
    let mut random = Random(0x5eed_0005);
    for turn in 0..300 {
        let mut messages = Vec::new();
        for _ in 0..1 + random.below(4) {
            let mut body = String::new();
            for _ in 0..random.below(12) {
                body.push_str(random.pick(&pieces));
            }
            let kind = random.below(4);
            messages.push(match kind {
                0 => (TEXT, format!("{{\"k\":[\"{body}\",4111111111111111]}}")),
                1 => (BINARY, body),
                _ => (TEXT, body),
            });
        }
        // The same messages, whole and in fragments.
        let (mut whole, mut apart) = (Vec::new(), Vec::new());
        for (opcode, body) in &messages {
            whole.extend(frame(END | opcode, None, body.as_bytes()));
            let mut rest = body.as_bytes();
            let mut first = *opcode;
            while random.below(5) > 0 {
                let (piece, more) = rest.split_at(random.below(rest.len() + 1));
                apart.extend(frame(first, Some(KEYS[random.below(3)]), piece));
                if random.below(3) == 0 {
                    apart.extend(frame(
                        END | PING,
                        Some(KEYS[0]),
                        body.as_bytes().first_chunk::<1>().unwrap_or(b"-"),
                    ));
                }
                (first, rest) = (MORE, more);
            }
            apart.extend(frame(END | first, Some(KEYS[0]), rest));
        }
        let run = |hay: &[u8], size: usize| {
            let ends: Vec<usize> = (size..hay.len()).step_by(size).collect();
            subject
                .run(hay, Format::WebSocket, Views::default(), &ends)
                .out
        };
        let plain = run(&whole, whole.len() + 1);
        let data = |message: &Message| !matches!(message, Message::Ping(_));
        let wanted = read(Role::Client, &plain);
        for size in [1, 3, 17, 1000] {
            let got = run(&apart, size);
            assert_eq!(got.len(), apart.len());
            let got: Vec<_> = read(Role::Server, &got).into_iter().filter(data).collect();
            assert_eq!(got, wanted, "turn {turn}, chunks of {size}");
        }
        for ((_, before), after) in messages.iter().zip(&wanted) {
            assert_eq!(before.len(), after.len());
            if before.starts_with('{') {
                let after = after.to_text().unwrap();
                let parsed: serde_json::Value = serde_json::from_str(after).unwrap();
                assert!(parsed["k"][1].is_number(), "{after}");
            }
        }
    }
}
