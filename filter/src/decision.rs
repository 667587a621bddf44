//! What is done with a body that its headers announce, and what the headers must say then. Scanning it lives in [`crate::body`].

use blackbar_carriers::Format;

use crate::config::Encoded;
use crate::counters::Event;
use crate::exchange::Side;
use crate::headers::Changes;
use crate::media::{self, Facts};
use crate::plugin::Plugin;

/// What is done with a body.
pub(crate) enum Decision {
    Scan { format: Format, masks: bool },
    Through(Event),
    Refuse,
}

/// What is done with a body that its headers announce.
pub(crate) fn decide(plugin: &Plugin, side: Side, facts: &Facts<'_>, tunnel: bool) -> Decision {
    let config = &plugin.config;
    let encoded = config.content_encoding.of(side);
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
    if facts.encoded {
        return if encoded == Encoded::Block && plugin.enforces() {
            Decision::Refuse
        } else {
            Decision::Through(Event::OpenEncoded)
        };
    }
    if media::listed(facts.content_type, skip) {
        return Decision::Through(Event::OpenContentType);
    }
    let format = Format::of(facts.content_type);
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
