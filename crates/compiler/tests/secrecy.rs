//! No byte of a haystack in what is shown of a stream, an engine or an error.

use blackbar_engine::{Engine, Place, Plan, Stream};
use blackbar_fuzz::targets::small_artifact;

#[test]
fn nothing_shown_holds_a_byte_of_the_haystack() {
    let engine = Engine::load(small_artifact()).expect("it loads");
    let plan = Plan::new(&engine, None).expect("the base profile");
    let secret = b"QXJZVKQXJZVK";
    let listed = secret.map(|b| b.to_string()).join(", ");
    let mut stream = Stream::new(Place::Text);
    for text in ["", "token=", " a@"] {
        for last in [false, true] {
            stream.reset(Place::Text);
            stream.push(&engine, &plan, text.as_bytes(), false);
            stream.push(&engine, &plan, secret, last);
            let shown = format!(
                "{stream:?} {stream:#?} {engine:?} {:?} {:?}",
                stream.findings(),
                stream.edits()
            );
            assert!(
                !shown.contains("QXJ") && !shown.contains(&listed),
                "{shown}"
            );
            assert!(!shown.contains(&listed.replace(", ", ",\n")), "{shown}");
        }
    }
    let mut broken = small_artifact().to_vec();
    let at = broken.len() - 40;
    broken[at..at + secret.len()].copy_from_slice(secret);
    let error = Engine::load(broken).expect_err("changed");
    assert!(!format!("{error} {error:?}").contains("QXJ"));
}
