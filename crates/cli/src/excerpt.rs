//! Reports point into files by showing their lines, and the file may be the wrong one: a log that was named as a policy. So
//! what the built-in default policy finds in a report is masked before it is shown. How a report is laid out is not decided here.

use blackbar_engine::{Engine, Place, Plan, Stream};

use crate::{builtins, policy};

/// The variant of the default policy that masks everything it finds.
const SAME_LENGTH: &str = "same-length";

/// The text without what the default policy finds in it, byte for byte as long as it was: carets stay below what they point at.
///
/// # Cost
/// Loads the default policy; for texts that end a run.
pub(crate) fn masked(text: &str) -> String {
    let engine = builtins::embedded(policy::DEFAULT).and_then(|bytes| Engine::load(bytes).ok());
    let plan = engine
        .as_ref()
        .and_then(|engine| Plan::new(engine, Some(SAME_LENGTH)).ok());
    let (Some(engine), Some(plan)) = (engine, plan) else {
        // The test below shows that this cannot be. If it were, nothing is shown rather than too much.
        return String::new();
    };
    let mut stream = Stream::new(Place::Text);
    let mut shown = Vec::with_capacity(text.len());
    stream.push(&engine, &plan, text.as_bytes(), true);
    stream.take_output(&mut shown);
    String::from_utf8_lossy(&shown).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_masked_at_their_length_and_the_rest_stays() {
        let token = concat!("ghp_", "Eeeby3abP3E2Zs8IQ9Y7aJZqhB6bae2dTjzx");
        let report = format!(
            "error: this is not TOML\n --> app.log:1:6\n  |\n1 | user {token} in\n  |     ^"
        );
        let expected = report.replace(token, &"*".repeat(token.len()));
        assert_eq!(masked(&report), expected);
        assert_eq!(
            masked("error: unknown key `patern`"),
            "error: unknown key `patern`"
        );
    }
}
