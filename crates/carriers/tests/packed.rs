//! MessagePack and CBOR that are redacted stay what they were: every value but what was found reads as before, lengths and all.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use std::time::Instant;

use blackbar_carriers::{Carrier, Format, Views};
use ciborium::Value as Cbor;
use rmpv::Value as Pack;
use support::{Random, Subject};

fn pack(value: &Pack) -> Vec<u8> {
    let mut out = Vec::new();
    rmpv::encode::write_value(&mut out, value).unwrap();
    out
}

fn unpack(mut bytes: &[u8]) -> Option<Vec<Pack>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        all.push(rmpv::decode::read_value(&mut bytes).ok()?);
    }
    Some(all)
}

fn cbor(value: &Cbor) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(value, &mut out).unwrap();
    out
}

fn uncbor(mut bytes: &[u8]) -> Option<Vec<Cbor>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        all.push(ciborium::from_reader(&mut bytes).ok()?);
    }
    Some(all)
}

#[track_caller]
fn becomes(format: Format, input: &[u8], wanted: &[u8]) {
    let got = Subject::new().check(input, format, Views::ALL);
    assert_eq!(
        got.out.escape_ascii().to_string(),
        wanted.escape_ascii().to_string()
    );
}

fn pairs(list: &[(&str, Pack)]) -> Pack {
    let pair = |(key, value): &(&str, Pack)| (Pack::from(*key), value.clone());
    Pack::Map(list.iter().map(pair).collect())
}

/// What Fluentd's `out_forward` sends: entries as a string behind a tag.
fn string(entries: &[u8]) -> Vec<u8> {
    let len = u32::try_from(entries.len()).unwrap().to_be_bytes();
    [b"\x93\xa1t\xdb", &len[..], entries, b"\x81\xa4size\x02"].concat()
}

#[test]
fn strings_of_messagepack_are_masked_at_their_length() {
    // As Fluentd sends them: tag, time, record.
    let event = |mail: &str, word: &str| {
        let record = pairs(&[
            ("log", Pack::from(format!("mail {mail} and {:40}", "so on"))),
            ("passwd", Pack::from(word)),
            ("n", Pack::from(4_111_111_111_111_111_u64)),
            ("x", Pack::F64(0.5)),
        ]);
        Pack::Array(vec![
            Pack::from("app.log"),
            Pack::from(1_700_000_000),
            record,
        ])
    };
    let (before, after) = (event("x@ab.de", "hunter22"), event("*******", "********"));
    becomes(Format::MessagePack, &pack(&before), &pack(&after));
    // Packed once more in bytes, as `PackedForward` has it.
    let twice = |event: &Pack| {
        let entries = [pack(event), pack(event)].concat();
        pack(&Pack::Array(vec![Pack::from("t"), Pack::Binary(entries)]))
    };
    becomes(Format::MessagePack, &twice(&before), &twice(&after));
    // Fluentd itself says that they are a string, of four bytes of length.
    let forwarded = |event: &Pack| string(&[pack(event), pack(event)].concat());
    becomes(Format::MessagePack, &forwarded(&before), &forwarded(&after));
    // A length that is a digit, before a number of a card: 0x30 is `0`.
    let long = |card: &str| pack(&Pack::Array(vec![Pack::from(format!("{card}{:32}", " "))]));
    assert_eq!(long("")[1..3], [0xd9, 0x20]);
    becomes(
        Format::MessagePack,
        &long("4111111111111111"),
        &long("****************"),
    );
}

#[test]
fn strings_of_cbor_are_masked_at_their_length() {
    let event = |mail: &str, word: &str| {
        let text = |text: &str| Cbor::Text(text.into());
        Cbor::Map(vec![
            (text("mail"), Cbor::Tag(35, Box::new(text(mail)))),
            (text("passwd"), text(word)),
            (Cbor::Integer(5.into()), Cbor::Bytes(vec![0, 255, 7])),
            (
                text("all"),
                Cbor::Array(vec![Cbor::Null, Cbor::Float(0.5), text(mail)]),
            ),
        ])
    };
    let (before, after) = (event("x@ab.de", "hunter22"), event("*******", "********"));
    becomes(Format::Cbor, &cbor(&before), &cbor(&after));
    let twice = |value: &Cbor| {
        let inner = Cbor::Tag(24, Box::new(Cbor::Bytes(cbor(value))));
        cbor(&Cbor::Array(vec![inner]))
    };
    becomes(Format::Cbor, &twice(&before), &twice(&after));
    // Of unknown length: a map, a list, a string in pieces.
    becomes(
        Format::Cbor,
        b"\xbf\x61a\x9f\x67x@ab.de\xff\x61b\x7f\x67x@ab.de\x62so\xff\xff",
        b"\xbf\x61a\x9f\x67*******\xff\x61b\x7f\x67*******\x62so\xff\xff",
    );
    // A value in pieces stands behind its key, and a value behind a key in pieces; what stands behind a piece has no name.
    for (before, after) in [
        (
            &b"\xa1\x66passwd\x7f\x68hunter22\x61x\xff"[..],
            &b"\xa1\x66passwd\x7f\x68********\x61x\xff"[..],
        ),
        (
            b"\xa2\x7f\x66passwd\xff\x68hunter22\x61a\x61b",
            b"\xa2\x7f\x66passwd\xff\x68********\x61a\x61b",
        ),
        (
            b"\xbf\x7f\x66passwd\xff\xd8\x20\x7f\x68hunter22\xff\xff",
            b"\xbf\x7f\x66passwd\xff\xd8\x20\x7f\x68********\xff\xff",
        ),
        (
            b"\xa1\x61a\x7f\x66passwd\x68hunter22\xff",
            b"\xa1\x61a\x7f\x66passwd\x68hunter22\xff",
        ),
        (
            b"\x82\x7f\x66passwd\xff\x68hunter22",
            b"\x82\x7f\x66passwd\xff\x68hunter22",
        ),
    ] {
        becomes(Format::Cbor, before, after);
    }
}

#[test]
fn bytes_stand_behind_their_key() {
    // Ruby, and so Fluentd, writes a string of which it knows no encoding as bytes: <https://github.com/msgpack/msgpack-ruby/pull/45>.
    let bin = |text: &str| Pack::Binary(text.as_bytes().to_vec());
    for key in [Pack::from("passwd"), bin("passwd")] {
        let map = |value: &str| pack(&Pack::Map(vec![(key.clone(), bin(value))]));
        becomes(Format::MessagePack, &map("hunter22"), &map("********"));
    }
    for key in [&b"\x66passwd"[..], b"\x46passwd"] {
        let map = |value: &[u8]| [b"\xa1", key, b"\x48", value].concat();
        becomes(Format::Cbor, &map(b"hunter22"), &map(b"********"));
    }
    // A list of them has no names.
    let list = pack(&Pack::Array(vec![bin("passwd"), bin("hunter22")]));
    becomes(Format::MessagePack, &list, &list);
}

#[test]
fn bytes_that_only_begin_as_a_list_are_bytes() {
    // Every byte of text is a small number of MessagePack. A pickle of Python, a message of Thrift, a frame of WebSocket, text in
    // another code, and each in an extension.
    let pickle = |key: &str| {
        let rest = format!("}}\u{94}(\u{8c}\u{5}token\u{94}\u{8c}\u{c}{key}\u{94}u.");
        let rest = rest.chars().map(|one| one as u8);
        [
            &b"\x80\x04\x95\x1d\0\0\0\0\0\0\0"[..],
            &rest.collect::<Vec<u8>>(),
        ]
        .concat()
    };
    let behind = |head: &[u8], key: &str| [head, key.as_bytes()].concat();
    let long = |key: &str| behind(b"\xdcbergabe ", &format!("{key}{:300}", " "));
    let later = |key: &str| behind(&[0x80; 300], &format!(" {key}"));
    let of = |key: &str| {
        vec![
            pickle(key),
            behind(b"\x82\x21\x01\x04send\x18\x0c", key),
            behind(b"\x81\x0c", key),
            behind(b"\x93", key),
            behind(b"\x80", key),
            // It claims more values than there are bytes.
            behind(b"\x9f", key),
            behind(b"\xdf", key),
            long(key),
            // Behind what is looked at.
            later(key),
        ]
    };
    for (before, after) in of("ghp_ABCDEFG1").into_iter().zip(of("ghp_********")) {
        for whole in [
            |bytes: &Vec<u8>| pack(&Pack::Array(vec![Pack::Binary(bytes.clone())])),
            |bytes: &Vec<u8>| pack(&Pack::Array(vec![Pack::Ext(5, bytes.clone())])),
        ] {
            becomes(Format::MessagePack, &whole(&before), &whole(&after));
        }
    }
}

#[test]
fn entries_of_fluentd_have_fields() {
    let subject = Subject::of(support::FIELDS);
    let entry = |n: u64, word: &str| {
        let record = pairs(&[("n", Pack::from(n)), ("password", Pack::from(word))]);
        pack(&Pack::Array(vec![Pack::from(n), record]))
    };
    let entries = |word: &str| (0..20).flat_map(|n| entry(n, word)).collect::<Vec<u8>>();
    let whole = |word: &str| string(&entries(word));
    let got = subject.check(&whole("hunter2"), Format::MessagePack, Views::ALL);
    assert_eq!(got.out, whole("*******"));
    assert_eq!(got.findings.len(), 20);
    // A field whose text happens to begin so is hidden whole, and one in a code that is not UTF-8 is text.
    let text = |bytes: &[u8]| [&b"\x81\xa1x\xd9"[..], &[bytes.len() as u8], bytes].concat();
    let stays = |before: &[u8], after: &[u8]| {
        let got = subject.check(&text(before), Format::MessagePack, Views::ALL);
        assert_eq!(got.out, text(after));
    };
    stays(b"\x93ghp_ABCDEFG1\x94", b"\x93ghp_********\x94");
    stays(
        "\u{7a0}ghp_ABCDEFG1".as_bytes(),
        "\u{7a0}ghp_********".as_bytes(),
    );
    let hidden = |inside: &[u8]| [b"\x81\xa8password\xa2", inside].concat();
    let got = subject.check(&hidden(b"\x91\x05"), Format::MessagePack, Views::ALL);
    assert_eq!(got.out, hidden(b"**"));
}

#[test]
fn what_is_deep_takes_time_in_proportion() {
    let subject = Subject::new();
    for (format, list, all) in [
        (Format::MessagePack, 0x91, &b"\xdd\0\x04\0\0"[..]),
        (Format::Cbor, 0x81, b"\x9a\0\x04\0\0"),
    ] {
        let values = |depth: usize| [&vec![list; depth], all, &vec![5; 1 << 18]].concat();
        let (flat, deep) = (values(1), values(500));
        let run = |bytes: &[u8]| {
            let begin = Instant::now();
            let got = subject.run(bytes, format, Views::NONE, &[]);
            assert_eq!(got.out, bytes);
            begin.elapsed()
        };
        let fastest = |bytes: &[u8]| (0..3).map(|_| run(bytes)).min().unwrap();
        // It was fifteen times as much; other work on the machine makes a run slower, never faster.
        let good = (0..5).any(|_| fastest(&deep) <= 4 * fastest(&flat));
        assert!(good, "{format:?}");
    }
}

#[test]
fn what_is_not_packed_is_bytes_that_are_counted() {
    for format in [Format::MessagePack, Format::Cbor] {
        becomes(format, b"to x@ab.de and on", b"to ******* and on");
        becomes(format, b"", b"");
        // From where it breaks.
        let (broken, wanted): (&[u8], &[u8]) = match format {
            Format::Cbor => (b"\x82\x61a\xfc x@ab.de", b"\x82\x61a\xfc *******"),
            _ => (b"\x92\xa1a\xc1 x@ab.de", b"\x92\xa1a\xc1 *******"),
        };
        becomes(format, broken, wanted);
    }
}

impl Random {
    fn text(&mut self) -> String {
        const BITS: &[&str] = &[
            "ghp_ABCDEFG1",
            "x@ab.de",
            "x\\u0040ab.de",
            "4111111111111111",
            "Q",
            "é",
            "😀",
            "AKIA12345",
            "sk-abcdefgh",
            "-----B",
            "~",
            "passwd",
            "some words that are longer than a length that is no letter",
        ];
        (0..self.below(4))
            .map(|_| BITS[self.below(BITS.len())])
            .collect()
    }

    fn pack(&mut self, depth: usize) -> Pack {
        match self.below(if depth == 0 { 8 } else { 11 }) {
            0..=2 => Pack::from(self.text()),
            3 => Pack::from([0, 127, 128, 70_000, -1, -40_000, 0x5161_6263][self.below(7)]),
            4 => Pack::F64(4111.5),
            5 => [Pack::Nil, Pack::from(true), Pack::F32(0.5)][self.below(3)].clone(),
            6 => Pack::Binary((0..self.below(20)).map(|_| self.below(256) as u8).collect()),
            7 => Pack::Ext(
                5,
                (0..self.below(20)).map(|_| self.below(256) as u8).collect(),
            ),
            8 => Pack::Array((0..self.below(20)).map(|_| self.pack(depth - 1)).collect()),
            9 => Pack::Binary(pack(&Pack::Array(vec![self.pack(depth - 1)]))),
            _ => Pack::Map(
                (0..self.below(4))
                    .map(|_| (Pack::from(self.text()), self.pack(depth - 1)))
                    .collect(),
            ),
        }
    }

    fn cbor(&mut self, depth: usize) -> Cbor {
        match self.below(if depth == 0 { 7 } else { 11 }) {
            0..=2 => Cbor::Text(self.text()),
            3 => {
                Cbor::Integer([0, 23, 128, 70_000, -1, -40_000, 0x5161_6263][self.below(7)].into())
            }
            4 => Cbor::Float(4111.5),
            5 => [Cbor::Null, Cbor::Bool(true)][self.below(2)].clone(),
            6 => Cbor::Bytes((0..self.below(30)).map(|_| self.below(256) as u8).collect()),
            7 => Cbor::Array((0..self.below(30)).map(|_| self.cbor(depth - 1)).collect()),
            8 => Cbor::Tag(
                24,
                Box::new(Cbor::Bytes(cbor(&Cbor::Array(vec![self.cbor(depth - 1)])))),
            ),
            9 => Cbor::Tag(1000, Box::new(self.cbor(depth - 1))),
            _ => Cbor::Map(
                (0..self.below(4))
                    .map(|_| (Cbor::Text(self.text()), self.cbor(depth - 1)))
                    .collect(),
            ),
        }
    }
}

fn masked(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).all(|(a, b)| a == b || b == b'*')
}

fn same_pack(a: &Pack, b: &Pack) -> bool {
    match (a, b) {
        (Pack::String(a), Pack::String(b)) => {
            masked(a.as_str().unwrap(), b.as_str().unwrap_or("?"))
        }
        (Pack::Binary(a), Pack::Binary(b)) => a.len() == b.len(),
        (Pack::Ext(a, x), Pack::Ext(b, y)) => a == b && x.len() == y.len(),
        (Pack::Array(a), Pack::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_pack(a, b))
        }
        (Pack::Map(a), Pack::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|(a, b)| same_pack(&a.0, &b.0) && same_pack(&a.1, &b.1))
        }
        (a, b) => a == b,
    }
}

fn same_cbor(a: &Cbor, b: &Cbor) -> bool {
    match (a, b) {
        (Cbor::Text(a), Cbor::Text(b)) => masked(a, b),
        (Cbor::Bytes(a), Cbor::Bytes(b)) => a.len() == b.len(),
        (Cbor::Tag(a, x), Cbor::Tag(b, y)) => {
            let inside = |bytes: &Cbor| bytes.as_bytes().and_then(|bytes| uncbor(bytes));
            let packed = *a == 24;
            a == b && same_cbor(x, y) && (!packed || inside(y).is_some())
        }
        (Cbor::Array(a), Cbor::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_cbor(a, b))
        }
        (Cbor::Map(a), Cbor::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|(a, b)| same_cbor(&a.0, &b.0) && same_cbor(&a.1, &b.1))
        }
        (a, b) => a == b,
    }
}

#[test]
fn values_stay_values_however_they_are_cut() {
    let subject = Subject::new();
    let mut changed = 0;
    let mut run = |bytes: &[u8], format| {
        let got = if bytes.len() < 300 {
            subject.check(bytes, format, Views::ALL)
        } else {
            let ends: Vec<usize> = (1..bytes.len()).step_by(5).collect();
            let got = subject.run(bytes, format, Views::ALL, &ends);
            assert_eq!(got, subject.run(bytes, format, Views::ALL, &[]));
            got
        };
        changed += usize::from(got.out != bytes);
        got.out
    };
    for seed in 1..800_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        // The first value is a list; others may follow.
        let all = [Pack::Array(vec![random.pack(4)]), random.pack(3)];
        let bytes = all.each_ref().map(pack).concat();
        let after = unpack(&run(&bytes, Format::MessagePack));
        let after = after.unwrap_or_else(|| panic!("seed {seed}: {all:?}"));
        assert!(
            all.len() == after.len() && all.iter().zip(&after).all(|(a, b)| same_pack(a, b)),
            "seed {seed}: {all:?}\nbecame\n{after:?}"
        );
        let all = [Cbor::Array(vec![random.cbor(4)]), random.cbor(3)];
        let bytes = all.each_ref().map(cbor).concat();
        let after = uncbor(&run(&bytes, Format::Cbor));
        let after = after.unwrap_or_else(|| panic!("seed {seed}: {all:?}"));
        assert!(
            all.len() == after.len() && all.iter().zip(&after).all(|(a, b)| same_cbor(a, b)),
            "seed {seed}: {all:?}\nbecame\n{after:?}"
        );
    }
    assert!(changed > 400, "{changed}");
}

#[test]
fn anything_is_taken_and_nothing_is_held() {
    let subject = Subject::new();
    for seed in 1..2000_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut bytes: Vec<u8> = vec![[0x92, 0x82, 0xdc, 0x9f, 0xbf, 0xd8][random.below(6)]];
        bytes.extend((0..random.below(40)).map(|_| match random.below(3) {
            0 => random.below(256) as u8,
            1 => [0xc4, 0xd9, 0xdf, 0x5f, 0x7f, 0xff, 0xa3, 0x63, 0x81, 0xd8][random.below(10)],
            _ => random.below(30) as u8,
        }));
        bytes.extend(random.text().as_bytes());
        for format in [Format::MessagePack, Format::Cbor] {
            let got = subject.check(&bytes, format, Views::ALL);
            assert_eq!(got.out.len(), bytes.len());
        }
    }
    let one = pack(&pairs(&[
        ("passwd", Pack::from("hunter22")),
        ("b", Pack::Binary(vec![0; 900])),
    ]));
    let deep = [vec![0x91; 5000], one.clone()].concat();
    let got = subject.run(&deep, Format::MessagePack, Views::ALL, &[77]);
    assert_eq!(got.out.len(), deep.len());
    let mut carrier = Carrier::new(Format::MessagePack);
    let (mut most, mut out) = (0, Vec::new());
    for turn in 0..2000 {
        carrier.push(&subject.engine, &subject.plan, &one, false);
        out.clear();
        carrier.take_output(&mut out);
        carrier.rest(&mut Vec::new());
        if turn == 100 {
            most = carrier.memory();
        }
        assert!(turn < 100 || carrier.memory() <= most + 4096, "{turn}");
    }
}
