//! What is done with a body that its headers announce, and what the headers must say then. Scanning it lives in [`crate::body`].

use blackbar_carriers::Format;

use crate::coding::Coding;
use crate::config::Encoded;
use crate::counters::Event;
use crate::exchange::Side;
use crate::headers::Changes;
use crate::media::{self, Facts};
use crate::plugin::Plugin;

/// What is done with a body.
pub(crate) enum Decision {
    Scan {
        format: Format,
        masks: bool,
    },
    /// It is decoded first.
    Decode {
        format: Format,
        masks: bool,
    },
    /// It goes on without its body.
    Strip,
    Through(Event),
    Refuse,
}

/// What is done with a body that its headers announce.
pub(crate) fn decide(plugin: &Plugin, side: Side, facts: &Facts<'_>, tunnel: bool) -> Decision {
    let config = &plugin.config;
    let coding = &config.content_encoding;
    let skip = match side {
        Side::Request => &config.skip_content_types.request,
        Side::Response => &config.skip_content_types.response,
    };
    if tunnel {
        // Frames count bytes.
        return if config.scan.upgrades {
            Decision::Scan {
                format: Format::Bytes,
                masks: true,
            }
        } else {
            Decision::Through(Event::OpenUpgrade)
        };
    }
    let format = Format::of(facts.content_type);
    // A part of what is coded cannot be decoded. Snappy is a coding of HTTP where its protocols say so.
    let decodes = coding.of(side) == Encoded::Decode
        && !facts.codings.is_empty()
        && facts.status != 206
        && (format == Format::Protobuf || !facts.codings.contains(&Coding::Snappy));
    if facts.encoded && !decodes {
        return match coding.undecoded(side) {
            Encoded::Block if plugin.enforces() => Decision::Refuse,
            Encoded::Strip if plugin.enforces() => Decision::Strip,
            _ => Decision::Through(Event::OpenEncoded),
        };
    }
    if media::listed(facts.content_type, skip) {
        return Decision::Through(Event::OpenContentType);
    }
    if decodes {
        return Decision::Decode {
            format,
            masks: format.is_counted(),
        };
    }
    // A part of a representation stands at an offset that its headers name.
    let masks = format.is_counted() || facts.status == 206 || facts.length == Some(0);
    Decision::Scan { format, masks }
}

/// Makes the headers of a message fit a body that may change.
pub(crate) fn announce(changes: &mut Changes<'_>, side: Side, strip_range: bool, resize: bool) {
    if resize {
        changes.remove("content-length");
    }
    for digest in ["content-digest", "repr-digest", "digest", "content-md5"] {
        changes.remove(digest);
    }
    if side == Side::Response {
        changes.weaken_etag();
        if strip_range {
            changes.remove("accept-ranges");
        }
    }
}
