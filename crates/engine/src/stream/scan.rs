//! Evaluating starts of matches in one chunk: dead, a match, or open until more bytes come. Which starts are worth it is
//! found in [`candidates`](super::candidates).

use super::{Follows, Open, State, Stream};
use crate::artifact::{Engine, RuleProgram};
use crate::boundary;
use crate::ledger::Observer;
use crate::plan::Plan;
use crate::program::{Growth, Match, Progress, Scratch, Verdict, View};
use crate::rule::{Action, Confidence, Finding, RuleIndex};
use crate::union::Part;

/// One chunk being scanned.
pub(super) struct Scan<'a, O> {
    pub(super) engine: &'a Engine,
    pub(super) plan: &'a Plan,
    pub(super) view: View<'a>,
    pub(super) stream: &'a mut Stream,
    pub(super) observer: &'a mut O,
    pub(super) follows: Follows,
    /// Where starts begin that are left for the next bytes to come; the window's end where none are.
    pub(super) limit: usize,
    pub(super) scratch: Scratch,
    /// What a look at a start has shown that is about to be evaluated.
    pub(super) seen: Option<Seen>,
}

/// What became of a start.
pub(super) struct Seen {
    rule: u16,
    start: usize,
    verdict: Verdict,
    /// What that took.
    steps: u64,
}

impl<'a, O: Observer> Scan<'a, O> {
    pub(super) fn index(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.view.base)).unwrap_or(usize::MAX)
    }

    pub(super) fn offset(&self, index: usize) -> u64 {
        self.view.base + index as u64
    }

    /// Goes on with what was open when the last chunk ended.
    pub(super) fn resume_open(&mut self) {
        let before = self.index(self.stream.evaluated);
        for open in core::mem::take(&mut self.stream.open) {
            let Some(program) = self.engine.programs.get(usize::from(open.rule)) else {
                continue;
            };
            let start = self.index(open.start);
            let next = match open.state {
                State::Waiting { progress, .. } => {
                    self.evaluate(open.rule, program, start, progress)
                }
                State::Growing { growth, secret } => {
                    self.grow(open.rule, open.start, growth, secret, false)
                }
            };
            if let Some(next) = next {
                self.evaluate_range(open.rule, next, before);
            }
        }
    }

    /// Evaluates the starts `from..to` of one rule, one by one, until one stays open.
    pub(super) fn evaluate_range(&mut self, rule: u16, from: usize, to: usize) {
        let Some(program) = self.engine.programs.get(usize::from(rule)) else {
            return;
        };
        let mut at = from;
        while at < to {
            let text = self.view.hay.get(at..to.min(self.view.hay.len()));
            match program.first.position(text.unwrap_or_default()) {
                Some(skipped) => at += skipped,
                None => return,
            }
            if !self.begins(program, at) {
                at += 1;
                continue;
            }
            match self.evaluate(rule, program, at, None) {
                Some(next) => at = next.max(at + 1),
                None => return,
            }
        }
    }

    /// Whether the bytes at `at` are those that a match can begin with; those that have not come yet may be any.
    pub(super) fn begins(&self, program: &RuleProgram, at: usize) -> bool {
        let text = self.view.hay.get(at..).unwrap_or_default();
        let mut firsts = program.heads.iter().zip(text);
        firsts.all(|(set, &byte)| boundary::contains(set, byte))
    }

    /// Evaluates one start. Answers with where the rule's next match may start, or `None` when this one stays open.
    pub(super) fn evaluate(
        &mut self,
        rule: u16,
        program: &'a RuleProgram,
        start: usize,
        progress: Option<Progress>,
    ) -> Option<usize> {
        if !boundary::left_is_free(&program.left, self.view.hay, start) {
            return Some(start + 1);
        }
        self.evaluate_free(rule, program, start, progress)
    }

    /// The same where it is known that a match may stand there.
    pub(super) fn evaluate_free(
        &mut self,
        rule: u16,
        program: &'a RuleProgram,
        start: usize,
        progress: Option<Progress>,
    ) -> Option<usize> {
        self.observer.begin(RuleIndex(rule));
        let before = self.view.steps.get();
        let is_this =
            |seen: &mut Seen| progress.is_none() && (seen.rule, seen.start) == (rule, start);
        let (verdict, seen) = match self.seen.take_if(is_this) {
            Some(Seen { verdict, steps, .. }) => (verdict, steps),
            None => {
                let streams = self.streams(rule, program);
                let program = &program.program;
                (
                    program.verify(&self.view, start, progress, streams, &mut self.scratch),
                    0,
                )
            }
        };
        let next = match verdict {
            Verdict::Dead => Some(start + 1),
            Verdict::Open(progress, earliest) => {
                let earliest = self.offset(earliest.min(self.view.hay.len()));
                let state = State::Waiting { progress, earliest };
                self.stream.open.push(Open {
                    rule,
                    start: self.offset(start),
                    state,
                });
                None
            }
            Verdict::Match(found) => match self.judge(program, start, found) {
                Some(found) => {
                    self.found(rule, found);
                    Some(found.end)
                }
                None => Some(start + 1),
            },
            Verdict::Growing {
                secret,
                growth,
                forced,
            } => {
                let reached = self.index(growth.at);
                if self.stands(program, start, reached) && !self.is_redacted(secret, reached) {
                    let (from, secret) = (self.offset(start), self.offset(secret));
                    self.stream.forced += u64::from(forced);
                    self.grow(rule, from, growth, secret, true)
                } else {
                    Some(start + 1)
                }
            }
        };
        let steps = self.view.steps.get() - before + seen;
        self.observer.end(RuleIndex(rule), steps);
        next
    }

    /// Whether a rule's action may write before the end of a match is known.
    fn streams(&self, rule: u16, program: &RuleProgram) -> bool {
        program.checks.is_empty() && self.plan.action(RuleIndex(rule)).streams()
    }

    /// Whether a start where a match may stand is anything but dead, as far as automata can tell.
    pub(super) fn lives(&mut self, rule: u16, program: &RuleProgram, start: usize) -> bool {
        if !program.program.may_match(&self.view, start) {
            return false;
        }
        if program.program.stages.len() == 1 {
            return true;
        }
        let before = self.view.steps.get();
        let streams = self.streams(rule, program);
        let verdict = program
            .program
            .verify(&self.view, start, None, streams, &mut self.scratch);
        let lives = verdict != Verdict::Dead;
        // Where validators choose, they need the ends too, which the starts before this one overwrite.
        if lives && !program.program.select {
            self.seen = Some(Seen {
                rule,
                start,
                verdict,
                steps: self.view.steps.get() - before,
            });
        }
        lives
    }

    /// Whether what stands around a match lets it be one.
    fn stands(&self, program: &RuleProgram, start: usize, end: usize) -> bool {
        let hay = self.view.hay;
        program
            .near
            .as_ref()
            .is_none_or(|near| boundary::has_context(near, hay, start))
            && !boundary::begins_in_mark(hay, start, end, |id| self.engine.knows(id))
    }

    fn is_redacted(&self, from: usize, to: usize) -> bool {
        let value = self.view.hay.get(from..to).unwrap_or_default();
        !value.is_empty() && boundary::is_redacted(value, |id| self.engine.knows(id))
    }

    /// The match that passes all checks, if one does: the longest, or with check digits the longest that has them right.
    fn judge(&self, program: &RuleProgram, start: usize, found: Match) -> Option<Match> {
        let passes = |found: &Match| {
            let (from, to) = found.secret;
            let value = self.view.hay.get(from..to).unwrap_or_default();
            !value.is_empty()
                && !boundary::is_redacted(value, |id| self.engine.knows(id))
                && program
                    .checks
                    .iter()
                    .all(|check| check.passes(value, self.view.artifact, &self.engine.dfas))
                && self.stands(program, start, found.end)
        };
        if !program.program.select {
            return passes(&found).then_some(found);
        }
        let (from, to) = found.secret;
        let value = self.view.hay.get(from..to).unwrap_or_default();
        let mut checks = program.checks.iter();
        if checks.any(|check| check.refuses_beginning(value)) {
            return None;
        }
        let trail = program.program.trail;
        self.scratch.ends.iter().rev().find_map(|&end| {
            let shorter = Match {
                end,
                secret: (found.secret.0, end.saturating_sub(trail)),
            };
            passes(&shorter).then_some(shorter)
        })
    }

    fn found(&mut self, rule: u16, found: Match) {
        let (start, end) = (self.offset(found.secret.0), self.offset(found.secret.1));
        self.resume_from(rule, self.offset(found.end));
        self.report(rule, start, end);
        self.add_part(rule, start, end, false, false);
    }

    /// Lets a certain secret grow through the window, from what is already known of it. Answers as [`Scan::evaluate`] does.
    fn grow(
        &mut self,
        rule: u16,
        start: u64,
        mut growth: Growth,
        secret: u64,
        first: bool,
    ) -> Option<usize> {
        let from = if first { secret } else { growth.at };
        let lives = growth.grow(&self.view);
        if growth.at > from {
            self.add_part(rule, from, growth.at, !first, true);
        }
        if lives {
            self.stream.open.push(Open {
                rule,
                start,
                state: State::Growing { growth, secret },
            });
            return None;
        }
        self.report(rule, secret, growth.at);
        self.resume_from(rule, growth.at);
        Some(self.index(growth.at))
    }

    fn report(&mut self, rule: u16, start: u64, end: u64) {
        let rule = RuleIndex(rule);
        self.stream.findings.push(Finding { start, end, rule });
        match self.plan.action(rule) {
            Action::Block => self.stream.blocked = self.stream.blocked.or(Some(rule)),
            Action::Remove => self.stream.removed = self.stream.removed.or(Some(rule)),
            _ => {}
        }
    }

    fn add_part(&mut self, rule: u16, start: u64, end: u64, continues: bool, partial: bool) {
        let rule = RuleIndex(rule);
        let action = self.plan.action(rule);
        if action != Action::Allow {
            let confidence = self
                .engine
                .rule(rule)
                .map_or(Confidence::Low, |r| r.confidence);
            self.stream.union.add(Part {
                start,
                end,
                rule,
                action,
                confidence,
                continues,
                partial,
            });
        }
    }

    fn resume_from(&mut self, rule: u16, end: u64) {
        let rules = self.engine.programs.len();
        self.stream.resume.set(rule, rules, end);
    }

    /// The first start that is new for `rule`: not evaluated before, not inside its last match. `None` while one is open.
    pub(super) fn first_new(&self, rule: u16) -> Option<usize> {
        if !self.plan.enabled(RuleIndex(rule)) || self.stream.open.iter().any(|o| o.rule == rule) {
            return None;
        }
        let resume = self.stream.resume.end(rule);
        Some(self.index(resume.max(self.stream.evaluated)))
    }
}
