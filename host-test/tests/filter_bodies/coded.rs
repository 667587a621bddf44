//! Bodies in a content coding, decoded in the module: encoded by crates that are not ours, in every cut, stacked, damaged, too large.

use std::io::Write;

use blackbar_engine::Place;
use blackbar_host_test::{Chunking, Headers, Host, LocalOrigin, Message, Outcome, Transaction};

use crate::both;
use crate::filter_support::*;

const DECODE: &str =
    r#"{"content_encoding": {"request": "decode", "response": "decode"}, "hold_limit": 4096}"#;

const CODINGS: [&str; 5] = ["gzip", "deflate", "zstd", "br", FRAMED];

/// The framing format of Snappy.
const FRAMED: &str = "x-snappy-framed";

/// What the crates make of `plain`.
fn encode(coding: &str, plain: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    match coding {
        "gzip" => {
            // With all parts that a head can have but the checksum.
            let builder = flate2::GzBuilder::new().filename("a.log").comment("c");
            let mut encoder = builder.extra(vec![7; 300]).write(Vec::new(), level);
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        "raw" => {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
            encoder.include_checksum(true).unwrap();
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        "br" => {
            let mut out = Vec::new();
            let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, 5, 22);
            encoder.write_all(plain).unwrap();
            drop(encoder);
            out
        }
        FRAMED => {
            let mut encoder = snap::write::FrameEncoder::new(Vec::new());
            encoder.write_all(plain).unwrap();
            encoder.into_inner().unwrap()
        }
        _ => panic!("{coding}"),
    }
}

fn coded(coding: &str, body: &[u8], length_known: bool) -> [(Transaction, bool); 2] {
    both(body).map(|(mut transaction, request)| {
        for headers in [
            &mut transaction.request_headers,
            &mut transaction.response_headers,
        ] {
            headers.add(b"content-type", b"text/plain");
            if !length_known {
                headers.remove(b"content-length");
            }
        }
        let headers = match request {
            true => &mut transaction.request_headers,
            false => &mut transaction.response_headers,
        };
        headers.add(b"content-encoding", coding.as_bytes());
        (transaction, request)
    })
}

fn got(outcome: &Outcome, request: bool) -> &Message {
    match request {
        true => &outcome.upstream,
        false => &outcome.downstream,
    }
}

const PLAIN: &str =
    "lorem key-12345678 ipsum, sesame_key=abcdefghijkl0 and msk-abcdef; 12 34 key-1";

/// Runs it in pieces of some sizes, with and without a length, and expects what the engine makes of the plain text, uncoded.
fn plain_goes_on(host: &mut Host, coding: &str, packed: &[u8], plain: &[u8]) {
    let expected = native(None, Place::Text, plain);
    for length_known in [true, false] {
        for (transaction, request) in coded(coding, packed, length_known) {
            for size in [1, 2, 7, 64, 1 << 20] {
                for chunking in [
                    Chunking::size(size),
                    Chunking::size(size).end_on_last_chunk(),
                ] {
                    let outcome = run(host, &transaction, &chunking);
                    let got = got(&outcome, request);
                    assert_eq!(text(&got.body), text(&expected), "{coding}, {chunking:?}");
                    assert!(got.ended, "{coding}, {chunking:?}");
                    // Where headers say that there is no body, they stay.
                    if !packed.is_empty() {
                        assert_eq!(got.header("content-encoding"), None);
                        assert_eq!(got.header("content-length"), None);
                    }
                    assert_eq!(outcome.local_response, None);
                }
            }
        }
    }
}

#[test]
fn every_coding_in_pieces_of_every_size() {
    let mut host = host(DECODE);
    for coding in CODINGS {
        let packed = encode(coding, PLAIN.as_bytes());
        plain_goes_on(&mut host, coding, &packed, PLAIN.as_bytes());
    }
    let raw = encode("raw", PLAIN.as_bytes());
    plain_goes_on(&mut host, "deflate", &raw, PLAIN.as_bytes());
    plain_goes_on(
        &mut host,
        "X-GZIP",
        &encode("gzip", PLAIN.as_bytes()),
        PLAIN.as_bytes(),
    );
    for coding in CODINGS {
        plain_goes_on(&mut host, coding, &encode(coding, b""), b"");
        plain_goes_on(&mut host, coding, b"", b"");
    }
    assert!(host.counter("blackbar.rule.demo.key.redacted") > 100);
    assert_eq!(host.counter("blackbar.encoded.damaged"), 0);
}

#[test]
fn codings_one_upon_the_other() {
    let mut host = host(DECODE);
    for stack in [
        &["gzip", "br"][..],
        &["br", "gzip"],
        &["deflate", "zstd", "gzip"],
        &["zstd", "zstd", "br", "deflate"],
    ] {
        let mut packed = PLAIN.as_bytes().to_vec();
        for coding in stack {
            packed = encode(coding, &packed);
        }
        plain_goes_on(&mut host, &stack.join(", "), &packed, PLAIN.as_bytes());
    }
}

/// Chunks of Snappy's frames that hold nothing, in any order, and a second stream behind the first.
#[test]
fn chunks_that_are_passed_over() {
    let mut host = host(DECODE);
    let (a, b) = PLAIN.split_at(12);
    let (first, second) = (encode(FRAMED, a.as_bytes()), encode(FRAMED, b.as_bytes()));
    let skipped = [
        &b"\xfe\x00\x00\x00"[..],
        b"\x80\x0c\x00\x00key-12345678",
        b"\xfd\x01\x00\x00k",
    ]
    .concat();
    let packed = [
        &first[..10],
        &skipped,
        &first[10..],
        &skipped,
        &second,
        &skipped,
    ]
    .concat();
    plain_goes_on(&mut host, FRAMED, &packed, PLAIN.as_bytes());
    // A chunk that may not be passed over, one that is too long, one without its identifier, another identifier.
    for wrong in [
        &[&first[..], b"\x02\x00\x00\x00"].concat()[..],
        &[&first[..10], b"\x00\xff\xff\xff"].concat(),
        &[&first[..10], b"\x01\x05\x00\x01"].concat(),
        &first[10..],
        b"\xff\x06\x00\x00sNaPpy",
        b"\xff\x05\x00\x00sNaPp",
    ] {
        let [(transaction, request), _] = coded(FRAMED, wrong, false);
        refused(&mut host, &transaction, request, 3);
    }
    assert_eq!(host.counter("blackbar.encoded.damaged"), 6);
}

/// A key that begins in one and ends in the next.
#[test]
fn members_and_frames_are_one_text() {
    let mut host = host(DECODE);
    for coding in ["gzip", "zstd"] {
        let (a, b) = PLAIN.split_at(12);
        let mut packed = encode(coding, a.as_bytes());
        if coding == "zstd" {
            // A frame to be skipped: RFC 8878, section 3.1.2.
            packed.extend_from_slice(&[0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, b'k', b'e', b'y']);
        }
        packed.extend(encode(coding, b.as_bytes()));
        packed.extend(encode(coding, b""));
        plain_goes_on(&mut host, coding, &packed, PLAIN.as_bytes());
    }
}

/// Envoy takes no bytes in the trailers callback unless some were kept: nothing is lost, whatever is undecided at the end.
#[test]
fn trailers_behind_a_body_that_ends_undecided() {
    let mut host = host(DECODE);
    for coding in CODINGS {
        for plain in ["key-1", "lorem key-12345678", "a", PLAIN, "open-abc"] {
            let packed = encode(coding, plain.as_bytes());
            for (mut transaction, request) in coded(coding, &packed, false) {
                let trailers: Headers = [("x-sum", "1")].into_iter().collect();
                match request {
                    true => transaction.request_trailers = Some(trailers),
                    false => transaction.response_trailers = Some(trailers),
                }
                for size in [1, 5, 1 << 20] {
                    let outcome = run(&mut host, &transaction, &Chunking::size(size));
                    let got = got(&outcome, request);
                    let expected = native(None, Place::Text, plain.as_bytes());
                    assert_eq!(text(&got.body), text(&expected), "{coding}, {size}");
                    assert!(got.trailers.is_some());
                }
            }
        }
    }
    assert_eq!(host.counter("blackbar.failure.closed"), 0);
}

/// More than is written to the proxy at a time, from windows that move.
#[test]
fn large_bodies() {
    let mut host = host(DECODE);
    let mut plain = Vec::new();
    for number in 0..60_000_u64 {
        let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        plain.extend_from_slice(format!("{noise:x} key-{:08} lorem\n", number % 977).as_bytes());
    }
    let expected = native(None, Place::Text, &plain);
    for coding in CODINGS {
        let packed = encode(coding, &plain);
        for length_known in [true, false] {
            for (transaction, request) in coded(coding, &packed, length_known) {
                for size in [16 << 10, 1 << 20] {
                    let outcome = run(&mut host, &transaction, &Chunking::size(size));
                    assert!(got(&outcome, request).body == expected, "{coding}, {size}");
                }
            }
        }
    }
}

fn refused(host: &mut Host, transaction: &Transaction, request: bool, size: usize) -> Vec<u8> {
    let outcome = host.run(transaction, &Chunking::size(size));
    assert_eq!(host.failure(), None);
    let got = got(&outcome, request);
    match &outcome.local_response {
        Some(reply) => {
            assert_eq!(reply.origin, LocalOrigin::Guest);
            assert_eq!(reply.status, if request { 415 } else { 502 });
            assert_eq!(reply.details, "blackbar_encoded");
        }
        // Its headers have left: it is cut off.
        None => assert!(!request && (got.reset || !got.ended), "{got:?}"),
    }
    match request {
        true => got.body.clone(),
        false => Vec::new(),
    }
}

#[test]
fn bombs_are_refused_at_the_cap() {
    let bomb = vec![0; 24 << 20];
    for (configuration, counter) in [
        (DECODE.to_owned(), "blackbar.encoded.bomb"),
        (
            DECODE.replace(
                r#""request""#,
                r#""max_ratio": 100000, "max_decoded": 1000000, "request""#,
            ),
            "blackbar.encoded.bomb",
        ),
    ] {
        let mut host = host(&configuration);
        let mut number = 0;
        for coding in CODINGS {
            // It packs nothing to less than a twentieth.
            if coding == FRAMED && configuration == DECODE {
                continue;
            }
            let once = encode(coding, &bomb);
            let twice = encode("gzip", &once);
            for (coding, packed) in [
                (coding.to_owned(), once),
                (format!("{coding}, gzip"), twice),
            ] {
                for (transaction, request) in coded(&coding, &packed, true) {
                    refused(&mut host, &transaction, request, 1000);
                    number += 1;
                    assert_eq!(host.counter(counter), number, "{coding}");
                }
            }
        }
        let pages = host.memory_pages();
        assert!(pages * 65536 < 24 << 20, "{pages} pages");
    }
}

#[test]
fn what_is_cut_short_or_goes_on_behind_its_end_is_refused() {
    let mut host = host(DECODE);
    for coding in CODINGS {
        let packed = encode(coding, PLAIN.as_bytes());
        for cut in 1..packed.len() {
            // The identifier alone is a stream of nothing.
            if (coding, cut) == (FRAMED, 10) {
                continue;
            }
            let [(transaction, request), _] = coded(coding, &packed[..cut], false);
            refused(&mut host, &transaction, request, 16);
        }
        let [(transaction, request), _] =
            coded(coding, &[&packed[..], b"key-12345678"].concat(), false);
        refused(&mut host, &transaction, request, 16);
    }
}

/// Bytes changed anywhere: refused, or decoded to something. Never a trap, never a key.
#[test]
fn damage_never_traps() {
    let mut host = host(DECODE);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let plain = PLAIN.repeat(20);
    for coding in CODINGS {
        let packed = encode(coding, plain.as_bytes());
        for _ in 0..1500 {
            let mut damaged = packed.clone();
            for _ in 0..=random(3) {
                let at = random(damaged.len());
                damaged[at] = random(256) as u8;
            }
            let [(transaction, _), _] = coded(coding, &damaged, false);
            let outcome = host.run(&transaction, &Chunking::size(1 + random(200)));
            assert_eq!(host.failure(), None, "{coding}");
            // Damage may put a digit behind a key, and then it is none.
            let got = text(&outcome.upstream.body);
            assert_eq!(text(&native(None, Place::Text, got.as_bytes())), got);
        }
    }
    assert!(host.counter("blackbar.encoded.damaged") > 1000);
}

#[test]
fn unknown_codings_do_as_configured() {
    let body = b"\x01\x02key-12345678";
    for (unknown, counter) in [
        ("block", "blackbar.encoded.blocked"),
        ("pass", "blackbar.open.encoded"),
        ("strip", "blackbar.encoded.stripped"),
    ] {
        let mut host = host(&DECODE.replace(
            r#""request""#,
            &format!(r#""unknown": "{unknown}", "request""#),
        ));
        for coding in [
            "compress",
            "gzip, compress",
            "snappy",
            "gzip, gzip, gzip, gzip, gzip",
        ] {
            for (transaction, request) in coded(coding, body, true) {
                if unknown == "block" {
                    refused(&mut host, &transaction, request, 4);
                    continue;
                }
                let outcome = run(&mut host, &transaction, &Chunking::size(4));
                let got = got(&outcome, request);
                assert!(got.ended);
                match unknown {
                    "pass" => {
                        assert_eq!(got.body, body);
                        assert_eq!(got.header("content-encoding"), Some(coding));
                    }
                    _ => {
                        assert_eq!(got.body, b"");
                        assert_eq!(got.header("content-encoding"), None);
                        assert_eq!(got.header("content-length"), None);
                    }
                }
            }
        }
        assert_eq!(host.counter(counter), 8, "{unknown}");
    }
}

#[test]
fn file_parts_that_pass_are_counted() {
    let body = "--b\r\ncontent-disposition: form-data; name=f; filename=\"a\"\r\n\r\nkey-12345678\r\n--b--\r\n";
    let packed = encode("gzip", body.as_bytes());
    for (mode, goes_on) in [("pass", true), ("scan", false)] {
        let configuration = format!(
            r#"{{"content_encoding": {{"request": "decode", "response": "decode"}}, "file_parts": "{mode}"}}"#
        );
        let mut host = host(&configuration);
        for (turn, (mut transaction, request)) in
            coded("gzip", &packed, true).into_iter().enumerate()
        {
            for headers in [
                &mut transaction.request_headers,
                &mut transaction.response_headers,
            ] {
                headers.set(b"content-type", b"multipart/form-data; boundary=b");
            }
            let outcome = run(&mut host, &transaction, &Chunking::size(7));
            let got = got(&outcome, request);
            assert_eq!(text(&got.body).contains("key-12345678"), goes_on);
            let counted = if goes_on { turn as u64 + 1 } else { 0 };
            assert_eq!(host.counter("blackbar.open.file_part"), counted);
        }
    }
}

#[test]
fn shadow_counts_and_changes_nothing() {
    let configuration = DECODE.replacen('{', r#"{"mode": "shadow", "#, 1);
    let mut host = host(&configuration);
    for coding in CODINGS {
        let packed = encode(coding, PLAIN.as_bytes());
        for (transaction, request) in coded(coding, &packed, true) {
            let outcome = run(&mut host, &transaction, &Chunking::size(9));
            let got = got(&outcome, request);
            assert_eq!(got.body, packed);
            assert_eq!(got.header("content-encoding"), Some(coding));
        }
    }
    let all = 2 * CODINGS.len() as u64;
    assert_eq!(host.counter("blackbar.rule.demo.key.shadow"), all);
    assert_eq!(host.counter("blackbar.open.encoded"), 0);
}

#[test]
fn a_rule_that_blocks_blocks() {
    let mut host = host(DECODE);
    for coding in CODINGS {
        let packed = encode(coding, b"lorem stp-123456 ipsum");
        let [(transaction, _), _] = coded(coding, &packed, true);
        let outcome = run(&mut host, &transaction, &Chunking::size(5));
        let reply = outcome.local_response.expect("refused");
        assert_eq!(reply.status, 403);
        assert!(b"lorem ".starts_with(&outcome.upstream.body));
    }
}

/// What real clients sent (see testdata/snappy): labels and lines are masked, the rest is as it was, and its readers can unpack it.
#[test]
fn pushes_to_prometheus_and_loki() {
    let remote_write = include_bytes!("../../../testdata/snappy/remote-write.bin");
    let push = include_bytes!("../../../testdata/snappy/loki-push.bin");
    for (path, coding, packed, planted) in [
        ("/api/v1/write", Some("snappy"), &remote_write[..], 12),
        ("/loki/api/v1/push", None, &push[..], 2),
    ] {
        let mut plain = snap::raw::Decoder::new().decompress_vec(packed).unwrap();
        let mut found = 0;
        for (start, len) in [("key-", 12), ("msk-", 10), ("abcdefghijkl0", 13)] {
            for at in 0..plain.len() {
                if plain[at..].starts_with(start.as_bytes()) {
                    plain[at..at + len].fill(b'*');
                    found += 1;
                }
            }
        }
        assert!(found >= planted, "{found}");
        for length_known in [true, false] {
            for size in [1, 50, 1 << 20] {
                let mut host = host(DECODE);
                let [(mut transaction, _), _] = coded("identity", packed, length_known);
                let headers = &mut transaction.request_headers;
                headers.set(b":path", path.as_bytes());
                headers.set(b"content-type", b"application/x-protobuf");
                headers.remove(b"content-encoding");
                if let Some(coding) = coding {
                    headers.add(b"content-encoding", coding.as_bytes());
                }
                let outcome = run(&mut host, &transaction, &Chunking::size(size));
                let got = &outcome.upstream;
                assert_eq!(got.header("content-encoding"), coding);
                assert_eq!(got.header("content-length"), None);
                let unpacked = snap::raw::Decoder::new().decompress_vec(&got.body);
                assert_eq!(text(&unpacked.unwrap()), text(&plain), "{path}, {size}");
            }
        }
        // Where nothing is found it stays as it came.
        let mut host = host(&DECODE.replacen(
            '{',
            r#"{"rules": {"demo.key": {"enabled": false}, "demo.mask": {"enabled": false}, "demo.pair": {"enabled": false}}, "#,
            1,
        ));
        let [(mut transaction, _), _] = coded("snappy", packed, true);
        let headers = &mut transaction.request_headers;
        headers.set(b"content-type", b"application/x-protobuf");
        let outcome = run(&mut host, &transaction, &Chunking::size(64));
        assert!(outcome.upstream.body == packed);
        // A length that is no length, a block that is cut short, one that says it holds 4 GiB.
        for damaged in [
            &[0xff; 9][..],
            &packed[..packed.len() - 1],
            &[0xff, 0xff, 0xff, 0xff, 15, 0],
        ] {
            let [(mut transaction, request), _] = coded("snappy", damaged, true);
            let headers = &mut transaction.request_headers;
            headers.set(b"content-type", b"application/x-protobuf");
            assert_eq!(refused(&mut host, &transaction, request, 64), b"");
        }
    }
    // By default it is refused, also where only the path says what it is.
    let mut host = host("");
    let mut transaction = Transaction::request(&push[..]);
    let headers = &mut transaction.request_headers;
    headers.set(b":path", b"/loki/api/v1/push");
    headers.set(b"content-type", b"application/x-protobuf");
    refused(&mut host, &transaction, true, 64);
}

/// What decoders hold is bounded for all bodies of a VM together, and given back.
#[test]
fn memory_of_all_decoders_is_bounded() {
    let mut host = host(&DECODE.replace(r#""request""#, r#""max_memory": 4194304, "request""#));
    let mut plain = Vec::new();
    for number in 0..200_000_u64 {
        let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        plain.extend_from_slice(format!("{noise:x} ").as_bytes());
    }
    let packed = encode("zstd", &plain);
    let before = host.memory_pages();
    let mut open = Vec::new();
    for _ in 0..12 {
        let [(transaction, _), _] = coded("zstd", &packed, false);
        let mut exchange = host.exchange();
        exchange.request_headers(transaction.request_headers, false);
        for piece in packed[..packed.len() - 10].chunks(64 << 10) {
            exchange.request_body(piece, false);
        }
        open.push(exchange);
    }
    assert!(host.counter("blackbar.encoded.memory") >= 8);
    let grown = (host.memory_pages() - before) * 65536;
    assert!(grown < 12 << 20, "{grown}");
    open.into_iter()
        .for_each(|exchange| drop(exchange.finish()));
    plain_goes_on(
        &mut host,
        "zstd",
        &encode("zstd", PLAIN.as_bytes()),
        PLAIN.as_bytes(),
    );
}
