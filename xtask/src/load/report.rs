//! What the runs showed: medians, a table, the targets, and the object for the record.

use serde_json::{Value, json};

use super::lane::{Filter, Run};
use super::traffic::Traffic;
use super::wrk::CONNECTIONS;

/// The most CPU that the filter may cost for a small request, in microseconds.
const FIXED_US: f64 = 20.0;
/// The most that the filter may cost for each byte of sparse bodies, as a multiple of the same module in wasmtime.
const OVER_WASMTIME: f64 = 1.3;

/// All runs of one filter with one kind of traffic.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) filter: Filter,
    pub(crate) traffic: Traffic<'a>,
    /// One for each round; runs of the same round are neighbours in time.
    pub(crate) runs: Vec<Run>,
    pub(crate) findings: u64,
}

/// What `blackbar bench --engine wasm` said about the same bytes, in seconds for each GB.
#[derive(Debug)]
pub(crate) struct Wasmtime {
    pub(crate) policy: &'static str,
    pub(crate) kind: &'static str,
    /// The median of its runs, and the fastest. It measures elapsed time: on a busy machine the fastest is nearer to CPU time.
    pub(crate) median: f64,
    pub(crate) fastest: f64,
}

/// Median, least and most.
#[derive(Debug, Clone, Copy)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        Spread {
            median: (at(low) + at(high)) / 2.0,
            least: at(0),
            most: at(values.len().saturating_sub(1)),
        }
    }

    fn json(self, digits: i32) -> Value {
        let cut = |value: f64| {
            let scale = 10_f64.powi(digits);
            (value * scale).round() / scale
        };
        json!({ "median": cut(self.median), "least": cut(self.least), "most": cut(self.most) })
    }
}

impl Row<'_> {
    fn cpu_us(&self) -> Spread {
        let each = |run: &Run| run.cpu * 1e6 / run.sample.requests as f64;
        Spread::of(self.runs.iter().map(each))
    }

    /// Above the same traffic without a filter, round by round: what both have in common, noise of the hour too, falls out.
    fn above(&self, base: &Row<'_>) -> Spread {
        let each = |run: &Run| run.cpu * 1e6 / run.sample.requests as f64;
        let pairs = self.runs.iter().zip(&base.runs);
        Spread::of(pairs.map(|(with, without)| each(with) - each(without)))
    }

    fn per_second(&self) -> Spread {
        let each = |run: &Run| run.sample.requests as f64 / run.sample.seconds;
        Spread::of(self.runs.iter().map(each))
    }

    fn latency(&self, of: impl Fn(&Run) -> u64) -> Spread {
        Spread::of(self.runs.iter().map(|run| of(run) as f64))
    }

    /// Microseconds for each request in seconds for each GB, where there are bytes.
    fn per_gb(&self, us: f64) -> Option<f64> {
        Some(us * 1e3 / self.traffic.bytes()?)
    }
}

/// One target, and whether it is met.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) title: String,
    pub(crate) value: f64,
    pub(crate) most: f64,
    pub(crate) unit: &'static str,
}

impl Target {
    pub(crate) fn met(&self) -> bool {
        self.value <= self.most
    }
}

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) rows: Vec<Row<'a>>,
    pub(crate) wasmtime: Vec<Wasmtime>,
}

impl Report<'_> {
    fn base(&self, row: &Row<'_>) -> Option<&Row<'_>> {
        self.rows.iter().find(|other| {
            other.filter == Filter::None && other.traffic.name() == row.traffic.name()
        })
    }

    fn wasmtime(&self, row: &Row<'_>) -> Option<&Wasmtime> {
        let (policy, kind) = (row.filter.policy()?, row.traffic.kind()?.name());
        self.wasmtime
            .iter()
            .find(|figure| (figure.policy, figure.kind) == (policy, kind))
    }

    pub(crate) fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for row in &self.rows {
            let (Filter::Policy(policy), Some(base)) = (row.filter, self.base(row)) else {
                continue;
            };
            let above = row.above(base).median;
            match (row.traffic.kind(), self.wasmtime(row)) {
                (None, _) => targets.push(Target {
                    title: format!("fixed cost of a small request, {policy}"),
                    value: above,
                    most: FIXED_US,
                    unit: "us",
                }),
                (Some(super::bodies::Kind::Sparse), Some(figure)) => {
                    let Some(each) = row.per_gb(above) else {
                        continue;
                    };
                    targets.push(Target {
                        title: format!(
                            "{} above Envoy's own, over wasmtime, {policy}",
                            row.traffic.name()
                        ),
                        value: each / figure.fastest,
                        most: OVER_WASMTIME,
                        unit: "x",
                    });
                }
                _ => {}
            }
        }
        targets
    }

    pub(crate) fn print(&self) {
        println!(
            "\n{:<16} {:<10} {:>10} {:>15} {:>9} {:>9} {:>9} {:>8} {:>8} {:>10}",
            "traffic",
            "filter",
            "CPU us/req",
            "least..most",
            "above",
            "CPU s/GB",
            "wasmtime",
            "p50 us",
            "p99 us",
            "req/s"
        );
        let mut traffic = String::new();
        for row in &self.rows {
            if traffic != row.traffic.name() && !traffic.is_empty() {
                println!();
            }
            traffic = row.traffic.name();
            let cpu = row.cpu_us();
            let above = self
                .base(row)
                .filter(|_| row.filter != Filter::None)
                .map(|base| row.above(base).median);
            let optional = |value: Option<f64>, digits: usize| {
                value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
            };
            let figure = match row.filter {
                Filter::Policy(_) => self.wasmtime(row).map(|figure| figure.fastest),
                _ => None,
            };
            println!(
                "{traffic:<16} {:<10} {:>10.1} {:>15} {:>9} {:>9} {:>9} {:>8.0} {:>8.0} {:>10.0}",
                row.filter.name(),
                cpu.median,
                format!("{:.1}..{:.1}", cpu.least, cpu.most),
                optional(above, 1),
                optional(row.per_gb(cpu.median), 2),
                optional(figure, 2),
                row.latency(|run| run.sample.p50_us).median,
                row.latency(|run| run.sample.p99_us).median,
                row.per_second().median,
            );
        }
        println!(
            "\nmedians of {} rounds; CPU of Envoy's process, one worker; latency with {CONNECTIONS} requests in flight; `above` is against no \
             filter in the same round; `wasmtime` is the same module and bytes in `blackbar bench --engine wasm`, fastest run, in s/GB",
            self.rows
                .iter()
                .map(|row| row.runs.len())
                .max()
                .unwrap_or(0)
        );
        for target in self.targets() {
            println!(
                "{} {}: {:.2} {} (at most {} {})",
                if target.met() { "met    " } else { "not met" },
                target.title,
                target.value,
                target.unit,
                target.most,
                target.unit,
            );
        }
    }

    pub(crate) fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let above = self
                    .base(row)
                    .filter(|_| row.filter != Filter::None)
                    .map(|base| row.above(base));
                let requests: u64 = row.runs.iter().map(|run| run.sample.requests).sum();
                json!({
                    "traffic": row.traffic.name(),
                    "filter": row.filter.name(),
                    "body_bytes": row.traffic.bytes().map(f64::round),
                    "findings_in_all_bodies": row.findings,
                    "rounds": row.runs.len(),
                    "requests": requests,
                    "errors": 0,
                    "cpu_us_per_request": row.cpu_us().json(2),
                    "cpu_us_per_request_above_no_filter": above.map(|spread| spread.json(2)),
                    "cpu_s_per_gb": row.per_gb(row.cpu_us().median),
                    "cpu_s_per_gb_above_no_filter": above.and_then(|spread| row.per_gb(spread.median)),
                    "p50_us": row.latency(|run| run.sample.p50_us).json(0),
                    "p99_us": row.latency(|run| run.sample.p99_us).json(0),
                    "requests_per_second": row.per_second().json(0),
                })
            })
            .collect();
        let wasmtime: Vec<Value> = self
            .wasmtime
            .iter()
            .map(|figure| {
                json!({
                    "policy": figure.policy,
                    "bodies": figure.kind,
                    "s_per_gb_median": figure.median,
                    "s_per_gb_fastest": figure.fastest,
                })
            })
            .collect();
        let targets: Vec<Value> = self
            .targets()
            .iter()
            .map(|target| {
                json!({
                    "target": target.title,
                    "value": target.value,
                    "most": target.most,
                    "unit": target.unit,
                    "met": target.met(),
                })
            })
            .collect();
        json!({ "rows": rows, "wasmtime": wasmtime, "targets": targets })
    }
}

#[cfg(test)]
mod tests {
    use super::super::wrk::Sample;
    use super::*;

    fn run(requests: u64, cpu: f64) -> Run {
        let sample = Sample {
            requests,
            seconds: 1.0,
            p50_us: 1,
            p99_us: 2,
            errors: 0,
        };
        Run { sample, cpu }
    }

    #[test]
    fn the_filters_cost_is_taken_round_by_round() {
        let row = |filter, runs: [(u64, f64); 3]| Row {
            filter,
            traffic: Traffic::Small,
            runs: runs.map(|(requests, cpu)| run(requests, cpu)).to_vec(),
            findings: 0,
        };
        let report = Report {
            rows: vec![
                row(Filter::None, [(1000, 0.010), (1000, 0.030), (1000, 0.012)]),
                row(
                    Filter::Policy("default"),
                    [(1000, 0.020), (1000, 0.060), (1000, 0.025)],
                ),
            ],
            wasmtime: Vec::new(),
        };
        let targets = report.targets();
        assert_eq!(targets.len(), 1);
        assert!((targets[0].value - 13.0).abs() < 1e-6, "{targets:?}");
        assert!(targets[0].met());
    }

    #[test]
    fn medians() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0].into_iter()).median, 2.0);
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0].into_iter()).median, 2.5);
        assert!(Spread::of(std::iter::empty()).median.is_nan());
    }
}
