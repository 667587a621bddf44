//! The client. One connection for as long as the other side keeps it: what a wrong length leaves behind on it would spoil
//! the next exchange, and so be seen.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::body::{Pieces, read};
use super::{Headers, Payload, RUNTIME, Received, to_map};

const LIMIT: Duration = Duration::from_secs(30);

/// A client of one port on 127.0.0.1.
#[derive(Debug)]
pub(crate) struct Client {
    port: u16,
    connection: Option<SendRequest<Pieces>>,
}

impl Client {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            port,
            connection: None,
        }
    }

    /// Sends one request and reads the whole answer.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &Headers,
        payload: Payload,
    ) -> Result<Received> {
        let has_body = !payload.pieces.is_empty();
        let mut request = Request::builder().method(method).uri(path);
        if let Some(map) = request.headers_mut() {
            *map = to_map(headers)?;
            if !map.contains_key("host") {
                map.insert(
                    "host",
                    hyper::header::HeaderValue::from_static("blackbar.test"),
                );
            }
            if !payload.trailers.is_empty() {
                // hyper sends the trailers that were announced, and no others.
                let names: Vec<&str> = payload
                    .trailers
                    .iter()
                    .map(|(name, _)| name.as_str())
                    .collect();
                map.insert("trailer", names.join(", ").parse()?);
            }
        }
        let request = request
            .body(
                if has_body {
                    payload
                } else {
                    Payload::default()
                }
                .into_body(),
            )
            .with_context(|| format!("cannot make the request {method} {path}"))?;
        RUNTIME.block_on(async {
            match timeout(LIMIT, self.exchange(request)).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    self.connection = None;
                    bail!("no answer to {method} within {} s", LIMIT.as_secs())
                }
            }
        })
    }

    async fn exchange(&mut self, request: Request<Pieces>) -> Result<Received> {
        let mut connection = match self.connection.take() {
            Some(mut kept) => match kept.ready().await {
                Ok(()) => kept,
                Err(_) => connect(self.port).await?,
            },
            None => connect(self.port).await?,
        };
        let response = connection
            .send_request(request)
            .await
            .context("the proxy gave no answer")?;
        let (parts, body) = response.into_parts();
        let received = read(parts.status.as_u16().to_string(), &parts.headers, body).await;
        if !received.broken {
            self.connection = Some(connection);
        }
        Ok(received)
    }
}

async fn connect(port: u16) -> Result<SendRequest<Pieces>> {
    let stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .with_context(|| format!("cannot connect to port {port}"))?;
    // Pieces must leave when they are written, not when the last one was acknowledged.
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .context("cannot speak HTTP")?;
    tokio::spawn(async move {
        // What breaks shows where the answer is read.
        let _ = connection.await;
    });
    Ok(sender)
}

/// The text of a page on 127.0.0.1, for Envoy's admin interface.
pub(crate) fn get(port: u16, path: &str) -> Result<String> {
    let received = Client::new(port).send("GET", path, &Headers::new(), Payload::default())?;
    if received.start != "200" {
        bail!("port {port} answered {} to {path}", received.start);
    }
    Ok(String::from_utf8_lossy(&received.body).into_owned())
}
