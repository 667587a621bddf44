//! What is done with a body that its headers announce. What the headers must say then lives in [`crate::integrity`], scanning it in
//! [`crate::body`].

use blackbar_carriers::Format;

use crate::coding::Coding;
use crate::config::{Encoded, Partial, Signed};
use crate::counters::Event;
use crate::exchange::Side;
use crate::media::{self, Facts};
use crate::plugin::Plugin;

/// What is done with a body.
pub(crate) enum Decision {
    Scan {
        format: Format,
        masks: bool,
        /// It is signed: what should be changed is refused.
        sealed: bool,
    },
    /// It is decoded first.
    Decode {
        format: Format,
        masks: bool,
    },
    /// It goes on without its body.
    Strip,
    Through(Event),
    Refuse(Reason),
}

/// What follows headers that end HTTP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tunnel {
    pub(crate) format: Format,
    /// It is in a form that nothing here reads: a server has taken an extension of WebSocket.
    pub(crate) extended: bool,
    /// A request has asked for it.
    pub(crate) asked: bool,
    /// The handshake of WebSocket announces a body, in which anything could stand.
    pub(crate) has_body: bool,
}

/// Why a message is refused before its body is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Its body is in a coding that cannot be read.
    Encoded,
    /// Its body is a part of something.
    Partial,
    /// It is a handshake of WebSocket and announces a body, which none may have (RFC 6455, section 4.1: it is a GET).
    Handshake,
}

/// What is done with a body that its headers announce. `signed`: they say that a change would break a signature.
pub(crate) fn decide(
    plugin: &Plugin,
    side: Side,
    facts: &Facts<'_>,
    tunnel: Option<Tunnel>,
    signed: bool,
) -> Decision {
    let config = &plugin.config;
    let coding = &config.content_encoding;
    let skip = match side {
        Side::Request => &config.skip_content_types.request,
        Side::Response => &config.skip_content_types.response,
    };
    if let Some(Tunnel {
        format,
        extended,
        asked,
        has_body,
    }) = tunnel
    {
        if has_body && plugin.enforces() {
            return Decision::Refuse(Reason::Handshake);
        }
        let scans = match format {
            Format::WebSocket => config.scan.websocket,
            // What nobody asked for does not pass as what was.
            _ => config.scan.upgrades || !asked,
        };
        if !scans {
            return Decision::Through(Event::OpenUpgrade);
        }
        // Where codings pass, what is not compressed is read all the same.
        if extended && plugin.enforces() && coding.undecoded(side) != Encoded::Pass {
            return Decision::Refuse(Reason::Encoded);
        }
        return Decision::Scan {
            format,
            masks: format.is_counted(),
            sealed: false,
        };
    }
    let partial = is_partial(side, facts);
    let alters = plugin.enforces() && plugin.changes;
    let format = Format::of(facts.content_type);
    // A part of what is coded cannot be decoded. Snappy is a coding of HTTP where its protocols say so.
    let decodes = coding.of(side) == Encoded::Decode
        && !facts.codings.is_empty()
        && !partial
        && (format == Format::Protobuf || !facts.codings.contains(&Coding::Snappy));
    if facts.encoded && !decodes {
        return match coding.undecoded(side) {
            Encoded::Block if plugin.enforces() => Decision::Refuse(Reason::Encoded),
            Encoded::Strip if plugin.enforces() => Decision::Strip,
            _ => Decision::Through(Event::OpenEncoded),
        };
    }
    if media::listed(facts.content_type, skip) {
        return Decision::Through(Event::OpenContentType);
    }
    if partial && config.partial_content == Partial::Block && alters {
        return Decision::Refuse(Reason::Partial);
    }
    let signed = signed && alters;
    if signed && config.signed_bodies.of(side) == Signed::Pass {
        return Decision::Through(Event::OpenSigned);
    }
    let sealed = signed && config.signed_bodies.of(side) == Signed::Block;
    if decodes {
        // To decode it is to change it.
        return if sealed {
            Decision::Refuse(Reason::Encoded)
        } else {
            Decision::Decode {
                format,
                masks: format.is_counted(),
            }
        };
    }
    // A part of a representation stands at an offset that its headers name.
    Decision::Scan {
        format,
        masks: format.is_counted() || partial || facts.length == Some(0),
        sealed,
    }
}

/// Whether a body is a part of a representation: of one that is asked for, or that is to be changed (RFC 9110, section 14.5).
pub(crate) fn is_partial(side: Side, facts: &Facts<'_>) -> bool {
    match side {
        Side::Request => facts.content_range,
        Side::Response => facts.status == 206,
    }
}
