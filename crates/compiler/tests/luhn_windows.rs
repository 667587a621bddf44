//! Card numbers inside longer runs of digits: every start and every length is tried, whatever stands beside them and however the run is cut.
//! The oracle is a loop over windows, which shares nothing with the engine.

use blackbar_engine::{Engine, Place, Plan, Stream};
use blackbar_fuzz::choices::Seeded;
use blackbar_policy::Policy;
use blackbar_policy::load::NoBuiltins;

const POLICY: &str = r#"
[pack]
id = "c"
title = "Cards"
[[rule]]
id = "c.card"
description = "x"
source = "none"
pattern = '[0-9]{13,19}'
left = "none"
right = "none"
validators = ["luhn"]
"#;

/// ISO/IEC 7812-1: from the right every second digit counts twice, with its digits added up.
fn adds_up(digits: &[u8]) -> bool {
    let sum: u32 = (0..)
        .zip(digits.iter().rev())
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0') << (place % 2);
            digit / 10 + digit % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The longest window that adds up, from the first start on that has one, and so on behind it.
fn windows(run: &[u8]) -> Vec<(u64, u64)> {
    let (mut found, mut start) = (Vec::new(), 0);
    while start < run.len() {
        let lengths = (13..=19).rev().filter(|len| start + len <= run.len());
        match lengths
            .into_iter()
            .find(|len| adds_up(&run[start..start + len]))
        {
            Some(len) => {
                found.push((start as u64, (start + len) as u64));
                start += len;
            }
            None => start += 1,
        }
    }
    found
}

#[test]
fn every_window_of_a_run_is_tried() {
    let policy = Policy::parse_str("c.toml", POLICY, &NoBuiltins).expect("a policy");
    let artifact = blackbar_compiler::compile(&policy)
        .expect("it compiles")
        .artifact;
    let engine = Engine::load(artifact).expect("an artifact");
    let plan = Plan::new(&engine, None).expect("a plan");
    let mut seeded = Seeded::new(0x6d2b_79f5);
    let mut all = 0;
    for length in 0..120 {
        for _ in 0..10 {
            let run: Vec<u8> = seeded.bytes(length).iter().map(|b| b'0' + b % 10).collect();
            let wanted = windows(&run);
            all += wanted.len();
            for chunk in [1, 7, 64, 200] {
                let mut stream = Stream::new(Place::Text);
                let mut found = Vec::new();
                for piece in run.chunks(chunk) {
                    stream.push(&engine, &plan, piece, false);
                }
                stream.push(&engine, &plan, b"", true);
                found.extend(stream.findings().iter().map(|f| (f.start, f.end)));
                let run = String::from_utf8_lossy(&run);
                assert_eq!(found, wanted, "{run} in chunks of {chunk}");
            }
        }
    }
    assert!(all > 2_000, "{all}");
}
