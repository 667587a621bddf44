//! Time until a policy is ready, by the number of rules: the native engine loads an artifact; the module, which is machine code
//! already, is instantiated and takes its configuration.

mod shared;

use blackbar_engine::Engine;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use shared::Compiled;

fn load(criterion: &mut Criterion) {
    let mut group = shared::group(criterion, "load");
    for name in ["rules-10", "rules-100", "rules-300", "rules-1000", "strict"] {
        let compiled = Compiled::new(name);
        group.bench_function(format!("{name}/native"), |bencher| {
            bencher.iter_batched(
                || compiled.artifact.clone(),
                |artifact| Engine::load(artifact).unwrap(),
                BatchSize::LargeInput,
            );
        });
        group.bench_function(format!("{name}/wasm"), |bencher| {
            bencher.iter_with_large_drop(|| compiled.wasm("enforce"));
        });
    }
    group.finish();
}

criterion_group!(benches, load);
criterion_main!(benches);
