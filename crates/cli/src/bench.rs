//! `blackbar bench`: how fast a policy runs over a haystack in memory, and whether it finds the same each time. Definitions with
//! expected counts lie in `benches/`; this measures one file.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::bail;
use blackbar_carriers::Format;
use clap::Args;
use serde::Serialize;

use crate::input;
use crate::lane::{Lane, Which};
use crate::ledger;
use crate::place::FormatArg;
use crate::show::count;
use crate::terminal::{self, Unit};
use crate::{Outcome, policy};

/// Measure a policy's throughput on a file
///
/// The file is read into memory first. Each run takes all of it, chunk by chunk, and produces the whole output. Reported is the
/// median, with the slowest and the fastest run: on a busy machine they lie far apart, and then the median means little. A run
/// that finds or writes something else than another, or than a run in chunks of another size, is an error: a wrong engine
/// cannot look fast. MB is 10^6 bytes.
#[derive(Args)]
#[command(after_help = "\
Examples:
  blackbar bench big.log                                  the default policy, the native engine
  blackbar bench --policy secrets --engine wasm big.log   the module; compare with native
  blackbar bench --chunk 16384 --json big.log | jq .median_mb_s
  blackbar bench --policy mine --ledger big.log           which rules take the time, and why")]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: policy::Choice,
    /// What runs the policy
    #[arg(long, value_enum, default_value_t = Which::Native)]
    engine: Which,
    /// The size of a chunk
    #[arg(long, value_name = "BYTES", default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(1..=1 << 26))]
    chunk: u32,
    /// How many runs are measured
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// The form of the haystack
    #[arg(long, value_enum, default_value_t = FormatArg::Auto)]
    format: FormatArg,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Print what each rule costs, with the native engine, in place of the throughput
    #[arg(long, conflicts_with = "runs")]
    ledger: bool,
    /// The haystack
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Record {
    policy: String,
    rules: usize,
    artifact_bytes: usize,
    engine: String,
    version: &'static str,
    chunk: u32,
    runs: u32,
    median_mb_s: f64,
    slowest_mb_s: f64,
    fastest_mb_s: f64,
    findings: u64,
    bytes_in: u64,
    bytes_out: u64,
}

/// What a run must have in common with every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    findings: u64,
    bytes_out: u64,
    digest: u64,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let (haystack, format) = input::in_memory(&arguments.file, arguments.format)?;
    let ready = arguments.choice.ready()?;
    if arguments.ledger {
        if arguments.engine == Which::Wasm {
            bail!("--ledger counts inside the native engine; leave out --engine wasm");
        }
        let chunk = arguments.chunk as usize;
        let record = ledger::keep(&ready, format, &haystack, chunk);
        ledger::print(&record, arguments.json)?;
        return Ok(Outcome::Fine);
    }
    let (rules, artifact_bytes) = (ready.engine.rules().len(), ready.artifact.len());
    let mut lane = Lane::new(arguments.engine, ready)?;
    let chunk = arguments.chunk as usize;

    let mut out = Vec::with_capacity(haystack.len() + haystack.len() / 8);
    let bar = terminal::progress(u64::from(arguments.runs), Unit::Items);
    // The first run warms caches and the allocator up; its time does not count, its result does.
    let expected = once(&mut lane, format, &haystack, chunk, &mut out)?.1;
    let mut times = Vec::new();
    let mut differing = None;
    for number in 1..=arguments.runs {
        let (time, seen) = once(&mut lane, format, &haystack, chunk, &mut out)?;
        times.push(time);
        if seen != expected {
            differing.get_or_insert((format!("run {number}"), seen));
        }
        bar.inc(1);
    }
    // A prime, so that chunk ends fall everywhere.
    let other = if chunk == 4093 { 8191 } else { 4093 };
    let seen = once(&mut lane, format, &haystack, other, &mut out)?.1;
    if seen != expected {
        differing.get_or_insert((format!("a run in chunks of {other} bytes"), seen));
    }
    bar.finish_and_clear();
    if let Some((which, seen)) = differing {
        let error = anyhow::anyhow!(
            "{which} found {} and wrote {}, where the first found {} and wrote {}{}; this is a bug in the engine, please report it",
            seen.findings,
            count(seen.bytes_out, "byte"),
            expected.findings,
            count(expected.bytes_out, "byte"),
            if (seen.findings, seen.bytes_out) == (expected.findings, expected.bytes_out) {
                ", but other ones"
            } else {
                ""
            },
        );
        terminal::report(&error);
        return Ok(Outcome::Failed);
    }

    times.sort_unstable();
    let rate = |time: Duration| megabytes(haystack.len()) / time.as_secs_f64().max(1e-9);
    let record = Record {
        policy: arguments.choice.name().to_string(),
        rules,
        artifact_bytes,
        engine: arguments.engine.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        chunk: arguments.chunk,
        runs: arguments.runs,
        median_mb_s: rate(median(&times)),
        slowest_mb_s: rate(times[times.len() - 1]),
        fastest_mb_s: rate(times[0]),
        findings: expected.findings,
        bytes_in: haystack.len() as u64,
        bytes_out: expected.bytes_out,
    };
    print(&record, arguments.json)?;
    Ok(Outcome::Fine)
}

/// One run over the whole haystack.
fn once(
    lane: &mut Lane,
    format: Format,
    haystack: &[u8],
    chunk: usize,
    out: &mut Vec<u8>,
) -> anyhow::Result<(Duration, Seen)> {
    let before = lane.findings();
    out.clear();
    let start = Instant::now();
    lane.start(format)?;
    for piece in haystack.chunks(chunk) {
        lane.feed(piece, out)?;
    }
    lane.end(out)?;
    let time = start.elapsed();
    let mut digest = DefaultHasher::new();
    out.hash(&mut digest);
    let seen = Seen {
        findings: lane.findings() - before,
        bytes_out: out.len() as u64,
        digest: digest.finish(),
    };
    Ok((time, seen))
}

/// The middle one of sorted times; of an even number the mean of both.
fn median(sorted: &[Duration]) -> Duration {
    let half = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => (sorted[half - 1] + sorted[half]) / 2,
        _ => sorted[half],
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a haystack in memory stays far below 2^52 bytes"
)]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

fn print(record: &Record, json: bool) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, record)?;
        writeln!(out)?;
    } else {
        writeln!(
            out,
            "{}: {:.1} MB/s median of {} (slowest {:.1}, fastest {:.1})",
            record.engine,
            record.median_mb_s,
            record.runs,
            record.slowest_mb_s,
            record.fastest_mb_s
        )?;
        let (bytes_in, bytes_out) = (
            count(record.bytes_in, "byte"),
            count(record.bytes_out, "byte"),
        );
        writeln!(
            out,
            "{}, {bytes_in} in, {bytes_out} out",
            count(record.findings, "finding")
        )?;
        let (rules, artifact) = (
            count(record.rules as u64, "rule"),
            count(record.artifact_bytes as u64, "byte"),
        );
        writeln!(
            out,
            "policy {} ({rules}, {artifact}), chunks of {}",
            record.policy,
            count(u64::from(record.chunk), "byte")
        )?;
    }
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        let times = |list: &[u64]| {
            list.iter()
                .map(|&ms| Duration::from_millis(ms))
                .collect::<Vec<_>>()
        };
        assert_eq!(median(&times(&[1, 2, 9])), Duration::from_millis(2));
        assert_eq!(median(&times(&[1, 2, 4, 9])), Duration::from_millis(3));
        assert_eq!(median(&times(&[7])), Duration::from_millis(7));
    }
}
