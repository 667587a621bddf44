//! Streams of syslog keep their counts, and a reader of RFC 6587 finds the same messages; lines of logs as they are sent stay lines.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use blackbar_carriers::{Format, Views};
use support::Subject;

#[track_caller]
fn becomes(format: Format, input: &str, wanted: &str) {
    let got = Subject::new().check(input.as_bytes(), format, Views::default());
    assert_eq!(String::from_utf8_lossy(&got.out), wanted);
}

fn framed(messages: &[&str]) -> String {
    let framed = |message: &&str| format!("{} {message}", message.len());
    messages.iter().map(framed).collect()
}

/// What a receiver makes of counted messages.
fn read(mut stream: &str) -> Vec<&str> {
    let mut all = Vec::new();
    while let Some((count, rest)) = stream.split_once(' ') {
        let (message, rest) = rest.split_at(count.parse().unwrap());
        all.push(message);
        stream = rest;
    }
    assert_eq!(stream, "");
    all
}

#[test]
fn counted_messages_keep_their_length() {
    let subject = Subject::new();
    let messages = [
        "<34>1 2026-11-22T11:00:00Z host su - ID47 - mail x@ab.de ghp_ABCDEFG1",
        "<165>1 2026-11-22T11:00:00Z host app 8710 - [a@1 passwd=\"hunter22\" b=\"c\"] \u{feff}two\nlines passwd: hunter23",
        // What ends one message begins nothing in the next.
        "<13>Nov 22 11:00:00 host x: ghp_ABCD",
        "<1>EFG1 -----Babc~",
        "<13>1 - - - - - - é 4111111111111111",
    ];
    let text = framed(&messages);
    let got = subject.check(text.as_bytes(), Format::Syslog, Views::default());
    let out = String::from_utf8(got.out).unwrap();
    assert_eq!(
        read(&out),
        [
            "<34>1 2026-11-22T11:00:00Z host su - ID47 - mail ******* ghp_********",
            "<165>1 2026-11-22T11:00:00Z host app 8710 - [a@1 passwd=\"********\" b=\"c\"] \u{feff}two\nlines passwd: ********",
            "<13>Nov 22 11:00:00 host x: ghp_ABCD",
            "<1>EFG1 -----B***~",
            "<13>1 - - - - - - é ****************",
        ]
    );
    assert_eq!(read(&text).len(), read(&out).len());
}

/// <https://devcenter.heroku.com/articles/log-drains>
#[test]
fn drains_of_heroku_are_counted() {
    let messages = |key: &str| {
        let line = format!("<40>1 2012-11-30T06:45:29+00:00 host app web.3 - key {key}\n");
        framed(&[&line, "<40>1 - host app web.1 - x\n", &line])
    };
    becomes(
        Format::of(Some(b"application/logplex-1")),
        &messages("ghp_ABCDEFG1"),
        &messages("ghp_********"),
    );
}

#[test]
fn what_is_not_counted_ends_with_its_line() {
    for (input, wanted) in [
        (
            "<34>1 - ghp_ABCDEFG1\n12 <1> x@ab.de \n<1>Q\n",
            "<34>1 - ghp_********\n12 <1> ******* \n<1>Q\n",
        ),
        // No count, one that is too large, one that is more than there is.
        ("12-ghp_ABCDEFG1", "12-ghp_********"),
        ("99999999999 ghp_ABCDEFG1\n", "99999999999 ghp_********\n"),
        ("999 ghp_ABCDEFG1", "999 ghp_********"),
        ("0 ghp_ABCDEFG1", "0 ghp_********"),
        // Lines that begin with a number.
        (
            "<34>1 - dump:\n5 passwd: hunter22\n<34>1 - -\n",
            "<34>1 - dump:\n5 passwd: ********\n<34>1 - -\n",
        ),
        ("5 ", "5 "),
        ("12", "12"),
        ("", ""),
    ] {
        becomes(Format::Syslog, input, wanted);
    }
}

#[test]
fn lines_of_text_stay_lines() {
    // RFC 5424 and 3164 with an end of line behind each, and logfmt.
    becomes(
        Format::Text,
        "<34>1 2026-11-22T11:00:00Z h a - - [x@1 passwd=\"hunter22\"] to x@ab.de\n<13>Nov 22 11:00:00 h a[12]: ghp_ABCDEFG1\n\
         at=info passwd=hunter22 api_key=\"hunter 23\" msg=\"to \\\"x@ab.de\\\"\" n=4111111111111111\n",
        "<34>1 2026-11-22T11:00:00Z h a - - [x@1 passwd=\"[t.keyed]\"] to *******\n<13>Nov 22 11:00:00 h a[12]: ghp_[t.key]\n\
         at=info passwd=[t.keyed] api_key=\"[t.keyed] 23\" msg=\"to \\\"*******\\\"\" n=[t.card]\n",
    );
}
