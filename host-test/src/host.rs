//! A host: settings, workers, their start and reload, configuration updates, and what can be read from outside.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::abi::{Hostcall, LogLevel};
use crate::exchange::lock;
use crate::module::Module;
use crate::outcome::LogLine;
use crate::quirks::Quirks;
use crate::shared::Shared;
use crate::vm::{Vm, VmStart};

/// What happens to traffic when the VM has trapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// 503 for everything in flight and everything to come.
    #[default]
    Closed,
    /// Traffic passes as it is. For a redacting filter that is a leak.
    Open,
    /// 503 for everything in flight; a new VM for the next exchange: at once the first time, then no sooner than after the
    /// back-off.
    Reload,
}

/// Time as the guest sees it.
#[derive(Debug)]
pub(crate) enum Clock {
    Manual(AtomicU64),
    System,
}

impl Clock {
    pub(crate) fn now_ns(&self) -> u64 {
        match self {
            Clock::Manual(now) => now.load(Ordering::Relaxed),
            Clock::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |elapsed| elapsed.as_nanos() as u64),
        }
    }
}

/// What does not change while a host lives.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) vm_configuration: Vec<u8>,
    pub(crate) root_id: String,
    pub(crate) quirks: Quirks,
    pub(crate) policy: FailurePolicy,
    pub(crate) reload_backoff: Duration,
    pub(crate) buffer_limit: usize,
    pub(crate) allow_on_headers_stop_iteration: bool,
    pub(crate) log_level: LogLevel,
    pub(crate) clock: Clock,
    pub(crate) fuel_per_call: Option<u64>,
}

/// Why a host did not start, or an update was rejected.
#[derive(Debug)]
pub struct StartError {
    message: String,
    refused: bool,
    logs: Vec<LogLine>,
}

impl StartError {
    fn new(cause: VmStart, logs: Vec<LogLine>) -> Self {
        let (message, refused) = match cause {
            VmStart::Trap(message) => (
                format!("the module trapped while starting: {message}"),
                false,
            ),
            VmStart::Refused(callback) => (format!("{callback} answered false"), true),
        };
        StartError {
            message,
            refused,
            logs,
        }
    }

    /// Whether the guest itself said no (otherwise it trapped).
    #[must_use]
    pub fn refused(&self) -> bool {
        self.refused
    }

    /// What the guest logged before it failed.
    #[must_use]
    pub fn log_lines(&self) -> &[LogLine] {
        &self.logs
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for line in &self.logs {
            write!(f, "\n{line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for StartError {}

/// Settings of a host to be started.
#[derive(Debug)]
pub struct HostBuilder<'a> {
    module: &'a Module,
    configuration: Vec<u8>,
    workers: usize,
    extra_vms: usize,
    settings: Settings,
}

impl HostBuilder<'_> {
    /// Plugin configuration, as it reaches `proxy_on_configure`; empty by default.
    #[must_use]
    pub fn configuration(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.configuration = bytes.into();
        self
    }

    /// VM configuration, as it reaches `proxy_on_vm_start`; empty by default.
    #[must_use]
    pub fn vm_configuration(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.settings.vm_configuration = bytes.into();
        self
    }

    /// The plugin's root id, also its name; `blackbar` by default.
    #[must_use]
    pub fn root_id(mut self, id: impl Into<String>) -> Self {
        self.settings.root_id = id.into();
        self
    }

    /// Workers, each with a VM of its own; 1 by default and at least.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// VMs that Envoy configures beside its workers (2: base and main thread, the default). 0 starts faster.
    #[must_use]
    pub fn extra_vms(mut self, vms: usize) -> Self {
        self.extra_vms = vms;
        self
    }

    /// Deviations from current Envoy.
    #[must_use]
    pub fn quirks(mut self, quirks: Quirks) -> Self {
        self.settings.quirks = quirks;
        self
    }

    /// What happens when the VM traps; [`FailurePolicy::Closed`] by default.
    #[must_use]
    pub fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.settings.policy = policy;
        self
    }

    /// Shortest time between two reloads of a failed VM; 1 s by default.
    #[must_use]
    pub fn reload_backoff(mut self, backoff: Duration) -> Self {
        self.settings.reload_backoff = backoff;
        self
    }

    /// Most bytes that a paused message may hold; 1 MiB by default. One more is an overflow.
    #[must_use]
    pub fn buffer_limit(mut self, bytes: usize) -> Self {
        self.settings.buffer_limit = bytes;
        self
    }

    /// Pause in a headers callback lets body callbacks come; off by default, as in Envoy.
    #[must_use]
    pub fn allow_on_headers_stop_iteration(mut self, allow: bool) -> Self {
        self.settings.allow_on_headers_stop_iteration = allow;
        self
    }

    /// What `proxy_get_log_level` answers; Info by default. Lines of every level are kept.
    #[must_use]
    pub fn log_level(mut self, level: LogLevel) -> Self {
        self.settings.log_level = level;
        self
    }

    /// Real time for the guest, and for the reload back-off, in place of a clock that only [`Host::advance`] moves.
    #[must_use]
    pub fn system_clock(mut self) -> Self {
        self.settings.clock = Clock::System;
        self
    }

    /// Most fuel that one callback may burn before it traps. Has no effect unless the module counts fuel.
    #[must_use]
    pub fn fuel_per_call(mut self, fuel: u64) -> Self {
        self.settings.fuel_per_call = Some(fuel);
        self
    }

    /// Starts and configures workers + `extra_vms` VMs.
    ///
    /// # Errors
    /// A VM trapped, or `proxy_on_vm_start` or `proxy_on_configure` answered false: Envoy exits.
    pub fn start(self) -> Result<Host, StartError> {
        let mut host = Host {
            module: self.module.clone(),
            settings: Arc::new(self.settings),
            shared: Arc::new(Shared::default()),
            configuration: self.configuration.into(),
            workers: Vec::new(),
            logs: Vec::new(),
            configure_calls: 0,
            update_rejected: 0,
        };
        for _ in 0..self.extra_vms {
            host.try_out(&host.module.clone(), &host.configuration.clone())?;
        }
        for _ in 0..self.workers {
            let vm = host.new_vm(&host.module.clone(), &host.configuration.clone())?;
            host.workers.push(Worker {
                vm: Arc::new(Mutex::new(vm)),
                reloaded_ns: None,
            });
        }
        Ok(host)
    }
}

#[derive(Debug)]
struct Worker {
    vm: Arc<Mutex<Vm>>,
    /// When a failed VM was last replaced.
    reloaded_ns: Option<u64>,
}

/// A running host: one plugin on one or more workers, each worker a VM of its own.
///
/// It may be sent to another thread; hosts share nothing but the compiled module.
pub struct Host {
    module: Module,
    settings: Arc<Settings>,
    shared: Arc<Shared>,
    configuration: Arc<[u8]>,
    workers: Vec<Worker>,
    /// Lines of VMs that are gone.
    logs: Vec<LogLine>,
    configure_calls: u64,
    update_rejected: u64,
}

impl Host {
    /// Settings for a host of that module, all at their defaults.
    #[must_use]
    pub fn builder(module: &Module) -> HostBuilder<'_> {
        // A fixed date makes runs repeatable: 2026-01-01.
        const START_NS: u64 = 1_767_225_600_000_000_000;
        HostBuilder {
            module,
            configuration: Vec::new(),
            workers: 1,
            extra_vms: 2,
            settings: Settings {
                vm_configuration: Vec::new(),
                root_id: "blackbar".to_owned(),
                quirks: Quirks::default(),
                policy: FailurePolicy::default(),
                reload_backoff: Duration::from_secs(1),
                buffer_limit: 1 << 20,
                allow_on_headers_stop_iteration: false,
                log_level: LogLevel::Info,
                clock: Clock::Manual(AtomicU64::new(START_NS)),
                fuel_per_call: None,
            },
        }
    }

    fn new_vm(&mut self, module: &Module, configuration: &Arc<[u8]>) -> Result<Vm, StartError> {
        let settings = Arc::clone(&self.settings);
        let shared = Arc::clone(&self.shared);
        let mut vm = Vm::new(module, settings, shared)
            .map_err(|cause| StartError::new(cause, Vec::new()))?;
        let result = vm.add_root(configuration);
        self.configure_calls += vm.configure_calls;
        result.map_err(|cause| {
            StartError::new(cause, std::mem::take(&mut vm.store.data_mut().logs))
        })?;
        Ok(vm)
    }

    /// A VM that only shows whether the configuration is taken.
    fn try_out(&mut self, module: &Module, configuration: &Arc<[u8]>) -> Result<(), StartError> {
        let mut vm = self.new_vm(module, configuration)?;
        self.logs.append(&mut vm.store.data_mut().logs);
        Ok(())
    }

    /// The VM of a worker, replaced before use if it failed, the policy is Reload and the back-off is over.
    pub(crate) fn worker(&mut self, index: usize) -> Arc<Mutex<Vm>> {
        let index = index % self.workers.len();
        let failed = lock(&self.workers[index].vm).failure.is_some();
        if failed && self.settings.policy == FailurePolicy::Reload {
            let now = self.settings.clock.now_ns();
            let backoff = self.settings.reload_backoff.as_nanos() as u64;
            let due = self.workers[index]
                .reloaded_ns
                .is_none_or(|last| now.saturating_sub(last) >= backoff);
            if due {
                self.workers[index].reloaded_ns = Some(now);
                let (module, configuration) = (self.module.clone(), self.configuration.clone());
                if let Ok(vm) = self.new_vm(&module, &configuration) {
                    self.replace(index, vm);
                }
            }
        }
        Arc::clone(&self.workers[index].vm)
    }

    fn replace(&mut self, index: usize, vm: Vm) {
        let old = std::mem::replace(&mut self.workers[index].vm, Arc::new(Mutex::new(vm)));
        self.logs.append(&mut lock(&old).store.data_mut().logs);
    }

    /// A new plugin configuration, as by ECDS: exchanges to come use it, those in flight end on the old.
    ///
    /// # Errors
    /// The guest refused it or trapped on it: the old one stays, and [`Host::update_rejected`] counts.
    pub fn reconfigure(&mut self, configuration: impl Into<Vec<u8>>) -> Result<(), StartError> {
        let configuration: Arc<[u8]> = configuration.into().into();
        let module = self.module.clone();
        self.try_out(&module, &configuration)
            .inspect_err(|_| self.update_rejected += 1)?;
        for index in 0..self.workers.len() {
            let shared = Arc::clone(&self.workers[index].vm);
            let mut vm = lock(&shared);
            if vm.failure.is_some() {
                drop(vm);
                let vm = self.new_vm(&module, &configuration)?;
                self.replace(index, vm);
                continue;
            }
            let before = vm.configure_calls;
            let result = vm.add_root(&configuration);
            self.configure_calls += vm.configure_calls - before;
            match result {
                Ok(()) => vm.retire_roots(),
                Err(cause) => {
                    self.update_rejected += 1;
                    return Err(StartError::new(cause, Vec::new()));
                }
            }
        }
        self.configuration = configuration;
        Ok(())
    }

    /// Another module with a configuration, as by ECDS: exchanges to come use it, those in flight end on the old.
    ///
    /// # Errors
    /// As [`Host::reconfigure`].
    pub fn swap_module(
        &mut self,
        module: &Module,
        configuration: impl Into<Vec<u8>>,
    ) -> Result<(), StartError> {
        let configuration: Arc<[u8]> = configuration.into().into();
        self.try_out(module, &configuration)
            .inspect_err(|_| self.update_rejected += 1)?;
        for index in 0..self.workers.len() {
            let vm = self.new_vm(module, &configuration)?;
            self.replace(index, vm);
        }
        self.module = module.clone();
        self.configuration = configuration;
        Ok(())
    }

    /// Delivers a tick to every root that asked for ticks, on every worker; gives how many callbacks that were.
    pub fn tick(&mut self) -> usize {
        self.workers
            .iter()
            .map(|worker| lock(&worker.vm).tick())
            .sum()
    }

    /// The tick period that the first worker's active root asked for, in milliseconds; 0 for none.
    #[must_use]
    pub fn tick_period_ms(&self) -> u32 {
        lock(&self.workers[0].vm)
            .active_root()
            .map_or(0, |root| root.tick_period_ms)
    }

    /// Moves the clock. Has no effect with [`HostBuilder::system_clock`].
    pub fn advance(&mut self, time: Duration) {
        if let Clock::Manual(now) = &self.settings.clock {
            now.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
        }
    }

    /// How often `proxy_on_configure` was called, all VMs together.
    #[must_use]
    pub fn configure_calls(&self) -> u64 {
        self.configure_calls
    }

    /// How many updates were rejected.
    #[must_use]
    pub fn update_rejected(&self) -> u64 {
        self.update_rejected
    }

    /// The trap of the first failed worker.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.workers
            .iter()
            .find_map(|worker| lock(&worker.vm).failure.clone())
    }

    /// Takes the log lines so far: those of VMs that are gone, then worker by worker.
    pub fn take_logs(&mut self) -> Vec<LogLine> {
        let mut logs = std::mem::take(&mut self.logs);
        for worker in &self.workers {
            logs.append(&mut lock(&worker.vm).store.data_mut().logs);
        }
        logs
    }

    /// All metrics by name, all VMs together; gauges and histograms carry ` (gauge)`, ` (histogram)`.
    #[must_use]
    pub fn metrics(&self) -> BTreeMap<String, u64> {
        self.shared.metrics()
    }

    /// The value of a counter; 0 if there is none of that name.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        self.metrics().get(name).copied().unwrap_or(0)
    }

    /// Pages of 64 KiB that the first worker's VM has. Guest memory never shrinks, so this is its peak.
    #[must_use]
    pub fn memory_pages(&self) -> u64 {
        lock(&self.workers[0].vm).memory_pages()
    }

    /// Fuel that the workers have burnt, about one unit per instruction; 0 unless the module counts it.
    #[must_use]
    pub fn fuel_used(&self) -> u64 {
        self.workers
            .iter()
            .map(|worker| lock(&worker.vm).fuel_used())
            .sum()
    }

    /// How often the workers have made a hostcall.
    #[must_use]
    pub fn hostcalls(&self, hostcall: Hostcall) -> u64 {
        self.workers
            .iter()
            .map(|worker| lock(&worker.vm).store.data().calls[hostcall as usize])
            .sum()
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("workers", &self.workers.len())
            .field("configure_calls", &self.configure_calls)
            .field("failure", &self.failure())
            .finish_non_exhaustive()
    }
}
