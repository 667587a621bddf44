//! The body of the target for carriers: views and the guard of JSON over any bytes, or over pieces that are likely to go wrong together.

use std::sync::LazyLock;

use blackbar_carriers::{Carrier, Format, Views};
use blackbar_engine::{Engine, Plan};
use blackbar_policy::load::NoBuiltins;
use blackbar_policy::model::Policy;
use serde::de::IgnoredAny;

/// Rules of fixed and of growing length, one that cuts characters, and fields.
const POLICY: &str = r#"
[pack]
id = "a"
title = "Small"
[[rule]]
id = "a.key"
description = "x"
source = "none"
pattern = 'ghp_(?<secret>[A-Z0-9]{8})'
[[rule]]
id = "a.mail"
description = "x"
source = "none"
pattern = '[a-z.]{1,40}@[a-z]{2,8}\.[a-z]{2,3}'
action = "mask"
[[rule]]
id = "a.pem"
description = "x"
source = "none"
pattern = '-----B(?<secret>[^~]+)'
max_len = 20
[[rule]]
id = "a.session"
description = "x"
source = "none"
pattern = 'sess=(?<secret>[a-z0-9]{24,400})'
context = { unless = ["example"], within = 32 }
left = "none"
[[rule]]
id = "a.number"
description = "x"
source = "none"
pattern = '[0-9]{3}-[0-9]{2}-[0-9]{4}'
left = "digit"
right = "digit"
[[rule]]
id = "a.field"
description = "x"
source = "none"
fields = ["k", "$.a..m"]
"#;

/// What haystacks are made of.
const PIECES: &[&str] = &[
    "ghp_ABCDEFG1",
    "gh\\u0070_ABCDEFG1",
    "ghp_AB%43DEFG1",
    "a@bc.de",
    "a&#64;bc.de",
    "a=40bc.de",
    "-----B",
    "~",
    "\"k\":",
    "\"a\":",
    "\"m\":",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\\"",
    "\\u00",
    "\\ud83d\\ude00",
    "%",
    "%25",
    "40",
    "&amp;",
    "&",
    "12",
    "-1.5e3",
    "true",
    "null",
    " ",
    "\n",
    "é",
    "\0",
    "a\0@\0b\0c\0.\0d\0e\0",
    "Z2hwX0FCQ0RFRkcxIG5vdyBhbmQ",
    "6768705f41424344454647312061",
];

/// What haystacks of codes in codes are made of: what rules find, what bears on that, and room between them.
const WORDS: &[&str] = &[
    "ghp_ABCDEFG1",
    "a.b@bc.de",
    "-----B",
    "~",
    "078-05-1120",
    "1234",
    "example",
    "example_sess=",
    "sess=",
    "k3j9x2m7q4w8e1r5t6k3j9x2m7q4w8e1r5t6k3j9x2m7q4w8e1r5t6k3j9x2m7q4w8e1r5t6k3j9x2m7q4w8e1r5t6",
    " ",
    "\n",
    "x ",
    "and so on, and on and on, ",
    "words that fill the room between two codes, about as many as a view looks back for, and then a few more of them, \
     so that one of them may end, or not, as its bytes are cut, and so on ",
    "\0",
    "?",
    "/",
    "%",
    "\\",
    "&",
];

/// A text in one of the codes that carriers read, or only the bytes of it that `which` has a bit for.
fn coded(code: u8, which: u8, text: &[u8]) -> Vec<u8> {
    let some = |unit: fn(u8) -> String| -> Vec<u8> {
        let bytes = text.iter().zip((0..8).cycle());
        let units = bytes.map(|(&byte, bit)| match which >> bit & 1 {
            0 => vec![byte],
            _ => unit(byte).into_bytes(),
        });
        units.flatten().collect()
    };
    match code % 10 {
        0 => some(|byte| format!("\\u{byte:04x}")),
        1 => some(|byte| format!("%{byte:02X}")),
        2 => some(|byte| format!("&#{byte};")),
        3 => some(|byte| format!("={byte:02X}")),
        4 => text.iter().flat_map(|&byte| [byte, 0]).collect(),
        5 => text.iter().flat_map(|&byte| [0, byte]).collect(),
        6 => base64(text),
        7 => text
            .iter()
            .flat_map(|byte| format!("{byte:02x}").into_bytes())
            .collect(),
        _ => text.to_vec(),
    }
}

fn base64(text: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    for three in text.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digits = (0..=three.len()).map(|at| DIGITS[(bits >> (18 - 6 * at) & 63) as usize]);
        out.extend(digits);
    }
    out
}

/// Words, of which runs are in a code, and runs of those in another.
fn layered(choices: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for outer in choices.chunks(16) {
        let Some((&[code, which], rest)) = outer.split_first_chunk() else {
            break;
        };
        let mut text = Vec::new();
        for inner in rest.chunks(5) {
            let Some((&[code, which], words)) = inner.split_first_chunk() else {
                break;
            };
            let words = words
                .iter()
                .map(|&word| WORDS[usize::from(word) % WORDS.len()]);
            text.extend(coded(code, which, words.collect::<String>().as_bytes()));
        }
        out.extend(coded(code, which, &text));
    }
    out
}

pub(crate) static RULES: LazyLock<(Engine, Plan)> = LazyLock::new(|| {
    let policy = Policy::parse_str("carriers.toml", POLICY, &NoBuiltins).expect("a policy");
    let artifact = blackbar_compiler::compile(&policy)
        .expect("it compiles")
        .artifact;
    let engine = Engine::load(artifact).expect("it loads");
    let plan = Plan::new(&engine, None).expect("the base profile");
    (engine, plan)
});

/// What came out, and the findings, sorted.
pub(crate) type Outcome = (Vec<u8>, Vec<(u64, u64, usize)>);

pub(crate) fn run(hay: &[u8], format: Format, views: Views, size: usize) -> Outcome {
    let (engine, plan) = &*RULES;
    let mut carrier = Carrier::default();
    carrier.set_views(views);
    carrier.reset(format);
    let (mut out, mut found) = (Vec::new(), Vec::new());
    let mut take = |carrier: &mut Carrier| {
        found.extend(
            carrier
                .findings()
                .iter()
                .map(|f| (f.start, f.end, f.rule.as_usize())),
        );
        carrier.take_output(&mut out);
    };
    for chunk in hay.chunks(size.max(1)) {
        carrier.push(engine, plan, chunk, false);
        // What came last is what it was told, or not known any more.
        let now = carrier.received();
        let before = now.saturating_sub(chunk.len() as u64);
        if let Some(kept) = carrier.committed(before, now) {
            assert_eq!(
                kept.escape_ascii().to_string(),
                chunk.escape_ascii().to_string()
            );
        }
        take(&mut carrier);
    }
    carrier.push(engine, plan, b"", true);
    take(&mut carrier);
    assert_eq!(
        carrier.decided(),
        hay.len() as u64,
        "the end decides everything"
    );
    found.sort_unstable();
    (out, found)
}

fn is_json(text: &[u8]) -> bool {
    serde_json::Deserializer::from_slice(text)
        .into_iter::<IgnoredAny>()
        .all(|value| value.is_ok())
}

/// Cuts change nothing, JSON stays JSON, and where nothing is found nothing changes.
///
/// # Panics
/// When one of these does not hold.
pub fn carriers(data: &[u8]) {
    let Some((&[kind, size], rest)) = data.split_first_chunk() else {
        return;
    };
    let rest = &rest[..rest.len().min(400)];
    let hay: Vec<u8> = match kind & 24 {
        16.. => layered(&rest[..rest.len().min(80)]),
        0 => rest
            .iter()
            .flat_map(|&b| PIECES[usize::from(b) % PIECES.len()].bytes())
            .collect(),
        _ => rest.to_vec(),
    };
    let format = [Format::Text, Format::Json, Format::Json, Format::Form][usize::from(kind & 3)];
    let views = if kind & 4 == 0 {
        Views::ALL
    } else {
        Views::default()
    };
    let whole = run(&hay, format, views, hay.len());
    let shown = |(out, found): &Outcome| (out.escape_ascii().to_string(), found.clone());
    for size in [1, 2 + usize::from(size % 9), 64] {
        assert_eq!(
            shown(&run(&hay, format, views, size)),
            shown(&whole),
            "{format:?}, chunks of {size}, {views:?}: {}",
            hay.escape_ascii()
        );
    }
    if whole.1.is_empty() {
        assert_eq!(whole.0, hay, "nothing is found, and something changed");
    }
    if format == Format::Json && is_json(&hay) {
        assert!(is_json(&whole.0), "JSON became none");
    }
}
