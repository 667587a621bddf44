//! `testdata/*.toml` natively: whole, in 1-byte chunks, cut in two everywhere, cut at random; and by the reference, so that the two
//! descriptions of the semantics agree.

use std::path::Path;

use blackbar_fuzz::choices::Choices;
use blackbar_fuzz::oracle::{Outcome, Subject, ends, every_split};
use blackbar_fuzz::suite;

#[test]
fn the_suites_are_as_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let suites = suite::load(&folder).expect("the suites");
    let mut wrong = Vec::new();
    for suite in suites {
        let name = suite.name;
        let subject = match blackbar_compiler::compile(&suite.policy) {
            Ok(_) => Subject::new(suite.policy).expect("it was compiled"),
            Err(error) => panic!("suite `{name}`: {error}"),
        };
        for case in suite.cases {
            let len = case.input.len();
            let steps: Vec<u8> = (0..64).map(|i| (i * 37 + len) as u8).collect();
            let mut splits = every_split(len);
            splits.push(ends(&mut Choices::new(&steps), len));
            let show = |outcome: &Outcome| {
                let named = outcome
                    .findings
                    .iter()
                    .map(|&(start, end, rule)| (start, end, subject.policy.rules[rule].id.clone()));
                (
                    outcome.out.escape_ascii().to_string(),
                    named.collect::<Vec<_>>(),
                )
            };
            match subject.check(&case.input, case.place, &splits) {
                Err(error) => wrong.push(format!("{name}, {}: {error}", case.name)),
                Ok(outcome) => {
                    let (out, findings) = show(&outcome);
                    let wanted = case.out.escape_ascii().to_string();
                    if out != wanted || case.findings.as_ref().is_some_and(|f| *f != findings) {
                        wrong.push(format!(
                            "{name}, {}:\n  got    {out} {findings:?}\n  wanted {wanted} {:?}",
                            case.name, case.findings
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
