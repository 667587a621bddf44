//! The shipped packs: the text of each of their cases through the reference and the engine, whole, in 1-byte chunks and cut in two everywhere.

use std::path::Path;

use blackbar_engine::Place;
use blackbar_fuzz::oracle::{Subject, every_split};
use blackbar_policy::load::NoBuiltins;
use blackbar_policy::model::Policy;

/// Longer texts are cut in fewer places.
const CUTS: usize = 80;

#[test]
fn the_cases_of_all_packs_are_as_the_reference_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let mut packs = 0;
    let mut differences = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder of policies") {
        let path = entry.expect("an entry").path();
        if !path.is_dir() {
            continue;
        }
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
