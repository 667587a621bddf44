//! Playing a scenario in the wasmtime host, where there is no Envoy. The module is the real one; what stands around it in
//! envoy.yaml (unpacking, packing again, the access log's format) is imitated here as far as the scenarios need it.
//!
//! Compiled with the feature `host` only: wasmtime takes minutes to build, and with Envoy at hand nobody waits for it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use blackbar_host_test::{
    Ending, Exchange as Stream, Headers as Map, Host, LogLine, Message, Module, Step,
};

use super::Scenario;
use super::model::Exchange;
use super::run::{Seen, Transcript};
use crate::http::{Framing, Headers, Payload, Received, gunzip, gzip};

/// Plays every exchange of the scenario through the module at `module`.
pub(crate) fn play_in_host(scenario: &Scenario, module: &Path) -> Result<Transcript> {
    let bytes =
        std::fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    let module = Module::new(&bytes)
        .map_err(|error| anyhow::anyhow!("the module does not load: {error}"))?;
    let mut host = Host::builder(&module)
        .configuration(scenario.expect.configuration.as_bytes())
        .start()
        .map_err(|error| anyhow::anyhow!("the host does not start: {error}"))?;
    let around = Around::read(&scenario.envoy);
    let mut seen = Vec::new();
    for exchange in &scenario.expect.exchanges {
        if let Some(change) = &exchange.change {
            // The file holds the configuration; what is changed in it is what the host is given.
            let refused = host.reconfigure(change.to.as_bytes()).is_err();
            anyhow::ensure!(
                refused == change.refused,
                "`{}`: the change was not taken as it should be",
                exchange.name
            );
        }
        seen.push(one(&mut host, &around, exchange)?);
    }
    let counters = host.metrics();
    let lines: Vec<String> = host.take_logs().iter().map(LogLine::to_string).collect();
    Ok(Transcript {
        seen,
        stats: format!("{counters:?}"),
        counters,
        proxy_log: lines.join("\n"),
    })
}

/// What envoy.yaml puts around the module.
#[derive(Debug)]
struct Around {
    /// Bodies are unpacked before the module, and packed again for the client.
    packs: bool,
    /// The access log's fields and their formats.
    fields: Vec<(String, String)>,
}

impl Around {
    fn read(envoy: &str) -> Self {
        let fields = envoy
            .lines()
            .skip_while(|line| line.trim() != "json_format:")
            .skip(1)
            .take_while(|line| line.trim() != "route_config:")
            .filter_map(|line| line.trim().split_once(": "))
            .filter(|(name, _)| !name.starts_with('#'))
            .map(|(name, format)| (name.to_owned(), format.trim_matches('"').to_owned()))
            .collect();
        Self {
            packs: envoy.contains("envoy.filters.http.decompressor"),
            fields,
        }
    }

    /// As Envoy's decompressor: the body whole, without its encoding and length.
    fn unpack(&self, headers: &mut Headers, payload: &mut Payload) {
        let packed = headers
            .iter()
            .any(|(name, value)| name == "content-encoding" && value == b"gzip");
        if !(self.packs && packed) {
            return;
        }
        if let Ok(plain) = gunzip(&payload.pieces.concat()) {
            headers.retain(|(name, _)| name != "content-encoding");
            payload.pieces = vec![plain];
            payload.framing = Framing::Chunked;
        }
    }

    /// As Envoy's compressor, for a client that takes gzip.
    fn pack(&self, accepted: &[u8], received: &mut Received) {
        let asked = String::from_utf8_lossy(accepted).contains("gzip");
        let encoded = received.header("content-encoding").is_some();
        if self.packs && asked && !encoded && received.body.len() >= 100 {
            received.body = gzip(&received.body);
            received
                .headers
                .retain(|(name, _)| name != "content-length");
            received
                .headers
                .push(("content-encoding".to_owned(), b"gzip".to_vec()));
        }
    }

    /// One line of the access log.
    fn line(&self, request: &Map, status: &str, state: &BTreeMap<String, Vec<u8>>) -> String {
        let value = |format: &str| -> Option<String> {
            let operator = format.strip_prefix('%')?.strip_suffix('%')?;
            let argument = |name: &str| {
                operator
                    .strip_prefix(name)?
                    .strip_prefix('(')?
                    .strip_suffix(')')
            };
            if operator == "RESPONSE_CODE" {
                return Some(status.to_owned());
            }
            let bytes = match argument("REQ") {
                Some(name) => request.first(&name.to_ascii_lowercase())?,
                None => state.get(argument("FILTER_STATE")?.strip_suffix(":PLAIN")?)?,
            };
            Some(String::from_utf8_lossy(bytes).into_owned())
        };
        let fields: serde_json::Map<_, _> = self
            .fields
            .iter()
            .map(|(name, format)| {
                (
                    name.clone(),
                    value(format).map_or(serde_json::Value::Null, Into::into),
                )
            })
            .collect();
        serde_json::Value::Object(fields).to_string()
    }
}

fn one(host: &mut Host, around: &Around, exchange: &Exchange) -> Result<Seen> {
    let request = &exchange.request;
    let accepted: Vec<u8> = request
        .header_list()
        .into_iter()
        .find(|(name, _)| name == "accept-encoding")
        .map_or_else(Vec::new, |(_, value)| value);
    let mut headers = request.header_list();
    let mut payload = request.payload(&exchange.name)?;
    around.unpack(&mut headers, &mut payload);
    let mut sent = Map::request(&request.method, "blackbar.test", &request.path.0);
    let log_headers = {
        fill(&mut sent, &headers, &payload);
        sent.clone()
    };

    let mut wire = Wire::default();
    let mut stream = host.exchange();
    wire.send(&mut stream, sent, &payload, true);
    let mut arrived = Vec::new();
    if wire.upstream.headers.is_some() {
        let mut received = received(&wire.upstream, |map| {
            let text = |name| map.text(name).unwrap_or_default();
            format!("{} {}", text(":method"), text(":path"))
        });
        if around.packs {
            // The decompressor below the module asks for what it can unpack.
            received
                .headers
                .push(("accept-encoding".to_owned(), b"gzip".to_vec()));
        }
        let mut reply = exchange.reply.reply(&exchange.name)?;
        if reply.echo && !received.body.is_empty() {
            reply.payload = Payload::whole(received.body.clone());
            let kept = received
                .headers
                .iter()
                .filter(|(name, _)| name == "content-type");
            reply.headers.extend(kept.cloned());
        }
        around.unpack(&mut reply.headers, &mut reply.payload);
        let mut answer = Map::new();
        answer.add(b":status", reply.status.to_string().as_bytes());
        fill(&mut answer, &reply.headers, &reply.payload);
        arrived.push(received);
        wire.send(&mut stream, answer, &reply.payload, false);
    }
    let Ending {
        step,
        filter_state,
        violations,
        ..
    } = stream.finish();
    wire.push(&step);
    let mut client = received(&wire.downstream, |map| {
        map.text(":status").unwrap_or_default().to_owned()
    });
    around.pack(&accepted, &mut client);
    let client = match (violations.first(), wire.downstream.headers.is_some()) {
        (Some(violation), _) => Err(format!("on the wire: {violation:?}")),
        (None, false) => Err("nothing came back".to_owned()),
        (None, true) => Ok(client),
    };
    let status = client.as_ref().map_or("0", |client| client.start.as_str());
    let log = Some(around.line(
        wire.upstream.headers.as_ref().unwrap_or(&log_headers),
        status,
        &filter_state,
    ));
    Ok(Seen {
        upstream: arrived,
        client,
        log,
    })
}

/// Both messages, as they leave step by step.
#[derive(Debug, Default)]
struct Wire {
    upstream: Message,
    downstream: Message,
}

impl Wire {
    fn push(&mut self, step: &Step) {
        self.upstream.push(&step.upstream);
        self.downstream.push(&step.downstream);
    }

    fn send(&mut self, stream: &mut Stream, headers: Map, payload: &Payload, request: bool) {
        let pieces: Vec<&Vec<u8>> = payload
            .pieces
            .iter()
            .filter(|piece| !piece.is_empty())
            .collect();
        let bare = pieces.is_empty() && payload.trailers.is_empty();
        let step = if request {
            stream.request_headers(headers, bare)
        } else {
            stream.response_headers(headers, bare)
        };
        self.push(&step);
        if bare {
            return;
        }
        for piece in pieces {
            let step = if request {
                stream.request_body(piece, false)
            } else {
                stream.response_body(piece, false)
            };
            self.push(&step);
        }
        let step = if payload.trailers.is_empty() {
            // As in Envoy: the end is a call of its own.
            if request {
                stream.request_body(b"", true)
            } else {
                stream.response_body(b"", true)
            }
        } else {
            let mut trailers = Map::new();
            for (name, value) in &payload.trailers {
                trailers.add(name.as_bytes(), value);
            }
            if request {
                stream.request_trailers(trailers)
            } else {
                stream.response_trailers(trailers)
            }
        };
        self.push(&step);
    }
}

fn fill(map: &mut Map, headers: &Headers, payload: &Payload) {
    for (name, value) in headers {
        map.add(name.as_bytes(), value);
    }
    let length: usize = payload.pieces.iter().map(Vec::len).sum();
    if payload.framing == Framing::Length && length > 0 {
        map.add(b"content-length", length.to_string().as_bytes());
    }
}

fn received(message: &Message, start: impl Fn(&Map) -> String) -> Received {
    let list = |map: &Option<Map>| -> Headers {
        map.iter()
            .flat_map(Map::iter)
            .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.to_vec()))
            .collect()
    };
    Received {
        start: message.headers.as_ref().map(start).unwrap_or_default(),
        headers: list(&message.headers),
        body: message.body.clone(),
        trailers: list(&message.trailers),
        broken: !message.ended || message.reset,
    }
}
