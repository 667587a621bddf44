//! This engine: natively, and as the module in the wasmtime host.

use std::time::Instant;

use anyhow::anyhow;
use blackbar_benches::lane::{Native, Wasm};
use blackbar_engine::Engine;
use blackbar_host_test::Module;
use serde_json::{Value, json};

use crate::Ready;

pub(crate) fn native(artifact: Vec<u8>, haystack: Vec<u8>, chunk: usize) -> anyhow::Result<Ready> {
    let mut lane = Native::new(artifact)?;
    Ok(Ready {
        about: json!({ "rules": lane.rules(), "version": env!("CARGO_PKG_VERSION"), "vectors": lane.width() }),
        pass: Box::new(move || Ok(lane.redact(&haystack, chunk))),
    })
}

pub(crate) fn wasmtime(wasm: &[u8], haystack: Vec<u8>, chunk: usize) -> anyhow::Result<Ready> {
    let start = Instant::now();
    let module = Module::new(wasm).map_err(|error| anyhow!("cannot run the module: {error}"))?;
    let compiled = start.elapsed();
    let mut lane = Wasm::new(&module, "enforce")?;
    Ok(Ready {
        about: json!({ "version": env!("CARGO_PKG_VERSION"), "compile_ms": compiled.as_secs_f64() * 1e3 }),
        pass: Box::new(move || Ok(lane.redact(&haystack, chunk)?)),
    })
}

/// Times of `Engine::load`, and of starting and configuring the module once it is machine code.
pub(crate) fn load(artifact: &[u8], wasm: &[u8], runs: u32) -> anyhow::Result<Value> {
    let module = Module::new(wasm).map_err(|error| anyhow!("cannot run the module: {error}"))?;
    let (mut native, mut module_ns) = (Vec::new(), Vec::new());
    for _ in 0..=runs {
        let bytes = artifact.to_vec();
        let start = Instant::now();
        let engine = Engine::load(bytes).map_err(|error| anyhow!("{error}"))?;
        native.push(start.elapsed().as_nanos() as u64);
        drop(engine);
        let start = Instant::now();
        let lane = Wasm::new(&module, "enforce")?;
        module_ns.push(start.elapsed().as_nanos() as u64);
        drop(lane);
    }
    // The first of each warms up.
    Ok(json!({ "native_ns": native[1..], "wasmtime_ns": module_ns[1..] }))
}
