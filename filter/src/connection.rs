//! One raw connection, in both directions: bytes without headers. Scanning them lives in [`crate::body`], which messages there are with the
//! carriers, what is configured in [`crate::config`]; here is what becomes of a connection.
//!
//! Decided bytes go on at once. What is not waits inside the module, never in the proxy: it keeps no bytes that an upstream sent, and outside
//! of a callback for data nothing can be written. (Tried in Envoy 1.40: in a tick, writing is `BadArgument` in both directions, but where a
//! client's bytes were paused, whole; continuing an upstream's is `Unimplemented`.) So no timer could let bytes go, and a byte waits only where its reader could do nothing with it anyway: inside of a message that is not
//! over. What ends the direction ends its last message.

use std::rc::Rc;

use blackbar_carriers::Logins;

use crate::body::{Body, BodyError, Flow, Progress};
use crate::config::{Encoded, Mode, OnFailure, OnHoldLimit, Undecided, Way};
use crate::counters::{Disposition, Event};
use crate::exchange::rules;
use crate::host::{Action, BufferKind, Host};
use crate::plugin::Plugin;
use crate::session::Session;

/// Who sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The client.
    Downstream,
    /// The upstream.
    Upstream,
}

impl From {
    fn buffer(self) -> BufferKind {
        match self {
            From::Downstream => BufferKind::DownstreamData,
            From::Upstream => BufferKind::UpstreamData,
        }
    }
}

/// How far a direction is.
#[derive(Debug, Default)]
enum State {
    /// Nothing came.
    #[default]
    Unseen,
    /// It goes on unread.
    Through,
    /// It is scanned.
    Scan { body: Box<Body>, masks: bool },
    /// No byte of it goes on.
    Dead,
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    plugin: Rc<Plugin>,
    downstream: State,
    upstream: State,
}

impl Connection {
    /// A connection that follows `plugin` to its end.
    #[must_use]
    pub fn new(plugin: Rc<Plugin>) -> Connection {
        Connection {
            plugin,
            downstream: State::Unseen,
            upstream: State::Unseen,
        }
    }

    /// Bytes of one direction: the proxy's buffer holds `size` of them. `end`: no more follow.
    pub fn data(
        &mut self,
        session: &mut Session<'_, impl Host>,
        from: From,
        size: usize,
        end: bool,
    ) -> Action {
        let plugin = Rc::clone(&self.plugin);
        if matches!(self.state(from), State::Unseen) {
            *self.state(from) = begin(session, &plugin, from);
        }
        let result = match self.state(from) {
            State::Unseen | State::Through => Ok(Progress::Continue),
            State::Dead => return discard(session.host, from, size),
            State::Scan { body, masks } => {
                let rules = rules(&plugin, *masks);
                let work = &mut session.shared.work;
                let result = body.chunk(session.host, &rules, work, size, end);
                body.rest(work);
                result
            }
        };
        let action = match result {
            Ok(Progress::Continue) => Action::Continue,
            Ok(_) => self.close(session, from, size),
            Err(error) => self.fail(session, &plugin, from, error, size),
        };
        plugin
            .counters
            .take(session.host, &plugin.engine, &mut session.shared.work.tally);
        action
    }

    /// The connection is over: its room is given back. What waited for more was never delivered.
    pub fn over(&mut self, session: &mut Session<'_, impl Host>) {
        for from in [From::Downstream, From::Upstream] {
            self.stop(session, from, State::Dead);
        }
    }

    fn state(&mut self, from: From) -> &mut State {
        match from {
            From::Downstream => &mut self.downstream,
            From::Upstream => &mut self.upstream,
        }
    }

    /// Ends the scanning of a direction.
    fn stop(&mut self, session: &mut Session<'_, impl Host>, from: From, then: State) {
        let plugin = Rc::clone(&self.plugin);
        if let State::Scan { mut body, .. } = core::mem::replace(self.state(from), then) {
            body.tell(session.host, &plugin.counters);
            let lost = body.waiting();
            plugin
                .counters
                .event(session.host, Event::LostBytes, lost as u64);
            session.shared.keep(body.into_stream());
        }
    }

    /// No byte goes on from here, in either direction.
    fn close(&mut self, session: &mut Session<'_, impl Host>, from: From, size: usize) -> Action {
        self.over(session);
        // First of all: the proxy may close at once, and its buffer with it.
        let action = discard(session.host, from, size);
        if session.host.close().is_err() {
            session.note("the proxy closes no connections; refused ones are only held");
        }
        action
    }

    fn fail(
        &mut self,
        session: &mut Session<'_, impl Host>,
        plugin: &Plugin,
        from: From,
        error: BodyError,
        size: usize,
    ) -> Action {
        session.note(error.text());
        // Where something was taken out of the stream, the rest cannot go on as if it had not been.
        let carries = matches!(self.state(from), State::Scan { body, .. } if body.waiting() > 0);
        let open = plugin.config.on_failure == OnFailure::Open && !carries;
        if !plugin.enforces() || open {
            plugin.counters.event(session.host, Event::OpenFailure, 1);
            self.stop(session, from, State::Through);
            return Action::Continue;
        }
        plugin.counters.event(session.host, Event::FailureClosed, 1);
        self.close(session, from, size)
    }
}

/// How what comes from there is scanned.
fn begin(session: &mut Session<'_, impl Host>, plugin: &Plugin, from: From) -> State {
    let config = &plugin.config;
    let way = match from {
        From::Downstream => &config.tcp.downstream,
        From::Upstream => &config.tcp.upstream,
    };
    if !way.scan || matches!(config.mode, Mode::Off | Mode::LogOnly) {
        return State::Through;
    }
    let format = way.format();
    let body = Body::new(
        from.buffer(),
        if plugin.enforces() {
            Disposition::Body
        } else {
            Disposition::Shadow
        },
        format,
        None,
        OnHoldLimit::Carry,
        Encoded::Pass,
        session.shared.stream(plugin),
    );
    State::Scan {
        body: Box::new(body.flowing(flow(way))),
        masks: format.is_counted(),
    }
}

/// What is different about bytes that flow without headers.
pub(crate) fn flow(way: &Way) -> Flow {
    Flow {
        mask: way.undecided == Undecided::Mask,
        logins: match way.logins {
            Logins::Pass => Event::OpenLogin,
            // Where nothing is taken for a command there are none.
            Logins::Mask | Logins::Scan => Event::LoginMasked,
        },
    }
}

/// Takes bytes out of the proxy's buffer. A client's would wait there; an upstream's go nowhere else, and what waits of them would be lost,
/// which is right where they cannot be taken out.
fn discard(host: &impl Host, from: From, size: usize) -> Action {
    let gone = size == 0 || host.replace(from.buffer(), size, b"").is_ok();
    if from == From::Upstream && gone {
        Action::Continue
    } else {
        Action::Pause
    }
}
