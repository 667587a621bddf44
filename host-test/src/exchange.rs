//! The handle on one HTTP exchange, step by step, and whole exchanges under a chosen chunking.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::abi::Direction;
use crate::headers::Headers;
use crate::outcome::{Ending, Message, Outcome, Step};
use crate::tcp::TcpConnection;
use crate::vm::Vm;

/// Locks a VM; one that a panicking test left behind is still in order, as every step completes its own bookkeeping.
pub(crate) fn lock(vm: &Mutex<Vm>) -> MutexGuard<'_, Vm> {
    vm.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An HTTP exchange in flight. Several may be open on one host at a time, as on one worker of Envoy.
///
/// Each method gives what left in that step, to the upstream and to the client. Calls that make no sense any more (after a
/// local response, after the end) do nothing, as bytes that arrive for a stream that is gone. Dropping ends the exchange.
pub struct Exchange {
    vm: Arc<Mutex<Vm>>,
    id: u32,
    finished: bool,
}

impl Exchange {
    pub(crate) fn open(vm: Arc<Mutex<Vm>>, properties: BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        let id = lock(&vm).open_stream(properties);
        Exchange {
            vm,
            id,
            finished: false,
        }
    }

    /// The id of its stream context.
    #[must_use]
    pub fn context(&self) -> u32 {
        self.id
    }

    /// Request headers arrive; `end`: there is neither body nor trailers.
    pub fn request_headers(&mut self, headers: impl Into<Headers>, end: bool) -> Step {
        self.headers(Direction::Request, headers.into(), end)
    }

    /// A chunk of the request body arrives; usually the end is a call of its own with no bytes.
    pub fn request_body(&mut self, chunk: &[u8], end: bool) -> Step {
        self.body(Direction::Request, chunk, end)
    }

    /// Request trailers arrive and end the request.
    pub fn request_trailers(&mut self, trailers: impl Into<Headers>) -> Step {
        self.trailers(Direction::Request, trailers.into())
    }

    /// Response headers arrive; `end`: there is neither body nor trailers.
    pub fn response_headers(&mut self, headers: impl Into<Headers>, end: bool) -> Step {
        self.headers(Direction::Response, headers.into(), end)
    }

    /// A chunk of the response body arrives; usually the end is a call of its own with no bytes.
    pub fn response_body(&mut self, chunk: &[u8], end: bool) -> Step {
        self.body(Direction::Response, chunk, end)
    }

    /// Response trailers arrive and end the response.
    pub fn response_trailers(&mut self, trailers: impl Into<Headers>) -> Step {
        self.trailers(Direction::Response, trailers.into())
    }

    /// Headers of either message.
    pub fn headers(&mut self, direction: Direction, headers: Headers, end: bool) -> Step {
        let mut vm = lock(&self.vm);
        vm.source_headers(self.id, direction, headers, end);
        vm.take_step(self.id)
    }

    /// A body chunk of either message.
    ///
    /// # Cost
    /// One copy of the chunk; bytes that the guest leaves alone move on without another.
    pub fn body(&mut self, direction: Direction, chunk: &[u8], end: bool) -> Step {
        let mut vm = lock(&self.vm);
        vm.source_body(self.id, direction, chunk, end);
        vm.take_step(self.id)
    }

    /// Trailers of either message.
    pub fn trailers(&mut self, direction: Direction, trailers: Headers) -> Step {
        let mut vm = lock(&self.vm);
        vm.source_trailers(self.id, direction, trailers);
        vm.take_step(self.id)
    }

    /// What has left since the last step, for instance by a tick or by another exchange's callback.
    pub fn poll(&mut self) -> Step {
        lock(&self.vm).take_step(self.id)
    }

    /// Gives the allocations of a step back for the next chunks.
    pub fn recycle(&mut self, step: Step) {
        let mut vm = lock(&self.vm);
        if let Some(stream) = vm.store.data_mut().streams.get_mut(&self.id) {
            for (flow, mut bytes) in [
                (&mut stream.request, step.upstream.body),
                (&mut stream.response, step.downstream.body),
            ] {
                if bytes.capacity() > flow.spare.capacity() {
                    bytes.clear();
                    flow.spare = bytes;
                }
            }
        }
    }

    /// Ends the exchange: on_log, on_done, on_delete, and the check of what was sent.
    #[must_use]
    pub fn finish(mut self) -> Ending {
        self.finished = true;
        lock(&self.vm).finish_stream(self.id)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.finished {
            lock(&self.vm).finish_stream(self.id);
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("id", &self.id).finish()
    }
}

impl fmt::Debug for Vm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vm")
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

/// A whole exchange: what client and upstream send.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    /// Request headers.
    pub request_headers: Headers,
    /// Request body; empty for none.
    pub request_body: Vec<u8>,
    /// Request trailers.
    pub request_trailers: Option<Headers>,
    /// Response headers.
    pub response_headers: Headers,
    /// Response body; empty for none.
    pub response_body: Vec<u8>,
    /// Response trailers.
    pub response_trailers: Option<Headers>,
    /// Properties that the guest can read, by path, parts joined with NUL: `b"xds\0route_name"`.
    pub properties: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Transaction {
    /// `POST /` with that body, answered by an empty 200.
    #[must_use]
    pub fn request(body: impl Into<Vec<u8>>) -> Self {
        let request_body = body.into();
        let mut request_headers = Headers::request("POST", "example.com", "/");
        let length = request_body.len().to_string();
        request_headers.add(b"content-length", length.as_bytes());
        Transaction {
            request_headers,
            request_body,
            response_headers: Headers::from([(":status", "200"), ("content-length", "0")]),
            ..Self::default()
        }
    }

    /// `GET /` answered by a 200 with that body.
    #[must_use]
    pub fn response(body: impl Into<Vec<u8>>) -> Self {
        let response_body = body.into();
        Transaction {
            request_headers: Headers::request("GET", "example.com", "/"),
            response_headers: Headers::from([
                (":status", "200"),
                ("content-length", &response_body.len().to_string()),
            ]),
            response_body,
            ..Self::default()
        }
    }
}

/// How bodies are cut into chunks, and how their end arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunking {
    cut: Cut,
    end_on_data: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cut {
    Whole,
    Size(usize),
    At(Vec<usize>),
}

impl Chunking {
    /// Each body in one chunk; the end is a call of its own.
    #[must_use]
    pub fn whole() -> Self {
        Chunking {
            cut: Cut::Whole,
            end_on_data: false,
        }
    }

    /// Chunks of `bytes` bytes; 0 counts as 1.
    #[must_use]
    pub fn size(bytes: usize) -> Self {
        Chunking {
            cut: Cut::Size(bytes.max(1)),
            end_on_data: false,
        }
    }

    /// Cuts before these offsets; those out of order or beyond the body are passed over.
    #[must_use]
    pub fn at(offsets: &[usize]) -> Self {
        Chunking {
            cut: Cut::At(offsets.to_vec()),
            end_on_data: false,
        }
    }

    /// Every way in which a test should cut a body of `length` bytes: whole, in two at each offset, byte by byte; each with the
    /// end on a call of its own and on the last chunk.
    pub fn sweep(length: usize) -> impl Iterator<Item = Chunking> {
        [Chunking::whole(), Chunking::size(1)]
            .into_iter()
            .chain((1..length).map(|offset| Chunking::at(&[offset])))
            .flat_map(|chunking| [chunking.clone(), chunking.end_on_last_chunk()])
    }

    /// The last chunk itself ends the stream, as HTTP/2 may do.
    #[must_use]
    pub fn end_on_last_chunk(mut self) -> Self {
        self.end_on_data = true;
        self
    }

    /// The chunks of a body; none of an empty one.
    pub fn chunks<'a>(&self, body: &'a [u8]) -> Vec<&'a [u8]> {
        match &self.cut {
            Cut::Whole if body.is_empty() => Vec::new(),
            Cut::Whole => vec![body],
            Cut::Size(size) => body.chunks(*size).collect(),
            Cut::At(offsets) => {
                let mut chunks = Vec::new();
                let mut start = 0;
                for &offset in offsets.iter().chain([&body.len()]) {
                    if offset > start && offset <= body.len() {
                        chunks.push(&body[start..offset]);
                        start = offset;
                    }
                }
                chunks
            }
        }
    }
}

/// Runs a whole exchange.
pub(crate) fn run(vm: Arc<Mutex<Vm>>, transaction: &Transaction, chunking: &Chunking) -> Outcome {
    let logged = lock(&vm).store.data().logs.len();
    let mut exchange = Exchange::open(Arc::clone(&vm), transaction.properties.clone());
    let mut upstream = Message::default();
    let mut downstream = Message::default();
    for (direction, headers, body, trailers) in [
        (
            Direction::Request,
            &transaction.request_headers,
            &transaction.request_body,
            &transaction.request_trailers,
        ),
        (
            Direction::Response,
            &transaction.response_headers,
            &transaction.response_body,
            &transaction.response_trailers,
        ),
    ] {
        let mut push = |step: &Step| {
            upstream.push(&step.upstream);
            downstream.push(&step.downstream);
        };
        let end = body.is_empty() && trailers.is_none();
        push(&exchange.headers(direction, headers.clone(), end));
        let chunks = chunking.chunks(body);
        for (index, chunk) in chunks.iter().enumerate() {
            let last = index + 1 == chunks.len();
            let end = last && chunking.end_on_data && trailers.is_none();
            let step = exchange.body(direction, chunk, end);
            push(&step);
            exchange.recycle(step);
        }
        if let Some(trailers) = trailers {
            push(&exchange.trailers(direction, trailers.clone()));
        } else if !end && !chunking.end_on_data {
            push(&exchange.body(direction, &[], true));
        }
    }
    let ending = exchange.finish();
    upstream.push(&ending.step.upstream);
    downstream.push(&ending.step.downstream);
    let mut vm = lock(&vm);
    let logs = &mut vm.store.data_mut().logs;
    let log_lines = logs.split_off(logged.min(logs.len()));
    Outcome {
        upstream,
        downstream,
        local_response: ending.local_response,
        filter_state: ending.filter_state,
        violations: ending.violations,
        log_lines,
    }
}

impl crate::Host {
    /// Opens an exchange on the first worker.
    #[must_use]
    pub fn exchange(&mut self) -> Exchange {
        self.exchange_with(BTreeMap::new())
    }

    /// Opens an exchange with properties that the guest can read, by path, parts joined with NUL.
    #[must_use]
    pub fn exchange_with(&mut self, properties: BTreeMap<Vec<u8>, Vec<u8>>) -> Exchange {
        Exchange::open(self.worker(0), properties)
    }

    /// Opens an exchange on some worker; the number counts modulo the workers that there are.
    #[must_use]
    pub fn exchange_on(&mut self, worker: usize) -> Exchange {
        Exchange::open(self.worker(worker), BTreeMap::new())
    }

    /// Opens a TCP connection on the first worker.
    #[must_use]
    pub fn connection(&mut self) -> TcpConnection {
        TcpConnection::open(self.worker(0))
    }

    /// Runs a whole exchange on the first worker.
    pub fn run(&mut self, transaction: &Transaction, chunking: &Chunking) -> Outcome {
        run(self.worker(0), transaction, chunking)
    }
}
