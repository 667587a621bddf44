//! One request and its response: what each callback does. Reading bodies lives in [`crate::body`], the values of headers in
//! [`crate::values`], reading headers in [`crate::media`], what becomes of a body in `decision`, how a message is refused in `refusal`; the order of things is here.

mod refusal;

use std::rc::Rc;

use blackbar_carriers::{Format, message_name};
use blackbar_engine::Plan;
use blackbar_engine::schema::MessageIndex;

use crate::body::{Body, BodyError, Progress, Rules};
use crate::coded::{Announced, Coded, Ways};
use crate::coding::Coding;
use crate::config::{Mode, OnHoldLimit, Signed};
use crate::connection::flow;
use crate::counters::{Disposition, Event};
use crate::decision::{Decision, Reason, Tunnel, decide, is_partial};
use crate::headers::Changes;
use crate::host::{Action, BufferKind, Host, MapKind};
use crate::integrity;
use crate::map::{self, Pair};
use crate::media::{self, Facts};
use crate::plugin::Plugin;
use crate::session::Session;
use crate::values;
use crate::websocket;
use refusal::{BLOCKED, Failure, discard};

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Downstream to upstream.
    Request,
    /// Upstream to downstream.
    Response,
}

impl Side {
    fn buffer(self) -> BufferKind {
        match self {
            Side::Request => BufferKind::RequestBody,
            Side::Response => BufferKind::ResponseBody,
        }
    }

    /// What is answered to a message whose body is refused unread.
    fn status(self, reason: Reason) -> u32 {
        match (self, reason) {
            (Side::Request, Reason::Encoded) => 415,
            (Side::Request, Reason::Partial | Reason::Handshake) => 400,
            (Side::Response, _) => 502,
        }
    }
}

/// How far a body is.
#[derive(Debug, Default)]
enum BodyState {
    /// Its headers were not seen, or said that there is none.
    #[default]
    Unseen,
    /// It goes on unread.
    Through,
    /// It is scanned.
    Scan { body: Box<Body>, masks: bool },
    /// It is decoded and scanned.
    Decode { body: Box<Coded>, masks: bool },
    /// It is taken away.
    Strip,
    /// It was refused: no byte of it goes on.
    Dead,
}

/// What is done with trailers.
#[derive(Debug, Clone, Copy)]
struct Read {
    /// Their values are scanned.
    scan: bool,
    /// The body was changed: what describes it goes.
    changed: bool,
    /// The body is signed, so that it may not change.
    sealed: bool,
}

/// One request and its response.
#[derive(Debug)]
pub struct Exchange {
    plugin: Rc<Plugin>,
    request: BodyState,
    response: BodyState,
    head: bool,
    connect: bool,
    upgrade: bool,
    websocket: bool,
    replied: bool,
    /// What comes back, as far as the path of the request says it.
    reply: Option<MessageIndex>,
}

impl Exchange {
    /// A stream that follows `plugin` to its end.
    #[must_use]
    pub fn new(plugin: Rc<Plugin>) -> Exchange {
        Exchange {
            plugin,
            request: BodyState::Unseen,
            response: BodyState::Unseen,
            head: false,
            connect: false,
            upgrade: false,
            websocket: false,
            replied: false,
            reply: None,
        }
    }

    /// What it follows.
    #[must_use]
    pub fn plugin(self) -> Rc<Plugin> {
        self.plugin
    }

    /// The message of protobuf that a body is: the path of the request says so, or else its content type.
    fn message(&mut self, plugin: &Plugin, side: Side, facts: &Facts<'_>) -> Option<MessageIndex> {
        let schema = plugin.engine.schema();
        if schema.is_empty() {
            return None;
        }
        let by_path = match side {
            Side::Request => {
                let path = facts.path.and_then(|path| schema.path(path));
                self.reply = path.and_then(|path| path.response);
                path.and_then(|path| path.request)
            }
            Side::Response => self.reply,
        };
        let name = facts.content_type.and_then(message_name);
        by_path.or_else(|| schema.message(name?))
    }

    /// Request or response headers: `count` of them; `end`: nothing follows.
    pub fn headers(
        &mut self,
        session: &mut Session<'_, impl Host>,
        side: Side,
        count: usize,
        end: bool,
    ) -> Action {
        let plugin = Rc::clone(&self.plugin);
        let action = match (plugin.config.mode, side) {
            (Mode::Off, _) => Action::Continue,
            (Mode::LogOnly, _) => self.log_only(session, &plugin, side),
            // What comes back is the reply of this filter: a fixed text.
            (_, Side::Response) if self.replied => {
                self.response = BodyState::Through;
                Action::Continue
            }
            (_, Side::Request) if !matches!(self.request, BodyState::Unseen) => Action::Pause,
            (Mode::Enforce | Mode::Shadow, _) => {
                match self.try_headers(session, &plugin, side, count, end) {
                    Ok(action) => action,
                    Err(failure) => self.fail(session, side, failure, 0),
                }
            }
        };
        plugin
            .counters
            .take(session.host, &plugin.engine, &mut session.shared.work.tally);
        action
    }

    fn try_headers(
        &mut self,
        session: &mut Session<'_, impl Host>,
        plugin: &Plugin,
        side: Side,
        count: usize,
        end: bool,
    ) -> Result<Action, Failure> {
        let host = session.host;
        let config = &plugin.config;
        let kind = if side == Side::Request {
            MapKind::RequestHeaders
        } else {
            MapKind::ResponseHeaders
        };
        let bytes = host.map(kind).map_err(Failure::ReadHeaders)?;
        let pairs = map::decode(&bytes).map_err(Failure::Map)?;
        if pairs.is_empty() && count > 0 {
            return Err(Failure::NoHeaders);
        }
        // First of all: a message that is refused stands in the access log, too.
        if config.publish {
            values::show(session, plugin, side, &pairs);
        }
        let facts = Facts::of(&pairs);
        let alone = match side {
            Side::Request => {
                (self.head, self.connect, self.upgrade) =
                    (facts.method == b"HEAD", facts.is_connect(), facts.upgrade);
                end
            }
            // They have no body, and their headers speak of one that another request would get.
            Side::Response => {
                end || self.head || matches!(facts.status, 100 | 102..=199 | 204 | 205 | 304)
            }
        };
        let tunnel = match side {
            Side::Request => {
                // A proxy asks no more before it takes it for an upgrade, whatever length is announced.
                self.websocket = (self.connect || facts.asks) && websocket::is_named(&pairs);
                self.connect || self.upgrade || self.websocket
            }
            Side::Response => {
                facts.status == 101 || self.connect && (200..300).contains(&facts.status)
            }
        };
        let tunnel = tunnel.then(|| self.tunnel(side, &facts, &pairs));
        let message = self.message(plugin, side, &facts);
        let mut changes = Changes::new(&pairs);
        let (scan_values, scan_body) = match side {
            Side::Request => (config.scan.request.headers, config.scan.request.body),
            Side::Response => (config.scan.response.headers, config.scan.response.body),
        };
        let alters = plugin.enforces() && plugin.changes;
        let signatures = &config.signed_bodies.headers;
        let signed = scan_body
            && !alone
            && alters
            && integrity::is_signed(&pairs, signatures, plugin.signature_lengths);
        let decision = (scan_body && !alone).then(|| decide(plugin, side, &facts, tunnel, signed));
        let sealed = matches!(
            decision,
            Some(Decision::Scan { sealed: true, .. } | Decision::Through(Event::OpenSigned))
        );
        let disposition = plugin_disposition(plugin);
        let mut block = false;
        if scan_values {
            block |= values::redact(
                session,
                plugin,
                side,
                &pairs,
                &mut changes,
                disposition,
                sealed,
            );
        }
        if side == Side::Request && config.scan.request.url {
            block |= values::redact_target(session, plugin, &pairs, &mut changes, disposition);
        }
        if block && plugin.enforces() {
            return Ok(self.refuse(session, side, config.block_status, BLOCKED, 0));
        }
        let drop_signed = |changes: &mut Changes<'_>| {
            if signed && config.signed_bodies.of(side) == Signed::Drop {
                integrity::drop_signatures(changes, &plugin.counters, host, signatures);
            }
        };
        // Where trailers are announced, the end of a body cannot wait for more.
        let on_hold_limit = if facts.trailers {
            OnHoldLimit::Mask
        } else {
            config.on_hold_limit
        };
        let skipped = !facts.encoded
            && media::listed(facts.content_type, &config.skip_content_types.response);
        let announce = |changes: &mut Changes<'_>, resize| {
            let counters = &plugin.counters;
            integrity::announce(changes, counters, host, side, config.strip_range, resize);
        };
        match decision {
            // What would describe a body that may change describes it in other replies about it, too.
            None if side == Side::Response
                && scan_body
                && alters
                && (self.head || facts.status == 304)
                && tunnel.is_none()
                && !skipped =>
            {
                announce(&mut changes, false);
            }
            None => {}
            Some(Decision::Refuse(reason)) => {
                return Ok(self.refuse_unread(session, plugin, side, reason, 0));
            }
            Some(Decision::Through(event)) => {
                plugin.counters.event(host, event, 1);
                *self.state(side) = BodyState::Through;
            }
            Some(Decision::Strip) => {
                plugin.counters.event(host, Event::EncodedStripped, 1);
                announce(&mut changes, true);
                changes.remove("content-encoding");
                *self.state(side) = BodyState::Strip;
            }
            Some(Decision::Decode { format, masks }) => {
                if alters {
                    announce(&mut changes, true);
                    drop_signed(&mut changes);
                    if !facts.codings.contains(&Coding::Snappy) {
                        changes.remove("content-encoding");
                    }
                }
                let ways = Ways {
                    limits: config.content_encoding.limits(),
                    on_hold_limit,
                    encoded: config.content_encoding.undecoded(side),
                };
                let announced = Announced {
                    format,
                    codings: &facts.codings,
                    length: facts.length,
                };
                let mut stream = session.shared.stream(plugin);
                stream.set_message(message);
                let body = Coded::new(
                    side.buffer(),
                    // Where no rule changes anything, the body stays as it came.
                    if alters {
                        plugin_body(plugin, side)
                    } else {
                        Disposition::Shadow
                    },
                    announced,
                    ways,
                    &session.shared.work,
                    stream,
                );
                *self.state(side) = BodyState::Decode {
                    body: Box::new(body),
                    masks,
                };
            }
            Some(Decision::Scan {
                format,
                masks,
                sealed,
            }) => {
                if alters && !sealed {
                    let resize = !masks && !plugin.plan.preserves_length() || format.resizes();
                    announce(&mut changes, resize);
                    drop_signed(&mut changes);
                }
                if is_partial(side, &facts) {
                    plugin.counters.event(host, Event::PartialContent, 1);
                }
                let disposition = if sealed {
                    Disposition::Sealed
                } else {
                    plugin_body(plugin, side)
                };
                let mut stream = session.shared.stream(plugin);
                stream.set_message(message);
                let mut body = Body::new(
                    side.buffer(),
                    disposition,
                    format,
                    // What follows an upgrade has no length, whatever its headers say.
                    facts.length.filter(|_| tunnel.is_none()),
                    on_hold_limit,
                    config.content_encoding.undecoded(side),
                    stream,
                );
                match tunnel.map(|tunnel| tunnel.format) {
                    Some(Format::WebSocket) => body = body.carried(),
                    Some(_) => body = body.flowing(flow(config.tcp.of(side))),
                    None => {}
                }
                *self.state(side) = BodyState::Scan {
                    body: Box::new(body),
                    masks,
                };
            }
        }
        if side == Side::Request
            && tunnel.is_some_and(|tunnel| tunnel.format == Format::WebSocket)
            && config.scan.websocket
            && (scan_body || config.scan.response.body)
            && plugin.enforces()
        {
            websocket::drop_offers(&mut changes, &plugin.counters, host);
        }
        if side == Side::Request && tunnel.is_none() && alters && config.scan.response.body {
            if config.content_encoding.strip_accept_encoding {
                changes.remove("accept-encoding");
            }
            if config.strip_range {
                integrity::drop_range(&mut changes, &plugin.counters, host);
            }
        }
        changes.write(host, kind).map_err(Failure::WriteHeaders)?;
        Ok(Action::Continue)
    }

    /// A chunk of a body: the proxy's buffer holds `size` bytes.
    pub fn body(
        &mut self,
        session: &mut Session<'_, impl Host>,
        side: Side,
        size: usize,
        end: bool,
    ) -> Action {
        let plugin = Rc::clone(&self.plugin);
        if matches!(plugin.config.mode, Mode::Off | Mode::LogOnly) {
            return Action::Continue;
        }
        let wanted = match side {
            Side::Request => plugin.config.scan.request.body,
            Side::Response => plugin.config.scan.response.body,
        };
        if wanted && matches!(self.state(side), BodyState::Unseen) {
            // A body that its headers did not announce: scanned, and its length kept, for nothing was announced either.
            let websocket = side == Side::Request && self.websocket && plugin.config.scan.websocket;
            let body = Body::new(
                side.buffer(),
                plugin_body(&plugin, side),
                match websocket {
                    true => Format::WebSocket,
                    false => Format::Bytes,
                },
                None,
                plugin.config.on_hold_limit,
                plugin.config.content_encoding.undecoded(side),
                session.shared.stream(&plugin),
            );
            *self.state(side) = BodyState::Scan {
                body: Box::new(body),
                masks: true,
            };
        }
        let result = match self.state(side) {
            BodyState::Unseen | BodyState::Through => Ok(Progress::Continue),
            BodyState::Dead => {
                discard(session.host, side, size);
                Ok(Progress::Pause)
            }
            BodyState::Scan { body, masks } => {
                let rules = rules(&plugin, *masks);
                let work = &mut session.shared.work;
                let result = body.chunk(session.host, &rules, work, size, end);
                body.rest(work);
                result
            }
            BodyState::Decode { body, masks } => {
                let rules = rules(&plugin, *masks);
                body.chunk(session.host, &rules, &mut session.shared.work, size, end)
            }
            BodyState::Strip => {
                discard(session.host, side, size);
                Ok(Progress::Continue)
            }
        };
        self.proceed(session, &plugin, side, size, result)
    }

    /// Trailers: `count` of them. What the proxy was asked to keep of the body is written first.
    pub fn trailers(
        &mut self,
        session: &mut Session<'_, impl Host>,
        side: Side,
        count: usize,
    ) -> Action {
        let plugin = Rc::clone(&self.plugin);
        if matches!(plugin.config.mode, Mode::Off | Mode::LogOnly) {
            return Action::Continue;
        }
        let result = match self.state(side) {
            BodyState::Unseen | BodyState::Through | BodyState::Strip => Ok(Progress::Continue),
            BodyState::Dead => Ok(Progress::Pause),
            BodyState::Scan { body, masks } => {
                let rules = rules(&plugin, *masks);
                body.finish(session.host, &rules, &mut session.shared.work)
            }
            BodyState::Decode { body, masks } => {
                let rules = rules(&plugin, *masks);
                body.finish(session.host, &rules, &mut session.shared.work)
            }
        };
        if self.proceed(session, &plugin, side, 0, result) == Action::Pause {
            return Action::Pause;
        }
        let wanted = match side {
            Side::Request => plugin.config.scan.request.trailers,
            Side::Response => plugin.config.scan.response.trailers,
        };
        let (changed, sealed) = self.fate(&plugin, side);
        let changed = changed && plugin.enforces();
        let read = Read {
            scan: wanted,
            changed,
            sealed,
        };
        let result =
            (wanted || changed).then(|| self.try_trailers(session, &plugin, side, count, read));
        let action = match result {
            None => Action::Continue,
            Some(Ok(action)) => action,
            Some(Err(failure)) => self.fail(session, side, failure, 0),
        };
        plugin
            .counters
            .take(session.host, &plugin.engine, &mut session.shared.work.tally);
        action
    }

    fn try_trailers(
        &mut self,
        session: &mut Session<'_, impl Host>,
        plugin: &Plugin,
        side: Side,
        count: usize,
        read: Read,
    ) -> Result<Action, Failure> {
        let kind = if side == Side::Request {
            MapKind::RequestTrailers
        } else {
            MapKind::ResponseTrailers
        };
        let bytes = session.host.map(kind).map_err(Failure::ReadHeaders)?;
        let pairs = map::decode(&bytes).map_err(Failure::Map)?;
        if pairs.is_empty() && count > 0 {
            return Err(Failure::NoHeaders);
        }
        let mut changes = Changes::new(&pairs);
        // The headers of a response have left: what should be refused is masked.
        let disposition = match side {
            Side::Response if plugin.enforces() => Disposition::LateBody,
            _ => plugin_disposition(plugin),
        };
        let block = read.scan
            && values::redact(
                session,
                plugin,
                side,
                &pairs,
                &mut changes,
                disposition,
                read.sealed,
            );
        if block && plugin.enforces() && side == Side::Request {
            return Ok(self.refuse(session, side, plugin.config.block_status, BLOCKED, 0));
        }
        if read.changed {
            // By now it is known that they would be wrong.
            let (host, counters) = (session.host, &plugin.counters);
            let signatures = &plugin.config.signed_bodies.headers;
            integrity::drop_digests(&mut changes, counters, host);
            integrity::drop_signatures(&mut changes, counters, host, signatures);
        }
        changes
            .write(session.host, kind)
            .map_err(Failure::WriteHeaders)?;
        Ok(Action::Continue)
    }

    /// Whether the body differs from what came, and whether it may not.
    fn fate(&mut self, plugin: &Plugin, side: Side) -> (bool, bool) {
        match self.state(side) {
            BodyState::Scan { body, .. } => (body.is_changed(), body.is_sealed()),
            // Its coding went, if nothing else.
            BodyState::Decode { .. } => (plugin.changes, false),
            BodyState::Strip => (true, false),
            _ => (false, false),
        }
    }

    /// The stream is over: its room is given back.
    pub fn close(self, session: &mut Session<'_, impl Host>) {
        for state in [self.request, self.response] {
            match state {
                BodyState::Scan { mut body, .. } => {
                    body.tell(session.host, &self.plugin.counters);
                    session.shared.keep(body.into_stream());
                }
                BodyState::Decode { mut body, .. } => {
                    body.tell(session.host, &self.plugin.counters);
                    session.shared.keep(body.into_stream());
                }
                _ => {}
            }
        }
    }

    /// What follows headers that end HTTP.
    fn tunnel(&self, side: Side, facts: &Facts<'_>, pairs: &[Pair<'_>]) -> Tunnel {
        // Where HTTP/2 carries it, no header of the response names it; and clients may do without.
        let other = side == Side::Response && facts.status == 101 && websocket::is_other(pairs);
        let websocket = self.websocket && !other;
        let asked = self.connect || self.upgrade || self.websocket;
        Tunnel {
            format: match asked {
                _ if websocket => Format::WebSocket,
                true => self.plugin.config.tcp.of(side).format(),
                // Nobody knows what it is.
                false => Format::Bytes,
            },
            extended: websocket && side == Side::Response && websocket::is_extended(pairs),
            asked,
            has_body: side == Side::Request && self.websocket && !self.connect && facts.announces,
        }
    }

    fn state(&mut self, side: Side) -> &mut BodyState {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }

    fn proceed(
        &mut self,
        session: &mut Session<'_, impl Host>,
        plugin: &Plugin,
        side: Side,
        size: usize,
        result: Result<Progress, BodyError>,
    ) -> Action {
        let action = match result {
            Ok(Progress::Continue) => Action::Continue,
            Ok(Progress::Pause) => Action::Pause,
            Ok(Progress::Refuse) => {
                if let BodyState::Scan { body, .. } = self.state(side)
                    && body.is_sealed()
                {
                    let event = Event::SignedBlocked;
                    plugin.counters.event(session.host, event, 1);
                }
                self.refuse(session, side, plugin.config.block_status, BLOCKED, size)
            }
            Ok(Progress::Encoded) => {
                self.refuse_unread(session, plugin, side, Reason::Encoded, size)
            }
            Ok(Progress::Unread) => {
                plugin.counters.event(session.host, Event::OpenEncoded, 1);
                *self.state(side) = BodyState::Through;
                Action::Continue
            }
            Err(error) => self.fail(session, side, Failure::Body(error), size),
        };
        plugin
            .counters
            .take(session.host, &plugin.engine, &mut session.shared.work.tally);
        action
    }

    fn log_only(
        &mut self,
        session: &mut Session<'_, impl Host>,
        plugin: &Plugin,
        side: Side,
    ) -> Action {
        let kind = if side == Side::Request {
            MapKind::RequestHeaders
        } else {
            MapKind::ResponseHeaders
        };
        let wanted = side == Side::Request || !plugin.config.log_response_headers.is_empty();
        if wanted {
            match session.host.map(kind).map_err(Failure::ReadHeaders) {
                Ok(bytes) => match map::decode(&bytes) {
                    Ok(pairs) => values::show(session, plugin, side, &pairs),
                    Err(error) => session.unpublished(plugin, Failure::Map(error).text()),
                },
                Err(failure) => session.unpublished(plugin, failure.text()),
            }
        }
        Action::Continue
    }
}

fn plugin_disposition(plugin: &Plugin) -> Disposition {
    if plugin.enforces() {
        Disposition::Field
    } else {
        Disposition::Shadow
    }
}

fn plugin_body(plugin: &Plugin, side: Side) -> Disposition {
    match side {
        _ if !plugin.enforces() => Disposition::Shadow,
        Side::Request => Disposition::Body,
        Side::Response => Disposition::LateBody,
    }
}

pub(crate) fn rules(plugin: &Plugin, masks: bool) -> Rules<'_> {
    let plan: &Plan = if masks { &plugin.masks } else { &plugin.plan };
    Rules {
        engine: &plugin.engine,
        plan,
        counters: &plugin.counters,
        hold_limit: plugin.config.hold_limit,
    }
}
