//! The seam for those who see more in the bytes than the bytes: a stream can be forked where a decoder begins to read on in another form,
//! the fork scans what was decoded, and what it finds is added to the stream it came from, in that one's offsets. Decoders live elsewhere.
//!
//! A caller that uses this scans with [`Stream::scan_next`], which decides nothing, adds what others found, and then lets the stream
//! settle, but not beyond what the others still have open ([`Stream::settle`]).

use super::{Follows, Open, State, Stream};
use crate::artifact::Engine;
use crate::plan::Plan;
use crate::rule::{Action, Confidence, Finding, RuleIndex};
use crate::union::Part;

/// A piece of a finding that has not become an edit: a whole one, or what a growing one has grown by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece(Part);

impl Piece {
    /// First byte, and one past the last.
    #[must_use]
    pub fn span(&self) -> (u64, u64) {
        (self.0.start, self.0.end)
    }

    /// Whether it goes on with the piece before it.
    #[must_use]
    pub fn continues(&self) -> bool {
        self.0.continues
    }

    /// The same at other offsets.
    #[must_use]
    pub fn at(mut self, start: u64, end: u64) -> Piece {
        (self.0.start, self.0.end) = (start, end);
        self
    }
}

impl Stream {
    /// The first `len` bytes of the room that [`Stream::spare`] gave and that were not scanned yet.
    #[must_use]
    pub fn unscanned(&self, len: usize) -> &[u8] {
        let end = self.filled.saturating_add(len);
        self.window.get(self.filled..end).unwrap_or_default()
    }

    /// The same, to be changed before they are scanned.
    pub fn unscanned_mut(&mut self, len: usize) -> &mut [u8] {
        let end = self.filled.saturating_add(len);
        self.window.get_mut(self.filled..end).unwrap_or_default()
    }

    /// Scans the first `len` bytes of that room, and decides nothing. Before it settles, a call must not have said [`Follows::More`] last.
    pub fn scan_next(&mut self, engine: &Engine, plan: &Plan, len: usize, follows: Follows) {
        self.scan(engine, plan, len, follows, &mut ());
    }

    /// Offset before which every start was looked at. All that was received, unless [`Follows::More`] was said last.
    #[must_use]
    pub fn evaluated(&self) -> u64 {
        self.evaluated
    }

    /// Makes `fork` a stream that has seen what this one has and goes on with other bytes, at the same offset. What was found so far
    /// stays here.
    ///
    /// # Cost
    /// Linear in what open matches and the context need.
    pub fn fork(&self, fork: &mut Stream) {
        fork.reset(self.place);
        let from = self.unneeded_by_scan();
        let kept = self.window.get(from..self.filled).unwrap_or_default();
        fork.window.extend_from_slice(kept);
        fork.filled = kept.len();
        fork.base = self.base + from as u64;
        fork.evaluated = self.evaluated;
        fork.resume.copy(&self.resume);
        fork.open.extend_from_slice(&self.open);
        fork.let_go();
    }

    /// No finding that is still undecided starts before this offset.
    #[must_use]
    pub fn undecided_from(&self) -> u64 {
        self.watermark()
    }

    /// The lowest offset that a certain match has reached and goes on from; [`u64::MAX`] if there is none.
    #[must_use]
    pub fn growing_from(&self) -> u64 {
        self.growing()
    }

    /// Whether this stream and `other` will find the same in the same bytes: what is open in both began at or after `from`, an offset of
    /// this one, and is the same, as seen from their ends. What stands before their ends must be the same as far as it may bear on matches.
    #[must_use]
    pub fn goes_on_like(&self, other: &Stream, from: u64) -> bool {
        let shift = other.received().wrapping_sub(self.received());
        let is_same = |mine: &Open, its: &Open| {
            let (
                State::Waiting { progress, earliest },
                State::Waiting {
                    progress: its_progress,
                    earliest: its_earliest,
                },
            ) = (&mine.state, &its.state)
            else {
                return false;
            };
            mine.rule == its.rule
                && mine.start.wrapping_add(shift) == its.start
                && earliest.wrapping_add(shift) == *its_earliest
                && progress.map(|p| p.shifted(shift)) == *its_progress
        };
        let level = self.evaluated.wrapping_add(shift) == other.evaluated;
        let ends = &self.resume.matched;
        let has = |&rule: &u16| self.resume.end(rule).wrapping_add(shift) == other.resume.end(rule);
        level
            && ends.len() == other.resume.matched.len()
            && ends.iter().all(has)
            && self.open.len() == other.open.len()
            && self
                .open
                .iter()
                .all(|mine| mine.start >= from && other.open.iter().any(|its| is_same(mine, its)))
    }

    /// The certain matches that have not ended: rule, and where the secret starts.
    pub fn growths(&self) -> impl Iterator<Item = (RuleIndex, u64)> + '_ {
        self.open.iter().filter_map(|o| match o.state {
            State::Growing { secret, .. } => Some((RuleIndex(o.rule), secret)),
            State::Waiting { .. } => None,
        })
    }

    /// Where the first match begins that is open, certain or not; [`u64::MAX`] if there is none.
    #[must_use]
    pub fn open_from(&self) -> u64 {
        let starts = self.open.iter().map(|open| open.start);
        starts.min().unwrap_or(u64::MAX)
    }

    /// Hands over what was found since the last call, and forgets it: pieces and findings. For forks, which write nothing themselves.
    pub fn hand_over(&mut self, mut piece: impl FnMut(Piece), finding: impl FnMut(Finding)) {
        self.union.hand_over(|part| piece(Piece(part)));
        self.findings.drain(..).for_each(finding);
        self.let_go();
    }

    /// Takes in what another stream found, at offsets of this one.
    ///
    /// A piece may not start before what [`Stream::settle`] was told that others have open; what starts before [`Stream::decided`] all
    /// the same counts from there.
    pub fn add(&mut self, piece: Piece) {
        self.union.add(piece.0);
    }

    /// Decides what can be decided, as [`Stream::commit`] does, but nothing from `watermark` on nor from `growing` on, where others have
    /// something certain that goes on, and closes no region that reaches it ([`u64::MAX`]: none).
    pub fn settle(&mut self, engine: &Engine, watermark: u64, growing: u64, last: bool) {
        let growing = growing.min(self.growing());
        // What stands between the two stands for nothing: it belongs to what goes on, or to what comes behind it.
        let watermark = watermark.min(self.watermark()).min(growing);
        self.advance(engine, watermark, growing, last);
    }

    /// As [`Stream::force`], where others have something open from `earliest` on, by that rule, have something to read from `unread` on
    /// of which no rule is known yet ([`u64::MAX`]: nothing), and something certain that reaches `growing`.
    pub fn force_with(
        &mut self,
        engine: &Engine,
        earliest: Option<(u64, RuleIndex)>,
        unread: u64,
        growing: u64,
    ) {
        let end = self.received();
        let first = self.waiting().into_iter().chain(earliest).min();
        // A mask has no use for the name of its rule.
        let (start, rule) = first.unwrap_or((u64::MAX, RuleIndex(0)));
        let start = start.min(unread);
        if start < end {
            self.union.add(Part {
                start,
                end,
                rule,
                action: Action::Mask,
                confidence: Confidence::Low,
                continues: false,
                partial: true,
            });
            self.forced += 1;
        }
        self.union.give_up_values();
        self.advance(engine, end, growing.min(self.growing()), false);
    }

    /// The undecided match whose secret may start first: where, and its rule.
    #[must_use]
    pub fn waiting(&self) -> Option<(u64, RuleIndex)> {
        let waiting = self.open.iter().filter_map(|o| match o.state {
            State::Waiting { earliest, .. } => Some((earliest, RuleIndex(o.rule))),
            State::Growing { .. } => None,
        });
        waiting.min()
    }

    /// Bytes that were received, as far as the window still has them: those from [`Stream::decided`] on, from the last
    /// [`Stream::release`] on, and some context before.
    #[must_use]
    pub fn received_bytes(&self, start: u64, end: u64) -> &[u8] {
        let index =
            |offset: u64| usize::try_from(offset.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let filled = self.window.get(..self.filled).unwrap_or_default();
        filled
            .get(index(start)..index(end).min(self.filled))
            .unwrap_or_default()
    }

    /// Forgets edits and findings as [`Stream::clear`] does, and bytes before `offset` only.
    pub fn release(&mut self, offset: u64) {
        let taken = self.taken.max(offset.min(self.decided));
        self.clear();
        self.taken = taken;
    }

    /// A fork's bytes are kept for its open matches only.
    fn let_go(&mut self) {
        self.decided = self.received();
        self.taken = self.decided;
    }
}
