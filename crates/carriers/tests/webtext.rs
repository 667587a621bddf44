//! `grpc-web-text` that is redacted decodes to what the frames become when they are not in base64, wherever a sender has put padding.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod encode;
mod support;

use std::io::Write;

use blackbar_carriers::{Carrier, Codec, Format, Views};
use support::Subject;

const TEXT: Format = Format::WebText(Codec::Protobuf);

fn frame(flags: u8, message: &[u8]) -> Vec<u8> {
    let len = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flags][..], &len, message].concat()
}

/// Field 1 of a message.
fn message(text: &str) -> Vec<u8> {
    [
        &[0x0a, u8::try_from(text.len()).unwrap()][..],
        text.as_bytes(),
    ]
    .concat()
}

fn padded(bytes: &[u8]) -> String {
    let digits = encode::base64(bytes, false);
    let missing = (4 - digits.len() % 4) % 4;
    digits + &"=".repeat(missing)
}

/// As readers of gRPC-Web decode it: padding ends a piece, not the whole.
fn decoded(text: &[u8]) -> Vec<u8> {
    let value = |digit: u8| {
        let all = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        all.iter().position(|known| *known == digit).unwrap()
    };
    let mut out = Vec::new();
    for group in text.chunks(4) {
        let digits: Vec<usize> = group
            .iter()
            .filter(|d| **d != b'=')
            .map(|d| value(*d))
            .collect();
        let word =
            digits.iter().fold(0, |word, digit| word << 6 | digit) << (6 * (4 - digits.len()));
        let bytes = [(word >> 16) as u8, (word >> 8) as u8, word as u8];
        out.extend(&bytes[..digits.len() - 1]);
    }
    out
}

#[test]
fn frames_in_base64_become_what_they_become_without() {
    let subject = Subject::new();
    let trailers = frame(0x80, b"grpc-status: 0\r\nnote: ghp_ABCDEFG1\r\n");
    for shift in 0..4 {
        let first = frame(
            0,
            &message(&format!(
                "{}x@ab.de and ghp_ABCDEFG1{}",
                "-".repeat(shift),
                "é".repeat(shift)
            )),
        );
        let second = frame(0, &message("-----Bsome that grow ~ Q12"));
        let all = [&first[..], &second, &trailers].concat();
        let plain = subject.check(&all, Format::Frames(Codec::Protobuf), Views::default());
        assert_ne!(plain.out, all);
        for flushed in [
            vec![&all[..]],
            vec![&first[..], &second, &trailers],
            vec![&all[..7], &all[7..20], &all[20..40], &all[40..]],
        ] {
            let text: String = flushed.iter().map(|piece| padded(piece)).collect();
            let got = subject.check(text.as_bytes(), TEXT, Views::default());
            assert_eq!(got.out.len(), text.len());
            assert_eq!(
                decoded(&got.out).escape_ascii().to_string(),
                plain.out.escape_ascii().to_string()
            );
            assert_eq!(got.findings.len(), plain.findings.len());
            // Groups that nothing was found in stay as they are, digit for digit.
            for (before, after) in text.as_bytes().chunks(4).zip(got.out.chunks(4)) {
                assert!(before == after || decoded(before) != decoded(after));
            }
        }
    }
}

#[test]
fn nothing_of_a_frame_waits_that_is_over() {
    let subject = Subject::new();
    for before in 0..4 {
        for said in ["hello world", "to x@ab.de", "-----Band on"] {
            let text = padded(&frame(
                0,
                &message(&format!("{}{said}", "-".repeat(before))),
            ));
            let mut carrier = Carrier::new(TEXT);
            for size in [text.len(), text.len() - 1, 3, 1] {
                for chunk in text.as_bytes().chunks(size) {
                    carrier.push(&subject.engine, &subject.plan, chunk, false);
                }
                assert_eq!(carrier.undecided(), 0, "{text} by {size}");
            }
        }
    }
}

#[test]
fn compressed_frames_are_put_back_plain() {
    let subject = Subject::new();
    let pack = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&message(text)).unwrap();
        frame(1, &encoder.finish().unwrap())
    };
    for before in 0..4 {
        let first = frame(0, &message(&"-".repeat(before)));
        let wanted = [&first[..], &frame(0, &message("ghp_********")), &first].concat();
        let all = [&first[..], &pack("ghp_ABCDEFG1"), &first].concat();
        let got = subject.check(padded(&all).as_bytes(), TEXT, Views::default());
        assert_eq!(decoded(&got.out), wanted);
    }
}

#[test]
fn replaced_frames_side_by_side_are_the_same_in_every_cut() {
    let subject = Subject::new();
    let pack = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&message(text)).unwrap();
        frame(1, &encoder.finish().unwrap())
    };
    // Masks between them go over several groups, and stand in those of what is replaced.
    let bin = |text: &str| frame(0, &message(text));
    let frames = [
        pack("ghp_ABCDEFG1"),
        pack("ghp_ABCDEFG1 "),
        bin("ghp_ABCDEFG1"),
        pack("ghp_ABCDEFG1 ab"),
        bin("-----Babcdefghijklmno"),
        pack("ghp_ABCDEFG1 abc"),
        pack("ghp_ABCDEFG1 abcd"),
    ];
    let wanted = [
        bin("ghp_********"),
        bin("ghp_******** "),
        bin("ghp_********"),
        bin("ghp_******** ab"),
        bin("-----B***************"),
        bin("ghp_******** abc"),
        bin("ghp_******** abcd"),
    ];
    for from in 0..frames.len() {
        let (frames, wanted) = (&frames[from..], wanted[from..].concat());
        let all = frames.concat();
        let apart: String = frames.iter().map(|frame| padded(frame)).collect();
        let small: String = all.chunks(4).map(padded).collect();
        for text in [padded(&all), apart, small] {
            let got = subject.check(text.as_bytes(), TEXT, Views::default());
            assert_eq!(decoded(&got.out), wanted);
        }
    }
}

#[test]
fn what_is_no_base64_is_bytes_that_are_counted() {
    let subject = Subject::new();
    let good = padded(&frame(0, &message("ghp_ABCDEFG1")));
    let wanted = padded(&frame(0, &message("ghp_********")));
    for (tail, changed) in [
        ("\nghp_ABCDEFG1", "\nghp_********"),
        ("a=bc x@ab.de", "a=bc *******"),
        ("ab", "ab"),
        ("====", "===="),
    ] {
        let got = subject.check(format!("{good}{tail}").as_bytes(), TEXT, Views::default());
        assert_eq!(
            String::from_utf8(got.out).unwrap(),
            format!("{wanted}{changed}")
        );
    }
    let got = subject.check(b"", TEXT, Views::default());
    assert_eq!(got.out, b"");
}

/// A field that a rule names is told at its end, when the pieces of base64 that it began in are long gone.
#[test]
fn a_long_field_is_found_where_it_begins() {
    let subject = Subject::of(
        "[pack]\nid = \"t\"\ntitle = \"t\"\n[[rule]]\nid = \"t.password\"\ndescription = \"x\"\nsource = \"none\"\nfields = [\"password\"]\n",
    );
    let json = format!("{{\"password\":\"{}\",\"n\":1}}", "hunter2 ".repeat(1200));
    let whole = frame(0, json.as_bytes());
    let pieces: Vec<String> = whole.chunks(1000).map(padded).collect();
    let text = pieces.concat();
    let format = Format::WebText(Codec::Json);
    let plain = subject.run(&whole, Format::Frames(Codec::Json), Views::default(), &[]);
    let ends: Vec<usize> = pieces
        .iter()
        .scan(0, |end, piece| {
            *end += piece.len();
            Some(*end)
        })
        .collect();
    let mut found = Vec::new();
    for cuts in [&[][..], &ends[..ends.len() - 1]] {
        let got = subject.run(text.as_bytes(), format, Views::default(), cuts);
        assert_eq!(decoded(&got.out), plain.out);
        assert_eq!(got.findings.len(), 1);
        found.push(got.findings);
    }
    assert_eq!(found[0], found[1]);
}

#[test]
fn memory_is_bounded() {
    let subject = Subject::new();
    let mut carrier = Carrier::new(TEXT);
    let mut run = |piece: &[u8], times: usize| {
        let mut most = 0;
        for _ in 0..times {
            carrier.push(&subject.engine, &subject.plan, piece, false);
            carrier.clear();
            carrier.rest(&mut Vec::new());
            most = most.max(carrier.memory());
        }
        most
    };
    // One frame that never ends, with a mask that grows in it.
    let head = [
        &[0, 0x7f, 0, 0, 0, 0x0a, 0xff, 0xff, 0xff, 7][..],
        b"-----B",
    ]
    .concat();
    run(padded(&head).as_bytes(), 1);
    let piece = padded(&b"growing and growing ".repeat(30));
    let once = run(piece.as_bytes(), 5);
    let often = run(piece.as_bytes(), 2000);
    assert!(often <= once + 4096, "{once} {often}");
}
