//! Running the engine and comparing it with the reference.

use blackbar_engine::{Engine, Follows, Place, Plan, Stream};
use blackbar_policy::load::NoBuiltins;
use blackbar_policy::model::{Action, Policy};

use crate::choices::Choices;
use crate::reference::{Finding, Reference};

/// What the engine made of a haystack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The redacted bytes.
    pub out: Vec<u8>,
    /// Start, end and rule of all findings, sorted.
    pub findings: Vec<(usize, usize, usize)>,
}

/// A policy in all its forms.
pub struct Subject {
    /// The policy.
    pub policy: Policy,
    /// The engine with its artifact.
    pub engine: Engine,
    /// The base profile.
    pub plan: Plan,
    /// The reference.
    pub reference: Reference,
    slack: usize,
}

impl Subject {
    /// Compiles and loads `policy`; `None` when the compiler refuses it.
    ///
    /// # Panics
    /// When what was compiled cannot be loaded.
    #[must_use]
    pub fn new(policy: Policy) -> Option<Subject> {
        let compiled = blackbar_compiler::compile(&policy).ok()?;
        let linear: Vec<bool> = compiled.report.rules.iter().map(|r| r.linear).collect();
        let engine = Engine::load(compiled.artifact).expect("a compiled artifact loads");
        let plan = Plan::new(&engine, None).expect("the base profile is there");
        // A value whose end is kept waits for its end, and for whatever may still lengthen it.
        let waits = |action| matches!(action, Action::KeepFirst(_) | Action::KeepLast(_));
        let holds = policy.rules.iter().any(|r| waits(r.settings.action));
        let slack = if holds { 2 } else { 1 };
        Some(Subject {
            reference: Reference::new(&policy, &linear),
            policy,
            engine,
            plan,
            slack,
        })
    }

    /// The same from the text of a policy file.
    #[must_use]
    pub fn from_toml(toml: &str) -> Option<Subject> {
        Subject::new(Policy::parse_str("generated.toml", toml, &NoBuiltins).ok()?)
    }

    /// What the reference says.
    #[must_use]
    pub fn wanted(&self, hay: &[u8], place: Place) -> Outcome {
        let (out, findings) = self.reference.redact(hay, place);
        let mut findings: Vec<_> = findings
            .into_iter()
            .map(|f: Finding| (f.start, f.end, f.rule))
            .collect();
        findings.sort_unstable();
        Outcome { out, findings }
    }

    /// What the engine makes of the chunks that end at `ends`, and at the haystack's end.
    ///
    /// # Panics
    /// When what is decided goes back, or more is held than the policy's bound.
    #[must_use]
    pub fn run(&self, hay: &[u8], place: Place, ends: &[usize]) -> Outcome {
        self.run_in_pieces(hay, place, ends, 1)
    }

    /// The same where so many of them are the pieces of one chunk: nothing is decided before the last of these was scanned.
    fn run_in_pieces(&self, hay: &[u8], place: Place, ends: &[usize], pieces: usize) -> Outcome {
        let mut stream = Stream::new(place);
        let (mut out, mut findings) = (Vec::new(), Vec::new());
        let (mut at, mut decided) = (0, 0);
        let bound = self.slack * self.engine.hold_back() as usize + 8;
        let bound = if place == Place::Json {
            2 * bound
        } else {
            bound
        };
        for (&end, number) in ends.iter().chain([&hay.len()]).zip(1_usize..) {
            let last = end == hay.len();
            let piece = &hay[at..end];
            at = end;
            let is_whole = last || number.is_multiple_of(pieces);
            if pieces == 1 {
                stream.push(&self.engine, &self.plan, piece, last);
            } else {
                stream.spare(piece.len()).copy_from_slice(piece);
                let follows = match is_whole {
                    true => Follows::after(last),
                    false => Follows::More,
                };
                stream.scan_next(&self.engine, &self.plan, piece.len(), follows);
            }
            if !is_whole {
                continue;
            }
            if pieces > 1 {
                stream.settle(&self.engine, u64::MAX, u64::MAX, last);
            }
            assert!(stream.decided() >= decided, "what is decided went back");
            assert!(stream.decided() <= end as u64, "more is decided than came");
            decided = stream.decided();
            assert!(
                last || stream.undecided() <= bound,
                "{} bytes are held, {bound} is the bound",
                stream.undecided()
            );
            findings.extend(
                stream
                    .findings()
                    .iter()
                    .map(|f| (f.start as usize, f.end as usize, f.rule.as_usize())),
            );
            let edits = stream.edits();
            assert!(
                edits.windows(2).all(|e| e[0].end <= e[1].start),
                "edits overlap"
            );
            stream.take_output(&mut out);
            if last {
                break;
            }
        }
        assert_eq!(decided, hay.len() as u64, "the end decides everything");
        findings.sort_unstable();
        Outcome { out, findings }
    }

    /// Compares whole, 1-byte chunks and `splits` with the reference; these also as pieces of larger chunks.
    ///
    /// # Errors
    /// What differs, and the rules, for people.
    pub fn check(
        &self,
        hay: &[u8],
        place: Place,
        splits: &[Vec<usize>],
    ) -> Result<Outcome, String> {
        self.compare(hay, place, splits)
            .map_err(|difference| format!("{difference}\n{}", self.rules()))
    }

    /// As [`Subject::check`], for policies with too many rules to show.
    ///
    /// # Errors
    /// What differs, for people.
    pub fn compare(
        &self,
        hay: &[u8],
        place: Place,
        splits: &[Vec<usize>],
    ) -> Result<Outcome, String> {
        let wanted = self.wanted(hay, place);
        let single: Vec<usize> = (1..hay.len()).collect();
        let all = [Vec::new(), single];
        for ends in all.iter().chain(splits) {
            for pieces in [1, 2, usize::MAX] {
                let got = self.run_in_pieces(hay, place, ends, pieces);
                if got != wanted {
                    return Err(explain(hay, place, ends, pieces, &got, &wanted));
                }
                if ends.is_empty() {
                    break;
                }
            }
        }
        Ok(wanted)
    }

    fn rules(&self) -> String {
        let show = |r: &blackbar_policy::model::Rule| {
            format!(
                "  {} {:?} left {:?} right {:?} max_len {:?} {:?} {:?} {:?} {:?}",
                r.id,
                r.matcher,
                r.left,
                r.right,
                r.max_len,
                r.settings.action,
                r.validators,
                r.context,
                r.confidence
            )
        };
        let rules: Vec<String> = self.policy.rules.iter().map(show).collect();
        rules.join("\n")
    }
}

fn explain(
    hay: &[u8],
    place: Place,
    ends: &[usize],
    pieces: usize,
    got: &Outcome,
    wanted: &Outcome,
) -> String {
    let show = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let how = match ends.len() {
        0 => "whole".to_owned(),
        n if n + 1 >= hay.len() => "1-byte chunks".to_owned(),
        _ => format!("chunks ending at {ends:?}"),
    };
    let together = match pieces {
        1 => String::new(),
        usize::MAX => ", as pieces of one chunk".to_owned(),
        _ => format!(", each {pieces} as pieces of one chunk"),
    };
    format!(
        "{how}{together} in {place:?}\n  hay    {}\n  got    {} {:?}\n  wanted {} {:?}",
        show(hay),
        show(&got.out),
        got.findings,
        show(&wanted.out),
        wanted.findings,
    )
}

/// Random chunk ends for a haystack of `len` bytes.
pub fn ends(c: &mut Choices<'_>, len: usize) -> Vec<usize> {
    let step = c.one(&[40, 3, 7, 15, 100]);
    let mut ends = Vec::new();
    let mut at = 0;
    loop {
        // Empty chunks too.
        at += c.below(step);
        if at >= len {
            return ends;
        }
        ends.push(at);
        if !c.more() {
            return ends;
        }
    }
}

/// All ways to cut `len` bytes in two.
#[must_use]
pub fn every_split(len: usize) -> Vec<Vec<usize>> {
    (1..len).map(|at| vec![at]).collect()
}
