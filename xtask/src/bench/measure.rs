//! Repetitions, in turn: one of each engine, then the next round. What is slow for a while (another program, a warm processor) is
//! then slow for all of them, and ratios stay.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Made;
use super::engine::{Engine, Running};

/// How long it may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) quick: bool,
    /// Repetitions of each engine.
    pub(crate) rounds: usize,
    /// A repetition is as many passes as take about this long.
    pub(crate) repetition: Duration,
    /// An engine whose repetitions have taken this long together has no more of them, once it has [`Effort::least`]. One whose first pass
    /// takes longer has no other.
    pub(crate) budget: Duration,
    /// Repetitions that even the slowest has.
    pub(crate) least: usize,
}

impl Effort {
    pub(crate) fn of(quick: bool) -> Self {
        if quick {
            Self {
                quick,
                rounds: 3,
                repetition: Duration::from_millis(60),
                budget: Duration::from_secs(3),
                least: 1,
            }
        } else {
            Self {
                quick,
                rounds: 11,
                repetition: Duration::from_millis(250),
                budget: Duration::from_secs(10),
                least: 3,
            }
        }
    }
}

/// Median and spread of some figures.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    /// The middle half lies within this share of the median.
    pub(crate) quartiles: f64,
}

impl Spread {
    /// Of at least one figure.
    pub(crate) fn of(figures: &[f64]) -> Self {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * (sorted.len() - 1) as f64;
            let (low, part) = (place.floor() as usize, place.fract());
            let high = (low + 1).min(sorted.len() - 1);
            sorted[low] * (1.0 - part) + sorted[high] * part
        };
        let median = at(0.5);
        Self {
            median,
            least: at(0.0),
            most: at(1.0),
            quartiles: (at(0.75) - at(0.25)) / median,
        }
    }
}

/// One engine over one definition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) definition: String,
    pub(crate) policy: String,
    pub(crate) rules: u64,
    pub(crate) engine: String,
    pub(crate) chunk: u64,
    pub(crate) bytes_in: u64,
    /// For a peer: not compared, as it does something else.
    pub(crate) findings: u64,
    pub(crate) bytes_out: u64,
    /// 10^6 bytes of input for each second.
    pub(crate) mb_s: Spread,
    pub(crate) repetitions: usize,
    /// Passes over the haystack in each repetition.
    pub(crate) passes: u32,
    /// What was expected of an engine of ours and did not come.
    pub(crate) wrong: Option<String>,
    /// What the engine said about itself: version, rules that it refused.
    pub(crate) about: Value,
}

struct Lane {
    running: Running,
    passes: u32,
    rates: Vec<f64>,
    spent: Duration,
    /// One pass takes longer than all of its time.
    is_slow: bool,
    wrong: Option<String>,
    findings: u64,
    bytes_out: u64,
}

/// Measures all of them in turn.
pub(crate) fn rounds(
    made: &Made,
    rules: u64,
    engines: Vec<Running>,
    effort: &Effort,
) -> Result<Vec<Measured>> {
    let mut lanes = Vec::new();
    for mut running in engines {
        // The first pass warms up; of an engine that is so slow that there may be no other, it counts.
        let start = Instant::now();
        let first = running.passes(1)?;
        let slow = start.elapsed() > effort.budget;
        let second = if slow { first } else { running.passes(1)? };
        let each = second.seconds.max(1e-6);
        let passes = (effort.repetition.as_secs_f64() / each)
            .ceil()
            .clamp(1.0, 1e5) as u32;
        let wrong = (running.engine.is_ours()
            && (first.findings, first.bytes_out) != (made.findings, made.bytes_out))
            .then(|| {
                format!(
                    "found {} and wrote {} bytes, where {} and {} are expected",
                    first.findings, first.bytes_out, made.findings, made.bytes_out
                )
            });
        if let Some(wrong) = &wrong {
            eprintln!("bench: {}, {}: {wrong}", made.name, running.engine.name());
        }
        lanes.push(Lane {
            passes,
            rates: if slow {
                vec![made.bytes as f64 / 1e6 / each]
            } else {
                Vec::new()
            },
            spent: Duration::from_secs_f64(if slow { each } else { 0.0 }),
            is_slow: slow,
            wrong,
            findings: first.findings,
            bytes_out: first.bytes_out,
            running,
        });
    }
    let count = lanes.len();
    for round in 0..effort.rounds {
        for turn in 0..count {
            // Another one begins each round, so that none always follows the same one.
            let lane = &mut lanes[(turn + round) % count];
            let enough =
                lane.spent >= effort.budget && (lane.rates.len() >= effort.least || lane.is_slow);
            if enough || lane.rates.len() >= effort.rounds {
                continue;
            }
            let answer = lane.running.passes(lane.passes)?;
            ensure!(
                (answer.findings, answer.bytes_out) == (lane.findings, lane.bytes_out),
                "{}, {}: two passes over the same haystack differ",
                made.name,
                lane.running.engine.name()
            );
            lane.spent += Duration::from_secs_f64(answer.seconds);
            lane.rates
                .push(made.bytes as f64 * f64::from(lane.passes) / 1e6 / answer.seconds.max(1e-9));
        }
    }
    agree(made, &mut lanes);
    Ok(lanes
        .into_iter()
        .map(|lane| Measured {
            definition: made.name.clone(),
            policy: made.policy.clone(),
            rules,
            engine: lane.running.engine.name().to_owned(),
            chunk: made.chunk,
            bytes_in: made.bytes,
            findings: lane.findings,
            bytes_out: lane.bytes_out,
            mb_s: Spread::of(&lane.rates),
            repetitions: lane.rates.len(),
            passes: lane.passes,
            wrong: lane.wrong,
            about: lane.running.about.clone(),
        })
        .collect())
}

/// What can be asked of peers, whose matches no definition knows: the two that are made of the same regexes find the same matches, and
/// Vectorscan, which reports every end of a match, no fewer.
fn agree(made: &Made, lanes: &mut [Lane]) {
    let found = |lanes: &[Lane], engine| {
        lanes
            .iter()
            .find(|lane| lane.running.engine == engine)
            .filter(|lane| lane.refuses_nothing())
            .map(|lane| lane.findings)
    };
    let set = found(lanes, Engine::RegexSet);
    let literals = found(lanes, Engine::AhoRegex);
    for lane in lanes {
        let (least, most) = match lane.running.engine {
            Engine::AhoRegex => (set.unwrap_or(0), set.unwrap_or(u64::MAX)),
            // A line's end cuts what a chunk's does not, and the other way round: a hundredth is let pass.
            Engine::Vectorscan => (literals.unwrap_or(0) / 100 * 99, u64::MAX),
            _ => continue,
        };
        if lane.refuses_nothing() && !(least..=most).contains(&lane.findings) {
            let wrong = format!(
                "found {} matches, where other peers find {least}",
                lane.findings
            );
            eprintln!(
                "bench: {}, {}: {wrong}",
                made.name,
                lane.running.engine.name()
            );
            lane.wrong = Some(wrong);
        }
    }
}

impl Lane {
    fn refuses_nothing(&self) -> bool {
        self.running.about["refused"]
            .as_array()
            .is_none_or(|list| list.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_quartiles() {
        let spread = Spread::of(&[4.0, 1.0, 2.0, 3.0, 5.0]);
        assert_eq!((spread.median, spread.least, spread.most), (3.0, 1.0, 5.0));
        assert!((spread.quartiles - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(Spread::of(&[1.0, 2.0]).median, 1.5);
        assert_eq!(Spread::of(&[7.0]).median, 7.0);
    }
}
