//! What is held and how long it takes: tiny frames, messages of which nothing can be decided, force, memory.

use std::time::{Duration, Instant};

use blackbar_carriers::{Carrier, Format};

use super::support::Subject;
use super::*;

#[test]
fn tiny_frames_take_time_in_proportion() {
    let subject = Subject::new();
    let run = |frames: &[u8], size: usize| {
        let mut carrier = Carrier::new(Format::WebSocket);
        let started = Instant::now();
        for chunk in frames.chunks(size) {
            carrier.push(&subject.engine, &subject.plan, chunk, false);
            carrier.clear();
        }
        started.elapsed()
    };
    let fastest = |frames: &[u8], size| (0..5).map(|_| run(frames, size)).min().unwrap();
    let fragments = |count: usize| {
        let mut all = frame(TEXT, Some(KEYS[0]), b"-----B");
        for _ in 0..count {
            all.extend(frame(MORE, Some(KEYS[0]), b"a"));
        }
        all
    };
    let messages = |count: usize| frame(END | TEXT, Some(KEYS[0]), b"a").repeat(count);
    for size in [64, 16 * 1024] {
        for make in [&fragments as &dyn Fn(usize) -> Vec<u8>, &messages] {
            // Where each frame cost as much as all before it, it would be a thousand times as much; a busy machine takes its share.
            let once = fastest(&make(2_000), size).max(Duration::from_micros(100));
            let often = fastest(&make(64_000), size);
            assert!(often < once * 32 * 6, "{once:?} {often:?}");
        }
    }
}

/// Starts of messages of which nothing can be decided yet, and what was let go of them by force.
const UNDECIDABLE: &[(u8, &[u8], &[u8])] = &[
    // It is not told yet what it is: a number, or what JSON begins with.
    (TEXT, b"1", b"9"),
    (TEXT, b" \n", b" \n"),
    // A character, an escape, the start of what a rule finds.
    (TEXT, b"\xc3", b"\xc3"),
    (TEXT, b"{\"\\u0", b"{\"\\u0"),
    (TEXT, b"to ghp_ABC", b"to ghp_***"),
    (BINARY, b"4111111", b"*******"),
];

#[test]
fn control_frames_get_through_while_a_message_is_undecided() {
    let subject = Subject::new();
    for key in [None, Some(KEYS[0])] {
        for &(first, start, gone) in UNDECIDABLE {
            for piece in [frame(END | PING, key, b""), frame(MORE, key, b"")] {
                let begun = frame(first, key, start);
                let mut carrier = Carrier::new(Format::WebSocket);
                carrier.push(&subject.engine, &subject.plan, &begun, false);
                assert!(carrier.undecided() > 0, "{}", start.escape_ascii());
                let (mut out, mut most) = (Vec::new(), 0);
                for _ in 0..1000 {
                    carrier.push(&subject.engine, &subject.plan, &piece, false);
                    carrier.take_output(&mut out);
                    most = most.max(carrier.undecided());
                }
                assert!(most < 1100, "{}: {most}", start.escape_ascii());
                assert_eq!(carrier.undecided(), 0, "{}", start.escape_ascii());
                // All of them, behind what was begun.
                let wanted = [frame(first, key, gone), piece.repeat(1000)].concat();
                assert!(out == wanted, "{}", start.escape_ascii());
            }
        }
    }
}

#[test]
fn force_settles_a_message_and_the_rest_of_it_is_read() {
    let subject = Subject::new();
    for (first, start, gone, rest, after) in [
        (
            TEXT,
            &b"1"[..],
            &b"9"[..],
            &b" to ghp_ABCDEFG1"[..],
            &b" to ghp_********"[..],
        ),
        // The number goes on, and so does JSON.
        (TEXT, b"4111111", b"9999999", b"111111111", b"*********"),
        (
            TEXT,
            b"42",
            b"99",
            b"[4111111111111111]",
            b"[9999999999999999]",
        ),
        (
            TEXT,
            b" ",
            b" ",
            b"[\"x\\u0040ab.de\"]",
            b"[\"************\"]",
        ),
        // Of what begins in a piece of a character or an escape the rest is masked.
        (TEXT, b"a \xc3", b"a \xc3", b"\xa9 x@ab.de", b"\xa9 *******"),
        (
            TEXT,
            b"{\"\\u0",
            b"{\"\\u0",
            b"078@ab.de\":1}",
            b"*********\":1}",
        ),
        (
            TEXT,
            b"[\"\\",
            b"[\"\\",
            b"n ghp_ABCDEFG1\"]",
            b"n ghp_********\"]",
        ),
    ] {
        for key in [None, Some(KEYS[0])] {
            for cut in 0..=rest.len() {
                let mut carrier = Carrier::new(Format::WebSocket);
                let mut out = Vec::new();
                carrier.push(
                    &subject.engine,
                    &subject.plan,
                    &frame(first, key, start),
                    false,
                );
                carrier.force(&subject.engine);
                carrier.take_output(&mut out);
                assert_eq!(out, frame(first, key, gone));
                // As it is called when nothing is left to do.
                carrier.force(&subject.engine);
                carrier.take_output(&mut out);
                out.clear();
                let rest = frame(END | MORE, key, rest);
                let (one, two) = rest.split_at(cut);
                for piece in [one, two] {
                    carrier.push(&subject.engine, &subject.plan, piece, false);
                    carrier.take_output(&mut out);
                }
                let wanted = frame(END | MORE, key, after);
                assert_eq!(
                    out.escape_ascii().to_string(),
                    wanted.escape_ascii().to_string(),
                    "{} cut at {cut}",
                    start.escape_ascii()
                );
                // The next one is read as ever.
                out.clear();
                let next = text("[1, \"ghp_ABCDEFG1\"]");
                carrier.push(&subject.engine, &subject.plan, &next, false);
                carrier.take_output(&mut out);
                assert_eq!(out, text("[1, \"ghp_********\"]"));
            }
        }
    }
}

#[test]
fn memory_is_bounded() {
    let subject = Subject::new();
    for (first, piece) in [
        // Messages that never end, in large frames and in the smallest, with a mask that grows in them.
        (
            frame(TEXT, None, b"-----B"),
            frame(MORE, None, &b"growing and growing ".repeat(30)),
        ),
        (
            frame(TEXT, None, b"-----B"),
            frame(MORE, Some(KEYS[0]), b"a").repeat(100),
        ),
        (
            frame(BINARY, None, b""),
            frame(MORE, None, b"4").repeat(100),
        ),
        (
            frame(TEXT, None, b"{\"a\":[\""),
            frame(MORE, None, "é😀".as_bytes()).repeat(100),
        ),
        (Vec::new(), text("mail x@ab.de").repeat(10)),
        (Vec::new(), frame(END | PING, None, b"ghp_ABCDEFG1")),
        (
            frame(0x40 | TEXT, None, b"a"),
            frame(MORE, None, b"ghp_ABCDEFG1").repeat(10),
        ),
        (vec![0xff], b"-----Bgrowing".to_vec()),
        // Nothing can be decided, and nothing of the message follows.
        (frame(TEXT, None, b"1"), frame(END | PING, None, b"")),
        (frame(TEXT, None, b"\xc3"), frame(MORE, None, b"")),
        (
            frame(TEXT, None, b"{\"\\u0"),
            frame(MORE, KEYS.first().copied(), b""),
        ),
        (
            frame(BINARY, None, b"ghp_ABC"),
            frame(END | PONG, None, &[b'x'; 125]),
        ),
        (
            [&[TEXT, 127, 0x7f, 0, 0, 0, 0, 0, 0, 0][..], b" "].concat(),
            b"          ".repeat(20),
        ),
    ] {
        let mut carrier = Carrier::new(Format::WebSocket);
        carrier.push(&subject.engine, &subject.plan, &first, false);
        let mut run = |times: usize| {
            let mut most = 0;
            for _ in 0..times {
                carrier.push(&subject.engine, &subject.plan, &piece, false);
                carrier.clear();
                carrier.rest(&mut Vec::new());
                most = most.max(carrier.memory());
            }
            most
        };
        let once = run(20);
        let often = run(2000);
        assert!(often <= once + 16 * 1024, "{once} {often}");
    }
}
