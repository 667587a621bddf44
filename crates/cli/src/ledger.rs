//! What each rule costs on a haystack: `blackbar bench --ledger`, and the report of `blackbar compile --ledger`. Counts come from
//! one run of the native engine, times from another, because looking at a clock takes longer than most verifications.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use blackbar_carriers::Format;
use blackbar_engine::{Ledger, Observer, RuleIndex, Stream};
use serde::Serialize;

use crate::carried::{self, Cost};
use crate::policy::Ready;
use crate::show::Table;

/// Rules that are shown as a table when not all are wanted.
const SHOWN: usize = 25;

/// The ledger of one haystack.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    pub(crate) bytes: usize,
    /// Positions in a million that each step lets through.
    literals_per_mb: u64,
    shapes_per_mb: u64,
    sifted_literals_per_mb: u64,
    sifted_shapes_per_mb: u64,
    windows_per_mb: u64,
    verified_per_mb: u64,
    steps_per_mb: u64,
    /// Percent of the time of a run without a clock.
    verifying_percent: f64,
    /// Of the carrier: its guard, and each view that is on.
    pub(crate) carrier: Vec<Cost>,
    /// All rules, the one that takes most time first.
    pub(crate) rules: Vec<Row>,
}

/// One rule's part.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) rule: String,
    /// Windows that stood: its candidates.
    pub(crate) windows: u64,
    /// Starts that were verified.
    pub(crate) verified: u64,
    /// Bytes that automata looked at.
    pub(crate) steps: u64,
    pub(crate) findings: u64,
    /// Of verifying it, in percent of the time of a run without a clock.
    pub(crate) time_percent: f64,
}

/// Measures time by rule.
struct Clock {
    started: Instant,
    /// What looking at the clock twice takes by itself.
    overhead: Duration,
    times: Vec<Duration>,
}

impl Observer for Clock {
    fn begin(&mut self, _: RuleIndex) {
        self.started = Instant::now();
    }

    fn end(&mut self, rule: RuleIndex, _: u64) {
        let time = self.started.elapsed().saturating_sub(self.overhead);
        if let Some(sum) = self.times.get_mut(rule.as_usize()) {
            *sum += time;
        }
    }
}

/// The mean time between two looks at the clock.
fn overhead() -> Duration {
    const LOOKS: u32 = 20_000;
    let mut sum = Duration::ZERO;
    for _ in 0..LOOKS {
        let started = Instant::now();
        sum += started.elapsed();
    }
    sum / LOOKS
}

/// One run in chunks; answers with its time and the findings of each rule.
fn once<O: Observer>(
    ready: &Ready,
    format: Format,
    haystack: &[u8],
    chunk: usize,
    observer: &mut O,
) -> (Duration, Vec<u64>) {
    let mut findings = vec![0; ready.engine.rules().len()];
    let mut stream = Stream::new(format.place());
    let mut out = Vec::with_capacity(haystack.len() + haystack.len() / 8);
    let started = Instant::now();
    let mut pieces = haystack.chunks(chunk).peekable();
    while let Some(piece) = pieces.next() {
        let last = pieces.peek().is_none();
        stream.spare(piece.len()).copy_from_slice(piece);
        stream.commit_observed(&ready.engine, &ready.plan, piece.len(), last, observer);
        for finding in stream.findings() {
            if let Some(count) = findings.get_mut(finding.rule.as_usize()) {
                *count += 1;
            }
        }
        stream.take_output(&mut out);
    }
    (started.elapsed(), findings)
}

/// Keeps the ledger of `haystack`.
pub(crate) fn keep(ready: &Ready, format: Format, haystack: &[u8], chunk: usize) -> Record {
    let rules = ready.engine.rules().len();
    let mut ledger = Ledger::new(rules);
    let (_, findings) = once(ready, format, haystack, chunk, &mut ledger);
    let whole = (0..3)
        .map(|_| once(ready, format, haystack, chunk, &mut ()).0)
        .min()
        .unwrap_or_default();
    let mut clock = Clock {
        started: Instant::now(),
        overhead: overhead(),
        times: vec![Duration::ZERO; rules],
    };
    once(ready, format, haystack, chunk, &mut clock);
    let percent = |time: Duration| 100.0 * time.as_secs_f64() / whole.as_secs_f64().max(1e-9);
    let per_mb = |count: u64| count * 1_000_000 / (haystack.len() as u64).max(1);
    let sum = |field: fn(&blackbar_engine::Entry) -> u64| ledger.rules.iter().map(field).sum();
    let mut rows: Vec<Row> = ready
        .engine
        .rules()
        .zip(&ledger.rules)
        .zip(findings)
        .zip(&clock.times)
        .map(|(((rule, entry), findings), &time)| Row {
            rule: rule.id.clone(),
            windows: entry.windows,
            verified: entry.verified,
            steps: entry.steps,
            findings,
            time_percent: percent(time),
        })
        .collect();
    rows.sort_by(|a, b| b.time_percent.total_cmp(&a.time_percent));
    Record {
        bytes: haystack.len(),
        literals_per_mb: per_mb(ledger.literals),
        shapes_per_mb: per_mb(ledger.shapes),
        sifted_literals_per_mb: per_mb(ledger.sifted_literals),
        sifted_shapes_per_mb: per_mb(ledger.sifted_shapes),
        windows_per_mb: per_mb(sum(|entry| entry.windows)),
        verified_per_mb: per_mb(sum(|entry| entry.verified)),
        steps_per_mb: per_mb(sum(|entry| entry.steps)),
        verifying_percent: percent(clock.times.iter().sum()),
        carrier: carried::costs(ready, format, haystack, chunk),
        rules: rows,
    }
}

/// Prints a ledger.
pub(crate) fn print(record: &Record, json: bool) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, record)?;
        writeln!(out)?;
    } else {
        table(record, &mut out)?;
    }
    out.flush()?;
    Ok(())
}

fn table(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    let mut steps = Table::new(&["step", "#per MB of haystack"]);
    for (step, count) in [
        (
            "literals let through by the first pass",
            record.literals_per_mb,
        ),
        (
            "  left when their bytes were looked up",
            record.sifted_literals_per_mb,
        ),
        ("shapes let through by the first pass", record.shapes_per_mb),
        (
            "  left when their bytes were looked up",
            record.sifted_shapes_per_mb,
        ),
        ("windows that stood", record.windows_per_mb),
        ("starts verified", record.verified_per_mb),
        ("bytes that automata looked at", record.steps_per_mb),
    ] {
        steps.row([step.to_string(), count.to_string()]);
    }
    steps.write(out)?;
    writeln!(out)?;
    let mut table = Table::new(&[
        "rule",
        "#windows",
        "#verified",
        "#bytes",
        "#findings",
        "#time %",
    ]);
    let costly: Vec<&Row> = record
        .rules
        .iter()
        .filter(|row| row.windows + row.verified > 0)
        .collect();
    for row in costly.iter().take(SHOWN) {
        table.row([
            row.rule.clone(),
            row.windows.to_string(),
            row.verified.to_string(),
            row.steps.to_string(),
            row.findings.to_string(),
            format!("{:.1}", row.time_percent),
        ]);
    }
    table.write(out)?;
    if costly.len() > SHOWN {
        writeln!(
            out,
            "and {} more rules; --json prints all",
            costly.len() - SHOWN
        )?;
    }
    writeln!(out, "{}\n", record.summary())?;
    let mut carrier = Table::new(&["carrier", "#findings", "#time %"]);
    for cost in &record.carrier {
        carrier.row([
            cost.part.clone(),
            cost.findings.to_string(),
            format!("{:.1}", cost.time_percent),
        ]);
    }
    carrier.write(out)?;
    writeln!(
        out,
        "time beside that of the bytes alone; findings that there are with it only"
    )
}

impl Record {
    /// What is left beside the rules.
    pub(crate) fn summary(&self) -> String {
        format!(
            "verifying takes {:.0} % of the time; the rest is the first pass, looking up, and copying",
            self.verifying_percent
        )
    }

    /// A count as what it is in a million bytes.
    pub(crate) fn per_mb(&self, count: u64) -> u64 {
        count * 1_000_000 / (self.bytes as u64).max(1)
    }
}
