//! One HTTP filter between client and router, as Envoy's filter manager drives it: callbacks, actions, buffers, limits, failures.
//!
//! The source of each rule is HOST-FACTS (measured) and, where it is silent, Envoy's `context.cc` and `filter_manager.cc`.

use std::collections::BTreeMap;

use crate::abi::Direction;
use crate::headers::Headers;
use crate::host::FailurePolicy;
use crate::outcome::{Ending, LocalOrigin, LocalResponse, Step, Violation, check_framing};
use crate::stream::{Deferred, Flow, Stop, Stream};
use crate::vm::{Called, Vm};

const CONTINUE: u32 = 0;
const PAUSE: u32 = 1;
/// `ContinueAndEndStream` on headers, `StopIterationAndWatermark` on bodies.
const TWO: u32 = 2;
/// `StopAllIterationAndBuffer` on headers, `StopIterationNoBuffer` on bodies.
const THREE: u32 = 3;
const STOP_ALL: u32 = 4;

impl Vm {
    /// Opens a stream on the active root.
    pub(crate) fn open_stream(&mut self, properties: BTreeMap<Vec<u8>, Vec<u8>>) -> u32 {
        let root = match self.active_root() {
            Some(root) => {
                root.in_flight += 1;
                root.id
            }
            None => 0,
        };
        let state = self.store.data_mut();
        let id = state.allocate_context();
        let stream = Stream {
            root,
            properties,
            ..Stream::default()
        };
        state.streams.insert(id, stream);
        self.call(id, |callbacks| &callbacks.context_create, (id, root));
        id
    }

    /// Headers from the client or the upstream.
    pub(crate) fn source_headers(
        &mut self,
        id: u32,
        direction: Direction,
        headers: Headers,
        end: bool,
    ) {
        if self.takes_from_source(id, direction) {
            self.headers(id, direction, headers, end);
        }
    }

    /// A body chunk from the client or the upstream.
    pub(crate) fn source_body(&mut self, id: u32, direction: Direction, chunk: &[u8], end: bool) {
        if self.takes_from_source(id, direction) {
            self.body(id, direction, chunk, end);
        }
    }

    /// Trailers from the client or the upstream.
    pub(crate) fn source_trailers(&mut self, id: u32, direction: Direction, trailers: Headers) {
        if !self.takes_from_source(id, direction) {
            return;
        }
        if self.store.data().settings.quirks.trailers {
            self.trailers(id, direction, trailers);
        } else {
            // The guest learns of the end with the body; the trailers pass it by.
            if let Some(flow) = self.flow(id, direction) {
                flow.trailers = Some(trailers);
            }
            self.body(id, direction, &[], true);
        }
    }

    /// What has left since the last call.
    pub(crate) fn take_step(&mut self, id: u32) -> Step {
        match self.store.data_mut().streams.get_mut(&id) {
            Some(stream) => Step {
                upstream: std::mem::take(&mut stream.request.out),
                downstream: std::mem::take(&mut stream.response.out),
            },
            None => Step::default(),
        }
    }

    /// Ends the stream: access log, done, delete; and checks what was sent.
    pub(crate) fn finish_stream(&mut self, id: u32) -> Ending {
        self.fail_if_closed_policy(id);
        self.set_logging(id, true);
        self.call(id, |callbacks| &callbacks.log, id);
        self.run_deferred();
        self.set_logging(id, false);
        self.call(id, |callbacks| &callbacks.done, id);
        self.call(id, |callbacks| &callbacks.delete, id);
        self.run_deferred();
        let step = self.take_step(id);
        let Some(mut stream) = self.store.data_mut().streams.remove(&id) else {
            return Ending {
                step,
                local_response: None,
                filter_state: BTreeMap::new(),
                violations: Vec::new(),
            };
        };
        self.release_root(stream.root);
        let mut violations = std::mem::take(&mut stream.violations);
        let method = stream
            .request
            .headers
            .as_ref()
            .and_then(|headers| headers.first(":method"));
        for direction in [Direction::Request, Direction::Response] {
            let flow = stream.flow(direction);
            if flow.ended
                && let Some(headers) = &flow.sent_headers
            {
                violations.extend(check_framing(direction, headers, flow.sent_body, method));
            }
            if flow.source_ended && !flow.closed {
                violations.push(Violation::Stalled { direction });
            }
        }
        Ending {
            step,
            local_response: stream.local,
            filter_state: stream.filter_state,
            violations,
        }
    }

    /// Delivers a tick to every root that asked for ticks; gives how many that were.
    pub(crate) fn tick(&mut self) -> usize {
        let state = self.store.data();
        if !state.settings.quirks.ticks {
            return 0;
        }
        let roots: Vec<u32> = state
            .roots
            .iter()
            .filter(|root| root.tick_period_ms > 0)
            .map(|root| root.id)
            .collect();
        for &root in &roots {
            self.call(root, |callbacks| &callbacks.tick, root);
            self.run_deferred();
        }
        roots.len()
    }

    fn set_logging(&mut self, id: u32, logging: bool) {
        if let Some(stream) = self.store.data_mut().streams.get_mut(&id) {
            stream.logging = logging;
        }
    }

    fn flow(&mut self, id: u32, direction: Direction) -> Option<&mut Flow> {
        let stream = self.store.data_mut().streams.get_mut(&id)?;
        Some(stream.flow_mut(direction))
    }

    fn open_flow(&mut self, id: u32, direction: Direction) -> Option<&mut Flow> {
        self.flow(id, direction).filter(|flow| !flow.closed)
    }

    /// Whether the source's next event goes on; a local response has taken the upstream's place, a failed VM answers 503.
    fn takes_from_source(&mut self, id: u32, direction: Direction) -> bool {
        if self.fail_if_closed_policy(id) {
            return false;
        }
        match self.store.data().streams.get(&id) {
            Some(stream) => {
                let replaced = direction == Direction::Response && stream.local.is_some();
                !stream.flow(direction).closed && !replaced
            }
            None => false,
        }
    }

    fn fail_if_closed_policy(&mut self, id: u32) -> bool {
        let fails =
            self.failure.is_some() && self.store.data().settings.policy != FailurePolicy::Open;
        if fails {
            self.fail_stream(id);
        }
        fails
    }

    /// The action of a callback after which the message is still open; `None` when it is not.
    fn action(
        &mut self,
        id: u32,
        direction: Direction,
        called: Called<u32>,
        stopped: u32,
    ) -> Option<u32> {
        let action = match called {
            Called::Missing => CONTINUE,
            Called::Failed => {
                if self.fail_if_closed_policy(id) {
                    return None;
                }
                CONTINUE
            }
            Called::Returned(action) => {
                let state = self.store.data();
                if state.stop_next {
                    stopped
                } else if direction == Direction::Response && !state.settings.quirks.response_pause
                {
                    CONTINUE
                } else {
                    action
                }
            }
        };
        self.run_deferred();
        self.open_flow(id, direction).map(|_| action)
    }

    fn headers(&mut self, id: u32, direction: Direction, headers: Headers, end: bool) {
        let allow_stop = self.store.data().settings.allow_on_headers_stop_iteration;
        let Some(flow) = self.open_flow(id, direction) else {
            return;
        };
        let count = headers.len() as u32;
        flow.required = required(direction, &headers);
        flow.headers = Some(headers);
        flow.headers_open = true;
        flow.end_seen = end;
        flow.source_ended = end;
        let called = self.call(
            id,
            |callbacks| &callbacks.headers[direction as usize],
            (id, count, u32::from(end)),
        );
        let Some(action) = self.action(id, direction, called, STOP_ALL) else {
            return;
        };
        let Some(flow) = self.open_flow(id, direction) else {
            return;
        };
        match action {
            CONTINUE | TWO => {
                flow.headers_open = false;
                if self.send_headers(id, direction) && end {
                    self.complete(id, direction);
                }
            }
            PAUSE if allow_stop => flow.stop = Stop::Single,
            THREE => flow.stop = Stop::All { limited: true },
            _ => flow.stop = Stop::All { limited: false },
        }
    }

    fn body(&mut self, id: u32, direction: Direction, chunk: &[u8], end: bool) {
        let limit = self.store.data().settings.buffer_limit;
        let Some(flow) = self.open_flow(id, direction) else {
            return;
        };
        flow.source_ended |= end;
        if let Stop::All { limited } = flow.stop {
            flow.pending.extend_from_slice(chunk);
            flow.pending_call = true;
            if limited && flow.pending.len() > limit {
                self.overflow(id, direction);
            }
            return;
        }
        flow.end_seen = end;
        if flow.buffering {
            flow.buffer.extend_from_slice(chunk);
            if flow.held.len() + flow.buffer.len() > limit {
                self.overflow(id, direction);
                return;
            }
        } else {
            flow.buffer.clear();
            flow.buffer.extend_from_slice(chunk);
        }
        flow.chunk_open = true;
        let size = flow.buffer.len() as u32;
        let called = self.call(
            id,
            |callbacks| &callbacks.body[direction as usize],
            (id, size, u32::from(end)),
        );
        let Some(action) = self.action(id, direction, called, THREE) else {
            return;
        };
        let Some(flow) = self.open_flow(id, direction) else {
            return;
        };
        flow.buffering = false;
        match action {
            CONTINUE => {
                flow.chunk_open = false;
                flow.stop = Stop::No;
                if !flow.headers_sent && !self.send_headers(id, direction) {
                    return;
                }
                if end {
                    self.complete(id, direction);
                } else if let Some(flow) = self.flow(id, direction) {
                    flow.flush_body();
                }
            }
            PAUSE => {
                flow.buffering = true;
                flow.stop = Stop::Single;
                if flow.held.len() + flow.buffer.len() > limit {
                    self.overflow(id, direction);
                }
            }
            TWO => {
                let Flow { held, buffer, .. } = flow;
                held.append(buffer);
                flow.stop = Stop::Single;
            }
            // No buffer, and any number that the ABI does not know: the bytes are dropped.
            _ => {
                flow.buffer.clear();
                flow.stop = Stop::Single;
            }
        }
    }

    fn trailers(&mut self, id: u32, direction: Direction, trailers: Headers) {
        let Some(flow) = self.open_flow(id, direction) else {
            return;
        };
        flow.source_ended = true;
        if let Stop::All { .. } = flow.stop {
            flow.pending_trailers = Some(trailers);
            return;
        }
        let count = trailers.len() as u32;
        flow.trailers = Some(trailers);
        flow.trailers_open = true;
        flow.trailers_seen = true;
        let called = self.call(
            id,
            |callbacks| &callbacks.trailers[direction as usize],
            (id, count),
        );
        let Some(action) = self.action(id, direction, called, PAUSE) else {
            return;
        };
        let Some(flow) = self.open_flow(id, direction) else {
            return;
        };
        if action == CONTINUE {
            flow.trailers_open = false;
            flow.stop = Stop::No;
            if flow.headers_sent || self.send_headers(id, direction) {
                self.complete(id, direction);
            }
        } else {
            flow.stop = Stop::Single;
        }
    }

    /// `proxy_continue_stream`, once the guest has returned.
    fn resume(&mut self, id: u32, direction: Direction) {
        let Some(flow) = self.open_flow(id, direction) else {
            return;
        };
        match std::mem::take(&mut flow.stop) {
            Stop::No => {}
            Stop::Single => {
                flow.chunk_open = false;
                if !flow.headers_sent && !self.send_headers(id, direction) {
                    return;
                }
                let Some(flow) = self.open_flow(id, direction) else {
                    return;
                };
                if !flow.buffering && !flow.buffer.is_empty() {
                    // Asked for in the callback of a chunk that is not held: the action decides for the chunk.
                    let chunk = std::mem::take(&mut flow.buffer);
                    flow.flush_body();
                    flow.buffer = chunk;
                } else if flow.end_seen || flow.trailers_seen {
                    self.complete(id, direction);
                } else {
                    flow.flush_body();
                }
            }
            Stop::All { .. } => {
                if !self.send_headers(id, direction) {
                    return;
                }
                let Some(flow) = self.open_flow(id, direction) else {
                    return;
                };
                let trailers = flow.pending_trailers.take();
                let pending = std::mem::take(&mut flow.pending);
                let ended = flow.source_ended && trailers.is_none();
                if flow.pending_call {
                    self.body(id, direction, &pending, ended);
                } else if ended {
                    self.complete(id, direction);
                }
                if let Some(trailers) = trailers {
                    self.trailers(id, direction, trailers);
                }
            }
        }
    }

    /// Sends the last bytes and the trailers, and ends the message.
    fn complete(&mut self, id: u32, direction: Direction) {
        let Some(stream) = self.store.data_mut().streams.get_mut(&id) else {
            return;
        };
        let flow = stream.flow_mut(direction);
        flow.flush_body();
        let mut forbidden = false;
        if let Some(trailers) = &flow.trailers {
            forbidden = trailers.has_forbidden_byte();
            flow.out.trailers = Some(trailers.clone());
        }
        flow.finish();
        if forbidden {
            stream
                .violations
                .push(Violation::ForbiddenByteInHeader { direction });
        }
    }

    /// Puts the headers on the wire; `false` when the router refused them and answered itself.
    fn send_headers(&mut self, id: u32, direction: Direction) -> bool {
        let Some(stream) = self.store.data_mut().streams.get_mut(&id) else {
            return false;
        };
        let flow = stream.flow_mut(direction);
        let headers = flow.headers.clone().unwrap_or_default();
        let missing = flow
            .required
            .iter()
            .any(|name| headers.first(name).is_none());
        let violation = if missing {
            Some(Violation::RequiredHeaderMissing { direction })
        } else if headers.has_forbidden_byte() {
            Some(Violation::ForbiddenByteInHeader { direction })
        } else {
            None
        };
        if violation.is_none() || direction == Direction::Response {
            flow.headers_sent = true;
            flow.out.headers = Some(headers.clone());
            flow.sent_headers = Some(headers);
            stream.violations.extend(violation);
            return true;
        }
        stream.violations.extend(violation);
        let response = LocalResponse {
            status: 503,
            headers: Headers::new(),
            body: Vec::new(),
            details: "filter_removed_required_request_headers".to_owned(),
            grpc_status: None,
            origin: LocalOrigin::Router,
        };
        self.local_reply(id, response);
        false
    }

    /// A paused body has passed the buffer limit.
    fn overflow(&mut self, id: u32, direction: Direction) {
        let Some(stream) = self.store.data_mut().streams.get_mut(&id) else {
            return;
        };
        if direction == Direction::Response && stream.response.headers_sent {
            stream.response.reset();
            stream.violations.push(Violation::Truncated { direction });
            return;
        }
        let (status, body, details) = match direction {
            Direction::Request => (413, "Payload Too Large", "request_payload_too_large"),
            Direction::Response => (500, "Internal Server Error", "response_payload_too_large"),
        };
        let response = LocalResponse {
            status,
            headers: Headers::new(),
            body: body.into(),
            details: details.to_owned(),
            grpc_status: None,
            origin: LocalOrigin::Overflow,
        };
        self.local_reply(id, response);
    }

    /// The 503 of a VM that has trapped; the guest is not asked.
    fn fail_stream(&mut self, id: u32) {
        let Some(stream) = self.store.data_mut().streams.get_mut(&id) else {
            return;
        };
        if std::mem::replace(&mut stream.failed, true) || stream.response.ended {
            return;
        }
        let response = LocalResponse {
            status: 503,
            headers: Headers::new(),
            body: Vec::new(),
            details: "wasm_fail_stream".to_owned(),
            grpc_status: Some(14),
            origin: LocalOrigin::Failure,
        };
        self.local_reply(id, response);
    }

    /// Answers the client from here.
    ///
    /// Before any response: through the guest's response callbacks. With response headers held: in their place, directly.
    /// With response headers gone: the response can only be broken off.
    fn local_reply(&mut self, id: u32, response: LocalResponse) {
        let Some(stream) = self.store.data_mut().streams.get_mut(&id) else {
            return;
        };
        stream.request.reset();
        if stream.response.closed {
            return;
        }
        let grpc = stream
            .request
            .headers
            .as_ref()
            .and_then(|headers| headers.text("content-type"))
            .is_some_and(|kind| kind.starts_with("application/grpc"));
        let (headers, body) = local_message(&response, grpc);
        let through_guest =
            stream.response.headers.is_none() && response.origin != LocalOrigin::Failure;
        if stream.response.headers_sent {
            stream.local = Some(response);
            stream.response.reset();
            stream.violations.push(Violation::Truncated {
                direction: Direction::Response,
            });
        } else if through_guest {
            stream.local = Some(response);
            self.headers(id, Direction::Response, headers, body.is_empty());
            if !body.is_empty() {
                self.body(id, Direction::Response, &body, true);
            }
        } else {
            stream.local = Some(response);
            let flow = &mut stream.response;
            flow.reset();
            flow.trailers = None;
            flow.headers = Some(headers.clone());
            flow.sent_headers = Some(headers.clone());
            flow.headers_sent = true;
            flow.out.headers = Some(headers);
            flow.sent_body = body.len() as u64;
            flow.out.body = body;
            flow.source_ended = true;
            flow.finish();
        }
    }

    /// Does what the guest asked for during its callback, before the callback's action counts.
    pub(crate) fn run_deferred(&mut self) {
        let deferred = &mut self.store.data_mut().deferred;
        if deferred.is_empty() {
            return;
        }
        for deferred in std::mem::take(deferred) {
            match deferred {
                Deferred::Continue(id, direction) => {
                    if self.store.data().connections.contains_key(&id) {
                        self.resume_tcp(id);
                    } else {
                        self.resume(id, direction);
                    }
                }
                Deferred::Local(id, response) => self.local_reply(id, response),
                Deferred::Close(id) => {
                    if let Some(stream) = self.store.data_mut().streams.get_mut(&id) {
                        stream.request.reset();
                        stream.response.reset();
                    } else {
                        self.close_tcp(id);
                    }
                }
            }
        }
    }
}

/// The pseudo-headers that a message arrived with and may not lose.
fn required(direction: Direction, headers: &Headers) -> Vec<&'static str> {
    let candidates: &[&'static str] = match direction {
        Direction::Request => &[":method", ":path"],
        Direction::Response => &[":status"],
    };
    candidates
        .iter()
        .copied()
        .filter(|name| headers.first(name).is_some())
        .collect()
}

/// A text as the value of `grpc-message`: percent-encoded where gRPC's own grammar and Envoy do.
fn grpc_message(text: &[u8]) -> String {
    let encoded = text.iter().map(|&byte| match byte {
        b'%' | ..b' ' | 0x7f.. => format!("%{byte:02X}"),
        byte => char::from(byte).to_string(),
    });
    encoded.collect()
}

/// A local response on the wire; to a gRPC request it is a trailers-only 200.
fn local_message(response: &LocalResponse, grpc: bool) -> (Headers, Vec<u8>) {
    let mut headers = Headers::new();
    if grpc {
        let status = response.grpc_status.unwrap_or(match response.status {
            400 => 13,
            401 => 16,
            403 => 7,
            404 => 12,
            429 | 502..=504 => 14,
            _ => 2,
        });
        headers.add(b":status", b"200");
        headers.add(b"content-type", b"application/grpc");
        headers.add(b"grpc-status", status.to_string().as_bytes());
        if !response.body.is_empty() {
            headers.add(b"grpc-message", grpc_message(&response.body).as_bytes());
        }
    } else {
        headers.add(b":status", response.status.to_string().as_bytes());
        if !response.body.is_empty() {
            headers.add(
                b"content-length",
                response.body.len().to_string().as_bytes(),
            );
            headers.add(b"content-type", b"text/plain");
        }
    }
    for (name, value) in response.headers.iter() {
        headers.add(name, value);
    }
    let body = if grpc {
        Vec::new()
    } else {
        response.body.clone()
    };
    (headers, body)
}
