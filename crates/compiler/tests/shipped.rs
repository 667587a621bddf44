//! The shipped packs: the text of each of their cases through the reference and the engine, whole, in 1-byte chunks and cut in two everywhere.

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
