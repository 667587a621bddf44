//! Real HTTP/1.1 on both sides of the proxy: a client that sends piece by piece, and an upstream that answers as told.
//!
//! Not here: what is sent and what is expected of it (`scenario`).

mod body;
mod client;
mod upstream;

use std::sync::LazyLock;

use anyhow::{Context, Result};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use tokio::runtime::Runtime;

pub(crate) use body::{Framing, Payload};
pub(crate) use client::{Client, get};
pub(crate) use upstream::{Reply, Upstream};

/// Names in lower case, values as bytes, in the order received.
pub(crate) type Headers = Vec<(String, Vec<u8>)>;

/// The one runtime; two threads, because the upstream answers while the client sends.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            runtime.spawn(end_on_signal());
            runtime
        }
        Err(error) => {
            eprintln!("xtask: cannot start threads: {error}");
            std::process::exit(2);
        }
    }
});

/// A signal ends this program without running destructors: end the children first.
async fn end_on_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) else {
            return;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        crate::process::end_all();
        std::process::exit(130);
    }
}

/// What one side received, whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    /// `GET /path?query` or the status code.
    pub(crate) start: String,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Headers,
    /// The body ended in the middle: fewer bytes than announced, or a connection that broke.
    pub(crate) broken: bool,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_slice())
    }

    /// The body without its content-encoding; `None` where the encoding is damaged.
    pub(crate) fn plain_body(&self) -> Option<Vec<u8>> {
        match self.header("content-encoding") {
            None | Some(b"identity") => Some(self.body.clone()),
            Some(b"gzip") => gunzip(&self.body).ok(),
            Some(_) => None,
        }
    }

    /// Everything that was received, as one text to search for values that must not be there.
    pub(crate) fn everything(&self) -> Vec<u8> {
        let mut all = self.start.clone().into_bytes();
        for (name, value) in self.headers.iter().chain(&self.trailers) {
            all.push(b'\n');
            all.extend_from_slice(name.as_bytes());
            all.extend_from_slice(b": ");
            all.extend_from_slice(value);
        }
        all.push(b'\n');
        all.extend_from_slice(&self.body);
        if let Some(plain) = self.plain_body() {
            all.push(b'\n');
            all.extend_from_slice(&plain);
        }
        all
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let mut packed = Vec::new();
    let mut encoder = flate2::read::GzEncoder::new(bytes, flate2::Compression::default());
    // Reading from memory and packing into memory cannot fail.
    let _ = encoder.read_to_end(&mut packed);
    packed
}

pub(crate) fn gunzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain)?;
    Ok(plain)
}

fn to_map(headers: &Headers) -> Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes())
            .with_context(|| format!("`{name}` is no header name"))?;
        let value = HeaderValue::from_bytes(value)
            .with_context(|| format!("the value of `{name}` is no header value"))?;
        map.append(name, value);
    }
    Ok(map)
}

fn from_map(map: &HeaderMap) -> Headers {
    map.iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect()
}
