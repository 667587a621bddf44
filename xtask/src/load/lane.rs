//! One Envoy under load: its configuration, its CPU time, and whether what it lets through is right.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::bodies::Expected;
use super::sink::{Page, Sink};
use super::traffic::Traffic;
use super::wrk::{self, CONNECTIONS, Sample};
use crate::envoy::{Envoy, Running};
use crate::http::{Client, Framing, Payload};

/// What stands between client and upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Envoy alone.
    None,
    /// The module, doing nothing: what the way into Wasm and back costs.
    Off,
    /// A built-in policy in its default configuration: everything is scanned.
    Policy(&'static str),
}

impl Filter {
    pub(crate) const ALL: [Filter; 4] = [
        Filter::None,
        Filter::Off,
        Filter::Policy("default"),
        Filter::Policy("strict"),
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Filter::None => "no filter",
            Filter::Off => "mode off",
            Filter::Policy(policy) => policy,
        }
    }

    /// The policy whose module is loaded.
    pub(crate) fn policy(self) -> Option<&'static str> {
        match self {
            Filter::None => None,
            Filter::Off => Some("default"),
            Filter::Policy(policy) => Some(policy),
        }
    }
}

/// Until what is in flight has come to rest.
const SETTLE: Duration = Duration::from_millis(100);

/// A running Envoy.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) filter: Filter,
    running: Running,
}

/// What one run showed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) sample: Sample,
    /// CPU time of Envoy's process, all threads, in seconds.
    pub(crate) cpu: f64,
}

impl Lane {
    pub(crate) fn start(
        envoy: &Envoy,
        filter: Filter,
        module: Option<&Path>,
        upstream: u16,
    ) -> Result<Self> {
        let mut text = include_str!("envoy.yaml").replace("UPSTREAM", &upstream.to_string());
        if let Some(module) = module {
            let configuration = match filter {
                Filter::Off => r#"{"mode":"off"}"#,
                _ => "",
            };
            let module = module.to_str().context("a path here is not UTF-8")?;
            let block = include_str!("filter.yaml")
                .replace("MODULE", &serde_json::to_string(module)?)
                .replace("CONFIGURATION", configuration);
            let margin = format!("\n{}", " ".repeat(18));
            text = text.replace("# FILTER", &block.trim_end().replace('\n', &margin));
        }
        Ok(Self {
            filter,
            running: Running::start_with(envoy, &text, 1)?,
        })
    }

    /// Sends every body of `traffic` once: what arrives must be what the native engine makes of it, and Envoy must have counted as
    /// many findings as the command.
    pub(crate) fn check(
        &self,
        sink: &Sink,
        traffic: Traffic<'_>,
        expected: &Expected,
    ) -> Result<()> {
        let what = format!("{}, {}", self.filter.name(), traffic.name());
        sink.open(pages(traffic, expected));
        let before = self.findings()?;
        let mut client = Client::new(self.running.listener);
        for (index, text) in expected.texts.iter().enumerate() {
            let payload = Payload {
                pieces: traffic.body(index).into_iter().collect(),
                framing: Framing::Length,
                ..Payload::default()
            };
            let kind = ("content-type".to_owned(), b"text/plain".to_vec());
            let answer =
                client.send(traffic.method(), &format!("/{index}"), &vec![kind], payload)?;
            ensure!(answer.start == "200", "{what}: answered {}", answer.start);
            let due = match traffic.is_down() {
                true => text,
                false => &traffic.answer(index),
            };
            ensure!(
                answer.body == *due,
                "{what}: response {index} is not what the native engine makes of it"
            );
        }
        let arrived = sink.arrived();
        ensure!(
            arrived.wrong == 0 && arrived.requests.iter().all(|count| *count == 1),
            "{what}: {} request bodies are not what the native engine makes of them",
            arrived.wrong
        );
        let counted = self.findings()? - before;
        let all: u64 = expected.findings.iter().sum();
        ensure!(
            counted == all,
            "{what}: Envoy counted {counted} findings, the command {all}"
        );
        Ok(())
    }

    /// Puts it under load for `seconds`. Any error, any wrong body and any wrong count of findings is one here.
    pub(crate) fn run(
        &self,
        sink: &Sink,
        traffic: Traffic<'_>,
        expected: &Expected,
        list: &Path,
        seconds: u32,
    ) -> Result<Run> {
        let what = format!("{}, {}", self.filter.name(), traffic.name());
        sink.open(pages(traffic, expected));
        let findings = self.findings()?;
        let before = self.cpu()?;
        let sample = wrk::drive(self.running.listener, list, seconds)?;
        // What was in flight when wrk ended belongs to this run.
        std::thread::sleep(SETTLE);
        let cpu = self.cpu()? - before;
        self.running.alive()?;
        let arrived = sink.arrived();
        let served: u64 = arrived.requests.iter().sum();
        ensure!(
            sample.errors == 0 && arrived.wrong == 0,
            "{what}: {} errors, {} wrong bodies",
            sample.errors,
            arrived.wrong
        );
        // What is in flight when wrk ends may have arrived, or may not.
        let slack = u64::from(2 * CONNECTIONS);
        ensure!(
            served.abs_diff(sample.requests) <= slack && sample.requests > 0,
            "{what}: {served} requests arrived, {} were answered",
            sample.requests
        );
        let counted = self.findings()? - findings;
        let pairs = arrived.requests.iter().zip(&expected.findings);
        let due: u64 = pairs.map(|(count, each)| count * each).sum();
        let most = expected.findings.iter().max().copied().unwrap_or(0);
        ensure!(
            counted.abs_diff(due) <= slack * most,
            "{what}: Envoy counted {counted} findings where {due} are due"
        );
        Ok(Run { sample, cpu })
    }

    /// Findings of all rules, whatever became of them.
    fn findings(&self) -> Result<u64> {
        let counters = self.running.counters()?;
        let rules = counters
            .iter()
            .filter(|(name, _)| name.starts_with("blackbar.rule."));
        Ok(rules.map(|(_, count)| count).sum())
    }

    /// CPU time of the process so far, in seconds: fields 14 and 15 of `/proc/PID/stat`, in ticks of a hundredth (proc(5); the kernel
    /// has shown hundredths to programs on every architecture for ever).
    fn cpu(&self) -> Result<f64> {
        let path = format!("/proc/{}/stat", self.running.process());
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{path}: CPU time is read from there, on Linux only"))?;
        let fields: Vec<&str> = text
            .rsplit_once(')')
            .context("/proc/PID/stat without a name")?
            .1
            .split_whitespace()
            .collect();
        let ticks = |index: usize| -> Result<f64> {
            let field = fields.get(index).context("/proc/PID/stat is short")?;
            Ok(field.parse()?)
        };
        Ok((ticks(11)? + ticks(12)?) / 100.0)
    }
}

/// What the upstream must get and what it answers, by body.
fn pages(traffic: Traffic<'_>, expected: &Expected) -> Vec<Page> {
    let count = expected.texts.len();
    let page = |index: usize| {
        let sent = traffic.body(index);
        if traffic.is_down() {
            Page {
                expected: Vec::new(),
                answer: traffic.answer(index),
                content_type: "text/plain",
            }
        } else {
            Page {
                expected: sent
                    .map(|_| expected.texts[index].clone())
                    .unwrap_or_default(),
                answer: traffic.answer(index),
                content_type: "application/json",
            }
        }
    };
    (0..count).map(page).collect()
}
