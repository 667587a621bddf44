//! A stream that was used with one policy and goes on with another: nothing of the first is left.

use blackbar_engine::{Engine, Finding, Place, Plan, Stream};
use blackbar_policy::Policy;
use blackbar_policy::load::NoBuiltins;

fn engine(rules: &[(&str, &str)]) -> Engine {
    let mut toml = "[pack]\nid = \"a\"\ntitle = \"Reuse\"\n".to_owned();
    for (id, pattern) in rules {
        toml += &format!(
            "[[rule]]\nid = \"a.{id}\"\ndescription = \"x\"\nsource = \"none\"\nconfidence = \"medium\"\npattern = '{pattern}'\nleft = \"none\"\n"
        );
    }
    let policy = Policy::parse_str("reuse.toml", &toml, &NoBuiltins).expect("a policy");
    let compiled = blackbar_compiler::compile(&policy).expect("it compiles");
    Engine::load(compiled.artifact).expect("it loads")
}

fn found(stream: &mut Stream, engine: &Engine, text: &[u8]) -> Vec<Finding> {
    let plan = Plan::new(engine, None).expect("a plan");
    stream.reset(Place::Text);
    stream.push(engine, &plan, text, true);
    stream.findings().to_vec()
}

#[test]
fn more_rules_than_before() {
    let small = engine(&[("one", "one_[0-9]{4}")]);
    let large = engine(&[
        ("one", "one_[0-9]{4}"),
        ("two", "two_[0-9]{4}"),
        ("tok", "tok_[a-z_]{4,40}"),
    ]);
    let text = b"x tok_tok_tok_abcd one_1234 tok_tok_zzzz y";
    let fresh = found(&mut Stream::new(Place::Text), &large, text);
    assert_eq!(fresh.len(), 3);
    let mut used = Stream::new(Place::Text);
    assert_eq!(found(&mut used, &small, text).len(), 1);
    assert_eq!(found(&mut used, &large, text), fresh);
    assert_eq!(found(&mut used, &small, text).len(), 1);
}
