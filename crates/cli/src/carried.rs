//! What a carrier costs on a haystack: its guard, and each view, by leaving one out at a time. A part of the ledger.

use std::time::{Duration, Instant};

use blackbar_carriers::{Carrier, Format, Views};
use serde::Serialize;

use crate::policy::Ready;

/// Runs of which the fastest counts.
const RUNS: usize = 3;

/// What one part of a carrier costs.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    /// `json` for the guard, `view percent` and so on.
    pub(crate) part: String,
    /// Findings that there are with it only.
    pub(crate) findings: u64,
    /// In percent of the time that the bytes alone take.
    pub(crate) time_percent: f64,
}

fn once(
    ready: &Ready,
    format: Format,
    views: Views,
    haystack: &[u8],
    chunk: usize,
) -> (Duration, u64) {
    let mut carrier = Carrier::default();
    carrier.set_views(views);
    carrier.reset(format);
    let mut out = Vec::with_capacity(haystack.len() + haystack.len() / 8);
    let mut findings = 0;
    let started = Instant::now();
    let mut pieces = haystack.chunks(chunk).peekable();
    while let Some(piece) = pieces.next() {
        carrier.push(&ready.engine, &ready.plan, piece, pieces.peek().is_none());
        findings += carrier.findings().len() as u64;
        carrier.take_output(&mut out);
    }
    (started.elapsed(), findings)
}

/// Measures the carrier of `haystack`: its guard, if it has one, and each view that is on.
pub(crate) fn costs(ready: &Ready, format: Format, haystack: &[u8], chunk: usize) -> Vec<Cost> {
    let run = |format, views| {
        let runs = (0..RUNS).map(|_| once(ready, format, views, haystack, chunk));
        runs.min().unwrap_or_default()
    };
    let bare = run(Format::Text, Views::NONE);
    let percent = |more: Duration, less: Duration| {
        100.0 * more.saturating_sub(less).as_secs_f64() / bare.0.as_secs_f64().max(1e-9)
    };
    let mut costs = Vec::new();
    if format != Format::Text {
        let (time, findings) = run(format, Views::NONE);
        costs.push(Cost {
            part: format!("{format:?}").to_lowercase(),
            findings: findings.saturating_sub(bare.1),
            time_percent: percent(time, bare.0),
        });
    }
    let all = run(format, ready.views);
    for name in Views::NAMES {
        let mut without = ready.views;
        let Some(view) = without.named(name) else {
            continue;
        };
        if std::mem::replace(view, false) {
            let (time, findings) = run(format, without);
            costs.push(Cost {
                part: format!("view {name}"),
                findings: all.1.saturating_sub(findings),
                time_percent: percent(all.0, time),
            });
        }
    }
    costs
}
