//! Redacting whole haystacks, natively and in the module: every definition, so every haystack, size of chunks and number of rules.

mod shared;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn redact(criterion: &mut Criterion) {
    let mut group = shared::group(criterion, "redact");
    shared::each(
        |_| true,
        |ready| {
            let (name, chunk) = (&ready.definition.name, ready.definition.chunk);
            group.throughput(Throughput::Bytes(ready.haystack.len() as u64));
            let mut native = ready.compiled.native();
            group.bench_function(format!("{name}/native"), |bencher| {
                bencher.iter(|| native.redact(&ready.haystack, chunk));
            });
            let mut wasm = ready.compiled.wasm("enforce");
            group.bench_function(format!("{name}/wasm"), |bencher| {
                bencher.iter(|| wasm.redact(&ready.haystack, chunk).unwrap());
            });
        },
    );
    group.finish();
}

criterion_group!(benches, redact);
criterion_main!(benches);
