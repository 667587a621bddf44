//! Rules that name fields, in everything that has names beside JSON: values are replaced whole, in every cut, and what was a document stays one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use blackbar_carriers::{Boundary, Codec, Format, Views};
use ciborium::Value as Cbor;
use rmpv::Value as Pack;
use support::{FIELDS, Random, Subject};

type Found = Vec<(String, u64, u64)>;

#[track_caller]
fn redacts(format: Format, input: &str, wanted: &str) -> Found {
    let got = Subject::of(FIELDS).check(input.as_bytes(), format, Views::ALL);
    assert_eq!(String::from_utf8_lossy(&got.out), wanted, "{input}");
    // Of what breaks more may go the second time.
    if !["~", "<1>", "cut o"].iter().any(|odd| input.contains(odd)) {
        let again = Subject::of(FIELDS).check(&got.out, format, Views::ALL);
        assert_eq!(again.out, got.out, "redacted twice: {input}");
    }
    got.findings
}

#[test]
fn values_of_forms_and_urls() {
    for (input, wanted) in [
        (
            "a=1&Pass_Word=hun%20ter+2&b=2",
            "a=1&Pass_Word=%5Bt.password%5D&b=2",
        ),
        ("p%61ssword=x", "p%61ssword=%5Bt.password%5D"),
        ("pin=12%33&pin=4", "pin=*****&pin=*"),
        ("password=&x=password", "password=&x=password"),
        ("password&passwords=1", "password&passwords=1"),
        (
            "https://h.test/password?password=x&y#pin=1",
            "https://h.test/password?password=%5Bt.password%5D&y#pin=*",
        ),
        (
            "/login?next=/a?password=1=2?3&z",
            "/login?next=/a?password=%5Bt.password%5D&z",
        ),
        (
            "user[email]=a&user%5Bemail%5D=b&user[name]=c&email=d&user=e",
            "user[email]=%5Bt.password%5D&user%5Bemail%5D=%5Bt.password%5D&user[name]=c&email=d&user=e",
        ),
        (
            "cards[][number]=1&cards[7][number]=2&cards[number]=3&x[password][y]=4",
            "cards[][number]=%5Bt.password%5D&cards[7][number]=%5Bt.password%5D&cards[number]=3&x[password][y]=%5Bt.password%5D",
        ),
        // What grows over it goes where it is outside.
        (
            "a=-----Bx&password=y&b=z~",
            "a=-----B%5Bt.pem%5D%5Bt.password%5D~",
        ),
        ("%&%=1&%p=2&pin%=3&%70in=4", "%&%=1&%p=2&pin%=3&%70in=*"),
    ] {
        redacts(Format::Form, input, wanted);
    }
    let shown = "/x?password=[t.password]&y=1";
    redacts(Format::Shown, "/x?password=1&y=1", shown);
    let found = redacts(
        Format::Form,
        "seen=1&password=ghp_ABCDEFG1&y=ghp_ABCDEFG1",
        "seen=1&password=%5Bt.password%5D&y=ghp_%5Bt.key%5D",
    );
    assert_eq!(
        found,
        [
            ("t.key".to_owned(), 20, 28),
            ("t.key".to_owned(), 35, 43),
            ("t.password".to_owned(), 16, 28),
            ("t.seen".to_owned(), 5, 6),
        ]
    );
}

#[test]
fn values_of_cookies_and_headers() {
    redacts(
        Format::Cookies,
        "cookie: a=1; Password=x=y; pin=12; b=2;seen=3",
        "cookie: a=1; Password=[t.password]; pin=**; b=2;seen=3",
    );
    for (input, wanted) in [
        ("Pass-Word: hunter2: 3", "Pass-Word: [t.password]"),
        ("pin:12", "pin:**"),
        ("password: ", "password: "),
        ("x-password: pin: 1", "x-password: pin: 1"),
    ] {
        redacts(Format::Header, input, wanted);
    }
}

#[test]
fn values_of_links() {
    let links = |first: &str, second: &str, third: &str| {
        format!(
            "link: <https://a.test/?x=1&password={first}>; rel=\"next\"; password=x, <https://b.test/?pin={second}&y#password={third}>; rel=last"
        )
    };
    for (shown, tag) in [(false, "%5Bt.password%5D"), (true, "[t.password]")] {
        redacts(
            Format::Links { shown },
            &links("a;b,c\"", "12", "d"),
            &links(tag, "**", tag),
        );
    }
    // Without brackets all of it may be part of it.
    let open = "link: https://a.test/?password=x; rel=next";
    let all = "link: https://a.test/?password=%5Bt.password%5D";
    redacts(Format::Links { shown: false }, open, all);
}

#[test]
fn what_is_empty_is_no_finding() {
    for (format, input) in [
        (
            Format::MessagePack,
            &b"\x83\xa3pin\xa0\xa8password\xc4\x00\xa4seen\x80"[..],
        ),
        (Format::MessagePack, b"\x81\xa3pin\x90"),
        (Format::Cbor, b"\xa3\x63pin\x60\x68password\x40\x64seen\xa0"),
        (Format::Form, b"password=&pin=&seen="),
        (Format::Xml, b"<a><pin></pin><password/><seen/></a>"),
        (
            Format::Multipart(Boundary::default()),
            b"--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n\r\n\
              --b\r\nContent-Disposition: form-data; name=\"seen\"\r\n\r\n\r\n--b--\r\n",
        ),
        (Format::Cookies, b"cookie: pin=; password="),
        (Format::Header, b"pin: "),
    ] {
        let got = Subject::of(FIELDS).check(input, format, Views::ALL);
        assert_eq!(
            got.out.escape_ascii().to_string(),
            input.escape_ascii().to_string()
        );
        assert_eq!(got.findings, [], "{}", input.escape_ascii());
    }
}

#[test]
fn what_is_only_counted_hides_nothing_from_other_rules() {
    redacts(
        Format::Xml,
        "<seen k='ghp_ABCDEFG1'><b><password>x</password></b><c pin='12'/></seen><d>1</d>",
        "<seen k='ghp_[t.key]'><b><password>[t.password]</password></b><c pin='**'/></seen><d>1</d>",
    );
    redacts(
        Format::Form,
        "seen=/a?password=x&seen[pin]=12&seen=ghp_ABCDEFG1",
        "seen=/a?password=%5Bt.password%5D&seen[pin]=**&seen=ghp_%5Bt.key%5D",
    );
    let pack = |inner: &[u8]| [b"\x81\xa4seen\x81\xa3pin", inner].concat();
    let got = Subject::of(FIELDS).check(&pack(b"\xa212"), Format::MessagePack, Views::ALL);
    assert_eq!(got.out, pack(b"\xa2**"));
    let ids: Vec<&str> = got.findings.iter().map(|found| found.0.as_str()).collect();
    assert_eq!(ids, ["t.pin", "t.seen"]);
}

#[test]
fn prefixes_of_xml_are_compared_as_they_are() {
    redacts(
        Format::Xml,
        "<a xmlns:x-ml='u' x-ml:password='x' XML-NS:pin='1' xmlns:pin='2' p:xmlns='3' pin='4'/>",
        "<a xmlns:x-ml='u' x-ml:password='[t.password]' XML-NS:pin='*' xmlns:pin='2' p:xmlns='3' pin='*'/>",
    );
}

#[test]
fn parts_of_multipart() {
    let message = |password: &str, email: &str, json: &str, file: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{password}\r\n\
             --b\r\nContent-Disposition: form-data; name=\"user[email]\"\r\n\r\n{email}\r\n\
             --b\r\nContent-Disposition: form-data; name=\"password\"\r\nContent-Type: application/json\r\n\r\n{json}\r\n\
             --b\r\nContent-Disposition: form-data; name=\"pin\"; filename=\"x\"\r\n\r\n{file}\r\n\
             --b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nghp_x\r\n--b--\r\n"
        )
    };
    redacts(
        Format::Multipart(Boundary::default()),
        &message("hunter\r\n2", "x", "{\"a\": 1}", "1234"),
        &message("[t.password]", "[t.password]", "\"[t.password]\"", "****"),
    );
    let empty = message("", "", "", "");
    redacts(Format::Multipart(Boundary::default()), &empty, &empty);
}

#[test]
fn names_of_parts_are_those_of_their_disposition() {
    let part = |head: &str, value: &str| format!("--b\r\n{head}\r\n\r\n{value}\r\n--b--\r\n");
    let password = "Content-Disposition: form-data; name=\"password\"";
    for head in [
        // The name of a content type is another one, wherever it stands.
        format!("{password}\r\nContent-Type: text/plain; name=\"x\""),
        format!("Content-Type: text/plain; name=\"x\"\r\n{password}"),
        // Receivers take one or the other.
        format!("{password}; name=\"x\""),
        "Content-Disposition: form-data; name=\"x\"; name=\"password\"".to_owned(),
        format!("Content-Disposition: form-data; name=\"x\"\r\n{password}"),
    ] {
        redacts(
            Format::Multipart(Boundary::default()),
            &part(&head, "hunter2"),
            &part(&head, "[t.password]"),
        );
    }
    let other = part(
        "Content-Disposition: form-data; name=\"x\"\r\nContent-Type: text/plain; name=\"password\"",
        "hunter2",
    );
    redacts(Format::Multipart(Boundary::default()), &other, &other);
}

#[test]
fn json_in_frames() {
    let frame = |json: &str| {
        let mut out = vec![0];
        out.extend(u32::try_from(json.len()).unwrap().to_be_bytes());
        out.extend(json.as_bytes());
        out
    };
    let stream = |frames: &[&str]| {
        frames
            .iter()
            .flat_map(|json| frame(json))
            .collect::<Vec<u8>>()
    };
    let before = [
        r#"{"password":"hun\u0074er2","user":{"email":["a","b"]},"x":{"pin":-12.5e3}}"#,
        r#"{"seen":1,"pass_word":true,"pin":null,"a":"ghp_ABCDEFG1"}"#,
        r#"{"password":"broken"#,
        "",
    ];
    let after = [
        r#"{"password":"************","user":{"email":"*******"},"x":{"pin":-99.9e0}}"#,
        r#"{"seen":1,"pass_word":null,"pin":null,"a":"ghp_********"}"#,
        r#"{"password":"******"#,
        "",
    ];
    let got = Subject::of(FIELDS).check(&stream(&before), Format::Frames(Codec::Json), Views::ALL);
    assert_eq!(
        got.out.escape_ascii().to_string(),
        stream(&after).escape_ascii().to_string()
    );
    assert_eq!(got.findings.len(), 7);
}

#[test]
fn elements_and_attributes() {
    for (input, wanted) in [
        (
            "<a><password>x</password><b>password</b></a>",
            "<a><password>[t.password]</password><b>password</b></a>",
        ),
        (
            "<a><n:Pass-Word k='v' xmlns='u'>x<c/><d e='f'>g</d>&amp;<![CDATA[</n:Pass-Word>]]></n:Pass-Word ></a>",
            "<a><n:Pass-Word k='[t.password]' xmlns='u'>[t.password]</n:Pass-Word ></a>",
        ),
        (
            "<a><password><password>x</password>y</password>z</a>",
            "<a><password>[t.password]</password>z</a>",
        ),
        (
            "<a><pin><b/>12<!-- </pin> --></pin><pin/><pin></pin>3</a>",
            "<a><pin>*********************</pin><pin/><pin></pin>3</a>",
        ),
        (
            "<a password=\"x>&quot;y\" pin='' p:pin = '12' xml:pin='3'/>",
            "<a password=\"[t.password]\" pin='' p:pin = '**' xml:pin='3'/>",
        ),
        (
            "<user email='a'><email>b</email><x><email>c</email></x></user>",
            "<user email='[t.password]'><email>[t.password]</email><x><email>c</email></x></user>",
        ),
        (
            "<cards><c><number>1</number></c><c number='2'/><number>3</number></cards>",
            "<cards><c><number>[t.password]</number></c><c number='[t.password]'/><number>3</number></cards>",
        ),
        (
            "<password/>\n<a><password k='v'/>x</a>",
            "<password/>\n<a><password k='[t.password]'/>x</a>",
        ),
        // Where it breaks, all of the line is gone.
        (
            "<a><password>x<1>y</password></a>\n<b>z",
            "<a><password>[t.password]\n<b>z",
        ),
        ("<password>cut o", "<password>[t.password]"),
        ("<pin>cut o", "<pin>*****"),
        // What grows goes where it is outside.
        (
            "<a>-----Bx<pin>yy</pin>z~</a>",
            "<a>-----B[t.pem]<pin>**</pin>[t.pem]~</a>",
        ),
    ] {
        redacts(Format::Xml, input, wanted);
    }
    let found = redacts(
        Format::Xml,
        "<a seen='1'><seen>ghp_ABCDEFG1</seen></a>",
        "<a seen='1'><seen>ghp_[t.key]</seen></a>",
    );
    assert_eq!(
        found,
        [
            ("t.key".to_owned(), 22, 30),
            ("t.seen".to_owned(), 9, 10),
            ("t.seen".to_owned(), 18, 30),
        ]
    );
    // Elements of HTML are no fields.
    let html = "<password>x</password>";
    redacts(Format::Html, html, html);
}

/// What values are, for both formats.
#[derive(Debug, Clone)]
enum Tree {
    Null,
    Truth(bool),
    Number(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    fn random(random: &mut Random, depth: usize) -> Tree {
        const KEYS: &[&str] = &[
            "password",
            "Pass_Word",
            "user",
            "email",
            "cards",
            "number",
            "seen",
            "x",
            "",
        ];
        const TEXTS: &[&str] = &[
            "",
            "hunter2",
            "a string of more than thirty-one bytes, é",
            "user",
        ];
        let below = |random: &mut Random, most| random.below(most);
        match below(random, if depth == 0 { 6 } else { 10 }) {
            0 => Tree::Null,
            1 => Tree::Truth(below(random, 2) == 1),
            2 => Tree::Number(
                [0, 1, -1, 23, 24, -24, 200, -200, 70_000, -5_000_000_000][below(random, 10)],
            ),
            3 => Tree::Real([0.5, 1e300][below(random, 2)]),
            4 => Tree::Text(random.pick(TEXTS).to_owned()),
            5 => Tree::Bytes(vec![0xc0; below(random, 40)]),
            6 | 7 => {
                let len = below(random, 4);
                Tree::List((0..len).map(|_| Tree::random(random, depth - 1)).collect())
            }
            _ => Tree::map(random, depth, KEYS),
        }
    }

    fn map(random: &mut Random, depth: usize, keys: &[&str]) -> Tree {
        let len = 1 + random.below(4);
        let pair = |random: &mut Random| {
            let key = random.pick(keys).to_owned();
            (key, Tree::random(random, depth - 1))
        };
        Tree::Map((0..len).map(|_| pair(random)).collect())
    }

    /// What is left of it where all of it is masked.
    fn masked(&self) -> Tree {
        let stars = |text: &str| "*".repeat(text.len());
        match self {
            Tree::Null => Tree::Null,
            Tree::Truth(_) => Tree::Truth(false),
            // As many bytes, and in CBOR the sign stands in the head: minus one is zero there.
            Tree::Number(_) => Tree::Number(0),
            Tree::Real(_) => Tree::Real(0.0),
            Tree::Text(text) => Tree::Text(stars(text)),
            Tree::Bytes(bytes) => Tree::Bytes(vec![b'*'; bytes.len()]),
            Tree::List(list) => Tree::List(list.iter().map(Tree::masked).collect()),
            Tree::Map(map) => {
                let pair = |(key, value): &(String, Tree)| (stars(key), value.masked());
                Tree::Map(map.iter().map(pair).collect())
            }
        }
    }

    /// What is left of it; `path`: keys from the root on.
    fn redacted(&self, path: &mut Vec<String>) -> Tree {
        let fold = |key: &str| key.replace('_', "").to_lowercase();
        if let Some(last) = path.last() {
            let named = last == "password"
                || path.iter().map(String::as_str).eq(["user", "email"])
                || path.len() == 3 && path[0] == "cards" && path[2] == "number";
            if named {
                return self.masked();
            }
        }
        match self {
            Tree::List(list) => {
                let inside = list.iter().map(|value| {
                    path.push("[]".to_owned());
                    let value = value.redacted(path);
                    path.pop();
                    value
                });
                Tree::List(inside.collect())
            }
            Tree::Map(map) => {
                let inside = map.iter().map(|(key, value)| {
                    path.push(fold(key));
                    let new = value.redacted(path);
                    path.pop();
                    (key.clone(), new)
                });
                Tree::Map(inside.collect())
            }
            other => other.clone(),
        }
    }

    fn pack(&self) -> Pack {
        match self {
            Tree::Null => Pack::Nil,
            Tree::Truth(truth) => Pack::from(*truth),
            Tree::Number(number) => Pack::from(*number),
            Tree::Real(real) => Pack::F64(*real),
            Tree::Text(text) => Pack::from(text.as_str()),
            Tree::Bytes(bytes) => Pack::Binary(bytes.clone()),
            Tree::List(list) => Pack::Array(list.iter().map(Tree::pack).collect()),
            Tree::Map(map) => {
                let pair = |(key, value): &(String, Tree)| (Pack::from(key.as_str()), value.pack());
                Pack::Map(map.iter().map(pair).collect())
            }
        }
    }

    fn cbor(&self) -> Cbor {
        match self {
            Tree::Null => Cbor::Null,
            Tree::Truth(truth) => Cbor::Bool(*truth),
            Tree::Number(number) => Cbor::Integer((*number).into()),
            Tree::Real(real) => Cbor::Float(*real),
            Tree::Text(text) => Cbor::Text(text.clone()),
            Tree::Bytes(bytes) => Cbor::Bytes(bytes.clone()),
            Tree::List(list) => Cbor::Array(list.iter().map(Tree::cbor).collect()),
            Tree::Map(map) => {
                let pair = |(key, value): &(String, Tree)| (Cbor::Text(key.clone()), value.cbor());
                Cbor::Map(map.iter().map(pair).collect())
            }
        }
    }
}

/// Negative numbers in CBOR are masked to minus one, which is their zero.
fn zeros(value: Cbor) -> Cbor {
    match value {
        Cbor::Integer(number) if i128::from(number) == -1 => Cbor::Integer(0.into()),
        Cbor::Array(list) => Cbor::Array(list.into_iter().map(zeros).collect()),
        Cbor::Map(map) => Cbor::Map(map.into_iter().map(|(k, v)| (zeros(k), zeros(v))).collect()),
        other => other,
    }
}

#[test]
fn values_of_messagepack_and_cbor() {
    let subject = Subject::of(FIELDS);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut masked = 0;
    for turn in 0..120 {
        let keys = &["password", "user", "cards", "x", "seen"];
        let tree = Tree::map(&mut random, 4, keys);
        let wanted = tree.redacted(&mut Vec::new());

        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &tree.pack()).unwrap();
        let got = subject.check(&bytes, Format::MessagePack, Views::ALL);
        assert_eq!(got.out.len(), bytes.len());
        let after = rmpv::decode::read_value(&mut got.out.as_slice()).unwrap();
        assert_eq!(
            after.to_string(),
            wanted.pack().to_string(),
            "{turn} {tree:?}"
        );
        masked += usize::from(got.out != bytes);

        let mut bytes = Vec::new();
        ciborium::into_writer(&tree.cbor(), &mut bytes).unwrap();
        let got = subject.check(&bytes, Format::Cbor, Views::ALL);
        assert_eq!(got.out.len(), bytes.len());
        let after: Cbor = ciborium::from_reader(got.out.as_slice()).unwrap();
        assert_eq!(zeros(after), zeros(wanted.cbor()), "{turn} {tree:?}");
    }
    assert!(masked > 40, "{masked}");
}

#[test]
fn what_only_one_of_them_has() {
    let check = |format, input: &[u8], wanted: &[u8]| {
        let got = Subject::of(FIELDS).check(input, format, Views::ALL);
        assert_eq!(
            got.out.escape_ascii().to_string(),
            wanted.escape_ascii().to_string()
        );
        got.findings.len()
    };
    // Strings in pieces, keys in pieces, tags, lists without a length, simple values.
    check(
        Format::Cbor,
        b"\xbf\x63pin\x7f\x62ab\x61c\xff\x7f\x61p\x62in\xff\xc1\x1a\x01\x02\x03\x04\x63pin\x9f\xf5\xf8\xff\xff\x61x\x61y\xff",
        b"\xbf\x63pin\x7f\x62**\x61*\xff\x7f\x61p\x62in\xff\xc1\x1a\x00\x00\x00\x00\x63pin\x9f\xf4\xf8\xff\xff\x61x\x61y\xff",
    );
    // A time of MessagePack is an extension; what is packed in bytes has fields as well, and is bytes where it is one itself.
    let inner = b"\x92\x01\x81\xa3pin\xa12";
    let twice = |head: &[u8], tail: &[u8]| [head, &[0xc4, inner.len() as u8], tail].concat();
    check(
        Format::MessagePack,
        b"\x81\xa3pin\xd6\xff\x01\x02\x03\x04",
        b"\x81\xa3pin\xd6\xff\x00\x00\x00\x00",
    );
    check(
        Format::MessagePack,
        &twice(b"\x92\xa1t", inner),
        &twice(b"\x92\xa1t", b"\x92\x01\x81\xa3pin\xa1*"),
    );
    check(
        Format::MessagePack,
        &twice(b"\x81\xa3pin", inner),
        &twice(b"\x81\xa3pin", &[b'*'; 9]),
    );
    // Broken, or cut off: all that is left.
    check(
        Format::MessagePack,
        b"\x82\xa3pin\x92\xa2ab\xc1 and so on",
        &[b"\x82\xa3pin\x92\xa2".as_slice(), &[b'*'; 13]].concat(),
    );
    check(
        Format::MessagePack,
        b"\x81\xa3pin\xa9hunt",
        b"\x81\xa3pin\xa9****",
    );
    let found = check(
        Format::MessagePack,
        b"\x81\xa4seen\x01",
        b"\x81\xa4seen\x01",
    );
    assert_eq!(found, 1);
}
