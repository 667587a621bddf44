//! The table of evasions in docs/carriers.md that are about messages: each way to hide a key is sent through the real module, and what the
//! upstream gets must be what the table says.

mod filter_support;

use std::collections::BTreeMap;

use blackbar_host_test::{Chunking, Headers, Host, Transaction};
use filter_support::*;

/// What `demo.key` finds.
const KEY: &str = "key-12345678";

/// Base64 of `note key-12345678 of the day`.
const BASE64: &str = "bm90ZSBrZXktMTIzNDU2Nzggb2YgdGhlIGRheQ==";

/// Base64 of `key-12345678` in a field of a protobuf message.
const MESSAGE: &str = "CAUSDGtleS0xMjM0NTY3OA";

/// Where something is hidden, and what stands there.
enum Hidden {
    Header(&'static str, Vec<String>),
    Path(String),
    Trailer(&'static str, String),
    Body(&'static str, Vec<u8>),
    /// Frames of WebSocket.
    Socket(Vec<u8>),
    /// The same, and a header of their handshake.
    Announced(&'static str, &'static str, Vec<u8>),
}

fn ways() -> BTreeMap<&'static str, Hidden> {
    use Hidden::{Announced, Body, Header, Path, Socket, Trailer};
    let one = |name, value: String| Header(name, vec![value]);
    let body = |media, text: String| Body(media, text.into_bytes());
    let frame = |flag: u8| {
        let mut message = vec![0x0a, KEY.len() as u8];
        message.extend(KEY.as_bytes());
        [&[flag, 0, 0, 0, message.len() as u8][..], &message].concat()
    };
    let socket = |first: u8, text: &str| {
        let payload = text.bytes().zip([1, 2, 3, 4].into_iter().cycle());
        let mut frame = vec![first, 0x80 | text.len() as u8, 1, 2, 3, 4];
        frame.extend(payload.map(|(byte, key)| byte ^ key));
        frame
    };
    let part =
        format!("--b\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n{KEY}\r\n--b--\r\n");
    BTreeMap::from([
        ("a header", one("x-note", KEY.into())),
        (
            "the second of two headers of one name",
            Header("x-note", vec!["a".into(), KEY.into()]),
        ),
        (
            "halves in two headers of one name",
            Header("x-note", vec!["key-1234".into(), "5678".into()]),
        ),
        (
            "one of three headers of one name, the others as they were",
            Header("x-note", vec!["a".into(), KEY.into(), "b".into()]),
        ),
        // Some proxies hand folds on; Envoy takes the line end out and leaves the space.
        ("a folded header", one("x-note", format!("a\r\n {KEY}"))),
        (
            "a folded header, folded in the key",
            one("x-note", "key-1234 5678".into()),
        ),
        (
            "a cookie by its name only",
            one("cookie", "a=1; sesame_key=abcdefghijkl0; b=2".into()),
        ),
        (
            "`authorization`, a parameter",
            one("authorization", format!("Hawk id=\"a\", mac=\"{KEY}\"")),
        ),
        (
            "the password of a URL in `referer`",
            one("referer", format!("https://u:{KEY}@a.test/")),
        ),
        (
            "metadata that ends with `-bin`, without padding",
            one("note-bin", BASE64.trim_end_matches('=').into()),
        ),
        (
            "metadata that ends with `-bin`, the second of a list",
            one("note-bin", format!("YQ==, {BASE64}")),
        ),
        (
            "metadata that ends with `_bin`",
            one("note_bin", BASE64.into()),
        ),
        (
            "metadata that ends with `-bin`, in a protobuf message",
            one("grpc-status-details-bin", MESSAGE.into()),
        ),
        (
            "`_` for `-` in a name that is otherwise left alone",
            one("sec_websocket_key", KEY.into()),
        ),
        ("base64 in another header", one("x-note", BASE64.into())),
        (
            "a trailer that ends with `-bin`",
            Trailer("note-bin", BASE64.into()),
        ),
        (
            "a cookie among others",
            one("cookie", format!("a=1; k={KEY}; b=2")),
        ),
        (
            "`authorization` with a token",
            one("authorization", format!("Bearer {KEY}")),
        ),
        (
            "`authorization`, Basic",
            one("authorization", format!("Basic {BASE64}")),
        ),
        (
            "`referer`, percent codes",
            one("referer", "https://a.test/?k=%6Bey-12345678".into()),
        ),
        (
            "metadata that ends with `-bin`",
            one("note-bin", BASE64.into()),
        ),
        (
            "`_` for `-` in a name",
            one("sesame_key", "abcdefghijkl0".into()),
        ),
        (
            "the path, percent codes",
            Path("/a/%6Bey%2D12345678/b".into()),
        ),
        (
            "the query, percent codes twice",
            Path("/?k=%256Bey-12345678".into()),
        ),
        ("the name of a parameter", Path(format!("/?{KEY}=1"))),
        ("a trailer", Trailer("x-sum", KEY.into())),
        (
            "a form",
            body(
                "application/x-www-form-urlencoded",
                "a=1&k=%6Bey-12345678".into(),
            ),
        ),
        (
            "JSON, in a key",
            body("application/json", format!("{{\"{KEY}\":1}}")),
        ),
        (
            "a part of multipart",
            body("multipart/form-data; boundary=b", part),
        ),
        (
            "a part of multipart, JSON with escapes",
            body(
                "multipart/form-data; boundary=b",
                "--b\r\ncontent-type: application/json\r\n\r\n[\"\\u006bey-12345678\"]\r\n--b--\r\n"
                    .into(),
            ),
        ),
        (
            "a part of multipart in a part of multipart",
            body(
                "multipart/mixed; boundary=b",
                format!("--b\r\ncontent-type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n{KEY}\r\n--c--\r\n--b--\r\n"),
            ),
        ),
        (
            "a part of multipart, base64",
            body(
                "multipart/form-data; boundary=b",
                format!("--b\r\ncontent-transfer-encoding: base64\r\n\r\n{BASE64}\r\n--b--\r\n"),
            ),
        ),
        (
            "the value of a field of multipart, by its name",
            body(
                "multipart/form-data; boundary=b",
                "--b\r\ncontent-disposition: form-data; name=\"sesame_key\"\r\n\r\nabcdefghijkl0\r\n--b--\r\n"
                    .into(),
            ),
        ),
        (
            "the name of a file",
            body(
                "multipart/form-data; boundary=b",
                format!("--b\r\ncontent-disposition: form-data; name=a; filename=\"{KEY}.txt\"\r\n\r\n1\r\n--b--\r\n"),
            ),
        ),
        (
            "a gRPC-Web message in base64",
            body("application/grpc-web-text", "AAAAAA4KDGtleS0xMjM0NTY3OA==".into()),
        ),
        (
            "an attribute of XML, entities",
            body("application/xml", "<a b=\"&#x6b;ey-12345678\"/>".into()),
        ),
        (
            "a name of an element of XML",
            body("application/xml", format!("<{KEY}/>")),
        ),
        (
            "a script in HTML",
            body("text/html", format!("<script>a = '{KEY}'</script>")),
        ),
        ("a gRPC message", Body("application/grpc", frame(0))),
        (
            "a gRPC message that says it is compressed",
            Body("application/grpc", frame(1)),
        ),
        ("a WebSocket message", Socket(socket(0x81, KEY))),
        ("a WebSocket message of bytes", Socket(socket(0x82, KEY))),
        (
            "a WebSocket message, JSON with escapes",
            Socket(socket(0x81, "[\"\\u006bey-12345678\"]")),
        ),
        (
            "a WebSocket message in fragments",
            Socket([socket(1, "key-1"), socket(0, ""), socket(0x80, "2345678")].concat()),
        ),
        (
            "a WebSocket message in fragments, a ping between them",
            Socket([socket(1, "key-1"), socket(0x89, "a"), socket(0x80, "2345678")].concat()),
        ),
        (
            "a WebSocket message, compressed",
            Socket(socket(0xc1, KEY)),
        ),
        (
            "halves in two WebSocket messages",
            Socket([socket(0x81, "key-1234"), socket(0x81, "5678")].concat()),
        ),
        ("a ping of WebSocket", Socket(socket(0x89, KEY))),
        (
            "the reason of a close of WebSocket",
            Socket(socket(0x88, &format!("\u{3}\u{7f}{KEY}"))),
        ),
        (
            "behind what is no frame of WebSocket",
            Socket([&[0x83, 0][..], KEY.as_bytes(), b"\n"].concat()),
        ),
        (
            "a WebSocket message inside of another",
            Socket([socket(1, ""), socket(0x81, KEY)].concat()),
        ),
        (
            "a WebSocket message behind a frame of a kind that is reserved",
            Socket([socket(0x83, "a"), socket(0x81, KEY)].concat()),
        ),
        (
            "a WebSocket message whose handshake has a length",
            Announced("content-length", "0", socket(0x81, KEY)),
        ),
        (
            "a WebSocket message whose handshake has a body",
            Announced("transfer-encoding", "chunked", socket(0x81, KEY)),
        ),
        (
            "text that is called an image",
            body("image/png", KEY.into()),
        ),
        (
            "UTF-16",
            Body(
                "text/plain; charset=utf-16le",
                KEY.bytes().flat_map(|b| [b, 0]).collect(),
            ),
        ),
    ])
}

/// What becomes of it: `found`, `not found` or `refused`.
fn outcome(hidden: &Hidden, configuration: &str) -> &'static str {
    let mut host = host(configuration);
    match hidden {
        Hidden::Socket(frames) => return in_frames(&mut host, frames, ("x", "y")),
        Hidden::Announced(name, value, frames) => {
            return in_frames(&mut host, frames, (name, value));
        }
        _ => {}
    }
    let transaction: Transaction = match hidden {
        Hidden::Header(name, all) => {
            let all: Vec<_> = all.iter().map(|value| (*name, value.as_str())).collect();
            fetch("/", &all)
        }
        Hidden::Path(path) => fetch(path, &[]),
        Hidden::Body(media, body) => request(&[("content-type", media)], body.clone()),
        Hidden::Trailer(name, value) => {
            let mut transaction = request(&[], "x");
            transaction.request_trailers = Some(Headers::from([(*name, value.as_str())]));
            transaction
        }
        Hidden::Socket(_) | Hidden::Announced(..) => unreachable!("it was dealt with"),
    };
    let outcome = run(&mut host, &transaction, &Chunking::size(3));
    if outcome.local_response.is_some() {
        return "refused";
    }
    let upstream = &outcome.upstream;
    let same = match hidden {
        Hidden::Header(name, all) => values(upstream.headers.as_ref(), name) == *all,
        Hidden::Path(path) => upstream.header(":path") == Some(path.as_str()),
        Hidden::Body(_, body) => upstream.body == *body,
        Hidden::Trailer(name, value) => {
            values(upstream.trailers.as_ref(), name) == [value.as_str()]
        }
        Hidden::Socket(_) | Hidden::Announced(..) => unreachable!("it was dealt with"),
    };
    if same { "not found" } else { "found" }
}

/// The same, of what a client sends behind its handshake.
fn in_frames(host: &mut Host, frames: &[u8], more: (&str, &str)) -> &'static str {
    let mut exchange = host.exchange();
    let asks = [("upgrade", "websocket"), ("connection", "upgrade"), more];
    exchange.request_headers(fetch("/", &asks).request_headers, false);
    let agrees = [(":status", "101"), ("upgrade", "websocket")];
    exchange.response_headers(Headers::from(agrees), false);
    let mut got = Vec::new();
    for piece in frames.chunks(3) {
        got.extend(exchange.request_body(piece, false).upstream.body);
    }
    drop(exchange);
    assert_eq!(host.failure(), None);
    let refused = ["blackbar.encoded.blocked", "blackbar.websocket.malformed"];
    if refused.iter().any(|name| host.counter(name) > 0) {
        assert!(got.len() < frames.len());
        return "refused";
    }
    assert_eq!(got.len(), frames.len());
    if got == frames { "not found" } else { "found" }
}

#[test]
fn each_way_comes_out_as_the_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/carriers.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once("\n### In a message\n").unwrap();
    let section = section.split("\n#").next().unwrap();
    let rows: BTreeMap<&str, &str> = section
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').trim().split_once(" | ").unwrap())
        .collect();
    let ways = ways();
    assert!(
        ways.keys().eq(rows.keys()),
        "{:?}\n{:?}",
        ways.keys(),
        rows.keys()
    );
    let mut wrong = Vec::new();
    for (way, hidden) in &ways {
        let nothing_passes = r#""pass_headers": {"request": [], "response": []}"#;
        let mut got = outcome(hidden, &format!("{{{nothing_passes}}}"));
        if got == "not found" {
            let more = format!("{{{nothing_passes}, \"views\": {{\"base64\": true}}}}");
            if outcome(hidden, &more) == "found" {
                got = "with base64";
            }
        }
        if got != rows[way] {
            wrong.push(format!("{way}: {got}, not {}", rows[way]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
