//! A stream with its views and its guard, behind the interface of a stream. What views and guards do lives with them; here is the order of
//! things: scan, add what views found, settle as far as all of them are, shape edits.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use blackbar_engine::schema::MessageIndex;
use blackbar_engine::{Action, Engine, Finding, Follows, Plan, RuleIndex, Stream};

use crate::edits::{Edit, Edits, Width, Wishes, mask, write};
use crate::format::Format;
use crate::guard::Guard;
use crate::pairs;
use crate::parts::{Files, Parts, Sink};
use crate::view::{self, Open, Outbox, Runs, View, Views, With};
use crate::walk::Walk;

/// One haystack in chunks, with what is encoded in it. All offsets are those of the bytes that came.
///
/// # Example
/// ```
/// use blackbar_carriers::{Carrier, Format};
/// let carrier = Carrier::new(Format::Json);
/// assert_eq!((carrier.received(), carrier.decided()), (0, 0));
/// ```
#[derive(Debug)]
pub struct Carrier {
    stream: Stream,
    kinds: Views,
    views: Vec<View>,
    runs: Runs,
    guard: Option<Guarded>,
    /// Which guard there is if a rule names fields.
    pairs: Option<pairs::Kind>,
    /// That of the haystack before.
    idle: Option<Box<dyn Guard>>,
    /// Where bytes are counted by a reader that is known, in place of a guard.
    walk: Option<Walk>,
    /// In place of everything: each part has a carrier of its own.
    parts: Option<Box<dyn Parts>>,
    files: Files,
    /// What messages of protobuf are.
    message: Option<MessageIndex>,
    /// Bytes are counted by a reader of whom nothing is known: tags become masks.
    counted: bool,
    /// Bytes at the beginning that stand somewhere else and were only shown: what is found from there on is masked at its length.
    shown: u64,
    width: Width,
    out: Edits,
    findings: Vec<Finding>,
    /// What the stream or a view found and the other may find again: start, end and rule.
    recent: BTreeSet<(u64, u64, usize)>,
    outbox: Outbox,
    /// Offset up to which output was taken.
    taken: u64,
    blocked: Option<RuleIndex>,
    removed: Option<RuleIndex>,
    /// Of views that are gone.
    forced: u64,
}

#[derive(Debug)]
struct Guarded {
    guard: Box<dyn Guard>,
    wishes: Wishes,
}

impl Guarded {
    fn new(guard: Box<dyn Guard>) -> Guarded {
        Guarded {
            guard,
            wishes: Wishes::default(),
        }
    }
}

impl Default for Carrier {
    fn default() -> Carrier {
        Carrier::new(Format::Text)
    }
}

impl Carrier {
    /// An empty haystack.
    #[must_use]
    pub fn new(format: impl Into<Format>) -> Carrier {
        let format = format.into();
        let mut carrier = Carrier {
            stream: Stream::new(format.place()),
            kinds: Views::default(),
            views: Vec::new(),
            runs: Runs::default(),
            guard: None,
            pairs: None,
            idle: None,
            walk: None,
            parts: None,
            files: Files::default(),
            message: None,
            counted: false,
            shown: 0,
            width: Width::default(),
            out: Edits::default(),
            findings: Vec::new(),
            recent: BTreeSet::new(),
            outbox: Outbox::default(),
            taken: 0,
            blocked: None,
            removed: None,
            forced: 0,
        };
        carrier.reset(format);
        carrier
    }

    /// Starts over with another haystack; allocations are kept, and which views there are.
    pub fn reset(&mut self, format: impl Into<Format>) {
        let format = format.into();
        self.reset_with(format, format.walk());
    }

    /// The same, for the next part of a haystack, with the same rules.
    pub(crate) fn restart(&mut self, format: Format) {
        let walk = match format {
            Format::Frame(codec) => self.walk.take_if(|walk| walk.restart(codec)),
            _ => None,
        };
        self.reset_with(format, walk.or_else(|| format.walk()));
    }

    fn reset_with(&mut self, format: Format, walk: Option<Walk>) {
        self.stream.reset(format.place());
        self.views.clear();
        self.runs.reset();
        self.pairs = format.pairs();
        // What follows pairs is used again: there is one for each value of a header.
        if let (Some(kind), Some(mut guarded)) = (self.pairs, self.guard.take())
            && guarded.guard.restart(kind)
        {
            self.idle = Some(guarded.guard);
        }
        self.guard = format.guard(0).map(Guarded::new);
        self.walk = walk;
        if let Some(walk) = &mut self.walk {
            walk.set_message(self.message);
        }
        self.parts = format.parts(self.files, self.message);
        self.counted = format == Format::Bytes;
        self.shown = 0;
        self.width = Width::default();
        self.out.clear();
        self.findings.clear();
        self.recent.clear();
        self.outbox.clear();
        (self.taken, self.forced) = (0, 0);
        (self.blocked, self.removed) = (None, None);
    }

    /// Says which views there are, from the next haystack on.
    pub fn set_views(&mut self, views: Views) {
        self.kinds = views;
    }

    /// Says what is done with the parts of multipart messages that are files, from the next haystack on.
    pub fn set_files(&mut self, files: Files) {
        self.files = files;
    }

    /// Says what messages of protobuf are, of those that the engine has descriptors of, from the next haystack on. A message of another
    /// engine is as good as none.
    pub fn set_message(&mut self, message: Option<MessageIndex>) {
        self.message = message;
    }

    /// As [`Stream::committed`]: the bytes as they came. Formats that cover structure, or hand parts on, do not keep them.
    #[must_use]
    pub fn committed(&self, from: u64, to: u64) -> Option<&[u8]> {
        let as_it_came = self.parts.is_none() && self.walk.is_none() && self.shown == 0;
        as_it_came
            .then(|| self.stream.committed(from, to))
            .flatten()
    }

    /// Room for `len` bytes, to write the next chunk into. Its content before that is unspecified.
    pub fn spare(&mut self, len: usize) -> &mut [u8] {
        match (&mut self.parts, &mut self.walk) {
            (Some(parts), _) => parts.spare(len),
            (None, Some(walk)) => walk.spare(&mut self.stream, len),
            (None, None) => self.stream.spare(len),
        }
    }

    /// As [`Stream::wake`].
    pub fn wake(&mut self, room: &mut Vec<u8>) {
        if let Some(walk) = &mut self.walk {
            walk.displace();
        }
        self.stream.wake(room);
    }

    /// As [`Stream::rest`].
    pub fn rest(&mut self, room: &mut Vec<u8>) {
        self.stream.rest(room);
        self.views.iter_mut().for_each(View::rest);
        self.runs.rest();
        if let Some(guarded) = &mut self.guard {
            guarded.guard.rest();
            guarded.wishes.rest();
        }
        if let Some(walk) = &mut self.walk {
            walk.rest();
        }
        if let Some(parts) = &mut self.parts {
            parts.rest();
        }
        self.out.rest();
        self.findings.shrink_to(16);
        self.outbox = Outbox::default();
    }

    /// Takes the first `len` bytes of the room that [`Carrier::spare`] gave as the next chunk and scans them. `last`: no byte follows.
    ///
    /// # Cost
    /// Linear in `len`, whatever the sizes of the chunks before; each view that is there costs as much as the bytes themselves.
    pub fn commit(&mut self, engine: &Engine, plan: &Plan, len: usize, last: bool) {
        let with = With {
            engine,
            plan,
            views: self.kinds,
            over: None,
        };
        if let Some(parts) = &mut self.parts {
            let before = self.findings.len();
            let mut sink = Sink {
                edits: &mut self.out,
                findings: &mut self.findings,
            };
            parts.commit(with, len, last, &mut sink);
            for finding in self.findings.iter().skip(before) {
                note(plan, finding.rule, &mut self.blocked, &mut self.removed);
            }
            return;
        }
        if let Some(kind) = self.pairs.take()
            && !engine.fields().is_empty()
        {
            let idle = self.idle.take();
            let mut guard = idle.unwrap_or_else(|| Box::new(pairs::Guard::new(kind)));
            guard.restart(kind);
            self.guard = Some(Guarded::new(guard));
        }
        let len = match &mut self.walk {
            Some(walk) => {
                let len = walk.cover(with, &mut self.stream, len, last);
                for finding in walk.take_found() {
                    self.findings.push(finding);
                    note(plan, finding.rule, &mut self.blocked, &mut self.removed);
                }
                len
            }
            None => len,
        };
        let alone = self.is_alone();
        self.forced += view::scan(
            with,
            &mut self.stream,
            &mut self.views,
            &mut self.runs,
            0,
            len,
            &[],
            Follows::after(last),
            &mut self.outbox,
        );
        for piece in self.outbox.pieces.drain(..) {
            self.stream.add(piece);
        }
        let open = self.open();
        self.stream
            .settle(engine, open.undecided, open.growing, last);
        let alone = alone && self.is_alone() && self.outbox.findings.is_empty();
        self.tell(plan, alone, open.undecided);
        if let Some(guarded) = &mut self.guard {
            guarded.guard.prepare(engine, plan);
        }
        self.shape(engine, last);
        if let Some(guarded) = &mut self.guard {
            let before = self.findings.len();
            guarded.guard.hand_over(&mut self.findings);
            for finding in self.findings.iter().skip(before) {
                note(plan, finding.rule, &mut self.blocked, &mut self.removed);
            }
        }
    }

    /// Takes `chunk` as the next bytes: [`Carrier::spare`], copy, [`Carrier::commit`].
    pub fn push(&mut self, engine: &Engine, plan: &Plan, chunk: &[u8], last: bool) {
        self.spare(chunk.len()).copy_from_slice(chunk);
        self.commit(engine, plan, chunk.len(), last);
    }

    /// Takes `chunk` as bytes that stand somewhere else, before all others: rules see them, and what they say of those that follow.
    pub(crate) fn show(&mut self, engine: &Engine, plan: &Plan, chunk: &[u8]) {
        self.shown += chunk.len() as u64;
        self.push(engine, plan, chunk, false);
    }

    /// Masks everything that is undecided. What still is afterwards is no more than a piece of one escape or character, and where bytes are
    /// counted by a reader that is known, a field whose first bytes have to tell what it is. Of multipart also what may be a boundary, and
    /// the headers of a part; of WebSocket only half a head.
    pub fn force(&mut self, engine: &Engine) {
        if let Some(parts) = &mut self.parts {
            let mut sink = Sink {
                edits: &mut self.out,
                findings: &mut self.findings,
            };
            parts.force(engine, &mut sink);
            return;
        }
        let open = self.open();
        let waiting = [view::waiting(&self.views), self.runs.waiting()];
        let waiting = waiting.into_iter().flatten().min();
        let unread = view::unread(&self.views).min(self.runs.unread());
        self.stream
            .force_with(engine, waiting, unread, open.growing);
        self.shape(engine, false);
    }

    /// Bytes taken in.
    #[must_use]
    pub fn received(&self) -> u64 {
        match &self.parts {
            Some(parts) => parts.came().received(),
            None => self.stream.received() + self.walk.as_ref().map_or(0, Walk::pending),
        }
    }

    /// Bytes from the start whose output is final.
    #[must_use]
    pub fn decided(&self) -> u64 {
        if let Some(parts) = &self.parts {
            return parts.done();
        }
        match (&self.guard, &self.walk) {
            (Some(guarded), _) => guarded.guard.done(),
            (None, Some(walk)) => walk.done(),
            (None, None) => self.stream.decided(),
        }
    }

    /// Bytes taken in whose output is not final yet.
    #[must_use]
    pub fn undecided(&self) -> usize {
        usize::try_from(self.received() - self.decided()).unwrap_or(usize::MAX)
    }

    /// Edits since the last [`Carrier::clear`]: ascending, disjoint, all before [`Carrier::decided`].
    #[must_use]
    pub fn edits(&self) -> &[Edit] {
        &self.out.list
    }

    /// What an edit writes.
    #[must_use]
    pub fn replacement(&self, edit: &Edit) -> &[u8] {
        self.out.replacement(edit)
    }

    /// Findings since the last [`Carrier::clear`]; those that only count as well. What is found in the bytes and in a view of them, by the
    /// same rule and at the same place, is one finding.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The rule of the first finding whose action is to block.
    #[must_use]
    pub fn blocked(&self) -> Option<RuleIndex> {
        self.blocked
    }

    /// The rule of the first finding whose action is to remove.
    #[must_use]
    pub fn removed(&self) -> Option<RuleIndex> {
        self.removed
    }

    /// How often something undecided was masked: by [`Carrier::force`], or because it reached its `max_len`.
    #[must_use]
    pub fn forced(&self) -> u64 {
        let views = self.views.iter().map(View::forced).sum::<u64>();
        let parts = self.parts.as_ref().map_or(0, |parts| parts.forced());
        self.stream.forced() + self.runs.forced() + self.forced + views + parts
    }

    /// How many parts came in a form that nothing here reads: frames of gRPC that are compressed otherwise than by gzip or zlib, are damaged
    /// too large, or beyond what a stream may be unpacked to. They go on as they came.
    #[must_use]
    pub fn unread(&self) -> u64 {
        let parts = self.parts.as_ref().map_or(0, |parts| parts.unread());
        self.walk.as_ref().map_or(0, Walk::unread) + parts
    }

    /// How many parts of multipart messages went on unread because they are files.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.parts.as_ref().map_or(0, |parts| parts.passed())
    }

    /// How many passwords of logins there were where the format knows them: they were masked or went on, as it says.
    #[must_use]
    pub fn logins(&self) -> u64 {
        let parts = self.parts.as_ref().map_or(0, |parts| parts.logins());
        self.walk.as_ref().map_or(0, Walk::logins) + parts
    }

    /// How often what came was not written as its format says, where that is no document that could be text: frames of WebSocket. Bytes
    /// are counted from there on.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        self.parts.as_ref().map_or(0, |parts| parts.malformed())
    }

    /// Forgets the edits and findings so far.
    pub fn clear(&mut self) {
        self.out.clear();
        self.findings.clear();
        self.taken = self.decided();
        self.stream.release(self.taken);
        if let Some(walk) = &mut self.walk {
            walk.release(self.taken);
        }
        if let Some(parts) = &mut self.parts {
            parts.release(self.taken);
        }
    }

    /// Appends the final output of the bytes decided since the last call, then forgets edits and findings.
    pub fn take_output(&mut self, out: &mut Vec<u8>) {
        let mut at = self.taken;
        for edit in &self.out.list {
            self.received_bytes(at, edit.start, out);
            out.extend_from_slice(self.out.replacement(edit));
            at = edit.end;
        }
        self.received_bytes(at, self.decided(), out);
        self.clear();
    }

    /// Bytes held on the heap.
    #[must_use]
    pub fn memory(&self) -> usize {
        let guarded = self.guard.as_ref().map_or(0, |g| {
            size_of_val(&*g.guard) + g.guard.memory() + g.wishes.memory()
        });
        self.stream.memory()
            + guarded
            + self.walk.as_ref().map_or(0, Walk::memory)
            + self.parts.as_ref().map_or(0, |parts| parts.memory())
            + self.out.memory()
            + self.runs.memory()
            + (self.findings.capacity() + 2 * self.recent.len()) * size_of::<Finding>()
            + self.views.iter().map(View::memory).sum::<usize>()
    }

    /// Appends bytes as they came.
    fn received_bytes(&self, start: u64, end: u64, out: &mut Vec<u8>) {
        if let Some(parts) = &self.parts {
            out.extend_from_slice(parts.came().slice(start, end));
            return;
        }
        let from = out.len();
        out.extend_from_slice(self.stream.received_bytes(start, end));
        if let (Some(walk), Some(bytes)) = (&self.walk, out.get_mut(from..)) {
            walk.restore(start, bytes);
        }
    }

    /// Whether nobody but the stream reads anything.
    fn is_alone(&self) -> bool {
        self.views.is_empty() && !self.runs.are_read()
    }

    /// What views have open.
    fn open(&self) -> Open {
        view::open(&self.views).and(self.runs.open())
    }

    /// Takes the findings of the stream and of its views, each but once: where a view was and `alone` is false, both may have found it.
    /// None that is still to come from a view starts before `undecided`, but for those that grow.
    fn tell(&mut self, plan: &Plan, alone: bool, undecided: u64) {
        if alone {
            self.recent.clear();
        }
        let key = |f: &Finding| (f.start, f.end, f.rule.as_usize());
        // What both find is told as the stream's.
        let mut viewed: Vec<_> = self
            .outbox
            .findings
            .iter()
            .map(|f| (key(f), true))
            .collect();
        viewed.sort_unstable();
        viewed.dedup();
        let mut is_new =
            |finding: &Finding| match viewed.binary_search_by_key(&key(finding), |v| v.0) {
                Ok(at) => viewed
                    .get_mut(at)
                    .is_some_and(|v| core::mem::take(&mut v.1)),
                Err(_) => true,
            };
        // What may come again: what is not decided, and what has ended in one of them and grows in another. However long that takes,
        // nothing else is kept.
        let from = match alone {
            true => u64::MAX,
            false => undecided.min(self.stream.undecided_from()),
        };
        let mut growing = Vec::new();
        if !alone {
            let all = view::growths(&self.stream, &self.views, &self.runs);
            growing.extend(all.map(|(rule, start)| (start, rule.as_usize())));
        }
        let may_come = |start: u64, rule: usize| start >= from || growing.contains(&(start, rule));
        let new = self.stream.findings().iter().copied();
        for finding in new.chain(self.outbox.findings.drain(..)) {
            if !is_new(&finding) || self.recent.contains(&key(&finding)) {
                continue;
            }
            if may_come(finding.start, finding.rule.as_usize()) {
                self.recent.insert(key(&finding));
            }
            self.findings.push(finding);
            note(plan, finding.rule, &mut self.blocked, &mut self.removed);
        }
        if !self.recent.is_empty() {
            let mut undecided = self.recent.split_off(&(from, 0, 0));
            self.recent
                .retain(|&(start, _, rule)| growing.contains(&(start, rule)));
            self.recent.append(&mut undecided);
        }
    }

    /// Where the first finding starts that is still to come; `oldest`: of those from views.
    fn oldest_growth(&self, oldest: u64) -> u64 {
        let growths = self.stream.growths().map(|(_, start)| start).min();
        oldest
            .min(self.stream.undecided_from())
            .min(growths.unwrap_or(u64::MAX))
    }

    /// No finding that is still to come starts before it.
    pub(crate) fn oldest(&self) -> u64 {
        if let Some(parts) = &self.parts {
            return parts.oldest();
        }
        let guarded = self.guard.as_ref();
        let oldest = guarded.map_or(u64::MAX, |guarded| guarded.guard.oldest());
        let walked = self.walk.as_ref().map_or(u64::MAX, |walk| walk.oldest());
        self.oldest_growth(self.open().oldest)
            .min(oldest)
            .min(walked)
    }

    /// Makes edits of what the stream wants to replace.
    fn shape(&mut self, engine: &Engine, last: bool) {
        let Carrier {
            stream,
            guard,
            walk,
            out,
            kinds,
            width,
            counted,
            shown,
            ..
        } = self;
        let mut wide = |region| kinds.utf16 && width.is_wide(stream, region);
        match (guard, walk) {
            (None, Some(walk)) => walk.shape(stream, last, out),
            (Some(guarded), _) => {
                let Guarded { guard, wishes } = guarded;
                wishes.take(stream, guard.done(), wide);
                let text = stream.received_bytes(guard.done(), stream.decided());
                guard.follow(engine, text, last, wishes, out);
            }
            (None, None) => {
                for edit in stream.edits() {
                    let wide = wide(edit.region);
                    out.put(edit.start, edit.end, |out| {
                        if edit.region < *shown || *counted && !edit.action.preserves_length() {
                            mask(stream, edit, wide, out);
                        } else {
                            write(stream, edit, wide, out);
                        }
                    });
                }
            }
        }
        // Bytes stay as long as their output was not taken.
        stream.release(self.taken);
    }
}

/// Takes note of what a finding asks for beside an edit.
fn note(
    plan: &Plan,
    rule: RuleIndex,
    blocked: &mut Option<RuleIndex>,
    removed: &mut Option<RuleIndex>,
) {
    let first = match plan.action(rule) {
        Action::Block => blocked,
        Action::Remove => removed,
        _ => return,
    };
    *first = first.or(Some(rule));
}
