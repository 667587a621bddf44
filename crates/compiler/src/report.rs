//! What compiling a policy says of it: per rule what it is found by, what it takes, what it holds back, and how many
//! candidates it is expected to have.

use std::fmt;

use blackbar_engine::artifact::{Parts, Window};
use blackbar_engine::prefilter::{BUCKETS, Edge, WINDOW};

use crate::automaton::has;
use crate::sample::SAMPLE;

/// The report of one compilation. Its `Display` is a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The policy's id.
    pub policy: String,
    /// One entry per rule, in the policy's order.
    pub rules: Vec<RuleReport>,
    /// Size of the artifact in bytes.
    pub artifact_bytes: usize,
    /// Bytes of it that are automata.
    pub automata_bytes: usize,
}

/// What is known of one compiled rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleReport {
    /// The rule's id.
    pub id: String,
    /// Its windows: three byte sets each, and their distance from the match's start.
    pub fingerprint: Vec<String>,
    /// States of its automata.
    pub states: usize,
    /// Bytes of its automata that no rule before it has as well.
    pub bytes: usize,
    /// Automata that run one after the other.
    pub stages: usize,
    /// Whether their state can be kept between chunks; otherwise an open candidate is verified again with each chunk.
    pub linear: bool,
    /// The most bytes of a stream that it keeps back while undecided.
    pub hold_back: u32,
    /// Positions per MiB of the sample at which a window and the bytes known after it match.
    pub candidates_per_mib: f64,
}

impl Report {
    /// Counts the candidates of each rule on the sample.
    pub(crate) fn count_candidates(&mut self, parts: &Parts) {
        let tables = &parts.nibbles;
        let mut counts = vec![0u64; self.rules.len()];
        for at in 0..SAMPLE.len() - WINDOW {
            let mut buckets = !0u32;
            for (table, &byte) in tables.iter().zip(&SAMPLE[at..]) {
                buckets &= table[0][usize::from(byte & 15)] & table[1][usize::from(byte >> 4)];
            }
            let before = at.checked_sub(1).map(|i| SAMPLE[i]);
            let inside = before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
            let stands = |window: &Window| {
                let Some(from) = at.checked_sub(usize::from(window.back)) else {
                    return false;
                };
                let mut word = [0; 8];
                let there = (SAMPLE.len() - from).min(8);
                word[..there].copy_from_slice(&SAMPLE[from..from + there]);
                (u64::from_le_bytes(word) ^ window.literal) & window.mask == 0
            };
            for part in &parts.windows {
                let window = &part.window;
                let fits = || {
                    let pairs = part.sets.iter().zip(&SAMPLE[at..]);
                    pairs.into_iter().all(|(set, &byte)| has(set, byte))
                };
                let bucket = usize::from(part.bucket);
                let edge = parts.edges.get(bucket).copied().unwrap_or_default();
                if (bucket >= BUCKETS || buckets >> bucket & 1 == 1)
                    && (edge == Edge::None || !inside)
                    && stands(window)
                    && fits()
                {
                    counts[usize::from(window.rule)] += 1;
                }
            }
        }
        let mib = SAMPLE.len() as f64 / f64::from(1 << 20);
        for (rule, count) in self.rules.iter_mut().zip(counts) {
            rule.candidates_per_mib = count as f64 / mib;
        }
    }

    /// The most bytes that any rule keeps back.
    #[must_use]
    pub fn hold_back(&self) -> u32 {
        self.rules
            .iter()
            .map(|rule| rule.hold_back)
            .max()
            .unwrap_or(0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .rules
            .iter()
            .map(|r| r.id.len())
            .max()
            .unwrap_or(4)
            .max(4);
        writeln!(
            f,
            "{:width$}  {:>6}  {:>7}  {:>9}  {:>14}  fingerprint",
            "rule", "states", "bytes", "hold-back", "candidates/MiB"
        )?;
        for rule in &self.rules {
            let shown = match rule.fingerprint.split_first() {
                Some((first, [])) => first.clone(),
                Some((first, rest)) => format!("{first} and {} more", rest.len()),
                None => String::new(),
            };
            writeln!(
                f,
                "{:width$}  {:>6}  {:>7}  {:>9}  {:>14.0}  {shown}",
                rule.id, rule.states, rule.bytes, rule.hold_back, rule.candidates_per_mib
            )?;
        }
        writeln!(
            f,
            "{}: {} rules, {} bytes ({} of them automata), at most {} bytes held back",
            self.policy,
            self.rules.len(),
            self.artifact_bytes,
            self.automata_bytes,
            self.hold_back()
        )
    }
}
