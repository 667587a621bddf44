//! Findings cost no allocation: once a stream has seen as much, it redacts in the room that it has. Views are streams of their own, made where
//! something encoded begins, and are left out here.

use blackbar_benches::haystack::{Kind, Recipe};
use blackbar_benches::policy;
use blackbar_carriers::{Carrier, Views};
use blackbar_engine::{Engine, Place, Plan};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const CHUNK: usize = 65_536;
/// So many chunks.
const CHUNKS: usize = 8;
/// What a chunk may take, whatever is in it: the lists that views and runs would be in, and what a haystack begins with.
const EACH: u64 = 5;

/// Findings of a haystack, and allocations.
fn pass(carrier: &mut Carrier, engine: &Engine, plan: &Plan, haystack: &[u8]) -> (usize, u64) {
    let mut out = Vec::with_capacity(2 * CHUNK);
    let before = dhat::HeapStats::get().total_blocks;
    let mut findings = 0;
    carrier.reset(Place::Text);
    for chunk in haystack.chunks(CHUNK) {
        carrier.push(engine, plan, chunk, false);
        findings += carrier.findings().len();
        carrier.take_output(&mut out);
        out.clear();
    }
    (findings, dhat::HeapStats::get().total_blocks - before)
}

#[test]
fn findings_cost_no_allocation() {
    let policy = policy::load("strict").unwrap();
    let artifact = policy::compile(&policy).unwrap().artifact;
    let engine = Engine::load(artifact).unwrap();
    let plan = Plan::new(&engine, None).unwrap();
    let _profiler = dhat::Profiler::builder().testing().build();
    for (kind, least) in [(Kind::Clean, 0), (Kind::Sparse, 40), (Kind::Dense, 2000)] {
        let recipe = Recipe {
            kind,
            kib: (CHUNKS * CHUNK / 1024) as u32,
            seed: 1,
            byte: None,
        };
        let haystack = recipe.make(&policy).unwrap();
        let mut carrier = Carrier::new(Place::Text);
        carrier.set_views(Views::NONE);
        // What it needs is not known before it has seen it once.
        let (known, _) = pass(&mut carrier, &engine, &plan, &haystack);
        let (findings, allocations) = pass(&mut carrier, &engine, &plan, &haystack);
        assert!(findings == known && findings >= least, "{findings}");
        assert!(
            allocations <= EACH * CHUNKS as u64,
            "{kind:?}: {allocations} allocations, {findings} findings"
        );
    }
}
