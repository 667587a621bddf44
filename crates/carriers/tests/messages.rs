//! Streams of messages: each is a haystack of its own, so that nothing of it waits once it is over, and no finding reaches over its end.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use blackbar_carriers::{Carrier, Format, Framing, Logins, Views};
use support::Subject;

const REDIS: Framing = Framing::Redis(Logins::Mask);

#[track_caller]
fn becomes(framing: Framing, input: &[u8], wanted: &[u8]) {
    let got = Subject::new().check(input, Format::Stream(framing), Views::default());
    assert_eq!(
        got.out.escape_ascii().to_string(),
        wanted.escape_ascii().to_string()
    );
}

/// Messages whose last bytes could still be a part of something longer, were they not over.
const MESSAGES: &[(Framing, &[u8])] = &[
    (Framing::Lines, b"to x@ab.de\n"),
    (Framing::Lines, b"to x@ab.de\r\n"),
    (Framing::Lines, b"to x@ab.de\0"),
    (Framing::Json, b"{\"a\":\"x@ab.de\"}"),
    (Framing::Json, b"[{\"a\":[\"\\\"]\"]},\"x@ab.de\"]"),
    (Framing::Json, b"\"x@ab.de\""),
    (Framing::Json, b"plain x@ab.de\n"),
    (Framing::Json, b"{\"a\":\"x@ab.de\0"),
    (Framing::Json, b"{\"a\":\"x@ab.de\n"),
    (Framing::Syslog, b"14 <1>a - x@ab.de"),
    (Framing::Syslog, b"<1>a - x@ab.de\n"),
    (Framing::Syslog, b"<1>a - x@ab.de\0"),
    (Framing::MessagePack, b"\x91\xa7x@ab.de"),
    (Framing::MessagePack, b"\x81\xa1a\x92\xc0\xa7x@ab.de"),
    (Framing::Dogstatsd, b"\x09\0\0\0a:x@ab.de"),
    (Framing::Redis(Logins::Mask), b"$7\r\nx@ab.de\r\n"),
    (
        Framing::Redis(Logins::Mask),
        b"*2\r\n:12\r\n$7\r\nx@ab.de\r\n",
    ),
    (
        Framing::Redis(Logins::Mask),
        b"*2\r\n$7\r\nx@ab.de\r\n*0\r\n",
    ),
    (
        Framing::Redis(Logins::Mask),
        b"%1\r\n+a\r\n$7\r\nx@ab.de\r\n",
    ),
    (Framing::Redis(Logins::Mask), b"-ERR x@ab.de\r\n"),
    (Framing::Redis(Logins::Mask), b"PING x@ab.de\r\n"),
    (
        Framing::Redis(Logins::Mask),
        b"|1\r\n+a\r\n+b\r\n~2\r\n_\r\n$7\r\nx@ab.de\r\n",
    ),
    (Framing::Redis(Logins::Mask), b">2\r\n+x@ab.de\r\n$-1\r\n"),
];

#[test]
fn nothing_of_a_message_waits_that_is_over() {
    let subject = Subject::new();
    for (framing, message) in MESSAGES {
        let shown = message.escape_ascii();
        let mut carrier = Carrier::new(Format::Stream(*framing));
        let mut out = Vec::new();
        // Whole, in two, byte by byte; the next one is there already, or is not.
        for size in [message.len(), message.len() - 1, 5, 1] {
            for chunk in message.chunks(size) {
                carrier.push(&subject.engine, &subject.plan, chunk, false);
            }
            // The end of a line may be left behind; it says nothing.
            assert_eq!(carrier.undecided(), 0, "{framing:?} {shown} by {size}");
        }
        carrier.push(&subject.engine, &subject.plan, &message.repeat(3), false);
        assert_eq!(carrier.undecided(), 0, "{framing:?} {shown}");
        assert_eq!(carrier.findings().len(), 7, "{framing:?} {shown}");
        carrier.take_output(&mut out);
        let wanted = message
            .escape_ascii()
            .to_string()
            .replace("x@ab.de", "*******");
        assert_eq!(
            out.escape_ascii().to_string(),
            wanted.repeat(7),
            "{framing:?}"
        );
    }
}

#[test]
fn messages_are_the_same_in_every_cut() {
    let subject = Subject::new();
    for (framing, message) in MESSAGES {
        let other = message.to_ascii_lowercase();
        let hay = [message, &other[..], message, b"rest x@ab.de"].concat();
        let got = subject.check(&hay, Format::Stream(*framing), Views::default());
        assert!(got.findings.len() >= 3, "{framing:?}");
    }
}

#[test]
fn no_finding_reaches_over_an_end() {
    becomes(
        Framing::Lines,
        b"ghp_ABCD\nEFG1 -----Babc\r\nde~ passwd:\nhunter22\n\n\r\nghp_ABCDEFG1\rghp_ABCDEFG1\r",
        b"ghp_ABCD\nEFG1 -----B[t.pem]\r\nde~ passwd:\nhunter22\n\n\r\nghp_[t.key]\rghp_[t.key]\r",
    );
    becomes(
        Framing::Dogstatsd,
        b"\x08\0\0\0ghp_ABCD\x04\0\0\0EFG1\0\0\0\0\x12\0\0\0a:1|c\nghp_ABCDEFG1",
        b"\x08\0\0\0ghp_ABCD\x04\0\0\0EFG1\0\0\0\0\x12\0\0\0a:1|c\nghp_********",
    );
    becomes(
        REDIS,
        b"$8\r\nghp_ABCD\r\n$4\r\nEFG1\r\n",
        b"$8\r\nghp_ABCD\r\n$4\r\nEFG1\r\n",
    );
}

#[test]
fn nothing_between_messages_of_messagepack_ends_no_reading() {
    // <https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1>: `nil` is a heartbeat.
    let subject = Subject::new();
    let message = |word: &str| [b"\x81\xa6passwd\xa8", word.as_bytes()].concat();
    let stream = |word: &str| [b"\xc0", &message(word)[..], b"\xc0\xc0", &message(word)].concat();
    let format = Format::Stream(Framing::MessagePack);
    let got = subject.check(&stream("hunter22"), format, Views::default());
    assert_eq!(got.out, stream("********"));
    // Nothing of what is over waits.
    let mut carrier = Carrier::new(format);
    carrier.push(&subject.engine, &subject.plan, &stream("hunter22"), false);
    assert_eq!((carrier.undecided(), carrier.findings().len()), (0, 2));
}

#[test]
fn documents_end_with_their_brackets_and_lines_with_lines() {
    becomes(
        Framing::Json,
        b"{\"passwd\":\"hunter22\"}\0{\"a\":4111111111111111}\n{\n\"passwd\": \"hunter22\"\n}plain passwd=hunter22\n",
        b"{\"passwd\":\"[t.keyed]\"}\0{\"a\":9999999999999999}\n{\n\"passwd\": \"[t.keyed]\"\n}plain passwd=[t.keyed]\n",
    );
    // What breaks off ends with its line, or at a NUL, so that the next is a document again.
    becomes(
        Framing::Json,
        b"{\"a\":\"b\n{\"a\":4111111111111111}\n{\"a\":\0{\"a\":4111111111111111}",
        b"{\"a\":\"b\n{\"a\":9999999999999999}\n{\"a\":\0{\"a\":9999999999999999}",
    );
}

/// A command as clients send it.
fn command(words: &[&str]) -> Vec<u8> {
    let words = words
        .iter()
        .map(|word| format!("${}\r\n{word}\r\n", word.len()));
    let words: Vec<String> = words.collect();
    format!("*{}\r\n{}", words.len(), words.concat()).into_bytes()
}

#[test]
fn values_stand_behind_their_names() {
    for (words, wanted) in [
        (
            vec!["SET", "passwd", "hunter22"],
            vec!["SET", "passwd", "********"],
        ),
        (
            vec!["SET", "a", "passwd", "hunter22"],
            vec!["SET", "a", "passwd", "hunter22"],
        ),
        (
            vec!["HSET", "u:1", "passwd", "hunter22", "name", "jane"],
            vec!["HSET", "u:1", "passwd", "********", "name", "jane"],
        ),
        (
            vec!["XADD", "s", "*", "n", "1", "passwd", "hunter22"],
            vec!["XADD", "s", "*", "n", "1", "passwd", "********"],
        ),
        // A reply, as of HGETALL in the older protocol.
        (
            vec!["name", "jane", "passwd", "hunter22"],
            vec!["name", "jane", "passwd", "********"],
        ),
        (vec!["GET", "ghp_ABCDEFG1"], vec!["GET", "ghp_********"]),
    ] {
        becomes(REDIS, &command(&words), &command(&wanted));
    }
    becomes(
        REDIS,
        b"%2\r\n$6\r\npasswd\r\n$8\r\nhunter22\r\n+passwd\r\n+hunter22\r\n",
        b"%2\r\n$6\r\npasswd\r\n$8\r\n********\r\n+passwd\r\n+********\r\n",
    );
}

#[test]
fn passwords_of_logins_are_masked_or_pass() {
    for (words, masked, count) in [
        (vec!["AUTH", "pw"], vec!["AUTH", "**"], 1),
        (vec!["auth", "jane", "pw"], vec!["auth", "****", "**"], 2),
        (
            vec!["HELLO", "3", "AUTH", "jane", "pw", "SETNAME", "x@ab.de"],
            vec!["HELLO", "3", "AUTH", "****", "**", "SETNAME", "*******"],
            2,
        ),
        (
            vec!["CONFIG", "SET", "requirepass", "pw"],
            vec!["CONFIG", "SET", "requirepass", "**"],
            1,
        ),
        (
            vec!["CONFIG", "GET", "requirepass"],
            vec!["CONFIG", "GET", "requirepass"],
            0,
        ),
        (
            vec!["SENTINEL", "SET", "m", "auth-pass", "pw"],
            vec!["SENTINEL", "SET", "m", "auth-pass", "**"],
            1,
        ),
        (
            vec!["ACL", "SETUSER", "jane", "on", ">pw"],
            vec!["ACL", "SETUSER", "jane", "**", "***"],
            2,
        ),
        (
            vec![
                "MIGRATE", "h", "1", "", "0", "9", "AUTH2", "jane", "pw", "KEYS",
            ],
            vec![
                "MIGRATE", "h", "1", "", "0", "9", "AUTH2", "****", "**", "KEYS",
            ],
            2,
        ),
        (vec!["SET", "AUTH", "pw"], vec!["SET", "AUTH", "pw"], 0),
    ] {
        let input = command(&words);
        becomes(REDIS, &input, &command(&masked));
        let subject = Subject::new();
        let mut carrier = Carrier::new(Format::Stream(REDIS));
        carrier.push(&subject.engine, &subject.plan, &input.repeat(2), false);
        assert_eq!(carrier.logins(), 2 * count, "{words:?}");
    }
    for (input, masked) in [
        ("AUTH pw\r\nPING x@ab.de\r\n", "AUTH **\r\nPING *******\r\n"),
        ("auth  jane p@ab.de \n", "auth  *************\n"),
        (" \tAUTH pw\r\n", " \tAUTH **\r\n"),
        ("AUTH\r\n", "AUTH\r\n"),
        ("AUTHOR pw\r\n", "AUTHOR pw\r\n"),
    ] {
        becomes(REDIS, input.as_bytes(), masked.as_bytes());
    }
    let pass = Framing::Redis(Logins::Pass);
    for words in [
        vec!["AUTH", "ghp_ABCDEFG1"],
        vec!["HELLO", "3", "AUTH", "x@ab.de", "ghp_ABCDEFG1"],
    ] {
        becomes(pass, &command(&words), &command(&words));
    }
    becomes(
        pass,
        b"AUTH ghp_ABCDEFG1\r\nGET ghp_ABCDEFG1\r\n",
        b"AUTH ghp_ABCDEFG1\r\nGET ghp_********\r\n",
    );
}

/// A reply may begin with the name of a command.
#[test]
fn replies_are_no_commands() {
    let scan = Framing::Redis(Logins::Scan);
    for words in [
        vec!["auth", "basic", "port", "8080"],
        vec!["config", "x", "author", "Tolkien"],
        vec!["hello", "3", "auth", "jane", "pw"],
    ] {
        becomes(scan, &command(&words), &command(&words));
    }
    becomes(
        scan,
        &command(&["auth", "ghp_ABCDEFG1"]),
        &command(&["auth", "ghp_********"]),
    );
    becomes(
        scan,
        b"AUTH ghp_ABCDEFG1 pw\r\n",
        b"AUTH ghp_******** pw\r\n",
    );
}

#[test]
fn what_is_no_protocol_is_lines() {
    for (input, wanted) in [
        // Counted wrongly, not at all, or too much; what follows the line is read again.
        (
            "$3\r\nabc ghp_ABCDEFG1\r\n$12\r\nghp_ABCDEFG1\r\n",
            "$3\r\nabc ghp_********\r\n$12\r\nghp_********\r\n",
        ),
        ("$x\r\nghp_ABCDEFG1\r\n", "$x\r\nghp_********\r\n"),
        (
            "*2\r\nx ghp_ABCDEFG1\r\n+x@ab.de\r\n",
            "*2\r\nx ghp_********\r\n+*******\r\n",
        ),
        (":12 ghp_ABCDEFG1\r\n", ":12 ghp_********\r\n"),
        (":ghp_ABCDEFG1\r\n,1.5e3\r\n", ":ghp_********\r\n,1.5e3\r\n"),
        (
            "$99999999999999999999999999999999 ghp_ABCDEFG1",
            "$99999999999999999999999999999999 ghp_********",
        ),
        (
            "GET / HTTP/1.1\r\nx: ghp_ABCDEFG1\r\n\r\n",
            "GET / HTTP/1.1\r\nx: ghp_********\r\n\r\n",
        ),
        ("$100\r\nghp_ABCDEFG1", "$100\r\nghp_********"),
    ] {
        becomes(REDIS, input.as_bytes(), wanted.as_bytes());
    }
}
