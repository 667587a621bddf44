//! Generated policies and haystacks: the engine gives what the reference gives, however the haystack is cut; and the properties
//! that a user relies on. `PROPTEST_CASES` makes it run longer.

use blackbar_engine::{Place, Plan, RuleIndex, Stream, redact_value};
use blackbar_fuzz::choices::{Choices, Seeded};
use blackbar_fuzz::generate;
use blackbar_fuzz::oracle::{Subject, ends, every_split};
use blackbar_policy::model::Action;
use proptest::prelude::*;

const PLACES: &[Place] = &[Place::Text, Place::Json, Place::Url, Place::Header];

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").map_or(cases, |n| n.parse().expect("a number")),
        max_shrink_iters: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn check(bytes: &[u8]) -> Result<(), String> {
    let mut c = Choices::new(bytes);
    let made = generate::policy(&mut c, false);
    let Some(subject) = Subject::from_toml(&made.toml) else {
        return Ok(());
    };
    for _ in 0..12 {
        let most = c.one(&[6, 3, 10, 30]);
        let hay = made.haystack(&mut c, most);
        let mut splits: Vec<Vec<usize>> = (0..3).map(|_| ends(&mut c, hay.len())).collect();
        if hay.len() < 40 {
            splits.extend(every_split(hay.len()));
        }
        subject.check(&hay, c.one(PLACES), &splits)?;
    }
    Ok(())
}

/// The bytes of `hay` that are covered by an edit.
fn covered(subject: &Subject, plan: &Plan, hay: &[u8]) -> Vec<bool> {
    let mut stream = Stream::new(Place::Text);
    stream.push(&subject.engine, plan, hay, true);
    let mut covered = vec![false; hay.len()];
    for edit in stream.edits() {
        covered[edit.start as usize..edit.end as usize].fill(true);
    }
    covered
}

/// The redacted haystack, and which of its bytes the engine wrote.
fn redact(subject: &Subject, hay: &[u8]) -> (Vec<u8>, Vec<bool>) {
    let mut stream = Stream::new(Place::Text);
    stream.push(&subject.engine, &subject.plan, hay, true);
    let (mut out, mut written, mut at) = (Vec::new(), Vec::new(), 0);
    for edit in stream.edits() {
        out.extend(&hay[at..edit.start as usize]);
        written.resize(out.len(), false);
        out.extend(stream.replacement(edit));
        written.resize(out.len(), true);
        at = edit.end as usize;
    }
    out.extend(&hay[at..]);
    written.resize(out.len(), false);
    (out, written)
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn the_engine_is_the_reference(bytes in proptest::collection::vec(any::<u8>(), 200..1200)) {
        check(&bytes).map_err(TestCaseError::fail)?;
    }
}

proptest! {
    #![proptest_config(config(250))]

    /// No second pass takes what the first one wrote for a secret. (It may find more: where `12` became a mark, a neighbour
    /// that had to be no digit now is none.)
    #[test]
    fn what_was_written_is_no_secret(bytes in proptest::collection::vec(any::<u8>(), 100..600)) {
        let mut c = Choices::new(&bytes);
        let made = generate::policy(&mut c, true);
        let Some(subject) = Subject::from_toml(&made.toml) else { return Ok(()) };
        for _ in 0..8 {
            let hay = made.haystack(&mut c, 12);
            let (once, written) = redact(&subject, &hay);
            for (start, end, _) in subject.run(&once, Place::Text, &[]).findings {
                prop_assert!(
                    written[start..end].contains(&false),
                    "{:?} of {} from {} by {}", start..end, once.escape_ascii(), hay.escape_ascii(), &made.toml
                );
            }
        }
    }

    /// A rule more never lets through a byte that was redacted without it.
    #[test]
    fn a_rule_more_redacts_no_less(bytes in proptest::collection::vec(any::<u8>(), 100..600)) {
        let mut c = Choices::new(&bytes);
        let made = generate::policy(&mut c, false);
        let Some(subject) = Subject::from_toml(&made.toml) else { return Ok(()) };
        for off in 0..subject.policy.rules.len() {
            let mut fewer = subject.plan.clone();
            let rule: RuleIndex = subject.engine.find_rule(&subject.policy.rules[off].id).expect("known");
            fewer.set_enabled(rule, false);
            let hay = made.haystack(&mut c, 20);
            let (all, some) = (covered(&subject, &subject.plan, &hay), covered(&subject, &fewer, &hay));
            prop_assert!(all.iter().zip(&some).all(|(&all, &some)| all || !some));
        }
    }

    /// After [`Stream::force`] nothing is undecided, what is redacted in any case is redacted, and the stream goes on.
    #[test]
    fn forcing_decides_and_leaks_nothing(bytes in proptest::collection::vec(any::<u8>(), 100..600)) {
        let mut c = Choices::new(&bytes);
        let made = generate::policy(&mut c, false);
        let Some(subject) = Subject::from_toml(&made.toml) else { return Ok(()) };
        let hay = made.haystack(&mut c, 20);
        let cuts = ends(&mut c, hay.len());
        let mut stream = Stream::new(Place::Text);
        let mut marked = vec![false; hay.len()];
        let mut at = 0;
        for &end in cuts.iter().chain([&hay.len()]) {
            stream.push(&subject.engine, &subject.plan, &hay[at..end], end == hay.len());
            at = end;
            if c.chance(100) {
                stream.force(&subject.engine);
                prop_assert_eq!(stream.decided(), end as u64);
            }
            for edit in stream.edits() {
                marked[edit.start as usize..edit.end as usize].fill(true);
            }
            stream.clear();
        }
        prop_assert_eq!(stream.undecided(), 0);
        let whole = covered(&subject, &subject.plan, &hay);
        let leaked: Vec<usize> = (0..hay.len()).filter(|&i| whole[i] && !marked[i]).collect();
        prop_assert!(leaked.is_empty(), "{:?} of {} by {}", leaked, hay.escape_ascii(), &made.toml);
    }

    /// Values in one go are haystacks in one chunk, and a stream can be used again.
    #[test]
    fn a_value_is_a_haystack(bytes in proptest::collection::vec(any::<u8>(), 100..600)) {
        let mut c = Choices::new(&bytes);
        let made = generate::policy(&mut c, false);
        let Some(subject) = Subject::from_toml(&made.toml) else { return Ok(()) };
        let mut stream = Stream::new(Place::Text);
        for _ in 0..6 {
            let hay = made.haystack(&mut c, 12);
            let place = c.one(PLACES);
            let wanted = subject.run(&hay, place, &[]).out;
            let mut out = Vec::new();
            let changed = redact_value(&subject.engine, &subject.plan, &mut stream, place, &hay, &mut out);
            prop_assert_eq!(if changed { &out } else { &hay }, &wanted);
        }
    }

    /// Lengths stay where the plan says so.
    #[test]
    fn lengths_are_preserved_where_it_is_said(bytes in proptest::collection::vec(any::<u8>(), 100..600)) {
        let mut c = Choices::new(&bytes);
        let made = generate::policy(&mut c, false);
        let Some(mut subject) = Subject::from_toml(&made.toml) else { return Ok(()) };
        for rule in &subject.policy.rules {
            if matches!(rule.settings.action, Action::Tag | Action::Remove) {
                let index = subject.engine.find_rule(&rule.id).expect("known");
                subject.plan.set_action(index, blackbar_engine::Action::Mask);
            }
        }
        prop_assert!(subject.plan.preserves_length());
        let hay = made.haystack(&mut c, 20);
        let cuts = ends(&mut c, hay.len());
        prop_assert_eq!(subject.run(&hay, Place::Json, &cuts).out.len(), hay.len());
    }
}

/// The generator is worth its time: most policies compile, and most haystacks hold something to find.
#[test]
fn what_is_generated_is_worth_checking() {
    let (mut policies, mut findings, mut forced) = (0, 0, 0);
    let mut seeded = Seeded::new(0x2545_f491_4f6c_dd1d);
    for _ in 0..200 {
        let bytes = seeded.bytes(600);
        let mut c = Choices::new(&bytes);
        let made = generate::policy(&mut c, false);
        let Some(subject) = Subject::from_toml(&made.toml) else {
            continue;
        };
        policies += 1;
        for _ in 0..8 {
            let hay = made.haystack(&mut c, 10);
            let all = subject.reference.findings(&hay);
            findings += usize::from(!all.is_empty());
            forced += usize::from(all.iter().any(|finding| finding.grows));
        }
    }
    assert!(
        policies > 100 && findings > 2 * policies && forced > policies / 4,
        "{policies} policies, {findings} haystacks with findings, {forced} with forced or growing ones"
    );
}
