//! Playing a scenario's exchanges through a running Envoy, one after the other. What is right is decided in `check`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::Scenario;
use crate::envoy::Running;
use crate::http::{Client, Received, Upstream};

/// What was seen.
#[derive(Debug)]
pub(crate) struct Transcript {
    /// One for each exchange, in order.
    pub(crate) seen: Vec<Seen>,
    /// The filter's counters at the end, by the proxy's names.
    pub(crate) counters: BTreeMap<String, u64>,
    /// Everything that the proxy tells about itself.
    pub(crate) stats: String,
    pub(crate) proxy_log: String,
}

#[derive(Debug)]
pub(crate) struct Seen {
    /// What arrived at the upstream: nothing where the proxy answered by itself.
    pub(crate) upstream: Vec<Received>,
    /// What came back, or why nothing did.
    pub(crate) client: Result<Received, String>,
    /// The exchange's line of the access log.
    pub(crate) log: Option<String>,
}

/// Sends every exchange, and waits for its line in the access log before the next.
pub(crate) fn play(
    scenario: &Scenario,
    upstream: &Upstream,
    envoy: &Running,
) -> Result<Transcript> {
    let mut client = Client::new(envoy.listener);
    let mut seen = Vec::new();
    for exchange in &scenario.expect.exchanges {
        if let Some(change) = &exchange.change {
            let taken = envoy.change(&change.file, &change.from, &change.to)?;
            ensure!(
                taken != change.refused,
                "`{}`: the change was {}",
                exchange.name,
                if taken { "taken" } else { "rejected" }
            );
        }
        upstream.answer_with(exchange.reply.reply(&exchange.name)?);
        let request = &exchange.request;
        let lines = envoy.access_log(0).len();
        let answer = client.send(
            &request.method,
            &request.path.0,
            &request.header_list(),
            request.payload(&exchange.name)?,
        );
        envoy
            .alive()
            .with_context(|| format!("after `{}`", exchange.name))?;
        let log = envoy.access_log(lines + 1).get(lines).cloned();
        seen.push(Seen {
            upstream: upstream.received(),
            client: answer.map_err(|error| format!("{error:#}")),
            log,
        });
    }
    Ok(Transcript {
        seen,
        counters: envoy.counters()?,
        stats: envoy.stats()?,
        proxy_log: envoy.log(),
    })
}
