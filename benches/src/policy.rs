//! The policies that are measured: the shipped ones, sets of so many rules, and one that does not change.

use std::fmt;
use std::path::Path;

use blackbar_compiler::Compiled;
use blackbar_policy::Policy;
use blackbar_policy::load::NoBuiltins;

use crate::generated;

/// The policy of the instruction counts: rules of its own and generated ones, how many and of which seed, so that it moves with the
/// engine and the compiler and nothing else.
const GATE: (&str, usize, u64) = (include_str!("../gate.toml"), 136, 7);
/// What the generated part of `rules-N` starts from.
const SEED: u64 = 1;

/// Why there is no such policy.
#[derive(Debug)]
pub struct PolicyNotLoaded(String);

impl fmt::Display for PolicyNotLoaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for PolicyNotLoaded {}

/// A policy by its name, with the rules that are on and without variants:
///
/// - a shipped pack or profile: `strict`, `default`, `secrets`, ...
/// - `rules-N`: so many rules. Up to the number of rules of `strict` it is every so-and-so-many-th of them, beyond that all of them
///   and generated ones.
/// - `gate`: 150 rules that never change, a few for what the haystacks plant and generated ones.
///
/// # Errors
/// When there is none of that name, or it cannot be read.
pub fn load(name: &str) -> Result<Policy, PolicyNotLoaded> {
    if name == "gate" {
        return gate();
    }
    if let Some(count) = name.strip_prefix("rules-") {
        let count = count
            .parse()
            .map_err(|_| PolicyNotLoaded(format!("`{name}` does not end in a number")))?;
        return so_many(count);
    }
    shipped(name)
}

/// Compiles a policy.
///
/// # Errors
/// What the compiler refuses, as a report.
pub fn compile(policy: &Policy) -> Result<Compiled, PolicyNotLoaded> {
    blackbar_compiler::compile(policy).map_err(|error| PolicyNotLoaded(error.to_string()))
}

fn shipped(name: &str) -> Result<Policy, PolicyNotLoaded> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let profile = folder.join(format!("{name}.toml"));
    let path = if profile.is_file() {
        profile
    } else {
        folder.join(name)
    };
    let mut policy = Policy::load(&path.display().to_string(), &NoBuiltins)
        .map_err(|error| PolicyNotLoaded(error.to_string()))?;
    policy.rules.retain(|rule| rule.settings.enabled);
    policy.variants.clear();
    Ok(policy)
}

fn gate() -> Result<Policy, PolicyNotLoaded> {
    let (text, count, seed) = GATE;
    let mut policy = Policy::parse_str("gate.toml", text, &NoBuiltins)
        .map_err(|error| PolicyNotLoaded(error.to_string()))?;
    let more = generated(count, seed)?;
    policy.rules.extend(more.rules);
    policy.packs.extend(more.packs);
    Ok(policy)
}

fn so_many(count: usize) -> Result<Policy, PolicyNotLoaded> {
    let mut policy = shipped("strict")?;
    let all = policy.rules.len();
    if count <= all {
        let keep: Vec<usize> = (0..count).map(|number| number * all / count).collect();
        let mut number = 0;
        policy.rules.retain(|_| {
            number += 1;
            keep.binary_search(&(number - 1)).is_ok()
        });
    } else {
        let more = generated(count - all, SEED)?;
        policy.rules.extend(more.rules);
        policy.packs.extend(more.packs);
    }
    policy.id = format!("rules-{count}");
    Ok(policy)
}

fn generated(count: usize, seed: u64) -> Result<Policy, PolicyNotLoaded> {
    Policy::parse_str(
        "generated.toml",
        &generated::pack("generated", count, seed),
        &NoBuiltins,
    )
    .map_err(|error| PolicyNotLoaded(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_have_as_many_rules_as_they_say_and_ids_are_unique() {
        for count in [10, 100, 300, 1000] {
            let policy = load(&format!("rules-{count}")).unwrap();
            assert_eq!(policy.rules.len(), count);
            let mut ids: Vec<&str> = policy.rules.iter().map(|rule| rule.id.as_str()).collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), count);
        }
        assert!(load("rules-x").is_err() && load("nothing").is_err());
    }

    #[test]
    fn generated_rules_are_taken_by_the_compiler() {
        let compiled = compile(&load("gate").unwrap()).unwrap();
        assert!(compiled.artifact.len() > 10_000);
        assert_eq!(load("gate").unwrap().rules.len(), 150);
    }

    #[test]
    fn the_gate_is_the_same_for_ever() {
        let (text, count, seed) = GATE;
        let digest = crc32fast::hash(
            format!("{text}{}", generated::pack("generated", count, seed)).as_bytes(),
        );
        assert_eq!(
            digest, 2_119_710_321,
            "records of instruction counts are of another policy now: bless them, and this"
        );
    }
}
