//! What the definitions expect is what the engine finds, whatever the chunks. Setting `BLACKBAR_BLESS` writes what is found into the
//! definitions instead: after a change of the policies, never after one of the engine.

use std::collections::HashMap;
use std::path::Path;
use std::{env, fs};

use blackbar_benches::{Definition, folder};
use blackbar_engine::{Engine, Place, Plan, Stream};
use blackbar_policy::Policy;
use blackbar_policy::load::NoBuiltins;

fn engine(policy: &str) -> Engine {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let profile = policies.join(format!("{policy}.toml"));
    let path = if profile.is_file() {
        profile
    } else {
        policies.join(policy)
    };
    let policy = Policy::load(&path.display().to_string(), &NoBuiltins).unwrap();
    Engine::load(blackbar_compiler::compile(&policy).unwrap().artifact).unwrap()
}

/// Findings and bytes out.
fn run(engine: &Engine, haystack: &[u8], chunk: usize) -> (u64, u64) {
    let plan = Plan::new(engine, None).unwrap();
    let mut stream = Stream::new(Place::Text);
    let (mut findings, mut bytes, mut out) = (0, 0, Vec::new());
    for (piece, last) in haystack
        .chunks(chunk)
        .map(|piece| (piece, false))
        .chain([(&[][..], true)])
    {
        stream.push(engine, &plan, piece, last);
        findings += stream.findings().len() as u64;
        stream.take_output(&mut out);
        bytes += out.len() as u64;
        out.clear();
    }
    (findings, bytes)
}

#[test]
fn what_is_expected_is_found() {
    let bless = env::var_os("BLACKBAR_BLESS").is_some();
    let mut engines = HashMap::new();
    let mut wrong = Vec::new();
    for definition in Definition::all().unwrap() {
        let engine = engines
            .entry(definition.policy.clone())
            .or_insert_with_key(|policy| engine(policy));
        let haystack = definition.haystack.make();
        let found = run(engine, &haystack, 65_536);
        assert_eq!(
            found,
            run(engine, &haystack, 4093),
            "{}: the size of the chunks shows",
            definition.name
        );
        let expected = (definition.findings, definition.bytes_out);
        if found == expected {
            continue;
        }
        if bless {
            let path = folder().join(format!("{}.toml", definition.name));
            let text = fs::read_to_string(&path).unwrap();
            let text = text.replace(
                &format!("findings = {}\n", expected.0),
                &format!("findings = {}\n", found.0),
            );
            fs::write(
                path,
                text.replace(
                    &format!("bytes_out = {}\n", expected.1),
                    &format!("bytes_out = {}\n", found.1),
                ),
            )
            .unwrap();
        } else {
            wrong.push(format!(
                "{}: found {}, {} bytes out; expected {}, {}",
                definition.name, found.0, found.1, expected.0, expected.1
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nif the policies were changed on purpose: BLACKBAR_BLESS=1",
        wrong.join("\n")
    );
}
