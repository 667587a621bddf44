//! What a VM's store holds beside the guest: streams, roots, logs, settings; and which context a hostcall acts on.

use std::collections::HashMap;
use std::sync::Arc;

use wasmtime::{Memory, StoreLimits, StoreLimitsBuilder, TypedFunc};

use crate::abi::{Direction, Hostcall, MapKind};
use crate::headers::Headers;
use crate::host::Settings;
use crate::outcome::LogLine;
use crate::shared::{MetricKind, Shared};
use crate::stream::{Deferred, Stream};
use crate::tcp::Connection;

/// A root context: one configured plugin in the VM.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) id: u32,
    /// Streams and connections that were opened on it and are not over.
    pub(crate) in_flight: usize,
    /// A newer configuration has taken its place; it goes when nothing is in flight.
    pub(crate) retired: bool,
    pub(crate) tick_period_ms: u32,
}

/// The data of one `wasmtime::Store`.
pub(crate) struct VmState {
    pub(crate) settings: Arc<Settings>,
    pub(crate) shared: Arc<Shared>,
    /// Set right after instantiation.
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<Arc<TypedFunc<u32, u32>>>,
    pub(crate) limits: StoreLimits,

    /// The context whose callback runs.
    pub(crate) current: u32,
    /// The context chosen by `proxy_set_effective_context` for the rest of the callback; 0 for none.
    pub(crate) effective: u32,
    /// `_initialize` or `_start` runs: only logging is allowed.
    pub(crate) starting: bool,
    /// The configuration in reach while a root is created or configured.
    pub(crate) configuring: Option<Arc<[u8]>>,
    /// A local response was sent: the callback's action no longer counts.
    pub(crate) stop_next: bool,
    pub(crate) deferred: Vec<Deferred>,

    pub(crate) next_context: u32,
    pub(crate) roots: Vec<Root>,
    pub(crate) streams: HashMap<u32, Stream>,
    pub(crate) connections: HashMap<u32, Connection>,
    pub(crate) logs: Vec<LogLine>,
    /// Metric ids of this VM: slot in [`Shared`] by index.
    pub(crate) metrics: Vec<(MetricKind, usize)>,
    pub(crate) calls: Vec<u64>,
    pub(crate) forced: Vec<Option<(u64, u32)>>,
    /// For serialised maps on their way to the guest.
    pub(crate) scratch: Vec<u8>,
}

impl VmState {
    pub(crate) fn new(settings: Arc<Settings>, shared: Arc<Shared>) -> Self {
        let limits = StoreLimitsBuilder::new()
            .memory_size(settings.quirks.memory_limit)
            .build();
        let forced = settings.quirks.forced();
        VmState {
            settings,
            shared,
            memory: None,
            allocate: None,
            limits,
            current: 0,
            effective: 0,
            starting: false,
            configuring: None,
            stop_next: false,
            deferred: Vec::new(),
            next_context: 1,
            roots: Vec::new(),
            streams: HashMap::new(),
            connections: HashMap::new(),
            logs: Vec::new(),
            metrics: Vec::new(),
            calls: vec![0; Hostcall::ALL.len()],
            forced,
            scratch: Vec::new(),
        }
    }

    /// The context that a hostcall acts on.
    ///
    /// An effective context that is gone falls back to the current one.
    pub(crate) fn context(&self) -> u32 {
        if self.effective != 0 && self.knows(self.effective) {
            self.effective
        } else {
            self.current
        }
    }

    pub(crate) fn knows(&self, context: u32) -> bool {
        self.streams.contains_key(&context)
            || self.connections.contains_key(&context)
            || self.roots.iter().any(|root| root.id == context)
    }

    pub(crate) fn stream(&self) -> Option<&Stream> {
        self.streams.get(&self.context())
    }

    pub(crate) fn stream_mut(&mut self) -> Option<&mut Stream> {
        self.streams.get_mut(&self.context())
    }

    /// The root of the context that a hostcall acts on.
    pub(crate) fn root_of_context(&mut self) -> Option<&mut Root> {
        let context = self.context();
        let root = match (self.streams.get(&context), self.connections.get(&context)) {
            (Some(stream), _) => stream.root,
            (_, Some(connection)) => connection.root,
            _ => context,
        };
        self.roots.iter_mut().find(|known| known.id == root)
    }

    /// A map that may be read in this phase: in the access log phase those of the finished exchange.
    pub(crate) fn map(&self, kind: MapKind) -> Option<&Headers> {
        let stream = self.stream()?;
        match kind {
            MapKind::Headers(direction) => {
                let flow = stream.flow(direction);
                (flow.headers_open || stream.logging)
                    .then_some(flow.headers.as_ref())
                    .flatten()
            }
            MapKind::Trailers(direction) => {
                let flow = stream.flow(direction);
                let logged = stream.logging && direction == Direction::Response;
                ((flow.trailers_open && !stream.logging) || logged)
                    .then_some(flow.trailers.as_ref())
                    .flatten()
            }
            MapKind::Call => None,
        }
    }

    /// A map that may be changed in this phase; none in the access log phase.
    ///
    /// Asking for trailers in the last body callback of a message without any makes them.
    pub(crate) fn map_mut(&mut self, kind: MapKind) -> Option<&mut Headers> {
        let stream = self.stream_mut()?;
        if stream.logging {
            return None;
        }
        match kind {
            MapKind::Headers(direction) => {
                let flow = stream.flow_mut(direction);
                flow.headers_open.then_some(flow.headers.as_mut()).flatten()
            }
            MapKind::Trailers(direction) => {
                let flow = stream.flow_mut(direction);
                if flow.trailers.is_none() && flow.chunk_open && flow.end_seen {
                    flow.trailers = Some(Headers::new());
                    flow.trailers_open = true;
                }
                flow.trailers_open
                    .then_some(flow.trailers.as_mut())
                    .flatten()
            }
            MapKind::Call => None,
        }
    }

    pub(crate) fn logging(&self) -> bool {
        self.stream().is_some_and(|stream| stream.logging)
    }

    pub(crate) fn allocate_context(&mut self) -> u32 {
        let id = self.next_context;
        self.next_context += 1;
        id
    }
}
