//! A haystack in chunks: what is scanned when a chunk arrives, what stays open, what is decided.
//!
//! Every position is, for every rule, either *evaluated* as a start of a match (a match, dead, or open with its machine's
//! state kept), or it lies behind an open start of the same rule and is evaluated when that one is decided. When a chunk
//! ends all its positions have been dealt with: inside by the prefilter, in the last few bytes, where a window may be cut
//! off, one by one. So a chunk of one byte costs what a byte costs, and nothing is scanned twice.
//! See `DESIGN.md` beside this file.

use alloc::vec::Vec;
use core::cell::Cell;

use crate::artifact::{Engine, LookBack, RuleProgram, Window};
use crate::boundary::{self, CONTEXT};
use crate::ledger::Observer;
use crate::plan::Plan;
use crate::prefilter::{RUN, STRIP, Strip, WINDOW};
use crate::program::{Growth, Match, Progress, Verdict, View};
use crate::rule::{Action, Confidence, Finding, Place, RuleIndex};
use crate::union::{Bytes, Edit, Part, Union};

/// Elements that each list keeps room for while a stream rests.
const RESTING: usize = 16;

/// One haystack in chunks. Owns a window of it: what is not decided, what an open match needs, and some context.
///
/// # Example
/// ```
/// use blackbar_engine::{Place, Stream};
/// let stream = Stream::new(Place::Text);
/// assert_eq!((stream.received(), stream.decided()), (0, 0));
/// ```
#[derive(Default)]
pub struct Stream {
    place: Place,
    window: Vec<u8>,
    /// Bytes of `window` that are input; the rest is room that was lent out.
    filled: usize,
    /// Stream offset of the window's first byte.
    base: u64,
    /// Offset before which everything is final.
    decided: u64,
    /// Offset up to which output was taken.
    taken: u64,
    /// Offset before which every start is evaluated or behind an open one.
    evaluated: u64,
    open: Vec<Open>,
    /// Where the next match of a rule may start, for rules that matched in the chunk being scanned.
    resume: Vec<(u16, u64)>,
    findings: Vec<Finding>,
    union: Union,
    blocked: Option<RuleIndex>,
    removed: Option<RuleIndex>,
    forced: u64,
    ends: Vec<usize>,
}

/// An undecided or growing match; at most one per rule.
#[derive(Debug)]
struct Open {
    rule: u16,
    start: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// More bytes decide; the secret starts no earlier than `earliest`.
    Waiting {
        progress: Option<Progress>,
        earliest: u64,
    },
    /// Certain; the secret started at `secret` and reaches as far as the automaton lives.
    Growing { growth: Growth, secret: u64 },
}

impl Stream {
    /// An empty haystack.
    #[must_use]
    pub fn new(place: Place) -> Stream {
        Stream {
            place,
            ..Stream::default()
        }
    }

    /// Starts over with another haystack; allocations are kept.
    pub fn reset(&mut self, place: Place) {
        self.place = place;
        self.window.clear();
        (
            self.filled,
            self.base,
            self.decided,
            self.taken,
            self.evaluated,
        ) = (0, 0, 0, 0, 0);
        self.open.clear();
        self.resume.clear();
        self.findings.clear();
        self.union.reset();
        (self.blocked, self.removed, self.forced) = (None, None, 0);
    }

    /// Room for `len` bytes at the end of the window, to write the next chunk into. Its content before that is unspecified.
    pub fn spare(&mut self, len: usize) -> &mut [u8] {
        self.forget();
        if self.window.len() < self.filled + len {
            self.window.resize(self.filled + len, 0);
        }
        self.window
            .get_mut(self.filled..self.filled + len)
            .unwrap_or_default()
    }

    /// Works in `room` from here on, if that is larger than what the stream has of its own. `room` is left empty.
    pub fn wake(&mut self, room: &mut Vec<u8>) {
        if room.len() <= self.window.len() {
            return;
        }
        if let (Some(to), Some(from)) =
            (room.get_mut(..self.filled), self.window.get(..self.filled))
        {
            to.copy_from_slice(from);
            self.window = core::mem::take(room);
        }
    }

    /// Gives the window to `room` and keeps only what is needed until the next chunk comes: a copy of what is undecided, of what open
    /// matches need, and of the context. Many streams can so share one window, which each of them borrows while it scans.
    ///
    /// # Cost
    /// Linear in what is kept, not in the chunks before.
    pub fn rest(&mut self, room: &mut Vec<u8>) {
        let drop = self.unneeded();
        let kept = self.window.get(drop..self.filled).unwrap_or_default();
        let kept = Vec::from(kept);
        let window = core::mem::replace(&mut self.window, kept);
        self.base += drop as u64;
        self.filled = self.window.len();
        if window.len() > room.len() {
            *room = window;
        }
        self.union.rest();
        self.findings.shrink_to(RESTING);
        self.resume.shrink_to(RESTING);
        self.ends.shrink_to(RESTING);
        self.open.shrink_to(RESTING);
    }

    /// Takes the first `len` bytes of the room that [`Stream::spare`] gave as the next chunk and scans them. `last`: no byte
    /// follows.
    ///
    /// # Cost
    /// Linear in `len`, whatever the sizes of the chunks before.
    pub fn commit(&mut self, engine: &Engine, plan: &Plan, len: usize, last: bool) {
        self.commit_observed(engine, plan, len, last, &mut ());
    }

    /// As [`Stream::commit`], telling `observer` what is done.
    pub fn commit_observed<O: Observer>(
        &mut self,
        engine: &Engine,
        plan: &Plan,
        len: usize,
        last: bool,
        observer: &mut O,
    ) {
        self.filled = (self.filled + len).min(self.window.len());
        let window = core::mem::take(&mut self.window);
        let hay = window.get(..self.filled).unwrap_or_default();
        let steps = Cell::new(0);
        let mut scan = Scan {
            engine,
            plan,
            view: View {
                engine,
                artifact: &engine.bytes,
                hay,
                base: self.base,
                last,
                steps: &steps,
            },
            stream: self,
            observer,
        };
        scan.resume_open();
        scan.candidates();
        if !last {
            scan.tail();
        }
        self.window = window;
        self.evaluated = self.received();
        let watermark = self.watermark();
        self.advance(engine, watermark, last);
        // Every match ends within the window, and new starts come after it.
        self.resume.clear();
    }

    /// Takes `chunk` as the next bytes: [`Stream::spare`], copy, [`Stream::commit`].
    pub fn push(&mut self, engine: &Engine, plan: &Plan, chunk: &[u8], last: bool) {
        self.spare(chunk.len()).copy_from_slice(chunk);
        self.commit(engine, plan, chunk.len(), last);
    }

    /// Masks everything that is undecided, so that all received bytes are final. The stream goes on: what matches later is
    /// redacted from here on as well.
    pub fn force(&mut self, engine: &Engine) {
        let end = self.received();
        let first = self.open.iter().filter_map(|o| match o.state {
            State::Waiting { earliest, .. } if earliest < end => Some((earliest, o.rule)),
            _ => None,
        });
        if let Some((start, rule)) = first.min() {
            self.union.add(Part {
                start,
                end,
                rule: RuleIndex(rule),
                action: Action::Mask,
                confidence: Confidence::Low,
                continues: false,
                partial: true,
            });
            self.forced += 1;
        }
        self.union.give_up_values();
        self.advance(engine, end, false);
    }

    /// Bytes taken in.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.base + self.filled as u64
    }

    /// Bytes from the start whose output is final.
    #[must_use]
    pub fn decided(&self) -> u64 {
        self.decided
    }

    /// Bytes taken in whose output is not final yet.
    #[must_use]
    pub fn undecided(&self) -> usize {
        usize::try_from(self.received() - self.decided).unwrap_or(usize::MAX)
    }

    /// Edits since the last [`Stream::clear`]: ascending, disjoint, all before [`Stream::decided`].
    #[must_use]
    pub fn edits(&self) -> &[Edit] {
        &self.union.edits
    }

    /// What an edit writes.
    #[must_use]
    pub fn replacement(&self, edit: &Edit) -> &[u8] {
        self.union
            .text
            .get(edit.text.0..edit.text.1)
            .unwrap_or_default()
    }

    /// Findings since the last [`Stream::clear`], in the order in which they were decided; those that only count as well.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The rule of the first finding whose action is [`Action::Block`].
    #[must_use]
    pub fn blocked(&self) -> Option<RuleIndex> {
        self.blocked
    }

    /// The rule of the first finding whose action is [`Action::Remove`].
    #[must_use]
    pub fn removed(&self) -> Option<RuleIndex> {
        self.removed
    }

    /// How often something undecided was masked: by [`Stream::force`], or because it reached its `max_len`.
    #[must_use]
    pub fn forced(&self) -> u64 {
        self.forced
    }

    /// Forgets the edits and findings so far.
    pub fn clear(&mut self) {
        self.union.clear_edits();
        self.findings.clear();
        self.taken = self.decided;
    }

    /// Appends the final output of the bytes decided since the last call, then forgets edits and findings.
    pub fn take_output(&mut self, out: &mut Vec<u8>) {
        let index =
            |offset: u64| usize::try_from(offset.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let bytes = self
            .window
            .get(index(self.taken)..index(self.decided))
            .unwrap_or_default();
        apply_edits(self, self.taken, bytes, out);
        self.clear();
    }

    /// Bytes held on the heap.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.window.capacity()
            + self.union.memory()
            + self.open.capacity() * size_of::<Open>()
            + self.findings.capacity() * size_of::<Finding>()
            + self.resume.capacity() * size_of::<(u16, u64)>()
            + self.ends.capacity() * size_of::<usize>()
    }

    /// Drops the front of the window that nothing needs any more, once it has outgrown what stays.
    fn forget(&mut self) {
        let drop = self.unneeded();
        // Moving what stays costs as much as it has bytes; so wait until at least as many can go.
        if drop > 0 && drop >= self.filled - drop {
            self.window.copy_within(drop..self.filled, 0);
            self.filled -= drop;
            self.base += drop as u64;
        }
    }

    /// Bytes at the front of the window that nothing needs any more.
    fn unneeded(&self) -> usize {
        let start = self.open.iter().map(|o| match &o.state {
            State::Waiting { .. } => o.start,
            State::Growing { growth, .. } => growth.at,
        });
        let needed = start
            .min()
            .unwrap_or(u64::MAX)
            .min(self.decided)
            .min(self.taken)
            .min(self.received());
        usize::try_from(needed.saturating_sub(self.base))
            .unwrap_or(0)
            .saturating_sub(CONTEXT)
            .min(self.filled)
    }

    fn watermark(&self) -> u64 {
        let undecided = self.open.iter().filter_map(|o| match o.state {
            State::Waiting { earliest, .. } => Some(earliest),
            State::Growing { .. } => None,
        });
        undecided.min().unwrap_or(u64::MAX).min(self.received())
    }

    fn advance(&mut self, engine: &Engine, watermark: u64, last: bool) {
        let growing = !last
            && self
                .open
                .iter()
                .any(|o| matches!(o.state, State::Growing { .. }));
        let bytes = Bytes {
            hay: self.window.get(..self.filled).unwrap_or_default(),
            base: self.base,
        };
        let id = |rule: RuleIndex| engine.rule(rule).map_or("redacted", |r| r.id.as_str());
        self.decided = self.decided.max(self.union.advance(
            self.decided,
            watermark,
            growing,
            self.place,
            bytes,
            id,
        ));
    }
}

impl core::fmt::Debug for Stream {
    /// Numbers only: no byte of the haystack.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Stream")
            .field("place", &self.place)
            .field("received", &self.received())
            .field("decided", &self.decided)
            .field("open", &self.open.len())
            .field("findings", &self.findings.len())
            .field("edits", &self.edits().len())
            .field("forced", &self.forced)
            .finish_non_exhaustive()
    }
}

/// Applies the edits of `stream` to `bytes`, whose first byte is at stream offset `base`, appending to `out`.
///
/// Edits before `base` or after the end of `bytes` are left out.
pub fn apply_edits(stream: &Stream, base: u64, bytes: &[u8], out: &mut Vec<u8>) {
    let end = base + bytes.len() as u64;
    let index = |offset: u64| usize::try_from(offset.clamp(base, end) - base).unwrap_or(usize::MAX);
    let mut at = base;
    for edit in stream
        .edits()
        .iter()
        .filter(|e| e.start >= base && e.end <= end)
    {
        out.extend_from_slice(bytes.get(index(at)..index(edit.start)).unwrap_or_default());
        out.extend_from_slice(stream.replacement(edit));
        at = edit.end;
    }
    out.extend_from_slice(bytes.get(index(at)..).unwrap_or_default());
}

/// Redacts a whole short value, such as a header's, in one go. `out` receives the redacted bytes if anything changed.
/// Findings, and whether a rule blocks or removes, can be read from `stream` afterwards.
pub fn redact_value(
    engine: &Engine,
    plan: &Plan,
    stream: &mut Stream,
    place: Place,
    value: &[u8],
    out: &mut Vec<u8>,
) -> bool {
    stream.reset(place);
    stream.push(engine, plan, value, true);
    let changed = !stream.edits().is_empty();
    if changed {
        apply_edits(stream, 0, value, out);
    }
    changed
}

/// One chunk being scanned.
struct Scan<'a, O> {
    engine: &'a Engine,
    plan: &'a Plan,
    view: View<'a>,
    stream: &'a mut Stream,
    observer: &'a mut O,
}

impl<'a, O: Observer> Scan<'a, O> {
    fn index(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.view.base)).unwrap_or(usize::MAX)
    }

    fn offset(&self, index: usize) -> u64 {
        self.view.base + index as u64
    }

    /// Goes on with what was open when the last chunk ended.
    fn resume_open(&mut self) {
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
    fn evaluate_range(&mut self, rule: u16, from: usize, to: usize) {
        let Some(program) = self.engine.programs.get(usize::from(rule)) else {
            return;
        };
        let mut at = from;
        while at < to {
            let can_start = self
                .view
                .hay
                .get(at)
                .is_some_and(|&b| self.engine.starts(rule, b));
            if !can_start {
                at += 1;
                continue;
            }
            match self.evaluate(rule, program, at, None) {
                Some(next) => at = next.max(at + 1),
                None => return,
            }
        }
    }

    /// Evaluates one start. Answers with where the rule's next match may start, or `None` when this one stays open.
    fn evaluate(
        &mut self,
        rule: u16,
        program: &'a RuleProgram,
        start: usize,
        progress: Option<Progress>,
    ) -> Option<usize> {
        if !boundary::left_is_free(&program.left, self.view.hay, start) {
            return Some(start + 1);
        }
        let action = self.plan.action(RuleIndex(rule));
        let streams = program.checks.is_empty() && action.streams();
        let mut ends = core::mem::take(&mut self.stream.ends);
        self.observer.begin(RuleIndex(rule));
        let before = self.view.steps.get();
        let verdict = program
            .program
            .verify(&self.view, start, progress, streams, &mut ends);
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
            Verdict::Match(found) => match self.judge(program, start, found, &ends) {
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
        self.stream.ends = ends;
        let steps = self.view.steps.get() - before;
        self.observer.end(RuleIndex(rule), steps);
        next
    }

    /// Whether what stands around a match lets it be one.
    fn stands(&self, program: &RuleProgram, start: usize, end: usize) -> bool {
        let hay = self.view.hay;
        program
            .context
            .as_ref()
            .is_none_or(|context| boundary::has_context(context, hay, start))
            && !boundary::begins_in_mark(hay, start, end, |id| self.engine.knows(id))
    }

    fn is_redacted(&self, from: usize, to: usize) -> bool {
        let value = self.view.hay.get(from..to).unwrap_or_default();
        !value.is_empty() && boundary::is_redacted(value, |id| self.engine.knows(id))
    }

    /// The match that passes all checks, if one does: the longest, or with check digits the longest that has them right.
    fn judge(
        &self,
        program: &RuleProgram,
        start: usize,
        found: Match,
        ends: &[usize],
    ) -> Option<Match> {
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
        let trail = program.program.trail;
        ends.iter().rev().find_map(|&end| {
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
        match self
            .stream
            .resume
            .iter_mut()
            .find(|(known, _)| *known == rule)
        {
            Some((_, at)) => *at = end,
            None => self.stream.resume.push((rule, end)),
        }
    }

    /// The first start that is new for `rule`: not evaluated before, not inside its last match. `None` while one is open.
    fn first_new(&self, rule: u16) -> Option<usize> {
        if !self.plan.enabled(RuleIndex(rule)) || self.stream.open.iter().any(|o| o.rule == rule) {
            return None;
        }
        let resume = self
            .stream
            .resume
            .iter()
            .find(|(known, _)| *known == rule)
            .map_or(0, |&(_, end)| end);
        Some(self.index(resume.max(self.stream.evaluated)))
    }

    /// Evaluates the new starts of rules that have no windows, which words that begin in `from..to` point at.
    fn words(&mut self, from: usize, to: usize) {
        for at in from..to {
            self.word(at);
        }
    }

    /// The same for one that begins at `at`.
    #[inline]
    fn word(&mut self, at: usize) {
        let engine = self.engine;
        let hay = self.view.hay;
        if !engine.words.may_begin(hay, at) {
            return;
        }
        for entry in engine.words.beginning(hay, at) {
            let program = engine.programs.get(usize::from(entry.rule()));
            let Some(context) = program.and_then(|p| p.context.as_ref()) else {
                continue;
            };
            let text = hay.get(at..).unwrap_or_default();
            let word = context.words.get(entry.word());
            if word.is_none_or(|word| boundary::after_word(text, word).is_none()) {
                continue;
            }
            if let Some(first) = self.first_new(entry.rule()) {
                let to = hay.len().min(at + usize::from(context.within) + 1);
                self.evaluate_range(entry.rule(), first.max(at + 1), to);
            }
        }
    }

    /// Evaluates the new starts that the prefilter points at.
    fn candidates(&mut self) {
        let engine = self.engine;
        let hay = self.view.hay;
        let mut from = self.index(self.stream.evaluated);
        let end = (hay.len() + 1).saturating_sub(WINDOW);
        let mut strip = Strip::new();
        let mut looked = 0;
        let within = engine.words.within();
        if let Some(within) = within {
            // Words of the chunk before bear on this one.
            self.words(from.saturating_sub(within), from);
        }
        // Where none begins with a letter, nothing is known of where they may.
        strip.wants_words = within.is_some() && engine.words.begin_with_letters();
        if within.is_some() && !strip.wants_words {
            self.words(from, end);
        }
        while from < end {
            let to = end.min(from + STRIP);
            engine.prefilter.scan(hay, from, to, &mut strip);
            let passed = strip.sizes();
            engine.index.sift(hay, from, &mut strip);
            let sifted = strip.sizes();
            self.observer.passed(passed.0, passed.1);
            self.observer.sifted(sifted.0, sifted.1);
            self.strip(from, &strip);
            for &at in strip.words.as_slice() {
                self.word(from + usize::from(at));
            }
            if !engine.keywords.is_empty() {
                for &at in strip.runs.as_slice() {
                    self.look_back(from + usize::from(at), &mut looked);
                }
            }
            from = to;
        }
        if within.is_some() {
            let new = self.index(self.stream.evaluated);
            self.words(end.max(new), hay.len());
        }
        if !engine.keywords.is_empty() {
            // Keywords whose value has not got long enough yet, or did so behind the last window.
            let far = usize::from(engine.look_back.most) + RUN;
            let new = self.index(self.stream.evaluated);
            self.keywords(new.max(hay.len().saturating_sub(far)), end);
        }
    }

    /// Evaluates the starts that one strip's candidates point at, in the order of their places.
    fn strip(&mut self, from: usize, strip: &Strip) {
        let engine = self.engine;
        let hay = self.view.hay;
        let mut literals = strip.literals.as_slice().iter().peekable();
        let mut shapes = strip.shapes.as_slice().iter().peekable();
        loop {
            let (literal, shape) = (literals.peek().copied(), shapes.peek().copied());
            let is_literal = match (literal, shape) {
                (None, None) => return,
                (Some(literal), Some(shape)) => literal <= shape,
                (literal, _) => literal.is_some(),
            };
            if is_literal && let Some(&at) = literals.next() {
                let at = from + usize::from(at);
                engine.index.literals(hay, at, |w| self.window(w, at));
            } else if let Some(&at) = shapes.next() {
                let at = from + usize::from(at);
                engine.index.shapes(hay, at, |w| self.window(w, at));
            }
        }
    }

    /// Evaluates the starts of keyed rules before the run that got long enough at `at`. Those before `looked` were; moves
    /// that on.
    fn look_back(&mut self, at: usize, looked: &mut usize) {
        let engine = self.engine;
        let hay = self.view.hay;
        let LookBack { before, walk, most } = &engine.look_back;
        let Some(run) = (at + 1).checked_sub(RUN) else {
            return;
        };
        let least = run.saturating_sub(usize::from(*most)).max(*looked);
        let text = hay.get(least..run).unwrap_or_default();
        if !text.last().is_some_and(|&b| boundary::contains(before, b)) {
            return;
        }
        let walked = text
            .iter()
            .rev()
            .take_while(|&&b| boundary::contains(walk, b));
        self.keywords(run - walked.count(), run);
        *looked = run;
    }

    /// Evaluates the starts of keyed rules whose windows stand in `from..to`.
    fn keywords(&mut self, from: usize, to: usize) {
        let engine = self.engine;
        let hay = self.view.hay;
        for at in from..to {
            if engine.keywords.may_stand(hay, at) {
                engine.keywords.standing(hay, at, |w| self.window(w, at));
            }
        }
    }

    fn window(&mut self, index: u16, at: usize) {
        if let Some(window) = self.engine.windows.get(usize::from(index)) {
            self.observer.window(RuleIndex(window.rule));
            self.candidate(window, at);
        }
    }

    /// Evaluates the starts that a window at `at` stands for.
    fn candidate(&mut self, window: &Window, at: usize) {
        let Some(program) = self.engine.programs.get(usize::from(window.rule)) else {
            return;
        };
        let Some(end) = at.checked_sub(usize::from(window.offset)) else {
            return;
        };
        if window.run.is_none() && !boundary::left_is_free(&program.left, self.view.hay, end) {
            return;
        }
        let Some(first_new) = self.first_new(window.rule) else {
            return;
        };
        let (from, to) = match &window.run {
            None => (end, end + 1),
            Some(run) => {
                let text = self.view.hay.get(..end).unwrap_or_default();
                let most = text.iter().rev().take(usize::from(run.max));
                let length = most
                    .take_while(|&&b| boundary::contains(&run.set, b))
                    .count();
                (end - length, (end + 1).saturating_sub(usize::from(run.min)))
            }
        };
        if to <= first_new {
            return;
        }
        let from = from.max(first_new);
        if program.spread == 0 {
            self.evaluate_range(window.rule, from, to);
        } else if (from..to).any(|start| self.lives(program, start)) {
            // An earlier start may come to light later, by a window further from it: now is the time to look at it.
            let from = from.saturating_sub(program.spread).max(first_new);
            self.evaluate_range(window.rule, from, to);
        }
    }

    /// Whether a start is anything but dead, as far as automata can tell.
    fn lives(&mut self, program: &RuleProgram, start: usize) -> bool {
        if !boundary::left_is_free(&program.left, self.view.hay, start) {
            return false;
        }
        let mut ends = core::mem::take(&mut self.stream.ends);
        let verdict = program
            .program
            .verify(&self.view, start, None, false, &mut ends);
        self.stream.ends = ends;
        verdict != Verdict::Dead
    }

    /// Evaluates the new starts near the window's end, where the prefilter's windows are cut off.
    fn tail(&mut self) {
        let engine = self.engine;
        let hay = self.view.hay;
        // Starts of runs lie further back: they come first.
        for &rule in &engine.run_rules {
            let Some(first_new) = self.first_new(rule) else {
                continue;
            };
            let windows = engine
                .programs
                .get(usize::from(rule))
                .map_or(&[][..], |p| p.windows.as_slice());
            let windows = windows
                .iter()
                .filter_map(|&w| engine.windows.get(usize::from(w)));
            if let Some(from) = windows.filter_map(|w| run_tail(w, hay, first_new)).min() {
                self.evaluate_range(rule, from.max(first_new), hay.len());
            }
        }
        let new = self.index(self.stream.evaluated);
        let from = new.max(hay.len().saturating_sub(engine.reach + WINDOW - 1));
        for at in from..hay.len() {
            let text = hay.get(at..).unwrap_or_default();
            for rule in engine.starting_with(text) {
                if let Some(program) = engine.programs.get(usize::from(rule))
                    && !program.windows.is_empty()
                    && hay.len() - at < program.reach + WINDOW
                    && self.first_new(rule).is_some_and(|first| first <= at)
                {
                    self.evaluate(rule, program, at, None);
                }
            }
        }
    }
}

/// The first start, from `least` on, of a match whose leading run ends so near the end of `hay` that `window` behind it is
/// cut off.
fn run_tail(window: &Window, hay: &[u8], least: usize) -> Option<usize> {
    let run = window.run.as_ref()?;
    let cut = usize::from(window.offset) + WINDOW;
    (0..cut)
        .filter_map(|back| {
            let end = hay.len().checked_sub(back).filter(|&end| end > least)?;
            let text = hay.get(least..end)?;
            let most = text.iter().rev().take(usize::from(run.max));
            let length = most
                .take_while(|&&b| boundary::contains(&run.set, b))
                .count();
            (length > 0).then_some(end - length)
        })
        .min()
}
