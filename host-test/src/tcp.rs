//! TCP connections, as Envoy's network filter drives the guest: both ways, no headers.

use std::sync::{Arc, Mutex};

use crate::abi::Direction;
use crate::exchange::lock;
use crate::host::FailurePolicy;
use crate::outcome::Violation;
use crate::vm::{Called, Vm};

/// The state of a connection inside of the VM.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    pub(crate) root: u32,
    buffers: [Vec<u8>; 2],
    open: [bool; 2],
    out: [Vec<u8>; 2],
    /// The sender has ended, and that has gone on.
    ended: [bool; 2],
    gone: [bool; 2],
    paused: bool,
    closed: bool,
    violations: Vec<Violation>,
}

impl Connection {
    pub(crate) fn data(&self, direction: Direction) -> Option<&Vec<u8>> {
        self.open[direction as usize].then_some(&self.buffers[direction as usize])
    }

    pub(crate) fn data_mut(&mut self, direction: Direction) -> Option<&mut Vec<u8>> {
        self.open[direction as usize].then_some(&mut self.buffers[direction as usize])
    }
}

impl Vm {
    fn open_tcp(&mut self) -> u32 {
        let root = match self.active_root() {
            Some(root) => {
                root.in_flight += 1;
                root.id
            }
            None => 0,
        };
        let state = self.store.data_mut();
        let id = state.allocate_context();
        let connection = Connection {
            root,
            ..Connection::default()
        };
        state.connections.insert(id, connection);
        self.call(id, |callbacks| &callbacks.context_create, (id, root));
        let called = self.call(id, |callbacks| &callbacks.new_connection, id);
        let stopped = self.tcp_action(id, called) != Some(0);
        if let Some(connection) = self.store.data_mut().connections.get_mut(&id) {
            connection.paused = stopped;
        }
        self.run_deferred();
        id
    }

    /// The action of a TCP callback; `None` when the connection is closed for a failed VM.
    fn tcp_action(&mut self, id: u32, called: Called<u32>) -> Option<u32> {
        match called {
            Called::Returned(action) => Some(action),
            Called::Missing => Some(0),
            Called::Failed if self.store.data().settings.policy == FailurePolicy::Open => Some(0),
            Called::Failed => {
                self.close_tcp(id);
                None
            }
        }
    }

    fn tcp_data(&mut self, id: u32, direction: Direction, data: &[u8], end: bool) {
        let side = direction as usize;
        let Some(connection) = self.store.data_mut().connections.get_mut(&id) else {
            return;
        };
        if connection.closed || connection.ended[side] {
            return;
        }
        connection.ended[side] = end;
        connection.buffers[side].extend_from_slice(data);
        connection.open[side] = true;
        let size = connection.buffers[side].len() as u32;
        let called = self.call(
            id,
            |callbacks| &callbacks.tcp_data[side],
            (id, size, u32::from(end)),
        );
        let action = self.tcp_action(id, called);
        if let Some(connection) = self.store.data_mut().connections.get_mut(&id)
            && !connection.closed
            && let Some(action) = action
        {
            if action == 0 {
                connection.open[side] = false;
                connection.paused = false;
                let bytes = std::mem::take(&mut connection.buffers[side]);
                connection.out[side].extend_from_slice(&bytes);
                connection.gone[side] = end;
            } else if direction == Direction::Request {
                connection.paused = true;
            } else {
                // Envoy's write path has nowhere to keep them.
                let bytes = connection.buffers[side].len() as u64;
                connection.buffers[side].clear();
                connection
                    .violations
                    .push(Violation::UpstreamDataDropped { bytes });
            }
        }
        if end && direction == Direction::Response {
            // Envoy knows of the upstream's end by its last data only, and tells it then.
            self.call(id, |callbacks| &callbacks.tcp_close[side], (id, 0));
        }
        self.run_deferred();
    }

    /// `proxy_continue_stream(Downstream)`: what is held of the client's data goes on.
    pub(crate) fn resume_tcp(&mut self, id: u32) {
        if let Some(connection) = self.store.data_mut().connections.get_mut(&id)
            && std::mem::take(&mut connection.paused)
        {
            let bytes = std::mem::take(&mut connection.buffers[0]);
            connection.out[0].extend_from_slice(&bytes);
            connection.gone[0] = connection.ended[0];
        }
    }

    pub(crate) fn close_tcp(&mut self, id: u32) {
        if let Some(connection) = self.store.data_mut().connections.get_mut(&id) {
            connection.closed = true;
        }
    }

    fn finish_tcp(&mut self, id: u32) -> Vec<Violation> {
        self.call(id, |callbacks| &callbacks.tcp_close[0], (id, 2));
        self.call(id, |callbacks| &callbacks.done, id);
        self.call(id, |callbacks| &callbacks.log, id);
        self.call(id, |callbacks| &callbacks.delete, id);
        self.run_deferred();
        match self.store.data_mut().connections.remove(&id) {
            Some(connection) => {
                self.release_root(connection.root);
                connection.violations
            }
            None => Vec::new(),
        }
    }

    fn take_tcp(&mut self, id: u32) -> TcpStep {
        match self.store.data_mut().connections.get_mut(&id) {
            Some(connection) => {
                let [upstream, downstream] = std::mem::take(&mut connection.out);
                TcpStep {
                    upstream,
                    downstream,
                    closed: connection.closed,
                    upstream_end: connection.gone[0],
                    downstream_end: connection.gone[1],
                }
            }
            None => TcpStep::default(),
        }
    }
}

/// What a TCP step put on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TcpStep {
    /// Bytes to the upstream.
    pub upstream: Vec<u8>,
    /// Bytes to the client.
    pub downstream: Vec<u8>,
    /// The connection was closed by the guest or for a failed VM.
    pub closed: bool,
    /// The upstream was told that no more bytes come.
    pub upstream_end: bool,
    /// The client was told that no more bytes come.
    pub downstream_end: bool,
}

/// A TCP connection through the filter.
#[derive(Debug)]
pub struct TcpConnection {
    vm: Arc<Mutex<Vm>>,
    id: u32,
}

impl TcpConnection {
    pub(crate) fn open(vm: Arc<Mutex<Vm>>) -> Self {
        let id = lock(&vm).open_tcp();
        TcpConnection { vm, id }
    }

    /// Data from the client.
    pub fn from_client(&mut self, data: &[u8], end: bool) -> TcpStep {
        let mut vm = lock(&self.vm);
        vm.tcp_data(self.id, Direction::Request, data, end);
        vm.take_tcp(self.id)
    }

    /// Data from the upstream.
    pub fn from_upstream(&mut self, data: &[u8], end: bool) -> TcpStep {
        let mut vm = lock(&self.vm);
        vm.tcp_data(self.id, Direction::Response, data, end);
        vm.take_tcp(self.id)
    }

    /// What has left since the last call, for instance by a tick.
    pub fn poll(&mut self) -> TcpStep {
        lock(&self.vm).take_tcp(self.id)
    }

    /// Closes the connection; gives what went wrong.
    #[must_use]
    pub fn finish(self) -> Vec<Violation> {
        lock(&self.vm).finish_tcp(self.id)
    }
}

impl Drop for TcpConnection {
    fn drop(&mut self) {
        // Does nothing after `finish`.
        let mut vm = lock(&self.vm);
        if vm.store.data().connections.contains_key(&self.id) {
            vm.finish_tcp(self.id);
        }
    }
}
