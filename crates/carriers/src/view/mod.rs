//! Views: what a reader of the bytes will read, scanned by a stream of its own that was forked from the stream before it. Which bytes stand
//! for which lives in [`code`].
//!
//! A view begins where the first unit of its code stands. Up to there it would have seen what its parent has seen, so a fork of the parent
//! is exact: open matches, context and all. It ends, again without any difference, where both have the same open and what is still of
//! importance as context is the same in both. Views have views: a percent code in a percent code, escapes in escaped strings.

mod code;
mod kinds;
mod map;
mod run;
mod units;

use alloc::vec::Vec;

use blackbar_engine::{Engine, Finding, Follows, Piece, Place, Plan, RuleIndex, Stream};

use code::{Code, LONGEST, Unit};
pub use kinds::Views;
use map::Map;
pub(crate) use run::Runs;
pub use run::{FLOOR, READABLE};
use units::{find, find_last, has_come, is_read_elsewhere, over, unit};

/// What the escape stands for that `text` begins with, if it does.
pub(crate) fn escape(text: &[u8]) -> Option<([u8; 4], usize)> {
    match Code::Escape.unit(text, true) {
        Unit::Stands(_, bytes, count) => Some((bytes, count)),
        _ => None,
    }
}

/// Views of views of views, and no further.
const DEEPEST: usize = 3;

/// Bytes before a match that may bear on it, in the engine: so many must be the same for a view to end.
const CONTEXT: u64 = 160;

/// While a view is there, bytes are scanned so many at a time at most, so that it can end.
const BLOCK: usize = 1024;

/// If a view could have ended and has not, because something was open there, it is asked again so many bytes later at least.
const AGAIN: usize = 128;

/// Views end only where no unit of theirs follows in so many bytes: to begin anew costs as much as scanning some.
const WORTH: usize = 512;

/// What all views of a haystack are scanned with.
#[derive(Clone, Copy)]
pub(crate) struct With<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) plan: &'a Plan,
    pub(crate) views: Views,
    /// The code that was decoded last; `None`: the bytes as they came.
    pub(crate) over: Option<Code>,
}

/// What views found, at offsets of whoever asks.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) findings: Vec<Finding>,
}

impl Outbox {
    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
        self.findings.clear();
    }
}

/// What views still have open, at offsets of whoever asks; [`u64::MAX`] where nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open {
    /// No undecided finding starts before it.
    pub(crate) undecided: u64,
    /// The lowest offset that a certain match has reached and goes on from.
    pub(crate) growing: u64,
    /// No finding that will be reported starts before it.
    pub(crate) oldest: u64,
}

impl Open {
    pub(crate) const NOTHING: Open = Open {
        undecided: u64::MAX,
        growing: u64::MAX,
        oldest: u64::MAX,
    };

    pub(crate) fn and(self, other: Open) -> Open {
        Open {
            undecided: self.undecided.min(other.undecided),
            growing: self.growing.min(other.growing),
            oldest: self.oldest.min(other.oldest),
        }
    }
}

/// What all of `views` have open.
pub(crate) fn open(views: &[View]) -> Open {
    views.iter().map(View::open).fold(Open::NOTHING, Open::and)
}

/// The undecided match of any of `views` whose secret may start first.
pub(crate) fn waiting(views: &[View]) -> Option<(u64, RuleIndex)> {
    views.iter().filter_map(View::waiting).min()
}

/// Certain matches of a stream, of its views and of its runs that have not ended: rule, and where the secret starts.
pub(crate) fn growths<'a>(
    stream: &'a Stream,
    views: &'a [View],
    runs: &Runs,
) -> impl Iterator<Item = (RuleIndex, u64)> + 'a {
    let views = views.iter().flat_map(View::growths);
    stream.growths().chain(views).chain(runs.growths())
}

/// Where the first byte is that something may be read from in any of `views`, and nothing was yet; [`u64::MAX`] where there is none.
pub(crate) fn unread(views: &[View]) -> u64 {
    views.iter().map(View::unread).min().unwrap_or(u64::MAX)
}

/// Scans the next `len` bytes of the room of `stream`, and with it its views: those that are there, and those that begin. What the views
/// find is added to `out`, at offsets of `stream`. `marks` tells how deep each byte was decoded; none at all: not. Answers with how often those that ended masked something undecided.
#[allow(
    clippy::too_many_arguments,
    reason = "a node of the tree and what it is given"
)]
pub(crate) fn scan(
    with: With<'_>,
    stream: &mut Stream,
    views: &mut Vec<View>,
    runs: &mut Runs,
    depth: usize,
    len: usize,
    marks: &[u8],
    follows: Follows,
    out: &mut Outbox,
) -> u64 {
    let last = follows == Follows::Nothing;
    let mut forced = 0;
    let mut left = len;
    loop {
        let text = stream.unscanned(left);
        let marks = marks.get(len - left..).unwrap_or_default();
        let block = if views.is_empty() {
            left
        } else {
            end_of_block(text, views, with.engine.lag())
        };
        let sleeping = |code: Code| {
            depth < DEEPEST
                && with.views.has(code)
                && (depth == 0 || code.nests())
                && !views.iter().any(|view| view.code == code)
        };
        let end = last && block == left;
        let block_text = text.get(..block).unwrap_or_default();
        let found = find(block_text, marks, end, with.over, sleeping);
        let upto = found.map_or(block, |(at, _)| at);
        let ends = last && upto == left;
        let follows = if upto < left { Follows::More } else { follows };
        let piece = text.get(..upto).unwrap_or_default();
        for view in views.iter_mut() {
            view.feed(with, depth + 1, piece, marks, follows, out);
        }
        if depth < DEEPEST && with.views.has_runs() {
            runs.feed(with, depth + 1, piece, ends, out);
        } else {
            // What a fork brought along is not read so deep.
            runs.reset();
        }
        stream.scan_next(with.engine, with.plan, upto, follows);
        left -= upto;
        if let Some((_, code)) = found {
            let view = View::fork(stream, views, runs, with.views, code, depth + 1);
            views.push(view);
            continue;
        }
        if !ends && !views.is_empty() && runs.are_idle() {
            let mut at = 0;
            while at < views.len() {
                if may_end(views, at, stream, with.views) {
                    forced += views.remove(at).forced();
                } else {
                    at += 1;
                }
            }
        }
        if left == 0 {
            return forced;
        }
    }
}

/// Whether one of `views` of `parent`, in which those of `kinds` are read, would see what `parent` sees, now and when it begins anew. Then it would
/// have those of the others that it can have, with what they have open: nothing of that may have begun where this one saw something else.
fn may_end(views: &[View], at: usize, parent: &Stream, kinds: Views) -> bool {
    let Some(view) = views.get(at).filter(|view| view.is_like(parent)) else {
        return false;
    };
    let inside = kinds.inside(view.code, view.depth);
    let alike = view.stream.received() - view.differed;
    let since = parent.received().saturating_sub(alike);
    views
        .iter()
        .enumerate()
        .filter(|&(other, view)| other != at && view.code.nests() && inside.has(view.code))
        .all(|(_, view)| view.begun() >= since)
}

/// Where `views` may end: behind a blank, a comma or the end of a line, where nothing may be open any more, and far enough behind the last of
/// their units. If no such place is near, somewhere.
fn end_of_block(text: &[u8], views: &[View], lag: usize) -> usize {
    let mut codes = [false; Code::ALL.len()];
    let mut behind = match views.iter().map(|view| view.wait(lag, &mut codes)).max() {
        Some(wait @ 1..) => wait,
        // They could have ended and have not. The longer that is so, the less often they are asked.
        _ => {
            let late = views.iter().map(View::late).min().unwrap_or(0);
            usize::try_from(late).unwrap_or(BLOCK).clamp(AGAIN, BLOCK)
        }
    };
    let blank_from = |from: usize| {
        let (_, late) = text.split_at_checked(from)?;
        let near = late.get(..BLOCK.min(late.len())).unwrap_or_default();
        Some(from + memchr::memchr3(b'\n', b',', b' ', near).map_or(near.len(), |at| at + 1))
    };
    let read = |code: Code| codes.iter().zip(Code::ALL).any(|(&is, c)| is && c == code);
    let mut from = 0;
    while behind < BLOCK.min(text.len()) {
        let end = |upto: usize| text.len().min(upto + WORTH);
        // The last one, for none before it matters.
        let unit_before = |upto: usize| {
            let near = text.get(from..end(upto)).unwrap_or_default();
            find_last(near, read).map(|at| from + at)
        };
        // A blank is looked for last: where units stand side by side, there may be none for long.
        let blank = match unit_before(behind) {
            Some(unit) => Err(unit),
            None => {
                let blank = blank_from(behind).unwrap_or(text.len());
                unit_before(blank).map_or(Ok(blank), Err)
            }
        };
        match blank {
            Ok(blank) => return blank,
            Err(unit) => {
                from = unit + 1;
                behind = from + LONGEST + CONTEXT as usize + lag;
            }
        }
    }
    blank_from(BLOCK).unwrap_or(text.len())
}

/// Copies of views, at `depth`, for a parent inside of which those begin that it would have.
fn copies<'a>(views: impl Iterator<Item = &'a View>, depth: usize, inside: Views) -> Vec<View> {
    let nest = views.filter(|view| depth <= DEEPEST && view.code.nests() && inside.has(view.code));
    nest.map(|view| view.copy(depth, inside)).collect()
}

/// One decoded form of a stream.
#[derive(Debug)]
pub(crate) struct View {
    code: Code,
    /// 1 for a view of the bytes themselves.
    depth: u8,
    /// Bytes that may be a unit, or the beginning of one.
    pending: Vec<u8>,
    /// How deep each was decoded before it came here.
    pending_marks: Vec<u8>,
    stream: Stream,
    map: Map,
    /// Where decoded bytes last differed from what they stand for, and one past it.
    differed: u64,
    /// Certain matches that have not ended: rule, where the secret starts, and where that is in the parent.
    growths: Vec<(RuleIndex, u64, u64)>,
    views: Vec<View>,
    runs: Runs,
    decoded: Vec<u8>,
    /// How deep each of `decoded` was decoded; 0: it stands for itself.
    marks: Vec<u8>,
    inbox: Outbox,
    /// How often views of this one that have ended masked something undecided.
    forced: u64,
    /// One past the last bytes that stand for a unit whose first byte came as it is.
    came: Option<u64>,
    /// No unit was decoded: what may have been the beginning of one was none, or is not all there.
    idle: bool,
}

impl View {
    /// A view of `parent` that goes on where that one is, at that depth. Had it been there before, it would have the views that its parent
    /// has, and they would have seen the same.
    fn fork(
        parent: &Stream,
        views: &[View],
        runs: &Runs,
        kinds: Views,
        code: Code,
        depth: usize,
    ) -> View {
        let mut stream = Stream::new(Place::Text);
        parent.fork(&mut stream);
        let at = stream.received();
        let growths = stream.growths().chain(runs.growths());
        let level = u8::try_from(depth).unwrap_or(u8::MAX);
        let inside = kinds.inside(code, level);
        View {
            code,
            depth: level,
            pending: Vec::with_capacity(LONGEST),
            pending_marks: Vec::new(),
            growths: growths.map(|(rule, at)| (rule, at, at)).collect(),
            stream,
            map: Map::starting(at),
            differed: at,
            views: copies(views.iter(), depth + 1, inside),
            runs: runs.fork(depth, inside),
            decoded: Vec::new(),
            marks: Vec::new(),
            inbox: Outbox::default(),
            forced: 0,
            came: None,
            idle: true,
        }
    }

    /// The same for another parent that began alike. What was found so far stays here.
    fn copy(&self, depth: usize, kinds: Views) -> View {
        let level = u8::try_from(depth).unwrap_or(u8::MAX);
        let inside = kinds.inside(self.code, level);
        let mut stream = Stream::new(Place::Text);
        self.stream.fork(&mut stream);
        View {
            code: self.code,
            depth: level,
            pending: self.pending.clone(),
            pending_marks: self.pending_marks.clone(),
            growths: self.growths.clone(),
            stream,
            map: self.map.clone(),
            differed: self.differed,
            views: copies(self.views.iter(), depth + 1, inside),
            runs: self.runs.fork(depth, inside),
            decoded: Vec::new(),
            marks: Vec::new(),
            inbox: Outbox::default(),
            forced: 0,
            came: self.came,
            idle: self.idle,
        }
    }

    /// Takes the parent's next bytes.
    fn feed<'t>(
        &mut self,
        with: With<'_>,
        depth: usize,
        mut text: &'t [u8],
        mut marks: &'t [u8],
        follows: Follows,
        out: &mut Outbox,
    ) {
        let last = follows == Follows::Nothing;
        if self.idle {
            // Up to its first unit its views stand over what it stands over.
            let Some(left) = self.decode(with.over, text, marks, last) else {
                self.scan(with, with.over, depth, follows);
                return self.hand_over(out);
            };
            if !self.decoded.is_empty() {
                self.scan(with, with.over, depth, Follows::More);
            }
            (text, marks) = left;
            self.begin();
        }
        self.decode(with.over, text, marks, last);
        self.scan(with, over(with.over, self.code), depth, follows);
        self.hand_over(out);
    }

    /// There is a unit: a view that has read what is read elsewhere now ends.
    fn begin(&mut self) {
        self.idle = false;
        let (code, forced) = (self.code, &mut self.forced);
        self.views.retain(|view| {
            let ends = view.feels_what_came() && is_read_elsewhere(Some(code), view.code, &[]);
            *forced += if ends { view.forced() } else { 0 };
            !ends
        });
    }

    /// Scans what was decoded; `over`: what its views stand over.
    fn scan(&mut self, with: With<'_>, over: Option<Code>, depth: usize, follows: Follows) {
        self.mark(0);
        let len = self.decoded.len();
        self.stream.spare(len).copy_from_slice(&self.decoded);
        let with = With {
            views: with.views.inside(self.code, self.depth),
            over,
            ..with
        };
        self.forced += scan(
            with,
            &mut self.stream,
            &mut self.views,
            &mut self.runs,
            depth,
            len,
            &self.marks,
            follows,
            &mut self.inbox,
        );
    }

    /// The unit that `text` begins with, which stands over a view of `over`.
    fn unit(&self, over: Option<Code>, text: &[u8], marks: &[u8], last: bool) -> Unit {
        if is_read_elsewhere(over, self.code, marks) {
            return Unit::Itself;
        }
        unit(self.code, text, marks, last)
    }

    /// Decodes `text` into `decoded`, but for what may be the beginning of a unit. Before the first unit of all it stops, and answers with what
    /// is left.
    fn decode<'t>(
        &mut self,
        over: Option<Code>,
        mut text: &'t [u8],
        mut marks: &'t [u8],
        last: bool,
    ) -> Option<(&'t [u8], &'t [u8])> {
        self.decoded.clear();
        self.marks.clear();
        let opener = self.code.opener();
        loop {
            if self.pending.is_empty() {
                let plain = code::next(opener, text);
                let (before, rest) = text.split_at_checked(plain).unwrap_or((text, b""));
                self.plain(before, marks);
                (text, marks) = (rest, marks.get(plain..).unwrap_or_default());
                if text.is_empty() {
                    return None;
                }
                match self.unit(over, text, marks, last) {
                    Unit::Open => {
                        self.pending.extend_from_slice(text);
                        self.pending_marks.extend(marks.iter().take(text.len()));
                        self.pending_marks.resize(self.pending.len(), 0);
                        return None;
                    }
                    Unit::Stands(..) if self.idle => return Some((text, marks)),
                    unit => {
                        let len = self.emit(unit, opener, marks.first().copied());
                        text = text.get(len..).unwrap_or_default();
                        marks = marks.get(len..).unwrap_or_default();
                    }
                }
                continue;
            }
            // What began in an earlier piece.
            let end = last && text.is_empty();
            let unit = self.unit(over, &self.pending, &self.pending_marks, end);
            match (unit, text.split_first()) {
                (Unit::Open, Some((&byte, rest))) => {
                    self.pending.push(byte);
                    self.pending_marks.push(marks.first().copied().unwrap_or(0));
                    (text, marks) = (rest, marks.get(1..).unwrap_or_default());
                }
                (Unit::Open, None) => return None,
                (Unit::Stands(..), _) if self.idle => return Some((text, marks)),
                (unit, _) => {
                    let mark = self.pending_marks.first().copied();
                    let len = self.emit(unit, opener, mark);
                    self.forget_pending(len);
                    let plain = self.pending.iter().position(|&byte| byte == opener);
                    let plain = plain.unwrap_or(self.pending.len());
                    self.mark(0);
                    self.decoded.extend(self.pending.iter().take(plain));
                    self.marks.extend(self.pending_marks.iter().take(plain));
                    self.forget_pending(plain);
                }
            }
        }
    }

    fn forget_pending(&mut self, len: usize) {
        self.pending.drain(..len.min(self.pending.len()));
        self.pending_marks
            .drain(..len.min(self.pending_marks.len()));
    }

    /// Writes bytes that stand for themselves. What stood for others before still does.
    fn plain(&mut self, text: &[u8], marks: &[u8]) {
        if !marks.is_empty() {
            self.mark(0);
            let known = marks.get(..text.len()).unwrap_or(marks);
            self.marks.extend_from_slice(known);
        }
        self.decoded.extend_from_slice(text);
    }

    /// Marks those of `decoded` that have no mark yet.
    fn mark(&mut self, depth: u8) {
        self.marks.resize(self.decoded.len(), depth);
    }

    /// Writes what a unit stands for; answers with its length.
    fn emit(&mut self, unit: Unit, opener: u8, mark: Option<u8>) -> usize {
        match unit {
            Unit::Stands(len, bytes, count) => {
                let at = self.stream.received() + self.decoded.len() as u64;
                self.map.unit(at, count, len);
                self.mark(0);
                self.decoded.extend(bytes.iter().take(count));
                self.mark(self.depth);
                self.differed = at + count as u64;
                if has_come(mark.as_slice()) {
                    self.came = Some(self.differed);
                }
                len
            }
            Unit::Itself | Unit::Open => {
                self.plain(&[opener], mark.as_slice());
                1
            }
        }
    }

    /// Hands over what was found since the last call, at offsets of the parent.
    fn hand_over(&mut self, out: &mut Outbox) {
        let View {
            stream,
            map,
            growths,
            inbox,
            ..
        } = self;
        for piece in inbox.pieces.drain(..) {
            let end = piece.span().1;
            out.pieces.push(piece.at(map.begin(&piece), map.end(end)));
        }
        let known = |growths: &[(RuleIndex, u64, u64)], rule: RuleIndex, start: u64| {
            let growth = growths.iter().find(|g| (g.0, g.1) == (rule, start));
            growth.map_or_else(|| map.start(start), |g| g.2)
        };
        out.findings
            .extend(inbox.findings.drain(..).map(|f| Finding {
                start: known(growths, f.rule, f.start),
                end: map.end(f.end),
                rule: f.rule,
            }));
        let findings = &mut out.findings;
        stream.hand_over(
            |piece| {
                let end = piece.span().1;
                out.pieces.push(piece.at(map.begin(&piece), map.end(end)));
            },
            |f| {
                findings.push(Finding {
                    start: known(growths, f.rule, f.start),
                    end: map.end(f.end),
                    rule: f.rule,
                });
            },
        );
        // Views of this one may go on with what has ended here.
        let now: Vec<_> = self::growths(stream, &self.views, &self.runs).collect();
        growths.retain(|g| now.contains(&(g.0, g.1)));
        for (rule, start) in now {
            if !growths.iter().any(|g| (g.0, g.1) == (rule, start)) {
                growths.push((rule, start, map.start(start)));
            }
        }
        let inner = open(&self.views).and(self.runs.open());
        let needed = stream
            .undecided_from()
            .min(stream.growing_from())
            .min(inner.undecided)
            .min(inner.growing);
        map.forget(needed);
    }

    /// What is open, at offsets of the parent.
    fn open(&self) -> Open {
        let inner = open(&self.views).and(self.runs.open());
        let undecided = self.stream.undecided_from().min(inner.undecided);
        let growing = self.stream.growing_from().min(inner.growing);
        let undecided = self.map.start(undecided);
        let growths = self.growths.iter().map(|g| g.2).min();
        Open {
            undecided,
            growing: if growing == u64::MAX {
                u64::MAX
            } else {
                self.map.end(growing)
            },
            oldest: undecided.min(growths.unwrap_or(u64::MAX)),
        }
    }

    fn waiting(&self) -> Option<(u64, RuleIndex)> {
        let all = [
            self.stream.waiting(),
            waiting(&self.views),
            self.runs.waiting(),
        ];
        let first = all.into_iter().flatten().min();
        first.map(|(start, rule)| (self.map.start(start), rule))
    }

    fn unread(&self) -> u64 {
        match self.runs.unread().min(unread(&self.views)) {
            u64::MAX => u64::MAX,
            first => self.map.start(first),
        }
    }

    /// Certain matches that have not ended: rule, and where the secret starts in the parent.
    fn growths(&self) -> impl Iterator<Item = (RuleIndex, u64)> + '_ {
        self.growths.iter().map(|&(rule, _, start)| (rule, start))
    }

    /// Whether it would see what its parent sees, from here on.
    fn is_like(&self, parent: &Stream) -> bool {
        self.stream.goes_on_like(parent, self.differed + CONTEXT)
            && self.views.is_empty()
            && self.runs.are_idle()
            && self.pending.is_empty()
            && self.stream.evaluated() >= self.differed + CONTEXT
    }

    /// Whether a unit whose first byte came as it is bears on what follows.
    fn feels_what_came(&self) -> bool {
        self.came
            .is_some_and(|came| self.stream.received() < came + CONTEXT || self.oldest() < came)
    }

    /// Where the first match begins that is open here; [`u64::MAX`] where nothing is.
    fn oldest(&self) -> u64 {
        let inner = self.views.iter().map(View::begun).min();
        let own = self.stream.open_from().min(self.runs.open().oldest);
        own.min(inner.unwrap_or(u64::MAX))
    }

    /// Where in the parent the first match begins that is open here; 0 where that is not known any more, [`u64::MAX`] where nothing is open.
    fn begun(&self) -> u64 {
        match self.oldest() {
            u64::MAX => u64::MAX,
            first => self.map.known_start(first).unwrap_or(0),
        }
    }

    /// How many bytes must follow at least before this view can end, and the views of it, if so many starts wait for later bytes. The codes
    /// that they read are noted.
    fn wait(&self, lag: usize, codes: &mut [bool; Code::ALL.len()]) -> usize {
        for (slot, code) in codes.iter_mut().zip(Code::ALL) {
            *slot |= code == self.code;
        }
        let inner = self.views.iter().map(|view| view.wait(lag, codes)).max();
        let far = (self.differed + CONTEXT + lag as u64).saturating_sub(self.stream.received());
        let own = self.pending.len() + usize::try_from(far).unwrap_or(usize::MAX);
        own.max(inner.unwrap_or(0))
    }

    /// For how many bytes this view could have ended, and the views of it.
    fn late(&self) -> u64 {
        let own = self
            .stream
            .evaluated()
            .saturating_sub(self.differed + CONTEXT);
        let inner = self.views.iter().map(View::late).min();
        own.min(inner.unwrap_or(u64::MAX))
    }

    /// How often something undecided was masked.
    pub(crate) fn forced(&self) -> u64 {
        self.forced
            + self.stream.forced()
            + self.runs.forced()
            + self.views.iter().map(View::forced).sum::<u64>()
    }

    /// Keeps only what is needed until the next bytes come.
    pub(crate) fn rest(&mut self) {
        self.stream.rest(&mut Vec::new());
        self.map.rest();
        self.decoded = Vec::new();
        self.marks = Vec::new();
        self.inbox = Outbox::default();
        self.views.iter_mut().for_each(View::rest);
        self.runs.rest();
    }

    pub(crate) fn memory(&self) -> usize {
        size_of::<View>()
            + self.stream.memory()
            + self.map.memory()
            + self.runs.memory()
            + self.decoded.capacity()
            + self.views.iter().map(View::memory).sum::<usize>()
    }
}
