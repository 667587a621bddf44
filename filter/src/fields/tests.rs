//! Tests of redacting short values, against a policy compiled on the spot.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;
use crate::counters::Outcome;

/// Compiled once for all tests.
static ARTIFACT: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
    let text = include_str!("../../tests/demo.toml");
    let policy =
        blackbar_policy::Policy::parse_str("demo.toml", text, &blackbar_policy::load::NoBuiltins)
            .unwrap_or_else(|error| panic!("{error}"));
    blackbar_compiler::compile(&policy)
        .unwrap_or_else(|error| panic!("{error}"))
        .artifact
});

fn with<T>(run: impl FnOnce(&mut Scanner<'_>) -> T) -> T {
    let engine = Engine::load(ARTIFACT.as_slice()).unwrap();
    let plan = Plan::new(&engine, None).unwrap();
    let mut masks = plan.clone();
    for rule in engine.rules() {
        let index = engine.find_rule(&rule.id).unwrap();
        if !plan.action(index).preserves_length() {
            masks.set_action(index, Action::Mask);
        }
    }
    let (mut scratch, mut tally) = (Scratch::default(), Tally::default());
    run(&mut Scanner {
        engine: &engine,
        plan: &plan,
        masks: &masks,
        scratch: &mut scratch,
        tally: &mut tally,
    })
}

fn header(name: &str, value: &[u8]) -> Field {
    with(|scanner| scanner.header(name.as_bytes(), value, Disposition::Field))
}

fn value(name: &str, text: &[u8]) -> Option<String> {
    header(name, text)
        .value
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn target(text: &str) -> (String, Option<String>) {
    let target = with(|scanner| scanner.target(Place::Url, text.as_bytes(), Disposition::Field));
    let joined = String::from_utf8(target.join()).unwrap();
    assert_eq!(target.changed, joined != text, "{text}");
    (
        joined,
        target.query.map(|query| String::from_utf8(query).unwrap()),
    )
}

#[test]
fn values_change_where_something_is_found_and_only_there() {
    assert_eq!(header("x-a", b"nothing here"), Field::default());
    assert_eq!(
        value("x-a", b"a key-12345678 b"),
        Some("a [demo.key] b".into())
    );
    assert_eq!(
        value("x-a", b"msk-abcdef,pan-123456789012"),
        Some("**********,************9012".into())
    );
    assert_eq!(
        value("x-a", b"\xffkey-12345678\xfe"),
        Some("\u{fffd}[demo.key]\u{fffd}".into())
    );
    assert_eq!(value("x-a", b""), None);
}

#[test]
fn a_rule_sees_the_name_as_its_keyword() {
    assert_eq!(
        value("sesame-key", b"abcdefghijkl0"),
        Some("[demo.pair]".into())
    );
    assert_eq!(
        value("Sesame-Key", b"abcdefghijkl0"),
        Some("[demo.pair]".into())
    );
    assert_eq!(value("x-other", b"abcdefghijkl0"), None);
}

#[test]
fn a_finding_in_a_name_removes_the_header() {
    let field = header("x-key-12345678", b"v");
    assert!(field.remove && field.value.is_none());
    let field = header("x-cnt-123456", b"v");
    assert!(
        !field.remove && field.value.is_none(),
        "a rule that only counts changes nothing"
    );
}

#[test]
fn actions_that_reach_beyond_the_value() {
    assert!(header("x-a", b"drp-123456 key-12345678").remove);
    let field = header("x-a", b"stp-123456");
    assert!(field.block.is_some() && field.hit);
    let field = header("x-a", b"cnt-123456");
    assert_eq!((field.value.clone(), field.hit), (None, false));
}

#[test]
fn what_is_written_ends_no_header() {
    assert_eq!(
        value("x-a", b"a\r\nb\0 key-12345678"),
        Some("a  b  [demo.key]".into())
    );
}

#[test]
fn findings_are_counted_by_what_became_of_them() {
    with(|scanner| {
        scanner.header(
            b"a",
            b"key-12345678 key-12345678 cnt-123456",
            Disposition::Pass,
        );
        let engine = scanner.engine;
        let key = engine.find_rule("demo.key").unwrap();
        let count = engine.find_rule("demo.count").unwrap();
        let tally = format!("{:?}", scanner.tally);
        assert_eq!(
            tally,
            format!(
                "{:?}",
                Tally::of(&[(key, Outcome::Passed, 2), (count, Outcome::Allowed, 1)])
            )
        );
    });
}

#[test]
fn targets() {
    assert_eq!(target("/a/b?c=d"), ("/a/b?c=d".into(), Some("c=d".into())));
    assert_eq!(target("/a"), ("/a".into(), None));
    assert_eq!(target("/a?"), ("/a?".into(), Some(String::new())));
    assert_eq!(target("*"), ("*".into(), None));
    assert_eq!(target(""), (String::new(), None));
    let (whole, query) = target("/u/key-12345678?x=msk-abcdef&&y");
    assert!(whole.starts_with("/u/%5Bdemo.key%5D?x="), "{whole}");
    assert_eq!(query.unwrap(), "x=**********&&y");
    assert_eq!(
        target("/?sesame_key=abcdefghijkl0&b=1").0,
        "/?sesame_key=%5Bdemo.pair%5D&b=1"
    );
}

#[test]
fn removal_takes_the_parameter() {
    assert_eq!(target("/a?x=1&y=drp-123456&z=2").0, "/a?x=1&z=2");
    assert_eq!(target("/a?y=drp-123456&z=2").0, "/a?z=2");
    assert_eq!(target("/a?x=1&y=drp-123456").0, "/a?x=1");
    assert_eq!(target("/a?y=drp-123456"), ("/a".into(), None));
    assert_eq!(
        target("/a?y=drp-123456&y=drp-654321&k=key-12345678").0,
        "/a?k=%5Bdemo.key%5D"
    );
    assert_eq!(
        target("/drp-123456/b?c").0,
        "/%5Bdemo.drop%5D/b?c",
        "in a path there is nothing to remove"
    );
}

/// As many parameters and findings as fit in a header map: the time grows with their number, not with its square.
#[test]
fn many_parameters() {
    let long = |count: usize| format!("/?{}", "a=drp-123456&b&".repeat(count));
    let started = std::time::Instant::now();
    assert_eq!(
        target(&long(60_000)).1.map(|query| query.len()),
        Some("b&".repeat(60_000).len())
    );
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[test]
fn cookies_change_one_by_one() {
    for (name, given, expected) in [
        (
            "cookie",
            "a=1; k=key-12345678; b=2",
            "a=1; k=[demo.key]; b=2",
        ),
        ("Cookie", "a=\"key-12345678\";b", "a=\"[demo.key]\";b"),
        (
            "cookie",
            "sesame_key=abcdefghijkl0; b=2",
            "sesame_key=[demo.pair]; b=2",
        ),
        (
            "cookie",
            "sesame-key=%61bcdefghijkl0",
            "sesame-key=[demo.pair]",
        ),
        (
            "cookie",
            "key-12345678=1; key-12345678",
            "************=1; [demo.key]",
        ),
        ("cookie", "a=1; d=drp-123456; b=2", "a=1; b=2"),
        ("cookie", "d=drp-123456; d=drp-123456; b=2", "b=2"),
        ("cookie", "a=1; d=drp-123456; e=drp-123456", "a=1"),
        (
            "cookie",
            "d=drp-123456; k=msk-abcdef; e=drp-123456;",
            "k=**********;",
        ),
        (
            "set-cookie",
            "s=key-12345678; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure",
            "s=[demo.key]; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure",
        ),
        (
            "set_cookie",
            "s=1; Path=/; note=key-12345678",
            "s=1; Path=/; note=[demo.key]",
        ),
    ] {
        assert_eq!(value(name, given.as_bytes()).as_deref(), Some(expected));
    }
    assert!(header("cookie", b"a=drp-123456; b=drp-654321;").remove);
    assert!(header("set-cookie", b"a=drp-123456; Path=/").remove);
    let field = header(
        "set-cookie",
        b"s=1; Domain=key-12345678; Path=/key-12345678",
    );
    assert!(field.kept && field.hit && field.value.is_none() && !field.remove);
    assert!(
        header("set-cookie", b"s=1; Path=/stp-123456")
            .block
            .is_some()
    );
}

/// A pattern that reads on across what holds a value together changes what is on both sides of it.
#[test]
fn what_holds_a_value_together_stays() {
    let mut patches = Patches::default();
    patches.put_for_test(0, 40, b"[demo.key]");
    for (kind, given, expected) in [
        (
            Kind::Cookies,
            "ab=cd; ef=gh",
            "**=[demo.key]; **=[demo.key]",
        ),
        (
            Kind::Url,
            "https://u:p@a.test:80/x?y=z&w#f",
            "https://[demo.key]:[demo.key]@******:80/[demo.key]?[demo.key]&[demo.key]#[demo.key]",
        ),
        (
            Kind::Credentials,
            "Digest a=\"b\", c=d",
            "Digest *=\"[demo.key]\", *=[demo.key]",
        ),
    ] {
        let layout = Layout::of(kind, given.as_bytes(), false);
        let mut out = Vec::new();
        Shape {
            layout: &layout,
            patches: &patches,
            base: 0,
            value: given.as_bytes(),
            hide: false,
        }
        .write(&[], &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn credentials_by_scheme() {
    use base64::Engine as _;
    let standard = base64::engine::general_purpose::STANDARD;
    let basic = |text: &str| format!("Basic {}", standard.encode(text));
    for (given, expected) in [
        ("Bearer key-12345678".into(), "Bearer [demo.key]".into()),
        (
            "Digest username=\"key-12345678\", response=\"msk-abcdef\"".into(),
            "Digest username=\"[demo.key]\", response=\"**********\"".into(),
        ),
        (
            "AWS4-HMAC-SHA256 Credential=key-12345678/20261121/s3, SignedHeaders=a;b, Signature=ff"
                .into(),
            "AWS4-HMAC-SHA256 Credential=[demo.key]/20261121/s3, SignedHeaders=a;b, Signature=ff"
                .into(),
        ),
        (basic("user:key-12345678"), basic("user:[demo.key]")),
        (
            basic("user:key-12345678").replace(' ', "\t"),
            basic("user:[demo.key]").replace(' ', "\t"),
        ),
        (
            basic("key-12345678:msk-abcdef"),
            basic("[demo.key]:**********"),
        ),
    ] {
        let (given, expected): (String, String) = (given, expected);
        for name in ["authorization", "Proxy_Authorization"] {
            assert_eq!(value(name, given.as_bytes()), Some(expected.clone()));
        }
    }
    assert_eq!(
        header("authorization", basic("user:pass").as_bytes()),
        Field::default()
    );
    assert_eq!(
        value("authorization", b"key-12345678 key-12345678").as_deref(),
        Some("************ [demo.key]"),
        "no scheme"
    );
    assert_eq!(
        value("authorization", b"Hawk key-12345678=\"a\", b=c").as_deref(),
        Some("Hawk ************=\"a\", b=c")
    );
    assert!(header("authorization", basic("u:drp-123456").as_bytes()).remove);
    assert!(
        header("authorization", basic("u:stp-123456").as_bytes())
            .block
            .is_some()
    );
}

#[test]
fn published_credentials_are_hidden_whether_a_rule_knows_them_or_not() {
    for (given, expected) in [
        ("Bearer opaque", Some("Bearer ***")),
        ("Basic dXNlcjpwYXNz", Some("Basic ***")),
        ("opaque", Some("***")),
        ("Bearer key-12345678", Some("Bearer [demo.key]")),
        ("Bearer x.key-12345678", Some("Bearer ***[demo.key]")),
        (
            "Digest username=\"me\", uri=\"/a\", response=\"6629\"",
            Some("Digest username=\"me\", uri=\"/a\", response=\"***\""),
        ),
        ("", None),
    ] {
        let field =
            with(|scanner| scanner.header(b"authorization", given.as_bytes(), Disposition::Log));
        let text = field.value.map(|value| String::from_utf8(value).unwrap());
        assert_eq!(text.as_deref(), expected);
    }
}

#[test]
fn references_stay_references() {
    for (name, given, expected) in [
        (
            "referer",
            "https://u:key-12345678@a.test:8080/key-12345678/b?k=%6Bey-12345678&x=1#key-12345678",
            "https://u:%5Bdemo.key%5D@a.test:8080/%5Bdemo.key%5D/b?k=%5Bdemo.key%5D&x=1#%5Bdemo.key%5D",
        ),
        (
            "location",
            "/a?sesame_key=abcdefghijkl0&b",
            "/a?sesame_key=%5Bdemo.pair%5D&b",
        ),
        ("location", "/a?x=1&y=drp-123456&z#f", "/a?x=1&z#f"),
        ("location", "/a?y=drp-123456#f", "/a#f"),
        ("location", "/a?x&y=drp-123456", "/a?x"),
        ("content-location", "key-12345678", "%5Bdemo.key%5D"),
        (
            "origin",
            "https://key-12345678.test:1",
            "https://************.test:1",
        ),
        ("x-original-url", "/drp-123456/", "/%5Bdemo.drop%5D/"),
        (
            "link",
            "</a?k=key-12345678>; rel=\"key-12345678\"; t=key-12345678, </b>",
            "</a?k=%5Bdemo.key%5D>; rel=\"%5Bdemo.key%5D\"; t=************, </b>",
        ),
    ] {
        assert_eq!(value(name, given.as_bytes()).as_deref(), Some(expected));
    }
    let published = with(|scanner| {
        scanner.header(
            b"referer",
            b"https://a.test/?k=key-12345678",
            Disposition::Log,
        )
    });
    assert_eq!(
        published.value.as_deref(),
        Some(b"https://a.test/?k=[demo.key]".as_slice())
    );
}

#[test]
fn binary_metadata_stays_base64_of_as_many_bytes() {
    use base64::Engine as _;
    let standard = base64::engine::general_purpose::STANDARD;
    let bare = base64::engine::general_purpose::STANDARD_NO_PAD;
    let (plain, masked) = ("a key-12345678", "a ************");
    for (given, expected) in [
        (standard.encode(plain), standard.encode(masked)),
        (bare.encode(plain), bare.encode(masked)),
        (
            format!("YQ, {},Yg==", bare.encode(plain)),
            format!("YQ, {},Yg==", bare.encode(masked)),
        ),
        // Rules that want a word to end read the text of a message, not its lengths.
        (
            bare.encode(b"\x0a\x0ckey-12345678\x12\x01A"),
            bare.encode(b"\x0a\x0c************\x12\x01A"),
        ),
    ] {
        assert_eq!(value("note-bin", given.as_bytes()), Some(expected));
    }
    assert_eq!(
        value("sesame-key-bin", b"a key-12345678").as_deref(),
        Some("a [demo.key]"),
        "what is no base64 is text"
    );
    assert_eq!(header("x-bin", b"YQ==,+/+/"), Field::default());
    assert_eq!(
        value(
            "note-bin",
            format!("*,{},a key-12345678", bare.encode(plain)).as_bytes()
        ),
        Some(format!("*,{},a ************", bare.encode(masked))),
        "an element that is no base64 is text, the others are read"
    );
    assert!(header("x-bin", standard.encode("drp-123456").as_bytes()).remove);
    assert!(
        header("x-bin", standard.encode("stp-123456").as_bytes())
            .block
            .is_some()
    );
    // A rule that finds the base64 itself: ten digits stand for seven bytes.
    let found = value("note-bin", b"msk-abcdef");
    assert_eq!(found, Some(bare.encode("*******")));
}

/// As many elements as fit in a header, behind the longest name: the time grows with their number, not with its square.
#[test]
fn many_elements_of_binary_metadata() {
    let elements = "YQ,".repeat(10_000);
    for length in [10, 120, 30_000] {
        let name = "n".repeat(length) + "-bin";
        let started = std::time::Instant::now();
        assert_eq!(header(&name, elements.as_bytes()), Field::default());
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }
    let given = elements + "YSBrZXktMTIzNDU2Nzg";
    let expected = given.replace("YSBrZXktMTIzNDU2Nzg", "YSAqKioqKioqKioqKio");
    assert_eq!(value("note-bin", given.as_bytes()), Some(expected));
}

#[test]
fn basic_with_a_finding_in_its_base64_and_another_behind_it() {
    use base64::Engine as _;
    let safe = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let token = "msk-abcdef--".to_owned() + &safe.encode(":key-12345678");
    let inside = safe.decode(&token).unwrap();
    let stars = "*".repeat(inside.len() - 13) + ":" + &"*".repeat(12);
    assert_eq!(
        value("authorization", format!("Basic {token}").as_bytes()),
        Some(format!("Basic {}", safe.encode(stars)))
    );
}
