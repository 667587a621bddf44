//! Properties of changed header values, whatever they hold: an independent parser still reads what it read before, nothing outside of
//! findings changes, and a second pass finds nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use blackbar_engine::{Action, Engine, Plan};
use blackbar_filter::counters::{Disposition, Tally};
use blackbar_filter::fields::{Field, Scanner, Scratch};
use proptest::prelude::*;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let text = include_str!("demo.toml");
    let policy =
        blackbar_policy::Policy::parse_str("demo.toml", text, &blackbar_policy::load::NoBuiltins)
            .unwrap_or_else(|error| panic!("{error}"));
    let compiled = blackbar_compiler::compile(&policy).unwrap_or_else(|error| panic!("{error}"));
    Engine::load(compiled.artifact).unwrap()
});

fn header(name: &str, value: &[u8], disposition: Disposition) -> Field {
    let plan = Plan::new(&ENGINE, None).unwrap();
    let mut masks = plan.clone();
    for rule in ENGINE.rules() {
        let index = ENGINE.find_rule(&rule.id).unwrap();
        if !plan.action(index).preserves_length() {
            masks.set_action(index, Action::Mask);
        }
    }
    Scanner {
        engine: &ENGINE,
        plan: &plan,
        masks: &masks,
        scratch: &mut Scratch::default(),
        tally: &mut Tally::default(),
    }
    .header(name.as_bytes(), value, disposition)
}

/// The value that goes on; `None`: the header goes.
fn redacted(name: &str, value: &str) -> Option<String> {
    let field = header(name, value.as_bytes(), Disposition::Field);
    assert!(!field.remove || field.value.is_none() || field.found);
    let after = field.value.unwrap_or_else(|| value.into());
    let again = header(name, &after, Disposition::Field);
    assert!(field.remove || !again.hit, "{name}: {value}");
    (!field.remove).then(|| String::from_utf8(after).unwrap())
}

/// Pieces of values: what rules find, what holds values together, and what is neither.
fn text(glue: &'static str) -> impl Strategy<Value = String> {
    let found = prop::sample::select(vec![
        "key-12345678",
        "msk-abcdef",
        "pan-123456789012",
        "%6Bey-12345678",
        "sesame_key=abcdefghijkl0",
        "drp-123456",
        "key-1234",
    ]);
    let plain = prop::sample::select(vec![
        "a", "b1", "%20", "x.test", "10.0.0.1", "8080", "https",
    ]);
    let glue = prop::sample::select(glue.split('|').collect::<Vec<_>>());
    // Glue between any two: the rules of the tests want words to end.
    let piece = (prop_oneof![found, plain], prop::collection::vec(glue, 1..3));
    let all = prop::collection::vec(piece, 1..8);
    all.prop_map(|pieces| {
        let text = pieces
            .into_iter()
            .map(|(piece, glue)| piece.to_owned() + &glue.concat());
        text.collect::<String>()
    })
}

fn pairs(cookies: &str) -> Vec<(&str, &str)> {
    cookies
        .split(';')
        .map(|pair| pair.trim_matches(' ').split_once('=').unwrap_or((pair, "")))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_url_is_still_one(value in text("/|?|&|=|:|@|//|://|.|[::1]|#")) {
        let before = value.parse::<http::Uri>();
        for name in ["referer", "location", "origin"] {
            let Some(after) = redacted(name, &value) else { continue };
            prop_assert!(!after.contains("key-12345678"), "{}", after);
            let Ok(before) = &before else { continue };
            // That parser takes a word alone for a host, as CONNECT has it, a number for a scheme, and brackets anywhere.
            let begins = value.starts_with(|c: char| c.is_ascii_alphabetic());
            if !value.starts_with('/') && (before.scheme().is_none() || !begins) { continue }
            if value.contains('[') { continue }
            let read = after.parse::<http::Uri>();
            prop_assert!(read.is_ok(), "{} became {}", value, after);
            let read = read.unwrap();
            prop_assert_eq!(read.port_u16(), before.port_u16(), "{} became {}", &value, &after);
            prop_assert_eq!(
                read.host().map(str::len),
                before.host().map(str::len),
                "{} became {}", &value, &after
            );
            if !value.contains("drp-") {
                let count = |text: &str, byte: char| text.matches(byte).count();
                for byte in ['?', '&', '#', '@'] {
                    prop_assert_eq!(count(&after, byte), count(&value, byte), "{} became {}", &value, &after);
                }
            }
        }
    }

    #[test]
    fn cookies_stay_apart(value in text("; |;|=|\"|, |; a=|; b=1; ")) {
        let Some(after) = redacted("cookie", &value) else { return Ok(()) };
        prop_assert!(!after.contains("key-12345678"), "{}", after);
        for byte in [' ', ',', '"', '\\'] {
            prop_assert!(after.matches(byte).count() <= value.matches(byte).count(), "{} became {}", value, after);
        }
        if !value.contains("drp-") {
            let (before, now) = (pairs(&value), pairs(&after));
            prop_assert_eq!(before.len(), now.len(), "{} became {}", &value, &after);
            for ((name, text), (now_name, now_text)) in before.iter().zip(now) {
                prop_assert!(name.len() == now_name.len() || text.is_empty(), "{} became {}", value, after);
                prop_assert!(*text == now_text || header("cookie", value.as_bytes(), Disposition::Field).found);
            }
        }
    }

    #[test]
    fn attributes_of_a_cookie_are_never_touched(value in text("=|\"|."), path in text("/|.")) {
        let [value, path] = [value, path].map(|text| text.replace("drp-", "drx-"));
        let tail = format!("; Path=/{path}; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Domain={path}; Secure");
        let after = redacted_once("set-cookie", &format!("s={value}{tail}"));
        prop_assert!(after.ends_with(&tail), "{}", after);
        prop_assert!(!after.strip_suffix(&tail).unwrap().contains("key-12345678"));
    }

    #[test]
    fn binary_metadata_stays_as_long(value in text("\n|\x08\x01\x12\x0c|,| "), padded: bool) {
        let code = |text: &str| if padded { STANDARD.encode(text) } else { STANDARD_NO_PAD.encode(text) };
        let Some(after) = redacted("x-bin", &code(&value)) else { return Ok(()) };
        let bytes = if padded { STANDARD.decode(after) } else { STANDARD_NO_PAD.decode(after) }.unwrap();
        prop_assert_eq!(bytes.len(), value.len());
        let now = String::from_utf8_lossy(&bytes);
        prop_assert!(!now.contains("key-12345678"));
        for (before, now) in value.bytes().zip(bytes.iter().copied()) {
            prop_assert!(before == now || now == b'*');
        }
    }

    #[test]
    fn credentials_keep_their_scheme_and_parameters(value in text("=\"|\", |, a=|, realm=\"| ")) {
        for scheme in ["Digest", "Bearer", "Hawk", "AWS4-HMAC-SHA256"] {
            let Some(after) = redacted("authorization", &format!("{scheme} {value}")) else { continue };
            prop_assert!(after.starts_with(scheme) && !after.contains("key-12345678"), "{}", after);
            prop_assert_eq!(after.matches('"').count(), value.matches('"').count());
            let shown = header("authorization", format!("{scheme} {value}").as_bytes(), Disposition::Log);
            let shown = String::from_utf8(shown.value.unwrap_or_default()).unwrap();
            prop_assert!(!shown.contains("msk-abcdef"));
        }
    }

    /// Any bytes at all: no NUL, CR or LF is written, and nothing panics.
    #[test]
    fn any_bytes(value: Vec<u8>, key in prop::sample::select(vec!["key-12345678", "drp-123456"]), at in 0_usize..40) {
        let at = at.min(value.len());
        let value = [value.get(..at).unwrap(), key.as_bytes(), value.get(at..).unwrap()].concat();
        for name in ["cookie", "set-cookie", "authorization", "referer", "link", "x-bin", "x"] {
            for disposition in [Disposition::Field, Disposition::Log, Disposition::Pass] {
                if let Some(text) = header(name, &value, disposition).value {
                    prop_assert!(!text.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')));
                }
            }
        }
    }
}

/// The value that goes on, where a second pass finds again what stands where nothing may change.
fn redacted_once(name: &str, value: &str) -> String {
    let field = header(name, value.as_bytes(), Disposition::Field);
    assert!(!field.remove);
    String::from_utf8(field.value.unwrap_or_else(|| value.into())).unwrap()
}
