//! Multipart that is redacted has the parts it had: boundaries and headers stay, each part is what its content type says, and no finding
//! reaches over a boundary. An independent reader of MIME says so.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use blackbar_carriers::{Carrier, Files, Format, Views};
use mailparse::{MailHeaderMap, ParsedMail};
use support::{Random, Subject};

const TYPE: &str = "multipart/form-data; boundary=XyZ";

fn format() -> Format {
    Format::of(Some(TYPE.as_bytes()))
}

/// Lines as they are sent.
fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

#[track_caller]
fn becomes(input: &str, wanted: &str) {
    let got = Subject::new().check(&crlf(input), format(), Views::default());
    assert_eq!(
        String::from_utf8_lossy(&got.out).replace("\r\n", "\n"),
        wanted
    );
}

#[test]
fn each_part_is_what_its_type_says() {
    becomes(
        r#"--XyZ
Content-Disposition: form-data; name="note"

mail x@ab.de and ghp_ABCDEFG1
--XyZ
Content-Disposition: form-data; name="meta"
Content-Type: application/json; charset=utf-8

{"a":4111111111111111,"b":"gh\u0070_ABCDEFG1"}
--XyZ
Content-Disposition: form-data; name="query"
Content-Type: application/x-www-form-urlencoded

a=ghp_ABCDEFG1&b=2
--XyZ
Content-Disposition: form-data; name="file"; filename="a.bin"

ghp_ABCDEFG1
--XyZ
Content-Type: image/png

ghp_ABCDEFG1
--XyZ--
"#,
        r#"--XyZ
Content-Disposition: form-data; name="note"

mail ******* and ghp_[t.key]
--XyZ
Content-Disposition: form-data; name="meta"
Content-Type: application/json; charset=utf-8

{"a":9999999999999999,"b":"gh\u0070_[t.key]"}
--XyZ
Content-Disposition: form-data; name="query"
Content-Type: application/x-www-form-urlencoded

a=ghp_%5Bt.key%5D&b=2
--XyZ
Content-Disposition: form-data; name="file"; filename="a.bin"

ghp_********
--XyZ
Content-Type: image/png

ghp_********
--XyZ--
"#,
    );
}

#[test]
fn the_name_of_a_field_names_its_value() {
    becomes(
        "--XyZ\nContent-Disposition: form-data; name=passwd\n\nhunter22\n--XyZ\nContent-Disposition: form-data; name=\"user.api_key\"\n\n\
         hunter23\n--XyZ\nContent-Disposition: form-data; name=\"other\"\n\nhunter24\n--XyZ--\n",
        "--XyZ\nContent-Disposition: form-data; name=passwd\n\n[t.keyed]\n--XyZ\nContent-Disposition: form-data; name=\"user.api_key\"\n\n\
         [t.keyed]\n--XyZ\nContent-Disposition: form-data; name=\"other\"\n\nhunter24\n--XyZ--\n",
    );
}

#[test]
fn what_is_found_in_headers_leaves_them_valid() {
    becomes(
        "--XyZ\nContent-Disposition: form-data; name=\"ghp_ABCDEFG1\"; filename=\"a \\\" ghp_ABCDEFG2.txt\"\nX-Note: ghp_ABCDEFG3\n  x@ab.de\n\n\
         1\n--XyZ\nContent-Disposition: form-data; name=ghp_ABCDEFG1; filename*=UTF-8''x%40ab.de; sort=ghp_ABCDEFG1\nContent-Type: text/plain; charset=ghp_ABCDEFG1\n\n2\n--XyZ--\n",
        "--XyZ\nContent-Disposition: form-data; name=\"ghp_[t.key]\"; filename=\"a \\\" ghp_[t.key].txt\"\nX-Note: ghp_[t.key]\n  *******\n\n\
         1\n--XyZ\nContent-Disposition: form-data; name=ghp_********; filename*=UTF-8''*********; sort=ghp_********\nContent-Type: text/plain; charset=ghp_ABCDEFG1\n\n2\n--XyZ--\n",
    );
    // A name of a parameter is no key of what follows it.
    let policy = support::POLICY.replace("\"passwd\"]", "\"passwd\", \"name\", \"filename\"]");
    let text = crlf(
        "--XyZ\nContent-Disposition: form-data; name=\"comment\"; filename=\"holidays\"\n\n-\n--XyZ--",
    );
    let got = Subject::of(&policy).check(&text, format(), Views::default());
    assert_eq!(got.out, text);
}

#[test]
fn no_header_is_exempt() {
    becomes(
        "--XyZ\nContent-Transfer-Encoding: ghp_ABCDEFG1\nContent-Disposition: a; boundary=ghp_ABCDEFG1; charset=\"ghp_ABCDEFG1\"\n\nx\n--XyZ--\n",
        "--XyZ\nContent-Transfer-Encoding: ghp_********\nContent-Disposition: a; boundary=ghp_********; charset=\"ghp_[t.key]\"\n\nx\n--XyZ--\n",
    );
}

#[test]
fn the_longest_headers_are_the_same_in_every_cut() {
    const LONGEST: usize = 8192;
    let subject = Subject::new();
    for len in LONGEST - 1..=LONGEST + 1 {
        for end in ["", "--XyZ", "--XyZ--", "--XyZ\r\n", "X: y", "\r\n"] {
            let first = "Content-Type: application/json\r\n";
            let more = len - first.len() - end.len();
            let text = format!("--XyZ\r\n{first}X:{}\r\n{end}", "y".repeat(more - 4));
            assert_eq!(text.len(), 7 + len);
            for tail in ["", "\r\n", "\r\n[4111111111111111]"] {
                let text = format!("{text}{tail}");
                let whole = subject.run(text.as_bytes(), format(), Views::default(), &[]);
                for cut in 7 + LONGEST - 10..text.len() {
                    let got = subject.run(text.as_bytes(), format(), Views::default(), &[cut]);
                    assert_eq!(got, whole, "{len} {end:?} {tail:?} {cut}");
                    let ends: Vec<usize> = (cut..text.len()).collect();
                    let got = subject.run(text.as_bytes(), format(), Views::default(), &ends);
                    assert_eq!(got, whole, "{len} {end:?} {tail:?} {cut}..");
                }
            }
        }
    }
}

#[test]
fn the_longest_headers_may_end_before_the_end_is_told() {
    let subject = Subject::new();
    for len in 8191..=8193 {
        let first = "Content-Transfer-Encoding: ghp_ABCDEFG1\r\n";
        let more = "y".repeat(len - first.len() - 4);
        let text = format!("--XyZ\r\n{first}X:{more}\r\n");
        let whole = subject.run(text.as_bytes(), format(), Views::default(), &[]);
        let mut carrier = Carrier::new(format());
        carrier.push(&subject.engine, &subject.plan, text.as_bytes(), false);
        carrier.push(&subject.engine, &subject.plan, b"", true);
        let mut out = Vec::new();
        carrier.take_output(&mut out);
        assert!(out == whole.out, "{len}");
    }
}

#[test]
fn headers_like_boundaries_are_read_once() {
    let subject = Subject::new();
    let text = |line: &str| {
        let lines = line.repeat(1300);
        format!("--XyZ\r\n{lines}\r\nghp_ABCDEFG1\r\n--XyZ--\r\n")
    };
    // How long it takes byte by byte: the best of three, for what else runs only adds to it.
    let time = |text: &str| {
        let whole = subject.run(text.as_bytes(), format(), Views::default(), &[]);
        let ends: Vec<usize> = (1..text.len()).collect();
        let times = [(); 3].map(|()| {
            let start = std::time::Instant::now();
            let got = subject.run(text.as_bytes(), format(), Views::default(), &ends);
            let time = start.elapsed();
            assert_eq!(got, whole);
            assert_eq!(
                String::from_utf8(got.out).unwrap(),
                text.replace("ABCDEFG1", "[t.key]")
            );
            time
        });
        times.into_iter().min().unwrap()
    };
    let (plain, like) = (time(&text("xxx:\r\n")), time(&text("--x:\r\n")));
    assert!(like < 5 * plain, "{like:?} {plain:?}");
}

#[test]
fn no_finding_reaches_over_a_boundary() {
    // `t.pem` grows over everything, `t.bytes` over any three bytes.
    becomes(
        "Q--\n--XyZ\n\n-----Babc\n--XyZ\n\nQ\n--XyZ\n\nghp_ABCD\n--XyZ\n\nEFG1\n--XyZ--\nQ123",
        "Q--\n--XyZ\n\n-----B[t.pem]\n--XyZ\n\nQ\n--XyZ\n\nghp_ABCD\n--XyZ\n\nEFG1\n--XyZ--\nQ***",
    );
}

#[test]
fn messages_in_a_batch_keep_their_length() {
    let batch = |key: &str| {
        format!(
            "--XyZ\nContent-Type: application/http\n\nPOST /a HTTP/1.1\nContent-Type: application/json\nContent-Length: 20\n\n\
             {{\"a\":\"ghp_{key}\"}}\n--XyZ--\n"
        )
    };
    becomes(&batch("ABCDEFG1"), &batch("********"));
}

/// OkHttp and Guzzle say of every part how long it is, and readers rely on it: aiohttp reads so many bytes, Netty takes no more.
#[test]
fn what_says_how_long_it_is_stays_as_long() {
    let part = |headers: &str, body: &str| {
        format!(
            "--XyZ\n{headers}content-LENGTH: {}\n\n{body}\n--XyZ\n\nghp_",
            body.len()
        )
    };
    for (headers, before, after) in [
        ("", "a ghp_ABCDEFG1 b", "a ghp_******** b"),
        (
            "Content-Disposition: form-data; name=api_key\n",
            "hunter22",
            "********",
        ),
        (
            "Content-Type: application/json\n",
            r#"{"passwd":"hunter22","a":"ghp_ABCDEFG1","n":4111111111111111}"#,
            r#"{"passwd":"********","a":"ghp_********","n":9999999999999999}"#,
        ),
        (
            "Content-Type: application/x-www-form-urlencoded\n",
            "a=ghp_ABCDEFG1&b=1",
            "a=ghp_********&b=1",
        ),
        (
            "Content-Type: text/xml\n",
            "<a b='ghp_ABCDEFG1'>ghp_ABCDEFG1</a>",
            "<a b='ghp_********'>ghp_********</a>",
        ),
        (
            "Content-Type: multipart/mixed; boundary=i\n",
            "--i\r\nX: ghp_ABCDEFG1\r\n\r\nghp_ABCDEFG1\r\n--i--\r\n",
            "--i\r\nX: ghp_********\r\n\r\nghp_********\r\n--i--\r\n",
        ),
    ] {
        // What follows it is not counted, and is a haystack of its own.
        let rest = |text: &str| format!("{text}\n--XyZ--\n");
        let whole = |body: &str, key: &str| {
            let text = part(headers, &"-".repeat(body.len())) + &rest(key);
            let text = String::from_utf8(crlf(&text)).unwrap();
            text.replace(&"-".repeat(body.len()), body).into_bytes()
        };
        let got = Subject::new().check(&whole(before, "ABCDEFG1"), format(), Views::ALL);
        assert_eq!(
            String::from_utf8_lossy(&got.out),
            String::from_utf8_lossy(&whole(after, "[t.key]"))
        );
    }
    // What a rule names, whole.
    for (headers, before, after) in [
        ("", "hunter2", "*******"),
        ("Content-Type: application/json\n", "\"a\"", "***"),
    ] {
        let headers = format!("Content-Disposition: form-data; name=password\n{headers}");
        let whole = |body: &str| crlf(&(part(&headers, body) + "ABCDEFG1\n--XyZ--\n"));
        let got = Subject::of(support::FIELDS).check(&whole(before), format(), Views::ALL);
        let after = String::from_utf8(whole(after)).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&got.out),
            after.replace("ABCDEFG1", "[t.key]")
        );
    }
}

#[test]
fn parts_have_parts() {
    let nested = |depth: usize| {
        let mut text = String::from("\n\nghp_ABCDEFG1");
        for at in (0..depth).rev() {
            let name = format!("n{at}");
            text = format!(
                "\nContent-Type: multipart/mixed; boundary={name}\n\n--{name}{text}\n--{name}\nContent-Type: application/json\n\n\"Q\"\n--{name}--"
            );
        }
        format!("--XyZ{text}\n--XyZ--\n")
    };
    for depth in 0..3 {
        let text = nested(depth);
        becomes(&text, &text.replace("ABCDEFG1", "[t.key]"));
    }
    // Deeper ones are text: the boundary of the innermost is covered by what is found before it.
    let text = nested(3);
    let wanted = text.replace("ABCDEFG1", "[t.key]");
    becomes(&text, &wanted.replacen("\"Q\"\n", "\"Q***", 1));
}

#[test]
fn what_is_malformed_is_text() {
    // No boundary; headers that are none, or too long; no end; no empty line; line feeds only.
    for (input, wanted) in [
        ("ghp_ABCDEFG1\n--XyW\n", "ghp_[t.key]\n--XyW\n"),
        (
            "--XyZ\nno header\nContent-Type: image/png\n\nghp_ABCDEFG1\n--XyZ--",
            "--XyZ\nno header\nContent-Type: image/png\n\nghp_[t.key]\n--XyZ--",
        ),
        ("--XyZ\n\nghp_ABCDEFG1", "--XyZ\n\nghp_[t.key]"),
        (
            "--XyZ\nX: ghp_ABCDEFG1\n--XyZ\nX: y",
            "--XyZ\nX: ghp_[t.key]\n--XyZ\nX: y",
        ),
        (
            "--XyZ--\nghp_ABCDEFG1\n--XyZ\n",
            "--XyZ--\nghp_[t.key]\n--XyZ\n",
        ),
        ("", ""),
        ("--XyZ", "--XyZ"),
    ] {
        becomes(input, wanted);
        let got = Subject::new().check(input.as_bytes(), format(), Views::default());
        assert_eq!(String::from_utf8_lossy(&got.out), wanted);
    }
    let long = format!("--XyZ\nX: {}\n\nghp_ABCDEFG1\n--XyZ--", "y".repeat(9000));
    let subject = Subject::new();
    let hay = crlf(&long);
    let whole = subject.run(&hay, format(), Views::default(), &[]);
    assert_eq!(
        String::from_utf8_lossy(&whole.out),
        String::from_utf8_lossy(&hay).replace("ABCDEFG1", "[t.key]")
    );
    for cut in [8000, 8191, 8192, 8193, 8199, 8200, 9000] {
        assert_eq!(subject.run(&hay, format(), Views::default(), &[cut]), whole);
    }
}

#[test]
fn without_a_boundary_the_first_line_tells() {
    let unnamed = Format::of(Some(b"multipart/form-data"));
    let text =
        crlf("--any thing\nContent-Type: application/json\n\n[4111111111111111]\n--any thing--\n");
    let got = Subject::new().check(&text, unnamed, Views::default());
    assert!(got.out.windows(18).any(|w| w == b"[9999999999999999]"));
    // A first line that is too long tells nothing, however it comes.
    let subject = Subject::new();
    for padding in 0..200 {
        let text = format!(
            "--{0}{1}\r\n\r\n--{0}\r\nContent-Type: application/json\r\n\r\n[4111111111111111]",
            "b".repeat(70),
            " ".repeat(padding)
        );
        let whole = subject.run(text.as_bytes(), unnamed, Views::default(), &[]);
        assert_eq!(whole.out.ends_with(b"[9999999999999999]"), padding < 65);
        let ends: Vec<usize> = (1..text.len()).collect();
        let got = subject.run(text.as_bytes(), unnamed, Views::default(), &ends);
        assert_eq!(got, whole, "{padding}");
    }
    for text in [
        "x ghp_ABCDEFG1",
        "--\nghp_ABCDEFG1",
        "--a\u{1}\nghp_ABCDEFG1",
    ] {
        let got = Subject::new().check(text.as_bytes(), unnamed, Views::default());
        assert_eq!(
            String::from_utf8(got.out).unwrap(),
            text.replace("ABCDEFG1", "[t.key]")
        );
    }
}

#[test]
fn transfer_encodings_are_read() {
    becomes(
        "--XyZ\nContent-Transfer-Encoding: quoted-printable\n\nto x=40ab.de\n--XyZ\nContent-Transfer-Encoding: BASE64\n\n\
         c2F5IGdocF9BQkNERUZHMSBub3cgYW5k\n--XyZ--\n",
        "--XyZ\nContent-Transfer-Encoding: quoted-printable\n\nto *********\n--XyZ\nContent-Transfer-Encoding: BASE64\n\n\
         c2F5IGdocF[t.key]Bub3cgYW5k\n--XyZ--\n",
    );
}

#[test]
fn files_pass_where_that_is_asked_for() {
    let text = crlf(
        "--XyZ\nContent-Disposition: form-data; name=\"f\"; filename=\"ghp_ABCDEFG1\"\n\nghp_ABCDEFG1\n--XyZ\n\nghp_ABCDEFG1\n--XyZ--\n",
    );
    let subject = Subject::new();
    for size in 1..text.len() {
        let mut carrier = Carrier::default();
        carrier.set_files(Files::Pass);
        carrier.reset(format());
        let mut out = Vec::new();
        for chunk in text.chunks(size) {
            carrier.push(&subject.engine, &subject.plan, chunk, false);
            carrier.take_output(&mut out);
        }
        carrier.push(&subject.engine, &subject.plan, b"", true);
        carrier.take_output(&mut out);
        assert_eq!(carrier.passed(), 1);
        assert_eq!(
            String::from_utf8(out).unwrap().replace("\r\n", "\n"),
            "--XyZ\nContent-Disposition: form-data; name=\"f\"; filename=\"ghp_[t.key]\"\n\nghp_ABCDEFG1\n--XyZ\n\nghp_[t.key]\n--XyZ--\n"
        );
    }
}

#[test]
fn memory_is_bounded() {
    let subject = Subject::new();
    let mut carrier = Carrier::new(format());
    let run = |carrier: &mut Carrier, piece: &[u8], times: usize| {
        let mut most = 0;
        for _ in 0..times {
            carrier.push(&subject.engine, &subject.plan, piece, false);
            carrier.clear();
            carrier.rest(&mut Vec::new());
            most = most.max(carrier.memory());
        }
        most
    };
    run(&mut carrier, b"--XyZ\r\n\r\n", 1);
    let once = run(
        &mut carrier,
        &b"words, line after line\r\n--Xy".repeat(100),
        1,
    );
    let often = run(
        &mut carrier,
        &b"words, line after line\r\n--Xy".repeat(100),
        500,
    );
    assert!(often <= once + 4096, "{once} {often}");
    let parts = run(&mut carrier, &b"\r\n--XyZ\r\nA: b\r\n\r\n".repeat(50), 500);
    assert!(parts <= once + 4096, "{once} {parts}");
    let headers = run(&mut carrier, b"\r\n--XyZ\r\nA: b\r\n", 1);
    let headers = headers.max(run(&mut carrier, b"A: bbbbbbbbbbbbbb\r\n", 5000));
    assert!(headers <= once + 3 * 8192, "{once} {headers}");
}

impl Random {
    fn text(&mut self) -> String {
        const BITS: &[&str] = &[
            "ghp_ABCDEFG1",
            "x@ab.de",
            "4111111111111111",
            "Q",
            "é",
            "-----B",
            "~",
            "sk-abcdefgh",
            "passwd: ",
            "words",
            "\r\n",
            "\r",
            "\n",
            "--",
            // At the beginning of a line the reader takes it for a boundary.
            "x--XyZ",
            "yZ",
            " ",
        ];
        (0..self.below(6)).map(|_| self.pick(BITS)).collect()
    }

    fn quoted(&mut self) -> String {
        const BITS: &[&str] = &[
            "ghp_ABCDEFG1",
            "x@ab.de",
            "Q",
            "\\\"",
            "\\\\",
            "é",
            "a",
            ";",
            "=",
            " ",
            "passwd",
        ];
        (0..self.below(4)).map(|_| self.pick(BITS)).collect()
    }

    fn part(&mut self, depth: usize) -> String {
        let mut head = String::new();
        if self.below(3) > 0 {
            head += &format!("Content-Disposition: form-data; name=\"{}\"", self.quoted());
            if self.below(3) == 0 {
                head += &format!("; filename=\"{}\"", self.quoted());
            }
            head += "\r\n";
        }
        let (kind, body) = match self.below(if depth == 0 { 4 } else { 5 }) {
            0 => (String::new(), self.text()),
            1 => ("text/plain".to_owned(), self.text()),
            2 => (
                "application/json".to_owned(),
                serde_json::json!({ "a": self.text(), "b": 4_111_111_111_111_111_u64 }).to_string(),
            ),
            3 => ("application/octet-stream".to_owned(), self.text()),
            _ => {
                let inner = format!("in{depth}");
                let parts: String = (0..self.below(3))
                    .map(|_| format!("--{inner}\r\n{}\r\n", self.part(depth - 1)))
                    .collect();
                let all = format!("{parts}--{inner}--\r\n");
                (format!("multipart/mixed; boundary=\"{inner}\""), all)
            }
        };
        if !kind.is_empty() {
            head += &format!("Content-Type: {kind}\r\n");
        }
        format!("{head}\r\n{body}")
    }
}

/// What a reader makes of a message: for each part its headers' names, its type, and its body.
fn read(body: &[u8]) -> Vec<(Vec<String>, String, Vec<u8>)> {
    fn parts(mail: &ParsedMail<'_>, all: &mut Vec<(Vec<String>, String, Vec<u8>)>) {
        let names = mail.headers.iter().map(|header| header.get_key());
        let mut body = Vec::new();
        if mail.subparts.is_empty() {
            body = mail.get_body_raw().unwrap();
        }
        let disposition = mail.headers.get_first_value("Content-Disposition");
        let params = mailparse::parse_content_disposition(&disposition.unwrap_or_default());
        let names = names.chain(params.params.into_keys()).collect();
        all.push((names, mail.ctype.mimetype.clone(), body));
        for part in &mail.subparts {
            parts(part, all);
        }
    }
    let message = [format!("Content-Type: {TYPE}\r\n\r\n").as_bytes(), body].concat();
    let mut all = Vec::new();
    parts(&mailparse::parse_mail(&message).unwrap(), &mut all);
    for entry in &mut all {
        entry.0.sort();
    }
    all
}

#[test]
fn a_reader_finds_the_same_parts() {
    let subject = Subject::new();
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut changed = 0;
    for turn in 0..150 {
        let parts: String = (0..1 + random.below(4))
            .map(|_| format!("--XyZ\r\n{}\r\n", random.part(2)))
            .collect();
        let text = format!("{parts}--XyZ--\r\n");
        let got = if turn < 60 {
            subject.check(text.as_bytes(), format(), Views::ALL)
        } else {
            let sizes: Vec<usize> = (1..text.len()).filter(|at| at % 5 == 0).collect();
            let whole = subject.run(text.as_bytes(), format(), Views::ALL, &[]);
            assert_eq!(
                subject.run(text.as_bytes(), format(), Views::ALL, &sizes),
                whole
            );
            whole
        };
        let (before, after) = (read(text.as_bytes()), read(&got.out));
        assert_eq!(
            before.len(),
            after.len(),
            "{text}\n{}",
            String::from_utf8_lossy(&got.out)
        );
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(
                before.0,
                after.0,
                "{text}\n{}",
                String::from_utf8_lossy(&got.out)
            );
            assert_eq!(before.1, after.1);
            match before.1.as_str() {
                "application/json" => {
                    let json: serde_json::Value = serde_json::from_slice(&after.2).unwrap();
                    let nines = serde_json::Value::from(9_999_999_999_999_999_u64);
                    assert!(
                        json.as_object()
                            .unwrap()
                            .values()
                            .any(|value| *value == nines)
                    );
                }
                "application/octet-stream" => assert_eq!(before.2.len(), after.2.len()),
                _ => {}
            }
        }
        changed += usize::from(got.out != text.as_bytes());
    }
    assert!(changed > 100, "{changed}");
}
