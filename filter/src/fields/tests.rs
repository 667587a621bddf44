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
    let (mut scratch, mut tally) = (Scratch::default(), Tally::default());
    run(&mut Scanner {
        engine: &engine,
        plan: &plan,
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
