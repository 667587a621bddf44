//! Looking and not writing: the native engine without output, the module in `shadow`, where everything is scanned and counted and
//! nothing changed. Shipped rules only; what rules cost by their number is in `redact`.

mod shared;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn scan(criterion: &mut Criterion) {
    let mut group = shared::group(criterion, "scan");
    shared::each(
        |definition| definition.policy == "strict",
        |ready| {
            let (name, chunk) = (&ready.definition.name, ready.definition.chunk);
            group.throughput(Throughput::Bytes(ready.haystack.len() as u64));
            let mut native = ready.compiled.native();
            group.bench_function(format!("{name}/native"), |bencher| {
                bencher.iter(|| native.scan(&ready.haystack, chunk));
            });
            let mut wasm = ready.compiled.wasm("shadow");
            group.bench_function(format!("{name}/wasm"), |bencher| {
                bencher.iter(|| wasm.redact(&ready.haystack, chunk).unwrap());
            });
        },
    );
    group.finish();
}

criterion_group!(benches, scan);
criterion_main!(benches);
