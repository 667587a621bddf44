//! The service behind the proxy: keeps what it receives and answers as told.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::body::{Pieces, read};
use super::{Headers, Payload, RUNTIME, Received, to_map};

/// What the upstream answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) payload: Payload,
    /// The request's body comes back instead of the payload, where it has one.
    pub(crate) echo: bool,
}

/// A server on a free port of 127.0.0.1, for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    reply: Reply,
    received: Vec<Received>,
}

impl Upstream {
    pub(crate) fn start() -> Result<Self> {
        let listener = RUNTIME
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .context("cannot open a port for the upstream")?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(Mutex::new(State::default()));
        let server = RUNTIME.spawn(serve(listener, Arc::clone(&state)));
        Ok(Self {
            port,
            state,
            server,
        })
    }

    /// What it answers from now on; what it has received is forgotten.
    pub(crate) fn answer_with(&self, reply: Reply) {
        *lock(&self.state) = State {
            reply,
            received: Vec::new(),
        };
    }

    /// The requests since the last [`Upstream::answer_with`].
    pub(crate) fn received(&self) -> Vec<Received> {
        lock(&self.state).received.clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            // Pieces must leave when they are written.
            let _ = stream.set_nodelay(true);
            let service = service_fn(|request| answer(request, Arc::clone(&state)));
            // What breaks shows at the client.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Pieces>, Infallible> {
    let (parts, body) = request.into_parts();
    let start = format!("{} {}", parts.method, parts.uri);
    let received = read(start, &parts.headers, body).await;
    let mut reply = {
        let mut state = lock(&state);
        state.received.push(received.clone());
        state.reply.clone()
    };
    if reply.echo && !received.body.is_empty() {
        reply.payload = Payload::whole(received.body.clone());
        for name in ["content-type", "content-encoding"] {
            if let Some(value) = received.header(name) {
                reply.headers.push((name.to_owned(), value.to_vec()));
            }
        }
    }
    if !reply.payload.trailers.is_empty() {
        let names: Vec<&str> = reply
            .payload
            .trailers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        reply
            .headers
            .push(("trailer".to_owned(), names.join(", ").into_bytes()));
    }
    let mut response = Response::new(reply.payload.into_body());
    if let Ok(status) = hyper::StatusCode::from_u16(reply.status) {
        *response.status_mut() = status;
    }
    if let Ok(map) = to_map(&reply.headers) {
        *response.headers_mut() = map;
    }
    Ok(response)
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
