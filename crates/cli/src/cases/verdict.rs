//! Running one case in every way of cutting its input, and judging what came out. Nothing is printed here but a [`Failure`] on
//! request; which cases there are is decided elsewhere.

use std::fmt;
use std::io::{self, Write};
use std::ops::Range;

use blackbar_carriers::{Carrier, Format, Views};
use blackbar_engine::{Action, Engine, Plan};
use blackbar_policy::cases::{self, Case, Kind};

use crate::show;

/// More split positions than this are thinned out evenly, so that a case of many kilobytes does not take minutes.
const SPLITS: usize = 4096;

/// How a case did not come out as it should. Says so without a byte of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    cut: Cut,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// The output is other than expected.
    Output { actual: Vec<u8>, expected: Vec<u8> },
    /// The redacted regions are others than expected.
    Spans {
        actual: Vec<Range<usize>>,
        expected: Vec<Range<usize>>,
    },
    /// The rule under test did not find anything, or did although it should not.
    Rule { found: bool },
    /// The output, given in again, came out otherwise.
    Again { actual: Vec<u8>, expected: Vec<u8> },
}

/// How the input was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cut {
    Whole,
    Bytes,
    At(Vec<usize>),
}

impl Cut {
    fn chunks<'a>(&self, input: &'a [u8]) -> Vec<&'a [u8]> {
        match self {
            Self::Whole => vec![input],
            Self::Bytes => input.chunks(1).collect(),
            Self::At(splits) => {
                let ends = splits.iter().copied().chain([input.len()]);
                ends.scan(0, |start, end| {
                    Some(&input[std::mem::replace(start, end)..end])
                })
                .collect()
            }
        }
    }

    /// Every cut of a case but the whole.
    fn all(case: &Case) -> Vec<Self> {
        let length = case.input.len();
        let step = length / SPLITS + 1;
        let mut cuts = vec![Self::Bytes];
        cuts.extend(
            (0..=length)
                .step_by(step)
                .map(|split| Self::At(vec![split])),
        );
        if !case.splits.is_empty() {
            cuts.extend(case.splits.iter().map(|&split| Self::At(vec![split])));
            cuts.push(Self::At(case.splits.clone()));
        }
        cuts
    }
}

/// Judges by output alone: whole, in 1-byte chunks, at every split. `run` takes chunks and gives back all the output.
///
/// # Errors
/// Those of `run`.
pub(super) fn judge_output<E>(
    case: &Case,
    mut run: impl FnMut(&[&[u8]]) -> Result<Vec<u8>, E>,
) -> Result<Option<Failure>, E> {
    for cut in std::iter::once(Cut::Whole).chain(Cut::all(case)) {
        let actual = run(&cut.chunks(&case.input))?;
        if actual != case.out {
            let what = What::Output {
                actual,
                expected: case.out.clone(),
            };
            return Ok(Some(Failure { cut, what }));
        }
    }
    Ok(None)
}

/// The native engine, with one stream for all cases.
pub(crate) struct Native<'a> {
    engine: &'a Engine,
    plan: &'a Plan,
    stream: Carrier,
}

/// What the native engine says about an input.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    out: Vec<u8>,
    /// Redacted regions, merged where they overlap.
    regions: Vec<Range<usize>>,
    /// The rules that found something.
    rules: Vec<String>,
}

impl<'a> Native<'a> {
    pub(crate) fn new(engine: &'a Engine, plan: &'a Plan, views: Views) -> Self {
        let mut stream = Carrier::default();
        stream.set_views(views);
        Self {
            engine,
            plan,
            stream,
        }
    }

    /// Judges by output, regions and rule, and by giving the output in again.
    pub(crate) fn judge(&mut self, case: &Case) -> Option<Failure> {
        let failure = |what| {
            Some(Failure {
                cut: Cut::Whole,
                what,
            })
        };
        let seen = self.run(case.format, &[&case.input]);
        if seen.out != case.out {
            return failure(What::Output {
                actual: seen.out,
                expected: case.out.clone(),
            });
        }
        if let Some(expected) = case
            .spans
            .as_ref()
            .filter(|expected| **expected != seen.regions)
        {
            return failure(What::Spans {
                actual: seen.regions,
                expected: expected.clone(),
            });
        }
        let found = seen.rules.contains(&case.rule);
        let wrong = match case.kind {
            Kind::Positive | Kind::Split => !found,
            Kind::NearMiss => found,
            Kind::Boundary | Kind::KnownGap => false,
        };
        if wrong {
            return failure(What::Rule { found });
        }
        let again = self.run(case.format, &[&case.out]).out;
        if again != case.out {
            return failure(What::Again {
                actual: again,
                expected: case.out.clone(),
            });
        }
        for cut in Cut::all(case) {
            let cut_seen = self.run(case.format, &cut.chunks(&case.input));
            if cut_seen.out != case.out {
                let what = What::Output {
                    actual: cut_seen.out,
                    expected: case.out.clone(),
                };
                return Some(Failure { cut, what });
            }
            if cut_seen.regions != seen.regions {
                let what = What::Spans {
                    actual: cut_seen.regions,
                    expected: seen.regions,
                };
                return Some(Failure { cut, what });
            }
        }
        None
    }

    fn run(&mut self, format: cases::Format, chunks: &[&[u8]]) -> Seen {
        let mut seen = Seen::default();
        self.stream.reset(carried(format));
        for (chunk, last) in chunks
            .iter()
            .map(|chunk| (*chunk, false))
            .chain([(b"".as_slice(), true)])
        {
            self.stream.push(self.engine, self.plan, chunk, last);
            for finding in self.stream.findings() {
                seen.rules
                    .extend(self.engine.rule(finding.rule).map(|rule| rule.id.clone()));
                if self.plan.action(finding.rule) != Action::Allow {
                    let offset = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
                    seen.regions
                        .push(offset(finding.start)..offset(finding.end));
                }
            }
            self.stream.take_output(&mut seen.out);
        }
        seen.regions = merged(seen.regions);
        seen
    }
}

/// The carrier of a case's input.
pub(super) fn carried(format: cases::Format) -> Format {
    match format {
        cases::Format::Text => Format::Text,
        cases::Format::Json => Format::Json,
        cases::Format::Form => Format::Form,
    }
}

/// Regions in order, those that overlap as one.
fn merged(mut regions: Vec<Range<usize>>) -> Vec<Range<usize>> {
    regions.sort_by_key(|region| (region.start, region.end));
    let mut all: Vec<Range<usize>> = Vec::new();
    for region in regions {
        match all.last_mut() {
            Some(last) if region.start < last.end => last.end = last.end.max(region.end),
            _ => all.push(region),
        }
    }
    all
}

impl Failure {
    /// Writes the outputs that differ: for `--show-values` only.
    pub(super) fn show(&self, case: &Case, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "    input     {}", show::bytes(&case.input))?;
        if let What::Output { actual, expected } | What::Again { actual, expected } = &self.what {
            writeln!(out, "    expected  {}", show::bytes(expected))?;
            writeln!(out, "    actual    {}", show::bytes(actual))?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cut {
            Cut::Whole => {}
            Cut::Bytes => f.write_str("in 1-byte chunks ")?,
            Cut::At(splits) => write!(f, "split at {splits:?} ")?,
        }
        match &self.what {
            What::Output { actual, expected } => {
                let at = actual
                    .iter()
                    .zip(expected)
                    .take_while(|(a, b)| a == b)
                    .count();
                write!(
                    f,
                    "the output differs from byte {at} on: {} where {} were expected",
                    show::count(actual.len() as u64, "byte"),
                    expected.len()
                )
            }
            What::Spans { actual, expected } => write!(
                f,
                "redacted regions {} where {} were expected",
                Regions(actual),
                Regions(expected)
            ),
            What::Rule { found: true } => {
                f.write_str("the rule found something, though the case is a near miss")
            }
            What::Rule { found: false } => {
                f.write_str("the rule found nothing; another rule redacts it")
            }
            What::Again { actual, expected } => {
                let at = actual
                    .iter()
                    .zip(expected)
                    .take_while(|(a, b)| a == b)
                    .count();
                write!(
                    f,
                    "the output is redacted again when it goes in again, from byte {at} on"
                )
            }
        }
    }
}

/// Regions as a case file writes them.
struct Regions<'a>(&'a [Range<usize>]);

impl fmt::Display for Regions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|region| format!("[{}, {}]", region.start, region.end))
            .collect();
        write!(f, "[{}]", pairs.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blackbar_policy::cases;

    fn case(text: &str) -> Case {
        let text = format!("[[case]]\nname = 'x'\nrule = 'x.y'\nkind = 'positive'\n{text}\n");
        cases::parse_str("cases.toml", &text, &["x.y"])
            .unwrap()
            .remove(0)
    }

    #[test]
    fn every_cut_joins_to_the_input() {
        let case = case("text = 'abcdef'\nout = 'abcdef'\nsplits = [1, 4]");
        let cuts = Cut::all(&case);
        assert_eq!(cuts.len(), 1 + 7 + 2 + 1);
        for cut in &cuts {
            assert_eq!(cut.chunks(&case.input).concat(), case.input);
        }
        assert_eq!(
            cuts.last().unwrap().chunks(&case.input),
            [b"a".as_slice(), b"bcd", b"ef"]
        );
    }

    #[test]
    fn a_run_that_depends_on_the_chunks_fails() {
        let case = case("text = 'abcdef'\nout = 'abXdef'");
        let good: Result<_, ()> = judge_output(&case, |chunks| {
            Ok(chunks
                .concat()
                .iter()
                .map(|&b| if b == b'c' { b'X' } else { b })
                .collect())
        });
        assert_eq!(good, Ok(None));
        let bad: Result<_, ()> = judge_output(&case, |chunks| {
            let seen = chunks
                .iter()
                .any(|chunk| chunk.windows(2).any(|pair| pair == b"cd"));
            Ok(if seen {
                b"abXdef".to_vec()
            } else {
                chunks.concat()
            })
        });
        let failure = bad.unwrap().unwrap();
        assert_eq!(
            failure.to_string(),
            "in 1-byte chunks the output differs from byte 2 on: 6 bytes where 6 were expected"
        );
    }

    #[test]
    fn overlapping_regions_are_one_and_touching_ones_are_not() {
        assert_eq!(merged(vec![5..9, 0..3, 2..4, 4..5]), [0..4, 4..5, 5..9]);
    }
}
