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
    let hay: Vec<u8> = match kind & 8 {
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
    for size in [1, 2 + usize::from(size % 9), 64] {
        assert_eq!(
            run(&hay, format, views, size),
            whole,
            "{format:?}, chunks of {size}"
        );
    }
    if whole.1.is_empty() {
        assert_eq!(whole.0, hay, "nothing is found, and something changed");
    }
    if format == Format::Json && is_json(&hay) {
        assert!(is_json(&whole.0), "JSON became none");
    }
}
