//! One VM: a store with an instance, its callbacks, its fate. What the callbacks mean for traffic is in `filter_chain` and `tcp`.

use std::sync::Arc;

use wasmtime::{Instance, Store, TypedFunc, WasmParams, WasmResults};

use crate::host::Settings;
use crate::module::Module;
use crate::shared::Shared;
use crate::state::{Root, VmState};

type Callback<P, R> = Option<TypedFunc<P, R>>;

/// The guest's callbacks; one that it does not export counts as Continue.
#[derive(Default)]
pub(crate) struct Callbacks {
    pub(crate) context_create: Callback<(u32, u32), ()>,
    pub(crate) vm_start: Callback<(u32, u32), u32>,
    pub(crate) configure: Callback<(u32, u32), u32>,
    pub(crate) headers: [Callback<(u32, u32, u32), u32>; 2],
    pub(crate) body: [Callback<(u32, u32, u32), u32>; 2],
    pub(crate) trailers: [Callback<(u32, u32), u32>; 2],
    pub(crate) tick: Callback<u32, ()>,
    pub(crate) log: Callback<u32, ()>,
    pub(crate) done: Callback<u32, u32>,
    pub(crate) delete: Callback<u32, ()>,
    pub(crate) new_connection: Callback<u32, u32>,
    pub(crate) tcp_data: [Callback<(u32, u32, u32), u32>; 2],
    pub(crate) tcp_close: [Callback<(u32, u32), ()>; 2],
}

/// What became of a callback.
#[derive(Debug)]
pub(crate) enum Called<R> {
    Returned(R),
    /// The guest does not export it.
    Missing,
    /// The VM trapped now or before.
    Failed,
}

/// Why a VM did not come up.
#[derive(Debug)]
pub(crate) enum VmStart {
    Trap(String),
    Refused(&'static str),
}

pub(crate) struct Vm {
    pub(crate) store: Store<VmState>,
    pub(crate) callbacks: Callbacks,
    /// The trap that ended the VM.
    pub(crate) failure: Option<String>,
    pub(crate) configure_calls: u64,
    fuel: bool,
    fuel_used: u64,
}

impl Vm {
    /// Instantiates and starts a VM, without any root yet.
    pub(crate) fn new(
        module: &Module,
        settings: Arc<Settings>,
        shared: Arc<Shared>,
    ) -> Result<Self, VmStart> {
        let trap = |error: wasmtime::Error| VmStart::Trap(format!("{error:#}"));
        let mut store = Store::new(
            module.pre().module().engine(),
            VmState::new(settings, shared),
        );
        store.limiter(|state| &mut state.limits);
        if module.counts_fuel() {
            store.set_fuel(u64::MAX).map_err(trap)?;
        }
        store.data_mut().starting = true;
        let instance = module.pre().instantiate(&mut store).map_err(trap)?;
        store.data_mut().memory = instance.get_memory(&mut store, "memory");
        let allocate = ["malloc", "proxy_on_memory_allocate"]
            .into_iter()
            .find(|name| instance.get_func(&mut store, name).is_some())
            .map(|name| instance.get_typed_func::<u32, u32>(&mut store, name))
            .transpose()
            .map_err(trap)?;
        store.data_mut().allocate = allocate.map(Arc::new);
        let callbacks = Callbacks::of(&instance, &mut store).map_err(trap)?;
        let mut vm = Vm {
            store,
            callbacks,
            failure: None,
            configure_calls: 0,
            fuel: module.counts_fuel(),
            fuel_used: 0,
        };
        vm.initialise(&instance)?;
        Ok(vm)
    }

    fn initialise(&mut self, instance: &Instance) -> Result<(), VmStart> {
        for name in ["_initialize", "_start"] {
            if let Some(function) = function::<(), ()>(instance, &mut self.store, name)
                .map_err(|error| VmStart::Trap(format!("{error:#}")))?
            {
                if let Called::Failed = self.invoke(0, &function, ()) {
                    return Err(VmStart::Trap(self.failure.clone().unwrap_or_default()));
                }
                break;
            }
        }
        self.store.data_mut().starting = false;
        Ok(())
    }

    /// Adds a root context: creates it, starts the VM for it, configures it. On refusal nothing of it stays in reach.
    pub(crate) fn add_root(&mut self, configuration: &Arc<[u8]>) -> Result<(), VmStart> {
        let state = self.store.data_mut();
        let id = state.allocate_context();
        state.roots.push(Root {
            id,
            in_flight: 0,
            retired: false,
            tick_period_ms: 0,
        });
        let result = self.start_root(id, configuration);
        let state = self.store.data_mut();
        state.configuring = None;
        if result.is_err() {
            state.roots.retain(|root| root.id != id);
        }
        result
    }

    fn start_root(&mut self, id: u32, configuration: &Arc<[u8]>) -> Result<(), VmStart> {
        let vm_size = self.store.data().settings.vm_configuration.len() as u32;
        self.store.data_mut().configuring = Some(Arc::clone(configuration));
        let created = self.call(id, |callbacks| &callbacks.context_create, (id, 0));
        self.store.data_mut().configuring = None;
        self.accept(created, "proxy_on_context_create", |()| true)?;
        let started = self.call(id, |callbacks| &callbacks.vm_start, (id, vm_size));
        self.accept(started, "proxy_on_vm_start", |accepted| accepted != 0)?;
        self.store.data_mut().configuring = Some(Arc::clone(configuration));
        self.configure_calls += 1;
        let size = configuration.len() as u32;
        let configured = self.call(id, |callbacks| &callbacks.configure, (id, size));
        self.accept(configured, "proxy_on_configure", |accepted| accepted != 0)?;
        // A local response or a continue has no stream to act on here.
        self.store.data_mut().deferred.clear();
        Ok(())
    }

    fn accept<R>(
        &self,
        called: Called<R>,
        callback: &'static str,
        accepts: impl FnOnce(R) -> bool,
    ) -> Result<(), VmStart> {
        match called {
            Called::Failed => Err(VmStart::Trap(self.failure.clone().unwrap_or_default())),
            Called::Missing => Ok(()),
            Called::Returned(result) => {
                if accepts(result) {
                    Ok(())
                } else {
                    Err(VmStart::Refused(callback))
                }
            }
        }
    }

    /// The root that new streams belong to.
    pub(crate) fn active_root(&mut self) -> Option<&mut Root> {
        self.store
            .data_mut()
            .roots
            .iter_mut()
            .rev()
            .find(|root| !root.retired)
    }

    /// Retires every root but the newest.
    pub(crate) fn retire_roots(&mut self) {
        let roots = &mut self.store.data_mut().roots;
        let newest = roots.len().saturating_sub(1);
        for root in &mut roots[..newest] {
            root.retired = true;
        }
        self.sweep_roots();
    }

    /// One thing less in flight on that root; a retired root with nothing in flight is done and deleted.
    pub(crate) fn release_root(&mut self, id: u32) {
        for root in &mut self.store.data_mut().roots {
            if root.id == id {
                root.in_flight = root.in_flight.saturating_sub(1);
            }
        }
        self.sweep_roots();
    }

    fn sweep_roots(&mut self) {
        while let Some(id) = self
            .store
            .data()
            .roots
            .iter()
            .find(|root| root.retired && root.in_flight == 0)
            .map(|root| root.id)
        {
            self.call(id, |callbacks| &callbacks.done, id);
            self.call(id, |callbacks| &callbacks.delete, id);
            self.store.data_mut().roots.retain(|root| root.id != id);
        }
    }

    /// Calls the guest on behalf of a context.
    pub(crate) fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        context: u32,
        pick: impl FnOnce(&Callbacks) -> &Callback<P, R>,
        params: P,
    ) -> Called<R> {
        let Some(function) = pick(&self.callbacks) else {
            return if self.failure.is_some() {
                Called::Failed
            } else {
                Called::Missing
            };
        };
        // A clone costs a reference count; it frees `self` for the call.
        let function = function.clone();
        self.invoke(context, &function, params)
    }

    fn invoke<P: WasmParams, R: WasmResults>(
        &mut self,
        context: u32,
        function: &TypedFunc<P, R>,
        params: P,
    ) -> Called<R> {
        if self.failure.is_some() {
            return Called::Failed;
        }
        let state = self.store.data_mut();
        state.current = context;
        state.effective = 0;
        state.stop_next = false;
        let budget = state.settings.fuel_per_call.unwrap_or(u64::MAX);
        if self.fuel {
            self.store.set_fuel(budget).ok();
        }
        let result = function.call(&mut self.store, params);
        if self.fuel {
            let left = self.store.get_fuel().unwrap_or(0);
            self.fuel_used = self.fuel_used.saturating_add(budget - left);
        }
        match result {
            Ok(value) => Called::Returned(value),
            Err(error) => {
                self.failure = Some(format!("{error:#}"));
                Called::Failed
            }
        }
    }

    /// Fuel burnt since the VM started; 0 unless the module counts it.
    pub(crate) fn fuel_used(&self) -> u64 {
        self.fuel_used
    }

    /// Pages of 64 KiB that the guest's memory has.
    pub(crate) fn memory_pages(&self) -> u64 {
        self.store
            .data()
            .memory
            .map_or(0, |memory| memory.size(&self.store))
    }
}

fn function<P: WasmParams, R: WasmResults>(
    instance: &Instance,
    store: &mut Store<VmState>,
    name: &str,
) -> wasmtime::Result<Callback<P, R>> {
    if instance.get_func(&mut *store, name).is_none() {
        return Ok(None);
    }
    instance.get_typed_func(store, name).map(Some)
}

impl Callbacks {
    fn of(instance: &Instance, store: &mut Store<VmState>) -> wasmtime::Result<Self> {
        macro_rules! find {
            ($name:literal) => {
                function(instance, store, $name)?
            };
        }
        Ok(Callbacks {
            context_create: find!("proxy_on_context_create"),
            vm_start: find!("proxy_on_vm_start"),
            configure: find!("proxy_on_configure"),
            headers: [
                find!("proxy_on_request_headers"),
                find!("proxy_on_response_headers"),
            ],
            body: [
                find!("proxy_on_request_body"),
                find!("proxy_on_response_body"),
            ],
            trailers: [
                find!("proxy_on_request_trailers"),
                find!("proxy_on_response_trailers"),
            ],
            tick: find!("proxy_on_tick"),
            log: find!("proxy_on_log"),
            done: find!("proxy_on_done"),
            delete: find!("proxy_on_delete"),
            new_connection: find!("proxy_on_new_connection"),
            tcp_data: [
                find!("proxy_on_downstream_data"),
                find!("proxy_on_upstream_data"),
            ],
            tcp_close: [
                find!("proxy_on_downstream_connection_close"),
                find!("proxy_on_upstream_connection_close"),
            ],
        })
    }
}
