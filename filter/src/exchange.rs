//! One request and its response: what each callback does. Reading bodies lives in [`crate::body`], redacting values in
//! [`crate::fields`], reading headers in [`crate::media`], what becomes of a body in `decision`; the order of things is here.

use std::rc::Rc;

use blackbar_carriers::Format;
use blackbar_engine::{Place, Plan};

use crate::body::{Body, BodyError, Progress, Rules};
use crate::coded::{Announced, Coded, Ways};
use crate::coding::Coding;
use crate::config::{Mode, OnFailure, OnHoldLimit};
use crate::counters::{Disposition, Event};
use crate::decision::{Decision, announce, decide};
use crate::headers::{Changes, alike, is_fixed, listed};
use crate::host::{Action, BufferKind, Host, HostError, MapKind};
use crate::map::{self, MapError, Pair};
use crate::media::Facts;
use crate::plugin::Plugin;
use crate::publish::{self, publish};
use crate::session::Session;

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

    /// What is answered to a message in a coding that cannot be read.
    fn encoded_status(self) -> u32 {
        match self {
            Side::Request => 415,
            Side::Response => 502,
        }
    }
}

/// Why a message could not be dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    ReadHeaders(HostError),
    Map(MapError),
    NoHeaders,
    WriteHeaders(HostError),
    Body(BodyError),
}

impl Failure {
    /// The same failure has the same text: it is logged once.
    fn text(self) -> &'static str {
        match self {
            Failure::ReadHeaders(_) => "the proxy does not give its headers",
            Failure::Map(MapError::CutShort) => "the proxy gives a header map that is cut short",
            Failure::Map(MapError::TooLarge) => "too many headers",
            Failure::NoHeaders => "the proxy announces headers and gives none",
            Failure::WriteHeaders(_) => "the proxy does not take changed headers",
            Failure::Body(BodyError::Read(_)) => "the proxy does not give a body's bytes",
            Failure::Body(BodyError::Write(_)) => "the proxy does not take a changed body",
            Failure::Body(BodyError::Memory) => {
                "a body's buffer is too large for the memory there is"
            }
            Failure::Body(BodyError::Lost) => {
                "trailers came while the end of a body waited for more (see on_hold_limit)"
            }
            Failure::Body(BodyError::Surplus) => "more of a body came than its length says",
            Failure::Body(BodyError::Missing) => {
                "the proxy gives fewer bytes of a body than it announces"
            }
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

/// One request and its response.
#[derive(Debug)]
pub struct Exchange {
    plugin: Rc<Plugin>,
    request: BodyState,
    response: BodyState,
    head: bool,
    connect: bool,
    upgrade: bool,
    replied: bool,
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
            replied: false,
        }
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
            self.publish(session, plugin, side, &pairs);
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
            Side::Request => self.connect || self.upgrade,
            Side::Response => {
                facts.status == 101 || self.connect && (200..300).contains(&facts.status)
            }
        };
        let mut changes = Changes::new(&pairs);
        let (scan_values, scan_body) = match side {
            Side::Request => (config.scan.request.headers, config.scan.request.body),
            Side::Response => (config.scan.response.headers, config.scan.response.body),
        };
        let mut block = false;
        if scan_values {
            block |= values(
                session,
                plugin,
                side,
                &pairs,
                &mut changes,
                plugin_disposition(plugin),
            );
        }
        if side == Side::Request && config.scan.request.url {
            block |= url(session, plugin, &pairs, &mut changes);
        }
        if block && plugin.enforces() {
            return Ok(self.refuse(session, side, config.block_status, BLOCKED, 0));
        }
        if scan_body && !alone {
            match decide(plugin, side, &facts, tunnel) {
                Decision::Refuse => {
                    plugin.counters.event(host, Event::EncodedBlocked, 1);
                    return Ok(self.refuse(session, side, side.encoded_status(), ENCODED, 0));
                }
                Decision::Through(event) => {
                    plugin.counters.event(host, event, 1);
                    *self.state(side) = BodyState::Through;
                }
                Decision::Strip => {
                    plugin.counters.event(host, Event::EncodedStripped, 1);
                    announce(&mut changes, side, config.strip_range, true);
                    changes.remove("content-encoding");
                    *self.state(side) = BodyState::Strip;
                }
                Decision::Decode { format, masks } => {
                    let changing = plugin.enforces() && plugin.changes;
                    if changing {
                        announce(&mut changes, side, config.strip_range, true);
                        if !facts.codings.contains(&Coding::Snappy) {
                            changes.remove("content-encoding");
                        }
                    }
                    let ways = Ways {
                        limits: config.content_encoding.limits(),
                        on_hold_limit: config.on_hold_limit,
                        encoded: config.content_encoding.undecoded(side),
                    };
                    let announced = Announced {
                        format,
                        codings: &facts.codings,
                        length: facts.length,
                    };
                    let stream = session.shared.stream(plugin);
                    let body = Coded::new(
                        side.buffer(),
                        // Where no rule changes anything, the body stays as it came.
                        if changing {
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
                Decision::Scan { format, masks } => {
                    if plugin.enforces() && plugin.changes {
                        announce(
                            &mut changes,
                            side,
                            config.strip_range,
                            !masks && !plugin.plan.preserves_length() || format.resizes(),
                        );
                    }
                    if facts.status == 206 {
                        plugin.counters.event(host, Event::PartialContent, 1);
                    }
                    let on_hold_limit = if facts.trailers {
                        OnHoldLimit::Mask
                    } else {
                        config.on_hold_limit
                    };
                    let body = Body::new(
                        side.buffer(),
                        plugin_body(plugin, side),
                        format,
                        // What follows an upgrade has no length, whatever its headers say.
                        facts.length.filter(|_| !tunnel),
                        on_hold_limit,
                        config.content_encoding.undecoded(side),
                        session.shared.stream(plugin),
                    );
                    *self.state(side) = BodyState::Scan {
                        body: Box::new(body),
                        masks,
                    };
                }
            }
        }
        if side == Side::Request
            && !tunnel
            && plugin.enforces()
            && plugin.changes
            && config.scan.response.body
        {
            if config.content_encoding.strip_accept_encoding {
                changes.remove("accept-encoding");
            }
            if config.strip_range {
                changes.remove("range");
                changes.remove("if-range");
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
            let body = Body::new(
                side.buffer(),
                plugin_body(&plugin, side),
                Format::Bytes,
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
        let action = match wanted.then(|| self.try_trailers(session, &plugin, side, count)) {
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
        let block = values(session, plugin, side, &pairs, &mut changes, disposition);
        if block && plugin.enforces() && side == Side::Request {
            return Ok(self.refuse(session, side, plugin.config.block_status, BLOCKED, 0));
        }
        changes
            .write(session.host, kind)
            .map_err(Failure::WriteHeaders)?;
        Ok(Action::Continue)
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
                self.refuse(session, side, plugin.config.block_status, BLOCKED, size)
            }
            Ok(Progress::Encoded) => {
                let event = Event::EncodedBlocked;
                plugin.counters.event(session.host, event, 1);
                self.refuse(session, side, side.encoded_status(), ENCODED, size)
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

    /// Nothing of the message goes on from here. In front of it goes a reply, where that is still possible; where it is not, the proxy
    /// ends the stream.
    fn refuse(
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

    fn fail(
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
        let decoding = matches!(self.state(side), BodyState::Decode { .. });
        let open = plugin.config.on_failure == OnFailure::Open && !decoding;
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
                    Ok(pairs) => self.publish(session, plugin, side, &pairs),
                    Err(error) => session.unpublished(plugin, Failure::Map(error).text()),
                },
                Err(failure) => session.unpublished(plugin, failure.text()),
            }
        }
        Action::Continue
    }

    /// Publishes what access logs may show, redacted.
    fn publish(
        &mut self,
        session: &mut Session<'_, impl Host>,
        plugin: &Plugin,
        side: Side,
        pairs: &[Pair<'_>],
    ) {
        let host = session.host;
        let mut scanner = session.shared.scanner(plugin);
        let (names, prefix) = match side {
            Side::Request => (&plugin.config.log_headers, publish::HEADER),
            Side::Response => (
                &plugin.config.log_response_headers,
                publish::RESPONSE_HEADER,
            ),
        };
        let mut done = Ok(());
        if side == Side::Request
            && let Some(path) = pairs.iter().find(|pair| pair.name == b":path")
        {
            let target = scanner.target(Place::Text, path.value, Disposition::Log);
            done = publish(host, publish::PATH, &target.path);
            if let Some(query) = &target.query {
                done = done.and(publish(host, publish::QUERY, query));
            }
        }
        for name in names {
            let mut all: Option<Vec<u8>> = None;
            for pair in pairs
                .iter()
                .filter(|pair| alike(pair.name, name.as_bytes()))
            {
                let field = scanner.header(pair.name, pair.value, Disposition::Log);
                if field.remove {
                    continue;
                }
                let text = all.get_or_insert_default();
                if !text.is_empty() {
                    text.extend_from_slice(b", ");
                }
                text.extend_from_slice(field.value.as_deref().unwrap_or(pair.value));
            }
            if let Some(text) = all {
                done = done.and(publish(host, &format!("{prefix}{name}"), &text));
            }
        }
        if done.is_err() {
            session.unpublished(plugin, "the proxy takes no filter state");
        }
    }
}

/// What a refused message is answered with: fixed words, no value, no rule.
#[derive(Clone, Copy)]
struct Words {
    details: &'static str,
    body: &'static str,
}

const BLOCKED: Words = Words {
    details: "blackbar_blocked",
    body: "refused by policy\n",
};
const ENCODED: Words = Words {
    details: "blackbar_encoded",
    body: "refused: the content coding cannot be inspected\n",
};
const FAILED: Words = Words {
    details: "blackbar_failure",
    body: "refused: the message could not be inspected\n",
};

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

fn rules(plugin: &Plugin, masks: bool) -> Rules<'_> {
    let plan: &Plan = if masks { &plugin.masks } else { &plugin.plan };
    Rules {
        engine: &plugin.engine,
        plan,
        counters: &plugin.counters,
        hold_limit: plugin.config.hold_limit,
    }
}

/// Takes the bytes of a refused message out of the proxy's buffer. Where the proxy does not let them be taken, it still never gets
/// leave to send them.
fn discard(host: &impl Host, side: Side, size: usize) {
    if size > 0 {
        let _ = host.replace(side.buffer(), size, b"");
    }
}

/// Redacts header or trailer values. Answers whether a rule refuses the message.
fn values(
    session: &mut Session<'_, impl Host>,
    plugin: &Plugin,
    side: Side,
    pairs: &[Pair<'_>],
    changes: &mut Changes<'_>,
    disposition: Disposition,
) -> bool {
    let pass = match side {
        Side::Request => &plugin.config.pass_headers.request,
        Side::Response => &plugin.config.pass_headers.response,
    };
    let mut block = false;
    let mut passed = 0;
    let mut scanner = session.shared.scanner(plugin);
    for (index, pair) in pairs.iter().enumerate() {
        if is_fixed(pair.name) || plugin.known.has(pair.name, pair.value) {
            continue;
        }
        if listed(pair.name, pass) {
            // Credentials are not kept, whatever the rules say of them.
            passed += u64::from(scanner.header(pair.name, pair.value, Disposition::Pass).hit);
            continue;
        }
        let field = scanner.header(pair.name, pair.value, disposition);
        if !field.found {
            plugin.known.note(pair.name, pair.value);
        }
        if !plugin.enforces() {
            continue;
        }
        block |= field.block.is_some();
        passed += u64::from(field.kept && !field.remove);
        if field.remove || field.value.is_some() {
            changes.set(index, field.value);
        }
    }
    plugin
        .counters
        .event(session.host, Event::OpenPassHeader, passed);
    block
}

/// Redacts path and query. Answers whether a rule refuses the message.
fn url(
    session: &mut Session<'_, impl Host>,
    plugin: &Plugin,
    pairs: &[Pair<'_>],
    changes: &mut Changes<'_>,
) -> bool {
    let mut block = false;
    let mut scanner = session.shared.scanner(plugin);
    for (index, pair) in pairs
        .iter()
        .enumerate()
        .filter(|(_, pair)| pair.name == b":path")
    {
        let target = scanner.target(Place::Url, pair.value, plugin_disposition(plugin));
        if plugin.enforces() {
            block |= target.block.is_some();
            if target.changed {
                changes.set(index, Some(target.join()));
            }
        }
    }
    block
}
