//! Verifying a candidate: the automata of one rule, run one after the other from a known start.
//!
//! A pattern is split at its secret group into *stages*: what leads to the secret, the secret (the *body*, with what has a
//! fixed length around it), what follows it. Each is an anchored automaton. A match is a way through all stages; wanted is
//! the longest, among those the one whose secret starts first, among those the one whose secret ends last.
//!
//! Where a stage can end in one place only (the compiler proves it: `unique`) the stages run as one machine whose state is
//! kept while the stream goes on. Otherwise every way is tried, from the start, each time more bytes are there; `max_len`
//! bounds that.

use alloc::vec::Vec;
use core::cell::Cell;

use crate::artifact::Engine;
use crate::boundary;
use crate::dfa::{DEAD, Dfa, FINAL, MATCHES, SOON};

/// One step of a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    pub(crate) dfa: Dfa,
    /// At most one end of this stage lets the next one live.
    pub(crate) unique: bool,
}

/// How a rule's candidates are verified.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) stages: Vec<Stage>,
    /// The stage that holds the secret.
    pub(crate) body: usize,
    /// Bytes at the start of the body that are not secret.
    pub(crate) lead: usize,
    /// Bytes at the end of the body that are not secret.
    pub(crate) trail: usize,
    /// No secret starts earlier than this many bytes after the match does.
    pub(crate) min_prefix: usize,
    /// A match that is undecided after this many bytes is masked.
    pub(crate) max_len: usize,
    /// Validators choose among the ends of a match (check digits); otherwise they judge the longest one.
    pub(crate) select: bool,
    /// All stages are unique: the machine can be kept.
    pub(crate) linear: bool,
}

/// A way through all stages. Positions are of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) end: usize,
    pub(crate) secret: (usize, usize),
}

/// The state of a linear machine between chunks. Positions are of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    stage: usize,
    state: u16,
    at: u64,
    accept: Option<u64>,
    body: u64,
    body_end: u64,
    /// The secret is marks and mask characters up to here.
    redacted: u64,
}

impl Progress {
    /// The same in a stream where all offsets are so much larger.
    pub(crate) fn shifted(mut self, by: u64) -> Progress {
        let offsets = [
            &mut self.at,
            &mut self.body,
            &mut self.body_end,
            &mut self.redacted,
        ];
        for offset in offsets.into_iter().chain(&mut self.accept) {
            *offset = offset.wrapping_add(by);
        }
        self
    }
}

/// What is known of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No match starts here.
    Dead,
    /// More bytes decide. The progress is `None` where the next try starts over; the number is the earliest place where the
    /// secret of this match can start, or that of one that starts later and is not looked at before this one is decided.
    Open(Option<Progress>, usize),
    /// A match; with `select`, its ends are in the scratch, ascending.
    Match(Match),
    /// The secret goes on as long as the automaton lives. `forced`: undecided at `max_len`.
    Growing {
        /// Where the secret starts.
        secret: usize,
        /// The automaton and its state.
        growth: Growth,
        forced: bool,
    },
}

/// A secret that is certain and has not ended yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Growth {
    pub(crate) dfa: Dfa,
    pub(crate) state: u16,
    /// Where the automaton stands, of the stream.
    pub(crate) at: u64,
}

impl PartialEq for Growth {
    fn eq(&self, other: &Self) -> bool {
        (self.state, self.at) == (other.state, other.at)
    }
}

impl Eq for Growth {}

impl Growth {
    /// Goes on through the window; whether it still lives. `at` is then where it ended or the window did.
    pub(crate) fn grow(&mut self, view: &View<'_>) -> bool {
        let cells = self.dfa.cells(view.artifact);
        loop {
            let rest = view.hay.get(view.index(self.at)..).unwrap_or_default();
            let (state, count, _) = self.dfa.skip(view.artifact, self.state, rest);
            (self.state, self.at) = (state, self.at + count as u64);
            let Some(&byte) = rest.get(count) else { break };
            self.state = cells.next(self.state, byte) & !MATCHES;
            if self.state == DEAD {
                return false;
            }
            self.at += 1;
            if self.state == FINAL {
                return false;
            }
        }
        !view.last
    }
}

/// What a program reads.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) artifact: &'a [u8],
    pub(crate) hay: &'a [u8],
    /// Stream offset of the window's first byte.
    pub(crate) base: u64,
    /// No byte follows the window.
    pub(crate) last: bool,
    /// Bytes that automata looked at.
    pub(crate) steps: &'a Cell<u64>,
}

impl View<'_> {
    fn before(&self, at: usize) -> Option<u8> {
        at.checked_sub(1).and_then(|i| self.hay.get(i)).copied()
    }

    fn index(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.base)).unwrap_or(usize::MAX)
    }

    fn offset(&self, index: usize) -> u64 {
        self.base + index as u64
    }

    /// Whether it is plain, from the bytes before `at`, that the match from `start` was not redacted before. `redacted` is
    /// where the part of the secret ends that is known to be marks and mask characters; moved on.
    fn is_not_redacted(&self, start: usize, redacted: &mut usize, at: usize) -> bool {
        let ids = self.engine;
        let secret = self.hay.get(*redacted..at).unwrap_or_default();
        let rest = boundary::skip_redacted(secret, |id| ids.knows(id));
        *redacted = at.saturating_sub(rest.len());
        !boundary::may_become_mark(rest, ids)
            && !boundary::may_begin_in_mark(self.hay, start, at, ids)
    }
}

/// How one automaton's run ended.
enum Run {
    /// It died, or the haystack ended.
    Done,
    /// The window ended and more bytes may come, in this state.
    Alive(u16),
    /// It lives at the limit, in this state.
    Limit(u16),
    /// It entered a sure state, at this position.
    Sure(u16, usize),
}

/// No question that stops a run in a sure state.
const NEVER: Option<fn(usize) -> bool> = None;

/// Runs `dfa` from `at` in `state`; calls `accept` with each position where what came before is a match, ascending, and stops
/// in the first sure state at which `plain` holds, if there is such a question.
fn run(
    dfa: &Dfa,
    view: &View<'_>,
    state: u16,
    at: usize,
    limit: usize,
    plain: Option<impl FnMut(usize) -> bool>,
    accept: impl FnMut(usize),
) -> Run {
    let from = at;
    let (run, to) = walk(dfa, view, state, at, limit, plain, accept);
    view.steps.set(view.steps.get() + (to - from) as u64);
    run
}

/// As [`run`], and where it ended.
#[inline(always)]
fn walk(
    dfa: &Dfa,
    view: &View<'_>,
    mut state: u16,
    mut at: usize,
    limit: usize,
    mut plain: Option<impl FnMut(usize) -> bool>,
    mut accept: impl FnMut(usize),
) -> (Run, usize) {
    let cells = dfa.cells(view.artifact);
    let text = view.hay.get(..limit.min(view.hay.len()));
    let text = text.unwrap_or_default();
    if !dfa.is_sure(state) && state != FINAL {
        let rest = text.get(at..).unwrap_or_default();
        let soon = rest.get(..SOON).unwrap_or(rest);
        let (reached, steps) = cells.pass(state, soon, dfa.sure);
        state = reached;
        at += steps;
    }
    loop {
        if state < dfa.simple && state != FINAL {
            let rest = text.get(at..).unwrap_or_default();
            let (reached, steps) = cells.pass(state, rest, dfa.simple);
            state = reached;
            at += steps;
        }
        if state == FINAL {
            accept(at);
            return (Run::Done, at);
        }
        if let Some(plain) = plain.as_mut().filter(|_| dfa.is_sure(state)) {
            if plain(at) {
                return (Run::Sure(state, at), at);
            }
        } else if state >= dfa.simple {
            let rest = text.get(at..).unwrap_or_default();
            let (reached, steps, matches) = dfa.skip(view.artifact, state, rest);
            if matches {
                (at..at + steps).for_each(&mut accept);
            }
            state = reached;
            at += steps;
        }
        let Some(&byte) = view.hay.get(at) else { break };
        let entry = cells.next(state, byte);
        if entry & MATCHES != 0 {
            accept(at);
        }
        if entry & !MATCHES == DEAD {
            return (Run::Done, at);
        }
        if at >= limit {
            return (Run::Limit(state), at);
        }
        state = entry & !MATCHES;
        at += 1;
    }
    if !view.last {
        return (Run::Alive(state), at);
    }
    if cells.end(state) & MATCHES != 0 {
        accept(at);
    }
    (Run::Done, at)
}

impl Program {
    /// Verifies the candidate at `start`, going on from `progress` if there is any.
    ///
    /// `streams`: the rule's action may write before the end is known, and no validator waits for it. After a match with `select` the
    /// scratch holds the positions where a match ends.
    #[inline]
    pub(crate) fn verify(
        &self,
        view: &View<'_>,
        start: usize,
        progress: Option<Progress>,
        streams: bool,
        scratch: &mut Scratch,
    ) -> Verdict {
        if progress.is_none() && self.dies(view, start) {
            return Verdict::Dead;
        }
        self.verify_on(view, start, progress, streams, scratch)
    }

    /// The same for one that does not die soon: kept apart, so that those that do pay for no room that they do not need.
    #[inline(never)]
    fn verify_on(
        &self,
        view: &View<'_>,
        start: usize,
        progress: Option<Progress>,
        streams: bool,
        scratch: &mut Scratch,
    ) -> Verdict {
        if self.linear && !self.select {
            self.linear(view, start, progress, streams)
        } else if self.linear {
            self.selected(view, start, &mut scratch.ends)
        } else {
            self.explore_all(view, start, scratch)
        }
    }

    /// Whether a look at the first automaton shows that no match starts at `start`: most candidates are dead after a few bytes.
    #[inline]
    fn dies(&self, view: &View<'_>, start: usize) -> bool {
        let text = view.hay.get(start..).unwrap_or_default();
        let text = text.get(..self.max_len).unwrap_or(text);
        let first = self.stages.first();
        let dies = first.and_then(|s| s.dfa.dies(view.artifact, view.before(start), text));
        if let Some(steps) = dies {
            view.steps.set(view.steps.get() + steps as u64);
        }
        dies.is_some()
    }

    /// Whether a match may start at `start`, as far as a look at the first automaton tells.
    #[inline]
    pub(crate) fn may_match(&self, view: &View<'_>, start: usize) -> bool {
        let text = view.hay.get(start..).unwrap_or_default();
        let text = text.get(..self.max_len).unwrap_or(text);
        let first = self.stages.first();
        first.is_some_and(|s| s.dfa.may_match(view.artifact, view.before(start), text))
    }

    fn linear(
        &self,
        view: &View<'_>,
        start: usize,
        progress: Option<Progress>,
        streams: bool,
    ) -> Verdict {
        let from = view.offset(start);
        let mut now = progress.unwrap_or(Progress {
            stage: 0,
            state: self
                .stages
                .first()
                .map_or(DEAD, |s| s.dfa.start(view.before(start))),
            at: from,
            accept: None,
            body: from,
            body_end: from,
            redacted: from,
        });
        let limit = start + self.max_len;
        while let Some(stage) = self.stages.get(now.stage) {
            let is_body = now.stage == self.body;
            let ends_it = is_body && self.body + 1 == self.stages.len() && self.trail == 0;
            let mut accept = now.accept;
            let dfa = &stage.dfa;
            let here = view.index(now.at);
            let limit_here = if is_body { limit } else { usize::MAX };
            let secret = view.index(now.body) + self.lead;
            let mut redacted = view.index(now.redacted).max(secret);
            let outcome = run(
                dfa,
                view,
                now.state,
                here,
                limit_here,
                (streams && ends_it).then_some(|at| view.is_not_redacted(start, &mut redacted, at)),
                |at| {
                    accept = Some(view.offset(at));
                },
            );
            match outcome {
                Run::Alive(state) => {
                    let open = Progress {
                        state,
                        at: view.offset(view.hay.len()),
                        accept,
                        redacted: view.offset(redacted),
                        ..now
                    };
                    let earliest = if now.stage >= self.body {
                        secret
                    } else {
                        start + self.min_prefix
                    };
                    return Verdict::Open(Some(open), earliest.min(self.next_secret(start)));
                }
                Run::Limit(state) => {
                    let growth = Growth {
                        dfa: *dfa,
                        state,
                        at: view.offset(limit),
                    };
                    return Verdict::Growing {
                        secret,
                        growth,
                        forced: true,
                    };
                }
                Run::Sure(state, at) => {
                    let growth = Growth {
                        dfa: *dfa,
                        state,
                        at: view.offset(at),
                    };
                    return Verdict::Growing {
                        secret,
                        growth,
                        forced: false,
                    };
                }
                Run::Done => {}
            }
            let Some(end) = accept else {
                return Verdict::Dead;
            };
            if is_body {
                now.body_end = end;
            }
            now.stage += 1;
            if now.stage == self.body {
                now.body = end;
            }
            now.at = end;
            now.accept = None;
            now.state = self
                .stages
                .get(now.stage)
                .map_or(DEAD, |s| s.dfa.start(view.before(view.index(end))));
        }
        Verdict::Match(Match {
            end: view.index(now.at),
            secret: (
                view.index(now.body) + self.lead,
                view.index(now.body_end).saturating_sub(self.trail),
            ),
        })
    }

    /// Where validators choose among the ends of the last stage: as [`Program::linear`], but for all of them.
    fn selected(&self, view: &View<'_>, start: usize, ends: &mut Vec<usize>) -> Verdict {
        ends.clear();
        let mut at = start;
        for (index, stage) in self.stages.iter().enumerate() {
            let is_body = index == self.body;
            let limit = if is_body {
                start + self.max_len
            } else {
                usize::MAX
            };
            let mut last = None;
            let state = stage.dfa.start(view.before(at));
            let accept = |end| {
                if is_body && last != Some(end) {
                    ends.push(end);
                }
                last = Some(end);
            };
            let outcome = run(&stage.dfa, view, state, at, limit, NEVER, accept);
            let secret = at + self.lead;
            match (outcome, last) {
                (Run::Alive(_), _) => {
                    let earliest = if is_body {
                        secret
                    } else {
                        start + self.min_prefix
                    };
                    return Verdict::Open(None, earliest.min(self.next_secret(start)));
                }
                (Run::Limit(state), _) => {
                    return Verdict::Growing {
                        secret,
                        growth: Growth {
                            dfa: stage.dfa,
                            state,
                            at: view.offset(limit),
                        },
                        forced: true,
                    };
                }
                (Run::Done | Run::Sure(..), None) => return Verdict::Dead,
                (Run::Done | Run::Sure(..), Some(end)) if is_body => {
                    return Verdict::Match(Match {
                        end,
                        secret: (secret, end.saturating_sub(self.trail)),
                    });
                }
                (Run::Done | Run::Sure(..), Some(end)) => at = end,
            }
        }
        Verdict::Dead
    }

    /// The earliest secret of a match that starts after `start`.
    fn next_secret(&self, start: usize) -> usize {
        start + 1 + self.min_prefix
    }

    fn explore_all(&self, view: &View<'_>, start: usize, scratch: &mut Scratch) -> Verdict {
        scratch.ends.clear();
        scratch.ways.clear();
        let mut found = Found {
            best: None,
            open: None,
            grown: None,
            scratch,
        };
        self.explore(view, start, 0, start, (start, start), &mut found);
        if let Some((secret, growth)) = found.grown {
            return Verdict::Growing {
                secret,
                growth,
                forced: true,
            };
        }
        if let Some(earliest) = found.open {
            // A way that is complete is wanted if those that are not come to nothing.
            let complete = found.best.map_or(usize::MAX, |best| best.secret.0);
            return Verdict::Open(None, earliest.min(complete).min(self.next_secret(start)));
        }
        found.best.map_or(Verdict::Dead, Verdict::Match)
    }

    /// Tries every way from stage `index` at `at`.
    fn explore(
        &self,
        view: &View<'_>,
        start: usize,
        index: usize,
        at: usize,
        body: (usize, usize),
        found: &mut Found<'_>,
    ) {
        let Some(stage) = self.stages.get(index) else {
            let secret = (body.0 + self.lead, body.1.saturating_sub(self.trail));
            found.offer(Match { end: at, secret });
            return;
        };
        let body = if index == self.body { (at, at) } else { body };
        let limit = if index == self.body {
            start + self.max_len
        } else {
            usize::MAX
        };
        let ways = &mut found.scratch.ways;
        let first = ways.len();
        let mut accepted = None;
        let accept = |end| {
            if accepted != Some(end) {
                ways.push(end);
            }
            accepted = Some(end);
        };
        let state = stage.dfa.start(view.before(at));
        match run(&stage.dfa, view, state, at, limit, NEVER, accept) {
            Run::Alive(_) => {
                let earliest = if index >= self.body {
                    body.0 + self.lead
                } else {
                    start + self.min_prefix
                };
                found.open = Some(found.open.map_or(earliest, |e| e.min(earliest)));
            }
            Run::Limit(state) => {
                let secret = body.0 + self.lead;
                if found.grown.is_none_or(|(first, _)| secret < first) {
                    found.grown = Some((
                        secret,
                        Growth {
                            dfa: stage.dfa,
                            state,
                            at: view.offset(limit),
                        },
                    ));
                }
            }
            Run::Done | Run::Sure(..) => {}
        }
        // Those of later stages are behind them, and taken away again.
        for way in first..found.scratch.ways.len() {
            let end = found.scratch.ways.get(way).copied().unwrap_or(at);
            let body = if index == self.body {
                (body.0, end)
            } else {
                body
            };
            self.explore(view, start, index + 1, end, body, found);
        }
        found.scratch.ways.truncate(first);
    }
}

/// Room that verifying needs, kept from one candidate to the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Where the match that was verified last may end.
    pub(crate) ends: Vec<usize>,
    /// Where the stages on the way that is being tried may end, one behind the other.
    ways: Vec<usize>,
}

impl Scratch {
    /// Keeps room for so many.
    pub(crate) fn rest(&mut self, most: usize) {
        self.ends.clear();
        self.ends.shrink_to(most);
        self.ways.clear();
        self.ways.shrink_to(most);
    }

    /// Bytes held on the heap.
    pub(crate) fn memory(&self) -> usize {
        (self.ends.capacity() + self.ways.capacity()) * size_of::<usize>()
    }
}

/// What the ways through a program have shown so far.
struct Found<'a> {
    best: Option<Match>,
    open: Option<usize>,
    grown: Option<(usize, Growth)>,
    scratch: &'a mut Scratch,
}

impl Found<'_> {
    fn offer(&mut self, new: Match) {
        let better = self.best.is_none_or(|old| {
            new.end > old.end
                || new.end == old.end && new.secret.0 < old.secret.0
                || new.end == old.end && new.secret.0 == old.secret.0 && new.secret.1 > old.secret.1
        });
        if better {
            self.best = Some(new);
        }
        self.scratch.ends.push(new.end);
    }
}
