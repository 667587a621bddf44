//! The Wasm module as a lane: a haystack is the body of a response that goes through a host which behaves as Envoy does. What the
//! module and the host do is theirs; here a haystack is dressed as traffic.

use std::sync::LazyLock;

use anyhow::{Context, anyhow, bail};
use blackbar_carriers::{Codec, Format, Views};
use blackbar_engine::Engine;
use blackbar_engine::schema::Schema;
use blackbar_host_test::{Exchange, Headers, Host, Module, Step};
use serde_json::json;

use crate::views;

/// The most that the module may have the host hold while a candidate is undecided; beyond it, the candidate is masked. In a proxy
/// the limit is much lower, because the proxy's own is: here it only bounds memory.
const HOLD_LIMIT: usize = 16 << 20;

/// Chunks are at most so large (see `--chunk`); a held chunk and what follows must fit into the host.
const BUFFER_LIMIT: usize = HOLD_LIMIT + (1 << 27);

/// The module with a policy in it, ready to be run by any thread.
#[derive(Debug, Clone)]
pub(crate) struct Filter(Module);

impl Filter {
    /// Embeds an artifact and compiles the module.
    ///
    /// # Errors
    /// When the artifact does not fit, or the module is none.
    pub(crate) fn new(artifact: &[u8]) -> anyhow::Result<Self> {
        let wasm = blackbar_module::embed(blackbar_module::MODULE, artifact)
            .map_err(|error| anyhow!("cannot put the policy into the module: {error}"))?;
        let module =
            Module::new(&wasm).map_err(|error| anyhow!("cannot run the module: {error}"))?;
        Ok(Self(module))
    }
}

/// A running module and the exchange that carries the present haystack.
#[derive(Debug)]
pub(crate) struct Wasm {
    host: Host,
    exchange: Option<Exchange>,
    chunk: Vec<u8>,
    /// The same policy here, to ask it for names.
    engine: Option<Engine>,
    /// What the haystack is, of the messages that the policy knows.
    message: Option<String>,
}

impl Wasm {
    /// Starts the module with the policy's base profile, or with a variant.
    ///
    /// # Errors
    /// When the module refuses its configuration or its policy.
    pub(crate) fn new(
        filter: &Filter,
        profile: Option<&str>,
        views: Views,
    ) -> anyhow::Result<Self> {
        let mut configuration = json!({ "hold_limit": HOLD_LIMIT, "views": views::as_json(views) });
        if let Some(profile) = profile {
            configuration["profile"] = json!(profile);
        }
        let host = Host::builder(&filter.0)
            .configuration(configuration.to_string())
            .extra_vms(0)
            .buffer_limit(BUFFER_LIMIT)
            .start()
            .map_err(|error| {
                let logged = error
                    .log_lines()
                    .last()
                    .map(|line| format!(": {line}"))
                    .unwrap_or_default();
                anyhow!("the module did not start: {error}{logged}")
            })?;
        Ok(Self {
            host,
            exchange: None,
            chunk: Vec::new(),
            engine: None,
            message: None,
        })
    }

    /// Takes the policy that is in the module.
    pub(super) fn know(&mut self, engine: Engine) {
        self.engine = Some(engine);
    }

    /// The messages that the policy knows.
    pub(super) fn schema(&self) -> &Schema {
        static NONE: LazyLock<Schema> = LazyLock::new(Schema::default);
        self.engine.as_ref().map_or(&NONE, Engine::schema)
    }

    /// Says which of them the haystacks are.
    pub(super) fn set_message(&mut self, name: &str) {
        self.message = Some(name.to_owned());
    }

    /// A request goes by, and the head of its response, with its length if it is known.
    pub(super) fn start(&mut self, format: Format, length: Option<u64>) -> anyhow::Result<()> {
        let mut exchange = self.host.exchange();
        if format == Format::WebSocket {
            let upgrade = [("upgrade", "websocket"), ("connection", "upgrade")];
            let mut asks = Headers::request("GET", "blackbar", "/");
            let mut agrees = Headers::from([(":status", "101")]);
            for (name, value) in upgrade {
                asks.add(name.as_bytes(), value.as_bytes());
                agrees.add(name.as_bytes(), value.as_bytes());
            }
            exchange.request_headers(asks, false);
            let step = exchange.response_headers(agrees, false);
            self.exchange = Some(exchange);
            return self.emitted(step, &mut Vec::new());
        }
        exchange.request_headers(Headers::request("GET", "blackbar", "/"), true);
        let media = match format {
            Format::Json => "application/json",
            Format::Form => "application/x-www-form-urlencoded",
            Format::Bytes => "application/octet-stream",
            Format::Protobuf => "application/x-protobuf",
            Format::MessagePack => "application/msgpack",
            Format::Cbor => "application/cbor",
            Format::Xml => "application/xml",
            Format::Html => "text/html",
            // Without a boundary, as here, the first line tells it.
            Format::Multipart(_) => "multipart/form-data",
            Format::WebText(Codec::Protobuf) => "application/grpc-web-text",
            Format::WebText(Codec::Json) => "application/grpc-web-text+json",
            Format::Syslog | Format::Redis(_) | Format::Dogstatsd | Format::Stream(_) => {
                return Err(anyhow!(
                    "what comes by raw TCP has no content type, so that the module cannot be told; use `--engine native`"
                ));
            }
            Format::Frames(Codec::Protobuf) => "application/grpc",
            Format::Frames(Codec::Json) => "application/grpc+json",
            _ => "text/plain",
        };
        let media = match &self.message {
            Some(name) => format!("{media}; messageType=\"{name}\""),
            None => media.to_owned(),
        };
        let mut head = Headers::from([(":status", "200"), ("content-type", media.as_str())]);
        if let Some(length) = length {
            head.add(b"content-length", length.to_string().as_bytes());
        }
        let step = exchange.response_headers(head, false);
        self.exchange = Some(exchange);
        self.emitted(step, &mut Vec::new())
    }

    pub(super) fn room(&mut self, len: usize) -> &mut [u8] {
        if self.chunk.len() < len {
            self.chunk.resize(len, 0);
        }
        &mut self.chunk[..len]
    }

    pub(super) fn commit(&mut self, len: usize, out: &mut Vec<u8>) -> anyhow::Result<()> {
        let exchange = self.exchange.as_mut().context("no haystack was started")?;
        let step = exchange.response_body(&self.chunk[..len], false);
        self.emitted(step, out)
    }

    pub(super) fn end(&mut self, out: &mut Vec<u8>) -> anyhow::Result<()> {
        let mut exchange = self.exchange.take().context("no haystack was started")?;
        let step = exchange.response_body(&[], true);
        let ended = step.downstream.end;
        self.emitted(step, out)?;
        let ending = exchange.finish();
        if !ended || !ending.violations.is_empty() {
            bail!(
                "the module did not bring the haystack to its end; this is a bug in it, please report it"
            );
        }
        Ok(())
    }

    fn emitted(&mut self, step: Step, out: &mut Vec<u8>) -> anyhow::Result<()> {
        out.extend_from_slice(&step.downstream.body);
        if step.downstream.reset || step.upstream.reset {
            let why = self
                .host
                .failure()
                .unwrap_or_else(|| "the haystack was broken off".to_string());
            bail!("the module failed: {why}");
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.recycle(step);
        }
        Ok(())
    }

    /// The sum of the module's counters over its rules: one count for each finding.
    pub(super) fn findings(&self) -> u64 {
        self.host
            .metrics()
            .iter()
            .filter(|(name, _)| name.starts_with("blackbar.rule."))
            .map(|(_, count)| count)
            .sum()
    }
}
