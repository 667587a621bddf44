//! A haystack in chunks: what is scanned when a chunk arrives, what stays open, what is decided.
//!
//! Every position is, for every rule, either *evaluated* as a start of a match (a match, dead, or open with its machine's
//! state kept), or it lies behind an open start of the same rule and is evaluated when that one is decided. When a chunk
//! ends all its positions have been dealt with: inside by the prefilter, in the last few bytes, where a window may be cut
//! off, one by one. So a chunk of one byte costs what a byte costs, and nothing is scanned twice.
//! See `DESIGN.md` beside this file.

mod candidates;
mod outer;
mod scan;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::Cell;

use crate::artifact::{CutOff, Engine};
use crate::boundary::CONTEXT;
use crate::ledger::Observer;
use crate::plan::Plan;
use crate::prefilter::Strip;
use crate::program::{Growth, Progress, Scratch, View};
use crate::rule::{Finding, Place, RuleIndex};
use crate::union::{Bytes, Edit, Union};
pub use outer::Piece;
use scan::Scan;

/// Elements that each list keeps room for while a stream rests.
const RESTING: usize = 16;
/// Bytes of lists of candidates that are kept while a stream rests: those of a short haystack.
const RESTING_STRIP: usize = 2048;

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
    /// Offset before which every start is evaluated or behind an open one. All that was received, but in the middle of a chunk.
    evaluated: u64,
    open: Vec<Open>,
    resume: Resume,
    runs: Runs,
    findings: Vec<Finding>,
    union: Union,
    blocked: Option<RuleIndex>,
    removed: Option<RuleIndex>,
    forced: u64,
    /// The last byte was scanned.
    over: bool,
    scratch: Scratch,
    cut_off: CutOff,
    /// Lists of candidates, to be filled again.
    strip: Option<Box<Strip>>,
}

/// What comes behind the bytes that are scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows {
    /// Nothing: the haystack is over.
    Nothing,
    /// What and when, nobody knows: whatever can be decided is.
    Unknown,
    /// More bytes, which are scanned before anything is decided. The last few starts wait for them, where the prefilter would be of no help.
    More,
}

impl Follows {
    /// `last`: nothing. Otherwise nobody knows.
    #[must_use]
    pub fn after(last: bool) -> Follows {
        match last {
            true => Follows::Nothing,
            false => Follows::Unknown,
        }
    }
}

/// Where the next match of a rule may start, for rules that matched in the chunk being scanned.
#[derive(Debug, Default)]
struct Resume {
    /// By rule, as far as any is needed; 0 for those that did not match.
    ends: Vec<u64>,
    matched: Vec<u16>,
}

impl Resume {
    /// Where the match of a rule ended; 0 if it had none.
    fn end(&self, rule: u16) -> u64 {
        self.ends.get(usize::from(rule)).copied().unwrap_or(0)
    }

    /// Notes where a match of one of so many rules ended.
    fn set(&mut self, rule: u16, rules: usize, end: u64) {
        // A stream may go on to another policy.
        if self.ends.len() < rules {
            self.ends.resize(rules, 0);
        }
        if let Some(slot) = self.ends.get_mut(usize::from(rule)) {
            if *slot == 0 {
                self.matched.push(rule);
            }
            *slot = end;
        }
    }

    /// Forgets ends that bear on no start from `upto` on.
    fn clear(&mut self, upto: u64) {
        let ends = &mut self.ends;
        self.matched.retain(|&rule| {
            let slot = ends.get_mut(usize::from(rule));
            slot.is_some_and(|slot| {
                if *slot <= upto {
                    *slot = 0;
                }
                *slot != 0
            })
        });
    }

    /// Starts over.
    fn reset(&mut self) {
        self.clear(u64::MAX);
    }

    /// The same ends, for a stream that goes on from here.
    fn copy(&mut self, of: &Resume) {
        self.reset();
        for &rule in &of.matched {
            self.set(rule, of.ends.len(), of.end(rule));
        }
    }

    /// Gives its room back.
    fn rest(&mut self) {
        *self = Resume::default();
    }

    fn memory(&self) -> usize {
        self.ends.capacity() * size_of::<u64>() + self.matched.capacity() * size_of::<u16>()
    }
}

/// The starts, from one position to another of the window, that were evaluated last for each rule that begins with a run.
#[derive(Debug, Default)]
struct Runs(Vec<(u16, usize, usize)>);

impl Runs {
    /// Where to begin with the starts `from..to`, which are evaluated next: later ones than those that were, if these go on
    /// from them.
    fn go_on(&mut self, rule: u16, from: usize, to: usize) -> usize {
        let Some((_, first, last)) = self.0.iter_mut().find(|(known, ..)| *known == rule) else {
            self.0.push((rule, from, to));
            return from;
        };
        if (*first..=*last).contains(&from) {
            let begin = *last;
            *last = to.max(begin);
            return begin;
        }
        (*first, *last) = (from, to);
        from
    }
}

/// An undecided or growing match; at most one per rule.
#[derive(Debug, Clone)]
struct Open {
    rule: u16,
    start: u64,
    state: State,
}

#[derive(Debug, Clone)]
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
        self.resume.reset();
        self.runs.0.clear();
        self.findings.clear();
        self.union.reset();
        (self.blocked, self.removed, self.forced) = (None, None, 0);
        self.over = false;
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
        // Of a haystack that is over, and whose output was taken, nothing is needed.
        let drop = match self.over && self.decided.min(self.taken) == self.received() {
            true => self.filled,
            false => self.unneeded(),
        };
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
        self.resume.rest();
        self.runs.0.shrink_to(RESTING);
        self.scratch.rest(RESTING);
        self.cut_off.rest(RESTING);
        self.strip.take_if(|strip| strip.memory() > RESTING_STRIP);
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
        self.scan(engine, plan, len, Follows::after(last), observer);
        let watermark = self.watermark();
        let growing = self.growing();
        self.advance(engine, watermark, growing, last);
    }

    /// Scans the first `len` bytes of the room that [`Stream::spare`] gave, or what is left of it; nothing is settled.
    fn scan<O: Observer>(
        &mut self,
        engine: &Engine,
        plan: &Plan,
        len: usize,
        follows: Follows,
        observer: &mut O,
    ) {
        let last = follows == Follows::Nothing;
        self.filled = (self.filled + len).min(self.window.len());
        let window = core::mem::take(&mut self.window);
        let hay = window.get(..self.filled).unwrap_or_default();
        let limit = match follows {
            Follows::More => hay.len().saturating_sub(engine.lag()),
            Follows::Nothing | Follows::Unknown => hay.len(),
        };
        let steps = Cell::new(0);
        let scratch = core::mem::take(&mut self.scratch);
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
            follows,
            limit,
            scratch,
            seen: None,
        };
        scan.resume_open();
        scan.candidates();
        match follows {
            Follows::Nothing => {}
            Follows::Unknown => {
                scan.tail_of_runs();
                scan.tail();
            }
            Follows::More if scan.stream.evaluated < scan.offset(limit) => scan.tail_of_runs(),
            Follows::More => {}
        }
        self.scratch = scan.scratch;
        self.window = window;
        self.over |= last;
        self.evaluated = self.evaluated.max(self.base + limit as u64);
        // Most matches end before the starts that are left.
        self.resume.clear(self.evaluated);
        self.runs.0.clear();
    }

    /// Takes `chunk` as the next bytes: [`Stream::spare`], copy, [`Stream::commit`].
    pub fn push(&mut self, engine: &Engine, plan: &Plan, chunk: &[u8], last: bool) {
        self.spare(chunk.len()).copy_from_slice(chunk);
        self.commit(engine, plan, chunk.len(), last);
    }

    /// Masks everything that is undecided, so that all received bytes are final. The stream goes on: what matches later is
    /// redacted from here on as well.
    pub fn force(&mut self, engine: &Engine) {
        self.force_with(engine, None, u64::MAX, u64::MAX);
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

    /// The rule of the first finding whose action is [`Action::Block`](crate::Action::Block).
    #[must_use]
    pub fn blocked(&self) -> Option<RuleIndex> {
        self.blocked
    }

    /// The rule of the first finding whose action is [`Action::Remove`](crate::Action::Remove).
    #[must_use]
    pub fn removed(&self) -> Option<RuleIndex> {
        self.removed
    }

    /// How often something undecided was masked: by [`Stream::force`], or because it reached its `max_len`.
    #[must_use]
    pub fn forced(&self) -> u64 {
        self.forced
    }

    /// The bytes from one stream offset to another, as they were committed, if all of them are still here. [`Stream::spare`] and
    /// [`Stream::rest`] let go of what is decided.
    #[must_use]
    pub fn committed(&self, from: u64, to: u64) -> Option<&[u8]> {
        let index = |offset: u64| usize::try_from(offset.checked_sub(self.base)?).ok();
        let here = self.window.get(..self.filled)?;
        here.get(index(from)?..index(to)?)
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
            + self.resume.memory()
            + self.runs.0.capacity() * size_of::<(u16, usize, usize)>()
            + self.scratch.memory()
            + self.cut_off.memory()
            + self.strip.as_deref().map_or(0, Strip::memory)
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
        let kept = self.decided.min(self.taken);
        let kept = usize::try_from(kept.saturating_sub(self.base)).unwrap_or(0);
        self.unneeded_by_scan().min(kept.saturating_sub(CONTEXT))
    }

    /// Bytes at the front of the window that open matches and their context do not need.
    fn unneeded_by_scan(&self) -> usize {
        let start = self.open.iter().map(|o| match &o.state {
            State::Waiting { .. } => o.start,
            State::Growing { growth, .. } => growth.at,
        });
        let needed = start.min().unwrap_or(u64::MAX).min(self.evaluated);
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
        undecided.min().unwrap_or(u64::MAX).min(self.evaluated)
    }

    /// The lowest offset that a certain match has reached and goes on from; nothing that ends before it can still grow.
    fn growing(&self) -> u64 {
        let reached = self.open.iter().filter_map(|o| match &o.state {
            State::Growing { growth, .. } => Some(growth.at),
            State::Waiting { .. } => None,
        });
        reached.min().unwrap_or(u64::MAX)
    }

    fn advance(&mut self, engine: &Engine, watermark: u64, growing: u64, last: bool) {
        let growing = if last { u64::MAX } else { growing };
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
