//! Haystacks, artifacts, modules and exported rules as files, so that every engine, of whatever language, reads the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Context, anyhow, bail};
use blackbar_benches::{Definition, policy};
use blackbar_policy::Policy;
use serde_json::{Value, json};

/// The haystack of one definition.
pub(crate) fn haystack(name: &str) -> anyhow::Result<Vec<u8>> {
    let definition = Definition::named(name)?;
    let policy = policy::load(&definition.policy)?;
    definition
        .haystack
        .make(&policy)
        .context("there are no logs beside this checkout")
}

/// Writes everything, and says what there is.
pub(crate) fn all(out: &Path, names: &[String]) -> anyhow::Result<Value> {
    fs::create_dir_all(out)?;
    let definitions = if names.is_empty() {
        Definition::all()?
    } else {
        names
            .iter()
            .map(|name| Definition::named(name))
            .collect::<Result<_, _>>()?
    };
    let mut policies = BTreeMap::new();
    for definition in &definitions {
        if !policies.contains_key(definition.policy.as_str()) {
            let policy = policy::load(&definition.policy)?;
            policies.insert(definition.policy.as_str(), policy);
        }
    }
    let about = compile(out, &policies)?;
    let mut listed = Vec::new();
    for definition in &definitions {
        let policy = &policies[definition.policy.as_str()];
        let file = out.join(format!("{}.haystack", definition.name));
        let Some(haystack) = definition.haystack.make(policy) else {
            listed.push(json!({ "name": definition.name, "skipped": "there are no logs beside this checkout" }));
            continue;
        };
        fs::write(&file, &haystack).with_context(|| format!("cannot write {}", file.display()))?;
        listed.push(json!({
            "name": definition.name,
            "policy": definition.policy,
            "chunk": definition.chunk,
            "haystack": file,
            "bytes": haystack.len(),
            "findings": definition.findings,
            "bytes_out": definition.bytes_out,
        }));
    }
    Ok(json!({ "policies": about, "definitions": listed }))
}

/// Compiles every policy, each on a thread of its own.
fn compile(
    out: &Path,
    policies: &BTreeMap<&str, Policy>,
) -> anyhow::Result<BTreeMap<String, Value>> {
    thread::scope(|scope| {
        let all: Vec<_> = policies
            .iter()
            .map(|(&name, policy)| (name, scope.spawn(move || one(out, name, policy))))
            .collect();
        all.into_iter()
            .map(|(name, made)| match made.join() {
                Ok(about) => Ok((name.to_owned(), about?)),
                Err(_) => bail!("compiling {name} panicked"),
            })
            .collect()
    })
}

fn one(out: &Path, name: &str, policy: &Policy) -> anyhow::Result<Value> {
    let artifact = policy::compile(policy)?.artifact;
    let wasm = blackbar_module::embed(blackbar_module::MODULE, &artifact)
        .map_err(|error| anyhow!("cannot put {name} into the module: {error}"))?;
    let exported = blackbar_compiler::export(policy);
    let mut rules = String::new();
    for rule in &exported {
        anyhow::ensure!(
            !rule.regex.contains(['\t', '\n', '\r']),
            "the expression of {} does not fit on a line",
            rule.id
        );
        rules.push_str(&format!("{}\t{}\n", rule.id, rule.regex));
    }
    let file = |extension: &str| out.join(format!("{name}.{extension}"));
    fs::write(file("bbar"), &artifact)?;
    fs::write(file("wasm"), &wasm)?;
    fs::write(file("tsv"), rules)?;
    Ok(json!({
        "rules": policy.rules.len(),
        "artifact_bytes": artifact.len(),
        "module_bytes": wasm.len(),
        "artifact": file("bbar"),
        "module": file("wasm"),
        "exported": file("tsv"),
    }))
}
