//! Counters: their names, when they are defined, and what happens where a host has none. What is counted when lives with the callers.
//! No counter ever holds a byte of traffic: names are made of rule ids and fixed words.

use core::cell::{Cell, RefCell};

use blackbar_engine::{Action, Engine, RuleIndex};

use crate::host::{Host, Level};

/// What happened to a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Replaced, by a tag or a mask.
    Redacted,
    /// Removed with its header or query parameter.
    Removed,
    /// The message was refused.
    Blocked,
    /// The message should have been refused but was under way: masked.
    BlockedLate,
    /// The rule only counts.
    Allowed,
    /// Shadow mode: would have been redacted, removed or blocked.
    Shadow,
    /// Replaced in what is published for access logs.
    Logged,
    /// In a header that goes on untouched (`pass_headers`).
    Passed,
}

impl Outcome {
    const COUNT: usize = 8;

    fn word(self) -> &'static str {
        match self {
            Outcome::Redacted => "redacted",
            Outcome::Removed => "removed",
            Outcome::Blocked => "blocked",
            Outcome::BlockedLate => "blocked_late",
            Outcome::Allowed => "allowed",
            Outcome::Shadow => "shadow",
            Outcome::Logged => "logged",
            Outcome::Passed => "passed",
        }
    }
}

/// What may become of a finding where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// In a header or URL in flight: every action is possible.
    Field,
    /// In a request body, before any answer: all but removal.
    Body,
    /// In a body whose headers have left: all but removal and refusal.
    LateBody,
    /// In a signed body: nothing of it is changed, so whatever should be refuses it.
    Sealed,
    /// Shadow mode.
    Shadow,
    /// In what is published for access logs.
    Log,
    /// In a header that goes on untouched.
    Pass,
}

impl Disposition {
    /// What becomes of a finding of a rule with this action.
    #[must_use]
    pub fn outcome(self, action: Action) -> Outcome {
        match (self, action) {
            (_, Action::Allow) => Outcome::Allowed,
            (Disposition::Shadow, _) => Outcome::Shadow,
            (Disposition::Log, _) => Outcome::Logged,
            (Disposition::Pass, _) => Outcome::Passed,
            (Disposition::LateBody, Action::Block) => Outcome::BlockedLate,
            (_, Action::Block) | (Disposition::Sealed, _) => Outcome::Blocked,
            (Disposition::Field, Action::Remove) => Outcome::Removed,
            _ => Outcome::Redacted,
        }
    }
}

/// What else is counted. Everything under `blackbar.open.` is traffic that went on unread by choice: a leak if the choice was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Event {
    /// A configuration was taken, in one VM.
    ConfigLoaded,
    /// A configuration was refused, in one VM.
    ConfigRefused,
    /// A message was refused because the filter could not do its work.
    FailureClosed,
    /// A header map was larger than is looked at.
    HeaderFlood,
    /// A message was refused for its content coding.
    EncodedBlocked,
    /// Bytes of bodies that were scanned.
    BodyBytes,
    /// Bytes of bodies for which the proxy was asked to wait.
    HeldBytes,
    /// Times that waiting would have passed the hold limit.
    HoldLimit,
    /// Candidates that were masked while undecided.
    Forced,
    /// Carried bytes that could not be delivered: trailers came where more of the body was waited for.
    LostBytes,
    /// Encoded bodies that went on unread.
    OpenEncoded,
    /// Bodies of a content type that is not scanned.
    OpenContentType,
    /// Parts of multipart bodies that went on unread because they are files.
    OpenFilePart,
    /// Upgraded streams that went on unread.
    OpenUpgrade,
    /// Messages that went on after a failure.
    OpenFailure,
    /// Header values with findings that went on untouched.
    OpenPassHeader,
    /// Responses that are a part of a representation.
    PartialContent,
    /// Values that should have been published for access logs and were not.
    NotPublished,
    /// Bodies that were taken away for their content coding.
    EncodedStripped,
    /// Bodies that are not what their content coding says.
    EncodedDamaged,
    /// Bodies of which more would have come out than the limits allow.
    EncodedBomb,
    /// Bodies that would have taken more memory than there is for decoding.
    EncodedMemory,
    /// Messages that were refused because their bodies are parts.
    PartialBlocked,
    /// Requests that asked for a part and were made to ask for all.
    RangeStripped,
    /// Responses whose entity tag was made weak.
    EtagWeakened,
    /// Messages, or their trailers, that lost a digest of the body.
    DigestDropped,
    /// Messages that were refused because a signed body should have been changed.
    SignedBlocked,
    /// Messages, or their trailers, that lost a signature of the body.
    SignedDropped,
    /// Signed bodies that went on unread.
    OpenSigned,
    /// Passwords of logins, of a protocol that is known, that went on unread.
    OpenLogin,
    /// Passwords of logins that were masked.
    LoginMasked,
    /// Handshakes of WebSocket that lost their offers of extensions.
    WebSocketOffersDropped,
    /// Streams of WebSocket, in one direction, that broke off being frames.
    WebSocketMalformed,
}

impl Event {
    const ALL: [Event; 33] = [
        Event::ConfigLoaded,
        Event::ConfigRefused,
        Event::FailureClosed,
        Event::HeaderFlood,
        Event::EncodedBlocked,
        Event::BodyBytes,
        Event::HeldBytes,
        Event::HoldLimit,
        Event::Forced,
        Event::LostBytes,
        Event::OpenEncoded,
        Event::OpenContentType,
        Event::OpenFilePart,
        Event::OpenUpgrade,
        Event::OpenFailure,
        Event::OpenPassHeader,
        Event::PartialContent,
        Event::NotPublished,
        Event::EncodedStripped,
        Event::EncodedDamaged,
        Event::EncodedBomb,
        Event::EncodedMemory,
        Event::PartialBlocked,
        Event::RangeStripped,
        Event::EtagWeakened,
        Event::DigestDropped,
        Event::SignedBlocked,
        Event::SignedDropped,
        Event::OpenSigned,
        Event::OpenLogin,
        Event::LoginMasked,
        Event::WebSocketOffersDropped,
        Event::WebSocketMalformed,
    ];

    fn name(self) -> &'static str {
        match self {
            Event::ConfigLoaded => "blackbar.config.loaded",
            Event::ConfigRefused => "blackbar.config.refused",
            Event::FailureClosed => "blackbar.failure.closed",
            Event::HeaderFlood => "blackbar.failure.header_flood",
            Event::EncodedBlocked => "blackbar.encoded.blocked",
            Event::BodyBytes => "blackbar.body.scanned_bytes",
            Event::HeldBytes => "blackbar.body.held_bytes",
            Event::HoldLimit => "blackbar.body.hold_limit",
            Event::Forced => "blackbar.body.forced",
            Event::LostBytes => "blackbar.body.lost_bytes",
            Event::OpenEncoded => "blackbar.open.encoded",
            Event::OpenContentType => "blackbar.open.content_type",
            Event::OpenFilePart => "blackbar.open.file_part",
            Event::OpenUpgrade => "blackbar.open.upgrade",
            Event::OpenFailure => "blackbar.open.failure",
            Event::OpenPassHeader => "blackbar.open.pass_header",
            Event::PartialContent => "blackbar.partial_content",
            Event::NotPublished => "blackbar.failure.not_published",
            Event::EncodedStripped => "blackbar.encoded.stripped",
            Event::EncodedDamaged => "blackbar.encoded.damaged",
            Event::EncodedBomb => "blackbar.encoded.bomb",
            Event::EncodedMemory => "blackbar.encoded.memory",
            Event::PartialBlocked => "blackbar.partial_content.blocked",
            Event::RangeStripped => "blackbar.range.stripped",
            Event::EtagWeakened => "blackbar.etag.weakened",
            Event::DigestDropped => "blackbar.digest.dropped",
            Event::SignedBlocked => "blackbar.signed.blocked",
            Event::SignedDropped => "blackbar.signed.dropped",
            Event::OpenSigned => "blackbar.open.signed",
            Event::OpenLogin => "blackbar.open.login",
            Event::LoginMasked => "blackbar.login.masked",
            Event::WebSocketOffersDropped => "blackbar.websocket.offers_dropped",
            Event::WebSocketMalformed => "blackbar.websocket.malformed",
        }
    }
}

/// Counts of one callback, added up before they are told to the host.
#[derive(Debug, Default)]
pub struct Tally {
    rules: Vec<(RuleIndex, Outcome, u64)>,
}

impl Tally {
    /// Counts one finding.
    pub fn add(&mut self, rule: RuleIndex, outcome: Outcome) {
        match self
            .rules
            .iter_mut()
            .find(|(r, o, _)| (*r, *o) == (rule, outcome))
        {
            Some((_, _, count)) => *count = count.saturating_add(1),
            None => self.rules.push((rule, outcome, 1)),
        }
    }
}

#[cfg(test)]
impl Tally {
    pub(crate) fn of(rules: &[(RuleIndex, Outcome, u64)]) -> Tally {
        Tally {
            rules: rules.to_vec(),
        }
    }
}

/// The counters of one engine, defined in the host when they are first needed.
#[derive(Debug)]
pub struct Counters {
    /// By rule and outcome, then by event.
    ids: RefCell<Vec<Option<u32>>>,
    /// The host has no counters: asked once, noted once.
    absent: Cell<bool>,
}

impl Counters {
    /// Counters for the rules of `engine`, or only for events.
    #[must_use]
    pub fn new(engine: Option<&Engine>) -> Counters {
        let rules = engine.map_or(0, |engine| engine.rules().len());
        let ids = vec![None; Event::ALL.len() + rules * Outcome::COUNT];
        Counters {
            ids: RefCell::new(ids),
            absent: Cell::new(false),
        }
    }

    /// Adds to the counter of an event.
    pub fn event(&self, host: &impl Host, event: Event, by: u64) {
        self.increment(host, event as usize, by, || String::from(event.name()));
    }

    /// Adds up what a callback counted, and empties the tally.
    pub fn take(&self, host: &impl Host, engine: &Engine, tally: &mut Tally) {
        for (rule, outcome, count) in tally.rules.drain(..) {
            let slot = Event::ALL.len() + rule.as_usize() * Outcome::COUNT + outcome as usize;
            let id = engine.rule(rule).map_or("unknown", |rule| rule.id.as_str());
            self.increment(host, slot, count, || {
                format!("blackbar.rule.{id}.{}", outcome.word())
            });
        }
    }

    fn increment(&self, host: &impl Host, slot: usize, by: u64, name: impl FnOnce() -> String) {
        if by == 0 || self.absent.get() {
            return;
        }
        let known = self.ids.borrow().get(slot).copied().flatten();
        let done = match known {
            Some(id) => host.increment(id, by),
            None => host.define_counter(&name()).and_then(|id| {
                if let Some(entry) = self.ids.borrow_mut().get_mut(slot) {
                    *entry = Some(id);
                }
                host.increment(id, by)
            }),
        };
        if let Err(error) = done {
            self.absent.set(true);
            host.log(
                Level::Warn,
                &format!("blackbar: this proxy takes no counters ({error}); going on without"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_its_own_slot_and_name() {
        let mut names: Vec<&str> = Event::ALL.iter().map(|event| event.name()).collect();
        assert!(
            Event::ALL
                .iter()
                .enumerate()
                .all(|(slot, event)| *event as usize == slot)
        );
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Event::ALL.len());
        assert!(names.iter().all(|name| {
            name.bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'.' || b == b'_')
        }));
    }

    #[test]
    fn outcomes_say_what_could_be_done_in_their_place() {
        use Disposition as D;
        for place in [
            D::Field,
            D::Body,
            D::LateBody,
            D::Sealed,
            D::Shadow,
            D::Log,
            D::Pass,
        ] {
            assert_eq!(place.outcome(Action::Allow), Outcome::Allowed);
        }
        assert_eq!(D::Field.outcome(Action::Remove), Outcome::Removed);
        assert_eq!(D::Body.outcome(Action::Remove), Outcome::Redacted);
        assert_eq!(D::Sealed.outcome(Action::Tag), Outcome::Blocked);
        assert_eq!(D::Body.outcome(Action::Block), Outcome::Blocked);
        assert_eq!(D::LateBody.outcome(Action::Block), Outcome::BlockedLate);
        assert_eq!(D::Shadow.outcome(Action::Block), Outcome::Shadow);
        assert_eq!(D::Pass.outcome(Action::Remove), Outcome::Passed);
        assert_eq!(D::Log.outcome(Action::Tag), Outcome::Logged);
    }
}
