//! One callback of the module with a chunk of a request's body, in the wasmtime host: what a proxy waits for. The native pair is one
//! push of the same chunk.

mod shared;

use blackbar_engine::{Engine, Place, Plan, Stream};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn callback(criterion: &mut Criterion) {
    let mut group = shared::group(criterion, "callback");
    shared::each(
        |definition| ["strict-clean", "strict-sparse", "strict-dense"].contains(&&*definition.name),
        |ready| {
            let name = &ready.definition.name;
            let engine = Engine::load(ready.compiled.artifact.clone()).unwrap();
            let plan = Plan::new(&engine, None).unwrap();
            for (size, label) in [
                (1 << 10, "1k"),
                (16 << 10, "16k"),
                (64 << 10, "64k"),
                (1 << 20, "1m"),
            ] {
                group.throughput(Throughput::Bytes(size as u64));
                let mut chunks = ready.haystack.chunks_exact(size).cycle();
                let mut stream = Stream::new(Place::Text);
                let mut out = Vec::new();
                group.bench_function(format!("{name}-{label}/native"), |bencher| {
                    bencher.iter(|| {
                        out.clear();
                        stream.push(&engine, &plan, chunks.next().unwrap(), false);
                        stream.take_output(&mut out);
                        out.len()
                    });
                });
                let mut wasm = ready.compiled.wasm("enforce");
                let mut exchange = wasm.open_request();
                group.bench_function(format!("{name}-{label}/on_request_body"), |bencher| {
                    bencher.iter(|| {
                        let step = exchange.request_body(chunks.next().unwrap(), false);
                        let len = step.upstream.body.len();
                        exchange.recycle(step);
                        len
                    });
                });
                drop(exchange);
                assert_eq!(wasm.host().failure(), None);
            }
        },
    );
    group.finish();
}

criterion_group!(benches, callback);
criterion_main!(benches);
