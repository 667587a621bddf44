//! The body of the target for formats that are walked, taken apart or guarded by their markup: over any bytes, or over pieces that are likely
//! to go wrong together. What is held is measured.

use blackbar_carriers::{Boundary, Carrier, Codec, Format, Framing, Logins, Views};

use crate::carriers::{RULES, run};

/// What haystacks are made of.
const PIECES: &[&[u8]] = &[
    b"ghp_ABCDEFG1",
    b"a@bc.de",
    b"a&#64;bc.de",
    b"a%40bc.de",
    b"-----B",
    b"~",
    b"\xc3\xa9",
    b"\r\n",
    b"\n",
    b"--b",
    b"--b\r\n",
    b"\r\n--b--",
    b"content-type: application/json\r\n\r\n{\"k\":\"",
    b"content-type: multipart/mixed; boundary=b2\r\n\r\n--b2",
    b"content-disposition: form-data; name=\"k\"; filename=\"a",
    b"content-transfer-encoding: base64\r\n",
    b"\"\r\n\r\n",
    b"<a b=\"",
    b"</a>",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"<script>",
    b"</script>",
    b"<?p ",
    b"<!DOCTYPE a [",
    b"'",
    b"\"",
    b">",
    b"]",
    b"-",
    b"&",
    b"&amp;",
    // Messages of protobuf, alone and in frames; MessagePack; CBOR; counts of syslog.
    b"\x0a\x0cghp_ABCDEFG1",
    b"\x0a\x0e\x0a\x0cghp_ABCDEFG1",
    b"\x12\x07a@bc.de",
    b"\x08\x96\x01",
    b"\0\0\0\0\x0e\x0a\x0cghp_ABCDEFG1",
    b"\x80\0\0\0\x10note: a@bc.de\r\n",
    b"\0\0\0\0\x40\x0a\x3e",
    b"\x01\0\0\0\x05",
    b"\x82\xa1k\xacghp_ABCDEFG1",
    b"\x92\xa7a@bc.de",
    b"\xc4\x10",
    b"\x6cghp_ABCDEFG1",
    b"\xd8\x18\x4d\x6c",
    b"\x9f",
    b"\xff",
    b"15 <1>ghp_ABCDEFG1",
    b"9 ",
    b"<34>1 ",
    // Redis.
    b"$12\r\nghp_ABCDEFG1\r\n",
    b"*2\r\n",
    b"%1\r\n",
    b"$4\r\nAUTH\r\n",
    b"$7\r\na@bc.de\r\n",
    b"AUTH ",
    b"+",
    b":12\r\n",
    b"$-1\r\n",
    b"\x0c\0\0\0ghp_ABCDEFG1",
    // Frames of WebSocket: whole, in fragments, masked, of control, in other forms, with lengths of two and eight bytes.
    b"\x81\x0cghp_ABCDEFG1",
    b"\x82\x07a@bc.de",
    b"\x01\x05ghp_A",
    b"\x00\x03BCD",
    b"\x80\x04EFG1",
    b"\x01\x85\x01\x02\x03\x04fjs[@",
    b"\x80\x87\x04\x03\x02\x01FAFBCD5",
    b"\x89\x01p",
    b"\xc1\x02",
    b"\x82\x7e\x00\x20",
    b"\x01\x7f\x00\x00\x00\x00\x00\x00\x01\x00",
    b"\x81\x10{\"k\":[\"ghp_ABCD",
    b"\x01\x06{\"k\":\"",
    // Frames in base64.
    b"AAAAAA4KDGdocF9BQkNERUZHMQ==",
    b"AAAAAAkKB2FAYmMuZGU=",
    b"Z2hw",
    b"=",
];

/// The most bytes of heap that a stream of anything needs, beyond its chunk: headers of a part, the beginning of a field, a view of each.
const MOST: usize = 160 * 1024;

/// Cuts change nothing, where nothing is found nothing changes, what is counted keeps its length, and a stream that goes on and on needs no
/// more room.
///
/// # Panics
/// When one of these does not hold.
pub fn formats(data: &[u8]) {
    let Some((&[kind, size], rest)) = data.split_first_chunk() else {
        return;
    };
    let rest = &rest[..rest.len().min(300)];
    let hay: Vec<u8> = match kind & 16 {
        0 => rest
            .iter()
            .flat_map(|&b| PIECES[usize::from(b) % PIECES.len()].iter().copied())
            .collect(),
        _ => rest.to_vec(),
    };
    let multipart = Format::of(Some(b"multipart/form-data; boundary=b"));
    let all = [
        Format::Protobuf,
        Format::Frames(Codec::Protobuf),
        Format::Frames(Codec::Json),
        Format::WebText(Codec::Protobuf),
        Format::MessagePack,
        Format::Cbor,
        Format::Syslog,
        Format::WebSocket,
        multipart,
        multipart,
        Format::Multipart(Boundary::default()),
        Format::Xml,
        Format::Html,
        Format::Bytes,
        Format::Redis(Logins::Mask),
        Format::Dogstatsd,
        Format::Stream(Framing::Lines),
        Format::Stream(Framing::Json),
        Format::Stream(Framing::Syslog),
        Format::Stream(Framing::MessagePack),
        Format::Stream(Framing::Redis(Logins::Mask)),
        Format::Stream(Framing::Redis(Logins::Pass)),
        Format::Stream(Framing::Dogstatsd),
    ];
    let format = all[usize::from(kind & 15 | kind >> 2 & 16) % all.len()];
    let views = if kind & 32 == 0 {
        Views::ALL
    } else {
        Views::default()
    };
    let whole = run(&hay, format, views, hay.len());
    for size in [1, 2 + usize::from(size % 9), 64] {
        let got = run(&hay, format, views, size);
        let text = |out: &[u8]| out.escape_ascii().to_string();
        assert_eq!(text(&got.0), text(&whole.0), "{format:?}, chunks of {size}");
        assert_eq!(got.1, whole.1, "{format:?}, chunks of {size}");
    }
    // Passwords of logins are masked without a rule.
    let logins = matches!(
        format,
        Format::Redis(Logins::Mask) | Format::Stream(Framing::Redis(Logins::Mask))
    );
    if whole.1.is_empty() && !logins {
        assert_eq!(whole.0, hay, "nothing is found, and something changed");
    }
    if format.is_counted() && !format.resizes() {
        assert_eq!(whole.0.len(), hay.len(), "a length changed");
    }
    held(&hay, format, views);
}

/// Sends `hay` again and again.
fn held(hay: &[u8], format: Format, views: Views) {
    let (engine, plan) = &*RULES;
    let mut carrier = Carrier::default();
    carrier.set_views(views);
    carrier.reset(format);
    // A compressed frame is held whole; so is what it becomes.
    let most = match format.resizes() {
        true => 3 * 1024 * 1024,
        false => MOST,
    };
    for _ in 0..40 {
        carrier.push(engine, plan, hay, false);
        carrier.clear();
        carrier.rest(&mut Vec::new());
        let memory = carrier.memory();
        assert!(memory <= most + 8 * hay.len(), "{format:?} holds {memory}");
    }
}
