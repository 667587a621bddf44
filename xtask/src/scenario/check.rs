//! Comparing what was seen with what expect.toml says. Each expectation is one check with a name.

use std::collections::BTreeMap;

use super::Scenario;
use super::model::{Exchange, Place, Side, Text, Values};
use super::run::{Seen, Transcript};
use crate::http::Received;

/// Every check and how it ended.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) checks: Vec<Check>,
}

#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) name: String,
    /// Why it failed.
    pub(crate) failure: Option<String>,
}

impl Report {
    pub(crate) fn passed(&self) -> usize {
        self.checks
            .iter()
            .filter(|check| check.failure.is_none())
            .count()
    }

    pub(crate) fn failed(&self) -> usize {
        self.checks.len() - self.passed()
    }

    pub(crate) fn add(&mut self, name: impl Into<String>, outcome: Result<(), String>) {
        self.checks.push(Check {
            name: name.into(),
            failure: outcome.err(),
        });
    }

    pub(crate) fn print_failures(&self) {
        for check in &self.checks {
            if let Some(failure) = &check.failure {
                println!(
                    "FAILED {}\n       {}",
                    check.name,
                    failure.replace('\n', "\n       ")
                );
            }
        }
    }

    /// Checks a whole scenario.
    pub(crate) fn of(scenario: &Scenario, transcript: &Transcript) -> Self {
        let mut report = Self::default();
        for (exchange, seen) in scenario.expect.exchanges.iter().zip(&transcript.seen) {
            report.exchange(&scenario.name, exchange, seen);
        }
        let logs: Vec<&[u8]> = transcript
            .seen
            .iter()
            .filter_map(|seen| seen.log.as_deref())
            .map(str::as_bytes)
            .collect();
        for exchange in &scenario.expect.exchanges {
            for (index, planted) in exchange.planted.iter().enumerate() {
                let value = planted.value.0.as_bytes();
                for (place, texts) in [
                    ("the access log", logs.as_slice()),
                    (
                        "the proxy's own log",
                        &[transcript.proxy_log.as_bytes()][..],
                    ),
                    ("the counters", &[transcript.stats.as_bytes()][..]),
                ] {
                    let leaked = texts.iter().any(|text| contains(text, value));
                    let name = format!(
                        "{}: {}: planted value {} is not in {place}",
                        scenario.name,
                        exchange.name,
                        index + 1
                    );
                    report.add(name, fails_if(leaked, "it is"));
                }
            }
        }
        for counter in &scenario.expect.counters {
            // The proxy replaces what its names cannot hold.
            let found = transcript.counters.get(&counter.name).copied().unwrap_or(0);
            let wrong = found != counter.value;
            report.add(
                format!(
                    "{}: the counter {} is {}",
                    scenario.name, counter.name, counter.value
                ),
                fails_if(
                    wrong,
                    &format!("it is {found}; there are: {:?}", transcript.counters),
                ),
            );
        }
        report
    }

    fn exchange(&mut self, scenario: &str, exchange: &Exchange, seen: &Seen) {
        let title = format!("{scenario}: {}", exchange.name);
        match &seen.client {
            Ok(received) => {
                self.add(
                    format!("{title}: the answer is whole"),
                    fails_if(received.broken, "it broke off"),
                );
                if let Some(side) = &exchange.expect.client {
                    self.side(&format!("{title}: client"), side, received);
                }
            }
            Err(why) => self.add(format!("{title}: there is an answer"), Err(why.clone())),
        }
        if let Some(side) = &exchange.expect.upstream {
            let place = format!("{title}: upstream");
            match (side.nothing, seen.upstream.as_slice()) {
                (true, arrived) => self.add(
                    format!("{place}: nothing arrives"),
                    fails_if(
                        !arrived.is_empty(),
                        &format!("{} requests arrived", arrived.len()),
                    ),
                ),
                (false, [received]) => {
                    self.add(
                        format!("{place}: the request is whole"),
                        fails_if(received.broken, "it broke off"),
                    );
                    self.side(&place, side, received);
                }
                (false, arrived) => self.add(
                    format!("{place}: one request arrives"),
                    Err(format!("{} arrived", arrived.len())),
                ),
            }
        }
        self.access_log(&title, &exchange.expect.log, seen.log.as_deref());
        for (index, planted) in exchange.planted.iter().enumerate() {
            let value = planted.value.0.as_bytes();
            let client = seen.client.as_ref().ok().map(Received::everything);
            let upstream = seen
                .upstream
                .iter()
                .flat_map(Received::everything)
                .collect::<Vec<u8>>();
            for (place, name, text) in [
                (Place::Client, "the client", client.unwrap_or_default()),
                (Place::Upstream, "the upstream", upstream),
            ] {
                if !planted.may_reach.contains(&place) {
                    let name =
                        format!("{title}: planted value {} does not reach {name}", index + 1);
                    self.add(name, fails_if(contains(&text, value), "it did"));
                }
            }
        }
    }

    fn side(&mut self, place: &str, side: &Side, received: &Received) {
        if let Some(status) = side.status {
            self.same(
                format!("{place}: status"),
                &status.to_string(),
                &received.start,
            );
        }
        if let Some(path) = &side.path {
            let arrived = received.start.split_once(' ').map_or("", |(_, path)| path);
            self.same(format!("{place}: path"), &path.0, arrived);
        }
        for (name, values) in &side.headers {
            self.header(place, name, values, received);
        }
        for name in &side.absent {
            let there = received.header(name).is_some();
            self.add(
                format!("{place}: no header {name}"),
                fails_if(there, "it is there"),
            );
        }
        if let Some(body) = &side.body {
            let name = format!("{place}: body");
            match received.plain_body() {
                Some(plain) => self.same(name, &body.0, &String::from_utf8_lossy(&plain)),
                None => self.add(name, Err("its encoding is damaged or unknown".to_owned())),
            }
        }
        for (name, value) in &side.trailers {
            let found = received.trailers.iter().find(|(known, _)| known == name);
            let found = found.map_or("(none)".into(), |(_, value)| String::from_utf8_lossy(value));
            self.same(format!("{place}: trailer {name}"), &value.0, &found);
        }
    }

    fn header(&mut self, place: &str, name: &str, values: &Values, received: &Received) {
        let wanted: Vec<&str> = values.iter().map(|value| value.0.as_str()).collect();
        let found: Vec<_> = received
            .headers
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| String::from_utf8_lossy(value))
            .collect();
        self.same(
            format!("{place}: header {name}"),
            &wanted.join("\n"),
            &found.join("\n"),
        );
    }

    fn access_log(&mut self, title: &str, expected: &BTreeMap<String, Text>, line: Option<&str>) {
        if expected.is_empty() {
            return;
        }
        let parsed = line.and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let Some(parsed) = parsed else {
            let why = format!("there is no line of JSON: {}", line.unwrap_or("(none)"));
            self.add(format!("{title}: access log"), Err(why));
            return;
        };
        for (field, value) in expected {
            let found = match &parsed[field] {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            self.same(format!("{title}: access log: {field}"), &value.0, &found);
        }
    }

    fn same(&mut self, name: String, wanted: &str, found: &str) {
        let failure = fails_if(wanted != found, &format!("wanted {wanted}\nfound  {found}"));
        self.add(name, failure);
    }
}

fn fails_if(failed: bool, why: &str) -> Result<(), String> {
    if failed { Err(why.to_owned()) } else { Ok(()) }
}

fn contains(text: &[u8], value: &[u8]) -> bool {
    !value.is_empty() && text.windows(value.len()).any(|window| window == value)
}
