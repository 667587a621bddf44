//! Whatever the bytes are, reading them gives a policy or a report; rendering the report does not panic either.

use blackbar_policy::load::{Embedded, NoBuiltins};
use blackbar_policy::{Policy, PolicyError, cases};
use proptest::prelude::*;

const PACK: &str = include_str!("builtins/two/policy.toml");
const PROFILE: &str = "[profile]\nid = \"y\"\ntitle = \"Y\"\npacks = [\"two\"]\n[[override]]\nmatch = [\"card.number\", \"tag:card\"]\naction = { keep_first = 2 }\n[[variant]]\nid = \"q\"\n[[variant.override]]\nmatch = [\"pack:two\"]\nenabled = false\n";
const CASES: &str = "[[case]]\nname = \"n\"\nrule = \"card.number\"\nkind = \"split\"\ntext = ['4', \"\\u00e92\"]\nout = \"[x]\"\nspans = [[0, 2]]\nsplits = [1, 2]\n";

fn check(error: &PolicyError) {
    assert!(!error.diagnostics().is_empty());
    assert!(!error.render(true).is_empty() && !error.to_string().is_empty());
    for one in error.diagnostics() {
        // What a reader says when it does not know what it dislikes.
        assert!(
            !one.message().contains("for a reason that was not found"),
            "{one}"
        );
        let (Some(span), Some(line)) = (one.span(), one.source_line()) else {
            continue;
        };
        assert!(span.start <= span.end);
        assert!(!line.contains('\n'));
        assert!(one.line() >= Some(1) && one.column() >= Some(1));
    }
}

fn read(text: &str) {
    let builtins = [("two/policy.toml", PACK)];
    for error in [
        Policy::parse_str("x.toml", text, &Embedded(&builtins)).err(),
        Policy::parse_str("x.toml", PROFILE, &Embedded(&[("two/policy.toml", text)])).err(),
        cases::parse_str("x.toml", text, &["card.number"]).err(),
    ] {
        error.iter().for_each(check);
    }
    if let Ok(policy) = Policy::parse_str("x.toml", text, &NoBuiltins) {
        assert!(!policy.rules.is_empty());
        // Places inside of every part can be asked for, whatever the strings hold.
        for rule in &policy.rules {
            for end in [0, 1, 5, 1000] {
                let report =
                    rule.error_within(blackbar_policy::model::Part::Pattern, end / 2..end, "x");
                assert!(!report.render(false).is_empty());
            }
        }
    }
}

/// A good file with some of it replaced.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        proptest::sample::select(vec![
            "",
            "'",
            "\"",
            "'''",
            "\"\"\"",
            "[",
            "]",
            "[[",
            "{",
            "}",
            "=",
            ",",
            ".",
            "\n",
            "\r\n",
            "\\",
            "\\u",
            "#",
            "\u{e9}",
            "\u{1b}",
            "\0",
            "\u{feff}",
            "-1",
            "1e400",
            "9999999999999999999999999999999999999999",
            "nan",
            "true",
            "1979-05-27",
            "[[rule]]",
            "id",
            "pattern = ",
            "match",
            "(?<secret>",
            "(?<",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let edits =
        proptest::collection::vec((any::<proptest::sample::Index>(), 0..12_usize, piece), 1..6);
    (proptest::sample::select(vec![PACK, PROFILE, CASES]), edits).prop_map(|(base, edits)| {
        let mut bytes = base.as_bytes().to_vec();
        for (at, removed, piece) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, piece);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn mutated_files(bytes in mutated()) {
        read(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn the_bases_are_good() {
    assert!(Policy::parse_str("x", PACK, &NoBuiltins).is_ok());
    assert!(Policy::parse_str("x", PROFILE, &Embedded(&[("two/policy.toml", PACK)])).is_ok());
    assert!(cases::parse_str("x", CASES, &["card.number"]).is_ok());
}

#[test]
fn deep_and_long_input() {
    read(&format!("x = {}", "[".repeat(20_000)));
    read(&format!("{} = 1", vec!["a"; 5_000].join(".")));
    read(&"[[rule]]\n".repeat(2_000));
    read(&format!("[pack]\nid = \"{}\"", "\u{e9}".repeat(50_000)));
}
