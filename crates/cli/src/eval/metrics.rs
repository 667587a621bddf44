//! What is counted: hit, cover and false positives of labelled records, false alarms of plain lines. Pure arithmetic; nothing is
//! scanned or written here. The numbers are those of the corpus's own scorer, which the tests hold to made examples.

use std::collections::BTreeMap;

use super::records::{Label, Record};

/// The class of a negative that names none.
pub(super) const OTHER: &str = "other";

/// The end of the name of a group whose values do not stand alone.
const IN_CONTEXT: &str = "in context";

/// Means over groups, each between 0 and 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Macro {
    pub(super) groups: u64,
    pub(super) hit: f64,
    pub(super) cover: f64,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of records stay far below 2^52"
)]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// A finding in a record's text: byte offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span<'a> {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) rule: &'a str,
}

/// How one record came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Score {
    /// Of a positive: a finding overlaps a span. Of a negative: something was found.
    pub(super) hit: bool,
    /// At least 90 % of every span is covered.
    pub(super) cover: bool,
}

/// The counts of one row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) positives: u64,
    pub(super) hit: u64,
    pub(super) cover: u64,
    /// By class: how many negatives, and in how many of them something was found.
    pub(super) negatives: BTreeMap<String, (u64, u64)>,
}

/// What one rule did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RuleTally {
    /// All its findings in scored records.
    pub(super) findings: u64,
    /// Positives of which it overlaps a span (or in which it found anything, where no span is known).
    pub(super) hit: u64,
    /// Positives that no other rule hits.
    pub(super) only: u64,
    /// Negatives in which it found something, by class.
    pub(super) flagged: BTreeMap<String, u64>,
}

/// All counts of a run.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    pub(super) all: Tally,
    pub(super) families: BTreeMap<String, Tally>,
    pub(super) sources: BTreeMap<String, Tally>,
    pub(super) groups: BTreeMap<String, Tally>,
    /// By family, only records that are not bare.
    pub(super) in_context: BTreeMap<String, Tally>,
    pub(super) rules: BTreeMap<String, RuleTally>,
    /// Records that are not scored.
    pub(super) left_out: u64,
}

impl Metrics {
    /// Counts one record with what was found in it; `None` if it is not scored.
    pub(super) fn score(&mut self, record: &Record, found: &[Span<'_>]) -> Option<Score> {
        if !record.is_scored() {
            self.left_out += 1;
            return None;
        }
        let score = match record.label {
            Label::Positive => positive(&record.spans, found),
            Label::Negative => Score {
                hit: !found.is_empty(),
                cover: false,
            },
        };
        let bare = if record.bare { "bare" } else { IN_CONTEXT };
        let group = format!("{} {bare}", first_part(&record.family));
        for tally in [
            &mut self.all,
            self.families.entry(record.family.clone()).or_default(),
            self.sources
                .entry(first_part(&record.source).to_string())
                .or_default(),
            self.groups.entry(group).or_default(),
        ] {
            tally.count(record, score);
        }
        if !record.bare {
            let tally = self.in_context.entry(record.family.clone()).or_default();
            tally.count(record, score);
        }
        self.rules(record, found);
        Some(score)
    }

    /// The mean over the groups in context that have positives: a group of ten records counts as much as one of a thousand.
    pub(super) fn macro_average(&self) -> Option<Macro> {
        let mut sums = Macro::default();
        for (name, tally) in &self.groups {
            if name.ends_with(IN_CONTEXT) && tally.positives > 0 {
                sums.groups += 1;
                sums.hit += ratio(tally.hit, tally.positives);
                sums.cover += ratio(tally.cover, tally.positives);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "there are few groups")]
        let groups = sums.groups as f64;
        (sums.groups > 0).then(|| Macro {
            hit: sums.hit / groups,
            cover: sums.cover / groups,
            ..sums
        })
    }

    fn rules(&mut self, record: &Record, found: &[Span<'_>]) {
        // Whether each rule hits the record, or flags it if it is a negative.
        let mut rules: BTreeMap<&str, bool> = BTreeMap::new();
        for span in found {
            self.rules
                .entry(span.rule.to_string())
                .or_default()
                .findings += 1;
            let counts = match record.label {
                Label::Positive => {
                    record.spans.is_empty()
                        || record
                            .spans
                            .iter()
                            .any(|&gold| overlap(gold, span).is_some())
                }
                Label::Negative => true,
            };
            *rules.entry(span.rule).or_default() |= counts;
        }
        rules.retain(|_, counts| *counts);
        let alone = rules.len() == 1;
        for rule in rules.keys() {
            let tally = self.rules.entry((*rule).to_string()).or_default();
            match record.label {
                Label::Positive => {
                    tally.hit += 1;
                    tally.only += u64::from(alone);
                }
                Label::Negative => {
                    *tally.flagged.entry(class(record).to_string()).or_default() += 1
                }
            }
        }
    }
}

impl Tally {
    fn count(&mut self, record: &Record, score: Score) {
        match record.label {
            Label::Positive => {
                self.positives += 1;
                self.hit += u64::from(score.hit);
                self.cover += u64::from(score.cover);
            }
            Label::Negative => {
                let (negatives, flagged) =
                    self.negatives.entry(class(record).to_string()).or_default();
                *negatives += 1;
                *flagged += u64::from(score.hit);
            }
        }
    }

    /// Negatives of a class, and in how many of them something was found.
    pub(super) fn class(&self, class: &str) -> (u64, u64) {
        self.negatives.get(class).copied().unwrap_or_default()
    }
}

fn class(record: &Record) -> &str {
    record.neg_class.as_deref().unwrap_or(OTHER)
}

fn first_part(name: &str) -> &str {
    name.split(':').next().unwrap_or_default()
}

/// The overlap of a labelled span with a finding, if there is one.
fn overlap((start, end): (u64, u64), found: &Span<'_>) -> Option<(u64, u64)> {
    let (from, to) = (start.max(found.start), end.min(found.end));
    (to > from).then_some((from, to))
}

fn positive(spans: &[(u64, u64)], found: &[Span<'_>]) -> Score {
    if spans.is_empty() {
        let any = !found.is_empty();
        return Score {
            hit: any,
            cover: any,
        };
    }
    let mut score = Score {
        hit: false,
        cover: true,
    };
    for &gold in spans {
        let mut parts: Vec<(u64, u64)> = found
            .iter()
            .filter_map(|span| overlap(gold, span))
            .collect();
        score.hit |= !parts.is_empty();
        parts.sort_unstable();
        let (mut covered, mut reached) = (0, gold.0);
        for (from, to) in parts {
            covered += to.saturating_sub(from.max(reached));
            reached = reached.max(to);
        }
        // In whole numbers: 10 * covered >= 9 * length is covered >= 0.9 * length.
        score.cover &= 10 * covered >= 9 * (gold.1 - gold.0);
    }
    score
}

/// False alarms on plain lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) files: u64,
    pub(super) lines: u64,
    pub(super) bytes: u64,
    pub(super) findings: u64,
    pub(super) rules: BTreeMap<String, u64>,
    /// Findings of each file that has any.
    pub(super) by_file: BTreeMap<String, u64>,
    /// The last byte was no line end: the line under it is counted already.
    within: bool,
}

impl Lines {
    /// What follows is of a new file.
    pub(super) fn file(&mut self) {
        self.files += 1;
        self.within = false;
    }

    /// Counts the lines of the next bytes; a last line without an end counts too.
    pub(super) fn bytes(&mut self, chunk: &[u8]) {
        let ends = memchr::memchr_iter(b'\n', chunk).count() as u64;
        let Some(last) = chunk.last() else { return };
        self.bytes += chunk.len() as u64;
        // A line is counted at its first byte: at the start of the chunk, or behind a line end that is not its last byte.
        let within = *last != b'\n';
        self.lines += u64::from(!self.within) + ends - u64::from(!within);
        self.within = within;
    }

    /// Counts a finding.
    pub(super) fn found(&mut self, file: &str, rule: &str) {
        self.findings += 1;
        *self.by_file.entry(file.to_string()).or_default() += 1;
        *self.rules.entry(rule.to_string()).or_default() += 1;
    }

    /// Findings per thousand lines.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of lines stay far below 2^52"
    )]
    pub(super) fn per_thousand(&self, findings: u64) -> f64 {
        match self.lines {
            0 => 0.0,
            lines => 1000.0 * findings as f64 / lines as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: u64, end: u64) -> Span<'static> {
        Span {
            start,
            end,
            rule: "x.y",
        }
    }

    #[track_caller]
    fn scored(spans: &[(u64, u64)], found: &[(u64, u64)]) -> (bool, bool) {
        let found: Vec<_> = found.iter().map(|&(start, end)| span(start, end)).collect();
        let score = positive(spans, &found);
        (score.hit, score.cover)
    }

    #[test]
    fn cover_is_nine_tenths_of_every_span() {
        assert_eq!(scored(&[(0, 10)], &[(1, 10)]), (true, true));
        assert_eq!(scored(&[(0, 10)], &[(2, 10)]), (true, false));
        assert_eq!(scored(&[(0, 10)], &[(0, 5), (4, 9)]), (true, true));
        assert_eq!(scored(&[(0, 10)], &[(0, 5), (0, 5)]), (true, false));
        assert_eq!(scored(&[(0, 10), (20, 30)], &[(0, 10)]), (true, false));
        assert_eq!(scored(&[(0, 10)], &[(10, 20)]), (false, false));
        // An empty span needs nothing, and cannot be hit.
        assert_eq!(scored(&[(5, 5)], &[(0, 10)]), (false, true));
    }

    #[test]
    fn without_spans_any_finding_counts() {
        assert_eq!(scored(&[], &[(7, 8)]), (true, true));
        assert_eq!(scored(&[], &[]), (false, false));
    }

    fn record(json: &str) -> Record {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn rows_and_rules() {
        let mut metrics = Metrics::default();
        let positive = record(
            r#"{"id":"1","text":"0123456789","label":"positive","spans":[[2,6]],"family":"card:visa","source":"a/b:c","bare":true}"#,
        );
        let negative = record(
            r#"{"id":"2","text":"0123456789","label":"negative","neg_class":"near_miss","family":"card:visa","source":"a/b:d"}"#,
        );
        let found = [
            Span {
                start: 2,
                end: 6,
                rule: "p.q",
            },
            Span {
                start: 0,
                end: 1,
                rule: "r.s",
            },
        ];
        assert_eq!(
            metrics.score(&positive, &found),
            Some(Score {
                hit: true,
                cover: true
            })
        );
        assert_eq!(
            metrics.score(&positive, &[]),
            Some(Score {
                hit: false,
                cover: false
            })
        );
        assert_eq!(
            metrics.score(&negative, &found[1..]),
            Some(Score {
                hit: true,
                cover: false
            })
        );
        assert_eq!(
            metrics.score(&negative, &[]),
            Some(Score {
                hit: false,
                cover: false
            })
        );
        let row = &metrics.families["card:visa"];
        assert_eq!(
            (row.positives, row.hit, row.cover, row.class("near_miss")),
            (2, 1, 1, (2, 1))
        );
        assert_eq!(metrics.all, *row);
        assert_eq!(metrics.in_context["card:visa"].positives, 0);
        assert_eq!(metrics.in_context["card:visa"].class("near_miss"), (2, 1));
        assert_eq!(metrics.macro_average(), None);
        assert_eq!(metrics.sources.keys().collect::<Vec<_>>(), ["a/b"]);
        assert_eq!(
            metrics.groups.keys().collect::<Vec<_>>(),
            ["card bare", "card in context"]
        );
        assert_eq!(
            metrics.rules["p.q"],
            RuleTally {
                findings: 1,
                hit: 1,
                only: 1,
                flagged: BTreeMap::new()
            }
        );
        let flagged = BTreeMap::from([("near_miss".to_string(), 1)]);
        assert_eq!(
            metrics.rules["r.s"],
            RuleTally {
                findings: 2,
                hit: 0,
                only: 0,
                flagged
            }
        );
    }

    #[test]
    fn each_group_in_context_weighs_the_same() {
        let mut metrics = Metrics::default();
        let line = |family: &str, bare: bool| {
            record(&format!(
                r#"{{"id":"1","text":"0123456789","label":"positive","spans":[[2,6]],"family":"{family}","bare":{bare}}}"#
            ))
        };
        let found = [Span {
            start: 2,
            end: 5,
            rule: "p.q",
        }];
        for _ in 0..3 {
            metrics.score(&line("card:visa", false), &found);
        }
        metrics.score(&line("card:amex", false), &[]);
        metrics.score(&line("iban", false), &[]);
        metrics.score(&line("phone", true), &found);
        let average = metrics.macro_average().unwrap();
        assert_eq!(average.groups, 2);
        assert!((average.hit - 0.375).abs() < 1e-9 && average.cover == 0.0);
    }

    #[test]
    fn lines_are_counted_whatever_the_chunks() {
        for (text, expected) in [
            ("", 0),
            ("a", 1),
            ("a\n", 1),
            ("a\nb", 2),
            ("\n\n", 2),
            ("a\nb\nc\n", 3),
            ("a\n\nb", 3),
        ] {
            for split in 0..=text.len() {
                for again in split..=text.len() {
                    let mut lines = Lines::default();
                    lines.file();
                    lines.bytes(&text.as_bytes()[..split]);
                    lines.bytes(&text.as_bytes()[split..again]);
                    lines.bytes(&text.as_bytes()[again..]);
                    assert_eq!(lines.lines, expected, "{text:?} at {split} and {again}");
                }
            }
        }
    }
}
