//! What the definitions expect is what the engine finds, whatever the chunks. With `BLACKBAR_BLESS=1` what is found is written into the
//! definitions instead: after a change of the policies, never after one of the engine.

use std::collections::BTreeSet;
use std::env;
use std::thread;

use blackbar_benches::lane::{Native, Seen};
use blackbar_benches::{BLESS, Definition, Recipe, policy};

/// A prime, so that the ends of chunks fall everywhere.
const OTHER: usize = 4093;

/// What is wrong with the definitions of one policy, and how many could not be run.
#[derive(Default)]
struct Outcome {
    wrong: Vec<String>,
    skipped: usize,
}

#[test]
fn what_is_expected_is_found() {
    let definitions = Definition::all().unwrap();
    let names: BTreeSet<&str> = definitions.iter().map(|d| d.policy.as_str()).collect();
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let all: Vec<_> = names
            .iter()
            .map(|&name| {
                let of: Vec<&Definition> =
                    definitions.iter().filter(|d| d.policy == name).collect();
                scope.spawn(move || one_policy(name, &of))
            })
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let skipped: usize = outcomes.iter().map(|outcome| outcome.skipped).sum();
    assert!(skipped < definitions.len());
    let wrong: Vec<String> = outcomes.into_iter().flat_map(|one| one.wrong).collect();
    assert!(
        wrong.is_empty(),
        "{}\nif the policies were changed on purpose: {BLESS}=1 cargo test -p blackbar-benches",
        wrong.join("\n")
    );
}

fn one_policy(name: &str, definitions: &[&Definition]) -> Outcome {
    let policy = policy::load(name).unwrap();
    let mut lane = Native::new(policy::compile(&policy).unwrap().artifact).unwrap();
    let mut outcome = Outcome::default();
    // Of definitions that differ in the size of chunks alone, the result in chunks of another size is the same.
    let mut before: Option<(&Recipe, Vec<u8>, Seen)> = None;
    for definition in definitions {
        if before
            .as_ref()
            .is_none_or(|(recipe, ..)| **recipe != definition.haystack)
        {
            let Some(haystack) = definition.haystack.make(&policy) else {
                eprintln!(
                    "{}: skipped, there are no logs beside this checkout",
                    definition.name
                );
                outcome.skipped += 1;
                continue;
            };
            let other = lane.redact(&haystack, OTHER);
            before = Some((&definition.haystack, haystack, other));
        }
        let Some((_, haystack, other)) = &before else {
            continue;
        };
        let seen = lane.redact(haystack, definition.chunk);
        assert_eq!(
            seen, *other,
            "{}: the size of the chunks shows",
            definition.name
        );
        let expected = Seen {
            findings: definition.findings,
            bytes_out: definition.bytes_out,
        };
        if seen == expected {
            continue;
        }
        if env::var_os(BLESS).is_some() {
            definition.bless(seen.findings, seen.bytes_out).unwrap();
        } else {
            outcome.wrong.push(format!(
                "{}: found {}, {} bytes out; expected {}, {}",
                definition.name,
                seen.findings,
                seen.bytes_out,
                expected.findings,
                expected.bytes_out
            ));
        }
    }
    outcome
}
