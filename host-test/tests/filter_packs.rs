//! Every case of every shipped pack through the real module, at every split, in single bytes, both ways: the bytes of the native
//! engine. Whether these are the right bytes is the business of `blackbar test`.

use std::path::{Path, PathBuf};

use blackbar_carriers::Carrier;
use blackbar_engine::{Engine, Plan};
use blackbar_host_test::{Chunking, Host, Module, Transaction};
use blackbar_policy::Policy;
use blackbar_policy::cases::{self, Case};
use blackbar_policy::load::NoBuiltins;

/// Exchanges for each case at most: longer inputs are split at every n-th position.
const SPLITS: usize = 200;

fn packs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut packs: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("cases.toml").exists())
        .collect();
    packs.sort();
    assert!(!packs.is_empty());
    packs
}

fn native(engine: &Engine, plan: &Plan, input: &[u8]) -> Vec<u8> {
    let (mut stream, mut out) = (Carrier::default(), Vec::new());
    stream.push(engine, plan, input, true);
    stream.take_output(&mut out);
    out
}

fn chunkings(case: &Case) -> Vec<Chunking> {
    let step = case.input.len() / SPLITS + 1;
    let splits = (1..case.input.len())
        .step_by(step)
        .chain(case.splits.iter().copied());
    let mut all: Vec<Chunking> = splits.map(|at| Chunking::at(&[at])).collect();
    all.extend([
        Chunking::whole(),
        Chunking::size(1),
        Chunking::at(&case.splits),
    ]);
    all
}

fn exchange(case: &Case, request: bool, length_known: bool) -> Transaction {
    let mut transaction = if request {
        Transaction::request(case.input.as_slice())
    } else {
        Transaction::response(case.input.as_slice())
    };
    // A rule that refuses requests masks in responses; what is compared here is what goes through.
    transaction
        .request_headers
        .add(b"content-type", b"text/plain");
    transaction
        .response_headers
        .add(b"content-type", b"text/plain");
    if !length_known {
        transaction.request_headers.remove(b"content-length");
        transaction.response_headers.remove(b"content-length");
    }
    transaction
}

#[test]
fn every_case_of_every_pack_gives_the_native_bytes() {
    let mut runs = 0;
    for pack in packs() {
        let policy = Policy::load(pack.to_str().unwrap(), &NoBuiltins)
            .unwrap_or_else(|error| panic!("{error}"));
        let compiled =
            blackbar_compiler::compile(&policy).unwrap_or_else(|error| panic!("{error}"));
        let module = blackbar_module::embed(blackbar_module::MODULE, &compiled.artifact).unwrap();
        let engine = Engine::load(compiled.artifact).unwrap();
        let plan = Plan::new(&engine, None).unwrap();
        let mut host = Host::builder(&Module::new(&module).unwrap())
            .extra_vms(0)
            .start()
            .unwrap();
        let packs = cases::load(&policy, &NoBuiltins).unwrap_or_else(|error| panic!("{error}"));
        let cases: Vec<&Case> = packs.iter().flat_map(|pack| &pack.cases).collect();
        assert!(!cases.is_empty(), "{}", policy.id);
        for case in cases {
            let expected = native(&engine, &plan, &case.input);
            for (index, chunking) in chunkings(case).into_iter().enumerate() {
                // Both directions, and carried as well as held, in turn.
                for (request, length_known) in [(index % 2 == 0, true), (index % 2 == 1, false)] {
                    let outcome = host.run(&exchange(case, request, length_known), &chunking);
                    assert_eq!(host.failure(), None, "{}: {}", policy.id, case.name);
                    if outcome.local_response.is_some() {
                        continue;
                    }
                    assert_eq!(outcome.violations, [], "{}: {}", policy.id, case.name);
                    let got = if request {
                        outcome.upstream.body
                    } else {
                        outcome.downstream.body
                    };
                    assert!(
                        got == expected,
                        "{}: {} ({:?}, request {request}, length known {length_known})\n     got {}\nexpected {}",
                        policy.id,
                        case.name,
                        chunking,
                        String::from_utf8_lossy(&got),
                        String::from_utf8_lossy(&expected),
                    );
                    runs += 1;
                }
            }
        }
    }
    assert!(runs > 10_000, "{runs}");
}
