//! Generated policies and haystacks: the engine gives what the reference gives, however the haystack is cut.

use blackbar_engine::Place;
use blackbar_fuzz::choices::Choices;
use blackbar_fuzz::generate;
use blackbar_fuzz::oracle::{Subject, ends, every_split};
use proptest::prelude::*;

const PLACES: &[Place] = &[Place::Text, Place::Json, Place::Url, Place::Header];

fn check(bytes: &[u8], hays: usize) -> Result<bool, String> {
    let mut c = Choices::new(bytes);
    let made = generate::policy(&mut c, false);
    let Some(subject) = Subject::from_toml(&made.toml) else {
        return Ok(false);
    };
    for _ in 0..hays {
        let most = c.one(&[6, 3, 10, 30]);
        let hay = made.haystack(&mut c, most);
        let mut splits: Vec<Vec<usize>> = (0..3).map(|_| ends(&mut c, hay.len())).collect();
        if hay.len() < 40 {
            splits.extend(every_split(hay.len()));
        }
        subject.check(&hay, c.one(PLACES), &splits)?;
    }
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 4000, failure_persistence: None, verbose: 0, ..ProptestConfig::default() })]
    #[test]
    fn the_engine_is_the_reference(bytes in proptest::collection::vec(any::<u8>(), 200..1200)) {
        check(&bytes, 12).map_err(TestCaseError::fail)?;
    }
}
