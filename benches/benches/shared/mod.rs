//! What the criterion benches share: definitions made ready, and settings that keep a run short. Where a definition's result is not
//! what it expects, nothing is measured.
#![allow(dead_code, reason = "each bench uses a part of it")]

use std::collections::BTreeMap;
use std::time::Duration;

use blackbar_benches::lane::{Native, Seen, Wasm};
use blackbar_benches::{Definition, policy};
use blackbar_host_test::Module;
use blackbar_policy::Policy;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};

/// A policy, compiled.
pub(crate) struct Compiled {
    pub(crate) policy: Policy,
    pub(crate) artifact: Vec<u8>,
    pub(crate) module: Module,
}

impl Compiled {
    pub(crate) fn new(name: &str) -> Self {
        let policy = policy::load(name).unwrap();
        let artifact = policy::compile(&policy).unwrap().artifact;
        let wasm = blackbar_module::embed(blackbar_module::MODULE, &artifact).unwrap();
        Self {
            policy,
            artifact,
            module: Module::new(&wasm).unwrap(),
        }
    }

    pub(crate) fn native(&self) -> Native {
        Native::new(self.artifact.clone()).unwrap()
    }

    pub(crate) fn wasm(&self, mode: &str) -> Wasm {
        Wasm::new(&self.module, mode).unwrap()
    }
}

/// A definition with its haystack and its policy.
pub(crate) struct Ready<'a> {
    pub(crate) definition: Definition,
    pub(crate) haystack: Vec<u8>,
    pub(crate) compiled: &'a Compiled,
}

/// Runs `bench` on every definition that `wanted` chooses and whose haystack can be made; the native engine and the module have been
/// held to what it expects.
pub(crate) fn each(wanted: impl Fn(&Definition) -> bool, mut bench: impl FnMut(&Ready<'_>)) {
    let definitions = Definition::all().unwrap();
    let mut compiled = BTreeMap::new();
    for definition in definitions
        .into_iter()
        .filter(|definition| wanted(definition))
    {
        let compiled = compiled
            .entry(definition.policy.clone())
            .or_insert_with_key(|name| Compiled::new(name));
        let Some(haystack) = definition.haystack.make(&compiled.policy) else {
            eprintln!(
                "{}: skipped, there are no logs beside this checkout",
                definition.name
            );
            continue;
        };
        let expected = Seen {
            findings: definition.findings,
            bytes_out: definition.bytes_out,
        };
        let name = &definition.name;
        let seen = compiled.native().redact(&haystack, definition.chunk);
        assert_eq!(seen, expected, "{name}, natively");
        let seen = compiled
            .wasm("enforce")
            .redact(&haystack, definition.chunk)
            .unwrap();
        assert_eq!(seen, expected, "{name}, in the module");
        bench(&Ready {
            definition,
            haystack,
            compiled,
        });
    }
}

/// A group with few samples: what is measured here takes milliseconds and varies little but for the machine's other work.
pub(crate) fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(10)
        .nresamples(2000)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500));
    group
}
