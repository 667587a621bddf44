//! The shipped packs: the text of each of their cases through the reference and the engine, whole, in 1-byte chunks and cut in two
//! everywhere; and whether each rule earns its place.

use std::path::{Path, PathBuf};

use blackbar_engine::Place;
use blackbar_fuzz::choices::{Choices, Seeded};
use blackbar_fuzz::oracle::{Subject, ends, every_split};
use blackbar_policy::load::NoBuiltins;
use blackbar_policy::model::Policy;

/// Longer texts are cut in fewer places.
const CUTS: usize = 80;

/// The folders of packs, those of groups among them.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.join("policy.toml").is_file() {
            all.push(path);
        } else if path.is_dir() {
            all.extend(folders(&path));
        }
    }
    all
}

#[test]
fn the_cases_of_all_packs_are_as_the_reference_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let mut packs = 0;
    let mut differences = Vec::new();
    for path in folders(&folder) {
        packs += 1;
        let policy =
            Policy::load(&path.display().to_string(), &NoBuiltins).expect("a shipped pack");
        let cases = blackbar_policy::cases::load(&policy, &NoBuiltins).expect("its cases");
        let subject = Subject::new(policy).expect("a shipped pack compiles");
        assert!(!cases.is_empty(), "no cases in {}", path.display());
        for case in cases.iter().flat_map(|pack| &pack.cases) {
            let len = case.input.len();
            let mut splits = every_split(len);
            let step = len.div_ceil(CUTS).max(1);
            splits.retain(|split| split[0] % step == 0 || case.splits.contains(&split[0]));
            match subject.compare(&case.input, Place::Text, &splits) {
                Err(error) => differences.push(format!("{}: {error}", case.name)),
                Ok(once) => {
                    let twice = subject.run(&once.out, Place::Text, &[]);
                    if twice.out != once.out {
                        let show = |bytes: &[u8]| bytes.escape_ascii().to_string();
                        let (once, twice) = (show(&once.out), show(&twice.out));
                        differences.push(format!("{}: twice\n  {once}\n  {twice}", case.name));
                    }
                }
            }
        }
    }
    assert!(packs >= 2, "the shipped packs were not found");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A rule whose work others do that are as sure, in every case it has, could go without a profile that noticed.
#[test]
fn every_rule_finds_in_a_case_what_no_rule_as_sure_finds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let mut idle = Vec::new();
    let mut count = 0;
    for path in folders(&folder) {
        let policy =
            Policy::load(&path.display().to_string(), &NoBuiltins).expect("a shipped pack");
        let packs = blackbar_policy::cases::load(&policy, &NoBuiltins).expect("its cases");
        let subject = Subject::new(policy).expect("a shipped pack compiles");
        let rules = &subject.policy.rules;
        let mut needed = vec![false; rules.len()];
        for case in packs.iter().flat_map(|pack| &pack.cases) {
            let found = subject.run(&case.input, Place::Text, &[]).findings;
            // Counted for the rule that the case is about, not for one that happens to find something in it.
            let own = found
                .iter()
                .filter(|(.., rule)| rules[*rule].id == case.rule);
            for &(start, end, rule) in own {
                let others = |at: usize| {
                    found.iter().any(|&(from, to, other)| {
                        other != rule
                            && (from..to).contains(&at)
                            && rules[other].confidence >= rules[rule].confidence
                    })
                };
                needed[rule] |= !(start..end).all(others);
            }
        }
        count += rules.len();
        let pairs = rules.iter().zip(needed);
        idle.extend(
            pairs
                .filter(|(_, needed)| !needed)
                .map(|(rule, _)| rule.id.clone()),
        );
    }
    assert!(
        count > 300,
        "the shipped packs were not found: {count} rules"
    );
    assert!(
        idle.is_empty(),
        "no case shows what these alone find: {}",
        idle.join(", ")
    );
}

/// All packs together, on texts that are pieces of their cases put one after the other.
#[test]
fn pieces_of_cases_are_as_the_reference_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let path = folder.join("strict.toml").display().to_string();
    let policy = Policy::load(&path, &NoBuiltins).expect("a shipped profile");
    let packs = blackbar_policy::cases::load(&policy, &NoBuiltins).expect("its cases");
    let texts: Vec<&[u8]> = packs
        .iter()
        .flat_map(|pack| &pack.cases)
        .map(|case| case.input.as_slice())
        .filter(|text| text.len() < 400)
        .collect();
    let subject = Subject::new(policy).expect("a shipped profile compiles");
    let rounds = std::env::var("ROUNDS").map_or(150, |n| n.parse().expect("a number"));
    let seed =
        std::env::var("SEED").map_or(0x2545_f491_4f6c_dd1d, |n| n.parse().expect("a number"));
    let mut seeded = Seeded::new(seed);
    let mut findings = 0;
    for _ in 0..rounds {
        let bytes = seeded.bytes(48);
        let mut c = Choices::new(&bytes);
        let mut hay = Vec::new();
        for _ in 0..c.between(2, 5) {
            let text = c.one(&texts);
            let from = if c.chance(128) {
                c.below(text.len() + 1)
            } else {
                0
            };
            let to = if c.chance(128) {
                c.between(from, text.len())
            } else {
                text.len()
            };
            hay.extend(&text[from..to]);
            hay.extend(c.one(&[&b" "[..], b"", b"\n", b"\"", b"\\n", b"&"]));
        }
        let place = c.one(&[Place::Text, Place::Json, Place::Url]);
        let splits: Vec<Vec<usize>> = (0..3).map(|_| ends(&mut c, hay.len())).collect();
        match subject.compare(&hay, place, &splits) {
            Ok(outcome) => findings += outcome.findings.len(),
            Err(difference) => panic!("{difference}"),
        }
    }
    assert!(findings > rounds / 2, "hardly anything to find: {findings}");
}
