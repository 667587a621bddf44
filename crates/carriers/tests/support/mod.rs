//! A policy small enough to see through, and carriers run over haystacks in every cut.
#![allow(dead_code, reason = "each test uses some of these")]

use blackbar_carriers::{Carrier, Format, Views};
use blackbar_engine::schema::MessageIndex;
use blackbar_engine::{Engine, Plan};
use blackbar_policy::Policy;
use blackbar_policy::load::NoBuiltins;

/// Rules of every kind: of fixed and of growing length, keyed, with check digits, and one of each action.
pub(crate) const POLICY: &str = r#"
[pack]
id = "t"
title = "Test"

[[rule]]
id = "t.key"
description = "a token of fixed length"
source = "none"
pattern = '''ghp_(?<secret>[A-Z0-9]{8})'''
confidence = "high"
action = "tag"

[[rule]]
id = "t.mail"
description = "starts with a run"
source = "none"
pattern = '''[a-z0-9.]{1,16}@[a-z]{2,8}\.[a-z]{2,3}'''
confidence = "high"
action = "mask"

[[rule]]
id = "t.card"
description = "check digits"
source = "none"
pattern = '''[0-9]{13,16}'''
validators = ["luhn"]
left = "digit"
right = "digit"
confidence = "high"
action = "tag"

[[rule]]
id = "t.first"
description = "keeps a part"
source = "none"
pattern = '''AKIA(?u:[A-Z0-9é]){6,10}'''
left = "none"
right = "none"
confidence = "high"
action = { keep_first = 4 }

[[rule]]
id = "t.last"
description = "keeps the end"
source = "none"
pattern = '''sk-(?<secret>[a-z0-9]{6,10})'''
confidence = "high"
action = { keep_last = 3 }

[[rule]]
id = "t.pem"
description = "grows"
source = "none"
pattern = '''-----B(?<secret>[^~]{1,})'''
max_len = 20
confidence = "high"
action = "tag"

[[rule]]
id = "t.keyed"
description = "by its key"
source = "none"
keyed = { keywords = ["api_key", "passwd"], value = '''[^\s"\\]{4,20}''' }
confidence = "medium"
action = "tag"

[[rule]]
id = "t.bytes"
description = "cuts characters"
source = "none"
pattern = '''Q(?<secret>(?s-u:.){3})'''
left = "none"
right = "none"
confidence = "low"
action = "mask"
"#;

/// Rules that name fields, and two that look at bytes.
pub(crate) const FIELDS: &str = r#"
[pack]
id = "t"
title = "Test"

[[rule]]
id = "t.before"
description = "counted, and named by another rule as well"
source = "none"
fields = ["both"]
action = "allow"

[[rule]]
id = "t.password"
description = "by key, anywhere"
source = "none"
fields = ["password", "$.user.email", "$.cards[*].number", "$.deep..token", "both"]

[[rule]]
id = "t.pin"
description = "masked"
source = "none"
fields = ["pin"]
action = "mask"

[[rule]]
id = "t.seen"
description = "counted"
source = "none"
fields = ["seen"]
action = "allow"

[[rule]]
id = "t.key"
description = "in bytes"
source = "none"
pattern = '''ghp_(?<secret>[A-Z0-9]{8})'''

[[rule]]
id = "t.pem"
description = "grows"
source = "none"
pattern = '''-----B(?<secret>[^~]{1,})'''
max_len = 20
"#;

/// A loaded policy.
pub(crate) struct Subject {
    /// The rules.
    pub(crate) engine: Engine,
    /// What they do.
    pub(crate) plan: Plan,
    /// What messages of protobuf are.
    pub(crate) message: Option<MessageIndex>,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The redacted bytes.
    pub(crate) out: Vec<u8>,
    /// Rule, start and end of all findings, sorted.
    pub(crate) findings: Vec<(String, u64, u64)>,
}

impl Subject {
    /// The policy above.
    pub(crate) fn new() -> Subject {
        Subject::of(POLICY)
    }

    /// Any policy.
    pub(crate) fn of(toml: &str) -> Subject {
        let policy = Policy::parse_str("test.toml", toml, &NoBuiltins);
        Subject::compiled(&policy.unwrap_or_else(|error| panic!("{error}")))
    }

    /// A policy that was read.
    pub(crate) fn compiled(policy: &Policy) -> Subject {
        let compiled = blackbar_compiler::compile(policy).unwrap_or_else(|e| panic!("{e}"));
        let engine = Engine::load(compiled.artifact).unwrap();
        let plan = Plan::new(&engine, None).unwrap();
        Subject {
            engine,
            plan,
            message: None,
        }
    }

    /// Runs `hay` in chunks that end at `ends` and at its end.
    pub(crate) fn run(
        &self,
        hay: &[u8],
        format: impl Into<Format>,
        views: Views,
        ends: &[usize],
    ) -> Outcome {
        let format = format.into();
        let mut carrier = Carrier::new(format);
        carrier.set_views(views);
        carrier.set_message(self.message);
        carrier.reset(format);
        let (mut out, mut findings) = (Vec::new(), Vec::new());
        let (mut at, mut decided) = (0, 0);
        let mut room = Vec::new();
        for (turn, &end) in ends.iter().chain([&hay.len()]).enumerate() {
            let last = end == hay.len();
            carrier.wake(&mut room);
            carrier.push(&self.engine, &self.plan, &hay[at..end], last);
            at = end;
            assert!(carrier.decided() >= decided, "what is decided went back");
            assert!(carrier.decided() <= end as u64, "more is decided than came");
            decided = carrier.decided();
            assert!(
                carrier.edits().windows(2).all(|e| e[0].end <= e[1].start),
                "edits overlap"
            );
            assert!(carrier.edits().iter().all(|e| e.end <= decided));
            // Output may be taken at any time.
            if turn % 2 == 0 {
                self.collect(&carrier, &mut findings);
                carrier.take_output(&mut out);
            }
            carrier.rest(&mut room);
            if last {
                break;
            }
        }
        self.collect(&carrier, &mut findings);
        carrier.take_output(&mut out);
        assert_eq!(decided, hay.len() as u64, "the end decides everything");
        findings.sort();
        Outcome { out, findings }
    }

    fn collect(&self, carrier: &Carrier, findings: &mut Vec<(String, u64, u64)>) {
        for f in carrier.findings() {
            let id = self.engine.rule(f.rule).unwrap().id.clone();
            findings.push((id, f.start, f.end));
        }
    }

    /// Whole, byte by byte, and cut in two at every place: all must be alike.
    #[track_caller]
    pub(crate) fn check(&self, hay: &[u8], format: impl Into<Format>, views: Views) -> Outcome {
        let format = format.into();
        let whole = self.run(hay, format, views, &[]);
        let show = |o: &Outcome| {
            (
                String::from_utf8_lossy(&o.out).into_owned(),
                o.findings.clone(),
            )
        };
        let same = |ends: &[usize]| {
            let got = self.run(hay, format, views, ends);
            assert_eq!(
                show(&got),
                show(&whole),
                "{:?} cut at {ends:?}",
                String::from_utf8_lossy(hay)
            );
            assert_eq!(got, whole);
        };
        let most = if hay.len() > 600 { 7 } else { 1 };
        for end in (1..hay.len()).step_by(most) {
            same(&[end]);
        }
        for size in [1, 2, 3, 7] {
            let ends: Vec<usize> = (1..hay.len()).filter(|end| end % size == 0).collect();
            same(&ends);
        }
        whole
    }
}

/// Numbers that look random, the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Less than `below`.
    pub(crate) fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % below
    }

    pub(crate) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}
