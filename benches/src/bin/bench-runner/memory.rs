//! Memory of the module in the wasmtime host. Guest memory grows by pages and never shrinks, so the page count is its peak; what a
//! stream holds is told apart by opening many more of them.

use anyhow::{anyhow, ensure};
use blackbar_benches::lane::Wasm;
use blackbar_host_test::Module;
use serde_json::{Value, json};

/// Streams of a worker that is busy.
const STREAMS: usize = 64;
/// So many that a stream's share is not lost in a page.
const MANY: usize = 1024;
/// What each stream has carried when it is at rest.
const CHUNK: usize = 65_536;
const PAGE: u64 = 65_536;

/// Pages after the start, with [`STREAMS`] streams that have carried a chunk and wait for the next, with [`MANY`] more, and again
/// with another chunk for each of the first.
pub(crate) fn measure(wasm: &[u8], haystack: &[u8]) -> anyhow::Result<Value> {
    let module = Module::new(wasm).map_err(|error| anyhow!("cannot run the module: {error}"))?;
    let mut lane = Wasm::new(&module, "enforce")?;
    let started = lane.host().memory_pages();
    let mut chunks = haystack.chunks(CHUNK).cycle();
    let mut exchanges = Vec::new();
    let mut open = |lane: &mut Wasm, count: usize| {
        for _ in 0..count {
            let mut exchange = lane.open();
            let step = exchange.response_body(chunks.next().unwrap_or_default(), false);
            exchange.recycle(step);
            exchanges.push(exchange);
        }
        lane.host().memory_pages()
    };
    let open_64 = open(&mut lane, STREAMS);
    let open_many = open(&mut lane, MANY);
    ensure!(lane.host().failure().is_none(), "the module failed");
    drop(exchanges);
    Ok(json!({
        "started_bytes": started * PAGE,
        "streams": STREAMS,
        "open_bytes": open_64 * PAGE,
        "more_streams": MANY,
        "stream_bytes": (open_many - open_64) * PAGE / MANY as u64,
    }))
}
