//! Rules are written for plain text, and views read what is encoded: whatever a rule of a shipped pack finds in its positive cases, it
//! finds in the same text escaped, percent-encoded and as references as well.

use std::collections::BTreeSet;
use std::path::Path;

use blackbar_carriers::Carrier;
use blackbar_engine::{Engine, Place, Plan};
use blackbar_policy::Policy;
use blackbar_policy::cases::{self, Format, Kind};
use blackbar_policy::load::NoBuiltins;
use blackbar_policy::model::Matcher;

/// A form of the same text.
type Form = (&'static str, fn(&[u8]) -> Vec<u8>);

/// Whoever finds something in a text finds it in all of these.
const FORMS: [Form; 6] = [
    ("a JSON string", json),
    ("JSON in JSON", |text| json(&json(text))),
    ("percent codes", |text| percent(text, b"%20")),
    ("percent codes twice", |text| {
        percent(&percent(text, b"%20"), b"%20")
    }),
    ("JSON in percent codes", |text| percent(&json(text), b"%20")),
    ("references", references),
];

fn each(text: &[u8], write: impl Fn(u8) -> Vec<u8>) -> Vec<u8> {
    text.iter().flat_map(|&byte| write(byte)).collect()
}

fn json(text: &[u8]) -> Vec<u8> {
    each(text, |byte| match byte {
        b'"' | b'\\' => vec![b'\\', byte],
        b'\n' => b"\\n".to_vec(),
        b'\r' => b"\\r".to_vec(),
        b'\t' => b"\\t".to_vec(),
        0..b' ' => format!("\\u{byte:04x}").into_bytes(),
        _ => vec![byte],
    })
}

fn percent(text: &[u8], blank: &[u8]) -> Vec<u8> {
    each(text, |byte| match byte {
        b' ' => blank.to_vec(),
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => vec![byte],
        _ => format!("%{byte:02X}").into_bytes(),
    })
}

fn references(text: &[u8]) -> Vec<u8> {
    each(text, |byte| match byte {
        b'"' => b"&quot;".to_vec(),
        b'\'' => b"&#39;".to_vec(),
        b'&' => b"&amp;".to_vec(),
        b'<' => b"&lt;".to_vec(),
        b'>' => b"&gt;".to_vec(),
        _ => vec![byte],
    })
}

/// The ids of the rules that find something.
fn found(engine: &Engine, plan: &Plan, text: &[u8]) -> BTreeSet<String> {
    let mut carrier = Carrier::new(Place::Text);
    carrier.push(engine, plan, text, true);
    let rules = carrier.findings().iter();
    let ids = rules.filter_map(|finding| Some(engine.rule(finding.rule)?.id.clone()));
    ids.collect()
}

#[test]
fn what_is_found_is_found_encoded() {
    let profile = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/strict.toml");
    let policy = Policy::load(&profile.display().to_string(), &NoBuiltins).expect("the profile");
    let packs = cases::load(&policy, &NoBuiltins).expect("its cases");
    let artifact = blackbar_compiler::compile(&policy)
        .expect("it compiles")
        .artifact;
    let engine = Engine::load(artifact).expect("an artifact");
    let plan = Plan::new(&engine, None).expect("a plan");
    let keyed = |id: &str| {
        let rule = policy.rules.iter().find(|rule| rule.id.as_str() == id);
        rule.is_some_and(|rule| matches!(rule.matcher, Matcher::Keyed { .. }))
    };
    let (mut lost, mut asked) = (Vec::new(), 0);
    let positive = packs.iter().flat_map(|pack| &pack.cases);
    for case in positive.filter(|c| c.kind == Kind::Positive && c.format == Format::Text) {
        // One that holds codes itself would have more of them in each other than are read; and no percent code stands for a byte that is no
        // part of a character.
        if core::str::from_utf8(&case.input).is_err()
            || case.input.iter().any(|byte| b"\\%&\0".contains(byte))
        {
            continue;
        }
        if !found(&engine, &plan, &case.input).contains(&case.rule) {
            continue;
        }
        // The blank of a form is a plus, which keyed rules take for one.
        let form: Form = ("a form", |text| percent(text, b"+"));
        let forms = FORMS.iter().chain(keyed(&case.rule).then_some(&form));
        for (name, encode) in forms {
            asked += 1;
            let text = encode(&case.input);
            if !found(&engine, &plan, &text).contains(&case.rule) {
                lost.push(format!("{} ({}) as {name}", case.name, case.rule));
            }
        }
    }
    assert!(asked > 5_000, "{asked} texts");
    assert!(lost.is_empty(), "{} of {asked}: {lost:#?}", lost.len());
}
