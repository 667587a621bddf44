//! Protobuf of which there are descriptors: texts and messages are what these say, and fields that rules name are masked by key and by path.
//! What comes out is read by an independent reader of the same descriptors, and is as before but for these.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use blackbar_carriers::{Codec, Format, Views};
use blackbar_policy::Policy;
use blackbar_policy::load::NoBuiltins;
use prost_reflect::prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    ReflectMessage as _, Value,
};
use support::{Outcome, Random, Subject};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/descriptors")
}

/// The descriptors, as protoc wrote them.
fn pool() -> DescriptorPool {
    let bytes = std::fs::read(folder().join("users.pb")).unwrap();
    DescriptorPool::decode(bytes.as_slice()).unwrap()
}

fn subject(message: &str) -> Subject {
    let folder = folder();
    let policy = Policy::load(folder.to_str().unwrap(), &NoBuiltins);
    let mut subject = Subject::compiled(&policy.unwrap_or_else(|error| panic!("{error}")));
    subject.message = subject.engine.schema().message(message.as_bytes());
    assert!(subject.message.is_some(), "{message}");
    subject
}

#[track_caller]
fn run(format: Format, input: &[u8]) -> Outcome {
    let got = subject("acme.v1.User").check(input, format, Views::ALL);
    assert_eq!(got.out.len(), input.len(), "a length changed");
    got
}

/// A message with some of its fields.
fn random(random_: &mut Random, descriptor: &MessageDescriptor, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        if random_.below(3) == 0 {
            continue;
        }
        if depth == 0 && matches!(field.kind(), Kind::Message(_)) && !field.is_map() {
            continue;
        }
        let value = if field.is_map() {
            let Kind::Message(entry) = field.kind() else {
                panic!("a map without entries");
            };
            let value = entry.map_entry_value_field();
            let mut map = HashMap::new();
            for key in ["secret", "main", "other"] {
                if random_.below(2) == 0 {
                    map.insert(MapKey::String(key.into()), scalar(random_, &value, depth));
                }
            }
            Value::Map(map)
        } else if field.is_list() {
            let len = 1 + random_.below(3);
            Value::List((0..len).map(|_| scalar(random_, &field, depth)).collect())
        } else {
            scalar(random_, &field, depth)
        };
        message.set_field(&field, value);
    }
    message
}

fn scalar(random_: &mut Random, field: &FieldDescriptor, depth: usize) -> Value {
    const TEXTS: &[&str] = &[
        "hunter2",
        // Would be taken for messages, or for none.
        "\u{8}\u{1}",
        "*\u{5}hello",
        "a i9@",
        "\u{0}\u{1}\u{2}",
        "grüße, and so on and on, longer than one hundred and twenty-seven bytes, so that its length takes two of them, which is what is \
         wanted here",
    ];
    let number = [0, 1, 127, 128, 300, 1 << 30][random_.below(6)];
    match field.kind() {
        Kind::String => Value::String(random_.pick(TEXTS).into()),
        Kind::Bytes => Value::Bytes(random_.pick(TEXTS).as_bytes().to_vec().into()),
        Kind::Bool => Value::Bool(number % 2 == 1),
        Kind::Int32 => Value::I32(-number),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(number as u32),
        Kind::Sint64 => Value::I64(-i64::from(number)),
        Kind::Fixed64 => Value::U64(number as u64 * 1_000_003),
        Kind::Double => Value::F64(f64::from(number) + 0.5),
        Kind::Float => Value::F32(number as f32 + 0.5),
        Kind::Message(inner) => Value::Message(random(random_, &inner, depth.saturating_sub(1))),
        other => panic!("{other:?}"),
    }
}

/// Names of a field, as rules compare them.
type Names = Vec<String>;

fn is_named(path: &[Names]) -> bool {
    let is = |at: usize, name: &str| {
        path.get(at)
            .is_some_and(|names| names.iter().any(|n| n == name))
    };
    let any = [
        "password", "pins", "birthday", "token", "shownas", "score", "codes", "active", "key",
    ];
    let last = path.len() - 1;
    any.iter().any(|name| is(last, name))
        || path.len() == 1 && is(0, "email")
        || path.len() == 3 && is(0, "cards") && is(2, "number")
        || path.len() == 2 && is(0, "labels") && is(1, "secret")
        || path.len() == 2 && is(0, "wallets") && is(1, "main")
        || path.len() == 2 && is(0, "friend") && is(1, "address")
}

fn masked(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String("*".repeat(text.len())),
        Value::Bytes(bytes) => Value::Bytes(vec![b'*'; bytes.len()].into()),
        Value::Bool(_) => Value::Bool(false),
        Value::I32(_) => Value::I32(0),
        Value::I64(_) => Value::I64(0),
        Value::U32(_) => Value::U32(0),
        Value::U64(_) => Value::U64(0),
        Value::F32(_) => Value::F32(0.0),
        Value::F64(_) => Value::F64(0.0),
        Value::List(list) => Value::List(list.iter().map(masked).collect()),
        Value::Message(message) => {
            let mut new = DynamicMessage::new(message.descriptor());
            for (field, value) in message.fields() {
                new.set_field(&field, masked(value));
            }
            Value::Message(new)
        }
        other => panic!("{other:?}"),
    }
}

fn redacted(value: &Value, path: &mut Vec<Names>) -> Value {
    if !path.is_empty() && is_named(path) {
        return masked(value);
    }
    let mut inside = |names: Names, value: &Value| {
        path.push(names);
        let new = redacted(value, path);
        path.pop();
        new
    };
    match value {
        Value::List(list) => {
            let list = list.iter().map(|value| inside(Vec::new(), value));
            Value::List(list.collect())
        }
        Value::Map(map) => {
            let pair = |(key, value): (&MapKey, &Value)| {
                let MapKey::String(name) = key else {
                    panic!("{key:?}");
                };
                (key.clone(), inside(vec![name.clone()], value))
            };
            Value::Map(map.iter().map(pair).collect())
        }
        Value::Message(message) => {
            let mut new = DynamicMessage::new(message.descriptor());
            for (field, value) in message.fields() {
                let fold = |name: &str| name.replace('_', "").to_lowercase();
                let names = vec![fold(field.name()), fold(field.json_name())];
                new.set_field(&field, inside(names, value));
            }
            Value::Message(new)
        }
        other => other.clone(),
    }
}

/// All of it, in one order; a field that is there and zero reads as one that is not.
fn shown(value: &Value) -> String {
    match value {
        Value::Message(message) => {
            let descriptor = message.descriptor();
            let fields = descriptor.fields().map(|field| {
                let there = !field.supports_presence() || message.has_field(&field);
                let value = there.then(|| shown(&message.get_field(&field)));
                format!("{}: {value:?}", field.name())
            });
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::List(list) => format!("{:?}", list.iter().map(shown).collect::<Vec<_>>()),
        Value::Map(map) => {
            let mut all: Vec<_> = map
                .iter()
                .map(|(k, v)| format!("{k:?}: {}", shown(v)))
                .collect();
            all.sort();
            format!("{all:?}")
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn what_rules_name_is_masked_and_nothing_else_changes() {
    let pool = pool();
    let user = pool.get_message_by_name("acme.v1.User").unwrap();
    let mut numbers = Random(0x2545_f491_4f6c_dd1d);
    let mut changed = 0;
    for turn in 0..60 {
        let message = random(&mut numbers, &user, 2);
        let bytes = message.encode_to_vec();
        let wanted = redacted(&Value::Message(message.clone()), &mut Vec::new());
        let got = run(Format::Protobuf, &bytes);
        let after = DynamicMessage::decode(user.clone(), got.out.as_slice()).unwrap();
        assert_eq!(shown(&Value::Message(after)), shown(&wanted), "{turn}");
        // Redacted twice is redacted once.
        assert_eq!(run(Format::Protobuf, &got.out).out, got.out, "{turn}");
        changed += usize::from(got.out != bytes);

        let frame = |message: &[u8]| {
            let len = u32::try_from(message.len()).unwrap().to_be_bytes();
            [&[0][..], &len, message].concat()
        };
        let stream = [frame(&bytes), frame(&bytes)].concat();
        let framed = run(Format::Frames(Codec::Protobuf), &stream);
        assert_eq!(framed.out, [frame(&got.out), frame(&got.out)].concat());
        assert_eq!(framed.findings.len(), 2 * got.findings.len());
    }
    assert!(changed > 30, "{changed}");
}

/// A length-delimited field.
fn field(number: u8, contents: impl AsRef<[u8]>) -> Vec<u8> {
    let contents = contents.as_ref();
    let tag = match number {
        0..16 => vec![number << 3 | 2],
        _ => vec![number << 3 | 0x82, number >> 4],
    };
    [&tag[..], &[contents.len() as u8], contents].concat()
}

#[track_caller]
fn becomes(input: &[u8], wanted: &[u8]) -> usize {
    let got = run(Format::Protobuf, input);
    assert_eq!(
        got.out.escape_ascii().to_string(),
        wanted.escape_ascii().to_string()
    );
    got.findings.len()
}

#[test]
fn numbers_keep_their_length() {
    becomes(
        b"\x20\xff\x01\x49AAAABBBB\x78\x01",
        b"\x20\x80\x00\x49\0\0\0\0\0\0\0\0\x78\x00",
    );
    becomes(
        &field(8, b"\x01\xff\xff\x03\x00"),
        &field(8, b"\x00\x80\x80\x00\x00"),
    );
}

#[test]
fn what_no_descriptor_knows_is_told_as_without_one() {
    // Field 31 is none of a user's: a text, a message with a text.
    let unknown =
        |a: &str, b: &str| [field(31, a), field(31, field(1, b)), field(3, "abc")].concat();
    let wanted =
        |a: &str, b: &str| [field(31, a), field(31, field(1, b)), field(3, "***")].concat();
    assert_eq!(
        becomes(
            &unknown("ghp_ABCDEFG1 and", "so ghp_ABCDEFG1"),
            &wanted("ghp_******** and", "so ghp_********"),
        ),
        3
    );
    // A string where a number should be, and the other way round.
    becomes(&field(4, "ghp_ABCDEFG1"), &field(4, [vec![0; 12]].concat()));
    becomes(b"\x18\x05", b"\x18\x00");
    // A message that is none is text, and all of a field that breaks is gone.
    becomes(
        &field(11, "\u{7}hello, ghp_ABCDEFG1"),
        &field(11, "\u{7}hello, ghp_********"),
    );
    let friend = |address: &str| field(11, field(13, address));
    becomes(&friend("\u{7}x, ghp_ABCDEFG1"), &friend("****************"));
    // Cut off.
    becomes(b"\x1a\x20hunt", b"\x1a\x20****");
    becomes(b"no message at all", b"no message at all");
}

#[test]
fn what_is_no_message_is_none_whatever_a_descriptor_says() {
    // Read as a message, the first letters are a number of eight bytes.
    let text = |key: &str| field(11, format!("a token {key}"));
    assert_eq!(becomes(&text("ghp_ABCDEFG1"), &text("ghp_********")), 1);
}

#[test]
fn bytes_may_hold_a_message() {
    // The length of the text is a letter, and stands before it.
    let message = |key: &str| field(7, field(1, format!("{key}{}", " ".repeat(68))));
    let got = run(Format::Protobuf, &message("ghp_ABCDEFG1"));
    assert_eq!(got.out, message("ghp_********"));
    // Its own length stays, whatever is found around it.
    let length = |name: &str| field(7, field(1, format!("{name}{}", " ".repeat(33))));
    let wanted = length("ghp_********");
    assert_eq!(run(Format::Protobuf, &length("ghp_ABCDEFG1")).out, wanted);
    // A rule that names them hides all of them.
    let key = field(19, field(1, "hunter2"));
    assert_eq!(becomes(&key, &field(19, "*********")), 1);
}

#[test]
fn what_should_be_a_number_may_hold_a_message() {
    // As above, from somebody with another descriptor. No rule names a `house`; `pins` are named, and masked as numbers.
    let message = |key: &str| field(13, field(3, field(1, format!("{key}{}", " ".repeat(68)))));
    let got = run(Format::Protobuf, &message("ghp_ABCDEFG1"));
    assert_eq!(got.out, message("ghp_********"));
    assert_eq!(becomes(&field(8, field(1, "x")), &field(8, [0; 3])), 1);
}

#[test]
fn a_field_that_claims_more_than_there_is_is_hidden() {
    // Behind what is looked at: a message that breaks before that is text.
    let head = [&field(1, [b'x'; 120])[..]; 5].concat();
    let frame = |message: &[u8]| {
        let len = u32::try_from(head.len() + message.len()).unwrap();
        [&[0][..], &len.to_be_bytes(), &head, message].concat()
    };
    let frames = Format::Frames(Codec::Protobuf);
    // And where all of it is looked at.
    let short = |message: &[u8]| {
        let len = u32::try_from(message.len()).unwrap();
        [&[0][..], &len.to_be_bytes(), message].concat()
    };
    let pass = |text: &str| field(3, text);
    for (before, after) in [
        (b"\x1a\x20hunter2".to_vec(), b"\x1a\x20*******".to_vec()),
        (
            b"\x0a\x01a\x49\x01\x02\x03".to_vec(),
            b"\x0a\x01a\x49***".to_vec(),
        ),
        // What stands before it, and around it.
        (
            [&pass("hunter2"), &b"\x12\x20jane"[..]].concat(),
            [&pass("*******"), &b"\x12\x20****"[..]].concat(),
        ),
        (
            [field(11, b"\x1a\x20hunter2"), pass("x")].concat(),
            [field(11, b"\x1a\x20*******"), pass("*")].concat(),
        ),
        (
            field(11, [&pass("x")[..], b"\x0e ghp_ABCDEFG1"].concat()),
            field(11, [&pass("*")[..], b"\x0e ghp_********"].concat()),
        ),
        // Inside of what is masked nothing is told apart: `$.friend.address` is, and `a` is no tag there.
        (
            field(11, field(13, "a token key")),
            field(11, field(13, "***********")),
        ),
    ] {
        for frame in [&frame, &short] as [&dyn Fn(&[u8]) -> Vec<u8>; 2] {
            let got = run(frames, &frame(&before));
            assert_eq!(
                got.out.escape_ascii().to_string(),
                frame(&after).escape_ascii().to_string()
            );
        }
    }
}

#[test]
fn text_in_the_place_of_a_message_is_text() {
    // `a` could be a number of eight bytes, `h` a field that is none here.
    let text = |key: &str| format!("a token {key}, and {key}");
    let (before, after) = (text("ghp_ABCDEFG1"), text("ghp_********"));
    let frame = |text: &str| [&[0, 0, 0, 0, text.len() as u8], text.as_bytes()].concat();
    let frames = Format::Frames(Codec::Protobuf);
    let got = run(frames, &[frame(&before), frame(&before)].concat());
    assert_eq!(got.out, [frame(&after), frame(&after)].concat());
    assert_eq!(got.findings.len(), 4);
    assert_eq!(becomes(before.as_bytes(), after.as_bytes()), 2);
}

#[test]
fn what_is_only_counted_hides_nothing_from_other_rules() {
    let message = |pin: &str, key: &str, card: &str| {
        let wallet = [field(1, "main"), field(2, field(1, card))].concat();
        [field(17, wallet), field(14, key), field(3, pin)].concat()
    };
    let before = message("x", "ghp_ABCDEFG1", "4");
    let got = run(Format::Protobuf, &before);
    assert_eq!(got.out, message("*", "ghp_********", "*"));
    let ids: Vec<&str> = got.findings.iter().map(|found| found.0.as_str()).collect();
    assert_eq!(ids, ["t.field", "t.field", "t.key", "t.seen", "t.seen"]);
}

#[test]
fn a_frame_begins_at_the_root() {
    let frame = |message: &[u8]| {
        let len = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0][..], &len, message].concat()
    };
    // A group that never ends, behind what is looked at.
    let open = [&field(1, [b'x'; 120])[..]; 5].concat();
    let open = [&open[..], b"\x5b"].concat();
    let email = |text: &str| frame(&field(2, text));
    let stream = |text: &str| [frame(&open), email(text), email(text)].concat();
    let got = run(Format::Frames(Codec::Protobuf), &stream("jane"));
    assert_eq!(got.out, stream("****"));
}

#[test]
fn an_entry_has_its_own_key() {
    let entry = |parts: &[Vec<u8>]| field(6, parts.concat());
    let secret = |value: &str| entry(&[field(1, "secret"), field(2, value)]);
    let without = entry(&[field(2, "x")]);
    // Its key may stand behind its value, or none where readers look for one.
    let behind = |value: &str| entry(&[field(2, value), field(1, "secret")]);
    assert_eq!(becomes(&behind("hunter2"), &behind("*******")), 1);
    let other = entry(&[field(2, "x"), field(3, field(1, "secret"))]);
    assert_eq!(becomes(&other, &other), 0);
    assert_eq!(
        becomes(
            &[secret("hunter2"), without.clone()].concat(),
            &[secret("*******"), without].concat(),
        ),
        1
    );
}

#[test]
fn an_empty_field_is_no_finding() {
    assert_eq!(becomes(&field(3, ""), &field(3, "")), 0);
}

#[test]
fn strings_are_text_whatever_they_look_like() {
    // Without a descriptor it would be a message: field 5, of as many bytes.
    let text = |inside: &str| field(1, field(5, inside));
    let got = run(Format::Protobuf, &text("ghp_ABCDEFG1"));
    assert_eq!(got.out, text("ghp_********"));
    assert_eq!(got.findings.len(), 1);
}

#[test]
fn compressed_frames_are_read_by_the_same_descriptor() {
    let packed = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&field(3, "hunter2")).unwrap();
        encoder.finish().unwrap()
    };
    let mut stream = vec![1];
    stream.extend(u32::try_from(packed.len()).unwrap().to_be_bytes());
    stream.extend(packed);
    let got = subject("acme.v1.User").check(&stream, Format::Frames(Codec::Protobuf), Views::ALL);
    let plain = field(3, "*******");
    assert_eq!(
        got.out,
        [&[0, 0, 0, 0, plain.len() as u8][..], &plain].concat()
    );
}

#[test]
fn a_large_field_is_never_held() {
    let subject = subject("acme.v1.User");
    let mut carrier = blackbar_carriers::Carrier::default();
    carrier.set_message(subject.message);
    carrier.reset(Format::Protobuf);
    let mut input = vec![0x1a, 0x80, 0x80, 0x40];
    input.extend(std::iter::repeat_n(b'x', 1 << 20));
    let mut out = Vec::new();
    for chunk in input.chunks(4096) {
        carrier.push(&subject.engine, &subject.plan, chunk, false);
        assert!(carrier.undecided() < 64, "{}", carrier.undecided());
        carrier.take_output(&mut out);
        carrier.rest(&mut Vec::new());
        assert!(carrier.memory() < 64 * 1024, "{}", carrier.memory());
    }
    carrier.push(&subject.engine, &subject.plan, b"", true);
    carrier.take_output(&mut out);
    assert_eq!(&out[..4], &input[..4]);
    assert!(out[4..].iter().all(|&byte| byte == b'*') && out.len() == input.len());
}

#[test]
fn packed_numbers_are_never_held() {
    let subject = subject("acme.v1.User");
    let mut carrier = blackbar_carriers::Carrier::default();
    carrier.set_message(subject.message);
    carrier.reset(Format::Protobuf);
    // A megabyte of numbers of two bytes.
    let mut input = vec![0x42, 0x80, 0x80, 0x40];
    input.extend(b"\xff\x01".repeat(1 << 19));
    let mut out = Vec::new();
    for chunk in input.chunks(4096) {
        carrier.push(&subject.engine, &subject.plan, chunk, false);
        assert!(carrier.edits().len() <= 2, "{}", carrier.edits().len());
        carrier.take_output(&mut out);
        assert!(carrier.memory() < 64 * 1024, "{}", carrier.memory());
        carrier.rest(&mut Vec::new());
    }
    carrier.push(&subject.engine, &subject.plan, b"", true);
    carrier.take_output(&mut out);
    assert_eq!(&out[..4], &input[..4]);
    assert_eq!(out[4..], b"\x80\x00".repeat(1 << 19));
}

#[test]
fn paths_say_which_messages_are_sent() {
    let subject = subject("acme.v1.User");
    let schema = subject.engine.schema();
    let path = |path: &str| {
        let found = schema.path(path.as_bytes())?;
        let name = |at| {
            schema
                .messages()
                .iter()
                .position(|m| schema.message(m.name.as_bytes()) == at)
        };
        let name = |at| name(at).map(|at| schema.messages()[at].name.clone());
        Some((
            found.request.and_then(|m| name(Some(m))),
            found.response.and_then(|m| name(Some(m))),
        ))
    };
    let (get, user) = (
        Some("acme.v1.Get".to_owned()),
        Some("acme.v1.User".to_owned()),
    );
    assert_eq!(
        path("/acme.v1.Users/Find"),
        Some((get.clone(), user.clone()))
    );
    assert_eq!(path("/acme.v1.Users/Find/"), Some((get, user.clone())));
    // The policy says what goes there, and nothing of what comes back.
    let card = Some("acme.v1.Card".to_owned());
    assert_eq!(path("/acme.v1.Users/Watch"), Some((card, user.clone())));
    for text in ["/v1/users?x=1", "/v1/users/?x/", "/v1/%75sers"] {
        assert_eq!(path(text), Some((user.clone(), None)), "{text}");
    }
    assert_eq!(path("/acme.v1.Users/Put"), None);
}
