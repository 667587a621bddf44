//! Compares engine and reference on generated policies for a while, and prints each difference made small:
//! `cargo run -p blackbar-fuzz --example soak -- SECONDS [SEED]`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use blackbar_engine::Place;
use blackbar_fuzz::choices::{Choices, Seeded};
use blackbar_fuzz::generate;
use blackbar_fuzz::oracle::{Subject, ends, every_split};
use blackbar_policy::model::Policy;

const PLACES: &[Place] = &[Place::Text, Place::Json, Place::Url, Place::Header];

fn fails(subject: &Subject, hay: &[u8], place: Place, splits: &[Vec<usize>]) -> Option<String> {
    let checked = catch_unwind(AssertUnwindSafe(|| subject.check(hay, place, splits)));
    match checked {
        Ok(result) => result.err(),
        Err(panic) => Some(format!(
            "panic {:?} {:?}\n{:?}\n hay {}",
            panic.downcast_ref::<String>(),
            panic.downcast_ref::<&str>(),
            subject
                .policy
                .rules
                .iter()
                .map(|r| (&r.matcher, r.left, r.right, r.max_len, r.settings.action))
                .collect::<Vec<_>>(),
            hay.escape_ascii()
        )),
    }
}

/// Drops rules, then bytes, while anything fails.
fn shrink(policy: &Policy, hay: &[u8], place: Place) -> Option<String> {
    let splits = |hay: &[u8]| {
        if hay.len() < 80 {
            every_split(hay.len())
        } else {
            Vec::new()
        }
    };
    let mut policy = policy.clone();
    let mut hay = hay.to_vec();
    let mut subject = Subject::new(policy.clone())?;
    let mut worst = fails(&subject, &hay, place, &splits(&hay))?;
    let mut at = 0;
    while at < policy.rules.len() && policy.rules.len() > 1 {
        let mut fewer = policy.clone();
        fewer.rules.remove(at);
        if let Some(smaller) = Subject::new(fewer.clone())
            && let Some(error) = fails(&smaller, &hay, place, &splits(&hay))
        {
            (policy, subject, worst) = (fewer, smaller, error);
        } else {
            at += 1;
        }
    }
    let mut size = hay.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at + size <= hay.len() {
            let mut shorter = hay.clone();
            shorter.drain(at..at + size);
            if let Some(error) = fails(&subject, &shorter, place, &splits(&shorter)) {
                (hay, worst) = (shorter, error);
            } else {
                at += 1;
            }
        }
        size /= 2;
    }
    Some(worst)
}

fn main() {
    let mut args = std::env::args()
        .skip(1)
        .map(|a| a.parse::<u64>().unwrap_or(1));
    let seconds = args.next().unwrap_or(60);
    let seed = args.next().unwrap_or(1);
    let mut seeded = Seeded::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let most = args.next().unwrap_or(12);
    std::panic::set_hook(Box::new(|_| {}));
    let begin = Instant::now();
    let (mut policies, mut refused, mut hays, mut found) = (0, 0, 0, 0);
    while begin.elapsed() < Duration::from_secs(seconds) && found < most {
        let bytes = seeded.bytes(1500);
        let mut c = Choices::new(&bytes);
        let made = generate::policy(&mut c, false);
        policies += 1;
        let Some(subject) = Subject::from_toml(&made.toml) else {
            refused += 1;
            continue;
        };
        while c.more() {
            let most = c.one(&[6, 3, 10, 30]);
            let hay = made.haystack(&mut c, most);
            let place = c.one(PLACES);
            let mut splits: Vec<Vec<usize>> = (0..3).map(|_| ends(&mut c, hay.len())).collect();
            if hay.len() < 60 {
                splits.extend(every_split(hay.len()));
            }
            hays += 1;
            if let Some(error) = fails(&subject, &hay, place, &splits) {
                found += 1;
                let again = (0..50)
                    .filter(|_| {
                        Subject::from_toml(&made.toml)
                            .is_some_and(|s| fails(&s, &hay, place, &splits).is_some())
                    })
                    .count();
                println!("{again} of 50 compilations fail\n{}", made.toml);
                println!(
                    "--- {}\n",
                    shrink(&subject.policy, &hay, place).unwrap_or(error)
                );
                break;
            }
        }
    }
    println!(
        "{policies} policies ({refused} refused), {hays} haystacks, {found} differences, {:?}",
        begin.elapsed()
    );
}
