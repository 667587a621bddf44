//! A compiled guest module, linked against the host functions; shared by any number of hosts and threads.

use std::fmt;
use std::sync::Arc;

use wasmtime::{Config, Engine, ExternType, InstancePre, Linker, OptLevel};

use crate::hostcalls;
use crate::state::VmState;

/// A guest module, compiled once; cloning is cheap and clones share the machine code.
#[derive(Clone)]
pub struct Module {
    inner: Arc<Inner>,
}

struct Inner {
    pre: InstancePre<VmState>,
    fuel: bool,
    imports: Vec<String>,
    exports: Vec<String>,
}

/// Why a module was not taken.
#[derive(Debug)]
pub struct ModuleError {
    message: String,
}

impl fmt::Display for ModuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ModuleError {}

impl Module {
    /// Compiles a binary module.
    ///
    /// # Errors
    /// Not a valid module; an import that a proxy-wasm 0.2.1 host does not have; no `proxy_abi_version_0_2_1` (or `_0_2_0`);
    /// no memory; neither `proxy_on_memory_allocate` nor `malloc`.
    /// # Cost
    /// Full optimisation, as V8 does in Envoy: from milliseconds to seconds by size.
    pub fn new(wasm: &[u8]) -> Result<Self, ModuleError> {
        Self::compile(wasm, false)
    }

    /// As [`Module::new`], counting fuel (about one unit per instruction) at some cost in speed.
    ///
    /// # Errors
    /// As [`Module::new`].
    pub fn with_fuel(wasm: &[u8]) -> Result<Self, ModuleError> {
        Self::compile(wasm, true)
    }

    fn compile(wasm: &[u8], fuel: bool) -> Result<Self, ModuleError> {
        let fail = |error: wasmtime::Error| ModuleError {
            message: format!("{error:#}"),
        };
        let mut config = Config::new();
        config
            .consume_fuel(fuel)
            .cranelift_opt_level(OptLevel::Speed);
        let engine = Engine::new(&config).map_err(fail)?;
        let module = wasmtime::Module::from_binary(&engine, wasm).map_err(fail)?;
        let imports = module
            .imports()
            .map(|import| format!("{}.{}", import.module(), import.name()))
            .collect();
        let exports: Vec<String> = module
            .exports()
            .map(|export| export.name().to_owned())
            .collect();
        let has = |name: &str| exports.iter().any(|export| export == name);
        let missing = |what: &str| {
            Err(ModuleError {
                message: format!("the module exports no {what}"),
            })
        };
        if !has("proxy_abi_version_0_2_1") && !has("proxy_abi_version_0_2_0") {
            return missing("proxy_abi_version_0_2_1");
        }
        if !matches!(module.get_export("memory"), Some(ExternType::Memory(_))) {
            return missing("memory");
        }
        if !has("malloc") && !has("proxy_on_memory_allocate") {
            return missing("proxy_on_memory_allocate");
        }
        let mut linker = Linker::new(&engine);
        hostcalls::link(&mut linker).map_err(fail)?;
        let pre = linker.instantiate_pre(&module).map_err(fail)?;
        Ok(Module {
            inner: Arc::new(Inner {
                pre,
                fuel,
                imports,
                exports,
            }),
        })
    }

    /// What the module imports, as `env.proxy_log`, in its own order.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.inner.imports
    }

    /// The names that the module exports, in its own order.
    #[must_use]
    pub fn exports(&self) -> &[String] {
        &self.inner.exports
    }

    pub(crate) fn pre(&self) -> &InstancePre<VmState> {
        &self.inner.pre
    }

    pub(crate) fn counts_fuel(&self) -> bool {
        self.inner.fuel
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("imports", &self.inner.imports.len())
            .field("exports", &self.inner.exports.len())
            .field("fuel", &self.inner.fuel)
            .finish()
    }
}
