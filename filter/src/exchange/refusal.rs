//! What is done with a message that may not go on, or could not be dealt with: events, a fixed reply, nothing of the body. When that is so
//! lives in [`exchange`](super).

use std::rc::Rc;

use super::{BodyState, Exchange, Side};
use crate::body::BodyError;
use crate::config::OnFailure;
use crate::counters::Event;
use crate::decision::Reason;
use crate::host::{Action, Host, HostError};
use crate::map::MapError;
use crate::plugin::Plugin;
use crate::session::Session;

/// Why a message could not be dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    ReadHeaders(HostError),
    Map(MapError),
    NoHeaders,
    WriteHeaders(HostError),
    Body(BodyError),
}

impl Failure {
    /// The same failure has the same text: it is logged once.
    pub(super) fn text(self) -> &'static str {
        match self {
            Failure::ReadHeaders(_) => "the proxy does not give its headers",
            Failure::Map(MapError::CutShort) => "the proxy gives a header map that is cut short",
            Failure::Map(MapError::TooLarge) => "too many headers",
            Failure::NoHeaders => "the proxy announces headers and gives none",
            Failure::WriteHeaders(_) => "the proxy does not take changed headers",
            Failure::Body(error) => error.text(),
        }
    }
}

/// What a refused message is answered with: fixed words, no value, no rule.
#[derive(Clone, Copy)]
pub(super) struct Words {
    details: &'static str,
    body: &'static str,
}

pub(super) const BLOCKED: Words = Words {
    details: "blackbar_blocked",
    body: "refused by policy\n",
};
const ENCODED: Words = Words {
    details: "blackbar_encoded",
    body: "refused: the content coding cannot be inspected\n",
};
const PARTIAL: Words = Words {
    details: "blackbar_partial",
    body: "refused: a part of a body cannot be inspected\n",
};
const HANDSHAKE: Words = Words {
    details: "blackbar_websocket",
    body: "refused: a handshake of websocket has no body\n",
};
const FAILED: Words = Words {
    details: "blackbar_failure",
    body: "refused: the message could not be inspected\n",
};

impl Exchange {
    /// Nothing of the message goes on from here. In front of it goes a reply, where that is still possible; where it is not, the proxy
    /// ends the stream.
    pub(super) fn refuse(
        &mut self,
        session: &mut Session<'_, impl Host>,
        side: Side,
        status: u32,
        words: Words,
        size: usize,
    ) -> Action {
        *self.state(side) = BodyState::Dead;
        discard(session.host, side, size);
        match session.host.reply(status, words.details, words.body) {
            Ok(()) => self.replied = true,
            Err(_) => session.note("the proxy sends no replies; refused messages are only held"),
        }
        Action::Pause
    }

    /// The same, for a body that cannot be read as it is.
    pub(super) fn refuse_unread(
        &mut self,
        session: &mut Session<'_, impl Host>,
        plugin: &Plugin,
        side: Side,
        reason: Reason,
        size: usize,
    ) -> Action {
        let (event, words) = match reason {
            Reason::Encoded => (Event::EncodedBlocked, ENCODED),
            Reason::Partial => (Event::PartialBlocked, PARTIAL),
            Reason::Handshake => (Event::WebSocketMalformed, HANDSHAKE),
        };
        plugin.counters.event(session.host, event, 1);
        self.refuse(session, side, side.status(reason), words, size)
    }

    pub(super) fn fail(
        &mut self,
        session: &mut Session<'_, impl Host>,
        side: Side,
        failure: Failure,
        size: usize,
    ) -> Action {
        let plugin = Rc::clone(&self.plugin);
        let flood = failure == Failure::Map(MapError::TooLarge);
        if flood {
            plugin.counters.event(session.host, Event::HeaderFlood, 1);
        }
        session.note(failure.text());
        // Half of a body cannot go on decoded and half of it coded.
        // Nor can it go on without what was taken out of its middle; its end alone may be missing.
        let half = match self.state(side) {
            BodyState::Decode { .. } => true,
            BodyState::Scan { body, .. } => {
                body.waiting() > 0 && failure != Failure::Body(BodyError::Lost)
            }
            _ => false,
        };
        let open = plugin.config.on_failure == OnFailure::Open && !half;
        if !plugin.enforces() || open {
            plugin.counters.event(session.host, Event::OpenFailure, 1);
            *self.state(side) = BodyState::Through;
            return Action::Continue;
        }
        plugin.counters.event(session.host, Event::FailureClosed, 1);
        let status = match side {
            Side::Request if flood => 431,
            Side::Request => 500,
            Side::Response => 502,
        };
        self.refuse(session, side, status, FAILED, size)
    }
}

/// Takes the bytes of a refused message out of the proxy's buffer. Where the proxy does not let them be taken, it still never gets
/// leave to send them.
pub(super) fn discard(host: &impl Host, side: Side, size: usize) {
    if size > 0 {
        let _ = host.replace(side.buffer(), size, b"");
    }
}
