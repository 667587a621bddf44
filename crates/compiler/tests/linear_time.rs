//! Twice the input takes about twice the time: for haystacks that are nothing but near misses, in one chunk and in 1-byte chunks.

use std::time::{Duration, Instant};

use blackbar_engine::{Ledger, Place, Stream};
use blackbar_fuzz::oracle::Subject;

const POLICY: &str = r##"
[pack]
id = "a"
title = "Adversarial"
[[rule]]
id = "a.mail"
description = "x"
source = "none"
pattern = '[A-Za-z0-9._-]{1,64}@[a-z]{2,40}\.[a-z]{2,9}'
[[rule]]
id = "a.key"
description = "x"
source = "none"
keyed = { keywords = ["token", "api_key"], value = '[^\s"]{8,200}', suffix = true }
validators = ["has-digit"]
[[rule]]
id = "a.pem"
description = "x"
source = "none"
pattern = '-----BEGIN (?<secret>[A-Za-z0-9 =\n-]+)-----END'
max_len = 512
[[rule]]
id = "a.card"
description = "x"
source = "none"
pattern = '[0-9]{4}(?:[ -]?[0-9]{4}){2,3}'
validators = ["luhn"]
[[rule]]
id = "a.amb"
description = "x"
source = "none"
pattern = 'aa{1,8}b{0,8}(?<secret>[ab]{4,30})c'
left = "none"
right = "none"
[[rule]]
id = "a.ip"
description = "x"
source = "none"
pattern = '(?:[0-9a-f]{1,4}:){2,7}[0-9a-f]{1,4}'
validators = ["ipv6"]
[[rule]]
id = "a.grow"
description = "x"
source = "none"
pattern = 'G=(?<secret>\S+)'
max_len = 256
"##;

/// What is repeated.
const NEAR_MISSES: &[&str] = &[
    "a",
    "0",
    "-",
    "*",
    "\\",
    "@",
    " ",
    "ab",
    "aab",
    "token",
    "token=",
    "token_token=a",
    "-----BEGIN ",
    "-----",
    "1111 1111-",
    "1:",
    "a.b@",
    "api_key: \"aaaaaaa\n",
    "G=*",
    "G=[a.grow",
    "[a.",
    "%5Ba.",
    "G=",
    "\\u00",
    "aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbb",
];

fn time(subject: &Subject, hay: &[u8], chunk: usize) -> Duration {
    // The fastest of a few runs: other work on the machine only ever adds.
    (0..3)
        .map(|_| {
            let begin = Instant::now();
            let mut stream = Stream::new(Place::Text);
            let mut out = Vec::new();
            for bytes in hay.chunks(chunk) {
                stream.push(&subject.engine, &subject.plan, bytes, false);
                stream.take_output(&mut out);
            }
            stream.push(&subject.engine, &subject.plan, b"", true);
            stream.take_output(&mut out);
            assert!(stream.memory() < 1 << 22 || chunk > 1, "the window grows");
            begin.elapsed()
        })
        .min()
        .unwrap_or_default()
}

/// What the engine does, counted: no other work on the machine bears on it.
fn work(subject: &Subject, hay: &[u8], chunk: usize) -> u64 {
    let mut ledger = Ledger::new(subject.engine.rules().len());
    let mut stream = Stream::new(Place::Text);
    let mut out = Vec::new();
    let mut chunks = hay.chunks(chunk).peekable();
    while let Some(bytes) = chunks.next() {
        stream.spare(bytes.len()).copy_from_slice(bytes);
        let last = chunks.peek().is_none();
        let (engine, plan) = (&subject.engine, &subject.plan);
        stream.commit_observed(engine, plan, bytes.len(), last, &mut ledger);
        stream.take_output(&mut out);
    }
    let rules = ledger.rules.iter();
    let rules: u64 = rules
        .map(|rule| rule.windows + rule.verified + rule.steps)
        .sum();
    rules + ledger.literals + ledger.shapes
}

#[test]
fn four_times_the_input_is_four_times_the_work() {
    let subject = Subject::from_toml(POLICY).expect("a policy that compiles");
    for miss in NEAR_MISSES {
        for (chunk, len) in [(usize::MAX, 12_000), (1, 6_000), (1000, 12_000)] {
            let hay = miss.repeat(4 * len / miss.len());
            let one = work(&subject, &hay.as_bytes()[..hay.len() / 4], chunk);
            let four = work(&subject, hay.as_bytes(), chunk);
            assert!(
                four as f64 <= 4.2 * one as f64 + 10_000.0,
                "{miss:?} by {chunk}: {one}, four times as much {four}"
            );
        }
    }
}

#[test]
fn twice_the_input_takes_twice_the_time() {
    let subject = Subject::from_toml(POLICY).expect("a policy that compiles");
    let mut slow = Vec::new();
    for miss in NEAR_MISSES {
        for (chunk, len) in [(usize::MAX, 12_000), (1, 6_000), (1000, 12_000)] {
            let hay = miss.repeat(4 * len / miss.len());
            // Other work on the machine makes a run slower, never faster: one good pair of runs is enough.
            let pair = || {
                let one = time(&subject, &hay.as_bytes()[..hay.len() / 4], chunk);
                (one, time(&subject, hay.as_bytes(), chunk))
            };
            // Linear is 4, quadratic 16. What scanning does is counted above; this is for what goes on around it.
            let linear =
                |&(one, four): &(Duration, Duration)| four <= 8 * one + Duration::from_millis(1);
            if !(0..5).map(|_| pair()).any(|times| linear(&times)) {
                let (one, four) = pair();
                slow.push(format!(
                    "{miss:?} by {chunk}: {one:?}, four times as much {four:?}"
                ));
            }
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}
