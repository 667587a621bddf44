//! All contexts of one VM: which callback belongs to which plugin or stream. What the callbacks do lives in [`crate::exchange`] and
//! [`crate::plugin`].

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::config::ConfigError;
use crate::connection::{Connection, From};
use crate::counters::{Counters, Event};
use crate::exchange::{Exchange, Side};
use crate::host::{Action, BufferKind, Host, Level};
use crate::plugin::{Embedded, Plugin};
use crate::session::{Session, Shared};

/// The filter in one VM.
pub struct Filter<H> {
    host: H,
    embedded: Embedded,
    /// Plugins by root context; `None` until a configuration is taken.
    roots: BTreeMap<u32, Option<Rc<Plugin>>>,
    /// Streams by context; `None` where the root has no plugin.
    streams: BTreeMap<u32, Option<Exchange>>,
    /// Streams that turned out to be raw connections.
    connections: BTreeMap<u32, Option<Connection>>,
    shared: Shared,
    counters: Counters,
}

impl<H: Host> Filter<H> {
    /// A filter on a proxy, with the artifact that lies in the module, if one does. The artifact is loaded here, once.
    #[must_use]
    pub fn new(host: H, artifact: Option<&'static [u8]>) -> Filter<H> {
        Filter {
            host,
            embedded: Embedded::load(artifact),
            roots: BTreeMap::new(),
            streams: BTreeMap::new(),
            connections: BTreeMap::new(),
            shared: Shared::default(),
            counters: Counters::new(None),
        }
    }

    /// The proxy.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// A context was made: a root context where `parent` is 0, else a stream of that root.
    pub fn on_context_create(&mut self, id: u32, parent: u32) {
        if parent == 0 {
            self.roots.entry(id).or_default();
        } else {
            let plugin = self.roots.get(&parent).cloned().flatten();
            self.streams.insert(id, plugin.map(Exchange::new));
        }
    }

    /// A configuration of `size` bytes came for a root context. Answers whether it was taken; if not, the one before stays.
    pub fn on_configure(&mut self, root: u32, size: usize) -> bool {
        let taken = self
            .configuration(size)
            .and_then(|bytes| Plugin::configure(bytes, &self.embedded));
        match taken {
            Ok(plugin) => {
                self.host.log(Level::Info, &plugin.describe());
                self.counters.event(&self.host, Event::ConfigLoaded, 1);
                self.roots.insert(root, Some(Rc::new(plugin)));
                true
            }
            Err(error) => {
                self.host.log(
                    Level::Error,
                    &format!("blackbar: configuration refused: {error}"),
                );
                self.counters.event(&self.host, Event::ConfigRefused, 1);
                false
            }
        }
    }

    fn configuration(&self, size: usize) -> Result<Vec<u8>, ConfigError> {
        if size == 0 {
            return Ok(Vec::new());
        }
        let bytes = self
            .host
            .read(BufferKind::PluginConfiguration, 0, size)
            .map_err(|error| ConfigError::new(&format!("the proxy does not give it: {error}")))?;
        if bytes.len() == size {
            Ok(bytes)
        } else {
            Err(ConfigError::new(&format!(
                "the proxy announced {size} bytes and gave {}",
                bytes.len()
            )))
        }
    }

    /// Request or response headers.
    pub fn on_headers(&mut self, id: u32, side: Side, count: usize, end: bool) -> Action {
        self.stream(id, |exchange, session| {
            exchange.headers(session, side, count, end)
        })
    }

    /// A chunk of a body.
    pub fn on_body(&mut self, id: u32, side: Side, size: usize, end: bool) -> Action {
        self.stream(id, |exchange, session| {
            exchange.body(session, side, size, end)
        })
    }

    /// Trailers.
    pub fn on_trailers(&mut self, id: u32, side: Side, count: usize) -> Action {
        self.stream(id, |exchange, session| {
            exchange.trailers(session, side, count)
        })
    }

    /// A stream is a raw connection.
    pub fn on_new_connection(&mut self, id: u32) -> Action {
        let exchange = self.streams.remove(&id).flatten();
        let connection = exchange.map(|exchange| Connection::new(exchange.plugin()));
        let policy = connection.is_some();
        self.connections.insert(id, connection);
        if policy {
            Action::Continue
        } else {
            let _ = self.host.close();
            Action::Pause
        }
    }

    /// Bytes of a raw connection. One without a plugin never gets leave to go on.
    pub fn on_data(&mut self, id: u32, from: From, size: usize, end: bool) -> Action {
        if !self.connections.contains_key(&id) {
            self.on_new_connection(id);
        }
        let mut session = Session {
            host: &self.host,
            shared: &mut self.shared,
        };
        match self.connections.get_mut(&id) {
            Some(Some(connection)) => connection.data(&mut session, from, size, end),
            _ => Action::Pause,
        }
    }

    /// A raw connection is closed.
    pub fn on_connection_over(&mut self, id: u32) {
        if let Some(Some(connection)) = self.connections.get_mut(&id) {
            connection.over(&mut Session {
                host: &self.host,
                shared: &mut self.shared,
            });
        }
    }

    /// A context is gone.
    pub fn on_delete(&mut self, id: u32) {
        self.on_connection_over(id);
        self.connections.remove(&id);
        if let Some(Some(exchange)) = self.streams.remove(&id) {
            exchange.close(&mut Session {
                host: &self.host,
                shared: &mut self.shared,
            });
        }
        self.roots.remove(&id);
    }

    /// Runs a callback of a stream. A stream without a plugin never gets leave to go on.
    fn stream(
        &mut self,
        id: u32,
        run: impl FnOnce(&mut Exchange, &mut Session<'_, H>) -> Action,
    ) -> Action {
        let mut session = Session {
            host: &self.host,
            shared: &mut self.shared,
        };
        match self.streams.get_mut(&id) {
            Some(Some(exchange)) => run(exchange, &mut session),
            _ => {
                let _ = self
                    .host
                    .reply(503, "blackbar_no_policy", "refused: no policy\n");
                Action::Pause
            }
        }
    }
}
